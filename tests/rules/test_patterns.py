"""Patterns choose names; a leading exclamation mark excludes; the last one that fits decides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.rules.selection import matches_patterns


@pytest.mark.parametrize(
    ("name", "patterns", "wanted"),
    [
        ("CI", (), True),
        ("CI", ("CI",), True),
        ("CI", ("ci",), False),
        ("CI", ("C*",), True),
        ("CI", ("Deploy",), False),
        ("CI", ("!CI",), False),
        ("CI", ("!Deploy",), True),
        ("CI", ("*", "!CI"), False),
        ("CI", ("!CI", "*"), True),
        ("CI", ("!*", "CI"), True),
        ("Deploy", ("!*", "CI"), False),
        ("release/2.0", ("release/*",), True),
        ("release/2.0", ("release/**",), True),
        ("release/2.0/fix", ("release/*",), True),
        ("v1", ("v[0-9]",), True),
        ("", ("main",), False),
        ("", ("!main",), True),
    ],
)
def test_the_last_pattern_that_fits_decides(
    name: str, patterns: tuple[str, ...], wanted: bool
) -> None:
    """Where all exclude, whatever none of them fits is chosen; else it is not."""
    assert matches_patterns(name, patterns) is wanted


@given(st.text(), st.lists(st.text(min_size=1)))
def test_a_last_star_chooses_all_and_its_opposite_none(name: str, patterns: list[str]) -> None:
    """Whatever was said before."""
    assert matches_patterns(name, (*patterns, "*"))
    assert not matches_patterns(name, (*patterns, "!*"))


@given(st.text(alphabet="abc/-", min_size=1))
def test_a_name_chooses_itself(name: str) -> None:
    """Names without signs of patterns mean themselves."""
    assert matches_patterns(name, (name,))
    assert not matches_patterns(name, (f"!{name}",))
