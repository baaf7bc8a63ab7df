"""Whole exports of mutated answers: from the event to the encoded request and the job's summary.

An input says which scenario, then which edits: see `mutation.edits_in`.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, cast

from tests.fakes.github import FakeGitHub
from tests.fakes.jira import FakeJira

from flow_telemetry import pipeline
from flow_telemetry.action import outputs_of
from flow_telemetry.build import settings_redactor
from flow_telemetry.cli.check import check_github
from flow_telemetry.cli.explain import Explainer, explanation
from flow_telemetry.clock import Deadline, Interruption
from flow_telemetry.context import ExportContext
from flow_telemetry.context_step import give_context
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.client import GitHubClient, GitHubSession
from flow_telemetry.github.issues import GitHubIssues, StatusSource
from flow_telemetry.github.rate_limit import RequestBudget
from flow_telemetry.jira.client import JiraClient, JiraSession
from flow_telemetry.jira.tracker import Jira
from flow_telemetry.logging import SilentLog
from flow_telemetry.model import Repository
from flow_telemetry.outcome import Outcome
from flow_telemetry.page import build_page
from flow_telemetry.privacy.audience import read_audience, redact_drawn_spans, redact_outcome
from flow_telemetry.report.summary import job_summary
from flow_telemetry.report.terminal import report, tree
from flow_telemetry.settings import EntryPoint, Settings, load_settings
from flow_telemetry.subjects.choose import choose_subjects, choose_sweep
from flow_telemetry.subjects.types import RunSubject, reads_much
from flow_telemetry.sweep.ledger_file import LedgerFile
from flow_telemetry.sweep.sweep import export_sweep
from flow_telemetry.trackers import Trackers
from fuzz.checks import NOW, Broken, CheckedExporter
from fuzz.mutation import EDIT_BYTES, Edit, edited, edited_bytes, edits_in
from fuzz.scenarios import LEDGER, SCENARIOS, Scenario
from fuzz.standin import Kept, StandIn
from fuzz.worlds import jira_world, odd_world

_EVENT = "the event"
_DRAWN = 8  # drawing all spans takes longer than all else together


class StillClock:
    """A clock that waits for nobody: sleeping moves it on."""

    def __init__(self) -> None:
        self._waited = 0.0

    def now(self) -> datetime:
        """Return the same evening, and what was waited."""
        began = datetime.fromtimestamp(NOW / 10**9, tz=timezone.utc)
        return began + timedelta(seconds=min(self._waited, 10**8))

    def monotonic(self) -> float:
        """Return what was waited."""
        return self._waited

    def sleep(self, seconds: float) -> None:
        """Wait no time at all."""
        self._waited += seconds


class Stage:
    """A scenario with its answers as they are without edits, from which each export begins."""

    def __init__(self, scenario: Scenario, resources: ExitStack) -> None:
        self.scenario = scenario
        github, jira = fake_github(), fake_jira(cloud=scenario.jira != "server")
        self._follow = github.storage.respond
        self._github = Kept(_on(github.respond, github.requests))
        self._jira = Kept(_on(jira.respond, jira.requests))
        self._event = scenario.event(github.world)
        self._folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        self.export({})
        self.targets = (
            *((_EVENT,) if self._event else ()),
            *sorted(f"file {name}" for name in scenario.files),
            *sorted(f"github {kind}" for kind in self._github.kinds),
            *sorted(f"jira {kind}" for kind in self._jira.kinds),
        )

    def edits_by_target(self, edits: tuple[Edit, ...]) -> Mapping[str, tuple[Edit, ...]]:
        """Return the edits by what they are of."""
        found: dict[str, tuple[Edit, ...]] = {}
        for edit in edits:
            name = self.targets[edit.target % len(self.targets)]
            found[name] = (*found.get(name, ()), edit)
        return found

    def export(self, edits: Mapping[str, tuple[Edit, ...]]) -> Outcome | None:
        """Read, map, encode and show; return what came of it.

        Raises:
            Broken: a rule does not hold. What else is raised is a fault too.
        """
        event: Any = edited(self._event, edits.get(_EVENT, ()))
        event = event if isinstance(event, dict) else {}
        environ = {**self.scenario.environ, **self._workspace(edits)}
        exporter = CheckedExporter()
        try:
            settings = load_settings(environ, EntryPoint.ACTION)
            bounded = self.scenario.door == "export" and (
                choose_sweep(settings) is not None or reads_much(choose_subjects(settings, event))
            )
            parts = self._parts(settings, exporter, edits, bounded)
            outcome = self._called(settings, event, parts, environ)
        except FlowTelemetryError as error:
            _check_text(str(error))
            return None
        if outcome is not None:
            _show(settings, event, outcome, exporter)
        return outcome

    def _called(
        self, settings: Settings, event: Any, parts: ExportContext, environ: Mapping[str, str]
    ) -> Outcome | None:
        if self.scenario.door == "context":
            for text in give_context(settings, event, parts, environ).variables.values():
                _check_text(text)
            return None
        if self.scenario.door == "check":
            for finding in check_github(parts.github, settings.runner.repository or ""):
                _check_text(str(finding))
            return None
        sweep = choose_sweep(settings)
        if sweep is not None:
            ledger = self._folder / LEDGER if LEDGER in self.scenario.files else None
            return export_sweep(parts, sweep, LedgerFile(ledger))
        subjects = choose_subjects(settings, event)
        if self.scenario.door == "explain" and isinstance(subjects[0], RunSubject):
            facts = Explainer(parts, read_audience(settings.runner, event)).explain(subjects[0])
            for line in explanation(facts):
                _check_text(parts.redact(line))
            return None
        return pipeline.export(parts, subjects)

    def _workspace(self, edits: Mapping[str, tuple[Edit, ...]]) -> dict[str, str]:
        if not self.scenario.files:
            return {}
        for name, content in self.scenario.files.items():
            changes = edits.get(f"file {name}", ())
            (self._folder / name).write_bytes(edited_bytes(content, changes))
        return {"GITHUB_WORKSPACE": str(self._folder)}

    def _parts(
        self,
        settings: Settings,
        exporter: CheckedExporter,
        edits: Mapping[str, tuple[Edit, ...]],
        bounded: bool,
    ) -> ExportContext:
        clock = StillClock()
        until = Deadline.after(clock, settings.timeout)
        session = StandIn(self._github, _of("github ", edits), self._follow)
        github = GitHubClient(
            settings.github,
            session=cast(GitHubSession, session),
            clock=clock,
            deadline=until,
            log=SilentLog(),
            budget=RequestBudget(settings.max_requests) if bounded else None,
        )
        return ExportContext(
            settings=settings,
            github=github,
            trackers=self._trackers(settings, github, clock, until, edits),
            exporter=exporter,
            clock=clock,
            deadline=until,
            reading=until,
            log=SilentLog(),
            interruption=Interruption(clock),
            redact=settings_redactor(settings),
        )

    def _trackers(
        self,
        settings: Settings,
        github: GitHubClient,
        clock: StillClock,
        until: Deadline,
        edits: Mapping[str, tuple[Edit, ...]],
    ) -> Trackers:
        chosen = settings.trackers

        def issues(home: Repository) -> GitHubIssues:
            return GitHubIssues(github, home, StatusSource(project=chosen.status_project))

        if chosen.jira is None:
            return Trackers(github=issues, jira=None)
        session = cast(JiraSession, StandIn(self._jira, _of("jira ", edits)))
        client = JiraClient(chosen.jira, session=session, deadline=until, log=SilentLog())
        return Trackers(github=issues, jira=Jira(chosen.jira, client, clock))


def _on(respond: Any, requests: list[Any]) -> Any:
    """The same, without keeping what was asked: a million inputs ask much."""

    def answer(request: Any) -> Any:
        requests.clear()
        return respond(request)

    return answer


def _of(beginning: str, edits: Mapping[str, tuple[Edit, ...]]) -> dict[str, tuple[Edit, ...]]:
    return {k.removeprefix(beginning): v for k, v in edits.items() if k.startswith(beginning)}


def _show(settings: Settings, event: Any, outcome: Outcome, exporter: CheckedExporter) -> None:
    audience = read_audience(settings.runner, event)
    shown = redact_outcome(audience, replace(outcome, seconds=1.0))
    spans = redact_drawn_spans(audience, exporter.spans[:_DRAWN])
    for text in (
        *(job_summary(shown), report(shown), build_page(spans, "a trace")),
        tree(spans, width=80, colour=True, plain_ascii=False),
        *outputs_of(shown).values(),
        *outcome.problems,
    ):
        _check_text(text)


def _check_text(text: str) -> None:
    text.encode()  # a lone surrogate could be written to no file
    if "Traceback" in text or "ghs_of_this_run" in text:
        raise Broken(f"shown to a user: {text:.500}")


@cache
def _resources() -> ExitStack:
    return ExitStack()


@cache
def fake_github() -> FakeGitHub:
    """Return the GitHub of all stages; nobody asks it over HTTP."""
    return _resources().enter_context(FakeGitHub(odd_world(), rate_limit=None))


@cache
def fake_jira(*, cloud: bool) -> FakeJira:
    """Return the Jira of all stages, of either kind."""
    return _resources().enter_context(FakeJira(jira_world(), cloud=cloud))


@cache
def stage(name: str) -> Stage:
    """Return the stage of a scenario; it stands until `close`."""
    return Stage(SCENARIOS[name], _resources())


def close() -> None:
    """Take all stages down."""
    _resources().close()
    for each in (stage, fake_github, fake_jira, _resources):
        each.cache_clear()


@contextmanager
def _threads_watched() -> Iterator[None]:
    """Raise at the end what a thread raised, which Python would print and forget."""
    found: list[BaseException | None] = []
    before, threading.excepthook = threading.excepthook, lambda told: found.append(told.exc_value)
    try:
        yield
    finally:
        threading.excepthook = before
    if found:
        raise Broken("a thread ended with an error") from found[0]


def run(data: bytes) -> None:
    """Export from mutated answers.

    Raises:
        Broken: a rule does not hold. What else is raised is a fault too.
    """
    if not data:
        return
    names = list(SCENARIOS)
    at = stage(names[data[0] % len(names)])
    with _threads_watched():
        at.export(at.edits_by_target(edits_in(data[1:])))


def seeds() -> Iterator[bytes]:
    """Yield the inputs to begin with: each scenario as it is, and with one edit."""
    for number in range(len(SCENARIOS)):
        yield bytes([number])
        yield bytes([number, *range(EDIT_BYTES)])
