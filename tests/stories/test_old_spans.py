"""Spans that are older than the backend takes: held back, sent all the same, or cut."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, happened
from tests.support import closings
from tests.support.program import Program, Result

NOW = datetime.now(timezone.utc).replace(microsecond=0)
OPENED, APPROVED, MERGED = (NOW - timedelta(hours=hours) for hours in (72, 3, 2))


@pytest.fixture(autouse=True)
def pull_request(world: World) -> None:
    """A pull request that waited three days for its review, and an hour for its merge."""
    world.pull_request(
        123,
        opened_at=OPENED,
        merged_at=MERGED,
        timeline=[happened("reviewed", at=APPROVED, by="bob", review="approved")],
    )


def export(program: Program, **inputs: Any) -> Result:
    """Export it as it closes, to a backend that takes spans of one day."""
    return closings.pull_request(program, 123, max_span_age="24h", **inputs)


def test_without_an_age_all_leave_as_they_are(program: Program, receiver: Receiver) -> None:
    """The truth first."""
    closings.pull_request(program, 123)
    assert receiver.span("open until merged").start == int(OPENED.timestamp()) * 10**9


def test_old_spans_are_held_back(program: Program, receiver: Receiver) -> None:
    """`drop`, as is done without the other input: told and counted, and no failure."""
    result = export(program)
    assert [span.name for span in receiver.spans] == ["awaiting merge"]
    assert "2 spans that began before \\`max\\-span\\-age\\`" in result.summary
    assert "were not sent" in result.summary
    assert (result.status, result.warnings, result.outputs["spans"]) == (0, [], "1")


def test_old_spans_are_sent_all_the_same(program: Program, receiver: Receiver) -> None:
    """`send` says how many the backend may drop without a word."""
    result = export(program, on_old_span="send")
    assert receiver.span("open until merged").start == int(OPENED.timestamp()) * 10**9
    assert len(receiver.spans) == 4
    assert "3 spans that began before \\`max\\-span\\-age\\`" in result.summary
    assert "may have dropped them" in result.summary


def test_old_spans_are_cut(program: Program, receiver: Receiver) -> None:
    """`clamp` moves the start to what the backend takes, and the truth stands beside it."""
    began = datetime.now(timezone.utc)
    result = export(program, on_old_span="clamp")
    whole = receiver.span("open until merged")
    moved_to = datetime.fromtimestamp(whole.start / 10**9, timezone.utc) + timedelta(hours=24)
    assert began - timedelta(seconds=1) <= moved_to <= datetime.now(timezone.utc)
    assert whole.end == int(MERGED.timestamp()) * 10**9
    assert whole.attributes["flow.start.clamped"] == int(OPENED.timestamp())
    assert "flow.start.clamped" not in receiver.span("awaiting merge").attributes
    assert "with a later start" in result.summary


def test_what_ended_long_ago_is_as_short_as_can_be(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A span never ends before it begins."""
    world.pull_request(123, opened_at=OPENED, merged_at=OPENED + timedelta(hours=1))
    export(program, on_old_span="clamp")
    whole = receiver.span("open until merged")
    assert whole.end - whole.start == 1_000
