"""A step that is cancelled: what was collected is delivered or kept, within five seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.support.program import Program, Result
from tests.support.waiting import until

from flow_telemetry.testing import events
from flow_telemetry.testing.faults import black_hole
from flow_telemetry.testing.github import FakeGitHub
from flow_telemetry.testing.receiver import Receiver
from flow_telemetry.testing.records import Run
from flow_telemetry.testing.world import START, World, job, step

DOOR = "import sys; from flow_telemetry.action import main; sys.exit(main())"
MOST_SECONDS = 5.0

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals to send")


class Step:
    """The action as a process that can be sent signals, as the runner does."""

    def __init__(self, program: Program, run: Run, **inputs: object) -> None:
        event = events.workflow_run(program.github.world, run)
        of_place = {"GITHUB_EVENT_NAME": "workflow_run", "PYTHONUTF8": "1"}
        self.program = program
        environ = program.action_environ(of_place, event=event, **inputs)
        self.process = subprocess.Popen(
            [sys.executable, "-c", DOOR],
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait until the program has come so far."""

        def ended_or_happened() -> bool:
            return self.process.poll() is not None or happened()

        until(ended_or_happened, "the program never came so far")
        assert self.process.poll() is None, self.process.communicate()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def result(self) -> tuple[float, Result]:
        """Return how long the program still took, and its result."""
        began = time.monotonic()
        stdout, stderr = self.process.communicate(timeout=30)
        seconds = time.monotonic() - began
        done = self.program._result(self.process.returncode, stdout, stderr)
        return seconds, done


@pytest.fixture
def run(world: World) -> Run:
    """A merge's run: the merged pull request goes along once the run is read."""
    merged = START - timedelta(minutes=5)
    world.pull_request(123, merged_at=merged, merge_commit_sha="c" * 40)
    return world.run(
        event="push", branch="main", sha="c" * 40, jobs=[job("test", steps=[step("Test", 9)])]
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_read_is_delivered_though_the_rest_is_not(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver, number: int
) -> None:
    """GitHub hangs at the merged pull request, after the run was read; then comes the signal."""
    github.script("/timeline", black_hole(), times=None)
    cancelled = Step(program, run)
    cancelled.until(lambda: any("jobs" in path for path in github.paths))
    cancelled.until(lambda: any("/timeline" in path for path in github.paths))
    cancelled.send(number)
    seconds, result = cancelled.result()
    assert seconds < MOST_SECONDS
    assert result.status == 0
    assert signal.Signals(number).name in " ".join(result.warnings)
    assert "Traceback" not in result.log
    assert {"RUN CI", "test", "Test"} <= {span.name for span in receiver.spans}
    assert result.outputs["status"] == "partial"


def test_what_hangs_on_its_way_is_kept_in_the_spool(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """Nothing that was collected is lost where the endpoint takes connections and says nothing."""
    receiver.script("/v1/", black_hole(), times=None)
    cancelled = Step(program, run)
    cancelled.until(lambda: bool(receiver.requests))
    cancelled.send(signal.SIGINT)
    seconds, result = cancelled.result()
    assert seconds < MOST_SECONDS
    names = {span.name for span in result.spooled}
    assert {"RUN CI", "test", "Test"} <= names
    assert result.outputs["status"] == "spooled"


def test_a_second_signal_ends_it_at_once(program: Program, run: Run, receiver: Receiver) -> None:
    """SIGTERM after SIGINT: no more is tried, and all is kept."""
    receiver.script("/v1/", black_hole(), times=None)
    cancelled = Step(program, run)
    cancelled.until(lambda: bool(receiver.requests))
    cancelled.send(signal.SIGINT)
    time.sleep(0.2)
    cancelled.send(signal.SIGTERM)
    seconds, result = cancelled.result()
    assert seconds < 2.5
    assert {"RUN CI", "test", "Test"} <= {span.name for span in result.spooled}


def test_the_command_line_tells_the_shell(program: Program, run: Run, receiver: Receiver) -> None:
    """Ctrl-C: what was read is kept, and the exit status is a shell's for SIGINT."""
    receiver.script("/v1/", black_hole(), times=None)
    environ = program.command_environ()
    words = ["export", "run", "--repo=acme/shop", f"--run-id={run.id}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "flow_telemetry", *words, f"--otlp-endpoint={receiver.url}"],
        env={**os.environ, **environ},
        cwd=program.folder,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    until(lambda: receiver.requests, "the program sends nothing")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in stderr
    assert list((program.folder / "flow-telemetry-spool").glob("traces-*.jsonl"))
