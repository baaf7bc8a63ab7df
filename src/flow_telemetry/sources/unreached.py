"""Why a server that is read from gave no answer at all, in words."""

from __future__ import annotations

from flow_telemetry.broken import (
    PROXY_ADVICE,
    by_a_proxy,
    extension_advice,
    is_lasting,
    refused_certificate,
)
from flow_telemetry.errors import UnavailableError


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
