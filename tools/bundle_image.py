"""Compiles the bundle's modules for one Python; run by that very Python.

    python -S -B -X no_debug_ranges tools/bundle_image.py MODULES OUT

MODULES is a JSON file: `paths` (for sys.path), `first` (what nearly every run imports), and
`modules`: the source, the path to be shown, and whether it is ours, by name. OUT.0 and OUT.1 are
the two sections of the image: what nearly every run needs, and the rest. The first begins with a
header that says where things stand: its length in four bytes, then marshalled data. The sections
hold

- each module as a `.pyc` whose source is never looked at (an unchecked hash-based one: git keeps no
  times, so a `.pyc` with a time would be stale in what runners download);
- the methods that `dataclasses` writes as text and compiles at each start, compiled: half of the
  time that our imports take;
- the regular expressions that modules compile when they are imported, as `re` compiles them for
  this Python: a fifth of what is left of that time.

Hash seed, paths and order are fixed, so the same input makes the same bytes. Only the standard
library is used: it runs where nothing is installed.
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
    """Write the sections of what the first argument lists; returns the exit status."""
    wanted = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    compiled = {name: compile_module(facts) for name, facts in wanted["modules"].items()}
    # Only now: what is imported from here on must not change how code is marshalled.
    patterns = record_patterns()
    texts = recorded_texts(wanted["paths"], wanted["first"])
    first = set(sys.modules)
    of_first = dict(patterns)
    later = recorded_texts([], sorted(n for n, f in wanted["modules"].items() if f["ours"]))

    sections = (bytearray(), bytearray())
    index = {}
    for name, facts in wanted["modules"].items():
        section = FIRST if name in first else REST
        place = add(sections[section], compiled[name])
        index[name] = (facts["shown"], facts["package"], section, *place)
    methods = {}
    for section, of_section in ((FIRST, texts), (REST, later - texts)):
        for text in sorted(of_section):
            methods[key(text)] = (section, *add(sections[section], compile_text(text)))
    if len(methods) != len(texts | later):
        raise ValueError("two texts of dataclasses have one key")
    header = marshal.dumps(
        {
            "modules": index,
            "methods": methods,
            "magic": _sre.MAGIC,
            "patterns": {known: of_first[known] for known in sorted(of_first, key=repr)},
        }
    )
    sections[FIRST][:0] = len(header).to_bytes(4, "little") + header
    for number, data in enumerate(sections):
        Path(f"{arguments[1]}.{number}").write_bytes(data)
    return 0


def add(section: bytearray, data: bytes) -> "tuple[int, int]":
    """Append ``data``; returns where it begins and ends."""
    start = len(section)
    section += data
    return start, len(section)


def key(text: str) -> "tuple[int, int]":
    """Return what a text of `dataclasses` is found by; the launcher's image.py has the same."""
    data = text.encode()
    return len(data), zlib.crc32(data)


def compile_text(text: str) -> bytes:
    """Return the marshalled code of a text of `dataclasses`, without line numbers."""
    code = compile(text, "<dataclass>", "exec", dont_inherit=True)
    return marshal.dumps(without_lines(code))


def compile_module(facts: "dict[str, Any]") -> bytes:
    """Return a module's `.pyc`; a namespace, which has no source, has none."""
    if facts["source"] is None:
        return b""
    source = Path(facts["source"]).read_bytes()
    if facts["ours"]:
        # Lines are kept: a fault is reported by its line.
        tree = without_function_documentation(ast.parse(source))
        return pyc(compile(tree, facts["shown"], "exec", dont_inherit=True), source)
    # Documentation and lines of other people's code are a third of its size.
    tree, level = ast.parse(source), 2
    if b"dataclass" in source:
        tree, level = without_function_documentation(tree), 1
    code = compile(tree, facts["shown"], "exec", dont_inherit=True, optimize=level)
    return pyc(without_lines(code), source)


def without_function_documentation(tree: ast.Module) -> ast.Module:
    """Return a module's tree without what functions say of themselves, which nobody asks here.

    That of classes stays: a dataclass without documentation has it made, at each start.
    """
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node):
            place = node.body[0]
            node.body[:1] = [] if len(node.body) > 1 else [ast.copy_location(ast.Pass(), place)]
    return tree


def without_lines(code: CodeType) -> CodeType:
    """Return code without the table of its line numbers."""
    inner = (without_lines(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_consts=tuple(inner), co_linetable=b"")


def pyc(code: CodeType, source: bytes) -> bytes:
    """Return an unchecked hash-based `.pyc`, as PEP 552 lays it out."""
    flags = UNCHECKED_HASH.to_bytes(4, "little")
    return (
        importlib.util.MAGIC_NUMBER
        + flags
        + importlib.util.source_hash(source)
        + marshal.dumps(code)
    )


def recorded_texts(paths: "list[str]", names: "list[str]") -> "set[str]":
    """Import modules and return what `dataclasses` compiles meanwhile."""
    texts: set[str] = set()
    run = exec

    def record(text: str, *scopes: Any) -> None:
        texts.add(text)
        run(text, *scopes)

    # A global of the module hides the builtin of that name. Where a Python's dataclasses do
    # without exec, nothing is recorded, and nothing is lost but speed.
    dataclasses.exec = record  # type: ignore[attr-defined]
    sys.path[:0] = paths
    for name in names:
        importlib.import_module(name)
    return texts


def record_patterns() -> "dict[tuple[Any, int], tuple[Any, ...]]":
    """Return what fills, from now on, with what `re` compiles: by text and flags, what it makes."""
    compiler = importlib.import_module("re._compiler" if PATTERNS_IN_RE else "sre_compile")
    made: dict[tuple[Any, int], tuple[Any, ...]] = {}
    arguments: list[tuple[Any, ...]] = []
    compile_pattern = compiler.compile

    class Recorder:
        """`_sre` as the compiler sees it."""

        def __getattr__(self, name: str) -> Any:
            return getattr(_sre, name)

        def compile(self, *given: Any) -> Any:
            arguments.append(given)
            return _sre.compile(*given)

    def recorded(pattern: Any, flags: int = 0) -> Any:
        compiled = compile_pattern(pattern, flags)
        _, final, code, groups, names, order = arguments[-1]
        plain = [int(each) for each in code]
        made[pattern, int(flags)] = (int(final), plain, groups, dict(names), tuple(order))
        return compiled

    compiler._sre = Recorder()  # type: ignore[attr-defined]  # noqa: SLF001
    compiler.compile = recorded  # type: ignore[attr-defined]
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
