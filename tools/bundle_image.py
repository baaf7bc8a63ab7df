"""Compiles the bundle's modules for one Python; run by that very Python.

    python -S -B -X no_debug_ranges tools/bundle_image.py MODULES OUT

MODULES is a JSON file with `paths` (for sys.path), `first` (the modules that nearly every run
imports), `lazy` (modules that those import and few runs execute) and `modules` (name -> source
file, path for tracebacks, and whether the module is ours).
OUT.0 and OUT.1 are the two sections of the image: the modules that nearly every run needs, and the
others. The first section begins with the index of both: its length in four bytes, then marshalled
data. The sections contain

- the modules as unchecked hash-based `.pyc` files, which Python never compares with their source
  (git does not store times, so a `.pyc` with a time would be stale after a download);
- the methods that `dataclasses` otherwise generates as text and compiles at every start: half of
  the time that importing our modules takes;
- the regular expressions that modules compile when they are imported: 20 ms of every start.

Hash seed, paths and order are fixed, so the same input makes the same bytes. Only the standard
library is used, because nothing is installed for the Pythons that run this file.
"""

import _sre  # type: ignore[import-not-found]
import ast
import dataclasses
import importlib
import importlib.util
import json
import marshal
import sys
import zlib
from pathlib import Path
from types import CodeType
from typing import Any

UNCHECKED_HASH = 0b01
FIRST, REST = 0, 1
PATTERNS_IN_RE = sys.version_info >= (3, 11)


def main(arguments: "list[str]") -> int:
    """Write the two sections of the modules in the first argument; returns the exit status."""
    listed = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    compiled = {name: compile_module(module) for name, module in listed["modules"].items()}
    # After compiling, because imported modules can change how code is marshalled.
    patterns = record_patterns()
    texts = recorded_texts(listed["paths"], listed["first"])
    lazy = [f"{name}." for name in listed["lazy"]]
    first = {name for name in sys.modules if not f"{name}.".startswith(tuple(lazy))}
    first_patterns = dict(patterns)
    later = recorded_texts([], sorted(n for n, m in listed["modules"].items() if m["ours"]))

    sections = (bytearray(), bytearray())
    index = {}
    for name, module in listed["modules"].items():
        section = FIRST if name in first else REST
        position = add(sections[section], compiled[name])
        index[name] = (module["shown"], module["package"], section, *position)
    methods = {}
    for section, section_texts in ((FIRST, texts), (REST, later - texts)):
        for text in sorted(section_texts):
            methods[key(text)] = (section, *add(sections[section], compile_text(text)))
    if len(methods) != len(texts | later):
        raise ValueError("two texts of dataclasses have one key")
    header = marshal.dumps(
        {
            "modules": index,
            "methods": methods,
            "magic": _sre.MAGIC,
            "patterns": {name: first_patterns[name] for name in sorted(first_patterns, key=repr)},
        }
    )
    sections[FIRST][:0] = len(header).to_bytes(4, "little") + header
    for number, data in enumerate(sections):
        Path(f"{arguments[1]}.{number}").write_bytes(data)
    return 0


def add(section: bytearray, data: bytes) -> "tuple[int, int]":
    """Append ``data``; returns its start and end."""
    start = len(section)
    section += data
    return start, len(section)


def key(text: str) -> "tuple[int, int]":
    """Return the key of a text of `dataclasses`; the launcher's image.py computes the same."""
    data = text.encode()
    return len(data), zlib.crc32(data)


def compile_text(text: str) -> bytes:
    """Return the marshalled code of a text of `dataclasses`, without line numbers."""
    code = compile(text, "<dataclass>", "exec", dont_inherit=True)
    return marshal.dumps(without_lines(code))


def compile_module(module: "dict[str, Any]") -> bytes:
    """Return a module's `.pyc`; empty for a namespace, which has no source."""
    if module["source"] is None:
        return b""
    source = Path(module["source"]).read_bytes()
    if module["ours"]:
        # Line numbers stay: tracebacks in bug reports need them.
        tree = without_function_documentation(ast.parse(source))
        return pyc(compile(tree, module["shown"], "exec", dont_inherit=True), source)
    # Docstrings and line numbers of other packages are a third of their size.
    tree, level = ast.parse(source), 2
    if b"dataclass" in source:
        tree, level = without_function_documentation(tree), 1
    code = compile(tree, module["shown"], "exec", dont_inherit=True, optimize=level)
    return pyc(without_lines(code), source)


def without_function_documentation(tree: ast.Module) -> ast.Module:
    """Return a module's tree without the docstrings of functions.

    Those of classes stay: `dataclasses` generates missing ones at every start.
    """
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node):
            docstring = node.body[0]
            node.body[:1] = [] if len(node.body) > 1 else [ast.copy_location(ast.Pass(), docstring)]
    return tree


def without_lines(code: CodeType) -> CodeType:
    """Return code without its table of line numbers."""
    inner = (without_lines(c) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_consts=tuple(inner), co_linetable=b"")


def pyc(code: CodeType, source: bytes) -> bytes:
    """Return an unchecked hash-based `.pyc`, as in PEP 552."""
    flags = UNCHECKED_HASH.to_bytes(4, "little")
    return (
        importlib.util.MAGIC_NUMBER
        + flags
        + importlib.util.source_hash(source)
        + marshal.dumps(code)
    )


def recorded_texts(paths: "list[str]", names: "list[str]") -> "set[str]":
    """Import modules and return the texts that `dataclasses` compiles meanwhile."""
    texts: set[str] = set()
    run = exec

    def record(text: str, *scopes: Any) -> None:
        texts.add(text)
        run(text, *scopes)

    # A global of the module hides the builtin of that name. If `dataclasses` of some Python does
    # not use exec, nothing is recorded, and its starts are only slower.
    dataclasses.exec = record  # type: ignore[attr-defined]
    sys.path[:0] = paths
    for name in names:
        importlib.import_module(name)
    return texts


def record_patterns() -> "dict[tuple[Any, int], tuple[Any, ...]]":
    """Return a table that `re` fills from now on: its compiled code by pattern and flags."""
    compiler = importlib.import_module("re._compiler" if PATTERNS_IN_RE else "sre_compile")
    table: dict[tuple[Any, int], tuple[Any, ...]] = {}
    calls: list[tuple[Any, ...]] = []
    compile_pattern = compiler.compile

    class Recorder:
        """`_sre` with a `compile` that records its arguments."""

        def __getattr__(self, name: str) -> Any:
            return getattr(_sre, name)

        def compile(self, *arguments: Any) -> Any:
            calls.append(arguments)
            return _sre.compile(*arguments)

    def record(pattern: Any, flags: int = 0) -> Any:
        compiled = compile_pattern(pattern, flags)
        _, final_flags, code, groups, names, order = calls[-1]
        plain = [int(word) for word in code]
        table[pattern, int(flags)] = (int(final_flags), plain, groups, dict(names), tuple(order))
        return compiled

    compiler._sre = Recorder()  # type: ignore[attr-defined]  # noqa: SLF001
    compiler.compile = record  # type: ignore[attr-defined]
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
