"""Open work is counted: each thing once, in few groups."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from tests.report.builders import busy_run

from flow_telemetry.mapping.open_work import item_load, run_load, runner_labels
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import Change, Event, EventKind, Job, Repository, StatusCategory, WorkItem
from flow_telemetry.rules.open_work import (
    MOST_LABELS,
    MOST_TYPES,
    OTHER,
    ActiveRuns,
    count_items,
    frequent,
    present_phase,
)

NOW = datetime(2026, 11, 9, 12, tzinfo=timezone.utc)
SHOP = Repository(host="github.com", owner="acme", name="shop", url="https://github.com/acme/shop")
SECRET = "a title that is nobody's business"

ITEMS = st.lists(
    st.builds(
        lambda number, kind, category, age, closed: WorkItem(
            tracker="jira",
            key=f"ACME-{number}",
            reference=f"jira.example.com/ACME-{number}",
            title=SECRET,
            type=f"Type {kind}" if kind else "",
            category=category,
            created_at=NOW - timedelta(hours=age),
            closed_at=NOW if closed else None,
        ),
        st.integers(1, 10**6),
        st.integers(0, 60),
        st.sampled_from([*StatusCategory, None]),
        st.integers(0, 10_000),
        st.booleans(),
    ),
    max_size=200,
)


@given(ITEMS, st.booleans())
def test_each_open_item_is_counted_once(items: list[WorkItem], incomplete: bool) -> None:
    """In at most 26 types; a point has no text of an item, and says what is missing."""
    groups = [*count_items(items, ["ACME"], incomplete=incomplete)]
    opened = [item for item in items if item.closed_at is None]
    assert sum(group.count for group in groups) == len(opened)
    assert len({group.type for group in groups if group.count}) <= MOST_TYPES + 1
    oldest = min((item.created_at for item in opened if item.created_at), default=None)
    assert min((g.oldest for g in groups if g.oldest), default=None) == oldest
    points = [*item_load(groups, ResourceMaker(), NOW)]
    keys = Counter((p.instrument.name, frozenset(p.attributes.items())) for p in points)
    assert set(keys.values()) == {1}
    for point in points:
        assert SECRET not in point.attributes.values()
        assert point.attributes.get("flow.load.incomplete") == (True if incomplete else None)
        assert point.value >= 0


def test_a_project_without_items_has_zeros() -> None:
    """For what is to do and in progress."""
    groups = [*count_items([], ["ACME", "SHOP"], incomplete=False)]
    assert [(g.project, g.category, g.count) for g in groups] == [
        (project, category, 0)
        for project in ("ACME", "SHOP")
        for category in (StatusCategory.TO_DO, StatusCategory.IN_PROGRESS)
    ]


def queued(number: int, *labels: str) -> Job:
    """Return a job that waits for a runner."""
    return Job(
        id=number,
        run_id=1,
        run_attempt=1,
        name=f"job {number}",
        status="queued",
        labels=labels,
        created_at=NOW - timedelta(minutes=number),
    )


@given(st.lists(st.integers(0, 50), min_size=1, max_size=300))
def test_each_job_is_counted_once_in_few_groups(labels: list[int]) -> None:
    """The labels beyond the twenty most frequent share a group."""
    jobs = tuple(queued(n, f"machine-{'x' * label}") for n, label in enumerate(labels, 1))
    run = replace(busy_run(), status="in_progress", conclusion=None, jobs=jobs)
    points = [*run_load(ActiveRuns(runs=(run,)), SHOP, ResourceMaker(), NOW)]
    counts = [p for p in points if p.instrument.name == "flow.job.active"]
    assert sum(p.value for p in counts) == len(jobs)
    assert len(counts) <= MOST_LABELS + 1


def test_labels_of_few_values() -> None:
    """GitHub's own and versions stay; what looks like an id becomes a star."""
    names = ["Self-Hosted", "depot-ubuntu-24.04-8", "runs-on=19876543210", "sha-0a1b2c3d4e5f"]
    assert runner_labels(queued(1, *names)) == "depot-ubuntu-24.04-8,runs-on=*,self-hosted,sha-*"
    assert runner_labels(queued(1, "windows-2025")) == "windows-2025"
    assert runner_labels(queued(1)) == ""


def test_the_most_frequent_names_stay() -> None:
    """Of equally frequent ones the first by the alphabet, the same in every sweep."""
    counts = Counter({"b": 2, "a": 2, "c": 9, "d": 1})
    assert frequent(counts, 2) == {"c": "c", "a": "a", "b": OTHER, "d": OTHER}


def test_a_pull_request_that_was_closed_meanwhile_is_in_no_phase() -> None:
    """It was open in the list, and its timeline has the closing."""
    closing = Event(kind=EventKind.CLOSED, time=NOW - timedelta(seconds=9), actor=None)
    change = Change(repository=SHOP, number=1, created_at=NOW - timedelta(days=1), draft=False)
    assert present_phase(change, NOW) is not None
    assert present_phase(replace(change, timeline=(closing,)), NOW) is None
