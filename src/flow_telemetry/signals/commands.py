"""Mapping a measured command to its span."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flow_telemetry.model.measured import MeasuredCommand
from flow_telemetry.signals import limits, process_semconv, semconv
from flow_telemetry.signals.semconv import Entity
from flow_telemetry.signals.spans import Facts
from flow_telemetry.telemetry import Resource, Span

_KEYS = (semconv.FLOW_FEATURE_KEY, semconv.FLOW_WORK_ITEM_KEY, semconv.VCS_CHANGE_ID)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPlace:
    """Where the span of a command stands: its ids, in lower-case hexadecimal, and its run.

    ``baggage`` says what the job told its steps: feature, work item and change.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    repository: str | None = None
    run_id: int | None = None
    run_attempt: int | None = None
    baggage: Mapping[str, str] = field(default_factory=dict)


def command_span(command: MeasuredCommand, place: CommandPlace, resource: Resource) -> Span:
    """Return the span of a command."""
    failed = command.status != 0 and not command.stopped
    return Span(
        trace_id=place.trace_id,
        span_id=place.span_id,
        parent_span_id=place.parent_span_id,
        name=command_name(command),
        start=command.start,
        end=command.end,
        resource=resource,
        attributes=limits.attributes(_own(command), _facts_of(place), _used(command)),
        error=_error(command) if failed else None,
    )


def command_name(command: MeasuredCommand) -> str:
    """Return what the user calls the command, else its first word."""
    return limits.name(command.name or command.executable) or "command"


def _own(command: MeasuredCommand) -> Facts:
    failed = command.status != 0 and not command.stopped
    return (
        (semconv.FLOW_ENTITY_TYPE, Entity.COMMAND.value),
        (process_semconv.EXECUTABLE_NAME, command.executable),
        (process_semconv.ARGS_COUNT, command.words),
        (process_semconv.EXIT_CODE, command.status),
        (process_semconv.COMMAND_SIGNAL, command.signal),
        (semconv.ERROR_TYPE, "failure" if failed else None),
    )


def _facts_of(place: CommandPlace) -> Facts:
    return (
        *((key, place.baggage.get(key)) for key in _KEYS),
        (semconv.GITHUB_REPOSITORY, place.repository),
        (semconv.CICD_PIPELINE_RUN_ID, None if place.run_id is None else str(place.run_id)),
        (semconv.GITHUB_RUN_ATTEMPT, place.run_attempt),
    )


def _used(command: MeasuredCommand) -> Facts:
    usage = command.usage
    source = usage.memory_source
    return (
        (process_semconv.CPU_USER, usage.cpu_user),
        (process_semconv.CPU_SYSTEM, usage.cpu_system),
        (process_semconv.MEMORY_PEAK, usage.memory_peak),
        (process_semconv.MEMORY_SOURCE, None if source is None else source.value),
        (process_semconv.FAULTS_MAJOR, usage.faults_major),
        (process_semconv.FAULTS_MINOR, usage.faults_minor),
        (process_semconv.DISK_READ, usage.disk_read),
        (process_semconv.DISK_WRITTEN, usage.disk_written),
    )


def _error(command: MeasuredCommand) -> str:
    if command.signal:
        return f"ended by {command.signal}"
    return f"exit status {command.status}"
