"""A text that was cut, to 128 characters or 2,048 bytes, may end with half of a credential."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.privacy.test_forms import CREDENTIALS

from flow_telemetry.privacy.redactor import build_redactor

REDACT = build_redactor(())
# How much of each says what it is and no more: so much may stay.
KNOWN_BY = {
    **dict.fromkeys(["AWS", "AWS, for a session", "Google", "npm", "xoxb", "Slack"], 5),
    **dict.fromkeys(["fine-grained token"], len("github_pat_")),
    **dict.fromkeys(["PyPI"], len("pypi-AgE")),
    **dict.fromkeys(["Dynatrace"], len("dt0c01.")),
    **dict.fromkeys(["Grafana", "New Relic"], 5),
    **dict.fromkeys(["GitLab", "Atlassian"], 6),
}


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_no_beginning_of_a_token_stays(kind: str) -> None:
    """However little of it there is, behind any text."""
    credential = CREDENTIALS[kind]
    for length in range(KNOWN_BY.get(kind, 4), len(credential)):
        for before in ("", "Run echo ", "x=", "https://a.example/"):
            assert REDACT(f"{before}{credential[:length]}…") == f"{before}***"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("curl https://deploy:canary-passw0rd…", "curl https://***"),
        ("curl https://canaryOfAToken…", "curl https://***"),
        ("curl https://user:pw@git.example/x…", "curl https://git.example/x…"),
        ("Authorization: Bearer cana…", "Authorization: Bearer ***"),
        ("Authorization: Basic dXNl…", "Authorization: Basic ***"),
        ("curl -H 'Bearer cana…", "curl -H 'Bearer ***"),
        # It ends in half of a character of more than one byte.
        ("Basic dXNlcjpjYW5hcnnDqcM…", "Basic ***…"),
        ('PASSWORD="canary with blan…', 'PASSWORD="***'),
        ("PASSWORD='canary with blan…", "PASSWORD='***"),
        ('{"client_secret":"canary with\\…', '{"client_secret":"***'),
    ],
)
def test_nor_does_what_the_cut_hides_the_end_of(text: str, expected: str) -> None:
    """The `@` after a password, the closing quote, the rest of a header."""
    assert REDACT(text) == expected
    assert not REDACT.finds_nothing([text, "x"])


@pytest.mark.parametrize(
    "text",
    [
        "Build and test…",
        "see https://a.example/path…",
        "https://…",
        "npm_config_ca…",
        "Deploy to ASIA-PACIFIC…",
        "the bearer of the…",
        "a…b",
        "…",
    ],
)
def test_ordinary_text_that_was_cut_stays(text: str) -> None:
    """Nearly all texts hold nothing."""
    assert REDACT(text) == text
    assert REDACT.finds_nothing([text, "x"])


@given(st.text("abC0é-_./: ", min_size=8, max_size=30), st.data())
def test_no_more_than_half_of_a_known_secret_stays(secret: str, data: st.DataObject) -> None:
    """Where it is short, seven characters would be nearly all of it."""
    least = min(8, (len(secret) + 1) // 2)
    length = data.draw(st.integers(least, len(secret) - 1))
    redact = build_redactor([secret])
    assert secret[:length] not in redact(f"(((it is |{secret[:length]}…")


def test_a_word_that_a_secret_begins_with_stays() -> None:
    """`canary` may be meant."""
    redact = build_redactor(["canary-secret"])
    assert redact("it is canary-sec…") == "it is ***"
    assert redact("it is canary…") == "it is canary…"


@pytest.mark.parametrize(
    "piece",
    [
        "_ghp_",
        "glpat-",
        "hf_",
        "sk-",
        "sk-1",
        "://",
        "://a",
        "npm_",
        "AKIA",
        "Bearer ",
        "a",
        "-eyJ",
    ],
)
def test_no_cut_text_takes_long(piece: str) -> None:
    """200,000 characters cost time in proportion."""
    text = piece * (200_000 // len(piece)) + "…"
    redact = build_redactor([piece * 40])
    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 2
