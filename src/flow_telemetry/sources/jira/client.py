"""A thin client of Jira's REST API: what to ask is decided elsewhere, here it is asked.

It follows pages to their end, tries again where that helps, stays within the deadline, and turns
every failure into an error that says what to do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flow_telemetry import identity
from flow_telemetry.clock import Clock, Deadline
from flow_telemetry.errors import AuthenticationError, PayloadError, SourceError
from flow_telemetry.log import Log
from flow_telemetry.settings.jira import JiraSettings
from flow_telemetry.sources.asking import Asking, Server
from flow_telemetry.sources.exchange import Answer, Query, Request, exchange
from flow_telemetry.sources.jira.refusals import no_json, not_signed_in, refusal
from flow_telemetry.sources.jira.session import JiraSession
from flow_telemetry.sources.unreached import UnreachedError

_PAGE_SIZE = 100
# 30,000 items; a server that never ends a list is not to be followed.
_MOST_PAGES = 300


@dataclass(frozen=True, slots=True)
class Listing:
    """The items of a list, and whether it was read to its end."""

    items: tuple[Any, ...]
    complete: bool


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
        # The site without what may stand before an `@`.
        self._host = identity.host_of(self._base)
        place = f"Jira at {self._host}"
        self._asking = Asking(Server(name="Jira", place=place, named_by="input jira-url"), log)
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
        try:
            return self._asking.ask(
                what,
                lambda: self._once(path, what, query, within),
                refusal=lambda answer: self._refusal(answer, what),
                deadline=self._deadline,
                within=within,
            )
        except (AuthenticationError, UnreachedError) as error:
            self._given_up = error
            raise

    def _once(self, path: str, what: str, query: Query, within: Deadline) -> Answer:
        self.requests += 1
        answer = exchange(self._session, Request(f"{self._base}{path}", query), within)
        self._log.debug(f"GET {self._host}{path} {answer.status} in {answer.seconds:.2f} s")
        stranger = not_signed_in(answer.headers, what) if self._token else None
        if stranger is not None:
            raise stranger
        return answer

    def _refusal(self, answer: Answer, what: str) -> SourceError:
        body = answer.text.replace(self._token, "***") if self._token else answer.text
        return refusal(answer.status, answer.headers, body, what, has_token=bool(self._token))

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
