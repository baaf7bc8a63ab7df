"""When a request is sent again: as OTLP over HTTP and the server say, and never for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from tests.fakes.faults import status
from tests.fakes.receiver import Receiver
from tests.otlp.builders import FakeClock, make_target

from flow_telemetry.clock import Deadline
from flow_telemetry.http.response import Response
from flow_telemetry.http.retry import OTLP
from flow_telemetry.otlp.compression import compress
from flow_telemetry.otlp.response import Attempt
from flow_telemetry.otlp.transport import (
    LONGEST_BATCH_SECONDS,
    OtlpSender,
    pause,
    should_retry,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


NOTHING = compress(b"")


@pytest.fixture
def clock() -> FakeClock:
    """A clock on which waiting takes no time."""
    return FakeClock()


@pytest.fixture
def deliver(clock: FakeClock, receiver: Receiver) -> Iterator[OtlpSender]:
    sender = OtlpSender(make_target(receiver.url), Deadline(clock))
    yield sender
    sender.close()


def waited(clock: FakeClock) -> float:
    return clock.monotonic() - FakeClock().monotonic()


@pytest.mark.parametrize("code", [408, 429, 502, 503, 504])
def test_what_may_be_sent_again_is(deliver: OtlpSender, receiver: Receiver, code: int) -> None:
    """A busy backend gets what it could not take."""
    receiver.script("/v1/traces", status(code))
    attempt = deliver.deliver(NOTHING)
    assert (attempt.response.status, attempt.requests) == (200, 2)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 413, 415, 500, 501])
def test_what_may_not_be_sent_again_is_not(
    deliver: OtlpSender, receiver: Receiver, code: int
) -> None:
    """The specification lists what may; all else would be refused again."""
    receiver.script("/v1/traces", status(code, retry_after="0"), times=None)
    attempt = deliver.deliver(NOTHING)
    assert (attempt.response.status, attempt.requests) == (code, 1)


def test_pauses_grow_and_end(deliver: OtlpSender, receiver: Receiver, clock: FakeClock) -> None:
    """Half a second at first, each pause twice the last, a little off, and seven tries in all."""
    receiver.script("/v1/traces", status(503), times=None)
    attempt: Attempt = deliver.deliver(NOTHING)
    assert (attempt.response.status, attempt.requests) == (503, OTLP.most_tries)
    assert 0.8 * 31.5 <= waited(clock) <= 1.2 * 31.5


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_pauses_differ_by_chance(chance: float) -> None:
    """Not all jobs of a repository come back at the same instant."""
    pauses = [pause(Response(status=503), tries, now=NOW, chance=chance) for tries in (1, 2, 3)]
    assert pauses == pytest.approx([(0.8 + 0.4 * chance) * each for each in (0.5, 1, 2)])


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 1.5 ", 1.5),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("Tue, 24 Nov 2026 13:00:30 +0100", 30),
    ],
)
def test_a_server_says_when(said: str, seconds: float) -> None:
    """In seconds, or as a date of HTTP, which may be over."""
    answer = Response(status=503, headers={"retry-after": said})
    assert pause(answer, 3, now=NOW, chance=0.5) == seconds


@pytest.mark.parametrize("said", ["", "soon", "-1", "nan", "inf", "Tue, 99 Nov 2026", "1e999"])
def test_a_server_that_says_nothing_sensible_is_left_alone_for_a_while(said: str) -> None:
    """The pause is then our own."""
    assert pause(Response(status=503, headers={"retry-after": said}), 1, now=NOW, chance=0.5) == 0.5


def test_the_time_that_a_server_asks_for_is_waited(
    deliver: OtlpSender, receiver: Receiver, clock: FakeClock
) -> None:
    """Not less, and not more."""
    receiver.script("/v1/traces", status(429, retry_after="17"))
    assert deliver.deliver(NOTHING).requests == 2
    assert waited(clock) == 17


def test_a_wait_that_leads_too_far_is_not_begun(
    deliver: OtlpSender, receiver: Receiver, clock: FakeClock
) -> None:
    """Without a deadline a batch with all its pauses still has a bound."""
    receiver.script("/v1/traces", status(429, retry_after="50"), times=None)
    attempt = deliver.deliver(NOTHING)
    assert (attempt.response.status, attempt.requests) == (429, 3)
    assert waited(clock) <= LONGEST_BATCH_SECONDS


def test_what_was_delivered_is_not_sent_again() -> None:
    """Neither is what was refused in part."""
    assert not should_retry(Response(status=200), 1)
    assert not should_retry(Response(status=202, body=b"x"), 1)
