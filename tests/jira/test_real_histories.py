"""Histories as untidy as real ones: renamed and deleted statuses, imports, moved issues."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.faults import altered
from tests.fakes.jira_world import STATUSES, Change, Entry, Issue, JiraWorld, moment
from tests.jira.support import connect, fake

from flow_telemetry.jira.parse import unread_item
from flow_telemetry.model import EventKind, StatusCategory, WorkItem
from flow_telemetry.rules.flow import measure_item_flows
from flow_telemetry.rules.lifecycle import (
    find_blocked_intervals,
    find_status_intervals,
    item_periods,
)

CLOUD_AND_DATA_CENTER = pytest.mark.parametrize("cloud", [True, False], ids=["cloud", "dc"])
TO_DO, IN_PROGRESS, DONE = StatusCategory
DAY = 24 * 3600.0


def details(
    world: JiraWorld,
    *,
    cloud: bool = True,
    of: str = "ACME-57",
    categories: dict[str, StatusCategory] | None = None,
) -> WorkItem:
    """Return what the tracker reads of an issue."""
    with fake(world, cloud=cloud) as jira:
        return connect(jira, categories=categories).jira.details(unread_item(of))


def closings(item: WorkItem) -> list[tuple[str, str]]:
    kinds = (EventKind.CLOSED, EventKind.REOPENED)
    return [(e.kind.value, f"{e.time:%d %H:%M}") for e in item.history if e.kind in kinds]


def statuses(item: WorkItem) -> list[tuple[str, StatusCategory | None]]:
    return [(status.status, status.category) for status in find_status_intervals(item)]


def blocked(item: WorkItem, *names: str) -> list[tuple[str, str, str]]:
    return [
        (b.reason, f"{b.interval.start:%d %H:%M}", f"{b.interval.end:%d %H:%M}")
        for b in find_blocked_intervals(item, names)
    ]


@CLOUD_AND_DATA_CENTER
def test_a_closing_owns_its_status_change_and_the_comment_made_with_it(cloud: bool) -> None:
    """The time of the resolution is before both."""
    world = JiraWorld()
    story = world.issue("ACME-57")
    story.comment(at="2026-11-05T07:59:59.950Z")
    story.move("Done", at="2026-11-05T08:00:00Z", resolution="Done")
    assert story.resolved_at == moment("2026-11-05T07:59:59.938Z")
    read = details(world, cloud=cloud)
    assert read.closed_at == moment("2026-11-05T08:00:00Z")
    (period,) = item_periods(read)
    kinds = [e.kind for e in read.history if e.time <= period.interval.end]
    assert kinds == [EventKind.COMMENTED, EventKind.STATUS_CHANGED, EventKind.CLOSED]
    assert statuses(read) == [("To Do", TO_DO)]


@CLOUD_AND_DATA_CENTER
def test_a_resolution_that_is_edited_later_moves_no_closing(cloud: bool) -> None:
    world = JiraWorld()
    story = world.issue("ACME-57").move("Done", at="2026-11-05T08:00:00Z")
    story.resolve("Done", at="2026-11-20T08:00:00Z").resolve("Fixed", at="2026-11-21T08:00:00Z")
    read = details(world, cloud=cloud)
    assert closings(read) == [("closed", "05 08:00")]
    assert read.closed_at == moment("2026-11-05T08:00:00Z")
    assert [flow.duration for flow in measure_item_flows(read, ())] == [4 * DAY]


def test_statuses_are_looked_up_by_id() -> None:
    """One was renamed, one was deleted; another project has a status of a deleted one's name."""
    world = JiraWorld()
    story = world.issue("ACME-57", status="In Progress")
    story.change(
        Change("status", ("9999", "Review"), ("3", "In Development")), at="2026-11-02T08:00:00Z"
    )
    story.change(Change("status", ("3", "In Development"), ("3", "In Progress")), at="2026-11-03")
    story.move("Done", at="2026-11-04T08:00:00Z", resolution="Done")
    namesake = {
        "id": "20000",
        "name": "Review",
        "scope": {"type": "PROJECT", "project": {"id": "10005"}},
        "statusCategory": {"id": 4, "key": "indeterminate"},
    }
    with fake(world, cloud=True) as jira:
        jira.script("/status", altered(lambda answer: [namesake, *answer]))
        read = connect(jira).jira.details(unread_item("ACME-57"))
    # A status that only got another name did not change.
    assert statuses(read) == [("Review", None), ("In Development", IN_PROGRESS)]
    assert [e.subject for e in read.history if e.kind is EventKind.STATUS_CHANGED] == [
        "In Development",
        "Done",
    ]


def test_without_a_known_status_in_progress_no_active_time_is_measured() -> None:
    """It is unknown, not 0; with one, what is known counts, but efficiency needs all."""
    unknown = Change("status", ("9999", "Review"), ("10000", "To Do"))
    world = JiraWorld()
    world.issue("ACME-57").change(unknown, at="2026-11-02T08:00:00Z").move(
        "Done", at="2026-11-05T08:00:00Z", resolution="Done"
    )
    (flow,) = measure_item_flows(details(world), ())
    assert (flow.active_time, flow.cycle_time, flow.efficiency) == (None, None, None)
    story = world.issue("ACME-58").change(unknown, at="2026-11-02T08:00:00Z")
    story.move("In Progress", at="2026-11-04T08:00:00Z")
    story.move("Done", at="2026-11-05T08:00:00Z", resolution="Done")
    (flow,) = measure_item_flows(details(world, of="ACME-58"), ())
    assert (flow.active_time, flow.cycle_time, flow.efficiency) == (DAY, DAY, None)


@CLOUD_AND_DATA_CENTER
@pytest.mark.parametrize("name", ["rejected", "Rejected"])
def test_a_category_of_the_user_decides_what_is_closed(cloud: bool, name: str) -> None:
    """The site calls the status done; and one that the user calls done closes without more."""
    world = JiraWorld()
    world.issue("ACME-57").move("Rejected", at="2026-11-05T08:00:00Z")
    read = details(world, cloud=cloud, categories={name.casefold(): IN_PROGRESS})
    assert (read.state, read.closed_at, closings(read)) == ("open", None, [])
    world.issue("ACME-58").move("In Review", at="2026-11-06T08:00:00Z")
    shipped = details(world, cloud=cloud, of="ACME-58", categories={"in review": DONE})
    assert (shipped.state, closings(shipped)) == ("closed", [("closed", "06 08:00")])


@CLOUD_AND_DATA_CENTER
def test_an_open_issue_that_blocks_by_a_link_blocks(cloud: bool) -> None:
    """While it is open; closed and reopened, and no longer linked."""
    world = JiraWorld()
    blocker, story = world.issue("ACME-9"), world.issue("ACME-57")
    story.block(blocker, at="2026-11-02T08:00:00Z")
    blocker.move("Done", at="2026-11-03T08:00:00Z", resolution="Done")
    blocker.move("In Progress", at="2026-11-04T08:00:00Z", resolution="")
    story.unblock(blocker, at="2026-11-05T08:00:00Z")
    blocker.move("Done", at="2026-11-06T08:00:00Z", resolution="Done")
    story.move("Done", at="2026-11-07T08:00:00Z", resolution="Done")
    assert blocked(details(world, cloud=cloud)) == [
        ("ACME-9", "02 08:00", "03 08:00"),
        ("ACME-9", "04 08:00", "05 08:00"),
    ]


def test_a_link_from_the_start_and_one_out_of_sight() -> None:
    """A link without an entry was made with the issue; a hidden blocker is a notice."""
    world = JiraWorld()
    seen, hidden = world.issue("ACME-9"), world.issue("ACME-8", hidden=True)
    story = world.issue("ACME-57")
    story.blockers += [seen, hidden]
    story.move("Done", at="2026-11-07T08:00:00Z", resolution="Done")
    read = details(world)
    assert blocked(read) == [("ACME-9", "01 08:00", "07 08:00")]
    (notice,) = read.notices
    assert notice.startswith("ACME-8, which blocks ACME-57, does not count as blocking it")


@CLOUD_AND_DATA_CENTER
def test_the_flag_is_found_in_any_language(cloud: bool) -> None:
    """On Cloud by the field's id, on Data Center by the name that the field has now."""
    world = JiraWorld()
    world.translations["Flagged"] = "Flagged" if not cloud else "Markiert"
    story = world.issue("ACME-57")
    off, on = (None, ""), ("[10019]", "Impediment")
    name = "Markiert" if cloud else "Flagged"
    story.change(Change(name, off, on, custom=True), at="2026-11-02T08:00:00Z")
    story.change(Change(name, on, off, custom=True), at="2026-11-03T08:00:00Z")
    story.move("Done", at="2026-11-07T08:00:00Z", resolution="Done")
    assert blocked(details(world, cloud=cloud)) == [("", "02 08:00", "03 08:00")]


@CLOUD_AND_DATA_CENTER
def test_a_flag_from_the_creation_blocks_from_the_start(cloud: bool) -> None:
    world = JiraWorld()
    world.issue("ACME-57", flagged=True).move("Done", at="2026-11-07T08:00:00Z", resolution="Done")
    assert blocked(details(world, cloud=cloud)) == [("", "01 08:00", "07 08:00")]


def test_names_of_blocked_statuses_are_patterns() -> None:
    world = JiraWorld()
    story = world.issue("ACME-57").move("In Review", at="2026-11-03T08:00:00Z")
    story.move("Done", at="2026-11-04T08:00:00Z", resolution="Done")
    assert blocked(details(world), "in re*") == [("In Review", "03 08:00", "04 08:00")]
    assert blocked(details(world), "in", "review") == []


def test_a_moved_issue_keeps_its_former_keys() -> None:
    world = JiraWorld()
    world.issue("ACME-57").rename("CORE-9", at="2026-11-03T08:00:00Z")
    assert details(world, of="CORE-9").former_keys == ("ACME-57",)


def test_a_status_that_replaces_itself_is_no_change() -> None:
    world = JiraWorld()
    story = world.issue("ACME-57").move("To Do", at="2026-11-02T08:00:00Z")
    story.move("Done", at="2026-11-04T08:00:00Z", resolution="Done")
    moves = [e for e in details(world).history if e.kind is EventKind.STATUS_CHANGED]
    assert [(e.before, e.subject) for e in moves] == [("To Do", "Done")]


def test_entries_of_one_instant_are_in_the_order_of_their_ids() -> None:
    """Whatever the order in which Jira lists them."""
    world = JiraWorld()
    story = world.issue("ACME-57")
    for name in ("In Progress", "In Review", "Done"):
        story.move(name, at="2026-11-02T08:00:00Z")
    story.entries.reverse()
    moves = [e.subject for e in details(world).history if e.kind is EventKind.STATUS_CHANGED]
    assert moves == ["In Progress", "In Review", "Done"]


def test_a_resolution_at_the_creation_is_a_notice() -> None:
    world = JiraWorld()
    world.issue("ACME-57", resolution="Done").move("Done", at="2026-11-05T08:00:00Z")
    read = details(world)
    assert closings(read) == [("closed", "01 08:00")]
    assert "ACME-57 was created with a resolution" in read.notices[0]


def test_a_resolution_that_stays_at_a_reopening_is_a_notice() -> None:
    world = JiraWorld()
    story = world.issue("ACME-57").move("Done", at="2026-11-05T08:00:00Z", resolution="Done")
    story.move("In Progress", at="2026-11-06T08:00:00Z").move("Done", at="2026-11-07T08:00:00Z")
    read = details(world)
    assert closings(read) == [("closed", "05 08:00")]
    assert "kept its resolution" in read.notices[0]
    tidy = JiraWorld()
    tidy.issue("ACME-57").move("Done", at="2026-11-05T08:00:00Z", resolution="Done")
    assert details(tidy).notices == ()


_NAMES = st.sampled_from(sorted(STATUSES))
_GAPS = st.integers(0, 90_000_000)


@given(
    moves=st.lists(st.tuples(_GAPS, _NAMES, st.sampled_from([None, "", "Done"])), max_size=8),
    shuffled=st.randoms(),
)
def test_any_history_is_closed_and_open_in_turn(
    moves: list[tuple[int, str, str | None]], shuffled: Random
) -> None:
    """Gaps of milliseconds, repeated statuses, resolutions at any time, entries in any order."""
    world = JiraWorld()
    story: Issue = world.issue("ACME-57")
    time = story.created
    for gap, status, resolution in moves:
        time += timedelta(milliseconds=gap)
        story.move(status, at=time, resolution=resolution)
    entries: list[Entry] = list(story.entries)
    shuffled.shuffle(entries)
    story.entries = entries
    read = details(world)
    kinds = [e.kind for e in read.history if e.kind in (EventKind.CLOSED, EventKind.REOPENED)]
    assert kinds == [(EventKind.CLOSED, EventKind.REOPENED)[n % 2] for n in range(len(kinds))]
    assert (read.closed_at is not None) == (read.state == "closed")
    assert (read.state == "closed") == bool(story.resolution or story.category == "done")
    assert [e.time for e in read.history] == sorted(e.time for e in read.history)
    for flow in measure_item_flows(read, ()):
        assert flow.active_time is not None
        assert 0 <= flow.active_time <= flow.duration
