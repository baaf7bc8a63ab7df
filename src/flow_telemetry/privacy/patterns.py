"""The user's own patterns (`redact`), limited to those that are fast on any text.

Python's regular expressions backtrack: a repeat within a repeat can take exponential time, and an
attacker may have written the text. So nested repeats are not allowed, and the more parts of open
length a pattern has, the fewer characters it is applied to at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LONGEST_PATTERN = 500
# The characters that a pattern is applied to, by the number of its parts of open length: each
# further part raises the power of the length that the time grows with.
WINDOWS = (2_048, 2_048, 256, 128)
# A repeat of at most so many more counts as a choice, not as open length.
_LONGEST_CHOICE = 8
_MOST_CHOICES = 100

_CLASS_OR_ESCAPE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_BACK_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*(?:\\[1-9]|\(\?P=|\(\?\()")
# A comment, or a blank under the flag x, could stand between a group and its repeat.
_COMMENT = re.compile(r"\(\?(?:#|[a-wyzA-Z-]*x)")
_FLAGS = re.compile(r"\(\?[a-zA-Z-]+\)")
_PATTERN_TOKEN = re.compile(
    r"(?P<opening>\((?:\?(?:P<\w+>|<?[=!]|>|[a-zA-Z-]*:))?)|(?P<closing>\))|(?P<choice>\|)"
    r"|(?P<repeat>(?:[*+?]|\{\d*,?\d*\})[?+]?)|.",
    re.DOTALL,
)


def find_pattern_problem(pattern: str) -> str | None:
    """Return why a pattern cannot be used, as the end of a sentence; None if it can."""
    if len(pattern) > _LONGEST_PATTERN:
        return f"is longer than {_LONGEST_PATTERN} characters"
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is not a valid regular expression of Python: {error}"
    if compiled.search("") is not None:
        return "matches an empty text, so it would match everywhere"
    return _describe_slowness(pattern)


def _describe_slowness(pattern: str) -> str | None:
    if _BACK_REFERENCE.search(pattern) or _COMMENT.search(pattern):
        return "has a back reference, a condition, a comment or the flag x, which are not supported"
    complexity = _measure_complexity(pattern)
    if complexity is None:
        return (
            "repeats a group that contains a repeat or alternatives, which could take exponential "
            "time; repeat it a fixed number of times instead, such as {3}"
        )
    if complexity.open >= len(WINDOWS) or complexity.choices > _MOST_CHOICES:
        return (
            f"has more than {len(WINDOWS) - 1} parts of open length, such as .* or \\w+, or too "
            "many alternatives and optional parts, so it could take very long"
        )
    return None


@dataclass(slots=True)
class _Complexity:
    """How slow a pattern or a group can be: parts of open length, and ways to choose."""

    open: int = 0
    choices: int = 1

    def add(self, other: _Complexity, times: int = 1) -> None:
        """Add a part that is repeated so many times."""
        self.open += other.open * times
        self.choices *= min(other.choices, _MOST_CHOICES + 1) ** min(times, _MOST_CHOICES)


def _measure_complexity(pattern: str) -> _Complexity | None:
    """Return how slow a pattern can be.

    None if a part that varies is repeated a varying number of times.
    """
    plain = _FLAGS.sub("", _CLASS_OR_ESCAPE.sub("c", pattern))
    groups, last = [_Complexity()], _Complexity()
    for token in _PATTERN_TOKEN.finditer(plain):
        if token["repeat"]:
            least, most = _parse_repeat(token["repeat"])
            varies = last.open > 0 or last.choices > 1
            if varies and most > 1 and least != most:
                return None
            groups[-1].add(last, max(0, most - 1) if varies else 0)
            extra = most - least
            repeat = (
                _Complexity(open=1) if extra > _LONGEST_CHOICE else _Complexity(choices=extra + 1)
            )
            groups[-1].add(repeat)
            last = _Complexity()
        elif token["opening"]:
            groups.append(_Complexity())
        elif token["closing"]:
            last = groups.pop()
            groups[-1].add(last)
        else:
            groups[-1].choices += groups[-1].choices if token["choice"] else 0
            last = _Complexity()
    return groups[0]


def _parse_repeat(repeat: str) -> tuple[int, int]:
    """Return the least and the largest number of times; an open end counts as the window."""
    sign = repeat[0]
    if sign != "{":
        return {"*": (0, WINDOWS[0]), "+": (1, WINDOWS[0]), "?": (0, 1)}[sign]
    least, comma, most = repeat.rstrip("?+").strip("{}").partition(",")
    low = int(least or 0)
    return (low, int(most) if most else max(low, WINDOWS[0])) if comma else (low, low)


def compile_patterns(patterns: Iterable[str]) -> tuple[tuple[re.Pattern[str], int], ...]:
    """Return the compiled patterns, each with the length of its window.

    Args:
        patterns: regular expressions in which `find_pattern_problem` finds no problem.
    """
    measured = ((pattern, _measure_complexity(pattern) or _Complexity()) for pattern in patterns)
    return tuple(
        (re.compile(pattern), WINDOWS[complexity.open]) for pattern, complexity in measured
    )


def find_matches(text: str, pattern: re.Pattern[str], window: int) -> Iterator[tuple[int, int]]:
    """Yield where a pattern matches in windows of the text that overlap by half.

    A match that is longer than half of the window may be found in part, or not at all.
    """
    if len(text) <= window and pattern.search(text) is None:
        return
    step = window // 2
    for start in range(0, max(1, len(text) - step), step):
        for match in pattern.finditer(text[start : start + window]):
            if match.end() > match.start():
                yield start + match.start(), start + match.end()
