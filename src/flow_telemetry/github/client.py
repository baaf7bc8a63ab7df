"""REST and GraphQL client: pages, budget, read-ahead."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any, Generic, TypeVar

import requests

from flow_telemetry.clock import Clock, Deadline, thread_pool
from flow_telemetry.errors import (
    AccessDeniedError,
    BudgetExceeded,
    PayloadError,
    SourceError,
    UnavailableError,
)
from flow_telemetry.github.errors import refusal, stored_elsewhere
from flow_telemetry.http import payload as read
from flow_telemetry.http.errors import Server
from flow_telemetry.http.payload import PaginatedList, Payload
from flow_telemetry.http.response import Response
from flow_telemetry.http.retry import RetryingClient, wait_before_retry
from flow_telemetry.http.session import BoundedSession, Query, Request, TokenAuth, send_request
from flow_telemetry.logging import Log
from flow_telemetry.settings import GitHubSettings

# What is particular to GitHub's GraphQL API: its address, and answers that hold errors.
#
# https://docs.github.com/en/graphql/guides/forming-calls-with-graphql

_ENTERPRISE_REST = "/api/v3"
_SHOWN = 200


def graphql_url(api_url: str) -> str:
    """Return the address of the GraphQL API beside a REST API.

    It is derived and not read from GITHUB_GRAPHQL_URL, so that a token goes to one server only.
    """
    if api_url.endswith(_ENTERPRISE_REST):
        return api_url.removesuffix("/v3") + "/graphql"
    return f"{api_url}/graphql"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphqlResponse:
    """The data of a response, and what the errors beside it say: those left nulls in the data.

    ``denied`` tells that the token may not read a part of it.
    """

    data: Payload
    errors: tuple[str, ...] = ()
    denied: bool = False


class OlderSchemaError(UnavailableError):
    """The server's schema lacks something that the query names: an older Enterprise Server.

    ``names`` are fields (`Issue.parent`), types (`BlockedByAddedEvent`) and arguments
    (`stateReason(enableDuplicate)`).
    """

    def __init__(self, text: str, names: frozenset[str]) -> None:
        super().__init__(text)
        self.names = names


def parse_graphql_response(payload: Any, what: str) -> GraphqlResponse:
    """Return what a response holds, used as far as it goes.

    Raises:
        SourceError: there is no data.
    """
    if not isinstance(payload, dict):
        raise PayloadError(f"GitHub's answer on {what} is no object; it is damaged")
    data = payload.get("data")
    if isinstance(data, dict):
        errors = list(read.children(payload, "errors"))
        return GraphqlResponse(
            data=data,
            errors=tuple(dict.fromkeys(_message(each) for each in errors)),
            denied=any(_is_denied(each) for each in errors),
        )
    raise _error(payload, what)


def _error(payload: Payload, what: str) -> SourceError:
    first = next(read.children(payload, "errors"), {})
    message = f" ({_message(first)})" if first else ""
    lacking = frozenset(filter(None, map(_lacking, read.children(payload, "errors"))))
    if lacking:
        return OlderSchemaError(f"this GitHub server is too old to give {what}{message}", lacking)
    if _is_denied(first):
        return AccessDeniedError(f"the token may not read {what}{message}: check its permissions")
    return UnavailableError(f"GitHub could not give {what}{message}")


def _is_denied(error: Payload) -> bool:
    return read.text(error, "type") in ("FORBIDDEN", "INSUFFICIENT_SCOPES")


def _lacking(error: Payload) -> str | None:
    """What the schema lacks by an error of GitHub's GraphQL library; None for other errors."""
    extensions = read.child(error, "extensions")
    code, type_name = read.text(extensions, "code"), read.text(extensions, "typeName")
    if code == "undefinedField":
        return f"{type_name}.{read.text(extensions, 'fieldName')}"
    if code == "argumentNotAccepted":
        return f"{read.text(extensions, 'name')}({read.text(extensions, 'argumentName')})"
    return type_name if code == "undefinedType" else None


def _message(error: Payload) -> str:
    message = read.text(error, "message") or "an error without a message"
    return "".join(c if c.isprintable() else " " for c in message)[:_SHOWN]


# The session with GitHub's API: its headers, and where the token may go.

CONCURRENT_REQUESTS = 8
# GitHub's API asks that every client names the version it was written for.
_API_VERSION = "2022-11-28"


class GitHubSession(BoundedSession):
    """A session that sends the settings' token to GitHub's API."""

    def __init__(
        self,
        settings: GitHubSettings,
        deadline: Deadline,
        *,
        meanwhile: Callable[[], object] | None = None,
    ) -> None:
        """Open nothing yet. ``meanwhile`` is called once, by the first request."""
        super().__init__(deadline, connections=CONCURRENT_REQUESTS)
        self._meanwhile = meanwhile
        self._first_request = threading.Lock()
        self._api = (f"{settings.api_url}/", graphql_url(settings.api_url))
        self.auth = TokenAuth(settings.token)
        self.verify = settings.authorities or True
        self.headers.update(
            {
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": _API_VERSION,
                "User-Agent": "flow-telemetry",
            }
        )

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request; what the first one starts has the time of its response."""
        if self._first_request.acquire(blocking=False) and self._meanwhile is not None:
            self._meanwhile()
        return super().send(request, **options)

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Keep the token on redirects within the API; a server may store files beside it."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        if not (prepared_request.url or "").startswith(self._api):
            prepared_request.headers.pop("Authorization", None)


# GitHub's lists, out of the pages they come in.

PAGE_SIZE = 100
# GitHub ends its longest lists far before; a server that never ends one is not to be followed.
MOST_PAGES = 300
_LAST_PAGE = re.compile(r'[?&]page=([0-9]{1,6})[^>]*>; *rel="last"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a list: ``more`` tells that another follows, ``last`` the number of pages."""

    items: list[Any]
    total: int | None
    more: bool
    last: int


def parse_page(payload: Any, link: str, key: str | None, what: str) -> Page:
    """Return what a response holds of a list.

    ``link`` is its header with the pages around it; ``key`` names the list in a response that wraps
    it, None where the response is the list.

    Raises:
        PayloadError: it holds no list.
    """
    items = payload.get(key) if key and isinstance(payload, dict) else payload
    if not isinstance(items, list):
        raise PayloadError(f"GitHub's answer on {what} holds no list; it is damaged")
    total = payload.get("total_count") if isinstance(payload, dict) else None
    total = total if isinstance(total, int) else None
    more = 'rel="next"' in link and bool(items)
    return Page(items=items, total=total, more=more, last=_last_page(link, total))


def join_pages(pages: Sequence[Page]) -> PaginatedList[Any]:
    """Return the list whose pages, at least one, these are in order."""
    totals = [page.total for page in pages if page.total is not None]
    items = tuple(item for page in pages for item in page.items)
    total = max(totals, default=None)
    complete = not pages[-1].more and (total is None or len(items) >= total)
    return PaginatedList(items=items, total=total, complete=complete)


def _last_page(link: str, total: int | None) -> int:
    """The number of pages by the list's total, else by the link to the last page; 1 if unknown."""
    if total is not None:
        return -(-total // PAGE_SIZE)
    match = _LAST_PAGE.search(link)
    return int(match[1]) if match else 1


# Responses that are asked for before they are needed, on a guess of what will be.
#
# Who needs one later asks as if there had been no guess: so a guess saves a wait and decides
# nothing, and a wrong one costs a request.

Prefetched = TypeVar("Prefetched")


class ReadAhead(Generic[Prefetched]):
    """Keeps the responses to what is asked in the background, each until somebody needs it."""

    def __init__(self) -> None:
        """Ask nothing yet."""
        self._lock = threading.Lock()
        self._kept: dict[Hashable, Future[Prefetched]] = {}
        self._in_background = threading.local()

    def start(self, guess: Callable[[], object]) -> None:
        """Run a function that asks, in a thread of its own; what comes of it is kept.

        What it raises is raised where the same is asked again, if that ever is.
        """
        threading.Thread(target=self._run, args=(guess,), name="read-ahead", daemon=True).start()

    def get(self, question: Hashable, ask: Callable[[], Prefetched]) -> Prefetched:
        """Return what was or is being asked ahead, once; else ask now."""
        if getattr(self._in_background, "yes", False):
            return self._ask_ahead(question, ask)
        with self._lock:
            kept = self._kept.pop(question, None)
        return ask() if kept is None else kept.result()

    def _run(self, guess: Callable[[], object]) -> None:
        self._in_background.yes = True
        with suppress(Exception):  # It is kept with the response; a thread tells nobody.
            guess()

    def _ask_ahead(self, question: Hashable, ask: Callable[[], Prefetched]) -> Prefetched:
        with self._lock:
            known = self._kept.get(question)
            future: Future[Prefetched] = known or Future()
            self._kept[question] = future
        if known is not None:
            return known.result()
        try:
            future.set_result(ask())
        except BaseException as error:
            future.set_exception(error)
            raise
        return future.result()


# How much may be asked of GitHub: a number of requests, and never the last of the rate limit.
#
# It ends as well where GitHub refuses what is asked, for longer than there is time to wait.
#
# The rate limit of a token is shared (that of GITHUB_TOKEN by all workflows of a repository), so
# what reads much stops before others are refused. https://docs.github.com/en/rest/using-the-rest-
# api

# What is left to everybody else, enough for dozens of exports of single runs; of a small limit it
# is a tenth.
RESERVED_RATE_LIMIT = 100
# Of the REST API GitHub takes 900 such requests a minute, whatever the limit of the hour is.
MOST_A_MINUTE = 800
_MINUTE = 60.0


class RequestBudget:
    """Counts down from ``most`` requests; None: only the rate limit bounds them."""

    def __init__(self, most: int | None = None, *, reserve: int = RESERVED_RATE_LIMIT) -> None:
        """Take both bounds: ``reserve`` is how much of the rate limit stays untouched.

        ``ended`` says why a request was not made, or not answered, and is empty before that.
        """
        self.most = most
        self._reserve = reserve
        self._taken = 0
        self.ended = ""
        # Until when (Unix seconds) no more may be asked, by GitHub's kind of limit.
        self._low_until: dict[str, float] = {}
        # The same by GitHub's own word, and the word.
        self._refused_until, self._refused = 0.0, ""
        self._lock = threading.Lock()
        self._begins: deque[float] = deque(maxlen=MOST_A_MINUTE)
        self._limited = False

    @property
    def left(self) -> int | None:
        """How many requests are left; None where their number is not bounded."""
        return None if self.most is None else max(0, self.most - self._taken)

    def take(self, what: str, *, now: float) -> None:
        """Count a request for ``what``; ``now`` is in Unix seconds.

        Raises:
            BudgetExceeded: it may not be made.
        """
        with self._lock:
            why = self._why_not(now)
            if why:
                self.ended = why
                raise BudgetExceeded(f"{what} was not read: {why}")
            self._taken += 1

    def refuse(self, what: str, why: str, *, until: float = float("inf")) -> BudgetExceeded:
        """Allow no more before ``until`` (Unix seconds), and return the error for ``what``."""
        with self._lock:
            self._refused_until, self._refused = until, why
            self.ended = why
        return BudgetExceeded(f"{what} was not read: {why}")

    def pause(self, *, now: float) -> float:
        """Return how many seconds to wait, so that no minute holds more than GitHub takes.

        ``now`` is in seconds of any clock that never goes back. A server that tells of no limits
        is never waited for.
        """
        with self._lock:
            full = self._limited and len(self._begins) == MOST_A_MINUTE
            wait = max(0.0, self._begins[0] + _MINUTE - now) if full else 0.0
            self._begins.append(now + wait)
            return wait

    def note(self, headers: Mapping[str, str]) -> None:
        """Learn from a response's headers (lower-case names) how much is left of the rate limit."""
        left, limit, reset = (_number(headers, name) for name in ("remaining", "limit", "reset"))
        if left is None or limit is None or reset is None:
            return
        # Without a token all of the limit is smaller than the reserve.
        low = left < min(self._reserve, max(1, limit // 10))
        with self._lock:
            self._limited = True
            kind = headers.get("x-ratelimit-resource", "core")
            self._low_until[kind] = float(reset) if low else 0.0

    def _why_not(self, now: float) -> str:
        if self.left == 0:
            return f"all {self.most} requests to GitHub that `max-requests` allows are used up"
        if now < self._refused_until:
            return self._refused
        if any(now < until for until in self._low_until.values()):
            return (
                "the rate limit of the token is nearly used up, and what is left of it is for "
                "others (try again in an hour, or with another token)"
            )
        return ""


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(f"x-ratelimit-{name}", "")
    return int(text[:12]) if text.isascii() and text.isdigit() else None


# Files that GitHub gives by a redirect to where they are stored.


_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file of at most ``limit`` bytes, read ``until`` then; ``what`` is how errors name it.

    It goes ``into`` an open one where that is given.
    """

    what: str
    limit: int
    until: Deadline
    into: IO[bytes] | None = None

    def read(self, response: requests.Response) -> bytes:
        """Return the bytes of a response; none where they went into the open file.

        Raises:
            PayloadError: there are more than may be; no more are read.
            OSError: the open file cannot be written.
        """
        refused = response.status_code != 200
        into = BytesIO() if self.into is None or refused else self.into
        into.seek(0)
        into.truncate()
        size = 0
        for piece in response.iter_content(_PIECE):
            size += len(piece)
            if size > self.limit:
                raise PayloadError(f"{self.what} has more than {self.limit:,} bytes")
            into.write(piece)
        return into.getvalue() if isinstance(into, BytesIO) else b""


# A thin client of GitHub's API: what to ask is decided elsewhere, here it is asked.
#
# It follows pages to their end, tries again where that helps, stays within the deadline, and turns
# every failure into an error that says what to do.

Item = TypeVar("Item")
Result = TypeVar("Result")
Other = TypeVar("Other")

_DOWNLOAD_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class _Question:
    """One thing to ask; ``file`` where the response is one."""

    what: str
    request: Request
    file: Download | None = None

    @property
    def key(self) -> str:
        """What is equal where the same is asked, whatever errors are to name it."""
        request = self.request
        return json.dumps((request.url, request.query, request.body), sort_keys=True)


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
        place = f"GitHub at {self._base}"
        self._http = RetryingClient(
            Server(name="GitHub", place=place, setting="GITHUB_API_URL"), log
        )
        self._has_token = bool(settings.token)
        self._session = session
        self._clock = clock
        self._deadline = deadline
        self.log = log
        self._budget = budget
        self._ahead: ReadAhead[Response] = ReadAhead()
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(CONCURRENT_REQUESTS)
        self.requests = 0
        # What the last response said of the requests that are left; empty where there is no limit.
        self.rate_limit: Mapping[str, str] = {}
        # What the server's GraphQL schema was found not to have, so that it is asked for once.
        self.lacking: frozenset[str] = frozenset()

    @property
    def budget_exceeded(self) -> bool:
        """Whether something was not read because a budget of requests has ended."""
        return self._budget is not None and bool(self._budget.ended)

    @property
    def ended(self) -> str:
        """Why nothing more is read, in words: the budget or the time; empty where there is both."""
        if self._budget is not None and self._budget.ended:
            return self._budget.ended
        return self._deadline.ended if self._deadline.expired else ""

    def get(self, path: str, what: str, **query: str | int) -> Any:
        """Return the decoded response to a GET of ``path``.

        ``what`` names the thing in errors.

        Raises:
            SourceError: one of its kinds, see `flow_telemetry.errors`.
            DeadlineExceeded: no time is left.
            BudgetExceeded: no request is left, where a budget bounds them.
        """
        return _decode_json(self._ask(_Question(what, self._request(path, query))), what)

    def query(self, graphql: str, what: str, **variables: Any) -> GraphqlResponse:
        """Return the response to a GraphQL query, as far as there is any data.

        Raises:
            SourceError, DeadlineExceeded: as `get`; AccessDeniedError too where GitHub gives
                errors and no data at all.
        """
        body = {"query": graphql, "variables": variables}
        request = Request(graphql_url(self._base), body=body)
        return parse_graphql_response(_decode_json(self._ask(_Question(what, request)), what), what)

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
        file = Download(what=what, limit=limit, until=self._deadline)
        return self._ask_now(_Question(what, self._request(path), file)).body

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
        download = Download(what=what, limit=limit, until=until, into=file)
        self._ask_now(_Question(what, self._request(path), download))

    def list_all(
        self, path: str, key: str | None, what: str, **query: str | int
    ) -> PaginatedList[Any]:
        """Return all items of a list, its pages after the first asked for side by side.

        ``key`` names the list in a response that wraps it; None where the response is the list.
        """
        first = self._page(path, key, what, query, 1)
        pages = [first]
        if first.more:
            pages += self.run_concurrently(
                lambda page: self._page(path, key, what, query, page),
                range(2, min(MOST_PAGES, first.last) + 1),
            )
        # A list that grew while it was read has pages after these.
        while pages[-1].more and len(pages) < MOST_PAGES:
            pages.append(self._page(path, key, what, query, len(pages) + 1))
        return join_pages(pages)

    def pages(
        self, path: str, key: str | None, what: str, **query: str | int
    ) -> Iterator[list[Any]]:
        """Yield the pages of a list one after another, for who may stop before its end."""
        for number in range(1, MOST_PAGES + 1):
            page = self._page(path, key, what, query, number)
            yield page.items
            if not page.more:
                return

    def run_concurrently(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> list[Result]:
        """Return ``function`` of every item in order, several requests under way at once."""
        todo = list(items)
        if len(todo) < 2:
            return [function(item) for item in todo]
        with thread_pool(min(CONCURRENT_REQUESTS, len(todo)), "reading") as pool:
            return list(pool.map(function, todo))

    def both(self, one: Callable[[], Result], other: Callable[[], Other]) -> tuple[Result, Other]:
        """Return what two functions return, their requests under way at once."""
        with thread_pool(1, "reading") as pool:
            under_way = pool.submit(other)
            return one(), under_way.result()

    def prefetch(self, guess: Callable[[], object]) -> None:
        """Let a function ask in the background for what is likely needed soon.

        Its first requests are made while others are under way; who asks the same later waits for
        their answers. A list's further pages are not kept.
        """
        self._ahead.start(guess)

    def _page(self, path: str, key: str | None, what: str, query: Query, page: int) -> Page:
        parameters = {**query, "per_page": PAGE_SIZE, **({"page": page} if page > 1 else {})}
        response = self._ask(_Question(what, self._request(path, parameters)))
        return parse_page(_decode_json(response, what), response.headers.get("link", ""), key, what)

    def _request(self, path: str, query: Query | None = None) -> Request:
        return Request(f"{self._base}{path}", query)

    def _ask(self, question: _Question) -> Response:
        return self._ahead.get(question.key, lambda: self._ask_now(question))

    def _ask_now(self, question: _Question) -> Response:
        until = self._deadline if question.file is None else question.file.until
        return self._http.send(
            question.what,
            lambda: self._once(question, until),
            to_error=lambda response: self._refusal(response, question),
            deadline=until,
            within=until,
        )

    def _once(self, question: _Question, until: Deadline) -> Response:
        self._keep_pace(question)
        with self._slots:
            if self._budget:
                self._budget.take(question.what, now=self._clock.now().timestamp())
            with self._lock:
                self.requests += 1
            response = self._send(question, until)
            self._note(question.request, response)
        if self._budget:
            self._end_where_refused(self._budget, question, response)
        return response

    def _keep_pace(self, question: _Question) -> None:
        """Wait where GitHub would refuse so many in a minute; GraphQL has a limit of its own."""
        if self._budget is not None and question.request.body is None:
            self._deadline.sleep(self._budget.pause(now=self._clock.monotonic()))

    def _send(self, question: _Question, until: Deadline) -> Response:
        request, file = question.request, question.file
        if file is None:
            return send_request(self._session, request, until)
        return send_request(
            self._session, request, until, at_most=_DOWNLOAD_SECONDS, read=file.read
        )

    def _note(self, request: Request, response: Response) -> None:
        if self._budget:
            self._budget.note(response.headers)
        self.rate_limit = {
            name: value
            for name, value in response.headers.items()
            if name.startswith("x-ratelimit-")
        }
        left = response.headers.get("x-ratelimit-remaining", "unlimited")
        self.log.debug(
            f"{request.method} {request.url} {response.status} in {response.seconds:.2f} s, "
            f"rate limit left: {left}"
        )

    def _end_where_refused(
        self, budget: RequestBudget, question: _Question, response: Response
    ) -> None:
        """End the budget where GitHub would give the same response to all that is asked next.

        Raises:
            BudgetExceeded: it does.
        """
        if self._is_stored_elsewhere(response, question):
            return
        if response.status == 401:
            raise budget.refuse(question.what, str(self._refusal(response, question)))
        if response.status not in (403, 429):
            return
        now = self._clock.now().timestamp()
        wait = wait_before_retry(response, tries=1, now=now)
        if wait is not None and wait >= self._deadline.remaining():
            why = (
                f"GitHub asks to wait {wait:.0f} s (rate limit), which is longer than "
                "`timeout` allows"
            )
            raise budget.refuse(question.what, why, until=now + wait)

    def _is_stored_elsewhere(self, response: Response, question: _Question) -> bool:
        return question.file is not None and not response.url.startswith(f"{self._base}/")

    def _refusal(self, response: Response, question: _Question) -> SourceError:
        if self._is_stored_elsewhere(response, question):
            return stored_elsewhere(response.status, question.what)
        return refusal(response, question.what, has_token=self._has_token, api_url=self._base)


def _decode_json(response: Response, what: str) -> Any:
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        raise PayloadError(
            f"GitHub's answer on {what} is no JSON; check GITHUB_API_URL (on GitHub Enterprise "
            "Server it ends in /api/v3) and whether a proxy answers in its place"
        ) from None


# Asking by GraphQL what not every server has, and lists that go on for pages.

# A query's text, made without what the server's schema lacks.
QueryBuilder = Callable[[frozenset[str]], str]

# A hundred items each: no issue has so many sub-issues, pull requests or changes of status.
_MOST_PAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionNodes:
    """The nodes of a list, and the object that it belongs to, empty where there is none.

    ``hidden`` counts the nodes that the token may not see, as far as GitHub tells. ``unread``
    holds what could not be read, a reason each.
    """

    owner: Payload
    nodes: tuple[Payload, ...] = ()
    hidden: int = 0
    unread: tuple[str, ...] = ()


def query_one(
    client: GitHubClient, build: QueryBuilder, what: str, **variables: Any
) -> GraphqlResponse:
    """Return the response to a query, asked again once without what the server's schema lacks.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.query`.
    """
    try:
        return client.query(build(client.lacking), what, **variables)
    except OlderSchemaError as error:
        client.lacking |= error.names
        client.log.debug(f"this GitHub server knows no {', '.join(sorted(error.names))}")
        return client.query(build(client.lacking), what, **variables)


def query_pages(
    client: GitHubClient,
    build: QueryBuilder,
    what: str,
    variables: Mapping[str, Any],
    *,
    way: Sequence[str],
    connection: str,
) -> ConnectionNodes:
    """Return all nodes of a list, page after page; the query takes ``$after``.

    ``way`` is the way through the response to the object whose field ``connection`` is the list.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.query`.
    """
    owner: Payload = {}
    nodes: list[Payload] = []
    unread: dict[str, None] = {}
    hidden, after = 0, None
    for _ in range(_MOST_PAGES):
        response = query_one(client, build, what, after=after, **variables)
        unread |= dict.fromkeys(describe_unread(response, what))
        here = value_at(response.data, way)
        owner = owner or here
        listed = read.child(here, connection)
        page = list(read.children(listed, "nodes"))
        nodes += page
        hidden += _length(listed) - len(page)
        info = read.child(listed, "pageInfo")
        after = read.text(info, "endCursor")
        if not read.flag(info, "hasNextPage") or after is None:
            break
    else:
        unread[f"of {what} only the first {len(nodes)} were read"] = None
    return ConnectionNodes(owner=owner, nodes=tuple(nodes), hidden=hidden, unread=tuple(unread))


def describe_unread(response: GraphqlResponse, what: str) -> tuple[str, ...]:
    """Return what the errors of a response mean for a reader: one reason, or none."""
    if not response.errors:
        return ()
    message = "; ".join(response.errors)
    hint = ". The token needs `issues: read` and `pull-requests: read`" if response.denied else ""
    return (f"GitHub did not give all of {what}: {message}{hint}",)


def value_at(data: Payload, way: Sequence[str]) -> Payload:
    """Return the object at the end of a way of keys, an empty one where there is none."""
    for key in way:
        data = read.child(data, key)
    return data


def _length(connection: Payload) -> int:
    nodes = connection.get("nodes")
    return len(nodes) if isinstance(nodes, list) else 0
