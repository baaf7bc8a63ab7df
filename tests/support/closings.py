"""The events by which GitHub starts a workflow when something was closed, through the action.

    result = closings.pull_request(program, 123)
    result = closings.pull_request(program, 123, own=run, on="pull_request_target")
    result = closings.issue(program, "acme/shop#17", trace_scope="item")

The world says what was closed and when; inputs go by their names with underscores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes import events, issues
from tests.fakes.plans import JobPlan
from tests.fakes.records import Run
from tests.fakes.world import job, step
from tests.support.program import Program, Result

OUR_JOB = "telemetry"


def going_on(*others: JobPlan) -> Sequence[JobPlan]:
    """The jobs of a workflow whose last one is at our step."""
    return [*others, job(OUR_JOB, None, steps=[step("Export telemetry", conclusion=None)])]


def pull_request(
    program: Program,
    number: int,
    *,
    own: Run | None = None,
    on: str = "pull_request",
    **inputs: Any,
) -> Result:
    """Run the action on `closed`, in a run of a workflow with no other job unless one is given."""
    world = program.github.world
    pull = next(each for each in world.pull_requests if each.number == number)
    if own is None:
        own = world.run(
            event=on,
            branch=pull.plan.branch,
            created_at=pull.closed_at,
            pull_requests=[],
            workflow="Flow telemetry",
            jobs=going_on(),
        )
    of_place = {
        "GITHUB_EVENT_NAME": on,
        "GITHUB_RUN_ID": str(own.id),
        "FLOW_TELEMETRY_CHECK_RUN_ID": str(own.job(OUR_JOB).id),
        "FLOW_TELEMETRY_JOB_STATUS": "success",
    }
    event = events.pull_request(world, pull, "closed")
    return program.action(of_place, event=event, **inputs)


def issue(
    program: Program, key: str, environ: Mapping[str, str] | None = None, **inputs: Any
) -> Result:
    """Run the action on the closing of an issue."""
    world = program.github.world
    found = world.find_issue(key)
    home = world.find_repository(found.repository)
    event = {
        "action": "closed",
        "issue": issues.issue(world, home, {"id": str(found.number)}, {}),
        "repository": {"full_name": found.repository},
    }
    of_place = {
        "GITHUB_EVENT_NAME": "issues",
        "GITHUB_REPOSITORY": found.repository,
        **(environ or {}),
    }
    return program.action(of_place, event=event, **inputs)
