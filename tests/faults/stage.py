"""Everything that one export meets: a GitHub, a Jira, an OTLP endpoint, and a host that is none.

The world is a merge that was deployed: its export asks for a run with its jobs and annotations, the
pull request, the story and epic in Jira, the deployment and what that delivers.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from tests.contracts import jira_openapi, openapi
from tests.fakes import events
from tests.fakes.github import FakeGitHub
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import MONA, JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import (
    World,
    annotation,
    deployment_status,
    happened,
    job,
    sha_of,
    step,
)
from tests.support import closings
from tests.support import program as programs
from tests.support.program import Program, Result

GITHUB_TOKEN = programs.TOKEN
JIRA_EMAIL, JIRA_TOKEN = "canary-mona@jira.example", "canary-of-jira-0123456789"
OTLP_HEADER = "canary-of-a-header-0123456789"
URL_USER, URL_PASSWORD = "canary-user-of-the-url", "canary-password-of-the-url"
DOOR = "import sys; from flow_telemetry.action import main; sys.exit(main())"
# For one request over OTLP, in milliseconds: what is answered has it, however busy the machine is.
OTLP_TIMEOUT = 10_000
OWN_JOB = "test"


class Exported(Enum):
    """What the export of a case is about."""

    RUN = "a run that has ended"
    ISSUE = "an issue that was closed"
    OWN_JOB = "the run from inside of its job"


@dataclass(slots=True, kw_only=True)
class Stage:
    """The servers of one case, and the program that is to meet them.

    ``endpoint`` is what a case may change before the program runs; ``rest`` ends what it starts.
    ``exports`` is what is exported; ``otlp_timeout`` is for one request over OTLP, in milliseconds;
    ``inputs`` are further ones of the action.
    """

    github: FakeGitHub
    jira: FakeJira
    receiver: Receiver
    elsewhere: Receiver
    program: Program
    run: Run
    rest: ExitStack
    endpoint: str
    exports: Exported = Exported.RUN
    otlp_timeout: int = OTLP_TIMEOUT
    jira_address: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    own: Run | None = None
    process: subprocess.Popen[str] | None = None
    has_process: bool = False

    @property
    def own_run(self) -> Run:
        """The run that the program runs in; there is none before it is asked for."""
        if self.own is None:
            self.own = tested(self.github.world)
        return self.own

    @property
    def workspace(self) -> Path:
        """The workspace of the job that the program runs in."""
        folder = self.program.folder / "workspace"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def access(self) -> dict[str, str]:
        """The inputs that let the program read Jira, and put the run under the story."""
        return {
            "jira_url": self.jira_address or self.jira.url,
            "jira_email": JIRA_EMAIL,
            "jira_token": JIRA_TOKEN,
            "trace_scope": "item",
        }

    def export(self, **inputs: Any) -> tuple[Result, float]:
        """Run the action once; return what came of it, and its seconds."""
        environ = {"OTEL_EXPORTER_OTLP_TIMEOUT": str(self.otlp_timeout), **self.environ}
        given = {
            "otlp_endpoint": self.endpoint,
            "otlp_headers": f"x-api-key={OTLP_HEADER}",
            "log_level": "debug",
            **self.access,
            **self.inputs,
            **inputs,
        }
        began = time.monotonic()
        if self.has_process:
            result = self._export_in_process(environ, given)
        elif self.exports is Exported.ISSUE:
            result = closings.issue(self.program, "acme/shop#17", environ, **given)
        elif self.exports is Exported.OWN_JOB:
            environ["GITHUB_WORKSPACE"] = str(self.workspace)
            result = self.program.inside(self.own_run, OWN_JOB, environ, **given)
        else:
            result = self.program.export(self.run, environ, **given)
        return result, time.monotonic() - began

    def resolve(self, host: str, answer: Callable[[], list[Any]]) -> None:
        """Let the machine's resolver answer so for a host, and as ever for others."""
        real = socket.getaddrinfo

        def getaddrinfo(name: Any, *words: Any, **named: Any) -> list[Any]:
            return answer() if name == host else real(name, *words, **named)

        self.program._patch.setattr(socket, "getaddrinfo", getaddrinfo)

    def cancel(self) -> None:
        """Send the program's process the signal of a cancelled step."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)

    def _export_in_process(self, environ: dict[str, str], given: dict[str, Any]) -> Result:
        event = events.workflow_run(self.github.world, self.run)
        of_place = {"GITHUB_EVENT_NAME": "workflow_run", "PYTHONUTF8": "1", **environ}
        variables = self.program.action_environ(of_place, event=event, **given)
        command = [sys.executable, "-c", DOOR]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        stdout, stderr = self.process.communicate(timeout=60)
        return self.program._result(self.process.returncode, stdout, stderr)


@contextmanager
def stage(
    folder: Path, patch: pytest.MonkeyPatch, printed: pytest.CaptureFixture[str]
) -> Iterator[Stage]:
    """Start the servers over a world of their own."""
    world = World("acme/shop")
    run = merged_and_deployed(world)
    closed_issue(world)
    with ExitStack() as rest:
        github = rest.enter_context(FakeGitHub(world, token=GITHUB_TOKEN, check=openapi.validate))
        jira = rest.enter_context(
            FakeJira(tracked(), email=JIRA_EMAIL, token=JIRA_TOKEN, check=jira_openapi.validate)
        )
        receiver, elsewhere = rest.enter_context(Receiver()), rest.enter_context(Receiver())
        yield Stage(
            github=github,
            jira=jira,
            receiver=receiver,
            elsewhere=elsewhere,
            program=Program(
                github=github, receiver=receiver, folder=folder, patch=patch, printed=printed
            ),
            run=run,
            rest=rest,
            endpoint=with_credentials(receiver.url),
        )


def with_credentials(url: str) -> str:
    """Return an address with a user and a password in it."""
    scheme, _, host = url.partition("://")
    return f"{scheme}://{URL_USER}:{URL_PASSWORD}@{host}"


def merged_and_deployed(world: World) -> Run:
    """Pull request 123 of story ACME-57 is merged; the run of its merge commit deploys it."""
    before, merge = sha_of("before"), sha_of("merge")
    world.history(before, merge)
    world.deployment(
        sha=before,
        created_at="2025-11-01T08:00:00Z",
        statuses=[deployment_status("success", log_url="")],
    )
    world.pull_request(
        123,
        branch="feature/acme-57-pay",
        title="Pay by card",
        opened_at="2025-11-04T09:00:00Z",
        merged_at="2025-11-06T10:00:00Z",
        merge_commit_sha=merge,
        timeline=[happened("reviewed", at="2025-11-05T09:00:00Z", by="bob", review="approved")],
    )
    said = annotation("expected 2 blank lines", title="E302")
    run = world.run(
        workflow="Deploy",
        event="push",
        branch="main",
        sha=merge,
        created_at="2025-11-06T10:00:05Z",
        jobs=[
            job("ship", steps=[step("Roll out", 120)]),
            job("lint", "failure", steps=[step("Lint", 3, "failure")], annotations=[said]),
        ],
    )
    ship = run.job("ship")
    log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{ship.id}"
    statuses = [
        deployment_status("in_progress", log_url=log),
        deployment_status("success", after=120, log_url=log),
    ]
    world.deployment("production", sha=merge, created_at=ship.created_at, statuses=statuses)
    return run


def tested(world: World) -> Run:
    """A push whose one job has linted; the other has run its tests and now exports itself."""
    steps = [step("Run pytest", 60), step("Export telemetry", conclusion=None)]
    return world.run(
        workflow="Test",
        event="push",
        branch="main",
        created_at="2025-11-07T10:00:00Z",
        jobs=[job(OWN_JOB, None, steps=steps), job("lint", steps=[step("Lint", 3)])],
    )


def closed_issue(world: World) -> None:
    """Story 17 of epic 1 is done; nothing else leads to it."""
    began, done = "2025-11-03T08:00:00Z", "2025-11-06T10:00:02Z"
    assigned = happened("assigned", at="2025-11-04T08:00:00Z", subject="alice")
    world.issue(1, "Sell abroad", type="Epic", opened_at=began)
    world.issue(
        17, "Pay", type="Story", parent=1, opened_at=began, closed_at=done, timeline=[assigned]
    )


def tracked() -> JiraWorld:
    """Story ACME-57 of epic ACME-42, which is done."""
    world = JiraWorld()
    world.issue("ACME-42", type="Epic", summary="Checkout")
    story = world.issue("ACME-57", parent="ACME-42", summary="Pay by card")
    story.assign(MONA, at="2025-11-03T08:00:00Z")
    story.move("Done", at="2025-11-06T10:00:00Z", resolution="Done")
    return world
