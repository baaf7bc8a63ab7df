"""Where things stand in a feature trace when several places would do."""

from __future__ import annotations

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, annotation, job, step
from tests.stories.feature_spans import EPIC, of, one_tree
from tests.stories.worlds import VAT_MERGE, FeatureWorld, deployed, feature
from tests.support import closings, references
from tests.support.program import Program

STORY = "github.com/acme/shop/issues/2"


@pytest.fixture
def made(world: World) -> FeatureWorld:
    """The epic with its two stories, all closed."""
    return feature(world)


def test_a_pull_request_that_closes_two_stories_has_one_place(
    program: Program, world: World, receiver: Receiver, made: FeatureWorld
) -> None:
    """Under the lower number, as in its live trace."""
    world.pull_request(
        14,
        branch="both",
        closes=[3, 2],
        opened_at="2025-11-13T08:00:00Z",
        merged_at="2025-11-13T09:00:00Z",
    )
    closings.issue(program, "acme/shop#1")
    assert one_tree(receiver.spans)
    assert receiver.span("pull request #14").parent_span_id == references.span_id(EPIC, STORY)


def test_a_deployment_by_hand_of_a_later_commit_delivers_the_change(
    program: Program, world: World, receiver: Receiver, made: FeatureWorld
) -> None:
    """What no run of the merged commit deployed is found among the later deployments."""
    deployed(world, VAT_MERGE, "2025-11-14T10:00:00Z", environment="canary", event="push")
    run, _ = deployed(
        world, VAT_MERGE, "2025-11-15T10:00:00Z", environment="eu", event="workflow_dispatch"
    )
    closings.issue(program, "acme/shop#1")
    assert one_tree(receiver.spans)
    found = receiver.span("deploy eu")
    assert found.attributes["vcs.change.id"] == "12"
    assert of(receiver.spans, references.run_of(run)).parent_span_id == found.parent_span_id


def test_a_lonely_issue_is_a_feature_of_its_own(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The topmost item is the feature where no parent is of a feature type."""
    world.issue(7, type="Bug", opened_at="2025-11-03T08:00:00Z", closed_at="2025-11-04T08:00:00Z")
    world.pull_request(
        15, closes=[7], opened_at="2025-11-03T09:00:00Z", merged_at="2025-11-04T08:00:00Z"
    )
    world.run(
        event="pull_request",
        branch="feature",
        created_at="2025-11-03T09:00:05Z",
        jobs=[job("test", steps=[step("Run pytest")])],
    )
    closings.issue(program, "acme/shop#7")
    tree = receiver.tree(references.trace_id("github.com/acme/shop/issues/7"))
    assert [line for line in tree if "queued" not in line] == [
        "bug acme/shop#7",
        "  open",
        "  pull request #15",
        "    awaiting review",
        "    RUN CI",
        "      test",
        "        Run pytest",
    ]


def test_forks_may_have_branches_of_one_name(
    program: Program, world: World, receiver: Receiver, made: FeatureWorld
) -> None:
    """Each pull request has the runs of its own fork, also where that is the fork's default one."""
    for number, owner in ((16, "zoe"), (17, "adam")):
        world.repository(f"{owner}/shop", fork=True, owner_type="User")
        world.pull_request(
            number,
            branch="main",
            head_repository=f"{owner}/shop",
            author=owner,
            closes=[2] if number == 16 else [],
            opened_at="2025-11-05T09:00:00Z",
            merged_at="2025-11-05T12:00:00Z",
        )
        world.run(
            workflow=f"CI of {owner}",
            event="pull_request",
            branch="main",
            head_repository=f"{owner}/shop",
            pull_requests=[],
            created_at="2025-11-05T09:00:05Z",
            jobs=[job("test", steps=[step("Run pytest")])],
        )
    closings.issue(program, "acme/shop#1")
    assert one_tree(receiver.spans)
    run = receiver.span("RUN CI of zoe")
    assert run.parent_span_id == references.span_id(EPIC, references.pull(16))
    assert receiver.spans_named("RUN CI of adam") == []


def test_a_failed_job_says_why_in_the_feature_trace_too(
    program: Program, world: World, receiver: Receiver, made: FeatureWorld
) -> None:
    """The annotations and causes that the live trace shows are read again."""
    why = annotation("The runner has received a shutdown signal.")
    world.change_job(made.of_fork, "test", conclusion="failure", annotations=[why])
    closings.issue(program, "acme/shop#1")
    run = made.of_fork
    found = of(receiver.spans, references.job_of(run, run.job("test")))
    assert found.attributes["error.type"] == "runner_lost"


def test_the_exporting_workflows_own_runs_are_no_part_of_the_feature(
    program: Program, world: World, receiver: Receiver, made: FeatureWorld
) -> None:
    """What sends the pull request's span when it closes is nobody's work."""
    world.run(
        workflow="Flow telemetry",
        path=".github/workflows/flow-telemetry.yml",
        event="pull_request_target",
        branch="cart",
        created_at="2025-11-06T10:00:01Z",
        jobs=[job("telemetry")],
    )
    place = {
        "GITHUB_WORKFLOW_REF": "acme/shop/.github/workflows/flow-telemetry.yml@refs/heads/main"
    }
    closings.issue(program, "acme/shop#1", environ=place)
    assert one_tree(receiver.spans)
    assert "RUN Flow telemetry" not in {span.name for span in receiver.spans}
