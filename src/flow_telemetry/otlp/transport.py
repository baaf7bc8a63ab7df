"""Delivery over OTLP/HTTP: one request, and its retries."""

from __future__ import annotations

import random
from datetime import datetime
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.auth import HTTPBasicAuth
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from flow_telemetry import __version__
from flow_telemetry.clock import Deadline
from flow_telemetry.http.errors import NetworkErrorKind, classify_network_error, keep_silent
from flow_telemetry.http.response import Response
from flow_telemetry.http.retry import OTLP, parse_retry_after
from flow_telemetry.http.session import BoundedSession
from flow_telemetry.otlp.compression import encode_content
from flow_telemetry.otlp.response import Attempt
from flow_telemetry.telemetry import SignalTarget


def out_of_time(deadline: Deadline) -> NetworkErrorKind:
    """Return the kind of network error of a request that did not end before its deadline."""
    return (
        NetworkErrorKind.DEADLINE
        if deadline.cancellation.at is None
        else NetworkErrorKind.INTERRUPTED
    )


# One request to one target.

MOST_BODY_BYTES = 64 * 1024
_TIMEOUTS = (
    *(NetworkErrorKind.TIMEOUT, NetworkErrorKind.CONNECT_TIMEOUT),
    NetworkErrorKind.NAME_TIMEOUT,
)
_NETWORK_ERRORS = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError)


class OtlpSession(BoundedSession):
    """A session for one target that sends the target's headers only.

    requests would add credentials of ~/.netrc, and cookies of a load balancer: neither is sent.
    Proxies and certificate authorities of the environment are used.
    """

    def __init__(self, target: SignalTarget, deadline: Deadline) -> None:
        """Open no connection yet."""
        super().__init__(deadline)
        keep_silent("urllib3")
        self.headers.clear()
        self.auth = _url_credentials(target)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self.verify = target.certificate or True
        if target.client_certificate:
            key = target.client_key
            self.cert = (target.client_certificate, key) if key else target.client_certificate
        self._sent_headers = _headers(target)
        self._url = target.url
        self._timeout = target.timeout
        self._deadline = deadline

    def send_request(self, body: bytes) -> Response:
        """Send a compressed body; return the response, or the network error in its place.

        The request ends after the target's timeout, and at the deadline.
        """
        timeout = self._deadline.remaining(self._timeout)
        limit = Deadline.after(self._deadline.clock, timeout, self._deadline.cancellation)
        try:
            return self.run_bounded(self._url, limit, lambda: self._exchange(body, timeout))
        except _NETWORK_ERRORS as error:
            kind, detail = classify_network_error(error)
            return Response(error=self._or_deadline(kind), detail=detail, timeout=timeout)

    def _exchange(self, body: bytes, timeout: float) -> Response:
        response = self.post(
            self._url,
            data=body,
            headers=self._sent_headers,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
            # Explicit: else REQUESTS_CA_BUNDLE would override OTEL_EXPORTER_OTLP_CERTIFICATE.
            verify=self.verify,
        )
        content, body_error = b"", None
        try:
            # One more byte than is used shows whether the body is truncated.
            content = response.raw.read(MOST_BODY_BYTES + 1, decode_content=True)
        except _NETWORK_ERRORS as error:
            body_error = self._or_deadline(classify_network_error(error)[0])
        finally:
            response.close()
        return Response(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=content[:MOST_BODY_BYTES],
            truncated=len(content) > MOST_BODY_BYTES,
            error=body_error,
            timeout=timeout,
        )

    def resolve_redirects(self, *_: Any, **__: Any) -> Any:
        """Follow no redirect; requests would read the whole body of a redirect before."""
        return iter(())

    def _or_deadline(self, kind: NetworkErrorKind) -> NetworkErrorKind:
        """Replace a timeout if the deadline caused it, not the endpoint."""
        return out_of_time(self._deadline) if kind in _TIMEOUTS and self._deadline.expired else kind


def _headers(target: SignalTarget) -> CaseInsensitiveDict[str]:
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict(
        {"User-Agent": f"flow-telemetry/{__version__}"}
    )
    headers.update(target.headers)
    headers.pop("Content-Encoding", None)
    headers["Content-Type"] = "application/x-protobuf"
    if target.compression != "none":
        headers["Content-Encoding"] = target.compression
    return headers


def _url_credentials(target: SignalTarget) -> Any:
    """Return the `user:password@` of the address; any value stops requests reading ~/.netrc."""
    parts = urlsplit(target.url)
    if parts.username and "authorization" not in {name.lower() for name in target.headers}:
        return HTTPBasicAuth(unquote(parts.username), unquote(parts.password or ""))
    return lambda request: request


# Retries by the policy `OTLP` of http/retry.py.


def should_retry(response: Response, tries: int) -> bool:
    """Return whether a request is sent again after ``tries``, the last with this response."""
    if response.status and (response.error is None or response.status >= 300):
        # The status of a failure counts, even if its body is incomplete.
        return response.status in OTLP.statuses and tries < OTLP.most_tries
    return response.error is not None and OTLP.retries_error(response.error, tries)


def pause(response: Response, tries: int, *, now: datetime, chance: float) -> float:
    """Return the seconds to wait after ``tries``; ``chance`` is a number from 0 to 1."""
    requested = parse_retry_after(response.headers.get("retry-after"), now)
    return OTLP.pause(tries, chance) if requested is None else requested


# Delivery of requests, with retries.

# For a request with all its retries, without a deadline: a Retry-After may ask for a day.
LONGEST_BATCH_SECONDS = 120.0


class OtlpSender:
    """Delivers requests of a signal to one target, one at a time, from one thread."""

    def __init__(self, target: SignalTarget, deadline: Deadline) -> None:
        """Open no connection yet."""
        self._compression = target.compression
        self._deadline = deadline
        self._session = OtlpSession(target, deadline)

    def deliver(self, data: bytes) -> Attempt:
        """Send a request, its body in gzip, with retries until the deadline.

        The attempt contains the last response.
        """
        clock = self._deadline.clock
        seconds_left = self._deadline.remaining(LONGEST_BATCH_SECONDS)
        last = Deadline.after(clock, seconds_left, self._deadline.cancellation)
        content = encode_content(data, self._compression)
        response, tries = Response(error=out_of_time(self._deadline)), 0
        while not last.expired:
            response, tries = self._session.send_request(content), tries + 1
            if not should_retry(response, tries):
                break
            seconds = pause(response, tries, now=clock.now(), chance=random.random())  # noqa: S311
            if seconds >= last.remaining():
                break
            clock.sleep(seconds)
        return Attempt(response=response, requests=tries, bytes_sent=tries * len(content))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
