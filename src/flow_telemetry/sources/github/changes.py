"""Reading what a run belongs to: its pull request, as `flow_telemetry.parentage` decides."""

from __future__ import annotations

from dataclasses import replace

from flow_telemetry import parentage
from flow_telemetry.errors import SourceError
from flow_telemetry.model import Change, Parentage, Run
from flow_telemetry.parentage import Lookup
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.parse import parse_changes


def read_parentage(client: GitHubClient, run: Run) -> Parentage:
    """Return what the run belongs to; what could not be read is a reason in ``unread``.

    The deployments that its jobs made count where they were read before.

    Raises:
        DeadlineExceeded: no time is left.
    """
    where = parentage.lookup(run)
    unread: list[str] = []
    found = None
    if where is Lookup.QUEUE:
        return parentage.of_queue(_queued_change(run))
    if where in (Lookup.CANDIDATES, Lookup.CANDIDATES_THEN_COMMIT):
        found = parentage.of_candidates(run, _of_branch(client, run, unread))
    if found is None and where in (Lookup.CANDIDATES_THEN_COMMIT, Lookup.COMMIT):
        found = parentage.of_commit(run, _of_commit(client, run, run.head_sha, unread))
    if found is None and parentage.asks_for_deployments(run):
        for commit in parentage.deployed_commits(run):
            changes = _of_commit(client, run, commit, unread)
            found = found or parentage.of_commit(run, changes)
    return replace(found or parentage.none_of(run), unread=tuple(unread))


def _queued_change(run: Run) -> Change | None:
    number = parentage.queued_number(run)
    return Change(repository=run.repository, number=number) if number else None


def _of_branch(client: GitHubClient, run: Run, unread: list[str]) -> tuple[Change, ...]:
    if not run.head_branch:
        return ()
    if run.head_repository is None:
        unread.append("the repository of its branch was deleted, so its pull request is unknown")
        return ()
    head = f"{run.head_repository.partition('/')[0]}:{run.head_branch}"
    return _read(client, run, f"/repos/{run.repository.full_name}/pulls", unread, head=head)


def _of_commit(
    client: GitHubClient, run: Run, commit: str, unread: list[str]
) -> tuple[Change, ...]:
    if not commit:
        return ()
    path = f"/repos/{run.repository.full_name}/commits/{commit}/pulls"
    return _read(client, run, path, unread)


def _read(
    client: GitHubClient, run: Run, path: str, unread: list[str], **query: str
) -> tuple[Change, ...]:
    what = f"pull requests of {run.repository.full_name}"
    if query:
        query["state"] = "all"
    try:
        return parse_changes(client.list_all(path, None, what, **query).items, run.repository)
    except SourceError as error:
        unread.append(str(error))
        return ()
