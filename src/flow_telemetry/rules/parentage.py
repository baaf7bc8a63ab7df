"""Parents: the pull request of a run, and the work items and feature of a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

from flow_telemetry import identity
from flow_telemetry.identity import fold
from flow_telemetry.model import (
    MOST_ANCESTORS,
    Change,
    EventKind,
    ItemList,
    Lineage,
    Parentage,
    Repository,
    Run,
    WorkItem,
)

# The pull request of a run, decided only from data of GitHub's API
#
# The payload of the event is not used, because the step, `workflow_run` and the command line have
# different payloads and must agree.

_QUEUE_BRANCH = re.compile(r"gh-readonly-queue/(.+)/pr-([1-9][0-9]{0,18})-([0-9a-f]+)")
# If a push to the base merges a pull request, GitHub marks it as merged after creating the runs.
_MERGE_IS_NOTED_WITHIN = timedelta(minutes=1)


# Runs of this event have the base's commit.
_ON_BASE = "pull_request_target"
# A reason is one line.
_MOST_REASONS = 3


class Lookup(Enum):
    """The data of GitHub that decides about a run."""

    CANDIDATES = "the pull requests of its branch"
    CANDIDATES_THEN_COMMIT = "the pull requests of its branch, then those of its commit"
    COMMIT = "the merged pull requests of its commit"
    QUEUE = "the branch name of the merge queue"
    NONE = "nothing"


_NONE_FOUND = {
    Lookup.CANDIDATES: "its branch has no pull request",
    Lookup.CANDIDATES_THEN_COMMIT: "neither its branch nor its commit has a pull request",
    Lookup.COMMIT: "its commit has no pull request",
}


def parent_lookup(run: Run) -> Lookup:
    """Return where to look for the parent of a run."""
    if run.event.startswith("pull_request"):
        return Lookup.CANDIDATES
    if run.event == "merge_group":
        return Lookup.QUEUE
    if run.event in ("push", "workflow_dispatch"):
        # No pull request from the default branch counts, see `_excluded_by_head`.
        on_default = run.head_branch is not None and run.head_branch == run.default_branch
        return Lookup.COMMIT if on_default else Lookup.CANDIDATES_THEN_COMMIT
    return Lookup.COMMIT if run.event in ("release", "deployment") else Lookup.NONE


def head_is_known(run: Run) -> bool:
    """Whether the run's commit is that of its branch, by which its pull request can be found."""
    return bool(run.head_sha) and not has_commit_of_base(run)


def may_deploy(run: Run) -> bool:
    """Whether a run can have deployed merged commits, so that its deployments must be read.

    Runs of pull requests do not deploy merged commits.
    """
    return not run.event.startswith("pull_request") and run.event != "merge_group"


def may_be_deployment(run: Run) -> bool:
    """Whether the parent of a run can depend on a deployment that it made.

    Runs of other events, such as `schedule`, use environments for their secrets, too.
    """
    return run.event in ("repository_dispatch", "workflow_dispatch", "workflow_run")


def may_use_environment(run: Run) -> bool:
    """Whether the environments of a run's jobs decide about its parent or about a notice."""
    return parent_lookup(run) is Lookup.NONE or may_be_deployment(run)


def undecided_reason(run: Run) -> str | None:
    """Return why the parent of a run in progress can still change; None if it cannot.

    Nothing but a deployment gives a run of these events a pull request, and it may come later.
    """
    if run.event not in ("repository_dispatch", "workflow_run") or deployed_commits(run):
        return None
    return (
        f"a run of event `{run.event}` belongs to the pull request that it deploys, and run "
        f"{run.id} has not deployed anything yet"
    )


# Events whose runs can be of a tag, which GitHub names like a branch.
# Runs of these events are of a pull request.
CHANGE_EVENTS = ("pull_request", "pull_request_target", "merge_group")
_EVENTS_OF_REFS = frozenset({"push", "workflow_dispatch", "create", "deployment"})


def may_be_of_tag(run: Run, default_branch: str | None) -> bool:
    """Whether a run without a pull request can be of a tag; that of a release always is."""
    return run.event in _EVENTS_OF_REFS and run.head_branch not in (None, "", default_branch)


def needs_default_branch(run: Run, *, of_tag: bool) -> bool:
    """Whether it depends on the default branch what a run built."""
    return bool(run.head_branch) and not of_tag and run.event not in CHANGE_EVENTS


def branch_kind(name: str | None, default: str | None) -> str | None:
    """Return `default` or `other`; None if one of the names is unknown."""
    if not name or not default:
        return None
    return "default" if name == default else "other"


def run_branch_kind(run: Run) -> str | None:
    """Return what a run built: the `default` branch, an `other` one or a `tag`; None if unknown."""
    if run.of_tag:
        return "tag"
    # The branch of a pull request from a fork can have the name of the default branch.
    if run.event in CHANGE_EVENTS:
        return "other"
    return branch_kind(run.head_branch, run.default_branch)


def deployed_commits(run: Run) -> tuple[str, ...]:
    """Return the commits that the run's jobs deployed, each once."""
    commits = (job.deployment.commit for job in run.jobs if job.deployment)
    return tuple(dict.fromkeys(commit for commit in commits if commit))


def merge_queue_number(run: Run) -> int | None:
    """Return the number of the pull request that a merge queue's branch names."""
    match = _QUEUE_BRANCH.fullmatch(run.head_branch or "")
    return int(match.group(2)) if match else None


def merge_queue_base(run: Run) -> str | None:
    """Return the base commit of a merge queue's branch, which is at the end of its name."""
    match = _QUEUE_BRANCH.fullmatch(run.head_branch or "")
    return match.group(3) if match else None


def merge_queue_target(run: Run) -> str | None:
    """Return the branch that a merge queue merges into, which the name of its branch contains."""
    match = _QUEUE_BRANCH.fullmatch(run.head_branch or "")
    return match.group(1) if match else None


def find_parent_by_branch(run: Run, changes: Iterable[Change]) -> Parentage | None:
    """Return the parentage by the pull requests of the run's branch; None if none matches.

    The pull request must have been open when the run was created. A run of a `pull_request` event
    can start with the closing: then it is the pull request that was closed last before it.
    """
    candidates = [change for change in changes if _excluded_by_head(run, change) is None]
    open_then = [change for change in candidates if _excluded_by_time(run, change) is None]
    if open_then:
        return _select_parent(
            open_then, "a pull request from its branch was open when it was created"
        )
    if run.event.startswith("pull_request"):
        closed = [c for c in candidates if c.closed_at and c.closed_at <= run.created_at]
        if closed:
            last = max(closed, key=lambda c: (c.closed_at or c.created_at, -c.number))
            return Parentage(
                reason="the pull request from its branch that was closed last before it",
                change=last,
            )
    return None


def excluded_by_branch(run: Run, change: Change) -> str | None:
    """Return why a pull request of the run's branch is not its parent; None if it may be."""
    return _excluded_by_head(run, change) or _excluded_by_time(run, change)


def _excluded_by_head(run: Run, change: Change) -> str | None:
    if change.head_branch != run.head_branch:
        return f"it is from another branch, `{change.head_branch}`"
    heads = (change.head_repository, run.head_repository)
    if all(heads) and fold(heads[0] or "") != fold(heads[1] or ""):
        return f"it is from another repository, `{change.head_repository}`"
    if run.head_branch == change.default_branch and not run.event.startswith("pull_request"):
        return f"a run of event {run.event} on the default branch belongs to what was merged"
    return None


def _excluded_by_time(run: Run, change: Change) -> str | None:
    if change.created_at is None or change.created_at > run.created_at:
        return "it was opened after the run was created"
    if change.closed_at is not None and change.closed_at <= run.created_at:
        return "it was closed before the run was created"
    return None


def find_parent_by_commit(run: Run, changes: Iterable[Change]) -> Parentage | None:
    """Return the parentage by the merged pull requests that contain the run's commit.

    They must have been merged into the default branch, and before the run: a later merge must not
    move a run that was sent. None if none matches.
    """
    merged = list(changes_merged_before(run, changes))
    if not merged:
        return None
    return _select_parent(merged, "a merged pull request brought its commit", after_merge=True)


def changes_merged_before(run: Run, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return those changes that were merged into the default branch before a run."""
    return tuple(change for change in changes if excluded_by_commit(run, change) is None)


def excluded_by_commit(run: Run, change: Change) -> str | None:
    """Return why a pull request with the run's commit is not its parent; None if it may be."""
    if change.merged_at is None:
        return "it was not merged"
    if not change.into_default_branch:
        default = f", `{change.default_branch}`" if change.default_branch else ""
        return f"it was merged into `{change.base_branch}`, not into the default branch{default}"
    if change.merged_at > run.created_at + _MERGE_IS_NOTED_WITHIN:
        return "it was merged after the run was created"
    return None


def parent_from_merge_queue(change: Change | None, others: Iterable[Change] = ()) -> Parentage:
    """Return the parentage of a run of a merge queue; ``others`` are those of the same group."""
    if change is None:
        return Parentage(reason="its branch name names no pull request of a merge queue")
    return Parentage(
        reason="the branch name of the merge queue names it",
        change=change,
        others=tuple(other for other in others if other.number != change.number),
    )


def no_parent(run: Run, excluded: Mapping[int, str], *, unread: bool = False) -> Parentage:
    """Return the parentage of a run that belongs to no pull request.

    ``excluded`` are the reasons why candidates do not count, by their numbers; ``unread`` is
    whether some could not be read.
    """
    reasons = [f"#{number}: {excluded[number]}" for number in sorted(excluded)]
    if len(reasons) > _MOST_REASONS:
        reasons[_MOST_REASONS:] = [f"and {len(reasons) - _MOST_REASONS} more"]
    if reasons:
        return Parentage(reason=f"no candidate counts ({'; '.join(reasons)})")
    if unread:
        return Parentage(reason="its pull request could not be read")
    general = f"a run of event {run.event or 'unknown'} has no pull request"
    return Parentage(reason=_NONE_FOUND.get(parent_lookup(run), general))


def has_commit_of_base(run: Run) -> bool:
    """Whether the commit of a run is that of the base of its pull request."""
    return run.event == _ON_BASE


def with_head_of(run: Run, change: Change | None) -> Run:
    """Return the run with the head commit of its pull request when the run was created.

    A run of `pull_request_target` has the base's commit in GitHub's responses. Its head commit is
    left out if it is unknown.
    """
    if not has_commit_of_base(run):
        return run
    return replace(run, head_sha="" if change is None else _head_at(run.created_at, change))


def _head_at(time: datetime, change: Change) -> str:
    """Return the head commit of a change at a time, by the times of its commits.

    A later force push has removed the commits of that time from the timeline.
    """
    later = {event.kind for event in change.timeline if event.time > time}
    if EventKind.FORCE_PUSHED in later:
        return ""
    if EventKind.COMMITTED not in later:
        return change.head_sha
    commits = (e for e in change.timeline if e.kind is EventKind.COMMITTED and e.time <= time)
    last = max(commits, key=lambda event: event.time, default=None)
    return "" if last is None else last.id


def _select_parent(changes: list[Change], reason: str, *, after_merge: bool = False) -> Parentage:
    """Prefer a change into the default branch, then the lowest number; the others become links."""
    first, *others = sorted(changes, key=lambda c: (not c.into_default_branch, c.number))
    return Parentage(reason=reason, change=first, others=tuple(others), after_merge=after_merge)


# The work items above a change, and which of them is the feature.

DEFAULT_FEATURE_TYPES = frozenset({"Epic"})
# Jira sites name the type of this level as they like; the type `Epic` matches all these names.
_EPIC, _EPIC_LEVEL = "epic", 1


def build_lineage(
    candidates: Sequence[tuple[ItemList, str]],
    *,
    feature_types: frozenset[str] = DEFAULT_FEATURE_TYPES,
    feature: ItemList | None = None,
) -> Lineage:
    """Return the chain from the nearest item up to the feature, and the items that become links.

    ``candidates`` are the possible items with their ancestors, and a text about where each was
    found; the first one with an item has the nearest item. ``feature`` is the chain of the feature
    that the user named: if the chain of the nearest item does not reach it, that chain is directly
    below it. Otherwise the feature is the highest ancestor of a type in ``feature_types``, else the
    top item.
    """
    chains = [(_without_circle(chain), reason) for chain, reason in candidates]
    named = _without_circle(feature) if feature is not None and feature.items else None
    chain, reason = next(((c, r) for c, r in chains if c.items), (ItemList(), ""))
    if named is not None:
        items, above = _under(named, chain)
        reason = reason or "the feature was named"
    else:
        types = frozenset(name.strip().casefold() for name in feature_types)
        features = [
            n
            for n, item in enumerate(chain.items)
            if item.type.casefold() in types or (_EPIC in types and item.level == _EPIC_LEVEL)
        ]
        end = features[-1] + 1 if features else len(chain.items)
        items, above = chain.items[:end], chain.items[end:]
    nearest = (other.items[0] for other, _ in chains if other.items)
    # The other candidates become links, so it does not matter if their ancestors are unread.
    empty = [other for other, _ in chains if not other.items]
    relevant = [*empty, chain, *((feature,) if feature and not feature.items else ()), named]
    unread = (note for other in relevant if other is not None for note in other.unread)
    return Lineage(
        items=items,
        above=above,
        others=_without(nearest, (*items, *above)),
        unread=tuple(dict.fromkeys(unread)),
        reason=reason,
    )


def _under(feature: ItemList, chain: ItemList) -> tuple[tuple[WorkItem, ...], ...]:
    """Return the chain up to the named feature, and the items above that.

    If a chain does not reach the feature but contains items above it, these remain above it.
    Otherwise the feature would be its own ancestor.
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


def _without_circle(chain: ItemList) -> ItemList:
    """Return the chain without a circle and of limited length; ``unread`` has the cuts."""
    items, unread = chain.items, list(chain.unread)
    references = [item.reference for item in items]
    end = next((n for n, one in enumerate(references) if one in references[:n]), None)
    if end is not None:
        # The item with the lowest reference is the top, so that all items of the circle share it.
        circle = range(references.index(references[end]), end)
        items = items[: min(circle, key=references.__getitem__) + 1]
        unread.append(f"the parents of {items[-1].key} form a circle, which was cut there")
    if len(items) > MOST_ANCESTORS + 1:
        items = items[: MOST_ANCESTORS + 1]
        unread.append(
            f"{items[0].key} has more than {MOST_ANCESTORS} ancestors: those above "
            f"{items[-1].key} were left out"
        )
    return ItemList(items=items, unread=tuple(unread))


def _without(items: Iterable[WorkItem], others: Iterable[WorkItem]) -> tuple[WorkItem, ...]:
    """Return the items that are not among the others, without repeats."""
    excluded = {item.reference for item in others}
    remaining: dict[str, WorkItem] = {}
    for item in items:
        if item.reference not in excluded:
            remaining.setdefault(item.reference, item)
    return tuple(remaining.values())


# Aliases: renamed repositories and items keep the ids of their old names and keys
#
# Ids are made from names, so a rename would change them. Setting `identity-aliases` maps new names
# to old ones.

Record = TypeVar("Record")


def with_aliases(record: Record, aliases: Mapping[str, str]) -> Record:
    """Return a record of the domain in which renamed repositories and items keep their ids.

    ``aliases`` maps `owner/name` in lower case, or a key of Jira in upper case, to the old name.
    """
    if not aliases:
        return record
    renamed: Record = _renamed(record, aliases)
    return renamed


def _renamed(value: Any, aliases: Mapping[str, str]) -> Any:
    if isinstance(value, tuple):
        return tuple(_renamed(member, aliases) for member in value)
    if isinstance(value, Repository):
        return replace(value, known_as=aliases.get(identity.fold(value.full_name)))
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changes = {}
    for field in fields(value):
        old = getattr(value, field.name)
        # A tuple without records stays the same object.
        if not isinstance(old, tuple) or any(map(is_dataclass, old)):
            new = _renamed(old, aliases)
            if new is not old:
                changes[field.name] = new
    renamed = replace(value, **changes) if changes else value
    return _renamed_item(renamed, aliases) if isinstance(renamed, WorkItem) else renamed


def _renamed_item(item: WorkItem, aliases: Mapping[str, str]) -> WorkItem:
    if item.tracker == "jira" and item.key in aliases:
        return replace(item, reference=identity.jira_reference(aliases[item.key]))
    if item.repository is not None and item.number is not None:
        reference = identity.github_issue_reference(item.repository.reference, item.number)
        return replace(item, reference=reference)
    return item
