"""Whose the lines of a job's log are, and how many of them are before its end."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.run_logs import stamp

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import LogLevel
from flow_telemetry.reports.logs import (
    LONGEST_LINE,
    find_section_end,
    index_log,
    parse_log_lines,
)
from flow_telemetry.rules.intervals import Interval

GROUP = "##[group]Run make"


def at(second: float) -> datetime:
    whole, micro = divmod(round(second * 1_000_000), 1_000_000)
    return datetime(2026, 11, 24, 3, 43, whole, micro, tzinfo=timezone.utc)


def steps(*times: tuple[float, float]) -> list[Interval]:
    return [Interval(at(start), at(end)) for start, end in times]


def log(*lines: tuple[float, str]) -> list[bytes]:
    return [f"{stamp(at(second))} {text}\n".encode() for second, text in lines]


@pytest.mark.parametrize(
    ("times", "lines", "expected"),
    [
        # The next step begins in the second in which this one ends: its first line tells.
        (((0, 2), (2, 4)), ((1.5, "a"), (2.1, "a"), (2.2, GROUP), (2.3, "b")), [2, 2]),
        # None of the runner's own lines: the second is the one's that ends in it.
        (((0, 2), (2, 4)), ((1.5, "a"), (2.1, "a"), (3.1, "b")), [2, 1]),
        # Two steps begin and end within one second.
        (((0, 2), (2, 2), (2, 4)), ((2.1, GROUP), (2.2, GROUP), (2.3, "c")), [0, 1, 2]),
        # A step that wrote nothing.
        (((0, 1), (1, 3), (3, 5)), ((0.5, "a"), (4.5, "c")), [1, 0, 1]),
        # Before the first step, and long after the last.
        (((5, 6), (6, 7)), ((0.5, "a"), (30.5, "b")), [1, 1]),
        # A group that a step opens itself is no step's beginning.
        (((0, 5), (5, 9)), ((1.0, GROUP), (2.0, GROUP), (3.0, "a")), [3, 0]),
        # The runner's words at the steps that clean up.
        (((0, 2), (2, 2), (2, 2)), ((1.5, "a"), (2.1, "Post job cleanup."), (2.3, "b")), [1, 2, 0]),
    ],
)  # fmt: skip
def test_lines_are_of_the_step_whose_time_holds_them(
    times: tuple[tuple[float, float], ...],
    lines: tuple[tuple[float, str], ...],
    expected: list[int],
) -> None:
    """GitHub's times of steps have whole seconds, those of lines are finer."""
    found = {each.step: each.lines for each in index_log(log(*lines), steps(*times))[0]}
    assert [found.get(number, 0) for number in range(len(times))] == expected


def test_the_times_and_size_of_a_section() -> None:
    """Its first and last times, and the size of its text without them."""
    raw = ["\ufeff".encode() + log((0.5, "a"))[0], b"bb\n", *log((1.25, "c")), b"ddd"]
    ((found,), _) = index_log(raw)
    assert (found.step, found.begin, found.lines) == (0, 0, 4)
    assert found.times == Interval(at(0.5), at(1.25))
    assert found.size == len("a\nbb\nc\nddd\n")


def test_the_end_of_a_section() -> None:
    """As many of its last lines as fit."""
    raw = log((0, "a"), (1, "bb"), (2, "ccc"))
    ((found,), _) = index_log(raw)
    assert [find_section_end(raw, found, share)[0] for share in (9, 8, 7, 4, 3, 0)] == [
        0, 1, 1, 2, 3, 3
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "share", "expected"),
    [
        # The last line alone is too large.
        (("a", "b" * 50), 10, (2, 1)),
        # What comes after it tells nothing.
        (("a", "b" * 50, "", "##[endgroup]"), 20, (2, 1)),
        (("a", "b" * 50, "", "c"), 20, (2, None)),
        (("", "", ""), 2, (1, None)),
    ],
)
def test_an_end_that_tells_nothing(
    texts: tuple[str, ...], share: int, expected: tuple[int, int | None]
) -> None:
    """The last line that does is known, though it is larger."""
    raw = log(*((number, text) for number, text in enumerate(texts)))
    ((found,), _) = index_log(raw)
    assert find_section_end(raw, found, share) == expected


def test_of_a_long_line_what_is_kept_counts() -> None:
    """Its first characters, in bytes."""
    raw = log((0, "J" * 70_000), (1, "ä" * 20_000), (2, "J" * LONGEST_LINE))
    ((found,), _) = index_log(raw)
    assert found.size == (LONGEST_LINE + 1) + (2 * LONGEST_LINE + 1) + (LONGEST_LINE + 1)
    kept = [line.text for line in parse_log_lines(map(bytes.decode, raw), "job")]
    assert sum(len(text.encode()) + 1 for text in kept) == found.size


def test_a_line_is_cut_to_bytes() -> None:
    """Between characters, after what marks it."""
    (line,) = parse_log_lines(["##[error]zäh"], "job", longest=2)
    assert (line.text, line.level) == ("z", LogLevel.ERROR)


def test_a_damaged_log_counts_until_there() -> None:
    """What could not be read is told."""

    def raw() -> object:
        yield from log((0, "a"))
        raise ReportError("damaged there")

    sections, damage = index_log(raw())  # type: ignore[arg-type]
    assert ([section.lines for section in sections], damage) == ([1], "damaged there")


def test_lines_after_those_that_are_skipped() -> None:
    """They keep their numbers, their time and the group that they stand in."""
    raw = ["2026-11-24T03:43:00.0000000Z ##[group]all", "a", "b", "c"]
    (found,) = parse_log_lines(raw, "job", skip=3)
    assert (found.number, found.text, found.group) == (4, "c", "all")
    (found,) = parse_log_lines(["a", "2026-11-24T03:43:01.0000000Z b", "c"], "job", skip=2)
    assert found.time == at(1)


@given(
    st.lists(
        st.one_of(st.binary(), st.sampled_from(log((0, GROUP), (1, "a"), (2, "b"), (9, "c"))))
    ),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=5),
    st.integers(0, 100),
)
def test_any_log(lines: list[bytes], times: list[tuple[int, int]], share: int) -> None:
    """Every line is of one step, in order, and an end is never larger than it may be."""
    intervals = [Interval.of(at(start), at(end)) for start, end in sorted(times)]
    found, _ = index_log(lines, intervals)
    assert sum(each.lines for each in found) == len(lines)
    assert [each.begin for each in found] == [
        sum(other.lines for other in found[:position]) for position in range(len(found))
    ]
    assert [each.step for each in found] == sorted({each.step for each in found})
    for each in found:
        of_step = lines[each.begin : each.begin + each.lines]
        before = find_section_end(of_step, each, share)[0]
        (end,) = index_log(of_step[before:])[0] or (None,)
        assert end is None or end.size <= share
