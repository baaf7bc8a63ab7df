"""What is taken out of texts: the program's own credentials, and what input `redact` names."""

from __future__ import annotations

import pytest
from tests.settings.loading import load

from flow_telemetry.errors import SettingsError
from flow_telemetry.settings import EntryPoint, load_settings


def test_every_credential_that_the_program_is_given_is_a_secret() -> None:
    """By input or variable, in headers, and in addresses."""
    settings = load(
        {
            "GITHUB_TOKEN": "canary-of-github",
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "api-key=canary-of-metrics",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://o.example/v1/logs?key=canary-of-logs",
        },
        otlp_endpoint="https://user:canary%20of%20a%20user@o.example",
        otlp_headers="Authorization=Bearer canary-of-traces",
        jira_url="https://acme.atlassian.net",
        jira_email="us@acme.example",
        jira_token="canary-of-jira",
    )
    assert {
        *("canary-of-github", "canary-of-metrics", "canary-of-logs", "canary of a user"),
        *("canary-of-traces", "canary-of-jira"),
    } <= set(settings.secrets)
    assert "canary" not in repr(settings)


def test_a_flag_is_a_secret_too() -> None:
    """On the command line a token may come as a flag."""
    settings = load_settings({}, EntryPoint.COMMAND_LINE, {"github-token": "canary-of-a-flag"})
    assert "canary-of-a-flag" in settings.secrets


@pytest.mark.parametrize("value", ["acme/shop", "ACME", "Shop"])
def test_the_name_of_the_repository_is_no_secret(value: str) -> None:
    """A tenant is often called as the owner is."""
    settings = load({"GITHUB_REPOSITORY": "acme/shop"}, otlp_headers=f"X-Scope-OrgID={value}")
    assert value not in settings.secrets


def test_patterns_stand_one_a_line() -> None:
    """Blank lines and blanks around them do not count."""
    settings = load(redact="\n  customer-[0-9]+ \r\n\n(?i:internal)-\\w{8}\n")
    assert settings.redact_patterns == ("customer-[0-9]+", "(?i:internal)-\\w{8}")


@pytest.mark.parametrize("pattern", ["(", "a*", "(a+)+b"])
def test_a_pattern_that_cannot_be_used_names_input_and_line(pattern: str) -> None:
    """Before anything is read or sent."""
    with pytest.raises(SettingsError, match="`redact` cannot be used: the pattern on line 2 "):
        load(redact=f"fine\n{pattern}")
