"""The inputs of the action as flags of the command line, by their own names."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from typing import TypeAlias

from flow_telemetry.settings.inputs import INPUTS, Input

# argparse gives the type of `add_subparsers()` no public name.
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001

# What only a step of a workflow can mean.
OF_THE_ACTION = frozenset(
    {
        *("mode", "summary", "fail-on-error", "measure", "inject-endpoint"),
        *("test-reports", "coverage-reports"),
    }
)
# On the command line these are set by being there.
_SWITCHES = frozenset({"snapshot", "sweep-runs", "fork-artifacts"})
_SHORT_FORMS = {"repository": ("--repo",)}


def add_flags(parser: argparse.ArgumentParser, leave_out: Collection[str] = ()) -> None:
    """Add a flag for each input but those of the action alone, and those in ``leave_out``."""
    for each in INPUTS:
        if each.name in OF_THE_ACTION or each.name in leave_out:
            continue
        names = (each.flag, *_SHORT_FORMS.get(each.name, ()))
        if each.name in _SWITCHES:
            parser.add_argument(
                *names,
                dest=each.name,
                action="store_const",
                const="true",
                default="",
                help=_help(each),
            )
        else:
            parser.add_argument(
                *names,
                dest=each.name,
                default="",
                metavar=each.name.rpartition("-")[2].upper(),
                help=_help(each),
            )


def flags_of(options: argparse.Namespace, **more: str) -> Mapping[str, str]:
    """Return the inputs that the options give; ``more`` by names with underscores."""
    given = {each.name: getattr(options, each.name, "") or "" for each in INPUTS}
    return {**given, **{name.replace("_", "-"): value for name, value in more.items()}}


def _help(each: Input) -> str:
    plain = each.default and "{{" not in each.default and each.name not in _SWITCHES
    default = f" Default: {each.default}." if plain else ""
    return (each.description + default).replace("%", "%%")
