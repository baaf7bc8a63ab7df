"""Importer of an image: one file of the bundle with all modules, compiled.

On the first start on a runner nothing is cached yet, and reading one file is faster than searching
for hundreds. tools/bundle_image.py makes the images and describes their content.
"""

import _sre  # type: ignore[import-not-found]
import dataclasses
import importlib
import lzma
import marshal
import sys
import threading
import zlib
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import LazyLoader
from pathlib import Path
from types import ModuleType
from typing import Any

LENGTH = 4
PYC_HEADER = 16
_COMPILER = "re._compiler" if sys.version_info >= (3, 11) else "sre_compile"

# The slowest modules of the standard library that every run imports.
NEEDED_ANYWAY = (
    *("datetime", "enum", "json", "logging", "platform", "queue", "random", "ssl", "typing"),
    *("ctypes", "gzip", "html", "http.client", "http.cookiejar", "importlib.metadata", "pickle"),
    *("encodings.idna", "encodings.raw_unicode_escape", "subprocess", "tempfile"),
    *("urllib.parse", "urllib.request"),
    # OpenTelemetry's SDK needs these.
    *("concurrent.futures.thread", "contextvars", "encodings.unicode_escape", "inspect"),
    *("numbers", "uuid"),
)


# Executed at first use. The SDK imports psutil for a detector that is never used, and protobuf the
# other for texts of messages, which are never made.
LAZY = ("psutil", "google.protobuf.text_format")


class Image:
    """A finder and loader for `sys.meta_path`."""

    def __init__(self, data: bytes, action: Path, platforms: "Sequence[Path]") -> None:
        """Take the undamaged image of this Python, and the folders that extend its packages."""
        end = LENGTH + int.from_bytes(data[:LENGTH], "little")
        first = memoryview(unpack_during_imports(data[LENGTH:end]))
        begin = LENGTH + int.from_bytes(first[:LENGTH], "little")
        header = marshal.loads(first[LENGTH:begin])
        self._modules: dict[str, tuple[str, bool, int, int, int]] = header["modules"]
        # Another release of this Python may compile regular expressions differently.
        self._patterns = header["patterns"] if header["magic"] == _sre.MAGIC else {}
        self._methods: dict[tuple[int, int], tuple[int, int, int]] = header["methods"]
        self._first, self._packed_rest = first[begin:], data[end:]
        self._rest: memoryview | None = None
        self._action = str(action)
        self._platforms = [str(folder) for folder in platforms]

    def install(self) -> None:
        """Import modules from the image before `sys.path` is searched."""
        sys.meta_path.insert(0, self)
        self.compile_dataclasses()
        self.compile_patterns()

    def compile_dataclasses(self) -> None:
        """Let `dataclasses` take its methods from the image: compiling their text takes 54 ms."""
        # A global hides the builtin of its name, in that module only.
        dataclasses.exec = self._exec  # type: ignore[attr-defined]

    def compile_patterns(self) -> None:
        """Let `re` take the patterns of modules from the image: compiling them takes 20 ms."""
        compiler = importlib.import_module(_COMPILER)
        self._compile = compiler.compile
        compiler.compile = self._pattern  # type: ignore[attr-defined]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> "ModuleSpec | None":  # noqa: ARG002
        """Return the spec of a module, or None if the image does not contain it."""
        entry = self._modules.get(name)
        if entry is None:
            return None
        shown, is_package, *_ = entry
        loader: Any = LazyLoader(self) if name in LAZY else self  # type: ignore[arg-type]
        spec = ModuleSpec(name, loader, origin=self._file(shown), is_package=is_package)
        if is_package:
            subfolder = name.replace(".", "/")
            spec.submodule_search_locations = [
                self._file(shown).removesuffix("/__init__.py"),
                *(f"{folder}/{subfolder}" for folder in self._platforms),
            ]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:  # noqa: ARG002
        """Return None, so that Python creates the module."""
        return

    def exec_module(self, module: ModuleType) -> None:
        """Execute a module's code in its namespace."""
        shown, _, section, start, end = self._modules[module.__name__]
        if start == end:
            return
        module.__file__ = self._file(shown)
        data = self._section(section)[start + PYC_HEADER : end]
        exec(marshal.loads(data), module.__dict__)  # noqa: S102 - an import executes code

    def _file(self, shown: str) -> str:
        return f"{self._action}/{shown}"

    def _pattern(self, pattern: Any, flags: int = 0) -> Any:
        entry = self._patterns.get((pattern, int(flags)))
        if entry is None:
            return self._compile(pattern, flags)
        return _sre.compile(pattern, *entry)

    def _section(self, number: int) -> memoryview:
        if number == 0:
            return self._first
        if self._rest is None:
            self._rest = memoryview(lzma.decompress(self._packed_rest))
        return self._rest

    def _exec(self, text: str, *scopes: Any) -> None:
        data = text.encode()
        entry = self._methods.get((len(data), zlib.crc32(data)))
        code: Any = text
        if entry is not None:
            section, start, end = entry
            code = marshal.loads(self._section(section)[start:end])
        exec(code, *scopes)  # noqa: S102 - in place of the builtin


def unpack_during_imports(packed: bytes) -> bytes:
    """Unpack in a thread, and import NEEDED_ANYWAY in this one meanwhile."""
    unpacked: list[bytes] = []
    thread = threading.Thread(target=lambda: unpacked.append(lzma.decompress(packed)))
    thread.start()
    for name in NEEDED_ANYWAY:
        importlib.import_module(name)
    thread.join()
    return unpacked[0]
