"""A measured machine to measurements: peaks of the job and its steps, and the curve.

The curve alone has times of its own, minutes old; all else is a fact about what ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flow_telemetry.model.measured import MachineUsage, MeasuredJob, MeasuredStep
from flow_telemetry.signals import instruments as table
from flow_telemetry.signals import limits
from flow_telemetry.signals import metric_semconv as names
from flow_telemetry.signals.limits import nanoseconds
from flow_telemetry.signals.metrics.names import environment_name
from flow_telemetry.signals.metrics.points import Points
from flow_telemetry.telemetry import Measurement

# Values of the conventions' attributes of memory, disk and network.
_USED = "used"
_READ, _WRITE = "read", "write"
_RECEIVE, _TRANSMIT = "receive", "transmit"


def machine_measurements(job: MeasuredJob, points: Points) -> Iterator[Measurement]:
    """Return the measurements of a job's machine; ``points`` are those of the job."""
    yield from points.of(table.JOB_MEMORY_PEAK, job.usage.memory_peak)
    yield from points.of(table.JOB_CPU_MEAN, job.usage.cpu_mean)
    for step in job.steps:
        yield from _of_step(step, points)
    # The first stretch has nothing before it from which its counts could be told.
    since = nanoseconds(job.curve[0].start) if job.curve else 0
    for number, stretch in enumerate(job.curve):
        period = (since, nanoseconds(stretch.end))
        yield from (
            replace(each, period=period) for each in _of_stretch(stretch, points, number > 0)
        )
        since = period[1]


def _of_step(step: MeasuredStep, points: Points) -> Iterator[Measurement]:
    # What counts on in a name, such as a version or a commit, would make a series of each run.
    points = points.knowing((names.STEP, limits.name(environment_name(step.name))))
    yield from points.of(table.STEP_MEMORY_PEAK, step.usage.memory_peak)
    yield from points.of(table.STEP_CPU_MEAN, step.usage.cpu_mean)


def _of_stretch(stretch: MachineUsage, points: Points, counts: bool) -> Iterator[Measurement]:
    yield from points.of(
        table.SYSTEM_MEMORY_USAGE, stretch.memory_peak, (names.MEMORY_STATE, _USED)
    )
    if not counts and stretch.samples < 2:
        return
    yield from points.of(table.SYSTEM_CPU_UTILIZATION, stretch.cpu_mean)
    for direction, count in ((_READ, stretch.disk_read), (_WRITE, stretch.disk_written)):
        yield from points.of(table.SYSTEM_DISK_IO, count, (names.DISK_DIRECTION, direction))
    for direction, count in (
        (_RECEIVE, stretch.network_received),
        (_TRANSMIT, stretch.network_sent),
    ):
        yield from points.of(table.SYSTEM_NETWORK_IO, count, (names.NETWORK_DIRECTION, direction))
