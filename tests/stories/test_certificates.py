"""GitHub, Jira and a backend behind certificates of a private authority."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job
from tests.jira.support import TOKEN, fake
from tests.otlp.authority import STRICT, Authority
from tests.support.network import tls_front
from tests.support.program import Program, Result

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes the certificates"
)
VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True, kw_only=True)
class BehindTls:
    """The variables and inputs by which all is found, and the Jira among it."""

    environ: dict[str, str]
    inputs: dict[str, Any]
    jira: FakeJira


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def run(world: World) -> Run:
    """A run of a pull request whose branch names a story of Jira."""
    world.pull_request(123, branch="feature/acme-57-pay")
    return world.run(event="pull_request", branch="feature/acme-57-pay", jobs=[job("test")])


@pytest.fixture
def behind_tls(program: Program, receiver: Receiver, authority: Authority) -> Iterator[BehindTls]:
    """GitHub, Jira and the backend, each behind TLS."""
    tracked = JiraWorld()
    tracked.issue("ACME-57")
    with ExitStack() as rest:
        jira = rest.enter_context(fake(tracked, cloud=True))
        context = authority.server()
        urls = [program.github.url, receiver.url, jira.url]
        api, endpoint, site = (rest.enter_context(tls_front(url, context)) for url in urls)
        environ = {"GITHUB_API_URL": api}
        inputs = {"otlp_endpoint": endpoint, "jira_url": site, "trace_scope": "item"}
        inputs |= {"jira_email": jira.email, "jira_token": TOKEN, "timeout": "20s"}
        yield BehindTls(environ=environ, inputs=inputs, jira=jira)


@pytest.mark.parametrize("name", VARIABLES)
def test_one_variable_makes_an_authority_known_to_all(
    program: Program,
    receiver: Receiver,
    run: Run,
    authority: Authority,
    behind_tls: BehindTls,
    name: str,
) -> None:
    """GitHub's API, Jira and the endpoint are reached by it, whichever of the three it is."""
    environ, inputs = behind_tls.environ, behind_tls.inputs
    result = program.export(run, {**environ, name: str(authority.certificate)}, **inputs)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert receiver.span("RUN CI").attributes["flow.work_item.key"] == "ACME-57"
    assert behind_tls.jira.requests


def test_the_endpoints_own_variable_wins(
    program: Program,
    receiver: Receiver,
    run: Run,
    authority: Authority,
    behind_tls: BehindTls,
    tmp_path: Path,
) -> None:
    """As the specification has it; GitHub is read by the other one."""
    environ, inputs = behind_tls.environ, behind_tls.inputs
    other = Authority(tmp_path).certificate
    names = {"SSL_CERT_FILE": authority.certificate, "OTEL_EXPORTER_OTLP_CERTIFICATE": other}
    result = program.export(run, {**environ, **{n: str(p) for n, p in names.items()}}, **inputs)
    assert result.outputs["status"] == "spooled"
    assert "was not accepted" in result.warnings[0]
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in result.warnings[0]


def test_an_authority_that_nobody_knows_is_told(
    program: Program, run: Run, behind_tls: BehindTls
) -> None:
    """Of GitHub too, with the variable that would make it known."""
    environ, inputs = behind_tls.environ, behind_tls.inputs
    result = program.export(run, environ, **inputs)
    assert result.status == 0
    assert len(result.warnings) == 1
    assert "the certificate of GitHub at https://localhost:" in result.warnings[0]
    assert "SSL_CERT_FILE" in result.warnings[0]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="from Python 3.13 on it is strict")
def test_an_authority_without_key_usage_is_refused_with_a_remedy(
    program: Program, receiver: Receiver, run: Run, tmp_path: Path
) -> None:
    """By GitHub's address and by the endpoint alike; curl accepts both."""
    without = {name: value for name, value in STRICT.items() if name != "keyUsage"}
    authority = Authority(tmp_path, without)
    context, environ = authority.server(), {"SSL_CERT_FILE": str(authority.certificate)}
    with tls_front(program.github.url, context) as api, tls_front(receiver.url, context) as otlp:
        unread = program.export(run, {**environ, "GITHUB_API_URL": api})
        unsent = program.export(run, environ, otlp_endpoint=otlp)
    for result, server in ((unread, "GitHub"), (unsent, "https://localhost")):
        assert result.status == 0
        assert len(result.warnings) == 1
        assert f"the certificate of {server}" in result.warnings[0]
        assert "CA cert does not include key usage extension" in result.warnings[0]
        assert "keyUsage = critical, keyCertSign, cRLSign" in result.warnings[0]
    assert unsent.outputs["status"] == "spooled"


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read (No such file"), ("no certificate", "contains no certificate")],
    ids=["missing", "no certificate"],
)
def test_a_file_that_is_none_is_told_by_its_variable(
    program: Program, run: Run, tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    """Before anything is asked; the step fails, since only the user can heal it."""
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    result: Result = program.export(run, {name: str(path)})
    assert (result.status, program.github.requests) == (2, [])
    (error,) = result.errors
    assert error.startswith(f"flow-telemetry: {name} names ")
    assert said in error


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("variable", VARIABLES)
def test_a_pipe_in_place_of_authorities_is_not_opened(
    program: Program, run: Run, tmp_path: Path, variable: str
) -> None:
    """It would hold up the program for ever."""
    os.mkfifo(tmp_path / "authorities.pem")
    result = program.export(run, {variable: str(tmp_path / "authorities.pem")}, timeout=5)
    (error,) = result.errors
    assert variable in error
    assert "not a regular file" in error
    assert result.status == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"])
def test_neither_is_one_of_the_exporters_variables(
    program: Program, run: Run, authority: Authority, tmp_path: Path, kind: str
) -> None:
    """What was read is kept, and the variables are named."""
    pipe = tmp_path / "file.pem"
    os.mkfifo(pipe)
    with tls_front(program.receiver.url, authority.server()) as endpoint:
        environ = {f"OTEL_EXPORTER_OTLP_{kind}": str(pipe)}
        if kind == "CLIENT_KEY":
            environ["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"] = str(authority.certificate)
        result = program.export(run, environ, timeout=5, otlp_endpoint=endpoint)
    assert result.outputs["status"] == "spooled"
    assert "the certificates for" in result.warnings[0]
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in result.warnings[0]
