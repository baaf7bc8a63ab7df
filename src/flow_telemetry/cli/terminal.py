"""Terminal output of the commands: progress, traces, and the result."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

from flow_telemetry.cli.parser import CommandParser
from flow_telemetry.clock import Clock, SystemClock
from flow_telemetry.identity import format_timestamp
from flow_telemetry.outcome import Outcome
from flow_telemetry.report.terminal import remarks, report, tree
from flow_telemetry.report.text import terminal_line
from flow_telemetry.settings import LogLevel
from flow_telemetry.telemetry import Signal, Span

_DEFAULT_WIDTH = 100
_LONGEST_LINE = 1_000
# Between two lines of progress in a pipe.
_PROGRESS_SECONDS = 5.0


@dataclass(slots=True)
class TerminalLog:
    """Progress on standard error: on a terminal always, in a pipe or a file every few seconds.

    At log level debug every line is written. With ``quiet`` there is no progress.
    """

    level: LogLevel
    stream: TextIO
    clock: Clock = field(default_factory=SystemClock)
    quiet: bool = False
    _written_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin with a pause: most exports end before it does."""
        self._written_at = self.clock.monotonic()

    def debug(self, text: str) -> None:
        """Write a detail."""
        if self.level is LogLevel.DEBUG:
            self._write(f"debug: {text}")

    def info(self, text: str) -> None:
        """Write the current activity."""
        if self.level is LogLevel.DEBUG or self._shows_on_terminal():
            self._write(f"{text} …")
        else:
            self._write_at_times(text)

    def progress(self, text: str) -> None:
        """Write the progress of long work on one line of a terminal, over the previous text."""
        if self.level is LogLevel.DEBUG:
            self._write(f"debug: {text}")
        elif self._shows_on_terminal():
            self._write_over(f"{text} …")
        else:
            self._write_at_times(text)

    def clear(self) -> None:
        """Remove the line of progress before other output."""
        if self._shows_on_terminal():
            self._write_over("")

    def _shows_on_terminal(self) -> bool:
        return self.level is LogLevel.INFO and not self.quiet and self.stream.isatty()

    def _write_at_times(self, text: str) -> None:
        """Write a text if nothing was written for a while: a log shows that work goes on."""
        now = self.clock.monotonic()
        if (
            self.level is LogLevel.INFO
            and not self.quiet
            and now - self._written_at >= _PROGRESS_SECONDS
        ):
            self._written_at = now
            self._write(f"{text} …")

    def _write_over(self, text: str) -> None:
        """Write a text that the next one overwrites."""
        width = shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns - 1
        self.stream.write(f"\r{terminal_line(text, width).ljust(width)}\r")
        self.stream.flush()

    def _write(self, text: str) -> None:
        self.clear()
        self.stream.write(terminal_line(text, _LONGEST_LINE) + "\n")
        self.stream.flush()


def add_result_flags(parser: CommandParser) -> None:
    """Add the flags for the form of the result and the messages."""
    parser.add_flag("output", "--json", action="store_true", help="Print the result as JSON.")
    add_quiet_flag(parser)


def add_quiet_flag(parser: CommandParser) -> None:
    """Add the flag for fewer messages."""
    parser.add_flag(
        "output",
        "-q",
        "--quiet",
        action="store_true",
        help="Write only problems to standard error.",
    )


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


def print_outcome(
    outcome: Outcome, stream: TextIO, *, quiet: bool = False, sends: bool = True
) -> int:
    """Write the result of a command and return its exit status; if ``quiet``, only problems.

    The result of a command that sends nothing by its nature does not begin with deliveries.
    """
    if not quiet:
        lines = [report(outcome)] if sends else remarks(outcome)
        stream.write("".join(f"{line}\n" for line in lines))
    else:
        rows = (f"problem: {problem}" for problem in outcome.problems)
        stream.write("".join(f"{terminal_line(row, _LONGEST_LINE)}\n" for row in rows))
    return 1 if outcome.failed else 0


def outcome_json(outcome: Outcome) -> str:
    """Return the result of an export as JSON; docs/reference/command-line.md describes its form."""
    subjects = [] if outcome.exported is None else [outcome.exported, *outcome.further]
    facts = {
        "status": outcome.status.value,
        "failed": outcome.failed,
        "subjects": [
            {
                "title": subject.title,
                "reference": subject.reference,
                "root": subject.trace.root,
                "trace_id": subject.trace.trace_id,
                "span_id": subject.trace.span_id(subject.reference),
                "trace_url": subject.trace_url,
                "start": format_timestamp(subject.interval.start),
                "end": format_timestamp(subject.interval.end),
                "partial": subject.partial,
            }
            for subject in subjects
        ],
        "deliveries": [
            {
                "signal": "events" if each.signal is Signal.LOGS else each.signal.value,
                "destination": each.destination,
                "collected": each.collected,
                "sent": each.sent,
                "spooled": each.spooled,
                "lost": each.lost,
                "declined": each.declined,
            }
            for each in outcome.deliveries
        ],
        "problems": list(outcome.problems),
        "notices": list(outcome.notices),
        "left_out": list(outcome.left_out),
        "seconds": round(outcome.seconds, 3),
    }
    return json.dumps(facts, indent=2, ensure_ascii=False)
