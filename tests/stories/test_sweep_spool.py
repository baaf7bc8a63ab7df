"""What a sweep could not deliver is stored with its ledger, and the next sweep sends it first."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.fakes.faults import status
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World
from tests.stories.test_replay import line
from tests.support.program import Program, Result
from tests.support.spool import files_in
from tests.support.sweeps import sweep, swept

ARTIFACT = "flow-telemetry-ledger"


def kept(folder: Path) -> dict[str, bytes]:
    """The files that the ready workflow uploads, by their names in the artifact."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def ago(minutes: float) -> datetime:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    return now - timedelta(minutes=minutes)


@pytest.fixture
def stored(world: World) -> Path:
    """What the runner's folder of the ledger is called, and a pull request for the first sweep."""
    world.pull_request(1, opened_at=ago(300), merged_at=ago(60))
    return Path("temp") / "flow-telemetry"


def run_sweep(program: Program, own: Run, folder: Path) -> Result:
    """Sweep as the ready workflow does."""
    return sweep(program, own, timeout=30)


def next_sweep(
    program: Program, world: World, artifact: Mapping[str, bytes], folder: Path
) -> Result:
    """Sweep on a new runner, with the artifact of the last sweep."""
    shutil.rmtree(folder.parent, ignore_errors=True)
    last = swept(world, ago(10))
    world.artifact(ARTIFACT, dict(artifact), run=last.id)
    return run_sweep(program, swept(world, ago(1), None), folder)


def test_the_next_sweep_sends_it_first(
    program: Program, world: World, receiver: Receiver, stored: Path
) -> None:
    """Once: the ledger has it as exported, and the spool is gone when it was taken."""
    folder = program.folder / stored
    receiver.script("/v1/", status(503, retry_after="900"), times=3)
    first = run_sweep(program, swept(world, ago(20)), folder)
    assert first.outputs["status"] == "spooled"
    assert receiver.spans == []
    artifact = kept(folder)
    assert any(name.endswith(".otlp.gz") for name in artifact)
    second = next_sweep(program, world, artifact, folder)
    assert second.warnings == []
    lives = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "life"]
    assert len({span.span_id for span in lives}) == len(lives) == 1
    assert [name for name in kept(folder) if name != "ledger.json"] == []


def test_lines_of_an_earlier_version_are_sent(
    program: Program, world: World, receiver: Receiver, stored: Path
) -> None:
    """Other files, and any outside of the spool, are not written."""
    folder = program.folder / stored
    run_sweep(program, swept(world, ago(20)), folder)
    artifact = kept(folder) | {
        "spool/traces-20261124T034300Z-0123abcd.jsonl": f"{line('of lines')}\n".encode(),
        "spool/../../escaped.jsonl": f"{line('escaped')}\n".encode(),
        "spool/20261124T034300Z-01234567/lock": b"",
    }
    second = next_sweep(program, world, artifact, folder)
    assert second.outputs["status"] == "exported"
    assert receiver.spans_named("of lines")
    assert not receiver.spans_named("escaped")
    assert files_in(folder / "spool") == []
