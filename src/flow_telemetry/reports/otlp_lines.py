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
    for number, line in enumerate(_split_lines(content, name), 1):
        if len(line) > longest:
            notices.append(f"line {number} of {name} is too long to be read")
        elif line.strip():
            if len(lines) == most:
                notices.append(f"{name} has too many lines: not read from line {number} on")
                break
            lines.append((number, line.strip()))
    return lines, notices


def _split_lines(content: Content, name: str) -> Iterator[bytes]:
    rest: list[bytes] = []
    for chunk in read_chunks(content, name):
        first, *others = chunk.split(b"\n")
        rest.append(first)
        for line in others:
            yield b"".join(rest)
            rest = [line]
    yield b"".join(rest)
