"""Exceptions → cause and advice."""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Iterator
from typing import Any

import requests
from urllib3 import exceptions as urllib3_exceptions

from flow_telemetry.errors import UnavailableError

# What kept an answer from coming, out of the nested exceptions of requests and urllib3.
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


def keep_silent(library: str) -> None:
    """Keep Python from writing a library's warnings to the terminal for want of a handler.

    The outcome says what they warn of. A program that sets up logging still gets them.
    """
    logger = logging.getLogger(library)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def nested(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and all that it wraps, in any of the ways that libraries wrap."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]


def by_a_proxy(error: BaseException) -> str | None:
    """Return what a proxy did in place of making a connection; None where none is to blame."""
    found = list(nested(error))
    if any(map(_of_a_wrong_address, found)):
        return _NOT_VALID
    if not any(isinstance(each, _PROXY_KINDS) for each in found):
        # requests' word for a scheme that it knows with further packages only.
        return _NO_SOCKS if _wants_socks(error) else None
    for each in found:
        if answered := _TUNNEL_STATUS.search(str(each)):
            return f"{_ANSWERED} {answered.group(1)}"
    return "it could not be reached"


def is_lasting(told: str) -> bool:
    """Return whether a proxy will do the same again, by what `by_a_proxy` tells."""
    return told in (_NOT_VALID, _NO_SOCKS) or told.startswith(f"{_ANSWERED} 4")


def refused_certificate(error: BaseException) -> str | None:
    """Return why the server's certificate was not accepted; None if that was not the problem.

    It is OpenSSL's fixed phrase, such as "certificate has expired"; a mismatch names the host.
    """
    for each in nested(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return str(getattr(each, "verify_message", "")).partition(", ")[0]
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
        isinstance(each, urllib3_exceptions.LocationValueError) for each in error.args
    )


def _wants_socks(error: BaseException) -> bool:
    return isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in str(error)


# Why a server that is read from gave no answer at all, in words.


class UnreachedError(UnavailableError):
    """No answer came; the text is `unreached`'s."""


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


def is_worth_another(error: Exception) -> bool:
    """Return whether the next try may fare better: what was refused once is refused again."""
    told = by_a_proxy(error)
    return refused_certificate(error) is None and (told is None or not is_lasting(told))


def asks_for_credentials(server: str, what: str) -> str:
    """Return what a status 407 means, which no server but a proxy answers."""
    return f"the proxy on the way to {server} answered 407 in place of {what}. {PROXY_ADVICE}"
