"""The SDK's exporter on a session of ours, so that what it hides can be judged.

The exporter encodes, compresses and tries again. The session decides what is sent and for how
long, keeps every answer, and ends the tries that lead nowhere.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from requests.auth import HTTPBasicAuth
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from flow_telemetry import __version__
from flow_telemetry.bounded import BoundedAdapter
from flow_telemetry.clock import Deadline
from flow_telemetry.export.answer import Answer, Attempt, Trouble
from flow_telemetry.export.encode import encoding_of
from flow_telemetry.export.intake import Item
from flow_telemetry.export.troubles import trouble_of
from flow_telemetry.telemetry import Signal, SignalTarget

MOST_BODY_BYTES = 64 * 1024
# The exporter would try a dead endpoint for 31 s; a second and a third try tell enough.
_MOST_TRIES = {
    Trouble.REFUSED: 3,
    Trouble.NAME: 3,
    Trouble.UNREACHABLE: 3,
    Trouble.CLOSED: 3,
    Trouble.CONNECT_TIMEOUT: 2,
    Trouble.TIMEOUT: 2,
}
# For a batch with all its retries, where no deadline bounds it: a Retry-After may ask for a day.
LONGEST_BATCH_SECONDS = 120.0
_COMPRESSIONS = {
    "gzip": Compression.Gzip,
    "deflate": Compression.Deflate,
    "none": Compression.NoCompression,
}


class GivenUp(Exception):
    """Ends the exporter's tries: it tries again after requests' own exceptions only."""


class OtlpSender:
    """Delivers batches of a signal to one target, one at a time: each thread has its own."""

    def __init__(self, target: SignalTarget, deadline: Deadline) -> None:
        """Open nothing yet."""
        _keep_libraries_silent()
        self._target = target
        self._deadline = deadline
        self._session = RecordingSession(target, deadline)
        self._new_exporter = _exporter_of(target.signal)
        self._encoding = encoding_of(target.signal)

    def deliver(self, items: Sequence[Item]) -> Attempt:
        """Send one request with the items, again where that may help, until the deadline."""
        session = self._session
        session.begin()
        exporter = self._new_exporter(
            endpoint=self._target.url,
            timeout=self._deadline.remaining(LONGEST_BATCH_SECONDS),
            compression=_COMPRESSIONS[self._target.compression],
            session=session,
            max_request_size=0,
        )
        exporter.export(self._encoding.readable(items))
        return Attempt(
            answer=session.answers[-1] if session.answers else Answer(trouble=Trouble.ENCODING),
            requests=session.sent,
            bytes_sent=session.bytes_sent,
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _exporter_of(signal: Signal) -> Any:
    """The SDK's exporter of a signal; the other two are not loaded."""
    if signal is Signal.TRACES:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )

        return OTLPSpanExporter
    if signal is Signal.LOGS:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import (  # noqa: PLC0415
            OTLPLogExporter,
        )

        return OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415
        OTLPMetricExporter,
    )

    return OTLPMetricExporter


class RecordingSession(requests.Session):
    """A session for one target that sends its headers only, and keeps the answers as values.

    The exporter merges OTEL_EXPORTER_OTLP_HEADERS into what it asks to send, and requests adds
    credentials of ~/.netrc: neither was meant for this target. Proxies and certificate
    authorities of the environment are honoured.
    """

    def __init__(self, target: SignalTarget, deadline: Deadline) -> None:
        """Open nothing yet."""
        super().__init__()
        self.headers.clear()
        self.auth = _url_credentials(target)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._sent_headers = _headers(target)
        self._timeout = target.timeout
        self._deadline = deadline
        self._adapter = BoundedAdapter(deadline)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)
        self.begin()

    def begin(self) -> None:
        """Forget the answers of the batch before."""
        self.answers: list[Answer] = []
        self.sent = 0
        self.bytes_sent = 0

    def request(
        self,
        method: str | bytes,
        url: str | bytes,
        *args: Any,  # noqa: ARG002
        **kwargs: Any,
    ) -> requests.Response:
        """Send the body that the exporter made, with our headers, within our time.

        Raises:
            requests.ConnectionError: no answer came, and another try may help.
            GivenUp: no answer came, and no other try will help.
        """
        seconds = self._deadline.remaining(self._timeout)
        if seconds <= 0:
            # An answer to an earlier try says more than that there is no time for another.
            self.answers = self.answers or [Answer(trouble=Trouble.DEADLINE)]
            raise GivenUp(Trouble.DEADLINE.name)
        self._adapter.limit = Deadline.after(self._deadline.clock, seconds)
        body: bytes = kwargs.get("data") or b""
        self.sent += 1
        self.bytes_sent += len(body)
        answer, retry_after = self._exchange(method, url, body, seconds)
        self.answers.append(answer)
        if answer.trouble is not None and not _is_failure(answer.status):
            raise self._end_of_try(answer.trouble)
        return _as_exporter_sees(answer, retry_after)

    def resolve_redirects(self, *_: Any, **__: Any) -> Any:
        """Follow none; requests would read the whole body of a redirect just to look at it."""
        return iter(())

    def _exchange(
        self, method: str | bytes, url: str | bytes, body: bytes, seconds: float
    ) -> tuple[Answer, str | None]:
        """Send one request; return the answer and its Retry-After."""
        try:
            response = super().request(
                method,
                url,
                data=body,
                headers=self._sent_headers,
                timeout=seconds,
                allow_redirects=False,
                stream=True,
                # Named, or REQUESTS_CA_BUNDLE would win over OTEL_EXPORTER_OTLP_CERTIFICATE.
                verify=self.verify,
            )
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            found, detail = trouble_of(error)
            trouble = self._or_deadline(found)
            return Answer(trouble=trouble, detail=detail, seconds=seconds), None
        kept, cut = _read(response)
        return Answer(
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            location=response.headers.get("location", ""),
            body=kept[:MOST_BODY_BYTES],
            truncated=len(kept) > MOST_BODY_BYTES,
            trouble=self._or_deadline(cut),
            seconds=seconds,
        ), response.headers.get("retry-after")

    def _or_deadline(self, trouble: Trouble | None) -> Trouble | None:
        """Tell a slow endpoint from one that was given less than its time."""
        if trouble in (Trouble.TIMEOUT, Trouble.CONNECT_TIMEOUT) and self._deadline.expired:
            return Trouble.DEADLINE
        return trouble

    def _end_of_try(self, trouble: Trouble) -> Exception:
        """Return what to raise for the last answer: another try is worth it, or none is."""
        if len(self.answers) < _MOST_TRIES.get(trouble, 0) and not self._deadline.expired:
            return requests.ConnectionError(trouble.name)
        return GivenUp(trouble.name)


def _is_failure(status: int | None) -> bool:
    """Whether the status alone says enough, whatever became of the body."""
    return status is not None and status >= HTTPStatus.MULTIPLE_CHOICES


def _read(response: requests.Response) -> tuple[bytes, Trouble | None]:
    """Read one byte more than is kept, which tells whether there was more."""
    try:
        return response.raw.read(MOST_BODY_BYTES + 1, decode_content=True), None
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        return b"", trouble_of(error)[0]
    finally:
        response.close()


def _as_exporter_sees(answer: Answer, retry_after: str | None) -> requests.Response:
    """The answer with what the exporter needs, and no word of the server that it could log."""
    status = answer.status or 0
    response = requests.Response()
    response.status_code = status
    response.reason = _phrase(status)
    response.raw = io.BytesIO(answer.body)
    if retry_after is not None:
        response.headers["Retry-After"] = retry_after
    return response


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


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


def _keep_libraries_silent() -> None:
    """Keep Python from writing the libraries' warnings to the terminal for want of a handler.

    What they warn of is told in the outcome; a program that sets up logging still gets them.
    """
    for name in ("opentelemetry", "urllib3"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
