"""Reading deployments with their statuses: by number, or those that a run made.

They are read by REST, since GraphQL's `databaseId` is a number of 32 bits, which the numbers of
GitHub's deployments outgrow, and a status has none there at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flow_telemetry.identity import fold
from flow_telemetry.model import Deployment, DeploymentStatus, Repository, Run
from flow_telemetry.rules import parentage, timing
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.deployments import ask_for_deployments
from flow_telemetry.sources.github.parse import parse_actor
from flow_telemetry.sources.payload import Payload

_LOG = re.compile(
    r"https?://[^/]+/([^/]+/[^/]+)/actions/runs/([0-9]{1,18})(?:/jobs?/([0-9]{1,18}))?(?:[/?#].*)?"
)


def read_deployment(client: GitHubClient, repository: Repository, number: int) -> Deployment:
    """Return the deployment of that number with its statuses; both are asked for at once.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`; they name the
            permission `deployments: read`, where GitHub does.
    """
    what = f"deployment {number} of {repository.full_name}"
    made, statuses = client.both(
        lambda: client.get(f"{_path(repository)}/{number}", what),
        lambda: _statuses(client, repository, number),
    )
    found = parse_deployment(made, repository, where=what)
    return _with_statuses(found, statuses)


def deployments_of_run(client: GitHubClient, run: Run) -> tuple[Deployment, ...]:
    """Return the deployments that this attempt of the run made, oldest first, with statuses.

    Those of the run's commit, and of the commits that its jobs are known to have deployed, whose
    statuses link to the attempt. A run of a pull request deploys a merge commit that the run does
    not name: its jobs are asked for it, unless they carry their deployments already.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `read_deployment`.
    """
    commits = dict.fromkeys((*_deployed_commits(client, run), run.head_sha))
    found: dict[int, Deployment] = {}
    for commit in filter(None, commits):
        listed = _of_commit(client, run.repository, commit)
        # Before the attempt began, it made none: no need to ask for the statuses of those.
        since = [each for each in listed if each.created_at >= run.started_at]
        for each in with_statuses(client, since):
            if made_by(run, each):
                found[each.id] = each
    return tuple(found[number] for number in sorted(found))


def with_statuses(client: GitHubClient, found: Iterable[Deployment]) -> list[Deployment]:
    """Return the deployments with their statuses, several asked for at once."""
    return client.side_by_side(
        lambda each: _with_statuses(each, _statuses(client, each.repository, each.id)), found
    )


def parse_deployment(payload: Any, repository: Repository, *, where: str) -> Deployment:
    """Return the deployment that an answer describes, still without statuses.

    Raises:
        PayloadError: a fact is missing without which it has no identity or place in time.
    """
    found: Payload = payload if isinstance(payload, dict) else {}
    return Deployment(
        repository=repository,
        id=read.required(read.number(found, "id"), "id", where),
        environment=read.text(found, "environment") or "",
        sha=read.text(found, "sha") or "",
        created_at=read.required(read.time(found, "created_at"), "created_at", where),
        ref=read.text(found, "ref") or "",
        production=read.flag(found, "production_environment"),
        creator=parse_actor(found.get("creator")),
    )


def parse_statuses(items: Iterable[Any]) -> tuple[DeploymentStatus, ...]:
    """Return the statuses of a list in order of time; damaged ones left out."""
    found = [
        DeploymentStatus(
            state=state,
            time=time,
            id=read.number(item, "id") or 0,
            actor=parse_actor(item.get("creator")),
            log_url=read.text(item, "log_url") or read.text(item, "target_url") or "",
        )
        for item in items
        if isinstance(item, dict)
        and (state := read.text(item, "state"))
        and (time := read.time(item, "created_at"))
    ]
    return tuple(sorted(found, key=lambda status: (status.time, status.id)))


def _path(repository: Repository) -> str:
    return f"/repos/{repository.full_name}/deployments"


def _statuses(
    client: GitHubClient, repository: Repository, number: int
) -> tuple[DeploymentStatus, ...]:
    what = f"statuses of deployment {number} of {repository.full_name}"
    path = f"{_path(repository)}/{number}/statuses"
    return parse_statuses(client.list_all(path, None, what).items)


def _with_statuses(found: Deployment, statuses: tuple[DeploymentStatus, ...]) -> Deployment:
    """The deployment with its statuses, and with the run and job that they link to."""
    log = next((m for each in statuses if (m := _log(found.repository, each.log_url))), None)
    return replace(
        found,
        statuses=statuses,
        run_id=int(log[2]) if log else None,
        job_id=int(log[3]) if log and log[3] else None,
        url=next((each.log_url for each in reversed(statuses) if each.log_url), ""),
    )


def _log(repository: Repository, url: str) -> re.Match[str] | None:
    match = _LOG.fullmatch(url)
    return match if match and fold(match[1]) == fold(repository.full_name) else None


def _of_commit(client: GitHubClient, repository: Repository, commit: str) -> list[Deployment]:
    what = f"deployments of {repository.full_name}"
    listed = client.list_all(_path(repository), None, what, sha=commit).items
    return [parse_deployment(each, repository, where=what) for each in listed]


def _deployed_commits(client: GitHubClient, run: Run) -> tuple[str, ...]:
    known = parentage.deployed_commits(run)
    if known or not run.event.startswith("pull_request"):
        return known
    jobs = [job for job in timing.own_jobs(run) if job.node_id]
    nodes = (
        read.child(node, "deployment")
        for answer in ask_for_deployments(client, jobs)
        for node in read.children(answer.data, "nodes")
    )
    return tuple(commit for node in nodes if (commit := read.text(node, "commitOid")))


def made_by(run: Run, deployment: Deployment) -> bool:
    """Return whether this attempt made it: a re-run's jobs have numbers of their own."""
    if deployment.run_id != run.id:
        return False
    if deployment.job_id is None:
        return run.updated_at is None or deployment.created_at <= run.updated_at
    return any(job.id == deployment.job_id for job in timing.own_jobs(run))
