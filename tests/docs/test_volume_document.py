"""docs/guides/volume.md: its figures are those of the demo, exported with each setting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contracts.openapi import validate
from tests.fakes.demo.triggers import triggers
from tests.fakes.demo.world import demo_world
from tests.fakes.github import FakeGitHub
from tests.fakes.metrics import points_in
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.support.program import Program
from tests.support.recorded import NO_RECORDED_DATA, RECORDED, recorded, single_runs
from tests.support.workflows import ROOT

from flow_telemetry.settings.backends import PRESETS

PAGE = (ROOT / "docs/guides/volume.md").read_text(encoding="utf-8")
ROWS: dict[str, dict[str, Any]] = {
    "the defaults": {},
    "`boilerplate-steps: false`": {"boilerplate_steps": False},
    "`detail: job`": {"detail": "job"},
    "`detail: run`": {"detail": "run"},
    "`feature-trace: false`": {"feature_trace": False},
    "`signals: traces`": {"signals": "traces"},
    "`boilerplate-steps: false`, `feature-trace: false`": {
        "boilerplate_steps": False,
        "feature_trace": False,
    },
}


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """The GitHub of the demo."""
    with FakeGitHub(demo_world(), check=validate) as server:
        yield server


def row_of(program: Program, receiver: Receiver, name: str) -> str:
    """Return a row of the table: all that the demo's events send with a setting."""
    for trigger in triggers(program.github.world):
        result = program.action(
            trigger.variables, event=trigger.payload, ancestors="none", **ROWS[name]
        )
        assert result.outputs["status"] in ("exported", "skipped")
    points = [p for r in receiver.requests_to("metrics") for p in points_in(r.message)]
    series = {
        (p.name, *(sorted(map(repr, {**p.attributes, **p.resource}.items())))) for p in points
    }
    counts = (len(receiver.spans), len(receiver.events), len(points), len(series))
    cells = " | ".join(f"{count:,}" for count in counts)
    return f"| {name} | {cells} |"


@pytest.mark.parametrize("name", ROWS)
def test_the_table_is_what_the_demo_sends(program: Program, receiver: Receiver, name: str) -> None:
    """Spans, events, points and series."""
    assert row_of(program, receiver, name) in PAGE.splitlines()


def test_the_demo_is_as_large_as_the_page_says() -> None:
    """Its runs with their jobs and steps, and its pull requests."""
    world = demo_world()
    runs = list(_runs(world))
    jobs = [each for run in runs for each in run.jobs]
    steps = sum(len(each.steps) for each in jobs)
    sentence = (
        f"{len(runs)} run attempts with {len(jobs)} jobs and {steps} steps, "
        f"{len(world.pull_requests)} pull requests"
    )
    assert sentence in " ".join(PAGE.split())


def _runs(world: World) -> Iterator[Run]:
    """Yield the run attempts that the demo's events export."""
    told = [t.payload["workflow_run"] for t in triggers(world) if t.event == "workflow_run"]
    attempts = {(each["id"], each["run_attempt"]) for each in told}
    yield from (run for run in world.attempts if (run.id, run.attempt) in attempts)


@pytest.mark.parametrize(("jobs", "steps"), [(1, 0), (1, 7), (20, 10)])
def test_the_formula(program: Program, receiver: Receiver, jobs: int, steps: int) -> None:
    """If each job waited for its runner."""
    world = World("acme/shop")
    assert "2 + jobs \u00d7 (2 + steps)" in PAGE
    with FakeGitHub(world) as github:
        of_run = [
            job(f"job {n}", steps=[step(f"step {m}", 1) for m in range(steps)]) for n in range(jobs)
        ]
        run = world.run(event="schedule", jobs=of_run)
        program.github = github
        program.export(run)
    assert len(receiver.spans) == 2 + jobs * (2 + steps)


@pytest.mark.skipif(not RECORDED.is_dir(), reason=NO_RECORDED_DATA)
@pytest.mark.parametrize("quiet", [False, True])
def test_a_recorded_run(program: Program, receiver: Receiver, quiet: bool) -> None:
    """A run of GitHub's, whose steps of the runner are a third of its steps."""
    run = next(each for each in single_runs() if each.id == 3881497935)
    steps = sum(len(each["steps"]) for each in recorded("run-3881497935-jobs")["jobs"])
    with run.served() as api:
        program.command(
            *("export", "run", f"--repo={run.repository}", f"--run-id={run.id}"),
            *(f"--otlp-endpoint={receiver.url}", f"--boilerplate-steps={str(not quiet).lower()}"),
            environ={"GITHUB_API_URL": api, "GITHUB_SERVER_URL": "https://github.com"},
        )
    said = " ".join(PAGE.split())
    count = (
        f"{len(receiver.spans)} with `boilerplate-steps: false`"
        if quiet
        else (f"5 jobs and {steps} steps: {len(receiver.spans)} spans")
    )
    assert count in said


def test_the_backends_that_bill_by_span_are_named() -> None:
    """Those whose presets set `boilerplate-steps`."""
    billed = [p.title for p in PRESETS.values() if "boilerplate-steps" in p.settings]
    assert f"presets of {', '.join(billed[:-1])} and {billed[-1]}" in " ".join(PAGE.split())
