"""GitHub's issues as a tracker: chains, histories, sub-issues, and the pull requests that close."""

from __future__ import annotations

import pytest
from tests.contracts.openapi import validate
from tests.fakes.github import FakeGitHub
from tests.fakes.world import World, happened
from tests.support.clients import SHOP, client_of

from flow_telemetry.errors import NotFoundError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.issues import GitHubIssues, StatusSource
from flow_telemetry.identity import format_timestamp
from flow_telemetry.model import Actor, ActorKind, EventKind, WorkItem
from flow_telemetry.model.item_key import parse_item_key
from flow_telemetry.model.items import Tracker


def issues_of(client: GitHubClient, *, status_project: str = "") -> GitHubIssues:
    """The tracker as acme/shop sees it."""
    return GitHubIssues(client, SHOP, StatusSource(project=status_project, owner="acme"))


def item(client: GitHubClient, key: str) -> WorkItem:
    """An issue as the chain of its key gives it."""
    return issues_of(client).chain(parse_item_key(key)).items[0]


def test_a_key_leads_to_the_issue_and_its_parents(
    world: World, github: FakeGitHub, client: GitHubClient
) -> None:
    """One request brings the chain, whichever way the key is written; it is not sent again."""
    world.issue(42, type="Epic")
    world.issue(17, parent=42)
    tracker: Tracker = issues_of(client)
    for key in ("17", "GH-17", "ACME/shop#17"):
        chain = tracker.chain(parse_item_key(key))
        assert [each.key for each in chain.items] == ["acme/shop#17", "acme/shop#42"]
        assert chain.unread == ()
    assert github.paths == ["/graphql"]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"moved_to": "acme/core#5"}, "moved to https://github.com/acme/core/issues/5"),
        ({"deleted": True}, "This issue was deleted"),
        (None, "the number or repository is wrong"),
    ],
    ids=["moved", "deleted", "unknown"],
)
def test_an_issue_that_is_not_there_is_known_by_its_key_alone(
    world: World,
    github: FakeGitHub,
    facts: dict[str, str | bool] | None,
    reason: str,
    client: GitHubClient,
) -> None:
    """The key still names the item, and why no more is known is told."""
    world.repository("acme/core")
    world.issue(5, repository="acme/core")
    if facts is not None:
        world.issue(17, **facts)  # type: ignore[arg-type]
    chain = issues_of(client).chain(parse_item_key("#17"))
    (alone,) = chain.items
    assert (alone.reference, alone.read) == ("github.com/acme/shop/issues/17", False)
    (told,) = chain.unread
    assert "issue acme/shop#17" in told
    assert reason in told


def test_a_pull_request_is_no_work_item(world: World, client: GitHubClient) -> None:
    """A key that is a pull request's number is told to be one."""
    world.pull_request(123)
    chain = issues_of(client).chain(parse_item_key("#123"))
    assert chain.unread == ("issue acme/shop#123 is a pull request, not a work item",)


def test_a_repository_out_of_sight_is_told(
    world: World, github: FakeGitHub, client: GitHubClient
) -> None:
    """GitHub answers as if it was not there; the key alone stays."""
    world.repository("acme/secret", hidden=True)
    world.issue(42, repository="acme/secret")
    chain = issues_of(client).chain(parse_item_key("acme/secret#42"))
    assert chain.items[0].reference == "github.com/acme/secret/issues/42"
    assert not chain.items[0].read
    assert len(chain.unread) == 1


def test_a_token_without_the_permission_keeps_the_key(world: World) -> None:
    """Without `issues: read` one request is made, and GitHub's words are kept."""
    world.issue(17)
    with (
        FakeGitHub(world, denied={"issues=read"}, check=validate) as github,
        client_of(github) as client,
    ):
        chain = issues_of(client).chain(parse_item_key("17"))
        assert len(github.requests) == 1
    assert not chain.items[0].read
    assert "Resource not accessible by integration" in chain.unread[0]
    assert "`flow-telemetry check`" in chain.unread[0]


def test_an_issue_has_all_of_its_facts_and_its_history(world: World, client: GitHubClient) -> None:
    """What REST tells and what only GraphQL tells stand in one order of time."""
    world.issue(9)
    world.issue(
        17,
        type="Story",
        author="renovate[bot]",
        labels=["money"],
        assignees=["bob", "carol"],
        closed_at="2026-11-23T00:00:00Z",
        timeline=[
            happened("assigned", subject="bob"),
            happened("blocked_by_added", subject="acme/shop#9", by="bob"),
            happened("commented", id=501),
            happened("blocked_by_removed", subject="acme/shop#9"),
        ],
    )
    story = issues_of(client).details(item(client, "17"))
    assert story.author == Actor(login="renovate[bot]", kind=ActorKind.BOT)
    assert (story.assignees, story.labels, story.comments) == (("bob", "carol"), ("money",), 1)
    assert [(event.kind, event.subject) for event in story.history] == [
        (EventKind.ASSIGNED, "bob"),
        (EventKind.BLOCKED, "acme/shop#9"),
        (EventKind.COMMENTED, ""),
        (EventKind.UNBLOCKED, "acme/shop#9"),
        (EventKind.CLOSED, ""),
    ]
    assert story.history[1].actor == Actor(login="bob")
    assert (story.history_complete, story.status, story.result) == (True, "", "completed")


def test_an_issue_blocks_until_it_is_closed(world: World, client: GitHubClient) -> None:
    """Nothing has to be taken off for that; one that was closed later blocked until taken off."""
    world.issue(8, closed_at="2026-11-20T12:00:00Z")
    world.issue(9, closed_at="2026-11-22T12:00:00Z")
    world.issue(
        17,
        timeline=[
            happened("blocked_by_added", subject="acme/shop#8", at="2026-11-19T08:00:00Z"),
            happened("blocked_by_added", subject="acme/shop#9", at="2026-11-19T09:00:00Z"),
            happened("blocked_by_removed", subject="acme/shop#9", at="2026-11-21T08:00:00Z"),
        ],
    )
    story = issues_of(client).details(item(client, "17"))
    assert [(e.kind.value, e.subject, format_timestamp(e.time)) for e in story.history] == [
        ("blocked", "acme/shop#8", "2026-11-19T08:00:00Z"),
        ("blocked", "acme/shop#9", "2026-11-19T09:00:00Z"),
        ("unblocked", "acme/shop#8", "2026-11-20T12:00:00Z"),
        ("unblocked", "acme/shop#9", "2026-11-21T08:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("project", "statuses"),
    [
        ("", []),
        ("1", [("Todo", ""), ("In Progress", "Todo")]),
        ("Roadmap", [("Todo", ""), ("In Progress", "Todo")]),
        ("Bugs", [("Triage", "")]),
        ("Other", []),
        ("other/1", [("Theirs", "")]),
        ("ACME/1", [("Todo", ""), ("In Progress", "Todo")]),
        ("PVT_other_1", [("Theirs", "")]),
    ],
)
def test_statuses_are_those_of_one_project(
    world: World, client: GitHubClient, project: str, statuses: list[tuple[str, str]]
) -> None:
    """By number or title of the owner's project, `owner/number` or node id; a status that stays is
    not a change.
    """
    status = "project_v2_item_status_changed"
    world.issue(
        17,
        timeline=[
            happened(status, subject="Todo"),
            happened(status, subject="Triage", project=(2, "Bugs")),
            happened(status, subject="Theirs", project_owner="other"),
            happened(status, subject="Todo", before="Todo"),
            happened(status, subject="In Progress", before="Todo"),
        ],
    )
    story = issues_of(client, status_project=project).details(item(client, "17"))
    changes = [each for each in story.history if each.kind is EventKind.STATUS_CHANGED]
    assert [(each.subject, each.before) for each in changes] == statuses
    assert story.status == (statuses[-1][0] if statuses else "")


def test_a_long_history_is_read_page_after_page(world: World) -> None:
    """A hundred events make a page; all are read."""
    status = "project_v2_item_status_changed"
    moves = [happened(status, subject=f"Status {number}") for number in range(230)]
    world.issue(17, timeline=moves)
    with FakeGitHub(world) as github, client_of(github) as client:
        story = issues_of(client, status_project="1").details(item(client, "17"))
    assert (len(story.history), story.history_complete) == (230, True)


def test_details_of_a_lost_issue_are_an_error(world: World, client: GitHubClient) -> None:
    """An issue that was deleted meanwhile says so."""
    world.issue(17)
    known = item(client, "17")
    world.issue(17, deleted=True)
    with pytest.raises(NotFoundError, match="deleted"):
        issues_of(client).details(known)


def test_sub_issues_are_read_to_the_last(world: World, client: GitHubClient) -> None:
    """More than a hundred, in several repositories; hidden ones are counted."""
    world.repository("acme/api")
    world.repository("acme/secret", hidden=True)
    world.issue(42, type="Epic")
    for number in range(100, 220):
        world.issue(number, parent=42)
    world.issue(3, repository="acme/api", parent="acme/shop#42")
    world.issue(4, repository="acme/secret", parent="acme/shop#42")
    found = issues_of(client).children(item(client, "42"))
    assert len(found.items) == 121
    assert found.items[-1].key == "acme/api#3"
    assert found.unread == ("the token cannot see 1 of the sub-issues of acme/shop#42",)


def test_what_closes_an_issue_is_found_in_whatever_state(
    world: World, github: FakeGitHub, client: GitHubClient
) -> None:
    """Open, closed and merged pull requests, of other repositories too."""
    world.repository("acme/api")
    world.issue(17)
    world.pull_request(1, closes=[17], branch="one")
    world.pull_request(2, closes=[17], closed_at="2026-11-23T00:00:00Z", head_repository=None)
    world.pull_request(
        3,
        repository="acme/api",
        closes=["acme/shop#17"],
        merged_at="2026-11-23T00:00:00Z",
        merge_commit_sha="c0ffee" * 6 + "beef",
    )
    world.pull_request(4)
    found = issues_of(client).changes_of(item(client, "17"))
    opened, closed, merged = found.changes
    assert found.unread == ()
    assert (opened.reference, opened.state) == ("github.com/acme/shop/pull/1", "open")
    assert (opened.head_branch, opened.head_repository) == ("one", "acme/shop")
    assert opened.into_default_branch
    assert (closed.state, closed.merged_at, closed.head_repository) == ("closed", None, None)
    assert merged.reference == "github.com/acme/api/pull/3"
    assert (merged.state, merged.ended) == ("closed", True)
    assert merged.merge_commit == "c0ffee" * 6 + "beef"


def test_an_older_server_has_neither_sub_issues_nor_blocks(world: World) -> None:
    """What no user of that server could have made is not missing; links that exist are told."""
    missing = (
        "Issue.parent",
        "Issue.subIssues",
        "Issue.issueType",
        "Issue.closedByPullRequestsReferences",
        "BlockedByAddedEvent",
        "BlockedByRemovedEvent",
        "ProjectV2ItemStatusChangedEvent",
    )
    world.issue(17, timeline=[happened("assigned", subject="bob")])
    with (
        FakeGitHub(world, missing_fields=missing, check=validate) as github,
        client_of(github) as client,
    ):
        tracker = issues_of(client, status_project="Roadmap")
        chain = tracker.chain(parse_item_key("17"))
        story = tracker.details(chain.items[0])
        children = tracker.children(story)
        changes = tracker.changes_of(story)
    assert (len(chain.items), chain.unread) == (1, ())
    assert [event.kind for event in story.history] == [EventKind.ASSIGNED]
    assert (children.items, children.unread) == ((), ())
    (reason,) = changes.unread
    assert "too old to return the pull requests that close acme/shop#17" in reason


def test_what_may_not_be_read_is_told_with_the_list(world: World) -> None:
    """Without `pull-requests: read` nothing that closes the issue is known."""
    world.issue(17)
    world.pull_request(1, closes=[17])
    with (
        FakeGitHub(world, denied={"pull_requests=read"}, check=validate) as github,
        client_of(github) as client,
    ):
        found = issues_of(client).changes_of(item(client, "17"))
    assert found.changes == ()
    assert "Resource not accessible by integration" in found.unread[0]
