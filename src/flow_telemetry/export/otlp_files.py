"""Lines of OTLP JSON as requests again: what `json_lines.otlp_json_line` writes, read.

A tool in a job may write such a file, and so does the Collector. What is in it is not trusted: a
line that is damaged is told, and the others go on.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flow_telemetry.export.protobuf import new_request
from flow_telemetry.telemetry import Prepared, Signal

if TYPE_CHECKING:
    from google.protobuf.message import Message

# By the one field that a request has; the older name is how protobuf spells it.
_SIGNALS = {
    "resourceSpans": Signal.TRACES,
    "resource_spans": Signal.TRACES,
    "resourceLogs": Signal.LOGS,
    "resource_logs": Signal.LOGS,
    "resourceMetrics": Signal.METRICS,
    "resource_metrics": Signal.METRICS,
}
# Of each signal's request: its groups by resource, their groups by scope, and what is in those.
LAYERS = {
    Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
    Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
    Signal.METRICS: ("resource_metrics", "scope_metrics", "metrics"),
}
# How many hexadecimal digits an id has.
_IDS = {
    **dict.fromkeys(("traceId", "trace_id"), 32),
    **dict.fromkeys(("spanId", "span_id", "parentSpanId", "parent_span_id"), 16),
}
_HEX = re.compile(r"[0-9a-fA-F]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpRequest:
    """A request of a file: an `ExportTraceServiceRequest`, or that of logs or metrics."""

    signal: Signal
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpFile:
    """The requests of a file in order, and what of it is damaged, a sentence each."""

    requests: tuple[OtlpRequest, ...] = ()
    damaged: tuple[str, ...] = ()


def parse_otlp_lines(lines: Iterable[tuple[int, bytes]], name: str) -> OtlpFile:
    """Return the requests in numbered lines of a file of that name.

    Fields that are not known are left out, as OTLP asks for. Ids are hexadecimal.
    """
    requests: list[OtlpRequest] = []
    damaged: list[str] = []
    for number, line in lines:
        try:
            requests.append(_request(line))
        except _Damaged as error:
            damaged.append(f"line {number} of {name} {error}")
    return OtlpFile(requests=tuple(requests), damaged=tuple(damaged))


def groups_of(request: OtlpRequest) -> Iterator[tuple[Any, Any, Any]]:
    """Yield resource group, scope group and the field with its spans, log records or metrics."""
    resources, scopes, items = LAYERS[request.signal]
    for resource in getattr(request.message, resources):
        for scope in getattr(resource, scopes):
            yield resource, scope, getattr(scope, items)


def items_in(signal: Signal, item: Any) -> int:
    """Return for how many a span, log record or metric counts: a metric for its data points."""
    if signal is not Signal.METRICS:
        return 1
    kind = item.WhichOneof("data")
    return len(getattr(item, kind).data_points) if kind else 0


def item_count(request: OtlpRequest) -> int:
    """Return how many spans, log records or data points a request holds."""
    return sum(items_in(request.signal, item) for *_, items in groups_of(request) for item in items)


def prepared(request: OtlpRequest, repository: str = "") -> Prepared:
    """Return a request as one that is sent as it is; ``repository`` is as in `Prepared`."""
    body: bytes = request.message.SerializeToString()
    return Prepared(
        signal=request.signal, body=body, items=item_count(request), repository=repository
    )


class _Damaged(Exception):
    """A line is no request; the text says why, as what follows "line 3 of x"."""


def _request(line: bytes) -> OtlpRequest:
    # Who sends no files needs none of it.
    from google.protobuf.json_format import Error, ParseDict  # noqa: PLC0415

    payload = _decoded(line)
    signal = _signal(payload)
    try:
        _write_ids_in_base64(payload)
        message = ParseDict(payload, new_request(signal), ignore_unknown_fields=True)
    except (Error, ValueError, TypeError, AttributeError, KeyError, ArithmeticError) as error:
        raise _Damaged("is no request of OTLP: a field has another form") from error
    except RecursionError as error:
        raise _Damaged("is nested too deep") from error
    request = OtlpRequest(signal=signal, message=message)
    if getattr(message, LAYERS[signal][0]) and next(groups_of(request), None) is None:
        raise _Damaged(
            "has resources without scopes, so nothing is taken of it; older forms of OTLP, such as "
            "that with instrumentationLibrarySpans, are not read"
        )
    return request


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _Damaged("is no whole JSON object; it may have been cut off") from error


def _signal(payload: Any) -> Signal:
    fields = [name for name in payload if name in _SIGNALS] if isinstance(payload, dict) else []
    if len(fields) != 1:
        raise _Damaged("is no request of OTLP: it has not one of resourceSpans and its like")
    return _SIGNALS[fields[0]]


def _write_ids_in_base64(value: Any) -> None:
    """Turn ids into what protobuf's own JSON has; keys are the schema's, never an attacker's."""
    if isinstance(value, list):
        for each in value:
            _write_ids_in_base64(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            key.encode()  # protobuf fails in a way of its own at a lone surrogate
            if key in _IDS:
                value[key] = _base64(key, each)
            else:
                _write_ids_in_base64(each)


def _base64(key: str, value: Any) -> str:
    """An id may be left empty, as the parent of a root is."""
    if value in ("", None):
        return ""
    if not isinstance(value, str) or len(value) != _IDS[key] or not _HEX.fullmatch(value):
        raise _Damaged(f"has a {key} that is not {_IDS[key]} hexadecimal digits")
    return b64encode(bytes.fromhex(value)).decode("ascii")
