"""OpenTelemetry's OTLP/HTTP exporters with our own transport.

The SDK's transport hides the difference between a success and a login page, and has its own rules
for retries. So each exporter gets a session that sends through our transport: `ExporterSession`.

The SDK is loaded when the first item of a signal is sent, or earlier by `preload` in a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

import requests

from flow_telemetry.http.errors import NetworkErrorKind, keep_silent
from flow_telemetry.http.response import Response
from flow_telemetry.otlp.response import Attempt
from flow_telemetry.telemetry import Signal, SignalTarget

SendBody = Callable[[bytes], Attempt]


class SdkExporter:
    """The exporter of one signal. It is used by one thread at a time.

    ``send`` sends the body of a request, not yet compressed, with all its retries.
    """

    def __init__(self, target: SignalTarget, send: SendBody) -> None:
        """Load the SDK for the signal; send nothing yet."""
        self._session = ExporterSession(send)
        self._export = _load_exporter(target.signal)(target.url, self._session)

    def export(self, items: Sequence[Any]) -> Attempt:
        """Send the items of the signal in one request, and return the attempt.

        The attempt is the session's: the exporter treats every 2xx and 3xx status as a success,
        and may fail without a request.
        """
        session = self._session
        # The result without a request: an id that is not hexadecimal, or a time beyond 64 bits.
        session.attempt = Attempt(response=Response(error=NetworkErrorKind.ENCODING))
        session.error = None
        with suppress(ValueError):
            self._export(items)
        if session.error is not None:
            raise session.error
        return session.attempt


class ExporterSession(requests.Session):
    """The session of an exporter of the SDK. It uses nothing but the body of a request.

    The exporter would add the job's headers from OTEL_EXPORTER_OTLP_HEADERS to each request, and
    overwrite `verify` and `cert`.
    """

    def __init__(self, send: SendBody) -> None:
        """Open no connection."""
        super().__init__()
        self._send = send
        self.attempt = Attempt(response=Response(error=NetworkErrorKind.OTHER))
        self.error: Exception | None = None

    def request(self, method: str | bytes, url: str | bytes, *_: Any, **options: Any) -> Any:  # noqa: ARG002
        """Send a body with all retries, and record the attempt.

        Raises:
            NotDelivered: the last response was not a success. The SDK retries the exceptions of
                requests only, so it does not retry after this one.
        """
        try:
            self.attempt = self._send(options["data"])
        except Exception as error:  # noqa: BLE001
            # `export` raises it again: the SDK would treat it as a failure of the backend.
            self.error = error
            raise NotDelivered from None
        status = self.attempt.response.status
        if not 200 <= status < 300:
            raise NotDelivered
        response = requests.Response()
        response.status_code = status
        return response


class NotDelivered(Exception):
    """A request failed; the session's attempt contains the reason."""


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
