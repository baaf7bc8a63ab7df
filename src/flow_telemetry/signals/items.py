"""A work item to spans: its lives, and the stretches of status in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.model import Event, EventKind, StatusCategory, WorkItem
from flow_telemetry.rules.lives import CLOSINGS, Life, lives
from flow_telemetry.rules.stretches import Stretch, stretches
from flow_telemetry.signals import flow_semconv, semconv
from flow_telemetry.signals.changes import life_reference
from flow_telemetry.signals.placement import Placement
from flow_telemetry.signals.semconv import Entity
from flow_telemetry.signals.spans import Facts, SpanMaker
from flow_telemetry.telemetry import Resource, Span

Categories = Mapping[str, StatusCategory]

# What puts something on an item, and what takes it off again.
_LABELS = (EventKind.LABELED, EventKind.UNLABELED)
_ASSIGNMENTS = (EventKind.ASSIGNED, EventKind.UNASSIGNED)
# GitHub names the reason with a closing only where it is another one than this.
_USUAL_RESULT = "completed"


def item_spans(
    item: WorkItem,
    placement: Placement,
    resource: Resource,
    categories: Categories,
    *,
    until: datetime | None = None,
    facts: Facts = (),
    root: str | None = None,
) -> Iterator[Span]:
    """Return the spans of an item, its own first: lives, and stretches of status in order of time.

    What is still open is left out, or with ``until`` sent as of then. ``facts`` are further ones
    of the item's own span. ``root`` is its reference in a feature trace of its own, where that is
    not the item's. Nothing comes of an item of which only the key is known.
    """
    known = item_lives(item, until)
    make = SpanMaker(placement=placement, resource=resource, common=_common(item))
    owner = root or item.reference
    for life in known:
        yield _life_span(make, item, life, owner, facts if life.number == 1 else ())
    if known:
        ended = {life.number for life in known}
        for stretch in stretches(item, categories, until):
            if stretch.life in ended:
                yield _stretch_span(make, item, stretch, owner)


def item_lives(item: WorkItem, until: datetime | None = None) -> tuple[Life, ...]:
    """Return the lives of an item that have ended, with ``until`` the open one as of then too."""
    if item.created_at is None:
        return ()
    return lives(item.created_at, item.closed_at, item.history, until)


def item_name(item: WorkItem) -> str:
    """Return the name of an item's span: `epic ACME-42`."""
    return f"{(item.type or 'item').lower()} {item.key}"


def _life_span(make: SpanMaker, item: WorkItem, life: Life, owner: str, facts: Facts) -> Span:
    first = life.number == 1
    return make.span(
        Entity.WORK_ITEM if first else Entity.LIFE,
        owner if first else identity.life_reference(item.reference, life.number),
        make.placement.parent if first else owner,
        item_name(item) + ("" if first else f", life {life.number}"),
        life.interval,
        facts=(*life_facts(item, life), *facts),
        links=make.placement.links if first else (),
    )


def _stretch_span(make: SpanMaker, item: WorkItem, stretch: Stretch, owner: str) -> Span:
    parent = owner if stretch.life == 1 else life_reference(item.reference, stretch.life)
    return make.span(
        Entity.STATUS,
        identity.status_reference(item.reference, stretch.number),
        parent,
        stretch.status,
        stretch.interval,
        facts=(
            (flow_semconv.ITEM_STATUS, stretch.status),
            (
                flow_semconv.ITEM_STATUS_CATEGORY,
                stretch.category.value if stretch.category else None,
            ),
            (semconv.FLOW_PARTIAL, None if stretch.ended else True),
        ),
    )


def _common(item: WorkItem) -> Facts:
    return (
        (semconv.GITHUB_REPOSITORY, item.repository.full_name if item.repository else None),
        # The nearest item of an item is itself.
        (semconv.FLOW_WORK_ITEM_KEY, item.key),
    )


def life_facts(item: WorkItem, life: Life) -> Facts:
    """Return what the span of a life says: as of its end, so that a repeat is equal."""
    end = life.interval.end
    later = [event for event in item.history if event.time > end]
    comments = sum(e.kind is EventKind.COMMENTED for e in item.history if e.time <= end)
    return (
        (flow_semconv.ITEM_TYPE, item.type),
        (flow_semconv.ITEM_TITLE, item.title),
        (flow_semconv.ITEM_TRACKER, item.tracker),
        (flow_semconv.ITEM_URL, item.url),
        (semconv.FLOW_PARTIAL, None if life.ended else True),
        (flow_semconv.ITEM_RESULT, _result(item, life)),
        (flow_semconv.ITEM_LABELS, _before(item.labels, later, _LABELS)),
        (flow_semconv.ITEM_ASSIGNEES, _before(item.assignees, later, _ASSIGNMENTS)),
        (flow_semconv.ITEM_COMMENTS, comments),
        (flow_semconv.TIMELINE_INCOMPLETE, None if item.history_complete else True),
    )


def _before(
    now: Iterable[str], later: Iterable[Event], kinds: tuple[EventKind, EventKind]
) -> tuple[str, ...]:
    """Return what was on an item before ``later`` happened: what was there first has no event."""
    put_on, taken_off = kinds
    known = set(now)
    for event in reversed(list(later)):
        if event.kind is put_on:
            known.discard(event.subject)
        elif event.kind is taken_off:
            known.add(event.subject)
    return tuple(sorted(known))


def _result(item: WorkItem, life: Life) -> str | None:
    """How a life ended, which the item itself tells of its last one only."""
    if not life.ended:
        return None
    end = life.interval.end
    told = (e.result for e in item.history if e.kind in CLOSINGS and e.time == end and e.result)
    last = item.closed_at is not None and item.closed_at <= end
    usual = _USUAL_RESULT if item.tracker == "github" else None
    return next(told, item.result if last else usual)
