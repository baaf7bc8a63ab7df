"""`flow-telemetry demo`: exports of bundled data, without account, token or network."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flow_telemetry.cli.options import Subparsers


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "demo",
        help="show the result of an export: without account, token or network",
        description="Replays the events of a feature on a bundled GitHub, exports each over HTTP "
        "to a bundled OTLP receiver, and shows the received live traces and the feature trace: as "
        "trees in the terminal, and as waterfalls on a self-contained page. Your settings and the "
        "network are not used.",
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="write the page to FILE (default: a new temporary folder)",
    )
    parser.add_argument("--no-open", action="store_true", help="do not open the page in a browser")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Show the demo; return 0."""
    # No other command needs the servers of the demo.
    from flow_telemetry.demo.browser import open_page  # noqa: PLC0415
    from flow_telemetry.demo.show import Demo  # noqa: PLC0415

    Demo(
        environ=environ,
        stream=sys.stdout,
        html=options.html,
        open_page=None if options.no_open else open_page,
    ).show()
    return 0
