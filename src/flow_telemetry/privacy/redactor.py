"""Credentials and patterns in a text."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote

# The forms by which a credential is known for one, whoever gave it.
#
# Each form comes with marks, plain texts in lower case: a text without any of them holds no
# credential of that form, which is much cheaper to find out than to look for the form itself. No
# form begins within a run of its own characters, so that a long text costs time in proportion.

PLACE = "***"

_NO_WORD_BEFORE = r"(?<![A-Za-z0-9])"
# How the names of values end that nobody may see.
_HIDDEN = (
    r"(?i:token|secret|passw(?:or)?d|pwd|passphrase|(?:api|access|private)[_-]?key|"
    r"credentials?|signature)"
)
# Schemes of `Authorization` whose names are shown; another could be the credential itself.
_SCHEMES = r"(?i:bearer|basic|token|digest|negotiate|api-?key|aws4-hmac-sha256)"
_HEADER = r"(?i:authorization)[\\\"']{0,4}[ \t]{0,8}[:=][ \t\\\"']{0,8}"
# Up to what ends it where it stands in JSON, in quotes or in a list.
_WORD_OF_HEADER = r"(?:[^\s\"',;&\\]|\\(?![\"']))+"
# `username="x", response="y"`: no padding of base64, which nothing follows but a quote.
_PARAMETERS = r"[A-Za-z][\w-]*[ \t]?=[ \t]?(?:\\?\"[^\s\",}\]\\]|\w)[^\r\n]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of credentials. ``becomes`` is what takes the place of a match, as `re.sub` has it."""

    name: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    becomes: str = PLACE


def _form(name: str, marks: str | tuple[str, ...], pattern: str, becomes: str = PLACE) -> Form:
    return Form(
        name=name,
        marks=tuple(marks.split()) if isinstance(marks, str) else marks,
        pattern=re.compile(pattern, re.ASCII),
        becomes=becomes,
    )


FORMS = (
    # Up to its end; to the end of the text where that was cut off.
    _form(
        "a private key",
        "-----begin",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?s:.*?)(?:-----END [A-Z0-9 ]{0,60}-----|\Z)",
    ),
    # user:password@ before a host; a password may hold an @ itself.
    _form("user info of a URL", "@", r"://[^\s/?#\"'<>]+@", "://"),
    # Of GitHub: docs.github.com, "GitHub's token formats". Those of installations, of which
    # GITHUB_TOKEN is one, hold a JWT since 2026: dots and hyphens, and some 520 characters.
    _form("a token of GitHub", "ghs_", rf"{_NO_WORD_BEFORE}ghs_[A-Za-z0-9._-]{{16,}}"),
    _form("a token of GitHub", "gho_ ghp_ ghr_ ghu_", rf"{_NO_WORD_BEFORE}gh[opru]_\w{{16,}}"),
    _form("a fine-grained token", "github_pat_", rf"{_NO_WORD_BEFORE}github_pat_\w{{20,}}"),
    # Header and payload are JSON objects, which in base64 begin so; encrypted ones have five parts.
    _form("a JWT", "eyj", r"(?<![\w-])eyJ[\w-]{6,}(?:\.[\w-]*){1,4}"),
    _form(
        "a header",
        "authorization",
        rf"({_HEADER}{_SCHEMES}[ \t]+[\\\"']{{0,2}})(?:{_PARAMETERS}|{_WORD_OF_HEADER})",
        rf"\1{PLACE}",
    ),
    # A scheme that is not known goes with what follows it, but not after `=`, as in a shell.
    _form(
        "a header of another scheme",
        "authorization",
        rf"({_HEADER})(?!\*\*\*|{_SCHEMES}(?![^\s\"',;&]))"
        rf"(?:(?<!=){_WORD_OF_HEADER}[ \t]+)?(?:{_PARAMETERS}|{_WORD_OF_HEADER})",
        rf"\1{PLACE}",
    ),
    # `Bearer authentication` is prose.
    _form(
        "a bearer",
        "bearer",
        rf"{_NO_WORD_BEFORE}((?i:bearer)(?:[ \t]+|%20))"
        r"(?!(?i:authenticat|authori[sz]|credential|challenge|scheme)[a-z]*(?![\w+/=]))"
        r"[A-Za-z0-9._~+/=%-]{8,}",
        rf"\1{PLACE}",
    ),
    # In quotes up to the closing one, on the same line or behind a cut, or else one word.
    _form(
        "a value by its name",
        "token= secret= passwd= password= pwd= passphrase= key= credential= credentials= "
        "signature=",
        rf"({_HIDDEN}=(?:\\?[\"'])?)"
        r"(?:(?<==\\\")(?=\S)[^\"\\\n]+(?=\\\"|(?<=…)\Z)"
        r"|(?<==\")(?=[^\s\"])[^\"\\\n]*(?:\\.[^\"\\\n]*)*(?=\"|(?<=…)\Z)"
        r"|(?<==')(?=[^\s'])[^'\\\n]*(?:\\.[^'\\\n]*)*(?='|(?<=…)\Z)"
        r"|[^\s&#\"'<>;,]+)",
        rf"\1{PLACE}",
    ),
    # With quotes of either kind; with a backslash before each where the JSON is a text itself.
    _form(
        "a value by its name, in JSON",
        ('":', "':", '" :', "' :"),
        rf"({_HIDDEN}(?:[\"'][ \t]{{0,4}}:[ \t]{{0,4}}[\"']|\\\"[ \t]{{0,4}}:[ \t]{{0,4}}\\\"))"
        r"(?:(?<=\\\")(?:[^\"\\]+|\\\\\\\"|\\[^\"])+"
        r"|(?<=[^\\]\")(?:[^\"\\]+|\\(?s:.))+"
        r"|(?<=')(?:[^'\\]+|\\(?s:.))+)",
        rf"\1{PLACE}",
    ),
    # Names too short for prose: only in the query of an address.
    _form(
        "a value of a query",
        "sig= auth= key= code= jwt= sas=",
        r"([?&](?i:sig|auth|key|code|jwt|sas)=)[^\s&#\"'<>]+",
        rf"\1{PLACE}",
    ),
    # What comes with a list is cheap: known beginnings, and a length.
    _form("a key of AWS", "akia asia", rf"{_NO_WORD_BEFORE}A[KS]IA[A-Z0-9]{{16}}(?![A-Za-z0-9])"),
    _form("a token of Slack", "xox xapp-", rf"{_NO_WORD_BEFORE}(?:xox[a-z]|xapp)-[\w-]{{10,}}"),
    _form("a hook of Slack", "hooks.slack.com/", r"(hooks\.slack\.com/)[\w/-]+", rf"\1{PLACE}"),
    _form("a token of GitLab", "glpat-", rf"{_NO_WORD_BEFORE}glpat-[\w.-]{{16,}}"),
    _form(
        "a token of Grafana",
        "glsa_ glc_",
        rf"{_NO_WORD_BEFORE}(?:glsa_\w{{16,}}|glc_[\w=+/-]{{16,}})",
    ),
    _form("a token of Dynatrace", "dt0c01.", rf"{_NO_WORD_BEFORE}dt0c01\.[\w.]{{20,}}"),
    _form("a key of New Relic", "nrak-", rf"{_NO_WORD_BEFORE}NRAK-[A-Z0-9]{{20,}}"),
    _form("a key of Google", "aiza", rf"{_NO_WORD_BEFORE}AIza[\w-]{{30,}}"),
    _form("a token of npm", "npm_", rf"{_NO_WORD_BEFORE}npm_[A-Za-z0-9]{{30,}}"),
    _form("a token of PyPI", "pypi-age", rf"{_NO_WORD_BEFORE}pypi-AgE[\w-]{{16,}}"),
    _form("a token of Atlassian", "tt3", rf"{_NO_WORD_BEFORE}AT[AC]TT3[\w=.-]{{16,}}"),
)

_BASIC = re.compile(rf"{_NO_WORD_BEFORE}((?i:basic)(?:[ \t]+|%20))([A-Za-z0-9+/]{{4,}}={{0,2}})")
BASIC_MARK = "basic"


# Looked for only where its character stands in the text: one character is found much quicker.
_GATES = "=@_\"'-."


def _by_gate() -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for mark in [*(mark for form in FORMS for mark in form.marks), BASIC_MARK]:
        gate = next((each for each in _GATES if each in mark), "")
        found.setdefault(gate, {})[mark] = None
    return {gate: tuple(marks) for gate, marks in found.items()}


_MARKS = tuple(_by_gate().items())


def marked(lower: str) -> bool:
    """Return whether a text in lower case has the mark of any form."""
    for gate, marks in _MARKS:
        if gate in lower:
            for mark in marks:
                if mark in lower:
                    return True
    return False


def without_basic_credentials(text: str) -> str:
    """Return the text without what `Basic` is followed by, where it is a user and a password.

    Any word of prose may follow it, so it is decoded: a colon is what credentials hold.
    """
    return _BASIC.sub(_without_credentials, text)


def _without_credentials(found: re.Match[str]) -> str:
    encoded = found[2].rstrip("=")
    encoded = encoded[: len(encoded) // 4 * 4] if len(encoded) % 4 == 1 else encoded
    try:
        decoded = _beginning(base64.b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError):
        return found[0]
    return found[1] + PLACE if ":" in decoded and decoded.isprintable() else found[0]


def _beginning(encoded: bytes) -> str:
    """The text, but for a last character that was cut."""
    text, _ = codecs.utf_8_decode(encoded, "strict", False)
    return text


# Credentials of which a text holds the beginning only, because it was cut there.
#
# Names and values are cut to what backends take before anybody looks for credentials in them. What
# a form is known by may be behind the cut: the `@` after a password, or half of a token.

# What a text ends with that was cut.
CUT = "…"
# Of a shorter secret half is taken for it; fewer characters than these stand in ordinary words.
_SURELY_BEGUN = 8

_OF_TOKENS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.=+/~%-"
# The beginnings of `forms.FORMS`, however little follows. Those that words begin with as well are
# followed to the end by what that token is made of.
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:gh[oprsu]_|github_pat_|eyJ|xox[a-z]-|xapp-|glpat-|glsa_|glc_|dt0c01\.|"
    r"NRAK-|AIza|pypi-AgE|AT[AC]TT3|npm_[A-Za-z0-9]*\Z|A[KS]IA[A-Z0-9]+\Z)",
    re.ASCII,
)
_BEARER = re.compile(
    r"(?<![A-Za-z0-9])((?i:bearer)(?:[ \t]+|%20))[A-Za-z0-9._~+/=%-]{1,7}\Z", re.ASCII
)
_BEFORE_AUTHORITY = "://"
_NO_AUTHORITY = re.compile(r"[\s/?#\"'<>]", re.ASCII)


def without_beginnings(text: str, secrets: Iterable[str]) -> str:
    """Return a text that ends with `CUT` without the beginning of a credential at its end.

    ``secrets`` are known ones, of which the beginning is known too.
    """
    body = text[: -len(CUT)]
    kept = _without_secret(body, secrets)
    kept = _without_token(body) if kept is body else kept
    kept = _without_authority(body) if kept is body else kept
    kept = _BEARER.sub(rf"\1{PLACE}", body) if kept is body else kept
    return text if kept == body else kept


def _without_secret(body: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        beginning = secret[: min(_SURELY_BEGUN, (len(secret) + 1) // 2)]
        at = body.find(beginning, max(0, len(body) - len(secret)))
        while at >= 0:
            if secret.startswith(body[at:]):
                return body[:at] + PLACE
            at = body.find(beginning, at + 1)
    return body


def _without_token(body: str) -> str:
    before = len(body.rstrip(_OF_TOKENS))
    found = _TOKEN.search(body, before)
    return body if found is None else body[: found.start()] + PLACE


def _without_authority(body: str) -> str:
    """A host that was cut cannot be told from a user, whose password may be under way."""
    before, slashes, authority = body.rpartition(_BEFORE_AUTHORITY)
    if not slashes or not authority or _NO_AUTHORITY.search(authority):
        return body
    return before + slashes + PLACE


# The user's own patterns (input `redact`), held to such as come to an end on any text.
#
# Python's regular expressions go back and try again, which can take longer than anybody waits
# where something repeated is repeated; and the text is an attacker's. So a pattern may not do
# that, and the more parts of open length it has, the less of a text it sees at once.

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
_TOKEN_PATTERN = re.compile(
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
    for token in _TOKEN_PATTERN.finditer(plain):
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


# One function from text to text, of the forms of credentials, known secrets and user's patterns.
#
# Nearly all texts hold nothing, and most come again and again: those are remembered, and a few
# plain marks tell of a new one whether it is worth a closer look.

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
        return marked(text.lower())

    def _without_known(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, PLACE)
        if text.endswith(CUT):
            text = without_beginnings(text, self._secrets)
        lower = text.lower()
        for form in FORMS:
            if any(mark in lower for mark in form.marks):
                text = form.pattern.sub(form.becomes, text)
        return without_basic_credentials(text) if BASIC_MARK in lower else text


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


# Values that nobody may see, taken out of every text that is exported or shown.

__all__ = ["PLACE", "Redact", "Redactor", "over_lines", "over_many_lines", "redactor"]
