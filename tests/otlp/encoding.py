"""The requests that the SDK's exporters make of our items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flow_telemetry.otlp.batch import Item
from flow_telemetry.otlp.protobuf import decode_request
from flow_telemetry.otlp.sdk import SdkEncoder
from flow_telemetry.telemetry import Signal


def encoded(items: Sequence[Item], signal: Signal = Signal.TRACES) -> bytes:
    """Return the body that an exporter hands to its session, before compression.

    EncodingError if it hands over none.
    """
    return SdkEncoder(signal).encode(items).body


def request_of(items: Sequence[Item], signal: Signal = Signal.TRACES) -> Any:
    """Return that body as a message."""
    return decode_request(SdkEncoder(signal).encode(items))
