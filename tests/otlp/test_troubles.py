"""Every way in which a connection fails gets its name, without the exception's own text."""

from __future__ import annotations

import http.client
import socket
import ssl

import pytest
import requests
from urllib3 import exceptions as urllib3_exceptions

from flow_telemetry.http.errors import NetworkErrorKind, classify_network_error


def wrapped(error: Exception) -> requests.ConnectionError:
    """As requests raises what urllib3 raised."""
    return requests.ConnectionError(urllib3_exceptions.ProtocolError("aborted", error))


def certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "Hostname mismatch, certificate is not valid for 'secret.example'"
    return error


def ssl_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (wrapped(ConnectionRefusedError(111, "refused")), NetworkErrorKind.REFUSED),
        (wrapped(socket.gaierror(-2, "unknown")), NetworkErrorKind.NAME),
        (wrapped(ConnectionResetError(104, "reset")), NetworkErrorKind.CLOSED),
        (wrapped(http.client.RemoteDisconnected("gone")), NetworkErrorKind.CLOSED),
        (wrapped(http.client.IncompleteRead(b"x", 3)), NetworkErrorKind.CLOSED),
        (
            wrapped(http.client.BadStatusLine("\x15\x03\x01\x00\x02\x02\x16")),
            NetworkErrorKind.PLAIN_TO_TLS,
        ),
        (wrapped(http.client.BadStatusLine("\x00\x00\x12\x04")), NetworkErrorKind.NOT_HTTP),
        (requests.ConnectTimeout(), NetworkErrorKind.CONNECT_TIMEOUT),
        (requests.ReadTimeout(), NetworkErrorKind.TIMEOUT),
        (wrapped(TimeoutError()), NetworkErrorKind.TIMEOUT),
        (requests.exceptions.SSLError(certificate_error()), NetworkErrorKind.CERTIFICATE),
        (
            requests.exceptions.SSLError(ssl_error("WRONG_VERSION_NUMBER")),
            NetworkErrorKind.TLS_TO_PLAIN,
        ),
        (requests.exceptions.SSLError(ssl_error("TLSV13_ALERT")), NetworkErrorKind.TLS),
        (
            requests.exceptions.SSLError(ssl_error("NO_CERTIFICATE_OR_CRL_FOUND")),
            NetworkErrorKind.CA_FILE,
        ),
        (requests.exceptions.ProxyError("refused"), NetworkErrorKind.PROXY),
        (requests.exceptions.InvalidHeader("Authorization: secret"), NetworkErrorKind.HEADER),
        (UnicodeEncodeError("latin-1", "secret", 0, 1, "no"), NetworkErrorKind.HEADER),
        (requests.exceptions.InvalidURL("https://secret"), NetworkErrorKind.URL),
        (OSError("Could not find a suitable TLS CA certificate bundle"), NetworkErrorKind.CA_FILE),
        (ValueError("secret"), NetworkErrorKind.OTHER),
    ],
)
def test_an_exception_is_named(error: Exception, trouble: NetworkErrorKind) -> None:
    """However deep the cause is wrapped; and no text of it is passed on."""
    found, detail = classify_network_error(error)
    assert found is trouble
    assert "secret" not in detail


def test_a_proxys_refusal_tells_its_status() -> None:
    """Whether a proxy asks for credentials or forbids the host makes the difference."""
    error = requests.exceptions.ProxyError(OSError("Tunnel connection failed: 407 Secret words"))
    assert classify_network_error(error) == (NetworkErrorKind.PROXY, "it answered 407")


def test_what_a_proxy_did_is_told() -> None:
    """As the proxy's doing, whatever libraries call it."""
    unreachable = urllib3_exceptions.ProxyError("secret", ConnectionRefusedError(111, "refused"))
    socks = requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")
    wrong = requests.exceptions.InvalidProxyURL("secret")
    unparsed = requests.exceptions.InvalidURL(urllib3_exceptions.LocationParseError("secret"))
    assert [classify_network_error(each) for each in (unreachable, socks, wrong, unparsed)] == [
        (NetworkErrorKind.PROXY, "it could not be reached"),
        (NetworkErrorKind.PROXY, "SOCKS is not supported"),
        (NetworkErrorKind.PROXY, "its address is not valid"),
        (NetworkErrorKind.PROXY, "its address is not valid"),
    ]


def test_a_certificate_tells_what_is_wrong_with_it() -> None:
    """OpenSSL's fixed phrase is shown, without the name of the host."""
    error = requests.exceptions.SSLError(certificate_error())
    assert classify_network_error(error) == (NetworkErrorKind.CERTIFICATE, "Hostname mismatch")
