"""Six formats say the same of a project: three of four lines, and one of two branches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.reports.coverage_examples import BY_FORMAT, COBERTURA, GO, JACOCO, LCOV

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import Coverage, CoverageUnit, Covered
from flow_telemetry.reports.coverage import read_coverage

PACKAGES = {
    "cobertura": ["shop", "shop.bill"],
    "jacoco": ["com.acme.shop", "com.acme.web"],
    "lcov": ["src", "src/shop"],
    "go": ["acme.com/shop", "acme.com/shop/cart"],
    "clover": ["/app", "shop"],
    "coverage.py": [".", "shop"],
    "opencover": ["Shop", "Shop.Bill"],
    "sonar": ["src", "src/shop"],
    "istanbul": ["src", "src/shop"],
    "llvm-cov": ["src", "src/shop"],
    "simplecov": ["lib", "lib/shop"],
}


def read(content: bytes) -> Coverage:
    return read_coverage(content, "cov/report")


def pair(covered: int, coverable: int) -> Covered:
    return Covered(covered=covered, coverable=coverable)


@pytest.mark.parametrize("kind", BY_FORMAT)
def test_every_format_is_known_by_its_content(kind: str) -> None:
    """Its totals and those of each package are read."""
    coverage = read(BY_FORMAT[kind])
    assert (coverage.format, coverage.lines, coverage.lines.ratio) == (kind, pair(3, 4), 0.75)
    assert coverage.branches == (None if kind == "go" else pair(1, 2))
    statements = kind in {"go", "clover", "opencover"}
    assert coverage.unit is (CoverageUnit.STATEMENT if statements else CoverageUnit.LINE)
    assert [package.name for package in coverage.packages] == PACKAGES[kind]
    assert sorted((p.lines.covered, p.lines.coverable) for p in coverage.packages) == [
        (1, 1),
        (2, 3),
    ]


@pytest.mark.parametrize("kind", BY_FORMAT)
def test_a_byte_order_mark_changes_nothing(kind: str) -> None:
    """Tools on Windows write one, in UTF-8 and in UTF-16."""
    content = BY_FORMAT[kind]
    assert read(b"\xef\xbb\xbf" + content) == read(content)
    wide = content.decode().replace('encoding="UTF-8"', "").encode("utf-16")
    assert read(wide) == read(content)


def test_totals_that_cobertura_gives_come_first() -> None:
    """gcovr and coverage.py say them; the packages are summed up from lines."""
    given = COBERTURA.replace(b"<coverage ", b'<coverage lines-covered="30" lines-valid="40" ')
    coverage = read(given)
    assert coverage.lines == pair(30, 40)
    assert coverage.packages == read(COBERTURA).packages


def test_totals_that_cannot_be_are_passed_over() -> None:
    """More lines covered than there are is a mistake of the writer."""
    given = COBERTURA.replace(b"<coverage ", b'<coverage lines-covered="50" lines-valid="40" ')
    assert read(given).lines == pair(3, 4)


def test_totals_of_nothing_are_passed_over() -> None:
    """Some writers leave the root's numbers at zero, though there are lines."""
    given = COBERTURA.replace(b"<coverage ", b'<coverage lines-covered="0" lines-valid="0" ')
    assert read(given) == read(COBERTURA)
    empty = b'<coverage line-rate="0" lines-covered="0" lines-valid="0"><packages/></coverage>'
    assert read(empty).lines == pair(0, 0)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("3.0", True), ("0.0", False), ("1e3", True), ("9" * 30, True), ("0" * 30, False)],
)
def test_numbers_of_hits_of_any_form(given: str, expected: bool) -> None:
    """A line counts, and whether it was hit, also where nobody needs the number."""
    cobertura = f"""<coverage line-rate="0"><packages><package name="a"><classes><class
        filename="a.py"><lines><line number="1" hits="{given}"/></lines></class></classes>
        </package></packages></coverage>"""
    for report in (cobertura, f"SF:a.py\nDA:1,{given}\nend_of_record\n"):
        assert read(report.encode()).lines == pair(int(expected), 1)


def test_an_empty_profile_covers_nothing() -> None:
    """Go writes one where no package has statements."""
    coverage = read(b"mode: set\n")
    assert (coverage.lines, coverage.lines.ratio, coverage.packages) == (pair(0, 0), None, ())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\x00\x01", "not a coverage report of a supported format"),
        (b"<html><body/></html>", "its root is `html`"),
        (COBERTURA[:-30], "not a complete XML"),
        (b"<coverage line-rate='1'/>", "contains no lines"),
        (b"<coverage><project/></coverage>", "no metrics"),
        (b"<report/>", "no counter of lines"),
        (b"TN:\n", "no source file"),
        (GO[:-6], "in line 7"),
        (b'{"files": {', "not a complete JSON"),
        (b'{"a":' + b"[" * 200_000, "not a complete JSON"),
        (b'{"totals": {"covered_lines": 5, "num_statements": 4}}', "`coverage json`"),
        (JACOCO.replace(b'"report.dtd">', b'"r.dtd" [<!ENTITY a "b">]>'), "entities"),
    ],
)
def test_what_cannot_be_read_is_told(content: bytes, said: str) -> None:
    """The error names the file and says what is wrong."""
    with pytest.raises(ReportError) as error:
        read(content)
    assert "cov/report" in str(error.value)
    assert said in str(error.value)


def test_lines_of_lcov_that_are_damaged_are_passed_over() -> None:
    """What else is in the file counts."""
    damaged = LCOV.replace(b"end_of_record\nTN", b"DA:\nDA:x,1\nDA:9\nBRDA:1\nend_of_record\nTN")
    assert read(damaged) == read(LCOV)


PROGRAM = """\
def add(a, b):
    if a > 5:
        return 0
    return a + b


print(add(1, 2))
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which coverage.py measured a program, with its reports."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "shop").mkdir()
    (folder / "shop" / "cart.py").write_text(PROGRAM)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    for command in ("run --branch shop/cart.py", "json -q", "xml -q", "lcov -q"):
        subprocess.run(
            [sys.executable, "-m", "coverage", *command.split()],
            cwd=folder,
            env=environ,
            check=True,
            capture_output=True,
        )
    return folder


@pytest.mark.parametrize("file", ["coverage.json", "coverage.xml", "coverage.lcov"])
def test_reports_as_coverage_py_writes_them(measured: Path, file: str) -> None:
    """All three say what it says itself."""
    coverage = read_coverage(measured / file, file)
    totals = json.loads((measured / "coverage.json").read_text())["totals"]
    assert coverage.lines == pair(totals["covered_lines"], totals["num_statements"])
    assert coverage.branches == pair(totals["covered_branches"], totals["num_branches"])
    assert coverage.lines == pair(4, 5)
    assert len(coverage.packages) == 1


def test_the_path_of_no_real_file_is_not_compared() -> None:
    """All ends of a path are compared, which takes memory with the square of its depth."""
    report = read_coverage(b"TN:\nSF:" + b"a/" * 5000 + b"x.c\nDA:1,1\nDA:2,0\n", "a.info")
    assert (report.lines.covered, report.lines.coverable) == (1, 2)
    assert report.files == frozenset()
