"""Timelines by GraphQL, in the form of those of REST, which `flow_telemetry.github.timeline` reads.

Only a timeline that is beyond doubt is converted. GraphQL shows null in place of what a token may
not see, such as a team, and gives some bots another name than REST.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload

# Copilot is `Copilot` in most responses of REST, and has several logins in GraphQL.
_RENAMED_BOTS = "copilot"
_ACTOR = "actor { __typename login }"
_AUTHOR = "author { __typename login }"
_PERSON = (
    "__typename ... on User { login } ... on Bot { login } ... on Mannequin { login } "
    "... on Organization { login }"
)
_REVIEWER = (
    "requestedReviewer { __typename ... on User { login } ... on Bot { login } "
    "... on Mannequin { login } ... on Team { slug name } }"
)
_ANY_STATE = "state submittedAt fullDatabaseId"
# Of a thread; one with more comments is read by REST.
_MOST_COMMENTS = 20
_COMMENTS = f"comments(first: {_MOST_COMMENTS}) {{ totalCount nodes {{ createdAt {_AUTHOR} %s }} }}"


class UncertainError(Exception):
    """A timeline may be another one in REST."""


def rest_actor(actor: Payload) -> Payload | None:
    """Return a GraphQL `Actor` as a user of REST; None for a deleted account.

    Raises:
        UncertainError: REST has another name for it.
    """
    login = read.text(actor, "login")
    if not login:
        return None
    if read.text(actor, "__typename") != "Bot":
        return {"login": login, "type": "User"}
    if login.lower().startswith(_RENAMED_BOTS):
        raise UncertainError
    return {"login": f"{login.removesuffix('[bot]')}[bot]", "type": "Bot"}


def _labeled(node: Payload) -> Payload:
    return {"label": {"name": read.text(read.child(node, "label"), "name")}}


def _assigned(node: Payload) -> Payload:
    return {"assignee": _visible(rest_actor(read.child(node, "assignee")))}


def _requested(node: Payload) -> Payload:
    reviewer = read.child(node, "requestedReviewer")
    slug = read.text(reviewer, "slug")
    if slug:
        return {"requested_team": {"slug": slug, "name": read.text(reviewer, "name")}}
    return {"requested_reviewer": _visible(rest_actor(reviewer))}


def _renamed(node: Payload) -> Payload:
    return {"rename": {"from": read.text(node, "previousTitle")}}


def _type_before(key: str) -> Callable[[Payload], Payload]:
    def convert(node: Payload) -> Payload:
        name = read.text(read.child(node, key), "name")
        return {"prev_issue_type": {"name": name} if name else None}

    return convert


def _committed(node: Payload) -> Payload:
    commit = read.child(node, "commit")
    return {
        "sha": read.text(commit, "oid"),
        "author": {"date": read.text(commit, "authoredDate")},
        "committer": {"date": read.text(commit, "committedDate")},
    }


def _reviewed(node: Payload) -> Payload:
    return {
        "id": _number(node),
        "state": (read.text(node, "state") or "").lower(),
        "submitted_at": read.text(node, "submittedAt"),
    }


def _dismissed(node: Payload) -> Payload:
    state = (read.text(node, "previousReviewState") or "").lower()
    review_id = _number(read.child(node, "review"))
    return {"dismissed_review": {"state": state, "review_id": review_id}}


def _commented(node: Payload) -> Payload:
    return {"id": _number(node)}


def _threaded(key: str) -> Callable[[Payload], Payload]:
    def convert(node: Payload) -> Payload:
        listed = read.child(node, "comments")
        comments = [
            {
                "id": _number(comment, key),
                "created_at": read.text(comment, "createdAt"),
                "user": rest_actor(read.child(comment, "author")),
            }
            for comment in read.children(listed, "nodes")
        ]
        if len(comments) != read.number(listed, "totalCount"):
            raise UncertainError
        return {"comments": comments}

    return convert


def _closed(node: Payload) -> Payload:
    # REST leaves the reason of most closings to the issue itself, and tells duplicates apart.
    if read.text(node, "stateReason") not in (None, "COMPLETED"):
        raise UncertainError
    return {"state_reason": None}


def _visible(user: Payload | None) -> Payload:
    if user is None:
        raise UncertainError
    return user


def _number(node: Payload, key: str = "fullDatabaseId") -> int:
    """Return an id, which is text in GraphQL if it may have more than 32 bits."""
    number = node.get(key)
    if isinstance(number, int):
        return number
    if not isinstance(number, str) or not number.isdigit():
        raise UncertainError
    return int(number)


def _nothing(_: Payload) -> Payload:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """An item of GraphQL: its type as an argument, the event of REST, and further fields."""

    item_type: str
    event: str
    fields: str = ""
    convert: Callable[[Payload], Payload] = _nothing
    common: str = field(default=f"createdAt {_ACTOR}")


_OF_BOTH = {
    "IssueComment": _Kind(
        item_type="ISSUE_COMMENT",
        event="commented",
        fields="fullDatabaseId",
        convert=_commented,
        common=f"createdAt {_AUTHOR}",
    ),
    "LabeledEvent": _Kind(
        item_type="LABELED_EVENT", event="labeled", fields="label { name }", convert=_labeled
    ),
    "UnlabeledEvent": _Kind(
        item_type="UNLABELED_EVENT", event="unlabeled", fields="label { name }", convert=_labeled
    ),
    "AssignedEvent": _Kind(
        item_type="ASSIGNED_EVENT",
        event="assigned",
        fields=f"assignee {{ {_PERSON} }}",
        convert=_assigned,
    ),
    "UnassignedEvent": _Kind(
        item_type="UNASSIGNED_EVENT",
        event="unassigned",
        fields=f"assignee {{ {_PERSON} }}",
        convert=_assigned,
    ),
    "RenamedTitleEvent": _Kind(
        item_type="RENAMED_TITLE_EVENT", event="renamed", fields="previousTitle", convert=_renamed
    ),
    "ClosedEvent": _Kind(
        item_type="CLOSED_EVENT", event="closed", fields="stateReason", convert=_closed
    ),
    "ReopenedEvent": _Kind(item_type="REOPENED_EVENT", event="reopened"),
}
ISSUE_KINDS: Mapping[str, _Kind] = {
    **_OF_BOTH,
    "IssueTypeAddedEvent": _Kind(
        item_type="ISSUE_TYPE_ADDED_EVENT", event="issue_type_added", convert=_type_before("")
    ),
    "IssueTypeChangedEvent": _Kind(
        item_type="ISSUE_TYPE_CHANGED_EVENT",
        event="issue_type_changed",
        fields="prevIssueType { name }",
        convert=_type_before("prevIssueType"),
    ),
    "IssueTypeRemovedEvent": _Kind(
        item_type="ISSUE_TYPE_REMOVED_EVENT",
        event="issue_type_removed",
        fields="issueType { name }",
        convert=_type_before("issueType"),
    ),
}
CHANGE_KINDS: Mapping[str, _Kind] = {
    **_OF_BOTH,
    "PullRequestCommit": _Kind(
        item_type="PULL_REQUEST_COMMIT",
        event="committed",
        fields="commit { oid authoredDate committedDate }",
        convert=_committed,
        common="",
    ),
    "PullRequestReview": _Kind(
        item_type="PULL_REQUEST_REVIEW",
        event="reviewed",
        fields=_ANY_STATE,
        convert=_reviewed,
        common=_AUTHOR,
    ),
    "ReviewDismissedEvent": _Kind(
        item_type="REVIEW_DISMISSED_EVENT",
        event="review_dismissed",
        fields="previousReviewState review { fullDatabaseId }",
        convert=_dismissed,
    ),
    "PullRequestReviewThread": _Kind(
        item_type="PULL_REQUEST_REVIEW_THREAD",
        event="line-commented",
        fields=_COMMENTS % "fullDatabaseId",
        convert=_threaded("fullDatabaseId"),
        common="",
    ),
    "PullRequestCommitCommentThread": _Kind(
        item_type="PULL_REQUEST_COMMIT_COMMENT_THREAD",
        event="commit-commented",
        fields=_COMMENTS % "databaseId",
        convert=_threaded("databaseId"),
        common="",
    ),
    "ReviewRequestedEvent": _Kind(
        item_type="REVIEW_REQUESTED_EVENT",
        event="review_requested",
        fields=_REVIEWER,
        convert=_requested,
    ),
    "ReviewRequestRemovedEvent": _Kind(
        item_type="REVIEW_REQUEST_REMOVED_EVENT",
        event="review_request_removed",
        fields=_REVIEWER,
        convert=_requested,
    ),
    "ReadyForReviewEvent": _Kind(item_type="READY_FOR_REVIEW_EVENT", event="ready_for_review"),
    "ConvertToDraftEvent": _Kind(item_type="CONVERT_TO_DRAFT_EVENT", event="convert_to_draft"),
    "HeadRefForcePushedEvent": _Kind(
        item_type="HEAD_REF_FORCE_PUSHED_EVENT", event="head_ref_force_pushed"
    ),
    "AddedToMergeQueueEvent": _Kind(
        item_type="ADDED_TO_MERGE_QUEUE_EVENT", event="added_to_merge_queue"
    ),
    "RemovedFromMergeQueueEvent": _Kind(
        item_type="REMOVED_FROM_MERGE_QUEUE_EVENT", event="removed_from_merge_queue"
    ),
    "BaseRefChangedEvent": _Kind(item_type="BASE_REF_CHANGED_EVENT", event="base_ref_changed"),
    "AutomaticBaseChangeSucceededEvent": _Kind(
        item_type="AUTOMATIC_BASE_CHANGE_SUCCEEDED_EVENT", event="automatic_base_change_succeeded"
    ),
    "MergedEvent": _Kind(item_type="MERGED_EVENT", event="merged"),
}


def select_timeline(kinds: Mapping[str, _Kind], most: int) -> str:
    """Return the selection `history` of the first ``most`` events of an issue or pull request."""
    types = " ".join(kind.item_type for kind in kinds.values())
    nodes = " ".join(f"... on {name} {{ {k.common} {k.fields} }}" for name, k in kinds.items())
    return (
        f"history: timelineItems(first: {most}, itemTypes: [{types}]) "
        f"{{ pageInfo {{ hasNextPage }} nodes {{ __typename {nodes} }} }}"
    )


def supports_timeline(kinds: Mapping[str, _Kind], unsupported: frozenset[str]) -> bool:
    """Whether a server's schema has all of a timeline; an older Enterprise Server has not."""
    return not any(name.partition(".")[0] in kinds for name in unsupported)


def rest_timeline(node: Payload, kinds: Mapping[str, _Kind]) -> list[Payload] | None:
    """Return the timeline of a node, as REST lists it; None if it is not whole or not certain."""
    history = read.child(node, "history")
    nodes = history.get("nodes")
    if not isinstance(nodes, list) or read.flag(read.child(history, "pageInfo"), "hasNextPage"):
        return None
    try:
        return [_convert(each, kinds) for each in nodes]
    except UncertainError:
        return None


def _convert(node: Payload | None, kinds: Mapping[str, _Kind]) -> Payload:
    if not isinstance(node, dict):
        raise UncertainError
    kind = kinds.get(read.text(node, "__typename") or "")
    if kind is None:
        raise UncertainError
    common: dict[str, Any] = {"event": kind.event}
    for ours, theirs in (("actor", "actor"), ("author", "user")):
        if ours in node:
            common[theirs] = rest_actor(read.child(node, ours))
    if "createdAt" in node:
        common["created_at"] = read.text(node, "createdAt")
    return {**common, **kind.convert(node)}
