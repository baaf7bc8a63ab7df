"""The demo: somebody without an account sees what an export gives."""

from __future__ import annotations

import io
import os
import threading
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.contracts.openapi import validate
from tests.support.program import TOKEN, Program

from flow_telemetry.demo.browser import has_browser, open_page
from flow_telemetry.demo.show import Demo
from flow_telemetry.demo.world import demo_world
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.testing.github import FakeGitHub
from flow_telemetry.testing.receiver import Receiver
from flow_telemetry.testing.spans import SpanRecord

TRACE = TraceIdentity(root="github.com/acme/shop/pull/123").trace_id
NAMES = [
    "RUN CI",
    "queued",
    "lint",
    "test (3.10)",
    "test (3.12)",
    "test (3.14)",
    "Set up Python 3.14",
    "Run pytest",
    "build image",
    "RUN Deploy",
    "deploy staging",
    "deploy production",
    "waiting for approval",
    "Roll out",
]
# A shell in which nothing of OpenTelemetry and GitHub works, but for the secrets in it.
HOSTILE = {
    "ALL_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "GITHUB_REPOSITORY": "elsewhere/else",
    "GITHUB_EVENT_NAME": "workflow_run",
    "FLOW_TELEMETRY_NAMESPACE": "another",
    "FLOW_TELEMETRY_DETAIL": "run",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret-of-the-backend",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    "OTEL_RESOURCE_ATTRIBUTES": "team=secret-team",
    "OTEL_SDK_DISABLED": "true",
    "OTEL_SERVICE_NAME": "secret-service",
}


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a person saw: the text, and the page that was opened."""

    text: str
    page: str
    path: Path
    opened: list[Path] = field(default_factory=list)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """The demo on a terminal beside a browser."""
    path, stream = tmp_path_factory.mktemp("demo") / "page.html", Terminal()
    opened: list[Path] = []
    shell = {name: value for name, value in os.environ.items() if name != "CI"}
    Demo(
        environ={**shell, "DISPLAY": ":0"}, stream=stream, html=path, open_page=opened.append
    ).show()
    page = path.read_text(encoding="utf-8")
    return Shown(text=stream.getvalue(), page=page, path=path, opened=opened)


def test_the_demo_shows_every_run_as_a_tree_and_as_a_page(shown: Shown) -> None:
    """The commands that were run, what arrived, and both views of it."""
    for name in NAMES:
        assert name in shown.text
        assert name in shown.page
    for run in ("999 --run-attempt 1", "999 --run-attempt 2", "1002 --run-attempt 1"):
        assert f"$ flow-telemetry export run --repo acme/shop --run-id {run}" in shown.text
    assert "decoded 80 spans from 3 requests" in shown.text
    assert TRACE in shown.text
    assert str(shown.path.resolve()) in shown.text


def test_the_page_opens_in_a_browser_of_somebody_who_looks_on(shown: Shown) -> None:
    """Once, after it was written."""
    assert shown.opened == [shown.path]


def test_what_the_shell_holds_changes_nothing_and_appears_nowhere(
    program: Program, github: FakeGitHub, receiver: Receiver, shown: Shown
) -> None:
    """Neither proxies nor a switched-off SDK, and no request leaves for the user's own backend."""
    page = program.folder / "page.html"
    mine = {**HOSTILE, "GITHUB_TOKEN": TOKEN, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    result = program.command_process("demo", "--html", page, environ=mine)
    assert (result.status, result.stderr) == (0, "")
    assert page.read_text(encoding="utf-8") == shown.page
    for name in NAMES:
        assert name in result.stdout
    for secret in (TOKEN, "secret"):
        assert secret not in result.stdout + shown.page
    assert (github.requests, receiver.requests) == ([], [])
    assert sorted(path.name for path in program.folder.glob("*spool*")) == []


def test_a_page_that_cannot_be_written_is_told(program: Program) -> None:
    """The tree was shown all the same; the exit status and the text say what is missing."""
    result = program.command("demo", "--html", program.folder / "nowhere" / "page.html")
    assert result.status == 1
    assert "RUN Deploy" in result.stdout
    assert "cannot be written" in result.stderr
    assert "--html" in result.stderr


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "linux", False),
        ({"BROWSER": "lynx"}, "linux", False),
        ({}, "darwin", True),
        ({}, "win32", True),
        ({"CI": "true"}, "win32", False),
        ({"CI": "true", "DISPLAY": ":0"}, "linux", False),
    ],
)
def test_a_browser_needs_a_display_and_no_ci(
    environ: dict[str, str], platform: str, expected: bool
) -> None:
    """Without a display Python would start a browser of the terminal and take it over."""
    assert has_browser(environ, platform) is expected


def test_a_browser_that_does_not_come_holds_up_nobody(tmp_path: Path) -> None:
    """It gets the page's address; one that blocks is left alone, one that fails is ignored."""
    asked, closed = [], threading.Event()

    def block(url: str) -> None:
        asked.append(url)
        closed.wait(60)

    def fail(url: str) -> None:
        asked.append(url)
        raise webbrowser.Error("could not locate runnable browser")

    page = tmp_path / "a page.html"
    for browser in (block, fail):
        open_page(page, browser, longest=0.05)
    closed.set()
    assert asked == [page.resolve().as_uri()] * 2


class TestTheBundledWorld:
    """What the demo's GitHub holds is as true as GitHub's own answers."""

    @pytest.fixture
    def spans(self, program: Program, receiver: Receiver) -> list[SpanRecord]:
        """All that the program exports of it."""
        for run in program.github.world.attempts:
            words = ["--repo", "acme/shop", "--run-id", run.id, "--run-attempt", run.attempt]
            result = program.command(
                "export", "run", *words, environ={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
            )
            assert result.status == 0, result.log
        return receiver.spans

    @pytest.fixture
    def github(self) -> Iterator[FakeGitHub]:
        """The demo's GitHub, each answer checked against GitHub's own description."""
        with FakeGitHub(demo_world(), check=validate) as fake:
            yield fake

    def test_it_is_one_trace_of_the_pull_request(self, spans: list[SpanRecord]) -> None:
        """The deployment after the merge is in it too."""
        assert {span.trace_id for span in spans} == {TRACE}
        assert len({span.span_id for span in spans}) == len(spans)

    def test_a_test_fails_and_passes_in_the_second_attempt(self, spans: list[SpanRecord]) -> None:
        """The failed step says why; what had succeeded is carried over."""
        failed, passed = (s for s in spans if s.name == "test (3.14)")
        assert (failed.status, passed.status) == ("ERROR", "UNSET")
        assert "Decimal('19.99')" in failed.events[0].attributes["github.annotation.message"]
        assert [s.name for s in spans if s.status == "ERROR"] == [
            "RUN CI",
            "test (3.14)",
            "Run pytest",
        ]
        second = [s for s in spans if s.name == "RUN CI"][1]
        assert second.attributes["github.run.jobs.carried_over"] == 3

    def test_jobs_begin_when_those_that_they_need_have_ended(self, spans: list[SpanRecord]) -> None:
        """The image waits for the tests, production for staging and then for people."""
        first_tests = [s for s in spans if s.name.startswith("test (")][:3]
        passed = [s for s in spans if s.name == "test (3.14)"][1]
        skipped, built = (s for s in spans if s.name == "build image")
        staging, production, approval = (
            next(s for s in spans if s.name == name)
            for name in ("deploy staging", "deploy production", "waiting for approval")
        )
        assert skipped.attributes["github.job.conclusion"] == "skipped"
        assert skipped.start >= max(s.end for s in first_tests)
        assert built.start >= passed.end
        assert production.start >= staging.end
        assert (approval.start, approval.seconds) == (production.start, 312)
