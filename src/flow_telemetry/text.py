"""Untrusted text on one line, without hidden characters; durations, nouns, similar words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

# Python calls these characters printable, but they are invisible. The runner (.NET) skips them
# when it searches for commands. U+2800 and similar characters take space and are not listed.
_INVISIBLE_PRINTABLE = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef"
)
_INVISIBLE = re.compile(f"[{_INVISIBLE_PRINTABLE}]")
# The characters of Unicode's category Cf, which `one_line` removes as well.
_FORMAT = (
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
# What a reader does not see of a text, so that it hides the text around it from a search: also
# control characters, and the colours of a terminal.
_HIDDEN = (
    r"(?:\x1b\[[0-9;:?]{0,32}[A-Za-z]|[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
    f"{_FORMAT}{_INVISIBLE_PRINTABLE}])+"
)
_HIDDEN_IN_ASCII = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def has_hidden(text: str) -> bool:
    """Return whether a text contains characters that a reader does not see, or may contain them.

    Line breaks, tabs and spaces of all kinds do not count.
    """
    if text.isascii():
        return not text.isprintable() and _HIDDEN_IN_ASCII.search(text) is not None
    return _compile_hidden().search(text) is not None


def find_hidden(text: str) -> list[tuple[int, int]]:
    """Return where the characters are that a reader does not see: starts and ends, in order."""
    return [match.span() for match in _compile_hidden().finditer(text)]


@cache
def _compile_hidden() -> re.Pattern[str]:
    return re.compile(_HIDDEN)


def one_line(text: str, limit: int) -> str:
    """Return the text on one line, at most ``limit`` characters, without hidden characters.

    Control characters, all white space and lone surrogates become spaces. Invisible characters
    and marks that change the direction of text are removed.
    """
    # Truncated first, so that a huge text costs little.
    line = _replace_hidden(text[: 4 * limit])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def multi_line(text: str, limit: int) -> str:
    """Return the text as `one_line` does, but keep its line breaks."""
    shortened = "\n".join(_replace_hidden(line) for line in text[: 4 * limit].splitlines())
    return shortened if len(shortened) <= limit else shortened[: limit - 1] + "…"


def squeeze(text: str) -> str:
    """Return the whole text on one line, with single spaces between words."""
    return " ".join(_replace_hidden(text).split())


def _replace_hidden(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    text = _INVISIBLE.sub("", text)
    return "".join(
        c if c.isprintable() else "" if unicodedata.category(c) == "Cf" else " " for c in text
    )


# Less similar words are not worth a suggestion.
_SIMILARITY = 0.6


def nearest(written: str, known: Iterable[str]) -> str:
    """Return the known word that is nearest to a misspelled one; empty if none is near."""
    import difflib  # noqa: PLC0415 - errors only

    return next(iter(difflib.get_close_matches(written, list(known), 1, _SIMILARITY)), "")


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def duration(seconds: float) -> str:
    """Return seconds in their two largest units: ``350ms``, ``2.5s``, ``1m 30s``, ``3h 5m``."""
    seconds = max(0.0, seconds)
    if 0 < round(seconds * 1000) < 1000:
        return f"{round(seconds * 1000)}ms"
    if seconds < 10 and round(seconds, 1) != round(seconds):
        return f"{seconds:.1f}s"
    rest, words = round(seconds), []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        words.append(f"{count}{unit}" if count else "")
    if len(words[0]) > 3:  # 100 days and more: hours no longer matter
        return words[0]
    first = next((index for index, word in enumerate(words) if word), len(words) - 1)
    return " ".join(word for word in words[first : first + 2] if word) or "0s"


def counted(count: int, noun: str, one: str = "", several: str = "") -> str:
    """Return a number and its noun: ``1 span``, ``9 spans``, ``32,000 repositories``.

    ``one`` and ``several`` are the words after a singular and a plural: ``1 request was``.
    """
    words = f"{count:,} {noun} {one}" if count == 1 else f"{count:,} {plural(noun)} {several}"
    return words.rstrip()


def plural(noun: str) -> str:
    """Return the plural of a regular noun: `spans`, `repositories`, `branches`."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
