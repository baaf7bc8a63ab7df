"""The demo: replays recorded events through the action, and shows the exported traces."""

from __future__ import annotations

import sys
import tempfile
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from flow_telemetry.cli.terminal import draw
from flow_telemetry.demo.browser import has_browser
from flow_telemetry.demo.excerpt import overview, time_of, without_steps
from flow_telemetry.demo.program import ActionProcess, start_action
from flow_telemetry.demo.recording import RecordedEvent, Recording, load_recording
from flow_telemetry.demo.servers import DemoReceiver, ReplayedGitHub
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.report.html import waterfall
from flow_telemetry.report.lines import describe_time
from flow_telemetry.report.text import counted
from flow_telemetry.telemetry import Span

_PAGE_NAME = "flow-telemetry-demo.html"
# The workflow whose jobs the terminal shows within the feature trace.
_DEPLOY = "Deploy"
_LINE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The demo and its output.

    ``html`` is the path of the page, or None for a new temporary folder. ``open_page`` opens the
    page if ``stream`` is a terminal and there is a browser; None never opens it.
    """

    environ: Mapping[str, str] = field(repr=False)
    stream: TextIO
    recording: Recording = field(repr=False, default_factory=load_recording)
    html: Path | None = None
    open_page: Callable[[Path], None] | None = None

    def show(self) -> None:
        """Run the whole demo.

        Raises:
            FlowTelemetryError: an export failed, or the machine does not allow the demo.
        """
        try:
            spans = self._export_events()
            self._draw_traces(spans)
            self._write_page(spans)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise FlowTelemetryError(
                f"the demo failed: {reason}; it needs to listen on 127.0.0.1, to start Python, and "
                "to write temporary files"
            ) from None

    def _export_events(self) -> list[Span]:
        """Replay every recorded event and return the spans that the receiver decoded."""
        recording = self.recording
        with (
            ReplayedGitHub(recording) as github,
            DemoReceiver() as receiver,
            tempfile.TemporaryDirectory(prefix="flow-telemetry-demo-") as folder,
        ):
            self._write(
                "A demo on this machine alone: no account, no token, no network.\n\n"
                f"It has a small GitHub with epic #{recording.feature} of {recording.repository}, "
                f'"{recording.title}", and an\n'
                "OTLP receiver instead of your backend. The action gets both addresses as a "
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
            ) as action:
                for event in recording.events:
                    self._export(event, action, receiver)
            self._write(
                f"\nThe GitHub got {github.requests} requests; the receiver decoded "
                f"{len(receiver.spans)} spans, {receiver.log_records} events and "
                f"{receiver.points} metric points.\n"
                "The terminal shows the coarse spans, and the steps of one failed job; the page "
                "shows all spans.\n"
            )
            return receiver.spans

    def _export(self, event: RecordedEvent, action: ActionProcess, receiver: DemoReceiver) -> None:
        before = len(receiver.spans)
        status, annotations = action.export(event.variables, event.payload)
        count = len(receiver.spans) - before
        result = f"{count:>3} spans" if count else "  - sent with its epic"
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

    def _write_page(self, spans: Sequence[Span]) -> None:
        path = self.html or Path(tempfile.mkdtemp(prefix="flow-telemetry-demo-")) / _PAGE_NAME
        recording = self.recording
        title = f"Epic #{recording.feature} of {recording.repository}: {recording.title}"
        page = waterfall(spans, title)
        try:
            path.write_text(page, encoding="utf-8", newline="\n")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise FlowTelemetryError(
                f"the page cannot be written to {path}: {reason}; name another file by --html"
            ) from None
        self._write(f"\nAll of it as waterfalls: {path.resolve()}\n")
        can_open = self.stream.isatty() and has_browser(self.environ, sys.platform)
        if self.open_page is not None and can_open:
            self.open_page(path)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
