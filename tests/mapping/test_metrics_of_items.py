"""A work item and a whole feature to measurements."""

from __future__ import annotations

from dataclasses import replace

from tests.mapping.measured import RESOURCE, attributes, checked, values
from tests.report.builders import make_job, make_run
from tests.rules.builders import SHOP, at, change, event, item, moved
from tests.rules.test_deliveries import deployment

from flow_telemetry.mapping.flow_metrics import (
    feature_cost,
    feature_measurements,
    item_measurements,
)
from flow_telemetry.model import Event, EventKind, Run, WorkItem
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode, TreeDetail
from flow_telemetry.telemetry import Measurement

BLOCKED, UNBLOCKED = EventKind.BLOCKED, EventKind.UNBLOCKED
HOUR = 60


def of(found: WorkItem, *extra: str) -> list[Measurement]:
    """Return the measurements of an item where the status on hold means blocked."""
    return list(item_measurements(found, RESOURCE, ("on hold",), extra))


def story(*history: Event, closed: float | None = None) -> WorkItem:
    """Return a story of Jira that was done."""
    return replace(item("ACME-57", *history, closed=closed), result="Done")


def test_blocked_twice_four_hours_in_all() -> None:
    """Ten hours from the beginning of the work, of which it was worked on for six."""
    measured = of(
        story(
            event(30, EventKind.COMMENTED),
            moved(2 * HOUR, "To Do", "Doing"),
            event(3 * HOUR, BLOCKED),
            event(4 * HOUR, UNBLOCKED),
            moved(5 * HOUR, "Doing", "On Hold"),
            moved(8 * HOUR, "On Hold", "Doing"),
            moved(12 * HOUR, "Doing", "Done"),
            closed=12 * HOUR,
        )
    )
    assert values(measured) == {
        "flow.work_item.count": [1],
        "flow.work_item.lead_time": [12 * 3600],
        "flow.work_item.cycle_time": [10 * 3600],
        "flow.work_item.active_time": [6 * 3600],
        "flow.work_item.efficiency": [0.6],
        "flow.work_item.times_blocked": [2],
        "flow.work_item.blocked_time": [4 * 3600],
        "flow.work_item.blocked.duration": [3600, 3 * 3600],
        "flow.work_item.comments": [1],
        "flow.work_item.status_changes": [4],
        "flow.work_item.backward_moves": [0],
        "flow.work_item.status.duration": [2 * 3600, 7 * 3600, 3 * 3600],
    }
    assert attributes("flow.work_item.count", measured) == {
        "flow.work_item.tracker": "jira",
        "flow.work_item.type": "Story",
        "flow.work_item.flow_type": "feature",
        "flow.work_item.result": "Done",
    }


def time_by_status(measured: list[Measurement]) -> dict[tuple[str, str | None], float]:
    """Return the hours in each status, by its name and category."""
    return {
        (
            str(m.attributes["flow.work_item.status"]),
            str(m.attributes.get("flow.work_item.status.category")),
        ): m.value / 3600
        for m in checked(measured)
        if m.instrument.name == "flow.work_item.status.duration"
    }


def test_where_a_story_lay_by_status() -> None:
    """Two visits to one status are one time; a status that nobody mapped has no category."""
    measured = of(
        story(
            moved(2 * HOUR, "To Do", "Doing"),
            moved(5 * HOUR, "Doing", "Elsewhere"),
            moved(6 * HOUR, "Elsewhere", "Doing"),
            moved(10 * HOUR, "Doing", "Done"),
            closed=10 * HOUR,
        )
    )
    assert time_by_status(measured) == {
        ("To Do", "to_do"): 2,
        ("Doing", "in_progress"): 7,
        ("Elsewhere", "None"): 1,
    }


def test_a_reopened_story_has_the_time_in_statuses_since_its_reopening() -> None:
    """So that nothing is added up twice."""
    measured = of(
        story(
            moved(0, "", "Doing"),
            event(HOUR, EventKind.CLOSED),
            event(10 * HOUR, EventKind.REOPENED),
            closed=11 * HOUR,
        )
    )
    assert time_by_status(measured) == {("Doing", "in_progress"): 1}


def test_an_issue_names_its_repository() -> None:
    """And its key where the user asks for it."""
    issue = replace(story(closed=HOUR), tracker="github", key="acme/shop#17", repository=SHOP)
    told = attributes("flow.work_item.count", of(issue, "flow.work_item.key"))
    assert told["github.repository"] == "acme/shop"
    assert told["flow.work_item.key"] == "acme/shop#17"


def test_what_never_began_has_no_cycle_time() -> None:
    """It was closed as it was: it had a lead time, and no flow to be efficient in."""
    found = values(of(story(moved(0, "", "To Do"), closed=HOUR)))
    assert found["flow.work_item.lead_time"] == [3600]
    assert not {"flow.work_item.cycle_time", "flow.work_item.efficiency"} & set(found)


def test_a_reopened_item_counts_nothing_twice() -> None:
    """Its second closing tells what came since the first; the lead time is that of the whole."""
    found = values(
        of(
            story(
                event(10, EventKind.COMMENTED),
                event(20, BLOCKED),
                event(30, UNBLOCKED),
                event(HOUR, EventKind.CLOSED),
                event(10 * HOUR, EventKind.REOPENED),
                event(10 * HOUR + 5, EventKind.COMMENTED),
                closed=11 * HOUR,
            )
        )
    )
    assert found["flow.work_item.reopened"] == [1]
    assert found["flow.work_item.comments"] == [1]
    assert found["flow.work_item.times_blocked"] == [0]
    assert found["flow.work_item.lead_time"] == [11 * 3600]


def test_an_open_item_and_an_unread_one_are_not_measured() -> None:
    """Of one of which only the key is known nothing can be told."""
    assert of(story()) == []
    assert of(WorkItem(tracker="linear", key="ENG-7", reference="linear/ENG-7", read=False)) == []


def test_what_was_not_read_is_not_measured() -> None:
    """Of a part of its history, no count and no time can be right."""
    found = values(of(replace(story(event(10, BLOCKED), closed=HOUR), history_complete=False)))
    assert set(found) == {"flow.work_item.count", "flow.work_item.lead_time"}


def run(number: int, conclusion: str = "success", **facts: object) -> Run:
    """Return a run of five minutes, the last of its jobs included."""
    ran = make_run(make_job(1, "test", queued=0, seconds=300), conclusion=conclusion, **facts)
    return replace(ran, id=number)


def feature() -> FeatureTree:
    """Return an epic with two stories and a bug, two pull requests, four runs, one deployment."""
    made = deployment(1, 40, (50, "success"))
    cart = ChangeNode(
        change=change(closed=30),
        runs=(run(1, "failure"), run(2)),
        later_runs=(run(3),),
        deployments=(made,),
    )
    # The deployment's run belongs to both: it is the same one.
    taxes = ChangeNode(
        change=replace(change(closed=30), number=8),
        runs=(run(4),),
        later_runs=(run(3),),
        deployments=(made,),
    )
    stories = (
        ItemNode(item=item("ACME-57", closed=60), changes=(cart, taxes)),
        ItemNode(item=item("ACME-58", closed=60)),
        ItemNode(item=item("ACME-59", moved(5, "To Do", "Doing"), kind="Bug"), changes=(taxes,)),
    )
    return FeatureTree(
        root=ItemNode(item=item("ACME-42", kind="Epic", closed=90), children=stories)
    )


def of_feature(tree: FeatureTree, *extra: str) -> list[Measurement]:
    """Return the measurements of a feature."""
    return list(feature_measurements(tree, RESOURCE, extra))


def test_a_feature_adds_up_what_it_took() -> None:
    """What two stories share counts once."""
    assert values(of_feature(feature())) == {
        "flow.feature.work_items": [2, 1],
        "flow.feature.changes": [2],
        "flow.feature.runs": [4],
        "flow.feature.failed_runs": [1],
        "flow.feature.build_time": [4 * 300],
        "flow.feature.deployments": [1],
    }


def test_a_feature_costs_what_its_runs_cost() -> None:
    """Four runs of five minutes, the shared one once; a price that is not known leaves no sum."""
    tree = feature()
    assert "flow.feature.cost" not in values(of_feature(tree))
    cost = feature_cost(tree, {"ubuntu-*": 0.006})
    found = feature_measurements(tree, RESOURCE, cost=cost)
    assert values(list(found))["flow.feature.cost"] == [4 * 5 * 0.006]


def test_its_items_tell_flow_distribution_and_flow_load() -> None:
    """By type, and by what their status means: the bug is still worked on."""
    told = {
        (
            m.attributes["flow.work_item.type"],
            m.attributes["flow.work_item.status.category"],
        ): m.value
        for m in checked(of_feature(feature()))
        if m.instrument.name == "flow.feature.work_items"
    }
    assert told == {("Story", "done"): 2, ("Bug", "in_progress"): 1}


def test_a_feature_of_which_a_part_is_unread_says_so() -> None:
    """Its numbers are too low; without the jobs of its runs nothing is said of their time."""
    partly = replace(feature(), unread=("the jobs of its runs",), finest=TreeDetail.RUN)
    found = of_feature(partly, "flow.feature.key")
    assert "flow.feature.build_time" not in values(found)
    assert attributes("flow.feature.runs", found) == {
        "flow.work_item.tracker": "jira",
        "flow.work_item.type": "Epic",
        "flow.feature.complete": False,
        "flow.feature.key": "ACME-42",
    }


def test_a_snapshot_of_an_open_feature_is_as_of_its_instant() -> None:
    """A story that was closed later is still in work then."""
    tree = feature()
    root = replace(tree.root, item=replace(tree.root.item, closed_at=None))
    found = checked(of_feature(replace(tree, root=root, snapshot=at(45))))
    categories = [
        m.attributes.get("flow.work_item.status.category")
        for m in found
        if m.instrument.name == "flow.feature.work_items"
    ]
    assert categories == ["to_do", "in_progress"]
