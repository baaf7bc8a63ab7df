"""Timelines as GraphQL gives them: the same things as in REST's, each kind as a type of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from tests.fakes.accounts import time_text
from tests.fakes.graphql_execution import Arguments, Object, connection
from tests.fakes.records import Issue, PullRequest, TimelineEvent
from tests.fakes.timeline_events import sha_of_commit

# By REST's names: the type as an argument, and the type itself.
TYPES = {
    "added_to_merge_queue": ("ADDED_TO_MERGE_QUEUE_EVENT", "AddedToMergeQueueEvent"),
    "assigned": ("ASSIGNED_EVENT", "AssignedEvent"),
    "automatic_base_change_succeeded": (
        "AUTOMATIC_BASE_CHANGE_SUCCEEDED_EVENT",
        "AutomaticBaseChangeSucceededEvent",
    ),
    "base_ref_changed": ("BASE_REF_CHANGED_EVENT", "BaseRefChangedEvent"),
    "blocked_by_added": ("BLOCKED_BY_ADDED_EVENT", "BlockedByAddedEvent"),
    "blocked_by_removed": ("BLOCKED_BY_REMOVED_EVENT", "BlockedByRemovedEvent"),
    "closed": ("CLOSED_EVENT", "ClosedEvent"),
    "commented": ("ISSUE_COMMENT", "IssueComment"),
    "committed": ("PULL_REQUEST_COMMIT", "PullRequestCommit"),
    "convert_to_draft": ("CONVERT_TO_DRAFT_EVENT", "ConvertToDraftEvent"),
    "converted_to_draft": ("CONVERT_TO_DRAFT_EVENT", "ConvertToDraftEvent"),
    "head_ref_force_pushed": ("HEAD_REF_FORCE_PUSHED_EVENT", "HeadRefForcePushedEvent"),
    "issue_type_added": ("ISSUE_TYPE_ADDED_EVENT", "IssueTypeAddedEvent"),
    "issue_type_changed": ("ISSUE_TYPE_CHANGED_EVENT", "IssueTypeChangedEvent"),
    "issue_type_removed": ("ISSUE_TYPE_REMOVED_EVENT", "IssueTypeRemovedEvent"),
    "labeled": ("LABELED_EVENT", "LabeledEvent"),
    "line-commented": ("PULL_REQUEST_REVIEW_THREAD", "PullRequestReviewThread"),
    "merged": ("MERGED_EVENT", "MergedEvent"),
    "project_v2_item_status_changed": (
        "PROJECT_V2_ITEM_STATUS_CHANGED_EVENT",
        "ProjectV2ItemStatusChangedEvent",
    ),
    "ready_for_review": ("READY_FOR_REVIEW_EVENT", "ReadyForReviewEvent"),
    "removed_from_merge_queue": ("REMOVED_FROM_MERGE_QUEUE_EVENT", "RemovedFromMergeQueueEvent"),
    "renamed": ("RENAMED_TITLE_EVENT", "RenamedTitleEvent"),
    "reopened": ("REOPENED_EVENT", "ReopenedEvent"),
    "review_dismissed": ("REVIEW_DISMISSED_EVENT", "ReviewDismissedEvent"),
    "review_request_removed": ("REVIEW_REQUEST_REMOVED_EVENT", "ReviewRequestRemovedEvent"),
    "review_requested": ("REVIEW_REQUESTED_EVENT", "ReviewRequestedEvent"),
    "reviewed": ("PULL_REQUEST_REVIEW", "PullRequestReview"),
    "unassigned": ("UNASSIGNED_EVENT", "UnassignedEvent"),
    "unlabeled": ("UNLABELED_EVENT", "UnlabeledEvent"),
}


def timeline(
    of: Issue | PullRequest, arguments: Arguments, find_issue: Callable[[str | None], Any]
) -> Object:
    """Return a page of a timeline; ``find_issue`` gives the issue that blocks, by its key."""
    wanted = arguments.get("itemTypes") or ()
    found = [_node(of, each, find_issue) for each in of.timeline if _is_wanted(each, wanted)]
    known = any(event.plan.kind == "closed" for event in of.timeline)
    if of.closed_at is not None and not known and "CLOSED_EVENT" in wanted:
        found.append({"__typename": "ClosedEvent", "createdAt": time_text(of.closed_at)})
    return connection(found)(arguments)


def actor(login: str | None) -> Object | None:
    """Return who acted: a bot's login has no ending here."""
    if login is None:
        return None
    kind = "Bot" if login.endswith("[bot]") else "User"
    return {"__typename": kind, "login": login.removesuffix("[bot]")}


def _is_wanted(event: TimelineEvent, wanted: Collection[str]) -> bool:
    return TYPES.get(event.plan.kind, ("",))[0] in wanted


def _node(
    of: Issue | PullRequest, event: TimelineEvent, find_issue: Callable[[str | None], Any]
) -> Object:
    plan, time = event.plan, time_text(event.time)
    owner = plan.project_owner or of.repository.partition("/")[0]
    number, title = plan.project
    person = actor(plan.subject or None)
    reviewer = person
    if plan.team:
        reviewer = {"__typename": "Team", "slug": plan.subject, "name": plan.subject.title()}
    return {
        "__typename": TYPES[plan.kind][1],
        "actor": actor(plan.by),
        "assignee": person,
        "author": actor(plan.by),
        "blockingIssue": lambda _: find_issue(plan.subject),
        "comments": connection([_comment(each) for each in plan.facts.get("comments") or ()]),
        "commit": {
            "__typename": "Commit",
            "authoredDate": plan.facts.get("author", {}).get("date", time),
            "committedDate": plan.facts.get("committer", {}).get("date", time),
            "oid": sha_of_commit(event),
        },
        "createdAt": time,
        "fullDatabaseId": str(event.id),
        "issueType": _type(plan.before if plan.kind.endswith("removed") else plan.subject),
        "label": {"__typename": "Label", "name": plan.subject},
        "oldBase": plan.before,
        "prevIssueType": _type(plan.before),
        "previousRefName": plan.before,
        "previousReviewState": _review_before(of, event),
        "previousStatus": plan.before,
        "previousTitle": plan.before,
        "project": {
            "__typename": "ProjectV2",
            "id": f"PVT_{owner}_{number}",
            "number": number,
            "title": title,
            "owner": {"__typename": "Organization", "id": f"O_{owner}", "login": owner},
        },
        "requestedReviewer": reviewer,
        "review": {"__typename": "PullRequestReview", "fullDatabaseId": str(event.id)},
        "state": _review_state(of, event),
        "stateReason": _reason(of),
        "status": plan.subject,
        "submittedAt": time,
    }


def _comment(comment: Any) -> Object:
    return {
        "__typename": "PullRequestReviewComment",
        "author": actor(comment["user"]["login"]),
        "createdAt": comment["created_at"],
        "fullDatabaseId": str(comment["id"]),
    }


def _type(name: str) -> Object | None:
    return {"__typename": "IssueType", "name": name} if name else None


def _review_state(of: Issue | PullRequest, event: TimelineEvent) -> str:
    dismissals = (each for each in of.timeline if each.plan.kind == "review_dismissed")
    state = "dismissed" if any(each.id == event.id for each in dismissals) else event.plan.review
    return str(event.plan.facts.get("state", state)).upper()


def _review_before(of: Issue | PullRequest, event: TimelineEvent) -> str:
    reviews = (each.plan for each in of.timeline if each.plan.kind == "reviewed")
    return next((plan.review for plan in reviews if plan.id == event.id), "").upper()


def _reason(of: Issue | PullRequest) -> str | None:
    """The reason of a closing, which does not tell duplicates apart; pull requests have none."""
    if not isinstance(of, Issue):
        return None
    reason = of.plan.state_reason.upper()
    return "NOT_PLANNED" if reason == "DUPLICATE" else reason or None
