"""Headers in all their forms, and that nothing of them is shown."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.settings.loading import environ_of, load, target

from flow_telemetry.errors import SettingsError
from flow_telemetry.settings import EntryPoint, load_settings, public_words, secrets_of

ENDPOINT = "https://o.example.com"
CANARY = "kanarien-5f3a9c"
BASIC = base64.b64encode(b"user:kanarien").decode()  # ends in `=`


def headers(text: str) -> dict[str, str]:
    """Return the headers that an input gives."""
    return dict(target(otlp_endpoint=ENDPOINT, otlp_headers=text).headers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a=b", {"a": "b"}),
        (" a = b , c=d ,", {"a": "b", "c": "d"}),
        ("Authorization=Bearer abc", {"Authorization": "Bearer abc"}),
        ("Authorization=Bearer%20abc", {"Authorization": "Bearer abc"}),
        ("a=%20b%20", {"a": "b"}),
        (f"Authorization=Basic {BASIC}", {"Authorization": f"Basic {BASIC}"}),
        ("a=1\nb=2,3\n", {"a": "1", "b": "2,3"}),
        ("a=1\r\n\r\nb=2\r\n", {"a": "1", "b": "2"}),
        ('{"a": "b", " c ": "d, e=f "}', {"a": "b", "c": "d, e=f"}),
        ('{\n  "Authorization": "Bearer abc"\n}\n', {"Authorization": "Bearer abc"}),
        ("{}", {}),
    ],
)
def test_headers_are_a_list_lines_or_an_object(text: str, expected: dict[str, str]) -> None:
    """A value may hold `=` in each form, and a comma where it stands on a line of its own."""
    assert headers(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Authorization=",
        "Authorization=Bearer ",
        "Authorization=Bearer",
        "Authorization=basic%20",
        "Authorization=Bearer ,x=y",
        "x=y\nAuthorization=Bearer \n",
        '{"Authorization": "Bearer "}',
        '{"Authorization": ""}',
    ],
)
def test_a_blank_value_is_a_missing_secret(text: str) -> None:
    """`Authorization=Bearer ${{ secrets.X }}` without the secret: told before anything is sent."""
    with pytest.raises(SettingsError, match=r"`otlp-headers`.*Authorization is blank.*secret"):
        headers(text)


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        f"a=b,{CANARY}",
        f"Authorization: Bearer {CANARY}",
        f"{CANARY} {CANARY}=b",
        f"={CANARY}",
        f"a=b\n{CANARY}",
        f"a={CANARY}%0Ab",
        f"a={CANARY}\x00",
        f"a={CANARY}\u2026",
        f'{{"a": "{CANARY}"',
        f'{{"a": ["{CANARY}"]}}',
        f'{{"a": {{"b": "{CANARY}"}}}}',
        f'{{"a": "{CANARY}", "b": 5}}',
        f'{{"a": "{CANARY}\\n"}}x',
        '{"a":' * 100_000,
    ],
)
def test_malformed_headers_are_told_and_never_quoted(text: str) -> None:
    """The error names the input or the variable, and shows no part of what it holds."""
    for given_by in ("otlp-headers", "OTEL_EXPORTER_OTLP_HEADERS"):
        environ = environ_of(otlp_endpoint=ENDPOINT)
        name = given_by if given_by.startswith("OTEL") else "FLOW_TELEMETRY_OTLP_HEADERS"
        with pytest.raises(SettingsError) as caught:
            load_settings({**environ, name: text}, EntryPoint.ACTION)
        assert f"`{given_by}`" in str(caught.value)
        assert "kanarien" not in str(caught.value)


# What stands in a header: printable, without the separators of the list.
_VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4).filter(
    lambda text: not set(text) & set(",%{") and text.lower() not in ("basic", "token", "apikey")
)


@given(_VALUES.filter(lambda text: "bearer" not in text.lower() and text != "api-key"))
def test_no_representation_of_settings_holds_a_secret(value: str) -> None:
    """Settings may be shown in a debugger or a report of a fault."""
    secret = f"kanarien-{value}"
    settings = load(
        {"GITHUB_TOKEN": secret},
        otlp_endpoint=f"https://user:{CANARY}@o.example.com/?key={CANARY}",
        otlp_headers=json.dumps({"x": f"Bearer {secret}"}),
    )
    assert "kanarien" not in repr(settings)
    assert "kanarien" not in f"{settings.otlp}{settings.github}"


# A word that every run's context may hold, such as `test`, is never hidden.
@given(_VALUES.filter(lambda text: text.lower() not in public_words({})))
def test_every_form_of_a_header_is_masked(value: str) -> None:
    """The runner hides the value, however the list is written, and the token behind the scheme."""
    for text in (
        f"Authorization=Bearer {value},x={value}",
        f"Authorization=Bearer%20{value}",
        f"x=y\nAuthorization=Bearer {value}",
        json.dumps({"Authorization": f"Bearer {value}"}),
    ):
        for name in (
            "FLOW_TELEMETRY_OTLP_HEADERS",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        ):
            assert {value, f"Bearer {value}"} <= set(secrets_of({name: text}))


@pytest.mark.parametrize(
    "text",
    [CANARY, f"a=b,{CANARY}", f'{{"a": "{CANARY}"', f"a=b\n{CANARY}", '{"a":' * 100_000 + CANARY],
)
def test_a_malformed_list_is_masked_in_parts(text: str) -> None:
    """What cannot be understood may be a secret all the same."""
    masked = secrets_of({"FLOW_TELEMETRY_OTLP_HEADERS": text})
    assert any(CANARY in each for each in masked)


def test_the_token_is_masked_and_short_texts_are_not() -> None:
    """Masking `on` or `1` would hide ordinary text and protect nothing."""
    environ = {"FLOW_TELEMETRY_GITHUB_TOKEN": "ghs_token", "OTEL_EXPORTER_OTLP_HEADERS": "a=1,b=on"}
    masked = secrets_of(environ)
    assert "ghs_token" in masked
    assert not {"1", "on", ""} & set(masked)


@pytest.mark.parametrize("text", [f"http://user:{CANARY}@proxy:3128", f"user:{CANARY}@proxy:3128"])
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_password_of_a_proxy_is_masked(name: str, text: str) -> None:
    """However it is named; programs that print their environment print it too."""
    assert CANARY in secrets_of({name: text})


@given(st.text(st.characters(), max_size=60))
def test_any_text_can_be_looked_through_for_secrets(text: str) -> None:
    """Masks come first of all, so nothing about them may fail, and none is blank."""
    for mask in secrets_of({"FLOW_TELEMETRY_OTLP_HEADERS": text}):
        assert len(mask.strip()) >= 1
        assert len(mask) >= 4
