"""Redaction of credentials, of known secrets and of matches of the user's patterns in a text."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

# What takes the place of a secret.
REDACTED = "***"

# Forms of credentials, found in every text.
#
# Each form has marks, plain texts in lower case: a text without any of them has no credential of
# that form, and searching for marks is much cheaper than the form's own pattern. No form begins
# within a run of its own characters, so the time grows in proportion to the length of the text.

_NO_WORD_BEFORE = r"(?<![A-Za-z0-9])"
# How the names of secret values end.
_HIDDEN = (
    r"(?i:token|secret|passw(?:or)?d|pwd|passphrase|(?:api|access|private)[_-]?key|"
    r"credentials?|signature)"
)
# Schemes of `Authorization` whose names are shown; any other word could be the credential itself.
_SCHEMES = r"(?i:bearer|basic|token|digest|negotiate|api-?key|aws4-hmac-sha256)"
_HEADER = r"(?i:authorization)[\\\"']{0,4}[ \t]{0,8}[:=][ \t\\\"']{0,8}"
# Up to what ends it in JSON, in quotes or in a list.
_WORD_OF_HEADER = r"(?:[^\s\"',;&\\]|\\(?![\"']))+"
# `username="x", response="y"`; after the padding of base64, only a quote can follow.
_PARAMETERS = r"[A-Za-z][\w-]*[ \t]?=[ \t]?(?:\\?\"[^\s\",}\]\\]|\w)[^\r\n]*"


class _Form(NamedTuple):
    """A form of credentials; ``replacement`` is a template of `re.sub`."""

    name: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str


def _form(
    name: str, marks: str | tuple[str, ...], pattern: str, replacement: str = REDACTED
) -> _Form:
    parsed = tuple(marks.split()) if isinstance(marks, str) else marks
    return _Form(name, parsed, re.compile(pattern, re.ASCII), replacement)


_FORMS = (
    # Up to its end, or to the end of the text if that was cut off.
    _form(
        "a private key",
        "-----begin",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?s:.*?)(?:-----END [A-Z0-9 ]{0,60}-----|\Z)",
    ),
    # user:password@ before a host; a password may hold an @ itself.
    _form("user info of a URL", "@", r"://[^\s/?#\"'<>]+@", "://"),
    # See docs.github.com, "GitHub's token formats". Since 2026 the tokens of installations, such as
    # GITHUB_TOKEN, hold a JWT: dots and hyphens, and some 520 characters.
    _form("a token of GitHub", "ghs_", rf"{_NO_WORD_BEFORE}ghs_[A-Za-z0-9._-]{{16,}}"),
    _form("a token of GitHub", "gho_ ghp_ ghr_ ghu_", rf"{_NO_WORD_BEFORE}gh[opru]_\w{{16,}}"),
    _form("a fine-grained token", "github_pat_", rf"{_NO_WORD_BEFORE}github_pat_\w{{20,}}"),
    # Header and payload are JSON objects, which begin like this in base64. Encrypted JWTs have
    # five parts.
    _form("a JWT", "eyj", r"(?<![\w-])eyJ[\w-]{6,}(?:\.[\w-]*){1,4}"),
    _form(
        "a header",
        "authorization",
        rf"({_HEADER}{_SCHEMES}[ \t]+[\\\"']{{0,2}})(?:{_PARAMETERS}|{_WORD_OF_HEADER})",
        rf"\1{REDACTED}",
    ),
    # An unknown scheme is redacted together with the next word, but not after `=`, as in a shell.
    _form(
        "a header of another scheme",
        "authorization",
        rf"({_HEADER})(?!\*\*\*|{_SCHEMES}(?![^\s\"',;&]))"
        rf"(?:(?<!=){_WORD_OF_HEADER}[ \t]+)?(?:{_PARAMETERS}|{_WORD_OF_HEADER})",
        rf"\1{REDACTED}",
    ),
    # `Bearer authentication` is prose.
    _form(
        "a bearer",
        "bearer",
        rf"{_NO_WORD_BEFORE}((?i:bearer)(?:[ \t]+|%20))"
        r"(?!(?i:authenticat|authori[sz]|credential|challenge|scheme)[a-z]*(?![\w+/=]))"
        r"[A-Za-z0-9._~+/=%-]{8,}",
        rf"\1{REDACTED}",
    ),
    # In quotes up to the closing one on the same line or up to a cut, otherwise one word.
    _form(
        "a value by its name",
        "token= secret= passwd= password= pwd= passphrase= key= credential= credentials= "
        "signature=",
        rf"({_HIDDEN}=(?:\\?[\"'])?)"
        r"(?:(?<==\\\")(?=\S)[^\"\\\n]+(?=\\\"|(?<=…)\Z)"
        r"|(?<==\")(?=[^\s\"])[^\"\\\n]*(?:\\.[^\"\\\n]*)*(?=\"|(?<=…)\Z)"
        r"|(?<==')(?=[^\s'])[^'\\\n]*(?:\\.[^'\\\n]*)*(?='|(?<=…)\Z)"
        r"|[^\s&#\"'<>;,]+)",
        rf"\1{REDACTED}",
    ),
    # With quotes of either kind, with a backslash before each if the JSON is itself a text in JSON.
    _form(
        "a value by its name, in JSON",
        ('":', "':", '" :', "' :"),
        rf"({_HIDDEN}(?:[\"'][ \t]{{0,4}}:[ \t]{{0,4}}[\"']|\\\"[ \t]{{0,4}}:[ \t]{{0,4}}\\\"))"
        r"(?:(?<=\\\")(?:[^\"\\]+|\\\\\\\"|\\[^\"])+"
        r"|(?<=[^\\]\")(?:[^\"\\]+|\\(?s:.))+"
        r"|(?<=')(?:[^'\\]+|\\(?s:.))+)",
        rf"\1{REDACTED}",
    ),
    # These names are too short to be searched for in prose: only in the query of an address.
    _form(
        "a value of a query",
        "sig= auth= key= code= jwt= sas=",
        r"([?&](?i:sig|auth|key|code|jwt|sas)=)[^\s&#\"'<>]+",
        rf"\1{REDACTED}",
    ),
    # Tokens of other services, by their prefix and length.
    _form("a key of AWS", "akia asia", rf"{_NO_WORD_BEFORE}A[KS]IA[A-Z0-9]{{16}}(?![A-Za-z0-9])"),
    _form("a token of Slack", "xox xapp-", rf"{_NO_WORD_BEFORE}(?:xox[a-z]|xapp)-[\w-]{{10,}}"),
    _form("a hook of Slack", "hooks.slack.com/", r"(hooks\.slack\.com/)[\w/-]+", rf"\1{REDACTED}"),
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
_BASIC_MARK = "basic"


# A mark is searched for only if its rarest character is in the text: a search for one character is
# much faster.
_RARE_CHARACTERS = "=@_\"'-."


def _group_marks() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Group all marks by their rare character; those that have none, by an empty text."""
    groups: dict[str, dict[str, None]] = {}
    for mark in [*(mark for form in _FORMS for mark in form.marks), _BASIC_MARK]:
        character = next((rare for rare in _RARE_CHARACTERS if rare in mark), "")
        groups.setdefault(character, {})[mark] = None
    return tuple((character, tuple(marks)) for character, marks in groups.items())


_MARKS = _group_marks()


def _redact_basic(match: re.Match[str]) -> str:
    """Redact what follows `Basic` if it is a user and a password in base64.

    Any word of prose may follow, so it is decoded: only credentials hold a colon.
    """
    encoded = match[2].rstrip("=")
    encoded = encoded[: len(encoded) // 4 * 4] if len(encoded) % 4 == 1 else encoded
    try:
        # Not `bytes.decode`: the last character may have been cut, and is ignored then.
        decoded, _ = codecs.utf_8_decode(
            base64.b64decode(encoded + "=" * (-len(encoded) % 4)), "strict", False
        )
    except (binascii.Error, ValueError):
        return match[0]
    return match[1] + REDACTED if ":" in decoded and decoded.isprintable() else match[0]


# Beginnings of credentials at the end of a text that was cut.
#
# Names and values are cut to what backends take before credentials are searched for. The part that
# identifies a form may have been cut off: the `@` after a password, or half of a token.

# The end of every text that was cut.
CUT = "…"
# So many characters identify the beginning of a known secret; of a shorter secret, half of it does.
# Fewer characters are found in ordinary words.
_BEGINNING_LENGTH = 8

_CREDENTIAL_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.=+/~%-"
# The beginnings of `_FORMS`, however little follows. If ordinary words begin the same way, the
# rest of the text must be characters of that token.
_TOKEN_BEGINNING = re.compile(
    r"(?<![A-Za-z0-9])(?:gh[oprsu]_|github_pat_|eyJ|xox[a-z]-|xapp-|glpat-|glsa_|glc_|dt0c01\.|"
    r"NRAK-|AIza|pypi-AgE|AT[AC]TT3|npm_[A-Za-z0-9]*\Z|A[KS]IA[A-Z0-9]+\Z)",
    re.ASCII,
)
_BEARER_BEGINNING = re.compile(
    r"(?<![A-Za-z0-9])((?i:bearer)(?:[ \t]+|%20))[A-Za-z0-9._~+/=%-]{1,7}\Z", re.ASCII
)
_AUTHORITY_PREFIX = "://"
_AUTHORITY_END = re.compile(r"[\s/?#\"'<>]", re.ASCII)


def _redact_beginning(text: str, secrets: Iterable[str]) -> str:
    """Redact the beginning of a credential or of a secret at the end of a text that was cut."""
    body = text[: -len(CUT)]
    redacted = _redact_secret_beginning(body, secrets)
    token = _TOKEN_BEGINNING.search(body, len(body.rstrip(_CREDENTIAL_CHARACTERS)))
    if redacted == body and token is not None:
        redacted = body[: token.start()] + REDACTED
    # A host that was cut may be a user, and a password may follow.
    before, prefix, authority = body.rpartition(_AUTHORITY_PREFIX)
    if redacted == body and prefix and authority and not _AUTHORITY_END.search(authority):
        redacted = before + prefix + REDACTED
    if redacted == body:
        redacted = _BEARER_BEGINNING.sub(rf"\1{REDACTED}", body)
    return text if redacted == body else redacted


def _redact_secret_beginning(body: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        beginning = secret[: min(_BEGINNING_LENGTH, (len(secret) + 1) // 2)]
        at = body.find(beginning, max(0, len(body) - len(secret)))
        while at >= 0:
            if secret.startswith(body[at:]):
                return body[:at] + REDACTED
            at = body.find(beginning, at + 1)
    return body


# The user's own patterns (`redact`), limited to those that are fast on any text.
#
# Python's regular expressions backtrack: a repeat within a repeat can take exponential time, and an
# attacker may have written the text. So nested repeats are not allowed, and the more parts of open
# length a pattern has, the fewer characters it is applied to at once.

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


def _redact_patterns(text: str, patterns: Iterable[tuple[re.Pattern[str], int]]) -> str:
    """Redact the matches of patterns, each given with the length of its window.

    A match that is longer than half of the window may be redacted in part, or not at all.
    """
    matches = sorted(place for pattern in patterns for place in _find_matches(text, *pattern))
    if not matches:
        return text
    pieces, end = [], 0
    for start, stop in matches:
        if start >= end:
            pieces += [text[end:start], REDACTED]
        end = max(end, stop)
    return "".join([*pieces, text[end:]])


def _find_matches(text: str, pattern: re.Pattern[str], window: int) -> Iterator[tuple[int, int]]:
    """Yield where a pattern matches in windows of the text that overlap by half."""
    if len(text) <= window and pattern.search(text) is None:
        return
    step = window // 2
    for start in range(0, max(1, len(text) - step), step):
        for match in pattern.finditer(text[start : start + window]):
            if match.end() > match.start():
                yield start + match.start(), start + match.end()


# The redactor of a process.

# A shorter secret would be found in ordinary words: `prod`, `main`, `true`.
SHORTEST_SECRET = 8
# Nearly all texts hold no credential, and most are repeated, so clean texts are remembered.
_MOST_REMEMBERED = 8_192
_LONGEST_REMEMBERED = 256
_SEPARATOR = "\n"


@dataclass(frozen=True, slots=True)
class Redactor:
    """Redacts credentials in texts. It holds secrets, which its representation does not show."""

    _secrets: tuple[str, ...] = field(repr=False)
    # Each of the user's patterns with the length of its window.
    _patterns: tuple[tuple[re.Pattern[str], int], ...] = field(repr=False)
    # Texts without a credential: a cache, which does not count for equality.
    _clean: set[str] = field(default_factory=set, repr=False, compare=False)

    def __call__(self, text: str) -> str:
        """Return the text with `***` in place of each credential."""
        if text in self._clean:
            return text
        suspicious = text.endswith(CUT) or self._may_hold_secret(text)
        redacted = self._redact_known(text) if suspicious else text
        redacted = _redact_patterns(redacted, self._patterns)
        if redacted == text:
            self._remember([text])
        return redacted

    def finds_nothing(self, texts: Iterable[str]) -> bool:
        """Return whether no text would be changed; much faster than a call for each."""
        new = set(texts) - self._clean
        if self._patterns:
            return all(self(text) == text for text in new)
        joined = _SEPARATOR.join(new)
        if self._may_hold_secret(joined):
            return False
        if CUT in joined and any(text.endswith(CUT) and self(text) != text for text in new):
            return False
        self._remember(new)
        return True

    def _remember(self, texts: Iterable[str]) -> None:
        if len(self._clean) > _MOST_REMEMBERED:
            self._clean.clear()
        self._clean.update([text for text in texts if len(text) <= _LONGEST_REMEMBERED])

    def _may_hold_secret(self, text: str) -> bool:
        """Whether a text, or any of several joined by line breaks, may hold a credential."""
        # Loops are faster than `any` here.
        for secret in self._secrets:
            if secret in text:
                return True
        lower = text.lower()
        for character, marks in _MARKS:
            if character in lower:
                for mark in marks:
                    if mark in lower:
                        return True
        return False

    def _redact_known(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        if text.endswith(CUT):
            text = _redact_beginning(text, self._secrets)
        lower = text.lower()
        for form in _FORMS:
            if any(mark in lower for mark in form.marks):
                text = form.pattern.sub(form.replacement, text)
        return _BASIC.sub(_redact_basic, text) if _BASIC_MARK in lower else text


def build_redactor(secrets: Iterable[str], patterns: Iterable[str] = ()) -> Redactor:
    """Return the redactor of known secrets, of the user's patterns, and of forms of credentials.

    Args:
        secrets: known ones; those of fewer than 8 characters are redacted only if a form of
            credentials matches.
        patterns: regular expressions in which `find_pattern_problem` finds no problem.
    """
    long_secrets = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
    measured = ((pattern, _measure_complexity(pattern) or _Complexity()) for pattern in patterns)
    return Redactor(
        secret_forms(long_secrets),
        tuple((re.compile(pattern), WINDOWS[complexity.open]) for pattern, complexity in measured),
    )


def secret_forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return secrets as they are and percent-encoded, the longest first.

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
        )
    }
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


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
            return REDACTED
        if _KEY_BEGIN.search(line) is not None and _KEY_END not in line:
            key_lines_left = _MOST_KEY_LINES
        return redact(line)

    def redact_lines(lines: list[str]) -> list[str]:
        if key_lines_left == 0 and redact.finds_nothing(lines):
            return lines
        return [redact_line(line) for line in lines]

    return redact_lines
