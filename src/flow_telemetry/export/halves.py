"""Two requests in place of one that a backend finds too large. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from flow_telemetry.export.intake import Batch
from flow_telemetry.export.otlp_files import LAYERS, OtlpRequest, prepared
from flow_telemetry.export.protobuf import request_in
from flow_telemetry.telemetry import Prepared, Signal


def halves(batch: Batch) -> tuple[Batch, ...]:
    """Return two batches with the items of one, in order; none where it has no more than one."""
    if batch.count < 2:
        return ()
    if batch.prepared is None:
        middle = len(batch.items) // 2
        parts = batch.items[:middle], batch.items[middle:]
        return tuple(replace(batch, items=part) for part in parts)
    try:
        cut = list(_halves_of(batch.prepared))
    except ValueError:
        return ()
    return tuple(Batch(each.signal, (), each) for each in cut if each.items)


def _halves_of(given: Prepared) -> Iterator[Prepared]:
    """The request cut at the outermost list with more than one: resources, scopes, items, points.

    One of the two may be without items, where a group in it was.
    """
    first, second = request_in(given), request_in(given)
    both = zip(_lists(first, given.signal), _lists(second, given.signal), strict=False)
    one, other = next((each for each in both if len(each[0]) > 1), ([], []))
    middle = len(one) // 2
    del one[middle:]
    del other[:middle]
    for message in (first, second):
        yield prepared(OtlpRequest(signal=given.signal, message=message), given.repository)


def _lists(request: Any, signal: Signal) -> Iterator[Any]:
    """The lists on the way down to the first item, from the outermost on."""
    group = request
    for layer in LAYERS[signal]:
        found = getattr(group, layer)
        yield found
        if not found:
            return
        group = found[0]
    kind = group.WhichOneof("data") if signal is Signal.METRICS else None
    if kind is not None:
        yield getattr(group, kind).data_points
