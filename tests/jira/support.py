"""What tests of the tracker start from: a Jira of either kind, and the program's side of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from tests.contracts.jira_openapi import validate
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import JiraWorld

from flow_telemetry.clock import Deadline
from flow_telemetry.jira.client import JiraClient, JiraSession
from flow_telemetry.jira.tracker import Jira
from flow_telemetry.model import StatusCategory
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.settings.model import JiraSettings

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
EMAIL = "mona@example.com"
TOKEN = "s3cret-t0ken"


@dataclass
class TestClock:
    """A clock that waits for nobody: sleeping moves it on."""

    __test__ = False

    waited: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=sum(self.waited))

    def monotonic(self) -> float:
        return sum(self.waited)

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


@dataclass
class TestLog:
    """A log that keeps what it is told."""

    __test__ = False

    told: list[str] = field(default_factory=list)

    def debug(self, text: str) -> None:
        self.told.append(text)

    def info(self, text: str) -> None:
        self.told.append(text)

    def progress(self, text: str) -> None:
        self.told.append(text)


@dataclass
class Connected:
    """A tracker with what it stands on."""

    jira: Jira
    client: JiraClient
    clock: TestClock
    log: TestLog


def fake(world: JiraWorld, *, cloud: bool, largest_page: int = 100) -> FakeJira:
    """A fake Jira that wants the credentials of this file; Cloud's answers keep the contract."""
    return FakeJira(
        world,
        cloud=cloud,
        email=EMAIL if cloud else "",
        token=TOKEN,
        path_prefix="" if cloud else "/jira",
        largest_page=largest_page,
        check=validate if cloud else None,
        now=lambda: NOW,
    )


def connect(
    server: FakeJira | str,
    *,
    email: str | None = None,
    token: str = TOKEN,
    timeout: float | None = 600,
    proxy: str | None = None,
    deadline: Deadline | None = None,
    categories: Mapping[str, StatusCategory] | None = None,
) -> Connected:
    """A tracker that reads a fake Jira, or an address through a proxy.

    ``deadline`` may be one of a clock that goes by itself.
    """
    url = server if isinstance(server, str) else server.url
    if email is None:
        email = server.email if isinstance(server, FakeJira) else ""
    settings = JiraSettings(url=url, email=email, token=token)
    clock, log = TestClock(), TestLog()
    if deadline is None:
        deadline = Deadline.after(clock, timeout)
    session = JiraSession(settings, deadline)
    if proxy is not None:
        session.proxies["http"] = proxy
    client = JiraClient(settings, session=session, deadline=deadline, log=log)
    return Connected(Jira(settings, client, clock, categories), client, clock, log)


def key(text: str) -> ItemKey:
    """A key of Jira's."""
    return ItemKey(tracker="jira", key=text)
