"""The demo's traces in a real Arize Phoenix, by its REST API."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.backends import programs
from tests.backends.programs import Running, send
from tests.backends.traces import ids_of, spans_of
from tests.support.waiting import until

from flow_telemetry.telemetry import EncodedRequest, Signal

pytestmark = pytest.mark.timeout(programs.PHOENIX_TEST_SECONDS)

LIFE = "open until merged"
MOST = "1000"  # spans in a response


def stored(phoenix: Running, trace_id: str, spans: int) -> list[dict[str, Any]]:
    """Return the spans of a trace as soon as there are that many.

    They are stored one by one after the response, by the process that a look keeps busy as well.
    """

    def found() -> list[dict[str, Any]]:
        path = "/v1/projects/default/spans"
        return list(phoenix.get(path, trace_id=trace_id, limit=MOST)["data"])

    longest = programs.PHOENIX_TEST_SECONDS / 2
    otherwise = f"{trace_id} is not complete"
    until(lambda: len(found()) >= spans, otherwise, longest=longest, between_looks=2)
    return found()


def parents(spans: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the id of the parent of each span, empty for a root."""
    return {span["context"]["span_id"]: span["parent_id"] or "" for span in spans}


def traces_of(requests: Sequence[EncodedRequest]) -> list[EncodedRequest]:
    """Return the requests with spans."""
    return [each for each in requests if each.signal is Signal.TRACES]


def test_an_open_pull_request_is_found_by_its_name(
    export_demo: Callable[..., Sequence[EncodedRequest]], phoenix: Running
) -> None:
    """It is the root of one whole trace, before the span of its life is sent."""
    sent: list[EncodedRequest] = []
    for request in traces_of(export_demo("open")):
        if any(span.name == LIFE for span in spans_of([request])):
            break
        sent.append(request)
    ((trace_id, ids),) = ids_of(sent).items()
    send(phoenix.otlp, reversed(sent))
    spans = stored(phoenix, trace_id, len(ids))
    path = "/v1/projects/default/spans"
    listed = phoenix.get(path, name="pull request #123", parent_id="null", limit=MOST)["data"]
    (root,) = (span for span in listed if span["context"]["trace_id"] == trace_id)
    assert not [span for span in spans if span["name"] == LIFE]
    assert set(parents(spans).values()) <= {"", *ids}
    assert [span["id"] for span in spans if not span["parent_id"]] == [root["id"]]


def test_repeated_and_disordered_exports_are_stored_once(
    export_demo: Callable[..., Sequence[EncodedRequest]], phoenix: Running
) -> None:
    """Each span once, under its own parent: the trees are those that were sent."""
    requests = [each for _ in range(2) for each in traces_of(export_demo("repeated"))]
    send(phoenix.otlp, random.Random("order").sample(requests, len(requests)))
    expected: dict[str, dict[str, str]] = {}
    for span in spans_of(requests):
        expected.setdefault(span.trace_id, {})[span.span_id] = span.parent_span_id
    assert len(expected) == 3
    for trace_id, tree in expected.items():
        found = stored(phoenix, trace_id, len(tree))
        ids = Counter(span["context"]["span_id"] for span in found)
        assert ids == dict.fromkeys(tree, 1)
        assert parents(found) == tree
