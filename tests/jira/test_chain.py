"""From an issue of Jira to its feature."""

from __future__ import annotations

import pytest
from tests.fakes.jira_world import OLAF, JiraWorld
from tests.jira.support import EMAIL, connect, fake, key

from flow_telemetry.model import StatusCategory
from flow_telemetry.model.items import MOST_ANCESTORS

CLOUD_AND_DATA_CENTER = pytest.mark.parametrize("cloud", [True, False], ids=["cloud", "dc"])


def feature() -> JiraWorld:
    """An epic, its story and a sub-task of that."""
    world = JiraWorld()
    world.issue("ACME-42", type="Epic", summary="Checkout")
    world.issue("ACME-57", parent="ACME-42", summary="Pay by card", reporter=OLAF)
    world.issue("ACME-60", type="Sub-task", parent="ACME-57")
    return world


@CLOUD_AND_DATA_CENTER
def test_an_issue_leads_to_its_epic(cloud: bool) -> None:
    """By its parent, on Data Center by the Epic Link: nearest first, with the facts of each."""
    with fake(feature(), cloud=cloud) as jira:
        chain = connect(jira).jira.chain(key("acme-60"))
    assert chain.unread == ()
    assert [item.key for item in chain.items] == ["ACME-60", "ACME-57", "ACME-42"]
    story = chain.items[1]
    assert (story.reference, story.title, story.type) == ("jira/ACME-57", "Pay by card", "Story")
    assert (story.state, story.status, story.category) == ("open", "To Do", StatusCategory.TO_DO)
    assert story.url == f"{jira.url}/browse/ACME-57"
    assert [item.level for item in chain.items] == ([-1, 0, 1] if cloud else [None] * 3)
    assert story.author is not None
    assert story.author.login == ("Olaf Octo" if cloud else "olaf")


@CLOUD_AND_DATA_CENTER
def test_a_chain_costs_one_request_an_issue(cloud: bool) -> None:
    """An issue is read once for all chains; so is the site and, on Data Center, its fields."""
    with fake(feature(), cloud=cloud) as jira:
        connected = connect(jira)
        connected.jira.chain(key("ACME-57"))
        assert len(jira.requests) == (3 if cloud else 4)
        connected.jira.chain(key("ACME-57"))
        connected.jira.chain(key("ACME-42"))
        assert len(jira.requests) == (3 if cloud else 4)
    assert connected.client.requests == len(jira.requests)


def test_a_site_of_atlassian_is_known_by_its_name() -> None:
    """No request asks what stands under atlassian.net."""
    with fake(feature(), cloud=True) as jira:
        through_proxy = connect("http://acme.atlassian.net", email=EMAIL, proxy=jira.url)
        chain = through_proxy.jira.chain(key("ACME-42"))
        assert jira.paths == ["/rest/api/3/issue/ACME-42"]
    assert chain.items[0].url == "http://acme.atlassian.net/browse/ACME-42"


def test_an_issue_that_was_moved_has_its_new_key() -> None:
    """A commit names the old key; Jira answers with the new one, which makes the ids."""
    world = feature()
    world.issues[1].rename("CORE-9", at="2026-11-03T08:00:00Z")
    with fake(world, cloud=True) as jira:
        chain = connect(jira).jira.chain(key("ACME-57"))
    assert [item.key for item in chain.items] == ["CORE-9", "ACME-42"]
    assert chain.items[0].reference == "jira/CORE-9"


@CLOUD_AND_DATA_CENTER
def test_an_unknown_key_is_told_and_still_names_the_item(cloud: bool) -> None:
    """The key is all that is known, which is enough for the ids."""
    with fake(feature(), cloud=cloud) as jira:
        chain = connect(jira).jira.chain(key("ACME-999"))
    (item,) = chain.items
    assert (item.key, item.reference, item.read) == ("ACME-999", "jira/ACME-999", False)
    assert "Jira knows no ACME-999" in chain.unread[0]
    assert "permission to see it" in chain.unread[0]


def test_an_ancestor_that_the_account_cannot_see_is_told() -> None:
    """The chain reaches as far as its key."""
    world = feature()
    world.issues[0].hidden = True
    with fake(world, cloud=True) as jira:
        chain = connect(jira).jira.chain(key("ACME-57"))
    assert [(item.key, item.read) for item in chain.items] == [
        ("ACME-57", True),
        ("ACME-42", False),
    ]
    assert chain.unread[0].startswith("ACME-42: Jira knows no ACME-42")


def test_parents_in_a_circle_end() -> None:
    """The chain ends with the issue that it came back to, by which the circle is known."""
    world = JiraWorld()
    world.issue("ACME-1", parent="ACME-2")
    world.issue("ACME-2", parent="ACME-3")
    world.issue("ACME-3", parent="ACME-1")
    with fake(world, cloud=True) as jira:
        chain = connect(jira).jira.chain(key("ACME-1"))
    assert [item.key for item in chain.items] == ["ACME-1", "ACME-2", "ACME-3", "ACME-1"]
    assert chain.unread == ()


def test_a_very_deep_chain_is_cut() -> None:
    """Ten parents are read, the rest is told."""
    world = JiraWorld()
    for number in range(1, 20):
        world.issue(f"ACME-{number}", parent=f"ACME-{number + 1}")
    with fake(world, cloud=True) as jira:
        chain = connect(jira).jira.chain(key("ACME-1"))
    assert len(chain.items) == 1 + MOST_ANCESTORS
    assert chain.unread == ("ACME-1 has more than 10 parents in Jira",)


def test_a_key_that_is_none_goes_into_no_path() -> None:
    """Keys come from branch names: nothing else than a key is asked for."""
    with fake(feature(), cloud=True) as jira:
        chain = connect(jira).jira.chain(key("../../secure/admin?x=ACME-1"))
        assert all("admin" not in path for path in jira.paths)
    assert "is not a Jira key" in chain.unread[0]


@CLOUD_AND_DATA_CENTER
def test_what_is_closed_says_when_and_how(cloud: bool) -> None:
    """By its resolution; without one by its status, which Data Center dates in the history only."""
    world = JiraWorld()
    world.issue("ACME-1").move("Done", at="2026-11-24T03:43:00.123Z", resolution="Won't Do")
    world.issue("ACME-2").move("Rejected", at="2026-11-24T04:00:00Z")
    with fake(world, cloud=cloud) as jira:
        connected = connect(jira)
        resolved, done = (connected.jira.chain(key(k)).items[0] for k in ("ACME-1", "ACME-2"))
    assert (resolved.state, resolved.result, resolved.ended) == ("closed", "Won't Do", True)
    assert resolved.closed_at is not None
    assert resolved.closed_at.isoformat() == "2026-11-24T03:43:00.061000+00:00"
    assert (done.state, done.result, done.ended) == ("closed", "Rejected", cloud)
