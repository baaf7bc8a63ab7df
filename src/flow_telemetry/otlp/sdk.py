"""OpenTelemetry's OTLP/HTTP exporters on a session that stores requests before they are sent.

The SDK's transport hides the difference between a success and a login page, and has its own rules
for retries. So each exporter gets a session that takes the body of its request: the program stores
it on disk, and sends it by its own transport.

The SDK is loaded when the first item of a signal is encoded, or earlier by `preload` in a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

import requests

from flow_telemetry.http.errors import keep_silent
from flow_telemetry.telemetry import EncodedRequest, Signal

# The exporter needs an address, which is not used.
_NOWHERE = "http://localhost"


class EncodingError(ValueError):
    """Items cannot be encoded: an id is not hexadecimal, a text or a time is out of range."""


class SdkEncoder:
    """The exporter of one signal, which encodes requests. It is used by one thread at a time."""

    def __init__(self, signal: Signal) -> None:
        """Load the SDK for the signal."""
        self._signal = signal
        self._session = ExporterSession()
        self._export = _load_exporter(signal)(_NOWHERE, self._session)

    def encode(self, items: Sequence[Any]) -> EncodedRequest:
        """Return the request of the items of the signal.

        Raises:
            EncodingError: the exporter made no request.
        """
        with suppress(ValueError):
            self._export(items)
        body = self._session.take()
        if body is None:
            raise EncodingError(f"{self._signal.value} cannot be encoded")
        return EncodedRequest(signal=self._signal, body=body, items=len(items))


class ExporterSession(requests.Session):
    """The session of an exporter of the SDK, which takes the body of a request and sends nothing.

    The exporter would add the job's headers from OTEL_EXPORTER_OTLP_HEADERS to each request, and
    overwrite `verify` and `cert`; a success is all that it may see, because it retries failures.
    """

    def __init__(self) -> None:
        """Open no connection."""
        super().__init__()
        self._body: bytes | None = None

    def take(self) -> bytes | None:
        """Return the body of the last request, once: the exporter fails in silence."""
        body, self._body = self._body, None
        return body

    def request(self, method: str | bytes, url: str | bytes, *_: Any, **options: Any) -> Any:  # noqa: ARG002
        """Take the body, and return a success."""
        self._body = options["data"]
        response = requests.Response()
        response.status_code = 200
        return response


def preload(signals: Collection[Signal]) -> threading.Thread:
    """Load the SDK for traces and metrics in a thread, while the caller waits for other things.

    Many exports send no log records, so their exporter is loaded with the first record.
    """
    preloaded = [signal for signal in (Signal.TRACES, Signal.METRICS) if signal in signals]

    def load() -> None:
        # A thread would print a traceback. The sender imports it again and reports the failure.
        with suppress(Exception):
            for signal in preloaded:
                _load_exporter(signal)

    thread = threading.Thread(target=load, name="sdk-preload", daemon=True)
    thread.start()
    return thread


def _load_exporter(signal: Signal) -> Callable[[str, requests.Session], Any]:
    """Load the SDK for a signal, and return the function that creates its exporter."""
    keep_silent("opentelemetry")
    if signal is Signal.TRACES:
        from flow_telemetry.otlp.sdk_spans import span_exporter  # noqa: PLC0415

        return span_exporter
    if signal is Signal.LOGS:
        from flow_telemetry.otlp.sdk_logs import log_exporter  # noqa: PLC0415

        return log_exporter
    from flow_telemetry.otlp.sdk_metrics import metric_exporter  # noqa: PLC0415

    return metric_exporter
