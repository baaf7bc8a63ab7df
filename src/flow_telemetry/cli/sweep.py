"""`flow-telemetry sweep`: exports everything that ended since the last one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from flow_telemetry.cli.export import add_output, export_and_print
from flow_telemetry.cli.options import Subparsers, add_flags, flags_of
from flow_telemetry.settings import EntryPoint, Mode, load_settings
from flow_telemetry.subjects.choose import choose_sweep
from flow_telemetry.sweep.ledger_file import LedgerFile
from flow_telemetry.sweep.sweep import export_sweep


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "sweep",
        help="export everything that ended in a period",
        description="Exports the pull requests and issues that were closed, and the deployments "
        "that ended and that no run exports, since a time; with --sweep-runs the runs too. With "
        "--ledger it records what it exported: the next sweep goes on from there, and exports "
        "nothing twice.",
    )
    add_flags(parser)
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Sweep; return 0, or 1 if nothing could be exported, or something not recorded."""
    flags = flags_of(options, mode=Mode.SWEEP.value)
    settings = load_settings(environ, EntryPoint.COMMAND_LINE, flags)
    subject = choose_sweep(settings)
    if subject is None:
        raise TypeError(settings.mode)
    return export_and_print(
        options,
        settings,
        lambda context: export_sweep(
            context,
            subject,
            LedgerFile(settings.sweep.ledger),
            at_once=options.output is not None,
        ),
        bounded=True,
        heading=f"Sweep of {subject.repository}",
    )
