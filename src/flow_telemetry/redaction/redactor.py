"""One function from text to text, of the forms of credentials, known secrets and user's patterns.

Nearly all texts hold nothing, and most come again and again: those are remembered, and a few plain
marks tell of a new one whether it is worth a closer look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote

from flow_telemetry.redaction import forms
from flow_telemetry.redaction.cut import CUT, without_beginnings
from flow_telemetry.redaction.forms import BASIC_MARK, FORMS, PLACE
from flow_telemetry.redaction.patterns import UserPatterns

Redact: TypeAlias = Callable[[str], str]

# A shorter one would be found in ordinary words: `prod`, `main`, `true`.
SHORTEST_SECRET = 8
_MOST_REMEMBERED = 8_192
_LONGEST_REMEMBERED = 256
_BETWEEN = "\n"


@dataclass(frozen=True, slots=True)
class Redactor:
    """Takes out what nobody may see. It holds secrets: they are in no representation."""

    _secrets: tuple[str, ...] = field(repr=False)
    _patterns: UserPatterns = field(repr=False)
    # Texts that hold nothing; only to be quicker, so it is no part of what a redactor is.
    _clean: set[str] = field(default_factory=set, repr=False, compare=False)

    def __call__(self, text: str) -> str:
        """Return the text with `***` in the place of each credential."""
        if text in self._clean:
            return text
        cut = text.endswith(CUT)
        found = self._without_known(text) if cut or self._suspects(text) else text
        found = self._patterns.redacted(found, PLACE)
        if found == text:
            self._remember([text])
        return found

    def finds_nothing(self, texts: Iterable[str]) -> bool:
        """Return whether all of the texts stay as they are; much quicker than to call for each."""
        new = set(texts) - self._clean
        if self._patterns:
            return all(self(text) == text for text in new)
        together = _BETWEEN.join(new)
        if self._suspects(together):
            return False
        if CUT in together and any(text.endswith(CUT) and self(text) != text for text in new):
            return False
        self._remember(new)
        return True

    def _remember(self, texts: Iterable[str]) -> None:
        if len(self._clean) > _MOST_REMEMBERED:
            self._clean.clear()
        self._clean.update([text for text in texts if len(text) <= _LONGEST_REMEMBERED])

    def _suspects(self, text: str) -> bool:
        """Whether a text, or one of several joined by line breaks, may hold something."""
        for secret in self._secrets:
            if secret in text:
                return True
        return forms.marked(text.lower())

    def _without_known(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, PLACE)
        if text.endswith(CUT):
            text = without_beginnings(text, self._secrets)
        lower = text.lower()
        for form in FORMS:
            if any(mark in lower for mark in form.marks):
                text = form.pattern.sub(form.becomes, text)
        return forms.without_basic_credentials(text) if BASIC_MARK in lower else text


def redactor(secrets: Iterable[str], patterns: Iterable[str] = ()) -> Redactor:
    """Return the function that takes credentials out of a text.

    ``secrets`` are taken out as they are and as a URL has them, those of fewer than 8 characters
    only where another form knows them. ``patterns`` are the user's own regular expressions, of
    which none may have a `patterns.problem`.
    """
    long = [each for each in secrets if len(each) >= SHORTEST_SECRET]
    written = {form for each in long for form in (each, _quoted(each, "/"), _quoted(each, ""))}
    longest_first = tuple(sorted(written, key=lambda each: (-len(each), each)))
    return Redactor(longest_first, UserPatterns.of(patterns))


def _quoted(text: str, safe: str) -> str:
    # A variable whose bytes are no UTF-8 is read with lone surrogates, which no URL can have.
    return quote(text, safe, errors="replace")


_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY")
_KEY_ENDS = "-----END "
# The longest keys in use have some hundred lines; a mark without an end hides no more than these.
_MOST_KEY_LINES = 1_000


@dataclass(slots=True)
class _Lines:
    """Takes the lines of one text in their order."""

    redact: Redact
    _left: int = 0

    @property
    def inside_key(self) -> bool:
        """Whether the next line is of a private key."""
        return self._left > 0

    def __call__(self, line: str) -> str:
        if self.inside_key:
            self._left = 0 if _KEY_ENDS in line else self._left - 1
            return PLACE
        if _KEY_BEGINS.search(line) is not None and _KEY_ENDS not in line:
            self._left = _MOST_KEY_LINES
        return self.redact(line)


def over_lines(redact: Redact) -> Redact:
    """Return a function for the lines of one text in their order: a private key takes several."""
    return _Lines(redact)


def over_many_lines(redact: Redactor) -> Callable[[list[str]], list[str]]:
    """Return what `over_lines` does for many lines at once, of which hardly any holds anything."""
    lines = _Lines(redact)

    def redacted(texts: list[str]) -> list[str]:
        if not lines.inside_key and redact.finds_nothing(texts):
            return texts
        return [lines(text) for text in texts]

    return redacted
