"""A pull request to measurements: where it waited, how big it was, how often it went to and fro."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.mapping.measured import RESOURCE, attributes, by, values
from tests.rules.builders import at, change, event, review

from flow_telemetry.mapping.flow_metrics import change_measurements
from flow_telemetry.model import Actor, ActorKind, Change, EventKind
from flow_telemetry.telemetry import Measurement

PUSH, COMMENT = EventKind.COMMITTED, EventKind.COMMENTED


def of(found: Change, *extra: str) -> list[Measurement]:
    """Return the measurements of a change."""
    return list(change_measurements(found, RESOURCE, extra))


def cart() -> Change:
    """Return alice's change: bob asks for changes after an hour, approves after two more."""
    found = change(
        event(20, COMMENT),
        review(40, "linter", "comments"),
        review(60, "bob", "asks for changes"),
        event(120, PUSH),
        event(130, COMMENT),
        review(180, "bob", "approves"),
        event(240, EventKind.MERGED),
        event(240, EventKind.CLOSED),
        closed=240,
    )
    return replace(
        found,
        merged_at=at(240),
        base_branch="main",
        default_branch="main",
        head_branch="cart",
        commits=3,
        additions=120,
        deletions=7,
        changed_files=4,
    )


def test_the_story_of_a_merged_change_in_numbers() -> None:
    """Two rounds of review, an hour to the first review, three to the approval, four to merge."""
    found = values(of(cart()))
    assert found == {
        "flow.change.count": [1],
        "flow.change.time_to_merge": [4 * 3600],
        "flow.change.commits": [3],
        "flow.change.lines": [120, 7],
        "flow.change.files": [4],
        "flow.change.duration": [4 * 3600],
        "flow.change.active_time": [2 * 3600],
        "flow.change.efficiency": [0.5],
        "flow.change.phase.duration": [3600, 3600, 3600, 3600],
        "flow.change.time_to_first_review": [3600],
        "flow.change.time_to_approval": [3 * 3600],
        "flow.change.comments": [2],
        # By people, and by a bot.
        "flow.change.reviews": [2, 1],
        "flow.change.review_rounds": [2],
    }
    assert by("flow.change.lines", "vcs.line_change.type", of(cart())) == {
        "added": 120,
        "removed": 7,
    }


def test_its_points_say_of_whom_and_how_it_ended() -> None:
    """The branch that it is merged into, not its own; neither number nor login."""
    assert attributes("flow.change.count", of(cart())) == {
        "github.repository": "acme/shop",
        "flow.branch": "default",
        "flow.change.author.kind": "human",
        "vcs.change.state": "merged",
    }
    agent = replace(
        cart(), author=Actor(login="copilot", kind=ActorKind.AGENT), base_branch="release"
    )
    told = attributes("flow.change.count", of(replace(agent, merged_at=None)))
    assert told["flow.change.author.kind"] == "agent"
    assert told["flow.branch"] == "other"
    assert told["vcs.change.state"] == "closed"


def test_the_time_in_each_phase() -> None:
    """Several phases of a kind are one number: here it was in review twice."""
    found = change(
        review(60, "bob", "comments"),
        event(90, EventKind.CONVERTED_TO_DRAFT),
        event(150, EventKind.READY_FOR_REVIEW),
        closed=180,
    )
    assert by("flow.change.phase.duration", "flow.phase", of(found)) == {
        "awaiting-review": 3600,
        "in-review": 3600,
        "draft": 3600,
    }


def test_nobody_reviewed_it() -> None:
    """There is no time to a review then, and there were no rounds."""
    found = values(of(change(closed=60)))
    assert found["flow.change.review_rounds"] == [0]
    assert not {n for n in found if "time_to" in n}


def test_a_change_that_is_open_is_not_measured() -> None:
    """It is once it is closed."""
    assert of(change(review(60, "bob", "approves"))) == []
    assert of(replace(cart(), created_at=None)) == []


def test_a_reopened_change_counts_nothing_twice() -> None:
    """Its second end tells what happened since the first; times still count from its opening."""
    found = change(
        event(10, COMMENT),
        review(30, "bob", "comments"),
        event(60, EventKind.CLOSED),
        event(600, EventKind.REOPENED),
        event(610, COMMENT),
        event(620, COMMENT),
        review(630, "bob", "approves"),
        event(660, EventKind.MERGED),
        closed=660,
    )
    measured = values(of(replace(found, merged_at=at(660))))
    assert measured["flow.change.reopened"] == [1]
    assert measured["flow.change.comments"] == [2]
    assert measured["flow.change.duration"] == [3600]
    assert measured["flow.change.time_to_merge"] == [11 * 3600]
    assert measured["flow.change.time_to_approval"] == [630 * 60]
    assert "flow.change.time_to_first_review" not in measured


def test_what_was_not_read_is_not_measured() -> None:
    """Where GitHub gave a part of the timeline only, its counts and phases would be wrong."""
    found = set(values(of(replace(cart(), timeline_complete=False))))
    assert found == {
        *("flow.change.count", "flow.change.time_to_merge", "flow.change.commits"),
        *("flow.change.lines", "flow.change.files"),
    }


def test_the_conventions_gauges_come_with_the_branch_only() -> None:
    """The user names it in `metric-attributes`: a series for each branch."""
    assert not [m for m in of(cart()) if m.instrument.name.startswith("vcs.")]
    found = replace(
        cart(), timeline=(event(30, EventKind.READY_FOR_REVIEW), *cart().timeline), draft=False
    )
    measured = of(found, "vcs.ref.head.name")
    assert by("vcs.change.duration", "vcs.change.state", measured) == {"wip": 1800, "open": 12600}
    told = attributes("vcs.change.time_to_merge", measured)
    assert told == {
        "vcs.repository.url.full": "https://github.com/acme/shop",
        "github.repository": "acme/shop",
        "vcs.ref.head.name": "cart",
    }
    assert values(measured)["vcs.change.time_to_approval"] == [3 * 3600]
    assert attributes("flow.change.count", measured)["vcs.ref.head.name"] == "cart"


@pytest.mark.parametrize("extra", [(), ("vcs.change.id",)])
def test_a_thousand_pull_requests_leave_one_series_a_metric(extra: tuple[str, ...]) -> None:
    """Unless the user asks for their numbers: then it is a series for each of them."""
    series = {
        (m.instrument.name, tuple(sorted(m.attributes.items())))
        for number in range(1000)
        for m in of(replace(cart(), number=number, head_branch=f"feature-{number}"), *extra)
    }
    assert len(series) == 19 * (1000 if extra else 1)
