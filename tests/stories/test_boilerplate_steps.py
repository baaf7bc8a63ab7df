"""`boilerplate-steps: false`: no spans of the steps that the runner adds, in any trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.fakes.plans import JobPlan
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.stories.worlds import feature
from tests.support import closings
from tests.support.program import Program
from tests.support.run_logs import archive_per_step, logged

OWN = ["Run actions/checkout@v4", "Run make", "Post results"]
RUNNERS = ["Set up job", "Post Run actions/checkout@v4", "Complete job"]
QUIET: dict[str, Any] = {"boilerplate_steps": False}
# The step of the runner, its seconds and conclusion, and whether it has a span all the same.
STEPS = [
    ("Set up job", 9, "success", False),
    ("Set up job", 10, "success", True),
    ("Set up job", 1, "failure", True),
    ("Complete job", 2, "success", False),
    ("Complete job", 1, "cancelled", True),
    ("Post Run actions/checkout@v4", 0, "success", False),
    ("Post Run actions/checkout@v4", 0, "skipped", False),
    ("Post Run actions/checkout@v4", 31, "success", True),
    ("Post Run actions/checkout@v4", 1, "failure", True),
]


def usual_job(
    name: str = "build", of_runner: Mapping[str, tuple[int, str]] | None = None
) -> JobPlan:
    """A job with the runner's steps, one of which may be other than usual."""

    def runners(each: str) -> Any:
        seconds, conclusion = (of_runner or {}).get(each, (1, "success"))
        return step(each, seconds, conclusion)

    return job(
        name,
        steps=[
            runners("Set up job"),
            step("Run actions/checkout@v4", 2),
            step("Run make", 30),
            step("Post results", 1),
            runners("Post Run actions/checkout@v4"),
            runners("Complete job"),
        ],
    )


def steps_in(receiver: Receiver) -> list[str]:
    """The names of the spans of steps, in order."""
    spans = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "step"]
    return [span.name for span in spans]


@pytest.mark.parametrize(("name", "seconds", "conclusion", "kept"), STEPS)
def test_steps_of_the_runner_have_spans_if_they_failed_or_were_slow(
    program: Program,
    world: World,
    receiver: Receiver,
    name: str,
    seconds: int,
    conclusion: str,
    kept: bool,
) -> None:
    """From 10 s on; a step of the user's may be called `Post results`."""
    run = world.run(jobs=[usual_job(of_runner={name: (seconds, conclusion)})])
    result = program.export(run, **QUIET)
    assert sorted(steps_in(receiver)) == sorted([*OWN, *([name] if kept else [])])
    hidden = len(RUNNERS) - kept
    assert f"left out: spans of {hidden} steps of the runner: `boilerplate-steps`" in result.log


def test_all_other_spans_are_the_same(program: Program, world: World, receiver: Receiver) -> None:
    """Their ids, times and attributes: the steps still count for the times of the job."""
    run = world.run(jobs=[usual_job("a"), usual_job("b")])
    program.export(run)
    usual = {span.span_id: span for span in receiver.spans}
    before = len(receiver.spans)
    program.export(run, **QUIET)
    quiet = {span.span_id: span for span in receiver.spans[before:]}
    assert {usual[i].name for i in usual.keys() - quiet.keys()} == set(RUNNERS)
    assert quiet == {i: span for i, span in usual.items() if span.name not in RUNNERS}
    assert (len(usual), len(quiet)) == (len(quiet) + 2 * len(RUNNERS), len(quiet))


def test_every_export_leaves_out_the_same(
    program: Program, world: World, receiver: Receiver
) -> None:
    """On `workflow_run`, again, from the command line, and of the job in it."""
    run = world.run(jobs=[usual_job()])
    program.export(run, **QUIET)
    first = receiver.spans
    program.export(run, **QUIET)
    words = ("export", "run", "--repo=acme/shop", f"--run-id={run.id}")
    program.command(*words, "--boilerplate-steps=false", f"--otlp-endpoint={receiver.url}")
    assert receiver.spans == first * 3


def test_the_trace_of_a_feature_leaves_them_out_as_well(
    program: Program, world: World, receiver: Receiver
) -> None:
    """As do the runs of a pull request that is exported with them."""
    feature(world)
    for run in world.attempts:
        for of_run in run.jobs:
            world.change_job(run, of_run.name, steps=usual_job().steps)
    closings.issue(program, "acme/shop#1", **QUIET)
    assert set(steps_in(receiver)) == set(OWN)
    before = len(receiver.spans)
    closings.issue(program, "acme/shop#1")
    assert set(steps_in(receiver)) == {*OWN, *RUNNERS}
    assert len(receiver.spans) > 2 * before


@pytest.mark.parametrize("backend", ["honeycomb", "datadog", "dash0", "tempo", "signoz"])
def test_presets_of_backends_that_bill_by_span_set_it(
    program: Program, world: World, receiver: Receiver, backend: str
) -> None:
    """A setting of the user's counts more."""
    run = world.run(jobs=[usual_job()])
    inputs: dict[str, Any] = {
        "otlp_headers": "x-key=1",
        "signals": "traces",
        "on_old_span": "send",
    }
    program.export(run, backend=backend, **inputs)
    billed = backend in ("honeycomb", "datadog", "dash0")
    assert len(steps_in(receiver)) == (3 if billed else 6)
    before = len(steps_in(receiver))
    program.export(run, backend=backend, boilerplate_steps=True, **inputs)
    assert len(steps_in(receiver)) - before == 6


def test_log_lines_of_a_step_without_a_span_are_below_its_job(
    program: Program, world: World, receiver: Receiver
) -> None:
    """So that no record names a span that nobody sends."""
    run = world.run(jobs=[usual_job()])
    logs = {("build", 1): ["Current runner version: 2.330.0"], ("build", 3): ["make: done"]}
    world.logs(archive_per_step(logged(run, logs)), run=run.id)
    program.export(run, logs="all", **QUIET)
    lines = [record for record in receiver.events if not record.event_name]
    owners = {line.body: line.span_id for line in lines}
    assert owners == {
        "Current runner version: 2.330.0": receiver.span("build").span_id,
        "make: done": receiver.span("Run make").span_id,
    }
    sent = {span.span_id for span in receiver.spans}
    assert {span.parent_span_id for span in receiver.spans} - {""} <= sent
