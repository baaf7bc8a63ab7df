"""What is below an issue, and what was closed lately."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fakes.faults import altered
from tests.fakes.jira_world import JiraWorld
from tests.jira.support import NOW, connect, fake

from flow_telemetry.jira.parse import unread_item

CLOUD_AND_DATA_CENTER = pytest.mark.parametrize("cloud", [True, False], ids=["cloud", "dc"])


@CLOUD_AND_DATA_CENTER
def test_an_epics_children_are_read_to_the_last_page(cloud: bool) -> None:
    """Cloud pages by a token, Data Center by position, and gives less a page than asked for."""
    world = JiraWorld()
    world.issue("ACME-42", type="Epic")
    for number in range(50, 57):
        world.issue(f"ACME-{number}", parent="ACME-42")
    world.issue("ACME-60", type="Sub-task", parent="ACME-50")
    with fake(world, cloud=cloud, largest_page=3) as jira:
        tracker = connect(jira).jira
        below_epic = tracker.children(unread_item("ACME-42"))
        below_story = tracker.children(unread_item("ACME-50"))
        assert sum("/search" in path for path in jira.paths) == 4
    assert [item.key for item in below_epic.items] == [f"ACME-{n}" for n in range(50, 57)]
    assert [item.key for item in below_story.items] == ["ACME-60"]
    assert below_epic.unread == below_story.unread == ()


def test_a_data_center_without_epics_is_asked_for_sub_tasks_only() -> None:
    """Jira Core has no Epic Link, and would refuse a query that names one."""
    world = JiraWorld()
    world.issue("ACME-57")
    world.issue("ACME-60", type="Sub-task", parent="ACME-57")
    with fake(world, cloud=False) as jira:
        jira.script("/field", altered(lambda fields: fields[:1]))
        found = connect(jira).jira.children(unread_item("ACME-57"))
        assert "cf%5B" not in jira.requests[-1].target
    assert [item.key for item in found.items] == ["ACME-60"]


def test_children_of_what_jira_does_not_know_are_told() -> None:
    """A query about an unknown key is an error of Jira's, which says what to look at."""
    with fake(JiraWorld(), cloud=True) as jira:
        found = connect(jira).jira.children(unread_item("ACME-42"))
    assert found.items == ()
    assert "the issue key for field 'parent' is invalid" in found.unread[0].lower()


def test_a_list_without_end_is_left() -> None:
    """A token that comes again leads nowhere: what was read counts, and the rest is told."""
    world = JiraWorld()
    world.issue("ACME-42", type="Epic")
    world.issue("ACME-57", parent="ACME-42")
    with fake(world, cloud=True) as jira:
        again = altered(lambda p: p.update(isLast=False, nextPageToken="at-0"))
        jira.script("search/jql", again, times=None)
        found = connect(jira).jira.children(unread_item("ACME-42"))
        assert len(jira.requests) < 5
    assert [item.key for item in found.items] == ["ACME-57"]
    assert "was not read completely" in found.unread[0]


@CLOUD_AND_DATA_CENTER
def test_what_was_closed_since_is_found(cloud: bool) -> None:
    """Resolved or moved to a status of category done, in the named projects only.

    Items that may have been closed in that time are included: only the history of each tells.
    """
    world = JiraWorld()
    late, early = NOW - timedelta(minutes=10), NOW - timedelta(days=3)
    world.issue("ACME-1").move("Done", at=late, resolution="Done")
    world.issue("ACME-2").move("Done", at=early, resolution="Done")
    world.issue("ACME-3").move("Done", at=late)
    world.issue("ACME-4").move("Done", at=early).move("Rejected", at=late)
    world.issue("ACME-5").move("In Progress", at=late)
    reopened = world.issue("ACME-7").move("Done", at=late, resolution="Done")
    reopened.move("In Progress", at=late, resolution="")
    world.issue("OTHER-1").move("Done", at=late, resolution="Done")
    world.issue("ACME-6").move("Done", at=NOW - timedelta(minutes=62), resolution="Done")
    with fake(world, cloud=cloud) as jira:
        tracker, since = connect(jira).jira, NOW - timedelta(hours=1)
        found = tracker.changed_since(since, {"ACME"})
        both = tracker.changed_since(since, {"ACME", "OTHER"})
    again = [] if cloud else ["ACME-4"]  # Cloud has the time at which the category changed.
    keys = ["ACME-1", "ACME-3", *again, "ACME-6", "ACME-7"]
    assert [item.key for item in found.items] == keys
    assert found.unread == ()
    more = {item.key for item in both.items} - {item.key for item in found.items}
    assert more == {"OTHER-1"}


@CLOUD_AND_DATA_CENTER
def test_what_a_list_has_of_the_history_is_not_asked_for_again(cloud: bool) -> None:
    """Cloud's list has 40 changes of an issue: of one with more, the history is read by itself."""
    world = JiraWorld()
    late = NOW - timedelta(minutes=10)
    world.issue("ACME-42", type="Epic")
    for key, moves in (("ACME-1", 3), ("ACME-2", 60), ("ACME-3", 38), ("ACME-4", 39)):
        issue = world.issue(key, parent="ACME-42", created=NOW - timedelta(days=9))
        for number in range(moves):
            at = NOW - timedelta(days=8) + timedelta(hours=number)
            issue.move(("In Progress", "To Do")[number % 2], at=at)
        issue.move("Done", at=late, resolution="Done")
    with fake(world, cloud=cloud) as jira:
        by_list, alone = connect(jira).jira, connect(jira).jira
        found = by_list.changed_since(NOW - timedelta(hours=1), {"ACME"})
        listed = len(jira.paths)
        together = [by_list.details(item) for item in found.items]
        asked = jira.paths[listed:]
        one_by_one = [alone.details(item) for item in found.items]
    assert len(together) == 4
    assert together == one_by_one
    parts = sorted(
        path.partition("?")[0].rpartition("/issue/")[2] for path in asked if "/issue/" in path
    )
    long = ["ACME-2/changelog", "ACME-4/changelog"] if cloud else []
    assert parts == sorted([*(f"ACME-{number}/comment" for number in (1, 2, 3, 4)), *long])
