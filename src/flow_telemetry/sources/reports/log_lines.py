"""Lines of GitHub's logs: their times, marks and groups told apart from what was written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TypeAlias

from flow_telemetry.model.reports import (
    LogLevel,
    LogLine,
)
from flow_telemetry.sources import payload as take

# How much of a line is kept, in characters.
LONGEST_LINE = 16_384
_LONGEST_GROUP = 256

_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,24}Z) ?")
# As long as the runner's own times, `2026-11-24T03:43:00.1234567Z`, of which six digits are kept.
_USUAL_LENGTH = 28
_KEPT_LENGTH = 26
# What marks and groups begin with, and the lines around a private key: they matter to what follows.
_OF_MATTER = ("##[", "-----")
_MARK = re.compile(r"##\[([a-z]{1,16})\]")
# Colours and cursors (CSI), titles and links (OSC, up to their end), and other sequences.
_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]+")
# What it returns has as many texts, in their order.
Redact = Callable[[list[str]], list[str]]
# So many lines are handed to who redacts them at once.
_AT_ONCE = 256

_LEVELS = {level.value: level for level in LogLevel}
# The number, time and text of a line.
_Plain: TypeAlias = tuple[int, datetime | None, str]


def unredacted(texts: list[str]) -> list[str]:
    """Return texts as they are."""
    return texts


def parse_log_lines(
    raw: Iterable[str],
    job: str,
    step: int | None = None,
    *,
    redact: Redact = unredacted,
    skip: int = 0,
    longest: int | None = None,
) -> Iterator[LogLine]:
    """Yield the lines of a log after the first ``skip``; those that only end a group are none.

    A line without a time has that of the line before it. ``redact`` is given the lines without
    their times and colours, before they are cut, in order; of those that are skipped only what
    opens or ends something. ``longest`` bounds the bytes of a line, where it is less than what is
    kept of each.
    """
    group = ""
    for number, time, text in _redacted(_plain_lines(raw, skip), redact):
        mark = _MARK.match(text) if text.startswith("##[") else None
        kind = mark[1] if mark is not None else ""
        if kind == "endgroup":
            group = ""
            continue
        shown = text[mark.end() if mark is not None else 0 :][:LONGEST_LINE]
        if longest is not None:
            shown = shown.encode()[:longest].decode(errors="ignore")
        if kind == "group":
            group = shown.strip()[:_LONGEST_GROUP]
        if number > skip:
            yield LogLine(
                job=job,
                step=step,
                number=number,
                time=time,
                text=shown,
                group=group,
                level=_LEVELS.get(kind),
            )


def _plain_lines(raw: Iterable[str], skip: int) -> Iterator[_Plain]:
    time: datetime | None = None
    for number, line in enumerate(raw, 1):
        # Of the last one that is skipped the time may be needed.
        if number < skip and not any(mark in line for mark in _OF_MATTER):
            continue
        text = line.lstrip("\ufeff")
        stamp = _TIME.match(text)
        if stamp is not None:
            time = log_time(stamp[1]) or time
            text = text[stamp.end() :]
        yield number, time, _plain(text)


def _redacted(lines: Iterator[_Plain], redact: Redact) -> Iterator[_Plain]:
    while chunk := list(islice(lines, _AT_ONCE)):
        texts = redact([text for _, _, text in chunk])
        for (number, time, _), text in zip(chunk, texts, strict=True):
            yield number, time, text


def log_time(stamp: str) -> datetime | None:
    """Return a time as the runner writes it; None for what is no time."""
    # Nearly all are of one form, and a log has many.
    if len(stamp) == _USUAL_LENGTH and stamp.startswith("20"):
        try:
            return datetime.fromisoformat(f"{stamp[:_KEPT_LENGTH]}+00:00")
        except ValueError:
            return None
    return take.time({"": stamp}, "")


def _plain(text: str) -> str:
    """Return what a terminal shows at last: of what returns to the line's start, the end."""
    text = text.rstrip("\r\n")
    if text.isprintable():
        return text
    text = _ANSI.sub("", text)
    if text.isprintable():
        return text
    shown = text.rpartition("\r")[2] or text
    return _CONTROLS.sub("", shown)
