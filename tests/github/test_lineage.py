"""From a pull request to its work items: one query, whatever the server and the token allow."""

from __future__ import annotations

import pytest
from tests.contracts.openapi import validate
from tests.fakes.faults import Answer, html
from tests.fakes.github import FakeGitHub
from tests.fakes.world import World
from tests.support.clients import SHOP, client_of

from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.issues import Closing, read_closing
from flow_telemetry.model import Change


def change(number: int) -> Change:
    """A pull request of acme/shop, as a run names it."""
    return Change(repository=SHOP, number=number)


def keys(closing: Closing) -> list[list[str]]:
    """The keys of each chain, nearest first."""
    return [[item.key for item in chain.items] for chain in closing.chains]


def test_one_query_leads_to_the_epic(
    world: World, github: FakeGitHub, client: GitHubClient
) -> None:
    """A pull request that closes a story gives the story, its epic, and their facts."""
    world.repository("acme/plans")
    world.issue(42, "Sell abroad", repository="acme/plans", type="Epic")
    world.issue(
        17,
        "Let people pay in euro",
        type="Story",
        parent="acme/plans#42",
        labels=["money"],
        opened_at="2026-11-01T08:00:00Z",
        closed_at="2026-11-20T08:00:00Z",
    )
    world.pull_request(123, closes=[17], message="Add euro\n\nCloses #17")
    closing = read_closing(client, change(123))
    story, epic = closing.chains[0].items
    assert github.paths == ["/graphql"]
    assert (closing.unread, closing.oldest_commit_message) == ((), "Add euro\n\nCloses #17")
    assert (story.key, story.type, story.title) == (
        "acme/shop#17",
        "Story",
        "Let people pay in euro",
    )
    assert story.reference == "github.com/acme/shop/issues/17"
    assert (story.state, story.result, story.labels) == ("closed", "completed", ("money",))
    assert story.created_at is not None
    assert story.closed_at is not None
    assert (story.created_at.day, story.closed_at.day) == (1, 20)
    assert story.url == "https://github.com/acme/shop/issues/17"
    assert (epic.reference, epic.type) == ("github.com/acme/plans/issues/42", "Epic")
    assert (epic.state, epic.result, epic.closed_at) == ("open", "", None)


def test_own_issues_come_first_and_low_numbers_before_high(
    world: World, client: GitHubClient
) -> None:
    """Of several closed issues the lowest number of the own repository is the first."""
    world.repository("acme/api")
    world.issue(3, repository="acme/api")
    world.issue(17, opened_at="2026-11-02T00:00:00Z")
    world.issue(9, opened_at="2026-11-03T00:00:00Z")
    world.pull_request(123, closes=["acme/api#3", 17, 9])
    closing = read_closing(client, change(123))
    assert keys(closing) == [["acme/shop#9"], ["acme/shop#17"], ["acme/api#3"]]


def test_a_pull_request_that_closes_nothing_leads_nowhere(
    world: World, client: GitHubClient
) -> None:
    """Nothing is closed, and nothing was unreadable."""
    world.pull_request(123)
    closing = read_closing(client, change(123))
    assert (closing.chains, closing.unread) == ((), ())


def test_what_the_token_cannot_see_is_as_if_it_was_not_there(
    world: World, client: GitHubClient
) -> None:
    """GitHub leaves out issues and parents of hidden repositories without a word."""
    world.repository("acme/secret", hidden=True)
    world.issue(42, repository="acme/secret")
    world.issue(43, repository="acme/secret")
    world.issue(17, parent="acme/secret#42")
    world.pull_request(123, closes=[17, "acme/secret#43"])
    closing = read_closing(client, change(123))
    assert (keys(closing), closing.unread) == ([["acme/shop#17"]], ())


def test_deep_and_circular_chains_end_and_say_so(world: World, client: GitHubClient) -> None:
    """Ten parents are read, no more; a circle ends with the issue that it came back to."""
    for number in range(1, 14):
        world.issue(number, parent=number + 1)
    world.issue(14)
    world.issue(20, parent=21)
    world.issue(21, parent=20)
    world.pull_request(123, closes=[1, 4, 20])
    deep, whole, circle = read_closing(client, change(123)).chains
    assert len(deep.items) == 11
    assert deep.unread == ("only the nearest 10 parents were read",)
    assert (len(whole.items), whole.unread) == (11, ())
    assert [item.number for item in circle.items] == [20, 21, 20]
    assert circle.unread == ()


def test_more_than_twenty_closed_issues_are_cut(world: World, client: GitHubClient) -> None:
    """The oldest twenty are read, and the rest is told."""
    for number in range(1, 23):
        world.issue(number, opened_at=f"2026-10-{number:02}T00:00:00Z")
    world.pull_request(123, closes=list(range(1, 23)))
    closing = read_closing(client, change(123))
    assert [chain.items[0].number for chain in closing.chains] == list(range(1, 21))
    (reason,) = closing.unread
    assert "only the oldest 20 of 22" in reason


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        (("Issue.parent",), [("acme/shop#17", "Story")]),
        (("Issue.issueType",), [("acme/shop#17", ""), ("acme/shop#42", "")]),
        (("Issue.parent", "Issue.issueType", "Issue.stateReason"), [("acme/shop#17", "")]),
        (
            ("stateReason(enableDuplicate)",),
            [("acme/shop#17", "Story"), ("acme/shop#42", "Epic")],
        ),
    ],
)
def test_an_older_server_is_asked_again_once_without_what_it_lacks(
    world: World, missing: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    """What the schema lacks is left out of the second query, and of all later ones."""
    world.issue(42, type="Epic")
    world.issue(17, type="Story", parent=42)
    world.pull_request(123, closes=[17])
    with (
        FakeGitHub(world, missing_fields=missing, check=validate) as github,
        client_of(github) as client,
    ):
        first = read_closing(client, change(123))
        again = read_closing(client.fresh, change(123))
        assert len(github.requests) == 3
    assert first == again
    assert first.unread == ()
    assert [(item.key, item.type) for item in first.chains[0].items] == expected


def test_a_duplicate_is_told_from_what_is_not_planned(world: World, client: GitHubClient) -> None:
    """GitHub says duplicate only where it is asked to."""
    world.issue(17, closed_at="2026-11-20T08:00:00Z", state_reason="duplicate")
    world.pull_request(123, closes=[17])
    (chain,) = read_closing(client, change(123)).chains
    assert chain.items[0].result == "duplicate"


def test_a_refused_token_narrows_and_says_what_it_needs(world: World) -> None:
    """Without `issues: read` the commit is known, the issues are not, and that is told."""
    world.issue(17)
    world.pull_request(123, closes=[17], message="Add euro")
    with (
        FakeGitHub(world, denied={"issues=read"}, check=validate) as github,
        client_of(github) as client,
    ):
        closing = read_closing(client, change(123))
    assert (closing.chains, closing.oldest_commit_message) == ((), "Add euro")
    (reason,) = closing.unread
    assert "the issues that acme/shop#123 closes" in reason
    assert "Resource not accessible by integration" in reason
    assert "`flow-telemetry check`" in reason


def test_an_unknown_pull_request_is_told(client: GitHubClient) -> None:
    """GitHub's own words say what it does not know."""
    closing = read_closing(client, change(9))
    (reason,) = closing.unread
    assert "Could not resolve to a PullRequest with the number of 9." in reason


@pytest.mark.parametrize(
    "fault",
    [
        html(),
        Answer(status=401, body=b'{"message": "Bad credentials"}'),
        Answer(body=b'{"errors": [{"message": "Something went wrong"}]}'),
        Answer(body=b'{"data": {"repository": {"pullRequest": {"commits": 7}}}}'),
        Answer(
            body=b'{"data": {"repository": {"pullRequest": {"closingIssuesReferences": '
            b'{"nodes": [null, {"number": "x"}, {"number": 1, "repository": {}}]}}}}}'
        ),
    ],
    ids=["html", "refused", "no data", "damaged", "damaged issues"],
)
def test_a_broken_answer_breaks_nothing(
    github: FakeGitHub, fault: Answer, client: GitHubClient
) -> None:
    """Whatever comes instead of an answer, there is no chain and no traceback."""
    github.script("/graphql", fault)
    closing = read_closing(client, change(123))
    assert closing.chains == ()
