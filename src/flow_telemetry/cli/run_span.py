"""Span and metrics of a command that `flow-telemetry run` ran, and their export."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from flow_telemetry.build import build_otlp_exporter, settings_redactor
from flow_telemetry.clock import Clock, Deadline, SystemClock
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.files import write_private
from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.http.response import Response
from flow_telemetry.identity import host_of
from flow_telemetry.local_files import read_regular
from flow_telemetry.mapping import limits
from flow_telemetry.mapping.jobs import CommandPlace, command_span
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import Repository
from flow_telemetry.model.measurements import MeasuredCommand
from flow_telemetry.otlp.response import Attempt
from flow_telemetry.otlp.sdk import preload
from flow_telemetry.otlp.sending import otlp_sender
from flow_telemetry.privacy.records import redact_telemetry
from flow_telemetry.process.command import Ended
from flow_telemetry.process.context import BAGGAGE, TraceContext, context_in, parse_baggage
from flow_telemetry.process.usage import TreeUsage, usage_of
from flow_telemetry.report.text import terminal_line
from flow_telemetry.settings import EntryPoint, Settings, load_settings
from flow_telemetry.settings.inputs import INPUT
from flow_telemetry.telemetry import Measurement, Resource, Signal, Span

# A build should not wait longer for telemetry; a cancelled job cannot.
_SENDING_SECONDS = 5.0
_SENDING_SECONDS_WHEN_STOPPED = 1.5
_LONGEST_PROBLEM = 1_000


def measured_command(
    words: Sequence[str],
    name: str,
    ended: Ended,
    usage: TreeUsage | None,
    cgroup_peak: int | None,
) -> MeasuredCommand:
    """Return the record of a command; ``usage`` is None if the command did not start."""
    number, ended_by = -ended.returncode, ""
    if number > 0:
        try:
            ended_by = signal.Signals(number).name
        except ValueError:
            ended_by = f"signal {number}"
    # A whole line in one word may contain anything after its first blank, also a secret.
    first = words[0].split(maxsplit=1)[0] if words[0].split() else words[0]
    return MeasuredCommand(
        executable=Path(first).name or first,
        words=len(words),
        start=ended.start,
        end=ended.end,
        status=ended.status,
        usage=usage_of(ended, usage, cgroup_peak),
        name=name,
        signal=ended_by,
        stopped=ended.stopped,
    )


def send(
    command: MeasuredCommand, own: TraceContext, environ: Mapping[str, str]
) -> tuple[tuple[str, ...], str]:
    """Send the span of a command; return the errors of the settings, and the problems."""
    flags = {}
    temporary = environ.get("RUNNER_TEMP", "").strip()
    if temporary and not environ.get(INPUT["spool-path"].variable, "").strip():
        # In a job the spool is that of the export, not a folder in the middle of a checkout.
        flags["spool-path"] = str(Path(temporary) / "flow-telemetry" / "spool")
    try:
        settings = load_settings(environ, EntryPoint.COMMAND_LINE, flags)
        telemetry = _build_telemetry(command, settings, own, environ)
    except (FlowTelemetryError, ValueError) as error:
        return (), terminal_line(str(error), _LONGEST_PROBLEM)
    most = settings.timeout or _SENDING_SECONDS
    if command.stopped:
        most = _SENDING_SECONDS_WHEN_STOPPED
    clock = SystemClock()
    exporter = build_otlp_exporter(settings, Deadline.after(clock, most))
    note = _note_of_failure(settings)
    if note is not None and note.is_recent(clock):
        exporter = replace(exporter, new_sender=lambda *_: _Untried())
    deliveries = exporter.deliver(redact_telemetry(telemetry, settings_redactor(settings)))
    if note is not None and exporter.new_sender is otlp_sender:
        was_spooled, was_sent = (
            any(getattr(d, name) for d in deliveries) for name in ("spooled", "sent")
        )
        note.update(clock, failed=was_spooled and not was_sent)
    problems = []
    for delivery in deliveries:
        if not delivery.complete:
            text = " ".join(f"{f.problem}. {f.advice}." for f in delivery.failures)
            files = ", ".join(delivery.spool_files)
            spooled = f" The data is in {files}." if delivery.spooled else ""
            problems.append(text.replace("..", ".") + spooled)
    # An unreachable backend fails for each signal with the same problem.
    problem = terminal_line(" ".join(dict.fromkeys(problems)), _LONGEST_PROBLEM).strip()
    return tuple(terminal_line(text, _LONGEST_PROBLEM) for text in settings.errors), problem


# After a failed send, later commands of the job do not wait for the endpoint.

_NOTE = "command-not-sent.json"
# So long nothing is tried; an endpoint may come back during a long job.
_UNTRIED_SECONDS = 300.0
_MOST_NOTE_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class _FailureNote:
    """A note for later commands of the job that nothing could be sent to these endpoints.

    Every step of the job can write it, and so decide that commands are spooled.
    """

    path: Path
    endpoints: str

    def is_recent(self, clock: Clock) -> bool:
        """Whether an earlier command wrote the note about the same endpoints not long ago."""
        try:
            note = json.loads(read_regular(self.path, _MOST_NOTE_BYTES))
            seconds = clock.now().timestamp() - float(note["at"])
            return note["endpoints"] == self.endpoints and 0 <= seconds < _UNTRIED_SECONDS
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False

    def update(self, clock: Clock, *, failed: bool) -> None:
        """Write the note after a failure, and remove it otherwise."""
        # Without it the next command only waits once more.
        with suppress(OSError):
            if failed:
                note = {"endpoints": self.endpoints, "at": clock.now().timestamp()}
                write_private(self.path, json.dumps(note).encode())
            else:
                self.path.unlink(missing_ok=True)


def _note_of_failure(settings: Settings) -> _FailureNote | None:
    """Return the note in the job's own folder, which may not exist; None outside of a job."""
    folder = settings.runner.own_folder
    if folder is None:
        return None
    urls = sorted(target.url for target in settings.otlp.targets.values())
    return _FailureNote(folder / _NOTE, sha256("\n".join(urls).encode()).hexdigest())


class _Untried:
    """A sender that sends nothing, because an earlier command of the job failed to."""

    def deliver(self, data: bytes) -> Attempt:  # noqa: ARG002 - nothing is sent
        """Return the failure of the earlier command."""
        return Attempt(response=Response(error=NetworkErrorKind.FAILED_BEFORE))

    def close(self) -> None:
        """There is nothing to close."""


def _build_telemetry(
    command: MeasuredCommand, settings: Settings, own: TraceContext, environ: Mapping[str, str]
) -> list[Span | Measurement]:
    parent, runner = context_in(environ), settings.runner
    workflow = environ.get("GITHUB_WORKFLOW", "")
    place = CommandPlace(
        trace_id=own.trace_id,
        span_id=own.span_id,
        parent_span_id=None if parent is None else parent.span_id,
        repository=runner.repository,
        run_id=runner.run_id,
        run_attempt=runner.run_attempt,
        workflow=workflow,
        # The ref of a pull request is that of a merge commit, `123/merge`.
        branch=environ.get("GITHUB_HEAD_REF") or environ.get("GITHUB_REF_NAME", ""),
        baggage={
            key: limits.name(value)
            for key, value in parse_baggage(environ.get(BAGGAGE, "")).items()
        },
    )
    resource = _build_resource(settings, workflow)
    telemetry: list[Span | Measurement] = [command_span(command, place, resource)]
    if Signal.METRICS in settings.otlp.targets:
        extra = settings.signals.metric_attributes
        telemetry += _import_measurements()(command, place, resource, extra, workflow=workflow)
    return telemetry


def load_sender(environ: Mapping[str, str]) -> None:
    """Import the exporter, so that it is ready when the command has ended.

    Raises:
        SettingsError: the settings are unusable, and `send` will fail too.
    """
    settings = load_settings(environ, EntryPoint.COMMAND_LINE)
    targets = settings.otlp.targets
    loading = preload(targets)
    for target in targets.values():
        otlp_sender(target, Deadline(SystemClock())).close()
    loading.join()
    if Signal.METRICS in targets:
        _import_measurements()


def _import_measurements() -> Callable[..., Iterator[Measurement]]:
    """The mapping to metrics, imported only if metrics are sent: their table takes long."""
    from flow_telemetry.mapping.job_metrics import command_measurements  # noqa: PLC0415

    return command_measurements


def _build_resource(settings: Settings, workflow: str) -> Resource:
    """The run's resource; outside of a run, one with the service's attributes only."""
    maker = ResourceMaker(
        service_name=settings.service_name,
        extra=settings.resource_attributes,
        namespace=settings.tracing.namespace,
    )
    owner, slash, name = (settings.runner.repository or "").partition("/")
    if not slash:
        return maker.of_nothing()
    server = settings.github.server_url
    repository = Repository(
        host=host_of(server), owner=owner, name=name, url=f"{server}/{owner}/{name}"
    )
    return maker.of_workflow(repository, workflow)
