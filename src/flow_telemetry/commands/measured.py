"""What comes after a command that `flow-telemetry run` ran: its span, and sending it."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flow_telemetry.build import otlp_sink
from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.export.send import otlp_sender
from flow_telemetry.identity import host_of
from flow_telemetry.inside.child import Ended
from flow_telemetry.inside.context import BAGGAGE, TraceContext, context_in, parse_baggage
from flow_telemetry.inside.measure import usage_of
from flow_telemetry.inside.tree import TreeUsage
from flow_telemetry.model import Repository
from flow_telemetry.model.measured import MeasuredCommand
from flow_telemetry.settings import Door, Settings, load_settings
from flow_telemetry.settings.inputs import INPUT
from flow_telemetry.signals.commands import CommandPlace, command_span
from flow_telemetry.signals.resources import ResourceMaker
from flow_telemetry.telemetry import Delivery, Resource, Signal
from flow_telemetry.views.escape import terminal_line

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
    """Send the span of a command; return what went wrong, empty where nothing did."""
    try:
        settings = load_settings(environ, Door.COMMAND_LINE, _flags(environ))
        place = _place(settings, own, environ)
        span = command_span(measured.command(), place, _resource(settings, environ))
    except (FlowTelemetryError, ValueError) as error:
        return terminal_line(str(error), _LONGEST_PROBLEM)
    stopped = measured.ended.stopped
    most = _SENDING_SECONDS_WHEN_STOPPED if stopped else settings.timeout or _SENDING_SECONDS
    sink = otlp_sink(settings, Deadline.after(SystemClock(), most))
    return terminal_line(" ".join(map(_problem, sink.deliver([span]))), _LONGEST_PROBLEM).strip()


def load_sender(environ: Mapping[str, str]) -> None:
    """Load the library that sends, so that it is there when the command has ended.

    Raises:
        SettingsError: `send` will not send.
    """
    settings = load_settings(environ, Door.COMMAND_LINE)
    target = settings.otlp.targets.get(Signal.TRACES)
    if target is not None:
        otlp_sender(target, Deadline(SystemClock())).close()


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
        baggage=parse_baggage(environ.get(BAGGAGE, "")),
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
    if delivery.complete or delivery.signal is not Signal.TRACES:
        return ""
    told = " ".join(f"{f.problem}. {f.advice}." for f in delivery.failures)
    kept = f" It is kept in {', '.join(delivery.spool_files)}." if delivery.spooled else ""
    return told.replace("..", ".") + kept


def _first_word(text: str) -> str:
    name = Path(text.split(maxsplit=1)[0] if text.split() else text).name
    return name or text


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
