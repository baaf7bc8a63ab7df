"""The demo's story: start both ends, export every run between them, show what arrived."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from flow_telemetry.commands.terminal import draw
from flow_telemetry.demo.browser import has_browser
from flow_telemetry.demo.program import Program
from flow_telemetry.demo.received import telemetry_spans
from flow_telemetry.demo.world import CHANGE, REPOSITORY, TITLE, demo_world
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.telemetry import Span
from flow_telemetry.testing.github import FakeGitHub
from flow_telemetry.testing.receiver import Receiver
from flow_telemetry.testing.records import Run
from flow_telemetry.views.html import waterfall

_PAGE_NAME = "flow-telemetry-demo.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """How to show it.

    ``html`` is where the page goes, None for a new temporary folder. ``open_page`` is called with
    its path, where ``stream`` is a terminal beside a browser; None leaves it closed.
    """

    environ: Mapping[str, str] = field(repr=False)
    stream: TextIO
    html: Path | None = None
    open_page: Callable[[Path], None] | None = None

    def show(self) -> None:
        """Run the whole demo.

        Raises:
            FlowTelemetryError: an export failed, or something of the machine stood in the way.
        """
        try:
            spans = self._exported_spans()
            self._write(f"\n{draw(spans, self.stream)}\n")
            self._show_page(spans)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise FlowTelemetryError(
                f"the demo could not go on: {reason}; it needs to listen on 127.0.0.1, to start "
                "Python, and to write temporary files"
            ) from None

    def _exported_spans(self) -> list[Span]:
        """Export every run of the demo's world and return what the receiver decoded."""
        world = demo_world()
        with (
            FakeGitHub(world) as github,
            Receiver() as receiver,
            tempfile.TemporaryDirectory(prefix="flow-telemetry-demo-") as folder,
        ):
            program = Program(
                github_url=github.url,
                otlp_endpoint=receiver.url,
                environ=self.environ,
                folder=Path(folder),
            )
            self._introduce(program)
            for run in world.attempts:
                self._export(run, program)
            self._write(
                f"\nGitHub was asked {len(github.requests)} times; the receiver decoded "
                f"{len(receiver.spans)} spans from {len(receiver.requests)} requests:\n"
            )
            return telemetry_spans(receiver.spans)

    def _introduce(self, program: Program) -> None:
        variables = "".join(f"  {name}={value}\n" for name, value in program.variables.items())
        self._write(
            "A demo on this machine alone: no account, no token, no network.\n\n"
            f"It holds a small GitHub with pull request #{CHANGE} of {REPOSITORY}, "
            f'"{TITLE}",\nand an OTLP receiver in place of your backend. The program is told '
            f"of both as you would tell it:\n\n{variables}"
        )

    def _export(self, run: Run, program: Program) -> None:
        arguments = ["export", "run", "--repo", REPOSITORY, "--run-id", str(run.id)]
        arguments += ["--run-attempt", str(run.attempt)]
        self._write(f"\n{_what(run)}\n  $ flow-telemetry {' '.join(arguments)}\n")
        ended = program.call(arguments)
        self._write("".join(f"  {line}\n" for line in ended.report.splitlines()))
        if ended.status != 0:
            raise FlowTelemetryError(
                f"the export of run {run.id} ended with exit status {ended.status}; "
                "please report it with the lines above"
            )

    def _show_page(self, spans: list[Span]) -> None:
        path = self.html or Path(tempfile.mkdtemp(prefix="flow-telemetry-demo-")) / _PAGE_NAME
        page = waterfall(spans, f"Pull request #{CHANGE} of {REPOSITORY}: {TITLE}")
        try:
            path.write_text(page, encoding="utf-8", newline="\n")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise FlowTelemetryError(
                f"the page cannot be written to {path}: {reason}; name another file by --html"
            ) from None
        self._write(f"\nThe same as a waterfall: {path.resolve()}\n")
        looked_at = self.stream.isatty() and has_browser(self.environ, sys.platform)
        if self.open_page is not None and looked_at:
            self.open_page(path)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def _what(run: Run) -> str:
    of_attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    return f"Run {run.plan.workflow}{of_attempt} ended with {run.conclusion}:"
