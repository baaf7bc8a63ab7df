"""Entry point of the command line: parser, dispatch and exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from flow_telemetry import __version__
from flow_telemetry.environment import take_environment
from flow_telemetry.errors import FlowTelemetryError

# In the order of the help. Each is a module that is imported only if needed: `run` must start fast.
_COMMANDS = ("export", "sweep", "explain", "check", "run", "replay", "ids", "demo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 for a failure, 2 for wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe with another encoding than UTF-8 shows `?` instead of failing.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    environ = take_environment()
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = build_parser(words[0] if words else "").parse_args(words)
        status: int = options.run(options, environ)
    except FlowTelemetryError as error:
        from flow_telemetry.privacy.redactor import build_redactor  # noqa: PLC0415 - errors only
        from flow_telemetry.settings import public_words, secrets_of  # noqa: PLC0415

        # A token may have been put into the wrong flag or variable, whose error quotes it.
        redact = build_redactor(secrets_of(environ), (), public_words(environ))
        text = redact(str(error))
        sys.stderr.write(f"flow-telemetry: {text}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("flow-telemetry: interrupted\n")
        return 130
    return status


def build_parser(only: str = "") -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run`, the function that executes it.

    If ``only`` is the name of a command, no other command is imported.
    """
    parser = argparse.ArgumentParser(
        prog="flow-telemetry",
        description="OpenTelemetry observability for software delivery: exports workflow runs of "
        "GitHub Actions as traces over OTLP/HTTP.",
    )
    parser.add_argument("--version", action="version", version=f"flow-telemetry {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in (only,) if only in _COMMANDS else _COMMANDS:
        import_module(f"flow_telemetry.cli.{name}").add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
