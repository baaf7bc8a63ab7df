"""Parents: which pull request a run belongs to, and which work items and feature a change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

from flow_telemetry import identity
from flow_telemetry.identity import fold
from flow_telemetry.model import (
    MOST_ANCESTORS,
    Change,
    Deployment,
    ItemChain,
    Lineage,
    Parentage,
    Repository,
    Result,
    Run,
    WorkItem,
)
from flow_telemetry.rules.intervals import Interval

# What a run belongs to: the table of the design, decided from facts of GitHub's API alone.
#
# The event's payload takes no part in a decision, so that the step, `workflow_run` and the command
# line, which see different payloads, agree.

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


def parent_lookup(run: Run) -> Lookup:
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
    return run.event in ("push", "release") or may_be_deployment(run)


def may_be_deployment(run: Run) -> bool:
    """Whether a deployment that the run made may decide what it belongs to."""
    return parent_lookup(run) is Lookup.NONE or run.event == "workflow_dispatch"


def deployed_commits(run: Run) -> tuple[str, ...]:
    """Return the commits that the run's jobs deployed, each once."""
    commits = (job.deployment.commit for job in run.jobs if job.deployment)
    return tuple(dict.fromkeys(commit for commit in commits if commit))


def merge_queue_number(run: Run) -> int | None:
    """Return the number of the pull request that a merge queue's branch names."""
    match = _QUEUE_BRANCH.fullmatch(run.head_branch or "")
    return int(match.group(1)) if match else None


def merge_queue_base(run: Run) -> str | None:
    """Return the commit that a merge queue's branch began at, which its name ends in."""
    match = _QUEUE_BRANCH.fullmatch(run.head_branch or "")
    return match.group(2) if match else None


def find_parent_by_branch(run: Run, changes: Iterable[Change]) -> Parentage | None:
    """Return the parentage by the pull requests of the run's branch; None if none matches.

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


def find_parent_by_commit(run: Run, changes: Iterable[Change]) -> Parentage | None:
    """Return the parentage by the merged pull requests that brought the run's commit.

    The default branch has to be the one that they were merged into, and the merge has to come
    before the run: what is merged later must not move a run that was sent. None if none matches.
    """
    merged = list(changes_merged_before(run, changes))
    if not merged:
        return None
    return _chosen(merged, "a merged pull request brought its commit", after_merge=True)


def changes_merged_before(run: Run, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return those changes that were merged into the default branch before a run."""
    latest = run.created_at + _MERGE_IS_NOTED_WITHIN
    return tuple(
        c for c in changes if c.merged_at and c.merged_at <= latest and c.into_default_branch
    )


def parent_from_merge_queue(change: Change | None, others: Iterable[Change] = ()) -> Parentage:
    """Return the parentage of a run of a merge queue; ``others`` are those of the same group."""
    if change is None:
        return Parentage(reason="its branch name names no pull request of a merge queue")
    return Parentage(
        reason="the branch name of the merge queue names it",
        change=change,
        others=tuple(each for each in others if each.number != change.number),
    )


def no_parent(run: Run) -> Parentage:
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


# The work items above a change, and which of them is the feature.

DEFAULT_FEATURE_TYPES = frozenset({"Epic"})
# Jira calls the types of this level as the site likes; the type `Epic` stands for all of them.
_EPIC, _EPIC_LEVEL = "epic", 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateChain:
    """An item that a change may belong to, with its ancestors, and where it was found."""

    chain: ItemChain
    reason: str


def build_lineage(
    candidates: Sequence[CandidateChain],
    *,
    feature_types: frozenset[str] = DEFAULT_FEATURE_TYPES,
    feature: ItemChain | None = None,
) -> Lineage:
    """Return the chain from the nearest item up to the feature, and the items that become links.

    The first candidate that has an item is the nearest one: their order decides. ``feature`` is
    the chain of the feature that the user named: where the nearest item's chain does not reach it,
    that chain hangs directly under it. Without it the feature is the highest ancestor of a type in
    ``feature_types``, else the topmost.
    """
    straight = [(_straight(each.chain), each.reason) for each in candidates]
    named = _straight(feature) if feature is not None and feature.items else None
    chain, reason = next(((c, r) for c, r in straight if c.items), (ItemChain(), ""))
    if named is not None:
        items, above = _under(named, chain)
        reason = reason or "the feature was named"
    else:
        items, above = _up_to_feature(chain, feature_types)
    nearest = (each.items[0] for each, _ in straight if each.items)
    # What is unread above a further candidate's item is missing from no trace.
    lost = [each for each, _ in straight if not each.items]
    counting = [*lost, chain, *((feature,) if feature and not feature.items else ())]
    return Lineage(
        items=items,
        above=above,
        others=_without(nearest, (*items, *above)),
        unread=_once(note for each in (*counting, named or ItemChain()) for note in each.unread),
        reason=reason,
    )


def _under(feature: ItemChain, chain: ItemChain) -> tuple[tuple[WorkItem, ...], ...]:
    """The chain up to the named feature, and what stands above that.

    A chain that does not reach it may hold items that stand above it: they stay there, or the
    feature would be its own ancestor.
    """
    top, *higher = feature.items
    references = [item.reference for item in chain.items]
    if top.reference in references:
        at = references.index(top.reference)
        below, higher = chain.items[:at], [*chain.items[at + 1 :], *higher]
    else:
        below = _without(chain.items, higher)
    items = (*below, top)
    return items, _without(higher, items)


def _up_to_feature(
    chain: ItemChain, feature_types: Iterable[str]
) -> tuple[tuple[WorkItem, ...], ...]:
    types = frozenset(name.strip().casefold() for name in feature_types)
    features = [at for at, item in enumerate(chain.items) if _is_feature(item, types)]
    end = features[-1] + 1 if features else len(chain.items)
    return chain.items[:end], chain.items[end:]


def _is_feature(item: WorkItem, types: frozenset[str]) -> bool:
    return item.type.casefold() in types or (_EPIC in types and item.level == _EPIC_LEVEL)


def _straight(chain: ItemChain) -> ItemChain:
    """Return the chain without a circle and not too long, with a notice for each cut."""
    items, unread = chain.items, list(chain.unread)
    references = [item.reference for item in items]
    again = next((at for at, each in enumerate(references) if each in references[:at]), None)
    if again is not None:
        items = _out_of_circle(items, references.index(references[again]), again)
        unread.append(f"the parents of {items[-1].key} form a circle, which was cut there")
    if len(items) > MOST_ANCESTORS + 1:
        items = items[: MOST_ANCESTORS + 1]
        unread.append(
            f"{items[0].key} has more than {MOST_ANCESTORS} ancestors: those above "
            f"{items[-1].key} were left out"
        )
    return ItemChain(items=items, unread=tuple(unread))


def _out_of_circle(items: tuple[WorkItem, ...], start: int, end: int) -> tuple[WorkItem, ...]:
    """Return the chain up to the circle's item with the lowest reference.

    The top is the same for every item of the circle, so they share one root.
    """
    top = min(range(start, end), key=lambda at: items[at].reference)
    return items[: top + 1]


def _without(items: Iterable[WorkItem], others: Iterable[WorkItem]) -> tuple[WorkItem, ...]:
    """The items that are not among the others, each once."""
    known = {item.reference for item in others}
    kept: dict[str, WorkItem] = {}
    for item in items:
        if item.reference not in known:
            kept.setdefault(item.reference, item)
    return tuple(kept.values())


def _once(notes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(notes))


# When a deployment reached its environment, and which one was there before it.
#
# GitHub marks a deployment as `inactive` when a later one takes its place. That says nothing of
# whether it had succeeded, so it is read nowhere.

# Of REST, which writes them in lower case, and of GraphQL in upper case.
_UNSUCCESSFUL = {"failure": Result.FAILURE, "error": Result.ERROR}


def succeeded_at(deployment: Deployment) -> datetime | None:
    """Return when it first succeeded; None where it did not, or not yet."""
    return min((time for state, time in _states(deployment) if state == "success"), default=None)


def delivery_result(deployment: Deployment) -> Result | None:
    """Return how it ended: a success counts, regardless of earlier and later statuses.

    None while it goes on, and for one that another replaced before it came to anything.
    """
    if succeeded_at(deployment) is not None:
        return Result.SUCCESS
    failed = _first_failure(deployment)
    return _UNSUCCESSFUL[failed[0]] if failed else None


def delivery_interval(deployment: Deployment) -> Interval | None:
    """Return its time from the creation to the success, else to the failure, else None."""
    failed = _first_failure(deployment)
    end = succeeded_at(deployment) or (failed[1] if failed else None)
    return None if end is None else Interval.of(deployment.created_at, end)


def previous_successful(deployment: Deployment, others: Iterable[Deployment]) -> Deployment | None:
    """Return what was in the environment when a deployment succeeded; None if nothing was.

    It is the one of the same environment that succeeded last before it: what one replaces depends
    on the ends, not on the order in which they were created. For a deployment without success its
    creation counts.
    """
    this = (succeeded_at(deployment) or deployment.created_at, deployment.id)
    before = [
        (time, each.id, each)
        for each in others
        if each.id != deployment.id
        and environment_key(each) == environment_key(deployment)
        and (time := succeeded_at(each)) is not None
        and (time, each.id) < this
    ]
    return max(before, key=lambda found: found[:2])[2] if before else None


def _states(deployment: Deployment) -> list[tuple[str, datetime]]:
    return [(fold(status.state), status.time) for status in deployment.statuses]


def _first_failure(deployment: Deployment) -> tuple[str, datetime] | None:
    failures = [found for found in _states(deployment) if found[0] in _UNSUCCESSFUL]
    return min(failures, key=lambda found: found[1], default=None)


def environment_key(deployment: Deployment) -> tuple[str, str]:
    """Return the environment: GitHub does not tell their names apart by case."""
    return deployment.repository.reference, fold(deployment.environment)


# Keeping the ids of what was renamed: a repository under its old name, an item under its old key.
#
# A rename starts new ids, since they are made from names; input `identity-aliases` maps what is
# called so now to the name whose ids are kept.

Record = TypeVar("Record")


def with_aliases(record: Record, aliases: Mapping[str, str]) -> Record:
    """Return a record of the domain in which all that was renamed keeps its ids.

    ``aliases`` maps `owner/name` in lower case, or a key of Jira in upper case, to the old name.
    """
    if not aliases:
        return record
    renamed: Record = _renamed(record, aliases)
    return renamed


def _renamed(value: Any, aliases: Mapping[str, str]) -> Any:
    if isinstance(value, tuple):
        return tuple(_renamed(each, aliases) for each in value)
    if isinstance(value, Repository):
        return replace(value, known_as=aliases.get(identity.fold(value.full_name)))
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changes = {
        each.name: changed
        for each in fields(value)
        if (old := getattr(value, each.name)) is not (changed := _rename_field(old, aliases))
    }
    found = replace(value, **changes) if changes else value
    return _item(found, aliases) if isinstance(found, WorkItem) else found


def _rename_field(value: Any, aliases: Mapping[str, str]) -> Any:
    """Return the renamed value of a field, or the same object if it holds no records."""
    if isinstance(value, tuple) and not any(is_dataclass(each) for each in value):
        return value
    return _renamed(value, aliases)


def _item(item: WorkItem, aliases: Mapping[str, str]) -> WorkItem:
    if item.tracker == "jira" and item.key in aliases:
        return replace(item, reference=identity.jira_reference(aliases[item.key]))
    if item.repository is not None and item.number is not None:
        home = item.repository.reference
        return replace(item, reference=identity.github_issue_reference(home, item.number))
    return item
