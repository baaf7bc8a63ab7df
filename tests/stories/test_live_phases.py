"""`phases: live` sends each phase of a pull request when it ends, for backends that refuse old."""

from __future__ import annotations

from typing import Any

from tests.fakes import events
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, happened, job, step
from tests.support import closings, references
from tests.support.program import Program, Result

PULL = references.pull(123)
OPENED = "2026-11-02T08:00:00Z"
REVIEWED = "2026-11-02T12:00:00Z"
REVIEW = happened("reviewed", at=REVIEWED, by="bob", review="changes_requested")


def reviewed(program: Program, **inputs: Any) -> Result:
    """Run the action on the event of bob's review, in a workflow of one job."""
    world = program.github.world
    pull = world.pull_request(123, opened_at=OPENED, updated_at=REVIEWED, timeline=(REVIEW,))
    payload = events.pull_request(world, pull, "submitted")
    own = world.run(
        workflow="Flow telemetry", event="pull_request_review", jobs=closings.going_on()
    )
    event = {**payload, "review": {"id": 5, "submitted_at": REVIEWED}}
    return program.inside(own, closings.OUR_JOB, event=event, **inputs)


def test_a_phase_leaves_when_its_end_is_told(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The review ends the wait for it: that span leaves, below that of the opening."""
    result = reviewed(program, phases="live")
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    opening, span = receiver.spans
    assert (opening.name, opening.parent_span_id) == ("pull request #123", "")
    assert (span.name, span.seconds) == ("awaiting review", 4 * 3600)
    assert span.trace_id == references.trace_id(PULL)
    assert span.span_id == references.span_id(PULL, f"{PULL}#phase:awaiting-review:1")
    assert span.parent_span_id == references.span_id(PULL)


def test_by_default_no_phase_leaves_before_the_pull_request_ends(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The event of a review then means this run, which still goes on beside nothing."""
    result = reviewed(program)
    assert "awaiting review" not in {span.name for span in receiver.spans}
    assert result.status == 0


def test_at_the_closing_only_the_last_phase_leaves(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Together the events bring what the closing alone brings by default: each span once."""
    reviewed(program, phases="live")
    merged = "2026-11-03T12:00:00Z"
    world.pull_request(
        123, opened_at=OPENED, merged_at=merged, updated_at=merged, timeline=(REVIEW,)
    )
    closings.pull_request(program, 123, phases="live")
    live = sorted(receiver.ended, key=lambda span: span.span_id)
    assert [span.name for span in live if span.name == "changes requested"]
    assert len({span.span_id for span in live}) == len(live) == 3
    receiver.requests.clear()
    closings.pull_request(program, 123)
    assert sorted(receiver.ended, key=lambda span: span.span_id) == live


def test_an_event_that_ends_no_phase_sends_none(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A label moves nothing; the run of a workflow with other jobs leaves as ever."""
    pull = world.pull_request(123, opened_at=OPENED, updated_at=REVIEWED, timeline=(REVIEW,))
    ours = [step("Export telemetry", conclusion=None)]
    run = world.run(
        event="pull_request", branch="feature", jobs=[job("build"), job("last", None, steps=ours)]
    )
    event = events.pull_request(world, pull, "labeled")
    program.inside(run, "last", event=event, phases="live")
    kinds = {span.attributes["flow.entity.type"] for span in receiver.spans}
    assert "phase" not in kinds
    assert "run" in kinds
