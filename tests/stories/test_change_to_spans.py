"""A pull request that was closed or merged becomes a span, with its phases below it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, happened, job, sha_of, step
from tests.support import closings, references
from tests.support.program import Program

PULL = references.pull(123)
OPENED = "2026-11-02T08:00:00Z"
MERGED = "2026-11-04T08:00:00Z"

REVIEWED = (
    happened("committed", at="2026-11-02T07:50:00Z", subject=sha_of("one")),
    happened("labeled", at="2026-11-02T08:10:00Z", subject="money"),
    happened("review_requested", at="2026-11-02T09:00:00Z", subject="bob"),
    happened("commented", at="2026-11-02T10:00:00Z", by="bob"),
    happened("reviewed", at="2026-11-02T12:00:00Z", by="bob", review="changes_requested"),
    happened("committed", at="2026-11-03T08:00:00Z", subject=sha_of("two")),
    happened("labeled", at="2026-11-03T08:10:00Z", subject="risky"),
    happened("unlabeled", at="2026-11-03T08:20:00Z", subject="money"),
    happened("reviewed", at="2026-11-03T12:00:00Z", by="bob", review="approved"),
)
AFTERWARDS = (
    happened("commented", at="2026-11-05T10:00:00Z", by="carol"),
    happened("labeled", at="2026-11-05T10:01:00Z", subject="famous"),
    happened("reviewed", at="2026-11-05T10:02:00Z", by="carol", review="commented"),
)


def merged(world: World, *more: Any, **facts: Any) -> None:
    """Alice's pull request 123, reviewed twice by bob and merged after two days."""
    given = {"opened_at": OPENED, "merged_at": MERGED, "timeline": (*REVIEWED, *more), **facts}
    world.pull_request(123, **given)


def phases(receiver: Receiver) -> list[SpanRecord]:
    """The spans of phases, in order of time."""
    found = (s for s in receiver.spans if s.attributes["flow.entity.type"] == "phase")
    return sorted(found, key=lambda span: span.start)


def test_a_merged_pull_request_leaves_with_its_phases(
    program: Program, world: World, receiver: Receiver
) -> None:
    """One request brings its span and the phases that tile it, in the trace of its runs."""
    merged(world)
    result = closings.pull_request(program, 123)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert len(receiver.requests_to("traces")) == 1
    assert receiver.tree(references.trace_id(PULL)) == [
        "pull request #123",
        "  open until merged",
        "  awaiting review",
        "  changes requested",
        "  in review",
        "  awaiting merge",
    ]
    opening, whole = receiver.span("pull request #123"), receiver.span("open until merged")
    assert (opening.span_id, opening.parent_span_id) == (references.span_id(PULL), "")
    assert whole.span_id == references.span_id(PULL, f"{PULL}#life:1")
    assert opening.start == whole.start
    bounds = [(span.start // 10**9, span.end // 10**9) for span in phases(receiver)]
    assert [whole.start // 10**9, *(end for _, end in bounds)] == [
        *(start for start, _ in bounds),
        whole.end // 10**9,
    ]
    assert whole.seconds == 2 * 24 * 3600
    first = phases(receiver)[0]
    assert first.span_id == references.span_id(PULL, f"{PULL}#phase:awaiting-review:1")
    assert result.outputs["trace-id"] == whole.trace_id


def test_the_span_tells_what_the_change_was(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Who, from where, how much, and what was said, by the conventions where they have words."""
    merged(world, title="Add euro", author="alice", additions=10, deletions=2, changed_files=3)
    closings.pull_request(program, 123)
    span = receiver.span("open until merged")
    expected = {
        "flow.reference": f"{PULL}#life:1",
        "vcs.change.id": "123",
        "vcs.change.title": "Add euro",
        "vcs.change.state": "merged",
        "vcs.ref.head.name": "feature",
        "vcs.ref.base.name": "main",
        "github.repository": "acme/shop",
        "flow.change.author": "alice",
        "flow.change.author.kind": "human",
        "flow.change.reviewers": ["bob"],
        "flow.change.labels": ["risky"],
        "flow.change.commits": 2,
        "flow.change.comments": 1,
        "flow.change.reviews": 2,
        "flow.change.lines.added": 10,
        "flow.change.lines.removed": 2,
        "flow.change.files": 3,
    }
    assert {name: span.attributes.get(name) for name in expected} == expected
    assert span.resource["service.name"] == "github"
    assert {s.attributes["vcs.change.id"] for s in receiver.spans} == {"123"}


def test_closed_without_a_merge_is_told_apart(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It ends as well, in the state closed, which is no error."""
    world.pull_request(123, opened_at=OPENED, closed_at=MERGED, draft=True)
    closings.pull_request(program, 123)
    span = receiver.span("open until closed")
    assert (span.attributes["vcs.change.state"], span.status) == ("closed", "UNSET")
    assert [each.name for each in phases(receiver)] == ["draft"]


def test_a_merge_that_is_noted_after_the_closing_is_a_merge(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub tells of both, a second apart; the first of them is the end."""
    world.pull_request(
        123,
        opened_at=OPENED,
        closed_at=MERGED,
        merged_at="2026-11-04T08:00:01Z",
        timeline=[happened("closed", at=MERGED), happened("merged", at="2026-11-04T08:00:01Z")],
    )
    closings.pull_request(program, 123)
    span = receiver.span("open until merged")
    assert (span.attributes["vcs.change.state"], span.seconds) == ("merged", 2 * 24 * 3600)


def test_what_came_after_the_end_changes_nothing(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Exports before and after late comments, labels and reviews are equal."""
    merged(world)
    closings.pull_request(program, 123)
    before = receiver.spans
    merged(world, *AFTERWARDS, labels=["famous"])
    closings.pull_request(program, 123)
    assert receiver.spans == [*before, *before]


def test_a_reopened_pull_request_has_a_life_for_each_time(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The first life stays what was sent; the second is beside it, with phases of its own."""
    first_end = "2026-11-02T12:00:00Z"
    world.pull_request(123, opened_at=OPENED, closed_at=first_end)
    closings.pull_request(program, 123)
    first = receiver.span("open until closed")
    lives = (
        happened("closed", at=first_end),
        happened("reopened", at="2026-11-03T08:00:00Z"),
        happened("merged", at=MERGED),
        happened("closed", at=MERGED),
    )
    world.pull_request(123, opened_at=OPENED, merged_at=MERGED, timeline=lives)
    closings.pull_request(program, 123)
    again, life = receiver.spans_named("open until closed")[1], receiver.span("open until merged")
    assert again == first
    assert first.attributes["vcs.change.state"] == "closed"
    assert life.attributes["vcs.change.state"] == "merged"
    assert life.span_id == references.span_id(PULL, f"{PULL}#life:2")
    last = phases(receiver)[-1]
    opening = references.span_id(PULL)
    assert first.parent_span_id == life.parent_span_id == last.parent_span_id == opening
    assert last.span_id == references.span_id(PULL, f"{PULL}#phase:awaiting-review:2")


def test_a_pull_request_of_a_fork_leaves_by_pull_request_target(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Runs of forks have no secrets; that event has, and is read alike."""
    world.repository("mallory/shop", fork=True)
    merged(world, head_repository="mallory/shop", author="mallory")
    result = closings.pull_request(program, 123, on="pull_request_target")
    span = receiver.span("open until merged")
    assert (result.warnings, span.trace_id) == ([], references.trace_id(PULL))
    assert span.attributes["flow.change.author"] == "mallory"


def test_the_own_run_goes_along_in_a_workflow_with_other_jobs(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Beside other jobs our step is one of a pipeline; alone it would only tell of itself."""
    merged(world)
    own = world.run(
        event="pull_request",
        branch="feature",
        created_at=MERGED,
        jobs=closings.going_on(job("clean up", steps=[step("Remove preview", 5)])),
    )
    result = closings.pull_request(program, 123, own=own)
    assert result.warnings == []
    run, change = receiver.span("RUN CI"), receiver.spans_named("pull request #123")[0]
    assert (run.trace_id, run.parent_span_id) == (change.trace_id, change.span_id)
    assert "      Remove preview" in receiver.tree()
    assert receiver.spans_named("Export telemetry") == []


def test_a_single_job_sends_no_run_of_its_own(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A workflow that only exports is no part of the feature."""
    merged(world)
    closings.pull_request(program, 123)
    assert {s.attributes["flow.entity.type"] for s in receiver.ended} == {"life", "phase"}


def test_an_open_pull_request_is_told(program: Program, world: World, receiver: Receiver) -> None:
    """Nothing open is sent, and the warning names it."""
    world.pull_request(123)
    result = program.action(mode="change", number=123)
    (warning,) = result.warnings
    assert "pull request acme/shop#123 is still open" in warning
    assert (result.outputs["status"], receiver.requests) == ("skipped", [])


@pytest.mark.parametrize(("number", "said"), [(9, "acme/shop#9"), (17, "acme/shop#17")])
def test_what_is_no_pull_request_is_told(
    program: Program, world: World, receiver: Receiver, number: int, said: str
) -> None:
    """An unknown number, or an issue's, is named in the warning."""
    world.issue(17)
    result = program.action(mode="change", number=number)
    (warning,) = result.warnings
    assert said in warning
    assert receiver.requests == []


def test_without_the_timeline_the_change_cannot_be_told(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Without its timeline a pull request has no phases; the permission is named."""
    merged(world)
    github.denied |= {"issues=read", "pull_requests=read"}
    result = program.action(mode="change", number=123)
    (warning,) = result.warnings
    assert "pull" in warning
    assert "permission" in warning
    assert receiver.requests == []


def test_under_scope_run_the_change_and_its_runs_are_a_trace(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Each run is a trace of its own, and in the trace of the change one span that links to it."""
    merge = sha_of("merge")
    merged(world, merge_commit_sha=merge)
    jobs = [job("test", steps=[step("Run pytest", 30)])]
    failed = world.run(
        event="pull_request",
        branch="feature",
        created_at="2026-11-02T08:01:00Z",
        jobs=[job("test", "failure")],
    )
    world.rerun(failed, jobs=jobs)
    world.run(workflow="Deploy", sha=merge, created_at=MERGED, jobs=[job("deploy")])
    world.run(workflow="Other", event="push", branch="main", created_at=MERGED, jobs=jobs)
    result = closings.pull_request(program, 123, trace_scope="run")
    assert result.warnings == []
    assert {s.trace_id for s in receiver.spans} == {references.trace_id(PULL)}
    tree = receiver.tree()
    assert tree[0] == "pull request #123"
    runs = [line for line in tree if "RUN" in line]
    assert runs == ["  RUN CI", "  RUN CI", "  RUN Deploy"]
    assert not any(line.startswith("    ") for line in tree)
    deploy = receiver.span("RUN Deploy")
    assert deploy.attributes["flow.entity.type"] == "linked_run"
    (of_run,) = deploy.links
    assert of_run.trace_id == references.trace_id(str(deploy.attributes["flow.reference"]))
    assert of_run.attributes == {"flow.link": "run"}


def test_a_merge_by_the_queue_leaves_no_phase_between(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub notes that it left the queue a second before it was merged."""
    queued = happened("added_to_merge_queue", at="2026-11-04T07:00:00Z")
    merged(world, queued)
    closings.pull_request(program, 123)
    *_, before, last = phases(receiver)
    assert [before.name, last.name] == ["awaiting merge", "in merge queue"]
    assert last.seconds == 3600


def test_a_person_who_takes_it_out_of_the_queue_leaves_a_phase(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It waited for a minute until it was merged by hand."""
    merged(
        world,
        happened("added_to_merge_queue", at="2026-11-04T07:00:00Z"),
        happened("removed_from_merge_queue", at="2026-11-04T07:59:00Z"),
    )
    closings.pull_request(program, 123)
    assert [(p.name, p.seconds) for p in phases(receiver)][-2:] == [
        ("in merge queue", 3540),
        ("awaiting merge", 60),
    ]


@pytest.mark.parametrize("reviewer", [None, "ghost"])
def test_a_review_counts_also_if_both_accounts_were_deleted(
    program: Program,
    world: World,
    receiver: Receiver,
    reviewer: str | None,
) -> None:
    """GitHub has its ghost in place of the author: one review, one round, and a phase."""
    review = happened("reviewed", at="2026-11-03T08:00:00Z", by=reviewer, review="approved")
    world.pull_request(
        123, author="ghost", opened_at=OPENED, merged_at=MERGED, timeline=[review], merged_by="bob"
    )
    closings.pull_request(program, 123)
    assert [p.name for p in phases(receiver)] == ["awaiting review", "awaiting merge"]
    span = receiver.span("open until merged")
    assert span.attributes["flow.change.reviews"] == 1
    assert "flow.change.author" not in span.attributes
    assert "flow.change.reviewers" not in span.attributes
    for metric in ("flow.change.reviews", "flow.change.review_rounds"):
        assert [point.value for point in receiver.points_of(metric)] == [1]
    (waited,) = receiver.points_of("flow.change.time_to_first_review")
    assert waited.value > 0
    assert not any("ghost" in str(event) for event in receiver.events)
