"""How much of each log leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.rules.selection import allocate_bytes

SIZES = st.lists(st.integers(0, 1000), max_size=8)


@pytest.mark.parametrize(
    ("failed", "others", "limit", "expected"),
    [
        ([10, 20], [5], 100, (10, 20, 5)),
        ([10, 20], [5], 30, (10, 20, 0)),
        ([10, 100, 100], [5], 90, (10, 40, 40, 0)),
        ([], [50, 100, 10], 100, (50, 50, 0)),
        ([1], [], 0, (0,)),
        ([], [], 100, ()),
    ],
)
def test_failed_steps_come_first(
    failed: list[int], others: list[int], limit: int, expected: tuple[int, ...]
) -> None:
    """Small ones whole and of large ones equally much; then the others in order."""
    assert allocate_bytes(failed, others, limit) == expected


@given(SIZES, SIZES, st.integers(0, 5000))
def test_any_sizes(failed: list[int], others: list[int], limit: int) -> None:
    """Never more than there is or may be, and all where there is room."""
    given_sizes = allocate_bytes(failed, others, limit)
    sizes = [*failed, *others]
    assert all(0 <= share <= size for share, size in zip(given_sizes, sizes, strict=True))
    assert sum(given_sizes) <= limit
    assert sum(sizes) > limit or list(given_sizes) == sizes
