"""Choosing names by patterns, in which a leading `!` excludes, as workflows' own filters do."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


def chosen(name: str, patterns: Sequence[str]) -> bool:
    """Whether patterns choose a name: the last one that fits decides.

    No pattern chooses every name; if all exclude, what none of them fits is chosen.
    """
    kept = all(pattern.startswith("!") for pattern in patterns)
    for pattern in patterns:
        excludes = pattern.startswith("!")
        if fnmatchcase(name, pattern[1:] if excludes else pattern):
            kept = not excludes
    return kept
