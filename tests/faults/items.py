"""What a backend would know: every item that was received or spooled, by what makes it one.

A span is known by its ids, an event by `log.record.uid`, a point by its metric and attributes. Of
the content nothing is compared that differs between two exports of one world: the time of sending,
and what it took of GitHub's limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from tests.fakes.logs import LogEntry, entries_in
from tests.fakes.metrics import MetricPoint, points_in
from tests.fakes.otlp import LOGS, TRACES
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord, spans_in
from tests.support.spool import requests_in

Known = Mapping[str, str]
RELAYED = "relayed: "
# Metrics about the export itself.
OF_REQUESTS = "flow.github."


@dataclass(frozen=True, slots=True)
class Items:
    """The contents of the items of each signal, by key; ``all_spans`` as they came.

    ``event_names`` are those of the events, by the same keys.
    """

    traces: Known
    logs: Known
    metrics: Known
    all_spans: tuple[SpanRecord, ...] = field(default=(), repr=False)
    event_names: Known = field(default_factory=dict, repr=False)

    def of(self, signal: str) -> Known:
        """Return those of one signal: traces, logs or metrics."""
        found: Known = getattr(self, signal)
        return found


def received_by(receiver: Receiver) -> Items:
    """Return what a backend kept."""
    return _items(receiver.spans, receiver.events, receiver.metrics)


def spooled_in(files: Iterable[Path]) -> Items:
    """Return what the files of a spool hold."""
    spans: list[SpanRecord] = []
    events: list[LogEntry] = []
    points: list[MetricPoint] = []
    for request in _requests(files):
        if isinstance(request, TRACES.request):
            spans += spans_in(request)  # type: ignore[arg-type]
        elif isinstance(request, LOGS.request):
            events += entries_in(request)  # type: ignore[arg-type]
        else:
            points += points_in(request)  # type: ignore[arg-type]
    return _items(spans, events, points)


def both(one: Items, other: Items) -> Items:
    """Return what is in the one or the other."""
    return Items(
        traces={**one.traces, **other.traces},
        logs={**one.logs, **other.logs},
        metrics={**one.metrics, **other.metrics},
        all_spans=one.all_spans + other.all_spans,
        event_names={**one.event_names, **other.event_names},
    )


def _requests(files: Iterable[Path]) -> Iterator[Message]:
    for path in files:
        yield from requests_in(path)


def _items(
    spans: Iterable[SpanRecord], events: Iterable[LogEntry], points: Iterable[MetricPoint]
) -> Items:
    all_spans = tuple(spans)
    by_uid = {_uid(each): each for each in events}
    return Items(
        traces={f"{each.trace_id}/{each.span_id}": _span(each) for each in all_spans},
        logs={uid: _event(each) for uid, each in by_uid.items()},
        metrics={f"{each.name} {_sorted(each.attributes)}": _point(each) for each in points},
        all_spans=all_spans,
        event_names={uid: each.event_name for uid, each in by_uid.items()},
    )


def _uid(each: LogEntry) -> str:
    """The key of an event; those of tools have none of ours."""
    if each.attributes.get("flow.relayed"):
        return f"{RELAYED}{each.event_name}"
    return str(each.attributes["log.record.uid"])


def _span(each: SpanRecord) -> str:
    return repr((each.name, each.parent_span_id, each.start, each.end, _sorted(each.attributes)))


def _event(each: LogEntry) -> str:
    return repr((each.event_name, each.trace_id, each.span_id, _sorted(each.attributes)))


def _point(each: MetricPoint) -> str:
    if each.name.startswith(OF_REQUESTS):
        return ""  # A fault takes more requests, or fewer.
    return repr((each.kind, each.unit, each.value, each.count, each.buckets))


def _sorted(attributes: Mapping[str, Any]) -> str:
    # Jira's address is another one in each world.
    return repr(sorted((k, v) for k, v in attributes.items() if not k.endswith(".url")))
