"""A machine and a command as they were measured, for the tests of mapping and views."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from flow_telemetry.model.measurements import (
    MachineUsage,
    MeasuredCommand,
    MeasuredJob,
    MeasuredStep,
    ProcessUsage,
)

BEGAN = datetime(2026, 11, 24, 3, 43, tzinfo=timezone.utc)
GIB = 2**30


def at(seconds: float) -> datetime:
    """Return an instant of the job."""
    return BEGAN + timedelta(seconds=seconds)


def usage(start: float, end: float, peak: float, **facts: float) -> MachineUsage:
    """Return the machine between two seconds of the job, with a peak of so many GiB."""
    known = {"cpu_peak": 0.9, "cpu_mean": 0.5, **facts}
    return MachineUsage(
        start=at(start),
        end=at(end),
        samples=max(1, round(end - start)),
        memory_before=1 * GIB,
        memory_peak=int(peak * GIB),
        memory_mean=peak * GIB / 2,
        disk_read=100,
        disk_written=200,
        network_received=300,
        network_sent=400,
        **known,
    )


def measured_step(name: str, start: float, end: float, peak: float) -> MeasuredStep:
    """Return a step with a peak of so many GiB."""
    return MeasuredStep(name=name, start=at(start), end=at(end), usage=usage(start, end, peak))


def measured_job(*steps: MeasuredStep, seconds: int = 30, peak: float = 4) -> MeasuredJob:
    """Return a job whose memory grows evenly to its peak, with a stretch for each second."""
    curve: Sequence[MachineUsage] = [
        usage(n, n, peak * (n + 1) / (seconds + 1)) for n in range(seconds + 1)
    ]
    return MeasuredJob(
        processors=4,
        memory=16 * GIB,
        usage=usage(0, seconds, peak),
        steps=steps,
        curve=tuple(curve),
    )


def measured_command(**facts: object) -> MeasuredCommand:
    """Return a command that took two seconds and held half a GiB."""
    known: dict[str, object] = {"status": 0, "name": "compile", **facts}
    return MeasuredCommand(
        executable="make",
        words=3,
        start=1_795_491_780_000_000_000,
        end=1_795_491_782_000_000_000,
        usage=ProcessUsage(cpu_user=1.5, cpu_system=0.25, memory_peak=GIB // 2),
        **known,  # type: ignore[arg-type]
    )
