"""What a run belongs to: the table of the design, decided from facts of GitHub's API alone.

The event's payload takes no part in a decision, so that the step, `workflow_run` and the command
line, which see different payloads, agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from enum import Enum

from flow_telemetry.identity import fold
from flow_telemetry.model import Change, Parentage, Run

_QUEUE_BRANCH = re.compile(r"gh-readonly-queue/.+/pr-([1-9][0-9]{0,18})-([0-9a-f]+)")
# A pull request merged by a push to its base is marked as merged after the push made its runs.
_MERGE_IS_NOTED_WITHIN = timedelta(minutes=1)


class Lookup(Enum):
    """Which facts of GitHub decide about a run."""

    CANDIDATES = "the pull requests of its branch"
    CANDIDATES_THEN_COMMIT = "the pull requests of its branch, then those of its commit"
    COMMIT = "the merged pull requests of its commit"
    QUEUE = "the branch name of the merge queue"
    NONE = "nothing"


def lookup(run: Run) -> Lookup:
    """Return where to look for the parent of a run."""
    if run.event.startswith("pull_request"):
        return Lookup.CANDIDATES
    if run.event == "merge_group":
        return Lookup.QUEUE
    if run.event == "push":
        return Lookup.CANDIDATES_THEN_COMMIT
    if run.event == "workflow_dispatch":
        return Lookup.CANDIDATES
    return Lookup.COMMIT if run.event == "release" else Lookup.NONE


def may_deploy(run: Run) -> bool:
    """Whether a run can have delivered something that is merged, so that it is worth a request.

    Runs of pull requests do not.
    """
    return run.event in ("push", "release") or asks_for_deployments(run)


def asks_for_deployments(run: Run) -> bool:
    """Whether a deployment that the run made may decide what it belongs to."""
    return lookup(run) is Lookup.NONE or run.event == "workflow_dispatch"


def deployed_commits(run: Run) -> tuple[str, ...]:
    """Return the commits that the run's jobs deployed, each once."""
    commits = (job.deployment.commit for job in run.jobs if job.deployment)
    return tuple(dict.fromkeys(commit for commit in commits if commit))


def queued_number(run: Run) -> int | None:
    """Return the number of the pull request that a merge queue's branch names."""
    match = _QUEUE_BRANCH.fullmatch(run.head_branch or "")
    return int(match.group(1)) if match else None


def queued_base(run: Run) -> str | None:
    """Return the commit that a merge queue's branch began at, which its name ends in."""
    match = _QUEUE_BRANCH.fullmatch(run.head_branch or "")
    return match.group(2) if match else None


def of_candidates(run: Run, changes: Iterable[Change]) -> Parentage | None:
    """Return the parentage by the pull requests of the run's branch; None where none fits.

    Kept are those that were open when the run was created. A run of a `pull_request` event may be
    made by the closing itself: then it is the one closed last before.
    """
    of_branch = [change for change in changes if _is_of_branch(run, change)]
    open_then = [change for change in of_branch if _was_open(change, run)]
    if open_then:
        return _chosen(open_then, "a pull request from its branch was open when it was created")
    if run.event.startswith("pull_request"):
        closed = [c for c in of_branch if c.closed_at and c.closed_at <= run.created_at]
        if closed:
            last = max(closed, key=lambda c: (c.closed_at or c.created_at, -c.number))
            return Parentage(
                reason="the pull request from its branch that was closed last before it",
                change=last,
            )
    return None


def of_commit(run: Run, changes: Iterable[Change]) -> Parentage | None:
    """Return the parentage by the merged pull requests that brought the run's commit.

    The default branch has to be the one that they were merged into, and the merge has to come
    before the run: what is merged later must not move a run that was sent. None where none fits.
    """
    latest = run.created_at + _MERGE_IS_NOTED_WITHIN
    brought = [
        c for c in changes if c.merged_at and c.merged_at <= latest and c.into_default_branch
    ]
    if not brought:
        return None
    return _chosen(brought, "a merged pull request brought its commit", after_merge=True)


def brought_by(run: Run, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return those changes that were merged into the default branch before a run."""
    latest = run.created_at + _MERGE_IS_NOTED_WITHIN
    return tuple(
        c for c in changes if c.merged_at and c.merged_at <= latest and c.into_default_branch
    )


def of_queue(change: Change | None, others: Iterable[Change] = ()) -> Parentage:
    """Return the parentage of a run of a merge queue; ``others`` are those of the same group."""
    if change is None:
        return Parentage(reason="its branch name names no pull request of a merge queue")
    return Parentage(
        reason="the branch name of the merge queue names it",
        change=change,
        others=tuple(each for each in others if each.number != change.number),
    )


def none_of(run: Run) -> Parentage:
    """Return the parentage of a run that belongs to no pull request."""
    return Parentage(reason=f"a run of event {run.event or 'unknown'} has no pull request")


def _is_of_branch(run: Run, change: Change) -> bool:
    """Whether it came from the run's branch, which for a push may not be the default one."""
    if change.head_branch != run.head_branch:
        return False
    heads = (change.head_repository, run.head_repository)
    if all(heads) and fold(heads[0] or "") != fold(heads[1] or ""):
        return False
    if run.event.startswith("pull_request"):
        return True
    return run.head_branch != change.default_branch


def _was_open(change: Change, run: Run) -> bool:
    begun = change.created_at is not None and change.created_at <= run.created_at
    return begun and (change.closed_at is None or run.created_at < change.closed_at)


def _chosen(changes: list[Change], reason: str, *, after_merge: bool = False) -> Parentage:
    """Of several the one into the default branch, then the lowest number; the rest are links."""
    first, *others = sorted(changes, key=lambda c: (not c.into_default_branch, c.number))
    return Parentage(reason=reason, change=first, others=tuple(others), after_merge=after_merge)
