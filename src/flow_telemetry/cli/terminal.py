"""Terminal output of the commands: progress, traces, and the result."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from flow_telemetry.outcome import Outcome
from flow_telemetry.report.terminal import report, tree
from flow_telemetry.report.text import terminal_line
from flow_telemetry.settings import LogLevel
from flow_telemetry.telemetry import Span

_DEFAULT_WIDTH = 100
_LONGEST_LINE = 1_000


@dataclass(frozen=True, slots=True)
class TerminalLog:
    """Progress on standard error: lines on a terminal, or at log level debug."""

    level: LogLevel
    stream: TextIO

    def debug(self, text: str) -> None:
        """Write a detail."""
        if self.level is LogLevel.DEBUG:
            self._write(f"debug: {text}")

    def info(self, text: str) -> None:
        """Write the current activity; a pipe or a file gets no progress."""
        if self.level is LogLevel.DEBUG or (self.level is LogLevel.INFO and self.stream.isatty()):
            self._write(f"{text} …")

    def progress(self, text: str) -> None:
        """Write the progress of long work on one line of a terminal, over the previous text."""
        if self.level is LogLevel.DEBUG:
            self._write(f"debug: {text}")
        elif self.level is LogLevel.INFO and self.stream.isatty():
            self._write_over(f"{text} …")

    def clear(self) -> None:
        """Remove the line of progress before other output."""
        if self.level is LogLevel.INFO and self.stream.isatty():
            self._write_over("")

    def _write_over(self, text: str) -> None:
        """Write a text that the next one overwrites."""
        width = shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns - 1
        self.stream.write(f"\r{terminal_line(text, width).ljust(width)}\r")
        self.stream.flush()

    def _write(self, text: str) -> None:
        self.clear()
        self.stream.write(terminal_line(text, _LONGEST_LINE) + "\n")
        self.stream.flush()


def draw(spans: Sequence[Span], stream: TextIO) -> str:
    """Return the traces as trees that fit the stream: its width, colours and characters."""
    terminal = stream.isatty()
    width = shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns if terminal else _DEFAULT_WIDTH
    encoding = (stream.encoding or "ascii").lower()
    return tree(
        spans,
        width=width,
        colour=terminal and "NO_COLOR" not in os.environ,
        plain_ascii=not encoding.startswith("utf"),
    )


def print_outcome(outcome: Outcome, stream: TextIO) -> int:
    """Write the result of a command and return its exit status."""
    stream.write(report(outcome) + "\n")
    return 1 if outcome.failed else 0
