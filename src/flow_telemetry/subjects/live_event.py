"""The event that started the workflow as the subject of an export, under `events: live`."""

from __future__ import annotations

from flow_telemetry.parts import Parts
from flow_telemetry.rules.live_events import find_told
from flow_telemetry.settings import Settings
from flow_telemetry.signals.events import change_events, item_events, place_item_events
from flow_telemetry.signals.placement import Ancestry, place
from flow_telemetry.sources.github.change_details import read_change
from flow_telemetry.subject import EventSubject, ItemSubject
from flow_telemetry.subjects.change import own_tracing
from flow_telemetry.subjects.collected import Collected
from flow_telemetry.subjects.facts import Facts, blocked_times
from flow_telemetry.subjects.item import categories, read_item
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.mapping import resources_of, tracing_of
from flow_telemetry.telemetry import Signal


def collect_event(settings: Settings, subject: EventSubject, parts: Parts) -> Collected:
    """Read the history of a thing and return the record of what the event told of.

    Events carry no id and time for most of what happens: the history has them. Where records go
    nowhere nothing is read.

    Raises:
        FlowTelemetryError: the thing cannot be read.
    """
    if Signal.LOGS not in settings.signals.wanted:
        reason = settings.otlp.off[Signal.LOGS]
        return Collected(left_out=(f"what happened to #{subject.number}: {reason}",))
    facts = (
        _of_change(settings, subject, parts)
        if subject.of_change
        else _of_item(settings, subject, parts)
    )
    records = list(facts)
    if records:
        return Collected(facts=records)
    told = f"the history of #{subject.number} does not show yet what this event tells of"
    return Collected(notices=(told,))


def _of_change(settings: Settings, subject: EventSubject, parts: Parts) -> Facts:
    change = parts.known(read_change(parts.github, subject.repository, subject.number))
    lineage = read_lineage(settings, parts, change, change.repository)
    yield from change_events(
        change,
        place(change.reference, Ancestry(lineage=lineage), own_tracing(settings)),
        resources_of(settings).of_change(change),
        parts.clock.now(),
        told=find_told(subject.telling, change.timeline),
    )


def _of_item(settings: Settings, subject: EventSubject, parts: Parts) -> Facts:
    asked = ItemSubject(repository=subject.repository, key=subject.key)
    item, lineage = read_item(settings, asked, parts)
    known = categories(settings, parts, item.tracker)
    yield from item_events(
        item,
        place_item_events(item, lineage, tracing_of(settings)),
        resources_of(settings).of_item(item),
        parts.clock.now(),
        blocked=blocked_times(item, known, settings.signals.blocked_names),
        categories=known,
        told=find_told(subject.telling, item.history),
    )
