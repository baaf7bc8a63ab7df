"""Every way in which a connection fails gets its name, without the exception's own text."""

from __future__ import annotations

import http.client
import socket
import ssl

import pytest
import requests
from urllib3 import exceptions as urllib3_exceptions

from flow_telemetry.otlp.response import Trouble
from flow_telemetry.otlp.transport import trouble_of


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
        (wrapped(ConnectionRefusedError(111, "refused")), Trouble.REFUSED),
        (wrapped(socket.gaierror(-2, "unknown")), Trouble.NAME),
        (wrapped(ConnectionResetError(104, "reset")), Trouble.CLOSED),
        (wrapped(http.client.RemoteDisconnected("gone")), Trouble.CLOSED),
        (wrapped(http.client.IncompleteRead(b"x", 3)), Trouble.CLOSED),
        (wrapped(http.client.BadStatusLine("\x15\x03\x01\x00\x02\x02\x16")), Trouble.PLAIN_TO_TLS),
        (wrapped(http.client.BadStatusLine("\x00\x00\x12\x04")), Trouble.NOT_HTTP),
        (requests.ConnectTimeout(), Trouble.CONNECT_TIMEOUT),
        (requests.ReadTimeout(), Trouble.TIMEOUT),
        (wrapped(TimeoutError()), Trouble.TIMEOUT),
        (requests.exceptions.SSLError(certificate_error()), Trouble.CERTIFICATE),
        (requests.exceptions.SSLError(ssl_error("WRONG_VERSION_NUMBER")), Trouble.TLS_TO_PLAIN),
        (requests.exceptions.SSLError(ssl_error("TLSV13_ALERT")), Trouble.TLS),
        (requests.exceptions.SSLError(ssl_error("NO_CERTIFICATE_OR_CRL_FOUND")), Trouble.CA_FILE),
        (requests.exceptions.ProxyError("refused"), Trouble.PROXY),
        (requests.exceptions.InvalidHeader("Authorization: secret"), Trouble.HEADER),
        (UnicodeEncodeError("latin-1", "secret", 0, 1, "no"), Trouble.HEADER),
        (requests.exceptions.InvalidURL("https://secret"), Trouble.URL),
        (OSError("Could not find a suitable TLS CA certificate bundle"), Trouble.CA_FILE),
        (ValueError("secret"), Trouble.OTHER),
    ],
)
def test_an_exception_is_named(error: Exception, trouble: Trouble) -> None:
    """However deep the cause is wrapped; and no text of it is passed on."""
    found, detail = trouble_of(error)
    assert found is trouble
    assert "secret" not in detail


def test_a_proxys_refusal_tells_its_status() -> None:
    """Whether a proxy asks for credentials or forbids the host makes the difference."""
    error = requests.exceptions.ProxyError(OSError("Tunnel connection failed: 407 Secret words"))
    assert trouble_of(error) == (Trouble.PROXY, "it answered 407")


def test_what_a_proxy_did_is_told() -> None:
    """As the proxy's doing, whatever libraries call it."""
    unreachable = urllib3_exceptions.ProxyError("secret", ConnectionRefusedError(111, "refused"))
    socks = requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")
    wrong = requests.exceptions.InvalidProxyURL("secret")
    unparsed = requests.exceptions.InvalidURL(urllib3_exceptions.LocationParseError("secret"))
    assert [trouble_of(each) for each in (unreachable, socks, wrong, unparsed)] == [
        (Trouble.PROXY, "it could not be reached"),
        (Trouble.PROXY, "SOCKS is not supported"),
        (Trouble.PROXY, "its address is not valid"),
        (Trouble.PROXY, "its address is not valid"),
    ]


def test_a_certificate_tells_what_is_wrong_with_it() -> None:
    """OpenSSL's fixed phrase is shown, without the name of the host."""
    error = requests.exceptions.SSLError(certificate_error())
    assert trouble_of(error) == (Trouble.CERTIFICATE, "Hostname mismatch")
