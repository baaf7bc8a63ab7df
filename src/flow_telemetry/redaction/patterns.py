"""The user's own patterns (input `redact`), held to such as come to an end on any text.

Python's regular expressions go back and try again, which can take longer than anybody waits where
something repeated is repeated; and the text is an attacker's. So a pattern may not do that, and the
more parts of open length it has, the less of a text it sees at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LONGEST_PATTERN = 500
# How many characters a pattern sees, by how many parts of open length it has: a part more makes
# the time another power of the length.
WINDOWS = (2_048, 2_048, 256, 128)
# A repeat of so few more is no open length, but a choice; and so many ways to choose in all.
_FEW_MORE = 8
_MOST_CHOICES = 100

_CLASS_OR_ESCAPE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_BACK_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*(?:\\[1-9]|\(\?P=|\(\?\()")
# A comment, or a blank where those are ignored, could stand between a group and its repeat.
_COMMENTED = re.compile(r"\(\?(?:#|[a-wyzA-Z-]*x)")
_FLAGS = re.compile(r"\(\?[a-zA-Z-]+\)")
_TOKEN = re.compile(
    r"(?P<opening>\((?:\?(?:P<\w+>|<?[=!]|>|[a-zA-Z-]*:))?)|(?P<closing>\))|(?P<choice>\|)"
    r"|(?P<repeat>(?:[*+?]|\{\d*,?\d*\})[?+]?)|.",
    re.DOTALL,
)


def problem(pattern: str) -> str | None:
    """Return why a pattern cannot be used, as the end of a sentence; None where it can."""
    if len(pattern) > _LONGEST_PATTERN:
        return f"is longer than {_LONGEST_PATTERN} characters"
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is no regular expression of Python: {error}"
    if compiled.search("") is not None:
        return "matches an empty text, so it would match everywhere"
    return _slowness(pattern)


def _slowness(pattern: str) -> str | None:
    if _BACK_REFERENCE.search(pattern) or _COMMENTED.search(pattern):
        return (
            "has a back reference, a condition, a comment or the flag x, which are not understood"
        )
    effort = _effort(pattern)
    if effort is None:
        return (
            "repeats a group that holds a repeat or alternatives, which could take for ever; a "
            "fixed number of times, such as {3}, is possible"
        )
    if effort.open >= len(WINDOWS) or effort.choices > _MOST_CHOICES:
        return (
            f"has more than {len(WINDOWS) - 1} parts of open length, such as .* or \\w+, or too "
            "many alternatives and optional parts: it could take for ever"
        )
    return None


@dataclass(slots=True)
class _Effort:
    """What makes a pattern, or a group of it, slow: parts of open length, and ways to choose."""

    open: int = 0
    choices: int = 1

    def add(self, other: _Effort, times: int = 1) -> None:
        """Count another, that stands there so many times."""
        self.open += other.open * times
        self.choices *= min(other.choices, _MOST_CHOICES + 1) ** min(times, _MOST_CHOICES)


def _effort(pattern: str) -> _Effort | None:
    """Return what makes a pattern slow; None where a repeat is repeated any number of times."""
    plain = _FLAGS.sub("", _CLASS_OR_ESCAPE.sub("c", pattern))
    groups, last = [_Effort()], _Effort()
    for token in _TOKEN.finditer(plain):
        if token["repeat"]:
            least, most = _bounds(token["repeat"])
            varies = last.open > 0 or last.choices > 1
            if varies and most > 1 and least != most:
                return None
            groups[-1].add(last, max(0, most - 1) if varies else 0)
            groups[-1].add(_of_repeat(least, most))
            last = _Effort()
        elif token["opening"]:
            groups.append(_Effort())
        elif token["closing"]:
            last = groups.pop()
            groups[-1].add(last)
        else:
            groups[-1].choices += groups[-1].choices if token["choice"] else 0
            last = _Effort()
    return groups[0]


def _of_repeat(least: int, most: int) -> _Effort:
    return _Effort(open=1) if most - least > _FEW_MORE else _Effort(choices=most - least + 1)


def _bounds(repeat: str) -> tuple[int, int]:
    sign = repeat[0]
    if sign != "{":
        return {"*": (0, WINDOWS[0]), "+": (1, WINDOWS[0]), "?": (0, 1)}[sign]
    least, comma, most = repeat.rstrip("?+").strip("{}").partition(",")
    low = int(least or 0)
    return (low, int(most) if most else max(low, WINDOWS[0])) if comma else (low, low)


@dataclass(frozen=True, slots=True)
class UserPatterns:
    """The user's patterns, compiled, each with how many characters it sees at once."""

    _compiled: tuple[tuple[re.Pattern[str], int], ...]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> UserPatterns:
        """Return the patterns; none may have a `problem`."""
        efforts = ((each, _effort(each) or _Effort()) for each in patterns)
        return cls(tuple((re.compile(each), WINDOWS[effort.open]) for each, effort in efforts))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._compiled)

    def redacted(self, text: str, place: str) -> str:
        """Return the text with ``place`` for each match.

        A match that is longer than half of what its pattern sees may be found in part, or not.
        """
        found = sorted(span for each in self._compiled for span in _found(text, *each))
        if not found:
            return text
        kept, end = [], 0
        for start, stop in found:
            if start >= end:
                kept += [text[end:start], place]
            end = max(end, stop)
        return "".join([*kept, text[end:]])


def _found(text: str, pattern: re.Pattern[str], window: int) -> Iterator[tuple[int, int]]:
    if len(text) <= window and pattern.search(text) is None:
        return
    step = window // 2
    for start in range(0, max(1, len(text) - step), step):
        for match in pattern.finditer(text[start : start + window]):
            if match.end() > match.start():
                yield start + match.start(), start + match.end()
