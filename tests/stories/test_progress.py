"""Long work shows how far it is: on a terminal always, in a pipe every few seconds."""

from __future__ import annotations

import io

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.world import World
from tests.otlp.builders import FakeClock
from tests.stories.worlds import feature
from tests.support.program import Program

from flow_telemetry.cli.terminal import TerminalLog
from flow_telemetry.settings import LogLevel


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True

    @property
    def shown(self) -> list[str]:
        """The lines as they stand in the end, what was written over gone."""
        lines = self.getvalue().split("\n")
        return [line.split("\r")[-1] for line in lines]


def test_progress_takes_one_line_of_a_terminal() -> None:
    """Each tells how far the work is now, and what follows takes the line's place."""
    terminal = Terminal()
    log = TerminalLog(LogLevel.INFO, terminal)
    log.progress("12 requests, 3 items read")
    log.progress("13 requests, 4 items read")
    assert terminal.getvalue().count("\n") == 0
    assert "13 requests, 4 items read …" in terminal.getvalue()
    log.info("reading the rest")
    assert terminal.shown == ["reading the rest …", ""]


@pytest.mark.parametrize("level", [LogLevel.WARNING, LogLevel.ERROR])
def test_who_wants_less_sees_none(level: LogLevel) -> None:
    """`log-level` counts for it, too."""
    terminal = Terminal()
    log = TerminalLog(level, terminal)
    log.progress("12 requests")
    log.clear()
    assert terminal.getvalue() == ""


def test_in_a_pipe_there_is_a_line_every_few_seconds() -> None:
    """A log shows that the work goes on, and is not filled."""
    pipe, clock = io.StringIO(), FakeClock()
    log = TerminalLog(LogLevel.INFO, pipe, clock)
    for second in range(12):
        log.progress(f"{second} requests")
        log.info(f"reading item {second}")
        clock.sleep(1)
    assert pipe.getvalue().splitlines() == ["5 requests …", "10 requests …"]


def test_who_wants_quiet_sees_none() -> None:
    """Neither on a terminal nor in a pipe."""
    for stream in (Terminal(), io.StringIO()):
        clock = FakeClock()
        log = TerminalLog(LogLevel.INFO, stream, clock, quiet=True)
        clock.sleep(60)
        log.progress("12 requests")
        log.info("reading")
        log.clear()
        assert stream.getvalue() == ""


def test_short_work_shows_none_in_a_pipe(
    program: Program, world: World, receiver: Receiver
) -> None:
    """What is kept in a file or a log is the result; debugging shows each step."""
    feature(world)
    command = ("export", "feature", "acme/shop#1", "--otlp-endpoint", receiver.url)
    assert "pull requests read" not in program.command(*command).stderr
    assert "pull requests read" in program.command(*command, "--log-level", "debug").stderr
