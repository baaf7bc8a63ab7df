"""Traces as Jaeger's HTTP API returns them: what its UI draws."""

from __future__ import annotations

import json
import urllib.error
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.backends.programs import Running, send
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.support.waiting import until

from flow_telemetry.telemetry import EncodedRequest

MICROSECOND = 1_000  # in nanoseconds; Jaeger counts in microseconds


@dataclass(frozen=True, slots=True)
class Trace:
    """The spans of a trace as Jaeger returns them, with their processes filled in."""

    spans: tuple[dict[str, Any], ...]

    @property
    def ids(self) -> Counter[str]:
        return Counter(span["spanID"] for span in self.spans)

    @property
    def roots(self) -> list[str]:
        """The names of the spans without a parent."""
        return [span["operationName"] for span in self.spans if _parent(span) is None]

    @property
    def orphans(self) -> list[str]:
        """The names of the spans whose parent is not there."""
        return [
            span["operationName"]
            for span in self.spans
            if (parent := _parent(span)) is not None and parent not in self.ids
        ]

    def same(self) -> list[str]:
        """Return all that two equal traces share, whatever order they came in."""
        return sorted(json.dumps(span, sort_keys=True) for span in self.spans)

    @property
    def warnings(self) -> set[tuple[str, str]]:
        """Name and text of each warning that is not one of the allowed ones."""
        return {
            (span["operationName"], text)
            for span in self.spans
            for text in span["warnings"] or ()
            if not self.may_be_warned(span)
        }

    def tree(self, *kinds: str) -> list[str]:
        """Return the names of spans of these kinds, indented, in order of their start."""
        below: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
        for span in self.spans:
            below[_parent(span)].append(span)

        def lines(parent: str | None, depth: int) -> Iterator[str]:
            for span in sorted(below[parent], key=lambda each: int(each["startTime"])):
                if tag(span, "flow.entity.type") in kinds:
                    yield "  " * depth + str(span["operationName"])
                    yield from lines(span["spanID"], depth + 1)

        return list(lines(None, 0))

    def same_starts(self) -> list[tuple[str, ...]]:
        """Return the siblings that begin in one microsecond: Jaeger draws them in any order."""
        groups: dict[tuple[str | None, int], list[str]] = defaultdict(list)
        for span in self.spans:
            groups[_parent(span), span["startTime"]].append(span["operationName"])
        return [tuple(sorted(names)) for names in groups.values() if len(names) > 1]

    def may_be_warned(self, span: dict[str, Any]) -> bool:
        """Whether the span is one of the two kinds that lie outside of their parent.

        An opening below another opening; in a feature trace, what lies before or behind its owner.
        """
        parents = [each for each in self.spans if each["spanID"] == _parent(span)]
        kind, traces = tag(span, "flow.entity.type"), tag(span, "flow.trace")
        if kind == "opening":
            return any(tag(parent, "flow.entity.type") == "opening" for parent in parents)
        return traces != "live" and kind in ("run", "deployment", "change", "work_item")


def tag(span: dict[str, Any], key: str) -> str:
    """Return an attribute of a span as text, empty if it has none."""
    return next((str(each["value"]) for each in span["tags"] if each["key"] == key), "")


def _parent(span: dict[str, Any]) -> str | None:
    above = [each["spanID"] for each in span["references"] if each["refType"] == "CHILD_OF"]
    return above[0] if above else None


def trace(jaeger: Running, trace_id: str, spans: int) -> Trace:
    """Return a trace as soon as it has that many spans; it is stored in the background."""
    until(lambda: len(read(jaeger, trace_id).spans) >= spans, f"{trace_id} is not complete")
    return read(jaeger, trace_id)


def read(jaeger: Running, trace_id: str) -> Trace:
    """Return a trace as it is now; it is empty if there is none."""
    try:
        [found] = jaeger.get(f"/api/traces/{trace_id}")["data"]
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return Trace(())
    processes = {
        name: {**each, "tags": sorted(each["tags"], key=lambda tag: str(tag["key"]))}
        for name, each in found["processes"].items()
    }
    return Trace(
        tuple(
            {
                **span,
                "process": processes[span["processID"]],
                "processID": "",
                "tags": sorted(span["tags"], key=lambda tag: str(tag["key"])),
            }
            for span in found["spans"]
        )
    )


def spans_of(requests: Iterable[EncodedRequest]) -> list[SpanRecord]:
    """Return the spans of requests."""
    with Receiver() as receiver:
        send(receiver.url, requests)
        return receiver.spans


def ids_of(requests: Sequence[EncodedRequest]) -> dict[str, set[str]]:
    """Return the ids of the spans of each trace."""
    ids: dict[str, set[str]] = {}
    for span in spans_of(requests):
        ids.setdefault(span.trace_id, set()).add(span.span_id)
    return ids


def search(
    jaeger: Running, spans: Sequence[SpanRecord], tags: Mapping[str, str], **more: str
) -> list[Trace]:
    """Search by tags, as in Jaeger's form, in the time of spans."""
    found = jaeger.get(
        "/api/traces",
        service="github-actions",
        tags=json.dumps(tags),
        start=str(min(span.start for span in spans) // MICROSECOND),
        end=str(max(span.end for span in spans) // MICROSECOND),
        limit="100",
        **more,
    )["data"]
    return [Trace(tuple(each["spans"])) for each in found]


def with_tags(traces: Iterable[Trace], tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the spans that a search found: Jaeger wants all tags on one span."""
    return [
        span
        for trace in traces
        for span in trace.spans
        if all(tag(span, name) == value for name, value in tags.items())
    ]
