"""The requests that the SDK's exporters make of our items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.otlp.builders import make_target

from flow_telemetry.http.response import Response
from flow_telemetry.otlp.batch import Item
from flow_telemetry.otlp.protobuf import decode_request
from flow_telemetry.otlp.response import Attempt
from flow_telemetry.otlp.sdk import SdkExporter
from flow_telemetry.telemetry import EncodedRequest, Signal


def encoded(items: Sequence[Item], signal: Signal = Signal.TRACES) -> bytes:
    """Return the body that an exporter hands to its session, before compression.

    ValueError if it hands over none.
    """
    bodies: list[bytes] = []

    def send(body: bytes) -> Attempt:
        bodies.append(body)
        return Attempt(response=Response(status=200), requests=1)

    SdkExporter(make_target("http://backend.example", signal=signal), send).export(items)
    if not bodies:
        raise ValueError("the exporter made no request")
    (body,) = bodies
    return body


def request_of(items: Sequence[Item], signal: Signal = Signal.TRACES) -> Any:
    """Return that body as a message."""
    return decode_request(
        EncodedRequest(signal=signal, body=encoded(items, signal), items=len(items))
    )
