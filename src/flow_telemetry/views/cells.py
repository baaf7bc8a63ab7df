"""How much room text takes on a terminal, where some characters take two cells and some none."""

from __future__ import annotations

import unicodedata


def width(text: str) -> int:
    """Return the number of cells that printable text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def fit(text: str, room: int, ellipsis: str = "…") -> str:
    """Return the text cut or filled with spaces to exactly ``room`` cells."""
    taken = width(text)
    if taken > room:
        text = _cut(text, room - 1) + ellipsis if room > 0 else ""
        taken = width(text)
    return text + " " * (room - taken)


def _cut(text: str, room: int) -> str:
    for place, character in enumerate(text):
        room -= _cells(character)
        if room < 0:
            return text[:place]
    return text


def _cells(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
