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
from tests.faults.stage import Exported, Stage
from tests.faults.stage import stage as new_stage
from tools.update_reliability import PAGE, ROWS_FOLDER, Row, keep, written_rows

_CLEAN: dict[Exported, Items] = {}


@pytest.fixture
def stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Stage]:
    """The servers and the program of one case."""
    with new_stage(tmp_path / "case", monkeypatch, capsys) as made:
        (tmp_path / "case").mkdir()
        yield made


@pytest.fixture
def all_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Mapping[Exported, Items]:
    """What each export comes to where nothing fails; made once in each process."""
    for exported in Exported:
        if exported not in _CLEAN:
            folder = tmp_path / f"clean-{exported.name}"
            folder.mkdir()
            with new_stage(folder, monkeypatch, capsys) as made:
                made.exports = exported
                result, _ = made.export(timeout=60)
                assert (result.outputs["status"], result.warnings) == ("exported", [])
                _CLEAN[exported] = received_by(made.receiver)
    return _CLEAN


@pytest.fixture
def clean(all_clean: Mapping[Exported, Items]) -> Items:
    """What the export of the run comes to where nothing fails."""
    return all_clean[Exported.RUN]


@pytest.fixture
def compare() -> Callable[[Case, Row], None]:
    """Compare a row with what docs/contributing/faults.md says, or keep it for a new page."""
    folder = os.environ.get(ROWS_FOLDER)

    def compared(case: Case, row: Row) -> None:
        if sys.platform == "win32":
            return  # There a port on which nobody listens takes longer to say so.
        if folder:
            keep(row, SINGLE.index(case), Path(folder))
        elif row not in written_rows(PAGE.read_text(encoding="utf-8")):
            pytest.fail(f"docs/contributing/faults.md does not say: {row}. Run make reliability")

    return compared
