"""What tools write of tests becomes suites and cases, each with what the report tells of it."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from tests.reports import junit_examples as examples

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import CaseFailure, CaseResult, TestCase, TestReport
from flow_telemetry.reports.tests import read_test_report

PASSED, FAILED = CaseResult.PASSED, CaseResult.FAILED
ERROR, SKIPPED = CaseResult.ERROR, CaseResult.SKIPPED


def read(content: bytes) -> TestReport:
    return read_test_report(content, "build/report.xml")


def results(report: TestReport) -> list[tuple[str, CaseResult]]:
    return [(case.name, case.result) for case in report.cases]


def report_of(cases: str, attributes: str = "") -> bytes:
    return f'<testsuite name="s" {attributes}>{cases}</testsuite>'.encode()


def test_surefire() -> None:
    """Results, durations and reasons; reruns that failed, and such that were flaky."""
    report = read(examples.SUREFIRE)
    (suite,) = report.suites
    assert (suite.name, suite.duration, suite.zoned) == ("com.acme.CartTest", 1234.5, False)
    assert suite.started_at == datetime(2026, 11, 24, 3, 43, 0, 125000, tzinfo=timezone.utc)
    adds, removes, ships, bills, prints = suite.cases
    assert [c.result for c in suite.cases] == [PASSED, FAILED, PASSED, ERROR, SKIPPED]
    assert (adds.duration, adds.full_name) == (0.012, "com.acme.CartTest.adds")
    assert removes.failure == CaseFailure(
        type="org.opentest4j.AssertionFailedError",
        message="expected: <1> but was: <2>",
        text="org.opentest4j.AssertionFailedError\n"
        "\tat com.acme.CartTest.removes(CartTest.java:17)",
    )
    assert [each.text for each in removes.attempts] == ["the second trace"]
    assert (removes.flaky, ships.flaky, ships.failure) == (False, True, None)
    assert [each.message for each in ships.attempts] == ["timed out", "refused"]
    assert bills.failure is not None
    assert bills.failure.message == "no bank"
    assert prints.failure is not None
    assert prints.failure.message == "no printer"


def test_gotestsum_repeats_what_it_runs_again() -> None:
    """What failed and then passed is flaky; what failed twice is not."""
    report = read(examples.GOTESTSUM)
    assert [s.name for s in report.suites] == ["acme.com/shop/cart"]
    assert report.suites[0].zoned
    assert [(c.name, c.number, c.result, c.run_again, c.flaky) for c in report.cases] == [
        ("TestAdd", 1, FAILED, True, False),
        ("TestBill", 1, FAILED, True, False),
        ("TestBill", 2, FAILED, False, False),
        ("TestAdd", 2, PASSED, False, True),
    ]


def test_the_entries_of_a_case_have_parts_of_their_own() -> None:
    """The parts follow the reference of the job, whatever the file is called."""
    add, *_, again = read(examples.GOTESTSUM).cases
    expected = "#test:acme.com/shop/cart:acme.com/shop/cart.TestAdd"
    assert [add.reference_suffix, again.reference_suffix] == [expected, f"{expected}:2"]


def test_jest() -> None:
    """The text's first line stands for the message that it does not have."""
    adds, removes = read(examples.JEST).cases
    assert (adds.result, removes.result) == (FAILED, SKIPPED)
    assert adds.file == "src/cart.test.js"
    assert adds.failure is not None
    assert adds.failure.message == "Error: expect(received).toBe(expected)"


@pytest.mark.parametrize(
    ("content", "suite", "expected"),
    [
        (examples.GRADLE, "com.acme.BillTest", [("bills()", PASSED)]),
        (examples.PHPUNIT, "unit > CartTest", [("testAdd", PASSED)]),
        (examples.GOOGLETEST, "Cart", [("DISABLED_Add", SKIPPED)]),
    ],
    ids=["gradle", "phpunit", "googletest"],
)
def test_other_writers(content: bytes, suite: str, expected: list[tuple[str, CaseResult]]) -> None:
    """Nested suites are named by those around them; what was left out is skipped."""
    report = read(content)
    assert [s.name for s in report.suites] == [suite]
    assert results(report) == expected


def test_trx() -> None:
    """A .NET report: classes are suites, a test with rows is its rows."""
    report = read(examples.TRX)
    assert [s.name for s in report.suites] == ["Shop.CartTests", "Shop.RowTests"]
    assert results(report) == [
        ("Adds", PASSED),
        ("Removes", FAILED),
        ("Rows (1)", ERROR),
        ("Rows (2)", SKIPPED),
    ]
    adds, removes, *_ = report.cases
    assert (adds.duration, removes.duration) == (1.5, 60)
    assert adds.started_at == datetime(2026, 11, 24, 2, 43, 0, 123456, tzinfo=timezone.utc)
    assert removes.failure == CaseFailure(message="Expected 1", text="at Shop.CartTests.Removes()")


def test_a_report_without_reruns_keeps_equal_names_apart() -> None:
    """Two tests of one name that both passed are two."""
    first, second = read(report_of('<testcase name="a"/><testcase name="a"/>')).cases
    assert (first.number, second.number) == (1, 2)
    assert not any(case.flaky or case.run_again for case in (first, second))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *(("0.5", 0.5), ("-1", None), ("nan", None), ("x", None), ("1e-05", 1e-05)),
        *(
            ("1,234.5", 1234.5),
            ("1,234", 1234),
            ("1,234,567", 1_234_567),
            ("1,234,567.8", 1234567.8),
        ),
        *(("0,25", 0.25), ("0,125", 0.125), ("1,25", 1.25), ("12,5", 12.5), ("3,7500", 3.75)),
        *(
            ("1234,567", 1234.567),
            ("1.234,5", 1234.5),
            ("1.234,567", 1234.567),
            ("1,5e-05", 1.5e-05),
        ),
        *(("1,2,3", None), ("1,25.5", None), ("-1,5", None), ("1,", None), ("9" * 40, None)),
    ],
)
def test_durations(given: str, expected: float | None) -> None:
    """Writers group digits, or have a decimal comma; what is no duration is left out."""
    (case,) = read(report_of(f'<testcase name="a" time="{given}"/>')).cases
    assert case.duration == expected


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ((), 1234.0),
        (("0.25",), 1234.0),
        (("2,345.5",), 1234.0),
        (("0,25",), 1.234),
        (("12,345", "1,5"), 1.234),
    ],
)
def test_three_digits_after_a_comma(others: tuple[str, ...], expected: float) -> None:
    """The report's other durations tell whether they are a group or a fraction."""
    cases = "".join(f'<testcase name="{time}" time="{time}"/>' for time in ("1,234", *others))
    assert read(report_of(cases)).cases[0].duration == expected
    suite = read(report_of(cases, 'time="1,234"')).suites[0]
    assert suite.duration == expected


@pytest.mark.parametrize(
    ("given", "zoned"),
    [
        ("2026-11-24T03:43:00Z", True),
        ("2026-11-24T04:43:00+01:00", True),
        ("2026-11-24T04:43:00+0100", True),
        ("2026-11-24T03:43:00", False),
        ("2026-11-24 03:43:00", False),
    ],
)
def test_times(given: str, zoned: bool) -> None:
    """A time without a zone is read as UTC, and told."""
    (case,) = read(report_of(f'<testcase name="a" timestamp="{given}"/>')).cases
    assert case.started_at == datetime(2026, 11, 24, 3, 43, tzinfo=timezone.utc)
    assert case.zoned is zoned


def test_texts_are_cut_and_names_stay_in_one_line() -> None:
    """Names come from data, so that they are somebody else's text."""
    long = "x" * 100_000
    xml = f'<testcase name="a&#10;b{long}"><failure message="{long}">{long}</failure></testcase>'
    (case,) = read(report_of(xml)).cases
    assert case.failure is not None
    assert case.name.startswith("a bx")
    assert (len(case.name), len(case.failure.message), len(case.failure.text)) == (512, 2048, 8192)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "cp1252"])
def test_encodings(encoding: str) -> None:
    """A report of another encoding reads the same."""
    declared = encoding.removesuffix("-sig").replace("cp", "windows-")
    text = f'<?xml version="1.0" encoding="{declared}"?><testsuite><testcase name="Größe"/>'
    (case,) = read(f"{text}</testsuite>".encode(encoding)).cases
    assert case.name == "Größe"


def test_many_cases_are_read(tmp_path: Path) -> None:
    """24,000 of them, as a large project has."""
    case = '<testcase classname="a.b" name="t[{}]" time="0.01"/>'
    path = tmp_path / "junit.xml"
    path.write_bytes(report_of("".join(map(case.format, range(24_000)))))
    report = read_test_report(path, "junit.xml")
    assert len(report.cases) == 24_000


BOMB = (
    '<!DOCTYPE t [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><testsuite><testcase name="&b;"/>'
    "</testsuite>"
)
OUTSIDE = (
    '<!DOCTYPE t [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite><testcase name="x">&a;'
    "</testcase></testsuite>"
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"no XML", "not a complete XML"),
        (examples.SUREFIRE[:-20], "not a complete XML"),
        (b"<html/>", "its root is `html`"),
        (BOMB.encode(), "entities"),
        (OUTSIDE.encode(), "entities"),
        (b"<testsuite>" + b"<a>" * 300, "more than 200 levels"),
        (report_of("<testcase>" + "<a/>" * 10_001 + "</testcase>"), "10,000 elements"),
        (b" " * (65 * 1024 * 1024), "larger than 64 MiB"),
    ],
    ids=[
        *("empty", "text", "cut off", "html", "bomb", "outside", "deep", "wide", "large"),
    ],
)
def test_what_cannot_be_read_is_told(content: bytes, said: str) -> None:
    """The error names the file and says what is wrong."""
    with pytest.raises(ReportError) as error:
        read(content)
    assert "build/report.xml" in str(error.value)
    assert said in str(error.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """As is one that is no file."""
    with pytest.raises(ReportError, match=r"junit\.xml does not exist"):
        read_test_report(tmp_path / "junit.xml", "junit.xml")
    with pytest.raises(ReportError, match="not a regular file"):
        read_test_report(tmp_path, "junit.xml")


def test_a_report_without_cases_is_one() -> None:
    """A run that collected nothing is no error."""
    assert read(b"<testsuites/>") == TestReport(name="build/report.xml")


def test_a_case_without_anything_is_one() -> None:
    """Not even a name is required."""
    assert read(b"<testsuite><testcase/></testsuite>").cases == (TestCase(name=""),)
