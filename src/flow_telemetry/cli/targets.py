"""The target of a command, and its kind: a URL decides it, other targets need it beside them."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from typing import NoReturn

from flow_telemetry.cli.options import FLAGS, commands_with, given_flags
from flow_telemetry.cli.parser import ANY_KIND, CommandParser
from flow_telemetry.settings import Mode
from flow_telemetry.settings.parse import shown
from flow_telemetry.settings.target import parse_target
from flow_telemetry.text import nearest

FORMS = (
    "URL of a run, pull request or issue, or a key of an item (ACME-42); with a kind also "
    "OWNER/NAME#7, #7 or the id of a run."
)
_KINDS = {Mode.CHANGE: "change", Mode.ITEM: "item"}


def add_target(parser: CommandParser, text: str, *, required: bool = False) -> None:
    """Add the positional argument TARGET."""
    parser.add_argument(
        "target", metavar="TARGET", nargs=None if required else "?", default="", help=text
    )


def choose_kind(options: argparse.Namespace, command: str, kinds: Collection[str]) -> str:
    """Return the kind that a command has, or that of its target; or exit with status 2."""
    written: str = options.kind
    if written != ANY_KIND:
        return written
    try:
        kind = _kind_of(options.target, command, kinds)
    except ValueError as error:
        options.parser.error(f"TARGET {error}")
    reject_ineffective(options, f"{command} {kind}")
    return kind


def _kind_of(text: str, command: str, kinds: Collection[str]) -> str:
    """Return the kind of a target.

    Raises:
        ValueError: it has none of the forms, or may be of several kinds.
    """
    if near := nearest(text, kinds):
        raise ValueError(f"is {shown(text)}. Did you mean `{command} {near}`?")
    target = parse_target(text)
    if target.run_id:
        return "run"
    if target.mode is not None:
        return _KINDS[target.mode]
    if target.key:
        return "item"
    if target.origin:
        raise ValueError(
            f"{shown(text)} is the address of a repository: name a run, pull request or issue of "
            "it. `flow-telemetry sweep` exports everything that ended in a period"
        )
    choices = ("change", "item") if target.number else ("item",)
    forms = " or ".join(f"`{command} {name} {text}`" for name in choices)
    meaning = "may be a pull request or an issue" if target.number else "may be an item's key"
    raise ValueError(f"{shown(text)} {meaning}: write {forms}")


def numbered(text: str, kind: str) -> str:
    """Return a target; a bare number is that of a pull request or issue, unless it is a run's."""
    is_number = text.isascii() and text.isdigit()
    return f"#{text}" if is_number and kind not in ("run", "deployment") else text


def reject_ineffective(options: argparse.Namespace, command: str) -> None:
    """Exit with status 2 if a flag is given that has no effect on the command."""
    for name in given_flags(options):
        flag = FLAGS.get(name)
        if flag is not None and command not in flag.commands:
            options.parser.error(_no_effect(f"--{name}", command, flag.commands))


def reject_unknown(options: argparse.Namespace, words: Sequence[str]) -> NoReturn:
    """Exit with status 2: the command does not know the words. Says what was probably meant."""
    parser: CommandParser = options.parser
    command = parser.prog.partition(" ")[2]
    flag = next((word.partition("=")[0] for word in words if word.startswith("-")), "")
    if not flag:
        kinds = {name.removeprefix(f"{command} ") for name in _commands() if " " in name}
        if getattr(options, "kind", None) == ANY_KIND and (near := nearest(options.target, kinds)):
            parser.error(f"{shown(options.target)} is not a kind. Did you mean `{command} {near}`?")
        taken = " ".join(argument.metavar for argument in parser.positionals)
        parser.error(
            f"{shown(words[0])} is too much: {parser.prog} takes {f'{taken} and ' if taken else ''}"
            "flags only"
        )
    if others := commands_with(flag):
        parser.error(_no_effect(flag, command, others))
    near = nearest(flag, parser.flags)
    hint = f"Did you mean {near}?" if near else f"`{parser.prog} --help-all` lists the flags"
    parser.error(f"`{command or parser.prog}` has no flag {shown(flag)}. {hint}")


def _commands() -> set[str]:
    return {command for flag in FLAGS.values() for command in flag.commands}


def _no_effect(flag: str, command: str, others: Sequence[str]) -> str:
    return f"{flag} has no effect on `{command}`, only on {', '.join(others)}: remove it"
