"""The page on phases names each phase, and each event that moves a change."""

from __future__ import annotations

import re
from pathlib import Path

from flow_telemetry.rules.lifecycle import TRANSITIONS, PhaseKind

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "pull-requests.md").read_text(
    encoding="utf-8"
)


def column(heading: str, number: int) -> list[str]:
    """Return a column of the table that has this heading, without its back-ticks."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table, f"docs/guides/pull-requests.md has no table that begins with {heading}"
    return [row.split("|")[number].strip().strip("`") for row in table.group(1).splitlines()]


def test_each_phase_is_explained() -> None:
    """In the order in which a change goes through them."""
    assert column("phase", 1) == [kind.label for kind in PhaseKind]


def test_each_event_that_moves_a_change_is_in_the_table() -> None:
    """And no other."""
    assert set(column("what happens", 2)) == {kind.value for kind in TRANSITIONS}


def test_only_phases_are_named_as_results() -> None:
    """Whatever the last column sets in back-ticks is a phase."""
    named = {name for cell in column("what happens", 3) for name in re.findall(r"`([^`]+)`", cell)}
    assert named <= {kind.label for kind in PhaseKind}
