"""Worlds that several stories start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.fakes.records import Deployment, Run
from tests.fakes.timeline import later, moment
from tests.fakes.world import (
    START,
    World,
    carried_over,
    deployment_status,
    happened,
    job,
    sha_of,
    step,
)

EPIC_OPENED = "2025-11-03T08:00:00Z"
EPIC_CLOSED = "2025-11-20T12:00:00Z"
BASE = sha_of("before the feature")
CART_MERGE, VAT_MERGE = sha_of("merge of cart"), sha_of("merge of vat")
BEFORE = "2025-11-01T08:00:00Z"
# A job that deploys ends 130 seconds after it was created.
QUEUED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureWorld:
    """What ran and was deployed for the feature: pull request 11 is merged first, then 12."""

    first_attempt: Run
    second_attempt: Run
    of_fork: Run
    deploys: tuple[Run, Run]
    deployments: tuple[Deployment, Deployment]


def feature(world: World, *, closed_at: str | None = EPIC_CLOSED) -> FeatureWorld:
    """Epic 1 with stories 2 and 3, each closed by a pull request that was merged and deployed.

    Pull request 12 comes from a fork; the CI of 11 failed first and was run again.
    """
    world.repository("mona/shop", fork=True, owner_type="User")
    world.history(BASE, CART_MERGE, VAT_MERGE)
    world.issue(1, "Sell abroad", type="Epic", opened_at=EPIC_OPENED, closed_at=closed_at)
    world.issue(
        2,
        "A cart",
        type="Story",
        parent=1,
        opened_at="2025-11-03T09:00:00Z",
        closed_at="2025-11-06T10:00:02Z",
        timeline=[happened("assigned", at="2025-11-04T08:00:00Z", subject="alice")],
    )
    world.issue(
        3,
        "VAT",
        type="Story",
        parent=1,
        opened_at="2025-11-03T09:30:00Z",
        closed_at="2025-11-12T10:00:02Z",
    )
    world.pull_request(
        11,
        branch="cart",
        title="Add a cart",
        closes=[2],
        opened_at="2025-11-04T09:00:00Z",
        merged_at="2025-11-06T10:00:00Z",
        merge_commit_sha=CART_MERGE,
        timeline=[happened("reviewed", at="2025-11-05T09:00:00Z", by="bob", review="approved")],
    )
    world.pull_request(
        12,
        branch="vat",
        head_repository="mona/shop",
        author="mona",
        title="Compute VAT",
        closes=[3],
        opened_at="2025-11-10T09:00:00Z",
        merged_at="2025-11-12T10:00:00Z",
        merge_commit_sha=VAT_MERGE,
    )
    world.deployment(
        sha=BASE, created_at=BEFORE, statuses=[deployment_status("success", log_url="")]
    )
    first = world.run(
        event="pull_request",
        branch="cart",
        created_at="2025-11-04T09:00:05Z",
        jobs=[
            job("build", steps=[step("Compile", 30)]),
            job("test", "failure", steps=[step("Run pytest", 20, "failure")]),
        ],
    )
    second = world.rerun(
        first,
        jobs=[carried_over(first.job("build")), job("test", steps=[step("Run pytest", 25)])],
    )
    of_fork = world.run(
        event="pull_request",
        branch="vat",
        head_repository="mona/shop",
        pull_requests=[],
        created_at="2025-11-10T09:00:05Z",
        jobs=[job("test", steps=[step("Run pytest", 25)])],
    )
    cart, vat = (
        deployed(world, CART_MERGE, "2025-11-06T10:00:05Z"),
        deployed(world, VAT_MERGE, "2025-11-12T10:00:05Z"),
    )
    return FeatureWorld(
        first_attempt=first,
        second_attempt=second,
        of_fork=of_fork,
        deploys=(cart[0], vat[0]),
        deployments=(cart[1], vat[1]),
    )


def deployed(
    world: World,
    sha: str,
    at: str,
    state: str = "success",
    *,
    environment: str = "production",
    event: str = "push",
    branch: str = "main",
    **facts: Any,
) -> tuple[Run, Deployment]:
    """A run of a commit whose one job deploys it, and the deployment that it made.

    GitHub leaves `failure` on the deployment of a cancelled job, and writes the last status seconds
    after the end of the job.
    """
    result = {"success": "success", "cancelled": "cancelled"}.get(state, "failure")
    state = "failure" if state == "cancelled" else state
    run = world.run(
        workflow="Deploy",
        event=event,
        sha=sha,
        branch=branch,
        created_at=at,
        jobs=[job("ship", result, queued=QUEUED, steps=[step("Roll out", 120, result)])],
    )
    (ship,) = run.jobs
    log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{ship.id}"
    statuses = [
        deployment_status("in_progress", log_url=log),
        deployment_status(
            state, created_at=later(moment(ship.completed_at or START), 3), log_url=log
        ),
    ]
    made = world.deployment(
        environment, sha=sha, created_at=ship.created_at, statuses=statuses, **facts
    )
    return run, made
