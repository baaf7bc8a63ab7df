"""A fault, where it strikes, and what is known beforehand of how it ends."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.fakes.faults import Request, Scripted, status
from tests.faults.stage import OTLP_TIMEOUT, Exported, Stage

SHORT, LONG = 3, 20
SHORT_OF_OTLP = 400
_MAKES_WAIT = re.compile(
    r"^(408|429|502|503|504)$|silence|drip|ends|reset|cut off|gzip$|listens|not known|"
    r"TLS is spoken|hangs|addresses"
)


class Side(Enum):
    """Who misbehaves."""

    OTLP = "the OTLP endpoint"
    GITHUB = "GitHub"
    JIRA = "Jira"
    TOOLS = "trace files"


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of request: its name in the table, and what tells it from others.

    ``read_ahead`` is whether it is only sent if the query that reads ahead fails.
    """

    name: str
    fits: Callable[[Request], bool]
    read_ahead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault on one call. ``heals`` is whether a retry mends it.

    ``exports`` is what is exported while it strikes, ``only_posix`` whether Windows has no such
    thing, and ``inputs`` are those of the action that it needs.
    """

    side: Side
    fault: str
    call: str
    strike: Callable[[Stage], object]
    heals: bool = False
    needs: Sequence[str] = ()
    exports: Exported = Exported.RUN
    only_posix: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The name of its test."""
        words = f"{self.side.name} {self.fault} {self.call}".lower()
        return re.sub(r"[^a-z0-9]+", "-", words).strip("-")

    @property
    def timeout(self) -> int:
        """What the program is given for everything, in seconds: less where it would wait."""
        return SHORT if not self.heals and _MAKES_WAIT.search(self.fault) else LONG

    @property
    def otlp_timeout(self) -> int:
        """What one request over OTLP is given, in milliseconds: less where it gets no answer."""
        if self.side is Side.OTLP and re.search("silence|drip|hangs|addresses", self.fault):
            return 4 * SHORT_OF_OTLP if self.heals else SHORT_OF_OTLP  # others are answered then
        return OTLP_TIMEOUT

    @property
    def fails_on_error(self) -> bool:
        """Whether it runs under `fail-on-error`: one half of all cases does."""
        return sum(self.id.encode()) % 2 == 1


def path_ends(*ends: str) -> Callable[[Request], bool]:
    """Return what is true of requests to such a path."""
    return lambda request: request.path.endswith(ends)


def target_has(part: str) -> Callable[[Request], bool]:
    """Return what is true of requests with that in their path or query."""
    return lambda request: part in request.target


def asks_for(operation: str) -> Callable[[Request], bool]:
    """Return what is true of that GraphQL query."""
    return lambda request: f"query {operation}".encode() in request.body


EVERY = Call("every request", lambda _: True)
AHEAD = Call("what is read ahead (GraphQL)", asks_for("Ahead"))
GITHUB_CALLS = (
    Call("the run", path_ends("/attempts/1")),
    Call("its jobs", path_ends("/jobs")),
    Call("its annotations", path_ends("/annotations")),
    Call("pull requests of the branch", target_has("/pulls?head"), read_ahead=True),
    Call("pull requests of the commit", lambda r: "/commits/" in r.path),
    Call("what the pull request closes (GraphQL)", asks_for("ChangeLineage"), read_ahead=True),
    Call("the timeline of the pull request", path_ends("/timeline"), read_ahead=True),
    Call("the pull request", path_ends("/pulls/123"), read_ahead=True),
    Call("deployments of the commit", target_has("/deployments?sha")),
    Call("statuses of the deployment", path_ends("/statuses")),
    Call("the deployment before (GraphQL)", asks_for("EnvironmentDeployments")),
    Call("commits since the deployment before", target_has("/compare/")),
    Call("pull requests of commits (GraphQL)", asks_for("CommitChanges"), read_ahead=True),
)
ISSUE_CALLS = (
    Call("the repository", path_ends("/repos/acme/shop")),
    Call("the issue and what stands above (GraphQL)", asks_for("IssueChain")),
    Call("the details of the issue (GraphQL)", asks_for("IssueDetails")),
    Call("the timeline of the issue", path_ends("/issues/17/timeline")),
)
JIRA_CALLS = (
    Call("the server", path_ends("/serverInfo")),
    Call("the story", path_ends("/issue/ACME-57")),
    Call("the epic", path_ends("/issue/ACME-42")),
)
OTLP_CALLS = tuple(Call(name, path_ends(f"/v1/{name}")) for name in ("traces", "logs", "metrics"))


@dataclass(frozen=True, slots=True)
class OnStage:
    """An answer that depends on where the servers of a case are."""

    of: Callable[[Stage], Scripted]


Made = Scripted | OnStage


_NO_DATA = status(200, '{"data": null, "errors": [{"message": "Something went wrong"}]}')


def scripted(side: Side, call: Call, made: Made, times: int | None) -> Callable[[Stage], object]:
    """Return what lets a call be answered so: ``times`` times, or for ever."""

    def strike(stage: Stage) -> None:
        answer = made.of(stage) if isinstance(made, OnStage) else made
        scripts = {
            Side.OTLP: stage.receiver.script,
            Side.GITHUB: stage.github.script,
            Side.JIRA: stage.jira.script,
        }
        scripts[side](call.fits, answer, times=times)
        if call.read_ahead:
            stage.github.script(AHEAD.fits, _NO_DATA, times=None)

    return strike


def hangs_at_resolving(host: str, stage: Stage) -> None:
    """Let the resolver not answer for a host until the case is over."""
    over = threading.Event()
    stage.rest.callback(over.set)

    def answer() -> list[Any]:
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    stage.resolve(host, answer)


def has_dead_addresses(host: str, stage: Stage) -> None:
    """Let a host have twelve addresses at which nobody answers: a backlog that is full."""
    server = stage.rest.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    for _ in range(4):
        waiting = stage.rest.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(server.getsockname())
    row = (socket.AF_INET, socket.SOCK_STREAM, 0, "", server.getsockname())
    stage.resolve(host, lambda: [row] * 12)
