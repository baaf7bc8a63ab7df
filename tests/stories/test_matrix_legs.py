"""Every job of a run exports itself, and a last job the rest: each id is sent once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.plans import StepPlan
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.support.program import Program, spans_in_file

OURS, AFTER = "Export telemetry", "Complete job"
LEGS = [f"test ({n})" for n in range(1, 6)]


def steps_of_leg(*, ended: bool) -> list[StepPlan]:
    """Return the steps of a leg, before our step has ended or after all have."""
    known = [step("Set up job", 2), step("Run pytest", 20)]
    return [*known, step(OURS, 3), step(AFTER, 1)] if ended else [*known, step(OURS, 0, None)]


def end(world: World, run: Run, name: str) -> Run:
    """Let a job end, its last steps with it."""
    return world.change_job(run, name, conclusion="success", steps=steps_of_leg(ended=True))


def list_job(world: World, run: Run, name: str) -> Run:
    """Let GitHub list a job whose `needs` are done now."""
    known = [replace(each.plan, id=each.id) for each in run.jobs]
    last = job(name, None, after=60, steps=steps_of_leg(ended=False))
    return world.change_run(run, jobs=[*known, last])


@pytest.fixture
def ended(program: Program, world: World) -> Run:
    """A run of five legs and a last job, each exported from inside, that then ended."""
    legs = [job(name, None, steps=steps_of_leg(ended=False)) for name in LEGS]
    run = world.run(jobs=legs)
    for name in LEGS:
        assert program.inside(run, name, export="job").outputs["status"] == "exported"
    for name in LEGS:
        run = end(world, run, name)
    run = list_job(world, run, "telemetry")
    assert program.inside(run, "telemetry", export="rest").outputs["status"] == "exported"
    return end(world, run, "telemetry")


@pytest.mark.usefixtures("ended")
def test_five_legs_and_the_rest_send_every_id_once(receiver: Receiver) -> None:
    """No span comes twice, whatever the other jobs were doing."""
    ids = [(span.trace_id, span.span_id) for span in receiver.spans]
    assert len(ids) == len(set(ids))
    assert len({trace for trace, _ in ids}) == 1


def test_together_they_send_what_an_export_of_the_ended_run_sends(
    program: Program, ended: Run, receiver: Receiver, tmp_path: Path
) -> None:
    """All that is missing are our own steps and what came after them."""
    program.command(
        "export", "run", "--repo", "acme/shop", "--run-id", ended.id, "--output", "whole.jsonl"
    )
    whole = spans_in_file(tmp_path / "whole.jsonl")
    sent = {span.span_id for span in receiver.spans}
    assert sent < {span.span_id for span in whole}
    assert {span.name for span in whole if span.span_id not in sent} == {OURS, AFTER}


@pytest.mark.usefixtures("ended")
def test_the_trace_is_whole(receiver: Receiver) -> None:
    """Every job hangs under the run span that the last job sent."""
    depths = {line.strip(): len(line) - len(line.lstrip()) for line in receiver.tree()}
    assert depths["RUN CI"] == 0
    assert {depths[name] for name in (*LEGS, "telemetry")} == {2}


def test_a_leg_names_its_own_span(program: Program, world: World, receiver: Receiver) -> None:
    """Under `export: job` the outputs lead to the job, for no run span is sent."""
    run = world.run(jobs=[job(name, None, steps=steps_of_leg(ended=False)) for name in LEGS])
    result = program.inside(run, LEGS[2], export="job")
    assert result.outputs["span-id"] == receiver.span(LEGS[2]).span_id
    assert receiver.spans_named("RUN CI") == []


def test_a_job_cannot_export_itself_from_outside(program: Program, world: World) -> None:
    """`export: job` names a place inside the run; from another one it is an error."""
    result = program.export(world.run(jobs=[job("test")]), export="job")
    assert any("`export` is job" in warning for warning in result.warnings)
