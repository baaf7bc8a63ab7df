"""The page on work items says where a key is read, and the program reads it there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flow_telemetry.model.item_key import parse_item_key
from flow_telemetry.rules.item_keys import find_item_keys

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "work-items.md").read_text(encoding="utf-8")
PLACES = re.findall(r"^\| (branch|title): .*?\| (.*?) \| (.*?) ?\|$", PAGE, re.MULTILINE)
READ = [(place, text) for place, read, _ in PLACES for text in re.findall(r"`([^`]+)`", read)]
NOT_READ = [(place, text) for place, _, no in PLACES for text in re.findall(r"`([^`]+)`", no)]


def keys(place: str, text: str) -> set[str]:
    """Return the keys in an example, whose `…` stands for something with a key."""
    texts = {"branch": "", "title": "", place: text.replace("…", "ACME-42")}
    found = find_item_keys(**texts, commit_message="", jira_projects=frozenset())
    return {key.key for key in found}


def test_the_table_has_both_places() -> None:
    """Branches and titles, with examples of either kind."""
    assert {place for place, _ in READ} == {place for place, _ in NOT_READ} == {"branch", "title"}


@pytest.mark.parametrize(("place", "text"), READ)
def test_a_key_is_read_where_the_page_says_so(place: str, text: str) -> None:
    """All keys of the example, in upper case."""
    assert keys(place, text) == set(re.findall(r"ACME-\d+|(?<=GH-)\d+", text.upper()))


@pytest.mark.parametrize(("place", "text"), NOT_READ)
def test_no_key_is_read_where_the_page_says_so(place: str, text: str) -> None:
    """Not one."""
    assert keys(place, text) == set()


@pytest.mark.parametrize("text", ["UTF-8", "PEP-517", "SHA-256", "CVE-2024-1"])
def test_look_alikes_are_no_keys(text: str) -> None:
    """Those that the page names."""
    assert text.partition("-1")[0] in PAGE
    assert keys("title", f"{text} everywhere") == set()


def test_each_way_to_write_a_key_is_understood() -> None:
    """By the inputs that take one."""
    table = PAGE.partition("| written | means |")[2].partition("\n\n")[0]
    written = [text for row in table.splitlines()[2:] for text in re.findall(r"`(.*?)`", row)]
    trackers = [parse_item_key(text).tracker for text in written]
    assert trackers == ["jira", "github", "github", "github", "github", "linear"]
