"""What happened to a change, as the records that a backend gets."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from tests.mapping.records import (
    OBSERVED,
    OF_THE_SPAN,
    RESOURCE,
    assert_valid_records,
    place_change,
)
from tests.rules.builders import at, change, event, item, review
from tests.support.recorded import NO_RECORDED_DATA, RECORDED

from flow_telemetry.github.timeline import parse_timeline
from flow_telemetry.mapping.changes import change_spans
from flow_telemetry.mapping.events import change_events
from flow_telemetry.model import Actor, ActorKind, Change, Event, EventKind, Lineage, Repository
from flow_telemetry.rules.timeline import build_change_timeline
from flow_telemetry.telemetry import LogRecord

TIMELINE = RECORDED / "pull-31-timeline.json"
PULL = "github.com/acme/shop/pull/7"


def records_of(pull: Change) -> list[LogRecord]:
    """Return the records that leave with the closing of a change, each of them valid."""
    placement = place_change(pull)
    records = list(change_events(pull, placement, RESOURCE, OBSERVED))
    assert_valid_records(records, placement.trace)
    return records


def test_a_record_belongs_to_the_span_of_its_change() -> None:
    """It has its ids and keys, who did it, and a reference that a repeat has too."""
    labeled = replace(
        event(5, EventKind.LABELED, "bug"), actor=Actor(login="renovate[bot]", kind=ActorKind.BOT)
    )
    pull = change(labeled, closed=9)
    story, epic = item("ACME-57"), item("ACME-42", kind="Epic")
    placement = place_change(pull, Lineage(items=(story, epic)))
    _, record, _ = change_events(pull, placement, RESOURCE, OBSERVED)
    assert record.event_name == "flow.change.labeled"
    assert record.time == int(at(5).timestamp()) * 10**9
    assert (record.trace_id, record.span_id) == (
        placement.trace.trace_id,
        placement.trace.span_id(PULL),
    )
    assert record.attributes == {
        "event.name": "flow.change.labeled",
        "log.record.uid": f"{PULL}#event:labeled:2026-11-24T09:05:00Z:bug",
        "flow.reference": PULL,
        "flow.actor.login": "renovate[bot]",
        "flow.actor.kind": "bot",
        "vcs.change.id": "7",
        "flow.work_item.key": "ACME-57",
        "flow.feature.key": "ACME-42",
        "github.repository": "acme/shop",
        "flow.event.label": "bug",
    }


@pytest.mark.parametrize(
    ("happened", "name", "own"),
    [
        (event(5, EventKind.READY_FOR_REVIEW), "ready_for_review", {}),
        (event(5, EventKind.CONVERTED_TO_DRAFT), "converted_to_draft", {}),
        (
            replace(event(5, EventKind.COMMITTED), id="c0ffee"),
            "committed",
            {"flow.event.id": "c0ffee"},
        ),
        (event(5, EventKind.FORCE_PUSHED), "force_pushed", {}),
        (
            event(5, EventKind.REVIEW_REQUESTED, "bob"),
            "review_requested",
            {"flow.event.reviewer": "bob"},
        ),
        (
            review(5, None, "asks for changes", "502"),
            "reviewed",
            {"flow.event.id": "502", "flow.change.review.state": "changes_requested"},
        ),
        (
            replace(event(5, EventKind.REVIEW_DISMISSED), id="502"),
            "review_dismissed",
            {"flow.event.id": "502"},
        ),
        (replace(event(5, EventKind.COMMENTED), id="501"), "commented", {"flow.event.id": "501"}),
        (event(5, EventKind.UNLABELED, "bug"), "unlabeled", {"flow.event.label": "bug"}),
        (event(5, EventKind.ASSIGNED, "bob"), "assigned", {"flow.event.assignee": "bob"}),
        (event(5, EventKind.UNASSIGNED, "bob"), "unassigned", {"flow.event.assignee": "bob"}),
        (event(5, EventKind.QUEUED), "queued", {}),
        (event(5, EventKind.DEQUEUED), "dequeued", {}),
    ],
)
def test_each_kind_of_event_says_what_it_was_about(
    happened: Event, name: str, own: dict[str, str]
) -> None:
    """Under the name of its kind; the account of who did it may be gone."""
    _, record, _ = records_of(change(happened, closed=9))
    assert record.event_name == f"flow.change.{name}"
    shared = ("event.", "log.", "flow.reference", "vcs.", "github.")
    assert {k: v for k, v in record.attributes.items() if not k.startswith(shared)} == own


def test_the_opening_has_the_title() -> None:
    """And the author as the one who did it."""
    opening, _ = records_of(replace(change(closed=9), title="Add euro"))
    assert opening.event_name == "flow.change.created"
    assert opening.attributes["vcs.change.title"] == "Add euro"
    assert opening.attributes["flow.actor.login"] == "alice"


def test_the_closing_says_what_the_span_says_and_where_the_time_went() -> None:
    """Drafted for 10 minutes, 20 until a review, 30 until the approval, 40 until the merge."""
    pull = replace(
        change(
            event(10, EventKind.READY_FOR_REVIEW),
            review(30, "bob", "comments", "1"),
            review(60, "bob", "approves", "2"),
            event(100, EventKind.MERGED),
            event(100, EventKind.CLOSED),
            closed=100,
        ),
        merged_at=at(100),
        title="Add euro",
        additions=10,
    )
    *_, merge, closing = records_of(pull)
    span = next(iter(change_spans(pull, place_change(pull), RESOURCE)))
    said = {k: v for k, v in span.attributes.items() if k not in OF_THE_SPAN}
    assert said.items() <= merge.attributes.items()
    assert merge.attributes["vcs.change.state"] == "merged"
    durations = {k: v for k, v in merge.attributes.items() if k.endswith(".duration")}
    assert durations == {
        "flow.change.duration": 6000.0,
        "flow.change.phase.draft.duration": 600.0,
        "flow.change.phase.awaiting_review.duration": 1200.0,
        "flow.change.phase.in_review.duration": 1800.0,
        "flow.change.phase.awaiting_merge.duration": 2400.0,
    }
    assert closing.event_name == "flow.change.closed"
    assert "flow.change.duration" not in closing.attributes


def test_a_later_closing_speaks_of_its_own_life() -> None:
    """Which one it was, and how long that took."""
    pull = change(
        event(3, EventKind.CLOSED),
        event(5, EventKind.REOPENED),
        event(9, EventKind.CLOSED),
        closed=9,
    )
    reopening, closing = records_of(pull)
    assert reopening.event_name == "flow.change.reopened"
    assert closing.attributes["flow.life"] == 2
    assert closing.attributes["flow.change.duration"] == 240.0
    assert closing.attributes["vcs.change.state"] == "closed"


def test_the_record_of_a_closing_keeps_all_of_its_attributes() -> None:
    """A merge with everything has more than the 32 attributes of a span."""
    pull = replace(
        change(
            event(3, EventKind.LABELED, "bug"),
            replace(event(3, EventKind.COMMITTED), id="c0ffee"),
            event(4, EventKind.CLOSED),
            event(5, EventKind.REOPENED),
            replace(event(6, EventKind.COMMENTED), actor=Actor(login="bob")),
            event(10, EventKind.READY_FOR_REVIEW),
            review(30, "bob", "comments", "1"),
            review(40, "bob", "asks for changes", "2"),
            event(50, EventKind.REVIEW_REQUESTED, "bob"),
            review(60, "bob", "approves", "3"),
            event(70, EventKind.QUEUED),
            event(-1, EventKind.ASSIGNED, "bob"),
            replace(event(100, EventKind.MERGED), actor=Actor(login="bob")),
            event(100, EventKind.CLOSED),
            closed=100,
        ),
        merged_at=at(100),
        title='Revert "Add euro"',
        url="https://github.com/acme/shop/pull/7",
        head_branch="revert-6-euro",
        base_branch="main",
        head_sha="c0ffee",
        additions=10,
        deletions=3,
        changed_files=2,
        timeline_complete=False,
    )
    placement = place_change(pull, Lineage(items=(item("ACME-57"), item("ACME-42", kind="Epic"))))
    records = list(change_events(pull, placement, RESOURCE, OBSERVED))
    (merge,) = (record for record in records if record.event_name == "flow.change.merged")
    assert_valid_records(records, placement.trace)
    assert len(merge.attributes) > 32
    assert {"flow.life", "flow.timeline.moved", "flow.change.phase.in_merge_queue.duration"} <= set(
        merge.attributes
    )


def test_odd_times_are_kept_moved_and_counted() -> None:
    """What is too old has the time of the opening; that commits are older is not odd."""
    pull = change(
        event(-5, EventKind.LABELED, "bug"),
        replace(event(-5, EventKind.COMMITTED), id="c0ffee"),
        replace(event(3, EventKind.REOPENED), has_own_time=False),
        closed=9,
    )
    opening, label, commit, reopening, closing = records_of(pull)
    assert label.time == commit.time == opening.time
    assert label.attributes["flow.event.time"] == "2026-11-24T08:55:00.000Z"
    assert commit.attributes["flow.event.time"] == "2026-11-24T08:55:00.000Z"
    assert reopening.attributes["flow.event.time.unknown"] is True
    assert closing.attributes["flow.timeline.moved"] == 2


def test_what_was_told_live_is_equal_to_what_leaves_with_the_closing() -> None:
    """The reference and all that it says; it may leave while the change is open."""
    label, comment = event(5, EventKind.LABELED, "bug"), event(50, EventKind.COMMENTED)
    pull = change(label, comment, closed=9)
    opened = replace(pull, closed_at=None)
    live = change_events(opened, place_change(pull), RESOURCE, OBSERVED, only=[label])
    assert list(live) == records_of(pull)[1:2]
    late = change_events(pull, place_change(pull), RESOURCE, OBSERVED, only=[comment])
    assert [record.event_name for record in late] == ["flow.change.commented"]


def test_a_closing_that_was_told_live_says_all() -> None:
    """The history holds it among the others, the untold one too."""
    pull = change(event(5, EventKind.LABELED, "bug"), closed=9)
    closing = build_change_timeline(pull)[-1].event
    live = change_events(pull, place_change(pull), RESOURCE, OBSERVED, only=[closing])
    assert list(live) == records_of(pull)[-1:]


def test_what_is_never_told_of_a_change_is_passed_by() -> None:
    """A status is a work item's."""
    pull = change(event(5, EventKind.STATUS_CHANGED, "Done"), closed=9)
    names = [record.event_name for record in records_of(pull)]
    assert names == ["flow.change.created", "flow.change.closed"]


@pytest.mark.skipif(not TIMELINE.is_file(), reason=NO_RECORDED_DATA)
def test_a_recorded_timeline_yields_its_events() -> None:
    """What GitHub sent of a real pull request, up to its merge; the years after are not its own."""
    timeline = parse_timeline(json.loads(TIMELINE.read_text(encoding="utf-8")))
    merged = datetime(2012, 5, 27, 10, 29, 7, tzinfo=timezone.utc)
    pull = Change(
        repository=Repository(
            host="github.com", owner="PyGithub", name="PyGithub", url="https://github.com"
        ),
        number=31,
        created_at=datetime(2012, 5, 27, 9, 25, 36, tzinfo=timezone.utc),
        closed_at=merged,
        merged_at=merged,
        timeline=timeline,
    )
    records = records_of(pull)
    base = "github.com/pygithub/pygithub/pull/31#event:"
    assert [str(each.attributes["log.record.uid"]).removeprefix(base) for each in records] == [
        "created:2012-05-27T09:25:36Z",
        "committed:4aadfff21cdd2d2566b0e4bd7309c233b5f4ae23",
        "committed:93dcae5cf207de376c91d0599226e7c7563e1d16",
        "committed:8a4f306d4b223682dd19410d4a9150636ebe4206",
        "merged:2012-05-27T10:29:07Z",
        "closed:2012-05-27T10:29:07Z",
    ]
    later = [event for event in timeline if event.time > merged]
    live = list(change_events(pull, place_change(pull), RESOURCE, OBSERVED, only=later))
    assert [str(each.attributes["log.record.uid"]).removeprefix(base) for each in live] == [
        "commented:8387331",
        "commented:1580134",
        "assigned:2012-11-03T08:19:40Z:jacquev6",
        "labeled:2014-03-02T18:55:09Z:v1",
        "reviewed:105701257",
        "reviewed:131593233",
    ]
    assert "line comments" not in json.dumps([dict(each.attributes) for each in records + live])
