"""The demo: replays recorded events through the action, and shows or sends what it exported."""

from __future__ import annotations

import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from flow_telemetry.cli.terminal import draw
from flow_telemetry.demo.browser import has_browser
from flow_telemetry.demo.excerpt import overview, time_of, without_steps
from flow_telemetry.demo.program import ActionProcess, start_action
from flow_telemetry.demo.recording import RecordedEvent, Recording, load_recording
from flow_telemetry.demo.servers import DemoReceiver, ReplayedGitHub
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.page import build_page, write_page
from flow_telemetry.report.lines import describe_time
from flow_telemetry.report.terminal import Trace, build_traces
from flow_telemetry.telemetry import EncodedRequest, Span
from flow_telemetry.text import counted

_PAGE_NAME = "flow-telemetry-demo.html"
# The workflow whose jobs the terminal shows within the feature trace.
_DEPLOY = "Deploy"
_LINE = 100
_FAILED_STEPS = 'flow.entity.type = "step" and github.step.conclusion = "failure"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The demo and its output.

    ``html`` is the path of the page, or None for a new temporary folder. ``open_page`` opens the
    page if ``stream`` is a terminal and there is a browser; None never opens it. ``namespace`` is
    that of the ids; with one, the demo is for a real backend, which may have an earlier demo.
    """

    environ: Mapping[str, str] = field(repr=False)
    stream: TextIO
    recording: Recording = field(repr=False, default_factory=load_recording)
    html: Path | None = None
    open_page: Callable[[Path], None] | None = None
    namespace: str = ""

    def show(self) -> None:
        """Run the whole demo.

        Raises:
            FlowTelemetryError: an export failed, or the machine does not allow the demo.
        """
        with _explained():
            spans = self._export_events().distinct
            self._write(
                "The terminal shows the coarse spans, and the steps of one failed job; the page "
                "shows all spans.\n"
            )
            self._draw_traces(spans)
            self._write_page(spans)

    def export(self) -> tuple[EncodedRequest, ...]:
        """Export the events to the bundled receiver, and return its requests in their order.

        The page is written only if it has a name.

        Raises:
            FlowTelemetryError: an export failed, or the machine does not allow the demo.
        """
        with _explained():
            receiver = self._export_events()
            if self.html is not None:
                self._write_page(receiver.distinct)
            self._write(self._describe_traces(receiver.distinct))
            return tuple(receiver.requests)

    def _export_events(self) -> DemoReceiver:
        """Replay every recorded event and return the receiver."""
        recording = self.recording
        with (
            ReplayedGitHub(recording) as github,
            DemoReceiver() as receiver,
            tempfile.TemporaryDirectory(prefix="flow-telemetry-demo-") as folder,
        ):
            alone = "A demo on this machine alone: no account, no token, no network."
            moved = "A demo for your backend: of a bundled GitHub, its times moved to now."
            place = "in front of" if self.namespace else "instead of"
            self._write(
                f"{moved if self.namespace else alone}\n\n"
                f"It has a small GitHub with epic #{recording.feature} of {recording.repository}, "
                f'"{recording.title}", and an\n'
                f"OTLP receiver {place} your backend. The action gets both addresses as a "
                "workflow would set them:\n\n"
                f"  GITHUB_API_URL={github.url}\n"
                f"  OTEL_EXPORTER_OTLP_ENDPOINT={receiver.url}\n\n"
                "It runs for each event that starts the ready workflow of the README:\n\n"
            )
            with start_action(
                github_url=github.url,
                server_url=recording.server_url,
                repository=recording.repository,
                otlp_endpoint=receiver.url,
                environ=self.environ,
                folder=Path(folder),
                namespace=self.namespace,
            ) as action:
                for event in recording.events:
                    self._export(event, action, receiver)
            self._write(
                f"\nThe GitHub got {counted(github.requests, 'request')}; the receiver decoded "
                f"{counted(len(receiver.spans), 'span')}, "
                f"{counted(receiver.log_records, 'event')} and "
                f"{counted(receiver.points, 'metric point')}.\n"
            )
            return receiver

    def _export(self, event: RecordedEvent, action: ActionProcess, receiver: DemoReceiver) -> None:
        before = len(receiver.spans)
        status, annotations = action.export(event.variables, event.payload)
        count = len(receiver.spans) - before
        number, _, noun = counted(count, "span").partition(" ")
        result = f"{number:>3} {noun}" if count else "  - sent with its epic"
        self._write(
            f"  {event.time:%b %d %H:%M}  {event.event:<21}{event.what:<37}{result}\n"
            + "".join(f"    {line}\n" for line in annotations)
        )
        if status != 0:
            raise FlowTelemetryError(
                f"the export of {event.what} ended with exit status {status}; "
                "please report it with the lines above"
            )

    def _draw_traces(self, spans: Sequence[Span]) -> None:
        # The root of the feature trace is a work item.
        roots = (span for span in spans if span.parent_span_id is None)
        features = [s for s in roots if s.attributes.get("flow.entity.type") == "work_item"]
        feature = next((span.trace_id for span in features), "")
        live = [span for span in spans if span.trace_id != feature]
        complete = [span for span in spans if span.trace_id == feature]
        for trace, drawn, title in (
            (live, without_steps(live), "LIVE TRACES, one a pull request, sent as things happened"),
            (
                complete,
                overview(complete, _DEPLOY),
                "THE FEATURE TRACE, sent as a whole when the epic closed",
            ),
        ):
            self._write(
                f"\n{title} ({len(drawn)} of {counted(len(trace), 'span')} drawn):\n\n"
                f"{draw(drawn, self.stream)}\n"
            )
        for root in features[:1]:
            self._write(f"\n{textwrap.fill(describe_time(time_of(root)), _LINE)}\n")

    def _describe_traces(self, spans: Sequence[Span]) -> str:
        """Return the traces and the searches by which they are found in a backend."""
        traces = build_traces(spans)
        rows = [
            f"  {trace.trace_id}  {_root_name(trace):<28}{counted(trace.spans, 'span')}\n"
            for trace in traces
        ]
        first = datetime.fromtimestamp(min(trace.start for trace in traces) // 10**9, timezone.utc)
        here = f'flow.namespace = "{self.namespace}"'
        return (
            f"\nIts traces:\n\n{''.join(rows)}\n"
            f"Searches to try, from {first:%Y-%m-%d} (UTC) until now:\n\n"
            f"  spans, events and metrics   {here}\n"
            f'  TraceQL                     {{ resource.{here} && name = "RUN CI" }}\n'
            f"  failed steps                {_FAILED_STEPS}\n\n"
            "Another demo gets another namespace, and so other trace ids: the two do not mix.\n\n"
        )

    def _write_page(self, spans: Sequence[Span]) -> None:
        path = self.html or Path(tempfile.mkdtemp(prefix="flow-telemetry-demo-")) / _PAGE_NAME
        recording = self.recording
        title = f"Epic #{recording.feature} of {recording.repository}: {recording.title}"
        write_page(path, build_page(spans, title))
        self._write(f"\nAll of it as waterfalls: {path.resolve()}\n")
        can_open = self.stream.isatty() and has_browser(self.environ, sys.platform)
        if self.open_page is not None and can_open:
            self.open_page(path)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def _root_name(trace: Trace) -> str:
    """Return the name of the span without a parent, else of the first one."""
    names = (node.span.name for node in trace.roots if node.span.parent_span_id is None)
    return next(names, trace.roots[0].span.name)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what the machine does not allow into a message for the user.

    Raises:
        FlowTelemetryError: the machine does not allow the demo.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FlowTelemetryError(
            f"the demo failed: {reason}; it needs to listen on 127.0.0.1, to start Python, and "
            "to write temporary files"
        ) from None
