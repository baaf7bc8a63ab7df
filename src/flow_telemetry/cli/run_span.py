"""The span and metrics of a command that `flow-telemetry run` ran, and their export."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flow_telemetry.build import build_otlp_exporter, settings_redactor
from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.identity import host_of
from flow_telemetry.mapping import limits
from flow_telemetry.mapping.jobs import CommandPlace, command_span
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import Repository
from flow_telemetry.model.measurements import MeasuredCommand
from flow_telemetry.otlp.exporter import otlp_sender
from flow_telemetry.otlp.sdk import preload
from flow_telemetry.privacy.records import redact_telemetry
from flow_telemetry.process.command import Ended
from flow_telemetry.process.context import BAGGAGE, TraceContext, context_in, parse_baggage
from flow_telemetry.process.usage import TreeUsage, usage_of
from flow_telemetry.report.text import terminal_line
from flow_telemetry.settings import EntryPoint, Settings, load_settings
from flow_telemetry.settings.inputs import INPUT
from flow_telemetry.telemetry import Delivery, Measurement, Resource, Signal, Span

# A build does not wait longer for telemetry; a job that is being cancelled cannot.
_SENDING_SECONDS = 5.0
_SENDING_SECONDS_WHEN_STOPPED = 1.5
_LONGEST_PROBLEM = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A command that ended, and all that tells what it used; ``seen`` is None if it never ran."""

    words: Sequence[str]
    name: str
    ended: Ended
    seen: TreeUsage | None
    cgroup_peak: int | None

    def command(self) -> MeasuredCommand:
        """Return the record."""
        ended = self.ended
        number = -ended.returncode
        return MeasuredCommand(
            # A whole line given as one word may hold anything after its first blank.
            executable=_first_word(self.words[0]),
            words=len(self.words),
            start=ended.start,
            end=ended.end,
            status=ended.status,
            usage=usage_of(ended, self.seen, self.cgroup_peak),
            name=self.name,
            signal=_signal_name(number) if number > 0 else "",
            stopped=ended.stopped,
        )


def send(measured: Measured, own: TraceContext, environ: Mapping[str, str]) -> str:
    """Send the span of a command; return the problems, empty if there are none."""
    try:
        settings = load_settings(environ, EntryPoint.COMMAND_LINE, _flags(environ))
        telemetry = _telemetry(measured, settings, own, environ)
    except (FlowTelemetryError, ValueError) as error:
        return terminal_line(str(error), _LONGEST_PROBLEM)
    stopped = measured.ended.stopped
    most = _SENDING_SECONDS_WHEN_STOPPED if stopped else settings.timeout or _SENDING_SECONDS
    exporter = build_otlp_exporter(settings, Deadline.after(SystemClock(), most))
    sent = exporter.deliver(redact_telemetry(telemetry, settings_redactor(settings)))
    # An unreachable backend fails for each signal with the same problem.
    problems = dict.fromkeys(filter(None, map(_problem, sent)))
    return terminal_line(" ".join(problems), _LONGEST_PROBLEM).strip()


def _telemetry(
    measured: Measured, settings: Settings, own: TraceContext, environ: Mapping[str, str]
) -> list[Span | Measurement]:
    command, place = measured.command(), _place(settings, own, environ)
    resource, workflow = _resource(settings, environ), environ.get("GITHUB_WORKFLOW", "")
    found: list[Span | Measurement] = [command_span(command, place, resource)]
    if Signal.METRICS in settings.otlp.targets:
        extra = settings.signals.metric_attributes
        found += _measurements_of()(command, place, resource, extra, workflow=workflow)
    return found


def load_sender(environ: Mapping[str, str]) -> None:
    """Load the library that sends, so that it is there when the command has ended.

    Raises:
        SettingsError: `send` will not send.
    """
    settings = load_settings(environ, EntryPoint.COMMAND_LINE)
    targets = settings.otlp.targets
    loading = preload(targets)
    for target in targets.values():
        otlp_sender(target, Deadline(SystemClock())).close()
    loading.join()
    if Signal.METRICS in targets:
        _measurements_of()


def _measurements_of() -> Callable[..., Iterator[Measurement]]:
    """The mapping to metrics, loaded only if metrics are sent: their table takes long to load."""
    from flow_telemetry.mapping.job_metrics import command_measurements  # noqa: PLC0415

    return command_measurements


def _flags(environ: Mapping[str, str]) -> dict[str, str]:
    """In a job the spool is the export's, not a folder in the middle of somebody's checkout."""
    temporary = environ.get("RUNNER_TEMP", "").strip()
    if environ.get(INPUT["spool-path"].variable, "").strip() or not temporary:
        return {}
    return {"spool-path": str(Path(temporary) / "flow-telemetry")}


def _place(settings: Settings, own: TraceContext, environ: Mapping[str, str]) -> CommandPlace:
    outer = context_in(environ)
    runner = settings.runner
    return CommandPlace(
        trace_id=own.trace_id,
        span_id=own.span_id,
        parent_span_id=None if outer is None else outer.span_id,
        repository=runner.repository,
        run_id=runner.run_id,
        run_attempt=runner.run_attempt,
        baggage={
            key: limits.name(value)
            for key, value in parse_baggage(environ.get(BAGGAGE, "")).items()
        },
    )


def _resource(settings: Settings, environ: Mapping[str, str]) -> Resource:
    """The run's resource; outside of a run, one that names the service only."""
    maker = ResourceMaker(
        service_name=settings.service_name,
        extra=settings.resource_attributes,
        namespace=settings.tracing.namespace,
    )
    workflow = environ.get("GITHUB_WORKFLOW", "")
    owner, slash, name = (settings.runner.repository or "").partition("/")
    if not slash:
        return maker.of_nothing()
    server = settings.github.server_url
    repository = Repository(
        host=host_of(server), owner=owner, name=name, url=f"{server}/{owner}/{name}"
    )
    return maker.of_workflow(repository, workflow)


def _problem(delivery: Delivery) -> str:
    if delivery.complete:
        return ""
    text = " ".join(f"{f.problem}. {f.advice}." for f in delivery.failures)
    kept = f" It is kept in {', '.join(delivery.spool_files)}." if delivery.spooled else ""
    return text.replace("..", ".") + kept


def _first_word(text: str) -> str:
    name = Path(text.split(maxsplit=1)[0] if text.split() else text).name
    return name or text


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
