"""The demo's story: start both ends, replay every event between them, show what arrived."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from flow_telemetry.cli.terminal import draw
from flow_telemetry.demo.browser import has_browser
from flow_telemetry.demo.excerpt import overview, without_steps
from flow_telemetry.demo.program import Place, Program, running
from flow_telemetry.demo.recording import RecordedEvent, Recording, load_recording
from flow_telemetry.demo.servers import DemoReceiver, ReplayedGitHub
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.report.html import waterfall
from flow_telemetry.report.text import counted
from flow_telemetry.telemetry import Span

_PAGE_NAME = "flow-telemetry-demo.html"
# The workflow whose jobs the terminal shows within the feature trace.
_DEPLOY = "Deploy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """How to show it.

    ``html`` is where the page goes, None for a new temporary folder. ``open_page`` is called with
    its path, where ``stream`` is a terminal beside a browser; None leaves it closed.
    """

    environ: Mapping[str, str] = field(repr=False)
    stream: TextIO
    recording: Recording = field(repr=False, default_factory=load_recording)
    html: Path | None = None
    open_page: Callable[[Path], None] | None = None

    def show(self) -> None:
        """Run the whole demo.

        Raises:
            FlowTelemetryError: an export failed, or something of the machine stood in the way.
        """
        try:
            spans = self._exported_spans()
            self._draw(spans)
            self._show_page(spans)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise FlowTelemetryError(
                f"the demo could not go on: {reason}; it needs to listen on 127.0.0.1, to start "
                "Python, and to write temporary files"
            ) from None

    def _exported_spans(self) -> list[Span]:
        """Replay every event of the demo's world and return what the receiver decoded."""
        recording = self.recording
        with (
            ReplayedGitHub(recording) as github,
            DemoReceiver() as receiver,
            tempfile.TemporaryDirectory(prefix="flow-telemetry-demo-") as folder,
        ):
            place = Place(
                github_url=github.url,
                server_url=recording.server_url,
                repository=recording.repository,
                otlp_endpoint=receiver.url,
                environ=self.environ,
                folder=Path(folder),
            )
            self._introduce(place)
            with running(place) as program:
                for event in recording.events:
                    self._export(event, program, receiver)
            self._write(
                f"\nGitHub was asked {github.requests} times; the receiver decoded "
                f"{len(receiver.spans)} spans, {receiver.log_records} events and "
                f"{receiver.points} metric points.\n"
                "Of the spans the terminal shows what is coarse, and of one failed job the steps; "
                "the page shows all.\n"
            )
            return receiver.spans

    def _introduce(self, place: Place) -> None:
        feature = self.recording
        self._write(
            "A demo on this machine alone: no account, no token, no network.\n\n"
            f"It holds a small GitHub with epic #{feature.feature} of {feature.repository}, "
            f'"{feature.title}", and an\n'
            "OTLP receiver in place of your backend. The action gets both addresses as a workflow "
            "would set them:\n\n"
            f"  GITHUB_API_URL={place.github_url}\n"
            f"  OTEL_EXPORTER_OTLP_ENDPOINT={place.otlp_endpoint}\n\n"
            "It runs for each event that starts the ready workflow of the README:\n\n"
        )

    def _export(self, event: RecordedEvent, program: Program, receiver: DemoReceiver) -> None:
        before = len(receiver.spans)
        ended = program.export(event.variables, event.payload)
        arrived = len(receiver.spans) - before
        became = f"{arrived:>3} spans" if arrived else "  - leaves with its epic"
        self._write(
            f"  {event.time:%b %d %H:%M}  {event.event:<21}{event.what:<37}{became}\n"
            + "".join(f"    {line}\n" for line in ended.annotations)
        )
        if ended.status != 0:
            raise FlowTelemetryError(
                f"the export of {event.what} ended with exit status {ended.status}; "
                "please report it with the lines above"
            )

    def _draw(self, spans: Sequence[Span]) -> None:
        feature = _feature_trace(spans)
        live = [span for span in spans if span.trace_id != feature]
        whole = [span for span in spans if span.trace_id == feature]
        self._draw_part(
            live, without_steps(live), "LIVE TRACES, one a pull request, sent as things happened"
        )
        self._draw_part(
            whole, overview(whole, _DEPLOY), "THE FEATURE TRACE, sent whole when the epic closed"
        )

    def _draw_part(self, spans: Sequence[Span], drawn: Sequence[Span], title: str) -> None:
        self._write(
            f"\n{title} ({len(drawn)} of {counted(len(spans), 'span')} drawn):\n\n"
            f"{draw(drawn, self.stream)}\n"
        )

    def _show_page(self, spans: Sequence[Span]) -> None:
        path = self.html or Path(tempfile.mkdtemp(prefix="flow-telemetry-demo-")) / _PAGE_NAME
        feature = self.recording
        title = f"Epic #{feature.feature} of {feature.repository}: {feature.title}"
        page = waterfall(spans, title)
        try:
            path.write_text(page, encoding="utf-8", newline="\n")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise FlowTelemetryError(
                f"the page cannot be written to {path}: {reason}; name another file by --html"
            ) from None
        self._write(f"\nAll of it as waterfalls: {path.resolve()}\n")
        looked_at = self.stream.isatty() and has_browser(self.environ, sys.platform)
        if self.open_page is not None and looked_at:
            self.open_page(path)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def _feature_trace(spans: Sequence[Span]) -> str:
    """The trace whose root is a work item."""
    roots = (s for s in spans if s.parent_span_id is None)
    return next(
        (s.trace_id for s in roots if s.attributes.get("flow.entity.type") == "work_item"), ""
    )
