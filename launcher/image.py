"""Imports modules from an image of the bundle: one file with all of them, compiled.

On a runner's first start nothing is in its cache yet, and reading one file beats looking for
hundreds. tools/bundle_image.py makes images and says what is inside.
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

# Of the standard library, what every run needs and takes longest to import.
NEEDED_ANYWAY = (
    *("datetime", "enum", "json", "logging", "platform", "queue", "random", "ssl", "typing"),
    *("ctypes", "gzip", "html", "http.client", "http.cookiejar", "importlib.metadata", "pickle"),
    *("encodings.idna", "encodings.raw_unicode_escape", "subprocess", "tempfile"),
    *("urllib.parse", "urllib.request"),
    # OpenTelemetry's SDK needs these.
    *("concurrent.futures.thread", "contextvars", "encodings.unicode_escape", "inspect"),
    *("numbers", "uuid"),
)


# Executed at first use: the SDK imports it for a detector that is never used.
LAZY = ("psutil",)


class Image:
    """A finder and loader for `sys.meta_path`."""

    def __init__(self, data: bytes, action: Path, platforms: "Sequence[Path]") -> None:
        """`data` is of this Python's image and undamaged; packages go on in `platforms`."""
        end = LENGTH + int.from_bytes(data[:LENGTH], "little")
        first = memoryview(unpacked_meanwhile(data[LENGTH:end]))
        begin = LENGTH + int.from_bytes(first[:LENGTH], "little")
        header = marshal.loads(first[LENGTH:begin])
        self._modules: dict[str, tuple[str, bool, int, int, int]] = header["modules"]
        self._methods: dict[tuple[int, int], tuple[int, int, int]] = header["methods"]
        # Another release of this Python may compile regular expressions otherwise.
        self._patterns = header["patterns"] if header["magic"] == _sre.MAGIC else {}
        self._first, self._packed_rest = first[begin:], data[end:]
        self._rest: memoryview | None = None
        self._action = str(action)
        self._platforms = [str(each) for each in platforms]

    def install(self) -> None:
        """Import from here from now on, before any folder."""
        sys.meta_path.insert(0, self)
        self.compile_dataclasses()
        self.compile_patterns()

    def compile_dataclasses(self) -> None:
        """Let dataclasses find compiled here what they write as text: half of our imports' time.

        A global hides the builtin of its name, in their module only.
        """
        dataclasses.exec = self._exec  # type: ignore[attr-defined]

    def compile_patterns(self) -> None:
        """Let `re` find compiled here what modules compile when they are imported."""
        compiler = importlib.import_module(_COMPILER)
        self._compile = compiler.compile
        compiler.compile = self._pattern  # type: ignore[attr-defined]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> "ModuleSpec | None":  # noqa: ARG002
        """Return how a module is loaded; None if the image does not contain it."""
        known = self._modules.get(name)
        if known is None:
            return None
        loader: Any = LazyLoader(self) if name in LAZY else self  # type: ignore[arg-type]
        spec = ModuleSpec(name, loader, origin=self._file(known[0]), is_package=known[1])
        if known[1]:
            inside = name.replace(".", "/")
            spec.submodule_search_locations = [
                self._file(known[0]).removesuffix("/__init__.py"),
                *(f"{folder}/{inside}" for folder in self._platforms),
            ]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:  # noqa: ARG002
        """Let Python make the module."""
        return

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's code in it."""
        shown, _, section, start, end = self._modules[module.__name__]
        if start == end:
            return
        module.__file__ = self._file(shown)
        data = self._section(section)[start + PYC_HEADER : end]
        exec(marshal.loads(data), module.__dict__)  # noqa: S102 - that is what importing is

    def _file(self, shown: str) -> str:
        return f"{self._action}/{shown}"

    def _section(self, number: int) -> memoryview:
        if number == 0:
            return self._first
        if self._rest is None:
            self._rest = memoryview(lzma.decompress(self._packed_rest))
        return self._rest

    def _pattern(self, pattern: Any, flags: int = 0) -> Any:
        known = self._patterns.get((pattern, int(flags)))
        if known is None:
            return self._compile(pattern, flags)
        return _sre.compile(pattern, *known)

    def _exec(self, text: str, *scopes: Any) -> None:
        data = text.encode()
        place = self._methods.get((len(data), zlib.crc32(data)))
        code = marshal.loads(self._section(place[0])[place[1] : place[2]]) if place else text
        exec(code, *scopes)  # noqa: S102 - in place of the builtin


def unpacked_meanwhile(packed: bytes) -> bytes:
    """Unpack on another processor while this one imports what is needed anyway."""
    unpacked: list[bytes] = []
    thread = threading.Thread(target=lambda: unpacked.append(lzma.decompress(packed)))
    thread.start()
    for name in NEEDED_ANYWAY:
        importlib.import_module(name)
    thread.join()
    return unpacked[0]
