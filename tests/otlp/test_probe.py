"""The time that a probe takes, and what it says when that is over."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field

import pytest
from tests.otlp.builders import FakeClock, make_target

from flow_telemetry.cli.check import Probe, classify_probes, probe
from flow_telemetry.clock import Deadline
from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.http.response import Response
from flow_telemetry.otlp.response import Attempt
from flow_telemetry.otlp.sending import Sender
from flow_telemetry.telemetry import SignalTarget


@dataclass
class Slow:
    """A sender of requests that nobody answers: it waits until its deadline."""

    given: list[tuple[float, float]] = field(default_factory=list)

    def __call__(self, target: SignalTarget, deadline: Deadline) -> Sender:
        self.given.append((target.timeout, deadline.remaining()))
        self._deadline = deadline
        return self

    def deliver(self, data: bytes) -> Attempt:
        """Wait in vain."""
        assert gzip.decompress(data) == b""
        self._deadline.sleep(1000)
        return Attempt(response=Response(error=NetworkErrorKind.DEADLINE), requests=1)

    def close(self) -> None:
        """Close nothing."""


def told(*probes: Probe) -> list[str]:
    """What the lines of a check say."""
    return [result.detail for result in classify_probes(probes)]


@pytest.mark.parametrize(("timeout", "seconds"), [(10.0, 10), (3600.0, 20)])
def test_a_silent_endpoint_is_told_by_the_time_that_it_had(timeout: float, seconds: int) -> None:
    """That of a request, and 20 seconds at most: nothing that `timeout` could change."""
    clock, slow = FakeClock(), Slow()
    target = make_target("http://backend.example", timeout=timeout)
    [detail] = told(probe(target, Deadline(clock), new_sender=slow))
    assert f"timed out after {seconds} s" in detail
    assert "`timeout`" not in detail
    ((of_request, of_all),) = slow.given
    assert of_request == seconds
    assert seconds <= of_all < seconds + 0.4


def test_the_users_own_time_is_told_where_it_ends_first() -> None:
    """With the input that gives more."""
    clock = FakeClock()
    [detail] = told(
        probe(make_target("http://backend.example"), Deadline.after(clock, 5), new_sender=Slow())
    )
    assert "the time for everything (`timeout`) ended" in detail
    assert clock.seconds == 1005
