"""Where the time of a feature and of a pull request went: the documentation's example, played."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.logs import LogEntry
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, deployment_status, happened, job, sha_of, step
from tests.stories.feature_spans import EPIC, of, plain
from tests.stories.points import by
from tests.support import closings
from tests.support.program import Program

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "work-items.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Where the time went")[2].partition("\n## ")[0]
BASE, MERGE = sha_of("before the day"), sha_of("merge of the cart")
HOUR = 3600


def at(time: str) -> str:
    """A time of the day of the example; 24:00 is the end of it."""
    return "2026-11-03T00:00:00Z" if time == "24:00" else f"2026-11-02T{time}:00Z"


def minutes(text: str) -> int:
    """Return the minutes of `7 h 50 min`."""
    found = re.fullmatch(r"(?:(\d+) h)? ?(?:(\d+) min)?", text)
    assert found, text
    return 60 * int(found[1] or 0) + int(found[2] or 0)


def rows(*heads: str) -> list[list[str]]:
    """Return the cells of the table of the section whose head begins with these."""
    heading = r" \| ".join(heads)
    table = re.search(rf"^\| {heading} \|.*\n\|[-:| ]+\n((?:\|.*\n)+)", SECTION, re.MULTILINE)
    assert table, f"docs/guides/work-items.md has no table that begins with {heading}"
    return [[c.strip() for c in row.strip("|").split("|")] for row in table[1].splitlines()]


DIARY = [(period, state) for period, _, state in rows("time")]
SUMS = {
    state.replace(" ", "_"): (minutes(time), share) for state, time, share in rows("state", "total")
}


@pytest.fixture
def day(world: World) -> World:
    """The feature of the example: an epic, a story, a pull request, two runs, a deployment."""
    world.history(BASE, MERGE)
    world.issue(1, "Sell abroad", type="Epic", opened_at=at("08:00"), closed_at=at("24:00"))
    world.issue(
        2,
        "A cart",
        type="Story",
        parent=1,
        opened_at=at("08:00"),
        closed_at=at("18:00"),
        timeline=[
            happened("assigned", at=at("09:00"), subject="alice"),
            happened("labeled", at=at("09:30"), subject="blocked"),
            happened("unlabeled", at=at("10:30"), subject="blocked"),
        ],
    )
    world.pull_request(
        11,
        branch="cart",
        title="Add a cart",
        closes=[2],
        opened_at=at("11:00"),
        merged_at=at("17:00"),
        merge_commit_sha=MERGE,
        timeline=[
            happened("ready_for_review", at=at("13:00")),
            happened("reviewed", at=at("14:00"), by="bob", review="changes_requested"),
            happened("committed", at=at("15:00"), subject="5eed" * 10),
            happened("reviewed", at=at("16:00"), by="bob", review="approved"),
        ],
    )
    world.deployment(
        sha=BASE,
        created_at="2026-11-01T08:00:00Z",
        statuses=[deployment_status("success", log_url="")],
    )
    for created in ("11:00", "15:00"):
        world.run(
            event="pull_request",
            branch="cart",
            created_at=at(created),
            jobs=[job("test", queued=10 * 60, steps=[step("Run pytest", 30 * 60)])],
        )
    world.deployment(
        "production",
        sha=MERGE,
        created_at=at("17:30"),
        statuses=[deployment_status("success", created_at=at("18:00"), log_url="")],
    )
    return world


def seconds(told: Mapping[str, Any]) -> dict[str, float]:
    """Return the seconds by state of a span or record, of those that are not 0."""
    return {
        name.split(".")[2]: value
        for name, value in told.items()
        if re.fullmatch(r"flow\.time\.\w+\.duration", name) and value
    }


def shares(told: Mapping[str, Any]) -> dict[str, float]:
    """Return the shares by state of a record, of those that are not 0."""
    return {
        name.split(".")[2]: value
        for name, value in told.items()
        if re.fullmatch(r"flow\.time\.\w+\.share", name) and value
    }


def record(receiver: Receiver, name: str) -> LogEntry:
    """Return the one record of an event."""
    (found,) = receiver.events_named(name)
    return found


def test_the_example_adds_up_by_hand() -> None:
    """The diary has no gap, and its parts are the sums of the table."""
    times = [period.split(" to ") for period, _ in DIARY]
    assert all(end == begin for (_, end), (begin, _) in pairwise(times))
    clock = {text: 60 * int(text[:2]) + int(text[3:]) for pair in times for text in pair}
    added: dict[str, int] = {}
    for (begin, end), (_, state) in zip(times, DIARY, strict=True):
        name = state.replace(" ", "_")
        added[name] = added.get(name, 0) + clock[end] - clock[begin]
    assert added == {name: time for name, (time, _) in SUMS.items()}
    assert sum(added.values()) == 16 * 60
    for time, share in SUMS.values():
        assert share == f"{100 * time / (16 * 60):.1f} %"


def test_a_feature_says_where_its_time_went(
    program: Program, receiver: Receiver, day: World
) -> None:
    """As metric, on the root of its trace and on the record of its end, as computed by hand."""
    result = closings.issue(program, "acme/shop#1")
    assert (result.status, result.warnings, result.outputs["status"]) == (0, [], "exported")
    expected = {state: 60 * time for state, (time, _) in SUMS.items()}
    root = of(receiver.spans, EPIC)
    assert seconds(root.attributes) == expected
    assert "flow.time.incomplete" not in root.attributes
    assert by(receiver, "flow.feature.time", "flow.time.state") == expected
    ended = record(receiver, "flow.feature.ended")
    assert seconds(ended.attributes) == expected
    assert shares(ended.attributes) == {s: time / (16 * 60) for s, (time, _) in SUMS.items()}
    assert sum(shares(ended.attributes).values()) == pytest.approx(1)
    assert ended.attributes["flow.feature.duration"] == 16 * HOUR
    cost = sum(point.value for point in receiver.points_of("flow.feature.cost"))
    assert ended.attributes["flow.feature.cost"] == cost
    assert (ended.trace_id, ended.span_id) == (root.trace_id, root.span_id)
    assert f"{EPIC}#event:ended:2026-11-03T00:00:00Z" == ended.attributes["log.record.uid"]
    summary = plain(result.summary)
    assert "| Where the time went | Time | Share |" in summary
    assert "| in progress | 7h 50m | 49 % |" in summary
    assert "Not read" not in summary


def test_what_the_budget_left_out_is_not_0(
    program: Program, receiver: Receiver, day: World
) -> None:
    """The states that were not read are named, and have no value where none is known."""
    closings.issue(program, "acme/shop#1", max_requests="12")
    root = of(receiver.spans, EPIC)
    unread = str(root.attributes["flow.time.incomplete"]).split(",")
    assert {"queued", "building"} <= set(unread)
    assert {f"flow.time.{state}.duration" for state in ("queued", "building")}.isdisjoint(
        root.attributes
    )
    assert sum(seconds(root.attributes).values()) == 16 * HOUR


OF_CHANGE = dict.fromkeys(
    ("awaiting_review", "changes_requested", "in_review", "awaiting_merge"), float(HOUR)
)


def test_a_pull_request_says_where_its_time_went(
    program: Program, receiver: Receiver, day: World
) -> None:
    """From its own timeline; what was not read with it is named and is not 0."""
    result = closings.pull_request(program, 11)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    expected = {**OF_CHANGE, "idle": 2 * HOUR}
    merged = record(receiver, "flow.change.merged")
    assert seconds(merged.attributes) == expected
    assert merged.attributes["flow.time.incomplete"] == "blocked,deploying,queued,building"
    assert "flow.time.queued.duration" not in merged.attributes
    assert shares(merged.attributes)["idle"] == pytest.approx(2 / 6)
    assert by(receiver, "flow.change.time", "flow.time.state") == expected
    summary = plain(result.summary)
    assert "Where the time went: idle 2h (33 %), awaiting merge 1h (17 %)," in summary
    assert "perhaps longer: blocked, deploying, queued, building." in summary


def test_a_pull_request_whose_runs_were_read_has_their_times(
    program: Program, receiver: Receiver, day: World
) -> None:
    """`export change --runs` reads them anyway: those of the draft are no longer idle time."""
    result = program.command(
        *("export", "change", "--repo", "acme/shop", "--number", 11, "--runs"),
        *("--otlp-endpoint", receiver.url),
    )
    assert result.status == 0
    assert "building 30m (8 %), queued 10m (3 %)." in result.stdout + result.stderr
    merged = record(receiver, "flow.change.merged")
    assert seconds(merged.attributes) == {
        **OF_CHANGE,
        "queued": 10 * 60,
        "building": 30 * 60,
        "idle": 80 * 60,
    }
    assert merged.attributes["flow.time.incomplete"] == "blocked,deploying"


def test_a_snapshot_is_divided_up_to_now(program: Program, receiver: Receiver, day: World) -> None:
    """On its root alone: events and metrics are about what has ended."""
    result = program.command(
        *("export", "feature", "acme/shop#1", "--snapshot", "--trace-scope", "feature"),
        *("--otlp-endpoint", receiver.url),
    )
    assert result.status == 0
    (root,) = (each for each in receiver.spans if not each.parent_span_id)
    assert sum(seconds(root.attributes).values()) == 16 * HOUR
    assert receiver.events == []
    assert receiver.points_of("flow.feature.time") == []
