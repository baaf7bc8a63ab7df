"""`flow-telemetry check`: tests of endpoint, GitHub, Jira and workflow files, with advice."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from flow_telemetry.build import build_context, settings_redactor
from flow_telemetry.cli.double_exports import find_double_exports, quoted
from flow_telemetry.cli.options import CHECK, add_flags, load
from flow_telemetry.cli.parser import Subparsers
from flow_telemetry.cli.targets import add_target
from flow_telemetry.cli.terminal import TerminalLog, add_result_flags
from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError, NotFoundError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.permissions import PERMISSIONS
from flow_telemetry.github.rate_limit import RateLimits
from flow_telemetry.github.workflow_files import MOST_READ, read_workflow_files
from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.logging import Log, RedactedLog, SilentLog
from flow_telemetry.model.api_usage import Api
from flow_telemetry.otlp.compression import compress
from flow_telemetry.otlp.exporter import NullExporter
from flow_telemetry.otlp.response import (
    NOUNS,
    ExportResult,
    TargetDescription,
    classify_response,
)
from flow_telemetry.otlp.sending import NewSender, otlp_sender, summarize_attempt
from flow_telemetry.report.text import terminal_line
from flow_telemetry.settings import Mode, Settings, describe_settings
from flow_telemetry.settings.backends import PRESETS
from flow_telemetry.settings.parse import origin
from flow_telemetry.telemetry import Signal, SignalTarget

_LONGEST_LINE = 1_000
# Somebody waits for a check, so a request gets less time than in an export.
_LONGEST_PROBE_SECONDS = 20.0
# Less than the pause before a retry: if nothing answers, one attempt is enough.
_GRACE_SECONDS = 0.3
# Lines about the workflow files; one line shows what is wrong with many of them.
_MOST_DOUBLES = 10
# For all requests to GitHub, and for all to Jira.
_LONGEST_SECONDS = 30.0
_UNITS = {Api.REST: "requests", Api.GRAPHQL: "points of GraphQL"}


class CheckState(Enum):
    """Whether something works; UNSURE if it could not be tested, or is not needed."""

    WORKS = "ok"
    FAILS = "FAILS"
    UNSURE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of one test; ``detail`` has the likely cause and the remedy of a failure."""

    name: str
    state: CheckState
    detail: str = ""


_STATES = {CheckState.WORKS: "ok", CheckState.FAILS: "fails", CheckState.UNSURE: "note"}


# The command.


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "check",
        help="check whether endpoint, token and trackers work",
        description="Sends an empty request for each signal to the endpoint, and tests what the "
        "tokens of GitHub and Jira may read, and whether the workflows export runs twice. Prints "
        "each setting with where it is from, and a line for each test, with the likely cause and "
        "advice if it failed. The exit status is 1 if something required does not work.",
    )
    add_target(parser, "URL of the repository, or OWNER/NAME, like --repo.")
    add_result_flags(parser)
    add_flags(parser, [CHECK])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the results; return 0, or 1 if something required does not work."""
    settings = load(options, environ, mode=Mode.RUN.value)
    redact = settings_redactor(settings)
    terminal = TerminalLog(settings.log_level, sys.stderr, quiet=options.quiet)
    deadline = Deadline.after(SystemClock(), settings.timeout)
    results = list(_results(settings, deadline, RedactedLog(terminal, redact)))
    settings_lines = [redact(line) for line in describe_settings(settings)]
    if options.json:
        sys.stdout.write(_json(settings_lines, results, redact) + "\n")
    else:
        shown = [r for r in results if r.state is CheckState.FAILS or not options.quiet]
        lines = [*([] if options.quiet else settings_lines), *map(redact, _lines(shown))]
        lines += [] if options.quiet else [_summary(results)]
        sys.stdout.write("".join(f"{terminal_line(line, _LONGEST_LINE)}\n" for line in lines))
    return 1 if _failing(results) else 0


def _failing(results: Sequence[CheckResult]) -> int:
    return sum(result.state is CheckState.FAILS for result in results)


def _summary(results: Sequence[CheckResult]) -> str:
    failing = _failing(results)
    return f"{failing} of {len(results)} do not work" if failing else "all that is needed works"


def _lines(results: Sequence[CheckResult]) -> Iterator[str]:
    """Yield a line for each test; failures with the same finding share one."""
    folded: dict[object, list[CheckResult]] = {}
    for position, result in enumerate(results):
        fails = result.state is CheckState.FAILS and result.detail
        folded.setdefault(result.detail if fails else position, []).append(result)
    for same in folded.values():
        first = same[0]
        detail = f": {first.detail}" if first.detail else ""
        yield f"{first.state.value:<6}{_join_names([each.name for each in same])}{detail}"


def _join_names(names: Sequence[str]) -> str:
    """Return `traces, events and metrics to X` for names that end alike."""
    firsts, ends = zip(*(name.partition(" to ")[::2] for name in names), strict=True)
    if len(names) == 1 or len(set(ends)) > 1:
        return "; ".join(names)
    end = f" to {ends[0]}" if ends[0] else ""
    return f"{', '.join(firsts[:-1])} and {firsts[-1]}{end}"


def _json(
    settings: Sequence[str], results: Sequence[CheckResult], redact: Callable[[str], str]
) -> str:
    """Return the results as JSON; docs/reference/command-line.md describes its form."""
    facts = {
        "works": not _failing(results),
        "results": [
            {
                "name": redact(result.name),
                "state": _STATES[result.state],
                "detail": redact(result.detail),
            }
            for result in results
        ],
        "settings": list(settings),
    }
    return json.dumps(facts, indent=2, ensure_ascii=False)


def _results(settings: Settings, deadline: Deadline, log: Log) -> Iterator[CheckResult]:
    for error in settings.errors:
        yield CheckResult(name="settings", state=CheckState.FAILS, detail=error)
    yield from _check_headers(settings)
    targets = settings.otlp.targets
    yield from classify_probes(
        [probe(targets[s], deadline, log=log) for s in Signal if s in targets]
    )
    for signal in Signal:
        if signal in targets:
            continue
        # Without any endpoint the enabled signals are required; otherwise the user left one out.
        required = signal in settings.signals.enabled and not targets
        yield CheckResult(
            name=NOUNS[signal].signal,
            state=CheckState.FAILS if required else CheckState.UNSURE,
            detail=f"nothing is sent: {settings.otlp.off[signal]}",
        )
    yield from _github_results(settings, _build_context(settings, deadline, log))
    if settings.trackers.jira is not None and settings.trackers.uses_jira:
        context = _build_context(settings, deadline, log)
        yield _jira_result(settings.trackers.jira.url, context)


def _check_headers(settings: Settings) -> Iterator[CheckResult]:
    """Yield a remark if the backend wants a header that no target has."""
    backend, targets = settings.preset.backend, settings.otlp.targets.values()
    if backend is None:
        return
    wanted = PRESETS[backend].headers
    given = {name.lower() for target in targets for name in target.headers}
    if wanted and targets and not given & set(wanted):
        detail = (
            f"{PRESETS[backend].title} wants the header {' or '.join(wanted)}, which "
            "`otlp-headers` does not have"
        )
        yield CheckResult(name="headers", state=CheckState.UNSURE, detail=detail)


def _build_context(settings: Settings, deadline: Deadline, log: Log) -> ExportContext:
    """The services, with a time limit that starts now: each server has its own."""
    return build_context(
        settings,
        exporter=NullExporter(),
        clock=deadline.clock,
        deadline=deadline,
        reading_until=deadline.at_most(
            _LONGEST_SECONDS, set_by=f"a check's limit of {_LONGEST_SECONDS:.0f} s"
        ),
        log=log,
    )


# Test of an OTLP endpoint by an empty request.


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The result of an empty request to a target, which took ``seconds``."""

    target: SignalTarget
    result: ExportResult
    seconds: float


def probe(
    target: SignalTarget,
    deadline: Deadline,
    *,
    log: Log | None = None,
    new_sender: NewSender = otlp_sender,
) -> Probe:
    """Send an empty request of a signal and return the result.

    All attempts together take at most as long as one request may, and at most 20 seconds.
    """
    clock = deadline.clock
    longest = min(target.timeout, _LONGEST_PROBE_SECONDS)
    until = deadline.at_most(longest + _GRACE_SECONDS, set_by="a check's limit")
    began = clock.monotonic()
    sender = new_sender(replace(target, timeout=longest), until)
    try:
        attempt = sender.deliver(compress(b""))
    finally:
        sender.close()
    seconds = clock.monotonic() - began
    (log or SilentLog()).debug(summarize_attempt(replace(attempt, seconds=seconds), target, 0))
    response = attempt.response
    if response.error is NetworkErrorKind.DEADLINE and not deadline.expired:
        # The user cannot raise this limit, so the result must not name `timeout`.
        response = replace(response, error=NetworkErrorKind.TIMEOUT, timeout=longest)
    result = classify_response(response, TargetDescription.of(target), 0)
    return Probe(target=target, result=result, seconds=seconds)


def classify_probes(probes: Sequence[Probe]) -> Iterator[CheckResult]:
    """Yield the results; as in an export, a backend may lack a signal if it accepts another one."""
    bases = {each.target.base for each in probes if each.result.delivered} - {None}
    for each in probes:
        yield _probe_result(each, is_optional=each.target.base in bases)


def _probe_result(found: Probe, *, is_optional: bool) -> CheckResult:
    target, result, seconds = found.target, found.result, found.seconds
    signal, failure = target.signal, result.reason
    name = f"{NOUNS[signal].signal} to {origin(target.url)}"
    if failure is None:
        warning = f"; {result.warning}" if result.warning else ""
        detail = f"answered in {round(seconds * 1000):,} ms{warning}"
        return CheckResult(name=name, state=CheckState.WORKS, detail=detail)
    detail = f"{failure.problem}. {failure.advice}"
    # An export only notes that a backend does not support a signal, except for traces.
    if failure.absent and is_optional and signal is not Signal.TRACES:
        detail += f". If the backend has no {NOUNS[signal].signal}, an export only adds a notice"
        return CheckResult(name=name, state=CheckState.UNSURE, detail=detail)
    return CheckResult(name=name, state=CheckState.FAILS, detail=detail)


# Tests of GitHub: a small request for each permission that an export needs.
#
# https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps

_NAMES = {name: f"{name}: read ({addition})" for name, addition in PERMISSIONS.items()}
_CHECKS, _CONTENTS = _NAMES["checks"], _NAMES["contents"]

# Reads a path of the repository, with a description of its content; returns the JSON or the error.
_Read: TypeAlias = "Callable[..., Any]"


def _github_results(settings: Settings, context: ExportContext) -> Iterator[CheckResult]:
    repository = settings.repository or settings.runner.repository
    if repository is None:
        detail = "`repository` is missing: name it as OWNER/NAME"
        yield CheckResult(name="GitHub", state=CheckState.FAILS, detail=detail)
        return
    if not settings.github.token:
        detail = (
            "none is set, so only public data can be read, with 60 requests an hour: set "
            "`github-token`, or GITHUB_TOKEN"
        )
        yield CheckResult(name="GitHub's token", state=CheckState.UNSURE, detail=detail)
    yield from check_github(context.github, repository)


def check_github(github: GitHubClient, repository: str) -> tuple[CheckResult, ...]:
    """Return a result for each permission of the token in a repository (`acme/shop`).

    If the repository cannot be read, every other request would fail too and is not sent.
    """
    name = f"GitHub, repository {repository}"
    try:
        github.get(f"/repos/{repository}", f"repository {repository}")
    except FlowTelemetryError as error:
        return (CheckResult(name=name, state=CheckState.FAILS, detail=str(error)),)

    def read(path: str, content: str, **query: str | int) -> Any:
        try:
            return github.get(f"/repos/{repository}/{path}", f"{content} of {repository}", **query)
        except FlowTelemetryError as error:
            return error

    checks: list[Callable[[], list[CheckResult]]] = [
        partial(_check_runs, read),
        partial(_check_deployments, read),
        partial(_check_issues, read),
        partial(_check_changes, read),
        partial(_check_workflow_files, github, repository),
    ]
    results = github.run_concurrently(lambda check: check(), checks)
    return (
        CheckResult(name=name, state=CheckState.WORKS),
        *(result for group in results for result in group),
        _rate_limit(github.limits),
    )


def _check_runs(read: _Read) -> list[CheckResult]:
    """Test runs, and the annotations and commit of the latest run."""
    response = read("actions/runs", "the runs", per_page=1)
    result = _result(_NAMES["actions"], response)
    runs = _items(response, "workflow_runs")
    if not runs:
        why = "there is no run" if isinstance(response, dict) else "the runs could not be read"
        return [result, _untested(_CHECKS, why), _untested(_CONTENTS, why)]
    commit = runs[0].get("head_sha")
    contents = read(f"compare/{commit}...{commit}", "the commit of the last run", per_page=1)
    jobs = read(f"actions/runs/{runs[0].get('id')}/jobs", "the jobs of the last run", per_page=1)
    listed = _items(jobs, "jobs")
    if not listed:
        checks = _untested(_CHECKS, "the last run shows no job")
    else:
        path = f"check-runs/{listed[0].get('id')}/annotations"
        checks = _result(_CHECKS, read(path, "the annotations of a job", per_page=1))
    return [result, checks, _result(_CONTENTS, contents)]


def _check_deployments(read: _Read) -> list[CheckResult]:
    response = read("deployments", "the deployments", per_page=1)
    return [_result(_NAMES["deployments"], response)]


def _check_issues(read: _Read) -> list[CheckResult]:
    """Test issues; a token for pull requests only gets those from the same list."""
    name = _NAMES["issues"]
    # In most repositories at least one of 30 is an issue, not a pull request.
    response = read("issues", "the issues", state="all", per_page=30)
    if isinstance(response, list) and all("pull_request" in item for item in response):
        detail = "no issue is among the last 30: there is none, or the token may not read them"
        return [CheckResult(name=name, state=CheckState.UNSURE, detail=detail)]
    return [_result(name, response)]


def _check_changes(read: _Read) -> list[CheckResult]:
    response = read("pulls", "the pull requests", state="all", per_page=1)
    return [_result(_NAMES["pull-requests"], response)]


def _check_workflow_files(github: GitHubClient, repository: str) -> list[CheckResult]:
    """Test whether the workflows of the default branch export something twice."""
    name = "workflow files"
    try:
        workflows = read_workflow_files(github, repository)
    except NotFoundError:
        return [_untested(name, "GitHub shows none on the default branch")]
    except FlowTelemetryError as error:
        detail = f"not tested: {error}"
        return [CheckResult(name=name, state=CheckState.UNSURE, detail=detail)]
    doubles = list(find_double_exports(workflows.files))
    results = [
        CheckResult(
            name=name,
            state=CheckState.FAILS if double.certain else CheckState.UNSURE,
            detail=double.text,
        )
        for double in doubles[:_MOST_DOUBLES]
    ]
    if len(doubles) > _MOST_DOUBLES:
        detail = f"{len(doubles) - _MOST_DOUBLES} more of the same kind"
        results.append(CheckResult(name=name, state=CheckState.UNSURE, detail=detail))
    if workflows.unread:
        names = [quoted(path.rpartition("/")[2]) for path in workflows.unread]
        listed = ", ".join(names[:_MOST_DOUBLES]) + (", …" if len(names) > _MOST_DOUBLES else "")
        detail = (
            f"not tested: {listed}. A file could not be read, is not a workflow in YAML, or is "
            f"beyond the first {MOST_READ}"
        )
        results.append(CheckResult(name=name, state=CheckState.UNSURE, detail=detail))
    return results or [
        CheckResult(name=name, state=CheckState.WORKS, detail="no run is exported twice")
    ]


def _untested(name: str, why: str) -> CheckResult:
    return CheckResult(name=name, state=CheckState.UNSURE, detail=f"not tested, since {why}")


def _result(name: str, response: Any) -> CheckResult:
    if isinstance(response, FlowTelemetryError):
        return CheckResult(name=name, state=CheckState.FAILS, detail=str(response))
    return CheckResult(name=name, state=CheckState.WORKS)


def _items(response: Any, key: str) -> list[Mapping[str, Any]]:
    items = response.get(key) if isinstance(response, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _rate_limit(limits: RateLimits) -> CheckResult:
    """The remaining requests and points of this hour, from the headers of the responses."""
    name = "GitHub's rate limit"
    usage = limits.usage()
    left = [each.rate_limit.left for each in usage if each.rate_limit is not None]
    if not left:
        return CheckResult(name=name, state=CheckState.WORKS, detail="the server reports none")
    detail = "; ".join(
        f"{each.rate_limit.left:,} of {each.rate_limit.limit:,} {_UNITS[each.api]} are left until "
        f"{each.rate_limit.reset_at:%H:%M} UTC"
        for each in usage
        if each.rate_limit is not None
    )
    if min(left) > 0:
        return CheckResult(name=name, state=CheckState.WORKS, detail=detail)
    detail += ": wait, or use another token"
    return CheckResult(name=name, state=CheckState.FAILS, detail=detail)


# Test of Jira.


def _jira_result(url: str, context: ExportContext) -> CheckResult:
    """Read the statuses, and search the issues of the named projects as a sweep does."""
    name = f"Jira at {urlsplit(url).hostname or 'its site'}"
    jira = context.trackers.jira
    if jira is None:
        detail = "`tracker` does not include it"
        return CheckResult(name=name, state=CheckState.UNSURE, detail=detail)
    try:
        jira.check_statuses()
        settings = context.settings
        projects = settings.sweep.jira_projects | settings.trackers.jira_projects
        errors = jira.changed_since(context.clock.now(), projects).unread if projects else ()
    except FlowTelemetryError as error:
        errors = (str(error),)
    if errors:
        return CheckResult(name=name, state=CheckState.FAILS, detail="; ".join(errors))
    detail = "statuses and issues can be read"
    return CheckResult(name=name, state=CheckState.WORKS, detail=detail)
