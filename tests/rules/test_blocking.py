"""A work item is blocked while anything blocks it, and what overlaps is one blocking."""

from __future__ import annotations

from dataclasses import replace

from tests.rules.builders import event, item, minutes, moved

from flow_telemetry.model import Event, EventKind, WorkItem
from flow_telemetry.rules.lifecycle import find_blocked_intervals, find_open_periods

BLOCKED, UNBLOCKED = EventKind.BLOCKED, EventKind.UNBLOCKED
LABELED, UNLABELED = EventKind.LABELED, EventKind.UNLABELED
NAMES = ("blocked", "on hold")


def of(found: WorkItem) -> list[list[tuple[int, int]]]:
    """Return the minutes in which an item was blocked, life by life."""
    lives = find_open_periods(found.created_at, found.closed_at, found.history, None)
    known = find_blocked_intervals(found, NAMES)
    assert [blocked.number for blocked in known] == list(range(1, len(known) + 1))
    return [
        [minutes(b.interval) for b in known if b.period_number == life.number] for life in lives
    ]


def told(*history: Event, closed: float = 100, labels: tuple[str, ...] = ()) -> object:
    """Return the minutes in which an item of one life was blocked."""
    (only,) = of(replace(item("ACME-57", *history, closed=closed), labels=labels))
    return only


def test_a_flag_blocks_until_it_is_taken_off() -> None:
    """As Jira's flag does: twice here, and both are told."""
    history = (event(10, BLOCKED), event(20, UNBLOCKED), event(40, BLOCKED), event(70, UNBLOCKED))
    assert told(*history) == [(10, 20), (40, 70)]


def test_what_nobody_ends_lasts_until_the_closing() -> None:
    """The item was closed with its flag on."""
    assert told(event(60, BLOCKED)) == [(60, 100)]


def test_two_blocking_issues_are_one_blocking() -> None:
    """It is blocked from the first that came to the last that went."""
    history = (
        event(10, BLOCKED, subject="acme/shop#8"),
        event(20, BLOCKED, subject="acme/shop#9"),
        event(30, UNBLOCKED, subject="acme/shop#8"),
        event(50, UNBLOCKED, subject="acme/shop#9"),
    )
    assert told(*history) == [(10, 50)]


def test_a_status_and_a_label_named_so_block_it() -> None:
    """In either case; what is named otherwise does not."""
    assert told(moved(10, "To Do", "On Hold"), moved(30, "On Hold", "Doing")) == [(10, 30)]
    labels = (event(40, LABELED, subject="Blocked"), event(60, UNLABELED, subject="Blocked"))
    assert told(*labels, event(70, LABELED, subject="bug")) == [(40, 60)]


def test_overlapping_causes_of_any_kind_are_one_blocking() -> None:
    """A flag, a status and a label, one after the other without a gap."""
    history = (
        event(10, BLOCKED),
        moved(15, "Doing", "Blocked"),
        event(20, UNBLOCKED),
        event(25, LABELED, subject="blocked"),
        moved(30, "Blocked", "Doing"),
        event(50, UNLABELED, subject="blocked"),
    )
    assert told(*history) == [(10, 50)]


def test_what_it_was_created_with_blocks_from_the_start() -> None:
    """A label that was never put on was there, and so was a flag that is only taken off."""
    assert told(labels=("blocked",)) == [(0, 100)]
    assert told(event(30, UNLABELED, subject="blocked")) == [(0, 30)]
    assert told(event(30, UNBLOCKED)) == [(0, 30)]
    assert told(event(30, LABELED, subject="blocked"), labels=("blocked",)) == [(30, 100)]


def test_a_block_of_no_length_is_none() -> None:
    """Set and taken back in the same second."""
    assert told(event(30, BLOCKED), event(30, UNBLOCKED)) == []


def test_a_block_goes_on_after_a_reopening() -> None:
    """While the item was closed nothing was blocked."""
    found = item(
        "ACME-57",
        event(10, BLOCKED),
        event(20, EventKind.CLOSED),
        event(50, EventKind.REOPENED),
        event(60, UNBLOCKED),
        closed=80,
    )
    assert of(found) == [[(10, 20)], [(50, 60)]]


def test_an_item_of_unknown_creation_has_no_life_to_be_blocked_in() -> None:
    """As one of which only the key is known."""
    assert of(replace(item("ACME-57", event(10, BLOCKED), closed=50), created_at=None)) == []
