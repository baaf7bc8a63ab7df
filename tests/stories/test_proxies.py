"""Runners behind a proxy: GitHub and the backend are reached through it, or it is told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job
from tests.otlp.authority import Authority
from tests.otlp.servers import closed_port_url
from tests.support import leaks
from tests.support.network import Proxy, tls_front
from tests.support.program import Program, Result

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes the certificates"
)
PASSWORD = "canary-of-a-proxy"


@pytest.fixture
def run(world: World) -> Run:
    """A run that has ended."""
    return world.run(jobs=[job("test")])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def behind_tls(
    program: Program, receiver: Receiver, authority: Authority
) -> Iterator[tuple[str, str, dict[str, str]]]:
    """GitHub and the backend behind TLS: their addresses, and what makes them known."""
    with ExitStack() as rest:
        urls = (program.github.url, receiver.url)
        api, endpoint = (rest.enter_context(tls_front(url, authority.server())) for url in urls)
        known = {"SSL_CERT_FILE": str(authority.certificate), "GITHUB_API_URL": api}
        yield api, endpoint, known


def both_cases(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables as they are and in lower case, as most programs want them."""
    return {form: text for n, text in variables.items() for form in (n, n.lower())}


def export(
    program: Program, run: Run, environ: Mapping[str, str], proxy: str, **inputs: Any
) -> Result:
    """The export of a run on a machine with that proxy for everything."""
    proxies = both_cases({"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy})
    given = {"timeout": "20s", "log_level": "debug", **inputs}
    return program.export(run, {**proxies, **environ}, **given)


@needs_openssl
def test_all_goes_through_the_proxy(
    program: Program,
    receiver: Receiver,
    run: Run,
    behind_tls: tuple[str, str, dict[str, str]],
) -> None:
    """By tunnels, with the proxy's credentials, which are shown nowhere."""
    api, endpoint, environ = behind_tls
    with Proxy(user="user", password=PASSWORD) as proxy:
        result = export(program, run, environ, proxy.url, otlp_endpoint=endpoint)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert receiver.spans
    assert {method for method, _ in proxy.asked} == {"CONNECT"}
    assert proxy.hosts == {urlsplit(url).netloc for url in (api, endpoint)}
    assert PASSWORD in result.masks
    assert PASSWORD not in leaks.everything(result, receiver)
    assert "proxy-authorization" not in repr([program.github.requests, receiver.requests]).lower()


def test_plain_requests_go_through_it_too(program: Program, receiver: Receiver, run: Run) -> None:
    """A backend in the same network may well have no TLS."""
    with Proxy(user="user", password=PASSWORD) as proxy:
        result = export(program, run, {}, proxy.url)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert proxy.hosts == {urlsplit(url).netloc for url in (program.github.url, receiver.url)}
    assert {method for method, _ in proxy.asked} == {"GET", "POST"}


def test_no_proxy_names_what_is_reached_without(
    program: Program, receiver: Receiver, run: Run
) -> None:
    """The backend here, GitHub through the proxy."""
    endpoint = receiver.url.replace("127.0.0.1", "localhost")
    with Proxy() as proxy:
        around = both_cases({"NO_PROXY": "localhost"})
        result = export(program, run, around, proxy.url, otlp_endpoint=endpoint)
    assert result.outputs["status"] == "exported"
    assert proxy.hosts == {urlsplit(program.github.url).netloc}
    assert receiver.spans


@needs_openssl
@pytest.mark.parametrize("status", [407, 403])
def test_a_proxy_that_refuses_is_told_with_the_remedy(
    program: Program,
    receiver: Receiver,
    run: Run,
    behind_tls: tuple[str, str, dict[str, str]],
    status: int,
) -> None:
    """As the proxy's doing, for GitHub and for the backend alike."""
    _, endpoint, environ = behind_tls
    around = both_cases({"NO_PROXY": "127.0.0.1"})
    with Proxy(user="user", password=PASSWORD, status=403 * (status == 403)) as proxy:
        url = proxy.url if status == 403 else proxy.url.replace(PASSWORD, "canary-of-another")
        of_github = export(program, run, environ, url, otlp_endpoint=endpoint)
        reached = {**environ, **around, "GITHUB_API_URL": program.github.url}
        of_backend = export(program, run, reached, url, otlp_endpoint=endpoint)
    for result, server in ((of_github, "GitHub at https://"), (of_backend, "https://localhost:")):
        assert (result.status, len(result.warnings)) == (0, 1)
        assert f"the proxy on the way to {server}" in result.warnings[0]
        assert f"it answered {status}" in result.warnings[0]
        assert all(name in result.warnings[0] for name in ("HTTPS_PROXY", "NO_PROXY"))
        assert "canary-of-" not in leaks.everything(result, receiver)
    assert of_backend.outputs["status"] == "spooled"


def test_a_proxy_that_asks_for_credentials_of_plain_requests_is_told(
    program: Program, run: Run
) -> None:
    """A server itself never answers 407."""
    with Proxy(user="user", password=PASSWORD) as proxy:
        result = export(program, run, {}, proxy.url.replace(f"user:{PASSWORD}@", ""))
    assert len(result.warnings) == 1
    assert "the proxy on the way to GitHub answered 407" in result.warnings[0]


def test_a_proxy_that_is_not_there_is_told(program: Program, run: Run) -> None:
    """Not taken for a GitHub that is down."""
    result = export(program, run, {}, closed_port_url(), timeout="2s")
    assert len(result.warnings) == 1
    assert "the proxy on the way to GitHub at http://" in result.warnings[0]
    assert "it could not be reached" in result.warnings[0]


@needs_openssl
def test_a_proxy_whose_certificate_is_not_trusted_is_asked_once(
    program: Program,
    run: Run,
    behind_tls: tuple[str, str, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Its certificate is the same at the next try."""
    _, endpoint, environ = behind_tls
    unknown = Authority(tmp_path_factory.mktemp("unknown"))
    with Proxy() as proxy, tls_front(proxy.url, unknown.server()) as front:
        result = export(program, run, environ, front, otlp_endpoint=endpoint)
    assert len(result.warnings) == 1
    assert "the proxy on the way to GitHub at https://" in result.warnings[0]
    assert "again in" not in result.log


def test_a_socks_proxy_is_told(program: Program, run: Run) -> None:
    """It would take a further package."""
    result = export(program, run, {}, "socks5://127.0.0.1:1080")
    assert "SOCKS is not supported" in result.warnings[0]


@pytest.mark.parametrize("address", ["http://[::1", "http://proxy:99999", "ftp://proxy:1080"])
def test_an_address_of_a_proxy_that_is_none_is_told_at_once(
    program: Program, receiver: Receiver, run: Run, address: str
) -> None:
    """By the variables that hold it, for GitHub and for the backend; nothing is asked again."""
    of_github = export(program, run, {}, address)
    around = both_cases({"NO_PROXY": "127.0.0.1"})
    endpoint = receiver.url.replace("127.0.0.1", "localhost")
    of_backend = export(program, run, around, address, otlp_endpoint=endpoint)
    for result in (of_github, of_backend):
        (warning,) = result.warnings
        assert "did not connect" in warning
        assert "its address is not valid. Check HTTPS_PROXY and HTTP_PROXY" in warning
        assert "again in" not in result.log
        assert "GITHUB_API_URL" not in warning


def test_the_advice_on_a_proxys_password_is_shown_whole(program: Program, run: Run) -> None:
    """An example of an address with one would be taken for a credential."""
    result = export(program, run, {}, "http://proxy:99999")
    assert "before the host, with a colon between them and an at sign after" in result.warnings[0]
