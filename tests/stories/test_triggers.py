"""`mode: auto`: what leaves by the event that started the workflow."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.fakes import events
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, sha_of, step
from tests.stories.worlds import CART_MERGE, feature
from tests.support import closings, references, sweeps
from tests.support.program import Program, Result

PULL = references.pull(11)


def own_run(world: World, event: str, **facts: Any) -> Run:
    """A run whose last job is at our step, after a job that has ended."""
    jobs = closings.going_on(job("test", steps=[step("Run pytest")]))
    return world.run(event=event, workflow="Everything", jobs=jobs, **facts)


def started_by(program: Program, run: Run, event: dict[str, Any], **inputs: Any) -> Result:
    """Run the action as the last step of a run that an event started."""
    return program.inside(
        run, closings.OUR_JOB, {"GITHUB_EVENT_NAME": run.plan.event}, event=event, **inputs
    )


def names(receiver: Receiver) -> set[str]:
    """The names of what left, without steps and waits; of an owner for its first life."""
    return set(sweeps.names(receiver))


def test_a_completed_run_leaves_on_workflow_run(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The run that completed, not the one that the action stands in."""
    made = feature(world)
    program.export(made.of_fork)
    assert names(receiver) == {"RUN CI"}


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_a_closed_pull_request_leaves(
    program: Program, world: World, receiver: Receiver, event: str
) -> None:
    """Its span and phases; of a workflow with no other job nothing of the run itself."""
    feature(world)
    closings.pull_request(program, 11, on=event)
    assert names(receiver) == {"pull request #11"}
    assert {s.trace_id for s in receiver.spans} == {references.trace_id(PULL)}


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_in_a_workflow_with_other_jobs_the_run_leaves_too(
    program: Program, world: World, receiver: Receiver, event: str
) -> None:
    """The pull request's own validation may run on its closing."""
    feature(world)
    run = own_run(world, event, branch="cart", created_at="2025-11-06T10:00:03Z")
    closings.pull_request(program, 11, own=run, on=event)
    assert names(receiver) == {"pull request #11", "RUN Everything"}
    assert {s.trace_id for s in receiver.spans} == {references.trace_id(PULL)}


@pytest.mark.parametrize("action", ["opened", "synchronize", "reopened"])
def test_other_actions_of_a_pull_request_send_the_run(
    program: Program, world: World, receiver: Receiver, action: str
) -> None:
    """The pull request itself is not over."""
    feature(world)
    run = own_run(world, "pull_request", branch="cart", created_at="2025-11-05T09:00:00Z")
    pull = next(each for each in world.pull_requests if each.number == 11)
    started_by(program, run, events.pull_request(world, pull, action))
    assert names(receiver) == {"RUN Everything"}


def test_a_closed_issue_leaves_and_its_feature(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A story has no span in the traces of changes; the epic is a feature, and leaves whole."""
    feature(world)
    result = closings.issue(program, "acme/shop#2")
    assert (receiver.spans, result.warnings) == ([], [])
    closings.issue(program, "acme/shop#1")
    assert "epic acme/shop#1" in names(receiver)


def test_a_story_leaves_where_its_trace_has_a_span_for_it(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Under `trace-scope: item` it is the root of its pull requests' traces."""
    feature(world)
    closings.issue(program, "acme/shop#2", trace_scope="item")
    assert names(receiver) == {"issue acme/shop#2"}
    assert receiver.span("issue acme/shop#2").trace_id == references.trace_id(
        "github.com/acme/shop/issues/2"
    )


@pytest.mark.parametrize("action", ["opened", "labeled", "assigned"])
def test_other_actions_of_an_issue_send_the_run(
    program: Program, world: World, receiver: Receiver, action: str
) -> None:
    """The issue is not over."""
    run = own_run(world, "issues")
    started_by(program, run, {"action": action, "issue": {"number": 1}})
    assert names(receiver) == {"RUN Everything"}


@pytest.mark.parametrize("state", ["in_progress", "queued", "inactive"])
def test_other_states_of_a_deployment_send_nothing(
    program: Program, world: World, receiver: Receiver, state: str
) -> None:
    """The deployment has not ended by that, and nobody asked for the run that the event started."""
    run = own_run(world, "deployment_status")
    event = {"deployment": {"id": 5}, "deployment_status": {"state": state}}
    started_by(program, run, event)
    assert receiver.requests == []


@pytest.mark.parametrize("event", ["schedule", "workflow_dispatch"])
def test_with_since_it_is_a_sweep(
    program: Program, world: World, receiver: Receiver, event: str
) -> None:
    """A scheduled or dispatched workflow sends all that ended since; a run made the deployment."""
    feature(world)
    run = own_run(world, event)
    result = started_by(program, run, {}, since="2025-11-12T00:00:00Z")
    assert names(receiver) == {
        "pull request #12",
        "epic acme/shop#1",
        "pull request #11",
        "RUN CI",
        "RUN Deploy",
        "story acme/shop#2",
        "story acme/shop#3",
        "deploy production",
    }
    in_feature = references.trace_id("github.com/acme/shop/issues/1")
    live = {s.name for s in receiver.spans if s.trace_id != in_feature}
    assert live == {
        "pull request #12",
        "open until merged",
        "awaiting review",
        "deploy production",
    }
    assert result.outputs["status"] == "exported"


@pytest.mark.parametrize("event", ["schedule", "workflow_dispatch", "push", "release", "issues"])
def test_all_else_sends_the_run_itself(
    program: Program, world: World, receiver: Receiver, event: str
) -> None:
    """Also a schedule without `since`."""
    run = own_run(world, event)
    started_by(program, run, {})
    assert names(receiver) == {"RUN Everything"}


def merge_run(world: World) -> Run:
    """The run of the push of pull request 11's merge."""
    feature(world)
    return own_run(world, "push", sha=CART_MERGE, created_at="2025-11-06T10:00:03Z")


def test_the_push_of_a_merge_sends_the_merged_pull_request_along(
    program: Program, world: World, receiver: Receiver
) -> None:
    """One step in one workflow shows the whole change."""
    run = merge_run(world)
    result = started_by(program, run, {})
    assert names(receiver) >= {"RUN Everything", "pull request #11"}
    assert {s.trace_id for s in receiver.spans} == {references.trace_id(PULL)}
    assert result.outputs["span-id"] == references.span_id(PULL, references.run_of(run))
    assert result.warnings == []


def test_without_ancestors_only_the_run_leaves(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`ancestors: none`, where another workflow sends the pull requests."""
    started_by(program, merge_run(world), {}, ancestors="none")
    assert names(receiver) == {"RUN Everything"}


def test_a_pull_request_that_cannot_be_read_is_a_notice(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The run leaves all the same, and nothing failed."""
    run = merge_run(world)
    for path in ("/graphql", "/issues/11/timeline", "/pulls/11"):
        github.script(path, status(404), times=None)
    result = started_by(program, run, {}, fail_on_error=True)
    assert names(receiver) == {"RUN Everything"}
    assert any("pull request #11" in notice for notice in result.notices)
    assert (result.status, result.outputs["status"]) == (0, "exported")


def test_each_job_does_not_send_the_merged_pull_request_again(
    program: Program, world: World, receiver: Receiver
) -> None:
    """With `export: job` it goes along with the run's own span, in the last job."""
    run = merge_run(world)
    started_by(program, run, {}, export="job")
    assert "pull request #11" not in names(receiver)
    started_by(program, run, {}, export="rest")
    assert "pull request #11" in names(receiver)


@pytest.mark.parametrize(
    ("inputs", "leaves"),
    [
        ({"workflows": "CI"}, True),
        ({"workflows": "Deploy,C*"}, True),
        ({"workflows": "!CI"}, False),
        ({"workflows": "*,!CI"}, False),
        ({"branches": "release/*"}, False),
        ({"branches": "!ca*"}, False),
        ({"branches": "cart"}, True),
    ],
)
def test_patterns_choose_the_runs_that_leave(
    program: Program, world: World, receiver: Receiver, inputs: dict[str, Any], leaves: bool
) -> None:
    """What is left out is told in the summary, and is no failure."""
    made = feature(world)
    result = program.export(made.second_attempt, **inputs)
    assert (names(receiver) == {"RUN CI"}) == leaves
    assert ("does not choose" in result.summary) == (not leaves)
    assert (result.status, result.warnings) == (0, [])
    assert result.outputs["status"] == ("exported" if leaves else "skipped")


def test_a_dispatch_from_elsewhere_is_no_sweep_by_accident(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`since` makes a sweep of schedules and dispatches only: a push with it sends its run."""
    now = datetime.now(timezone.utc) - timedelta(hours=1)
    run = own_run(world, "push", sha=sha_of("x"), created_at=now)
    started_by(program, run, {}, since="7d")
    assert names(receiver) == {"RUN Everything"}
