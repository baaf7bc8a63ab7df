"""One fault, on one call: the promise holds, and the table of docs/reliability.md says how."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping

import pytest
from tests.faults import promise
from tests.faults.all_cases import OF_ENDPOINT, OF_SOURCES
from tests.faults.cases import Case
from tests.faults.items import Items
from tests.faults.rows import row_of
from tests.faults.stage import Stage
from tools.update_reliability import Row

Compare = Callable[[Case, Row], None]


@pytest.mark.parametrize("case", OF_ENDPOINT, ids=lambda case: case.id)
def test_what_was_collected_is_delivered_or_kept(
    case: Case, stage: Stage, clean: Items, compare: Compare
) -> None:
    """Whatever the endpoint does."""
    end = ended(case, stage)
    promise.check_nothing_is_lost(end, clean)
    promise.check_it_is_told(end)
    if case.heals:
        promise.check_nothing_was_there(end, clean)
    compare(case, row_of(case, end, clean))


@pytest.mark.parametrize("case", OF_SOURCES, ids=lambda case: case.id)
def test_what_could_be_read_is_exported(
    case: Case, stage: Stage, both_clean: Mapping[bool, Items], compare: Compare
) -> None:
    """Whatever GitHub or Jira do."""
    end, clean = ended(case, stage), both_clean[case.closes_issue]
    promise.check_nothing_is_wrong(end, clean)
    if case.heals:
        promise.check_nothing_was_there(end, clean)
    compare(case, row_of(case, end, clean))


def ended(case: Case, stage: Stage) -> promise.Ending:
    """Let the fault strike, and return how the export ended."""
    for tool in case.needs:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not there")
    if case.only_posix and sys.platform == "win32":
        pytest.skip("Windows has no such pipes and signals")
    stage.closes_issue = case.closes_issue
    stage.otlp_timeout = case.otlp_timeout
    case.strike(stage)
    return promise.ending(stage, timeout=case.timeout, fail_on_error=case.fails_on_error)
