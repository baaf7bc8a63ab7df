"""One request to one target, and its answer as a value: nothing else is sent, nothing is hidden."""

from __future__ import annotations

from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.auth import HTTPBasicAuth
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from flow_telemetry import __version__
from flow_telemetry.bounded import BoundedAdapter
from flow_telemetry.broken import keep_silent
from flow_telemetry.clock import Deadline
from flow_telemetry.export.answer import Answer, Trouble
from flow_telemetry.export.troubles import out_of_time, trouble_of
from flow_telemetry.telemetry import SignalTarget

MOST_BODY_BYTES = 64 * 1024


class RecordingSession(requests.Session):
    """A session for one target that sends its headers only, and keeps the answers as values.

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

    def exchange(self, body: bytes) -> Answer:
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
            found, detail = trouble_of(error)
            return Answer(trouble=self._or_deadline(found), detail=detail, seconds=seconds)
        kept, cut = _read(response)
        return Answer(
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            location=response.headers.get("location", ""),
            retry_after=response.headers.get("retry-after", ""),
            body=kept[:MOST_BODY_BYTES],
            truncated=len(kept) > MOST_BODY_BYTES,
            trouble=self._or_deadline(cut),
            seconds=seconds,
        )

    def resolve_redirects(self, *_: Any, **__: Any) -> Any:
        """Follow none; requests would read the whole body of a redirect just to look at it."""
        return iter(())

    def _or_deadline(self, trouble: Trouble | None) -> Trouble | None:
        """Tell a slow endpoint from one that was given less than its time."""
        if trouble in (Trouble.TIMEOUT, Trouble.CONNECT_TIMEOUT) and self._deadline.expired:
            return out_of_time(self._deadline)
        return trouble


def _read(response: requests.Response) -> tuple[bytes, Trouble | None]:
    """Read one byte more than is kept, which tells whether there was more."""
    try:
        return response.raw.read(MOST_BODY_BYTES + 1, decode_content=True), None
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        return b"", trouble_of(error)[0]
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
