"""Which pull request a run belongs to after the merge, and which runs belong to none."""

from __future__ import annotations

import pytest
from tests.fakes import events
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, deployment_status, job, sha_of
from tests.stories.test_inside_a_run import going_on
from tests.support import references
from tests.support.program import Program

MERGED, CREATED = "2026-11-24T02:59:59Z", "2026-11-24T03:00:00Z"
MERGE = sha_of("merge of 123")


def merged(world: World) -> None:
    """Merge pull request 123 a second before the run is created."""
    world.pull_request(
        123, opened_at="2026-11-23T00:00:00Z", merged_at=MERGED, merge_commit_sha=MERGE
    )


def trace_of(receiver: Receiver) -> tuple[str, str]:
    """Return the trace that the run's span is in, and its parent there."""
    span = receiver.span("RUN CI")
    return span.trace_id, span.parent_span_id


def under(number: int) -> tuple[str, str]:
    """Return the trace of a pull request and its span there."""
    root = references.pull(number)
    return references.trace_id(root), references.span_id(root)


def alone(run: Run) -> tuple[str, str]:
    """Return the trace of a run that is a root."""
    return references.trace_id(references.run_of(run)), ""


@pytest.mark.parametrize(
    ("event", "branch"), [("push", "main"), ("release", "v1.0"), ("push", "v1.0")]
)
def test_what_runs_on_the_merged_commit_is_in_the_pull_requests_trace(
    program: Program, world: World, receiver: Receiver, event: str, branch: str
) -> None:
    """The push of the merge, a release and a tag of it show the change's way to its delivery."""
    merged(world)
    run = world.run(event=event, branch=branch, sha=MERGE, created_at=CREATED, jobs=[job("test")])
    program.export(run)
    assert trace_of(receiver) == under(123)


def test_a_pull_request_merged_elsewhere_did_not_bring_the_commit(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Only a merge into the default branch counts."""
    world.pull_request(123, into="release", merged_at=MERGED, merge_commit_sha=MERGE)
    run = world.run(sha=MERGE, created_at=CREATED, jobs=[job("test")])
    program.export(run)
    assert trace_of(receiver) == alone(run)


def test_a_commit_that_no_pull_request_brought_stands_alone(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A direct push to the default branch is a root, and no warning."""
    run = world.run(jobs=[job("test")])
    result = program.export(run)
    assert trace_of(receiver) == alone(run)
    assert result.warnings == []


def test_a_merge_queues_run_belongs_to_the_pull_request_in_its_branch_name(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The branch of the queue names it; one request tells what that pull request belongs to."""
    world.pull_request(123)
    branch = events.queue_branch(123, sha_of("base"))
    program.export(world.run(event="merge_group", branch=branch, jobs=[job("test")]))
    assert trace_of(receiver) == under(123)
    assert len([path for path in github.paths if "pulls" in path]) == 1


@pytest.mark.parametrize(
    "event",
    ["schedule", "issues", "issue_comment", "workflow_run", "repository_dispatch", "dynamic"],
)
def test_runs_of_other_events_are_roots(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver, event: str
) -> None:
    """They belong to no pull request, though one is open; nothing is asked about it."""
    world.pull_request(123, branch="main", into="release")
    path = "dynamic/pages/pages-build-deployment" if event == "dynamic" else None
    run = world.run(event=event, path=path, jobs=[job("test")])
    result = program.export(run)
    name = "RUN pages-build-deployment" if event == "dynamic" else "RUN CI"
    assert receiver.span(name).trace_id == references.trace_id(references.run_of(run))
    assert not [path for path in github.paths if "pulls" in path]
    assert result.warnings == []


def test_a_dispatch_on_the_default_branch_is_a_root(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A run by hand of a commit that no pull request brought has no pull request."""
    run = world.run(event="workflow_dispatch", jobs=[job("test")])
    program.export(run)
    assert trace_of(receiver) == alone(run)


@pytest.mark.parametrize("event", ["workflow_dispatch", "deployment"])
def test_a_run_by_hand_of_a_merged_commit_is_under_its_pull_request(
    program: Program, world: World, receiver: Receiver, event: str
) -> None:
    """With or without a deployment: the run was started for what was merged."""
    merged(world)
    run = world.run(event=event, sha=MERGE, created_at=CREATED, jobs=[job("smoke test")])
    program.export(run)
    assert trace_of(receiver) == under(123)


@pytest.mark.parametrize("event", ["schedule", "issues", "issue_comment"])
def test_a_run_that_uses_an_environment_for_its_secrets_is_a_root(
    program: Program, world: World, receiver: Receiver, event: str
) -> None:
    """GitHub makes a deployment, which delivers nothing; one notice for each environment."""
    merged(world)
    run = world.run(event=event, sha=MERGE, created_at=CREATED, jobs=[job("backup"), job("report")])
    for each in run.jobs:
        log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{each.id}"
        statuses = [deployment_status("success", log_url=log)]
        world.deployment("nightly", sha=MERGE, created_at=CREATED, statuses=statuses)
    result = program.export(run)
    assert trace_of(receiver) == alone(run)
    assert not receiver.spans_named("deploy nightly")
    assert "flow.deployment.count" not in {point.name for point in receiver.metrics}
    (notice,) = (each for each in result.notices if "`nightly`" in each)
    assert f"a run of event `{event}`" in notice
    assert "`deployment-environments`" in notice
    named = program.export(run, deployment_environments="Night*")
    assert not [each for each in named.notices if "not counted" in each]
    assert {
        span.attributes["vcs.change.id"] for span in receiver.spans_named("deploy nightly")
    } == {"123"}


@pytest.mark.parametrize("event", ["workflow_dispatch", "workflow_run", "repository_dispatch"])
def test_a_run_that_deployed_belongs_to_what_it_deployed(
    program: Program, world: World, receiver: Receiver, event: str
) -> None:
    """The deployed commit leads to the merged pull request, if the event is one that deploys."""
    merged(world)
    run = world.run(event=event, created_at=CREATED, jobs=[job("deploy")])
    log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{run.jobs[0].id}"
    world.deployment(sha=MERGE, statuses=[deployment_status("success", log_url=log)])
    program.export(run)
    assert trace_of(receiver) == under(123)


@pytest.mark.parametrize("event", ["workflow_run", "repository_dispatch"])
def test_a_job_alone_waits_for_the_deployment_of_its_run(
    program: Program, world: World, receiver: Receiver, event: str
) -> None:
    """Its trace would not be that of the run, which the deployment of another job decides."""
    merged(world)
    jobs = [job("deploy"), going_on("smoke test", "Run curl")]
    run = world.run(event=event, created_at=CREATED, jobs=jobs)
    result = program.inside(run, "smoke test", export="job")
    assert (result.status, result.outputs["status"], receiver.spans) == (0, "skipped", [])
    (notice,) = result.notices
    assert f"run {run.id} has not deployed anything yet" in notice
    log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{run.jobs[0].id}"
    world.deployment(sha=MERGE, statuses=[deployment_status("success", log_url=log)])
    program.inside(run, "smoke test", export="job")
    assert receiver.span("smoke test").trace_id == under(123)[0]


def test_without_deployments_read_the_run_is_sent_and_that_is_told(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The notice names the permission, although GraphQL's error does not."""
    github.denied.add("deployments=read")
    run = world.run(event="schedule", jobs=[job("deploy")])
    result = program.export(run)
    assert trace_of(receiver) == alone(run)
    (notice,) = result.notices
    assert "the token lacks `deployments: read`" in notice
    assert result.outputs["status"] == "exported"
