"""XML as tools really write it: what it forbids costs its characters, not the report."""

from __future__ import annotations

import pytest

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import TestReport
from flow_telemetry.reports.coverage import read_coverage
from flow_telemetry.reports.tests import read_test_report

# The parser gets pieces of so many characters.
PIECE = 64 * 1024
DECLARED = b'<?xml version="1.0" encoding="utf-8"?>\n'
ADDS = b'<testsuite name="cart"><testcase name="adds"/></testsuite>'
BILLS = b'<testsuite name="bill"><testcase name="bills"/></testsuite>'


def read(content: bytes) -> TestReport:
    return read_test_report(content, "junit.xml")


def names(content: bytes) -> list[str]:
    return [case.name for case in read(content).cases]


@pytest.mark.parametrize(
    "forbidden",
    [
        *(b"\x1b", b"\x00", b"\x0b", b"&#27;", b"&#x1B;", b"&#0;", b"&#xFFFE;", b"&#xD800;"),
        *(b"&#99999999999;", "\ufffe".encode(), b"\x7f\x1b\x08"),
    ],
)
def test_characters_that_xml_forbids(forbidden: bytes) -> None:
    """Colours in a message, as reference or as they are, also in a CDATA section."""
    message = b"a" + forbidden + b"[31mred"
    content = DECLARED + (
        b'<testsuite><testcase name="adds"><failure message="%s">'
        b"<![CDATA[%s]]></failure></testcase></testsuite>" % (message, message)
    )
    (case,) = read(content).cases
    assert case.failure is not None
    assert case.failure.message.replace(" ", "") == "a[31mred"
    assert case.failure.text.startswith("a")
    assert case.failure.text.endswith("[31mred")


def test_references_to_allowed_characters_stay() -> None:
    """A line feed, an umlaut and an emoji."""
    assert names(b'<testsuite><testcase name="a&#246;&#x1F600;&#10;b"/></testsuite>') == ["aö😀 b"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (DECLARED + b'<testsuite><testcase name="Gr\xf6\xdfe"/></testsuite>', "Größe"),
        (DECLARED + b'<testsuite><testcase name="\x93a\x94"/></testsuite>', "“a”"),
        (b'<?xml version="1.0" encoding="utf-16"?>' + ADDS, "adds"),
        (b'<?xml version="1.0" encoding="x-nothing"?>' + ADDS, "adds"),
        (b'<?xml version="1.0" encoding="hex"?>' + ADDS, "adds"),
        (f"<?xml version='1.0' encoding='utf-8'?>{ADDS.decode()}".encode("utf-16"), "adds"),
        (ADDS.decode().encode("utf-16-le"), "adds"),
    ],
    ids=["latin-1", "windows", "utf-16 declared", "unknown", "no text", "utf-16", "no mark"],
)  # fmt: skip
def test_bytes_that_are_not_of_the_declared_encoding(content: bytes, expected: str) -> None:
    """The bytes decide; one that is not UTF-8 counts as Windows-1252."""
    assert names(content) == [expected]


@pytest.mark.parametrize(
    "before",
    [
        b"\n\n",
        b"\xef\xbb\xbf\r\n ",
        b"> mocha <all>\n\n",
        b"  5 passing (2 < 3)\n",
        b"\x1b[32mok\n",
    ],
)
@pytest.mark.parametrize("declared", [DECLARED, b""])
def test_text_before_the_document(before: bytes, declared: bytes) -> None:
    """Blank lines, or what the tool printed to the same file."""
    assert names(before + declared + ADDS) == ["adds"]


@pytest.mark.parametrize(
    "after", [b"\n  1 passing\n", b"<5 & more", b"Done.\n<br>", b"\0\0", b"\n<br"]
)
def test_text_after_the_document(after: bytes) -> None:
    """It is left out."""
    assert names(DECLARED + ADDS + after) == ["adds"]


@pytest.mark.parametrize("before", [10, 1000, 5000])
def test_a_long_first_tag_over_two_pieces(before: int) -> None:
    """The second document begins so many bytes before the end of the first piece."""
    second = BILLS.replace(b'name="bill"', b'name="bill" hostname="%s"' % (b"h" * 9000))
    blanks = b" " * (PIECE - len(ADDS) - before)
    assert names(ADDS + blanks + second) == ["adds", "bills"]


def test_long_text_after_the_document() -> None:
    """Over several pieces, as where a tool goes on to print."""
    for filler in (b"x", b"\n<p> ", b"<tests"):
        after = filler * (3 * PIECE // len(filler))
        assert names(DECLARED + ADDS + after) == ["adds"]
        assert names(DECLARED + ADDS + after + b"\n" + BILLS) == ["adds", "bills"]


@pytest.mark.parametrize("between", [b"", b"\n", b"\nnext:\n", b" " * 300])
@pytest.mark.parametrize("declared", [DECLARED, b""])
def test_two_documents_in_one_file(between: bytes, declared: bytes) -> None:
    """As where a script appends: all count."""
    content = declared + ADDS + between + declared + BILLS + between + declared + ADDS
    assert names(content) == ["adds", "bills", "adds"]


def test_a_document_in_a_text_is_no_second_one() -> None:
    """The output of a test may quote XML."""
    quoted = b"<testsuite><system-out><![CDATA[%s]]></system-out>%s</testsuite>"
    content = DECLARED + quoted % (DECLARED + BILLS, b'<testcase name="adds"/>')
    assert names(content) == ["adds"]


@pytest.mark.parametrize("shift", range(-24, 24, 3))
def test_whatever_stands_where_the_file_is_cut_into_pieces(shift: int) -> None:
    """A reference, and the border of two documents, at the end of the first piece."""
    end = b'"/></testsuite>'
    start = b'<testsuite name="cart"><testcase name="adds'
    fill = b" " * (PIECE + shift - len(start) - len(end) - 5)
    assert names(start + b"&#27;" + end + fill + DECLARED + BILLS) == ["adds", "bills"]
    middle = start + b"x" * (PIECE + shift - len(start)) + b"&#x1b;&amp;" + end
    (case,) = read(middle).cases
    assert case.name == "adds" + "x" * 508


@pytest.mark.parametrize(
    "content",
    [
        DECLARED + ADDS[:-5],
        DECLARED + ADDS + DECLARED + BILLS[:-5],
        ADDS + b"\n" + BILLS[:20],
    ],
)
def test_a_report_that_was_cut_off_is_still_told(content: bytes) -> None:
    """Also if it is the second document."""
    with pytest.raises(ReportError, match=r"`?junit.xml`? is not a complete XML"):
        read(content)


def test_entities_are_refused_wherever_they_are() -> None:
    """Also after text, and in a second document."""
    bomb = b'<!DOCTYPE t [<!ENTITY a "ha">]><testsuite><testcase name="&a;"/></testsuite>'
    for content in (b"text\n" + bomb, DECLARED + ADDS + DECLARED + bomb):
        with pytest.raises(ReportError, match="entities"):
            read(content)


def test_very_many_documents_are_refused() -> None:
    """Each takes a parser."""
    with pytest.raises(ReportError, match="more than 1,000 XML documents"):
        read(b"<testsuite/>" * 1002)


def test_coverage_of_two_documents_is_added() -> None:
    """The numbers of both count."""
    one = (
        b'<report name="a"><package name="%s"><counter type="LINE" missed="1" covered="3"/>'
        b'</package><counter type="LINE" missed="1" covered="3"/></report>'
    )
    coverage = read_coverage(one % b"a" + b"\n" + one % b"b", "jacoco.xml")
    assert (coverage.lines.covered, coverage.lines.coverable) == (6, 8)
