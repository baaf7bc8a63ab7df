"""Durations and sizes as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.report.text import size
from flow_telemetry.text import counted, duration


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (-5.5, "0s"),
        (0.0004, "0s"),
        (0.35, "350ms"),
        (0.9999, "1s"),
        (2.5, "2.5s"),
        (9.97, "10s"),
        (59.6, "1m"),
        (90, "1m 30s"),
        (3_600, "1h"),
        (3_605, "1h"),
        (11_100, "3h 5m"),
        (90_000, "1d 1h"),
        (86_400 * 30, "30d"),
        (86_400 * 1_409 + 36_000, "1409d"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, shown: str) -> None:
    """Seconds alone say nothing to a reader beyond a minute."""
    assert duration(seconds) == shown


@given(st.floats(0, 1e10))
def test_every_duration_is_short(seconds: float) -> None:
    """It fits the column of a table."""
    assert 2 <= len(duration(seconds)) <= 8


def test_sizes_and_counts_have_units() -> None:
    """Bytes by thousands, nouns in their number."""
    assert [size(n) for n in (0, 999, 2_345, 1_000_000)] == ["0 B", "999 B", "2.3 kB", "1.0 MB"]
    assert [counted(n, "span") for n in (0, 1, 32_000)] == ["0 spans", "1 span", "32,000 spans"]
    nouns = ("repository", "day", "branch", "process")
    assert [counted(2, noun) for noun in nouns] == [
        *("2 repositories", "2 days", "2 branches", "2 processes")
    ]
    assert counted(1, "file", "was", "were") == "1 file was"
    assert counted(2, "file", "was", "were") == "2 files were"
