"""OpenTelemetry's OTLP/HTTP exporters, sending through a transport of ours.

The SDK's transport hides what tells a delivery from a login page, and repeats requests by rules of
its own, so it is given a session that never leaves anything to it: see `ExporterSession`.

The SDK is loaded when the first item of a signal is sent, or by `preload` in a thread before that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

import requests

from flow_telemetry.http.errors import NetworkErrorKind, keep_silent
from flow_telemetry.otlp.response import Attempt, OtlpResponse
from flow_telemetry.telemetry import Signal, SignalTarget

SendBody = Callable[[bytes], Attempt]


class SdkExporter:
    """The exporter of one signal. It is used by one thread at a time.

    ``send`` sends the body of a request, not yet compressed, with all its retries.
    """

    def __init__(self, target: SignalTarget, send: SendBody) -> None:
        """Load what the signal needs of the SDK; send nothing yet."""
        self._session = ExporterSession(send)
        self._export = _maker_of(target.signal)(target.url, self._session)

    def export(self, items: Sequence[Any]) -> Attempt:
        """Send the items of the signal in one request and return what came of it.

        The exporter's own result says too little: 2xx and 3xx are success to it, and a failure may
        come without a request. Only what the session saw counts.
        """
        session = self._session
        # Until there is a request: an id may not be hexadecimal, or a time not have 64 bits.
        session.attempt, session.fault = (
            Attempt(response=OtlpResponse(error=NetworkErrorKind.ENCODING)),
            None,
        )
        with suppress(ValueError):
            self._export(items)
        if session.fault is not None:
            raise session.fault
        return session.attempt


class ExporterSession(requests.Session):
    """The session that an exporter of the SDK is given.

    The exporter adds headers of OTEL_EXPORTER_OTLP_HEADERS, the job's own, to each request, and
    overwrites `verify` and `cert`: nothing of that is looked at, only the body.
    """

    def __init__(self, send: SendBody) -> None:
        """Open nothing."""
        super().__init__()
        self._send = send
        self.attempt = Attempt(response=OtlpResponse(error=NetworkErrorKind.OTHER))
        self.fault: Exception | None = None

    def request(self, method: str | bytes, url: str | bytes, *_: Any, **given: Any) -> Any:  # noqa: ARG002
        """Send a body and note what came of it, the final response after all retries.

        Raises:
            NotDelivered: there was no success. It is not one of requests' errors, and the SDK
                repeats no other requests, neither at once nor after a pause.
        """
        try:
            self.attempt = self._send(given["data"])
        except Exception as error:  # noqa: BLE001  It is raised again, past the SDK,
            # which would take it for a failure of the backend.
            self.fault = error
            raise NotDelivered from None
        status = self.attempt.response.status
        if status is None or not 200 <= status < 300:
            raise NotDelivered
        response = requests.Response()
        response.status_code = status
        return response


class NotDelivered(Exception):
    """A request had no success; the session's attempt says why."""


def preload(signals: Collection[Signal]) -> threading.Thread:
    """Load in a thread what most exports need of the SDK, while something else is waited for.

    An export that sends no log records needs nothing for them; they are left to the first.
    """
    wanted = [signal for signal in (Signal.TRACES, Signal.METRICS) if signal in signals]

    def load() -> None:
        # Whoever sends imports it again and reports the failure; a thread would print a traceback.
        with suppress(Exception):
            for signal in wanted:
                _maker_of(signal)

    thread = threading.Thread(target=load, name="sdk-preload", daemon=True)
    thread.start()
    return thread


def _maker_of(signal: Signal) -> Callable[[str, requests.Session], Any]:
    """The function that makes the exporter of a signal, in the module that loads the SDK for it."""
    keep_silent("opentelemetry")
    if signal is Signal.TRACES:
        from flow_telemetry.otlp.sdk_spans import span_exporter  # noqa: PLC0415

        return span_exporter
    if signal is Signal.LOGS:
        from flow_telemetry.otlp.sdk_logs import log_exporter  # noqa: PLC0415

        return log_exporter
    from flow_telemetry.otlp.sdk_metrics import metric_exporter  # noqa: PLC0415

    return metric_exporter
