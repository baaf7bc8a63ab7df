"""What the demo's GitHub holds: a pull request, two attempts of its CI, and a deployment.

The names are those of docs/identity.md, so the ids that are shown are its test vectors.
"""

from __future__ import annotations

from flow_telemetry.demo import jobs
from flow_telemetry.testing.records import Job, Run
from flow_telemetry.testing.timeline import later, moment
from flow_telemetry.testing.world import World, carried_over, deployment_status, sha_of

REPOSITORY = "acme/shop"
CHANGE = 123
TITLE = "Round the VAT of a cart once"

_BRANCH = "round-vat-once"
_MERGE_COMMIT = sha_of(f"merge of pull request {CHANGE}")
_OPENED = moment("2026-11-24T09:02:11Z")
_MERGED = moment("2026-11-24T09:18:40Z")
_RUN_IDS = {"CI": 999, "Deploy": 1002}
_BEFORE_THE_RERUN_SECONDS = 150
_APPROVAL_SECONDS = 312


def demo_world() -> World:
    """Return the world; `attempts` are its runs in the order in which they ended."""
    world = World(REPOSITORY)
    world.pull_request(
        CHANGE,
        branch=_BRANCH,
        title=TITLE,
        opened_at=_OPENED,
        merged_at=_MERGED,
        merge_commit_sha=_MERGE_COMMIT,
    )
    _rerun_failed_jobs(world, _add_first_attempt(world))
    _add_deployments(world, _add_deploy_run(world))
    return world


def _add_first_attempt(world: World) -> Run:
    return world.run(
        workflow="CI",
        jobs=jobs.first_attempt(),
        id=_RUN_IDS["CI"],
        event="pull_request",
        branch=_BRANCH,
        title=TITLE,
        created_at=later(_OPENED, 4),
    )


def _rerun_failed_jobs(world: World, first: Run) -> Run:
    """As GitHub does it: what succeeded is carried over, what needs the failed job runs too."""
    kept = [carried_over(each) for each in first.jobs if each.conclusion == "success"]
    return world.rerun(
        first,
        after=_BEFORE_THE_RERUN_SECONDS,
        jobs=[*kept, jobs.test_again(), jobs.build_image(after=164)],
        triggering_actor="bob",
    )


def _add_deploy_run(world: World) -> Run:
    return world.run(
        workflow="Deploy",
        jobs=[
            jobs.deploy_staging(),
            jobs.deploy_production(after=108, approval=_APPROVAL_SECONDS),
        ],
        id=_RUN_IDS["Deploy"],
        sha=_MERGE_COMMIT,
        commit_message=f"{TITLE} (#{CHANGE})",
        created_at=later(_MERGED, 3),
    )


def _add_deployments(world: World, run: Run) -> None:
    _add_deployment(world, run, run.job(jobs.STAGING), "staging", approval=0)
    _add_deployment(world, run, run.job(jobs.PRODUCTION), "production", approval=_APPROVAL_SECONDS)


def _add_deployment(world: World, run: Run, job: Job, environment: str, approval: float) -> None:
    """Add the deployment that a job with `environment:` makes; its statuses name the job."""
    log = f"{world.server_url}/{REPOSITORY}/actions/runs/{run.id}/job/{job.id}"
    waiting = [deployment_status("waiting", after=0, log_url=log)] if approval else []
    world.deployment(
        environment,
        sha=run.sha,
        created_at=job.created_at,
        statuses=[
            *waiting,
            deployment_status("queued", after=approval, log_url=log),
            deployment_status("in_progress", log_url=log),
            deployment_status("success", after=120, log_url=log),
        ],
    )
