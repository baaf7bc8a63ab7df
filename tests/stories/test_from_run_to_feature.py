"""From a run to its pull request, its story and its epic: keys on every span, links between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.contracts.openapi import validate
from tests.fakes.faults import Answer, html
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, job, step
from tests.support import references
from tests.support.program import Program

PULL = references.pull(123)
STORY = "github.com/acme/shop/issues/17"
EPIC = "github.com/acme/plans/issues/42"
WORK_ITEM, FEATURE = "flow.work_item.key", "flow.feature.key"
TRACE_OF_FEATURE = "flow.feature.trace_id"


@pytest.fixture
def run(world: World) -> Run:
    """A run of pull request 123, which closes story 17 of epic 42 in another repository."""
    world.repository("acme/plans")
    world.issue(42, "Sell abroad", repository="acme/plans", type="Epic")
    world.issue(17, type="Story", parent="acme/plans#42")
    world.pull_request(123, closes=[17])
    jobs = [job("test", steps=[step("Run pytest", 30)])]
    return world.run(event="pull_request", branch="feature", jobs=jobs)


def keys(receiver: Receiver) -> set[tuple[Any, Any]]:
    """The keys of work item and feature, on all spans but openings."""
    return {(s.attributes.get(WORK_ITEM), s.attributes.get(FEATURE)) for s in receiver.ended}


def links(span: SpanRecord) -> Mapping[tuple[str, str], str]:
    """Where the links of a span lead, and why."""
    return {(x.trace_id, x.span_id): x.attributes["flow.link"] for x in span.links}


def to(root: str, reference: str | None = None) -> tuple[str, str]:
    """The ids of a reference's span in the trace of a root."""
    return references.trace_id(root), references.span_id(root, reference)


def test_every_span_carries_the_keys(program: Program, run: Run, receiver: Receiver) -> None:
    """Run, job, step and queue name story and epic, so that a query joins what no trace does."""
    result = program.export(run)
    assert result.warnings == []
    assert len(receiver.spans) > 3
    assert keys(receiver) == {("acme/shop#17", "acme/plans#42")}
    span = receiver.span("RUN CI")
    assert span.trace_id == references.trace_id(PULL)
    # That trace does not exist yet, so it is not a link.
    assert (links(span), span.attributes[TRACE_OF_FEATURE]) == ({}, references.trace_id(EPIC))


def test_the_chain_costs_two_requests(program: Program, run: Run, github: FakeGitHub) -> None:
    """Beside the run and its jobs: the pull requests of its branch, and one query."""
    program.export(run)
    assert len(github.paths) <= 4
    assert github.paths.count("/graphql") == 1


def test_further_items_become_links(program: Program, world: World, receiver: Receiver) -> None:
    """The lowest number is the parent, the other issue is linked; so is what stands above."""
    world.issue(41, type="Initiative")
    world.issue(42, type="Epic", parent=41)
    world.issue(17, type="Story", parent=42)
    world.issue(18, type="Bug")
    world.pull_request(123, closes=[18, 17])
    run = world.run(event="pull_request", branch="feature", jobs=[job("test")])
    program.export(run)
    home = "github.com/acme/shop/issues"
    assert keys(receiver) == {("acme/shop#17", "acme/shop#42")}
    assert links(receiver.span("RUN CI")) == {
        to(f"{home}/18"): "work_item",
        to(f"{home}/41"): "work_item",
    }


def test_feature_trace_false_leaves_its_id_out(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """What is never sent is not named; the keys stay."""
    program.export(run, feature_trace=False)
    assert TRACE_OF_FEATURE not in receiver.span("RUN CI").attributes
    assert keys(receiver) == {("acme/shop#17", "acme/plans#42")}


def test_a_refused_token_narrows_the_trace_and_says_so(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver
) -> None:
    """Without `issues: read` the pull request is known, and its items are not."""
    github.denied.add("issues=read")
    result = program.export(run)
    (notice,) = result.notices
    assert "`issues: read`" in notice
    assert (result.status, result.warnings, result.outputs["status"]) == (0, [], "exported")
    span = receiver.span("RUN CI")
    assert keys(receiver) == {(None, None)}
    assert span.trace_id == references.trace_id(PULL)
    assert "Resource not accessible" in span.attributes["flow.chain.incomplete"]


@pytest.fixture
def older(world: World) -> Iterator[FakeGitHub]:
    """An Enterprise Server of before sub-issues and issue types."""
    missing = ("Issue.parent", "Issue.issueType")
    with FakeGitHub(world, missing_fields=missing, check=validate) as server:
        yield server


def test_an_older_server_is_asked_again_once(
    program: Program, run: Run, older: FakeGitHub, receiver: Receiver
) -> None:
    """What its schema lacks is left out, without a warning: there is nothing to repair."""
    program.github = older
    result = program.export(run)
    assert result.warnings == []
    assert older.paths.count("/graphql") == 2
    assert keys(receiver) == {("acme/shop#17", "acme/shop#17")}


def test_data_beside_errors_is_used_as_far_as_it_goes(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver
) -> None:
    """GitHub may give a half of what was asked, and an error for the rest."""
    added = b'{"errors":[{"message":"Something went wrong while executing your query."}],'
    github.script("/graphql", lambda _, answer: replace(answer, body=added + answer.body[1:]))
    result = program.export(run)
    (warning,) = result.warnings
    assert "Something went wrong" in warning
    assert keys(receiver) == {("acme/shop#17", "acme/plans#42")}
    assert "Something went wrong" in receiver.span("RUN CI").attributes["flow.chain.incomplete"]


@pytest.mark.parametrize(
    "fault",
    [html(), Answer(body=b'{"errors": [{"message": "Something went wrong"}]}'), Answer(status=404)],
    ids=["html", "no data", "no GraphQL"],
)
def test_an_answer_that_is_none_narrows_the_trace(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver, fault: Answer
) -> None:
    """Whatever comes instead, the run is sent in its pull request's trace, and it is told."""
    github.script("/graphql", fault, times=None)
    result = program.export(run)
    (warning,) = result.warnings
    assert "issues that acme/shop#123 closes" in warning
    assert result.outputs["status"] == "exported"
    assert receiver.span("RUN CI").trace_id == references.trace_id(PULL)
    assert keys(receiver) == {(None, None)}


def test_a_very_deep_chain_is_cut_and_told(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Ten levels of parents count; that there are more is a warning."""
    for number in range(1, 15):
        world.issue(number, parent=number + 1)
    world.issue(15)
    world.pull_request(123, closes=[1])
    run = world.run(event="pull_request", branch="feature", jobs=[job("test")])
    result = program.export(run)
    (warning,) = result.warnings
    assert "only the nearest 10 parents were read" in warning
    assert keys(receiver) == {("acme/shop#1", "acme/shop#11")}


@pytest.mark.parametrize("closed", [20, 21])
def test_parents_in_a_circle_have_one_feature(
    program: Program, world: World, receiver: Receiver, closed: int
) -> None:
    """From wherever one comes into the circle, its top is the same; that is told."""
    world.issue(20, parent=21)
    world.issue(21, parent=20)
    world.pull_request(123, closes=[closed])
    run = world.run(event="pull_request", branch="feature", jobs=[job("test")])
    result = program.export(run)
    (warning,) = result.warnings
    assert "circle" in warning
    assert {feature for _, feature in keys(receiver)} == {"acme/shop#20"}


def test_a_parent_that_the_token_cannot_see_is_as_if_there_was_none(
    program: Program, run: Run, world: World, receiver: Receiver
) -> None:
    """GitHub says nothing about it, so there is nothing to tell."""
    world.repository("acme/plans", hidden=True)
    result = program.export(run)
    assert result.warnings == []
    assert keys(receiver) == {("acme/shop#17", "acme/shop#17")}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"deleted": True}, "deleted"),
        ({"moved_to": "acme/plans#9"}, "was moved to https://github.com/acme/plans/issues/9"),
    ],
)
def test_an_item_that_is_gone_is_told(
    program: Program, world: World, receiver: Receiver, facts: dict[str, Any], said: str
) -> None:
    """A branch may name an issue that was deleted or moved: its key alone names it then."""
    world.repository("acme/plans")
    world.issue(9, repository="acme/plans")
    world.issue(17, **facts)
    world.pull_request(123, branch="gh-17-euro")
    run = world.run(event="pull_request", branch="gh-17-euro", jobs=[job("test")])
    result = program.export(run)
    (warning,) = result.warnings
    assert said in warning
    assert result.outputs["status"] == "exported"
    assert keys(receiver) == {("acme/shop#17", "acme/shop#17")}


def test_two_trackers_of_one_repository_see_one_issue(
    program: Program, world: World, receiver: Receiver
) -> None:
    """An issue that the branch names and the pull request closes is one item, without a link."""
    world.issue(42, type="Epic")
    world.issue(17, parent=42)
    world.pull_request(123, branch="gh-17-euro", closes=[17])
    run = world.run(event="pull_request", branch="gh-17-euro", jobs=[job("test")])
    program.export(run)
    assert keys(receiver) == {("acme/shop#17", "acme/shop#42")}
    assert links(receiver.span("RUN CI")) == {}


def test_the_chain_is_explained(program: Program, run: Run) -> None:
    """`explain` names the items, where each was found, and the ids of both traces."""
    said = program.command("explain", "--repo", "acme/shop", "--run-id", run.id).stdout
    assert "Story acme/shop#17" in said
    assert "Epic acme/plans#42, the feature" in said
    assert "the pull request closes it" in said
    assert references.trace_id(PULL) in said
    assert references.trace_id(EPIC) in said


def test_many_keys_in_a_title_cost_no_requests(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """A title is anybody's text: only the nearest item's chain is asked for, the rest are links."""
    for number in range(1, 31):
        world.issue(number)
    title = " ".join(f"[GH-{number}]" for number in range(1, 31))
    world.pull_request(123, title=title, closes=[1])
    run = world.run(event="pull_request", branch="feature", jobs=[job("test")])
    program.export(run)
    assert github.paths.count("/graphql") == 1
    assert len(links(receiver.span("RUN CI"))) == 29
