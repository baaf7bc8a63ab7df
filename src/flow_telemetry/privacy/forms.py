"""Forms of credentials, which are found in every text.

Each form has marks, plain texts in lower case: a text without any of them has no credential of that
form, and searching for marks is much cheaper than the form's own pattern, which is compiled when a
text has one of its marks. No form begins within a run of its own characters, or what it looks at
there is bounded, so the time grows in proportion to the length of the text.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from flow_telemetry.privacy.token_forms import TOKEN_FORMS

# What takes the place of a secret.
REDACTED = "***"

_NO_WORD_BEFORE = r"(?<![A-Za-z0-9])"
# How the names of secret values end.
_PASSWORDS = ("passwd", "password", "pwd", "passphrase", "[_-]pass")
_SECRETS = ("token", "secret", "credential", "credentials", "signature")
# A key of another kind may be that of a cache or of a work item.
_KEYS = (
    *("api", "access", "private", "secret", "account", "shared", "storage", "service", "auth"),
    *("signing", "encryption", "master", "client", "license", "ingest", "ingestion"),
)
# The ends of these names, for marks.
_PASSWORD_ENDS = ("passwd", "password", "pwd", "passphrase", "_pass", "-pass")
_SECRET_ENDS = (*_SECRETS, "key")


def _after(names: tuple[str, ...], end: str) -> str:
    """Return an assertion that such a name stands before ``end``, which has a fixed length.

    Patterns begin with ``end`` instead of the name: to search for the few characters that may stand
    behind a name is many times faster.
    """
    before = [rf"(?<=(?i:{name}){end})" for name in names]
    if names != _PASSWORDS:
        keys = "|".join(
            rf"(?<=(?i:{kind}{separator}key){end})" for kind in _KEYS for separator in ("", "[_-]")
        )
        before.append(rf"(?<=(?i:key){end})(?:{keys})")
    return f"(?:{'|'.join(before)})"


_NAMES = (*_PASSWORDS, *_SECRETS)
# As a part of the name of a flag.
_ANY_NAME = rf"(?i:pass|{'|'.join(_NAMES)}|(?:{'|'.join(_KEYS)})[_-]?key)"
# Schemes of `Authorization` whose names are shown; any other word could be the credential itself.
_SCHEMES = r"(?i:bearer|basic|token|digest|negotiate|api-?key|aws4-hmac-sha256)"
_HEADER = r"(?i:authorization)[\\\"']{0,4}[ \t]{0,8}[:=][ \t\\\"']{0,8}"
# Up to what ends it in JSON, in quotes or in a list.
_WORD_OF_HEADER = r"(?:[^\s\"',;&\\]|\\(?![\"']))+"
# `username="x", response="y"`; after the padding of base64, only a quote can follow.
_PARAMETERS = r"[A-Za-z][\w-]*[ \t]?=[ \t]?(?:\\?\"[^\s\",}\]\\]|\w)[^\r\n]*"

# Values behind `password: `, `--token ` and `KEY = `, where prose may stand as well.
#
# Placeholders, such as `$TOKEN`, `<token>`, `{token}` and `***`, are left as they are.
_VALUE_START = r"[^\s\"'`,;:<>{}()\[\]$%*=|&\\-]"
_VALUE_REST = r"[^\s\"'`,;<>{}()\[\]|&\\]"
# A word with a character that ordinary words do not have.
_ODD_WORD = rf"(?=[A-Za-z]{{0,64}}[^\sA-Za-z\"'`,;<>{{}}()\[\]|&\\]){_VALUE_START}{_VALUE_REST}*"
# At least eight characters with a digit, and not the call of a function or an element of a list.
_RANDOM_WORD = (
    r"(?=[A-Za-z+/_.~!@%^-]{0,64}[0-9])[\w+/.~!@%^-][\w+/.=~!@%^-]{7,}(?![\w+/.=~!@%^({\[-])"
)
_QUOTED = r"(?<=[\"'])[^\"'\s\\][^\"'\r\n\\]{5,}(?=[\"'])"
_PROSE = (
    r"(?!(?i:an?|and|any|are|argument|as|be|boolean|by|empty|env|environment|false|field|file|flag"
    r"|for|from|has|if|in|input|instead|invalid|is|it|may|missing|must|no|none|not|null|of|on"
    r"|option|optional|or|parameter|prompt|required|rotation|should|str|string|support|switch|text"
    r"|that|the|this|to|true|type|undefined|unset|value|was|when|will|with|yes)(?![\w-]))"
)
_END_OF_VALUE = r"(?=[ \t]{0,4}(?:[\r\n\"',;&|]|\Z))"


class Form(NamedTuple):
    """A form of credentials: its pattern as text; ``replacement`` is a template of `re.sub`."""

    name: str
    marks: tuple[str, ...]
    pattern: str
    replacement: str

    @property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, which is compiled once."""
        return _compile(self.pattern)


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _form(
    name: str, marks: str | tuple[str, ...], pattern: str, replacement: str = REDACTED
) -> Form:
    parsed = tuple(marks.split()) if isinstance(marks, str) else marks
    return Form(name, parsed, pattern, replacement)


def _table_forms() -> Iterator[Form]:
    """Yield the forms of the table: its beginnings, and enough characters of their class."""
    for prefixes, characters, least in TOKEN_FORMS:
        words = prefixes.split()
        beginning = "|".join(map(re.escape, words))
        yield Form(
            "a token by its beginning",
            tuple(word.lower() for word in words),
            rf"{_NO_WORD_BEFORE}(?:{beginning})[{characters}]{{{least},}}",
            REDACTED,
        )


# Tokens, which have no blank within them and at least 15 characters.
_TOKENS = (
    # See docs.github.com, "GitHub's token formats". Since 2026 the tokens of installations, such as
    # GITHUB_TOKEN, hold a JWT: dots and hyphens, and some 520 characters.
    _form("a token of GitHub", "ghs_", rf"{_NO_WORD_BEFORE}ghs_[A-Za-z0-9._-]{{16,}}"),
    _form("a token of GitHub", "gho_ ghp_ ghr_ ghu_", rf"{_NO_WORD_BEFORE}gh[opru]_\w{{16,}}"),
    _form("a fine-grained token", "github_pat_", rf"{_NO_WORD_BEFORE}github_pat_\w{{20,}}"),
    # Header and payload are JSON objects, which begin like this in base64. Encrypted JWTs have
    # five parts.
    _form("a JWT", "eyj", r"(?<![\w-])eyJ[\w-]{10,}(?:\.[\w-]*){1,4}"),
    # Not, or not so completely, in the table. docs.honeycomb.io, "Manage your API keys": the third
    # letter is that of the region; `ik` and `ic` are keys for ingest, `lk` and `mk` for management.
    _form(
        "a key of Honeycomb",
        "ik_ ic_ lk_ mk_",
        rf"{_NO_WORD_BEFORE}hc[a-z](?:ik|ic|lk|mk)_[A-Za-z0-9]{{20,}}",
    ),
    # docs.docker.com, "Personal access tokens" and "Organization access tokens".
    _form("a token of Docker", "dckr_", rf"{_NO_WORD_BEFORE}dckr_[po]at_[\w-]{{16,}}"),
    # The keys of OpenAI, DeepSeek and others; words such as `sk-learn-contrib` have no digit.
    _form(
        "an API key",
        "sk-",
        rf"{_NO_WORD_BEFORE}sk-(?=[A-Za-z_-]{{0,64}}[0-9])[\w-]{{20,}}",
    ),
    _form("a secret of a webhook", "whsec_", rf"{_NO_WORD_BEFORE}whsec_[A-Za-z0-9+/=]{{16,}}"),
    _form("a token of Axiom", "xaat- xapt-", rf"{_NO_WORD_BEFORE}xa[ap]t-[a-f0-9-]{{16,}}"),
    _form("a key of Tailscale", "tskey-", rf"{_NO_WORD_BEFORE}tskey-[\w-]{{16,}}"),
    # The signature in the middle of a secret of Microsoft Entra ID.
    _form("a secret of Entra ID", "q~", rf"{_NO_WORD_BEFORE}[\w~.]{{3}}[0-9]Q~[\w~.-]{{31,34}}"),
    _form("a token of Slack", "xox xapp-", rf"{_NO_WORD_BEFORE}(?:xox[a-z]|xapp)-[\w-]{{10,}}"),
    _form("a token of PyPI", "pypi-age", rf"{_NO_WORD_BEFORE}pypi-AgE[\w-]{{16,}}"),
    _form("a token of Atlassian", "tt3", rf"{_NO_WORD_BEFORE}AT[AC]TT3[\w=.-]{{16,}}"),
    *_table_forms(),
)

_OTHERS = (
    # Up to its end, or to the end of the text if that was cut off.
    _form(
        "a private key",
        "-----begin",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?s:.*?)(?:-----END [A-Z0-9 ]{0,60}-----|\Z)",
    ),
    # user:password@ before a host; a password may hold an @ itself. The digest of an image is not
    # a host.
    _form("user info of a URL", "@", r"://[^\s/?#\"'<>]+@(?!sha256:)", "://"),
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
    # In quotes up to the closing one on the same line or up to a cut, otherwise one word. The token
    # of a public key is part of the names of .NET's assemblies, and methods have signatures too.
    _form(
        "a value by its name",
        tuple(f"{name}=" for name in (*_PASSWORD_ENDS, *_SECRET_ENDS)),
        rf"(={_after(_NAMES, '=')}(?<!(?i:publickeytoken)=)(?<!(?i:signature)=)(?:\\?[\"'])?)"
        r"(?:(?<==\\\")(?=\S)[^\"\\\n]+(?=\\\"|(?<=…)\Z)"
        r"|(?<==\")(?=[^\s\"])[^\"\\\n]*(?:\\.[^\"\\\n]*)*(?=\"|(?<=…)\Z)"
        r"|(?<==')(?=[^\s'])[^'\\\n]*(?:\\.[^'\\\n]*)*(?='|(?<=…)\Z)"
        r"|[^\s&#\"'<>;,]+)",
        rf"\1{REDACTED}",
    ),
    # With quotes of either kind, with a backslash before each if the JSON is itself a text in JSON.
    _form(
        "a value by its name, in JSON",
        tuple(
            f"{name}{quote}"
            for name in (*_PASSWORD_ENDS, *_SECRET_ENDS)
            for quote in ('"', "'", '\\"')
        ),
        rf"([\"'\\](?:(?<![\\]){_after(_NAMES, '.')}[ \t]{{0,4}}:[ \t]{{0,4}}[\"']"
        rf"|(?<=\\)\"{_after(_NAMES, '..')}[ \t]{{0,4}}:[ \t]{{0,4}}\\\"))"
        r"(?:(?<=\\\")(?:[^\"\\]+|\\\\\\\"|\\[^\"])+"
        r"|(?<=[^\\]\")(?:[^\"\\]+|\\(?s:.))+"
        r"|(?<=')(?:[^'\\]+|\\(?s:.))+)",
        rf"\1{REDACTED}",
    ),
    # `password: x`, as in YAML and in logs. A plain word only if nothing else stands on the line.
    _form(
        "a password after a colon",
        tuple(f"{name}:" for name in _PASSWORD_ENDS),
        rf"(:{_after(_PASSWORDS, ':')}[ \t]{{1,8}}[\"']?)(?:{_QUOTED}|{_ODD_WORD})",
        rf"\1{REDACTED}",
    ),
    _form(
        "a password on a line of its own",
        tuple(f"{name}:" for name in _PASSWORD_ENDS),
        rf"((?m:^)[ \t]{{0,40}}(?:- )?[\w.-]{{0,40}}:{_after(_PASSWORDS, ':')}[ \t]{{1,8}}[\"']?)"
        rf"{_PROSE}[A-Za-z]+{_END_OF_VALUE}",
        rf"\1{REDACTED}",
    ),
    _form(
        "a value by its name, after a colon",
        tuple(f"{name}:" for name in _SECRET_ENDS),
        rf"(:{_after(_SECRETS, ':')}[ \t]{{1,8}}[\"']?)(?:{_QUOTED}|{_RANDOM_WORD})",
        rf"\1{REDACTED}",
    ),
    # As in the files of cloud providers: `aws_secret_access_key = x`.
    _form(
        "a value by its name, after a blank",
        tuple(
            f"{name}{sign}"
            for name in (*_PASSWORD_ENDS, *_SECRET_ENDS)
            for sign in ("  ", " =", "\t", "= ", "=\t")
        ),
        rf"([ \t=]{_after(_NAMES, '.')}"
        r"(?:(?<==)[ \t]{1,4}|(?<!=)[ \t]{0,40}=[ \t]{0,4})[\"']?)"
        rf"(?:{_QUOTED}|{_RANDOM_WORD})",
        rf"\1{REDACTED}",
    ),
    # `--password x`, `-token x`; `--token to …` is prose.
    _form(
        "a value of a flag",
        tuple(
            f"{before}{name.strip('_-')} "
            for name in (*_PASSWORD_ENDS[:-1], *_SECRET_ENDS)
            for before in "_-"
        ),
        rf"(-(?<![^\s\"'`(\[=].)-?(?:[A-Za-z0-9]{{1,20}}[_-]){{0,4}}{_ANY_NAME}"
        rf"[ \t]{{1,4}}[\"']?)(?:{_QUOTED}|{_PROSE}{_VALUE_START}{_VALUE_REST}*)",
        rf"\1{REDACTED}",
    ),
    # These names mean other things elsewhere: only in the query of an address.
    _form(
        "a value of a query",
        "sig= auth= key= code= jwt= sas= signature=",
        r"([?&](?i:sig|auth|key|code|jwt|sas|(?:[a-z]{1,20}-){0,3}signature)=)[^\s&#\"'<>]+",
        rf"\1{REDACTED}",
    ),
    _form("a hook of Slack", "hooks.slack.com/", r"(hooks\.slack\.com/)[\w/-]+", rf"\1{REDACTED}"),
)

_BASIC = rf"{_NO_WORD_BEFORE}((?i:basic)(?:[ \t]+|%20))([A-Za-z0-9+/]{{4,}}={{0,2}})"
_BASIC_MARK = "basic"

# A mark is searched for only if its rarest part is in the text: one search stands for many.
_RARE_PARTS = (
    *("token", "secret", "pass", "pwd", "key", "credential", "signature"),
    *"~@='_:-.",
)
# A run of characters that is long enough for a token. Marks of tokens are searched for in these.
_TOKEN_RUN = re.compile(r"[\w.=+/~-]{14,}", re.ASCII)


def _group_marks(forms: tuple[Form, ...]) -> tuple[tuple[str, tuple[tuple[str, Form], ...]], ...]:
    """Group the marks of forms by their rare part; those that have none, by an empty text."""
    groups: dict[str, list[tuple[str, Form]]] = {}
    for form in forms:
        for mark in form.marks:
            part = next((rare for rare in _RARE_PARTS if rare in mark), "")
            groups.setdefault(part, []).append((mark, form))
    return tuple((part, tuple(marks)) for part, marks in groups.items())


_TOKEN_MARKS, _OTHER_MARKS = _group_marks(_TOKENS), _group_marks(_OTHERS)


def _marked(lower: str, groups: tuple[tuple[str, tuple[tuple[str, Form], ...]], ...]) -> list[Form]:
    """Return the forms of which a text in lower case has a mark."""
    forms: list[Form] = []
    # Loops are faster than `any` here.
    for part, marks in groups:
        if part in lower:
            for mark, form in marks:
                if mark in lower and form not in forms:
                    forms.append(form)
    return forms


def may_have_credential(text: str) -> bool:
    """Return whether a text, or any of several joined by line breaks, has a credential.

    False positives are rare: a form may match across a line break.
    """
    lower = text.lower()
    for form in _marked(lower, _OTHER_MARKS):
        if form.compiled.search(text) is not None:
            return True
    runs = _TOKEN_RUN.findall(text)
    for form in _marked("\n".join(runs).lower(), _TOKEN_MARKS) if runs else ():
        if form.compiled.search(text) is not None:
            return True
    return _BASIC_MARK in lower and _compile(_BASIC).search(text) is not None


def redact_forms(text: str) -> str:
    """Return the text with `***` in place of everything that has the form of a credential."""
    lower = text.lower()
    found = [*_marked(lower, _TOKEN_MARKS), *_marked(lower, _OTHER_MARKS)]
    for form in found:
        text = form.compiled.sub(form.replacement, text)
    return _compile(_BASIC).sub(_redact_basic, text) if _BASIC_MARK in lower else text


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

_CREDENTIAL_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.=+/~%-"
# A longer part of a token is found by its form.
_LONGEST_BEGINNING = 160
_BEARER_BEGINNING = r"(?<![A-Za-z0-9])((?i:bearer)(?:[ \t]+|%20))[A-Za-z0-9._~+/=%-]{1,7}\Z"
_AUTHORITY_PREFIX = "://"
_AUTHORITY_END = r"[\s/?#\"'<>]"


@cache
def _token_beginning() -> re.Pattern[str]:
    """The beginnings of tokens, however little follows.

    Behind those that ordinary words may have too, only characters of that token.
    """
    table = "".join(
        rf"|(?:{'|'.join(map(re.escape, prefixes.split()))})[{characters}]*\Z"
        for prefixes, characters, _ in TOKEN_FORMS
    )
    return re.compile(
        r"(?<![A-Za-z0-9])(?:gh[oprsu]_|github_pat_|eyJ|xox[a-z]-|xapp-|pypi-AgE|AT[AC]TT3|dckr_[po]at_"
        rf"|hc[a-z](?:ik|ic|lk|mk)_|sk-[\w-]*[0-9][\w-]*\Z|tskey-|whsec_{table})",
        re.ASCII,
    )


def redact_beginning(body: str) -> str:
    """Redact the beginning of a credential that a text ends with. The mark of the cut is not in it.

    Returns ``body`` itself if it does not end with one.
    """
    end_of_prose = len(body.rstrip(_CREDENTIAL_CHARACTERS))
    token = _token_beginning().search(body, max(end_of_prose, len(body) - _LONGEST_BEGINNING))
    if token is not None:
        return body[: token.start()] + REDACTED
    # A host that was cut may be a user, and a password may follow.
    before, prefix, authority = body.rpartition(_AUTHORITY_PREFIX)
    if prefix and authority and not _compile(_AUTHORITY_END).search(authority):
        return before + prefix + REDACTED
    return _compile(_BEARER_BEGINNING).sub(rf"\1{REDACTED}", body)


@cache
def token_start() -> re.Pattern[str]:
    """The marks of all forms that begin at the beginning of a word."""
    marks = {mark for form in _TOKENS for mark in form.marks} - {"ik_", "ic_", "lk_", "mk_", "tt3"}
    words = sorted(marks | {"hc[a-z][ilm][ck]_", "at[ac]tt3", "bearer", "basic"}, key=len)
    return re.compile("|".join(w if "[" in w else re.escape(w) for w in words), re.IGNORECASE)
