"""A large run whose step is cancelled: it is kept before the runner kills the program, or after."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from tests.fakes.faults import black_hole
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.stories.test_interrupted import MOST_SECONDS, Step
from tests.support.program import Program

JOBS, STEPS = 250, 30
# Of jobs and steps alone.
LEAST_SPANS = JOBS * (STEPS + 1)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals to send")


@pytest.fixture
def run(world: World) -> Run:
    """A run of thousands of spans: more than one file of the spool."""
    steps = [step(f"step {number}", 3) for number in range(STEPS)]
    return world.run(jobs=[job(f"job {number}", steps=steps) for number in range(JOBS)])


def test_a_large_run_is_kept_in_time(program: Program, run: Run, receiver: Receiver) -> None:
    """All of it, in several files, though the endpoint never answers: GitHub waits ten seconds."""
    receiver.script("/v1/", black_hole(), times=None)
    cancelled = Step(program, run)
    cancelled.until(lambda: bool(receiver.requests))
    cancelled.send(signal.SIGINT)
    seconds, result = cancelled.result()
    assert seconds < MOST_SECONDS
    files = [file for file in result.spool_files if file.name.startswith("traces-")]
    kept = [span_id for file in files for span_id in span_ids_in(file)]
    assert len(kept) >= LEAST_SPANS
    assert len(set(kept)) == len(kept)
    assert len(files) > 1
    assert result.outputs["status"] == "spooled"


def test_a_kill_loses_nothing_that_was_written(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """SIGINT, SIGTERM, and a kill while the spool is being written: replay finds all of it."""
    receiver.script("/v1/", black_hole(), times=None)
    spool = program.folder / "temp" / "flow-telemetry"
    # Nobody reads this one, so that the program does not end before it is killed.
    summary = program.folder / "unread"
    os.mkfifo(summary)
    cancelled = Step(program, run, {"GITHUB_STEP_SUMMARY": str(summary)})
    cancelled.until(lambda: bool(receiver.requests))
    cancelled.send(signal.SIGINT)
    cancelled.send(signal.SIGTERM)
    cancelled.until(lambda: any(spool.glob("traces-*.jsonl")))
    cancelled.send(signal.SIGKILL)
    _, result = cancelled.result()
    assert result.status == -signal.SIGKILL
    files = [file for file in result.spool_files if file.name.startswith("traces-")]
    unfinished = any(file.suffix == ".partial" and file.stat().st_size for file in files)
    written = {span_id for file in files for span_id in span_ids_in(file)}
    assert len(written) > 4_000
    with Receiver() as other:
        replayed = program.command("replay", spool, "--otlp-endpoint", other.url)
        assert replayed.status == 0, replayed.stderr
        assert {span.span_id for span in other.spans} == written
    assert ("was written by an export that was killed" in replayed.stderr) == unfinished


def span_ids_in(file: Path) -> list[str]:
    """The ids of the spans of a file, of whose last line only a part may be there."""
    whole = file.read_bytes().rpartition(b"\n")[0]
    groups = [group for line in whole.splitlines() for group in json.loads(line)["resourceSpans"]]
    scopes = [scope for group in groups for scope in group["scopeSpans"]]
    return [span["spanId"] for scope in scopes for span in scope["spans"]]
