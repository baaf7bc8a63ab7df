"""Whatever belongs to whatever: every trace is one tree, and the parts of a thing tile it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.mapping.changes import change_spans, phase_spans
from flow_telemetry.mapping.items import FeatureMapping, feature_spans, item_spans
from flow_telemetry.mapping.openings import opening_spans
from flow_telemetry.mapping.placement import Ancestry, Tracing, place, place_change, place_item
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
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode, TreeDetail
from flow_telemetry.rules import selection
from flow_telemetry.rules.lifecycle import CLOSINGS, find_phases
from flow_telemetry.rules.parentage import build_lineage
from flow_telemetry.settings import Detail, TraceScope
from flow_telemetry.telemetry import Span

SHOP = Repository(host="github.com", owner="acme", name="shop", url="https://github.com/acme/shop")
BEGIN = datetime(2026, 11, 24, 9, 0, tzinfo=timezone.utc)
RESOURCES = ResourceMaker()
REOPENED = EventKind.REOPENED
_DRAFT_BEFORE = {EventKind.READY_FOR_REVIEW: True, EventKind.CONVERTED_TO_DRAFT: False}
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
    timeline = draw(EVENTS)
    closed = at(draw(st.integers(0, 60)))
    if draw(st.booleans()):  # GitHub's timeline usually ends with the closing.
        closed = max((closed, *(event.time for event in timeline)))
        timeline += (Event(kind=EventKind.CLOSED, time=closed),)
    return Change(
        repository=SHOP,
        number=number + 1,
        created_at=BEGIN,
        closed_at=closed,
        merged_at=draw(st.sampled_from([None, closed])),
        draft=draw(st.booleans()),
        author=Actor(login="alice"),
        timeline=timeline,
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


def exports(family: Family, scope: TraceScope) -> list[tuple[Span, ...]]:
    """The spans of every export of a family under a scope, each with its openings.

    Phases of a pull request are exported while it is open too, as with `phases: live`, and it is
    exported with the run of its merge besides its own closing.
    """
    tracing = Tracing(scope=scope)
    found: list[Iterable[Span]] = []
    if scope in (TraceScope.ITEM, TraceScope.FEATURE):
        for item in family.items:
            placed = place_item(item, family.lineages[item.reference], tracing)
            found.append(
                [*opening_spans(placed), *item_spans(item, placed, RESOURCES.of_item(item))]
            )
    own = Tracing(scope=TraceScope.CHANGE) if scope is TraceScope.RUN else tracing
    for change, lineage in family.changes:
        placed, resource = place_change(change, lineage, own), RESOURCES.of_change(change)
        for until in (at(7), at(31)):
            seen = as_of(change, until)
            if seen is not None:
                phases = enumerate(find_phases(seen, until), start=1)
                ended = [(position, phase) for position, phase in phases if phase.ended]
                live = phase_spans(seen, placed, resource, ended)
                found.append([*opening_spans(placed), *live])
        closed = [*opening_spans(placed), *change_spans(change, placed, resource)]
        found += [closed, closed]
    for run, ancestry in family.runs:
        placed = place(run.reference, ancestry, tracing)
        whole = selection.select_whole_run(run)
        spans = run_spans(whole, placed, RESOURCES.of_run(run), Detail.STEP)
        found.append([*opening_spans(placed), *spans])
    if scope in (TraceScope.RUN, TraceScope.CHANGE):
        found += [feature_trace(family, item, tracing) for item in tops(family)]
    return [tuple(each) for each in found]


def as_of(change: Change, time: datetime) -> Change | None:
    """A pull request as it was at a time; None if its timeline lacks a closing, so nobody knows."""
    turns = [e for e in change.timeline if e.time >= BEGIN and e.kind in (*CLOSINGS, REOPENED)]
    if not turns or turns[-1].kind is REOPENED or turns[-1].time != change.closed_at:
        return None
    before = [event for event in turns if event.time <= time]
    closed = before[-1].time if before and before[-1].kind is not REOPENED else None
    seen = tuple(event for event in change.timeline if event.time <= time)
    merged = closed if closed == change.closed_at and change.merged_at else None
    later = (event.kind for event in change.timeline if event.time > time)
    draft = next((_DRAFT_BEFORE[kind] for kind in later if kind in _DRAFT_BEFORE), change.draft)
    return replace(change, timeline=seen, closed_at=closed, merged_at=merged, draft=draft)


def tops(family: Family) -> list[WorkItem]:
    """The items that are the feature of their own lineage."""
    features = ((item, family.lineages[item.reference].feature) for item in family.items)
    return [item for item, feature in features if feature and feature.reference == item.reference]


def feature_trace(family: Family, feature: WorkItem, tracing: Tracing) -> Iterator[Span]:
    """The trace of a feature, with what has it as its feature."""

    def node(item: WorkItem) -> ItemNode:
        below = [
            other
            for other in family.items
            if (above := family.lineages[other.reference].items[1:2])
            and above[0] == item
            and other != feature
        ]
        changes = [
            ChangeNode(
                change=change,
                runs=tuple(r for r, a in family.runs if a.change == change and not a.beside),
                later_runs=tuple(r for r, a in family.runs if a.change == change and a.beside),
            )
            for change, lineage in family.changes
            if lineage.nearest == item
        ]
        return ItemNode(item=item, children=tuple(map(node, below)), changes=tuple(changes))

    mapping = FeatureMapping(tracing=tracing, resources=RESOURCES, blocked_names=())
    return feature_spans(FeatureTree(root=node(feature)), TreeDetail.STEP, mapping)


def traces(spans: Iterable[Span]) -> dict[str, list[Span]]:
    """The spans by their trace."""
    found: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        found[span.trace_id].append(span)
    return found


@given(families(), st.sampled_from(TraceScope), st.randoms(use_true_random=False))
def test_any_exports_in_any_order_are_one_tree(
    family: Family, scope: TraceScope, random: Random
) -> None:
    """One root, every parent there, no id with two contents, no link inside, after any of them."""
    every = exports(family, scope)
    random.shuffle(every)
    chosen = every[: random.randint(0, len(every))]
    for trace_id, spans in traces(span for export in chosen for span in export).items():
        known: dict[str, Span] = {}
        for span in spans:
            assert known.setdefault(span.span_id, span) == span
            assert trace_id not in {link.trace_id for link in span.links}
            assert span.end - span.start >= 1_000
        (root,) = (span.span_id for span in known.values() if span.parent_span_id is None)
        for span in known.values():
            at_span, steps = span.span_id, 0
            while at_span != root:
                above = known[at_span].parent_span_id
                assert above in known
                at_span, steps = above, steps + 1
                assert steps <= len(known)


@given(families(), st.sampled_from(TraceScope))
def test_everything_that_has_ended_is_in_a_live_trace(family: Family, scope: TraceScope) -> None:
    """Every pull request and run, and under `item` and `feature` every item, has one span."""
    found: dict[object, set[str]] = defaultdict(set)
    for span in (span for export in exports(family, scope) for span in export):
        if span.attributes["flow.trace"] == "live":
            reference = str(span.attributes["flow.reference"])
            if span.attributes["flow.entity.type"] == "run" or reference.endswith("#life:1"):
                found[reference].add(span.span_id)
    items = family.items if scope in (TraceScope.ITEM, TraceScope.FEATURE) else ()
    expected = {
        *(f"{item.reference}#life:1" for item in items),
        *(f"{change.reference}#life:1" for change, _ in family.changes),
        *(run.reference for run, _ in family.runs),
    }
    assert set(found) == expected
    assert all(len(ids) == 1 for ids in found.values())


@given(families(), st.sampled_from(TraceScope))
def test_phases_and_statuses_tile_each_life(family: Family, scope: TraceScope) -> None:
    """By GitHub's whole seconds without a gap; by the microsecond none touches the next."""
    for export in exports(family, scope):
        parts = [s for s in export if s.attributes["flow.entity.type"] in ("phase", "status")]
        lives = [
            s for s in export if s.attributes["flow.entity.type"] in ("work_item", "change", "life")
        ]
        for life in lives:
            owner = str(life.attributes["flow.reference"]).partition("#")[0].partition("@")[0]
            own = sorted(
                (
                    part
                    for part in parts
                    if str(part.attributes["flow.reference"]).partition("#")[0] == owner
                    and life.start <= part.start < seconds(life.end)
                ),
                key=lambda part: part.start,
            )
            bounds = [seconds(life.start), *(seconds(part.end) for part in own)]
            assert [seconds(part.start) for part in own] == bounds[:-1]
            assert bounds[-1] == seconds(life.end)
            assert all(one.end < other.start for one, other in pairwise(own))
            inside = life.parent_span_id != next(
                (o.span_id for o in export if o.attributes["flow.entity.type"] == "opening"), ""
            )
            if life.attributes["flow.trace"] == "feature" and inside:
                assert all(part.end <= life.end for part in own)


def seconds(nanoseconds: int) -> int:
    """The whole second of a time, without the microseconds that put spans in order."""
    return nanoseconds // 1_000_000_000 * 1_000_000_000


@given(st.sampled_from(TraceScope), st.sampled_from(["Acme", "acme", "ACME"]), st.booleans())
def test_two_payloads_of_one_thing_give_the_same_openings(
    scope: TraceScope, owner: str, known: bool
) -> None:
    """Renamed, retitled, retyped or without its author: the openings stay as they were sent."""
    url = "https://github.com/acme/shop"
    shop = Repository(host="github.com", owner=owner, name="Shop", url=url if known else "")
    story = WorkItem(
        tracker="github",
        key="acme/shop#17",
        reference="github.com/acme/shop/issues/17",
        created_at=BEGIN,
        repository=shop,
        number=17,
        title="Round the VAT once" if known else "Round it",
        type="Story" if known else "Bug",
        url="https://github.com/acme/shop/issues/17" if known else "",
    )
    change = Change(
        repository=shop,
        number=3,
        created_at=BEGIN,
        title="A" if known else "B",
        author=Actor(login="alice") if known else None,
        state="open" if known else "closed",
    )
    tracing = Tracing(scope=scope)
    placed = place_change(change, Lineage(items=(story,)), tracing)
    plain = replace(change, repository=SHOP, title="", author=None)
    bare = WorkItem(
        tracker="github", key="acme/shop#17", reference=story.reference, created_at=BEGIN
    )
    again = place_change(plain, Lineage(items=(bare,)), tracing)
    assert [*opening_spans(placed)] == [*opening_spans(again)]
    assert len(placed.openings) == (2 if scope in (TraceScope.ITEM, TraceScope.FEATURE) else 0) or (
        len(placed.openings) == (1 if scope is TraceScope.CHANGE else 0)
    )
