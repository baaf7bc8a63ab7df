"""A stage for each case, and what a clean export of its world comes to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.faults.all_cases import SINGLE
from tests.faults.cases import Case
from tests.faults.items import Items, received_by
from tests.faults.stage import Stage
from tests.faults.stage import stage as new_stage
from tools.update_reliability import PAGE, ROWS_FOLDER, Row, keep, written_rows

_CLEAN: dict[bool, Items] = {}


@pytest.fixture
def stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Stage]:
    """The servers and the program of one case."""
    with new_stage(tmp_path / "case", monkeypatch, capsys) as made:
        (tmp_path / "case").mkdir()
        yield made


@pytest.fixture
def both_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Mapping[bool, Items]:
    """What a run, and a closed issue, come to where nothing fails; made once in each process."""
    for closes_issue in (False, True):
        if closes_issue not in _CLEAN:
            folder = tmp_path / f"clean-{closes_issue}"
            folder.mkdir()
            with new_stage(folder, monkeypatch, capsys) as made:
                made.closes_issue = closes_issue
                result, _ = made.export(timeout=60)
                assert (result.outputs["status"], result.warnings) == ("exported", [])
                _CLEAN[closes_issue] = received_by(made.receiver)
    return _CLEAN


@pytest.fixture
def clean(both_clean: Mapping[bool, Items]) -> Items:
    """What the export of the run comes to where nothing fails."""
    return both_clean[False]


@pytest.fixture
def compare() -> Callable[[Case, Row], None]:
    """Compare a row with what docs/reliability.md says, or keep it for a new page."""
    folder = os.environ.get(ROWS_FOLDER)

    def compared(case: Case, row: Row) -> None:
        if sys.platform == "win32":
            return  # There a port on which nobody listens takes longer to say so.
        if folder:
            keep(row, SINGLE.index(case), Path(folder))
        elif row not in written_rows(PAGE.read_text(encoding="utf-8")):
            pytest.fail(f"docs/reliability.md does not say: {row}. Run make reliability")

    return compared
