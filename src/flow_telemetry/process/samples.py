"""Its samples: files, parsing, usage by time window."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from flow_telemetry.model.measurements import MachineSample, MachineSamples, MachineUsage
from flow_telemetry.rules.intervals import Interval

# The files that a sampler and the steps of its job share, known without loading psutil.

SAMPLES, NOTE = "samples.jsonl", "sampler.json"


def was_sampled(folder: Path) -> bool:
    """Whether a sampler was started in the folder and is not stopped yet."""
    return any((folder / name).exists() for name in (NOTE, SAMPLES))


# What a file of samples says: what each stretch of time used, and the curve.

Key = TypeVar("Key")

_MOST_SAMPLES = 25_000
_LATEST = 32_503_680_000  # the year 3000
_GREATEST = 2**63 - 1


def parse_samples(lines: Iterable[str]) -> MachineSamples | None:
    """Return the samples; broken lines, and times that go back, are left out.

    None where the first line does not say what the machine has, or there is no sample.
    """
    rows = iter(lines)
    machine = _object(next(rows, ""))
    processors, memory = _number(machine, "processors"), _number(machine, "memory")
    if processors is None or memory is None or processors < 1:
        return None
    samples = tuple(_in_order(rows))
    if not samples:
        return None
    return MachineSamples(processors=int(processors), memory=int(memory), samples=samples)


def usage_between(samples: Sequence[MachineSample], interval: Interval) -> MachineUsage | None:
    """Return what the machine used in a stretch of time; None where no sample lies in it.

    ``samples`` are in order of time. GitHub's times have whole seconds, so what happened within
    one second cannot be told apart. The sample before the stretch tells where its counts began.
    """
    times = [each.time for each in samples]
    first, last = bisect_left(times, interval.start), bisect_right(times, interval.end)
    if first >= last:
        return None
    return _usage(samples[max(0, first - 1) : last], samples[first:last])


def usage_by_window(
    samples: Sequence[MachineSample], windows: Mapping[Key, Interval]
) -> dict[Key, MachineUsage]:
    """Return the usage of each window, such as that of a step, where a sample lies in it."""
    found = {key: usage_between(samples, interval) for key, interval in windows.items()}
    return {key: usage for key, usage in found.items() if usage is not None}


def curve(samples: Sequence[MachineSample], most: int) -> tuple[MachineUsage, ...]:
    """Return the course of the machine in ``most`` stretches at most, peaks kept.

    With as many samples as that or fewer there is a stretch for each.
    """
    if not samples or most < 1:
        return ()
    size = -(-len(samples) // most)
    starts = range(0, len(samples), size)
    return tuple(
        _usage(samples[max(0, at - 1) : at + size], samples[at : at + size]) for at in starts
    )


def _usage(counted: Sequence[MachineSample], within: Sequence[MachineSample]) -> MachineUsage:
    """The usage of the samples ``within``; ``counted`` has the one before them too, if any."""
    first, last = counted[0], counted[-1]
    shares = [share for a, b in pairwise(counted) if (share := _share(a, b)) is not None]
    return MachineUsage(
        start=within[0].time,
        end=last.time,
        samples=len(within),
        memory_before=first.memory,
        memory_peak=max(each.memory for each in within),
        memory_mean=sum(each.memory for each in within) / len(within),
        cpu_peak=max(shares, default=0.0),
        cpu_mean=_share(first, last) or 0.0,
        disk_read=max(0, last.disk_read - first.disk_read),
        disk_written=max(0, last.disk_written - first.disk_written),
        network_received=max(0, last.network_received - first.network_received),
        network_sent=max(0, last.network_sent - first.network_sent),
    )


def _share(before: MachineSample, after: MachineSample) -> float | None:
    """How much of the processors was busy between two samples, 0 to 1."""
    total = after.cpu_total - before.cpu_total
    if total <= 0:
        return None
    return min(1.0, max(0.0, (after.cpu_busy - before.cpu_busy) / total))


def _in_order(lines: Iterable[str]) -> Iterator[MachineSample]:
    latest = None
    count = 0
    for line in lines:
        sample = _sample(_object(line))
        if sample is None or (latest is not None and sample.time <= latest):
            continue
        latest = sample.time
        yield sample
        count += 1
        if count >= _MOST_SAMPLES:
            return


def _sample(row: Mapping[str, object]) -> MachineSample | None:
    time = _number(row, "time")
    numbers = {
        name: _number(row, name)
        for name in ("memory", "busy", "total", "read", "written", "received", "sent")
    }
    if time is None or time > _LATEST:
        return None
    known = {name: number for name, number in numbers.items() if number is not None}
    if len(known) < len(numbers):
        return None
    return MachineSample(
        time=datetime.fromtimestamp(time, tz=timezone.utc),
        memory=int(known["memory"]),
        cpu_busy=known["busy"],
        cpu_total=known["total"],
        disk_read=int(known["read"]),
        disk_written=int(known["written"]),
        network_received=int(known["received"]),
        network_sent=int(known["sent"]),
    )


def _object(line: str) -> Mapping[str, object]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(row: Mapping[str, object], key: str) -> float | None:
    """A number that is none of the odd ones that JSON may hold."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value <= _GREATEST else None
