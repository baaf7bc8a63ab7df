"""Whatever belongs to whatever: every trace is one tree, and the parts of a thing tile it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.mapping.changes import change_spans
from flow_telemetry.mapping.items import item_spans
from flow_telemetry.mapping.placement import Ancestry, Tracing, place, place_item
from flow_telemetry.mapping.runs import run_spans
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import (
    Actor,
    Change,
    Event,
    EventKind,
    ItemList,
    Job,
    Lineage,
    Repository,
    ReviewState,
    Run,
    WorkItem,
)
from flow_telemetry.rules import selection
from flow_telemetry.rules.parentage import build_lineage
from flow_telemetry.settings import Detail, TraceScope
from flow_telemetry.telemetry import Span

SHOP = Repository(host="github.com", owner="acme", name="shop", url="https://github.com/acme/shop")
BEGIN = datetime(2026, 11, 24, 9, 0, tzinfo=timezone.utc)
RESOURCES = ResourceMaker()
PEOPLE = [None, Actor(login="alice"), Actor(login="bob"), Actor(login="carol")]


def at(minutes: int) -> datetime:
    """So many minutes after the beginning."""
    return BEGIN + timedelta(minutes=minutes)


EVENTS = st.lists(
    st.builds(
        Event,
        kind=st.sampled_from(EventKind),
        time=st.integers(-5, 70).map(at),
        actor=st.sampled_from(PEOPLE),
        id=st.sampled_from(["1", "2"]),
        subject=st.sampled_from(["", "bob", "Todo", "Done"]),
        before=st.sampled_from(["", "Todo"]),
        review=st.sampled_from(ReviewState),
    ),
    max_size=8,
).map(lambda events: tuple(sorted(events, key=lambda event: event.time)))


@dataclass(frozen=True)
class Family:
    """Items, each with its parents, and what belongs to them: pull requests, runs of those."""

    lineages: dict[str, Lineage]
    items: tuple[WorkItem, ...]
    changes: tuple[tuple[Change, Lineage], ...]
    runs: tuple[tuple[Run, Ancestry], ...]


@st.composite
def families(draw: st.DrawFn) -> Family:
    """Any set of related entities, all of which have ended; a circle of parents may be in it."""
    count = draw(st.integers(0, 6))
    items = tuple(draw(an_item(number)) for number in range(count))
    above = draw(parents_of(count))
    named = draw(st.none() | st.integers(0, count - 1)) if count else None
    feature = None if named is None else chain(items, above, named)
    lineages = {
        item.reference: build_lineage([(chain(items, above, number), "a test")], feature=feature)
        for number, item in enumerate(items)
    }
    nothing = build_lineage([], feature=feature)
    changes = []
    for number in range(draw(st.integers(0, 3))):
        home = draw(st.none() | st.sampled_from(items)) if items else None
        changes.append((draw(a_change(number)), lineages[home.reference] if home else nothing))
    ancestries = [
        Ancestry(change=change, lineage=lineage, beside=beside)
        for change, lineage in changes
        for beside in (False, True)
    ]
    runs = tuple(
        (a_run(number), draw(st.sampled_from([Ancestry(lineage=nothing), *ancestries])))
        for number in range(draw(st.integers(0, 4)))
    )
    return Family(lineages=lineages, items=items, changes=tuple(changes), runs=runs)


def parents_of(count: int) -> st.SearchStrategy[list[int | None]]:
    """The parent of each item, by position: any at all, a tree, or a circle with a way into it."""
    highest = max(0, count - 1)
    parent: st.SearchStrategy[int | None] = st.none() | st.integers(0, highest)
    anyhow = st.lists(parent, min_size=count, max_size=count)
    tree = st.tuples(*(st.integers(0, each) for each in range(count))).map(_tree)
    circle = st.integers(0, highest).map(lambda last: _circle(count, last))
    return st.one_of(anyhow, tree, circle)


def _tree(drawn: Sequence[int]) -> list[int | None]:
    return [None if above == own else above for own, above in enumerate(drawn)]


def _circle(count: int, last: int) -> list[int | None]:
    return [own + 1 if own < count - 1 else last for own in range(count)]


def chain(items: Sequence[WorkItem], above: Sequence[int | None], start: int) -> ItemList:
    """An item with its parents, as a tracker gives them: a circle ends where it came back to."""
    found: list[int] = []
    at_item: int | None = start
    while at_item is not None and at_item not in found:
        found.append(at_item)
        at_item = above[at_item]
    back = [] if at_item is None else [at_item]
    return ItemList(items=tuple(items[number] for number in (*found, *back)))


@st.composite
def an_item(draw: st.DrawFn, number: int) -> WorkItem:
    """A closed item with any history."""
    return WorkItem(
        tracker="jira",
        key=f"ACME-{number}",
        reference=f"jira/ACME-{number}",
        type=draw(st.sampled_from(["Story", "Epic", ""])),
        created_at=BEGIN,
        closed_at=at(draw(st.integers(0, 60))),
        history=draw(EVENTS),
    )


@st.composite
def a_change(draw: st.DrawFn, number: int) -> Change:
    """A closed pull request with any timeline."""
    closed = at(draw(st.integers(0, 60)))
    return Change(
        repository=SHOP,
        number=number + 1,
        created_at=BEGIN,
        closed_at=closed,
        merged_at=draw(st.sampled_from([None, closed])),
        draft=draw(st.booleans()),
        author=Actor(login="alice"),
        timeline=draw(EVENTS),
    )


def a_run(number: int) -> Run:
    """A run with one job."""
    job = Job(
        id=100 + number,
        run_id=number,
        run_attempt=1,
        name="test",
        status="completed",
        conclusion="success",
        created_at=at(10),
        started_at=at(11),
        completed_at=at(12),
    )
    return Run(
        id=number,
        attempt=1,
        repository=SHOP,
        workflow="CI",
        status="completed",
        conclusion="success",
        event="push",
        created_at=at(10),
        started_at=at(10),
        jobs=(job,),
    )


def sent(family: Family, scope: TraceScope) -> Iterator[Span]:
    """All that leaves of a family under a scope: under `run` the change's own trace besides."""
    tracing = Tracing(scope=scope)
    if scope in (TraceScope.ITEM, TraceScope.FEATURE):
        for item in family.items:
            placed = place_item(item, family.lineages[item.reference], tracing)
            yield from item_spans(item, placed, RESOURCES.of_item(item))
    own = Tracing(scope=TraceScope.CHANGE) if scope is TraceScope.RUN else tracing
    for change, lineage in family.changes:
        placed = place(change.reference, Ancestry(lineage=lineage), own)
        yield from change_spans(change, placed, RESOURCES.of_change(change))
    for run, ancestry in family.runs:
        placed = place(run.reference, ancestry, tracing)
        yield from run_spans(
            selection.select_whole_run(run),
            placed,
            RESOURCES.of_run(run),
            Detail.STEP,
        )


def traces(spans: Iterator[Span]) -> dict[str, list[Span]]:
    """The spans by their trace."""
    found: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        found[span.trace_id].append(span)
    return found


@given(families(), st.sampled_from(TraceScope))
def test_every_trace_is_one_tree(family: Family, scope: TraceScope) -> None:
    """One root, every parent there, every way up ends at the root, no id twice, no link inside."""
    for trace_id, spans in traces(sent(family, scope)).items():
        parents = {span.span_id: span.parent_span_id for span in spans}
        assert len(parents) == len(spans)
        (root,) = (span_id for span_id, parent in parents.items() if parent is None)
        for span in spans:
            at_span, steps = span.span_id, 0
            while at_span != root:
                above = parents[at_span]
                assert above in parents
                at_span, steps = above, steps + 1
                assert steps <= len(spans)
            assert trace_id not in {link.trace_id for link in span.links}


@given(families(), st.sampled_from(TraceScope))
def test_everything_that_has_ended_leaves(family: Family, scope: TraceScope) -> None:
    """Every pull request and run, and under `item` and `feature` every item, once."""
    counted: dict[object, int] = defaultdict(int)
    for span in sent(family, scope):
        if span.attributes["flow.entity.type"] in ("work_item", "change", "run"):
            counted[span.attributes["flow.reference"]] += 1
    items = family.items if scope in (TraceScope.ITEM, TraceScope.FEATURE) else ()
    expected = [
        *(item.reference for item in items),
        *(change.reference for change, _ in family.changes),
        *(run.reference for run, _ in family.runs),
    ]
    assert counted == dict.fromkeys(expected, 1)


@given(families())
def test_phases_and_stretches_tile_each_life(family: Family) -> None:
    """Without gap or overlap, from the life's beginning to its end."""
    for spans in traces(sent(family, TraceScope.FEATURE)).values():
        parts: dict[str | None, list[Span]] = defaultdict(list)
        for span in spans:
            if span.attributes["flow.entity.type"] in ("phase", "status"):
                parts[span.parent_span_id].append(span)
        for span in spans:
            if span.attributes["flow.entity.type"] not in ("work_item", "change", "life"):
                continue
            bounds = [span.start]
            for part in sorted(parts[span.span_id], key=lambda each: each.start):
                assert part.start == bounds[-1]
                assert part.end > part.start
                bounds.append(part.end)
            assert bounds[-1] == span.end
