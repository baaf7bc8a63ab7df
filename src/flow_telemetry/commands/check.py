"""`flow-telemetry check`: what works of endpoint, GitHub and Jira, and what to do otherwise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from flow_telemetry.build import build_parts, redactor_of
from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.commands.flags import Subparsers, add_flags, flags_of
from flow_telemetry.commands.terminal import TerminalLog
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.export.causes import NOUNS
from flow_telemetry.export.probe import probe
from flow_telemetry.export.sinks import NoSink
from flow_telemetry.log import Log, RedactedLog
from flow_telemetry.model.findings import Finding, State
from flow_telemetry.parts import Parts
from flow_telemetry.settings import Door, Mode, Settings, load_settings
from flow_telemetry.sources.github.permissions import check_github
from flow_telemetry.telemetry import Signal
from flow_telemetry.views.check import check_lines

# For all that GitHub is asked, and for all that Jira is: a check is waited for.
_LONGEST_SECONDS = 30.0


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
    redact = redactor_of(settings)
    log = RedactedLog(TerminalLog(settings.log_level, sys.stderr), redact)
    deadline = Deadline.after(SystemClock(), settings.timeout)
    findings = [
        replace(each, what=redact(each.what), told=redact(each.told))
        for each in _findings(settings, deadline, log)
    ]
    sys.stdout.write(check_lines(findings) + "\n")
    return 1 if any(each.state is State.FAILS for each in findings) else 0


def _findings(settings: Settings, deadline: Deadline, log: Log) -> Iterator[Finding]:
    for signal in Signal:
        yield _of_signal(settings, signal, deadline, log)
    yield from _of_github(settings, _parts(settings, deadline, log))
    if settings.trackers.jira is not None and settings.trackers.uses_jira:
        yield _of_jira(settings.trackers.jira.url, _parts(settings, deadline, log))


def _parts(settings: Settings, deadline: Deadline, log: Log) -> Parts:
    """What asks a server, within a time that begins now: each server has its own."""
    return build_parts(
        settings,
        sink=NoSink(),
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
