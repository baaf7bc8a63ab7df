"""The messages of OTLP that are not ours to make: responses, and requests of others.

A message is loaded when it is needed: an export with spans only needs none of the other signals.
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


def request_in(prepared: EncodedRequest) -> Message:
    """Return the message of a request that is encoded already.

    Raises:
        ValueError: it is not a request of that signal.
    """
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    request: Message = new_request(prepared.signal)
    try:
        request.ParseFromString(prepared.body)
    except DecodeError as error:
        raise ValueError(f"not a request for {prepared.signal.value}") from error
    return request


def _service(signal: Signal) -> tuple[Any, Any]:
    """The classes of a signal's request and response."""
    if signal is Signal.TRACES:
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # noqa: PLC0415

        service = trace_service_pb2
        return service.ExportTraceServiceRequest, service.ExportTraceServiceResponse
    if signal is Signal.LOGS:
        from opentelemetry.proto.collector.logs.v1 import logs_service_pb2  # noqa: PLC0415

        of_logs = logs_service_pb2
        return of_logs.ExportLogsServiceRequest, of_logs.ExportLogsServiceResponse
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2  # noqa: PLC0415

    of_metrics = metrics_service_pb2
    return of_metrics.ExportMetricsServiceRequest, of_metrics.ExportMetricsServiceResponse
