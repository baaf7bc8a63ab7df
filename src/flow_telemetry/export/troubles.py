"""Naming what kept an answer from coming; texts of exceptions are not used, see `broken`."""

from __future__ import annotations

import http.client
import socket
import ssl

import requests
from urllib3 import exceptions as urllib3_exceptions

from flow_telemetry.broken import by_a_proxy, nested, refused_certificate
from flow_telemetry.clock import Deadline
from flow_telemetry.export.answer import Trouble

# What OpenSSL says where the other side does not speak TLS at all.
_NO_TLS_REASONS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
# What it says of a file of ours that is no certificate, or no key.
_NO_CERTIFICATE_REASONS = {"NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "PEM_LIB"}
# An alert of TLS, sent in the clear to one who speaks HTTP to a TLS port.
_TLS_ALERT = "\x15\x03"

# In this order: an exception is told by the first kind that is found anywhere within it.
_KINDS: tuple[tuple[type[BaseException], Trouble], ...] = (
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


def out_of_time(deadline: Deadline) -> Trouble:
    """Return the trouble of what came to no end before a deadline."""
    return Trouble.DEADLINE if deadline.cut.at is None else Trouble.INTERRUPTED


def trouble_of(error: BaseException) -> tuple[Trouble, str]:
    """Return the kind of trouble, and a detail that is free of addresses, or an empty text."""
    proxy = by_a_proxy(error)
    if proxy is not None:
        return Trouble.PROXY, proxy
    found = list(nested(error))
    special = next(filter(None, map(_told_by_words, found)), None)
    if special is not None:
        return special, ""
    for kind, trouble in _KINDS:
        for each in found:
            if isinstance(each, kind):
                return trouble, _detail(error)
    if type(error) is OSError:
        # requests has no kind for a CA bundle or client certificate that is not there.
        return Trouble.CA_FILE, ""
    return Trouble.OTHER, type(error).__name__


def _told_by_words(error: BaseException) -> Trouble | None:
    """The trouble where its kind is told by a word of OpenSSL's or of the other side only."""
    if isinstance(error, ssl.SSLError) and _reason(error) in _NO_TLS_REASONS:
        return Trouble.TLS_TO_PLAIN
    if isinstance(error, ssl.SSLError) and _reason(error) in _NO_CERTIFICATE_REASONS:
        return Trouble.CA_FILE
    if isinstance(error, http.client.BadStatusLine) and _TLS_ALERT in str(error):
        return Trouble.PLAIN_TO_TLS
    return None


def _detail(error: BaseException) -> str:
    phrase = refused_certificate(error)
    if phrase is not None:
        return phrase
    of_tls = (_reason(each) for each in nested(error) if isinstance(each, ssl.SSLError))
    return next(of_tls, "")


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's word for it; an error that Python itself raises has none."""
    return getattr(error, "reason", None) or ""
