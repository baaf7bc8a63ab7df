"""The runs of the demo's workflows, and the deployments that they made."""

from __future__ import annotations

from tests.fakes.demo import jobs
from tests.fakes.events import queue_branch
from tests.fakes.plans import Moment
from tests.fakes.records import Deployment, Job, PullRequest, Run
from tests.fakes.timeline import later, moment
from tests.fakes.world import World, carried_over, deployment_status, job, step

CI, DEPLOY, TELEMETRY = "CI", "Deploy", "flow-telemetry"
EXPORT = "Export"

_BEFORE_THE_RERUN_SECONDS = 150


def add_runs(world: World, *, base: str, first_commit: str) -> None:
    """Add all runs for the two pull requests, which were merged one after the other on ``base``."""
    vat, invoice = sorted(world.pull_requests, key=lambda each: each.number)
    _add_failing_checks(world, vat, first_commit)
    _add_checks(world, vat, 1003, "2025-11-05T14:05:26Z", [142, 131, 120], image=True)
    _add_telemetry(world, vat, 1006)
    _add_deploy_that_fails_first(world, vat)
    _add_checks(world, invoice, 1011, "2025-11-07T19:44:08Z", [155, 133, 124], image=False)
    _add_queue(world, invoice, base)
    _add_telemetry(world, invoice, 1017)
    _add_deploy(world, invoice, 1018, approval=2_460)


def _add_failing_checks(world: World, pull: PullRequest, sha: str) -> None:
    """As GitHub does it: what succeeded is carried over, what needs the failed job runs too."""
    first = world.run(
        workflow=CI,
        jobs=jobs.first_attempt(),
        id=999,
        event="pull_request",
        branch=pull.plan.branch,
        title=pull.plan.title,
        sha=sha,
        created_at=later(moment(pull.opened_at), 4),
    )
    kept = [carried_over(each) for each in first.jobs if each.conclusion == "success"]
    world.rerun(
        first,
        after=_BEFORE_THE_RERUN_SECONDS,
        jobs=[*kept, jobs.test_again(), jobs.build_image(after=164)],
        triggering_actor="bob",
    )


def _add_checks(
    world: World,
    pull: PullRequest,
    run_id: int,
    at: Moment,
    pytest_seconds: list[float],
    *,
    image: bool,
) -> None:
    """Add a run of CI that passes; one of a fork builds no image, for it has no secrets."""
    world.run(
        workflow=CI,
        jobs=[*jobs.checks(*pytest_seconds), *([jobs.build_image(after=205)] if image else [])],
        id=run_id,
        event="pull_request",
        branch=pull.plan.branch,
        head_repository=pull.head_repository,
        title=pull.plan.title,
        sha=pull.sha,
        actor=pull.plan.author,
        created_at=at,
    )


def _add_queue(world: World, pull: PullRequest, base: str) -> None:
    """Add the run of the merge queue, for the commit that is merged if it passes."""
    world.run(
        workflow=CI,
        jobs=[*jobs.checks(151, 129, 122), jobs.build_image(after=212)],
        id=1014,
        event="merge_group",
        branch=queue_branch(pull.number, base),
        sha=pull.plan.merge_commit_sha,
        actor="alice",
        created_at="2025-11-11T14:14:53Z",
    )


def _add_telemetry(world: World, pull: PullRequest, run_id: int) -> None:
    """Add the run that exports the closing of a pull request, at its step."""
    world.run(
        workflow=TELEMETRY,
        jobs=[job(EXPORT, None, steps=[step("Export telemetry", conclusion=None)])],
        id=run_id,
        event="pull_request_target",
        branch=pull.plan.branch,
        head_repository=pull.head_repository,
        created_at=later(moment(pull.closed_at or pull.opened_at), 2),
    )


def _add_deploy_that_fails_first(world: World, pull: PullRequest) -> None:
    first = _add_deploy(world, pull, 1007, approval=312, healthy=False)
    staging = carried_over(first.job(jobs.STAGING))
    again = jobs.deploy_production(after=2, approval=95)
    second = world.rerun(first, after=1_320, jobs=[staging, again], triggering_actor="bob")
    _add_deployment(world, second, second.job(jobs.PRODUCTION), "production", approval=95)


def _add_deploy(
    world: World, pull: PullRequest, run_id: int, *, approval: float, healthy: bool = True
) -> Run:
    """Add the run that deploys a merged pull request, and its two deployments."""
    production = jobs.deploy_production(after=110, approval=approval, healthy=healthy)
    run = world.run(
        workflow=DEPLOY,
        jobs=[jobs.deploy_staging(), production],
        id=run_id,
        sha=pull.plan.merge_commit_sha,
        commit_message=f"{pull.plan.title} (#{pull.number})",
        created_at=later(moment(pull.closed_at or pull.opened_at), 3),
    )
    _add_deployment(world, run, run.job(jobs.STAGING), "staging")
    _add_deployment(world, run, run.job(jobs.PRODUCTION), "production", approval=approval)
    return run


def _add_deployment(
    world: World, run: Run, of: Job, environment: str, *, approval: float = 0
) -> Deployment:
    """Add the deployment that a job with `environment:` makes; its statuses name the job."""
    log = f"{world.server_url}/{world.default}/actions/runs/{run.id}/job/{of.id}"
    waiting = [deployment_status("waiting", after=0, log_url=log)] if approval else []
    return world.deployment(
        environment,
        sha=run.sha,
        created_at=of.created_at,
        statuses=[
            *waiting,
            deployment_status("queued", after=approval, log_url=log),
            deployment_status("in_progress", created_at=of.started_at, log_url=log),
            deployment_status(of.conclusion or "", created_at=of.completed_at, log_url=log),
        ],
    )
