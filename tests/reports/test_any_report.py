"""Whatever a file holds becomes a record or one clear error that names it, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reports import junit_examples
from tests.reports.archives import PER_JOB, PER_STEP
from tests.reports.coverage_examples import BY_FORMAT

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import Covered
from flow_telemetry.reports.coverage import read_coverage
from flow_telemetry.reports.logs import LogArchive, parse_log_lines
from flow_telemetry.reports.otlp_lines import read_otlp_lines
from flow_telemetry.reports.tests import read_test_report

BEGINNINGS = (b"<", b"{", b"mode: set\n", b"TN:\nSF:a/b\n", b"PK\x03\x04", b"\xff\xfe", b"")
ANY = st.builds(bytes.__add__, st.sampled_from(BEGINNINGS), st.binary(max_size=200))
XML_NAMES = (
    *("testsuites", "testsuite", "testcase", "failure", "error", "skipped", "flakyFailure"),
    *("rerunError", "system-out", "stackTrace", "TestRun", "UnitTestResult", "UnitTest"),
    *("TestMethod", "ErrorInfo", "Message", "report", "group", "package", "counter", "line"),
    *("coverage", "project", "metrics", "file", "class", "classes", "lines", "packages"),
    *("assembly", "test", "reason", "test-suite", "test-case", "message", "stack-trace"),
    *("Module", "ModuleName", "SequencePoint", "BranchPoint", "lineToCover", "property"),
)
ROOTS = (
    *("testsuites", "testsuite", "TestRun", "report", "coverage"),
    *("assemblies", "test-run", "CoverageSession"),
)
VALUES = (
    *("", "1", "0.5", "1,000.5", "-1", "9" * 30, "nan", "LINE", "BRANCH", "50% (3/2)", "a/b"),
    "&#10;",
)
ATTRIBUTES = (
    *("name", "classname", "time", "timestamp", "tests", "message", "type", "status"),
    *("line-rate", "lines-covered", "lines-valid", "number", "hits", "filename"),
    *("condition-coverage", "covered", "missed", "statements", "coveredstatements"),
    *("result", "vc", "branchesToCover", "errors", "failures", "fullPath"),
    *("testId", "testName", "outcome", "duration", "className", "id", "path"),
)


def document(seed: int) -> bytes:
    """A document of elements that are known, wherever they stand and whatever they say."""
    random = Random(seed)
    return element(random, random.choice(ROOTS), depth=0).encode()


def element(random: Random, tag: str, depth: int) -> str:
    names = random.sample(ATTRIBUTES, random.randint(0, 6))
    given = "".join(f' {name}="{random.choice(VALUES)}"' for name in names)
    children = random.randint(0, 4) if depth < 4 else 0
    inside = [element(random, random.choice(XML_NAMES), depth + 1) for _ in range(children)]
    return f"<{tag}{given}>text{''.join(inside)}</{tag}>"


def damaged(example: bytes) -> st.SearchStrategy[bytes]:
    """The example with bytes changed, left out or cut off."""

    def damage(seed: int) -> bytes:
        random, content = Random(seed), bytearray(example)
        for _ in range(random.randint(1, 4)):
            at = random.randrange(len(content))
            if random.random() < 0.3:
                del content[at : at + random.randint(1, 40)]
            else:
                content[at] = random.randrange(256)
            content = content or bytearray(b"<")
        return bytes(content)

    return st.integers(0, 2**32).map(damage)


def assert_read_or_told(read: Callable[[bytes, str], object], content: bytes) -> None:
    told = ""
    try:
        read(content, "the-file")
    except ReportError as error:
        told = str(error)
    assert not told or ("the-file" in told and told.isprintable())


def cases_of(content: bytes, name: str) -> None:
    for case in read_test_report(content, name).cases:
        assert case.name.isprintable() or not case.name.isascii()
        assert case.duration is None or case.duration >= 0
        assert case.number >= 1


def coverage_of(content: bytes, name: str) -> None:
    coverage = read_coverage(content, name)
    pairs: list[Covered | None] = [coverage.lines, coverage.branches]
    for package in coverage.packages:
        pairs += [package.lines, package.branches]
    for pair in filter(None, pairs):
        assert 0 <= pair.covered <= pair.coverable


def lines_of(content: bytes, name: str) -> None:
    with LogArchive(content, name) as logs:
        for file in logs.files:
            for line in logs.lines(file):
                assert "\x1b" not in line.text


READERS = [cases_of, coverage_of, lines_of, read_otlp_lines]


@pytest.mark.parametrize("read", READERS)
@given(content=ANY)
def test_any_bytes(read: Callable[[bytes, str], object], content: bytes) -> None:
    """Mostly they are no report at all."""
    assert_read_or_told(read, content)


@pytest.mark.parametrize("read", [cases_of, coverage_of])
@given(seed=st.integers(0, 2**32))
def test_any_elements(read: Callable[[bytes, str], object], seed: int) -> None:
    """Elements that are known, in any place, with any of the attributes that are known."""
    assert_read_or_told(read, document(seed))


@pytest.mark.parametrize("example", junit_examples.ALL)
@given(data=st.data())
def test_damaged_test_reports(example: bytes, data: st.DataObject) -> None:
    """A disk that fails, a tool that was killed."""
    assert_read_or_told(cases_of, data.draw(damaged(example)))


@pytest.mark.parametrize("kind", BY_FORMAT)
@given(data=st.data())
def test_damaged_coverage(kind: str, data: st.DataObject) -> None:
    """Of every format."""
    assert_read_or_told(coverage_of, data.draw(damaged(BY_FORMAT[kind])))


@pytest.mark.parametrize("example", [PER_STEP, PER_JOB], ids=["per step", "per job"])
@given(data=st.data())
def test_damaged_archives(example: bytes, data: st.DataObject) -> None:
    """Of both shapes."""
    assert_read_or_told(lines_of, data.draw(damaged(example)))


@given(raw=st.lists(st.text(max_size=60), max_size=5))
def test_any_lines(raw: list[str]) -> None:
    """No line is lost but those that end a group."""
    found = list(parse_log_lines(raw, "job"))
    assert len(found) <= len(raw)
    assert [line for line in found if "\x1b" in line.text or "\n" in line.text] == []
