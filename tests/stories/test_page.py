"""The page of each kind of export: what delayed it stands first, and no backend is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.openapi import validate
from tests.fakes.demo.world import demo_world
from tests.fakes.github import FakeGitHub
from tests.support.pages import data_of, title_of
from tests.support.program import Program


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """The demo's GitHub: an epic with two stories, two pull requests, eight runs."""
    with FakeGitHub(demo_world(), check=validate) as fake:
        yield fake


def page_of(program: Program, *words: object) -> tuple[str, Any]:
    """Export with the page, and return the page's title and data."""
    path = program.folder / "page.html"
    result = program.command(*words, "--repo", "acme/shop", "--html", path)
    assert result.status == 0, result.stderr
    text = path.read_text(encoding="utf-8")
    return title_of(text), data_of(text)


def states(data: Any) -> list[list[str]]:
    """Return the three longest states with their shares."""
    bar = sorted(data["overview"]["bar"], key=lambda row: -row[1])
    return [[row[0], row[3]] for row in bar[:3]]


def names(data: Any, places: list[list[int]]) -> list[str]:
    """Return the names of the spans at these places."""
    return [data["texts"][data["traces"][trace]["name"][row]] for trace, row in places]


def numbers(data: Any) -> list[str]:
    """Return lead time, waiting share and CI time."""
    return [row[1] for row in data["overview"]["numbers"]]


def test_a_pull_request(program: Program) -> None:
    """Its shares are those of its closing event."""
    title, data = page_of(program, "export", "change", "--number", 123)
    assert title == "pull request #123: Round the VAT of a cart once"
    assert states(data)[0] == ["awaiting review", "44 %"]
    assert names(data, data["overview"]["waits"][:2]) == ["awaiting review", "awaiting merge"]


def test_a_run(program: Program) -> None:
    """Waiting for a runner is what a run can wait for; the failure is that of the step."""
    title, data = page_of(program, "export", "run", "--run-id", 999, "--run-attempt", 1)
    assert title == "RUN CI"
    assert states(data)[0][0] == "running"
    assert numbers(data)[::2] == ["4m 25s", "4m 25s"]
    assert names(data, data["overview"]["failures"]) == ["Run pytest"]


def test_a_feature(program: Program) -> None:
    """All of it, in one trace."""
    title, data = page_of(program, "export", "feature", "acme/shop#100")
    assert title == "epic acme/shop#100: Sell in other countries"
    assert states(data)[0] == ["awaiting review", "33 %"]
    assert numbers(data) == ["10d 1h", "40 %", "1h 24m"]
    assert names(data, data["overview"]["failures"]) == ["Run pytest", "Smoke tests"]


def test_an_item(program: Program) -> None:
    """A story, where its trace is that of the item."""
    _, data = page_of(program, "export", "item", "acme/shop#110", "--trace-scope", "item")
    assert data["traces"]


def test_a_period(program: Program) -> None:
    """What ended since then, each trace by itself and all on one time line."""
    title, data = page_of(program, "sweep", "--since", "2025-11-01T00:00:00Z", "--sweep-runs")
    assert title.startswith("Sweep of acme/shop: ")
    assert len(data["traces"]) > 1
    assert data["overview"]["numbers"][0] == ["lead time", "2d 18h", "median of 2 pull requests"]
    assert states(data)[0] == ["awaiting review", "60 %"]


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="no /dev/stdout")
def test_a_device_is_written_and_not_replaced(program: Program, tmp_path: Path) -> None:
    """A link of the user is followed, and a pipe gets the page."""
    target, link = tmp_path / "target.html", tmp_path / "link.html"
    target.write_text("earlier")
    link.symlink_to(target)
    words = ("export", "run", "--repo", "acme/shop", "--run-id", 999, "--html")
    assert program.command(*words, link).status == 0
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    shown = program.command_process(*words, "/dev/stdout")
    assert (shown.status, Path("/dev/stdout").is_symlink()) == (0, True)
    assert shown.stdout.startswith("<!doctype html>")
