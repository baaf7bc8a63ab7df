"""`flow-telemetry plan`: the shards of an organization's sweep, as a matrix of GitHub Actions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from actions_toolkit import core

from flow_telemetry.build import build_context
from flow_telemetry.cli.options import PLAN, add_flags, load
from flow_telemetry.cli.parser import Subparsers
from flow_telemetry.cli.terminal import TerminalLog, add_quiet_flag, print_outcome
from flow_telemetry.clock import Deadline, Interruption, SystemClock
from flow_telemetry.otlp.exporter import NullExporter
from flow_telemetry.settings import Mode
from flow_telemetry.sweep.jobs import plan_jobs
from flow_telemetry.sweep.ledger_file import LedgerFile


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "plan",
        help="divide the sweep of an organization into shards",
        description="Prints the shards of a sweep as JSON for `strategy.matrix`: the repositories "
        "in which something happened since the mark of the ledger, balanced by the requests that "
        "they need. In a step of a workflow it also sets the outputs matrix and shards. It "
        "exports nothing.",
    )
    parser.add_flag(
        "what to read",
        "--repositories",
        dest="sweep-repositories",
        default="",
        metavar="PATTERNS",
        help="The same as --sweep-repositories.",
    )
    add_quiet_flag(parser)
    add_flags(parser, [PLAN])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the matrix; return 0, or 1 if there is none."""
    settings = load(options, environ, mode=Mode.PLAN.value)
    clock = SystemClock()
    interruption = Interruption(clock)
    log = TerminalLog(settings.log_level, sys.stderr, clock, quiet=options.quiet)
    context = build_context(
        settings,
        exporter=NullExporter(),
        clock=clock,
        deadline=Deadline.after(clock, settings.timeout, interruption.cancellation),
        log=log,
        interruption=interruption,
    )
    with interruption.listening():
        outcome = plan_jobs(context, LedgerFile(settings.sweep.ledger), saves=False)
    log.clear()
    status = print_outcome(outcome, sys.stderr, quiet=options.quiet, sends=False)
    matrix = outcome.context.get("matrix")
    if matrix is not None:
        sys.stdout.write(matrix + "\n")
        path = settings.runner.output_path
        if path and Path(path).exists():
            for name, value in outcome.context.items():
                core.set_output(name, value)
    return interruption.leave(interruption.status or status)
