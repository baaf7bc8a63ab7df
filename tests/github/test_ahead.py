"""What is read ahead is what each request would have returned, or is left to that request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contracts import graphql_schema
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.plans import EventPlan
from tests.fakes.world import World, happened, sha_of
from tests.support.clients import SHOP, client_of

from flow_telemetry.github.ahead import (
    TargetBuilder,
    branch_target,
    change_target,
    commit_target,
    issue_target,
    lineage_target,
    read_ahead,
    timeline_target,
)
from flow_telemetry.github.changes import commit_pulls_path, read_change
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.issues import GitHubIssues, StatusSource, read_closing
from flow_telemetry.github.payloads import parse_changes
from flow_telemetry.github.timeline import read_timeline
from flow_telemetry.model import Change, WorkItem
from flow_telemetry.model.item_key import parse_item_key

MERGE = sha_of("merge of 123")
COMMENTS = [
    {"id": 2**31 + 7, "created_at": "2026-11-24T04:00:00Z", "user": {"login": "bob"}},
    {"id": 2**31 + 8, "created_at": "2026-11-24T05:00:00Z", "user": {"login": "carol"}},
]
OF_CHANGE = (
    happened("committed", subject=sha_of("first"), by=None),
    happened("ready_for_review"),
    happened("convert_to_draft"),
    happened("review_requested", subject="bob"),
    happened("review_requested", subject="payments", team=True),
    happened("review_request_removed", subject="bob"),
    happened("reviewed", by="bob", review="changes_requested", id=4_000_000_001),
    happened("reviewed", by="dave", review="commented", id=4_000_000_002),
    happened("review_dismissed", id=4_000_000_001),
    happened("line-commented", facts={"comments": COMMENTS}),
    happened("commented", by="dependabot[bot]"),
    happened("head_ref_force_pushed"),
    happened("labeled", subject="risky"),
    happened("unlabeled", subject="risky"),
    happened("assigned", subject="erin"),
    happened("unassigned", subject="erin"),
    happened("renamed", before="WIP", subject="Round the VAT once"),
    happened("base_ref_changed", before="develop"),
    happened("closed"),
    happened("reopened"),
    happened("added_to_merge_queue"),
    happened("mentioned"),
)
OF_ISSUE = (
    happened("labeled", subject="bug"),
    happened("assigned", subject="bob"),
    happened("commented", by="bob"),
    happened("renamed", before="Round", subject="Round the VAT once"),
    happened("issue_type_added", subject="Bug"),
    happened("issue_type_changed", subject="Story", before="Bug"),
    happened("blocked_by_added", subject="acme/shop#18"),
    happened("blocked_by_removed", subject="acme/shop#18"),
    happened("project_v2_item_status_changed", subject="Done", before="Todo"),
)


@pytest.fixture
def merged(world: World) -> World:
    """A pull request with all that can happen to one, and the issue that it closes."""
    world.issue(4, type="Epic", opened_at="2026-11-01T08:00:00Z")
    world.issue(18)
    world.issue(17, "Let people pay", type="Story", parent=4, timeline=OF_ISSUE)
    world.issue(19, closed_at="2026-11-25T00:00:00Z", timeline=OF_ISSUE[:3])
    world.pull_request(
        123,
        branch="feature",
        closes=[17],
        opened_at="2026-11-23T00:00:00Z",
        merged_at="2026-11-26T00:00:00Z",
        merged_by="frank",
        merge_commit_sha=MERGE,
        labels=["backend"],
        additions=120,
        deletions=7,
        changed_files=3,
        timeline=OF_CHANGE,
    )
    world.pull_request(124, branch="feature", into="release")
    return world


def listed(client: GitHubClient, number: int) -> Any:
    """The item of a pull request in the list of them."""
    pulls = client.list_all("/repos/acme/shop/pulls", None, "pull requests", state="all").items
    return next(pull for pull in pulls if pull["number"] == number)


def details_of(client: GitHubClient, number: int) -> WorkItem:
    """An issue with its history."""
    issues = GitHubIssues(client, SHOP, StatusSource(project="Roadmap", owner="acme"))
    return issues.details(issues.chain(parse_item_key(str(number))).items[0])


def pulls_of(client: GitHubClient, path: str, **query: str) -> tuple[Change, ...]:
    """The pull requests of a list."""
    return parse_changes(client.list_all(path, None, "pull requests", **query).items, SHOP)


@pytest.fixture(params=[False, True], ids=["github.com", "contract"])
def checked(merged: World, request: pytest.FixtureRequest) -> Iterator[FakeGitHub]:
    """The fake, whose answers are compared with GitHub's published schema if that is here."""
    check = None
    if request.param:
        if not graphql_schema.available():
            pytest.skip("GitHub's published schema is not here")

        def check(method: str, path: str, exchange: Any) -> None:
            if (method, path) == ("POST", "/graphql"):
                graphql_schema.validate(exchange)

    with FakeGitHub(merged, check=check) as github:
        yield github


def test_a_pull_request_is_the_same_by_one_request(checked: FakeGitHub) -> None:
    """Its details, its whole timeline, and the items that it belongs to."""
    with client_of(checked) as client:
        alone = (
            read_change(client, "acme/shop", 123),
            read_closing(client, Change(repository=SHOP, number=123)),
        )
    with client_of(checked) as client:
        pull = listed(client, 123)
        asked = len(checked.requests)
        read_ahead(client, SHOP, [change_target(client, SHOP, pull)])
        ahead = (
            read_change(client, "acme/shop", 123),
            read_closing(client, Change(repository=SHOP, number=123)),
        )
        assert len(checked.requests) == asked + 1
    assert ahead == alone
    assert len(ahead[0].timeline) == 22


def test_timelines_alone_are_the_same_by_one_request(checked: FakeGitHub) -> None:
    """As those of open pull requests."""
    with client_of(checked) as client:
        alone = [read_timeline(client, "acme/shop", number) for number in (123, 124)]
    with client_of(checked) as client:
        asked = len(checked.requests)
        read_ahead(client, SHOP, [timeline_target(client, SHOP, number) for number in (123, 124)])
        ahead = [read_timeline(client, "acme/shop", number) for number in (123, 124)]
        assert len(checked.requests) == asked + 1
    assert ahead == alone
    assert [len(each.events) for each in ahead] == [22, 0]


@pytest.mark.parametrize("number", [17, 19])
def test_an_issue_is_the_same_by_one_request(checked: FakeGitHub, number: int) -> None:
    """Its parents, its details, and its whole history."""
    with client_of(checked) as client:
        alone = details_of(client, number)
    with client_of(checked) as client:
        asked = len(checked.requests)
        read_ahead(client, SHOP, [issue_target(client, SHOP, number, with_status=True)])
        assert details_of(client, number) == alone
        assert len(checked.requests) == asked + 1


def test_the_pull_requests_of_commits_and_branches_are_the_same(checked: FakeGitHub) -> None:
    """All of them come by one request; a commit that GitHub does not know has to be asked for."""
    lists: list[tuple[str, dict[str, str]]] = [
        (commit_pulls_path(SHOP, MERGE), {}),
        ("/repos/acme/shop/pulls", {"head": "acme:feature", "state": "all"}),
        ("/repos/acme/shop/pulls", {"head": "acme:other", "state": "all"}),
    ]
    with client_of(checked) as client:
        alone = [pulls_of(client, path, **query) for path, query in lists]
    with client_of(checked) as client:
        asked = len(checked.requests)
        targets = [
            commit_target(client, SHOP, MERGE),
            commit_target(client, SHOP, sha_of("unknown")),
            branch_target(client, SHOP, "acme", "feature"),
            branch_target(client, SHOP, "acme", "other"),
        ]
        read_ahead(client, SHOP, targets)
        ahead = [pulls_of(client, path, **query) for path, query in lists]
        assert len(checked.requests) == asked + 1
    for one, other in zip(ahead, alone, strict=True):
        assert [parts_of(change) for change in one] == [parts_of(change) for change in other]
    assert [len(each) for each in ahead] == [1, 2, 0]


def parts_of(change: Change) -> Any:
    """All of a change but the commit of a test merge, which nothing reads."""
    merge = change.merge_commit if change.merged_at else None
    return {**{name: getattr(change, name) for name in change.__slots__}, "merge_commit": merge}


DOUBTFUL = [
    happened("reviewed", by="copilot-pull-request-reviewer[bot]", review="commented"),
    happened("review_requested", subject=""),
    happened("assigned", subject=""),
    *[happened("commented")] * 51,
]


@pytest.mark.parametrize("event", [0, 1, 2, slice(3, None)], ids=["bot", "team", "ghost", "long"])
def test_a_doubtful_timeline_is_left_to_rest(world: World, event: Any) -> None:
    """Copilot has other names in REST; a null may be a team that the token cannot see."""
    found = DOUBTFUL[event]
    events: list[EventPlan] = found if isinstance(found, list) else [found]
    world.pull_request(123, branch="feature", timeline=events)
    with FakeGitHub(world) as github, client_of(github) as client:
        read_ahead(client, SHOP, [change_target(client, SHOP, listed(client, 123))])
        asked = len(github.requests)
        read_change(client, "acme/shop", 123)
        assert github.paths[asked:] == ["/repos/acme/shop/issues/123/timeline?per_page=100"]


def test_what_one_may_not_be_read_is_left_to_its_own_request(merged: World) -> None:
    """Which has the advice; the others of the query are there."""
    with FakeGitHub(merged, denied=["issues=read"]) as github, client_of(github) as client:
        targets = [
            change_target(client, SHOP, listed(client, 123)),
            lineage_target(client, SHOP, 124),
            issue_target(client, SHOP, 17, with_status=True),
            commit_target(client, SHOP, MERGE),
        ]
        read_ahead(client, SHOP, targets)
        asked = len(github.requests)
        pulls_of(client, commit_pulls_path(SHOP, MERGE))
        assert len(github.requests) == asked
        unread = read_closing(client, Change(repository=SHOP, number=123)).unread
    assert "`flow-telemetry check` shows which permissions the token lacks" in unread[0]


def test_a_query_that_fails_changes_nothing(merged: World) -> None:
    """After two of them the rest is asked for one by one, as without them."""
    with FakeGitHub(merged) as github, client_of(github) as client:
        pull = listed(client, 123)
        github.script("/graphql", status(502, retry_after="0"), times=10)
        targets: list[TargetBuilder] = [change_target(client, SHOP, pull)]
        for _ in range(2):
            read_ahead(client, SHOP, targets)
        asked = len(github.requests)
        read_ahead(client, SHOP, targets)
        assert len(github.requests) == asked
        assert read_change(client, "acme/shop", 123).additions == 120


def test_an_older_server_is_asked_for_what_it_has(merged: World) -> None:
    """Its timelines are those of REST, if its schema lacks one of their kinds."""
    lacking = ["AddedToMergeQueueEvent", "Issue.parent"]
    with FakeGitHub(merged, missing_fields=lacking) as github, client_of(github) as client:
        read_ahead(client, SHOP, [change_target(client, SHOP, listed(client, 123))])
        asked = len(github.requests)
        assert len(read_change(client, "acme/shop", 123).timeline) == 22
        read_closing(client, Change(repository=SHOP, number=123))
        kinds = [path.partition("?")[0].rpartition("/")[2] for path in github.paths[asked:]]
    assert kinds == ["timeline"]


def test_an_older_server_is_asked_for_timelines_one_by_one(merged: World) -> None:
    """Once it is known that its schema lacks one of their kinds, no query is sent for them."""
    lacking = ["AddedToMergeQueueEvent"]
    with FakeGitHub(merged, missing_fields=lacking) as github, client_of(github) as client:
        for number in (123, 124):
            read_ahead(client, SHOP, [timeline_target(client, SHOP, number)])
        assert len(read_timeline(client, "acme/shop", 123).events) == 22
        kinds = [path.partition("?")[0].rpartition("/")[2] for path in github.paths]
    assert kinds == ["graphql", "graphql", "timeline"]
