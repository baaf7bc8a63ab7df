"""The step of a job that gives the later ones their trace context: `mode: context`.

https://opentelemetry.io/docs/specs/otel/context/env-carriers/ names the variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from flow_telemetry.settings import Settings
from flow_telemetry.subjects.choose import own_run
from flow_telemetry.subjects.job.handoff import hand_on, read_handed_on
from flow_telemetry.subjects.trace_context import JobContext, read_context
from flow_telemetry.telemetry import SignalTarget

# OpenTelemetry's word for "every span is kept", https://opentelemetry.io/docs/specs/otel/trace/
# tracestate-probability-sampling/: what a sampler further down may rely on.
_STATE = "ot=th:0"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """What the step gives: variables for later steps, outputs, and what to tell of it.

    ``secrets`` are values among the variables that the runner is to hide.
    """

    variables: Mapping[str, str]
    outputs: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    line: str = ""
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def give_context(
    settings: Settings, event: Payload, parts: ExportContext, environ: Mapping[str, str]
) -> StepContext:
    """Find the job's place, leave a note for the export, start the sampler where it is wanted.

    Raises:
        FlowTelemetryError: the run cannot be read, or our job cannot be identified.
    """
    folder = settings.runner.own_folder
    handoff = None if folder is None else read_handed_on(folder)
    found = read_context(parts, own_run(settings, event), handoff)
    own = TraceContext(
        trace_id=found.trace.trace_id, span_id=found.trace.span_id(found.job), state=_STATE
    )
    outer = _outer(environ, own)
    endpoint = _endpoint(settings, environ) if settings.job.inject_endpoint else {}
    return StepContext(
        variables={**_carried(environ, own, outer, found), **endpoint},
        outputs={
            "traceparent": own.traceparent,
            "trace-id": own.trace_id,
            "span-id": own.span_id,
        },
        secrets=tuple(value for name, value in endpoint.items() if name.endswith("HEADERS")),
        line=f"the job's span is {own.traceparent}, {found.job}",
        problems=tuple(f"what the run belongs to is not all known: {why}" for why in found.unread),
        notices=(
            *(_kept(outer) if found.before is None else ()),
            *_noted(settings, found, outer),
            *(_measured(settings, environ) if settings.job.measure else ()),
        ),
    )


def _outer(environ: Mapping[str, str], own: TraceContext) -> TraceContext | None:
    """The context that is there already; None where it is that of an earlier step like ours."""
    outer = context_in(environ)
    return None if outer is None or outer.traceparent == own.traceparent else outer


def _carried(
    environ: Mapping[str, str], own: TraceContext, outer: TraceContext | None, found: JobContext
) -> dict[str, str]:
    baggage = format_baggage(found.baggage, environ.get(BAGGAGE, ""))
    carried = {BAGGAGE: baggage} if baggage else {}
    if outer is None:
        carried |= {TRACEPARENT: own.traceparent, TRACESTATE: own.state}
    return carried


def _kept(outer: TraceContext | None) -> tuple[str, ...]:
    if outer is None:
        return ()
    return (
        f"TRACEPARENT is set already ({outer.traceparent}): it stays, so later steps are below "
        "that span, and the job is linked to it",
    )


def _noted(settings: Settings, found: JobContext, outer: TraceContext | None) -> tuple[str, ...]:
    folder = settings.runner.own_folder
    note = found.before or replace(found.note, outer="" if outer is None else outer.traceparent)
    try:
        if folder is None:
            raise FileNotFoundError("RUNNER_TEMP is not set")
        hand_on(folder, note)
    except OSError as error:
        return (
            f"no note could be left for the export ({error.strerror or error}): if the pull "
            "request is linked otherwise until then, steps and job are of two traces",
        )
    return ()


def _measured(settings: Settings, environ: Mapping[str, str]) -> tuple[str, ...]:
    from flow_telemetry.process.sampling import start_sampler  # noqa: PLC0415 - loads psutil

    folder = settings.runner.own_folder
    if folder is not None and start_sampler(folder, environ):
        return ()
    return ("the machine is not measured: the sampler could not be started",)


def _endpoint(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The standard variables of each signal, where the job has none of its own."""
    found: dict[str, str] = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    for target in settings.otlp.targets.values():
        prefix = f"OTEL_EXPORTER_OTLP_{target.signal.value.upper()}"
        found[f"{prefix}_ENDPOINT"] = target.url
        headers = _header_list(target)
        if headers:
            found[f"{prefix}_HEADERS"] = headers
    return {name: value for name, value in found.items() if not environ.get(name, "").strip()}


def _header_list(target: SignalTarget) -> str:
    """The headers as the variable has them: a list with values percent-encoded."""
    return ",".join(f"{name}={quote(value)}" for name, value in target.headers.items())
