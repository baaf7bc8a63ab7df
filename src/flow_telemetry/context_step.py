"""The context step, `mode: context`: it sets the trace context of the job's later steps.

https://opentelemetry.io/docs/specs/otel/context/env-carriers/ names the variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from flow_telemetry.context import ExportContext
from flow_telemetry.http.payload import Payload
from flow_telemetry.process.context import (
    BAGGAGE,
    TRACEPARENT,
    TRACESTATE,
    TraceContext,
    context_in,
    format_baggage,
)
from flow_telemetry.settings import Settings, secrets_of
from flow_telemetry.subjects.choose import own_run
from flow_telemetry.subjects.job.handoff import ContextNote, read_note, write_note
from flow_telemetry.subjects.trace_context import read_context

# Every span is kept, which samplers of child spans may rely on:
# https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
_STATE = "ot=th:0"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """The result of the step: variables for later steps, outputs, and messages.

    ``secrets`` are values among the variables that the runner is to hide. ``line`` is for the log.
    """

    variables: Mapping[str, str]
    outputs: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    line: str = ""
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def give_context(
    settings: Settings, event: Payload, context: ExportContext, environ: Mapping[str, str]
) -> StepContext:
    """Return the trace context of the job, write a note for its export, and start the sampler.

    Raises:
        FlowTelemetryError: the run cannot be read, or our job cannot be identified.
    """
    folder = settings.runner.own_folder
    earlier_note = None if folder is None else read_note(folder)
    job = read_context(context, own_run(settings, event), earlier_note)
    own = TraceContext(
        trace_id=job.trace.trace_id, span_id=job.trace.span_id(job.note.job), state=_STATE
    )
    parent = context_in(environ)
    if parent is not None and parent.traceparent == own.traceparent:
        parent = None  # An earlier context step has set it.
    notices: list[str] = []
    note = job.note
    if not job.from_earlier_step and parent is not None:
        note = replace(note, outer=parent.traceparent)
        notices.append(
            f"TRACEPARENT is set already ({parent.traceparent}): it stays, so later steps are "
            "below that span, and the job is linked to it"
        )
    notices += _write_note(folder, note)
    if settings.job.measure:
        notices += _start_sampler(folder, environ)
    variables: dict[str, str] = {}
    baggage = format_baggage(job.baggage, environ.get(BAGGAGE, ""))
    if baggage:
        variables[BAGGAGE] = baggage
    if parent is None:
        variables |= {TRACEPARENT: own.traceparent, TRACESTATE: own.state}
    endpoint = _build_endpoint_variables(settings, environ)
    return StepContext(
        variables={**variables, **endpoint},
        outputs={
            "traceparent": own.traceparent,
            "trace-id": own.trace_id,
            "span-id": own.span_id,
        },
        secrets=secrets_of({**environ, **endpoint}),
        line=f"the job's span is {own.traceparent}, {note.job}",
        problems=tuple(
            f"not everything that the run belongs to could be read: {error}"
            for error in job.read_errors
        ),
        notices=tuple(notices),
    )


def _write_note(folder: Path | None, note: ContextNote) -> Iterator[str]:
    try:
        if folder is None:
            raise FileNotFoundError("RUNNER_TEMP is not set")
        write_note(folder, note)
    except OSError as error:
        yield (
            f"no note could be left for the export ({error.strerror or error}): if the pull "
            "request is linked otherwise until then, steps and job are of two traces"
        )


def _start_sampler(folder: Path | None, environ: Mapping[str, str]) -> Iterator[str]:
    from flow_telemetry.process.sampling import start_sampler  # noqa: PLC0415 - loads psutil

    if folder is None or not start_sampler(folder, environ):
        yield "the machine is not measured: the sampler could not be started"


def _build_endpoint_variables(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the standard variables of each signal that the job has not set itself."""
    if not settings.job.inject_endpoint:
        return {}
    variables: dict[str, str] = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    for target in settings.otlp.targets.values():
        prefix = f"OTEL_EXPORTER_OTLP_{target.signal.value.upper()}"
        variables[f"{prefix}_ENDPOINT"] = target.url
        # A list with percent-encoded values.
        headers = ",".join(f"{name}={quote(value)}" for name, value in target.headers.items())
        if headers:
            variables[f"{prefix}_HEADERS"] = headers
    return {name: value for name, value in variables.items() if not environ.get(name, "").strip()}
