"""One reader of server messages and one table of network errors, for GitHub, Jira and OTLP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flow_telemetry.http.errors import NetworkErrorKind, Server, describe_network_error
from flow_telemetry.http.response import Response, in_brackets, server_message

GITHUB = Server(name="GitHub", place="GitHub at https://api.github.com", setting="GITHUB_API_URL")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"message": "Not Found", "documentation_url": "https://docs.github.com"}, "Not Found"),
        ({"message": "Validation Failed", "errors": [{"message": "no"}]}, "Validation Failed"),
        ({"errorMessages": ["No issue"], "errors": {"jql": "bad key"}}, "No issue; bad key"),
        ({"errorMessages": ["the same"], "message": "the same"}, "the same"),
        ({"errorMessages": [], "errors": {"jql": "bad key"}}, "bad key"),
        ({"code": 3, "message": "too old"}, "too old"),
        ({"error": {"detail": "quota"}}, "quota"),
        ("no JSON object", "no JSON object"),
        ({}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_message_of_json_is_read(body: Any, message: str) -> None:
    """GitHub, Jira and OTLP backends have different fields for it."""
    assert server_message(Response(status=400, body=json.dumps(body).encode())) == message


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("text/html", b"<html><title>Bad\n Gateway &amp; more</title>", "Bad Gateway & more"),
        ("text/html", b"<html><p>no title</p>", ""),
        ("", b"<!DOCTYPE html><title>Sign in</title>", "Sign in"),
        ("text/plain", b"try\tagain\r\n", "try again"),
        ("application/json", b'{"message": "cut o', '{"message": "cut o'),
        ("application/json", b"[" * 100_000, "[" * 100_000),
        ("image/png", bytes(range(1, 9)) * 9, ""),
        ("", b"", ""),
    ],
)
def test_the_message_of_other_bodies_is_read(content_type: str, body: bytes, message: str) -> None:
    """The title of a page, plain text, and nothing of binary data."""
    response = Response(status=502, headers={"content-type": content_type}, body=body)
    assert server_message(response) == message


def test_a_message_in_brackets_is_short_and_on_one_line() -> None:
    """No control or invisible character of a server reaches a terminal."""
    body = json.dumps({"message": "a\x1b[31m\u202eb\ufe0fc\n" + "x" * 500}).encode()
    text = in_brackets(Response(status=500, body=body))
    assert text.startswith(" (a [31mbc x")
    assert len(text) <= 203
    assert text.isprintable()
    assert in_brackets(Response(status=500)) == ""


@pytest.mark.parametrize("kind", list(NetworkErrorKind))
def test_each_network_error_has_a_message(kind: NetworkErrorKind) -> None:
    """It names the server, and leaves no placeholder."""
    problem, advice = describe_network_error(kind, GITHUB, detail="some {detail}", seconds=3.0)
    assert "GitHub at https://api.github.com" in problem
    assert advice
    assert "{" not in (problem + advice).replace("{detail}", "")


def test_hints_are_added_to_the_advice() -> None:
    """A client can have further advice, such as the port of OTLP over HTTP."""
    hinted = Server(
        name="x", place="x", setting="`y`", hints={NetworkErrorKind.URL: "Braces {} are kept"}
    )
    assert describe_network_error(NetworkErrorKind.URL, hinted)[1] == (
        "Check `y`. Braces {} are kept"
    )


def test_the_time_limit_is_in_the_message_if_there_is_one() -> None:
    """Not every client has a limit for a single request."""
    timeout = NetworkErrorKind.TIMEOUT
    assert describe_network_error(timeout, GITHUB, seconds=2.5)[0].endswith("timed out after 2.5 s")
    assert describe_network_error(timeout, GITHUB)[0].endswith("timed out")
