"""Why GitHub refuses something: its own words are kept, and only a rate limit is waited for."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest
from tests.fakes.faults import Answer, status
from tests.fakes.github import FakeGitHub, graphql_rate_limit, secondary_rate_limit
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, annotation, job, step
from tests.support.clients import client_of
from tests.support.program import Program

from flow_telemetry.errors import AccessDeniedError, BudgetExceeded, UnavailableError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.rate_limit import RequestBudget
from flow_telemetry.http.response import Response
from flow_telemetry.http.retry import wait_before_retry

QUERY = "query Any { viewer { login } }"
LIMITED = "API rate limit already exceeded for installation ID 1."
ALLOW_LIST = (
    "Although you appear to have the correct authorization credentials, the `acme` organization "
    "has an IP allow list enabled, and 192.0.2.7 is not permitted to access this resource."
)


def refused(message: str, code: int = 403, **headers: str) -> Answer:
    """GitHub's JSON for a refusal, and the header that every response of such a path has."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    accepted = {"X-Accepted-GitHub-Permissions": "checks=read", **named}
    return status(code, json.dumps({"message": message}), **accepted)


@pytest.fixture
def failed(world: World) -> Run:
    """A run whose failed job has an annotation."""
    said = annotation("Process completed with exit code 1.")
    return world.run(
        jobs=[job("test", "failure", steps=[step("x", 1, "failure")], annotations=[said])]
    )


@pytest.mark.parametrize("type_", ["RATE_LIMIT", "RATE_LIMITED"])
def test_a_query_beyond_the_limit_is_sent_again(
    github: FakeGitHub, client: GitHubClient, type_: str
) -> None:
    """GraphQL reports it with the status 200, and says when to come back as REST does."""
    data = status(200, '{"data": {"viewer": {"login": "alice"}}}')
    github.script("/graphql", graphql_rate_limit(type_, retry_after="0"), data)
    assert client.query(QUERY, "the viewer").data == {"viewer": {"login": "alice"}}
    assert len(github.paths) == 2


def test_a_query_whose_limit_lasts_too_long_has_githubs_words(
    github: FakeGitHub, client: GitHubClient
) -> None:
    """No permission would help, so none is named."""
    github.script("/graphql", graphql_rate_limit(retry_after="3600"), times=None)
    with pytest.raises(UnavailableError) as raised:
        client.query(QUERY, "the viewer")
    assert LIMITED in str(raised.value)
    assert "3600 s" in str(raised.value)
    assert ": read" not in str(raised.value)
    assert len(github.paths) == 1


def test_a_budget_ends_with_the_limit_of_queries(github: FakeGitHub) -> None:
    """What reads much stops, as after a refusal of REST."""
    github.script("/graphql", graphql_rate_limit(retry_after="3600"), times=None)
    with client_of(github, RequestBudget()) as client:
        for _ in range(2):
            with pytest.raises(BudgetExceeded, match="rate limit already exceeded"):
                client.query(QUERY, "the viewer")
    assert len(github.paths) == 1


def test_deployments_beyond_the_limit_need_no_permission(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The notice has GitHub's words; the run is exported."""
    run = world.run(event="schedule", jobs=[job("ship", steps=[step("x")])])
    github.script("/graphql", graphql_rate_limit(retry_after="3600"), times=None)
    result = program.export(run)
    (notice,) = (n for n in result.notices if "deployments" in n)
    assert LIMITED in notice
    assert ": read" not in notice
    assert receiver.spans_named("RUN CI")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refused(ALLOW_LIST), "IP allow list enabled"),
        (
            refused(
                "Resource protected by organization SAML enforcement.",
                X_GitHub_SSO="required; url=https://github.com/orgs/acme/sso",
            ),
            "SAML enforcement",
        ),
        (secondary_rate_limit(3600), "exceeded a secondary rate limit"),
        (refused("Sorry. Your account was suspended."), "account was suspended"),
    ],
    ids=["allowed addresses", "single sign-on", "secondary limit", "suspended"],
)
def test_annotations_that_are_refused_have_githubs_words(
    program: Program, failed: Run, github: FakeGitHub, answer: Answer, words: str
) -> None:
    """A permission is named only if GitHub says that one is missing."""
    github.script("/annotations", answer, times=None)
    (notice,) = program.export(failed).notices
    assert words in notice
    assert "checks: read" not in notice


def test_annotations_without_the_permission_name_it(
    program: Program, failed: Run, github: FakeGitHub
) -> None:
    """By the header of GitHub's answer; debug output has its words, too."""
    github.denied.add("checks=read")
    result = program.export(failed, log_level="debug")
    (notice,) = result.notices
    assert "the token lacks `checks: read` (why jobs failed)" in notice
    assert "(Resource not accessible by integration): add `checks: read` to" in result.log


def test_a_missing_permission_is_no_limit_although_it_used_the_last_request(
    github: FakeGitHub, client: GitHubClient
) -> None:
    """Waiting for the reset would not help."""
    reset = str(int(time.time()) + 3000)
    last = refused(
        "Resource not accessible by integration",
        x_ratelimit_remaining="0",
        x_ratelimit_reset=reset,
    )
    github.script("/acme/shop", last)
    with pytest.raises(AccessDeniedError, match="Resource not accessible by integration"):
        client.get("/repos/acme/shop", "repository acme/shop")
    assert len(github.paths) == 1


def test_a_limit_that_was_reset_meanwhile_is_tried_again(
    github: FakeGitHub, client: GitHubClient
) -> None:
    """Its reset is in the past: the next request counts for the new hour."""
    past = str(int(time.time()) - 5)
    late = refused("API rate limit exceeded.", x_ratelimit_remaining="0", x_ratelimit_reset=past)
    github.script("/acme/shop", late)
    assert client.get("/repos/acme/shop", "repository acme/shop")["full_name"] == "acme/shop"
    assert len(github.paths) == 2


@pytest.mark.parametrize(("server_is_behind", "wait"), [(0, 4.0), (600, 596.0)])
def test_a_reset_in_the_past_is_measured_by_the_servers_clock(
    server_is_behind: int, wait: float
) -> None:
    """A runner whose clock is fast would come back too early, and give up."""
    now = 1_764_000_000.0
    headers = {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(now) - 5),
        "date": formatdate(now - server_is_behind, usegmt=True),
    }
    response = Response(status=403, headers=headers, body=b'{"message": "API rate limit exceeded"}')
    assert wait_before_retry(response, tries=3, now=now) == wait


def test_a_limit_that_does_not_end_is_reported_as_one(
    github: FakeGitHub, client: GitHubClient
) -> None:
    """After the last try GitHub's words remain, and no permission is guessed."""
    answer = secondary_rate_limit(0)
    github.script("/acme/shop", answer, times=None)
    with pytest.raises(UnavailableError, match=r"rate limit \(You have exceeded a secondary"):
        client.get("/repos/acme/shop", "repository acme/shop")
    assert len(github.paths) == 5
