"""Which trace a run, a pull request and an item are in, and below what, under each scope."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, job, sha_of
from tests.support import closings, references
from tests.support.program import Program

ISSUES = f"{references.SHOP}/issues"
PULL, STORY, EPIC = references.pull(123), f"{ISSUES}/17", f"{ISSUES}/42"
OPENED, MERGED = "2026-11-02T08:00:00Z", "2026-11-04T08:00:00Z"
MERGE = sha_of("merge")
ITSELF = "itself"


@pytest.fixture(autouse=True)
def _feature(world: World) -> None:
    """Pull request 123 of story 17 of epic 42, all of them closed by now."""
    world.issue(42, "Sell abroad", type="Epic", opened_at=OPENED, closed_at=MERGED)
    world.issue(17, type="Story", parent=42, opened_at=OPENED, closed_at=MERGED)
    world.pull_request(
        123, opened_at=OPENED, merged_at=MERGED, merge_commit_sha=MERGE, closes=[17], branch="euro"
    )


def validation(world: World) -> Run:
    """A run of the pull request while it was open."""
    return world.run(
        event="pull_request", branch="euro", created_at="2026-11-03T08:00:00Z", jobs=[job("test")]
    )


def deploy(world: World) -> Run:
    """A run of the commit that the pull request was merged as."""
    return world.run(workflow="Deploy", sha=MERGE, created_at=MERGED, jobs=[job("deploy")])


def assert_stands(span: SpanRecord, reference: str, root: str, parent: str) -> None:
    """Assert that a span has the ids of its reference in the trace of a root, below a parent."""
    root = reference if root == ITSELF else root
    assert span.attributes["flow.reference"] == reference
    assert span.trace_id == references.trace_id(root)
    assert span.span_id == references.span_id(root, reference)
    assert span.parent_span_id == (references.span_id(root, parent) if parent else "")
    assert span.trace_id not in {link.trace_id for link in span.links}


@pytest.mark.parametrize(
    ("scope", "root", "parent"),
    [("run", ITSELF, ""), ("change", PULL, PULL), ("item", STORY, PULL), ("feature", EPIC, PULL)],
)
def test_a_run_of_a_pull_request_stands_below_it(
    program: Program, world: World, receiver: Receiver, scope: str, root: str, parent: str
) -> None:
    """The scope moves the root; the pull request stays above the run."""
    run = validation(world)
    program.export(run, trace_scope=scope)
    assert_stands(receiver.span("RUN CI"), references.run_of(run), root, parent)


@pytest.mark.parametrize(
    ("scope", "root", "parent"),
    [("run", ITSELF, ""), ("change", PULL, PULL), ("item", STORY, STORY), ("feature", EPIC, STORY)],
)
def test_a_run_after_the_merge_stands_beside_the_pull_request(
    program: Program, world: World, receiver: Receiver, scope: str, root: str, parent: str
) -> None:
    """Under the work item, where the trace reaches it; else under the pull request."""
    run = deploy(world)
    program.export(run, trace_scope=scope, ancestors="none")
    assert_stands(receiver.span("RUN Deploy"), references.run_of(run), root, parent)


@pytest.mark.parametrize(
    ("scope", "root", "parent"),
    [("run", PULL, ""), ("change", PULL, ""), ("item", STORY, STORY), ("feature", EPIC, STORY)],
)
@pytest.mark.parametrize("by", ["its closing", "the run of its merge"])
def test_a_pull_request_stands_below_its_story(
    program: Program, world: World, receiver: Receiver, scope: str, root: str, parent: str, by: str
) -> None:
    """Its own export and the run of its merge send the same span."""
    if by == "its closing":
        closings.pull_request(program, 123, trace_scope=scope)
    else:
        program.export(deploy(world), trace_scope=scope)
    assert_stands(receiver.span("pull request #123"), PULL, root, parent)
    assert_stands(receiver.span("open until merged"), f"{PULL}#life:1", root, PULL)


@pytest.mark.parametrize(
    ("scope", "root", "parent"), [("item", STORY, ""), ("feature", EPIC, EPIC)]
)
def test_a_story_stands_below_its_epic(
    program: Program, receiver: Receiver, scope: str, root: str, parent: str
) -> None:
    """Under `item` each item is a root, under `feature` the feature alone."""
    closings.issue(program, "acme/shop#17", trace_scope=scope)
    assert_stands(receiver.span("issue acme/shop#17"), STORY, root, parent)
    assert_stands(receiver.span("open until closed"), f"{STORY}#life:1", root, STORY)


@pytest.mark.parametrize(
    ("key", "item", "shown"),
    [
        ("ACME-57", "jira/ACME-57", "ACME-57"),
        ("18", f"{ISSUES}/18", "acme/shop#18"),
        ("#18", f"{ISSUES}/18", "acme/shop#18"),
        ("GH-18", f"{ISSUES}/18", "acme/shop#18"),
        ("Acme/Plans#9", "github.com/acme/plans/issues/9", "acme/plans#9"),
        ("linear/ENG-7", "linear/ENG-7", "ENG-7"),
    ],
)
def test_a_work_item_key_names_the_item(
    program: Program, world: World, receiver: Receiver, key: str, item: str, shown: str
) -> None:
    """It is the nearest one, of whatever tracker; the issue that is closed becomes a link."""
    world.repository("Acme/Plans")
    world.issue(9, repository="Acme/Plans")
    world.issue(18)
    run = validation(world)
    result = program.export(run, trace_scope="item", work_item_key=key)
    span = receiver.span("RUN CI")
    assert result.warnings == []
    assert_stands(span, references.run_of(run), item, PULL)
    assert span.attributes["flow.work_item.key"] == shown
    assert references.trace_id(STORY) in {link.trace_id for link in span.links}


@pytest.mark.parametrize(
    ("key", "root"),
    [
        ("ACME-42", "jira/ACME-42"),
        ("acme/shop#50", f"{ISSUES}/50"),
        ("linear/ENG-7", "linear/ENG-7"),
    ],
)
def test_a_chain_that_does_not_reach_the_feature_hangs_under_it(
    program: Program, world: World, receiver: Receiver, key: str, root: str
) -> None:
    """Epic 42 does not know the named feature, and stands right below it all the same."""
    world.issue(50)
    run = validation(world)
    program.export(run, feature_key=key)
    closings.issue(program, "acme/shop#42", feature_key=key)
    closings.issue(program, "acme/shop#17", feature_key=key)
    assert_stands(receiver.span("RUN CI"), references.run_of(run), root, PULL)
    story, epic = (receiver.spans_named(f"issue acme/shop#{n}")[0] for n in (17, 42))
    assert_stands(story, STORY, root, EPIC)
    assert_stands(epic, EPIC, root, root)


def test_a_feature_key_inside_the_chain_cuts_it(
    program: Program, world: World, receiver: Receiver
) -> None:
    """What stands above the named feature becomes a link."""
    run = validation(world)
    program.export(run, feature_key="17")
    span = receiver.span("RUN CI")
    assert_stands(span, references.run_of(run), STORY, PULL)
    assert {link.trace_id for link in span.links} == {references.trace_id(EPIC)}
    assert {link.attributes["flow.link"] for link in span.links} == {"work_item"}


@pytest.mark.parametrize(
    ("types", "feature"),
    [
        ("Epic", "acme/shop#42"),
        ("story", "acme/shop#17"),
        ("Story, Initiative", "acme/shop#41"),
        ("Saga", "acme/shop#41"),
    ],
)
def test_feature_types_choose_the_feature(
    program: Program, world: World, receiver: Receiver, types: str, feature: str
) -> None:
    """It is the highest item of such a type, else the topmost."""
    world.issue(41, type="Initiative")
    world.issue(42, type="Epic", parent=41)
    program.export(validation(world), feature_types=types)
    assert receiver.span("RUN CI").attributes["flow.feature.key"] == feature


@pytest.mark.parametrize(
    ("tracker", "item", "asked"),
    [
        ("none", None, 0),
        ("github", "acme/shop#17", 1),
        ("jira", "ACME-57", 1),
        ("auto", "ACME-57", 1),
    ],
)
def test_a_tracker_can_be_chosen(
    program: Program,
    world: World,
    github: FakeGitHub,
    receiver: Receiver,
    tracker: str,
    item: str | None,
    asked: int,
) -> None:
    """Keys in texts come before what is closed; `none` asks for nothing."""
    world.pull_request(124, title="ACME-57: add euro", branch="euro-2", closes=[17])
    run = world.run(event="pull_request", branch="euro-2", jobs=[job("test")])
    result = program.export(run, tracker=tracker, jira_projects="ACME", trace_scope="item")
    assert result.warnings == []
    assert receiver.span("RUN CI").attributes.get("flow.work_item.key") == item
    assert github.paths.count("/graphql") == asked


@pytest.mark.parametrize("scope", ["run", "change", "item", "feature"])
@pytest.mark.parametrize("event", ["schedule", "issues", "repository_dispatch"])
def test_nightly_runs_never_hang_under_the_last_feature(
    program: Program, world: World, receiver: Receiver, scope: str, event: str
) -> None:
    """They run on a merged commit of somebody's, and belong to nobody."""
    run = world.run(event=event, sha=MERGE, created_at=MERGED, jobs=[job("test")])
    program.export(run, trace_scope=scope)
    span = receiver.span("RUN CI")
    assert_stands(span, references.run_of(run), ITSELF, "")
    assert not {"vcs.change.id", "flow.work_item.key", "flow.feature.key"} & span.attributes.keys()


def test_of_two_pull_requests_on_a_branch_the_other_is_linked(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The one into the default branch decides about the story too."""
    world.issue(18)
    world.pull_request(125, branch="both", into="release", closes=[18])
    world.pull_request(126, branch="both", closes=[17])
    run = world.run(event="pull_request", branch="both", jobs=[job("test")])
    program.export(run, trace_scope="item")
    span = receiver.span("RUN CI")
    assert_stands(span, references.run_of(run), STORY, references.pull(126))
    assert {(x.trace_id, x.attributes["flow.link"]) for x in span.links} == {
        (references.trace_id(references.pull(125)), "change")
    }
    assert span.attributes["flow.feature.trace_id"] == references.trace_id(EPIC)


def test_a_reused_branch_leads_to_the_story_of_its_time(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A run belongs to the pull request that was open then, whatever the branch is used for now."""
    world.issue(18)
    world.pull_request(127, branch="euro", opened_at="2026-11-10T08:00:00Z", closes=[18])
    old = validation(world)
    new = world.run(
        workflow="New",
        event="pull_request",
        branch="euro",
        created_at="2026-11-11T08:00:00Z",
        jobs=[job("test")],
    )
    program.export(old, trace_scope="item")
    program.export(new, trace_scope="item")
    assert_stands(receiver.span("RUN CI"), references.run_of(old), STORY, PULL)
    later = references.pull(127)
    assert_stands(receiver.span("RUN New"), references.run_of(new), f"{ISSUES}/18", later)


def test_inputs_that_are_no_keys_are_named(
    program: Program, world: World, receiver: Receiver
) -> None:
    """An error names the input, and nothing is sent."""
    inputs: dict[str, Any] = {"work_item_key": "no key"}
    (error,) = program.export(validation(world), **inputs).errors
    assert "`work-item-key`" in error
    assert receiver.requests == []
