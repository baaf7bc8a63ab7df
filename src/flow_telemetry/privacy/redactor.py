"""Redaction of credentials, of known secrets and of matches of the user's patterns in a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flow_telemetry.privacy.forms import (
    CUT,
    REDACTED,
    may_have_credential,
    redact_beginning,
    redact_forms,
    token_start,
)
from flow_telemetry.privacy.known import SHORTEST_SECRET, KnownSecrets
from flow_telemetry.privacy.patterns import compile_patterns, find_matches
from flow_telemetry.text import find_hidden, has_hidden

# Nearly all texts hold no credential, and most are repeated, so clean texts are remembered.
_MOST_REMEMBERED = 8_192
_LONGEST_REMEMBERED = 256
_SEPARATOR = "\n"


@dataclass(slots=True)
class RedactionCount:
    """How many exported texts were changed so far."""

    texts: int = 0


@dataclass(frozen=True, slots=True)
class Redactor:
    """Redacts credentials in texts. It holds secrets, which its representation does not show.

    ``exported`` counts the exported texts that it changed; callers add to it.
    """

    _secrets: KnownSecrets
    # Each of the user's patterns with the length of its window.
    _patterns: tuple[tuple[re.Pattern[str], int], ...] = field(repr=False)
    exported: RedactionCount = field(default_factory=RedactionCount, repr=False, compare=False)
    # Texts without a credential: a cache, which does not count for equality.
    _clean: set[str] = field(default_factory=set, repr=False, compare=False)

    def __call__(self, text: str) -> str:
        """Return the text with `***` in place of each credential.

        A text with a credential that contains invisible characters loses these.
        """
        if text in self._clean:
            return text
        redacted = self._redact_hidden(text) if has_hidden(text) else self._redact_as_is(text)
        if redacted == text:
            self._remember([text])
        return redacted

    def redact_exported(self, text: str) -> str:
        """Return an exported text with `***` in place of each credential, and count it."""
        redacted = self(text)
        if redacted != text:
            self.exported.texts += 1
        return redacted

    def finds_nothing(self, texts: Iterable[str]) -> bool:
        """Return whether no text would be changed; much faster than a call for each."""
        new = set(texts) - self._clean
        if self._patterns:
            return all(self(text) == text for text in new)
        joined = _SEPARATOR.join(new)
        if self._secrets.may_be_in(joined) or may_have_credential(joined):
            return all(self(text) == text for text in new)
        if CUT in joined and any(text.endswith(CUT) and self(text) != text for text in new):
            return False
        if has_hidden(joined) and any(has_hidden(text) and self(text) != text for text in new):
            return False
        self._remember(new)
        return True

    def _remember(self, texts: Iterable[str]) -> None:
        if len(self._clean) > _MOST_REMEMBERED:
            self._clean.clear()
        self._clean.update([text for text in texts if len(text) <= _LONGEST_REMEMBERED])

    def _redact_as_is(self, text: str) -> str:
        """Redact what is a credential with all characters of the text as they are."""
        redacted = _cut_out(text, self._secrets.find(text))
        if redacted.endswith(CUT):
            body = redacted[: -len(CUT)]
            at = self._secrets.find_beginning(body)
            clean = body[:at] + REDACTED if at >= 0 else redact_beginning(body)
            redacted = redacted if clean == body else clean
        redacted = redact_forms(redacted)
        places = [place for pattern in self._patterns for place in find_matches(redacted, *pattern)]
        return _cut_out(redacted, places)

    def _redact_hidden(self, text: str) -> str:
        """Redact what is a credential once invisible characters are taken out, as all views do."""
        text = _cut_out(text, self._secrets.find(text))
        plain, places = _take_out(text, find_hidden(text))
        # With the places of the invisible characters, so that these stay around a known secret.
        known = self._secrets.find(plain)
        text = _cut_out(text, [(places[start], places[end - 1] + 1) for start, end in known])
        # An invisible character may separate a token from a word before it, too. So one stays
        # before everything that may be the beginning of a token, and is taken out afterwards.
        separated = _take_out(text, find_hidden(text), keep=token_start())[0]
        redacted = self._redact_as_is(separated)
        plain = _take_out(redacted, find_hidden(redacted))[0]
        fully = self._redact_as_is(plain)
        return text if redacted == separated and fully == plain else fully


def _cut_out(text: str, places: Iterable[tuple[int, int]]) -> str:
    """Return the text with `***` in place of what stands between each start and end."""
    pieces, end = [], 0
    for start, stop in sorted(places):
        if start >= end:
            pieces += [text[end:start], REDACTED]
        end = max(end, stop)
    return "".join([*pieces, text[end:]]) if pieces else text


def _take_out(
    text: str, hidden: Iterable[tuple[int, int]], keep: re.Pattern[str] | None = None
) -> tuple[str, list[int]]:
    """Return the text without its hidden characters, and where each character was.

    The first of several hidden ones stays if the rest of the text begins with a match of ``keep``.
    """
    places: list[int] = []
    kept: list[int] = []
    last = 0
    for start, stop in hidden:
        places += range(last, start)
        kept.append(len(places))
        last = stop
    places += range(last, len(text))
    plain = "".join([text[place] for place in places])
    if keep is None:
        return plain, places
    pieces, last = [], 0
    for at in kept:
        if keep.match(plain, at) is not None:
            pieces += [plain[last:at], _SEPARATOR_OF_TOKENS]
            last = at
    return "".join([*pieces, plain[last:]]), places


# A character that is taken out again, and that no token and no word contains.
_SEPARATOR_OF_TOKENS = "\u200b"


def build_redactor(
    secrets: Iterable[str], patterns: Iterable[str] = (), public: Iterable[str] = ()
) -> Redactor:
    """Return the redactor of known secrets, of the user's patterns, and of forms of credentials.

    Args:
        secrets: known ones; those of fewer than 8 characters are redacted only if a form of
            credentials matches.
        patterns: regular expressions in which `find_pattern_problem` finds no problem.
        public: words that stay although a secret contains them.
    """
    long_secrets = tuple(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)
    return Redactor(KnownSecrets(long_secrets, tuple(public)), compile_patterns(patterns))


# The lines of a log, in which a private key takes several.

_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY")
_KEY_END = "-----END "
# The longest keys in use have about 100 lines. A beginning without an end hides at most so many.
_MOST_KEY_LINES = 1_000


def build_line_redactor(redact: Redactor) -> Callable[[list[str]], list[str]]:
    """Return a function that redacts the lines of one text, several of them at each call, in order.

    It returns as many lines as it is given. Hardly any holds a credential.
    """
    key_lines_left = 0

    def redact_line(line: str) -> str:
        nonlocal key_lines_left
        if key_lines_left > 0:
            key_lines_left = 0 if _KEY_END in line else key_lines_left - 1
            redact.exported.texts += 1
            return REDACTED
        if _KEY_BEGIN.search(line) is not None and _KEY_END not in line:
            key_lines_left = _MOST_KEY_LINES
        return redact.redact_exported(line)

    def redact_lines(lines: list[str]) -> list[str]:
        if key_lines_left == 0 and redact.finds_nothing(lines):
            return lines
        return [redact_line(line) for line in lines]

    return redact_lines
