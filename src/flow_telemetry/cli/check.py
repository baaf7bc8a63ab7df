"""`flow-telemetry check`: tests of endpoint, GitHub and Jira, with advice for what fails."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

from flow_telemetry.build import build_context, redactor_of
from flow_telemetry.cli.options import Subparsers, add_flags, flags_of
from flow_telemetry.cli.terminal import TerminalLog
from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.logging import Log, RedactedLog, SilentLog
from flow_telemetry.model.reports import CheckState, Finding
from flow_telemetry.otlp.batch import Batch
from flow_telemetry.otlp.exporter import NewSender, NullExporter, otlp_sender, summarize_attempt
from flow_telemetry.otlp.response import (
    NOUNS,
    ExportResult,
    TargetDescription,
    classify_response,
    origin,
)
from flow_telemetry.report.text import terminal_line
from flow_telemetry.settings import EntryPoint, Mode, Settings, load_settings
from flow_telemetry.telemetry import Signal, SignalTarget

# Lines for a terminal.

_LONGEST_LINE = 1_000
_WORDS = {CheckState.WORKS: "ok", CheckState.FAILS: "FAILS", CheckState.UNSURE: "note"}


def check_lines(findings: Sequence[Finding]) -> str:
    """Return a line for each finding, and one that sums up, without a last line end."""
    lines = [_line(finding) for finding in findings]
    failing = sum(finding.state is CheckState.FAILS for finding in findings)
    lines.append(
        f"{failing} of {len(findings)} do not work" if failing else "all that is needed works"
    )
    return "\n".join(lines)


def _line(finding: Finding) -> str:
    told = f": {finding.told}" if finding.told else ""
    return terminal_line(f"{_WORDS[finding.state]:<6}{finding.what}{told}", _LONGEST_LINE)


# Test of an OTLP endpoint by an empty request.

# Somebody waits for a check, so a request gets less time than in an export.
_LONGEST_PROBE_SECONDS = 20.0
# Less than the pause before a retry: if nothing answers, one attempt is enough.
_GRACE_SECONDS = 0.3


def probe(
    target: SignalTarget,
    deadline: Deadline,
    *,
    log: Log | None = None,
    new_sender: NewSender = otlp_sender,
) -> Finding:
    """Send an empty request of a signal and return the result.

    All attempts together take at most as long as one request may, and at most 20 seconds.
    """
    clock = deadline.clock
    longest = min(target.timeout, _LONGEST_PROBE_SECONDS)
    until = deadline.at_most(longest + _GRACE_SECONDS, set_by="a check's limit")
    what = f"{NOUNS[target.signal].signal} to {origin(target.url)}"
    began = clock.monotonic()
    sender = new_sender(replace(target, timeout=longest), until)
    try:
        attempt = sender.deliver(Batch(target.signal, ()))
    finally:
        sender.close()
    seconds = clock.monotonic() - began
    (log or SilentLog()).debug(summarize_attempt(replace(attempt, seconds=seconds), target, 0))
    response = attempt.response
    if response.error is NetworkErrorKind.DEADLINE and not deadline.expired:
        # The user cannot raise this limit, so the result must not name `timeout`.
        response = replace(response, error=NetworkErrorKind.TIMEOUT, seconds=longest)
    return _finding(
        what, target.signal, classify_response(response, TargetDescription.of(target), 0), seconds
    )


def _finding(what: str, signal: Signal, result: ExportResult, seconds: float) -> Finding:
    cause = result.cause
    if cause is None:
        warning = f"; {result.warning}" if result.warning else ""
        return Finding(
            what=what,
            state=CheckState.WORKS,
            told=f"answered in {round(seconds * 1000):,} ms{warning}",
        )
    # An export only notes that a backend does not support a signal, except for traces.
    missing = cause.absent and signal is not Signal.TRACES
    text = f"{cause.problem}. {cause.advice}"
    if missing:
        text += f". If the backend has no {NOUNS[signal].signal}, an export only adds a notice"
    return Finding(what=what, state=CheckState.UNSURE if missing else CheckState.FAILS, told=text)


# Test of the token by a small request of each kind that an export sends.
#
# https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps

_FEW = 1
# In most repositories at least one of so many is an issue, not a pull request.
_SOME = 30


def check_github(github: GitHubClient, repository: str) -> tuple[Finding, ...]:
    """Return a finding for each permission of the token in a repository (`acme/shop`).

    If the repository cannot be read, every other request would fail too and is not sent.
    """
    what = f"GitHub, repository {repository}"
    try:
        github.get(f"/repos/{repository}", f"repository {repository}")
    except FlowTelemetryError as error:
        return (Finding(what=what, state=CheckState.FAILS, told=str(error)),)
    asked = _Asked(github=github, repository=repository)
    checks: tuple[Callable[[], list[Finding]], ...] = (
        asked.runs,
        asked.deployments,
        asked.issues,
        asked.pull_requests,
    )
    found = github.run_concurrently(lambda check: check(), checks)
    return (
        Finding(what=what, state=CheckState.WORKS),
        *(finding for each in found for finding in each),
        _rate_limit(github.rate_limit),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The requests about one repository."""

    github: GitHubClient
    repository: str

    def runs(self) -> list[Finding]:
        """Test runs, and the jobs and commit of the latest run."""
        what = "actions: read (runs and jobs)"
        response = self._asked("actions/runs", "the runs", per_page=_FEW)
        runs = _items(response, "workflow_runs")
        findings = [_of(what, response)]
        if isinstance(response, FlowTelemetryError) or not runs:
            why = (
                "the runs could not be read"
                if not isinstance(response, dict)
                else "there is no run"
            )
            return [*findings, *_untried(why)]
        return [*findings, self._checks(runs[0].get("id")), self._contents(runs[0].get("head_sha"))]

    def deployments(self) -> list[Finding]:
        """Test deployments and approvals."""
        response = self._asked("deployments", "the deployments", per_page=_FEW)
        return [_of("deployments: read (deployments and approvals)", response)]

    def pull_requests(self) -> list[Finding]:
        """Test pull requests of any state."""
        response = self._asked("pulls", "the pull requests", state="all", per_page=_FEW)
        return [_of("pull-requests: read (pull requests above runs)", response)]

    def issues(self) -> list[Finding]:
        """Test issues; a token for pull requests only gets those from the same list."""
        what = "issues: read (work items)"
        response = self._asked("issues", "the issues", state="all", per_page=_SOME)
        if isinstance(response, list) and not any("pull_request" not in item for item in response):
            told = "no issue is among the last 30: there is none, or the token may not read them"
            return [Finding(what=what, state=CheckState.UNSURE, told=told)]
        return [_of(what, response)]

    def _checks(self, run: Any) -> Finding:
        """Test the annotations of a job's check run."""
        jobs = self._asked(f"actions/runs/{run}/jobs", "the jobs of the last run", per_page=_FEW)
        listed = _items(jobs, "jobs")
        if not listed:
            return _untried("the last run shows no job")[0]
        path = f"check-runs/{listed[0].get('id')}/annotations"
        return _of(_CHECKS, self._asked(path, "the annotations of a job", per_page=_FEW))

    def _contents(self, commit: Any) -> Finding:
        path = f"compare/{commit}...{commit}"
        return _of(_CONTENTS, self._asked(path, "the commit of the last run", per_page=_FEW))

    def _asked(self, path: str, what: str, **query: str | int) -> Any:
        """Return the response or the error."""
        try:
            return self.github.get(
                f"/repos/{self.repository}/{path}", f"{what} of {self.repository}", **query
            )
        except FlowTelemetryError as error:
            return error


_CHECKS = "checks: read (why jobs failed)"
_CONTENTS = "contents: read (what a push or deployment brought)"


def _untried(why: str) -> list[Finding]:
    return [
        Finding(what=what, state=CheckState.UNSURE, told=f"not tried, since {why}")
        for what in (_CHECKS, _CONTENTS)
    ]


def _of(what: str, response: Any) -> Finding:
    if isinstance(response, FlowTelemetryError):
        return Finding(what=what, state=CheckState.FAILS, told=str(response))
    return Finding(what=what, state=CheckState.WORKS)


def _items(response: Any, key: str) -> list[Mapping[str, Any]]:
    listed = response.get(key) if isinstance(response, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _rate_limit(headers: Mapping[str, str]) -> Finding:
    """The remaining requests of this hour, from the headers of the last response."""
    what = "GitHub's rate limit"
    left, limit = headers.get("x-ratelimit-remaining"), headers.get("x-ratelimit-limit")
    if left is None or limit is None or not left.isdigit():
        return Finding(what=what, state=CheckState.WORKS, told="the server reports none")
    told = f"{left} of {limit[:10]} requests are left{_until(headers.get('x-ratelimit-reset', ''))}"
    if int(left) > 0:
        return Finding(what=what, state=CheckState.WORKS, told=told)
    return Finding(what=what, state=CheckState.FAILS, told=f"{told}: wait, or use another token")


def _until(reset: str) -> str:
    if not (reset.isascii() and reset.isdigit() and len(reset) <= 10):
        return ""
    return f" until {datetime.fromtimestamp(int(reset), tz=timezone.utc):%H:%M} UTC"


# The command.

# For all requests to GitHub, and for all to Jira.
_LONGEST_SECONDS = 30.0


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "check",
        help="check whether endpoint, token and trackers work",
        description="Sends an empty request for each signal to the endpoint, and tests what the "
        "tokens of GitHub and Jira may read. Prints a line for each test, with the likely cause "
        "and advice if it failed. The exit status is 1 if something required does not work.",
    )
    add_flags(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the findings; return 0, or 1 if something required does not work."""
    flags = flags_of(options, mode=Mode.RUN.value)
    settings = load_settings(environ, EntryPoint.COMMAND_LINE, flags)
    redact = redactor_of(settings)
    log = RedactedLog(TerminalLog(settings.log_level, sys.stderr), redact)
    deadline = Deadline.after(SystemClock(), settings.timeout)
    findings = [
        replace(finding, what=redact(finding.what), told=redact(finding.told))
        for finding in _findings(settings, deadline, log)
    ]
    sys.stdout.write(check_lines(findings) + "\n")
    return 1 if any(finding.state is CheckState.FAILS for finding in findings) else 0


def _findings(settings: Settings, deadline: Deadline, log: Log) -> Iterator[Finding]:
    for warning in settings.warnings:
        yield Finding(what="settings", state=CheckState.FAILS, told=warning)
    for signal in Signal:
        yield _of_signal(settings, signal, deadline, log)
    yield from _of_github(settings, _parts(settings, deadline, log))
    if settings.trackers.jira is not None and settings.trackers.uses_jira:
        yield _of_jira(settings.trackers.jira.url, _parts(settings, deadline, log))


def _parts(settings: Settings, deadline: Deadline, log: Log) -> ExportContext:
    """The services, with a time limit that starts now: each server has its own."""
    return build_context(
        settings,
        sink=NullExporter(),
        clock=deadline.clock,
        deadline=deadline,
        reading_until=deadline.at_most(
            _LONGEST_SECONDS, set_by=f"a check's limit of {_LONGEST_SECONDS:.0f} s"
        ),
        log=log,
    )


def _of_signal(settings: Settings, signal: Signal, deadline: Deadline, log: Log) -> Finding:
    target = settings.otlp.targets.get(signal)
    if target is not None:
        return probe(target, deadline, log=log)
    asked_for = signal in settings.signals.enabled and not settings.otlp.targets
    return Finding(
        what=NOUNS[signal].signal,
        state=CheckState.FAILS if asked_for else CheckState.UNSURE,
        told=f"nothing is sent: {settings.otlp.off[signal]}",
    )


def _of_github(settings: Settings, parts: ExportContext) -> tuple[Finding, ...]:
    repository = settings.repository or settings.runner.repository
    if repository is None:
        told = "`repository` is missing: name it as OWNER/NAME"
        return (Finding(what="GitHub", state=CheckState.FAILS, told=told),)
    findings = check_github(parts.github, repository)
    if settings.github.token:
        return findings
    text = (
        "none is set, so only public data can be read, with 60 requests an hour: set "
        "`github-token`, or GITHUB_TOKEN"
    )
    return (Finding(what="GitHub's token", state=CheckState.UNSURE, told=text), *findings)


def _of_jira(url: str, parts: ExportContext) -> Finding:
    """Search issues as a sweep does; Jira finds none without the permission."""
    what = f"Jira at {urlsplit(url).hostname or 'its site'}"
    jira = parts.trackers.jira
    if jira is None:
        return Finding(what=what, state=CheckState.UNSURE, told="`tracker` does not include it")
    try:
        jira.status_categories()
        unread = jira.changed_since(parts.clock.now()).unread
    except FlowTelemetryError as error:
        unread = (str(error),)
    if unread:
        return Finding(what=what, state=CheckState.FAILS, told="; ".join(unread))
    return Finding(what=what, state=CheckState.WORKS, told="statuses and issues can be read")
