"""Samples of the machine: files, parsing, usage by time window."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import islice, pairwise
from pathlib import Path
from typing import TypeVar

from flow_telemetry.model.measurements import MachineSample, MachineSamples, MachineUsage
from flow_telemetry.rules.intervals import Interval

# The files that a sampler and the steps of its job share. This module does not load psutil.

SAMPLES, NOTE = "samples.jsonl", "sampler.json"


def was_sampled(folder: Path) -> bool:
    """Whether a sampler was started in the folder and is not stopped yet."""
    return any((folder / name).exists() for name in (NOTE, SAMPLES))


# A file of samples: the usage in intervals, and the curve.

Key = TypeVar("Key")

_MOST_SAMPLES = 25_000
_LATEST = 32_503_680_000  # the year 3000
_GREATEST = 2**63 - 1


def parse_samples(lines: Iterable[str]) -> MachineSamples | None:
    """Return the samples without broken lines and times that go back.

    The result is None if the first line does not describe the machine, or there are no samples.
    """
    rows = iter(lines)
    machine = _parse_object(next(rows, ""))
    processors, memory = _number(machine, "processors"), _number(machine, "memory")
    if processors is None or memory is None or processors < 1:
        return None
    samples = tuple(islice(_parse_in_order(rows), _MOST_SAMPLES))
    if not samples:
        return None
    return MachineSamples(processors=int(processors), memory=int(memory), samples=samples)


def usage_between(samples: Sequence[MachineSample], interval: Interval) -> MachineUsage | None:
    """Return the usage of the machine in an interval; None if it contains no sample.

    ``samples`` are in order of time. GitHub's times have whole seconds, so a second on the border
    of two intervals counts for both. Counters begin at the sample before the interval.
    """
    times = [sample.time for sample in samples]
    first, last = bisect_left(times, interval.start), bisect_right(times, interval.end)
    if first >= last:
        return None
    return _sum_up(samples[max(0, first - 1) : last], samples[first:last])


def usage_by_window(
    samples: Sequence[MachineSample], windows: Mapping[Key, Interval]
) -> dict[Key, MachineUsage]:
    """Return the usage of each window, such as of a step, that contains a sample."""
    usages = {key: usage_between(samples, interval) for key, interval in windows.items()}
    return {key: usage for key, usage in usages.items() if usage is not None}


def curve(samples: Sequence[MachineSample], most: int) -> tuple[MachineUsage, ...]:
    """Return the usage in at most ``most`` intervals of equally many samples, with their peaks."""
    if not samples or most < 1:
        return ()
    size = -(-len(samples) // most)
    starts = range(0, len(samples), size)
    return tuple(
        _sum_up(samples[max(0, at - 1) : at + size], samples[at : at + size]) for at in starts
    )


def _sum_up(counted: Sequence[MachineSample], within: Sequence[MachineSample]) -> MachineUsage:
    """Return the usage of the samples ``within``; ``counted`` has also the one before, if any."""
    first, last = counted[0], counted[-1]
    shares = [share for a, b in pairwise(counted) if (share := _share(a, b)) is not None]
    return MachineUsage(
        start=within[0].time,
        end=last.time,
        samples=len(within),
        memory_before=first.memory,
        memory_peak=max(sample.memory for sample in within),
        memory_mean=sum(sample.memory for sample in within) / len(within),
        cpu_peak=max(shares, default=0.0),
        cpu_mean=_share(first, last) or 0.0,
        disk_read=max(0, last.disk_read - first.disk_read),
        disk_written=max(0, last.disk_written - first.disk_written),
        network_received=max(0, last.network_received - first.network_received),
        network_sent=max(0, last.network_sent - first.network_sent),
    )


def _share(before: MachineSample, after: MachineSample) -> float | None:
    """Return the busy share of the processors between two samples, 0 to 1."""
    total = after.cpu_total - before.cpu_total
    if total <= 0:
        return None
    return min(1.0, max(0.0, (after.cpu_busy - before.cpu_busy) / total))


def _parse_in_order(lines: Iterable[str]) -> Iterator[MachineSample]:
    latest = None
    for line in lines:
        sample = _parse_sample(_parse_object(line))
        if sample is not None and (latest is None or sample.time > latest):
            latest = sample.time
            yield sample


def _parse_sample(row: Mapping[str, object]) -> MachineSample | None:
    time = _number(row, "time")
    numbers = {
        name: _number(row, name)
        for name in ("memory", "busy", "total", "read", "written", "received", "sent")
    }
    if time is None or time > _LATEST:
        return None
    counts = {name: number for name, number in numbers.items() if number is not None}
    if len(counts) < len(numbers):
        return None
    return MachineSample(
        time=datetime.fromtimestamp(time, tz=timezone.utc),
        memory=int(counts["memory"]),
        cpu_busy=counts["busy"],
        cpu_total=counts["total"],
        disk_read=int(counts["read"]),
        disk_written=int(counts["written"]),
        network_received=int(counts["received"]),
        network_sent=int(counts["sent"]),
    )


def _parse_object(line: str) -> Mapping[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _number(row: Mapping[str, object], key: str) -> float | None:
    """Return a number; None for a negative, infinite or very large one, and for other values."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value <= _GREATEST else None
