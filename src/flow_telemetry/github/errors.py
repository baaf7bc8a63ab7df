"""What a response other than 200 of GitHub means, and what the user can do about it.

https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from flow_telemetry.errors import (
    AccessDeniedError,
    AuthenticationError,
    NotFoundError,
    SourceError,
    UnavailableError,
)
from flow_telemetry.http.errors import asks_for_credentials

_SHOWN = 200


def refusal(
    status: int,
    headers: Mapping[str, str],
    body: str,
    what: str,
    *,
    has_token: bool,
    api_url: str,
) -> SourceError:
    """Return the error for a response; ``headers`` have lower-case names, ``api_url`` was asked."""
    message = _said(body)
    if status == 401:
        return AuthenticationError(
            f"GitHub does not accept the token (`github-token`){message}: it is wrong, expired "
            "or of another server"
        )
    if status == 403:
        return AccessDeniedError(_denied(headers, what, message))
    if status == 407:
        return UnavailableError(asks_for_credentials("GitHub", what))
    if status in (404, 410, 451):
        hint = "the token cannot see it" if has_token else "it is private: `github-token`"
        return NotFoundError(
            f"GitHub knows no {what.removeprefix('the ')}{message}: the number or repository is "
            f"wrong, it was deleted, or {hint}{_address_hint(api_url)}"
        )
    if status in (301, 302, 303, 307, 308):
        return UnavailableError(f"GitHub redirects {what} without end or target")
    return UnavailableError(f"GitHub could not give {what}: status {status}{message}")


def stored_elsewhere(status: int, what: str) -> UnavailableError:
    """Return the error for a response of the host that GitHub redirected to, which has no token."""
    return UnavailableError(
        f"{what} could not be had from the host that GitHub names for it: status {status}"
    )


def _address_hint(api_url: str) -> str:
    """Any other server than GitHub's own may be a wrong one, and answers 404 to everything."""
    host = urlsplit(api_url).hostname or ""
    if host == "api.github.com" or host.endswith(".ghe.com"):
        return ""
    return "; check GITHUB_API_URL, too: on GitHub Enterprise Server it ends in /api/v3"


def _denied(headers: Mapping[str, str], what: str, message: str) -> str:
    names = _permissions(headers.get("x-accepted-github-permissions", "")[:_SHOWN])
    if headers.get("x-github-sso"):
        return f"the token is not authorized for single sign-on of this organization, for {what}"
    if names:
        return (
            f"the token may not read {what}{message}: add {names} to the `permissions:` of the job"
        )
    return f"the token may not read {what}{message}: check its permissions"


def _permissions(accepted: str) -> str:
    """The permissions that GitHub accepts, as workflows write them, each to be copied by itself.

    Any of what stands between semicolons will do, where it is a list all of that list:
    https://github.blog/changelog/2023-08-10-x-accepted-github-permissions-header-for-fine-grained-permission-actors
    """
    written = accepted.replace("_", "-").replace("=", ": ")
    sets = ([f"`{name.strip()}`" for name in each.split(",")] for each in written.split(";"))
    return " or ".join(" and ".join(names) for names in sets if names != ["``"])


def _said(body: str) -> str:
    """The message of the response, cut and on one line, in brackets."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    message = payload.get("message") if isinstance(payload, dict) else None
    if not isinstance(message, str) or not message:
        return ""
    return f" ({''.join(c if c.isprintable() else ' ' for c in message)[:_SHOWN]})"
