"""Errors for responses of GitHub with a status other than 200, and what to do about them.

https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
"""

from __future__ import annotations

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
from flow_telemetry.http.response import Response, in_brackets

_LONGEST_HEADER = 200


def refusal(response: Response, what: str, *, has_token: bool, api_url: str) -> SourceError:
    """Return the error for a response to a request for ``what`` to ``api_url``."""
    status, message = response.status, in_brackets(response)
    if status == 401:
        return AuthenticationError(
            f"GitHub does not accept the token (`github-token`){message}: it is wrong, expired "
            "or of another server"
        )
    if status == 403:
        return AccessDeniedError(_explain_denial(response.headers, what, message))
    if status == 407:
        return UnavailableError(asks_for_credentials("GitHub", what))
    if status in (404, 410, 451):
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
        return UnavailableError(f"GitHub redirects {what} without end or target")
    return UnavailableError(f"GitHub could not give {what}: status {status}{message}")


def stored_elsewhere(status: int, what: str) -> UnavailableError:
    """Return the error for a response of a host that GitHub redirected to, without the token."""
    return UnavailableError(
        f"{what} could not be read from the host that GitHub redirects to: status {status}"
    )


def _explain_denial(headers: Mapping[str, str], what: str, message: str) -> str:
    if headers.get("x-github-sso"):
        return f"the token is not authorized for single sign-on of this organization, for {what}"
    accepted = headers.get("x-accepted-github-permissions", "")[:_LONGEST_HEADER]
    if names := _format_permissions(accepted):
        return (
            f"the token may not read {what}{message}: add {names} to the `permissions:` of the job"
        )
    return f"the token may not read {what}{message}: check its permissions"


def _format_permissions(accepted: str) -> str:
    """Return the permissions that GitHub accepts, in the syntax of workflows, to be copied.

    Semicolons separate alternatives; a list between semicolons is needed as a whole:
    https://github.blog/changelog/2023-08-10-x-accepted-github-permissions-header-for-fine-grained-permission-actors
    """
    alternatives = accepted.replace("_", "-").replace("=", ": ").split(";")
    sets = ([f"`{name.strip()}`" for name in names.split(",")] for names in alternatives)
    return " or ".join(" and ".join(names) for names in sets if names != ["``"])
