"""The page on troubles quotes what the program really says, and names only what there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from flow_telemetry.settings.inputs import INPUT

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operate" / "troubleshooting.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| Message", "| What"))
]
# What is in a row's first cell is what the program says, but for the rows without a message.
QUOTED = [(row[0], quote) for row in ROWS for quote in re.findall(r"`([^`]+ [^`]+)`", row[0])]


def _said() -> str:
    """Every text in the program, pieces of one message joined as far as they are constants."""
    texts: list[str] = []
    for path in (ROOT / "src" / "flow_telemetry").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "{}" for v in node.values)
                texts.append("".join(map(str, parts)))
    return re.sub(r"\{[a-z_]*\}", "{}", "\n".join(texts))


SAID = _said()


@pytest.mark.parametrize(("row", "quote"), QUOTED)
def test_what_is_quoted_is_said(row: str, quote: str) -> None:
    """Values in the middle of a message are left out of the quotation."""
    known = re.sub(r"\b(repository|run|in_progress)$", "{}", quote)
    assert quote in SAID or known in SAID, row


def test_there_is_a_remedy_for_each() -> None:
    """Symptom, cause and remedy."""
    assert len(ROWS) > 30
    assert {len(row) for row in ROWS} == {3}


def test_inputs_that_it_names_exist() -> None:
    """An input by its name; what is an option of something else has dashes before it."""
    named = set(re.findall(r"(?:[Ii]nput|[Ss]etting)s? `([a-z]+(?:-[a-z]+)*)(?:: [a-z]+)?`", PAGE))
    assert len(named) > 5
    assert named <= set(INPUT)


def test_the_check_comes_first() -> None:
    """It is what to run before anything else."""
    assert PAGE.index("flow-telemetry check") < PAGE.index("##")
