"""Work of four kinds: features, defects, debts and risks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.model import FlowType
from flow_telemetry.rules.flow_types import NO_FLOW_TYPES, find_flow_type
from flow_telemetry.settings import parse

NAMES = st.text(max_size=12) | st.sampled_from(["Bug", "Story", "tech-debt", "security", "Task"])
OWN = st.dictionaries(NAMES.map(str.casefold), st.sampled_from(FlowType), max_size=4)


@pytest.mark.parametrize(
    ("kind", "labels", "flow_type"),
    [
        ("Story", (), "feature"),
        ("Epic", (), "feature"),
        ("Feature", (), "feature"),
        ("Bug", (), "defect"),
        ("Incident", (), "defect"),
        ("", ("enhancement",), "feature"),
        ("", ("Bug", "help wanted"), "defect"),
        ("Story", ("Tech-Debt",), "debt"),
        ("Bug", ("security",), "risk"),
        ("Story", ("bug", "security", "technical debt"), "risk"),
        ("Task", ("ui",), None),
        ("", (), None),
    ],
)
def test_defaults(kind: str, labels: tuple[str, ...], flow_type: str | None) -> None:
    """What trackers call them; a task may be anything."""
    found = find_flow_type(kind, labels, NO_FLOW_TYPES)
    assert (found.value if found else None) == flow_type


def test_the_last_that_matches_decides() -> None:
    """Of types and of labels, by patterns, in either case; and before the defaults."""
    own = parse.flow_types("Task=feature, chore*=debt\nBug=Risk")
    assert find_flow_type("Task", (), own) is FlowType.FEATURE
    assert find_flow_type("Task", ("Chore: deps",), own) is FlowType.DEBT
    assert find_flow_type("Bug", ("chore",), own) is FlowType.RISK
    assert find_flow_type("Story", (), own) is FlowType.FEATURE


@pytest.mark.parametrize("text", ["Task", "Task=chore", "=debt"])
def test_what_is_no_kind_is_refused(text: str) -> None:
    """With the kinds that there are."""
    with pytest.raises(ValueError, match=r"feature, defect, debt or risk|has no `key=`"):
        parse.flow_types(text)


@given(NAMES, st.lists(NAMES, max_size=4), OWN)
def test_labels_may_stand_in_any_order(
    kind: str, labels: list[str], own: dict[str, FlowType]
) -> None:
    """The same item always counts as the same kind, and a name of the user's own decides."""
    found = find_flow_type(kind, labels, own)
    assert found is find_flow_type(kind, labels[::-1], own)
    for name, flow_type in own.items():
        if set(name) & set("*?["):
            return
        if [n.strip().casefold() for n in (kind, *labels)].count(name) and len(own) == 1:
            assert found is flow_type
