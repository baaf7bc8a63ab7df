"""No text of an input stops the program with anything but a `SettingsError`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from tests.settings.loading import environ_of

from flow_telemetry.errors import SettingsError
from flow_telemetry.settings import EntryPoint, load_settings, secrets_of
from flow_telemetry.settings.inputs import INPUTS

URLS = (
    "http://[::1",
    "http://::1]",
    "http://[]",
    "http://[v1.x]:1",
    "http://[fe80::1%25eth0]:4318",
    "https://host:port",
    "https://host:0",
    "https://host:65536",
    "https://host:-1",
    "https://host:\u0661",
    "https://",
    "https://:4318",
    "https:///path",
    "https://user:password@",
    "https://user:pass:word@host@other",
    "https://host..name",
    "https://xn--",
    "https://\u2100.example",
    "https://a\u0301\u200d.example",
    f"https://{'é' * 100}.example",
    f"https://{'a.' * 2000}example",
    "https://h\x00st",
    "https://host\r\nX-Header: 1",
    "https://host?\udcff",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:,x",
    "//host",
    "unix:///run/socket",
    "{trace_id}",
    "https://{trace_id",
)
WORDS = (
    " ",
    "\t\r\n",
    "\x00",
    "\x1b[31m",
    "\ud800",
    "\u202e",
    "\u2028",
    "\U0001f680",
    "\u0661",
    "\u00b2",
    "0",
    "-1",
    "+1",
    "1_000",
    "1e999",
    "nan",
    "inf",
    "0.0000001s",
    "0.1b",
    "9999-99-99T99:99:99Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "Z",
    "=",
    "=,=",
    "a=b=c\n=d",
    "%",
    "%ff=%ff",
    "a=%0a",
    ",,,",
    "!",
    "**",
    "[",
    "[!",
    "(",
    "(a+)+$",
    "(?P<",
    "\\",
    "{}",
    '{"a": 1}',
    '{"a": "b"',
    '{"a": "\\ud800"}',
    "[" * 5000,
    '{"a":' * 5000,
    "$(id)",
    "${{ secrets.X }}",
    "::error::x",
    "acme/",
    "/",
    "../..",
    "#",
    "#0",
    "a/b#" + "9" * 30,
    "A-" + "9" * 5000,
    "9" * 5000,
)
LONG = ("x" * 100_000, "1" * 100_000, "a=" * 50_000, "\n" * 100_000, "a,\n" * 33_000)
TEXTS = (*URLS, *WORDS, *LONG)


def complaints(environ: Mapping[str, str], door: EntryPoint) -> tuple[str, ...]:
    """Return the text of the error of loading, or the errors of optional settings."""
    try:
        return load_settings(environ, door).errors
    except SettingsError as error:
        return (str(error),)


def assert_lines(messages: Iterable[str], text: str) -> None:
    """Assert that each message is a short line, so that it cannot write commands into the log."""
    for message in messages:
        assert message.isprintable(), repr(text[:80])
        assert len(message) < 600, repr(text[:80])


@pytest.mark.parametrize("door", EntryPoint)
@pytest.mark.parametrize("name", [row.name for row in INPUTS])
def test_nonsense_is_taken_or_refused_in_one_line(name: str, door: EntryPoint) -> None:
    """The action and the command line behave alike."""
    jira = {} if name.startswith("jira-") else {"jira_url": "https://jira.example.com"}
    for text in TEXTS:
        environ = environ_of({}, **{**jira, name.replace("-", "_"): text})
        assert_lines(complaints(environ, door), text)


@pytest.mark.parametrize(
    "name",
    [
        *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"),
        *("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TIMEOUT"),
        *("OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_PROTOCOL"),
        *("OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME", "OTEL_SDK_DISABLED"),
        *("GITHUB_API_URL", "GITHUB_SERVER_URL", "GITHUB_TOKEN", "GITHUB_REPOSITORY"),
        *("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_WORKFLOW_REF", "HTTPS_PROXY"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "RUNNER_TEMP"),
        *("FLOW_TELEMETRY_STARTED_AT", "FLOW_TELEMETRY_CHECK_RUN_ID"),
        "FLOW_TELEMETRY_TOKEN_OF_WORKFLOW",
    ],
)
def test_nonsense_in_a_variable_is_taken_or_refused_in_one_line(name: str) -> None:
    """The variables of others are as odd as the inputs may be."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otlp.example.com"}
    for text in TEXTS:
        assert_lines(complaints({**endpoint, name: text}, EntryPoint.COMMAND_LINE), text)


def test_secrets_are_found_in_nonsense() -> None:
    """The secrets are collected before any setting is understood, so nothing may stop that."""
    for text in TEXTS:
        secrets_of({row.variable: text for row in INPUTS} | {"HTTPS_PROXY": text})
