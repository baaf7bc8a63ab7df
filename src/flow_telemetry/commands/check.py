"""`flow-telemetry check`: what works of endpoint, GitHub and Jira, and what to do otherwise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from flow_telemetry.build import build_parts
from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.commands.flags import Subparsers, add_flags, flags_of
from flow_telemetry.commands.terminal import TerminalLog
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.export.causes import NOUNS
from flow_telemetry.export.probe import probe
from flow_telemetry.export.sinks import NoSink
from flow_telemetry.model.findings import Finding, State
from flow_telemetry.parts import Parts
from flow_telemetry.settings import Door, Mode, Settings, load_settings
from flow_telemetry.sources.github.permissions import check_github
from flow_telemetry.telemetry import Signal
from flow_telemetry.views.check import check_lines


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "check",
        help="tell whether endpoint, token and trackers work",
        description="Sends an empty request for each signal to the endpoint, and asks GitHub, and "
        "Jira where it is set up, what the token may read. Prints a line for each: what works, "
        "what does not, the likely cause and what to do. The exit status is 1 where something that "
        "is needed does not work.",
    )
    add_flags(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print what was found; return 0, or 1 where something that is needed does not work."""
    flags = flags_of(options, mode=Mode.RUN.value)
    settings = load_settings(environ, Door.COMMAND_LINE, flags)
    clock = SystemClock()
    parts = build_parts(
        settings,
        sink=NoSink(),
        clock=clock,
        deadline=Deadline.after(clock, settings.timeout),
        log=TerminalLog(settings.log_level, sys.stderr),
    )
    findings = [_redacted(each, parts) for each in _findings(settings, parts)]
    sys.stdout.write(check_lines(findings) + "\n")
    return 1 if any(each.state is State.FAILS for each in findings) else 0


def _redacted(finding: Finding, parts: Parts) -> Finding:
    return replace(finding, what=parts.redact(finding.what), told=parts.redact(finding.told))


def _findings(settings: Settings, parts: Parts) -> Iterator[Finding]:
    for signal in Signal:
        yield _of_signal(settings, signal, parts)
    yield from _of_github(settings, parts)
    if settings.trackers.jira is not None and settings.trackers.uses_jira:
        yield _of_jira(settings.trackers.jira.url, parts)


def _of_signal(settings: Settings, signal: Signal, parts: Parts) -> Finding:
    target = settings.otlp.targets.get(signal)
    if target is not None:
        return probe(target, parts.deadline)
    asked_for = signal in settings.signals.wanted and not settings.otlp.targets
    return Finding(
        what=NOUNS[signal].signal,
        state=State.FAILS if asked_for else State.UNSURE,
        told=f"nothing is sent: {settings.otlp.off[signal]}",
    )


def _of_github(settings: Settings, parts: Parts) -> tuple[Finding, ...]:
    repository = settings.repository or settings.runner.repository
    if repository is None:
        told = "input repository is missing: name it as OWNER/NAME"
        return (Finding(what="GitHub", state=State.FAILS, told=told),)
    token = () if settings.github.token else (_without_token(),)
    return (*token, *check_github(parts.github, repository))


def _without_token() -> Finding:
    told = (
        "none is given, so only public things are read, 60 requests an hour: give input "
        "github-token, or GITHUB_TOKEN"
    )
    return Finding(what="GitHub's token", state=State.UNSURE, told=told)


def _of_jira(url: str, parts: Parts) -> Finding:
    """Issues are searched for, as a sweep does; without a right to see them Jira finds none."""
    what = f"Jira at {urlsplit(url).hostname or 'its site'}"
    jira = parts.trackers.jira
    if jira is None:
        return Finding(what=what, state=State.UNSURE, told="input tracker leaves it out")
    try:
        jira.status_categories()
        unread = jira.changed_since(parts.clock.now()).unread
    except FlowTelemetryError as error:
        unread = (str(error),)
    if unread:
        return Finding(what=what, state=State.FAILS, told="; ".join(unread))
    return Finding(what=what, state=State.WORKS, told="statuses and issues can be read")
