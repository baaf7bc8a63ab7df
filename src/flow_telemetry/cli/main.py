"""Entry point of the command line: parser, dispatch and exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from flow_telemetry import __version__
from flow_telemetry.cli.parser import ANY_KIND, GENERAL, CommandParser
from flow_telemetry.environment import (
    describe_lost_output,
    guarded_streams,
    take_environment,
    write_stderr,
)
from flow_telemetry.errors import FlowTelemetryError, SettingsError

_WRONG_USAGE = 2
# In the order of the help. Each is a module that is imported only if needed: `run` must start fast.
_COMMANDS = (
    *("export", "sweep", "plan", "explain", "check", "run", "replay", "ids", "demo"),
    "completion",
)
# The result of these is what they write to standard output.
_WRITERS = frozenset({"plan", "explain", "check", "ids", "demo", "completion"})
_EXAMPLES = """\
examples:
  flow-telemetry demo                                     see a trace, without any account
  flow-telemetry check --otlp-endpoint http://localhost:4318
  flow-telemetry export https://github.com/acme/shop/pull/123 --html page.html
  flow-telemetry explain https://github.com/acme/shop/actions/runs/999
  flow-telemetry sweep --repo acme/shop --since 7d --ledger sent.json

`flow-telemetry COMMAND --help` shows the common flags of a command, `--help-all` all of them.
"""


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
        options = parse_words(words)
        status: int = options.run(options, environ)
    except FlowTelemetryError as error:
        from flow_telemetry.privacy.redactor import build_redactor  # noqa: PLC0415 - errors only
        from flow_telemetry.settings import public_words, secrets_of  # noqa: PLC0415

        # A token may have been put into the wrong flag or variable, whose error quotes it.
        text = build_redactor(secrets_of(environ), (), public_words(environ))(str(error))
        write_stderr(text)
        return _WRONG_USAGE if isinstance(error, SettingsError) else 1
    except KeyboardInterrupt:
        write_stderr("interrupted")
        return 130
    return status


def parse_words(words: Sequence[str]) -> argparse.Namespace:
    """Return the options of a call, among them `run`; or exit with status 2 for wrong usage."""
    parser = build_parser(words[0] if words else "")
    options, unknown = parser.parse_known_args(_with_kind(words, parser))
    if unknown:
        from flow_telemetry.cli.targets import reject_unknown  # noqa: PLC0415 - errors only

        reject_unknown(options, unknown)
    return options


def _with_kind(words: Sequence[str], parser: CommandParser) -> Sequence[str]:
    """Return the words with the kind that a command with kinds takes if none is written.

    argparse cannot choose among subcommands by the target, which may follow any flags.
    """
    if not words or words[0] not in parser.subcommands:
        return words
    command = parser.subcommands[words[0]][1]
    if command.any_kind is None or (len(words) > 1 and words[1] in command.subcommands):
        return words
    return (words[0], ANY_KIND, *words[1:])


def build_parser(only: str = "") -> CommandParser:
    """Return the parser of all commands; each sets `run`, the function that executes it.

    If ``only`` is the name of a command, no other command is imported.
    """
    parser = CommandParser(
        prog="flow-telemetry",
        usage="flow-telemetry COMMAND ...",
        description="OpenTelemetry observability for software delivery: exports workflow runs, "
        "pull requests, work items and features as traces, events and metrics over OTLP/HTTP.",
        epilog=_EXAMPLES,
    )
    parser.add_flag(
        GENERAL,
        "--version",
        action="version",
        version=f"flow-telemetry {__version__}",
        help="Show the version and exit.",
    )
    commands = parser.add_subparsers(
        prog=parser.prog, dest="command", metavar="COMMAND", required=True
    )
    if only and only not in _COMMANDS and not only.startswith("-"):
        from flow_telemetry.text import nearest  # noqa: PLC0415 - errors only

        near = nearest(only, _COMMANDS)
        hint = f"Did you mean {near}?" if near else f"The commands are {', '.join(_COMMANDS)}"
        parser.error(f"there is no command {only!r}. {hint}")
    for name in (only,) if only in _COMMANDS else _COMMANDS:
        import_module(f"flow_telemetry.cli.{name}").add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
