"""`flow-telemetry export`: the exports of the action, started by hand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from flow_telemetry import pipeline
from flow_telemetry.build import build_context, build_otlp_exporter, settings_redactor
from flow_telemetry.cli.options import add_flags, load
from flow_telemetry.cli.parser import ANY_KIND, CommandParser, Subparsers
from flow_telemetry.cli.targets import FORMS, add_target, choose_kind, numbered
from flow_telemetry.cli.terminal import (
    TerminalLog,
    add_result_flags,
    draw,
    outcome_json,
    print_outcome,
)
from flow_telemetry.clock import Deadline, Interruption, SystemClock
from flow_telemetry.context import ExportContext
from flow_telemetry.environment import write_stdout
from flow_telemetry.errors import FlowTelemetryError, SettingsError
from flow_telemetry.github.webhook import read_event
from flow_telemetry.logging import Log
from flow_telemetry.otlp.exporter import FileExporter, NullExporter, Recording, WatchedExporter
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.outcome import Outcome, Status
from flow_telemetry.page import PageSpans, page_of_export, write_page
from flow_telemetry.privacy.audience import (
    Audience,
    read_audience,
    redact_drawn_spans,
    redact_outcome,
)
from flow_telemetry.settings import LogLevel, Mode, Settings, describe_settings
from flow_telemetry.settings.otlp import NO_ENDPOINT
from flow_telemetry.subjects.choose import choose_subjects
from flow_telemetry.subjects.types import ChangeSubject, reads_much
from flow_telemetry.telemetry import Exporter

_STANDARD_OUTPUT = Path("-")
_KINDS = {
    Mode.RUN: ("a workflow run", "Exports a workflow run as a trace."),
    Mode.CHANGE: (
        "a closed pull request",
        "Exports a closed or merged pull request: its span and its phases.",
    ),
    Mode.ITEM: ("a closed work item", "Exports a closed work item: its span and its statuses."),
    Mode.FEATURE: (
        "a whole feature",
        "Exports a feature as one trace with its items, pull requests, phases, runs, jobs, steps "
        "and deployments. An open feature needs --snapshot.",
    ),
}
_TARGETS = {
    Mode.RUN: "URL or id of the run; in a workflow the current run by default.",
    Mode.CHANGE: "URL of the pull request, OWNER/NAME#7, #7 or 7.",
    Mode.ITEM: "ACME-42, OWNER/NAME#17 or #17, or the URL of the item.",
    Mode.FEATURE: "ACME-42, OWNER/NAME#17 or #17, or the URL of the item.",
}
_EXAMPLES = """\
examples:
  flow-telemetry export https://github.com/acme/shop/pull/123
  flow-telemetry export https://github.com/acme/shop/actions/runs/999 --print
  flow-telemetry export feature ACME-42 --repo acme/shop --html feature.html
"""


def add_command(commands: Subparsers) -> None:
    """Add `export` and its subcommands to the parser."""
    parser = commands.add_parser("export", help="export a run, pull request, item or feature")
    kinds = parser.add_subparsers(prog=parser.prog, dest="kind", metavar="KIND", required=True)
    every = kinds.add_parser(
        ANY_KIND,
        prog="flow-telemetry export",
        usage="flow-telemetry export [KIND] TARGET [FLAGS]",
        description="Reads a run, pull request, work item or feature from GitHub, and sends it as "
        "traces, events and metrics over OTLP/HTTP, or writes them with --output, --html or "
        "--print. The URL decides the kind; with other targets write one of the kinds "
        f"{', '.join(mode.value for mode in _KINDS)} before it.",
        epilog=_EXAMPLES,
    )
    add_target(every, FORMS, required=True)
    _add_kind(every, _KINDS)
    for mode, (short, description) in _KINDS.items():
        kind = kinds.add_parser(mode.value, help=f"export {short}", description=description)
        required = mode in (Mode.ITEM, Mode.FEATURE)
        add_target(kind, _TARGETS[mode], required=required)
        _add_kind(kind, [mode])


def _add_kind(parser: CommandParser, modes: Collection[Mode]) -> None:
    if Mode.CHANGE in modes:
        parser.add_flag(
            "what to read",
            "--runs",
            common=modes == [Mode.CHANGE],
            action="store_true",
            help="Of a pull request: send its runs too, read again from GitHub.",
        )
    add_output(parser)
    add_flags(parser, [f"export {mode.value}" for mode in modes])
    parser.set_defaults(run=run)


def add_output(parser: CommandParser) -> None:
    """Add the flags for the destination and the form of the result."""
    for name, text in (
        ("output", "Write OTLP JSON lines to FILE instead of sending; - is standard output."),
        ("html", "Write a page to FILE that shows the traces and where the time went."),
    ):
        parser.add_flag("output", f"--{name}", metavar="FILE", type=Path, help=text)
    parser.add_flag(
        "output", "--print", action="store_true", help="Draw the trace in the terminal."
    )
    add_result_flags(parser)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Export the subject of the options; return 0, or 1 if something failed."""
    kind = choose_kind(options, "export", [mode.value for mode in _KINDS])
    with_runs = getattr(options, "runs", False)
    if with_runs and kind != Mode.CHANGE.value:
        raise SettingsError(f"--runs has no effect on `export {kind}`: remove it")
    settings = load(options, environ, mode=kind, target=numbered(options.target, kind))
    subjects = choose_subjects(settings, read_event(settings.runner.event_path))
    if with_runs:
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
    _check_destinations(options, settings)
    clock = SystemClock()
    interruption = Interruption(clock)
    deadline = Deadline.after(clock, settings.timeout, interruption.cancellation)
    off = None if options.output else pipeline.switched_off(settings)
    if off is not None and not options.print and options.html is None:
        return _show(options, off)
    audience = read_audience(settings.runner, read_event(settings.runner.event_path))
    log = TerminalLog(settings.log_level, sys.stderr, clock, quiet=options.quiet)
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
    if off is not None:
        outcome = _not_sent(outcome, off)
    if options.html is not None:
        trace_url = settings.tracing.trace_url or ""
        text = page_of_export(kept, outcome, audience, heading=heading, trace_url=trace_url)
        outcome = _write_page(options.html, text, outcome)
    status = _show(options, redact_outcome(audience, outcome))
    return interruption.leave(interruption.status or status)


def _check_destinations(options: argparse.Namespace, settings: Settings) -> None:
    """Refuse flags that exclude each other, and an export that goes nowhere.

    Raises:
        SettingsError: two results would be mixed on standard output, or there is no destination.
    """
    printed = {
        "--print": options.print,
        "--json": options.json,
        "--output -": options.output == _STANDARD_OUTPUT,
    }
    both = [flag for flag, given in printed.items() if given]
    if len(both) > 1:
        raise SettingsError(
            f"{' and '.join(both)} write to standard output: use one of them. --html and --output "
            "can name a file"
        )
    if options.html == _STANDARD_OUTPUT:
        raise SettingsError("--html needs the name of a file, not -")
    without = not (options.output or options.html or options.print or settings.otlp.targets)
    if without and NO_ENDPOINT in settings.otlp.off.values():
        raise SettingsError(
            "there is no endpoint: set --otlp-endpoint or OTEL_EXPORTER_OTLP_ENDPOINT, or use "
            "--print, --html FILE or --output FILE"
        )


def _build_exporter(
    output: Path | None, settings: Settings, deadline: Deadline, audience: Audience, log: Log
) -> Exporter:
    """Return the exporter to a file, else to the endpoint, else to nowhere."""
    if output is not None:
        fallbacks = Fallbacks.of(settings.signals)
        if output == _STANDARD_OUTPUT:
            return FileExporter(Path("standard output"), deadline.clock, fallbacks, write_stdout)
        return FileExporter(output, deadline.clock, fallbacks)
    if not settings.otlp.targets:
        return NullExporter()
    exporter = build_otlp_exporter(settings, deadline, audience, log)
    for notice in exporter.spool.recover():
        log.info(notice)
    return exporter


def _not_sent(outcome: Outcome, off: Outcome) -> Outcome:
    """Return the outcome of an export that was only drawn, without an endpoint."""
    because = off.notices
    if f"nothing is sent: {NO_ENDPOINT}" in because:
        because = ("nothing was sent: set --otlp-endpoint or OTEL_EXPORTER_OTLP_ENDPOINT to send",)
    status = outcome.status if outcome.failed else Status.SKIPPED
    return replace(outcome, status=status, deliveries=(), notices=(*outcome.notices, *because))


def _show(options: argparse.Namespace, outcome: Outcome) -> int:
    """Write the messages and, if requested, the result as JSON; return the exit status."""
    status = print_outcome(outcome, sys.stderr, quiet=options.quiet)
    if options.json:
        sys.stdout.write(outcome_json(outcome) + "\n")
    return status


def _write_page(path: Path, text: str, outcome: Outcome) -> Outcome:
    """Write the page, and return the outcome with the place of the page, or why there is none."""
    try:
        write_page(path, text)
    except FlowTelemetryError as error:
        return replace(outcome, problems=(*outcome.problems, str(error)), failed=True)
    return replace(outcome, notices=(*outcome.notices, f"the page is in {path}"))
