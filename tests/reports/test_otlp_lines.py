"""Files of tools' traces are cut into lines."""

from __future__ import annotations

import pytest

from flow_telemetry.errors import ReportError
from flow_telemetry.reports.otlp_lines import read_otlp_lines


def test_lines_keep_their_numbers() -> None:
    """Blank ones are left out; a last one needs no end."""
    lines = read_otlp_lines(b'{"a":1}\r\n\n  \n{"b":2}', "t.jsonl")
    assert lines == ([(1, b'{"a":1}'), (4, b'{"b":2}')], [])


def test_a_document_over_several_lines_is_one() -> None:
    """As a tool writes it with indentation; others may follow, and a cut one spoils none."""
    indented = b'{\n  "a": [\n    1\n  ]\n}'
    content = indented + b'\n{"b":2}\n{"cut": [\n' + indented + b'\n[\r\n\t{}\r\n]\n{"cut":\n  1'
    lines, notices = read_otlp_lines(content, "t.jsonl")
    assert notices == []
    assert lines == [
        (1, indented),
        (6, b'{"b":2}'),
        (7, b'{"cut": ['),
        (8, indented),
        (13, b"[\r\n\t{}\r\n]"),
        (16, b'{"cut":\n  1'),
    ]


def test_a_document_that_is_too_long_is_told() -> None:
    """One notice, and what follows is read."""
    content = b"{\n" + b"  1,\n" * 1000 + b"}\n{}\n"
    lines, notices = read_otlp_lines(content, "t.jsonl", longest=2000)
    assert lines == [(1003, b"{}")]
    assert notices == ["line 1 of t.jsonl is too long to be read"]


def test_a_line_that_is_too_long_is_told() -> None:
    """The others are kept, over the pieces that a file is read in."""
    content = b"a\n" + b"b" * 3_000_000 + b"\nc\n"
    lines, notices = read_otlp_lines(content, "t.jsonl", longest=2_000_000)
    assert lines == [(1, b"a"), (3, b"c")]
    assert notices == ["line 2 of t.jsonl is too long to be read"]
    assert read_otlp_lines(content, "t.jsonl")[0][1] == (2, b"b" * 3_000_000)


def test_too_many_lines_are_cut() -> None:
    """Millions of lines that hold nothing would take all memory; blank ones do not count."""
    lines, notices = read_otlp_lines(b"{}\n\n{}\n\n{}\n", "t.jsonl", most=2)
    assert len(lines) == 2
    assert notices == ["t.jsonl has too many lines: not read from line 5 on"]
    assert read_otlp_lines(b"{}\n{}\n\n", "t.jsonl", most=2)[1] == []


def test_an_empty_file_is_told() -> None:
    """The error names it."""
    with pytest.raises(ReportError, match=r"t\.jsonl is empty"):
        read_otlp_lines(b"", "t.jsonl")
