"""`reports`: tests and coverage by one input; the content of a file tells what it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.world import World
from tests.reports.coverage_examples import BY_FORMAT
from tests.stories.job.reported import suite
from tests.stories.job.test_coverage import a_run, export, left
from tests.support.program import Program

from flow_telemetry.reports.kinds import ReportKind, find_kind

JUNIT = suite('<testcase name="adds" time="0.1"/>').encode()
GO_TESTS = b"# a line of the compiler\n" + b'{"Time":"2026-11-24T03:43:00Z","Action":"run"}\n'


def test_both_kinds_are_read(
    program: Program, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    """And what is neither becomes one notice."""
    workspace = left(tmp_path, tests=JUNIT, other=b"<html/>", coverage=BY_FORMAT["lcov"])
    result = export(program, a_run(world), workspace, "", reports="*/report")
    assert receiver.span("adds").attributes["test.case.name"] == "adds"
    told = receiver.span("measured").attributes
    assert told["flow.coverage.line.ratio"] == 0.75
    (notice,) = result.notices
    assert notice.startswith("flow-telemetry: `reports`: other/report is neither")


def test_no_match_is_told_once(program: Program, world: World, tmp_path: Path) -> None:
    """Not once for each kind."""
    result = export(program, a_run(world), left(tmp_path, a=JUNIT), "", reports="*.xml")
    assert [text for text in result.notices if "no file matches *.xml" in text] == result.notices


@pytest.mark.parametrize("kind", BY_FORMAT)
def test_coverage_of_every_format_is_recognized(kind: str) -> None:
    """As its reader recognizes it."""
    assert find_kind(BY_FORMAT[kind], "report") is ReportKind.COVERAGE


@pytest.mark.parametrize(
    "content",
    [JUNIT, GO_TESTS, b"<TestRun/>", b"<assemblies/>", b"<test-run/>", b"<robot/>"],
)
def test_tests_of_every_format_are_recognized(content: bytes) -> None:
    """Also those for which an error tells what to do."""
    assert find_kind(content, "report") is ReportKind.TESTS
