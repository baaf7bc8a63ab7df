"""What belongs into the bundle: the platforms, and the modules that the action can reach.

Modules are found by their import statements, from the action's door on, also those inside
functions. Some of what is reached so is never loaded in an action; `LEFT_OUT` lists it with
reasons, and the suite runs its stories on the bundle to prove it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DOOR = "flow_telemetry.action"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")

# Wheels with compiled code by the platform's name, which the launcher reads from the suffix of
# Python's extensions (`.cpython-311-x86_64-linux-gnu.so`, `.cp311-win_amd64.pyd`).
PLATFORMS: Mapping[str, str] = {
    "x86_64-linux-gnu": "manylinux2014_x86_64",
    "aarch64-linux-gnu": "manylinux2014_aarch64",
    "x86_64-linux-musl": "musllinux_1_2_x86_64",
    "aarch64-linux-musl": "musllinux_1_2_aarch64",
    "darwin-x86_64": "macosx_10_9_x86_64",
    "darwin-arm64": "macosx_11_0_arm64",
    "win_amd64": "win_amd64",
}
# protobuf runs in pure Python where it has no wheel (musl); psutil has no such way.
COMPILED = ("protobuf", "psutil")
WITHOUT_PURE_WHEEL = ("psutil",)

# Loaded by name or by compiled code, so no import statement leads there.
LOADED_BY_NAME = ("google.protobuf.internal.python_message",)

LEFT_OUT: Mapping[str, str] = {
    "chardet": "an alternative to charset_normalizer",
    "charset_normalizer": "guesses encodings of pages that name none; answers are JSON or protobuf",
    "google.protobuf.compiler": "protoc's plug-ins",
    "idna.cli": "idna's own command",
    "idna.__main__": "idna's own command",
    "psutil._psaix": "no runner is one",
    "psutil._psbsd": "no runner is one",
    "psutil._pssunos": "no runner is one",
    "requests.help": "tells versions for reports to requests",
    "urllib3.contrib.emscripten": "Python in a browser",
    "urllib3.contrib.socks": "SOCKS proxies need the package PySocks",
    "urllib3.contrib.pyopenssl": "an alternative to the ssl module",
    "urllib3.http2.connection": "HTTP/2 needs the package h2 and is off",
}

# Modules of psutil for one system, by a part of the platform's name.
OF_PLATFORM: Mapping[str, str] = {
    "psutil._pslinux": "linux",
    "psutil._psosx": "darwin",
    "psutil._pswindows": "win_",
}

# Not in the images, but as sources beside them: what reads files beside it (certifi's
# certificates), and what hardly ever runs. psutil is in both: the SDK imports it at each start, and
# the sampler's own process loads it from the folder.
NOT_IN_IMAGES: Mapping[str, str] = {
    "certifi": "reads its certificates from the folder",
    "google.protobuf.descriptor_pb2": "describes .proto files",
    "google.protobuf.json_format": "writes what could not be sent",
    "idna.uts46data": "for hosts with letters beyond ASCII",
}

# Imported inside functions of nearly every run, besides what the door imports at its top.
LOADED_BY_MOST_RUNS = (
    "flow_telemetry.otlp.exporter",
    "flow_telemetry.otlp.transport",
    "flow_telemetry.otlp.sdk_spans",
    "flow_telemetry.otlp.sdk_metrics",
    "flow_telemetry.privacy.audience",
)


@dataclass(frozen=True, slots=True)
class Module:
    """A module or package of a folder that can stand on `sys.path`."""

    name: str
    path: Path

    @property
    def is_package(self) -> bool:
        """Whether modules can be inside."""
        return self.path.name == "__init__.py"


def modules_in(folder: Path) -> dict[str, Module]:
    """Return every module below a folder by its full name."""
    paths = ((path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*.py")))
    named = ((module_name(name), path) for name, path in paths)
    return {name: Module(name, path) for name, path in named}


def module_name(path: str) -> str:
    """Return the full name of the module in a file."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def top(name: str) -> str:
    """Return the first part of a module's name."""
    return name.partition(".")[0]


def reached(known: Mapping[str, Module], *, start: str = DOOR) -> dict[str, Module]:
    """Return the modules of ``known`` that can be imported from ``start`` on, sorted by name."""
    found: set[str] = set()
    waiting = [start, *LOADED_BY_NAME]
    while waiting:
        name = waiting.pop()
        if name in found or is_left_out(name):
            continue
        found.add(name)
        if "." in name:
            waiting.append(name.rpartition(".")[0])
        if name in known:
            waiting += imported_by(known[name])
    return {name: known[name] for name in sorted(found & known.keys())}


def is_left_out(name: str) -> bool:
    """Whether a module is on the list of what is never loaded."""
    return any(name == each or name.startswith(f"{each}.") for each in LEFT_OUT)


def is_in_image(name: str) -> bool:
    """Whether a module is compiled into the images."""
    return not any(name == each or name.startswith(f"{each}.") for each in NOT_IN_IMAGES)


def imported_by(module: Module) -> Iterator[str]:
    """Yield the full names that a module imports: of `from a import b`, both a and a.b."""
    tree = ast.parse(module.path.read_bytes())
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    for node in _running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, package)
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from _running(child)


def _origin(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)
