"""Sessions: responses that are not final or contradict themselves, and credentials of .netrc."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.faults import Answer, redirect
from tests.fakes.receiver import Receiver
from tests.otlp.builders import make_target
from tests.otlp.servers import raw_server

from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.github.client import GitHubSession
from flow_telemetry.http.errors import NetworkErrorKind, classify_network_error
from flow_telemetry.http.response import Response
from flow_telemetry.http.session import BoundedSession, Request, send_request
from flow_telemetry.otlp.transport import OtlpSession
from flow_telemetry.settings import GitHubSettings

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
CONTRADICTION = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{}"
)
CANARY = "canary-of-netrc-0123456789"


def soon() -> Deadline:
    return Deadline.after(SystemClock(), 5)


def post(server: str) -> Response:
    """Send a request to an OTLP endpoint."""
    with OtlpSession(make_target(f"http://{server}"), soon()) as session:
        return session.send_request(b"x")


def get(server: str) -> Response:
    """Send a request as GitHub's and Jira's clients do."""
    with BoundedSession(soon()) as session:
        return send_request(session, Request(f"http://{server}/x"), soon())


@pytest.fixture
def netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials of the machine's user for every host."""
    path = tmp_path / "netrc"
    path.write_text(f"default login me password {CANARY}\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))


@pytest.mark.parametrize(
    "before", [HINTS, HINTS + HINTS, b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS, b""]
)
def test_an_interim_response_is_skipped(before: bytes) -> None:
    """Of GitHub and Jira, and of an OTLP endpoint: the final one counts."""
    with raw_server(before + FINAL) as server:
        response = get(server)
    assert (response.status, response.body) == (200, b"{}")
    assert "link" not in response.headers
    with raw_server(before + FINAL) as server:
        response = post(server)
    assert (response.status, response.body, response.error) == (200, b"{}", None)


def test_interim_responses_without_end_are_an_error() -> None:
    """As is a connection that ends after one."""
    for answer, kind in (
        (HINTS * 100, NetworkErrorKind.NOT_HTTP),
        (HINTS, NetworkErrorKind.CLOSED),
    ):
        with raw_server(answer) as server:
            response = post(server)
        assert (response.status, response.error) == (0, kind)


def test_contradicting_lengths_are_the_servers_fault() -> None:
    """Not that of a header of ours; a header of ours that cannot be sent still is."""
    with raw_server(CONTRADICTION) as server:
        response = post(server)
    assert response.error is NetworkErrorKind.CONTRADICTION
    with raw_server(CONTRADICTION) as server, pytest.raises(Exception) as raised:  # noqa: PT011
        get(server)
    assert classify_network_error(raised.value)[0] is NetworkErrorKind.CONTRADICTION


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("where", ["/api/v3/elsewhere", "/other"])
def test_a_redirect_keeps_the_token_within_the_api_only(receiver: Receiver, where: str) -> None:
    """requests would replace it by what .netrc has for the host."""
    receiver.script("/api/v3/x", redirect(f"{receiver.url}{where}", 302))
    receiver.script(where, Answer(body=b"{}"))
    api = f"{receiver.url}/api/v3"
    session = GitHubSession(GitHubSettings(api_url=api, server_url=receiver.url, token="t"), soon())
    with session:
        send_request(session, Request(f"{api}/x"), soon())
    first, second = (request.headers.get("authorization") for request in receiver.requests)
    assert first == "Bearer t"
    assert second == ("Bearer t" if where.startswith("/api") else None)


@pytest.mark.usefixtures("netrc")
def test_no_session_reads_netrc(receiver: Receiver) -> None:
    """Neither one without credentials nor after a redirect to another host."""
    other = receiver.url.replace("127.0.0.1", "localhost")
    receiver.script("/first", redirect(f"{other}/second", 302))
    receiver.script("/second", Answer(body=b"{}"))
    with BoundedSession(soon()) as session:
        send_request(session, Request(f"{receiver.url}/first"), soon())
    assert [request.headers.get("authorization") for request in receiver.requests] == [None] * 2


@pytest.mark.parametrize("body", [b"", b"moved " * 20])
def test_redirects_in_a_row_are_followed(receiver: Receiver, body: bytes) -> None:
    """As of a renamed repository whose file is stored elsewhere."""
    for place, next_place in (("/1", "/2"), ("/2", "/3"), ("/3", "/4")):
        answer = replace(redirect(f"{receiver.url}{next_place}", 302), body=body)
        receiver.script(place, answer)
    receiver.script("/4", Answer(body=b'"here"'))
    with BoundedSession(soon()) as session:
        response = send_request(session, Request(f"{receiver.url}/1"), soon())
    assert (response.status, response.body) == (200, b'"here"')
