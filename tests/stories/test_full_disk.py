"""A runner without space, or whose files may not be written: told, counted, and green."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.fakes.faults import status
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job
from tests.support.program import Program, Result
from tests.support.spool import files_in

# No file may have more bytes than the variable says, as on a disk that has no more: what is
# beyond it fails to be written.
FULL = """
import os, resource, signal, sys
from flow_telemetry.action import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["ROOM"]),) * 2)
sys.exit(main())
"""
full_disk = pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX's")


@pytest.fixture
def run(world: World) -> Run:
    """A run that has ended."""
    return world.run(jobs=[job("test")])


def on_a_full_disk(program: Program, run: Run, room: int = 0) -> Result:
    """Run the action in a process of its own, for which no file may be larger than that."""
    environ = {"ROOM": str(room), "GITHUB_EVENT_NAME": "workflow_dispatch"}
    return program.action_process(environ, door=FULL, mode="run", run_id=run.id)


@full_disk
def test_no_space_costs_what_is_written_only(
    program: Program, receiver: Receiver, run: Run
) -> None:
    """The telemetry arrives; for outputs and summary one reads what to do."""
    result = on_a_full_disk(program, run)
    assert (result.status, result.stderr) == (0, "")
    assert receiver.spans_named("RUN CI")
    assert [each.partition(" could")[0] for each in result.warnings] == [
        "flow-telemetry: the spool",
        "flow-telemetry: the outputs",
        "flow-telemetry: the summary",
    ]
    assert "sent without a copy on disk" in result.warnings[0]
    assert all("free space on the runner's disk" in each for each in result.warnings[1:])
    assert result.outputs.get("status", "exported") == "exported"
    assert "4 spans" in result.log


@full_disk
def test_no_space_for_the_spool_is_counted(program: Program, receiver: Receiver, run: Run) -> None:
    """Neither delivered nor kept: how much, why, and which input names another place."""
    receiver.script("/v1/", status(401), times=None)
    result = on_a_full_disk(program, run)
    assert (result.status, result.stderr, result.spool_files) == (0, "", [])
    told = [each for each in result.warnings if "the spool could not be written" in each]
    assert len(told) == 1
    assert "spool-path" in told[0]
    assert "4 spans neither delivered nor kept" in result.log


@full_disk
def test_what_has_room_in_the_spool_is_kept(program: Program, receiver: Receiver, run: Run) -> None:
    """Files that are whole, and no pieces of others."""
    receiver.script("/v1/", status(401), times=None)
    well = on_a_full_disk(program, run, room=1_000_000)
    assert well.outputs["status"] == "spooled"
    sizes = {path.name.partition("-")[0]: path.stat().st_size for path in well.spool_files}
    for path in well.spool_files:
        path.unlink()
    assert sizes["metrics"] > sizes["traces"] + 20
    result = on_a_full_disk(program, run, room=sizes["traces"] + 20)
    assert [path.name.partition("-")[0] for path in result.spool_files] == ["traces"]
    assert len(result.spooled) == 4
    assert any("the spool could not be written" in each for each in result.warnings)


def test_files_of_the_runner_that_may_not_be_written_cost_nothing_else(
    program: Program, receiver: Receiver, run: Run
) -> None:
    """A folder in their place is what no mode and no user can write to."""
    folder = program.folder / "no file"
    folder.mkdir()
    names = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
    result = program.export(run, {name: str(folder) for name in names})
    assert result.status == 0
    assert receiver.spans_named("RUN CI")
    assert len(result.warnings) == 2
    assert all("could not be written (" in each for each in result.warnings)


@pytest.mark.parametrize("name", ["a folder with spaces & ' signs", "größe ✓"])
def test_any_name_of_a_folder_will_do(
    program: Program, receiver: Receiver, run: Run, name: str
) -> None:
    """For the runner's temporary folder, and for the spool in it."""
    receiver.script("/v1/", status(401), times=None)
    temporary = program.folder / name
    result = program.export(run, {"RUNNER_TEMP": str(temporary)})
    assert result.outputs["status"] == "spooled"
    kept: list[Path] = files_in(temporary / "flow-telemetry" / "spool")
    assert {path.name.partition("-")[0] for path in kept} == {"traces", "metrics"}
