"""A measured command to measurements: how long it took, and what it used."""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.model.measured import MeasuredCommand
from flow_telemetry.signals import instruments as table
from flow_telemetry.signals import limits, semconv
from flow_telemetry.signals import metric_semconv as names
from flow_telemetry.signals.commands import CommandPlace, command_name
from flow_telemetry.signals.metrics.points import points_of
from flow_telemetry.telemetry import Measurement, Resource

_NANOSECONDS = 1_000_000_000


def command_measurements(
    command: MeasuredCommand,
    place: CommandPlace,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    workflow: str = "",
) -> Iterator[Measurement]:
    """Return the measurements of a command.

    ``extra`` are attributes that the user adds, ``workflow`` is the name of the run's.
    """
    facts = (
        (names.REPOSITORY, place.repository),
        (names.WORKFLOW, limits.name(workflow)),
        (names.COMMAND, command_name(command)),
        (names.COMMAND_RESULT, _result(command)),
        (semconv.CICD_PIPELINE_RUN_ID, None if place.run_id is None else str(place.run_id)),
        *((key, value) for key, value in place.baggage.items() if key in extra),
    )
    points, usage = points_of(resource, facts, extra), command.usage
    yield from points.of(table.COMMAND_DURATION, (command.end - command.start) / _NANOSECONDS)
    yield from points.of(table.COMMAND_MEMORY_PEAK, usage.memory_peak)
    for mode, seconds in (("user", usage.cpu_user), ("system", usage.cpu_system)):
        yield from points.of(table.COMMAND_CPU_TIME, seconds, (names.CPU_MODE, mode))


def _result(command: MeasuredCommand) -> str:
    """The word that the conventions have for it of a job."""
    if command.stopped:
        return "cancellation"
    return "failure" if command.status else "success"
