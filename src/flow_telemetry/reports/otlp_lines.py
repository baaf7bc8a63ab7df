"""Files of OTLP JSON lines, by the Collector's file exporter and by tools, cut into lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flow_telemetry.reports.files import MEBIBYTE, Content, read_chunks

# A request has at most 4 MiB by gRPC's default; JSON takes up to three times as much.
LONGEST_LINE = 16 * MEBIBYTE
# Enough for a line for each span; a span takes some hundred bytes.
MOST_LINES = 250_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpLines:
    """The lines that are not blank, and the numbers of lines that were too long.

    ``cut_at`` is the number of the first line beyond the limit; None if all were read.
    """

    name: str
    lines: tuple[tuple[int, bytes], ...]
    too_long: tuple[int, ...] = ()
    cut_at: int | None = None


def read_otlp_lines(
    content: Content, name: str, *, longest: int = LONGEST_LINE, most: int = MOST_LINES
) -> OtlpLines:
    """Return the lines with their numbers from 1: ``most`` lines of at most ``longest`` bytes.

    Raises:
        ReportError: it cannot be read, is empty or too large.
    """
    kept: list[tuple[int, bytes]] = []
    too_long: list[int] = []
    for number, line in enumerate(_split_lines(content, name), 1):
        if len(line) > longest:
            too_long.append(number)
        elif line.strip():
            if len(kept) == most:
                return OtlpLines(
                    name=name, lines=tuple(kept), too_long=tuple(too_long), cut_at=number
                )
            kept.append((number, line.strip()))
    return OtlpLines(name=name, lines=tuple(kept), too_long=tuple(too_long))


def _split_lines(content: Content, name: str) -> Iterator[bytes]:
    rest: list[bytes] = []
    for chunk in read_chunks(content, name):
        first, *others = chunk.split(b"\n")
        rest.append(first)
        for line in others:
            yield b"".join(rest)
            rest = [line]
    yield b"".join(rest)
