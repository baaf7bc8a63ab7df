"""The example of open work in docs/reference/metrics.md is what the program measures."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

from flow_telemetry.mapping.open_work import change_load, phase_load
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.mapping.states import STATES
from flow_telemetry.model import Actor, Change, Event, EventKind, Repository
from flow_telemetry.model.events import ReviewState
from flow_telemetry.rules.open_work import OpenChanges, present_phase

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Open work")[2].partition("\n## ")[0]
NOW = datetime(2026, 11, 9, 12, tzinfo=timezone.utc)
SHOP = Repository(host="github.com", owner="acme", name="shop", url="https://github.com/acme/shop")
BOB = Actor(login="bob")


def opened(number: int, days: float, **facts: object) -> Change:
    """Return a pull request of the example."""
    created = NOW - timedelta(days=days)
    return Change(repository=SHOP, number=number, created_at=created, state="open", **facts)  # type: ignore[arg-type]


def reviewed(days: float, review: ReviewState) -> Event:
    """Return a review of bob's."""
    time = NOW - timedelta(days=days)
    return Event(kind=EventKind.REVIEWED, time=time, actor=BOB, review=review)


def test_the_example_is_measured_as_it_is_written() -> None:
    """Each number of the last sentence, by hand and by the program."""
    reviews = (reviewed(3, ReviewState.CHANGES_REQUESTED), reviewed(1, ReviewState.APPROVED))
    changes = (
        opened(1, 6, draft=True),
        opened(2, 5),
        opened(3, 2),
        opened(4, 4, timeline=reviews),
    )
    phases = tuple(filter(None, (present_phase(change, NOW) for change in changes)))
    work = OpenChanges(repository=SHOP, total=4, changes=changes, phases=phases, read=4)
    measured = {
        (
            m.instrument.name,
            str(m.attributes.get("vcs.change.state", m.attributes.get("flow.phase"))),
        ): m
        for m in (*change_load(work, ResourceMaker(), NOW), *phase_load(work, ResourceMaker(), NOW))
    }
    told = {key: m.value for key, m in measured.items() if m.value}
    assert told == {
        ("vcs.change.count", "open"): 3,
        ("vcs.change.count", "wip"): 1,
        ("flow.change.age", "open"): 432_000,
        ("flow.change.age", "wip"): 518_400,
        ("flow.change.phase.load", "draft"): 1,
        ("flow.change.phase.load", "awaiting-review"): 2,
        ("flow.change.phase.load", "awaiting-merge"): 1,
        ("flow.change.phase.age", "draft"): 518_400,
        ("flow.change.phase.age", "awaiting-review"): 432_000,
        ("flow.change.phase.age", "awaiting-merge"): 86_400,
    }
    numbers = set(re.findall(r"([\d,]+) s\b", SECTION))
    assert numbers == {"432,000", "518,400", "86,400"}
    # No point says that something is missing, and all have the time of the reading.
    assert not any("flow.load.incomplete" in m.attributes for m in measured.values())
    assert {m.period for m in measured.values()} == {(int(NOW.timestamp()) * 10**9,) * 2}


def test_every_metric_of_open_work_is_named() -> None:
    """In the table of what is read, and how."""
    assert {each.name for each in STATES} <= set(re.findall(r"`([a-z_.]+)`", SECTION))
