"""Deployments are found from the run that made them, since those of a job start no workflow."""

from __future__ import annotations

from tests.fakes import records
from tests.fakes.github import FakeGitHub
from tests.fakes.world import (
    Run,
    World,
    carried_over,
    deployment_status,
    job,
    moment,
    sha_of,
)
from tests.support.clients import SHOP, client_of

from flow_telemetry.github.deployments import deployments_of_run, read_deployment
from flow_telemetry.github.runs import RunAddress, read_run
from flow_telemetry.model import ActorKind

URL = "https://github.com/acme/shop/actions/runs"


def deployed_by(world: World, run: Run, name: str, **facts: object) -> records.Deployment:
    """Let a job of a run deploy the run's commit, as the job began."""
    made_by = run.job(name)
    log = f"{URL}/{run.id}/job/{made_by.id}"
    assert made_by.created_at is not None
    created = moment(made_by.created_at)
    statuses = [
        deployment_status("in_progress", log_url=log),
        deployment_status("success", after=60, log_url=log),
    ]
    return world.deployment(
        sha=str(facts.get("sha", run.sha)), created_at=created, statuses=statuses
    )


def found_for(github: FakeGitHub, run: Run) -> list[int]:
    """Return the numbers of the deployments that are found for an attempt."""
    with client_of(github) as client:
        read = read_run(
            client, RunAddress(repository="acme/shop", run_id=run.id, attempt=run.attempt)
        )
        return [each.id for each in deployments_of_run(client, read)]


def test_a_deployment_is_read_with_its_statuses(world: World, github: FakeGitHub) -> None:
    """Where to, of what, by whom, in what states, and which job did it."""
    run = world.run(workflow="Deploy", jobs=[job("deploy")])
    made = deployed_by(world, run, "deploy")
    with client_of(github) as client:
        found = read_deployment(client, SHOP, made.id)
    assert (found.environment, found.sha, found.ref) == ("production", run.sha, "main")
    assert found.production
    assert found.reference == f"github.com/acme/shop/deployments/{made.id}"
    assert found.creator is not None
    assert found.creator.kind is ActorKind.BOT
    assert [each.state for each in found.statuses] == ["in_progress", "success"]
    assert [each.id for each in found.statuses] == [each.id for each in made.statuses]
    assert (found.run_id, found.job_id) == (run.id, run.job("deploy").id)
    assert found.url == f"{URL}/{run.id}/job/{found.job_id}"


def test_a_run_leads_to_what_its_jobs_deployed(world: World, github: FakeGitHub) -> None:
    """All of its own, oldest first, and none that another run made of the same commit."""
    run = world.run(jobs=[job("staging"), job("production", after=60)])
    other = world.run(sha=run.sha, jobs=[job("again")])
    expected = [deployed_by(world, run, name).id for name in ("staging", "production")]
    deployed_by(world, other, "again")
    assert found_for(github, run) == expected


def test_a_run_without_deployments_takes_one_request(world: World, github: FakeGitHub) -> None:
    """Nothing deployed of its commit: that is known at once."""
    run = world.run(jobs=[job("test")])
    assert found_for(github, run) == []
    assert github.paths[2:] == [f"/repos/acme/shop/deployments?sha={run.sha}&per_page=100"]


def test_a_pull_request_s_run_deployed_a_commit_that_only_its_job_names(
    world: World, github: FakeGitHub
) -> None:
    """A preview is of the merge that was tried, not of the head of the branch."""
    world.pull_request(7, branch="feature")
    run = world.run(event="pull_request", branch="feature", jobs=[job("preview")])
    made = deployed_by(world, run, "preview", sha=sha_of("merge that was tried"))
    assert found_for(github, run) == [made.id]


def test_each_attempt_made_its_own(world: World, github: FakeGitHub) -> None:
    """A deployment leaves with the attempt that made it, not again with the next one."""
    first = world.run(jobs=[job("staging"), job("production", "failure", after=60)])
    early = [deployed_by(world, first, name).id for name in ("staging", "production")]
    kept = carried_over(first.job("staging"))
    second = world.rerun(first, jobs=[kept, job("production")])
    late = [deployed_by(world, second, "production").id]
    assert found_for(github, first) == early
    assert found_for(github, second) == late


def test_a_deployment_made_by_a_step_is_found_by_its_link(world: World, github: FakeGitHub) -> None:
    """A tool that tells GitHub of its deployment links to the run, and names no job."""
    run = world.run(jobs=[job("deploy", seconds=300)])
    created = moment(run.job("deploy").started_at or "")

    def told(link: str) -> int:
        statuses = [deployment_status("success", log_url=link)]
        return world.deployment(sha=run.sha, created_at=created, statuses=statuses).id

    ours = told(f"{URL}/{run.id}")
    told(f"{URL}/{run.id + 1}")
    told("https://deploy.acme.test/runs/1")
    told(f"https://github.com/mallory/shop/actions/runs/{run.id}")
    assert found_for(github, run) == [ours]
