"""Traps of the SDK's exporters: each is set here, and the exporter on our session avoids it."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fakes.faults import Scripted, black_hole, drop, html, redirect, reset, status
from tests.fakes.receiver import Receiver
from tests.otlp.authority import Authority
from tests.otlp.builders import (
    CANARY,
    FakeClock,
    make_span,
    make_spans,
    make_target,
    seconds_from_now,
)
from tests.otlp.servers import closed_port_url, raw_server

from flow_telemetry.clock import Deadline
from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.otlp.compression import compress
from flow_telemetry.otlp.response import Attempt, TargetDescription, classify_response
from flow_telemetry.otlp.sdk import EncodingError, SdkEncoder
from flow_telemetry.otlp.transport import OtlpSender
from flow_telemetry.settings.otlp import otlp_settings
from flow_telemetry.telemetry import Signal, SignalTarget

PREFIX = "OTEL_EXPORTER_OTLP"
Deliver = Callable[..., Attempt]


@pytest.fixture
def deliver() -> Iterator[Deliver]:
    """Deliver three spans to a target through the SDK's exporter."""
    senders = []

    def run(target: SignalTarget, deadline: Deadline | None = None) -> Attempt:
        sender = OtlpSender(target, deadline or seconds_from_now(30))
        senders.append(sender)
        return sender.deliver(compress(SdkEncoder(Signal.TRACES).encode(make_spans(3)).body))

    yield run
    for sender in senders:
        sender.close()


@pytest.mark.parametrize("name", [f"{PREFIX}_HEADERS", f"{PREFIX}_TRACES_HEADERS"])
def test_headers_of_the_environment_reach_no_endpoint(
    deliver: Deliver, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The exporter merges them into the given ones: the credential of another backend."""
    monkeypatch.setenv(name, f"x-other-backend={CANARY}")
    assert deliver(make_target(receiver.url, headers={"X-Ours": "1"})).response.status == 200
    (request,) = receiver.requests
    assert CANARY not in str(request.headers)
    assert request.headers["x-ours"] == "1"


@pytest.mark.parametrize(
    ("answer", "requests"),
    [
        (status(429), 7),
        (status(503), 7),
        (status(408), 7),
        (status(500), 1),
        (drop(), 3),
        (reset(), 3),
        (black_hole(), 2),
        (redirect("https://login.example"), 1),
        (html(), 1),
    ],
    ids=["429", "503", "408", "500", "closed", "reset", "read timeout", "redirect", "page"],
)
def test_the_number_of_requests_is_ours(
    deliver: Deliver, receiver: Receiver, answer: Scripted, requests: int
) -> None:
    """Each of our tries would be two to six of the SDK's, if it saw one of its own errors."""
    receiver.script("/v1/traces", answer, times=None)
    began = time.monotonic()
    attempt = deliver(make_target(receiver.url, timeout=0.3), Deadline(FakeClock()))
    assert (len(receiver.requests), attempt.requests) == (requests, requests)
    # The pauses are those of the clock that we pass in; the SDK's are of the machine's.
    assert time.monotonic() - began < 5


def test_a_refused_connection_is_tried_three_times(deliver: Deliver) -> None:
    """The SDK would try each of them twice, at once."""
    target = make_target(closed_port_url())
    attempt = deliver(target, Deadline(FakeClock()))
    assert (attempt.response.error, attempt.requests) == (NetworkErrorKind.REFUSED, 3)


@pytest.mark.parametrize("code", [301, 302, 304, 307])
def test_a_redirect_is_no_delivery(deliver: Deliver, receiver: Receiver, code: int) -> None:
    """2xx and 3xx are success to the SDK."""
    receiver.script("/v1/traces", status(code, location="https://login.example/"), times=None)
    target = make_target(receiver.url)
    attempt = deliver(target)
    assert attempt.response.status == code
    assert not classify_response(attempt.response, TargetDescription.of(target), 3).delivered


def test_a_failure_without_a_request_is_told_as_such() -> None:
    """The SDK's result is the same as for a backend that is down."""
    with pytest.raises(EncodingError):
        SdkEncoder(Signal.TRACES).encode([make_span(1, "half \ud83d")])


def test_a_failure_is_not_that_of_the_batch_before() -> None:
    """The session's note of one request says nothing of the next, which never came to be."""
    encoder = SdkEncoder(Signal.TRACES)
    first = encoder.encode([make_span(1, "fine")])
    with pytest.raises(EncodingError):
        encoder.encode([make_span(1, "half \ud83d")])
    assert encoder.encode([make_span(1, "fine")]) == first


def test_a_timeout_of_the_environment_is_in_milliseconds(
    deliver: Deliver, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exporter reads it as seconds."""
    monkeypatch.setenv(f"{PREFIX}_TIMEOUT", "250")
    receiver.script("/v1/traces", black_hole(), times=None)
    settings = otlp_settings(
        {"otlp-endpoint": receiver.url}, {f"{PREFIX}_TIMEOUT": "250"}, {Signal.TRACES}
    )
    began = time.monotonic()
    attempt = deliver(settings.targets[Signal.TRACES])
    assert (attempt.response.error, attempt.requests) == (NetworkErrorKind.TIMEOUT, 2)
    assert time.monotonic() - began < 5


def test_a_certificate_of_the_environment_is_not_trusted_in_place_of_ours(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The exporter overwrites what the session trusts, and what it shows."""
    ours, other = tmp_path / "ours", tmp_path / "other"
    ours.mkdir()
    other.mkdir()
    authority, foreign = Authority(ours), Authority(other).certificate
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    monkeypatch.setenv(f"{PREFIX}_CERTIFICATE", str(foreign))
    monkeypatch.setenv(f"{PREFIX}_CLIENT_CERTIFICATE", str(tmp_path / "missing.pem"))
    with raw_server(answer, authority.server()) as address:
        url = f"https://localhost:{address.partition(':')[2]}"
        known = {f"{PREFIX}_CERTIFICATE": str(authority.certificate)}
        targets = otlp_settings({"otlp-endpoint": url}, known, {Signal.TRACES}).targets
        attempt = deliver(targets[Signal.TRACES])
    assert (attempt.response.status, attempt.response.error) == (200, None)


@pytest.mark.parametrize("compression", ["gzip", "deflate", "none"])
def test_a_compression_of_the_environment_does_not_count(
    deliver: Deliver, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    """A body that the exporter had compressed would be compressed again."""
    monkeypatch.setenv(f"{PREFIX}_COMPRESSION", "gzip")
    deliver(make_target(receiver.url, compression=compression))
    assert len(receiver.spans) == 3


def test_equal_spans_are_equal_bytes(deliver: Deliver, receiver: Receiver) -> None:
    """The SDK's gzip writes the clock into the body."""
    for _ in range(2):
        deliver(make_target(receiver.url))
        time.sleep(1.1)
    first, second = receiver.requests
    assert first.body == second.body


def test_what_is_encoded_already_is_sent_as_it_is(receiver: Receiver) -> None:
    """A field that is newer than the SDK would not survive it."""
    newer = b"\xfa\x3f\x05newer"  # field 1023, of five bytes
    sender = OtlpSender(make_target(receiver.url), seconds_from_now(30))
    sender.deliver(compress(newer))
    sender.close()
    (request,) = receiver.requests
    assert gzip.decompress(request.body) == newer
