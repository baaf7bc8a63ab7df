"""Known secrets in a text: as they are, percent-encoded, in base64, and long parts of them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote

# A shorter secret would be found in ordinary words: `prod`, `main`, `true`.
SHORTEST_SECRET = 8
# A part of so many characters of a secret that has at least as many is redacted too.
SHORTEST_PART = 12
# So many characters identify the beginning of a known secret at the end of a text that was cut; of
# a shorter secret, half of it does. Fewer characters are found in ordinary words.
_BEGINNING_LENGTH = 8

# A part of 12 characters contains 6 characters that begin at a multiple of 7 of the text, wherever
# it stands. So only every seventh place is looked at, in a set of all runs of 6 characters.
_RUN = 6
_STEP = SHORTEST_PART - _RUN + 1
# A secret of few different characters contains a run many times.
_MOST_PLACES = 8
# A shorter word of the public context says nothing about a part.
_SHORTEST_PUBLIC = 3


@dataclass(frozen=True)
class KnownSecrets:
    """Secrets that the program was given, and the words of the run's context, which are public.

    A part of a secret is not redacted if fewer than 12 of its characters are the secret's own: a
    header may contain the repository's name, which then stays in every text.
    """

    secrets: tuple[str, ...] = field(repr=False)
    public: tuple[str, ...] = ()

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """All texts that are a secret, the longest first."""
        return secret_forms(self.secrets, base64_too=True)

    @cached_property
    def _runs(self) -> frozenset[str]:
        """Every run of six characters in a secret of which parts are searched for."""
        return frozenset(
            form[i : i + _RUN]
            for form in self.forms
            if len(form) >= SHORTEST_PART
            for i in range(len(form) - _RUN + 1)
        )

    @cached_property
    def _short(self) -> tuple[str, ...]:
        return tuple(form for form in self.forms if len(form) < SHORTEST_PART)

    @cached_property
    def _public_words(self) -> re.Pattern[str]:
        """Whole words only: `dev` within random letters is no more public than they are."""
        words = {word.lower() for word in self.public if len(word) >= _SHORTEST_PUBLIC}
        longest_first = sorted(words, key=lambda word: (-len(word), word))
        either = "|".join(map(re.escape, longest_first)) or "(?!)"
        return re.compile(rf"(?<![^\W_])(?:{either})(?![^\W_])")

    def may_be_in(self, text: str) -> bool:
        """Return whether a text may contain a secret; in doubt it may. Fast."""
        if not self.secrets:
            return False
        # A loop is faster than `any` here.
        for secret in self._short:
            if secret in text:
                return True
        return not self._runs.isdisjoint(
            [text[i : i + _RUN] for i in range(0, len(text) - _RUN + 1, _STEP)]
        )

    def find(self, text: str) -> list[tuple[int, int]]:
        """Return where the text contains a secret or a part of one: starts and ends, in order."""
        if not self.may_be_in(text):
            return []
        found: list[tuple[int, int]] = []
        taken = bytearray(len(text))
        for form in self.forms:
            start = text.find(form)
            while start >= 0:
                end = start + len(form)
                if not any(taken[start:end]):
                    found.append((start, end))
                    taken[start:end] = b"\x01" * len(form)
                start = text.find(form, end)
        found += self._find_parts(text, taken)
        return sorted(found)

    def _find_parts(self, text: str, taken: bytearray) -> Iterator[tuple[int, int]]:
        """Yield parts that do not overlap what is ``taken``, and mark them there."""
        for at in range(0, len(text) - _RUN + 1, _STEP):
            run = text[at : at + _RUN]
            if run not in self._runs or any(taken[at : at + _RUN]):
                continue
            parts = (_extend(text, at, form, place) for form, place in self._places(run))
            start, end = max(parts, key=lambda part: part[1] - part[0], default=(at, at))
            if end - start >= SHORTEST_PART and self._own_length(text[start:end]) >= SHORTEST_PART:
                # Another secret may have been found beside it.
                start, stop = max(start, taken.rfind(1, 0, at) + 1), taken.find(1, at)
                end = end if stop < 0 else min(end, stop)
                taken[start:end] = b"\x01" * (end - start)
                yield start, end

    def _places(self, run: str) -> Iterator[tuple[str, int]]:
        for form in self.forms:
            place = form.find(run) if len(form) >= SHORTEST_PART else -1
            for _ in range(_MOST_PLACES):
                if place < 0:
                    break
                yield form, place
                place = form.find(run, place + 1)

    def _own_length(self, part: str) -> int:
        """Return how many characters of a part are not words of the public context."""
        return len(self._public_words.sub("", part.lower()))

    def find_beginning(self, text: str) -> int:
        """Return where the beginning of a secret starts that the text ends with; -1 without one."""
        for secret in self.forms:
            beginning = secret[: min(_BEGINNING_LENGTH, (len(secret) + 1) // 2)]
            at = text.find(beginning, max(0, len(text) - len(secret)))
            while at >= 0:
                if secret.startswith(text[at:]):
                    return at
                at = text.find(beginning, at + 1)
        return -1


def _extend(text: str, at: int, form: str, place: int) -> tuple[int, int]:
    """Return start and end of the longest part of ``form`` around equal characters of both."""
    start, end = at, at + _RUN
    first, last = place, place + _RUN
    while start > 0 and first > 0 and text[start - 1] == form[first - 1]:
        start, first = start - 1, first - 1
    while end < len(text) and last < len(form) and text[end] == form[last]:
        end, last = end + 1, last + 1
    return start, end


def secret_forms(secrets: Iterable[str], *, base64_too: bool = False) -> tuple[str, ...]:
    """Return secrets as they are and percent-encoded, the longest first; on request in base64 too.

    Percent-encoded in both ways: with slashes as they are, as in a path, and with slashes encoded.
    """
    # Bytes of a variable that are not UTF-8 are read as lone surrogates, which a URL cannot hold.
    forms = {
        form
        for secret in secrets
        for form in (
            secret,
            quote(secret, safe="/", errors="replace"),
            quote(secret, safe="", errors="replace"),
            *(_in_base64(secret) if base64_too else ()),
        )
    }
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _in_base64(secret: str) -> Iterator[str]:
    """Yield what a secret in any longer text looks like in base64, with both alphabets.

    Base64 writes three bytes as four characters, so it depends on how many bytes stand before the
    secret, modulo three. Characters that contain bits of what surrounds the secret are left out.
    """
    data = secret.encode(errors="replace")
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data)
        complete = encoded[(8 * before + 5) // 6 : (8 * (before + len(data))) // 6].decode()
        if len(complete) >= SHORTEST_SECRET:
            yield complete
            yield complete.replace("+", "-").replace("/", "_")
