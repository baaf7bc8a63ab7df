"""Flow types of work items: features, defects, debts and risks, by their types and labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from flow_telemetry.model import FlowType

# The four kinds of work of the Flow Framework, which every item is one of:
# https://flowframework.org/flow-metrics/ (flow distribution).

NO_FLOW_TYPES: Mapping[str, FlowType] = {}

# What trackers call them by default: Jira's types, GitHub's types and labels, and words that teams
# use everywhere. A task or sub-task may be work of any kind, so it has no default.
_LABELS: Mapping[str, FlowType] = {
    **dict.fromkeys(
        ("security", "vulnerability", "compliance", "privacy", "risk"),
        FlowType.RISK,
    ),
    **dict.fromkeys(
        ("debt", "tech-debt", "tech debt", "technical-debt", "technical debt", "refactoring"),
        FlowType.DEBT,
    ),
    **dict.fromkeys(("bug", "defect", "regression"), FlowType.DEFECT),
    **dict.fromkeys(("feature", "enhancement"), FlowType.FEATURE),
}
_TYPES: Mapping[str, FlowType] = {
    **_LABELS,
    **dict.fromkeys(("incident", "problem"), FlowType.DEFECT),
    **dict.fromkeys(
        ("epic", "story", "user story", "new feature", "improvement"),
        FlowType.FEATURE,
    ),
}


def find_flow_type(
    item_type: str, labels: Iterable[str], own: Mapping[str, FlowType]
) -> FlowType | None:
    """Return the flow type of an item; None if neither the user nor a default names it.

    ``own`` are the user's, by patterns of types and labels in lower case: of those that match, the
    last one decides. By default a label decides before the type, since it is more special: a story
    with the label `tech-debt` is a debt. Of several labels, that of the first in the table decides.
    """
    type_name, names = _fold(item_type), [_fold(label) for label in labels]
    for pattern, flow_type in reversed(tuple(own.items())):
        if any(fnmatchcase(name, pattern) for name in (type_name, *names)):
            return flow_type
    by_label = next((kind for name, kind in _LABELS.items() if name in names), None)
    return by_label or _TYPES.get(type_name)


def _fold(name: str) -> str:
    return name.strip().casefold()
