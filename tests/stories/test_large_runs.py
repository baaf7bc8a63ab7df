"""Runs of any size arrive whole, with few requests to GitHub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.faults import altered
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.support.program import Program


@pytest.fixture
def unchecked(world: World) -> Iterator[FakeGitHub]:
    """A fake GitHub whose answers are not checked: large ones would take long."""
    with FakeGitHub(world) as fake:
        yield fake


@pytest.fixture
def at_scale(
    unchecked: FakeGitHub,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Program:
    """The program against it."""
    return Program(
        github=unchecked, receiver=receiver, folder=tmp_path, patch=monkeypatch, printed=capsys
    )


def test_250_jobs_of_30_steps_arrive_whole(
    at_scale: Program, world: World, receiver: Receiver, unchecked: FakeGitHub
) -> None:
    """Pages are read to the end, and no span is dropped on the way."""
    steps = [step(f"Step {n}") for n in range(30)]
    run = world.run(event="schedule", jobs=[job(f"leg {n}", steps=steps) for n in range(250)])
    result = at_scale.export(run)
    kinds = [span.attributes["flow.entity.type"] for span in receiver.spans]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "run": 1,
        "job": 250,
        "step": 7500,
        "queued": 251,
    }
    assert len({span.span_id for span in receiver.spans}) == len(kinds) == 8002
    assert result.outputs["spans"] == "8002"
    assert (result.outputs["status"], result.warnings) == ("exported", [])
    assert len([path for path in unchecked.paths if "/jobs" in path]) == 3


def test_a_trace_beyond_what_tempo_takes_is_told_with_what_to_set(
    at_scale: Program, world: World
) -> None:
    """Tempo drops the rest without a word to the sender; a smaller trace is no news."""
    steps = [step(f"Step {n}") for n in range(45)]
    large = world.run(event="schedule", jobs=[job(f"leg {n}", steps=steps) for n in range(300)])
    small = world.run(event="schedule", jobs=[job("leg", steps=steps)])
    (notice,) = [n for n in at_scale.export(large).notices if "Tempo" in n]
    assert "14,102 spans of about 8 MB" in notice
    assert "max_bytes_per_trace" in notice
    assert not [n for n in at_scale.export(small).notices if "Tempo" in n]


def test_a_run_of_100_jobs_in_a_pull_request_costs_at_most_four_requests(
    at_scale: Program, world: World, unchecked: FakeGitHub
) -> None:
    """The run, its jobs, its pull request: GitHub's rate limit is the user's."""
    world.pull_request(123)
    jobs = [job(f"leg {n}", steps=[step("Test")]) for n in range(100)]
    result = at_scale.export(world.run(event="pull_request", branch="feature", jobs=jobs))
    assert result.outputs["status"] == "exported"
    assert len(unchecked.requests) <= 4


def test_fewer_jobs_than_github_named_is_loud(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """`total_count` above what came: a warning, status `partial`, and the run span says so."""
    github.script("/jobs", altered(lambda answer: answer.update(total_count=5)))
    result = program.export(world.run(jobs=[job("a"), job("b")]))
    (warning,) = result.warnings
    assert "GitHub returned only 2 jobs of run " in warning
    assert (result.status, result.outputs["status"]) == (0, "partial")
    assert receiver.span("RUN CI").attributes["flow.jobs.incomplete"] is True
    assert receiver.span("b").parent_span_id == receiver.span("RUN CI").span_id


def test_a_trace_that_lacks_jobs_fails_the_step_on_request(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """With `fail-on-error` the same is an error."""
    github.script("/jobs", altered(lambda answer: answer.update(total_count=5)))
    result = program.export(world.run(jobs=[job("a")]), fail_on_error=True)
    assert result.status == 1
    assert any("GitHub returned only" in error for error in result.errors)
