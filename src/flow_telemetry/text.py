"""Untrusted text on one line, without hidden characters."""

from __future__ import annotations

import re
import unicodedata

# Python calls these characters printable, but they are invisible. The runner (.NET) skips them
# when it searches for commands. U+2800 and similar characters take space and are not listed.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


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
