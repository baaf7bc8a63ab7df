"""Flags of the command line: the inputs of the action, with the same names."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from flow_telemetry.settings.inputs import INPUTS, Input
from flow_telemetry.settings.shared import read_settings_file

# The type of `add_subparsers()` has no public name in argparse.
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001

_SHORT_FORMS = {"repository": ("--repo",)}
_VALUES = {"settings": "FILE"}


def add_flags(
    parser: argparse.ArgumentParser,
    leave_out: Collection[str] = (),
    inputs: Sequence[Input[Any]] = INPUTS,
) -> None:
    """Add a flag for each input except those for the action only and those in ``leave_out``."""
    for row in inputs:
        if row.action_only or row.name in leave_out:
            continue
        names = (row.flag, *_SHORT_FORMS.get(row.name, ()))
        text = row.explanation.replace("%", "%%")  # argparse formats the help with `%`.
        if row.switch:
            parser.add_argument(
                *names, dest=row.name, action="store_const", const="true", default="", help=text
            )
        else:
            metavar = _VALUES.get(row.name, row.name.rpartition("-")[2].upper())
            parser.add_argument(*names, dest=row.name, default="", metavar=metavar, help=text)


def flags_of(options: argparse.Namespace, **more: str) -> Mapping[str, str]:
    """Return the texts of the options by input; ``more`` adds inputs, named with underscores.

    Raises:
        SettingsError: the file of `--settings` cannot be read.
    """
    inputs = {row.name: getattr(options, row.name, "") or "" for row in INPUTS}
    if inputs["settings"]:
        inputs["settings"] = read_settings_file(inputs["settings"])
    return {**inputs, **{name.replace("_", "-"): value for name, value in more.items()}}
