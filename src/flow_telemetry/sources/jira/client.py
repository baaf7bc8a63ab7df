"""A thin client of Jira's REST API: what to ask is decided elsewhere, here it is asked.

It follows pages to their end, tries again where that helps, stays within the deadline, and turns
every failure into an error that says what to do. The token goes to Jira's own origin only: no
redirect is followed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from flow_telemetry import identity
from flow_telemetry.bounded import BoundedAdapter
from flow_telemetry.clock import Clock, Deadline
from flow_telemetry.errors import AuthenticationError, PayloadError, SourceError, UnavailableError
from flow_telemetry.log import Log
from flow_telemetry.settings.jira import JiraSettings
from flow_telemetry.sources.jira.refusals import no_json, not_signed_in, refusal
from flow_telemetry.sources.retry import MOST_TRIES, backoff, wait_before_retry
from flow_telemetry.sources.unreached import is_worth_another, unreached

_PAGE_SIZE = 100
# 30,000 items; a server that never ends a list is not to be followed.
_MOST_PAGES = 300
_CONNECT_TIMEOUT_SECONDS = 10.0
# For one request with its whole answer, however slowly that drips.
_REQUEST_TIMEOUT_SECONDS = 30.0

Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API: ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Listing:
    """The items of a list, and whether it was read to its end."""

    items: tuple[Any, ...]
    complete: bool


class _TokenAuth(AuthBase):
    """A personal access token; nothing where there is none, not even what a ``.netrc`` says."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            # Headers are Latin-1; a character beyond it must be Jira's to refuse.
            request.headers["Authorization"] = f"Bearer {self._token}".encode().decode("latin-1")
        return request


class JiraSession(requests.Session):
    """A session that speaks to Jira with the settings' token, each request bounded."""

    def __init__(self, settings: JiraSettings, deadline: Deadline) -> None:
        """Open nothing yet."""
        super().__init__()
        self.auth = _TokenAuth(settings.token)
        if settings.email and settings.token:
            self.auth = HTTPBasicAuth(settings.email.encode(), settings.token.encode())
        self.verify = settings.authorities or True
        self.headers.update({"Accept": "application/json", "User-Agent": "flow-telemetry"})
        self._adapter = BoundedAdapter(deadline)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return nothing: no redirect is followed, so none is looked at, broken ones included."""

    def bound(self, limit: Deadline) -> None:
        """Bound what this thread asks next, the answer's body included."""
        self._adapter.limit = limit


class JiraClient:
    """Asks Jira's REST API; counts its requests."""

    def __init__(
        self,
        settings: JiraSettings,
        *,
        session: JiraSession,
        clock: Clock,
        deadline: Deadline,
        log: Log,
    ) -> None:
        """Take the collaborators; nothing is asked yet."""
        self._base = settings.url.rstrip("/")
        self._token = settings.token
        self._session = session
        self._clock = clock
        self._deadline = deadline
        self._log = log
        self._given_up: SourceError | None = None
        self.requests = 0

    def get(self, path: str, what: str, **query: str | int) -> Any:
        """Return the decoded answer to a GET of ``path``, which begins with a slash.

        ``what`` names the thing in errors.

        Raises:
            SourceError: one of its kinds, see `flow_telemetry.errors`. Where Jira does not accept
                the token or cannot be reached at all, every further call raises the same at once:
                Data Center locks accounts after some failed logins.
            DeadlineExceeded: no time is left.
        """
        if self._given_up is not None:
            raise self._given_up
        return self._decoded(self._ask(path, what, query), what)

    def list_by_position(self, path: str, key: str, what: str, **query: str | int) -> Listing:
        """Return all items of a list that is paged by ``startAt``; ``key`` holds them.

        Raises:
            SourceError, DeadlineExceeded: as `get`.
        """
        items: list[Any] = []
        for _ in range(_MOST_PAGES):
            at = {"startAt": len(items), "maxResults": _PAGE_SIZE}
            page = self.get(path, what, **query, **at)
            found = _items(page, key, what)
            items += found
            total = page.get("total")
            # Servers give fewer items a page than asked for, so a short page is not the last.
            over = page.get("isLast") is True or (isinstance(total, int) and len(items) >= total)
            if over or not found:
                return Listing(tuple(items), complete=over or not isinstance(total, int))
        return Listing(tuple(items), complete=False)

    def list_by_token(self, path: str, key: str, what: str, **query: str | int) -> Listing:
        """Return all items of a list that is paged by ``nextPageToken``; ``key`` holds them.

        Raises:
            SourceError, DeadlineExceeded: as `get`.
        """
        items: list[Any] = []
        seen: set[str] = set()
        at: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            page = self.get(path, what, **query, maxResults=_PAGE_SIZE, **at)
            items += _items(page, key, what)
            token = page.get("nextPageToken")
            if not isinstance(token, str) or not token or page.get("isLast") is True:
                return Listing(tuple(items), complete=True)
            if token in seen:
                break
            seen.add(token)
            at = {"nextPageToken": token}
        return Listing(tuple(items), complete=False)

    def _ask(self, path: str, what: str, query: Query) -> Answer:
        # A Jira that hangs is to leave time for what else is to be read and sent.
        within = Deadline.after(self._clock, self._deadline.remaining() / 2, self._deadline.cut)
        for tries in range(1, MOST_TRIES + 1):
            self._deadline.check(f"reading {what} from Jira")
            try:
                answer = self._request(path, query, within)
            except requests.RequestException as error:
                self._wait_after_break(what, error, tries, within)
                continue
            stranger = not_signed_in(answer.headers, what) if self._token else None
            if stranger is not None:
                self._given_up = stranger
                raise stranger
            if answer.status == 200:
                return answer
            self._wait_or_raise(answer, what, tries, within)
        raise UnavailableError(f"Jira did not answer on {what} in {MOST_TRIES} tries")

    def _request(self, path: str, query: Query, within: Deadline) -> Answer:
        self.requests += 1
        began = self._clock.monotonic()
        limit = Deadline.after(self._clock, within.remaining(_REQUEST_TIMEOUT_SECONDS))
        self._session.bound(limit)
        # Before the first byte of an answer, the limit is kept by these.
        timeout = (max(0.1, limit.remaining(_CONNECT_TIMEOUT_SECONDS)), max(0.1, limit.remaining()))
        url = f"{self._base}{path}"
        # Read here, so that the connection is closed where the body is damaged.
        verify = self._session.verify  # Named, or requests would look for the variables itself.
        with self._session.get(
            url, params=query, timeout=timeout, stream=True, verify=verify
        ) as response:
            answer = Answer(
                status=response.status_code,
                headers={key.lower(): value for key, value in response.headers.items()},
                body=response.content,
            )
        taken = self._clock.monotonic() - began
        self._log.debug(f"GET {self._host}{path} {answer.status} in {taken:.2f} s")
        return answer

    @property
    def _host(self) -> str:
        """The site without what may stand before an `@`."""
        return identity.host_of(self._base)

    def _wait_after_break(self, what: str, error: Exception, tries: int, within: Deadline) -> None:
        wait = backoff(tries)
        again = tries < MOST_TRIES and is_worth_another(error)
        if not again or wait >= within.remaining():
            server = f"Jira at {self._host}"
            self._given_up = UnavailableError(
                unreached(server, what, error, named_by="input jira-url")
            )
            raise self._given_up from None
        self._log.debug(f"no answer on {what} ({type(error).__name__}), again in {wait:.0f} s")
        self._deadline.sleep(wait)

    def _wait_or_raise(self, answer: Answer, what: str, tries: int, within: Deadline) -> None:
        body = answer.body.decode("utf-8", errors="replace")
        if self._token:
            body = body.replace(self._token, "***")
        error = refusal(answer.status, answer.headers, body, what, has_token=bool(self._token))
        if isinstance(error, AuthenticationError):
            self._given_up = error
        wait = wait_before_retry(
            answer.status, answer.headers, body, tries=tries, now=self._clock.now().timestamp()
        )
        if wait is None:
            raise error
        if wait >= within.remaining():
            raise UnavailableError(
                f"Jira asks to wait {wait:.0f} s before {what} can be read (rate limit or "
                "overload), which is longer than input timeout allows"
            )
        self._log.info(f"Jira asks to wait {wait:.0f} s before {what} is read again")
        self._deadline.sleep(wait)

    @staticmethod
    def _decoded(answer: Answer, what: str) -> Any:
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise no_json(answer.body, what) from None


def _items(page: Any, key: str, what: str) -> list[Any]:
    items = page.get(key) if isinstance(page, dict) else None
    if not isinstance(items, list):
        raise PayloadError(f"Jira's answer on {what} holds no list `{key}`; it is damaged")
    return items
