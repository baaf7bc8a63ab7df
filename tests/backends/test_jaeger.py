"""The demo's traces in a real Jaeger, by its HTTP API: what its UI draws."""

from __future__ import annotations

import json
import random
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.backends import programs
from tests.backends.programs import Running, send
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.support.waiting import until

from flow_telemetry.telemetry import EncodedRequest, Signal

ORDERS = ("in order", "reversed", "drawn", "drawn again")


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

    def may_be_warned(self, span: dict[str, Any]) -> bool:
        """Whether the span is one of the two kinds that lie outside of their parent.

        An opening below another opening; in a feature trace, what lies before or behind its owner.
        """
        parents = [each for each in self.spans if each["spanID"] == _parent(span)]
        kind, traces = _tag(span, "flow.entity.type"), _tag(span, "flow.trace")
        if kind == "opening":
            return any(_tag(parent, "flow.entity.type") == "opening" for parent in parents)
        return traces != "live" and kind in ("run", "deployment", "change", "work_item")


def _tag(span: dict[str, Any], key: str) -> str:
    return next((str(tag["value"]) for tag in span["tags"] if tag["key"] == key), "")


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


@pytest.fixture(scope="session")
def exports(demo_requests: tuple[EncodedRequest, ...]) -> list[EncodedRequest]:
    """The requests with spans, in the order of their exports."""
    return [each for each in demo_requests if each.signal is Signal.TRACES]


@pytest.fixture(scope="session")
def repeated(export_demo: Callable[[], Sequence[EncodedRequest]]) -> list[EncodedRequest]:
    """The same things, exported once more."""
    return [each for each in export_demo() if each.signal is Signal.TRACES]


def ids_of(requests: Sequence[EncodedRequest]) -> dict[str, set[str]]:
    """Return the ids of the spans of each trace."""
    ids: dict[str, set[str]] = {}
    for span in spans_of(requests):
        ids.setdefault(span.trace_id, set()).add(span.span_id)
    return ids


def ordered(requests: Sequence[EncodedRequest], order: str) -> list[EncodedRequest]:
    """Return requests in one of the orders in which jobs of different runners may send them."""
    if order == "in order":
        return list(requests)
    if order == "reversed":
        return list(reversed(requests))
    return random.Random(order).sample(requests, len(requests))


@pytest.mark.parametrize("order", ORDERS)
def test_each_trace_is_one_tree(exports: list[EncodedRequest], order: str, tmp_path: Path) -> None:
    """In whatever order its parts come: one root, no orphan, and each span once."""
    ids = ids_of(exports)
    with programs.jaeger(tmp_path) as jaeger:
        send(jaeger.otlp, ordered(exports, order))
        for trace_id, spans in ids.items():
            found = trace(jaeger, trace_id, len(spans))
            assert found.ids == dict.fromkeys(spans, 1)
            assert len(found.roots) == 1
            assert found.orphans == []


def test_the_order_of_arrival_changes_nothing(
    exports: list[EncodedRequest], jaeger: Running, tmp_path: Path
) -> None:
    """Nothing of what one sees: names, times, attributes, links, warnings."""
    ids = ids_of(exports)
    send(jaeger.otlp, exports)
    in_order = {each: trace(jaeger, each, len(spans)).same() for each, spans in ids.items()}
    with programs.jaeger(tmp_path) as other:
        send(other.otlp, ordered(exports, "drawn"))
        assert in_order == {
            each: trace(other, each, len(spans)).same() for each, spans in ids.items()
        }


@pytest.mark.parametrize("order", ORDERS)
def test_a_trace_whose_parts_come_twice_is_one_tree(
    exports: list[EncodedRequest], repeated: list[EncodedRequest], order: str, tmp_path: Path
) -> None:
    """In whatever order: one root, no orphan, and each span once."""
    ids = ids_of(exports)
    with programs.jaeger(tmp_path) as jaeger:
        send(jaeger.otlp, ordered([*exports, *repeated], order))
        for trace_id, spans in ids.items():
            found = trace(jaeger, trace_id, len(spans))
            assert found.ids == dict.fromkeys(spans, 1)
            assert len(found.roots) == 1
            assert found.orphans == []


def test_a_repeated_export_changes_nothing(
    exports: list[EncodedRequest], repeated: list[EncodedRequest], tmp_path: Path
) -> None:
    """Nothing of what one sees: names, times, attributes, links, warnings."""
    ids = ids_of(exports)
    with programs.jaeger(tmp_path) as jaeger:
        send(jaeger.otlp, exports)
        before = {each: trace(jaeger, each, len(spans)).same() for each, spans in ids.items()}
        send(jaeger.otlp, repeated)
        after = {each: trace(jaeger, each, len(spans)).same() for each, spans in ids.items()}
    assert after == before


def test_no_span_has_a_warning_but_where_it_is_meant(
    exports: list[EncodedRequest], jaeger: Running
) -> None:
    """Jaeger attaches one to a span of zero length or outside of its parent, and moves nothing.

    Allowed are an opening below another opening and, in a feature trace, what lies before or
    behind its owner.
    """
    send(jaeger.otlp, exports)
    for trace_id, spans in ids_of(exports).items():
        found = trace(jaeger, trace_id, len(spans))
        warned = {
            (span["operationName"], text)
            for span in found.spans
            for text in span["warnings"] or ()
            if not found.may_be_warned(span)
        }
        assert warned == set()


def test_runs_and_jobs_are_found_by_their_facts(
    exports: list[EncodedRequest], jaeger: Running
) -> None:
    """A search by tags, as in Jaeger's form: the failed runs of a workflow."""
    send(jaeger.otlp, exports)
    wanted = {
        span.trace_id
        for span in spans_of(exports)
        if span.attributes.get("cicd.pipeline.name") == "CI"
        and span.attributes.get("cicd.pipeline.result") == "failure"
    }
    assert wanted
    tags = {"cicd.pipeline.name": "CI", "cicd.pipeline.result": "failure"}
    oldest = min(span.start for span in spans_of(exports)) // 1000
    newest = max(span.end for span in spans_of(exports)) // 1000

    def found() -> set[str]:
        answer = jaeger.get(
            "/api/traces",
            service="github-actions",
            tags=json.dumps(tags),
            start=str(oldest),
            end=str(newest),
            limit="100",
        )
        return {each["traceID"] for each in answer["data"]}

    until(lambda: found() >= wanted, "the runs are not found")
    assert found() == wanted
