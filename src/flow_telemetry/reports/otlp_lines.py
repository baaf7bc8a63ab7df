"""Files of OTLP JSON lines, by the Collector's file exporter and by tools, cut into lines."""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.reports.files import MEBIBYTE, Content, read_chunks

# A request has at most 4 MiB by gRPC's default; JSON takes up to three times as much.
LONGEST_LINE = 16 * MEBIBYTE
# Enough for a line for each span; a span takes some hundred bytes.
MOST_LINES = 250_000


def read_otlp_lines(
    content: Content, name: str, *, longest: int = LONGEST_LINE, most: int = MOST_LINES
) -> tuple[list[tuple[int, bytes]], list[str]]:
    """Return the lines that are not blank with their numbers from 1, and notices of unread lines.

    A document over several lines, as written with indentation, is one line with the number of its
    first one.

    Args:
        content: the file, or its bytes.
        name: its name in errors and notices.
        longest: the largest size of a line in bytes.
        most: the largest number of lines.

    Raises:
        ReportError: it cannot be read, is empty or too large.
    """
    lines: list[tuple[int, bytes]] = []
    notices: list[str] = []
    for number, line in _join_documents(_split_lines(content, name), longest):
        if len(line) > longest:
            notices.append(f"line {number} of {name} is too long to be read")
        elif line.strip():
            if len(lines) == most:
                notices.append(f"{name} has too many lines: not read from line {number} on")
                break
            lines.append((number, line.strip()))
    return lines, notices


def _join_documents(lines: Iterator[bytes], longest: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines with their numbers; those of an indented document are joined.

    It begins with a bracket that its line does not close; its further lines are indented, but for
    the last one, which closes the bracket. Of a longer document only the beginning is joined.
    """
    parts: list[bytes] = []
    first = size = 0
    for number, line in enumerate(lines, 1):
        if parts and line.startswith((b" ", b"\t", b"}", b"]")):
            if size <= longest:
                parts.append(line)
                size += len(line) + 1
            if not line.startswith((b"}", b"]")):
                continue
            yield first, b"\n".join(parts)
            parts = []
            continue
        if parts:
            yield first, b"\n".join(parts)
            parts = []
        if line.startswith((b"{", b"[")) and not line.rstrip().endswith((b"}", b"]")):
            parts, first, size = [line], number, len(line)
        else:
            yield number, line
    if parts:
        yield first, b"\n".join(parts)


def _split_lines(content: Content, name: str) -> Iterator[bytes]:
    rest: list[bytes] = []
    for chunk in read_chunks(content, name):
        first, *others = chunk.split(b"\n")
        rest.append(first)
        for line in others:
            yield b"".join(rest)
            rest = [line]
    yield b"".join(rest)
