"""From the candidates of a change to one chain of work items, up to the feature."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.builders import item

from flow_telemetry.model import MOST_ANCESTORS, ItemList, Lineage, WorkItem
from flow_telemetry.rules.parentage import build_lineage

TASK, STORY, BUG = item("ACME-60", kind="Task"), item("ACME-57"), item("ACME-58", kind="Bug")
EPIC = item("ACME-42", kind="Epic", level=1)
INITIATIVE = item("ACME-1", kind="Initiative", level=2)


def chain(
    *items: WorkItem, unread: tuple[str, ...] = (), reason: str = "branch"
) -> tuple[ItemList, str]:
    """Return a candidate."""
    return (ItemList(items=items, unread=unread), reason)


def keys(items: tuple[WorkItem, ...]) -> list[str]:
    """Return the keys of items."""
    return [each.key for each in items]


def test_the_epic_is_the_feature_and_what_stands_above_a_link() -> None:
    """Nearest first, up to the highest ancestor of a feature type."""
    found = build_lineage([chain(TASK, STORY, EPIC, INITIATIVE)])
    assert keys(found.items) == ["ACME-60", "ACME-57", "ACME-42"]
    assert found.feature == EPIC
    assert keys(found.above) == ["ACME-1"]
    assert found.reason == "branch"


def test_without_a_feature_type_the_topmost_is_the_feature() -> None:
    """A story without an epic is its own feature."""
    assert build_lineage([chain(TASK, STORY)]).feature == STORY
    assert build_lineage([chain(STORY)]).feature == STORY


@pytest.mark.parametrize(
    ("types", "feature"),
    [
        ({"epic"}, "ACME-42"),
        ({"Initiative"}, "ACME-1"),
        ({"initiative", "Epic"}, "ACME-1"),
        ({"STORY "}, "ACME-57"),
        ({"Saga"}, "ACME-1"),
    ],
)
def test_the_user_names_the_types_of_features(types: set[str], feature: str) -> None:
    """In either case; of several the highest counts."""
    found = build_lineage([chain(TASK, STORY, EPIC, INITIATIVE)], feature_types=frozenset(types))
    assert found.feature is not None
    assert found.feature.key == feature


def test_an_epic_of_jira_may_have_another_name() -> None:
    """Its level in the hierarchy tells, as long as epics are the features."""
    theirs = replace(EPIC, type="Vorhaben")
    assert build_lineage([chain(STORY, theirs, INITIATIVE)]).feature == theirs
    stories = build_lineage([chain(STORY, theirs)], feature_types=frozenset({"Story"}))
    assert stories.feature == STORY


def test_the_first_candidate_with_an_item_is_the_nearest() -> None:
    """Their order decides; other items become links, once, where the chain has them not."""
    found = build_lineage(
        [
            chain(unread=("ACME-9 is not known",), reason="branch"),
            chain(STORY, EPIC, reason="title"),
            chain(EPIC, reason="commit"),
            chain(BUG, EPIC, unread=("of no account",), reason="closes"),
            chain(BUG, reason="closes"),
        ]
    )
    assert (found.nearest, found.reason) == (STORY, "title")
    assert keys(found.others) == ["ACME-58"]
    assert found.unread == ("ACME-9 is not known",)


def test_nothing_known_is_an_empty_lineage() -> None:
    """What could not be read is still told."""
    assert build_lineage([]) == Lineage()
    assert build_lineage([chain(unread=("Jira is down",))]).unread == ("Jira is down",)
    assert build_lineage([], feature=ItemList(unread=("Jira is down",))).unread == ("Jira is down",)


def test_a_chain_that_reaches_the_named_feature_is_cut_there() -> None:
    """Whatever types are above."""
    named = ItemList(items=(STORY, EPIC))
    found = build_lineage([chain(TASK, STORY, EPIC)], feature=named)
    assert (keys(found.items), keys(found.above)) == (["ACME-60", "ACME-57"], ["ACME-42"])


def test_a_chain_that_does_not_reach_it_hangs_under_it() -> None:
    """As for a story that nobody has put under the epic yet."""
    found = build_lineage([chain(BUG)], feature=ItemList(items=(EPIC, INITIATIVE)))
    assert (keys(found.items), keys(found.above)) == (["ACME-58", "ACME-42"], ["ACME-1"])


def test_what_stands_above_the_named_feature_does_not_hang_below_it() -> None:
    """A task beside the named story, under the same epic."""
    named = ItemList(items=(STORY, EPIC))
    found = build_lineage([chain(TASK, EPIC)], feature=named)
    assert (keys(found.items), keys(found.above)) == (["ACME-60", "ACME-57"], ["ACME-42"])
    of_epic = build_lineage([chain(EPIC)], feature=named)
    assert (keys(of_epic.items), keys(of_epic.above)) == (["ACME-57"], ["ACME-42"])


def test_without_any_item_the_named_feature_is_the_lineage() -> None:
    """A run without a pull request hangs directly under it."""
    found = build_lineage([], feature=ItemList(items=(EPIC,), unread=("its parent is hidden",)))
    assert (keys(found.items), found.unread) == (["ACME-42"], ("its parent is hidden",))
    assert found.reason


def test_a_circle_of_parents_is_cut_at_one_place() -> None:
    """Whichever item the change belongs to, the top is the same, and it is told."""
    a, b, c = item("A-1"), item("B-2"), item("C-3")
    tops = [
        build_lineage([chain(*circle)])
        for circle in ((TASK, b, c, a, b), (a, b, c, a), (b, c, a, b), (c, a, b, c))
    ]
    assert [keys(found.items)[-1] for found in tops] == ["A-1"] * 4
    assert keys(tops[0].items) == ["ACME-60", "B-2", "C-3", "A-1"]
    assert "circle" in tops[0].unread[0]


def test_a_very_deep_chain_is_cut_and_told() -> None:
    """Ten ancestors are kept."""
    deep = [item(f"ACME-{number}") for number in range(100, 120)]
    found = build_lineage([chain(*deep)])
    assert len(found.items) == MOST_ANCESTORS + 1
    assert found.unread == (
        "ACME-100 has more than 10 ancestors: those above ACME-110 were left out",
    )


KEYS = [f"ACME-{number}" for number in range(1, 8)]
ITEMS = st.sampled_from(KEYS)
WORLDS = st.tuples(
    st.dictionaries(ITEMS, ITEMS),
    st.dictionaries(ITEMS, st.sampled_from(["Epic", "Story", "Initiative"])),
)


def walked(start: str, world: tuple[dict[str, str], dict[str, str]]) -> ItemList:
    """Return an item and its ancestors as a tracker reads them, up to where they come again."""
    parents, types = world
    found = [start]
    while (parent := parents.get(found[-1])) and found.count(found[-1]) == 1:
        found.append(parent)
    return ItemList(items=tuple(item(key, kind=types.get(key, "Task")) for key in found))


@given(WORLDS, st.lists(ITEMS, max_size=4), st.none() | ITEMS)
def test_related_items_give_one_chain_without_repeats(
    world: tuple[dict[str, str], dict[str, str]], starts: list[str], named: str | None
) -> None:
    """Each item of the chain hangs under the next, or under the feature that the user named."""
    candidates = [(walked(key, world), key) for key in starts]
    feature = walked(named, world) if named else None
    found = build_lineage(candidates, feature=feature)
    every = [each.reference for each in (*found.items, *found.above, *found.others)]
    assert len(set(every)) == len(every)
    for child, parent in pairwise(keys(found.items)):
        assert world[0].get(child) == parent or parent == named
    if starts or named:
        assert found.feature is not None
        assert named in (None, found.feature.key)
    if starts and not named:
        assert found.nearest is not None
        assert found.nearest.key == starts[0]
    assert build_lineage(candidates, feature=feature) == found


@given(WORLDS, ITEMS, ITEMS, st.none() | ITEMS)
def test_lineages_that_meet_are_one_tree(
    world: tuple[dict[str, str], dict[str, str]], one: str, other: str, named: str | None
) -> None:
    """From two changes, in two processes: what both hold hangs at the same place."""
    feature = walked(named, world) if named else None
    first, second = (
        keys(build_lineage([(walked(key, world), "")], feature=feature).items)
        for key in (one, other)
    )
    for key in set(first) & set(second):
        assert first[first.index(key) :] == second[second.index(key) :]
