"""Where a sweep's ledger comes from, which one it believes, and what happens to a damaged one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.support.program import Program, Result
from tests.support.sweeps import (
    ARTIFACT,
    LEDGER_FILE,
    ago,
    lack_ahead,
    merged,
    names,
    sources_in,
    store_ledger,
    stored_ledger,
    sweep,
    swept,
)

SUCCEEDED = [job("telemetry", steps=[step("Export")])]


def ledger(mark_hours: float, **facts: Any) -> str:
    """Return a ledger whose marks are so many hours ago."""
    mark = ago(hours=mark_hours).isoformat()
    source: dict[str, Any] = {
        "start": ago(hours=99).isoformat(),
        "mark": mark,
        "full_mark": None,
        "exported": [],
        "pending": [],
        "unfinished": [],
    }
    whole = {**source, "full_mark": mark}
    sources = {"pull requests": source, "issues": source, "deployments": whole, "runs": whole}
    content = {"version": 1, "sending": [], "repositories": {"github.com/acme/shop": sources}}
    return json.dumps({**content, **facts})


@pytest.fixture
def merges(world: World) -> None:
    """A pull request was merged each of the last nine hours."""
    for hours in range(1, 10):
        merged(world, hours, ago(hours=hours))


def exported_hours(receiver: Receiver) -> list[int]:
    """Return how many hours ago the exported pull requests were merged."""
    return sorted(int(name.removeprefix("pull request #")) for name in names(receiver))


# The ledger of the last sweep


@pytest.mark.usefixtures("merges")
@pytest.mark.parametrize("event", ["schedule", "workflow_dispatch"])
def test_the_newest_ledger_of_a_sweep_is_believed(
    program: Program, world: World, receiver: Receiver, event: str
) -> None:
    """Of a sweep that a schedule or a person started on the default branch."""
    for number, hours in enumerate((8.5, 5.5, 7.5)):
        own = swept(world, ago(hours=9 - number), event=event if number == 2 else "schedule")
        store_ledger(program, own, ledger(hours))
    result = sweep(program)
    assert result.warnings == []
    assert exported_hours(receiver) == list(range(1, 9))


@pytest.mark.usefixtures("merges")
@pytest.mark.parametrize(
    "facts",
    [
        {"event": "pull_request"},
        {"event": "pull_request_target"},
        {"event": "push"},
        {"branch": "other"},
        {"head_repository": "mallory/shop"},
        {"head_repository": None},
        {"path": ".github/workflows/other.yml", "workflow": "Other"},
    ],
    ids=lambda facts: " ".join(f"{name} {value}" for name, value in facts.items()),
)
def test_a_ledger_that_others_can_store_is_not_believed(
    program: Program, world: World, receiver: Receiver, facts: dict[str, Any]
) -> None:
    """It says that everything was exported; the older one of a sweep does not."""
    world.repository("mallory/shop", fork=True)
    store_ledger(program, swept(world, ago(hours=4)), ledger(3.5))
    store_ledger(program, swept(world, ago(hours=2), **facts), ledger(0.5))
    result = sweep(program)
    assert result.warnings == []
    assert exported_hours(receiver) == [1, 2, 3, 4]


@pytest.mark.usefixtures("merges")
def test_later_sweeps_without_a_ledger_are_reported(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Their runners were killed, or the artifact was deleted or has expired."""
    store_ledger(program, swept(world, ago(hours=6)), ledger(5.5))
    gone = swept(world, ago(hours=3))
    world.artifact(ARTIFACT, {LEDGER_FILE: ledger(0.5)}, run=gone.id, expired=True)
    swept(world, ago(hours=2), "failure")
    result = sweep(program)
    (warning,) = result.warnings
    assert "2 sweeps after the one that saved the ledger saved none" in warning
    assert exported_hours(receiver) == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("merges")
def test_a_ledger_that_cannot_be_looked_for_ends_the_sweep(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Another try may find it; without it everything would be exported again."""
    store_ledger(program, swept(world, ago(hours=6)), ledger(5.5))
    github.script("/artifacts", status(503), times=None)
    result = sweep(program, fail_on_error=True, timeout=20)
    assert (result.status, receiver.requests) == (1, [])
    assert len(result.errors) == 1


@pytest.mark.usefixtures("merges")
def test_a_file_of_the_runner_comes_before_the_artifact(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The user names it, on a runner whose disk lasts."""
    store_ledger(program, swept(world, ago(hours=6)), ledger(5.5))
    path = program.folder / "mine.json"
    path.write_text(ledger(2.5))
    sweep(program, ledger=path)
    assert exported_hours(receiver) == [1, 2, 3]
    sweep(program, ledger=path)
    assert exported_hours(receiver) == [1, 2, 3]


# Damage

DAMAGED: dict[str, Callable[[], str | bytes]] = {
    "broken JSON": lambda: ledger(5.5)[:-9],
    "empty": lambda: "",
    "binary": lambda: b"\x00\xff\xfe" * 99,
    "another version": lambda: ledger(5.5, version=2),
    "wrong types": lambda: ledger(5.5, repositories=[1, 2]),
    "nested": lambda: "[" * 100_000,
    "a mark in the future": lambda: ledger(-24),
    "a mark before GitHub": lambda: ledger(24 * 365 * 50),
    "huge": lambda: " " * (32 * 1024 * 1024) + ledger(5.5),
}


@pytest.mark.usefixtures("merges")
@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_ledger_of_the_last_sweep_is_replaced(
    program: Program, world: World, receiver: Receiver, damage: Callable[[], str | bytes]
) -> None:
    """The sweep begins where the last successful one did; later sweeps have a ledger again."""
    last = swept(world, ago(hours=6))
    world.artifact(ARTIFACT, {LEDGER_FILE: damage()}, run=last.id)
    result = sweep(program, fail_on_error=True)
    assert result.status == 0
    (warning,) = result.warnings
    assert "the ledger of the last sweep cannot be used" in warning
    assert f"This sweep begins at {ago(hours=7.5):%Y-%m-%d %H:%M} UTC" in warning
    assert exported_hours(receiver) == list(range(1, 8))
    assert sweep(program).warnings == []
    assert exported_hours(receiver) == list(range(1, 8))


@pytest.mark.parametrize(
    "content",
    [b"no archive", {"other.json": "{}"}, {"a/ledger.json": "{}"}],
    ids=["no archive", "another file", "another folder"],
)
def test_an_artifact_without_a_ledger_is_damage(
    program: Program, world: World, receiver: Receiver, content: bytes | dict[str, str]
) -> None:
    """It is named, so that people can look at it."""
    merged(world, 1, ago(hours=1))
    world.artifact(ARTIFACT, content, run=swept(world, ago(hours=6)).id)
    result = sweep(program)
    assert "the ledger of the last sweep cannot be used" in result.warnings[0]
    assert ARTIFACT in result.warnings[0]
    assert exported_hours(receiver) == [1]


def sweep_with_file(program: Program, receiver: Receiver, path: Path) -> Result:
    """Sweep by the command line."""
    words = ("sweep", "--repo", "acme/shop", "--ledger", path, "--otlp-endpoint", receiver.url)
    return program.command(*words)


@pytest.mark.usefixtures("merges")
@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_moved_aside(
    program: Program, receiver: Receiver, damage: Callable[[], str | bytes]
) -> None:
    """And replaced by a new one; without a last sweep it begins a day ago."""
    path = program.folder / "ledger.json"
    content = damage()
    damaged = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(damaged)
    first = sweep_with_file(program, receiver, path)
    assert first.status == 0
    assert "the ledger of the last sweep cannot be used" in first.stderr
    assert path.with_name("ledger.json.damaged").read_bytes() == damaged
    second = sweep_with_file(program, receiver, path)
    assert "cannot be used" not in second.stderr
    assert exported_hours(receiver) == list(range(1, 10))


# The content, and the disk


def test_a_ledger_contains_no_text_of_people_and_servers(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """References, times, counts and reasons only, though an artifact may be public."""
    merged(world, 1, ago(hours=1), title="Buy Initech", branch="buy-initech", author="mallory")
    merged(world, 2, ago(hours=1), title="Fire Milton", labels=["secret-plan"])
    world.issue(5, "Sell it again", type="Bug", opened_at=ago(hours=9), closed_at=ago(hours=1))
    world.run(created_at=ago(hours=1.1), title="Secret title", jobs=SUCCEEDED)
    world.run(created_at=ago(hours=1.1), workflow="Waits", jobs=[job("secret job", None)])
    for path in ("/pulls/2", "/issues/2/timeline"):
        github.script(path, status(404, '{"message": "Not for mallory"}'), times=None)
    lack_ahead(github, 2)
    sweep(program, sweep_runs=True)
    found = stored_ledger(program)
    assert [source["pending"] for source in sources_in(found) if source["pending"]]
    assert [source["unfinished"] for source in sources_in(found) if source["unfinished"]]
    references = r"(pull_request|issues|deployment|workflow_run) \d+( attempt \d+)?"
    times = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00"
    known = re.compile(f"{references}|{times}|github.com/acme/shop|unreadable|unavailable")
    assert [text for text in _texts(found) if not known.fullmatch(text)] == []


def _texts(value: Any) -> list[str]:
    """Return the texts in JSON, without the names of fields and sources."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


@pytest.mark.usefixtures("merges")
@pytest.mark.parametrize("entry", ["action", "command line"])
def test_a_ledger_that_cannot_be_written_fails_the_sweep(
    program: Program, receiver: Receiver, entry: str
) -> None:
    """Nothing is sent, because the next sweep would send it again."""
    (program.folder / "file").write_text("")
    path = program.folder / "file" / "ledger.json"
    if entry == "action":
        result = sweep(program, ledger=path, fail_on_error=True)
        shown = " ".join(result.errors)
    else:
        result = sweep_with_file(program, receiver, path)
        shown = result.stderr
    assert (result.status, receiver.requests) == (1, [])
    assert "the ledger could not be saved" in shown
    assert str(path) in shown


@pytest.mark.usefixtures("merges")
def test_a_ledger_that_cannot_be_saved_in_the_end_fails_the_sweep(
    program: Program, github: FakeGitHub, receiver: Receiver
) -> None:
    """The disk was full meanwhile; what was sent may be sent twice, and the ledger says so."""
    path = program.folder / "folder" / "ledger.json"
    aside = path.with_name("aside.json")

    def block(_: int, requested: str) -> None:
        if requested.endswith("/pulls/9"):
            path.rename(aside)
            path.mkdir()

    github.on_request = block
    lack_ahead(github, 9)
    first = sweep_with_file(program, receiver, path)
    assert first.status == 1
    assert "the ledger could not be saved" in first.stderr
    github.on_request = lambda count, path: None
    path.rmdir()
    aside.rename(path)
    second = sweep_with_file(program, receiver, path)
    assert second.status == 0
    assert "the last sweep was killed while it exported 9 things" in second.stderr
    assert exported_hours(receiver) == sorted([*range(1, 10), *range(1, 10)])


def test_an_attempt_of_the_sweep_itself_finds_its_own_ledger(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A person starts the sweep's run again after it failed: the first attempt stored one."""
    merged(world, 1, ago(hours=1))
    own: Run = swept(world, ago(minutes=9), None)
    sweep(program, own)
    again = world.rerun(own, jobs=own.plan.jobs, after=1)
    assert sweep(program, again).warnings == []
    assert exported_hours(receiver) == [1]
