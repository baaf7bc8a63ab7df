"""Taking texts, numbers and times out of reports, whose writers agree on little."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from flow_telemetry.sources import payload as take

LONGEST_NAME = 512
LONGEST_MESSAGE = 2048
LONGEST_TEXT = 8192

# Ten years in seconds: what is longer is no duration.
_LONGEST_DURATION = 3.2e8
_MOST_DIGITS = 15
_LONGEST_NUMBER = 32
# `1,234` is either of these; `0,234` and `1234,567` have groups that nobody writes.
_COMMA_OF_EITHER_KIND = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")
_DECIMAL_COMMA = re.compile(r"(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+),[0-9]+(?:[eE][+-]?[0-9]{1,3})?")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_CONTROLS_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) (?=[0-9])")
_ZONE = re.compile(r"([+-][0-9]{2})([0-9]{2})$")
_CLOCK = re.compile(r"(?:([0-9]{1,5})\.)?([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{1,12})?)")


class Instant(NamedTuple):
    """A time as a report gives it; without a zone it is read as UTC, as most tools mean it."""

    at: datetime | None = None
    zoned: bool = False


def one_line(text: str | None, longest: int = LONGEST_NAME) -> str:
    """Return a text in one line, without control characters, cut."""
    return _CONTROLS.sub(" ", (text or "")[: longest * 2]).strip()[:longest]


def lines(text: str | None, longest: int = LONGEST_TEXT) -> str:
    """Return a text of several lines, without other control characters, cut."""
    cut = (text or "")[: longest * 2].replace("\r\n", "\n")
    return _CONTROLS_IN_LINES.sub("", cut).strip()[:longest]


def count(text: object) -> int | None:
    """Return a whole number that is not negative, from digits or a number of JSON."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text if 0 <= text < 10**_MOST_DIGITS else None
    if not isinstance(text, str) or len(text) > _MOST_DIGITS:
        return None
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() else None


def seconds(text: str | None, *, decimal_comma: bool = False) -> float | None:
    """Return a duration: `0.25`, `1,234.5` as surefire groups digits, `12,5` as others write it.

    `1,234` may be both: it is grouped, unless the report's other durations have a decimal comma.
    """
    text = (text or "").strip()
    if len(text) >= _LONGEST_NUMBER:
        return None
    if has_decimal_comma(text) or (decimal_comma and _COMMA_OF_EITHER_KIND.fullmatch(text)):
        text = text.replace(".", "").replace(",", ".")
    elif _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found <= _LONGEST_DURATION else None


def has_decimal_comma(text: str | None) -> bool:
    """Whether a duration has a comma that can be nothing but its decimal mark."""
    text = (text or "").strip()
    return bool(_DECIMAL_COMMA.fullmatch(text)) and not _COMMA_OF_EITHER_KIND.fullmatch(text)


def clock(text: str | None) -> float | None:
    """Return a duration that .NET wrote, `[days.]hours:minutes:seconds`, in seconds."""
    match = _CLOCK.fullmatch((text or "").strip())
    if match is None:
        return None
    days, hours, minutes, rest = match.groups(default="0")
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(rest)


def instant(text: str | None) -> Instant:
    """Return a time of ISO 8601, with or without its zone."""
    if not text:
        return Instant()
    text = _DATE.sub(r"\1T", text.strip()[:64])
    text = _ZONE.sub(r"\1:\2", text) if "T" in text else text
    zoned = take.time({"": text}, "")
    if zoned is not None:
        return Instant(zoned, zoned=True)
    return Instant(take.time({"": f"{text}Z"}, ""))


def folder(path: str) -> str:
    """Return the folder that a source file stands in, with slashes; `.` at the top."""
    head, _, _ = path.replace("\\", "/").rpartition("/")
    return one_line(head) or ("/" if path.startswith("/") else ".")
