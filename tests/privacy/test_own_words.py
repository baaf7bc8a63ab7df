"""What the program itself says passes its own redaction: advice must not lose what it explains."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import flow_telemetry
from flow_telemetry.privacy.redactor import build_redactor

PACKAGE = Path(flow_telemetry.__file__).parent
# The module that holds the forms themselves is apart.
MODULES = sorted(set(PACKAGE.rglob("*.py")) - {PACKAGE / "privacy" / "forms.py"})


def texts_in(module: Path) -> Iterator[str]:
    """Every text that is written in a module, with a word for each value that goes into it."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "it" for part in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_text_of_ours_has_the_form_of_a_credential(module: Path) -> None:
    """An example of an address with a password would be shown without it."""
    redact = build_redactor(())
    assert [text for text in texts_in(module) if redact(text) != text] == []
