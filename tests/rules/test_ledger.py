"""Windows and marks of the sweep's ledger, and how long it has its entries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.rules.builders import OPENING

from flow_telemetry.rules import ledger as rules
from flow_telemetry.rules.intervals import Interval, Window
from flow_telemetry.rules.ledger import Pending, PendingReason, SourceLedger

HOUR = timedelta(hours=1)


def span(start: float, end: float) -> Interval:
    """Return an interval between two hours after the opening."""
    return Interval(OPENING + start * HOUR, OPENING + end * HOUR)


def source(start: float, mark: float, **facts: object) -> SourceLedger:
    """Return a source whose sweeps began and ended at hours after the opening."""
    known = {"start": OPENING + start * HOUR, "mark": OPENING + mark * HOUR, **facts}
    return SourceLedger(**known)  # type: ignore[arg-type]


def pending(end: float, *, tries: int = 0) -> Pending:
    """Return a pull request that has to end before an hour after the opening."""
    return Pending(
        reference="pull_request 1",
        interval=span(0, end),
        tries=tries,
        reason=PendingReason.UNREADABLE,
    )


@pytest.mark.parametrize(
    ("start", "mark", "since", "expected"),
    [
        (0, 50, 60, [span(49, 60)]),
        (0, 0.5, 60, [span(0, 60)]),
        (10, 50, 20, [span(49, 60)]),
        (10, 50, 2, [span(2, 10), span(49, 60)]),
    ],
    ids=["an hour before the mark", "not before the start", "a known time", "an earlier time"],
)
def test_a_window_reaches_back_from_the_mark(
    start: float, mark: float, since: float, expected: list[Interval]
) -> None:
    """The time before the start is a part of its own, since what is between is exported."""
    found = rules.window_of(source(start, mark), OPENING + since * HOUR, OPENING + 60 * HOUR)
    assert list(found) == expected


@pytest.mark.parametrize(
    ("full_mark", "expected"),
    [(None, []), (30, []), (24, [span(23, 48)]), (0.5, [span(0, 48)])],
    ids=["no older things", "less than a day", "a day", "not before the start"],
)
def test_the_full_list_is_read_once_a_day(
    full_mark: float | None, expected: list[Interval]
) -> None:
    """Its window begins at its own mark."""
    mark = None if full_mark is None else OPENING + full_mark * HOUR
    found = rules.full_window_of(source(0, 47, full_mark=mark), OPENING + 48 * HOUR)
    assert list(found) == expected


def test_the_parts_before_and_after_a_time_are_the_whole() -> None:
    """What ends more than three days after its creation belongs to the full list."""
    window = (span(0, 5), span(10, 20))
    limit = OPENING + 12 * HOUR
    assert rules.before(window, limit) == (span(0, 5), span(10, 12))
    assert rules.after(window, limit) == (span(12, 20),)
    assert rules.before(window, OPENING) == ()
    assert rules.after(window, OPENING + 20 * HOUR) == ()


def test_a_mark_moves_to_the_first_thing_that_remains() -> None:
    """And never back, if that ended before it."""
    mark, end = OPENING + 5 * HOUR, OPENING + 9 * HOUR
    assert rules.move_mark(mark, end, []) == end
    assert (
        rules.move_mark(mark, end, [OPENING + 8 * HOUR, OPENING + 7 * HOUR]) == OPENING + 7 * HOUR
    )
    assert rules.move_mark(mark, end, [OPENING]) == mark
    assert rules.move_mark(end, mark, []) == end


def test_a_ledger_forgets_ends_that_no_window_contains() -> None:
    """It has those of the overlap, those of pending things, and those before its start."""
    ends = [(f"issues {hour}", OPENING + hour * HOUR) for hour in (1, 11, 48, 49, 50)]
    known = (*ends, ("pull_request 1", OPENING + 20 * HOUR))
    entry = pending(60)
    found = source(10, 50, exported=frozenset(known), pending=(entry,)).without_old()
    assert sorted(reference for reference, _ in found.exported) == [
        *("issues 1", "issues 49", "issues 50", "pull_request 1")
    ]
    assert found.pending == (entry,)


def test_a_ledger_with_a_daily_list_has_the_ends_since_that_list() -> None:
    """The full list finds them again."""
    ends = frozenset((f"workflow_run {h} attempt 1", OPENING + h * HOUR) for h in (20, 28, 29, 49))
    found = source(10, 50, exported=ends, full_mark=OPENING + 30 * HOUR).without_old()
    assert sorted(end for _, end in found.exported) == [OPENING + h * HOUR for h in (29, 49)]


@pytest.mark.parametrize(
    ("entry", "is_given_up", "is_known"),
    [
        (pending(50), False, True),
        (pending(50, tries=4), False, True),
        (pending(50, tries=5), True, True),
        (pending(48, tries=5), True, False),
        (pending(50 - 35 * 24 - 1), True, False),
        (pending(50 - 35 * 24 + 1), False, True),
    ],
    ids=["new", "four tries", "five tries", "long ago", "too old", "old"],
)
def test_a_thing_is_given_up_and_known_until_no_list_has_it(
    entry: Pending, *, is_given_up: bool, is_known: bool
) -> None:
    """Else the next sweep would find it again, and try it five more times."""
    known = source(-2000, 50, pending=(entry,))
    assert entry.is_given_up(known.mark) is is_given_up
    assert bool(known.without_old().pending) is is_known


def test_a_window_has_no_end_that_was_exported() -> None:
    """One closing has several times, which differ by a few seconds."""
    window = Window((span(0, 1), span(5, 6)), (OPENING + 5.5 * HOUR,))
    assert window.holds(OPENING)
    assert not window.holds(OPENING + HOUR)
    assert not window.holds(OPENING + 5.5 * HOUR + timedelta(seconds=4))
    assert window.holds(OPENING + 5.5 * HOUR + timedelta(seconds=6))
    assert not window.holds(None)
    assert window.interval == span(0, 6)
