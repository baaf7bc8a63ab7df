"""Content of the bundle: the platforms, and the modules that the action can import.

Modules are found by their import statements, from the action's entry point on, including those
inside functions. Some of them are never imported in an action; `LEFT_OUT` lists these with reasons,
and the suite runs its stories on the bundle to prove it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ENTRY_POINT = "flow_telemetry.action"
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
# Without a wheel (musl) protobuf runs in pure Python; psutil cannot.
COMPILED = ("protobuf", "psutil")
WITHOUT_PURE_WHEEL = ("psutil",)

# Imported by name or by compiled code, without an import statement.
LOADED_BY_NAME = ("google.protobuf.internal.python_message",)

LEFT_OUT: Mapping[str, str] = {
    "chardet": "an alternative to charset_normalizer",
    "charset_normalizer": "guesses encodings of pages; responses are JSON or protobuf",
    "google.protobuf.compiler": "protoc's plug-ins",
    "idna.cli": "idna's own command",
    "idna.__main__": "idna's own command",
    "psutil._psaix": "not a system of runners",
    "psutil._psbsd": "not a system of runners",
    "psutil._pssunos": "not a system of runners",
    "requests.help": "prints versions for bug reports to requests",
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

# Not in the images, but as sources beside them: modules that read files beside them (certifi's
# certificates), and modules that are rarely imported. psutil is in both: the SDK imports it at each
# start, and the sampler's process imports it from the folder.
NOT_IN_IMAGES: Mapping[str, str] = {
    "certifi": "reads its certificates from the folder",
    "google.protobuf.descriptor_pb2": "describes .proto files",
    "google.protobuf.json_format": "reads and writes OTLP JSON lines",
    "idna.uts46data": "for hosts with letters beyond ASCII",
}

# Imported by functions in nearly every run, besides the imports of the entry point. A run that
# needs any other module unpacks the second section of the image, which takes 20 ms.
LOADED_BY_MOST_RUNS = (
    "flow_telemetry.mapping.api_usage",
    "flow_telemetry.otlp.exporter",
    "flow_telemetry.otlp.transport",
    "flow_telemetry.otlp.sdk",
    "flow_telemetry.otlp.sdk_spans",
    "flow_telemetry.otlp.sdk_metrics",
    "flow_telemetry.otlp.public",
    "flow_telemetry.privacy.audience",
    # By runs that may deploy: nearly all but those of pull requests.
    "flow_telemetry.subjects.deployment",
)


@dataclass(frozen=True, slots=True)
class Module:
    """A module or package in a folder for `sys.path`."""

    name: str
    path: Path

    @property
    def is_package(self) -> bool:
        """Whether it is a package."""
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


def reached(modules: Mapping[str, Module], *, start: str = ENTRY_POINT) -> dict[str, Module]:
    """Return the modules that can be imported from ``start`` on, sorted by name."""
    visited: set[str] = set()
    queue = [start, *LOADED_BY_NAME]
    while queue:
        name = queue.pop()
        if name in visited or is_left_out(name):
            continue
        visited.add(name)
        if "." in name:
            queue.append(name.rpartition(".")[0])
        if name in modules:
            queue += imported_by(modules[name])
    return {name: modules[name] for name in sorted(visited & modules.keys())}


def is_left_out(name: str) -> bool:
    """Return whether a module or its package is in LEFT_OUT."""
    return any(name == other or name.startswith(f"{other}.") for other in LEFT_OUT)


def is_in_image(name: str) -> bool:
    """Return whether a module is compiled into the images."""
    return not any(name == other or name.startswith(f"{other}.") for other in NOT_IN_IMAGES)


def imported_by(module: Module) -> Iterator[str]:
    """Yield the full names that a module imports: of `from a import b`, both a and a.b."""
    tree = ast.parse(module.path.read_bytes())
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    for node in _running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                names = package.split(".")
                base = names[: len(names) - node.level + 1]
                origin = ".".join([*base, node.module] if node.module else base)
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from _running(child)
