"""`flow-telemetry export run`: the same export as the action's, from anywhere."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from flow_telemetry import pipeline
from flow_telemetry.build import build_parts, otlp_sink
from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.commands.terminal import TerminalLog, draw, tell
from flow_telemetry.export.interface import SpanSink
from flow_telemetry.export.sinks import FileSink, NoSink, WatchedSink
from flow_telemetry.settings import Door, Settings, load_settings
from flow_telemetry.settings.inputs import INPUTS, Input
from flow_telemetry.sources.event import read_event

# argparse gives the type of `add_subparsers()` no public name.
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001

# What only a step of a workflow can mean.
_OF_THE_ACTION = ("mode", "summary", "fail-on-error")
_SHORT_FORMS = {"repository": ("--repo",)}


def add_command(commands: Subparsers) -> None:
    """Add `export` and what can be exported to the parser."""
    parser = commands.add_parser("export", help="export what GitHub keeps as OpenTelemetry data")
    things = parser.add_subparsers(title="what to export", metavar="THING", required=True)
    of_run = things.add_parser(
        "run",
        help="export a workflow run",
        description="Exports a workflow run as a trace. Every input of the action is a flag of "
        "the same name; the variables OTEL_EXPORTER_OTLP_*, OTEL_RESOURCE_ATTRIBUTES, "
        "OTEL_SERVICE_NAME, GITHUB_TOKEN, GITHUB_API_URL and GITHUB_SERVER_URL count as usual.",
    )
    for each in INPUTS:
        if each.name not in _OF_THE_ACTION:
            _add_flag(of_run, each)
    of_run.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help="write OTLP JSON lines to FILE in place of sending",
    )
    of_run.add_argument("--print", action="store_true", help="draw the trace in the terminal")
    of_run.set_defaults(run=run)


def _add_flag(parser: argparse.ArgumentParser, each: Input) -> None:
    default = f" Default: {each.default}." if each.default and "{{" not in each.default else ""
    parser.add_argument(
        each.flag,
        *_SHORT_FORMS.get(each.name, ()),
        dest=each.name,
        default="",
        metavar=each.name.rpartition("-")[2].upper(),
        help=(each.description + default).replace("%", "%%"),
    )


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Export the run that the options name; return 0, or 1 where something went wrong."""
    flags = {each.name: getattr(options, each.name, "") for each in INPUTS}
    settings = load_settings(environ, Door.COMMAND_LINE, flags)
    clock = SystemClock()
    deadline = Deadline.after(clock, settings.timeout)
    off = None if options.output else pipeline.switched_off(settings)
    if off is not None and not options.print:
        return tell(off, sys.stderr)
    sink = WatchedSink(_sink(settings, options.output, deadline))
    outcome = pipeline.export_run(
        settings,
        read_event(settings.runner.event_path),
        build_parts(settings, sink=sink, clock=clock, deadline=deadline, log=_log(settings)),
    )
    if options.print and sink.spans:
        sys.stdout.write(draw(sink.spans, sys.stdout) + "\n")
        sys.stdout.flush()
    return tell(outcome, sys.stderr)


def _sink(settings: Settings, output: Path | None, deadline: Deadline) -> SpanSink:
    if output is not None:
        return FileSink(output)
    return otlp_sink(settings, deadline) if settings.otlp.targets else NoSink()


def _log(settings: Settings) -> TerminalLog:
    return TerminalLog(settings.log_level, sys.stderr)
