"""Imports point down only, and few modules reach the outside world."""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tools.architecture import PACKAGE, UNITS, may_import, unit_of

ROOT = Path(__file__).parents[1]

# A library, and the only units or modules that may import it. The longest name decides.
LIBRARIES = {
    "actions_toolkit": {"action", "cli.plan"},
    "defusedxml": {"reports"},
    "google.protobuf": {"otlp"},
    "junitparser": {"reports"},
    "opentelemetry": {"otlp.sdk_logs", "otlp.sdk_metrics", "otlp.sdk_spans"},
    # Messages are made by the SDK only; these read responses, and requests of others.
    "opentelemetry.proto": {"otlp.protobuf"},
    "opentelemetry.semconv": {
        *(
            "mapping.attributes",
            "mapping.event_attributes",
            "mapping.suite_attributes",
            "mapping.work_attributes",
            "mapping.instruments",
        ),
        *("mapping.job_attributes", "mapping.metric_attributes"),
    },
    "psutil": {"process.sampler", "process.sampling", "process.usage"},
    "requests": {"github", "http", "jira", "otlp"},
    "urllib3": {"http", "otlp"},
}

# These compute: no file, socket, clock, environment, thread or chance. Of the others they know the
# words of `settings` only.
PURE = {
    *("", "errors", "identity", "logging", "mapping", "model", "outcome", "privacy"),
    *("privacy.forms", "privacy.known", "privacy.patterns", "privacy.redactor"),
    *("privacy.token_forms", "report", "rules", "telemetry", "text"),
    "process.context",
}
IMPURE_LIBRARIES = {
    *("asyncio", "concurrent", "ftplib", "http", "importlib", "io", "logging", "multiprocessing"),
    *("os", "pathlib", "platform", "random", "secrets", "shutil", "signal", "socket", "ssl"),
    *("subprocess", "sys", "tempfile", "threading", "time", "urllib.request", "webbrowser"),
    *("requests", "urllib3"),
}
IMPURE_CALLS = {"open", "print", "input", "now", "today", "utcnow"}

MAY_READ_ENVIRON = {"action", "environment", "cli", "demo.worker"}


@dataclass(frozen=True)
class Module:
    """A module of ours: its name without the package's, and its syntax tree."""

    name: str
    tree: ast.Module

    @property
    def unit(self) -> str:
        return unit_of(self.name)

    def imported(self) -> set[str]:
        """Everything it imports when it runs, by full name; not what only types need."""
        names = set()
        for node in _running(self.tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{self.name} has a relative import"
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
        return names

    def within(self, names: set[str]) -> bool:
        return any(_is_in(self.name, name) for name in names)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


def _is_in(name: str, parent: str) -> bool:
    return name == parent or name.startswith(f"{parent}.")


def _module(path: Path) -> Module:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name=name, tree=ast.parse(path.read_text(encoding="utf-8")))


MODULES = {m.name: m for m in map(_module, sorted(PACKAGE.rglob("*.py")))}
PROGRAM = list(MODULES.values())
FAKES = sorted((ROOT / "tests" / "fakes").rglob("*.py"))


def _ours(module: Module) -> set[str]:
    """The modules of ours that a module imports: of `from a.b import c` either a.b.c or a.b."""
    inside = {n for n in module.imported() if _is_in(n, "flow_telemetry")}
    short = {name.removeprefix("flow_telemetry").lstrip(".") for name in inside}
    return {name if name in MODULES else name.rpartition(".")[0] for name in short}


def _foreign(module: Module) -> set[str]:
    return {n for n in module.imported() if not _is_in(n, "flow_telemetry")}


def test_every_file_and_folder_has_a_layer() -> None:
    """A new one gets its place in `tools/architecture.py`."""
    assert {m.unit for m in PROGRAM} == UNITS


def test_arrows_of_import_point_down() -> None:
    """Entry points know the pipeline, the pipeline its parts, and the model references only."""
    assert [
        f"{module.name} imports {other}"
        for module in PROGRAM
        for other in sorted(_ours(module))
        if not may_import(module.unit, unit_of(other))
    ] == []


def test_the_model_knows_references_only() -> None:
    """Its records name things; how they are read, sent or shown is none of their business."""
    known = {unit_of(o) for m in PROGRAM if m.unit == "model" for o in _ours(m)}
    assert known <= {"model", "identity"}


def test_there_are_no_cycles() -> None:
    """Not even inside a folder, or by an import in a function."""
    graph = {module.name: _ours(module) - {module.name} for module in MODULES.values()}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(MODULES)


def test_fakes_stand_apart() -> None:
    """They import nothing of the program, which they are to be measured by, and it none of them."""
    fakes = [path for path in FAKES if not path.name.startswith("test_")]
    of_fakes = {
        name
        for path in fakes
        for name in Module("fakes", ast.parse(path.read_text(encoding="utf-8"))).imported()
    }
    assert fakes
    assert {name for name in of_fakes if _top(name) == "flow_telemetry"} == set()
    assert {m.name for m in PROGRAM if any(_top(n) == "tests" for n in m.imported())} == set()


def test_libraries_are_used_where_they_belong() -> None:
    """Only `otlp` knows the SDK; only the two sides of the program know HTTP."""
    wrong = []
    for module in PROGRAM:
        for name in sorted(_foreign(module)):
            library = max((each for each in LIBRARIES if _is_in(name, each)), key=len, default=None)
            if library is not None and not module.within(LIBRARIES[library]):
                wrong.append(f"{module.name} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("unit", sorted(PURE))
def test_what_computes_does_no_io(unit: str) -> None:
    """No library that reaches out, no call that reads a file or a clock, and nobody who does."""
    wrong = []
    for module in (m for m in PROGRAM if m.within({unit})):
        units = {unit_of(other) for other in _ours(module)}
        found = {n for n in _foreign(module) if any(_is_in(n, each) for each in IMPURE_LIBRARIES)}
        calls = {
            name
            for node in _running(module.tree)
            if isinstance(node, ast.Call) and (name := _called(node)) in IMPURE_CALLS
        }
        wrong += [
            f"{module.name} uses {name}"
            for name in sorted(found | calls | units - PURE - {"settings"})
        ]
    assert wrong == []


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def test_only_the_doors_hand_in_the_environment() -> None:
    """Settings are read from a mapping; nobody else looks around."""
    readers = {
        module.name
        for module in PROGRAM
        for node in _running(module.tree)
        if isinstance(node, ast.Attribute | ast.Name | ast.alias)
        and _name_of(node) in {"environ", "getenv", "environb", "putenv"}
        and _is_of_os(module, node)
    }
    assert {name for name in readers if not MODULES[name].within(MAY_READ_ENVIRON)} == set()
    assert readers, "the doors read it, so a test that finds no reader looks in the wrong place"


def _name_of(node: ast.Attribute | ast.Name | ast.alias) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else node.name


def _is_of_os(module: Module, node: ast.AST) -> bool:
    """Whether it is `os.environ`, or an `environ` imported from os; a parameter may be named so."""
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "os"
    return any(_is_in(name, "os") and name != "os" for name in module.imported())


def test_the_launcher_needs_nothing_installed() -> None:
    """It runs before there are packages: the standard library, and the door that it opens."""
    foreign = set()
    for path in (ROOT / "launcher").glob("*.py"):
        module = Module(name="launcher", tree=ast.parse(path.read_text(encoding="utf-8")))
        foreign |= {n for n in module.imported() if _top(n) not in sys.stdlib_module_names}
    assert {n for n in foreign if _top(n) != "launcher"} == {"flow_telemetry.action.main"}


def _top(name: str) -> str:
    return name.partition(".")[0]
