"""Protobuf messages of OTLP: responses, and encoded requests.

Each signal's messages are loaded when they are used: an export of spans does not need the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flow_telemetry.telemetry import EncodedRequest, Signal

if TYPE_CHECKING:
    from google.protobuf.message import Message


def new_request(signal: Signal) -> Any:
    """Return an empty request of a signal, such as an `ExportTraceServiceRequest`."""
    return _service(signal)[0]()


def new_response(signal: Signal) -> Any:
    """Return an empty response of a signal, such as an `ExportTraceServiceResponse`."""
    return _service(signal)[1]()


def decode_request(encoded: EncodedRequest) -> Message:
    """Return the message of an encoded request.

    Raises:
        ValueError: it is not a request of that signal.
    """
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    request: Message = new_request(encoded.signal)
    try:
        request.ParseFromString(encoded.body)
    except DecodeError as error:
        raise ValueError(f"not a request for {encoded.signal.value}") from error
    return request


def _service(signal: Signal) -> tuple[Any, Any]:
    """Return the classes of a signal's request and response."""
    if signal is Signal.TRACES:
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # noqa: PLC0415

        service = trace_service_pb2
        return service.ExportTraceServiceRequest, service.ExportTraceServiceResponse
    if signal is Signal.LOGS:
        from opentelemetry.proto.collector.logs.v1 import logs_service_pb2  # noqa: PLC0415

        logs = logs_service_pb2
        return logs.ExportLogsServiceRequest, logs.ExportLogsServiceResponse
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2  # noqa: PLC0415

    metrics = metrics_service_pb2
    return metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse
