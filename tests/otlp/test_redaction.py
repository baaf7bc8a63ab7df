"""What may be shown of an address and of a server's words."""

from __future__ import annotations

import base64

import pytest
from tests.otlp.builders import CANARY, make_target

from flow_telemetry.otlp.response import TargetDescription
from flow_telemetry.settings.parse import origin
from flow_telemetry.telemetry import Signal, SignalTarget


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://otlp.example.com/key/v1/traces?k=v", "https://otlp.example.com"),
        ("http://localhost:4318/v1/traces", "http://localhost:4318"),
        ("https://user:secret@host.example/v1/traces", "https://host.example"),
        ("http://[::1]:4318/v1/traces", "http://[::1]:4318"),
        ("https://host.example:443/v1/traces", "https://host.example"),
        ("http://host:port/", "an address that cannot be read"),
    ],
)
def test_an_address_is_shown_as_scheme_host_and_port(url: str, shown: str) -> None:
    """Paths, queries and credentials stay out of every text."""
    assert origin(url) == shown


@pytest.mark.parametrize(
    "said",
    [
        f"Bearer {CANARY}",
        CANARY,
        f"bearer   {CANARY}",
        f"key={CANARY.upper()};",
    ],
)
def test_a_headers_value_is_hidden_whole_and_in_parts(said: str) -> None:
    """With or without its scheme, however it is spelt."""
    target = make_target("http://localhost", headers={"Authorization": f"Bearer {CANARY}"})
    assert CANARY not in TargetDescription.of(target).redact(said).lower()


def test_user_and_password_of_basic_credentials_are_hidden() -> None:
    """A server that decodes them may well name the user."""
    encoded = base64.b64encode(f"someuser:{CANARY}".encode()).decode()
    target = make_target("http://localhost", headers={"Authorization": f"Basic {encoded}"})
    shown = TargetDescription.of(target).redact(f"user someuser with password {CANARY} ({encoded})")
    assert shown == "user *** with password *** (***)"


def test_what_an_address_hides_is_hidden() -> None:
    """Keys in the path, the query or before the host are as secret as a header."""
    target = SignalTarget(
        signal=Signal.TRACES,
        url=f"https://me-myself:{CANARY}@h.example/in/{CANARY}2/v1/traces?api-key={CANARY}3",
    )
    redactor = TargetDescription.of(target)
    echo = f"POST /in/{CANARY}2/v1/traces?api-key={CANARY}3 by me-myself:{CANARY}"
    assert CANARY not in redactor.redact(echo)
    assert "/v1/traces" in redactor.redact(echo)
    assert CANARY not in repr(redactor)


def test_a_target_without_secrets_changes_nothing() -> None:
    """Plain words pass as they are."""
    assert (
        TargetDescription.of(make_target("http://localhost")).redact("too many spans")
        == "too many spans"
    )


def test_a_secret_with_invisible_characters_is_hidden() -> None:
    """A server could split a secret with characters that nobody sees."""
    target = make_target("http://localhost", headers={"api-key": CANARY})
    split = "\ufe0f".join(CANARY)
    assert TargetDescription.of(target).redact(f"key {split}") == "key ***"


@pytest.mark.parametrize(
    ("url", "headers", "said"),
    [
        ("https://h.example/p/v1/traces", {}, "please pay: the quota is used up"),
        ("https://h.example/api/default/v1/traces", {}, "no api of that default name"),
        ("https://h.example/insert/opentelemetry", {}, "opentelemetry is off"),
        ("https://h.example/?x=1", {}, "1 of 1 spans"),
        ("https://h.example", {"X-Scope-OrgID": "acme"}, "tenant acme is over its limit"),
        ("https://h.example", {"x-a": "1"}, "1 of 1 spans"),
        ("https://a@h.example", {}, "a span of a trace"),
    ],
)
def test_no_short_part_hides_letters_of_a_message(
    url: str, headers: dict[str, str], said: str
) -> None:
    """Only credentials are hidden: the rest says what is wrong."""
    target = SignalTarget(signal=Signal.TRACES, url=url, headers=headers)
    assert TargetDescription.of(target).redact(said) == said
