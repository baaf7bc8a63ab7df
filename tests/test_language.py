"""Names use the terms of the field, and prose is plain English.

The words below are those that earlier versions of this code used in place of the usual ones:
`told` for reported, `verdict` for result, `where there is none` for `if there is none`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = [
    *sorted((ROOT / "src").rglob("*.py")),
    *sorted((ROOT / "launcher").glob("*.py")),
    *sorted((ROOT / "tools").glob("*.py")),
]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
# The changelog of a release is history.
PAGES.remove(ROOT / "CHANGELOG.md")

PROSE = re.compile(
    r"\b(?:told|untold|tellings?|nobody|whoever|whatever|whichever|verdicts?|tally|tallies"
    r"|troubles?|leftovers|intake|mostly|halves|came about|in words|what leaves|what left|what came"
    r"|what comes|what becomes|who asks|is asked|are asked|asks whether|where there|where none"
    r"|where no|where nothing|handed on|hands on|doors?|stretch(?:es)?|spells?|happenings?"
    r"|lookalikes?|uncoerced|said so)\b"
    r"|(?<!there )\b(?:is|are|was|were) no "
    r"(?!longer|more\b|later|earlier|larger|smaller|different|reason|need)",
    re.IGNORECASE,
)
NAMES = frozenset(
    {
        *("told", "untold", "telling", "tellings", "tally", "verdict", "trouble", "intake"),
        *("halves", "held", "leftovers", "lookalikes", "uncoerced", "spell", "spells"),
        *("happening", "happenings", "door", "doors", "lives", "stretch", "stretches", "tile"),
        *("tiles", "lacking", "nobody", "whatever", "judge", "asking", "whereabouts"),
        *("standing", "answer", "answers"),
    }
)
_PART_OF_A_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def unwanted_in_code(source: str) -> set[str]:
    """The unwanted words in comments and texts, and the names that contain one."""
    found = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            parts = {part.lower() for part in _PART_OF_A_NAME.findall(token.string)}
            found |= {token.string} if parts & NAMES else set()
        elif token.type == tokenize.COMMENT:
            found |= unwanted_in_prose(token.string)
    for node in ast.walk(ast.parse(source)):
        # A text without a blank is a key or a value, not prose.
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            found |= unwanted_in_prose(node.value)
    return found


def unwanted_in_prose(text: str) -> set[str]:
    return {match[0].lower() for match in PROSE.finditer(text)}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _unwanted(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return unwanted_in_code(text)
    return unwanted_in_prose(re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("path", CODE + PAGES, ids=_name)
def test_the_usual_words_are_used(path: Path) -> None:
    """In names, docstrings, comments, messages and documents."""
    assert _unwanted(path) == set()


def test_the_words_are_found() -> None:
    """A list that matches nothing would pass every file."""
    source = 'def _told(verdict):\n    """Nobody is asked."""\n    # where there is no door\n'
    assert unwanted_in_code(source) == {
        *("_told", "verdict", "nobody", "is asked", "where there", "door"),
    }
