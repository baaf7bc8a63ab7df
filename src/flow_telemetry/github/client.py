"""Client of GitHub's REST and GraphQL APIs: pages, retries, downloads."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import IO, Any, TypeVar

import requests

from flow_telemetry.clock import Clock, Deadline, thread_pool
from flow_telemetry.errors import (
    AccessDeniedError,
    PayloadError,
    SourceError,
    UnavailableError,
)
from flow_telemetry.github.errors import (
    refusal,
    stored_elsewhere,
    with_status_of_rate_limit,
)
from flow_telemetry.github.graphql import (
    GraphqlResponse,
    OlderSchemaError,
    graphql_url,
    parse_graphql_response,
)
from flow_telemetry.github.optional import SHARE, Findings, OptionalReads
from flow_telemetry.github.permissions import Denials
from flow_telemetry.github.rate_limit import API_NAMES, RateLimits, RequestBudget
from flow_telemetry.http.cache import RequestKey, ResponseCache
from flow_telemetry.http.errors import Server
from flow_telemetry.http.payload import PaginatedList
from flow_telemetry.http.response import Response, in_brackets
from flow_telemetry.http.retry import RetryingClient, wait_before_retry
from flow_telemetry.http.session import (
    BoundedSession,
    Query,
    Request,
    ResponseTooLarge,
    TokenAuth,
    body_pieces,
    read_body,
    read_response,
    send_request,
)
from flow_telemetry.logging import Log
from flow_telemetry.model.api_usage import Api
from flow_telemetry.settings import GitHubSettings

# The session: its headers, and the hosts that get the token.

CONCURRENT_REQUESTS = 8
# GitHub asks clients to name the version of the API that they were written for.
_API_VERSION = "2022-11-28"


class GitHubSession(BoundedSession):
    """A session with the token of the settings; each request has a deadline."""

    def __init__(
        self,
        settings: GitHubSettings,
        deadline: Deadline,
        *,
        meanwhile: Callable[[], object] | None = None,
    ) -> None:
        """Open no connection. ``meanwhile`` is called once, before the first request is sent."""
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
        """Send a request; before the first one, start the work that its response gives time for."""
        if self._first_request.acquire(blocking=False) and self._meanwhile is not None:
            self._meanwhile()
        return super().send(request, **options)

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Keep the token on redirects within the API, and remove it on others, such as to files."""
        super().rebuild_auth(prepared_request, response)
        if not (prepared_request.url or "").startswith(self._api):
            prepared_request.headers.pop("Authorization", None)


# Paginated lists.

PAGE_SIZE = 100
# GitHub's longest lists are far shorter; this limit is for a server whose list never ends.
MOST_PAGES = 300
_LAST_PAGE = re.compile(r'[?&]page=([0-9]{1,6})[^>]*>; *rel="last"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a list: ``more`` is whether another follows, ``last`` the number of pages."""

    items: list[Any]
    total: int | None
    more: bool
    last: int


def parse_page(payload: Any, link: str, key: str | None, what: str) -> Page:
    """Return a page of a list; ``link`` is the response's `Link` header.

    ``key`` is the field of the response with the list, or None if the response is the list.

    Raises:
        PayloadError: there is no list.
    """
    items = payload.get(key) if key and isinstance(payload, dict) else payload
    if not isinstance(items, list):
        raise PayloadError(f"GitHub returned something other than a list for {what}")
    total = payload.get("total_count") if isinstance(payload, dict) else None
    if isinstance(total, int):
        last = -(-total // PAGE_SIZE)
    else:
        total, match = None, _LAST_PAGE.search(link)
        last = int(match[1]) if match else 1
    return Page(items=items, total=total, more='rel="next"' in link and bool(items), last=last)


def join_pages(pages: Sequence[Page]) -> PaginatedList[Any]:
    """Return the list of at least one page, in order."""
    totals = [page.total for page in pages if page.total is not None]
    items = tuple(item for page in pages for item in page.items)
    total = max(totals, default=None)
    complete = not pages[-1].more and (total is None or len(items) >= total)
    return PaginatedList(items=items, total=total, complete=complete)


# Downloads of files, which GitHub redirects to another host.


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """The limits of a download, in bytes and in time, and the open file that it replaces, if any.

    ``what`` is its name in errors. Without ``until`` it has the time of any other request.
    """

    what: str
    limit: int
    until: Deadline | None = None
    into: IO[bytes] | None = None

    def read(self, response: requests.Response) -> bytes:
        """Return the body of a response; empty if it was written into the open file.

        Raises:
            PayloadError: the body is larger than the limit; reading stops there.
            OSError: the open file cannot be written.
        """
        if response.status_code != HTTPStatus.OK:
            return read_response(response)
        try:
            if self.into is None:
                return read_body(response, self.limit)
            self.into.seek(0)
            self.into.truncate()
            for piece in body_pieces(response, self.limit):
                self.into.write(piece)
        except ResponseTooLarge:
            raise PayloadError(f"{self.what} has more than {self.limit:,} bytes") from None
        return b""


# The client: follows pages, retries, stays within the deadline, and raises errors with advice.


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """A request that changes something on GitHub: the path in the API, and the body as JSON."""

    method: str
    path: str
    body: Mapping[str, Any]


Item = TypeVar("Item")
Result = TypeVar("Result")
Other = TypeVar("Other")

_DOWNLOAD_SECONDS = 120.0


class GitHubClient:
    """A client of GitHub's APIs.

    What is read may be optional for the export, so a request may take a share of the time only;
    `required` gives all of it.
    """

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
        """Send nothing yet; ``budget`` limits the requests."""
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
        self.limits = RateLimits() if budget is None else budget.limits
        self._cache = ResponseCache()
        self._is_fresh = False
        self._slots = threading.BoundedSemaphore(CONCURRENT_REQUESTS)
        self._findings = Findings()
        # None for required reads.
        self._optional: OptionalReads | None = OptionalReads(deadline)

    @property
    def required(self) -> GitHubClient:
        """This client for reads without which nothing can be exported: they have all the time."""
        client = copy(self)
        client._optional = None  # noqa: SLF001 - a copy of this one
        return client

    @property
    def fresh(self) -> GitHubClient:
        """This client for reads of what may have changed, such as a run that is waited for.

        It sends each request, though the response may be known, and keeps the new response.
        """
        client = copy(self)
        client._is_fresh = True  # noqa: SLF001 - a copy of this one
        return client

    @property
    def requests(self) -> int:
        """The number of requests that were sent."""
        return self.limits.requests

    @property
    def denials(self) -> Denials:
        """The refusals so far because the token lacks a permission."""
        return self._findings.denials

    @property
    def unsupported_names(self) -> frozenset[str]:
        """Names that the server's GraphQL schema lacks, so that they are requested only once."""
        return self._findings.unsupported_names

    @unsupported_names.setter
    def unsupported_names(self, names: frozenset[str]) -> None:
        self._findings.unsupported_names = names

    @property
    def failures_ahead(self) -> int:
        """The number of queries that failed to read several things ahead."""
        return self._findings.failures_ahead

    @failures_ahead.setter
    def failures_ahead(self, count: int) -> None:
        self._findings.failures_ahead = count

    @property
    def requests_left(self) -> int | None:
        """How many requests to REST may follow, as far as it is known; None if it is not."""
        return None if self._budget is None else self._budget.allowed(Api.REST)

    @property
    def budget_exceeded(self) -> bool:
        """Whether something was not read because the request budget has ended."""
        return self._budget is not None and bool(self._budget.ended)

    @property
    def ended(self) -> str:
        """Why nothing more is read, by the budget or the deadline; empty if more can be read."""
        if self._budget is not None and self._budget.ended:
            return self._budget.ended
        return self._deadline.ended if self._deadline.expired else ""

    def get(self, path: str, what: str, **query: str | int) -> Any:
        """Return the decoded response to a GET of ``path``.

        ``what`` is the name of the thing in errors.

        Raises:
            SourceError: one of its kinds, see `flow_telemetry.errors`.
            DeadlineExceeded: no time is left.
            BudgetExceeded: no request is left in the budget.
        """
        _, payload = self._read(self.request(path, **query), what)
        return payload

    def query(self, graphql: str, what: str, **variables: Any) -> GraphqlResponse:
        """Return the response to a GraphQL query, whose data may be incomplete.

        Raises:
            SourceError, DeadlineExceeded, BudgetExceeded: as `get`; also if there is no data.
        """
        request = self.query_request(graphql, **variables)
        _, payload = self._read(request, what)
        try:
            found = parse_graphql_response(payload, what)
        except AccessDeniedError as error:
            self.denials.note(str(error), error.permissions)
            raise
        except (PayloadError, UnavailableError) as error:
            if not isinstance(error, OlderSchemaError):
                self._cache.forget(self._key_of(request))
            raise
        if not found.is_lasting:
            self._cache.forget(self._key_of(request))
        return found

    def download(self, path: str, what: str, limit: int) -> bytes:
        """Return a file, which GitHub redirects to another host.

        Args:
            path: its path in the API.
            what: its name in errors.
            limit: its largest size in bytes.

        Raises:
            PayloadError: it is larger.
            SourceError, DeadlineExceeded, BudgetExceeded: as `get`.
        """
        download = Download(what=what, limit=limit)
        return self._send_now(self.request(path), what, download).body

    def download_into(
        self, file: IO[bytes], path: str, what: str, limit: int, until: Deadline
    ) -> None:
        """Write a file, as `download` returns it, into an open one, in place of its content.

        ``until`` limits the time, within the client's own deadline.

        Raises:
            PayloadError: it is larger.
            OSError: it cannot be written.
            SourceError, DeadlineExceeded, BudgetExceeded: as `get`.
        """
        download = Download(what=what, limit=limit, until=until, into=file)
        self._send_now(self.request(path), what, download)

    def write(self, what: str, choose: Callable[[], WriteRequest | None]) -> None:
        """Send the request that ``choose`` returns; None if there is nothing to write.

        ``choose`` is called before each try, because an earlier one may have been carried out
        although its response was lost. ``what`` is the name of the thing in errors.

        Raises:
            SourceError, DeadlineExceeded, BudgetExceeded: as `get`, and of ``choose``.
        """
        within = self._deadline.share(SHARE)

        def send_once() -> Response:
            write = choose()
            if write is None:
                return Response(status=HTTPStatus.OK)
            url = f"{self._base}{write.path}"
            request = Request(url, body=write.body, change=write.method)
            response = self._send_once(request, what, None, within)
            created = response.status == HTTPStatus.CREATED
            return replace(response, status=HTTPStatus.OK) if created else response

        def to_error(response: Response) -> SourceError:
            return refusal(
                response, what, has_token=self._has_token, api_url=self._base, writes=True
            )

        self._http.send(
            what,
            send_once,
            to_error=to_error,
            deadline=self._deadline,
            within=within,
            writes=True,
        )

    def list_all(
        self, path: str, key: str | None, what: str, **query: str | int
    ) -> PaginatedList[Any]:
        """Return all items of a list; the pages after the first are read concurrently.

        ``key`` is the field of the response with the list, or None if the response is the list.
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
        """Yield the pages of a list one by one, for callers that may stop before its end."""
        for number in range(1, MOST_PAGES + 1):
            page = self._page(path, key, what, query, number)
            yield page.items
            if not page.more:
                return

    def request(self, path: str, **query: str | int) -> Request:
        """Return the request of `get`."""
        return Request(f"{self._base}{path}", query)

    def page_request(self, path: str, **query: str | int) -> Request:
        """Return the request of `list_all` for the first page, or for that of `page`."""
        page = {"page": query.pop("page")} if "page" in query else {}
        return self.request(path, **query, per_page=PAGE_SIZE, **page)

    def query_request(self, graphql: str, **variables: Any) -> Request:
        """Return the request of `query`."""
        return Request(graphql_url(self._base), body={"query": graphql, "variables": variables})

    def knows(self, request: Request) -> bool:
        """Whether a request takes no time, because it was sent or filled before."""
        return self._cache.knows(self._key_of(request))

    def fill(
        self, requests: Iterable[Request], read: Callable[[], Iterable[tuple[Request, Any]]]
    ) -> None:
        """Keep decoded responses that ``read`` gives by other requests, in place of their own.

        The same requests wait meanwhile, and are sent then if ``read`` has no response for them.

        Raises:
            FlowTelemetryError: that of ``read``.
        """

        def responses() -> Iterator[tuple[RequestKey, Response]]:
            for request, payload in read():
                body = json.dumps(payload).encode()
                yield self._key_of(request), Response(status=200, url=request.url, body=body)

        self._cache.fill(map(self._key_of, requests), responses)

    def run_concurrently(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> list[Result]:
        """Return the results of ``function`` in order; it is called in several threads."""
        arguments = list(items)
        if len(arguments) < 2:
            return [function(item) for item in arguments]
        with thread_pool(min(CONCURRENT_REQUESTS, len(arguments)), "reading") as pool:
            return list(pool.map(function, arguments))

    def both(self, one: Callable[[], Result], other: Callable[[], Other]) -> tuple[Result, Other]:
        """Return the results of two functions that run concurrently."""
        with thread_pool(1, "reading") as pool:
            future = pool.submit(other)
            try:
                return one(), future.result()
            finally:
                del future  # As in `run_until`.

    def prefetch(self, guess: Callable[[], object]) -> None:
        """Run a function in the background that sends requests which are probably needed soon."""
        self._cache.prefetch(guess)

    def _page(self, path: str, key: str | None, what: str, query: Query, page: int) -> Page:
        parameters = {"page": page} if page > 1 else {}
        response, payload = self._read(self.page_request(path, **query, **parameters), what)
        return parse_page(payload, response.headers.get("link", ""), key, what)

    def _read(self, request: Request, what: str) -> tuple[Response, Any]:
        """Return a response and its decoded body; a damaged one is not kept."""
        response = self._send(request, what)
        try:
            return response, _decode_json(response, what)
        except PayloadError:
            self._cache.forget(self._key_of(request))
            raise

    def _send(self, request: Request, what: str) -> Response:
        read = self._cache.refresh if self._is_fresh else self._cache.get
        return read(self._key_of(request), lambda: self._send_now(request, what))

    def _key_of(self, request: Request) -> RequestKey:
        content = json.dumps((request.url, request.query, request.body), sort_keys=True)
        # A required read has more time than an optional one.
        return RequestKey(content, patience=self._optional is None)

    def _send_now(self, request: Request, what: str, download: Download | None = None) -> Response:
        until = self._deadline if download is None else download.until or self._deadline
        optional = self._optional if until is self._deadline else None
        share = nullcontext(until) if optional is None else optional.limit(request, what)
        with share as within:
            return self._http.send(
                what,
                lambda: self._send_once(request, what, download, within),
                to_error=lambda response: self._build_error(response, what, download),
                deadline=until,
                within=within,
            )

    def _send_once(
        self, request: Request, what: str, download: Download | None, until: Deadline
    ) -> Response:
        budget, api = self._budget, self._api_of(request)
        if budget is not None:
            self._deadline.sleep(budget.pause(api, now=self._clock.monotonic()))
        with self._slots:
            if budget is None:
                self.limits.count(api)
            else:
                budget.take(what, api, now=self._clock.now().timestamp())
            if download is None:
                response = send_request(self._session, request, until)
            else:
                response = send_request(
                    *(self._session, request, until), at_most=_DOWNLOAD_SECONDS, read=download.read
                )
            if api is Api.GRAPHQL:
                response = with_status_of_rate_limit(response)
            self.limits.note(api, response.headers)
        left = response.headers.get("x-ratelimit-remaining", "unlimited")
        unit = " points" if api is Api.GRAPHQL and left != "unlimited" else ""
        self.log.debug(
            f"{request.method} {request.url} {response.status} in {response.seconds:.2f} s, "
            f"rate limit left: {left}{unit}"
        )
        if budget is not None and not self._is_stored_elsewhere(response, download):
            self._end_budget_if_refused(budget, api, response, what)
        return response

    def _api_of(self, request: Request) -> Api:
        return Api.GRAPHQL if request.url == graphql_url(self._base) else Api.REST

    def _end_budget_if_refused(
        self, budget: RequestBudget, api: Api, response: Response, what: str
    ) -> None:
        """End the budget if GitHub would respond the same to further requests.

        A limit of the hour that is used up is that of one API. The secondary limits are common.

        Raises:
            BudgetExceeded: it would.
        """
        if response.status == 401:
            raise budget.refuse(what, str(self._build_error(response, what, None)))
        if response.status not in (403, 429):
            return
        now = self._clock.now().timestamp()
        wait = wait_before_retry(response, tries=1, now=now)
        if wait is not None and wait >= self._deadline.remaining():
            of_hour = response.headers.get("x-ratelimit-remaining") == "0"
            name = f"rate limit of {API_NAMES[api]}" if of_hour else "rate limit"
            reason = (
                f"GitHub asks to wait {wait:.0f} s ({name}), which is longer than "
                f"`timeout` allows{in_brackets(response)}"
            )
            raise budget.refuse(what, reason, api=api if of_hour else None, until=now + wait)

    def _is_stored_elsewhere(self, response: Response, download: Download | None) -> bool:
        return download is not None and not response.url.startswith(f"{self._base}/")

    def _build_error(self, response: Response, what: str, download: Download | None) -> SourceError:
        if self._is_stored_elsewhere(response, download):
            return stored_elsewhere(response.status, what)
        error = refusal(response, what, has_token=self._has_token, api_url=self._base)
        if isinstance(error, AccessDeniedError):
            self.denials.note(str(error), error.permissions)
        return error


def _decode_json(response: Response, what: str) -> Any:
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        raise PayloadError(
            f"GitHub returned something other than JSON for {what}. Check GITHUB_API_URL (on "
            "GitHub Enterprise Server it ends in /api/v3). A proxy may have answered instead"
        ) from None
