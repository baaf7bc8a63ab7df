"""An issue with its whole history."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.faults import altered
from tests.fakes.jira_answers import COMMENT_TEXT
from tests.fakes.jira_world import MONA, OLAF, ROBOT, Change, JiraWorld, moment
from tests.jira.support import connect, fake, key

from flow_telemetry.errors import NotFoundError
from flow_telemetry.jira.parse import unread_item
from flow_telemetry.model import ActorKind, EventKind, StatusCategory, WorkItem
from flow_telemetry.rules.lifecycle import item_periods, time_in_statuses

CLOUD_AND_DATA_CENTER = pytest.mark.parametrize("cloud", [True, False], ids=["cloud", "dc"])

Told = list[tuple[str, str, str]]


def told(item: WorkItem) -> Told:
    """The history in short: minute, kind, subject."""
    return [(f"{e.time:%d %H:%M}", e.kind.value, e.subject) for e in item.history]


def details(world: JiraWorld, *, cloud: bool = True, of: str = "ACME-57") -> WorkItem:
    """What the tracker reads of an issue."""
    with fake(world, cloud=cloud, largest_page=2) as jira:
        return connect(jira).jira.details(unread_item(of))


@CLOUD_AND_DATA_CENTER
def test_everything_that_happened_is_told_in_order(cloud: bool) -> None:
    """From a changelog of several pages: statuses, people, labels, flags, comments, the closing."""
    world = JiraWorld()
    story = world.issue("ACME-57")
    story.assign(OLAF, at="2026-11-02T08:00:00Z")
    story.label("ui", "card", at="2026-11-02T09:00:00Z").label("card", at="2026-11-02T09:30:00Z")
    story.move("In Progress", at="2026-11-03T08:00:00Z", by=OLAF)
    story.flag(at="2026-11-03T09:00:00Z").flag(False, at="2026-11-03T10:00:00Z", by=ROBOT)
    story.comment(at="2026-11-03T11:00:00Z", by=OLAF)
    story.assign(MONA, at="2026-11-04T08:00:00Z")
    story.move("Done", at="2026-11-05T08:00:00Z", resolution="Done", by=ROBOT)
    read = details(world, cloud=cloud)
    olaf, mona = ("Olaf Octo", "Mona Lisa") if cloud else ("olaf", "mona")
    assert told(read) == [
        ("02 08:00", "assigned", olaf),
        ("02 09:00", "labeled", "ui"),
        ("02 09:00", "labeled", "card"),
        ("02 09:30", "unlabeled", "ui"),
        ("03 08:00", "status_changed", "In Progress"),
        ("03 09:00", "blocked", ""),
        ("03 10:00", "unblocked", ""),
        ("03 11:00", "commented", ""),
        ("04 08:00", "unassigned", olaf),
        ("04 08:00", "assigned", mona),
        ("05 08:00", "status_changed", "Done"),
        ("05 08:00", "closed", ""),
    ]
    started = next(event for event in read.history if event.kind is EventKind.STATUS_CHANGED)
    assert (started.before, started.actor and started.actor.login) == ("To Do", olaf)
    assert read.closed_at == moment("2026-11-05T08:00:00Z")
    assert (read.comments, read.assignees, read.labels) == (1, (mona,), ("card",))
    assert read.history_complete


def test_an_app_is_a_bot() -> None:
    """Cloud tells apps from people."""
    world = JiraWorld()
    world.issue("ACME-57").move("Done", at="2026-11-05T08:00:00Z", by=ROBOT)
    (changed, closed) = details(world).history
    assert changed.actor is not None
    assert (changed.actor.login, changed.actor.kind) == ("Automation for Jira", ActorKind.BOT)
    assert closed.actor == changed.actor


@CLOUD_AND_DATA_CENTER
def test_no_address_and_no_text_is_kept(cloud: bool) -> None:
    """E-mail addresses and what people wrote stay in Jira, though it sends them."""
    world = JiraWorld()
    story = world.issue("ACME-57").comment(at="2026-11-03T11:00:00Z")
    story.assign(OLAF, at="2026-11-03T12:00:00Z")
    person = replace(OLAF, name="olaf@example.com", display="olaf@example.com")
    story.assign(person, at="2026-11-03T13:00:00Z", by=person)
    kept = repr(details(world, cloud=cloud))
    assert "@example.com" not in kept.replace("-olaf@example.com", "")
    assert COMMENT_TEXT not in kept


@CLOUD_AND_DATA_CENTER
def test_a_reopened_issue_closes_and_reopens(cloud: bool) -> None:
    """Each life ends with a closing; its time is that of the entry, not the resolution's."""
    world = JiraWorld()
    story = world.issue("ACME-57")
    story.move("Done", at="2026-11-05T08:00:00Z", resolution="Done")
    story.move("In Progress", at="2026-11-06T08:00:00Z", resolution="")
    story.move("Done", at="2026-11-07T08:00:00Z", resolution="Done")
    read = details(world, cloud=cloud)
    closings = [e for e in read.history if e.kind in (EventKind.CLOSED, EventKind.REOPENED)]
    assert [event.kind.value for event in closings] == ["closed", "reopened", "closed"]
    assert closings[-1].time == read.closed_at == moment("2026-11-07T08:00:00Z")


@CLOUD_AND_DATA_CENTER
def test_a_status_of_category_done_closes_without_a_resolution(cloud: bool) -> None:
    """Moving between two such statuses changes nothing; both kinds of Jira know when it was."""
    world = JiraWorld()
    story = world.issue("ACME-57")
    story.move("Done", at="2026-11-05T08:00:00Z").move("Rejected", at="2026-11-06T08:00:00Z")
    read = details(world, cloud=cloud)
    assert [e[0] for e in told(read) if e[1] == "closed"] == ["05 08:00"]
    assert (read.state, read.closed_at) == ("closed", moment("2026-11-05T08:00:00Z"))


@CLOUD_AND_DATA_CENTER
def test_a_resolution_and_its_status_at_two_times_are_one_closing(cloud: bool) -> None:
    """It is closed while either holds, and reopens when the last of them ends."""
    world = JiraWorld()
    story = world.issue("ACME-57")
    story.resolve("Done", at="2026-11-05T08:00:00Z").move("Done", at="2026-11-05T09:00:00Z")
    story.resolve(None, at="2026-11-06T08:00:00Z").move("To Do", at="2026-11-06T09:00:00Z")
    read = details(world, cloud=cloud)
    closings = [(time, kind) for time, kind, _ in told(read) if kind in ("closed", "reopened")]
    assert closings == [("05 08:00", "closed"), ("06 09:00", "reopened")]
    assert (read.state, read.closed_at, read.result) == ("open", None, "")


def test_an_issue_that_was_imported_closed_has_its_closing() -> None:
    """No change closed it; the item's own date does."""
    world = JiraWorld()
    story = world.issue("ACME-57", status="Done")
    story.resolution, story.resolved_at = "Done", moment("2026-11-05T08:00:00Z")
    assert told(details(world)) == [("05 08:00", "closed", "")]


def test_a_resolution_from_before_the_history_counts() -> None:
    """Imported with a resolution, it is closed all the time, whatever its status does."""
    world = JiraWorld()
    story = world.issue("ACME-57", status="In Progress")
    story.resolution, story.resolved_at = "Done", moment("2026-11-05T08:00:00Z")
    story.move("Done", at="2026-11-06T08:00:00Z")
    assert told(details(world)) == [
        ("05 08:00", "closed", ""),
        ("06 08:00", "status_changed", "Done"),
    ]


def test_a_custom_field_named_like_jiras_own_is_not_taken_for_it() -> None:
    """A team's own field `Status` moves nothing, and a flag in a field of Jira's blocks nothing."""
    world = JiraWorld()
    story = world.issue("ACME-57")
    custom = Change("Status", (None, "red"), (None, "green"), custom=True)
    story.change(custom, Change("Flagged", (None, ""), (None, "x")), at="2026-11-05T08:00:00Z")
    assert details(world).history == ()


def test_a_deleted_status_has_no_category() -> None:
    """The change is told; whether it closed anything is not known."""
    world = JiraWorld()
    gone = Change("status", ("10000", "To Do"), ("9999", "Shipped"))
    world.issue("ACME-57").change(gone, at="2026-11-05T08:00:00Z")
    assert told(details(world)) == [("05 08:00", "status_changed", "Shipped")]


def test_the_reference_stays_where_the_key_does() -> None:
    """An item that keeps its old ids by `identity-aliases` has them after this, too."""
    world = JiraWorld()
    world.issue("ACME-57").rename("CORE-9", at="2026-11-05T08:00:00Z")
    with fake(world, cloud=True) as jira:
        connected = connect(jira)
        (item,) = connected.jira.chain(key("ACME-57")).items
        aliased = replace(item, reference="jira/ACME-57")
        assert connected.jira.details(aliased).reference == "jira/ACME-57"
        assert connected.jira.details(unread_item("ACME-57")).reference == "jira/CORE-9"


def test_a_changelog_that_was_cut_says_so() -> None:
    """Data Center gives a changelog at once; one that names more than it holds is not whole."""
    world = JiraWorld()
    world.issue("ACME-57").move("Done", at="2026-11-05T08:00:00Z")
    with fake(world, cloud=False) as jira:
        jira.script("expand=changelog", altered(lambda p: p["changelog"].update(total=500)))
        assert not connect(jira).jira.details(unread_item("ACME-57")).history_complete


def test_an_issue_that_is_not_there_is_an_error() -> None:
    """Details are of an item that is exported: without it there is nothing to say."""
    with fake(JiraWorld(), cloud=True) as jira, pytest.raises(NotFoundError, match="ACME-57"):
        connect(jira).jira.details(unread_item("ACME-57"))


@CLOUD_AND_DATA_CENTER
def test_what_metrics_may_be_split_by(cloud: bool) -> None:
    """The project, the components, the priority, and the team, of which a server has the id."""
    world = JiraWorld()
    story = world.issue("ACME-57")
    story.components, story.priority, story.team = ("web", "api"), "High", "Checkout"
    read = details(world, cloud=cloud)
    assert (read.project, read.components, read.priority) == ("ACME", ("web", "api"), "High")
    assert read.team == ("Checkout" if cloud else "7")
    assert details(world_of("ACME-57"), cloud=cloud).team == ""


def world_of(key: str) -> JiraWorld:
    """A Jira with one story."""
    world = JiraWorld()
    world.issue(key)
    return world


@CLOUD_AND_DATA_CENTER
@pytest.mark.parametrize("named", ["coding", "in progress", None])
def test_a_renamed_status_has_one_id_and_one_category(cloud: bool, named: str | None) -> None:
    """`In Progress` was called `Coding` when the story was moved there first."""
    world = JiraWorld()
    story = world.issue("ACME-57")
    story.change(Change("status", ("10000", "To Do"), ("3", "Coding")), at="2026-11-02T08:00:00Z")
    story.change(Change("status", ("3", "Coding"), ("10000", "To Do")), at="2026-11-03T08:00:00Z")
    story.move("In Progress", at="2026-11-04T08:00:00Z")
    story.move("Done", at="2026-11-05T08:00:00Z", resolution="Done")
    categories = {named: StatusCategory.DONE} if named else {}
    with fake(world, cloud=cloud) as jira:
        read = connect(jira, categories=categories).jira.details(unread_item("ACME-57"))
    moves = [e for e in read.history if e.kind is EventKind.STATUS_CHANGED]
    assert [(e.subject, e.status_id) for e in moves[:3:2]] == [
        ("Coding", "3"),
        ("In Progress", "3"),
    ]
    expected = StatusCategory.DONE if named else StatusCategory.IN_PROGRESS
    assert {e.category for e in moves if e.status_id == "3"} == {expected}
    assert {e.category_before for e in moves if e.status_id_before == "3"} == {expected}
    (period,) = item_periods(replace(read, created_at=moment("2026-11-01T08:00:00Z")))[-1:]
    if named is None:
        times = time_in_statuses(read, period)
        assert {name for name, *_ in times} == {"To Do", "In Progress"}
