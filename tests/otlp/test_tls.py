"""Backends behind TLS of their own: private authorities, and those that ask who comes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.otlp.authority import STRICT, Authority
from tests.otlp.builders import seconds_from_now
from tests.otlp.servers import closed_port_url, raw_server

from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.otlp.compression import compress
from flow_telemetry.otlp.response import Attempt, TargetDescription, classify_response
from flow_telemetry.otlp.transport import OtlpSender
from flow_telemetry.settings.otlp import otlp_settings
from flow_telemetry.telemetry import Signal

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes the certificates"
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
PREFIX = "OTEL_EXPORTER_OTLP"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def backend(authority: Authority, *, asks_for_client: bool = False) -> Iterator[str]:
    with raw_server(ANSWER, authority.server(asks_for_client=asks_for_client)) as address:
        yield f"https://localhost:{address.partition(':')[2]}"


def sent(url: str, variables: Mapping[str, Path | str], signal: Signal = Signal.TRACES) -> Attempt:
    """Send something to a backend, with variables as a job sets them."""
    environ = {name: str(value) for name, value in variables.items()}
    settings = otlp_settings({"otlp-endpoint": url}, environ, {signal})
    sender = OtlpSender(settings.targets[signal], seconds_from_now(30))
    try:
        return sender.deliver(compress(b""))
    finally:
        sender.close()


def test_an_unknown_authority_is_told_after_one_try(authority: Authority) -> None:
    """The text says what OpenSSL says, so that one knows what to do."""
    with backend(authority) as url:
        attempt = sent(url, {})
    assert (attempt.response.error, attempt.requests) == (NetworkErrorKind.CERTIFICATE, 1)
    assert attempt.response.detail == "unable to get local issuer certificate"


@pytest.mark.skipif(sys.version_info < (3, 13), reason="from Python 3.13 on it is strict")
@pytest.mark.parametrize(
    ("extension", "said", "remedy"),
    [
        ("keyUsage", "CA cert does not include key usage extension", "keyCertSign, cRLSign"),
        ("basicConstraints", "invalid CA certificate", "basicConstraints = critical, CA:TRUE"),
        ("authorityKeyIdentifier", "Missing Authority Key Identifier", "= keyid"),
    ],
)
def test_a_strict_check_names_the_missing_extension(
    tmp_path: Path, extension: str, said: str, remedy: str
) -> None:
    """curl accepts such an authority: without its name nobody knows what to change."""
    if extension == "authorityKeyIdentifier":
        authority = Authority(tmp_path, identifies="none")
    else:
        authority = Authority(tmp_path, {k: v for k, v in STRICT.items() if k != extension})
    variables = {f"{PREFIX}_CERTIFICATE": authority.certificate}
    with backend(authority) as url:
        attempt = sent(url, variables)
        settings = otlp_settings({"otlp-endpoint": url}, {}, {Signal.TRACES})
    cause = classify_response(
        attempt.response, TargetDescription.of(settings.targets[Signal.TRACES]), 1
    ).reason
    assert cause is not None
    assert (attempt.requests, attempt.response.error) == (1, NetworkErrorKind.CERTIFICATE)
    assert cause.problem.endswith(f"was not accepted: {said}")
    assert f"extension {extension}" in cause.advice
    assert remedy in cause.advice


@pytest.mark.parametrize(
    ("signal", "name"),
    [
        (Signal.TRACES, f"{PREFIX}_CERTIFICATE"),
        (Signal.LOGS, f"{PREFIX}_CERTIFICATE"),
        (Signal.TRACES, f"{PREFIX}_TRACES_CERTIFICATE"),
        (Signal.LOGS, f"{PREFIX}_LOGS_CERTIFICATE"),
        (Signal.METRICS, f"{PREFIX}_METRICS_CERTIFICATE"),
    ],
)
def test_an_authority_is_made_known_by_variable(
    authority: Authority, signal: Signal, name: str
) -> None:
    """The variable of all signals, and the signal's own."""
    with backend(authority) as url:
        attempt = sent(url, {name: authority.certificate}, signal)
    assert (attempt.response.status, attempt.response.error) == (200, None)


def test_the_signals_own_certificate_wins(authority: Authority, tmp_path: Path) -> None:
    """As the specification has it for every variable."""
    with backend(authority) as url:
        attempt = sent(
            url,
            {
                f"{PREFIX}_CERTIFICATE": tmp_path / "missing.pem",
                f"{PREFIX}_TRACES_CERTIFICATE": authority.certificate,
            },
        )
    assert attempt.response.status == 200


def test_the_bundle_of_requests_is_honoured_where_none_is_named(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A machine's REQUESTS_CA_BUNDLE counts, and OTEL_EXPORTER_OTLP_CERTIFICATE wins over it."""
    with backend(authority) as url:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.certificate))
        assert sent(url, {}).response.status == 200
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
        assert sent(url, {}).response.error is NetworkErrorKind.CA_FILE
        assert sent(url, {f"{PREFIX}_CERTIFICATE": authority.certificate}).response.status == 200


@pytest.mark.parametrize("name", ["CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_machines_authorities_count_where_none_is_named(
    authority: Authority, tmp_path: Path, name: str
) -> None:
    """By any of the three variables; OTEL_EXPORTER_OTLP_CERTIFICATE wins over each."""
    other = Authority(tmp_path).certificate
    own = f"{PREFIX}_CERTIFICATE"
    with backend(authority) as url:
        assert sent(url, {name: authority.certificate}).response.status == 200
        assert sent(url, {name: other, own: authority.certificate}).response.status == 200
        refused = sent(url, {name: authority.certificate, own: other}).response
    assert refused.error is NetworkErrorKind.CERTIFICATE


def test_a_file_without_certificates_is_told_as_such(authority: Authority, tmp_path: Path) -> None:
    """Not as a backend that speaks no TLS."""
    (tmp_path / "none.pem").write_text("no certificate", encoding="utf-8")
    with backend(authority) as url:
        answer = sent(url, {f"{PREFIX}_CERTIFICATE": tmp_path / "none.pem"}).response
    assert answer.error is NetworkErrorKind.CA_FILE


def test_a_backend_that_asks_for_a_certificate_gets_it(authority: Authority) -> None:
    """Certificate and key as two files, or both in one."""
    client = authority.signed("client")
    known = {f"{PREFIX}_CERTIFICATE": authority.certificate}
    with backend(authority, asks_for_client=True) as url:
        attempts = [
            sent(
                url,
                {
                    **known,
                    f"{PREFIX}_CLIENT_CERTIFICATE": client.certificate,
                    f"{PREFIX}_CLIENT_KEY": client.key,
                },
            ),
            sent(url, {**known, f"{PREFIX}_TRACES_CLIENT_CERTIFICATE": client.both}),
        ]
    assert [attempt.response.status for attempt in attempts] == [200, 200]


def test_a_backend_that_asks_for_a_certificate_gets_none(authority: Authority) -> None:
    """It is refused, and no certificate of ours is to blame that it has not asked for."""
    with backend(authority, asks_for_client=True) as url:
        answer = sent(url, {f"{PREFIX}_CERTIFICATE": authority.certificate}).response
    assert answer.error in (NetworkErrorKind.TLS, NetworkErrorKind.CLOSED)


def test_a_client_certificate_that_is_not_there_is_told(
    authority: Authority, tmp_path: Path
) -> None:
    """A typing error in the variable is found by its name."""
    with backend(authority) as url:
        answer = sent(
            url,
            {
                f"{PREFIX}_CERTIFICATE": authority.certificate,
                f"{PREFIX}_CLIENT_CERTIFICATE": tmp_path / "missing.pem",
            },
        ).response
    assert answer.error is NetworkErrorKind.CA_FILE


def test_a_proxy_is_left_out_for_hosts_that_need_none(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY is asked for a backend, unless NO_PROXY names its host."""
    known = {f"{PREFIX}_CERTIFICATE": authority.certificate}
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, closed_port_url())
    with backend(authority) as url:
        for name, hosts in (("NO_PROXY", "elsewhere.example"), ("no_proxy", "elsewhere.example")):
            monkeypatch.setenv(name, hosts)
        through = sent(url, known)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "localhost")
        around = sent(url, known)
    assert (through.response.error, around.response.status) == (NetworkErrorKind.PROXY, 200)
