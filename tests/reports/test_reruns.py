"""Entries of one name: runs of one test if the tool writes such, and distinct tests otherwise."""

from __future__ import annotations

import json

import pytest

from flow_telemetry.model.reports import CaseResult, TestReport
from flow_telemetry.reports.tests import read_test_report
from flow_telemetry.rules.tests import count_cases

PASS = '<testcase classname="shop" name="adds" time="1"/>'
FAIL = '<testcase classname="shop" name="adds" time="1"><failure message="no"/></testcase>'
SKIP = '<testcase classname="shop" name="adds" time="1"><skipped/></testcase>'
TEARDOWN = (
    '<testcase classname="shop" name="adds" time="2">'
    '<error message="failed on teardown with &quot;E&quot;"/></testcase>'
)
GO = '<properties><property name="go.version" value="go1.26 linux/amd64"/></properties>'
PYTEST = (
    'name="{}" errors="0" failures="0" skipped="0" tests="1" time="1" '
    'timestamp="2026-11-24T03:43:00" hostname="h"'
)
GRADLE = (
    'name="Cart" tests="2" skipped="0" failures="1" errors="0" '
    'timestamp="2026-11-24T03:43:00" hostname="h" time="1"'
)


def read(*suites: str) -> TestReport:
    return read_test_report(f"<testsuites>{''.join(suites)}</testsuites>".encode(), "junit.xml")


def suite(attributes: str, *inside: str) -> str:
    return f"<testsuite {attributes}>{''.join(inside)}</testsuite>"


def counts(report: TestReport) -> tuple[int, int, int, int]:
    """Return how many passed, failed, were skipped and are flaky."""
    found = count_cases(report.cases)
    return found.passed, found.failed, found.skipped, found.flaky


@pytest.mark.parametrize(
    ("attributes", "inside"),
    [
        ('name="Cart"', ""),
        ('name="Cart" hostname="chromium"', ""),
        ('name="Cart" tests="1" failures="1"', "<properties><property name='a'/></properties>"),
        ('name="jest tests" errors="0" failures="1" skipped="0"', ""),
    ],
)
def test_entries_of_one_name_are_tests_of_their_own(attributes: str, inside: str) -> None:
    """Parameters and shared examples: what failed stays failed."""
    report = read(suite(attributes, inside, FAIL, PASS))
    assert counts(report) == (1, 1, 0, 0)
    assert [case.number for case in report.cases] == [1, 2]
    assert not any(case.run_again for case in report.cases)


def test_suites_of_one_name_are_never_merged() -> None:
    """A suite for each browser: a pass in one does not heal a failure in another."""
    for inside in ("", GO):
        report = read(suite('name="c"', inside, FAIL), suite('name="c"', inside, PASS))
        assert counts(report) == (1, 1, 0, 0)


@pytest.mark.parametrize(("attributes", "inside"), [('name="c"', GO), (GRADLE, "")])
def test_tools_that_write_an_entry_for_each_run(attributes: str, inside: str) -> None:
    """gotestsum and Gradle's retry plugin: the last run decides."""
    report = read(suite(attributes, inside, FAIL, FAIL, PASS))
    assert counts(report) == (1, 0, 0, 1)
    assert [case.run_again for case in report.cases] == [True, True, False]
    assert counts(read(suite(attributes, inside, FAIL, FAIL))) == (0, 1, 0, 0)


@pytest.mark.parametrize(("attributes", "inside"), [('name="c"', GO), (GRADLE, "")])
def test_a_skip_never_replaces_a_failure(attributes: str, inside: str) -> None:
    """The skipped entry is one of its own."""
    assert counts(read(suite(attributes, inside, FAIL, SKIP))) == (0, 1, 1, 0)


@pytest.mark.parametrize(("attributes", "inside"), [('name="c"', GO), (GRADLE, "")])
def test_a_run_after_a_pass_is_none(attributes: str, inside: str) -> None:
    """Nobody runs again what passed, so these are tests of one name."""
    assert counts(read(suite(attributes, inside, PASS, FAIL))) == (1, 1, 0, 0)


@pytest.mark.parametrize("name", ["pytest", "unit"])
def test_reruns_of_pytest_look_passed(name: str) -> None:
    """pytest-rerunfailures writes so; the suite's name is the user's."""
    first, last = read(suite(PYTEST.format(name), PASS, PASS)).cases
    assert (first.result, first.run_again, last.flaky) == (CaseResult.FAILED, True, True)
    assert counts(read(suite(PYTEST.format(name), PASS, FAIL))) == (0, 1, 0, 0)


def test_counts_of_subtests_turn_no_pass_into_a_failure() -> None:
    """pytest 9 counts subtests in `tests`, and writes no entries for them."""
    other = PASS.replace("adds", "removes")
    report = read(suite(PYTEST.format("pytest").replace('tests="1"', 'tests="9"'), PASS, other))
    assert counts(report) == (2, 0, 0, 0)


def test_a_suite_of_another_tool_that_declares_fewer_tests() -> None:
    """Two tests of one name that passed are two, whatever the suite declares."""
    assert counts(read(suite('name="c" tests="1"', PASS, PASS))) == (2, 0, 0, 0)


def test_a_test_and_its_teardown_that_fail_are_one() -> None:
    """pytest writes two entries; both failures are kept, and none was run again."""
    (case,) = read(suite(PYTEST.format("pytest"), FAIL, TEARDOWN)).cases
    assert (case.result, case.run_again, case.duration) == (CaseResult.FAILED, False, 3)
    assert [each.message for each in case.attempts] == ['failed on teardown with "E"']


def test_a_test_whose_last_run_fails_twice() -> None:
    """Reruns, then a failure of the test and of its teardown."""
    report = read(suite(PYTEST.format("pytest"), PASS, FAIL, TEARDOWN))
    assert counts(report) == (0, 1, 0, 0)
    assert [case.run_again for case in report.cases] == [True, False]


def test_cases_without_a_name_are_not_merged() -> None:
    """Nothing says that they are one."""
    unnamed = "<testcase><failure/></testcase><testcase/>"
    assert counts(read(suite('name="c"', GO, unnamed))) == (1, 1, 0, 0)


def test_results_of_trx_are_never_merged() -> None:
    """Each has an execution of its own; rows of a theory may share a name."""
    results = "".join(
        f'<UnitTestResult executionId="{n}" testId="a" testName="adds" outcome="{outcome}"/>'
        for n, outcome in enumerate(("Failed", "Passed"))
    )
    report = read_test_report(f"<TestRun><Results>{results}</Results></TestRun>".encode(), "a.trx")
    assert counts(report) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [("x" * 600 + "1", "x" * 600 + "2"), ("at 2026-11-24T08:00:00", "at 2026-11-24T09:00:00")],
    ids=["long", "times"],
)
def test_names_are_compared_as_they_are_written(one: str, other: str) -> None:
    """Cut to their length, or without a time, distinct tests have one name."""
    failed = f'<testcase classname="C" name="{one}"><failure/></testcase>'
    passed = f'<testcase classname="C" name="{other}"/>'
    assert counts(read(suite(GRADLE, failed, passed))) == (1, 1, 0, 0)
    assert counts(read(suite(PYTEST.format("pytest"), passed, passed.replace(other, one)))) == (
        (2, 0, 0, 0)
    )


def go(*events: str) -> TestReport:
    """The events `action test` of one package; without a test those of the package."""
    words = [event.partition(" ") for event in events]
    lines = [
        {"Action": action, "Package": "shop", **({"Test": test} if test else {})}
        for action, _, test in words
    ]
    return read_test_report("\n".join(map(json.dumps, lines)).encode(), "go.json")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (["run A", "fail A", "run A", "pass A", "fail"], (1, 1, 0, 0)),
        (["run A", "fail A", "fail", "run A", "pass A", "pass"], (1, 0, 0, 1)),
        (["run A", "fail A", "fail", "run A", "pass A", "fail"], (1, 1, 0, 1)),
        (["run A", "pass A", "run B"], (1, 1, 0, 0)),
    ],
    ids=["-count=2", "rerun", "rerun of a broken package", "cut off"],
)
def test_go_runs_a_test_again_in_a_run_of_its_package(
    events: list[str], expected: tuple[int, int, int, int]
) -> None:
    """`-count` runs it twice in one, and each run counts; a test that did not end failed."""
    assert counts(go(*events)) == expected
