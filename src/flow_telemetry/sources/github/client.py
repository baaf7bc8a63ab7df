"""A thin client of GitHub's API: what to ask is decided elsewhere, here it is asked.

It follows pages to their end, tries again where that helps, stays within the deadline, and turns
every failure into an error that says what to do.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any, TypeVar

import requests

from flow_telemetry.bounded import BoundedAdapter
from flow_telemetry.clock import Clock, Deadline
from flow_telemetry.errors import PayloadError, UnavailableError
from flow_telemetry.interruption import threads
from flow_telemetry.log import Log
from flow_telemetry.settings import GitHubSettings
from flow_telemetry.sources.github.ahead import ReadAhead
from flow_telemetry.sources.github.budget import RequestBudget
from flow_telemetry.sources.github.graphql import GraphqlAnswer, graphql_answer, graphql_url
from flow_telemetry.sources.github.refusals import refusal, stored_elsewhere
from flow_telemetry.sources.retry import MOST_TRIES, backoff, wait_before_retry
from flow_telemetry.sources.unreached import is_worth_another, unreached

Item = TypeVar("Item")
Result = TypeVar("Result")
Other = TypeVar("Other")

_PAGE_SIZE = 100
# GitHub ends its longest lists far before; a server that never ends one is not to be followed.
_MOST_PAGES = 300
_CONCURRENT_REQUESTS = 8
_CONNECT_TIMEOUT_SECONDS = 10.0
# For one request with its whole answer, however slowly that drips.
_REQUEST_TIMEOUT_SECONDS = 30.0
_DOWNLOAD_TIMEOUT_SECONDS = 120.0
_PIECE = 64 * 1024
# GitHub's API asks that every client names the version it was written for.
_API_VERSION = "2022-11-28"
_LAST_PAGE = re.compile(r'[?&]page=([0-9]{1,6})[^>]*>; *rel="last"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of the API: ``headers`` have lower-case names.

    ``elsewhere`` tells that it is a file's, from where the API redirected to.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All the items of a list. ``total`` is what GitHub said there are, None if it did not.

    ``cut`` tells that the list went on where it was no longer followed.
    """

    items: tuple[Any, ...]
    total: int | None
    cut: bool = False

    @property
    def complete(self) -> bool:
        """Whether as many items came as GitHub named."""
        return not self.cut and (self.total is None or len(self.items) >= self.total)


@dataclass(frozen=True, slots=True)
class _Question:
    """One thing to ask: by GET, or by POST where there is a body; ``limit`` bounds a file.

    A file goes ``into`` an open one where that is given, and is read ``until`` a time of its own.
    """

    url: str
    what: str
    query: Mapping[str, str | int] | None = None
    body: Mapping[str, Any] | None = None
    limit: int | None = None
    into: IO[bytes] | None = None
    until: Deadline | None = None

    @property
    def key(self) -> str:
        """What is equal where the same is asked, whatever errors are to name it."""
        return json.dumps((self.url, self.query, self.body), sort_keys=True)


@dataclass(frozen=True, slots=True)
class _Page:
    items: list[Any]
    total: int | None
    more: bool
    last: int


class _TokenAuth(requests.auth.AuthBase):
    """Puts the token on requests to the API only.

    As an `auth` of the session it is not applied again after a redirect, and requests removes the
    header where a redirect leads to another origin.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class GitHubSession(requests.Session):
    """A session that speaks to GitHub's API with the settings' token, each request bounded."""

    def __init__(self, settings: GitHubSettings, deadline: Deadline) -> None:
        """Open nothing yet."""
        super().__init__()
        self._api = (f"{settings.api_url}/", graphql_url(settings.api_url))
        self.auth = _TokenAuth(settings.token)
        self.verify = settings.authorities or True
        self.headers.update(
            {
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": _API_VERSION,
                "User-Agent": "flow-telemetry",
            }
        )
        self._adapter = BoundedAdapter(deadline, connections=_CONCURRENT_REQUESTS)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Keep the token on redirects within the API; a server may store files beside it."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        if not (prepared_request.url or "").startswith(self._api):
            prepared_request.headers.pop("Authorization", None)

    def bound(self, limit: Deadline) -> None:
        """Bound what this thread asks next, the answer's body included."""
        self._adapter.limit = limit


class GitHubClient:
    """Asks GitHub's REST API; counts its requests."""

    def __init__(
        self,
        settings: GitHubSettings,
        *,
        session: GitHubSession,
        clock: Clock,
        deadline: Deadline,
        log: Log,
        budget: RequestBudget | None = None,
    ) -> None:
        """Take the collaborators; nothing is asked yet. ``budget`` bounds what may be asked."""
        self._base = settings.api_url
        self._has_token = bool(settings.token)
        self._session = session
        self._clock = clock
        self._deadline = deadline
        self.log = log
        self._budget = budget
        self._ahead: ReadAhead[Answer] = ReadAhead()
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(_CONCURRENT_REQUESTS)
        self.requests = 0
        # What the last answer said of the requests that are left; empty where there is no limit.
        self.rate_limit: Mapping[str, str] = {}
        # What the server's GraphQL schema was found not to have, so that it is asked for once.
        self.lacking: frozenset[str] = frozenset()

    @property
    def budget_exceeded(self) -> bool:
        """Whether something was not read because a budget of requests was used up."""
        return self._budget is not None and self._budget.exceeded

    def get(self, path: str, what: str, **query: str | int) -> Any:
        """Return the decoded answer to a GET of ``path``.

        ``what`` names the thing in errors.

        Raises:
            SourceError: one of its kinds, see `flow_telemetry.errors`.
            DeadlineExceeded: no time is left.
            BudgetExceeded: no request is left, where a budget bounds them.
        """
        return _decoded(self._ask(_Question(f"{self._base}{path}", what, query=query)), what)

    def query(self, graphql: str, what: str, **variables: Any) -> GraphqlAnswer:
        """Return the answer to a GraphQL query, as far as there is any data.

        Raises:
            SourceError, DeadlineExceeded: as `get`; AccessDeniedError too where GitHub gives
                errors and no data at all.
        """
        body = {"query": graphql, "variables": variables}
        payload = _decoded(self._ask(_Question(graphql_url(self._base), what, body=body)), what)
        return graphql_answer(payload, what)

    def download(self, path: str, what: str, limit: int) -> bytes:
        """Return a file, which GitHub gives by a redirect to where it is stored.

        Args:
            path: where the API names it.
            what: how errors name it.
            limit: how many bytes it may have.

        Raises:
            PayloadError: it is larger.
            SourceError, DeadlineExceeded, BudgetExceeded: as `get`.
        """
        return self._ask_now(_Question(f"{self._base}{path}", what, limit=limit)).body

    def download_into(
        self, file: IO[bytes], path: str, what: str, limit: int, until: Deadline
    ) -> None:
        """Write a file as `download` returns it into an open one, over what is in there.

        ``until`` bounds the time for it, within the client's own deadline.

        Raises:
            PayloadError: it is larger.
            OSError: it cannot be written.
            SourceError, DeadlineExceeded, BudgetExceeded: as `get`.
        """
        url = f"{self._base}{path}"
        self._ask_now(_Question(url, what, limit=limit, into=file, until=until))

    def list_all(self, path: str, key: str | None, what: str, **query: str | int) -> Listing:
        """Return all items of a list, its pages after the first asked for side by side.

        ``key`` names the list in an answer that wraps it; None where the answer is the list.
        """
        first = self._page(path, key, what, query, 1)
        pages = [first]
        if first.more:
            pages += self.side_by_side(
                lambda page: self._page(path, key, what, query, page),
                range(2, min(_MOST_PAGES, first.last) + 1),
            )
        # A list that grew while it was read has pages after these.
        while pages[-1].more and len(pages) < _MOST_PAGES:
            pages.append(self._page(path, key, what, query, len(pages) + 1))
        totals = [page.total for page in pages if page.total is not None]
        return Listing(
            items=tuple(item for page in pages for item in page.items),
            total=max(totals, default=None),
            cut=pages[-1].more,
        )

    def pages(
        self, path: str, key: str | None, what: str, **query: str | int
    ) -> Iterator[list[Any]]:
        """Yield the pages of a list one after another, for who may stop before its end."""
        for number in range(1, _MOST_PAGES + 1):
            page = self._page(path, key, what, query, number)
            yield page.items
            if not page.more:
                return

    def side_by_side(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> list[Result]:
        """Return ``function`` of every item in order, several requests under way at once."""
        todo = list(items)
        if len(todo) < 2:
            return [function(item) for item in todo]
        with threads(min(_CONCURRENT_REQUESTS, len(todo)), "reading") as pool:
            return list(pool.map(function, todo))

    def both(self, one: Callable[[], Result], other: Callable[[], Other]) -> tuple[Result, Other]:
        """Return what two functions return, their requests under way at once."""
        with threads(1, "reading") as pool:
            under_way = pool.submit(other)
            return one(), under_way.result()

    def ahead(self, guess: Callable[[], object]) -> None:
        """Let a function ask in the background for what is likely needed soon.

        Its first requests are made while others are under way; who asks the same later waits for
        their answers. A list's further pages are not kept.
        """
        self._ahead.start(guess)

    def _page(
        self, path: str, key: str | None, what: str, query: Mapping[str, str | int], page: int
    ) -> _Page:
        parameters = {**query, "per_page": _PAGE_SIZE, **({"page": page} if page > 1 else {})}
        answer = self._ask(_Question(f"{self._base}{path}", what, query=parameters))
        payload = _decoded(answer, what)
        items = payload.get(key) if key and isinstance(payload, dict) else payload
        if not isinstance(items, list):
            raise PayloadError(f"GitHub's answer on {what} holds no list; it is damaged")
        total = payload.get("total_count") if isinstance(payload, dict) else None
        total = total if isinstance(total, int) else None
        link = answer.headers.get("link", "")
        return _Page(items, total, 'rel="next"' in link and bool(items), _last_page(link, total))

    def _ask(self, question: _Question) -> Answer:
        return self._ahead.answer(question.key, lambda: self._ask_now(question))

    def _ask_now(self, question: _Question) -> Answer:
        what, within = question.what, question.until or self._deadline
        for tries in range(1, MOST_TRIES + 1):
            within.check(f"reading {what} from GitHub")
            self._keep_pace(question)
            try:
                with self._slots:
                    answer = self._request(question)
            # A redirect to what is no address is a ValueError of its parts.
            except (requests.RequestException, ValueError) as error:
                self._wait_after_break(what, error, tries, within)
                continue
            if answer.status == 200:
                return answer
            self._wait_or_raise(answer, what, tries, within)
        raise UnavailableError(f"GitHub did not answer on {what} in {MOST_TRIES} tries")

    def _keep_pace(self, question: _Question) -> None:
        """Wait where GitHub would refuse so many in a minute; GraphQL has a limit of its own."""
        if self._budget is not None and question.body is None:
            self._deadline.sleep(self._budget.pause(now=self._clock.monotonic()))

    def _request(self, question: _Question) -> Answer:
        if self._budget:
            self._budget.take(question.what, now=self._clock.now().timestamp())
        with self._lock:
            self.requests += 1
        began = self._clock.monotonic()
        most = _REQUEST_TIMEOUT_SECONDS if question.limit is None else _DOWNLOAD_TIMEOUT_SECONDS
        within = question.until or self._deadline
        limit = Deadline.after(self._clock, within.remaining(most))
        self._session.bound(limit)
        # Before the first byte of an answer, the limit is kept by these.
        timeout = (max(0.1, limit.remaining(_CONNECT_TIMEOUT_SECONDS)), max(0.1, limit.remaining()))
        method = "GET" if question.body is None else "POST"
        is_file = question.limit is not None
        # Read here in any case, so that the connection is closed where the body is damaged.
        with self._session.request(
            method,
            question.url,
            params=question.query,
            json=question.body,
            timeout=timeout,
            stream=True,
            # Named, or requests would look for the variables itself.
            verify=self._session.verify,
        ) as response:
            answer = Answer(
                status=response.status_code,
                headers={key.lower(): value for key, value in response.headers.items()},
                body=_body(response, question),
                elsewhere=is_file and not response.url.startswith(f"{self._base}/"),
            )
        if self._budget:
            self._budget.note(answer.headers)
        told = answer.headers.items()
        self.rate_limit = {name: value for name, value in told if name.startswith("x-ratelimit-")}
        left = answer.headers.get("x-ratelimit-remaining", "unlimited")
        taken = self._clock.monotonic() - began
        self.log.debug(
            f"{method} {question.url} {answer.status} in {taken:.2f} s, rate limit left: {left}"
        )
        return answer

    def _wait_after_break(self, what: str, error: Exception, tries: int, within: Deadline) -> None:
        wait = backoff(tries)
        again = tries < MOST_TRIES and is_worth_another(error)
        if not again or wait >= within.remaining():
            server = f"GitHub at {self._base}"
            raise UnavailableError(
                unreached(server, what, error, named_by="GITHUB_API_URL")
            ) from None
        self.log.debug(f"no answer on {what} ({type(error).__name__}), again in {wait:.0f} s")
        self._deadline.sleep(wait)

    def _wait_or_raise(self, answer: Answer, what: str, tries: int, within: Deadline) -> None:
        body = answer.body.decode("utf-8", errors="replace")
        error = (
            stored_elsewhere(answer.status, what)
            if answer.elsewhere
            else refusal(answer.status, answer.headers, body, what, has_token=self._has_token)
        )
        wait = wait_before_retry(
            answer.status, answer.headers, body, tries=tries, now=self._clock.now().timestamp()
        )
        if wait is None:
            raise error
        if wait >= within.remaining():
            raise UnavailableError(
                f"GitHub asks to wait {wait:.0f} s before {what} can be read (rate limit or "
                "overload), which is longer than input timeout allows"
            )
        self.log.info(f"GitHub asks to wait {wait:.0f} s before {what} is read again")
        self._deadline.sleep(wait)


def _body(response: requests.Response, question: _Question) -> bytes:
    """The answer's bytes; of a file no more are read than it may have."""
    if question.limit is None:
        return response.content
    refused = response.status_code != 200
    into = BytesIO() if question.into is None or refused else question.into
    into.seek(0)
    into.truncate()
    size = 0
    for piece in response.iter_content(_PIECE):
        size += len(piece)
        if size > question.limit:
            raise PayloadError(f"{question.what} has more than {question.limit:,} bytes")
        into.write(piece)
    return into.getvalue() if isinstance(into, BytesIO) else b""


def _last_page(link: str, total: int | None) -> int:
    """The number of pages by the list's total, else by the link to the last page; 1 if unknown."""
    if total is not None:
        return -(-total // _PAGE_SIZE)
    found = _LAST_PAGE.search(link)
    return int(found[1]) if found else 1


def _decoded(answer: Answer, what: str) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise PayloadError(
            f"GitHub's answer on {what} is no JSON; check GITHUB_API_URL (on GitHub Enterprise "
            "Server it ends in /api/v3) and whether a proxy answers in its place"
        ) from None
