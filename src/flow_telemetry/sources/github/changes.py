"""Reading what a run belongs to: its pull request, as `flow_telemetry.rules.parentage` decides."""

from __future__ import annotations

from dataclasses import replace

from flow_telemetry.errors import SourceError
from flow_telemetry.model import Change, Parentage, Run
from flow_telemetry.rules import parentage
from flow_telemetry.rules.parentage import Lookup
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.commit_ranges import numbers_between
from flow_telemetry.sources.github.parse import parse_change, parse_changes


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
        queued = _queued_change(client, run, unread)
        found = parentage.of_queue(queued, _queued_beside(client, run))
    if where in (Lookup.CANDIDATES, Lookup.CANDIDATES_THEN_COMMIT):
        found = parentage.of_candidates(run, read_candidates(client, run, unread))
    if found is None and where in (Lookup.CANDIDATES_THEN_COMMIT, Lookup.COMMIT):
        found = parentage.of_commit(run, read_changes_of_commit(client, run, run.head_sha, unread))
    if found is None and parentage.asks_for_deployments(run):
        for commit in parentage.deployed_commits(run):
            changes = read_changes_of_commit(client, run, commit, unread)
            found = found or parentage.of_commit(run, changes)
    return replace(found or parentage.none_of(run), unread=tuple(unread))


def _queued_change(client: GitHubClient, run: Run, unread: list[str]) -> Change | None:
    """The pull request that the queue's branch names; by its number alone where it is not read."""
    number = parentage.queued_number(run)
    if number is None:
        return None
    full_name = run.repository.full_name
    what = f"pull request {full_name}#{number}"
    try:
        found = parse_change(client.get(f"/repos/{full_name}/pulls/{number}", what), where=what)
    except SourceError as error:
        unread.append(str(error))
        return Change(repository=run.repository, number=number)
    return replace(found, repository=run.repository)


def _queued_beside(client: GitHubClient, run: Run) -> tuple[Change, ...]:
    """The pull requests of a queue's group, by their numbers: their merges say which they are.

    They become links only: that they cannot be read is no reason for a warning.
    """
    base = parentage.queued_base(run)
    if base is None or not run.head_sha:
        return ()
    what = f"the merge group of run {run.id} of {run.repository.full_name}"
    try:
        numbers = numbers_between(client, run.repository, base, run.head_sha, what)
    except SourceError as error:
        client.log.debug(str(error))
        return ()
    return tuple(Change(repository=run.repository, number=number) for number in numbers)


def read_candidates(client: GitHubClient, run: Run, unread: list[str]) -> tuple[Change, ...]:
    """Return the pull requests of a run's branch in any state; reasons go into ``unread``."""
    if not run.head_branch:
        return ()
    if run.head_repository is None:
        unread.append("the repository of its branch was deleted, so its pull request is unknown")
        return ()
    head = f"{run.head_repository.partition('/')[0]}:{run.head_branch}"
    return _read(client, run, f"/repos/{run.repository.full_name}/pulls", unread, head=head)


def read_changes_of_commit(
    client: GitHubClient, run: Run, commit: str, unread: list[str]
) -> tuple[Change, ...]:
    """Return the pull requests that brought a commit; reasons go into ``unread``."""
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
