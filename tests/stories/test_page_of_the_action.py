"""The action's page: a file for `upload-artifact`, and no failure of it hurts the export."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.fakes import events
from tests.fakes.faults import status
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.support.pages import data_of, title_of
from tests.support.program import Program


@pytest.fixture
def run(world: World) -> Run:
    """A run of a pull request that has failed."""
    world.pull_request(123, title="Pay by card", branch="feature")
    steps = [step("Compile", 30), step("Test", 5, "failure")]
    return world.run(event="pull_request", branch="feature", jobs=[job("build", steps=steps)])


def test_the_output_is_its_path(program: Program, run: Run, receiver: Receiver) -> None:
    """A fixed place below the runner's temporary folder; it shows what is sent."""
    result = program.export(run, page=True)
    path = Path(result.outputs["page"])
    assert path == program.folder / "temp" / "flow-telemetry" / "page.html"
    assert (result.warnings, f"the page is in {path}" in result.log) == ([], True)
    shown = path.read_text(encoding="utf-8")
    assert title_of(shown) == "RUN CI"
    data = data_of(shown)
    assert sum(len(trace["name"]) for trace in data["traces"]) == len(receiver.spans)
    assert data["overview"]["failed"] == 1


def test_there_is_none_without_the_input(program: Program, run: Run) -> None:
    """Neither a file nor an output."""
    assert "page" not in program.export(run).outputs
    assert list(program.folder.rglob("*.html")) == []


def test_it_needs_no_endpoint(program: Program, run: Run, receiver: Receiver) -> None:
    """The page is written, and the result is that nothing was sent."""
    result = program.export(run, page=True, otlp_endpoint="")
    assert (result.outputs["status"], result.outputs["spans"], result.warnings) == (
        "skipped",
        "0",
        [],
    )
    assert ["nothing is sent" in notice for notice in result.notices] == [True]
    shown = Path(result.outputs["page"]).read_text(encoding="utf-8")
    assert "Compile" in data_of(shown)["texts"]
    assert receiver.requests == []


def test_a_sweep_has_its_own_heading(program: Program, world: World) -> None:
    """With the number of what it exported."""
    world.pull_request(7, merged_at="2026-11-04T08:00:00Z")
    event = events.schedule(world)
    result = program.action(
        {"GITHUB_EVENT_NAME": "schedule"}, event=event, since="2026-11-01T00:00:00Z", page=True
    )
    shown = Path(result.outputs["page"]).read_text(encoding="utf-8")
    assert title_of(shown) == "Sweep of acme/shop: 1 exported"


def test_what_could_not_be_read_is_on_it(program: Program, run: Run) -> None:
    """A step that uploads it finds the file in any case, with the reason."""
    program.github.script(f"/actions/runs/{run.id}", status(404), times=None)
    result = program.export(run, page=True)
    shown = Path(result.outputs["page"]).read_text(encoding="utf-8")
    assert title_of(shown) == "Nothing exported"
    assert data_of(shown)["notes"] == [
        each.removeprefix("flow-telemetry: ") for each in result.warnings
    ]


def test_a_run_without_a_temporary_folder(program: Program, run: Run, receiver: Receiver) -> None:
    """A warning; the export is complete."""
    result = program.export(run, {"RUNNER_TEMP": ""}, page=True)
    assert result.warnings == [
        "flow-telemetry: no page is written: the runner has not set RUNNER_TEMP"
    ]
    assert (result.status, result.outputs["status"], "page" in result.outputs) == (
        0,
        "exported",
        False,
    )
    assert receiver.spans


@pytest.mark.skipif(sys.platform == "win32", reason="links need a permission there")
def test_a_link_in_its_place_is_not_followed(program: Program, run: Run, tmp_path: Path) -> None:
    """An earlier step could aim it at a file of the runner; the link itself is replaced."""
    secret, folder = tmp_path / "secret", program.folder / "temp" / "flow-telemetry"
    secret.write_text("as it was")
    folder.mkdir(parents=True)
    (folder / "page.html").symlink_to(secret)
    path = Path(program.export(run, page=True).outputs["page"])
    assert (path.is_symlink(), secret.read_text()) == (False, "as it was")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a permission there")
def test_a_folder_that_is_a_link_is_refused(program: Program, run: Run, tmp_path: Path) -> None:
    """With a warning, and nothing is written behind it; a spool elsewhere works."""
    elsewhere, temporary = tmp_path / "elsewhere", program.folder / "temp"
    elsewhere.mkdir()
    temporary.mkdir()
    (temporary / "flow-telemetry").symlink_to(elsewhere)
    result = program.export(run, page=True, spool_path=tmp_path / "spool")
    assert [each.partition(" to ")[0] for each in result.warnings] == [
        "flow-telemetry: the page cannot be written"
    ]
    assert (result.outputs["status"], [*elsewhere.iterdir()]) == ("exported", [])
