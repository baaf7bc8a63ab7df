"""Delivered means delivered; everything else gets a text that says what to do."""

from __future__ import annotations

import json

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from tests.otlp.builders import CANARY, make_target

from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.http.response import Response
from flow_telemetry.otlp.response import (
    ExportResult,
    TargetDescription,
    build_failure,
    classify_response,
)

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
TARGET = make_target(
    "https://otlp.example.com/base-path-of-ours", headers={"authorization": f"Bearer {CANARY}"}
)


def typed(content_type: str) -> dict[str, str]:
    return {"content-type": content_type}


def verdict(answer: Response, items: int = 10) -> ExportResult:
    return classify_response(answer, TargetDescription.of(TARGET), items)


def told(answer: Response, items: int = 10) -> str:
    """All that a user reads of an answer."""
    cause = verdict(answer, items).reason
    assert cause is not None
    said = build_failure(cause, items)
    return f"{said.problem}. {said.advice}"


def partial_success(rejected: int, message: str) -> bytes:
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()


@pytest.mark.parametrize(
    "answer",
    [
        Response(status=200),
        Response(status=204),
        Response(status=202, headers=typed("text/plain"), body=b"\n"),
        Response(status=200, headers=typed(PROTOBUF), body=b""),
        Response(status=200, headers=typed(PROTOBUF), body=partial_success(0, "")),
        Response(status=200, headers=typed(JSON), body=b"{}"),
        Response(status=200, headers=typed("application/json; charset=utf-8"), body=b" {}\n"),
        Response(status=200, headers=typed(JSON), body=b'{"partialSuccess": {}}'),
        Response(status=200, headers=typed(JSON), body=b'{"partialSuccess": null}'),
        Response(status=200, headers=typed("text/plain"), body=b'{"status": "ok"}'),
    ],
)
def test_a_receivers_word_is_a_delivery(answer: Response) -> None:
    """2xx with protobuf, JSON or nothing, and nothing rejected."""
    assert verdict(answer) == ExportResult(delivered=True)


@pytest.mark.parametrize(
    "answer",
    [
        Response(status=200, headers=typed("text/html"), body=b"<html><title>Sign in</title>"),
        Response(status=200, headers=typed(PROTOBUF), body=b"<!DOCTYPE html><html>"),
        Response(status=200, headers=typed(JSON), body=b'{"partialSucc'),
        Response(status=200, headers=typed(JSON), body=b"[]"),
        Response(status=200, headers=typed(JSON), body=b'{"partialSuccess": 3}'),
        Response(
            status=200,
            headers=typed(JSON),
            body=b'{"partialSuccess": {"rejectedSpans": "x"}}',
        ),
        Response(
            status=200,
            headers=typed(JSON),
            body=b'{"partialSuccess": {"rejectedSpans": 1e999}}',
        ),
        Response(status=200, headers=typed("text/plain"), body=b"ok"),
        Response(
            status=200,
            headers=typed(PROTOBUF),
            body=b"",
            error=NetworkErrorKind.TIMEOUT,
            seconds=3,
        ),
        Response(status=200, headers=typed(JSON), body=b"{}", truncated=True),
    ],
)
def test_a_success_that_no_receiver_said_is_no_delivery(answer: Response) -> None:
    """A page, damaged bodies and plain words with 200 deliver nothing."""
    assert not verdict(answer).delivered


@pytest.mark.parametrize(
    "answer",
    [
        Response(status=200, headers=typed(PROTOBUF), body=partial_success(3, "span too old")),
        Response(
            status=200,
            headers=typed(JSON),
            body=json.dumps(
                {"partialSuccess": {"rejectedSpans": "3", "errorMessage": "span too old"}}
            ).encode(),
        ),
        Response(
            status=200,
            headers=typed(JSON),
            body=json.dumps(
                {"partial_success": {"rejected_spans": 3, "error_message": "span too old"}}
            ).encode(),
        ),
    ],
)
def test_a_partial_success_tells_count_and_message(answer: Response) -> None:
    """What was rejected is counted, and the backend's own words are passed on."""
    assert (verdict(answer).delivered, verdict(answer).rejected) == (True, 3)
    assert "rejected 3 spans" in told(answer, items=3)
    assert "span too old" in told(answer, items=3)


def test_a_backend_cannot_reject_more_than_was_sent() -> None:
    """A count that is too large does not make the sums wrong."""
    answer = Response(status=200, headers=typed(PROTOBUF), body=partial_success(99, ""))
    assert verdict(answer, items=4).rejected == 4


def test_a_message_without_rejection_is_a_warning() -> None:
    """OTLP lets a backend warn though it took everything."""
    answer = Response(status=200, headers=typed(PROTOBUF), body=partial_success(0, "use v2"))
    found = verdict(answer)
    assert (found.delivered, found.reason) == (True, None)
    assert found.warning == "https://otlp.example.com took everything, and says: use v2"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "did not understand"),
        (401, "headers sent: authorization (`otlp-headers`)"),
        (403, "headers sent: authorization (`otlp-headers`)"),
        (404, "base URL"),
        (405, "POST"),
        (407, "HTTPS_PROXY"),
        (408, "slow"),
        (413, "smaller than a single span"),
        (415, "OTEL_EXPORTER_OTLP_COMPRESSION"),
        (429, "rate limit"),
        (500, "its own log"),
        (501, "does not accept OTLP"),
        (502, "overloaded or down"),
        (503, "overloaded or down"),
        (504, "overloaded or down"),
        (418, "own log and documentation"),
        (599, "own log and documentation"),
    ],
)
def test_each_status_has_its_own_advice(status: int, words: str) -> None:
    """The text names host and status, and what is to be done."""
    text = told(Response(status=status, headers=typed("text/plain"), body=b"no such luck"))
    assert text.startswith(f"https://otlp.example.com answered {status}")
    assert '"no such luck"' in text
    assert words in text


@pytest.mark.parametrize("status", [401, 403, 404, 405, 307, 503])
def test_what_no_later_batch_escapes_is_marked(status: int) -> None:
    """A wrong key or path is met once, not once for each thousand spans."""
    cause = verdict(Response(status=status)).reason
    assert cause is not None
    assert cause.lasting


@pytest.mark.parametrize("status", [400, 408, 413, 500])
def test_what_may_be_one_batchs_fault_does_not_stop_the_others(status: int) -> None:
    """A request that is refused for what it holds says nothing of the next."""
    cause = verdict(Response(status=status)).reason
    assert cause is not None
    assert not cause.lasting


def test_without_headers_a_refusal_says_so() -> None:
    """A missing key is the likeliest cause of a 401."""
    cause = classify_response(
        Response(status=401), TargetDescription.of(make_target("http://localhost:4318")), 1
    ).reason
    assert cause is not None
    assert "no header was sent" in cause.advice


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://otlp.example.com/v1/traces", "a redirect to http://otlp.example.com."),
        ("https://sso.example.org:8443/login?next=x", "a redirect to https://sso.example.org:8443"),
        ("/login?token=1", "a redirect to another path of the same host"),
        ("", "a redirect without a location"),
        ("http://[", "a redirect without a location"),
    ],
)
def test_a_redirect_tells_scheme_and_host_only(location: str, words: str) -> None:
    """Where it leads is named, without path and query."""
    text = told(Response(status=307, headers={"location": location}))
    assert words in text
    assert "login?" not in text
    assert "token=1" not in text


def test_a_redirect_to_tls_says_what_to_write() -> None:
    """The commonest redirect of all has a remedy of its own."""
    target = make_target("http://otlp.example.com")
    answer = Response(status=301, headers={"location": "https://otlp.example.com/v1/traces"})
    cause = classify_response(answer, TargetDescription.of(target), 1).reason
    assert cause is not None
    assert "begin with https://otlp.example.com" in cause.advice


def test_a_page_is_named_by_its_title() -> None:
    """A login page shows what it is; its markup is not shown."""
    page = b"<!DOCTYPE html><html><head><title>Sign&nbsp;in\n to Acme</title></head><body>"
    text = told(Response(status=200, headers=typed("text/html"), body=page))
    assert 'with an HTML page: "Sign in to Acme"' in text
    assert "<" not in text


def test_plain_http_to_a_tls_port_is_recognised() -> None:
    """Go's server says it with a 400, which would otherwise blame the request."""
    body = b"Client sent an HTTP request to an HTTPS server.\n"
    assert "begin with https://" in told(
        Response(status=400, headers=typed("text/plain"), body=body)
    )


def test_the_protocols_own_error_is_read() -> None:
    """A google.rpc.Status, as OTLP has it, gives its message."""
    body = Status(code=3, message="invalid trace id").SerializeToString()
    assert '"invalid trace id"' in told(Response(status=400, headers=typed(PROTOBUF), body=body))


@pytest.mark.parametrize(
    "said",
    [
        {"code": 3, "message": "quota is used up"},
        {"error": {"message": "quota is used up"}},
        {"errors": [{"detail": "quota is used up"}]},
        {"error": "quota is used up"},
    ],
)
def test_a_message_in_json_is_found(said: object) -> None:
    """Backends differ in where they put it."""
    answer = Response(status=429, headers=typed(JSON), body=json.dumps(said).encode())
    assert '"quota is used up"' in told(answer)


@pytest.mark.parametrize("trouble", list(NetworkErrorKind))
def test_every_trouble_has_a_text(trouble: NetworkErrorKind) -> None:
    """Whatever happens, a user reads what and what to do, without address or header."""
    text = told(Response(error=trouble, timeout=10.0, detail="some detail"))
    assert "otlp.example.com" in text
    assert "base-path" not in text
    assert CANARY not in text
    assert "{" not in text


@pytest.mark.parametrize("status", [307, 400, 401, 500])
@pytest.mark.parametrize("content_type", ["text/plain", "text/html", JSON, PROTOBUF])
def test_no_echo_of_a_server_shows_a_header(status: int, content_type: str) -> None:
    """A server that writes back what it got does not make it public."""
    echo = f"<title>bearer {CANARY.upper()}</title> {CANARY} /base-path-of-ours"
    bodies = {
        JSON: json.dumps({"message": echo}).encode(),
        PROTOBUF: Status(message=echo).SerializeToString(),
    }
    answer = Response(
        status=status,
        headers={
            "content-type": content_type,
            "location": f"https://{CANARY}.example.org/",
        },
        body=bodies.get(content_type, echo.encode()),
    )
    found = verdict(answer)
    text = f"{told(answer)} {found!r} {answer!r}".lower()
    assert CANARY not in text
    assert "base-path-of-ours" not in text


@pytest.mark.parametrize("content_type", ["text/plain", "text/html"])
def test_no_echo_in_a_success_shows_a_header(content_type: str) -> None:
    """A page that shows the request's headers is told by its words without them."""
    body = f"<title>{CANARY}</title>".encode()
    assert CANARY not in told(Response(status=200, headers=typed(content_type), body=body))


def test_an_echo_in_a_rejection_and_a_warning_is_hidden() -> None:
    """Delivered or not, a backend's message is cleaned."""
    for rejected in (0, 2):
        body = partial_success(rejected, f"for key {CANARY}")
        answer = Response(status=200, headers=typed(PROTOBUF), body=body)
        assert CANARY not in repr(verdict(answer))
        assert "for key ***" in repr(verdict(answer))


def test_a_servers_words_are_one_short_line() -> None:
    """Line ends, escape sequences and length are cut: the text is a stranger's."""
    body = b"first\r\n::error::second\x1b[31m\x00" + "\u202e".encode() + b"x" * 5000
    text = told(Response(status=500, headers=typed("text/plain"), body=body))
    assert "first ::error::second" in text
    assert text.isprintable()
    assert len(text) < 500


def test_binary_noise_is_not_shown() -> None:
    """A body that is no text adds nothing to the message."""
    answer = Response(status=500, headers=typed("application/octet-stream"), body=bytes(range(256)))
    assert told(answer).startswith("https://otlp.example.com answered 500 Internal Server Error. ")
