"""Client of Jira's REST API, and the errors for its responses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import HTTPBasicAuth

from flow_telemetry import identity
from flow_telemetry.clock import Deadline
from flow_telemetry.errors import (
    AccessDeniedError,
    AuthenticationError,
    NotFoundError,
    PayloadError,
    SourceError,
    UnavailableError,
)
from flow_telemetry.http.cache import RequestKey, ResponseCache
from flow_telemetry.http.errors import Server, UnreachedError, asks_for_credentials
from flow_telemetry.http.payload import PaginatedList
from flow_telemetry.http.response import Response, in_brackets
from flow_telemetry.http.retry import RetryingClient
from flow_telemetry.http.session import BoundedSession, Query, Request, TokenAuth, send_request
from flow_telemetry.logging import Log
from flow_telemetry.settings.model import JiraSettings
from flow_telemetry.text import one_line


class JiraSession(BoundedSession):
    """A session that sends the settings' credentials to Jira."""

    def __init__(self, settings: JiraSettings, deadline: Deadline) -> None:
        """Open no connection yet."""
        super().__init__(deadline)
        self.auth = TokenAuth(settings.token)
        if settings.email and settings.token:
            self.auth = HTTPBasicAuth(settings.email.encode(), settings.token.encode())
        self.verify = settings.authorities or True
        self.headers.update({"Accept": "application/json", "User-Agent": "flow-telemetry"})
        # Names of types, statuses and resolutions must not depend on the account's language.
        self.headers.update({"Accept-Language": "en", "X-Force-Accept-Language": "true"})

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None, so that no redirect is followed, not even an invalid one."""


# Errors for responses other than 200, with advice.
#
# https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/#status-codes

_SHOWN = 200
_CREDENTIALS = "`jira-email` and `jira-token`"


def not_signed_in(headers: Mapping[str, str], what: str) -> AuthenticationError | None:
    """Return the error for a response of any status to an unknown user; else None.

    Jira Cloud treats an expired token like a missing one: a search then finds nothing, and an issue
    does not exist. Only this header shows it.
    """
    reason = headers.get("x-seraph-loginreason", "")
    if "AUTHENTICATION_DENIED" in reason:
        return AuthenticationError(
            f"Jira requires a CAPTCHA before {what} can be read, after too many failed logins: log "
            "in once with a browser as the owner of the token"
        )
    return _rejected("") if "AUTHENTICATED_FAILED" in reason else None


def refusal(response: Response, what: str, *, has_token: bool) -> SourceError:
    """Return the error for a response to a request for ``what``."""
    status, message = response.status, in_brackets(response)
    if status == 401:
        anonymous = f"Jira shows {what} only after a login: set {_CREDENTIALS}"
        return _rejected(message) if has_token else AuthenticationError(anonymous)
    if status == 403:
        return AccessDeniedError(
            f"the Jira account may not read {what}{message}: give it the permission Browse "
            "projects there, and the token the scope to read issues"
        )
    if status == 407:
        return UnavailableError(asks_for_credentials("Jira", what))
    if status in (400, 404, 410):
        hint = "the account cannot see it" if has_token else "it is private: set `jira-token`"
        return NotFoundError(
            f"Jira knows no {what.removeprefix('the ')}{message}: the key or `jira-url` is "
            f"wrong, it was deleted or archived, or {hint}"
        )
    if 300 <= status < 400:
        return _redirected(response.headers.get("location", ""), what)
    return UnavailableError(f"Jira could not give {what}: status {status}{message}")


def no_json(body: bytes, what: str) -> PayloadError:
    """Return the error for a response of status 200 without JSON."""
    is_page = body.lstrip()[:1] == b"<"
    kind = "a web page, such as a login form," if is_page else "something other than JSON"
    return PayloadError(
        f"Jira returned {kind} for {what}. Check `jira-url`, which is the address before /browse/ "
        "in a browser. A login page or a proxy may have answered instead of Jira"
    )


def _rejected(message: str) -> AuthenticationError:
    return AuthenticationError(
        f"Jira does not accept the credentials ({_CREDENTIALS}){message}: the token is wrong, "
        "expired or of another account or site. A personal access token of Data Center is used "
        "without `jira-email`"
    )


def _redirected(location: str, what: str) -> UnavailableError:
    """Only the origin of the target is shown: the rest may contain a session."""
    try:
        parts = urlsplit(location)
        target = f"{parts.scheme}://{parts.hostname}" if parts.hostname else "another page"
    except ValueError:
        target = "another page"
    return UnavailableError(
        f"Jira redirects {what} to {one_line(target, _SHOWN)}, which must not get the token: set "
        "`jira-url` to the final address (https, not a login or short link)"
    )


# The client: follows pages, retries, stays within the deadline, and raises errors with advice.

_PAGE_SIZE = 100
# 30,000 items; this limit is for a server whose list never ends.
MOST_PAGES = 300


class JiraClient:
    """A client of Jira's REST API; ``requests`` is the number of requests that it sent."""

    def __init__(
        self,
        settings: JiraSettings,
        *,
        session: JiraSession,
        deadline: Deadline,
        log: Log,
    ) -> None:
        """Send nothing yet."""
        self._base = settings.url.rstrip("/")
        # The host without credentials before an `@`.
        self._host = identity.host_of(self._base)
        place = f"Jira at {self._host}"
        self._http = RetryingClient(Server(name="Jira", place=place, setting="`jira-url`"), log)
        self._token = settings.token
        self._session = session
        self._deadline = deadline
        self._log = log
        self._cache = ResponseCache()
        self._lasting_error: SourceError | None = None
        self.requests = 0

    def get(self, path: str, what: str, **query: str | int) -> Any:
        """Return the decoded response to a GET of ``path``, which begins with a slash.

        ``what`` is the name of the thing in errors.

        Raises:
            SourceError: one of its kinds, see `flow_telemetry.errors`. If Jira does not accept the
                token or cannot be reached, every further call raises the same error at once: Data
                Center locks accounts after some failed logins.
            DeadlineExceeded: no time is left.
        """
        if self._lasting_error is not None:
            raise copy(self._lasting_error)
        key = RequestKey((path, tuple(sorted(query.items()))))
        response = self._cache.get(key, lambda: self._send(path, what, query))
        try:
            return json.loads(response.body)
        except (ValueError, RecursionError):
            self._cache.forget(key)
            raise no_json(response.body, what) from None

    def fill(self, path: str, payload: Any, **query: str | int) -> None:
        """Keep a decoded response that a search contains, in place of that to a `get`."""
        key = RequestKey((path, tuple(sorted(query.items()))))
        body = json.dumps(payload).encode()
        response = Response(status=200, url=f"{self._base}{path}", body=body)
        self._cache.fill([key], lambda: [(key, response)])

    def fill_list(self, path: str, key: str, items: Sequence[Any]) -> None:
        """Keep all items of a list, in place of the response to `list_by_position`."""
        page = {key: items, "total": len(items), "isLast": True}
        self.fill(path, page, startAt=0, maxResults=_PAGE_SIZE)

    def list_by_position(
        self, path: str, key: str, what: str, most_pages: int = MOST_PAGES, **query: str | int
    ) -> PaginatedList[Any]:
        """Return all items of a list that is paged by ``startAt``; ``key`` is its field.

        After ``most_pages`` of 100 items, the list is incomplete.

        Raises:
            SourceError, DeadlineExceeded: as `get`.
        """
        items: list[Any] = []
        for _ in range(most_pages):
            at = {"startAt": len(items), "maxResults": _PAGE_SIZE}
            page = self.get(path, what, **query, **at)
            page_items = _items(page, key, what)
            items += page_items
            total = page.get("total")
            # Servers may return fewer items than requested, so a short page is not the last.
            complete = page.get("isLast") is True or (
                isinstance(total, int) and len(items) >= total
            )
            if complete or not page_items:
                return PaginatedList(
                    items=tuple(items), complete=complete or not isinstance(total, int)
                )
        return PaginatedList(items=tuple(items), complete=False)

    def list_by_token(
        self, path: str, key: str, what: str, most_pages: int = MOST_PAGES, **query: str | int
    ) -> PaginatedList[Any]:
        """Return all items of a list that is paged by ``nextPageToken``; ``key`` is its field.

        After ``most_pages`` of 100 items, the list is incomplete.

        Raises:
            SourceError, DeadlineExceeded: as `get`.
        """
        items: list[Any] = []
        seen: set[str] = set()
        at: dict[str, str] = {}
        for _ in range(most_pages):
            page = self.get(path, what, **query, maxResults=_PAGE_SIZE, **at)
            items += _items(page, key, what)
            token = page.get("nextPageToken")
            if not isinstance(token, str) or not token or page.get("isLast") is True:
                return PaginatedList(items=tuple(items), complete=True)
            if token in seen:
                break
            seen.add(token)
            at = {"nextPageToken": token}
        return PaginatedList(items=tuple(items), complete=False)

    def _send(self, path: str, what: str, query: Query) -> Response:
        # Half of the time stays for other requests and the export if Jira hangs.
        within = self._deadline.share(0.5)
        try:
            return self._http.send(
                what,
                lambda: self._send_once(path, what, query, within),
                to_error=lambda response: self._build_error(response, what),
                deadline=self._deadline,
                within=within,
            )
        except (AuthenticationError, UnreachedError) as error:
            # A copy has no traceback, whose frames hold this object and the connection.
            self._lasting_error = copy(error)
            raise

    def _send_once(self, path: str, what: str, query: Query, within: Deadline) -> Response:
        self.requests += 1
        response = send_request(self._session, Request(f"{self._base}{path}", query), within)
        self._log.debug(f"GET {self._host}{path} {response.status} in {response.seconds:.2f} s")
        error = not_signed_in(response.headers, what) if self._token else None
        if error is not None:
            raise error
        return response

    def _build_error(self, response: Response, what: str) -> SourceError:
        if self._token:
            redacted = response.text.replace(self._token, "***")
            response = replace(response, body=redacted.encode())
        return refusal(response, what, has_token=bool(self._token))


def _items(page: Any, key: str, what: str) -> list[Any]:
    items = page.get(key) if isinstance(page, dict) else None
    if not isinstance(items, list):
        raise PayloadError(f"Jira returned {what} without a list `{key}`: it is damaged")
    return items
