"""Parsers of commands: flags in sections, a short and a full help, and suggestions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

# The type of `add_subparsers()` has no public name in argparse.
Subparsers: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001

_WRONG_USAGE = 2
_WIDEST_HELP = 100
_NARROWEST_TEXT = 30
_TEXT_COLUMN = 26
# The values of an argument that is a file or folder, which a shell completes.
PATHS = ("FILE", "PATH", "FOLDER")
ARGUMENTS = "arguments"
# The name of the subcommand that takes any kind, which is not written.
ANY_KIND = ""
GENERAL = "general"


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a command, the section of the help that has it, and its possible values.

    Only the full help has one that is not ``common``. ``values`` are empty if any text is possible.
    """

    section: str
    action: argparse.Action
    common: bool = True
    values: tuple[str, ...] = ()

    @property
    def forms(self) -> tuple[str, ...]:
        """How the argument is written: `--repository OWNER/NAME`, or the name of a value."""
        action = self.action
        value = f" {self.metavar}" if action.nargs != 0 else ""
        return tuple(f"{flag}{value}" for flag in action.option_strings) or (self.metavar,)

    @property
    def metavar(self) -> str:
        """The name of the value."""
        metavar = self.action.metavar
        return metavar if isinstance(metavar, str) else self.action.dest.upper()


class CommandParser(argparse.ArgumentParser):
    """A parser of one command. A flag is never abbreviated: a later one could have its beginning.

    ``listed`` are the arguments of the help, in order. The epilog is shown as it is.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Create the parser with the parameters of argparse, and its flags for help."""
        self.listed: list[Argument] = []
        super().__init__(*args, **{"add_help": False, "allow_abbrev": False, **kwargs})
        self.set_defaults(parser=self)
        self.register("action", "help", _Help)
        self.add_flag(
            GENERAL, "-h", "--help", action="help", help="Show the common flags and exit."
        )

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        """Add an argument of the command's own."""
        return self.add_flag(ARGUMENTS, *names, **options)

    def add_flag(
        self,
        section: str,
        *names: str,
        common: bool = True,
        values: tuple[str, ...] = (),
        **options: Any,
    ) -> argparse.Action:
        """Add an argument to a section of the help; ``options`` are those of argparse."""
        action = super().add_argument(*names, **options)
        self.listed.append(Argument(section, action, common, values))
        return action

    def add_full_help(self) -> None:
        """Add `--help-all`, if the short help leaves something out."""
        if not all(argument.common for argument in self.listed):
            self.add_flag(
                GENERAL,
                "--help-all",
                action="help",
                const=True,
                help=f"Show all {self._count()} flags and exit.",
            )

    def _count(self) -> int:
        return sum(1 for argument in self.listed if argument.action.option_strings)

    @property
    def flags(self) -> dict[str, Argument]:
        """The flags by the names by which they are written."""
        return {name: each for each in self.listed for name in each.action.option_strings}

    @property
    def positionals(self) -> list[Argument]:
        """The arguments without a flag."""
        return [argument for argument in self.listed if not argument.action.option_strings]

    @property
    def subcommands(self) -> dict[str, tuple[str, CommandParser]]:
        """The commands of this one by name: the short help, and the parser."""
        found: dict[str, tuple[str, CommandParser]] = {}
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
                # argparse has the short help in a list beside the parsers; without one, a
                # command is not shown.
                helps = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001
                found |= {n: (helps[n], p) for n, p in action.choices.items() if n in helps}
        return found

    @property
    def any_kind(self) -> CommandParser | None:
        """The subcommand for targets of any kind, if the command has one."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
                return action.choices.get(ANY_KIND)
        return None

    def sections(self, *, full: bool) -> Iterator[tuple[str, list[Argument]]]:
        """Yield each section of the help with its arguments, the general ones last."""
        shown = [argument for argument in self.listed if full or argument.common]
        titles = dict.fromkeys(argument.section for argument in shown)
        for title in sorted(titles, key=lambda title: title == GENERAL):
            yield title, [argument for argument in shown if argument.section == title]

    def format_usage(self) -> str:
        """Return one line: the flags are in the help."""
        return f"usage: {self.usage or self._short_usage()}\n"

    def _short_usage(self) -> str:
        words = [self.prog]
        if self.subcommands:
            words.append("COMMAND" if self.prog.count(" ") == 0 else "KIND")
        for argument in self.positionals:
            form = argument.metavar + ("…" if argument.action.nargs in ("+", "*") else "")
            words.append(f"[{form}]" if argument.action.nargs in ("?", "*") else form)
        return " ".join([*words, "[FLAGS]"])

    def format_help(self, *, full: bool = False) -> str:
        """Return the help with the common arguments, or with all.

        argparse wraps its own in another way in each version of Python.
        """
        import shutil  # noqa: PLC0415 - `run` must start fast

        width = min(_WIDEST_HELP, shutil.get_terminal_size((_WIDEST_HELP, 24)).columns - 2)
        parts = [self.format_usage()]
        if self.description:
            parts.append(_wrap(self.description, width) + "\n")
        for title, arguments in self.sections(full=full):
            if title == GENERAL and self.subcommands:
                texts = {name: text for name, (text, _) in self.subcommands.items()}
                parts.append(f"commands:\n{_rows(texts.items(), width)}")
            rows = ((", ".join(each.forms), each.action.help or "") for each in arguments)
            parts.append(f"{title}:\n{_rows(rows, width)}")
        return "\n".join([*parts, *([self.epilog] if self.epilog else [])])

    def error(self, message: str) -> NoReturn:
        """Print the usage and why it is wrong, and exit with status 2."""
        from flow_telemetry.privacy.redactor import build_redactor  # noqa: PLC0415 - errors only

        # A token may have been put in the place of another word, which the message quotes.
        text = build_redactor((), ())(message)
        self.print_usage(sys.stderr)
        self.exit(_WRONG_USAGE, f"flow-telemetry: {text}\n")


class _Help(argparse.Action):
    """Prints the help, the full one with a ``const``, and exits."""

    def __init__(self, option_strings: Sequence[str], **options: Any) -> None:
        super().__init__(option_strings, nargs=0, **{**options, "dest": argparse.SUPPRESS})

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        text = parser.format_help()
        if isinstance(parser, CommandParser):
            text = parser.format_help(full=bool(self.const))
        sys.stdout.write(text)
        parser.exit()


def _rows(rows: Iterable[tuple[str, str]], width: int) -> str:
    """Return forms with their texts beside them; below a form that is too long for its column."""
    lines = []
    for form, text in rows:
        first, *rest = _wrap(text.replace("%%", "%"), width - _TEXT_COLUMN).split("\n")
        beside = f"  {form}".ljust(_TEXT_COLUMN)
        if len(form) + 2 > _TEXT_COLUMN - 2:
            lines.append(f"  {form}")
            beside = " " * _TEXT_COLUMN
        lines.append(beside + first)
        lines += [" " * _TEXT_COLUMN + line for line in rest]
    return "".join(f"{line}\n" for line in lines)


def _wrap(text: str, width: int) -> str:
    import textwrap  # noqa: PLC0415 - `run` must start fast

    return textwrap.fill(
        text, max(_NARROWEST_TEXT, width), break_on_hyphens=False, break_long_words=False
    )
