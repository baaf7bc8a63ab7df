"""What happened to a pull request, as its timeline tells it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.plans import EventPlan
from tests.fakes.world import World, happened, sha_of
from tests.support.clients import client_of
from tests.support.recorded import NO_RECORDED_DATA, RECORDED

from flow_telemetry.errors import NotFoundError
from flow_telemetry.github.changes import read_change
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.timeline import parse_timeline, read_timeline, unknown_kinds
from flow_telemetry.model import Actor, ActorKind, EventKind, ReviewState

TIMELINE = RECORDED / "pull-31-timeline.json"


def test_a_pull_request_has_all_of_its_facts(
    world: World, github: FakeGitHub, client: GitHubClient
) -> None:
    """Two requests at once bring what is said of the change and what happened to it."""
    world.pull_request(
        123,
        title="Add euro",
        author="dependabot[bot]",
        merged_by="bob",
        labels=["money", "risky"],
        opened_at="2026-11-20T08:00:00Z",
        merged_at="2026-11-21T08:00:00Z",
        merge_commit_sha=sha_of("merge"),
        commits=[sha_of("one"), sha_of("two")],
        sha=sha_of("two"),
        additions=10,
        deletions=2,
        changed_files=3,
    )
    change = read_change(client, "acme/shop", 123)
    assert len(github.requests) == 2
    assert change.reference == "github.com/acme/shop/pull/123"
    assert (change.title, change.state, change.draft) == ("Add euro", "closed", False)
    assert change.author == Actor(login="dependabot[bot]", kind=ActorKind.BOT)
    assert change.merged_by == Actor(login="bob")
    assert (change.labels, change.head_sha) == (("money", "risky"), sha_of("two"))
    assert (change.additions, change.deletions, change.changed_files) == (10, 2, 3)
    assert (change.commits, change.merge_commit) == (2, sha_of("merge"))
    assert [event.kind for event in change.timeline] == [EventKind.MERGED, EventKind.CLOSED]
    assert change.timeline_complete


def test_the_api_s_spelling_names_the_repository(world: World, client: GitHubClient) -> None:
    """However the repository is typed, the change's is the one that GitHub gives."""
    world.pull_request(123)
    change = read_change(client, "ACME/Shop", 123)
    assert change.repository.full_name == "acme/shop"


@pytest.mark.parametrize("number", [7, 17])
def test_what_is_no_pull_request_is_not_found(
    world: World, client: GitHubClient, number: int
) -> None:
    """An unknown number, or an issue's, is an error that names it."""
    world.issue(17)
    with pytest.raises(NotFoundError, match=f"acme/shop#{number}"):
        read_change(client, "acme/shop", number)


@pytest.mark.parametrize(
    ("plan", "kind", "subject"),
    [
        (happened("ready_for_review"), EventKind.READY_FOR_REVIEW, ""),
        (happened("convert_to_draft"), EventKind.CONVERTED_TO_DRAFT, ""),
        (happened("head_ref_force_pushed"), EventKind.FORCE_PUSHED, ""),
        (happened("review_requested", subject="bob"), EventKind.REVIEW_REQUESTED, "bob"),
        (
            happened("review_requested", subject="platform", team=True),
            EventKind.REVIEW_REQUESTED,
            "platform",
        ),
        (
            happened("review_request_removed", subject="bob"),
            EventKind.REVIEW_REQUEST_REMOVED,
            "bob",
        ),
        (happened("labeled", subject="bug"), EventKind.LABELED, "bug"),
        (happened("unlabeled", subject="bug"), EventKind.UNLABELED, "bug"),
        (happened("assigned", subject="bob"), EventKind.ASSIGNED, "bob"),
        (happened("unassigned", subject="bob"), EventKind.UNASSIGNED, "bob"),
        (happened("added_to_merge_queue"), EventKind.QUEUED, ""),
        (happened("removed_from_merge_queue"), EventKind.DEQUEUED, ""),
        (happened("closed"), EventKind.CLOSED, ""),
        (happened("reopened"), EventKind.REOPENED, ""),
        (happened("merged"), EventKind.MERGED, ""),
    ],
    ids=lambda value: value.kind if isinstance(value, EventPlan) else "",
)
def test_each_kind_of_event_is_known(
    world: World, client: GitHubClient, plan: EventPlan, kind: EventKind, subject: str
) -> None:
    """Each kind has its time, who did it, and whom or what it was about."""
    world.pull_request(123, opened_at="2026-11-20T08:00:00Z", timeline=[plan])
    timeline = read_timeline(client, "acme/shop", 123)
    (event,) = timeline.events
    assert timeline.complete
    assert (event.kind, event.subject, event.id) == (kind, subject, "")
    assert event.actor == Actor(login="alice")
    assert event.time == datetime(2026, 11, 20, 8, 1, tzinfo=timezone.utc)


def test_reviews_comments_and_commits_are_named_by_their_numbers(
    world: World, client: GitHubClient
) -> None:
    """Their ids are those of GitHub; a commit has a time and no account."""
    world.pull_request(
        123,
        timeline=[
            happened("committed", subject=sha_of("one"), by="carol"),
            happened("commented", id=501, by="bob"),
            happened("reviewed", id=502, by="bob", review="approved"),
            happened("reviewed", id=503, by=None, review="commented"),
        ],
    )
    commit, comment, approval, remark = read_timeline(client, "acme/shop", 123).events
    assert (commit.kind, commit.id, commit.actor) == (EventKind.COMMITTED, sha_of("one"), None)
    assert (comment.kind, comment.id, comment.review) == (EventKind.COMMENTED, "501", None)
    assert (approval.id, approval.review, approval.actor) == (
        "502",
        ReviewState.APPROVED,
        Actor(login="bob"),
    )
    assert (remark.review, remark.actor) == (ReviewState.COMMENTED, None)


def test_a_dismissed_review_says_what_it_said_before(world: World, client: GitHubClient) -> None:
    """GitHub calls the review dismissed as of its first moment; it asked for changes before."""
    world.pull_request(
        123,
        timeline=[
            happened("reviewed", id=502, by="bob", review="changes_requested"),
            happened("review_dismissed", id=502),
        ],
    )
    review, dismissal = read_timeline(client, "acme/shop", 123).events
    assert (review.id, review.review) == ("502", ReviewState.CHANGES_REQUESTED)
    assert (dismissal.kind, dismissal.id) == (EventKind.REVIEW_DISMISSED, "502")


def test_long_timelines_are_read_to_their_end(world: World) -> None:
    """All pages are read, those after the first side by side."""
    world.pull_request(123, timeline=[happened("commented") for _ in range(250)])
    with FakeGitHub(world, latency=0.2) as github, client_of(github) as client:
        timeline = read_timeline(client, "acme/shop", 123)
        times = [request.received_at for request in github.requests]
    assert (len(timeline.events), timeline.complete, len(times)) == (250, True, 3)
    assert times[2] - times[1] < 0.15


@pytest.mark.parametrize(
    "damaged",
    [
        None,
        {},
        {"event": 7},
        {"event": "reviewed", "state": "pending", "submitted_at": "2026-11-20T08:00:00Z"},
        {"event": "line-commented", "comments": []},
        {"event": "line-commented", "comments": None},
    ],
)
def test_what_tells_of_nothing_is_passed_by(damaged: Any) -> None:
    """A damaged item, an unsent review and an unknown kind leave the others as they are."""
    fine = {"event": "reopened", "created_at": "2026-11-20T08:00:00Z", "actor": None}
    (event,) = parse_timeline([damaged, fine])
    assert (event.kind, event.actor) == (EventKind.REOPENED, None)


@pytest.mark.parametrize(
    "timeless",
    [
        {"event": "labeled", "label": {"name": "bug"}},
        {"event": "closed", "created_at": "yesterday"},
        {"event": "committed", "committer": None},
        {"event": "reviewed", "state": "approved", "submitted_at": None},
    ],
)
def test_what_has_no_time_has_that_of_the_event_before(timeless: Any) -> None:
    """It happened, so it is kept, and it is known that its time is not told."""
    first = {"event": "reopened", "created_at": "2026-11-20T08:00:00Z"}
    last = {"event": "reopened", "created_at": "2026-11-20T09:00:00Z"}
    before, event, _ = parse_timeline([first, timeless, last])
    assert (event.time, event.has_own_time, before.has_own_time) == (before.time, False, True)
    event, after = parse_timeline([timeless, last])
    assert (event.time, event.has_own_time) == (after.time, False)
    assert parse_timeline([timeless]) == ()


def test_comments_on_lines_are_comments() -> None:
    """GitHub gives a thread of them as one item, each with a time and number of its own."""
    comments = [
        {"id": 1580134, "created_at": "2026-11-20T08:00:00Z", "user": {"login": "bob"}},
        {"id": 1580135, "created_at": "2026-11-20T09:00:00Z", "user": None},
    ]
    events = parse_timeline([{"event": "line-commented", "comments": comments}])
    assert [(event.kind, event.id, event.actor) for event in events] == [
        (EventKind.COMMENTED, "1580134", Actor(login="bob")),
        (EventKind.COMMENTED, "1580135", None),
    ]


@pytest.mark.skipif(not TIMELINE.is_file(), reason=NO_RECORDED_DATA)
def test_a_recorded_timeline_is_read() -> None:
    """A real pull request's events are there, in order of time, and no other."""
    items = json.loads(TIMELINE.read_text(encoding="utf-8"))
    events = parse_timeline(items)
    times = [event.time for event in events]
    by_kind = {event.kind.value: event for event in events}
    assert times == sorted(times)
    assert [event.kind.value for event in events].count("committed") == 3
    assert by_kind["reviewed"].review is ReviewState.COMMENTED
    comments = [event.id for event in events if event.kind is EventKind.COMMENTED]
    assert comments == ["8387331", "1580134"]
    assert by_kind["labeled"].subject
    assert by_kind["assigned"].subject
    assert {"merged", "closed"} <= set(by_kind)
    passed = unknown_kinds(items)
    assert passed == {"subscribed": 1, "referenced": 1, "cross-referenced": 1}
    assert len(events) + sum(passed.values()) == len(items)
