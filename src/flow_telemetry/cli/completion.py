"""`flow-telemetry completion`: scripts that complete commands, flags and values in a shell."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from flow_telemetry.cli.parser import PATHS, CommandParser, Subparsers

_FILES = "FILES"


@dataclass(frozen=True, slots=True)
class _Command:
    """A command: its words, and the words that can follow.

    ``values`` are those that can follow a flag; None after a flag without a value, and `FILES` if
    the shell completes files.
    """

    path: tuple[str, ...]
    subcommands: Mapping[str, str]
    flags: Mapping[str, str]
    values: Mapping[str, tuple[str, ...] | None]
    takes_files: bool


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "completion",
        help="print a script that completes commands and flags in a shell",
        description="Prints a script for bash, zsh or fish that completes commands, flags and "
        "their values.",
        epilog="""\
how to use it:
  bash   source <(flow-telemetry completion bash)         in ~/.bashrc
  zsh    source <(flow-telemetry completion zsh)          in ~/.zshrc, after compinit
  fish   flow-telemetry completion fish | source          in ~/.config/fish/config.fish
""",
    )
    parser.add_argument("shell", metavar="SHELL", values=tuple(_SHELLS), help="bash, zsh or fish.")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """Print the script."""
    from flow_telemetry.cli.main import build_parser  # noqa: PLC0415 - it imports this module

    if options.shell not in _SHELLS:
        from flow_telemetry.settings.parse import did_you_mean, shown  # noqa: PLC0415

        hint = did_you_mean(options.shell, _SHELLS)
        options.parser.error(
            f"SHELL must be one of {', '.join(_SHELLS)}, not {shown(options.shell)}{hint}"
        )
    sys.stdout.write(_SHELLS[options.shell](list(_commands(build_parser(), ()))))
    return 0


def _commands(parser: CommandParser, path: tuple[str, ...]) -> Iterator[_Command]:
    """Yield a command, and those below it."""
    # Without a kind, the flags are those of any kind.
    source = parser.any_kind or parser
    flags, values = {}, {}
    for name, argument in source.flags.items():
        flags[name] = _first_sentence(argument.action.help or "")
        takes_value = argument.action.nargs != 0
        of_file = argument.metavar in PATHS
        values[name] = ((_FILES,) if of_file else argument.values) if takes_value else None
    positional = [value for each in source.positionals for value in each.values]
    yield _Command(
        path=path,
        subcommands={
            **{name: text for name, (text, _) in parser.subcommands.items()},
            **dict.fromkeys(positional, ""),
        },
        flags=flags,
        values=values,
        takes_files=any(each.metavar in PATHS for each in source.positionals),
    )
    for name, (_, below) in parser.subcommands.items():
        yield from _commands(below, (*path, name))


def _first_sentence(text: str) -> str:
    """Return the beginning of a help text, without characters that a shell reads."""
    sentence = text.replace("%%", "%").split(". ")[0].split(": ")[0].removesuffix(".")
    return "".join(c for c in sentence if c.isalnum() or c in " ,-/.()+")[:70]


# The scripts. Words are names of our own commands, flags and values, which need no quotes.


def _bash(commands: list[_Command]) -> str:
    """A function that finds the command among the words, then the candidates by a table."""
    rows = []
    for command in commands:
        key = "/".join(command.path)
        words = " ".join((*command.subcommands, *command.flags))
        rows.append(f"    '{key}') words='{words}'; files={int(command.takes_files)} ;;")
    flags: dict[str, tuple[str, ...]] = {}
    for command in commands:
        flags |= {n: found for n, found in command.values.items() if found is not None}
    values = []
    for name, found in flags.items():
        action = "files=1; words=''" if found == (_FILES,) else f"words='{' '.join(found)}'"
        values.append(f"    {name}) {action}; value=1 ;;")
    paths = " ".join(f"'{'/'.join(command.path)}'" for command in commands if command.path)
    newline = "\n"
    return f"""\
# bash completion of flow-telemetry, made by `flow-telemetry completion bash`
_flow_telemetry() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
  local path='' word words='' files=0 value=0 known index
  COMPREPLY=()
  # bash splits `--flag=value` into three words.
  if [[ $current == '=' ]]; then current=''; previous="${{COMP_WORDS[COMP_CWORD-1]}}"
  elif [[ $previous == '=' ]]; then previous="${{COMP_WORDS[COMP_CWORD-2]}}"; fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="${{path:+$path/}}${{COMP_WORDS[index]}}"
    for known in {paths}; do
      if [[ $known == "$word" ]]; then path="$word"; break; fi
    done
  done
  case "$previous" in
{newline.join(values)}
  esac
  if ((!value)); then
    case "$path" in
{newline.join(rows)}
    esac
  fi
  if [[ $path == run && $value == 0 && $current != -* ]]; then
    COMPREPLY=($(compgen -c -- "$current"))
    return
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if ((files)); then
    compopt -o filenames 2> /dev/null
    COMPREPLY+=($(compgen -f -- "$current"))
  fi
}}
complete -F _flow_telemetry flow-telemetry
"""


def _zsh(commands: list[_Command]) -> str:
    """A function that describes the candidates of the command among the words."""
    rows = []
    for command in commands:
        words = {**command.subcommands, **command.flags}
        described = " ".join(f"'{name}:{text}'" for name, text in words.items())
        rows.append(f"    '{'/'.join(command.path)}') candidates=({described}) ;;")
    values = []
    flags: dict[str, tuple[str, ...]] = {}
    for command in commands:
        flags |= {n: found for n, found in command.values.items() if found is not None}
    for name, found in flags.items():
        action = "_files" if found == (_FILES,) else f"compadd -- {' '.join(found)}".rstrip(" -")
        values.append(f"    {name}) {action if found else ':'}; return ;;")
    paths = " ".join(f"'{'/'.join(command.path)}'" for command in commands if command.path)
    newline = "\n"
    return f"""\
#compdef flow-telemetry
# zsh completion of flow-telemetry, made by `flow-telemetry completion zsh`
_flow_telemetry() {{
  local path_='' word index
  local -a candidates paths
  paths=({paths})
  for ((index = 2; index < CURRENT; index++)); do
    word="${{path_:+$path_/}}${{words[index]}}"
    if (( ${{paths[(Ie)$word]}} )); then path_="$word"; fi
  done
  case "${{words[CURRENT-1]}}" in
{newline.join(values)}
  esac
  case "$path_" in
{newline.join(rows)}
  esac
  _describe 'flow-telemetry' candidates
  [[ $path_ == (replay|run) ]] && _files
}}
compdef _flow_telemetry flow-telemetry
"""


def _fish(commands: list[_Command]) -> str:
    """A line for each word, with the commands that it can follow."""
    lines = [
        "# fish completion of flow-telemetry, made by `flow-telemetry completion fish`",
        "complete -c flow-telemetry -f",
    ]
    for command in commands:
        condition = _fish_condition(command)
        for name, text in command.subcommands.items():
            lines.append(f"complete -c flow-telemetry -n '{condition}' -a {name} -d '{text}'")
        for name, text in command.flags.items():
            form = f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
            found = command.values[name]
            value = ""
            if found is not None:
                value = " -r -F" if found == (_FILES,) else f" -x -a '{' '.join(found)}'"
            lines.append(f"complete -c flow-telemetry -n '{condition}' {form}{value} -d '{text}'")
        if command.takes_files:
            lines.append(f"complete -c flow-telemetry -n '{condition}' -F")
    return "\n".join(lines) + "\n"


def _fish_condition(command: _Command) -> str:
    seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in command.path)
    others = " ".join(command.subcommands)
    if not command.path:
        return "__fish_use_subcommand"
    return f"{seen}; and not __fish_seen_subcommand_from {others}" if others else seen


_SHELLS: Mapping[str, Callable[[list[_Command]], str]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
