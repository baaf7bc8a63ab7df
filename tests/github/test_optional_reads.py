"""Each read may take a share of the time that is left, unless the export depends on it."""

from __future__ import annotations

import time

import pytest
from tests.fakes.faults import black_hole, delayed
from tests.fakes.github import FakeGitHub
from tests.support.clients import client_of

from flow_telemetry.errors import UnavailableError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.optional import SHARE, kind_of
from flow_telemetry.http.session import Request

SECONDS = 2.0
SHOP = "/repos/acme/shop"


def seconds_of(client: GitHubClient, path: str, reason: str) -> float:
    """Return the time that a read takes which fails."""
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=reason):
        client.get(path, "it")
    return time.monotonic() - began


def test_a_read_that_hangs_leaves_time_for_others(github: FakeGitHub) -> None:
    """A share of what is left is used up, whatever else is read."""
    github.script("/check-runs", black_hole(), times=None)
    with client_of(github, seconds=SECONDS) as client:
        taken = seconds_of(client, f"{SHOP}/check-runs/1/annotations", "it could not be read")
        assert taken < SECONDS * SHARE + 0.5
        assert client.get(SHOP, "the repository")["name"] == "shop"


def test_many_of_a_kind_take_the_time_of_one(github: FakeGitHub) -> None:
    """A run may have a hundred jobs that failed."""
    github.script("/check-runs", black_hole(), times=None)
    with client_of(github, seconds=SECONDS) as client:
        seconds_of(client, f"{SHOP}/check-runs/1/annotations", "it could not be read")
        for number in range(2, 100):
            path = f"{SHOP}/check-runs/{number}/annotations"
            assert seconds_of(client, path, "another request of its kind") < 0.1
        assert client.get(SHOP, "the repository")["name"] == "shop"
    assert len([path for path in github.paths if "check-runs" in path]) == 1


def test_a_required_read_has_all_the_time(github: FakeGitHub) -> None:
    """Nothing else could be sent."""
    github.script(SHOP, delayed(SECONDS * SHARE + 0.3), times=None)
    with client_of(github, seconds=SECONDS) as client:
        assert client.required.get(SHOP, "the repository")["name"] == "shop"
        assert client.requests == 1
    with client_of(github, seconds=SECONDS) as client:
        seconds_of(client, SHOP, "it could not be read")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/repos/acme/shop/actions/runs/12/attempts/3", "/repos/*/actions/runs/*/attempts/*"),
        ("/repos/acme/s1/commits/0a1b2c/pulls", "/repos/*/commits/*/pulls"),
        ("/repos/acme/shop/compare/a1...b2", "/repos/*/compare/*"),
        ("/repos/acme/shop", "/repos/*"),
    ],
)
def test_the_kind_of_a_request_names_no_thing(path: str, kind: str) -> None:
    """So all of one kind are alike."""
    assert kind_of(Request(f"https://api.github.com{path}")) == f"api.github.com{kind}"


def test_the_kind_of_a_query_is_its_operation() -> None:
    """All have one address."""
    body = {"query": "\nquery RefKind($owner: String!) { x }"}
    assert kind_of(Request("https://api.github.com/graphql", body=body)) == "query RefKind"
