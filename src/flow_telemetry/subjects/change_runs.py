"""The runs of a pull request: each attempt, from the lists of runs that GitHub keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.changes import (
    read_candidates,
)
from flow_telemetry.github.runs import (
    RunAddress,
    list_runs,
    read_attempt,
    read_jobs,
)
from flow_telemetry.identity import fold
from flow_telemetry.model import Change, Run
from flow_telemetry.rules import parentage
from flow_telemetry.subjects.run import explain_run, with_ref
from flow_telemetry.text import counted

# A run of `pull_request: closed` is created after the closing, and a queue's before the merge.
_AFTER_CLOSING = timedelta(minutes=5)
# Pushes start runs of the merged commit at once, releases later.
_AFTER_MERGE = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRuns:
    """Ended attempts with their jobs; ``later_runs`` are the runs of the merged commit."""

    runs: tuple[Run, ...] = ()
    later_runs: tuple[Run, ...] = ()
    read_errors: tuple[str, ...] = ()


def read_runs_of_change(
    context: ExportContext, change: Change, *, jobs: bool = True, until: datetime | None = None
) -> ChangeRuns:
    """Return the runs that belong to a change; for an open change those up to ``until``.

    If ``jobs`` is false, the runs have no jobs, and end at their last update.
    """
    read_errors: list[str] = []
    own = _read_attempts(
        context, _list_runs_of_branch_and_queue(context, change, read_errors, until), read_errors
    )
    own = tuple(parentage.with_head_of(run, change) for run in own)
    later = _read_attempts(context, _list_runs_of_merge(context, change, read_errors), read_errors)
    if jobs:
        own, more = with_jobs(context, own, change)
        later, further = with_jobs(context, later, change)
        read_errors += (*more, *further)
        explained = [explain_run(context, run, run.jobs) for run in (*own, *later)]
        read_errors += (notice for each in explained for notice in each.notices)
        runs = tuple(each.run for each in explained)
        own, later = runs[: len(own)], runs[len(own) :]
    own, later = (tuple(with_ref(context, r, change) for r in group) for group in (own, later))
    return ChangeRuns(runs=own, later_runs=later, read_errors=tuple(dict.fromkeys(read_errors)))


def list_runs_of_change(context: ExportContext, change: Change) -> ChangeRuns:
    """Return the runs of a change that ended by now, without their jobs and branches.

    It takes fewer requests than `read_runs_of_change`: the lists, and one for each earlier attempt.
    """
    read_errors: list[str] = []
    runs, later_runs = (
        _read_attempts(context, group, read_errors)
        for group in (
            _list_runs_of_branch_and_queue(context, change, read_errors, None),
            _list_runs_of_merge(context, change, read_errors),
        )
    )
    return ChangeRuns(runs=runs, later_runs=later_runs, read_errors=tuple(read_errors))


def with_jobs(
    context: ExportContext, runs: tuple[Run, ...], change: Change
) -> tuple[tuple[Run, ...], tuple[str, ...]]:
    """Return the runs whose jobs could be read, with their jobs, and the read errors."""
    read_errors: list[str] = []

    def read_one(run: Run) -> Run | None:
        if run.jobs:
            return run
        try:
            return replace(read_jobs(context.github, run), repository=run.repository)
        except FlowTelemetryError as error:
            read_errors.append(str(error))
            return None

    read = context.github.run_concurrently(read_one, runs)
    complete = tuple(run for run in read if run is not None)
    if len(complete) < len(read):
        read_errors.append(
            f"{counted(len(read) - len(complete), 'run')} of pull request #{change.number}"
        )
    return complete, tuple(dict.fromkeys(read_errors))


def _list_runs_of_branch_and_queue(
    context: ExportContext, change: Change, read_errors: list[str], until: datetime | None
) -> Iterator[Run]:
    """Yield the change's runs among those of its branch and of the merge queue."""
    end = change.closed_at or change.merged_at or until
    if change.created_at is None or end is None or not change.head_branch:
        return
    window = (change.created_at, end + _AFTER_CLOSING)
    # By the branch's repository; in a deleted fork by commit, since branches of others may share
    # its name.
    candidates: dict[tuple[str | None, str], tuple[Change, ...]] = {}
    for run in _list_runs_of_branch(context, change, read_errors, window):
        if parentage.parent_lookup(run) in (
            parentage.Lookup.CANDIDATES,
            parentage.Lookup.CANDIDATES_THEN_COMMIT,
        ):
            deleted = run.head_repository is None
            source = (run.head_repository, run.head_sha if deleted else "")
            if source not in candidates:
                found = read_candidates(context.github, run, read_errors)
                candidates[source] = found or (() if deleted else (change,))
            parent = parentage.find_parent_by_branch(run, candidates[source])
            if parent and parent.change and parent.change.number == change.number:
                yield run
    if change.merged_at is not None:
        queued = _list_runs(context, change, read_errors, window, event="merge_group")
        yield from (run for run in queued if parentage.merge_queue_number(run) == change.number)


def _list_runs_of_branch(
    context: ExportContext,
    change: Change,
    read_errors: list[str],
    window: tuple[datetime, datetime],
) -> Iterator[Run]:
    """Yield the runs of the change's branch; a branch of a fork may have the same name."""
    fork = fold(change.head_repository or "") != fold(change.repository.full_name)
    events: tuple[dict[str, str], ...] = ({},)
    if fork and change.head_branch == change.default_branch:
        # A fork's default branch starts runs here by these events only. Without them the list would
        # hold all pushes to the default branch of this repository.
        events = ({"event": "pull_request"}, {"event": "pull_request_target"})
    for event in events:
        listed = _list_runs(
            context, change, read_errors, window, branch=change.head_branch, **event
        )
        for run in listed:
            heads = (run.head_repository, change.head_repository)
            if not all(heads) or fold(heads[0] or "") == fold(heads[1] or ""):
                yield run


def _list_runs_of_merge(
    context: ExportContext, change: Change, read_errors: list[str]
) -> Iterator[Run]:
    """Yield the runs of the merge commit on the default branch."""
    if change.merged_at is None or change.merge_commit is None:
        return
    window = (change.merged_at - timedelta(minutes=1), change.merged_at + _AFTER_MERGE)
    for run in _list_runs(context, change, read_errors, window, head_sha=change.merge_commit):
        if run.event in ("push", "release") and parentage.find_parent_by_commit(run, (change,)):
            yield run


def _list_runs(
    context: ExportContext,
    change: Change,
    read_errors: list[str],
    window: tuple[datetime, datetime],
    **filters: str,
) -> tuple[Run, ...]:
    try:
        listed = list_runs(
            context.github,
            change.repository.full_name,
            created_from=window[0],
            created_to=min(window[1], context.clock.now()),
            known=context.listed_runs,
            **filters,
        )
    except FlowTelemetryError as error:
        read_errors.append(str(error))
        return ()
    if not listed.complete:
        read_errors.append(f"some runs of pull request #{change.number}")
    # The repository of the change has the aliases, which the listed runs lack.
    return tuple(replace(run, repository=change.repository) for run in listed.items)


def _read_attempts(
    context: ExportContext, runs: Iterable[Run], read_errors: list[str]
) -> tuple[Run, ...]:
    """Return the ended attempts of runs; a list of GitHub holds only the latest of each."""
    attempts = []
    for run in runs:
        name = run.repository.full_name
        for attempt in range(1, run.attempt):
            address = RunAddress(repository=name, run_id=run.id, attempt=attempt)
            try:
                earlier = read_attempt(context.github, address)
            except FlowTelemetryError as error:
                read_errors.append(str(error))
            else:
                attempts.append(replace(earlier, repository=run.repository))
        attempts.append(run)
    return tuple(run for run in attempts if run.completed)
