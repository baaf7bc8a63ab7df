"""Our records as the SDK's, and as lines of OTLP JSON.

Of the SDK only what a signal needs is loaded, once that signal is really sent or written.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any

from flow_telemetry.export.encoding import Encoding
from flow_telemetry.export.intake import Item
from flow_telemetry.telemetry import Signal


def encoding_of(signal: Signal) -> Encoding:
    """Return the encoding of a signal; its part of the SDK is loaded here."""
    if signal is Signal.TRACES:
        from flow_telemetry.export.encode_spans import ENCODING  # noqa: PLC0415

        return ENCODING
    if signal is Signal.LOGS:
        from flow_telemetry.export.encode_records import ENCODING  # noqa: PLC0415

        return ENCODING
    from flow_telemetry.export.encode_points import ENCODING  # noqa: PLC0415

    return ENCODING


def otlp_json_line(items: Sequence[Item], signal: Signal = Signal.TRACES) -> str:
    """Return the request that would carry the items as one line of OTLP JSON, without a line end.

    The Collector's file exporter writes, and its file receiver reads, such lines.
    https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding asks for lower-case
    hexadecimal ids and integer enums, where protobuf's own mapping has base64 and names.
    """
    # Protobuf is not needed by one who spools nothing.
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415

    encoding = encoding_of(signal)
    message = encoding.request(encoding.readable(items))
    request = MessageToDict(message, use_integers_for_enums=True)
    for record in _at(request, encoding.levels):
        _write_ids_in_hex(record)
        for link in record.get("links", ()):
            _write_ids_in_hex(link)
    return json.dumps(request, separators=(",", ":"))


def _at(parent: dict[str, Any], levels: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """What is found by going down those fields, each of which holds a list."""
    for child in parent.get(levels[0], ()):
        if len(levels) == 1:
            yield child
        else:
            yield from _at(child, levels[1:])


def _write_ids_in_hex(record: dict[str, Any]) -> None:
    for name in ("traceId", "spanId", "parentSpanId"):
        if name in record:
            record[name] = b64decode(record[name]).hex()
