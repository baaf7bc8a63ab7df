"""Requests to GitHub and Jira: limited in time, whatever hangs, and in size."""

from __future__ import annotations

import gzip
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tests.fakes.faults import Answer
from tests.fakes.faults import Request as Seen
from tests.fakes.server import LocalServer

from flow_telemetry.clock import Abandoned, Cancellation, Deadline, SystemClock, run_until
from flow_telemetry.errors import DeadlineExceeded, PayloadError
from flow_telemetry.http.errors import (
    CertificateFileError,
    NetworkErrorKind,
    ResolverTimeout,
    Server,
    classify_network_error,
)
from flow_telemetry.http.response import Response
from flow_telemetry.http.retry import RetryingClient
from flow_telemetry.http.session import MOST_BODY_BYTES, BoundedSession, send_request
from flow_telemetry.http.session import Request as Asked
from flow_telemetry.logging import SilentLog

ZEROS = 200 * 1024 * 1024
BOMB = gzip.compress(bytes(ZEROS), 9)
GZIP = {"Content-Encoding": "gzip", "Content-Type": "application/json"}


def answer_bomb(request: Seen) -> Answer:
    """Answer with 200 MB in 200 KB: with that status, or as a redirect."""
    if request.path == "/redirect":
        return Answer(status=302, headers={**GZIP, "Location": "/ok"}, body=BOMB)
    status = 503 if request.path == "/busy" else 200
    return Answer(status=status, headers=GZIP, body=BOMB)


@pytest.fixture
def bombs() -> Iterator[str]:
    """The address of a server that answers with nothing else."""
    with LocalServer(answer_bomb) as server:
        yield server.url


def within(seconds: float, cancellation: Cancellation | None = None) -> Deadline:
    return Deadline.after(SystemClock(), seconds, cancellation)


def read(url: str, deadline: Deadline) -> Response:
    """Read an address as the clients of GitHub and Jira do."""
    with BoundedSession(deadline) as session:
        return RetryingClient(
            Server(name="GitHub", place=f"GitHub at {url}", setting="GITHUB_API_URL"), SilentLog()
        ).send(
            "the run",
            lambda: send_request(session, Asked(url), deadline),
            to_error=lambda response: PayloadError(str(response.status)),
            deadline=deadline,
            within=deadline,
        )


def test_a_response_is_bounded_after_decompression(bombs: str) -> None:
    """Nothing near its size is ever in memory, and the error says what it is about."""
    tracemalloc.start()
    with pytest.raises(PayloadError, match=r"with the run has more than 32 MiB \(decompressed\)"):
        read(f"{bombs}/ok", within(30))
    assert tracemalloc.get_traced_memory()[1] < 3 * MOST_BODY_BYTES
    tracemalloc.stop()


def test_so_is_the_body_of_a_redirect(bombs: str) -> None:
    """requests itself would read all of it before it follows."""
    tracemalloc.start()
    with pytest.raises(PayloadError, match="decompressed"):
        read(f"{bombs}/redirect", within(30))
    assert tracemalloc.get_traced_memory()[1] < MOST_BODY_BYTES
    tracemalloc.stop()


def test_of_a_failure_only_the_beginning_is_read(bombs: str) -> None:
    """Its status counts, as if it were short."""
    deadline = within(30)
    with BoundedSession(deadline) as session:
        response = send_request(session, Asked(f"{bombs}/busy"), deadline)
    assert (response.status, len(response.body)) == (503, 256 * 1024)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["pipe", "large", "missing"])
def test_a_file_of_certificates_that_cannot_be_used_is_not_opened(
    tmp_path: Path, kind: str, bombs: str
) -> None:
    """OpenSSL would wait for somebody who writes into the pipe."""
    path = tmp_path / "authorities.pem"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "large":
        path.touch()
        os.truncate(path, 10**10)
    deadline = within(30)
    began = time.monotonic()
    with BoundedSession(deadline) as session:
        session.verify = str(path)
        with pytest.raises(CertificateFileError) as raised:
            send_request(session, Asked(bombs.replace("http:", "https:")), deadline)
    assert time.monotonic() - began < 1
    assert classify_network_error(raised.value) == (NetworkErrorKind.CA_FILE, "")


def test_work_that_hangs_is_left_behind() -> None:
    """The caller goes on at the limit; the thread does not keep the program from ending."""
    hanging = threading.Event()
    began = time.monotonic()
    with pytest.raises(Abandoned):
        run_until(within(0.2), hanging.wait, "hanging", grace=0.1)
    assert 0.2 < time.monotonic() - began < 1
    assert [each.daemon for each in threading.enumerate() if each.name == "hanging"] == [True]
    hanging.set()


def test_a_cancellation_ends_a_request_at_once(bombs: str) -> None:
    """In whichever thread it is, and the error is not blamed on the server."""
    cancellation, hanging = Cancellation(by="SIGINT"), threading.Event()
    deadline = within(60, cancellation)

    def cancel() -> None:
        cancellation.at = time.monotonic()

    threading.Timer(0.2, cancel).start()
    began = time.monotonic()

    def send() -> Response:
        try:
            run_until(deadline, hanging.wait, "hanging")
        except Abandoned:
            raise requests.Timeout from None
        raise AssertionError

    with pytest.raises(DeadlineExceeded, match=r"was cancelled \(SIGINT\) while reading the run"):
        RetryingClient(Server(name="Jira", place="", setting=""), SilentLog()).send(
            "the run",
            send,
            to_error=lambda response: PayloadError(str(response.status)),
            deadline=deadline,
            within=deadline,
        )
    assert time.monotonic() - began < 1
    hanging.set()


def test_an_exception_of_the_work_is_the_callers() -> None:
    """Whatever it is, with its own type."""
    with pytest.raises(ZeroDivisionError):
        run_until(within(5), lambda: 1 // 0, "dividing")
    assert run_until(within(5), lambda: 5, "adding") == 5


def test_a_resolver_that_hangs_is_named_as_the_cause() -> None:
    """Not the server, which nobody has reached."""
    error = requests.ConnectionError(ResolverTimeout("the resolver did not answer"))
    assert classify_network_error(error) == (NetworkErrorKind.NAME_TIMEOUT, "")
