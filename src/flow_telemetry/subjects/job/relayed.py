"""Relayed data: telemetry of tools that our export sends, kept apart from our own.

Anyone whose code runs in a job can write the files that `trace-files` and `trace-artifacts` name,
and our credentials send them. So nothing in them can be mistaken for what this program reports:

- every span, log record and data point has the attribute `flow.relayed`, and no other of `flow.*`;
- no scope has our name;
- no metric or event has a name in a namespace that our metrics and events use.

Where a relayed span may be in our trace is decided by `tool_traces.ToolSpans`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.otlp.lines import LAYERS, OtlpRequest
from flow_telemetry.telemetry import Signal

# The scope of items whose own scope has our name.
RELAYED_SCOPE = "relayed"

# Backends do not compare names as OTLP writes them. Prometheus turns every character that is not a
# letter or digit into `_` and drops those at the beginning, so that `flow_run_count` and
# `_flow/run.count` are the series of `flow.run.count`; some backends ignore case.
# https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
_OUR_ATTRIBUTE = re.compile(r"[^a-z0-9]*flow(?![a-z0-9])", re.ASCII | re.IGNORECASE)
_OUR_NAME = re.compile(r"[^a-z0-9]*(?:flow|cicd|vcs)(?![a-z0-9])", re.ASCII | re.IGNORECASE)
_OUR_SCOPE = re.compile(r"[^a-z0-9]*flow[^a-z0-9]*telemetry", re.ASCII | re.IGNORECASE)
# Older SDKs and agents name an event by this attribute.
_EVENT_NAME = "event.name"
# Where backends without scopes keep a scope's name:
# https://opentelemetry.io/docs/specs/otel/common/mapping-to-non-otlp/
_SCOPE_NAMES = frozenset(
    {"otel.scope.name", "otel_scope_name", "otel.library.name", "otel_library_name"}
)


def has_our_scope(name: str) -> bool:
    """Return whether the name of a scope is ours, or would be taken for it."""
    return _OUR_SCOPE.match(name) is not None


def keep_items(items: Any, kept: Sequence[Any]) -> None:
    """Reduce a repeated field of messages, in place, to those of its elements in ``kept``."""
    if len(kept) == len(items):
        return
    # Copies, because emptying the list may invalidate the elements in it.
    copies = [type(item)() for item in kept]
    for copy, item in zip(copies, kept, strict=True):
        copy.CopyFrom(item)
    del items[:]
    items.extend(copies)


@dataclass(slots=True)
class RelayedMarker:
    """Marks relayed requests, and removes from them what only this program may say.

    The numbers are of what was removed: metrics and log records (``events``) with a name of ours,
    events of spans with one (``span_events``), and attributes.
    """

    metrics: int = 0
    events: int = 0
    span_events: int = 0
    attributes: int = 0

    def mark(self, request: OtlpRequest) -> None:
        """Mark the items of a request, in place."""
        resources, scopes, items = LAYERS[request.signal]
        mark_items = {
            Signal.TRACES: self._mark_spans,
            Signal.LOGS: self._mark_records,
            Signal.METRICS: self._mark_metrics,
        }[request.signal]
        for group in getattr(request.message, resources):
            self._clean(group.resource.attributes)
            for scoped in getattr(group, scopes):
                self._clean(scoped.scope.attributes)
                if has_our_scope(scoped.scope.name):
                    scoped.scope.name = RELAYED_SCOPE
                mark_items(getattr(scoped, items))

    def describe(self) -> Iterator[tuple[int, str]]:
        """Yield how much was removed, and why."""
        yield self.metrics, "metrics left out because their names begin with flow, cicd or vcs"
        events = self.events + self.span_events
        yield events, "events left out because their names begin with flow, cicd or vcs"
        yield self.attributes, "attributes left out because only this program sets them (flow.*)"

    def _mark_spans(self, spans: Any) -> None:
        for span in spans:
            self._mark_item(span)
            events = [event for event in span.events if not _OUR_NAME.match(event.name)]
            self.span_events += len(span.events) - len(events)
            keep_items(span.events, events)
            for part in (*span.events, *span.links):
                self._clean(part.attributes)

    def _mark_records(self, records: Any) -> None:
        kept = [record for record in records if not _is_event_of_ours(record)]
        self.events += len(records) - len(kept)
        keep_items(records, kept)
        for record in records:
            self._mark_item(record)

    def _mark_metrics(self, metrics: Any) -> None:
        kept = [metric for metric in metrics if not _OUR_NAME.match(metric.name)]
        self.metrics += len(metrics) - len(kept)
        keep_items(metrics, kept)
        for metric in metrics:
            self._clean(metric.metadata)
            for point in points_of(metric):
                self._mark_item(point)
                for exemplar in exemplars_of(point):
                    self._clean(exemplar.filtered_attributes)

    def _mark_item(self, item: Any) -> None:
        self._clean(item.attributes)
        relayed = item.attributes.add()
        relayed.key = semconv.FLOW_RELAYED
        relayed.value.bool_value = True

    def _clean(self, attributes: Any) -> None:
        kept = [
            attribute
            for attribute in attributes
            if not _OUR_ATTRIBUTE.match(attribute.key) and attribute.key not in _SCOPE_NAMES
        ]
        self.attributes += len(attributes) - len(kept)
        keep_items(attributes, kept)


def points_of(metric: Any) -> Sequence[Any]:
    """Return the data points of a metric of any kind."""
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


def exemplars_of(point: Any) -> Any:
    """Return the exemplars of a data point; those of a summary have none."""
    return getattr(point, "exemplars", ())


def _is_event_of_ours(record: Any) -> bool:
    """Whether a log record has the name of an event of ours, in its field or its attribute."""
    names = [record.event_name] + [
        attribute.value.string_value
        for attribute in record.attributes
        if attribute.key == _EVENT_NAME
    ]
    return any(map(_OUR_NAME.match, names))
