"""A thin client of GitHub's API: what to ask is decided elsewhere, here it is asked.

It follows pages to their end, tries again where that helps, stays within the deadline, and turns
every failure into an error that says what to do.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, TypeVar

from flow_telemetry.clock import Clock, Deadline
from flow_telemetry.errors import PayloadError, SourceError
from flow_telemetry.interruption import threads
from flow_telemetry.log import Log
from flow_telemetry.settings import GitHubSettings
from flow_telemetry.sources.asking import Asking, Server
from flow_telemetry.sources.exchange import Answer, Query, Request, exchange
from flow_telemetry.sources.github.ahead import ReadAhead
from flow_telemetry.sources.github.budget import RequestBudget
from flow_telemetry.sources.github.downloads import Download
from flow_telemetry.sources.github.graphql import GraphqlAnswer, graphql_answer, graphql_url
from flow_telemetry.sources.github.listing import (
    MOST_PAGES,
    PAGE_SIZE,
    Listing,
    Page,
    joined,
    parse_page,
)
from flow_telemetry.sources.github.refusals import refusal, stored_elsewhere
from flow_telemetry.sources.github.session import CONCURRENT_REQUESTS, GitHubSession
from flow_telemetry.sources.retry import wait_before_retry

Item = TypeVar("Item")
Result = TypeVar("Result")
Other = TypeVar("Other")

_DOWNLOAD_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class _Question:
    """One thing to ask; ``file`` where the answer is one."""

    what: str
    request: Request
    file: Download | None = None

    @property
    def key(self) -> str:
        """What is equal where the same is asked, whatever errors are to name it."""
        asked = self.request
        return json.dumps((asked.url, asked.query, asked.body), sort_keys=True)


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
        self._asking = Asking(Server(name="GitHub", place=place, named_by="GITHUB_API_URL"), log)
        self._has_token = bool(settings.token)
        self._session = session
        self._clock = clock
        self._deadline = deadline
        self.log = log
        self._budget = budget
        self._ahead: ReadAhead[Answer] = ReadAhead()
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(CONCURRENT_REQUESTS)
        self.requests = 0
        # What the last answer said of the requests that are left; empty where there is no limit.
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
        """Return the decoded answer to a GET of ``path``.

        ``what`` names the thing in errors.

        Raises:
            SourceError: one of its kinds, see `flow_telemetry.errors`.
            DeadlineExceeded: no time is left.
            BudgetExceeded: no request is left, where a budget bounds them.
        """
        return _decoded(self._ask(_Question(what, self._request(path, query))), what)

    def query(self, graphql: str, what: str, **variables: Any) -> GraphqlAnswer:
        """Return the answer to a GraphQL query, as far as there is any data.

        Raises:
            SourceError, DeadlineExceeded: as `get`; AccessDeniedError too where GitHub gives
                errors and no data at all.
        """
        body = {"query": graphql, "variables": variables}
        request = Request(graphql_url(self._base), body=body)
        return graphql_answer(_decoded(self._ask(_Question(what, request)), what), what)

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

    def list_all(self, path: str, key: str | None, what: str, **query: str | int) -> Listing:
        """Return all items of a list, its pages after the first asked for side by side.

        ``key`` names the list in an answer that wraps it; None where the answer is the list.
        """
        first = self._page(path, key, what, query, 1)
        pages = [first]
        if first.more:
            pages += self.side_by_side(
                lambda page: self._page(path, key, what, query, page),
                range(2, min(MOST_PAGES, first.last) + 1),
            )
        # A list that grew while it was read has pages after these.
        while pages[-1].more and len(pages) < MOST_PAGES:
            pages.append(self._page(path, key, what, query, len(pages) + 1))
        return joined(pages)

    def pages(
        self, path: str, key: str | None, what: str, **query: str | int
    ) -> Iterator[list[Any]]:
        """Yield the pages of a list one after another, for who may stop before its end."""
        for number in range(1, MOST_PAGES + 1):
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
        with threads(min(CONCURRENT_REQUESTS, len(todo)), "reading") as pool:
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

    def _page(self, path: str, key: str | None, what: str, query: Query, page: int) -> Page:
        parameters = {**query, "per_page": PAGE_SIZE, **({"page": page} if page > 1 else {})}
        answer = self._ask(_Question(what, self._request(path, parameters)))
        return parse_page(_decoded(answer, what), answer.headers.get("link", ""), key, what)

    def _request(self, path: str, query: Query | None = None) -> Request:
        return Request(f"{self._base}{path}", query)

    def _ask(self, question: _Question) -> Answer:
        return self._ahead.answer(question.key, lambda: self._ask_now(question))

    def _ask_now(self, question: _Question) -> Answer:
        until = self._deadline if question.file is None else question.file.until
        return self._asking.ask(
            question.what,
            lambda: self._once(question, until),
            refusal=lambda answer: self._refusal(answer, question),
            deadline=until,
            within=until,
        )

    def _once(self, question: _Question, until: Deadline) -> Answer:
        self._keep_pace(question)
        with self._slots:
            if self._budget:
                self._budget.take(question.what, now=self._clock.now().timestamp())
            with self._lock:
                self.requests += 1
            answer = self._exchange(question, until)
            self._note(question.request, answer)
        if self._budget:
            self._end_where_refused(self._budget, question, answer)
        return answer

    def _keep_pace(self, question: _Question) -> None:
        """Wait where GitHub would refuse so many in a minute; GraphQL has a limit of its own."""
        if self._budget is not None and question.request.body is None:
            self._deadline.sleep(self._budget.pause(now=self._clock.monotonic()))

    def _exchange(self, question: _Question, until: Deadline) -> Answer:
        asked, file = question.request, question.file
        if file is None:
            return exchange(self._session, asked, until)
        return exchange(self._session, asked, until, at_most=_DOWNLOAD_SECONDS, read=file.read)

    def _note(self, asked: Request, answer: Answer) -> None:
        if self._budget:
            self._budget.note(answer.headers)
        told = answer.headers.items()
        self.rate_limit = {name: value for name, value in told if name.startswith("x-ratelimit-")}
        left = answer.headers.get("x-ratelimit-remaining", "unlimited")
        self.log.debug(
            f"{asked.method} {asked.url} {answer.status} in {answer.seconds:.2f} s, "
            f"rate limit left: {left}"
        )

    def _end_where_refused(
        self, budget: RequestBudget, question: _Question, answer: Answer
    ) -> None:
        """End the budget where GitHub would give the same answer to all that is asked next.

        Raises:
            BudgetExceeded: it does.
        """
        if self._is_stored_elsewhere(answer, question):
            return
        if answer.status == 401:
            raise budget.refuse(question.what, str(self._refusal(answer, question)))
        if answer.status not in (403, 429):
            return
        now = self._clock.now().timestamp()
        wait = wait_before_retry(answer.status, answer.headers, answer.text, tries=1, now=now)
        if wait is not None and wait >= self._deadline.remaining():
            why = (
                f"GitHub asks to wait {wait:.0f} s (rate limit), which is longer than input "
                "timeout allows"
            )
            raise budget.refuse(question.what, why, until=now + wait)

    def _is_stored_elsewhere(self, answer: Answer, question: _Question) -> bool:
        return question.file is not None and not answer.url.startswith(f"{self._base}/")

    def _refusal(self, answer: Answer, question: _Question) -> SourceError:
        if self._is_stored_elsewhere(answer, question):
            return stored_elsewhere(answer.status, question.what)
        return refusal(
            answer.status,
            answer.headers,
            answer.text,
            question.what,
            has_token=self._has_token,
            api_url=self._base,
        )


def _decoded(answer: Answer, what: str) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise PayloadError(
            f"GitHub's answer on {what} is no JSON; check GITHUB_API_URL (on GitHub Enterprise "
            "Server it ends in /api/v3) and whether a proxy answers in its place"
        ) from None
