"""The entry point of the command line: arguments in; text, files and an exit status out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from flow_telemetry import __version__
from flow_telemetry.environment import take_environment
from flow_telemetry.errors import FlowTelemetryError

if TYPE_CHECKING:
    from flow_telemetry.cli.options import Subparsers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 for a failure, 2 for wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe of another encoding than UTF-8 shows `?`, and nothing breaks.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    environ = take_environment()
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = build_parser(words[0] if words else "").parse_args(words)
        status: int = options.run(options, environ)
    except FlowTelemetryError as error:
        sys.stderr.write(f"flow-telemetry: {_without_credentials(str(error), environ)}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("flow-telemetry: interrupted\n")
        return 130
    return status


def _without_credentials(text: str, environ: Mapping[str, str]) -> str:
    """Return the text of an error: a flag may have been given the token of another."""
    from flow_telemetry.privacy.redactor import build_redactor  # noqa: PLC0415 - errors alone need it
    from flow_telemetry.settings import secrets_of  # noqa: PLC0415

    return build_redactor(secrets_of(environ))(text)


def build_parser(only: str = "") -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run`, the function that carries it out.

    ``only`` is the command that will be called, where that is known: no other is loaded.
    """
    parser = argparse.ArgumentParser(
        prog="flow-telemetry",
        description="OpenTelemetry observability for software delivery: exports workflow runs of "
        "GitHub Actions as traces over OTLP/HTTP.",
    )
    parser.add_argument("--version", action="version", version=f"flow-telemetry {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add_command in [_COMMANDS[only]] if only in _COMMANDS else _COMMANDS.values():
        add_command(commands)
    return parser


def _add_export(commands: Subparsers) -> None:
    from flow_telemetry.cli import export  # noqa: PLC0415

    export.add_command(commands)


def _add_sweep(commands: Subparsers) -> None:
    from flow_telemetry.cli import sweep  # noqa: PLC0415

    sweep.add_command(commands)


def _add_explain(commands: Subparsers) -> None:
    from flow_telemetry.cli import explain  # noqa: PLC0415

    explain.add_command(commands)


def _add_check(commands: Subparsers) -> None:
    from flow_telemetry.cli import check  # noqa: PLC0415

    check.add_command(commands)


def _add_run(commands: Subparsers) -> None:
    from flow_telemetry.cli import run  # noqa: PLC0415

    run.add_command(commands)


def _add_replay(commands: Subparsers) -> None:
    from flow_telemetry.cli import replay  # noqa: PLC0415

    replay.add_command(commands)


def _add_ids(commands: Subparsers) -> None:
    from flow_telemetry.cli import ids  # noqa: PLC0415

    ids.add_command(commands)


def _add_demo(commands: Subparsers) -> None:
    from flow_telemetry.cli import demo  # noqa: PLC0415

    demo.add_command(commands)


# In the order of the help. Each is loaded when it is added: `run` must start at once.
_COMMANDS: dict[str, Callable[[Subparsers], None]] = {
    "export": _add_export,
    "sweep": _add_sweep,
    "explain": _add_explain,
    "check": _add_check,
    "run": _add_run,
    "replay": _add_replay,
    "ids": _add_ids,
    "demo": _add_demo,
}


if __name__ == "__main__":
    sys.exit(main())
