"""Batches as the bodies of requests, and as lines of OTLP JSON.

Of protobuf's messages only what a signal needs is loaded, once that signal is really sent or
written.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flow_telemetry.export.encoding import Encoding
from flow_telemetry.export.intake import Batch, Item
from flow_telemetry.telemetry import Prepared, Signal

if TYPE_CHECKING:
    from google.protobuf.message import Message

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def encoding_of(signal: Signal) -> Encoding:
    """Return the encoding of a signal; its messages are loaded here."""
    if signal is Signal.TRACES:
        from flow_telemetry.export.encode_spans import ENCODING  # noqa: PLC0415

        return ENCODING
    if signal is Signal.LOGS:
        from flow_telemetry.export.encode_records import ENCODING  # noqa: PLC0415

        return ENCODING
    from flow_telemetry.export.encode_points import ENCODING  # noqa: PLC0415

    return ENCODING


def encoded(batch: Batch) -> bytes:
    """Return the request that carries a batch, in protobuf, not compressed.

    Raises:
        ValueError: something in it is no Unicode text, or no hexadecimal id.
    """
    if batch.prepared is not None:
        return batch.prepared.body
    body: bytes = encoding_of(batch.signal).request(batch.items).SerializeToString()
    return body


def request_in(prepared: Prepared) -> Message:
    """Return the message of a request that was prepared.

    Raises:
        ValueError: it is no such request.
    """
    # Protobuf is not needed by one who has no such request.
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    request: Message = encoding_of(prepared.signal).new_request()
    try:
        request.ParseFromString(prepared.body)
    except DecodeError as error:
        raise ValueError(f"not a request for {prepared.signal.value}") from error
    return request


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
