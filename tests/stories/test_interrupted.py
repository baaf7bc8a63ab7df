"""A step that is cancelled: what was collected is delivered or kept, within five seconds."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import events
from tests.fakes.faults import black_hole, status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import START, World, job, step
from tests.support.program import Program, Result
from tests.support.spool import files_in, spans_of
from tests.support.waiting import until

DOOR = "import sys; from flow_telemetry.action import main; sys.exit(main())"
MOST_SECONDS = 5.0
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals to send")


class Step:
    """The action, or a command, as a process that can be sent signals, as the runner does.

    ``visible`` is what the event says of the repository.
    """

    def __init__(
        self,
        program: Program,
        run: Run,
        place: Mapping[str, str] | None = None,
        *,
        visible: Mapping[str, Any] | None = None,
        command: Sequence[str] = (),
        **inputs: object,
    ) -> None:
        event = events.workflow_run(program.github.world, run)
        event["repository"] = {**event["repository"], **(visible or {})}
        of_place = {"GITHUB_EVENT_NAME": "workflow_run", "PYTHONUTF8": "1", **(place or {})}
        self.program = program
        environ = program.action_environ(of_place, event=event, **inputs)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flow_telemetry", *command]
            if command
            else [sys.executable, "-c", DOOR],
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


def command(program: Program, *words: str) -> subprocess.Popen[str]:
    """Start the command line."""
    return subprocess.Popen(
        [sys.executable, "-m", "flow_telemetry", *words],
        env={**os.environ, **program.command_environ()},
        cwd=program.folder,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


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
    github.script("/graphql", black_hole(), times=None)
    cancelled = Step(program, run)
    cancelled.until(lambda: any("jobs" in path for path in github.paths))
    cancelled.until(lambda: any("/graphql" in path for path in github.paths))
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
    told = " ".join(result.warnings)
    assert "the program was cancelled" in told
    assert "`timeout`" not in told


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
    words = ("export", "run", "--repo=acme/shop", f"--run-id={run.id}")
    process = command(program, *words, f"--otlp-endpoint={receiver.url}")
    until(lambda: receiver.requests, "the program sends nothing")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in stderr
    assert "`timeout`" not in stderr
    assert list((program.folder / "flow-telemetry-spool").rglob("traces-*.otlp.gz"))


def test_a_signal_while_the_results_are_told_ends_nothing(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """All was delivered, and the summary is being written: it is written to its end."""
    summary = program.folder / "slow-summary"
    os.mkfifo(summary)
    cancelled = Step(program, run, {"GITHUB_STEP_SUMMARY": str(summary)})
    cancelled.until(lambda: "trace-id" in program._written("output"))
    cancelled.send(signal.SIGINT)
    written = summary.read_text(encoding="utf-8")
    _, result = cancelled.result()
    assert (result.status, result.outputs["status"]) == (0, "exported")
    assert "Traceback" not in result.log
    assert "CI: success" in written
    assert result.warnings == []


def test_the_context_step_stops_waiting(program: Program, run: Run, github: FakeGitHub) -> None:
    """The job is cancelled while GitHub is asked where it belongs."""
    github.script("/actions/runs", black_hole(), times=None)
    cancelled = Step(program, run, mode="context")
    cancelled.until(lambda: bool(github.paths))
    cancelled.send(signal.SIGINT)
    seconds, result = cancelled.result()
    assert seconds < MOST_SECONDS
    assert result.status == 0
    assert "SIGINT" in " ".join(result.warnings)
    assert "Traceback" not in result.log


def test_a_replay_says_that_it_was_ended(program: Program, run: Run, receiver: Receiver) -> None:
    """What was not sent stays in its file, and no input is blamed."""
    receiver.script("/v1/", status(503), times=7)
    program.export(run, timeout=1)
    spool = program.folder / "temp" / "flow-telemetry" / "spool"
    kept = {each.name for each in spool.iterdir()}
    receiver.script("/v1/", black_hole(), times=None)
    before = len(receiver.requests)
    process = command(program, "replay", str(spool), f"--otlp-endpoint={receiver.url}")
    until(lambda: len(receiver.requests) > before, "the program sends nothing")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert "the replay was cancelled (SIGINT)" in stderr
    assert "`timeout`" not in stderr
    assert {each.name for each in spool.iterdir()} == kept


def test_a_sweep_that_is_ended_says_what_is_left(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Ctrl-C in the middle of it: the rest was sent or is in the spool."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    for number in range(1, 61):
        world.pull_request(
            number,
            branch=f"branch-{number}",
            opened_at=now - timedelta(hours=2),
            merged_at=now - timedelta(seconds=50 * number),
        )
    receiver.script("/v1/traces", black_hole(), after=2, times=None)
    words = ("sweep", "--repo=acme/shop", "--since=1h", f"--otlp-endpoint={receiver.url}")
    process = command(program, *words)

    def third() -> bool:
        return len([each for each in receiver.requests if each.path == "/v1/traces"]) > 2

    until(third, "the third is not sent")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    (left,) = re.findall(
        r"was cancelled \(SIGINT\): (\d+) things? (?:is|are) left to the next", stderr
    )
    assert int(left) >= 10
    spooled = files_in(program.folder / "flow-telemetry-spool")
    kept = [span for path in spooled for span in spans_of(path)]
    exported = {each.name for each in (*receiver.spans, *kept)} - {
        "awaiting review",
        "open until merged",
    }
    assert len(exported) == 60 - int(left)


# Sends the signal at the moment when a module is looked for.
CANCELLED_AS_IT_LOADS = """
import os, runpy, signal, sys
module, door = sys.argv[1:3]
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.argv = sys.argv[2:]
run = runpy.run_path if door.endswith(".py") else runpy.run_module
run(door, run_name="__main__")
"""


@pytest.mark.parametrize("module", ["flow_telemetry.cli.main", "flow_telemetry.cli.export"])
def test_ctrl_c_as_the_command_line_starts_is_no_fault(program: Program, module: str) -> None:
    """It is still loading what it needs."""
    done = subprocess.run(
        [sys.executable, "-c", CANCELLED_AS_IT_LOADS, module, "flow_telemetry", "export", "run"],
        env={**os.environ, **program.command_environ()},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "flow-telemetry: interrupted\n")


def cancelled_as_it_loads(program: Program, module: str) -> subprocess.CompletedProcess[str]:
    """Start the action as its launcher does, and cancel the step when a module is loaded."""
    return subprocess.run(
        [
            *(sys.executable, "-I", "-S", "-B", "-c", CANCELLED_AS_IT_LOADS),
            *(module, str(ROOT / "launcher" / "main.py")),
        ],
        env={**os.environ, **program.action_environ()},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_a_step_that_is_cancelled_as_it_starts_says_so(program: Program) -> None:
    """Before the action itself is loaded."""
    done = cancelled_as_it_loads(program, "launcher.install")
    assert (done.returncode, done.stderr) == (0, "")
    assert "::warning" in done.stdout
    assert "cancelled" in done.stdout
    assert "status=skipped" in program._written("output")


def test_a_step_that_is_cancelled_before_that_is_no_fault(program: Program) -> None:
    """There is nothing yet that could say it."""
    done = cancelled_as_it_loads(program, "gc")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
