"""Entry point of the command line: parser, dispatch and exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from flow_telemetry import __version__
from flow_telemetry.environment import (
    describe_lost_output,
    guarded_streams,
    take_environment,
    write_stderr,
)
from flow_telemetry.errors import FlowTelemetryError, SettingsError

# In the order of the help. Each is a module that is imported only if needed: `run` must start fast.
_COMMANDS = ("export", "sweep", "plan", "explain", "check", "run", "replay", "ids", "demo")
# The result of these is what they write to standard output.
_WRITERS = frozenset({"plan", "explain", "check", "ids", "demo"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, 1 for a failure, or 2 for wrong usage or settings."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe with another encoding than UTF-8 shows `?` instead of failing.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    words = sys.argv[1:] if arguments is None else list(arguments)
    with guarded_streams() as stdout:
        status = _run(words)
        stdout.flush()
        problem = describe_lost_output(stdout)
        if problem:
            write_stderr(problem)
            status = status or int(words[0] in _WRITERS)
    return status


def _run(words: Sequence[str]) -> int:
    environ = take_environment()
    try:
        options = build_parser(words[0] if words else "").parse_args(words)
        status: int = options.run(options, environ)
    except FlowTelemetryError as error:
        from flow_telemetry.privacy.redactor import build_redactor  # noqa: PLC0415 - errors only
        from flow_telemetry.settings import public_words, secrets_of  # noqa: PLC0415

        # A token may have been put into the wrong flag or variable, whose error quotes it.
        text = build_redactor(secrets_of(environ), (), public_words(environ))(str(error))
        write_stderr(text)
        return 2 if isinstance(error, SettingsError) else 1
    except KeyboardInterrupt:
        write_stderr("interrupted")
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
