"""The demo: somebody without an account sees what an export gives."""

from __future__ import annotations

import io
import json
import os
import re
import threading
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.contracts.openapi import validate
from tests.fakes.demo.triggers import triggers
from tests.fakes.demo.world import demo_world
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.support.order import disorder
from tests.support.program import TOKEN, Program
from tests.support.waiting import until
from tools.demo_data import record

from flow_telemetry.demo.browser import has_browser, open_page
from flow_telemetry.demo.recording import decode, encode, load_recording
from flow_telemetry.demo.show import Demo
from flow_telemetry.identity import TraceIdentity

TRACES = [
    TraceIdentity(root=f"github.com/acme/shop/{thing}").trace_id
    for thing in ("pull/123", "pull/131", "issues/100")
]
VAT, INVOICE, FEATURE = TRACES
# Read by eye off the world: what each event sends, in order of time.
SENT = [41, 22, 50, 7, 0, 22, 13, 40, 50, 6, 0, 22, 272]
LINES = [
    "workflow_run         CI 999: failure                       41 spans",
    "workflow_run         Deploy 1007, attempt 2: success       13 spans",
    "workflow_run         CI 1014 of the merge queue: success   50 spans",
    "pull_request_target  pull request #131 closed               6 spans",
    "issues               story #110 closed                      - sent with its epic",
    "issues               epic #100 closed                     272 spans",
]
NAMES = [
    "epic acme/shop#100",
    "story acme/shop#110",
    "in progress",
    "pull request #123",
    "draft",
    "awaiting review",
    "changes requested",
    "in merge queue",
    "RUN CI",
    "test (3.14)",
    "Set up Python 3.14",
    "Run pytest",
    "RUN Deploy",
    "deploy staging",
    "deploy production",
    "waiting for approval",
]
# The picture of the README: without jobs of CI, steps and waits for runners.
PICTURE = """\
epic acme/shop#100
  open
  story acme/shop#110
    open
    in progress
    pull request #123
      draft
      RUN CI
      RUN CI
      awaiting review
      changes requested
      in review
      RUN CI
      awaiting merge
    RUN Deploy
      deploy staging
      deploy production
    deploy staging
    deploy production
    RUN Deploy
      deploy production
    deploy production
  story acme/shop#111
    open
    in progress
    pull request #131
      awaiting review
      RUN CI
      in review
      awaiting merge
      in merge queue
      RUN CI
    RUN Deploy
      deploy staging
      deploy production
    deploy staging
    deploy production
  in progress
"""
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

    encoding = "utf-8"

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


def _names(drawing: str) -> str:
    """The names of a drawn tree, without its lines, marks, durations and bars."""
    rows = (
        re.match(r"([│├└─ ]*)(\S.*?)(?: ✗| phase| status| attempt 2)*(?: {2,}|$)", line)
        for line in re.sub(r"\x1b\[\d*m", "", drawing).splitlines()
        if "░" in line or "█" in line
    )
    return "".join(f"{'  ' * (len(row[1]) // 3)}{row[2]}\n" for row in rows if row)


def test_the_recording_is_what_the_fakes_say() -> None:
    """Whoever changes a query, the demo's world or a fake runs `make demo-data`."""
    assert load_recording() == decode(encode(record()))


def test_the_demo_shows_live_traces_and_the_feature_trace(shown: Shown) -> None:
    """What was sent for each event, what arrived, and both views of it."""
    for name in NAMES:
        assert name in shown.text
        assert name in shown.page
    for line in LINES:
        assert line in shown.text
    assert re.search(
        rf"decoded {sum(SENT)} spans, \d\d+ events and \d\d+ metric points", shown.text
    )
    for trace in TRACES:
        assert trace in shown.text
        assert trace in shown.page
    assert str(shown.path.resolve()) in shown.text


def test_no_event_has_anything_to_complain_of(shown: Shown) -> None:
    """What a runner would show as a warning would be shown here too."""
    for word in ("::", "problem", "left out"):
        assert word not in shown.text


def test_the_terminal_stays_readable(shown: Shown) -> None:
    """Steps are drawn for one failed job only; the feature trace is the picture of the README."""
    live, _, feature = shown.text.partition("THE FEATURE TRACE")
    assert live.count("Set up job") == 1
    assert len(shown.text.splitlines()) < 150
    assert _names(feature) == PICTURE


def test_the_page_answers_what_delayed_the_feature(shown: Shown) -> None:
    """The feature trace comes first, with its shares, its longest wait and its failures."""
    data = json.loads(re.findall(r'id="data">(.*?)</script>', shown.page)[0])
    overview, feature = data["overview"], data["traces"][0]
    assert feature["trace"] == FEATURE
    assert [row[0::3] for row in overview["bar"] if row[1] > 0.2] == [
        ["awaiting review", "33 %"],
        ["idle", "29 %"],
    ]
    assert [row[:2] for row in overview["numbers"]] == [
        ["lead time", "10d 1h"],
        ["waiting", "40 %"],
        ["CI time", "1h 24m"],
    ]
    trace, row = overview["waits"][0]
    assert (trace, data["texts"][feature["name"][row]]) == (0, "awaiting review")
    failed = [data["texts"][feature["name"][row]] for _, row in overview["failures"]]
    assert failed == ["Run pytest", "Smoke tests"]


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
    until(lambda: len(asked) == 2, "a browser was not asked")
    closed.set()
    assert asked == [page.resolve().as_uri()] * 2


class TestTheBundledWorld:
    """What the demo's GitHub holds is as true as GitHub's own answers."""

    @pytest.fixture
    def spans(self, program: Program, receiver: Receiver) -> list[SpanRecord]:
        """All that the program exports of it."""
        sent = []
        for trigger in triggers(program.github.world):
            before = len(receiver.spans)
            inputs = {"ancestors": "none", "fail_on_error": True}
            result = program.action(trigger.variables, event=trigger.payload, **inputs)
            assert (result.status, result.warnings) == (0, []), result.log
            sent.append(len(receiver.spans) - before)
        assert sent == SENT
        return list({(span.trace_id, span.span_id): span for span in receiver.spans}.values())

    @pytest.fixture
    def github(self) -> Iterator[FakeGitHub]:
        """The demo's GitHub, each answer checked against GitHub's own description."""
        with FakeGitHub(demo_world(), check=validate) as fake:
            yield fake

    def test_it_is_a_trace_of_each_pull_request_and_one_of_the_feature(
        self, spans: list[SpanRecord]
    ) -> None:
        """Each is one tree, with every span once: deployments after the merge are in it too."""
        assert {span.trace_id for span in spans} == set(TRACES)
        for trace in TRACES:
            inside = [span for span in spans if span.trace_id == trace]
            ids = {span.span_id for span in inside}
            assert len(ids) == len(inside)
            assert [s.parent_span_id for s in inside if s.parent_span_id not in ids] == [""]

    def test_its_spans_are_in_order(self, spans: list[SpanRecord]) -> None:
        """A backend that sorts by start has one order, in the live traces and the feature trace."""
        assert disorder(spans) == []

    def test_a_test_fails_and_passes_in_the_second_attempt(self, spans: list[SpanRecord]) -> None:
        """The failed step says why; what had succeeded is carried over."""
        live = [span for span in spans if span.trace_id == VAT]
        failed, passed, later = (s for s in live if s.name == "test (3.14)")
        assert (failed.status, passed.status, later.status) == ("ERROR", "UNSET", "UNSET")
        assert "Decimal('19.99')" in failed.events[0].attributes["github.annotation.message"]
        second = [s for s in live if s.name == "RUN CI"][1]
        assert second.attributes["github.run.jobs.carried_over"] == 3

    def test_what_failed_is_the_tests_and_the_first_deployment(
        self, spans: list[SpanRecord]
    ) -> None:
        """Nothing of the second pull request failed, and nothing else of the first."""
        assert [s.name for s in spans if s.status == "ERROR" and s.trace_id != FEATURE] == [
            "RUN CI",
            "test (3.14)",
            "Run pytest",
            "RUN Deploy",
            "deploy production",
            "Smoke tests",
            "deploy production",
        ]

    def test_jobs_begin_when_those_that_they_need_have_ended(self, spans: list[SpanRecord]) -> None:
        """The image waits for the tests, production for staging and then for people."""
        live = [s for s in spans if s.trace_id == VAT]
        jobs = [s for s in live if s.attributes["flow.entity.type"] == "job"]
        first_tests = [s for s in jobs if s.name.startswith("test (")][:3]
        passed = [s for s in jobs if s.name == "test (3.14)"][1]
        skipped, built, _ = (s for s in jobs if s.name == "build image")
        staging = next(s for s in jobs if s.name == "deploy staging")
        production = next(s for s in jobs if s.name == "deploy production")
        approvals = [s for s in live if s.name == "waiting for approval"]
        assert skipped.attributes["github.job.conclusion"] == "skipped"
        assert skipped.start >= max(s.end for s in first_tests)
        assert built.start >= passed.end
        assert production.start >= staging.end
        assert approvals[0].start == production.start
        assert [s.seconds for s in approvals] == [312, 95]

    def test_things_end_in_the_order_in_which_they_need_each_other(
        self, spans: list[SpanRecord]
    ) -> None:
        """Checks before the approval and the merge, the queue's run within the phase."""
        feature = [s for s in spans if s.trace_id == FEATURE]
        pulls = [s for s in feature if s.name.startswith("pull request #")]
        deploys = [s for s in feature if s.name == "RUN Deploy"]
        assert max(s.end for s in feature if s.name == "RUN CI") <= max(s.end for s in pulls)
        assert all(deploy.start > pulls[0].end for deploy in deploys)
        (queue,) = (s for s in feature if s.name == "in merge queue")
        inside = [
            s
            for s in feature
            if s.name == "RUN CI" and queue.start <= s.start <= s.end <= queue.end
        ]
        assert len(inside) == 1
