"""Network errors: the kind of an exception, what happened, and what to do."""

from __future__ import annotations

import http.client
import logging
import re
import socket
import ssl
from collections.abc import Iterator
from enum import Enum, auto
from typing import Any

import requests
from urllib3 import exceptions as urllib3_exceptions

from flow_telemetry.errors import UnavailableError


class NetworkErrorKind(Enum):
    """Kinds of network errors: why no response came, or only a part of one."""

    REFUSED = auto()
    NAME = auto()
    UNREACHABLE = auto()
    CONNECT_TIMEOUT = auto()
    TIMEOUT = auto()
    CLOSED = auto()
    CERTIFICATE = auto()
    TLS = auto()
    TLS_TO_PLAIN = auto()
    PLAIN_TO_TLS = auto()
    NOT_HTTP = auto()
    PROXY = auto()
    CA_FILE = auto()
    HEADER = auto()
    URL = auto()
    ENCODING = auto()
    DEADLINE = auto()
    INTERRUPTED = auto()
    OTHER = auto()


# What OpenSSL says where the other side does not speak TLS at all.
_NO_TLS_REASONS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
# What it says of a file of ours that is no certificate, or no key.
_NO_CERTIFICATE_REASONS = {"NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "PEM_LIB"}
# An alert of TLS, sent in the clear to one who speaks HTTP to a TLS port.
_TLS_ALERT = "\x15\x03"

# In this order: the first kind that is found anywhere within an exception counts.
_KINDS: tuple[tuple[type[BaseException], NetworkErrorKind], ...] = (
    (ssl.SSLCertVerificationError, NetworkErrorKind.CERTIFICATE),
    (socket.gaierror, NetworkErrorKind.NAME),
    (urllib3_exceptions.NameResolutionError, NetworkErrorKind.NAME),
    (requests.exceptions.ConnectTimeout, NetworkErrorKind.CONNECT_TIMEOUT),
    (urllib3_exceptions.ReadTimeoutError, NetworkErrorKind.TIMEOUT),
    (requests.exceptions.Timeout, NetworkErrorKind.TIMEOUT),
    (TimeoutError, NetworkErrorKind.TIMEOUT),
    (ConnectionRefusedError, NetworkErrorKind.REFUSED),
    # A connection that was cut during the handshake, by a restart for example, may succeed later.
    (ssl.SSLEOFError, NetworkErrorKind.CLOSED),
    (ssl.SSLZeroReturnError, NetworkErrorKind.CLOSED),
    (requests.exceptions.SSLError, NetworkErrorKind.TLS),
    (ssl.SSLError, NetworkErrorKind.TLS),
    (http.client.RemoteDisconnected, NetworkErrorKind.CLOSED),
    (ConnectionError, NetworkErrorKind.CLOSED),
    (urllib3_exceptions.NewConnectionError, NetworkErrorKind.UNREACHABLE),
    (http.client.IncompleteRead, NetworkErrorKind.CLOSED),
    (http.client.HTTPException, NetworkErrorKind.NOT_HTTP),
    (requests.exceptions.InvalidURL, NetworkErrorKind.URL),
    (urllib3_exceptions.LocationParseError, NetworkErrorKind.URL),
    (requests.exceptions.InvalidHeader, NetworkErrorKind.HEADER),
    (UnicodeError, NetworkErrorKind.HEADER),
    (urllib3_exceptions.ProtocolError, NetworkErrorKind.CLOSED),
    (urllib3_exceptions.DecodeError, NetworkErrorKind.NOT_HTTP),
)


# What kept a response from coming, out of the nested exceptions of requests and urllib3.
#
# Their texts are not shown: they name addresses, and those of proxies hold credentials.

PROXY_ADVICE = (
    # No address as an example: what looks like one with a password is taken out where it is shown.
    "Check HTTPS_PROXY and HTTP_PROXY: where it answered 407, they are to hold its user and "
    "password, before the host, with a colon between them and an at sign after them; where it "
    "answered 403, it lets nobody through to that host. NO_PROXY lists the hosts that need none"
)
_PROXY_KINDS = (
    requests.exceptions.ProxyError,
    requests.exceptions.InvalidProxyURL,
    urllib3_exceptions.ProxyError,
)
_NOT_VALID = "its address is not valid"
_NO_SOCKS = "SOCKS is not supported"
_ANSWERED = "it answered"
# OpenSSL's phrases (crypto/x509/x509_txt.c), and the remedy for each as openssl.cnf writes it.
_AUTHORITY = "the authority's certificate issued again with the extension"
_EXTENSIONS = {
    "ca cert does not include key usage extension": (
        f"{_AUTHORITY} keyUsage (keyUsage = critical, keyCertSign, cRLSign)"
    ),
    "basic constraints of ca cert not marked critical": (
        f"{_AUTHORITY} basicConstraints marked critical (basicConstraints = critical, CA:TRUE)"
    ),
    "invalid ca certificate": (
        f"{_AUTHORITY} basicConstraints (basicConstraints = critical, CA:TRUE), and keyUsage "
        "(keyUsage = critical, keyCertSign, cRLSign); a server's certificate has no keyCertSign"
    ),
    "missing subject key identifier": (
        f"{_AUTHORITY} subjectKeyIdentifier (subjectKeyIdentifier = hash)"
    ),
    "missing authority key identifier": (
        "the server's certificate, and those between it and the authority, issued again with the "
        "extension authorityKeyIdentifier (authorityKeyIdentifier = keyid)"
    ),
}
# http.client's only word for what a proxy answered to CONNECT.
_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (\d{3})\b")


TLS_KINDS = frozenset(
    {
        NetworkErrorKind.CERTIFICATE,
        NetworkErrorKind.TLS,
        NetworkErrorKind.TLS_TO_PLAIN,
        NetworkErrorKind.PLAIN_TO_TLS,
    }
)


def keep_silent(library: str) -> None:
    """Keep Python from writing a library's warnings to the terminal for want of a handler.

    The outcome says what they warn of. A program that sets up logging still gets them.
    """
    logger = logging.getLogger(library)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def nested(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and all that it wraps, in any of the ways that libraries wrap."""
    pending: list[Any] = [error]
    seen: set[int] = set()
    while pending:
        inner = pending.pop(0)
        if not isinstance(inner, BaseException) or id(inner) in seen:
            continue
        seen.add(id(inner))
        yield inner
        pending += [*inner.args, getattr(inner, "reason", None), inner.__cause__, inner.__context__]


def by_a_proxy(error: BaseException) -> str | None:
    """Return what a proxy did in place of making a connection; None where none is to blame."""
    errors = list(nested(error))
    if any(map(_of_a_wrong_address, errors)):
        return _NOT_VALID
    if not any(isinstance(inner, _PROXY_KINDS) for inner in errors):
        # requests' word for a scheme that it knows with further packages only.
        return _NO_SOCKS if _wants_socks(error) else None
    for inner in errors:
        if answered := _TUNNEL_STATUS.search(str(inner)):
            return f"{_ANSWERED} {answered.group(1)}"
    return "it could not be reached"


def is_lasting(proxy_problem: str) -> bool:
    """Return whether a proxy will do the same again, by what `by_a_proxy` tells."""
    return proxy_problem in (_NOT_VALID, _NO_SOCKS) or proxy_problem.startswith(f"{_ANSWERED} 4")


def refused_certificate(error: BaseException) -> str | None:
    """Return why the server's certificate was not accepted; None if that was not the problem.

    It is OpenSSL's fixed phrase, such as "certificate has expired"; a mismatch names the host.
    """
    for inner in nested(error):
        if isinstance(inner, ssl.SSLCertVerificationError):
            return str(getattr(inner, "verify_message", "")).partition(", ")[0]
    return None


def extension_advice(phrase: str) -> str | None:
    """Return what to do about a certificate that only a strict check refuses, by OpenSSL's phrase.

    Python 3.13 checks strictly by default, by RFC 5280 (`ssl.VERIFY_X509_STRICT`); curl, browsers
    and older Pythons do not. So an authority that works for them may fail here. None for phrases of
    other kinds.
    """
    extension = _EXTENSIONS.get(phrase.lower())
    if extension is None:
        return None
    return (
        f"Have {extension}. From version 3.13 on Python requires this (RFC 5280), while curl does "
        "not. Until then an older Python accepts the certificate, such as 3.12 by actions/"
        "setup-python before this step"
    )


def _of_a_wrong_address(error: BaseException) -> bool:
    """Return whether it is that of a proxy: for no other is the reason an exception."""
    if not isinstance(error, requests.exceptions.InvalidURL):
        return False
    return isinstance(error, requests.exceptions.InvalidProxyURL) or any(
        isinstance(inner, urllib3_exceptions.LocationValueError) for inner in error.args
    )


def _wants_socks(error: BaseException) -> bool:
    return isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in str(error)


# Why a server that is read from gave no response at all, in words.


class UnreachedError(UnavailableError):
    """No response came; the text is `unreached`'s."""


def unreached(server: str, what: str, error: Exception, *, named_by: str) -> str:
    """Return what happened and what to do.

    ``server`` is its name and address, without what is secret, ``what`` the thing that was to be
    read, ``named_by`` the input or variable with the address.
    """
    proxy = by_a_proxy(error)
    if proxy is not None:
        return (
            f"the proxy on the way to {server} did not make a connection for {what}: {proxy}. "
            f"{PROXY_ADVICE}"
        )
    phrase = refused_certificate(error)
    if phrase is not None:
        advice = extension_advice(phrase)
        if advice is not None:
            return f"the certificate of {server} was not accepted for {what}: {phrase}. {advice}"
        return (
            f"the certificate of {server} was not accepted for {what}: where a private authority "
            "signed it, as one of a proxy that opens TLS, name the file with that authority in "
            "SSL_CERT_FILE or REQUESTS_CA_BUNDLE"
        )
    return (
        f"{server} could not be reached for {what} ({type(error).__name__}): "
        f"check {named_by}, the network and the proxy"
    )


def asks_for_credentials(server: str, what: str) -> str:
    """Return what a status 407 means, which no server but a proxy answers."""
    return f"the proxy on the way to {server} answered 407 in place of {what}. {PROXY_ADVICE}"


def classify_network_error(error: BaseException) -> tuple[NetworkErrorKind, str]:
    """Return the kind of a network error, and a detail without addresses, or an empty text.

    The detail is OpenSSL's phrase, what the proxy did, or the name of an exception.
    """
    proxy = by_a_proxy(error)
    if proxy is not None:
        return NetworkErrorKind.PROXY, proxy
    errors = list(nested(error))
    named_by_message = next(filter(None, map(_classify_by_message, errors)), None)
    if named_by_message is not None:
        return named_by_message, ""
    for kind, network_error in _KINDS:
        for inner in errors:
            if isinstance(inner, kind):
                return network_error, _detail(error)
    if type(error) is OSError:
        # requests has no kind for a CA bundle or client certificate that is not there.
        return NetworkErrorKind.CA_FILE, ""
    return NetworkErrorKind.OTHER, type(error).__name__


def _classify_by_message(error: BaseException) -> NetworkErrorKind | None:
    """The kind, if only a word of OpenSSL or of the server distinguishes it."""
    if isinstance(error, ssl.SSLError) and _reason(error) in _NO_TLS_REASONS:
        return NetworkErrorKind.TLS_TO_PLAIN
    if isinstance(error, ssl.SSLError) and _reason(error) in _NO_CERTIFICATE_REASONS:
        return NetworkErrorKind.CA_FILE
    if isinstance(error, http.client.BadStatusLine) and _TLS_ALERT in str(error):
        return NetworkErrorKind.PLAIN_TO_TLS
    return None


def _detail(error: BaseException) -> str:
    phrase = refused_certificate(error)
    if phrase is not None:
        return phrase
    reasons = (_reason(inner) for inner in nested(error) if isinstance(inner, ssl.SSLError))
    return next(reasons, "")


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's word for it; an error that Python itself raises has none."""
    return getattr(error, "reason", None) or ""
