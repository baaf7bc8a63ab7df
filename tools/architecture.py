"""The layers of the package, from which CONTRIBUTING's map and the architecture test are made."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "flow_telemetry"

# From the top down. A unit is a file or folder of the package, or a module that is listed here by
# itself; it imports units of lower layers, and of its own layer unless one of both is in APART.
LAYERS = (
    {"__main__", "action", "build", "cli", "demo"},  # the entry points
    {"sweep"},
    {"comment", "context_step", "page", "pipeline"},
    {"subjects"},
    {"context", "trackers"},
    {"github", "jira", "mapping", "otlp", "privacy", "process", "report", "reports"},
    {"http", "outcome"},
    {"rules"},
    {"settings"},
    {"clock", "logging", "model", "telemetry"},
    {
        *("privacy.forms", "privacy.known", "privacy.patterns", "privacy.redactor"),
        "privacy.token_forms",
    },
    {"environment", "errors", "files", "identity", "local_files", "text"},
    {""},  # flow_telemetry/__init__.py: the version
)
APART = frozenset(
    {
        *("github", "jira", "process", "report", "reports"),
        *("clock", "logging", "model", "telemetry"),
        *("environment", "errors", "files", "identity", "local_files", "text"),
    }
)
UNITS = frozenset().union(*LAYERS)


def unit_of(module: str) -> str:
    """Return the unit that a module belongs to: itself if it is listed, else its file or folder."""
    return module if module in UNITS else module.partition(".")[0]


def layer_of(unit: str) -> int:
    """Return the number of a unit's layer, 0 for the entry points."""
    return next(number for number, layer in enumerate(LAYERS) if unit in layer)


def may_import(unit: str, other: str) -> bool:
    """Return whether a module of one unit may import a module of the other."""
    if unit == other:
        return True
    if layer_of(unit) == layer_of(other):
        return not {unit, other} & APART
    return layer_of(unit) < layer_of(other)


def code_map() -> Iterator[tuple[str, str]]:
    """Yield path and purpose of each folder and module, layer by layer from the top.

    The purpose is the first line of the docstring. Paths are those below the package.
    """
    for number in range(len(LAYERS) - 1):
        paths = [p for p in PACKAGE.rglob("*.py") if layer_of(unit_of(_name(p))) == number]
        yield from ((_label(path), _first_line(path)) for path in sorted(paths, key=_order))


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _label(path: Path) -> str:
    text = path.relative_to(PACKAGE).as_posix()
    return text.removesuffix("__init__.py") if path.name == "__init__.py" else text


def _order(path: Path) -> tuple[bool, str]:
    """Files of the package itself before its folders, each folder before its files."""
    label = _label(path)
    return "/" in label, label


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if not docstring:
        raise ValueError(f"{path.name} has no docstring: the map is made from its first line")
    return docstring.partition("\n")[0]
