"""Two worlds of GitHub and Jira: the true one, and the one that lists show some time later."""

from __future__ import annotations

import heapq
import itertools
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.fakes.faults import Answer, Request
from tests.fakes.github import FakeGitHub
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import JiraWorld
from tests.fakes.world import World

REPOSITORY = "acme/shop"
GITHUB = "https://api.github.com"
JIRA = "https://acme.atlassian.net"
EMAIL = "mona@example.com"
TOKEN = "token-of-the-simulation"
NO_LAG = timedelta()

_GITHUB_LIST = re.compile(
    r"/repos/[^/]+/[^/]+/(?:actions/(?:workflows/[^/]+/)?runs|pulls|issues|deployments)"
)
_JIRA_LIST = re.compile(r"/rest/api/\d/search(?:/jql)?")


@dataclass(slots=True)
class Side:
    """The worlds of GitHub and Jira at one point of view."""

    github: World = field(default_factory=lambda: World(REPOSITORY, brief=True))
    jira: JiraWorld = field(default_factory=JiraWorld)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A change of the thing ``key`` at an instant, which lists show ``lag`` later.

    ``apply`` puts the whole thing as it is then, with all of its ids, so that both sides are equal
    in the end.
    """

    at: datetime
    key: str
    apply: Callable[[Side], object]
    lag: timedelta = NO_LAG


class Worlds:
    """The two sides, and the mutations that are still to come."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.truth = Side()
        self.lagged = Side()
        self.github_requests = 0
        self._now = now
        self._lock = threading.RLock()
        self._order = itertools.count()
        # The instant, the order of applying, and what is applied to which side.
        self._waiting: list[tuple[datetime, int, int, Mutation, Side]] = []
        self._shown: dict[str, int] = {}
        self._github = {id(side): self._serve_github(side) for side in (self.truth, self.lagged)}
        self._jira = {id(side): self._serve_jira(side) for side in (self.truth, self.lagged)}

    def add(self, mutations: Iterable[Mutation]) -> None:
        """Plan mutations, in any order."""
        with self._lock:
            for mutation in sorted(mutations, key=lambda mutation: mutation.at):
                number = next(self._order)
                due = (mutation.at, number, number, mutation, self.truth)
                later = (mutation.at + mutation.lag, next(self._order), number, mutation)
                heapq.heappush(self._waiting, due)
                heapq.heappush(self._waiting, (*later, self.lagged))

    def advance(self) -> None:
        """Apply all mutations that are due."""
        now = self._now()
        with self._lock:
            while self._waiting and self._waiting[0][0] <= now:
                _, _, number, mutation, side = heapq.heappop(self._waiting)
                if side is self.lagged:
                    # A list that shows a later state does not go back to an earlier one.
                    if self._shown.get(mutation.key, -1) > number:
                        continue
                    self._shown[mutation.key] = number
                mutation.apply(side)

    def ask_github(self, request: Request) -> Answer:
        """Return GitHub's answer."""
        side = self.lagged if _GITHUB_LIST.fullmatch(request.path) else self.truth
        with self._lock:
            self.github_requests += 1
            return self._github[id(side)].respond(request)

    def ask_jira(self, request: Request) -> Answer:
        """Return Jira's answer."""
        side = self.lagged if _JIRA_LIST.fullmatch(request.path) else self.truth
        with self._lock:
            return self._jira[id(side)].respond(request)

    def problems(self) -> list[Exception]:
        """Return what the fakes could not answer."""
        servers = (*self._github.values(), *self._jira.values())
        return [problem for server in servers for problem in server._errors]

    def _serve_github(self, side: Side) -> FakeGitHub:
        return FakeGitHub(
            side.github,
            token=TOKEN,
            rate_limit=None,
            address=GITHUB,
            now=lambda: self._now().timestamp(),
        )

    def _serve_jira(self, side: Side) -> FakeJira:
        return FakeJira(side.jira, email=EMAIL, token=TOKEN, address=JIRA, now=self._now)
