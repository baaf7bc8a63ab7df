"""Runs of a merge queue, and pushes that merge several pull requests at once."""

from __future__ import annotations

from typing import Any

from tests.fakes import events
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, sha_of, step
from tests.support import references
from tests.support.program import Program

BASE, FIRST, SECOND = sha_of("base"), sha_of("first"), sha_of("second")
MERGED = "2026-11-24T03:40:00Z"


def test_the_others_of_a_group_become_links(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The branch names the last one; the messages of the queue's commits name those before it."""
    world.pull_request(123)
    world.history(BASE, FIRST, SECOND)
    world.messages.update(
        {FIRST: "Add the cart (#122)", SECOND: "Merge pull request #123 from x/y"}
    )
    branch = events.queue_branch(123, BASE)
    program.export(world.run(event="merge_group", branch=branch, sha=SECOND, jobs=[job("test")]))
    of_run = receiver.span("RUN CI")
    assert of_run.trace_id == references.trace_id(references.pull(123))
    (link,) = (each for each in of_run.links if each.attributes["flow.link"] == "change")
    assert link.trace_id == references.trace_id(references.pull(122))
    assert link.span_id == references.span_id(references.pull(122))


def pushed(program: Program, **inputs: Any) -> None:
    """Two pull requests land on the default branch by one push, whose run exports itself."""
    world = program.github.world
    world.history(BASE, FIRST, SECOND)
    for number, sha in ((122, FIRST), (123, SECOND)):
        world.pull_request(
            number, branch=f"b{number}", merged_at=MERGED, merge_commit_sha=sha, commits=[sha]
        )
    ours = [step("Export telemetry", conclusion=None)]
    run = world.run(sha=SECOND, jobs=[job("build"), job("last", None, steps=ours)])
    event = events.push(world, sha=SECOND, before=BASE, earlier=[FIRST])
    program.inside(run, "last", event=event, **inputs)


def test_all_changes_of_a_push_go_along(program: Program, world: World, receiver: Receiver) -> None:
    """One step in one workflow shows each of them whole, in its own trace."""
    pushed(program)
    roots = {s.trace_id for s in receiver.spans if s.attributes["flow.entity.type"] == "life"}
    assert roots == {references.trace_id(references.pull(n)) for n in (122, 123)}


def test_where_another_workflow_sends_them_none_goes_along(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`ancestors: none`, as beside the ready workflow."""
    pushed(program, ancestors="none")
    assert {s.attributes["flow.entity.type"] for s in receiver.ended} <= {
        "run",
        "job",
        "step",
        "queued",
    }
