"""Naming what kept an answer from coming, out of the nested exceptions of requests and urllib3.

Their texts are not used: they name addresses, and some hold header values.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import requests
from urllib3 import exceptions as urllib3_exceptions

from flow_telemetry.export.answer import Trouble

# What OpenSSL says where the other side does not speak TLS at all.
_NO_TLS_REASONS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
# An alert of TLS, sent in the clear to one who speaks HTTP to a TLS port.
_TLS_ALERT = "\x15\x03"
# http.client's only word for what a proxy answered to CONNECT.
_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (\d{3})\b")

# In this order: an exception is told by the first kind that is found anywhere within it.
_KINDS: tuple[tuple[type[BaseException], Trouble], ...] = (
    (requests.exceptions.ProxyError, Trouble.PROXY),
    (requests.exceptions.InvalidProxyURL, Trouble.PROXY),
    (urllib3_exceptions.ProxyError, Trouble.PROXY),
    (ssl.SSLCertVerificationError, Trouble.CERTIFICATE),
    (socket.gaierror, Trouble.NAME),
    (urllib3_exceptions.NameResolutionError, Trouble.NAME),
    (requests.exceptions.ConnectTimeout, Trouble.CONNECT_TIMEOUT),
    (urllib3_exceptions.ReadTimeoutError, Trouble.TIMEOUT),
    (requests.exceptions.Timeout, Trouble.TIMEOUT),
    (TimeoutError, Trouble.TIMEOUT),
    (ConnectionRefusedError, Trouble.REFUSED),
    (requests.exceptions.SSLError, Trouble.TLS),
    (ssl.SSLError, Trouble.TLS),
    (http.client.RemoteDisconnected, Trouble.CLOSED),
    (ConnectionError, Trouble.CLOSED),
    (urllib3_exceptions.NewConnectionError, Trouble.UNREACHABLE),
    (http.client.IncompleteRead, Trouble.CLOSED),
    (http.client.HTTPException, Trouble.NOT_HTTP),
    (requests.exceptions.InvalidURL, Trouble.URL),
    (urllib3_exceptions.LocationParseError, Trouble.URL),
    (requests.exceptions.InvalidHeader, Trouble.HEADER),
    (UnicodeError, Trouble.HEADER),
    (urllib3_exceptions.ProtocolError, Trouble.CLOSED),
    (urllib3_exceptions.DecodeError, Trouble.NOT_HTTP),
)


def trouble_of(error: BaseException) -> tuple[Trouble, str]:
    """Return the kind of trouble, and a detail that is free of addresses, or an empty text."""
    nested = list(_nested(error))
    for each in nested:
        if isinstance(each, ssl.SSLError) and _reason(each) in _NO_TLS_REASONS:
            return Trouble.TLS_TO_PLAIN, ""
        if isinstance(each, http.client.BadStatusLine) and _TLS_ALERT in str(each):
            return Trouble.PLAIN_TO_TLS, ""
    for kind, trouble in _KINDS:
        for each in nested:
            if isinstance(each, kind):
                return trouble, _detail(trouble, nested)
    if type(error) is OSError:
        # requests has no kind for a CA bundle or client certificate that is not there.
        return Trouble.CA_FILE, ""
    return Trouble.OTHER, type(error).__name__


def _detail(trouble: Trouble, nested: list[BaseException]) -> str:
    for each in nested:
        if isinstance(each, ssl.SSLCertVerificationError):
            # OpenSSL's fixed phrase, such as "certificate has expired"; a mismatch names the host.
            return str(getattr(each, "verify_message", "")).partition(", ")[0]
        if isinstance(each, ssl.SSLError):
            return _reason(each)
        if trouble is Trouble.PROXY and (found := _TUNNEL_STATUS.search(str(each))):
            return f"it answered {found.group(1)}"
    return ""


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's word for it; an error that Python itself raises has none."""
    return getattr(error, "reason", None) or ""


def _nested(error: BaseException) -> Iterator[BaseException]:
    """The exception and all that it wraps, in any of the ways that libraries wrap."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
