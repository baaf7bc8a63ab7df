"""Recorded texts hold no credential, so redaction changes none of them.

The corpora lie beside the project, not in it; without them this test is skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flow_telemetry.privacy.redactor import build_redactor
from tests.support.recorded import NO_RECORDED_DATA, RECORDED

ROOT = RECORDED.parent

pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason=NO_RECORDED_DATA)

# A header, a token and a password as a project might have them, so that parts are searched for.
SECRETS = ("ghs_fakeTokenOfThisRun0123456789", "acme-shop-production-key-0123", "glc_eyJvIjoiMTIz")


def texts_of(document: object) -> Iterator[str]:
    """Every text in a JSON document."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, list):
        for item in document:
            yield from texts_of(item)
    elif isinstance(document, dict):
        for item in document.values():
            yield from texts_of(item)


def texts_in(path: Path) -> set[str]:
    """Each line of a file, and each text of a JSON document."""
    content = path.read_text(encoding="utf-8", errors="replace")
    texts = set(content.splitlines())
    if path.suffix == ".json":
        texts |= set(texts_of(json.loads(content)))
    return texts


@pytest.mark.parametrize("folder", ["github", "jira", "reports"])
def test_redaction_changes_no_recorded_text(folder: str) -> None:
    """Names, titles, messages, addresses, output of tests, and the reports as they are written."""
    redact = build_redactor(SECRETS)
    texts: set[str] = set()
    for path in sorted((ROOT / folder).rglob("*")):
        if path.is_file():
            try:
                texts |= texts_in(path)
            except ValueError:  # Not every file of the corpora is valid.
                continue
    assert len(texts) > 100
    assert [text[:200] for text in texts if redact(text) != text] == []
