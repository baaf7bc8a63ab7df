"""OTLP over HTTP as a receiver sees it: its three signals, and how their messages are decoded."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.fakes.faults import Request
from tests.fakes.spans import from_json, from_protobuf

JSON = "application/json"
PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One of OTLP's three: its request, its response, and how that counts what it rejected."""

    request: type[Message]
    response: type[Message]
    rejected: str


TRACES = Signal(
    request=ExportTraceServiceRequest,
    response=ExportTraceServiceResponse,
    rejected="rejected_spans",
)
LOGS = Signal(
    request=ExportLogsServiceRequest,
    response=ExportLogsServiceResponse,
    rejected="rejected_log_records",
)
METRICS = Signal(
    request=ExportMetricsServiceRequest,
    response=ExportMetricsServiceResponse,
    rejected="rejected_data_points",
)
SIGNALS = {"/v1/traces": TRACES, "/v1/logs": LOGS, "/v1/metrics": METRICS}


def content_type(headers: Mapping[str, Any]) -> str:
    """Return the media type that headers name, without its parameters."""
    return str(headers.get("content-type", "")).partition(";")[0].strip().lower()


def decoded(request: Request, signal: Signal | None) -> Any:
    """Return the request's message; None for another path, method or type, or a damaged body."""
    if signal is None or request.method != "POST":
        return None
    try:
        body, packed = request.body, request.headers.get("content-encoding")
        if packed == "gzip":
            body = gzip.decompress(body)
        elif packed == "deflate":
            body = zlib.decompress(body)
        decode = {PROTOBUF: from_protobuf, JSON: from_json}.get(content_type(request.headers))
        return None if decode is None else decode(signal.request, body)
    except (OSError, EOFError, zlib.error, ValueError, DecodeError, json_format.ParseError):
        return None


def encoded(response: Message, request: Request) -> bytes:
    """Return a response in the encoding of the request that it answers."""
    if content_type(request.headers) == JSON:
        return json_format.MessageToJson(response).encode()
    return response.SerializeToString()
