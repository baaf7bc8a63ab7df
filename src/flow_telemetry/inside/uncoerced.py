"""The environment that this program was started with, for the command that it starts.

Where the locale is C, Python puts one of UTF-8 into LC_CTYPE before anything of ours runs, for
itself and all that it starts (PEP 538). `grep`, `sort` and `ls` would do something else there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

_LC_CTYPE = "LC_CTYPE"
_PUT_BY_PYTHON = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})
# Linux keeps the environment of a program's start, whatever it puts there later.
_OF_THE_START = "/proc/self/environ"


def uncoerced(environ: Mapping[str, str], of_the_start: str = _OF_THE_START) -> dict[str, str]:
    """Return our environment with the LC_CTYPE that we were started with, or without one.

    ``of_the_start`` is the file that tells it; without it, it is guessed.
    """
    restored = dict(environ)
    if environ.get(_LC_CTYPE) not in _PUT_BY_PYTHON or environ.get("LC_ALL"):
        return restored
    try:
        first = _first_locale(of_the_start)
    except OSError:
        first = _likely_first_locale(environ)
    if first is None:
        del restored[_LC_CTYPE]
    else:
        restored[_LC_CTYPE] = first
    return restored


def _first_locale(path: str) -> str | None:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib takes long to load
        entries = file.read().split(b"\0")
    name = f"{_LC_CTYPE}=".encode()
    return next((os.fsdecode(e.removeprefix(name)) for e in entries if e.startswith(name)), None)


def _likely_first_locale(environ: Mapping[str, str]) -> str | None:
    # Python turns its UTF-8 mode on for the same reason (PEP 540). Without it a user chose the
    # locale, or macOS' terminal.
    if sys.platform == "win32" or not sys.flags.utf8_mode:
        return environ[_LC_CTYPE]
    # With another LANG there was a LC_CTYPE of C, or LANG is not installed: C has both effects.
    return None if environ.get("LANG", "") in {"", "C", "POSIX"} else "C"
