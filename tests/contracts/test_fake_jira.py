"""The fake Jira answers as Atlassian describes Jira Cloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from tests.contracts.errors import ContractError
from tests.contracts.jira_openapi import template_of, templates, validate
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import OLAF, ROBOT, JiraWorld

JQL = "parent = ACME-42 ORDER BY created ASC, key ASC"


def rich_world() -> JiraWorld:
    """A world in which everything that the fake can tell has happened at least once."""
    world = JiraWorld()
    world.issue("ACME-1", type="Initiative")
    world.issue("ACME-42", type="Epic", parent="ACME-1")
    story = world.issue("ACME-57", parent="ACME-42")
    world.issue("ACME-58", parent="ACME-42")
    world.issue("ACME-59", type="Sub-task", parent="ACME-57")
    story.assign(OLAF, at="2026-11-02T08:00:00Z").label("ui", at="2026-11-02T08:01:00Z")
    story.move("In Progress", at="2026-11-03T08:00:00Z", by=OLAF)
    story.flag(at="2026-11-03T09:00:00Z").flag(False, at="2026-11-03T10:00:00Z", by=ROBOT)
    story.comment(at="2026-11-03T11:00:00Z").rename("CORE-9", at="2026-11-03T12:00:00Z")
    story.move("Done", at="2026-11-24T03:43:00.123Z", resolution="Done")
    story.assign(None, at="2026-11-24T03:44:00Z")
    return world


def test_every_answer_is_what_atlassian_describes() -> None:
    """Each route answers with what the schema allows, and nothing of the extract is left out."""
    asked = set()
    issues = [f"/rest/api/3/issue/{key}" for key in ("ACME-1", "ACME-42", "ACME-58", "CORE-9")]
    paths = [
        *issues,
        *(f"{issue}?fields=summary,status&expand=changelog" for issue in issues),
        *(f"{issue}/changelog?startAt=0&maxResults=2" for issue in issues),
        *(f"{issue}/comment" for issue in issues),
        f"/rest/api/3/search/jql?jql={JQL}&fields=summary,parent&maxResults=1",
        f"/rest/api/3/search/jql?jql={JQL}&fields=assignee&maxResults=1&nextPageToken=at-1",
        "/rest/api/3/field",
        "/rest/api/3/status",
        "/rest/api/2/serverInfo",
    ]
    with FakeJira(rich_world(), check=validate) as jira:
        for path in paths:
            assert requests.get(jira.url + path, timeout=5).status_code == 200, path
            asked.add(template_of("GET", path.partition("?")[0]))
    assert asked == templates()


@pytest.mark.parametrize(
    ("path", "break_it"),
    [
        ("/rest/api/3/issue/ACME-1", lambda p: p["fields"]["status"].update(id=7)),
        ("/rest/api/3/issue/ACME-1", lambda p: p["fields"].update(resolutiondate="yesterday")),
        ("/rest/api/3/issue/ACME-1", lambda p: p["fields"].update(epic="ACME-1")),
        ("/rest/api/3/issue/ACME-1/changelog", lambda p: p.update(nextPageToken="x")),
        ("/rest/api/3/search/jql", lambda p: p.update(total=3)),
        ("/rest/api/3/search", lambda p: None),
    ],
)
def test_the_contract_refuses_what_no_jira_says(path: str, break_it: Callable[[Any], Any]) -> None:
    """The description is really compared: one wrong property, and the answer is refused."""
    with FakeJira(rich_world()) as jira:
        query = {"jql": JQL, "fields": "summary"} if "search" in path else {}
        payload = requests.get(jira.url + path, params=query, timeout=5).json()
    break_it(payload)
    with pytest.raises(ContractError, match=r"Jira's schema|is no operation"):
        validate("GET", path, payload)


@pytest.mark.parametrize(
    ("jql", "said"),
    [
        ("nonsense = 1", "does not exist"),
        ("parent = ACME-999", "invalid or does not exist"),
        ("project IN (NONE)", "does not exist for the field"),
        ('resolved >= "2026-11-24"', "is invalid"),
        ("parent = ACME-42 AND", "ends too early"),
        ("parent = ACME-42 )", "not expected"),
    ],
)
def test_a_query_that_jira_cannot_read_is_refused(jql: str, said: str) -> None:
    """The fake does not guess: a wrong query of ours is an error of 400, as it would be there."""
    with FakeJira(rich_world()) as jira:
        query = {"jql": f"{jql} ORDER BY created ASC, key ASC"}
        answer = requests.get(f"{jira.url}/rest/api/3/search/jql", params=query, timeout=5)
    assert answer.status_code == 400
    assert said in answer.json()["errorMessages"][0]
