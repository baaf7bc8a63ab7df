"""Network errors: the kind of an exception, what happened, and what to do."""

from __future__ import annotations

import http.client
import logging
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import requests
from urllib3 import exceptions as urllib3_exceptions

from flow_telemetry.errors import UnavailableError


class NetworkErrorKind(Enum):
    """Kinds of network errors: why no response came, or only a part of one."""

    REFUSED = auto()
    NAME = auto()
    NAME_TIMEOUT = auto()
    UNREACHABLE = auto()
    CONNECT_TIMEOUT = auto()
    TIMEOUT = auto()
    CLOSED = auto()
    CERTIFICATE = auto()
    TLS = auto()
    TLS_TO_PLAIN = auto()
    PLAIN_TO_TLS = auto()
    NOT_HTTP = auto()
    CONTRADICTION = auto()
    REDIRECTS = auto()
    PROXY = auto()
    CA_FILE = auto()
    HEADER = auto()
    URL = auto()
    ENCODING = auto()
    DEADLINE = auto()
    INTERRUPTED = auto()
    FAILED_BEFORE = auto()
    OTHER = auto()


class ContradictoryLengths(http.client.HTTPException):
    """A response has several `Content-Length` headers with different values.

    urllib3 raises the exception for a header that cannot be sent, and leaves the connection open.
    """


class ResolverTimeout(TimeoutError):
    """The resolver did not answer in time."""


class CertificateFileError(requests.RequestException):
    """A file of certificates of ours cannot be used: it is not a regular file, or too large."""


# OpenSSL's reasons if the other side does not speak TLS at all.
_NO_TLS_REASONS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
# OpenSSL's reasons if a file of ours is not a certificate or key.
_NO_CERTIFICATE_REASONS = {"NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "PEM_LIB"}
# A TLS alert, which a TLS port sends in plain text in response to HTTP.
_TLS_ALERT = "\x15\x03"

# In order of precedence: the first kind that occurs anywhere within an exception counts.
_KINDS: tuple[tuple[type[BaseException], NetworkErrorKind], ...] = (
    (ssl.SSLCertVerificationError, NetworkErrorKind.CERTIFICATE),
    (CertificateFileError, NetworkErrorKind.CA_FILE),
    (ResolverTimeout, NetworkErrorKind.NAME_TIMEOUT),
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
    (ContradictoryLengths, NetworkErrorKind.CONTRADICTION),
    (http.client.HTTPException, NetworkErrorKind.NOT_HTTP),
    (requests.TooManyRedirects, NetworkErrorKind.REDIRECTS),
    (requests.exceptions.InvalidURL, NetworkErrorKind.URL),
    (urllib3_exceptions.LocationParseError, NetworkErrorKind.URL),
    (requests.exceptions.InvalidHeader, NetworkErrorKind.HEADER),
    (UnicodeError, NetworkErrorKind.HEADER),
    (urllib3_exceptions.ProtocolError, NetworkErrorKind.CLOSED),
    (urllib3_exceptions.DecodeError, NetworkErrorKind.NOT_HTTP),
)


# Classification of the nested exceptions of requests and urllib3.
#
# Their texts are not shown, because they contain addresses, and those of proxies have credentials.

PROXY_ADVICE = (
    # No address as an example: the redaction would remove an address with a password.
    "Check HTTPS_PROXY and HTTP_PROXY. If it answered 407, they need the user and password of the "
    "proxy, before the host, with a colon between them and an at sign after them. If it answered "
    "403, the proxy blocks that host. NO_PROXY lists the hosts that need no proxy"
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
# The only place where http.client reports a proxy's response to CONNECT.
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
    """Keep a library's warnings off the terminal if the program has not set up logging.

    The outcome contains the same information.
    """
    logger = logging.getLogger(library)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def nested(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and all exceptions within it, however a library wrapped them."""
    pending: list[Any] = [error]
    seen: set[int] = set()
    while pending:
        inner = pending.pop(0)
        if not isinstance(inner, BaseException) or id(inner) in seen:
            continue
        seen.add(id(inner))
        yield inner
        pending += [*inner.args, getattr(inner, "reason", None), inner.__cause__, inner.__context__]


def proxy_problem(error: BaseException) -> str | None:
    """Return what the proxy did instead of connecting; None if the proxy is not the problem."""
    errors = list(nested(error))
    if any(map(_is_invalid_proxy_url, errors)):
        return _NOT_VALID
    if not any(isinstance(inner, _PROXY_KINDS) for inner in errors):
        # requests' exception for a scheme that needs another package.
        is_socks = isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in str(error)
        return _NO_SOCKS if is_socks else None
    for inner in errors:
        if status := _TUNNEL_STATUS.search(str(inner)):
            return f"{_ANSWERED} {status.group(1)}"
    return "it could not be reached"


def is_lasting(problem: str) -> bool:
    """Return whether a `proxy_problem` will occur again at the next try."""
    return problem in (_NOT_VALID, _NO_SOCKS) or problem.startswith(f"{_ANSWERED} 4")


def refused_certificate(error: BaseException) -> str | None:
    """Return OpenSSL's phrase for a certificate that was not accepted; None for other errors.

    An example is "certificate has expired"; the phrase for a mismatch names the host.
    """
    for inner in nested(error):
        if isinstance(inner, ssl.SSLCertVerificationError):
            return str(getattr(inner, "verify_message", "")).partition(", ")[0]
    return None


def extension_advice(phrase: str) -> str | None:
    """Return advice for a certificate that only a strict check refuses, by OpenSSL's phrase.

    Python 3.13 checks strictly by default, by RFC 5280 (`ssl.VERIFY_X509_STRICT`); curl, browsers
    and older Pythons do not. So an authority that works for them may fail here. Return None for
    other phrases.
    """
    extension = _EXTENSIONS.get(phrase.lower())
    if extension is None:
        return None
    return (
        f"Have {extension}. From version 3.13 on Python requires this (RFC 5280), while curl does "
        "not. Until then an older Python accepts the certificate, such as 3.12 by actions/"
        "setup-python before this step"
    )


def _is_invalid_proxy_url(error: BaseException) -> bool:
    """Whether a proxy's address is invalid: only then the argument is an exception of urllib3."""
    return isinstance(error, requests.exceptions.InvalidProxyURL) or (
        isinstance(error, requests.exceptions.InvalidURL)
        and any(isinstance(inner, urllib3_exceptions.LocationValueError) for inner in error.args)
    )


# Messages for network errors: what happened, and what to do.
#
# {server} is the server with its origin, {setting} the input or variable with its address, {after}
# the time limit if there is one, {detail} the detail of the error after a colon, if any, and
# {certificates} the variables that name a file of certificates.
_MESSAGES = {
    NetworkErrorKind.REFUSED: (
        "{server} refused the connection",
        "Nothing listens there: check the host and port in {setting}, and that the server runs "
        "where this job can reach it",
    ),
    NetworkErrorKind.NAME: (
        "the host name of {server} could not be resolved",
        "Check {setting} for a typing error; a private name needs a runner in the same network",
    ),
    NetworkErrorKind.NAME_TIMEOUT: (
        "the resolver did not answer for the host name of {server}",
        "Check the DNS servers of the runner, and {setting} for a name that they do not know",
    ),
    NetworkErrorKind.UNREACHABLE: (
        "{server} cannot be reached from here",
        "Check the host and port in {setting}, and the network of the runner",
    ),
    NetworkErrorKind.CONNECT_TIMEOUT: (
        "connecting to {server} timed out{after}",
        "A firewall may drop the runner's packets: check the host and port in {setting}, and "
        "whether the server admits this runner",
    ),
    NetworkErrorKind.TIMEOUT: (
        "the response of {server} timed out{after}",
        "The server or a proxy in front of it is overloaded, or no HTTP server listens on that "
        "port",
    ),
    NetworkErrorKind.CLOSED: (
        "{server} closed the connection before the response was complete",
        "The server or a proxy in front of it failed, or the port speaks another protocol: check "
        "the port in {setting}, and that the address begins with https:// if the port uses TLS",
    ),
    NetworkErrorKind.CERTIFICATE: (
        "the certificate of {server} was not accepted{detail}",
        "If a private authority signed it, such as that of a proxy that opens TLS, name the "
        "authority's file in {certificates}. Else check the host in {setting}, and whether the "
        "certificate has expired",
    ),
    NetworkErrorKind.TLS: (
        "the TLS handshake with {server} failed{detail}",
        "Check the port in {setting}",
    ),
    NetworkErrorKind.TLS_TO_PLAIN: (
        "{server} speaks plain HTTP, not TLS, on that port",
        "Let {setting} begin with http://, or use the port for TLS",
    ),
    NetworkErrorKind.PLAIN_TO_TLS: (
        "{server} asks for TLS on that port",
        "Let {setting} begin with https://",
    ),
    NetworkErrorKind.NOT_HTTP: (
        "{server} answered something that is not HTTP/1.1",
        "Check the port in {setting}",
    ),
    NetworkErrorKind.CONTRADICTION: (
        "the response of {server} has several Content-Length headers with different values",
        "The server or a proxy in front of it is faulty: fix it, or check the host and port in "
        "{setting}",
    ),
    NetworkErrorKind.REDIRECTS: (
        "{server} redirects a request again and again, as in a circle",
        "Check {setting}, and the redirects of the server or of a proxy in front of it",
    ),
    NetworkErrorKind.PROXY: (
        "the proxy on the way to {server} did not connect{detail}",
        PROXY_ADVICE,
    ),
    NetworkErrorKind.CA_FILE: (
        "the certificates for {server} could not be read",
        "Check the files in {certificates}: regular files in PEM of at most 16 MiB",
    ),
    NetworkErrorKind.HEADER: (
        "a header for {server} cannot be sent",
        "A header contains a character that HTTP does not allow, such as a line break",
    ),
    NetworkErrorKind.URL: (
        "{server} is not an address that a request can be sent to",
        "Check {setting}",
    ),
    NetworkErrorKind.ENCODING: (
        "a request for {server} could not be encoded",
        "This is a bug in this program: please report it",
    ),
    NetworkErrorKind.DEADLINE: (
        "the time for everything (`timeout`) ended before {server} had answered",
        "Raise `timeout`, or find out why the server takes long",
    ),
    NetworkErrorKind.INTERRUPTED: (
        "the program was cancelled (a cancelled step, or Ctrl-C) before {server} had answered",
        "Spooled items can be sent later with flow-telemetry replay",
    ),
    NetworkErrorKind.FAILED_BEFORE: (
        "nothing was sent to {server}, because an earlier command of this job could not send",
        "Spooled items can be sent later with flow-telemetry replay",
    ),
    NetworkErrorKind.OTHER: (
        "a request to {server} failed{detail}",
        "This kind of failure is unknown: please report it",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server as messages name it: ``name`` alone, ``place`` with its origin.

    ``setting`` is the input or variable that contains the address. ``certificates`` are the
    variables that name a file of certificates. ``hints`` are further advice for some errors.
    """

    name: str
    place: str
    setting: str
    certificates: str = "SSL_CERT_FILE or REQUESTS_CA_BUNDLE"
    hints: Mapping[NetworkErrorKind, str] = field(default_factory=dict)


class UnreachedError(UnavailableError):
    """No response came."""


def describe_network_error(
    kind: NetworkErrorKind, server: Server, *, detail: str = "", seconds: float = 0.0
) -> tuple[str, str]:
    """Return what happened and what to do.

    ``detail`` is that of `classify_network_error`, and ``seconds`` the time limit of the request;
    0 is not mentioned.
    """
    problem, advice = _MESSAGES[kind]
    if kind is NetworkErrorKind.CERTIFICATE:
        advice = extension_advice(detail) or advice
    texts = {
        "server": server.place,
        "setting": server.setting,
        "after": f" after {seconds:.3g} s" if seconds else "",
        "detail": f": {detail}" if detail else "",
        "certificates": server.certificates,
    }
    hint = f". {server.hints[kind]}" if kind in server.hints else ""
    return problem.format(**texts), advice.format(**texts) + hint


def asks_for_credentials(server: str, what: str) -> str:
    """Return the message for a status 407, which only a proxy sends."""
    return f"the proxy on the way to {server} answered 407 in place of {what}. {PROXY_ADVICE}"


def classify_network_error(error: BaseException) -> tuple[NetworkErrorKind, str]:
    """Return the kind of a network error, and a detail without addresses, or an empty text.

    The detail is OpenSSL's phrase, what the proxy did, or the name of an exception.
    """
    proxy = proxy_problem(error)
    if proxy is not None:
        return NetworkErrorKind.PROXY, proxy
    errors = list(nested(error))
    kind_by_message = next(filter(None, map(_classify_by_message, errors)), None)
    if kind_by_message is not None:
        return kind_by_message, ""
    for exception, kind in _KINDS:
        if any(isinstance(inner, exception) for inner in errors):
            reasons = (_reason(inner) for inner in errors if isinstance(inner, ssl.SSLError))
            return kind, refused_certificate(error) or next(reasons, "")
    if type(error) is OSError:
        # requests has no exception for a CA bundle or client certificate that does not exist.
        return NetworkErrorKind.CA_FILE, ""
    return NetworkErrorKind.OTHER, type(error).__name__


def _classify_by_message(error: BaseException) -> NetworkErrorKind | None:
    """The kind, if only the message of OpenSSL or of the server distinguishes it."""
    if isinstance(error, ssl.SSLError) and _reason(error) in _NO_TLS_REASONS:
        return NetworkErrorKind.TLS_TO_PLAIN
    if isinstance(error, ssl.SSLError) and _reason(error) in _NO_CERTIFICATE_REASONS:
        return NetworkErrorKind.CA_FILE
    if isinstance(error, http.client.BadStatusLine) and _TLS_ALERT in str(error):
        return NetworkErrorKind.PLAIN_TO_TLS
    return None


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's name of the reason; Python's own errors do not have one."""
    return getattr(error, "reason", None) or ""
