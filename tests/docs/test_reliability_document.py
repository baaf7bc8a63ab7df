"""Every line of the promise names tests that exist, and the table has all faults that are tried."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from tests.faults.all_cases import SINGLE
from tests.faults.test_combinations import COMBINATIONS
from tools.update_reliability import PAGE, ROOT, page_with, written_rows

TEXT = PAGE.read_text(encoding="utf-8")
PROMISE = (
    (ROOT / "docs" / "operate" / "reliability.md")
    .read_text("utf-8")
    .partition("## The promise")[2]
    .partition("\n## ")[0]
)
LINES = [line for line in PROMISE.splitlines() if line.startswith("| ")][2:]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[2:60])
def test_each_line_of_the_promise_is_held_by_a_test(line: str) -> None:
    """By name, so that none is forgotten when a test is renamed."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", line)
    assert named
    for path, name in named:
        assert f"\ndef {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"


def test_the_table_has_every_fault_once() -> None:
    """A fault that is no longer tried leaves the table with it."""
    written = Counter((row.side, row.call, row.fault) for row in written_rows(TEXT))
    assert written == Counter((case.side.value, case.call, case.fault) for case in SINGLE)


def test_the_numbers_of_cases_are_true() -> None:
    """Of each side, and of those that draw several faults."""
    counts = Counter(case.side.value for case in SINGLE)
    told = re.findall(r"^## Faults of (.+)\n\n(\d+) cases\.$", TEXT, re.MULTILINE)
    assert {side: int(number) for side, number in told} == counts
    assert f"{len(COMBINATIONS)} further cases" in TEXT
    assert len(SINGLE) >= 300  # as the README says


def test_what_is_written_is_read_again() -> None:
    """Nothing in a cell breaks the table."""
    rows = [*written_rows(TEXT)]
    assert {*written_rows(page_with(TEXT, rows))} == {*rows}
