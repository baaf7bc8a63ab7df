"""What SECURITY.md promises is held by tests that exist, and its threats are all of them named."""

from __future__ import annotations

import re

import pytest
from tests.support.workflows import ROOT

from flow_telemetry.privacy.patterns import find_pattern_problem
from flow_telemetry.rules.people import hash_login

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
REDACTION = (ROOT / "docs" / "reference" / "privacy.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("row", ROWS)
def test_each_threat_has_a_test(row: str) -> None:
    """And the file is there, with tests in it."""
    held_by = row.rstrip("| ").rpartition("|")[2]
    paths = re.findall(r"`(tests/[\w/]+\.py)`", held_by)
    assert paths
    for path in paths:
        assert "def test_" in (ROOT / path).read_text(encoding="utf-8"), path


def test_every_path_that_is_named_exists() -> None:
    """Files of this repository, and pages that are linked."""
    named = re.findall(r"`((?:tests|\.github)/[\w/.-]+)`|\]\((docs/[\w.-]+)\)", PAGE)
    assert named
    assert [path for pair in named for path in pair if path and not (ROOT / path).exists()] == []


def test_the_recipe_of_a_hash_is_the_one_that_is_used() -> None:
    """Who wants to know whose it is can compute it."""
    assert "sha256sum | cut -c1-16" in REDACTION
    # printf %s octocat | sha256sum | cut -c1-16
    assert hash_login("octocat") == "a6658157f0df8390"


def test_the_example_of_patterns_is_fit() -> None:
    """It can be copied."""
    block = re.search(r"    redact:\n((?:      .+\n)+)", REDACTION)
    assert block is not None
    assert [find_pattern_problem(line.strip()) for line in block[1].splitlines()] == [None, None]
