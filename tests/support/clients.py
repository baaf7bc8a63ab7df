"""The real client of GitHub's API, led to the fake one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.fakes.github import FakeGitHub

from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.github.client import GitHubClient, GitHubSession
from flow_telemetry.github.rate_limit import RequestBudget
from flow_telemetry.logging import SilentLog
from flow_telemetry.model import Repository
from flow_telemetry.settings import GitHubSettings

SHOP = Repository(host="github.com", owner="acme", name="shop", url="https://github.com/acme/shop")


@contextmanager
def client_of(
    github: FakeGitHub, budget: RequestBudget | None = None, *, seconds: float = 30
) -> Iterator[GitHubClient]:
    """Give a client that has so many seconds for everything, and a budget of requests if asked."""
    clock = SystemClock()
    deadline = Deadline.after(clock, seconds)
    settings = GitHubSettings(api_url=github.url, token="ghs_fake")
    with GitHubSession(settings, deadline) as session:
        yield GitHubClient(
            settings,
            session=session,
            clock=clock,
            deadline=deadline,
            log=SilentLog(),
            budget=budget,
        )
