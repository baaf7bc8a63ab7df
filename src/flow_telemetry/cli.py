"""The door of the command line: arguments in; text, files and an exit status out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from flow_telemetry import __version__
from flow_telemetry.commands import demo, explain, export, ids, sweep
from flow_telemetry.errors import FlowTelemetryError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 for a failure, 2 for wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe of another encoding than UTF-8 shows `?`, and nothing breaks.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    options = build_parser().parse_args(arguments)
    try:
        status: int = options.run(options, dict(os.environ))
    except FlowTelemetryError as error:
        sys.stderr.write(f"flow-telemetry: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("flow-telemetry: interrupted\n")
        return 130
    return status


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run`, the function that carries it out."""
    parser = argparse.ArgumentParser(
        prog="flow-telemetry",
        description="OpenTelemetry observability for software delivery: exports workflow runs of "
        "GitHub Actions as traces over OTLP/HTTP.",
    )
    parser.add_argument("--version", action="version", version=f"flow-telemetry {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    export.add_command(commands)
    sweep.add_command(commands)
    explain.add_command(commands)
    ids.add_command(commands)
    demo.add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
