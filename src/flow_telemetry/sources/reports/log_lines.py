"""Lines of GitHub's logs: their times, marks and groups told apart from what was written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import LogLevel, LogLine
from flow_telemetry.sources import payload as take

# How much of a line is kept, in characters.
LONGEST_LINE = 16_384
_LONGEST_GROUP = 256

_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,24}Z) ?")
_MARK = re.compile(r"##\[([a-z]{1,16})\]")
# Colours and cursors (CSI), titles and links (OSC, up to their end), and other sequences.
_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]+")
Redact = Callable[[str], str]

_LEVELS = {level.value: level for level in LogLevel}


@dataclass(slots=True)
class _Place:
    """Where in a log the reader is."""

    time: datetime | None = None
    group: str = ""


def unredacted(text: str) -> str:
    """Return a text as it is."""
    return text


def parse_log_lines(
    raw: Iterable[str], job: str, step: int | None = None, *, redact: Redact = unredacted
) -> Iterator[LogLine]:
    """Yield the lines of a log; those that only end a group are none.

    A line without a time has that of the line before it. ``redact`` is given each line without
    its time and colours, before it is cut.
    """
    place = _Place()
    for line in raw:
        parsed = _parse(_without_time(line, place), place, redact)
        if parsed is not None:
            text, level = parsed
            yield LogLine(
                job=job, step=step, time=place.time, text=text, group=place.group, level=level
            )


def _without_time(raw: str, place: _Place) -> str:
    text = raw.lstrip("\ufeff")
    stamp = _TIME.match(text)
    if stamp is not None:
        place.time = take.time({"": stamp[1]}, "") or place.time
        text = text[stamp.end() :]
    return text


def _parse(raw: str, place: _Place, redact: Redact) -> tuple[str, LogLevel | None] | None:
    """Return a line's text and what it is marked as; None where it only ends a group."""
    text = redact(_plain(raw))
    mark = _MARK.match(text)
    kind = mark[1] if mark is not None else ""
    if kind == "endgroup":
        place.group = ""
        return None
    text = text[mark.end() if mark is not None else 0 :][:LONGEST_LINE]
    if kind == "group":
        place.group = text.strip()[:_LONGEST_GROUP]
    return text, _LEVELS.get(kind)


def _plain(text: str) -> str:
    """Return what a terminal shows at last: of what returns to the line's start, the end."""
    text = _ANSI.sub("", text).rstrip("\r\n")
    shown = text.rpartition("\r")[2] or text
    return _CONTROLS.sub("", shown)
