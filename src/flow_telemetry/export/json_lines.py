"""Requests as lines of OTLP JSON, straight from our items or from the message of a request.

The writer of a signal is loaded when a line of it is written.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flow_telemetry.export.intake import Batch, Item
from flow_telemetry.export.protobuf import request_in
from flow_telemetry.telemetry import Signal

if TYPE_CHECKING:
    from google.protobuf.message import Message

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def line_of(batch: Batch) -> str:
    """Return a batch as one line of OTLP JSON, without a line end.

    Raises:
        ValueError: something in it is no Unicode text, or it is no request at all.
    """
    if batch.prepared is not None:
        return json_line(request_in(batch.prepared))
    return otlp_json_line(batch.items, batch.signal)


def otlp_json_line(items: Sequence[Item], signal: Signal = Signal.TRACES) -> str:
    """Return the request that would carry the items as one line of OTLP JSON, without a line end.

    The Collector's file exporter writes, and its file receiver reads, such lines.

    Raises:
        ValueError: something in them is no Unicode text, or no hexadecimal id.
    """
    return _writer_of(signal)(items)


def _writer_of(signal: Signal) -> Callable[[Any], str]:
    """Return what writes the items of a signal; of the messages it needs nothing."""
    if signal is Signal.TRACES:
        from flow_telemetry.export.json_spans import json_of_spans  # noqa: PLC0415

        return json_of_spans
    if signal is Signal.LOGS:
        from flow_telemetry.export.json_records import json_of_records  # noqa: PLC0415

        return json_of_records
    from flow_telemetry.export.json_points import json_of_points  # noqa: PLC0415

    return json_of_points


def json_line(request: Message) -> str:
    """Return a request as one line of OTLP JSON.

    https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding asks for lower-case
    hexadecimal ids and integer enums, where protobuf's own mapping has base64 and names.
    """
    # Protobuf is not needed by one who spools nothing.
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415

    content = MessageToDict(request, use_integers_for_enums=True)
    _write_ids_in_hex(content)
    return json.dumps(content, separators=(",", ":"))


def _write_ids_in_hex(value: Any) -> None:
    """Write every id in place; keys are the schema's, an attribute's own name is a value."""
    if isinstance(value, list):
        for each in value:
            _write_ids_in_hex(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in _IDS:
                value[key] = b64decode(each).hex()
            elif isinstance(each, (list, dict)):
                _write_ids_in_hex(each)
