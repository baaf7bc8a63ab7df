"""The safe place for runs of forks: a workflow on `workflow_run: completed`."""

from __future__ import annotations

from tests.fakes import events
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.support.program import EXPORTING_RUN, Program

ON_WORKFLOW_RUN = {"GITHUB_EVENT_NAME": "workflow_run"}


def test_the_run_that_completed_is_exported(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Not the run of the workflow that exports."""
    run = world.run(workflow="Build", jobs=[job("test")])
    result = program.export(run)
    assert result.outputs["status"] == "exported"
    assert receiver.span("RUN Build").attributes["cicd.pipeline.run.id"] == str(run.id)


def test_the_payload_only_names_the_run(program: Program, world: World, receiver: Receiver) -> None:
    """Whatever else it says: what leaves is what GitHub's API says."""
    run = world.run(event="schedule", jobs=[job("test", "failure")])
    event = events.workflow_run(world, run)
    told = {"conclusion": "success", "name": "Forged", "event": "push", "head_branch": "evil"}
    event["workflow_run"].update(told)
    program.action(ON_WORKFLOW_RUN, event=event)
    span = receiver.span("RUN CI")
    assert span.attributes["cicd.pipeline.result"] == "failure"
    assert (span.attributes["github.event"], span.attributes["vcs.ref.head.name"]) == (
        "schedule",
        "main",
    )


def test_the_attempt_that_completed_is_exported(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A re-run that began in the meantime is another export's."""
    first = world.run(jobs=[job("test", "failure")])
    world.rerun(first, jobs=[job("test", None)])
    program.export(first)
    assert receiver.span("RUN CI").attributes["github.run.attempt"] == 1


def test_a_run_that_github_does_not_show_as_ended_yet_is_waited_for(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The event is faster than the API."""
    run = world.run(jobs=[job("test", None, steps=[step("Run pytest", 5)])])
    event = events.workflow_run(world, run)

    def end(count: int, path: str) -> None:
        if count == 3:
            world.change_job(run, "test", conclusion="success")

    github.on_request = end
    result = program.action(ON_WORKFLOW_RUN, event=event)
    assert result.outputs["status"] == "exported"
    assert "flow.partial" not in receiver.span("RUN CI").attributes


def test_mode_run_means_the_run_that_the_step_is_in(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Under `mode: run` the workflow that exports can send itself."""
    other = world.run(workflow="Build", jobs=[job("test")])
    steps = [step("Set up job"), step("Export telemetry", conclusion=None)]
    own = world.run(workflow="Export", event="workflow_run", jobs=[job("own", None, steps=steps)])
    event = events.workflow_run(world, other)
    program.inside(own, "own", ON_WORKFLOW_RUN, mode="run", event=event)
    assert receiver.tree()[0] == "RUN Export"
    assert receiver.spans_named("RUN Build") == []


def test_a_run_id_wins_over_the_event(program: Program, world: World, receiver: Receiver) -> None:
    """An input is what the user asked for."""
    named = world.run(workflow="Named", jobs=[job("test")])
    program.export(world.run(workflow="Completed", jobs=[job("test")]), run_id=named.id)
    assert receiver.tree()[0] == "RUN Named"


def test_a_damaged_payload_is_told(program: Program, world: World, receiver: Receiver) -> None:
    """The file that the runner keeps the event in cannot be read."""
    program.folder.joinpath("broken.json").write_text("{not json")
    broken = {"GITHUB_EVENT_PATH": str(program.folder / "broken.json")}
    result = program.action({**ON_WORKFLOW_RUN, **broken})
    assert any("GITHUB_EVENT_PATH" in warning for warning in result.warnings)
    assert receiver.requests == []


def test_the_exporting_run_is_never_asked_about(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """Its own number is not needed to send another run."""
    program.export(world.run(jobs=[job("test")]))
    assert not [path for path in github.paths if EXPORTING_RUN in path]
