"""What really goes over the wire, and that every way of answering it is kept as it was."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fakes.faults import (
    Answer,
    black_hole,
    cut_off,
    dripping,
    drop,
    empty,
    html,
    redirect,
    reset,
    status,
)
from tests.fakes.receiver import Receiver, partial_success
from tests.otlp.builders import (
    CANARY,
    FakeClock,
    make_spans,
    make_target,
    seconds_from_now,
)
from tests.otlp.servers import CUTS, closed_port_url, cut_during_handshake, raw_server

from flow_telemetry import __version__
from flow_telemetry.clock import Deadline
from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.otlp.compression import compress
from flow_telemetry.otlp.response import Attempt
from flow_telemetry.otlp.sdk import SdkEncoder
from flow_telemetry.otlp.transport import MOST_BODY_BYTES, OtlpSender
from flow_telemetry.telemetry import Signal, SignalTarget

Deliver = Callable[..., Attempt]


@pytest.fixture
def deliver() -> Iterator[Deliver]:
    """Deliver a trace of three spans to a target within a deadline of the machine's clock."""
    senders = []

    def run(target: SignalTarget, *, deadline: Deadline | None = None, spans: int = 3) -> Attempt:
        sender = OtlpSender(target, deadline or seconds_from_now(30))
        senders.append(sender)
        return sender.deliver(compress(SdkEncoder(target.signal).encode(make_spans(spans)).body))

    yield run
    for sender in senders:
        sender.close()


def sent_headers(receiver: Receiver) -> dict[str, str]:
    """The headers of the one request."""
    [received] = receiver.requests
    return {name.lower(): value for name, value in received.headers.items()}


def test_only_the_targets_headers_are_sent(deliver: Deliver, receiver: Receiver) -> None:
    """Besides the user's headers there is what HTTP and OTLP need, and who speaks."""
    deliver(make_target(receiver.url, headers={"X-Api-Key": "k"}))
    headers = sent_headers(receiver)
    length, host = headers.pop("content-length"), headers.pop("host")
    assert int(length) > 0
    assert host in receiver.url
    assert headers == {
        "x-api-key": "k",
        "content-type": "application/x-protobuf",
        "content-encoding": "gzip",
        "user-agent": f"flow-telemetry/{__version__}",
        "accept-encoding": "identity",
    }


def test_headers_of_the_environment_do_not_leak_in(
    deliver: Deliver, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job sets such variables for its own tests; what the target says counts."""
    for name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"):
        monkeypatch.setenv(name, f"authorization=Bearer%20{CANARY},content-encoding=br")
    deliver(make_target(receiver.url, headers={"Authorization": "Bearer ours"}))
    headers = sent_headers(receiver)
    assert headers["authorization"] == "Bearer ours"
    assert headers["content-encoding"] == "gzip"
    assert CANARY not in str(headers)


def test_a_netrc_file_adds_no_credentials(
    deliver: Deliver, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Credentials that a machine keeps for other programs are not sent to a backend."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {CANARY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    deliver(make_target(receiver.url))
    assert "authorization" not in sent_headers(receiver)


def test_credentials_in_the_address_are_sent_as_basic(deliver: Deliver, receiver: Receiver) -> None:
    """An endpoint like https://user:password@host works as it does elsewhere."""
    url = receiver.url.replace("http://", "http://me:p%40ss@")
    deliver(make_target(url))
    assert sent_headers(receiver)["authorization"] == "Basic bWU6cEBzcw=="


def test_cookies_are_not_kept(receiver: Receiver) -> None:
    """What a load balancer sets is not sent back: only the user's headers are."""
    receiver.script("/v1/traces", Answer(headers={"Set-Cookie": "session=1; Path=/"}))
    sender = OtlpSender(make_target(receiver.url), seconds_from_now(30))
    sender.deliver(compress(b""))
    sender.deliver(compress(b""))
    sender.close()
    assert "cookie" not in receiver.requests[1].headers


@pytest.mark.parametrize(
    ("compression", "encoding"), [("gzip", "gzip"), ("deflate", "deflate"), ("none", None)]
)
def test_the_compression_is_the_targets(
    deliver: Deliver,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    compression: str,
    encoding: str | None,
) -> None:
    """The variable does not decide, and what is sent is packed so."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    attempt = deliver(make_target(receiver.url, compression=compression))
    assert sent_headers(receiver).get("content-encoding") == encoding
    assert attempt.bytes_sent == len(receiver.requests[0].body)


def test_a_success_is_kept_as_it_was(deliver: Deliver, receiver: Receiver) -> None:
    """The spans arrive, in one request, and the answer tells so."""
    receiver.script("/v1/traces", partial_success(1, "too old"))
    attempt = deliver(make_target(receiver.url))
    assert (attempt.response.status, attempt.requests) == (200, 1)
    assert b"too old" in attempt.response.body
    assert attempt.response.content_type == "application/x-protobuf"


def test_the_order_of_a_batch_stays(deliver: Deliver, receiver: Receiver) -> None:
    """Spans arrive in the order in which they were mapped."""
    deliver(make_target(receiver.url), spans=300)
    assert [span.name for span in receiver.spans] == [f"step {n}" for n in range(1, 301)]


def test_a_redirect_is_not_followed(deliver: Deliver, receiver: Receiver) -> None:
    """The headers go nowhere but to the endpoint."""
    with Receiver() as elsewhere:
        receiver.script("/v1/traces", redirect(f"{elsewhere.url}/v1/traces"))
        attempt = deliver(make_target(receiver.url, headers={"authorization": CANARY}))
        assert elsewhere.requests == []
    assert (attempt.response.status, attempt.requests) == (307, 1)
    assert attempt.response.headers["location"] == f"{elsewhere.url}/v1/traces"


@pytest.mark.parametrize("code", [301, 302, 303, 308])
def test_the_body_of_a_redirect_is_bounded(deliver: Deliver, receiver: Receiver, code: int) -> None:
    """A redirect's body is not read whole either."""
    answer = redirect("/login", code)
    receiver.script(
        "/v1/traces", Answer(status=code, headers=answer.headers, body=b"x" * 3_000_000)
    )
    assert len(deliver(make_target(receiver.url)).response.body) <= MOST_BODY_BYTES


def test_a_page_is_kept_for_judging(deliver: Deliver, receiver: Receiver) -> None:
    """A page with 200 looks like a success; its body tells otherwise."""
    receiver.script("/v1/traces", html(title="Sign in"))
    assert b"Sign in" in deliver(make_target(receiver.url)).response.body


def test_a_long_body_is_cut(deliver: Deliver, receiver: Receiver) -> None:
    """An answer without end costs no memory."""
    receiver.script("/v1/traces", Answer(status=500, body=b"x" * 5_000_000))
    answer = deliver(make_target(receiver.url)).response
    assert (len(answer.body), answer.truncated) == (MOST_BODY_BYTES, True)


def test_a_busy_backend_is_asked_again(deliver: Deliver, receiver: Receiver) -> None:
    """429 and 503 are tried again when they say, and the last answer counts."""
    receiver.script("/v1/traces", status(429, retry_after="0"), status(503, retry_after="0"))
    attempt = deliver(make_target(receiver.url))
    assert (attempt.response.status, attempt.requests) == (200, 3)
    assert len(receiver.spans) == 3


def test_a_wait_beyond_the_deadline_is_not_begun(deliver: Deliver, receiver: Receiver) -> None:
    """Retry-After: 3600 ends the tries at once, with the server's answer."""
    receiver.script("/v1/traces", status(503, retry_after="3600"), times=None)
    attempt = deliver(make_target(receiver.url))
    assert (attempt.response.status, attempt.requests) == (503, 1)


def test_a_stale_connection_is_opened_again(deliver: Deliver, receiver: Receiver) -> None:
    """A connection that a proxy closed is no failure: the next try delivers."""
    receiver.script("/v1/traces", drop(), reset())
    attempt = deliver(make_target(receiver.url))
    assert (attempt.response.status, attempt.requests) == (200, 3)


def test_a_connection_that_is_always_closed_is_given_up(
    deliver: Deliver, receiver: Receiver
) -> None:
    """Three tries tell enough."""
    receiver.script("/v1/traces", drop(), times=None)
    attempt = deliver(make_target(receiver.url))
    assert (attempt.response.error, attempt.requests) == (NetworkErrorKind.CLOSED, 3)


@pytest.mark.parametrize("farewell", CUTS.values(), ids=[error.__name__ for error in CUTS])
def test_a_connection_that_is_cut_during_the_handshake_is_tried_again(
    deliver: Deliver, farewell: bytes
) -> None:
    """It is a closed connection, as a backend makes it that restarts, and no failure of TLS."""
    with cut_during_handshake(farewell) as (server, connections):
        attempt = deliver(make_target(f"https://{server}"))
    assert (attempt.response.error, attempt.requests) == (NetworkErrorKind.CLOSED, 3)
    assert len(connections) == 3


def test_a_port_on_which_nobody_listens_is_given_up(deliver: Deliver) -> None:
    """A refused connection is told as such after three tries."""
    attempt = deliver(make_target(closed_port_url()))
    assert (attempt.response.error, attempt.requests) == (NetworkErrorKind.REFUSED, 3)
    assert attempt.response.status == 0


def test_an_unknown_host_is_told_as_such(deliver: Deliver) -> None:
    """A name that cannot exist (RFC 6761) is a failure of the name."""
    attempt = deliver(make_target("http://otlp.invalid"))
    assert attempt.response.error is NetworkErrorKind.NAME


@pytest.mark.parametrize("since", ["headers", "body"])
def test_a_slow_drip_is_given_up_in_time(deliver: Deliver, receiver: Receiver, since: str) -> None:
    """A byte now and then does not keep a request alive, in the headers as in the body."""
    receiver.script(
        "/v1/traces",
        lambda request, answer: dripping(0.03, since="headers" if since == "headers" else "body")(
            request, Answer(body=b"{}" + b" " * 500, headers={"Content-Type": "application/json"})
        ),
        times=None,
    )
    attempt = deliver(make_target(receiver.url, timeout=1))
    assert (attempt.response.error, attempt.requests) == (NetworkErrorKind.TIMEOUT, 2)
    assert attempt.response.status == (0 if since == "headers" else 200)


def test_silence_is_given_up_in_time(deliver: Deliver, receiver: Receiver) -> None:
    """A connection that is taken and never answered ends with the request's time."""
    receiver.script("/v1/traces", black_hole(), times=None)
    attempt = deliver(make_target(receiver.url, timeout=0.3))
    assert attempt.response.error is NetworkErrorKind.TIMEOUT


def test_the_deadline_for_everything_bounds_a_request(deliver: Deliver, receiver: Receiver) -> None:
    """What is left of the time for everything is less than a request's own: it counts."""
    receiver.script("/v1/traces", black_hole(), times=None)
    attempt = deliver(make_target(receiver.url, timeout=60), deadline=seconds_from_now(1))
    assert (attempt.response.error, attempt.requests) == (NetworkErrorKind.DEADLINE, 1)


def test_a_signal_ends_what_is_under_way(deliver: Deliver, receiver: Receiver) -> None:
    """It is told from a time that ended."""
    receiver.script("/v1/traces", black_hole(), times=None)
    deadline = seconds_from_now(60)
    deadline.cancellation.at = deadline.clock.monotonic() + 0.5
    attempt = deliver(make_target(receiver.url, timeout=30), deadline=deadline)
    assert (attempt.response.error, attempt.requests) == (NetworkErrorKind.INTERRUPTED, 1)


def test_without_time_no_request_is_made(deliver: Deliver, receiver: Receiver) -> None:
    """A deadline that is over leaves the backend alone."""
    clock = FakeClock()
    deadline = Deadline.after(clock, 5)
    clock.sleep(6)
    attempt = deliver(make_target(receiver.url), deadline=deadline)
    assert (attempt.response.error, attempt.requests) == (NetworkErrorKind.DEADLINE, 0)
    assert receiver.requests == []


def test_a_success_that_breaks_off_is_no_success(deliver: Deliver, receiver: Receiver) -> None:
    """A 200 whose body ends before its length is not taken for an answer."""
    receiver.script(
        "/v1/traces",
        lambda request, _: cut_off(2)(request, Answer(body=b"some body")),
        times=None,
    )
    answer = deliver(make_target(receiver.url)).response
    assert (answer.status, answer.error) == (200, NetworkErrorKind.CLOSED)


def test_a_failure_that_breaks_off_is_still_that_failure(
    deliver: Deliver, receiver: Receiver
) -> None:
    """A 401 says enough without its body."""
    receiver.script(
        "/v1/traces", lambda request, _: cut_off(2)(request, Answer(status=401, body=b"some body"))
    )
    attempt = deliver(make_target(receiver.url))
    assert (attempt.response.status, attempt.requests) == (401, 1)


def test_an_empty_answer_is_whole(deliver: Deliver, receiver: Receiver) -> None:
    """No body and no type is an answer like any other."""
    receiver.script("/v1/traces", empty())
    assert deliver(make_target(receiver.url)).response.error is None


def test_a_proxy_of_the_environment_is_used(
    deliver: Deliver, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runners behind a proxy reach their backend through it."""
    monkeypatch.setenv("HTTP_PROXY", receiver.url)
    monkeypatch.setenv("http_proxy", receiver.url)
    attempt = deliver(make_target("http://otlp.invalid"))
    assert attempt.response.status == 200
    assert sent_headers(receiver)["host"] == "otlp.invalid"


def test_a_proxy_that_is_down_is_told_as_such(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is to blame, not the backend."""
    monkeypatch.setenv("HTTPS_PROXY", closed_port_url())
    monkeypatch.setenv("https_proxy", closed_port_url())
    answer = deliver(make_target("https://otlp.invalid")).response
    assert answer.error is NetworkErrorKind.PROXY


def test_https_to_a_port_that_speaks_http_is_told_as_such(
    deliver: Deliver, receiver: Receiver
) -> None:
    """The commonest mistake with a local collector."""
    attempt = deliver(make_target(receiver.url.replace("http://", "https://")))
    assert (attempt.response.error, attempt.requests) == (NetworkErrorKind.TLS_TO_PLAIN, 1)


def test_http_to_a_port_that_speaks_tls_is_told_as_such(deliver: Deliver) -> None:
    """A TLS server answers plain HTTP with an alert in the clear."""
    with raw_server(b"\x15\x03\x01\x00\x02\x02\x16\r\n") as server:
        attempt = deliver(make_target(f"http://{server}"))
    assert attempt.response.error is NetworkErrorKind.PLAIN_TO_TLS


def test_a_grpc_port_is_told_as_such(deliver: Deliver) -> None:
    """A server of HTTP/2 alone answers with frames, not with a status line."""
    with raw_server(b"\x00\x00\x18\x04\x00\x00\x00\x00\x00\x00\x05\x00\x10\x00\x00\r\n") as server:
        attempt = deliver(make_target(f"http://{server}"))
    assert attempt.response.error is NetworkErrorKind.NOT_HTTP


@pytest.mark.parametrize("value", ["two\nlines", "ünïcode→", " leading"])
def test_a_header_that_cannot_be_sent_is_told_without_its_value(
    deliver: Deliver, receiver: Receiver, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Libraries put the value into their exceptions; it stops there."""
    caplog.set_level(logging.DEBUG)
    attempt = deliver(make_target(receiver.url, headers={"X-Key": f"{value}{CANARY}"}))
    assert attempt.response.error is NetworkErrorKind.HEADER
    assert CANARY not in repr(attempt)
    assert CANARY not in caplog.text
    assert receiver.requests == []


def test_the_libraries_do_not_write_to_the_terminal(
    deliver: Deliver, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    """Their warnings have a handler; without one Python prints them."""
    receiver.script("/v1/traces", status(400), status(401))
    deliver(make_target(receiver.url))
    assert logging.getLogger("urllib3").handlers
    assert capfd.readouterr() == ("", "")


def test_a_representation_shows_no_header(receiver: Receiver) -> None:
    """Neither the target nor what is made of it."""
    target = SignalTarget(signal=Signal.TRACES, url=receiver.url, headers={"authorization": CANARY})
    sender = OtlpSender(target, seconds_from_now(1))
    assert CANARY not in f"{target!r} {sender!r} {vars(sender)!r}"
    sender.close()
