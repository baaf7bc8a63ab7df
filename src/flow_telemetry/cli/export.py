"""`flow-telemetry export`: the exports of the action, started by hand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from flow_telemetry import pipeline
from flow_telemetry.build import build_context, build_otlp_exporter, settings_redactor
from flow_telemetry.cli.options import Subparsers, add_flags, flags_of
from flow_telemetry.cli.terminal import TerminalLog, draw, print_outcome
from flow_telemetry.clock import Deadline, Interruption, SystemClock
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.webhook import read_event
from flow_telemetry.logging import Log
from flow_telemetry.otlp.exporter import FileExporter, NullExporter, Recording, WatchedExporter
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.outcome import Outcome
from flow_telemetry.page import PageSpans, page_of_export, write_page
from flow_telemetry.privacy.audience import (
    Audience,
    read_audience,
    redact_drawn_spans,
    redact_outcome,
)
from flow_telemetry.settings import (
    EntryPoint,
    LogLevel,
    Mode,
    Settings,
    describe_settings,
    load_settings,
)
from flow_telemetry.subjects.choose import choose_subjects
from flow_telemetry.subjects.types import ChangeSubject, reads_much
from flow_telemetry.telemetry import Exporter

_VARIABLES = (
    "Every input of the action is a flag of the same name; the variables OTEL_EXPORTER_OTLP_*, "
    "OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME, GITHUB_TOKEN, GITHUB_API_URL and "
    "GITHUB_SERVER_URL count as usual."
)


def add_command(commands: Subparsers) -> None:
    """Add `export` and its subcommands to the parser."""
    parser = commands.add_parser("export", help="export data of GitHub as OpenTelemetry data")
    things = parser.add_subparsers(title="what to export", metavar="THING", required=True)
    _add_thing(things, Mode.RUN, "a workflow run", "Exports a workflow run as a trace.")
    change = _add_thing(
        things,
        Mode.CHANGE,
        "a closed pull request",
        "Exports a closed or merged pull request: its span and its phases.",
    )
    change.add_argument(
        "--runs", action="store_true", help="send its runs too, read again from GitHub"
    )
    item = _add_thing(
        things,
        Mode.ITEM,
        "a closed work item",
        "Exports a closed work item, in traces whose scope has a span for it.",
    )
    item.add_argument("key", metavar="KEY", help="ACME-42, or OWNER/NAME#17 for a GitHub issue")
    feature = _add_thing(
        things,
        Mode.FEATURE,
        "a whole feature",
        "Exports a feature as one trace with its items, pull requests, phases, runs, jobs, steps "
        "and deployments. An open feature needs --snapshot.",
    )
    feature.add_argument("key", metavar="KEY", help="ACME-42, or OWNER/NAME#17 for a GitHub issue")


def _add_thing(
    things: Subparsers, mode: Mode, short: str, description: str
) -> argparse.ArgumentParser:
    parser = things.add_parser(
        mode.value, help=f"export {short}", description=f"{description} {_VARIABLES}"
    )
    add_flags(parser)
    add_output(parser)
    parser.set_defaults(run=run, mode_of_thing=mode.value)
    return parser


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the flags for the destination of the result."""
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help="write OTLP JSON lines to FILE instead of sending",
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="write a page to FILE that shows the traces and where the time went",
    )
    parser.add_argument("--print", action="store_true", help="draw the trace in the terminal")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Export the subject of the options; return 0, or 1 if something failed."""
    mode: str = options.mode_of_thing
    keys = {Mode.ITEM.value: "work_item_key", Mode.FEATURE.value: "feature_key"}
    key = {keys[mode]: options.key} if mode in keys else {}
    settings = load_settings(environ, EntryPoint.COMMAND_LINE, flags_of(options, mode=mode, **key))
    subjects = choose_subjects(settings, read_event(settings.runner.event_path))
    if getattr(options, "runs", False):
        subjects = tuple(
            replace(subject, with_runs=True) if isinstance(subject, ChangeSubject) else subject
            for subject in subjects
        )
    return export_and_print(
        options,
        settings,
        lambda context: pipeline.export(context, subjects),
        bounded=reads_much(subjects),
    )


def export_and_print(
    options: argparse.Namespace,
    settings: Settings,
    export: Callable[[ExportContext], Outcome],
    *,
    bounded: bool = False,
    heading: str = "",
) -> int:
    """Build the services, export, and print the result; return the exit status.

    If ``bounded``, the export sends at most `max-requests` requests to GitHub. ``heading`` is that
    of the page; without one it is the exported subject's title.
    """
    clock = SystemClock()
    interruption = Interruption(clock)
    deadline = Deadline.after(clock, settings.timeout, interruption.cancellation)
    off = None if options.output else pipeline.switched_off(settings)
    if off is not None and not options.print and options.html is None:
        return print_outcome(off, sys.stderr)
    audience = read_audience(settings.runner, read_event(settings.runner.event_path))
    log = TerminalLog(settings.log_level, sys.stderr)
    redact = settings_redactor(settings)
    if settings.log_level is LogLevel.DEBUG:
        for line in describe_settings(settings):
            log.debug(redact(line))
    exporter = _build_exporter(options.output, settings, deadline, audience, log)
    # Spans are recorded only to be drawn: a sweep may send any number of them.
    recording, kept = Recording(), PageSpans()
    if options.print:
        exporter = WatchedExporter(exporter, recording.watched)
    if options.html is not None:
        exporter = WatchedExporter(exporter, kept.watched)
    context = build_context(
        settings,
        exporter=exporter,
        clock=clock,
        deadline=deadline,
        log=log,
        bounded=bounded,
        interruption=interruption,
    )
    began = clock.monotonic()
    with interruption.listening():
        outcome = replace(export(context), seconds=clock.monotonic() - began)
    log.clear()
    if recording.spans:
        sys.stdout.write(draw(redact_drawn_spans(audience, recording.spans), sys.stdout) + "\n")
        sys.stdout.flush()
    if options.html is not None:
        trace_url = settings.tracing.trace_url or ""
        text = page_of_export(kept, outcome, audience, heading=heading, trace_url=trace_url)
        outcome = _write_page(options.html, text, outcome)
    status = print_outcome(redact_outcome(audience, outcome), sys.stderr)
    return interruption.leave(interruption.status or status)


def _build_exporter(
    output: Path | None, settings: Settings, deadline: Deadline, audience: Audience, log: Log
) -> Exporter:
    """Return the exporter to a file, else to the endpoint, else to nowhere."""
    if output is not None:
        return FileExporter(output, deadline.clock, Fallbacks.of(settings.signals))
    if not settings.otlp.targets:
        return NullExporter()
    exporter = build_otlp_exporter(settings, deadline, audience, log)
    for notice in exporter.spool.recover():
        log.info(notice)
    return exporter


def _write_page(path: Path, text: str, outcome: Outcome) -> Outcome:
    """Write the page, and return the outcome with the place of the page, or why there is none."""
    try:
        write_page(path, text)
    except FlowTelemetryError as error:
        return replace(outcome, problems=(*outcome.problems, str(error)), failed=True)
    return replace(outcome, notices=(*outcome.notices, f"the page is in {path}"))
