"""Credentials of which a text holds the beginning only, because it was cut there.

Names and values are cut to what backends take before anybody looks for credentials in them. What a
form is known by may be behind the cut: the `@` after a password, or half of a token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from flow_telemetry.redaction.forms import PLACE

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
