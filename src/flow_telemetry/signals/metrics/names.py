"""Names that make few series of many: of jobs without their matrix, of environments by pattern."""

from __future__ import annotations

import re

# `us-east-1` is a place, `preview-123` one of many; a hash has a digit, which `facade` has not.
_NUMBERS = re.compile(r"\d{2,}")
_HASHES = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{7,40}\b")


def job_name(name: str) -> str:
    """Return the name of a job without its matrix values: `test` for `test (3.12)`.

    The values stand in brackets at the end of the name, or of a part of it: `call (eu) / test`.
    """
    return " / ".join(_split(part)[0] for part in name.split(" / "))


def job_matrix(name: str) -> str:
    """Return the matrix values of a job's name as they stand there; empty where it has none."""
    return "; ".join(values for _, values in map(_split, name.split(" / ")) if values)


def environment_name(name: str) -> str:
    """Return the name of an environment with what counts on in it as `*`: `preview-*`."""
    return _NUMBERS.sub("*", _HASHES.sub("*", name))


def _split(part: str) -> tuple[str, str]:
    """The part of a name, and what is in its last brackets; these may hold brackets."""
    text = part.rstrip()
    if not text.endswith(")"):
        return part, ""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[at], 0)
        if depth == 0:
            base = text[:at].rstrip()
            return (base, text[at + 1 : -1]) if base else (part, "")
    return part, ""
