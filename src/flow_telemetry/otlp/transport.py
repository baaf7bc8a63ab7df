"""Delivery of a batch over OTLP/HTTP: one request, and its retries."""

from __future__ import annotations

import gzip
import random
import zlib
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
from flow_telemetry.http.retry import OTLP, parse_retry_after
from flow_telemetry.http.session import BoundedAdapter
from flow_telemetry.otlp.batch import Batch
from flow_telemetry.otlp.response import Attempt, OtlpResponse
from flow_telemetry.otlp.sdk import SdkExporter
from flow_telemetry.telemetry import SignalTarget


def out_of_time(deadline: Deadline) -> NetworkErrorKind:
    """Return the kind of error of a request that did not end before a deadline."""
    return NetworkErrorKind.DEADLINE if deadline.cut.at is None else NetworkErrorKind.INTERRUPTED


# One request to one target, and its response as a value: nothing else is sent, nothing is hidden.

MOST_BODY_BYTES = 64 * 1024


class RecordingSession(requests.Session):
    """A session for one target that sends its headers only, and returns responses as records.

    requests would add credentials of ~/.netrc, and cookies of a load balancer: neither is sent.
    Proxies and certificate authorities of the environment are honoured.
    """

    def __init__(self, target: SignalTarget, deadline: Deadline) -> None:
        """Open nothing yet."""
        super().__init__()
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
        self._adapter = BoundedAdapter(deadline)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)

    def send_request(self, body: bytes) -> OtlpResponse:
        """Send a body, compressed as the target wants it, and return what came of it.

        It takes no longer than the target's timeout, and ends at the deadline.
        """
        seconds = self._deadline.remaining(self._timeout)
        self._adapter.limit = Deadline.after(self._deadline.clock, seconds, self._deadline.cut)
        try:
            response = self.post(
                self._url,
                data=body,
                headers=self._sent_headers,
                timeout=seconds,
                allow_redirects=False,
                stream=True,
                # Named, or REQUESTS_CA_BUNDLE would win over OTEL_EXPORTER_OTLP_CERTIFICATE.
                verify=self.verify,
            )
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            found, detail = classify_network_error(error)
            return OtlpResponse(error=self._or_deadline(found), detail=detail, seconds=seconds)
        kept, cut = _read(response)
        return OtlpResponse(
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            location=response.headers.get("location", ""),
            retry_after=response.headers.get("retry-after", ""),
            body=kept[:MOST_BODY_BYTES],
            truncated=len(kept) > MOST_BODY_BYTES,
            error=self._or_deadline(cut),
            seconds=seconds,
        )

    def resolve_redirects(self, *_: Any, **__: Any) -> Any:
        """Follow none; requests would read the whole body of a redirect just to look at it."""
        return iter(())

    def _or_deadline(self, error: NetworkErrorKind | None) -> NetworkErrorKind | None:
        """Tell a slow endpoint from one that was given less than its time."""
        if (
            error in (NetworkErrorKind.TIMEOUT, NetworkErrorKind.CONNECT_TIMEOUT)
            and self._deadline.expired
        ):
            return out_of_time(self._deadline)
        return error


def _read(response: requests.Response) -> tuple[bytes, NetworkErrorKind | None]:
    """Read one byte more than is kept, which tells whether there was more."""
    try:
        return response.raw.read(MOST_BODY_BYTES + 1, decode_content=True), None
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        return b"", classify_network_error(error)[0]
    finally:
        response.close()


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
    """The `user:password@` of the address; any value keeps requests from reading ~/.netrc."""
    parts = urlsplit(target.url)
    if parts.username and "authorization" not in {name.lower() for name in target.headers}:
        return HTTPBasicAuth(unquote(parts.username), unquote(parts.password or ""))
    return _no_credentials


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


# When a request is sent again, by the policy `OTLP` of http/retry.py. Pure.


def is_worth_another(response: OtlpResponse, tries: int) -> bool:
    """Return whether a request is sent again after so many tries, the last with this response."""
    if response.status is not None and (response.error is None or response.status >= 300):
        # The status of a failure says enough, whatever became of its body.
        return response.status in OTLP.statuses and tries < OTLP.most_tries
    return response.error is not None and OTLP.retries_error(response.error, tries)


def pause(response: OtlpResponse, tries: int, *, now: datetime, chance: float) -> float:
    """Return the seconds to wait after so many tries; ``chance`` is a number from 0 to 1."""
    requested = parse_retry_after(response.retry_after, now)
    return OTLP.pause(tries, chance) if requested is None else requested


# Delivering batches: encoded by the SDK, compressed, sent, and sent again if that may help.

# For a batch with all its retries, where no deadline bounds it: a Retry-After may ask for a day.
LONGEST_BATCH_SECONDS = 120.0
# Level 6 takes half the time of 9, for a few more bytes in a hundred.
_LEVEL = 6


class OtlpSender:
    """Delivers requests of a signal to one target, one at a time: each thread has its own."""

    def __init__(self, target: SignalTarget, deadline: Deadline) -> None:
        """Open nothing yet."""
        self._target = target
        self._exporter: SdkExporter | None = None
        self._compression = target.compression
        self._deadline = deadline
        self._session = RecordingSession(target, deadline)

    def deliver(self, batch: Batch) -> Attempt:
        """Send a batch in one request, again if that may help, until the deadline.

        What is encoded already is sent as it is: to decode it into the SDK's objects would lose
        fields that the SDK does not know.
        """
        if batch.prepared is not None:
            return self._send(batch.prepared.body)
        if self._exporter is None:
            self._exporter = SdkExporter(self._target, self._send)
        return self._exporter.export(batch.items)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _send(self, body: bytes) -> Attempt:
        """Send the body of a request, in protobuf; the attempt holds the last response."""
        clock = self._deadline.clock
        seconds_left = self._deadline.remaining(LONGEST_BATCH_SECONDS)
        last = Deadline.after(clock, seconds_left, self._deadline.cut)
        compressed_body = compressed(body, self._compression)
        response, tries = OtlpResponse(error=out_of_time(self._deadline)), 0
        while not last.expired:
            response, tries = self._session.send_request(compressed_body), tries + 1
            if not is_worth_another(response, tries):
                break
            seconds = pause(response, tries, now=clock.now(), chance=random.random())  # noqa: S311
            if seconds >= last.remaining():
                break
            clock.sleep(seconds)
        return Attempt(response=response, requests=tries, bytes_sent=tries * len(compressed_body))


def compressed(body: bytes, compression: str) -> bytes:
    """Return a body packed by `gzip`, `deflate` or `none`; equal for equal bodies."""
    if compression == "gzip":
        return gzip.compress(body, _LEVEL, mtime=0)
    return zlib.compress(body, _LEVEL) if compression == "deflate" else body
