"""Whatever a server does, no connection waits for the garbage collector: none is in a cycle."""

from __future__ import annotations

import gc
import shutil
import socket
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.fakes.faults import Scripted, bomb, cut_off, drop, html, no_gzip, redirect, reset
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job
from tests.otlp.authority import Authority
from tests.otlp.servers import closed_port_url, cut_during_handshake, raw_server
from tests.stories.test_proxies import both_cases, needs_openssl
from tests.support.network import Proxy, tls_front
from tests.support.program import Program

from flow_telemetry.errors import FlowTelemetryError

PASSWORD = "canary-of-a-proxy"
CLOSED = "http://127.0.0.1:9/x"
ANSWERS: dict[str, Scripted] = {
    "a redirect to no address": redirect("http://[::1"),
    "a redirect to itself": redirect("/x"),
    "a redirect to another scheme": redirect("ftp://x/y"),
    "a redirect to nobody": redirect(CLOSED),
    "a page": html(403),
    "256 MB of nothing": bomb(),
    "no gzip": no_gzip(),
    "an answer that is cut off": cut_off(3),
    "the end": drop(),
    "a reset": reset(),
}


@contextmanager
def no_connection_left() -> Iterator[None]:
    """Check that what ended within left no open connection, and none of our errors, in a cycle.

    The traceback of an error holds the connection, which would stay open until the collector runs,
    in whatever goes on then. urllib3 makes such cycles too, but closes the connection before.
    """
    gc.collect()
    gc.disable()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ResourceWarning)
            yield
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = [repr(each) for each in gc.garbage if _is_open(each)]
            gc.set_debug(0)
            gc.garbage.clear()
            gc.collect()
    finally:
        gc.set_debug(0)
        gc.enable()
    assert [str(each.message) for each in caught if each.category is ResourceWarning] == []
    assert left == []


def _is_open(each: object) -> bool:
    if isinstance(each, socket.socket):
        return each.fileno() != -1
    return isinstance(each, FlowTelemetryError)


@pytest.fixture
def run(world: World) -> Run:
    """A run of a pull request, whose job failed: it asks GitHub for all kinds of things."""
    pull = world.pull_request(123, branch="feature")
    return world.run(
        event="pull_request", branch="feature", sha=pull.commits[-1], jobs=[job("test", "failure")]
    )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority that is trusted if a variable says so."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    return Authority(tmp_path)


@pytest.mark.parametrize("path", ["/", "/pulls", "/v1/"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_servers_answer(
    program: Program, receiver: Receiver, run: Run, path: str, answer: Scripted
) -> None:
    """GitHub's for everything, or for what is optional and asked for ahead, and the backend's."""
    for server in (program.github, receiver):
        server.script(path, answer, times=None)
    with no_connection_left():
        program.export(run, timeout="2s")


@needs_openssl
def test_a_failure_of_tls(
    program: Program, receiver: Receiver, run: Run, authority: Authority
) -> None:
    """A certificate that is not trusted, a handshake that is cut, a redirect to no address."""
    known = {"SSL_CERT_FILE": str(authority.certificate)}
    lost = b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n"
    with no_connection_left(), ExitStack() as rest:
        api = rest.enter_context(tls_front(program.github.url, authority.server()))
        endpoint = rest.enter_context(tls_front(receiver.url, authority.server()))
        redirecting = rest.enter_context(raw_server(lost, authority.server()))
        cut, _ = rest.enter_context(cut_during_handshake(b""))
        for url in (
            endpoint,
            f"https://localhost:{redirecting.partition(':')[2]}",
            f"https://{cut}",
        ):
            for environ in ({}, known):
                program.export(run, environ, timeout="3s", otlp_endpoint=url)
        for url in (api, f"https://localhost:{redirecting.partition(':')[2]}", f"https://{cut}"):
            for environ in ({}, known):
                program.export(run, {**environ, "GITHUB_API_URL": url}, timeout="3s")


@needs_openssl
@pytest.mark.parametrize("status", [0, 403])
def test_a_proxy(
    program: Program, receiver: Receiver, run: Run, authority: Authority, status: int
) -> None:
    """One that tunnels or refuses, has a certificate that is not trusted, or is none."""
    with no_connection_left(), ExitStack() as rest:
        api = rest.enter_context(tls_front(program.github.url, authority.server()))
        endpoint = rest.enter_context(tls_front(receiver.url, authority.server()))
        proxy = rest.enter_context(Proxy(user="user", password=PASSWORD, status=status))
        front = rest.enter_context(tls_front(proxy.url, authority.server()))
        known = {"SSL_CERT_FILE": str(authority.certificate)}
        around = both_cases({"NO_PROXY": "127.0.0.1"})
        for address in (proxy.url, front, "socks5://127.0.0.1:1080", closed_port_url()):
            proxies = both_cases({"HTTPS_PROXY": address, "HTTP_PROXY": address})
            of_github = {**proxies, "GITHUB_API_URL": api}
            for environ in (of_github, {**of_github, **known}, {**proxies, **known, **around}):
                program.export(run, environ, timeout="3s", otlp_endpoint=endpoint)
