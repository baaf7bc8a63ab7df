"""Which settings are credentials: nothing that is public is hidden, and no credential is shown."""

from __future__ import annotations

import base64

import pytest

from flow_telemetry.settings import secrets_of
from flow_telemetry.settings.credentials import PLAIN_HEADERS, is_credential, is_plain_text

HEADERS = "FLOW_TELEMETRY_OTLP_HEADERS"
RANDOM = "kX9v2mQ7pL4sT8wZ"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, RANDOM) for name in sorted(PLAIN_HEADERS)),
        ("X-Scope-OrgID", "acme"),
        ("X-Honeycomb-Dataset", "deploys of shop"),
        ("x-tenant", "acme"),
        ("x-environment", "us-east-1"),
        ("x-team", "Acme Shop"),
        ("x-zone", "eu1"),
        ("x-fields", "host,app"),
        ("x-version", "2024-01-02"),
        ("content-type", "application/x-protobuf"),
        ("Authorization", "Bearer"),
    ],
)
def test_a_plain_value_is_not_hidden(name: str, value: str) -> None:
    """GitHub drops every output of a job that contains a hidden word."""
    assert not is_credential(name, value)
    assert secrets_of({HEADERS: f"{name}={value}\nx=y"}) == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", f"Bearer {RANDOM}"),
        ("Authorization", "canary"),
        ("api-key", "canary"),  # New Relic
        ("x-honeycomb-team", "canary"),
        ("dd-api-key", "canary"),
        ("uptrace-dsn", f"https://{RANDOM}@api.uptrace.dev"),
        ("signoz-ingestion-key", "canary"),
        ("lightstep-access-token", "canary"),
        ("x-license", "canary"),
        ("Cookie", "canary"),
        # The name says nothing, the value does.
        ("x-a", RANDOM),
        ("x-a", "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
        ("x-a", "hunter2canary"),
        ("x-a", "aBcDeFgHiJkLm"),
        ("x-a", f"token {RANDOM}"),
    ],
)
def test_a_credential_is_hidden(name: str, value: str) -> None:
    """By its name, or by a value that is not made of words."""
    assert is_credential(name, value)
    assert value in secrets_of({HEADERS: f"{name}={value}\nx=y"})


@pytest.mark.parametrize("value", ["acme", "us-east-1", "Acme Shop", "application/json", "prod2"])
def test_words_are_plain(value: str) -> None:
    """As tenants, datasets and environments are called."""
    assert is_plain_text(value)


@pytest.mark.parametrize("value", [RANDOM, "a" * 40, "0123456789", "correct1horse2", "a-" * 40, ""])
def test_random_texts_are_not_plain(value: str) -> None:
    """Long runs, long numbers, and letters with digits among them."""
    assert not is_plain_text(value)


PUBLIC = {
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_REPOSITORY_OWNER": "acme",
    "GITHUB_REF_NAME": "feature/vat2024",
    "GITHUB_HEAD_REF": "feature/vat2024",
    "GITHUB_BASE_REF": "main",
    "GITHUB_WORKFLOW": "Deploy Shop9",
    "GITHUB_WORKFLOW_REF": "acme/shop/.github/workflows/ship-it.yml@refs/heads/main",
    "GITHUB_JOB": "build-x86",
    "FLOW_TELEMETRY_DEPLOYMENT_ENVIRONMENTS": "blue42, !green",
}


@pytest.mark.parametrize(
    "word",
    [
        *("acme/shop", "ACME", "shop", "feature/vat2024", "vat2024", "main", "Deploy Shop9"),
        *("ship-it.yml", "build-x86", "blue42", "green", "production", "staging"),
    ],
)
def test_a_word_of_the_runs_context_is_never_hidden(word: str) -> None:
    """Though a header whose name says credential, or an address, contains it."""
    environ = {HEADERS: f"x-api-key={word}\nx=y", "HTTPS_PROXY": f"http://me:{word}@proxy:3128"}
    assert word not in secrets_of({**PUBLIC, **environ})
    if len(word) >= 8:
        assert word in secrets_of(environ) or word in ("production", "staging")


def test_a_token_is_hidden_though_a_branch_is_called_like_it() -> None:
    """Somebody may have pasted it there."""
    environ = {"GITHUB_REF_NAME": RANDOM, "FLOW_TELEMETRY_JIRA_TOKEN": RANDOM}
    assert RANDOM in secrets_of(environ)


def test_a_list_without_its_secret_hides_no_other_value() -> None:
    """As in a run of a fork, in which `secrets` is empty."""
    text = "X-Scope-OrgID=acme,Authorization=Bearer "
    assert secrets_of({HEADERS: text}) == ()


def test_no_whole_list_is_a_secret() -> None:
    """Parts of secrets are redacted, and `Authorization` is a word of messages."""
    text = f"X-Scope-OrgID=acme,Authorization=Bearer%20{RANDOM}"
    assert set(secrets_of({HEADERS: text})) == {
        f"Bearer%20{RANDOM}",
        f"Bearer {RANDOM}",
        RANDOM,
    }


def test_the_password_of_basic_is_hidden_and_the_user_is_not() -> None:
    """A server that decodes it may quote it; the user is the number of an account."""
    encoded = base64.b64encode(f"123456:{RANDOM}".encode()).decode()
    found = secrets_of({HEADERS: f"Authorization=Basic {encoded}"})
    assert {encoded, f"123456:{RANDOM}", RANDOM} <= set(found)
    assert "123456" not in found


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        (f"https://{RANDOM}@api.uptrace.dev", {RANDOM}),
        (f"https://someuser:{RANDOM}@h.example", {RANDOM}),
        ("https://deployers@h.example", set()),
        (f"https://h.example/?key={RANDOM}&dataset=production-eu", {RANDOM}),
        (f"https://h.example/?x={RANDOM}", {RANDOM}),
        ("https://h.example/api/default/otlp", set()),
    ],
)
def test_the_credentials_of_an_address(url: str, secrets: set[str]) -> None:
    """A password, a user that is a token, and random values of the query."""
    assert set(secrets_of({"OTEL_EXPORTER_OTLP_ENDPOINT": url})) == secrets
