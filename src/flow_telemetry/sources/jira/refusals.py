"""What an answer other than 200 of Jira means, and what the user can do about it.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/#status-codes
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flow_telemetry.errors import (
    AccessDeniedError,
    AuthenticationError,
    NotFoundError,
    PayloadError,
    SourceError,
    UnavailableError,
)
from flow_telemetry.sources.unreached import asks_for_credentials

_SHOWN = 200
_CREDENTIALS = "inputs jira-email and jira-token"


def not_signed_in(headers: Mapping[str, str], what: str) -> AuthenticationError | None:
    """Return the error for an answer of any status to somebody whom Jira does not know.

    Jira Cloud treats an expired token as no token at all: a search then finds nothing, and an
    issue is not there. Only this header tells.
    """
    reason = headers.get("x-seraph-loginreason", "")
    if "AUTHENTICATION_DENIED" in reason:
        return AuthenticationError(
            f"Jira asks for a CAPTCHA before {what} can be read, after too many failed logins: log "
            "in once with a browser as the owner of the token"
        )
    return _rejected("") if "AUTHENTICATED_FAILED" in reason else None


def refusal(
    status: int, headers: Mapping[str, str], body: str, what: str, *, has_token: bool
) -> SourceError:
    """Return the error for an answer; ``headers`` have lower-case names."""
    said = _said(body)
    if status == 401:
        return _rejected(said) if has_token else _anonymous(what)
    if status == 403:
        return AccessDeniedError(
            f"the Jira account may not read {what}{said}: give it the permission Browse projects "
            "there, and the token the scope to read issues"
        )
    if status == 407:
        return UnavailableError(asks_for_credentials("Jira", what))
    if status in (400, 404, 410):
        hint = "the account cannot see it" if has_token else "it is private: set input jira-token"
        return NotFoundError(
            f"Jira knows no {what.removeprefix('the ')}{said}: the key or input jira-url is wrong, "
            f"it was deleted or archived, or {hint}"
        )
    if 300 <= status < 400:
        return _redirected(headers.get("location", ""), what)
    return UnavailableError(f"Jira could not give {what}: status {status}{said}")


def no_json(body: bytes, what: str) -> PayloadError:
    """Return the error for an answer of status 200 that is no JSON."""
    page = body.lstrip()[:1] == b"<"
    kind = "a web page, such as a login form" if page else "no JSON"
    return PayloadError(
        f"Jira's answer on {what} is {kind}: check input jira-url, which is the address that "
        "stands before /browse/ in a browser, and whether a login or proxy stands before Jira's "
        "API"
    )


def _rejected(said: str) -> AuthenticationError:
    return AuthenticationError(
        f"Jira does not accept the credentials ({_CREDENTIALS}){said}: the token is wrong, expired "
        "or of another account or site. A personal access token of Data Center goes without "
        "jira-email"
    )


def _anonymous(what: str) -> AuthenticationError:
    return AuthenticationError(f"Jira shows {what} to nobody without a login: set {_CREDENTIALS}")


def _redirected(location: str, what: str) -> UnavailableError:
    """Nothing of the target but its origin is shown: the rest may hold a session."""
    try:
        parts = urlsplit(location)
        target = f"{parts.scheme}://{parts.hostname}" if parts.hostname else "another page"
    except ValueError:
        target = "another page"
    return UnavailableError(
        f"Jira redirects {what} to {_one_line(target)}, where the token must not go: set input "
        "jira-url to the final address (https, not a login or short link)"
    )


def _said(body: str) -> str:
    """The messages of the answer, cut and on one line, in brackets."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    messages = _messages(payload) if isinstance(payload, dict) else []
    text = _one_line("; ".join(each for each in messages if isinstance(each, str) and each))
    return f" ({text})" if text else ""


def _messages(payload: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    if isinstance(payload.get("errorMessages"), list):
        found += payload["errorMessages"]
    if isinstance(payload.get("errors"), dict):
        found += payload["errors"].values()
    return [*found, payload.get("message")]


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:_SHOWN]
