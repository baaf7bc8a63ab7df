"""Samples of the machine: what each step used, and the curve of the job."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.model.measurements import MachineSample, MachineSamples
from flow_telemetry.process.samples import curve, parse_samples, usage_between, usage_by_window
from flow_telemetry.rules.intervals import Interval

BEGAN = datetime(2026, 11, 24, 3, 43, tzinfo=timezone.utc)
GIB = 2**30


def at(second: float) -> datetime:
    """Return an instant of the job."""
    return BEGAN + timedelta(seconds=second)


def line(second: float, memory: int, busy: float, **counts: int) -> str:
    """Return a line of the file of a machine with two processors."""
    zeros = dict.fromkeys(("read", "written", "received", "sent"), 0)
    row = {"time": at(second).timestamp(), "memory": memory, "busy": busy, "total": 2 * second}
    return json.dumps({**zeros, **row, **counts})


def parsed(*lines: str) -> MachineSamples:
    """Return what the lines of that machine say."""
    samples = parse_samples([json.dumps({"processors": 2, "memory": 8 * GIB}), *lines])
    assert samples is not None
    return samples


# Idle for two seconds, a build on one and a half processors for three, idle again.
JOB = [
    line(0, 1 * GIB, 0.0),
    line(1, 1 * GIB, 0.0),
    line(2, 1 * GIB, 0.0, read=100),
    line(3, 3 * GIB, 1.0, read=500, received=70),
    line(4, 5 * GIB, 3.0, read=600, received=70, sent=9),
    line(5, 4 * GIB, 4.5, read=600, written=50, received=75, sent=9),
    line(6, 1 * GIB, 4.5, read=700, written=50, received=75, sent=9),
]


def test_what_a_step_used() -> None:
    """Its peak and mean, and what was counted from the sample before it on."""
    usage = usage_between(parsed(*JOB).samples, Interval(at(2.5), at(5)))
    assert usage is not None
    assert (usage.samples, usage.memory_peak, usage.memory_mean) == (3, 5 * GIB, 4 * GIB)
    assert usage.cpu_mean == pytest.approx(4.5 / 6)
    assert usage.cpu_peak == 1.0
    assert (usage.disk_read, usage.disk_written) == (500, 50)
    assert (usage.network_received, usage.network_sent) == (75, 9)
    assert (usage.start, usage.end) == (at(3), at(5))


def test_a_step_between_two_samples_has_no_usage() -> None:
    """So it is left out, and no step gets another's."""
    windows = {1: Interval(at(0), at(1)), 2: Interval(at(1.2), at(1.8)), 3: Interval(at(9), at(99))}
    assert list(usage_by_window(parsed(*JOB).samples, windows)) == [1]


def test_the_curve_is_bounded_and_keeps_peaks() -> None:
    """However long the job was."""
    samples = parsed(*JOB).samples
    assert [each.memory_peak // GIB for each in curve(samples, 3)] == [1, 5, 1]
    assert [each.start for each in curve(samples, 3)] == [at(0), at(3), at(6)]
    assert len(curve(samples, 100)) == len(samples)
    assert curve((), 5) == ()


@given(st.integers(1, 400), st.integers(1, 50))
def test_any_curve_has_as_many_points_as_asked_for(count: int, most: int) -> None:
    """And all samples are in it once."""
    samples = [
        MachineSample(time=at(n), memory=n, cpu_busy=n, cpu_total=2.0 * n) for n in range(count)
    ]
    points = curve(samples, most)
    assert len(points) <= most
    assert sum(each.samples for each in points) == count
    assert max(each.memory_peak for each in points) == count - 1


def test_broken_lines_are_left_out() -> None:
    """Any step of the job can write to the file, and a sampler may die in the middle of a line."""
    lines = [JOB[0], "", "nonsense", "[1]", '{"time": NaN}', line(9, -1, 0), JOB[1], JOB[0]]
    lines += [JOB[2].replace('time": 1', f'time": {other}') for other in ("9999", "1e999", "-")]
    lines += [JOB[3][:30], JOB[3].replace("1.0", "true")]
    assert [each.time for each in parsed(*lines).samples] == [at(0), at(1)]


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        JOB,
        ['{"processors": 0, "memory": 1}', *JOB],
        ['{"processors": true, "memory": 1}', *JOB],
        ['{"processors": 2, "memory": 1}'],
        ["[" * 100_000],
    ],
)
def test_a_file_without_its_beginning_or_samples_is_none(lines: list[str]) -> None:
    """Then nothing is said of the machine."""
    assert parse_samples(lines) is None


@given(st.lists(st.text() | st.from_type(dict).map(str) | st.sampled_from(JOB), max_size=20))
def test_any_file(lines: list[str]) -> None:
    """Nothing raises, and times go forward."""
    samples = parse_samples(['{"processors": 2, "memory": 1}', *lines])
    if samples is not None:
        times = [each.time for each in samples.samples]
        assert times == sorted(set(times))
        usage_between(samples.samples, Interval(at(0), at(10)))
        curve(samples.samples, 3)
