"""The runs of a change, each attempt of them, read again from the lists that GitHub keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.identity import fold
from flow_telemetry.model import Change, Run
from flow_telemetry.parts import Parts
from flow_telemetry.rules import parentage
from flow_telemetry.sources.github.changes import read_candidates
from flow_telemetry.sources.github.run_lists import Runs, list_runs
from flow_telemetry.sources.github.runs import RunAddress, read_attempt, read_jobs_again

# A run of `pull_request: closed` is created after the closing, and a queue's before the merge.
_AFTER_CLOSING = timedelta(minutes=5)
# Runs of the merged commit: pushes at once, releases of it later.
_AFTER_MERGE = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRuns:
    """Ended attempts with their jobs; ``later_runs`` are those of the merged commit."""

    runs: tuple[Run, ...] = ()
    later_runs: tuple[Run, ...] = ()
    unread: tuple[str, ...] = ()


def read_runs_of_change(
    parts: Parts, change: Change, *, jobs: bool = True, until: datetime | None = None
) -> ChangeRuns:
    """Return the runs that belong to a change; ``until`` bounds those of one that is still open.

    Without ``jobs`` the runs have none, and their end is that of the last update.
    """
    unread: list[str] = []
    own = _attempts_of(parts, _belonging(parts, change, unread, until), unread)
    later = _attempts_of(parts, _of_merge(parts, change, unread), unread)
    if jobs:
        own, more = with_jobs(parts, own, change)
        later, further = with_jobs(parts, later, change)
        unread += (*more, *further)
    return ChangeRuns(runs=own, later_runs=later, unread=tuple(dict.fromkeys(unread)))


def with_jobs(
    parts: Parts, runs: tuple[Run, ...], change: Change
) -> tuple[tuple[Run, ...], tuple[str, ...]]:
    """Return the runs with their jobs, those left out whose jobs cannot be read; and why."""
    unread: list[str] = []
    read = parts.github.side_by_side(lambda run: _with_jobs(parts, run, unread), runs)
    found = tuple(run for run in read if run is not None)
    if len(found) < len(read):
        unread.append(f"{len(read) - len(found)} runs of pull request #{change.number}")
    return found, tuple(dict.fromkeys(unread))


def _belonging(
    parts: Parts, change: Change, unread: list[str], until: datetime | None
) -> Iterator[Run]:
    """The runs of the change's branch, and those of the merge queue, that are the change's."""
    end = change.closed_at or change.merged_at or until
    if change.created_at is None or end is None or not change.head_branch:
        return
    window = (change.created_at, end + _AFTER_CLOSING)
    candidates: tuple[Change, ...] | None = None
    for run in _of_branch(parts, change, unread, window):
        if parentage.lookup(run) in (
            parentage.Lookup.CANDIDATES,
            parentage.Lookup.CANDIDATES_THEN_COMMIT,
        ):
            if candidates is None:
                candidates = read_candidates(parts.github, run, unread) or (change,)
            found = parentage.of_candidates(run, candidates)
            if found and found.change and found.change.number == change.number:
                yield run
    if change.merged_at is not None:
        queued = _listed(parts, change, unread, window, event="merge_group")
        yield from (run for run in queued if parentage.queued_number(run) == change.number)


def _of_branch(
    parts: Parts, change: Change, unread: list[str], window: tuple[datetime, datetime]
) -> Iterator[Run]:
    """The runs of the change's branch in the change's repository: forks may have one of its name.

    From a fork's default branch only these events start runs here; all pushes to the branch of
    that name in the repository itself would be listed else.
    """
    fork = fold(change.head_repository or "") != fold(change.repository.full_name)
    events: tuple[dict[str, str], ...] = ({},)
    if fork and change.head_branch == change.default_branch:
        events = ({"event": "pull_request"}, {"event": "pull_request_target"})
    for event in events:
        listed = _listed(parts, change, unread, window, branch=change.head_branch, **event)
        for run in listed:
            heads = (run.head_repository, change.head_repository)
            if not all(heads) or fold(heads[0] or "") == fold(heads[1] or ""):
                yield run


def _of_merge(parts: Parts, change: Change, unread: list[str]) -> Iterator[Run]:
    """The runs of the commit that the change was merged as, on the default branch."""
    if change.merged_at is None or change.merge_commit is None:
        return
    window = (change.merged_at - timedelta(minutes=1), change.merged_at + _AFTER_MERGE)
    for run in _listed(parts, change, unread, window, head_sha=change.merge_commit):
        if run.event in ("push", "release") and parentage.of_commit(run, (change,)):
            yield run


def _listed(
    parts: Parts,
    change: Change,
    unread: list[str],
    window: tuple[datetime, datetime],
    **wanted: str,
) -> tuple[Run, ...]:
    try:
        found = list_runs(
            parts.github,
            change.repository.full_name,
            created_from=window[0],
            created_to=min(window[1], parts.clock.now()),
            **wanted,
        )
    except FlowTelemetryError as error:
        unread.append(str(error))
        return ()
    if not found.complete:
        unread.append(f"some runs of pull request #{change.number}")
    return _in_repository(found, change)


def _in_repository(found: Runs, change: Change) -> tuple[Run, ...]:
    """The runs under the very repository of the change, whose aliases they share."""
    return tuple(replace(run, repository=change.repository) for run in found.runs)


def _attempts_of(parts: Parts, runs: Iterable[Run], unread: list[str]) -> tuple[Run, ...]:
    """The ended attempts of runs, of which a list gives the latest only."""
    attempts = (each for run in runs for each in _attempts(parts, run, unread))
    return tuple(run for run in attempts if run.completed)


def _attempts(parts: Parts, run: Run, unread: list[str]) -> Iterable[Run]:
    earlier = []
    for attempt in range(1, run.attempt):
        address = RunAddress(repository=run.repository.full_name, run_id=run.id, attempt=attempt)
        try:
            earlier.append(replace(read_attempt(parts.github, address), repository=run.repository))
        except FlowTelemetryError as error:
            unread.append(str(error))
    return (*earlier, run)


def _with_jobs(parts: Parts, run: Run, unread: list[str]) -> Run | None:
    if run.jobs:
        return run
    try:
        return replace(read_jobs_again(parts.github, run), repository=run.repository)
    except FlowTelemetryError as error:
        unread.append(str(error))
        return None
