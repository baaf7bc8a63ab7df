"""Credentials are known by their forms, wherever they stand; ordinary text stays as it is."""

from __future__ import annotations

import base64
import itertools
import re
import string
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.privacy.redactor import build_line_redactor, build_redactor
from flow_telemetry.privacy.token_forms import TOKEN_FORMS

REDACT = build_redactor(())
LETTERS = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hI5"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
BASIC = base64.b64encode(b"user:canary-password").decode()

CREDENTIALS = {
    "classic token": f"ghp_{LETTERS}",
    "OAuth token": f"gho_{LETTERS}",
    "user token": f"ghu_{LETTERS}",
    "refresh token": f"ghr_{LETTERS * 2}",
    "installation token": f"ghs_{LETTERS}",
    "installation token of 2026": f"ghs_123456_{JWT}",
    "fine-grained token": f"github_pat_11ABCDEFG0{LETTERS}_{LETTERS}{LETTERS[:23]}",
    "JWT": JWT,
    "JWT without signature": JWT.rpartition(".")[0] + ".",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "AWS, for a session": "ASIAIOSFODNN7EXAMPLE",
    "Slack": f"xoxb-123456789012-{LETTERS}",
    "GitLab": f"glpat-{LETTERS[:20]}",
    "Grafana": f"glsa_{LETTERS}_0a1b2c3d",
    "Dynatrace": f"dt0c01.{LETTERS[:24].upper()}.{LETTERS.upper()}",
    "New Relic": "NRAK-0A1B2C3D4E5F6G7H8I9J0K1L2M3",
    "Google": f"AIza{LETTERS[:35]}",
    "npm": f"npm_{LETTERS}",
    "PyPI": f"pypi-AgEIcHlwaS5vcmc{LETTERS}",
    "Atlassian": f"ATATT3xFfGF0{LETTERS}=0A1B2C3D",
}
AROUND = ["{}", "Use {} here", "({})", '"{}"', "x={}", "https://a.example/{}/x", "a\n{}\nb", "é{}é"]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=CREDENTIALS.keys())
def test_a_credential_is_taken_out_whatever_stands_around_it(credential: str, around: str) -> None:
    """All of it goes, and what stands around it stays."""
    assert REDACT(around.format(credential)) == around.format("***")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer ***"),
        ("authorization: token abc", "authorization: token ***"),
        ('{"Authorization": "Basic abc"}', '{"Authorization": "Basic ***"}'),
        ("Authorization: ApiKey canary, x", "Authorization: ApiKey ***, x"),
        ("Authorization: Bearer canary and more", "Authorization: Bearer *** and more"),
        ("Authorization: Own-Scheme canary and more", "Authorization: *** and more"),
        ("authorization: canary", "authorization: ***"),
        ("make AUTHORIZATION=canary deploy", "make AUTHORIZATION=*** deploy"),
        ("curl -H 'authorization: Own canary' x", "curl -H 'authorization: ***' x"),
        (
            'Authorization: Digest username="canary", response="canary"\nx',
            "Authorization: Digest ***\nx",
        ),
        ("Authorization: Own a=canary, b=canary", "Authorization: ***"),
        ('{\\"Authorization\\":\\"Own canary\\"}', '{\\"Authorization\\":\\"***\\"}'),
        ('"Authorization": "Basic canary=", "x": 1', '"Authorization": "Basic ***", "x": 1'),
        ("bearer canary-of-letters", "bearer ***"),
        ("bearer authenticatedcanary123", "bearer ***"),
        ("Bearer%20canary123", "Bearer%20***"),
        (f"curl -H 'Basic {BASIC}'", "curl -H 'Basic ***'"),
        ("clone https://user:pw@git.example/x.git", "clone https://git.example/x.git"),
        ("https://user:p@ss@git.example:8443/x", "https://git.example:8443/x"),
        ("https://x-access-token:abc@github.com/", "https://github.com/"),
        ("ssh://git@github.com/acme/shop", "ssh://github.com/acme/shop"),
        ("https://a.example/?token=abc&x=1", "https://a.example/?token=***&x=1"),
        ("https://a.example/?x=1&access_token=abc#y", "https://a.example/?x=1&access_token=***#y"),
        ("https://a.example/?sv=2&sig=a%2Bb%3D", "https://a.example/?sv=2&sig=***"),
        ("https://s3.example/?X-Amz-Signature=ab12&y", "https://s3.example/?X-Amz-Signature=***&y"),
        ("https://a.example/cb?code=abc", "https://a.example/cb?code=***"),
        ("make deploy API_KEY=abc", "make deploy API_KEY=***"),
        ("DB_PASSWORD='abc' ./run", "DB_PASSWORD='***' ./run"),
        ("DB_PASSWORD='a b' ./run", "DB_PASSWORD='***' ./run"),
        ('DB_PASSWORD="a \\"b" ./run', 'DB_PASSWORD="***" ./run'),
        ('"run": "PASSWORD=\\"a b\\" x"', '"run": "PASSWORD=\\"***\\" x"'),
        ('PASSWORD="abc without an end', 'PASSWORD="*** without an end'),
        ('{"client_secret": "abc", "x": "y"}', '{"client_secret": "***", "x": "y"}'),
        ('{"client_secret" : "a\\"b", "x": "y"}', '{"client_secret" : "***", "x": "y"}'),
        ("{'password': 'a\\'b', 'x': \"y\"}", "{'password': '***', 'x': \"y\"}"),
        ("{'password': \"it's\"}", "{'password': \"***\"}"),
        ('{\\"token\\":\\"a\\\\\\"b\\",\\"x\\":1}', '{\\"token\\":\\"***\\",\\"x\\":1}'),
        ("https://hooks.slack.com/services/T0/B0/abc", "https://hooks.slack.com/***"),
        ("DB_PASS=canary ./run", "DB_PASS=*** ./run"),
        ("password: canary", "password: ***"),
        ("  db_password: 'a canary'", "  db_password: '***'"),
        ("the password: canary-1 was typed", "the password: *** was typed"),
        ("MYSQL_PASS: canary1", "MYSQL_PASS: ***"),
        ("token: canary0123", "token: ***"),
        ('secret: "a canary here"', 'secret: "***"'),
        ("mysql --password canary -h db", "mysql --password *** -h db"),
        ("deploy --api-key canary", "deploy --api-key ***"),
        ("deploy -token 'a canary'", "deploy -token '***'"),
        ("x --auth_token=canary", "x --auth_token=***"),
        ("aws_secret_access_key = wJalrXUtnF0MI/K7", "aws_secret_access_key = ***"),
        ("AWS_SESSION_TOKEN   = canary0123", "AWS_SESSION_TOKEN   = ***"),
        ("client_secret= canary0123", "client_secret= ***"),
        ('api_key = "a canary"', 'api_key = "***"'),
        (
            "AccountName=a;AccountKey=Eby8vdM0+/==;Endpoint=b",
            "AccountName=a;AccountKey=***;Endpoint=b",
        ),
        ("SharedAccessKey=Eby8vdM0;x", "SharedAccessKey=***;x"),
    ],
)
def test_what_names_a_credential_stays(text: str, expected: str) -> None:
    """So that one can see what was there."""
    assert REDACT(text) == expected


# By the documents of each vendor, with made-up letters.
OTHER_TOKENS = {
    "Anthropic": f"sk-ant-api03-{LETTERS}",
    "Axiom": "xaat-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f",
    "Docker": f"dckr_pat_{LETTERS[:27]}",
    "Docker, of an organization": f"dckr_oat_{LETTERS[:32]}",
    "Entra ID": f"aB38Q~{LETTERS[:34]}",
    "GitLab, of a runner": f"glrt-{LETTERS[:20]}",
    "Honeycomb": f"hcaik_{LETTERS.lower()}{LETTERS[:22].lower()}",
    "Honeycomb, classic": f"hcaic_{LETTERS.lower()}{LETTERS[:22].lower()}",
    "Hugging Face": "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH",
    "OpenAI": f"sk-proj-{LETTERS}",
    "OpenAI, of 2023": f"sk-{LETTERS}{LETTERS[:12]}",
    "Stripe": f"sk_live_{LETTERS[:24]}",
    "Stripe, restricted": f"rk_test_{LETTERS[:24]}",
    "Stripe, of a webhook": f"whsec_{LETTERS[:32]}",
    "Tailscale": f"tskey-auth-{LETTERS}",
    "Vault": f"hvs.{LETTERS * 3}",
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("token", OTHER_TOKENS.values(), ids=OTHER_TOKENS.keys())
def test_a_token_of_another_service_is_redacted(token: str, around: str) -> None:
    """By its beginning."""
    redacted = REDACT(around.format(token))
    assert redacted.removesuffix("/x") == around.format("***").removesuffix("/x")


TABLE = [
    (prefix, characters, least)
    for prefixes, characters, least in TOKEN_FORMS
    for prefix in prefixes.split()
]


@pytest.mark.parametrize(("prefix", "characters", "least"), TABLE)
def test_a_token_of_the_table_is_redacted(prefix: str, characters: str, least: int) -> None:
    """Whatever is around it, and if the text was cut within it."""
    alphabet = [chr(code) for code in range(33, 127) if re.match(f"[{characters}]", chr(code))]
    letters = [c for c in alphabet if c.isalnum()]
    token = prefix + "".join(itertools.islice(itertools.cycle(letters), least))
    for around in AROUND:
        # A token with slashes goes on in a path.
        redacted = REDACT(around.format(token)).removesuffix("/x")
        assert redacted == around.format("***").removesuffix("/x")
    assert not REDACT.finds_nothing([f"use {token}", "x"])
    for length in range(len(prefix) + 1, len(token)):
        assert REDACT(f"use {token[:length]}…") == "use ***"


PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nq1w2e3\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text", [PEM, PEM.replace("\n", " "), PEM.replace("\n", "\\n"), PEM.replace("RSA ", "")]
)
def test_a_private_key_is_taken_out_as_a_whole(text: str) -> None:
    """On several lines, on one, or as JSON has it."""
    assert REDACT(f"before {text} after") == "before *** after"


def test_a_private_key_that_was_cut_goes_to_the_end() -> None:
    """A value of an attribute has at most 2,048 bytes: its end may be missing."""
    assert REDACT(f"before {PEM[:50]}…") == "before ***"
    certificate = "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----"
    assert REDACT(certificate) == certificate


def test_a_private_key_over_the_lines_of_a_log() -> None:
    """Each line comes alone; the function remembers that it is inside of a key."""
    redact = build_line_redactor(REDACT)
    lines = ["before", *PEM.split("\n"), "after"]
    assert [redact([line])[0] for line in lines] == ["before", "***", "***", "***", "***", "after"]


def test_a_mark_without_an_end_hides_a_bounded_number_of_lines() -> None:
    """A log may just talk of keys; what comes long after is no key."""
    redact = build_line_redactor(REDACT)
    found = [redact([text])[0] for text in ["-----BEGIN PRIVATE KEY-----", *["line"] * 1_200]]
    assert found[1] == "***"
    assert found[-1] == "line"
    assert found.count("line") == 200


@pytest.mark.parametrize(
    "text",
    [
        "fix(token): refresh it before it ends",
        "Add Basic authentication",
        "Basic OpenTelemetry support",
        "Bearer authentication fails with 401",
        "RUN Deploy @acme/shop",
        "max_tokens=4096",
        "https://github.com/acme/shop/actions/runs/999/job/31337#step:3:1",
        "github.com/acme/shop/pull/123#event:labeled:2026-11-24T03:43:00Z:bug",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "e5277f9fffce771d",
        "ghp_short",
        "npm_config_cache",
        "pypi-publish",
        "someone@acme.example",
        "key=ACME-42",
        "secrets of the trade; a signature: dish",
        '"token=" + x + "',
        '{"token": "", "secret":null}',
        "Authorization: Bearer, or Authorization: ***",
        "fix: password: must not be empty",
        "Reset password: send a mail first",
        "password: required",
        "password: $DB_PASSWORD",
        "password: {{ vault }}",
        "token: expired",
        "cache-key: linux-node-20-abc123",
        "key: Linux-pip-3d2f",
        "Add --password flag",
        "use --token to authenticate",
        "docker login --password-stdin",
        "a refresh-token rotation",
        "token = get_token(1)",
        "password = os.environ['X']",
        "pass=12 fail=0",
        "first_passed=12",
        "bypass=true",
        '<method name="m" signature="()V">',
        "Culture=neutral, PublicKeyToken=b03f5f7f11d50a3a",
        "docker://sha256:1f@sha256:602",
        "sk-learn-contrib-imbalanced-learn",
        "4b1d8a0c9f86d081884c7d659a2feaa0c55ad015",
        "test_of_all_tokens_that_expire_soon",
        "hf_transformers_model_of_ours",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    """What is taken out by mistake is lost to whoever looks at a trace."""
    assert REDACT(text) == text


@given(st.text(max_size=200), st.sampled_from(sorted(CREDENTIALS.values())), st.text(max_size=50))
def test_twice_is_as_once(before: str, credential: str, after: str) -> None:
    """A text may pass more than one place that takes credentials out."""
    once = REDACT(f"{before} {credential} {after}")
    assert credential not in once
    assert REDACT(once) == once


@pytest.mark.parametrize(
    "piece",
    [
        *("eyJ", "eyJaaaaaaaa.", "ghp_", "ghs_-", "://", "://a@", "token", "token=", "?sig="),
        *("-----BEGIN PRIVATE KEY", "-----BEGIN PRIVATE KEY-----", "Bearer ", "basic a", "xox"),
        *("Authorization:", "Authorization: Bearer ", '"token":"', "hooks.slack.com/", "AKIA"),
        *("Authorization: a b=", "authorization=\\", 'token="a', "token='a", 'token=\\"a\\b'),
        *("password: ", "password: a", "--password ", "-a-a-a-token ", "key = ", "token:  a1"),
        *(
            "password =",
            " = ",
            "--a_b_c_",
            "sk-",
            "hf_",
            "hc",
            "aaa1Q~",
            "glpat-",
            "=key ",
            "secret:",
        ),
        *('token="\\', 'token=\\"', '"token":"\\', "token':'\\", 'token\\":\\"\\\\', "token' : "),
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    """A text is an attacker's: 200,000 characters cost time in proportion, and nobody waits."""
    text = piece * (200_000 // len(piece))
    began = time.process_time()
    REDACT(text)
    assert time.process_time() - began < 2


@given(st.text(string.ascii_letters + string.digits + "+/=-_. %", min_size=8, max_size=40))
def test_a_known_secret_is_taken_out_as_it_may_be_written(secret: str) -> None:
    """As it is, and with a URL's escapes."""
    redact = build_redactor([secret])
    assert redact(f"({secret}|{quote(secret, safe='')})") == "(***|***)"


def test_a_short_secret_is_no_secret() -> None:
    """A header with `prod` must not take that word out of every name."""
    assert build_redactor(["prod"])("Deploy prod") == "Deploy prod"


def test_no_representation_holds_a_secret() -> None:
    """It stands in places that a debugger or a report of a fault shows."""
    assert "canary" not in repr(build_redactor(["canary-secret"], ["canary-[0-9]+"]))


def test_a_secret_that_is_no_text_is_taken_out() -> None:
    """A variable's bytes that are no UTF-8 come as halves of characters."""
    secret = b"canary-\xe9t\xe9".decode(errors="surrogateescape")
    assert build_redactor([secret])(f"it is {secret}") == "it is ***"
