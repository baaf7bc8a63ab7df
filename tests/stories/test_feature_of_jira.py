"""An epic of Jira as a trace: its issues by Jira's search, its pull requests by their keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes.faults import altered, status
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, sha_of, step
from tests.support import references
from tests.support.program import Program, Result

EPIC = "jira/ACME-42"
MERGE = sha_of("merge of 123")


@pytest.fixture
def jira(world: World) -> Iterator[FakeJira]:
    """An epic with one story, done by pull request 123, whose branch carries the story's key."""
    issues = JiraWorld()
    epic = issues.issue("ACME-42", type="Epic", created="2025-11-03T08:00:00Z")
    story = issues.issue("ACME-57", parent="ACME-42", created="2025-11-03T09:00:00Z")
    story.move("In Progress", at="2025-11-04T09:00:00Z")
    story.move("Done", at="2025-11-06T10:05:00Z", resolution="Done")
    epic.move("Done", at="2025-11-07T08:00:00Z", resolution="Done")
    world.pull_request(
        123,
        branch="acme-57-round-vat",
        title="Round VAT",
        opened_at="2025-11-04T10:00:00Z",
        merged_at="2025-11-06T10:00:00Z",
        merge_commit_sha=MERGE,
    )
    world.pull_request(
        124,
        branch="other",
        title="[ACME-42] Say what it is for",
        opened_at="2025-11-05T10:00:00Z",
        merged_at="2025-11-05T11:00:00Z",
    )
    world.pull_request(
        125,
        branch="ACME-99-else",
        opened_at="2025-11-05T10:00:00Z",
        closed_at="2025-11-05T11:00:00Z",
    )
    world.run(
        event="pull_request",
        branch="acme-57-round-vat",
        created_at="2025-11-04T10:00:05Z",
        jobs=[job("test", steps=[step("Run pytest")])],
    )
    with FakeJira(issues, email="mona@example.com", token="s3cret") as fake:
        yield fake


def export(program: Program, jira: FakeJira, *arguments: str) -> Result:
    """Export the epic from the command line."""
    return program.command(
        *("export", "feature", "ACME-42", "--jira-url", jira.url),
        *("--jira-email", jira.email, "--jira-token", jira.token or ""),
        *("--otlp-endpoint", program.receiver.url, *arguments),
    )


def test_an_epic_of_jira_is_one_tree(program: Program, jira: FakeJira, receiver: Receiver) -> None:
    """Epic → story → pull request → run; the pull request that carries the epic's key beside."""
    result = export(program, jira, "--repositories", "acme/shop")
    assert (result.status, result.stderr.count("warning")) == (0, 0)
    assert [line for line in receiver.tree() if "queued" not in line] == [
        "epic ACME-42",
        "  To Do",
        "  story ACME-57",
        "    To Do",
        "    In Progress",
        "    pull request #123",
        "      awaiting review",
        "      RUN CI",
        "        test",
        "          Run pytest",
        "  pull request #124",
        "    awaiting review",
    ]
    root = receiver.span("epic ACME-42")
    assert (root.trace_id, root.span_id) == (references.trace_id(EPIC), references.span_id(EPIC))
    assert {s.attributes["flow.feature.key"] for s in receiver.spans} == {"ACME-42"}


def test_the_live_trace_leads_to_it(
    program: Program, world: World, jira: FakeJira, receiver: Receiver
) -> None:
    """The run of the pull request has the id of the epic's trace, from where a link leads back."""
    (run,) = world.attempts
    program.export(run, jira_url=jira.url, jira_email=jira.email, jira_token=jira.token)
    span, reference = receiver.span("RUN CI"), references.run_of(run)
    assert span.attributes["flow.feature.trace_id"] == references.trace_id(EPIC)
    export(program, jira, "--repositories", "acme/shop")
    (back,) = receiver.spans_named("RUN CI")[1].links
    pull = references.pull(123)
    assert (back.trace_id, back.span_id) == (
        references.trace_id(pull),
        references.span_id(pull, reference),
    )


def test_without_repositories_the_pull_requests_are_asked_for(
    program: Program, jira: FakeJira, receiver: Receiver
) -> None:
    """Jira names none: outside of a workflow the input has to, and the root says so."""
    result = export(program, jira)
    assert "`repositories`" in result.stderr
    assert receiver.spans_named("pull request #123") == []
    told = receiver.span("epic ACME-42").attributes["flow.feature.incomplete"]
    assert "`repositories`" in told


def test_a_repository_that_cannot_be_read_is_told(
    program: Program, jira: FakeJira, receiver: Receiver
) -> None:
    """The others are read all the same."""
    result = export(program, jira, "--repositories", "acme/shop,acme/gone")
    assert "acme/gone" in result.stderr
    assert "acme/gone" in receiver.span("epic ACME-42").attributes["flow.feature.incomplete"]
    assert len(receiver.spans_named("pull request #123")) == 1


def test_jira_that_fails_halfway_is_told(
    program: Program, jira: FakeJira, receiver: Receiver
) -> None:
    """What was read is one tree, and the root says what is missing."""
    jira.script("/search/jql", status(400, "{}"), times=None)
    result = export(program, jira, "--repositories", "acme/shop")
    assert receiver.spans_named("story ACME-57") == []
    assert receiver.span("pull request #124").parent_span_id == references.span_id(EPIC)
    told = receiver.span("epic ACME-42").attributes["flow.feature.incomplete"]
    assert "ACME-42" in told
    assert "the trace of ACME-42 is incomplete" in result.stderr


def test_a_story_that_is_told_to_be_the_epic_stands_once(
    program: Program, jira: FakeJira, receiver: Receiver
) -> None:
    """A key may change while the tree is read: no span is its own parent, and none comes twice."""
    jira.script("/issue/ACME-57?", altered(lambda told: told.update(key="ACME-42")), times=None)
    assert export(program, jira, "--repositories", "acme/shop").status == 0
    assert [line for line in receiver.tree() if "ACME" in line] == ["epic ACME-42"]
    assert all(span.span_id != span.parent_span_id for span in receiver.spans)
