"""The events of the demo's world that start the ready workflow of the README, in order of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.fakes import events, issues
from tests.fakes.demo.runs import CI, DEPLOY, EXPORT, TELEMETRY
from tests.fakes.records import Issue, PullRequest, Run
from tests.fakes.timeline import moment
from tests.fakes.world import World

# The run of a workflow that exports others; nobody asks GitHub about it.
_ELSEWHERE = 9_000_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One event: ``what`` tells it in words, ``payload`` is its file.

    ``run_id`` is the run that it started, ``job_id`` our own job in it where GitHub is asked for
    that run.
    """

    time: datetime
    event: str
    what: str
    payload: Mapping[str, Any] = field(repr=False)
    run_id: int = _ELSEWHERE
    job_id: int | None = None

    @property
    def variables(self) -> dict[str, str]:
        """What the runner and action.yml set for this event alone."""
        own = {} if self.job_id is None else {"FLOW_TELEMETRY_CHECK_RUN_ID": str(self.job_id)}
        return {"GITHUB_EVENT_NAME": self.event, "GITHUB_RUN_ID": str(self.run_id), **own}


def triggers(world: World) -> list[Trigger]:
    """Return every event that the ready workflow hears of."""
    found = [*_runs(world), *_pull_requests(world), *_issues(world)]
    return sorted(found, key=lambda each: each.time)


def _runs(world: World) -> Iterator[Trigger]:
    for run in world.attempts:
        if run.plan.workflow in (CI, DEPLOY):
            yield Trigger(
                time=moment(run.updated_at),
                event="workflow_run",
                what=_told(run),
                payload=events.workflow_run(world, run),
            )


def _pull_requests(world: World) -> Iterator[Trigger]:
    of_ours = [run for run in world.attempts if run.plan.workflow == TELEMETRY]
    for pull in world.pull_requests:
        own = next(run for run in of_ours if run.plan.branch == pull.plan.branch)
        yield Trigger(
            time=_closed(pull),
            event="pull_request_target",
            what=f"pull request #{pull.number} closed",
            payload=events.pull_request(world, pull, "closed"),
            run_id=own.id,
            job_id=own.job(EXPORT).id,
        )


def _issues(world: World) -> Iterator[Trigger]:
    for issue in world.issues:
        home = world.find_repository(issue.repository)
        payload = {
            "action": "closed",
            "issue": issues.issue(world, home, {"id": str(issue.number)}, {}),
            "repository": {"full_name": issue.repository},
        }
        yield Trigger(
            time=_closed(issue),
            event="issues",
            what=f"{issue.plan.type.lower()} #{issue.number} closed",
            payload=payload,
        )


def _told(run: Run) -> str:
    of_attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    of_queue = " of the merge queue" if run.plan.event == "merge_group" else ""
    return f"{run.plan.workflow} {run.id}{of_queue}{of_attempt}: {run.conclusion}"


def _closed(thing: PullRequest | Issue) -> datetime:
    return moment(thing.closed_at or thing.opened_at)
