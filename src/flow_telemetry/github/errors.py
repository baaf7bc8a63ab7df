"""Errors for responses of GitHub with a status other than 200, and what to do about them.

https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
"""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlsplit

from flow_telemetry.errors import (
    AccessDeniedError,
    AuthenticationError,
    NotFoundError,
    SourceError,
    UnavailableError,
)
from flow_telemetry.github.permissions import parse_accepted
from flow_telemetry.http import payload as read
from flow_telemetry.http.errors import asks_for_credentials
from flow_telemetry.http.response import Response, in_brackets
from flow_telemetry.http.retry import is_rate_limited

# For errors that do not name the missing permission, such as all those of GraphQL.
PERMISSIONS_HINT = "`flow-telemetry check` shows which permissions the token lacks"
_LONGEST_HEADER = 200
# What GitHub says about a missing permission, in lower case. A 403 has many other reasons: a list
# of allowed addresses, single sign-on, a suspended account.
_ABOUT_PERMISSIONS = ("resource not accessible by", "must have")
_GRAPHQL_RATE_LIMITS = ("RATE_LIMITED", "RATE_LIMIT")


def with_status_of_rate_limit(response: Response) -> Response:
    """Return the response to a GraphQL query, with the status 429 if a rate limit refused it.

    GraphQL reports a used up rate limit with the status 200; the headers are those of REST.
    """
    if response.status != 200 or b"RATE_LIMIT" not in response.body:
        return response
    try:
        payload = json.loads(response.body)
    except (ValueError, RecursionError):
        return response
    errors = read.children(payload, "errors") if isinstance(payload, dict) else ()
    limited = any(read.text(error, "type") in _GRAPHQL_RATE_LIMITS for error in errors)
    return replace(response, status=429) if limited else response


def refusal(
    response: Response, what: str, *, has_token: bool, api_url: str, writes: bool = False
) -> SourceError:
    """Return the error for a response to a request for ``what`` to ``api_url``.

    ``writes`` is whether it was to be written.
    """
    status, message = response.status, in_brackets(response)
    if status == 401:
        return AuthenticationError(
            f"GitHub does not accept the token (`github-token`){message}: it is wrong, expired "
            "or of another server"
        )
    if status in (403, 429):
        return _limit_or_denial(response, f"{'write' if writes else 'read'} {what}", message)
    if status == 407:
        return UnavailableError(asks_for_credentials("GitHub", what))
    # A commit that was removed has the status 422: "No commit found for SHA".
    if status in (404, 410, 451) or (status == 422 and "no commit found" in message.lower()):
        hint = "the token cannot see it" if has_token else "it is private: `github-token`"
        host = urlsplit(api_url).hostname or ""
        if host != "api.github.com" and not host.endswith(".ghe.com"):
            # Another server may be wrong, and answers 404 to everything.
            hint += "; check GITHUB_API_URL, too: on GitHub Enterprise Server it ends in /api/v3"
        return NotFoundError(
            f"GitHub knows no {what.removeprefix('the ')}{message}: the number or repository is "
            f"wrong, it was deleted, or {hint}"
        )
    if status in (301, 302, 303, 307, 308):
        how = "to another address, which is not followed" if writes else "without end or target"
        return UnavailableError(f"GitHub redirects {what} {how}")
    verb = "did not write" if writes else "could not give"
    return UnavailableError(f"GitHub {verb} {what}: status {status}{message}")


def stored_elsewhere(status: int, what: str) -> UnavailableError:
    """Return the error for a response of a host that GitHub redirected to, without the token."""
    return UnavailableError(
        f"{what} could not be read from the host that GitHub redirects to: status {status}"
    )


def _limit_or_denial(response: Response, task: str, message: str) -> SourceError:
    if is_rate_limited(response):
        what = task.partition(" ")[2]
        return UnavailableError(f"GitHub refuses {what} because of a rate limit{message}")
    denial = f"the token may not {task}{message}"
    if response.headers.get("x-github-sso"):
        sso = "it is not authorized for single sign-on of this organization"
        return AccessDeniedError(f"{denial}: {sso}")
    if not any(words in message.lower() for words in _ABOUT_PERMISSIONS):
        return AccessDeniedError(denial)
    accepted = response.headers.get("x-accepted-github-permissions", "")[:_LONGEST_HEADER]
    sets = parse_accepted(accepted)
    if not sets:
        return AccessDeniedError(f"{denial}. {PERMISSIONS_HINT}")
    names = " or ".join(" and ".join(f"`{name}`" for name in names) for names in sets)
    text = f"{denial}: add {names} to the `permissions:` of the job, or to those of its GitHub App"
    return AccessDeniedError(text, tuple(name for names in sets for name in names))
