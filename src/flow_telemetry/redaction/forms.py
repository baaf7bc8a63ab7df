"""The forms by which a credential is known for one, whoever gave it.

Each form comes with marks, plain texts in lower case: a text without any of them holds no
credential of that form, which is much cheaper to find out than to look for the form itself. No form
begins within a run of its own characters, so that a long text costs time in proportion.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from dataclasses import dataclass

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
