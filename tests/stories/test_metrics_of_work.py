"""Pull requests, work items and features are measured when they end."""

from __future__ import annotations

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.plans import EventPlan
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, happened
from tests.stories.points import by, names, value
from tests.stories.worlds import feature
from tests.support import closings
from tests.support.program import Program

HOUR = 3600


def at(hour: int, minute: int = 0) -> str:
    """A time of the day on which all of this happens."""
    return f"2026-11-02T{hour:02}:{minute:02}:00Z"


def reviewed(hour: int, by: str, review: str) -> EventPlan:
    """A review."""
    return happened("reviewed", at=at(hour), by=by, review=review)


def test_a_pull_request_is_measured_when_it_ends(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Reviewed after two hours, changed, approved after five, merged after six."""
    world.pull_request(
        7,
        opened_at=at(8),
        merged_at=at(14),
        additions=40,
        deletions=2,
        changed_files=3,
        timeline=[
            reviewed(10, "bob", "changes_requested"),
            happened("commented", at=at(10, 30), by="bob"),
            happened("committed", at=at(11), subject="5eed" * 10),
            reviewed(13, "bob", "approved"),
        ],
    )
    result = closings.pull_request(program, 7)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    expected = {
        "flow.change.count": 1,
        "flow.change.duration": 6 * HOUR,
        "flow.change.time_to_first_review": 2 * HOUR,
        "flow.change.time_to_approval": 5 * HOUR,
        "flow.change.time_to_merge": 6 * HOUR,
        "flow.change.comments": 1,
        "flow.change.reviews": 2,
        "flow.change.review_rounds": 2,
        "flow.change.files": 3,
    }
    assert {name: value(receiver, name) for name in expected} == expected
    assert by(receiver, "flow.change.lines", "vcs.line_change.type") == {"added": 40, "removed": 2}
    phases = by(receiver, "flow.change.phase.duration", "flow.phase")
    assert sum(phases.values()) == 6 * HOUR
    assert phases["awaiting-review"] >= 2 * HOUR
    assert phases["awaiting-merge"] == HOUR
    (of_it,) = receiver.points_of("flow.change.count")
    assert of_it.attributes["vcs.change.state"] == "merged"
    assert of_it.attributes["flow.change.author.kind"] == "human"
    assert of_it.attributes["flow.branch"] == "default"


def test_an_abandoned_pull_request_has_no_time_to_merge(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A bot's, closed without a review."""
    world.pull_request(7, author="renovate[bot]", opened_at=at(8), closed_at=at(9))
    closings.pull_request(program, 7)
    counted = by(receiver, "flow.change.count", "vcs.change.state", "flow.change.author.kind")
    assert counted == {("closed", "bot"): 1}
    assert not names(receiver, "flow.change.time_to")


BLOCKED_TWICE = (
    happened("assigned", at=at(10), subject="bob"),
    happened("blocked_by_added", at=at(11), subject="acme/shop#9"),
    happened("blocked_by_removed", at=at(12), subject="acme/shop#9"),
    happened("labeled", at=at(13), subject="on hold"),
    happened("unlabeled", at=at(16), subject="on hold"),
    happened("commented", at=at(17)),
)


def test_blocked_twice_four_hours_in_all(
    program: Program, world: World, receiver: Receiver
) -> None:
    """An hour by another issue, three by a label: six of the ten hours of work were worked."""
    world.issue(9, opened_at=at(7))
    world.issue(17, type="Story", opened_at=at(8), closed_at=at(20), timeline=BLOCKED_TWICE)
    result = closings.issue(program, "acme/shop#17", blocked_names="On hold")
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    expected = {
        "flow.work_item.count": 1,
        "flow.work_item.times_blocked": 2,
        "flow.work_item.blocked_time": 4 * HOUR,
        "flow.work_item.active_time": 6 * HOUR,
        "flow.work_item.cycle_time": 10 * HOUR,
        "flow.work_item.lead_time": 12 * HOUR,
        "flow.work_item.comments": 1,
    }
    assert {name: value(receiver, name) for name in expected} == expected
    # Without statuses it would be 1 by construction.
    assert receiver.points_of("flow.work_item.efficiency") == []
    (of_it,) = receiver.points_of("flow.work_item.blocked_time")
    assert of_it.attributes == {
        "flow.work_item.tracker": "github",
        "github.repository": "acme/shop",
        "flow.work_item.type": "Story",
        "flow.work_item.flow_type": "feature",
        "flow.work_item.result": "completed",
    }


def test_a_label_blocks_only_where_it_is_named_so(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Without `blocked-names` the label means nothing."""
    world.issue(9, opened_at=at(7))
    world.issue(17, type="Story", opened_at=at(8), closed_at=at(20), timeline=BLOCKED_TWICE)
    closings.issue(program, "acme/shop#17", blocked_names="paused")
    assert value(receiver, "flow.work_item.times_blocked") == 1
    assert value(receiver, "flow.work_item.blocked_time") == HOUR


def test_a_feature_is_measured_when_its_epic_closes(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Two stories, two pull requests, five runs of which one failed, two deployments."""
    feature(world)
    result = closings.issue(program, "acme/shop#1")
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    expected = {
        "flow.feature.changes": 2,
        "flow.feature.runs": 5,
        "flow.feature.failed_runs": 1,
        "flow.feature.build_time": 346,
        "flow.feature.deployments": 2,
    }
    assert {name: value(receiver, name) for name in expected} == expected
    items = by(
        receiver,
        *("flow.feature.work_items", "flow.work_item.type", "flow.work_item.status.category"),
    )
    assert items == {("Story", "done"): 2}
    assert {
        p.attributes["flow.feature.complete"] for p in receiver.points_of("flow.feature.runs")
    } == {True}
    assert by(receiver, "flow.work_item.count", "flow.work_item.type") == {"Epic": 1}
    assert not names(receiver, "flow.change") | names(receiver, "flow.run")


@pytest.mark.parametrize("number", [2, 3])
def test_a_story_that_closes_measures_itself_alone(
    program: Program, world: World, receiver: Receiver, number: int
) -> None:
    """The feature counts once, at the closing of its epic."""
    feature(world, closed_at=None)
    closings.issue(program, f"acme/shop#{number}")
    assert value(receiver, "flow.work_item.count") == 1
    assert not names(receiver, "flow.feature")


def test_a_feature_of_which_a_part_may_not_be_read_says_so(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Its numbers are too low, and `flow.feature.complete` tells."""
    feature(world)
    github.denied.add("deployments=read")
    closings.issue(program, "acme/shop#1")
    (runs,) = receiver.points_of("flow.feature.runs")
    assert runs.attributes["flow.feature.complete"] is False


@pytest.mark.parametrize("runs", [(), ("--sweep-runs",)], ids=["without runs", "with runs"])
def test_a_sweep_measures_each_thing_once(
    program: Program, world: World, receiver: Receiver, runs: tuple[str, ...]
) -> None:
    """Items and their feature, pull requests, and the deployments, two of which runs made."""
    feature(world)
    result = program.command(
        *("sweep", "--repo", "acme/shop", "--since", "2025-11-01T00:00:00Z", *runs),
        *("--otlp-endpoint", receiver.url),
    )
    assert result.status == 0
    assert by(receiver, "flow.work_item.count", "flow.work_item.type") == {"Epic": 1, "Story": 2}
    assert by(receiver, "flow.change.count", "vcs.change.state") == {"merged": 2}
    assert value(receiver, "flow.feature.runs") == 5
    assert value(receiver, "flow.deployment.count") == 3
    assert bool(names(receiver, "flow.run")) is bool(runs)
