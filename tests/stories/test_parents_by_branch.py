"""Which pull request a run belongs to, by the branch that it was made from."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, happened, job, sha_of
from tests.support import references
from tests.support.program import Program

EARLIER, CREATED, LATER = "2026-11-24T01:00:00Z", "2026-11-24T03:00:00Z", "2026-11-24T05:00:00Z"


def run_on(world: World, event: str = "pull_request", **facts: object) -> Run:
    """Return a run on the branch `feature`, created at three o'clock."""
    given = {"branch": "feature", "created_at": CREATED, "jobs": [job("test")], **facts}
    return world.run(event=event, **given)  # type: ignore[arg-type]


def belongs_to(receiver: Receiver, number: int) -> bool:
    """Whether the run's span hangs under that pull request, in its trace."""
    run, root = receiver.span("RUN CI"), references.pull(number)
    return (run.trace_id, run.parent_span_id) == (
        references.trace_id(root),
        references.span_id(root),
    )


def stands_alone(receiver: Receiver, run: Run) -> bool:
    """Whether the run's span is the root of a trace of its own."""
    span, root = receiver.span("RUN CI"), references.run_of(run)
    return (span.trace_id, span.parent_span_id) == (references.trace_id(root), "")


@pytest.mark.parametrize(
    "event", ["pull_request", "pull_request_target", "pull_request_review", "push",
              "workflow_dispatch"]
)  # fmt: skip
def test_a_run_belongs_to_the_open_pull_request_of_its_branch(
    program: Program, world: World, receiver: Receiver, event: str
) -> None:
    """Whatever started it, a run on the branch of an open pull request is in its trace."""
    world.pull_request(123, title="Add a cart")
    program.export(run_on(world, event))
    assert belongs_to(receiver, 123)
    # The title may change after the run, and no list of runs tells what it was.
    assert "vcs.change.title" not in receiver.span("RUN CI").attributes


def test_what_was_open_counts_and_not_what_is_open_now(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A run exported weeks later finds the pull request of its day, closed since then."""
    world.pull_request(122, opened_at=EARLIER, closed_at=LATER)
    world.pull_request(130, opened_at=LATER)
    program.export(run_on(world))
    assert belongs_to(receiver, 122)


def test_the_run_of_a_closing_belongs_to_what_was_closed_last(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`pull_request: closed` comes after the closing, when none is open any more."""
    world.pull_request(100, opened_at="2026-11-01T00:00:00Z", closed_at="2026-11-02T00:00:00Z")
    world.pull_request(123, opened_at=EARLIER, merged_at="2026-11-24T02:59:58Z")
    program.export(run_on(world))
    assert belongs_to(receiver, 123)


def test_a_reused_branch_name_leads_to_its_present_pull_request(
    program: Program, world: World, receiver: Receiver
) -> None:
    """An older pull request from a branch of that name has no part in it, not even a link."""
    world.pull_request(100, opened_at="2026-11-01T00:00:00Z", merged_at="2026-11-02T00:00:00Z")
    world.pull_request(123, opened_at=EARLIER)
    program.export(run_on(world))
    assert belongs_to(receiver, 123)
    assert receiver.span("RUN CI").links == ()


def test_of_several_the_one_into_the_default_branch_is_the_parent(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Then the lowest number; the others are links, into their own traces."""
    world.pull_request(120, into="release")
    world.pull_request(130)
    world.pull_request(123)
    program.export(run_on(world))
    assert belongs_to(receiver, 123)
    links = receiver.span("RUN CI").links
    roots = [references.pull(130), references.pull(120)]
    assert [link.trace_id for link in links] == [references.trace_id(root) for root in roots]
    assert [link.span_id for link in links] == [references.span_id(root) for root in roots]
    assert {link.attributes["flow.link"] for link in links} == {"change"}


def test_a_run_of_a_fork_belongs_to_the_forks_pull_request(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A branch of the same name in the repository itself is another branch."""
    world.repository("mallory/shop", fork=True)
    world.pull_request(50)
    world.pull_request(123, head_repository="mallory/shop")
    program.export(run_on(world, head_repository="mallory/shop"))
    assert belongs_to(receiver, 123)


def test_forks_of_one_owner_are_told_apart(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub is asked by owner and branch; the repository decides."""
    world.repository("mallory/shop", fork=True)
    world.repository("mallory/shop-two", fork=True)
    world.pull_request(122, head_repository="mallory/shop-two")
    world.pull_request(123, head_repository="mallory/shop")
    program.export(run_on(world, head_repository="mallory/shop"))
    assert belongs_to(receiver, 123)


def test_a_run_of_a_deleted_fork_that_has_no_pull_request_says_so(
    program: Program, world: World, receiver: Receiver
) -> None:
    """What cannot be read is told apart from what is not there: a warning and an attribute."""
    world.pull_request(123, head_repository=None, sha=sha_of("another commit"))
    run = run_on(world, head_repository=None, sha=sha_of("the commit of the fork"))
    result = program.export(run)
    assert stands_alone(receiver, run)
    assert "deleted" in receiver.span("RUN CI").attributes["flow.chain.incomplete"]
    assert any("deleted" in warning for warning in result.warnings)


def test_without_permission_the_trace_is_narrower_and_that_is_told(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Pull requests that the token may not read cost the parent, not the export."""
    world.pull_request(123)
    github.denied.add("pull_requests=read")
    run = run_on(world)
    result = program.export(run, fail_on_error=True)
    assert stands_alone(receiver, run)
    assert "pull-requests: read" in receiver.span("RUN CI").attributes["flow.chain.incomplete"]
    assert any("pull-requests: read" in notice for notice in result.notices)
    assert result.warnings == []
    assert (result.status, result.outputs["status"]) == (0, "exported")


def test_a_push_before_the_pull_request_was_opened_stands_alone(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Nothing was open when the run was created, and nothing was merged."""
    world.pull_request(123, opened_at=LATER)
    run = run_on(world, "push")
    program.export(run)
    assert stands_alone(receiver, run)


def test_a_push_to_a_branch_is_not_moved_by_a_later_merge(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The same run gets the same ids whether it is exported at its end or read again later."""
    run = run_on(world, "push")
    program.export(run)
    world.pull_request(123, opened_at=LATER, merged_at="2026-11-24T06:00:00Z", commits=[run.sha])
    program.export(run)
    assert len(receiver.spans_named("RUN CI")) == 2
    assert {s.trace_id for s in receiver.spans} == {references.trace_id(references.run_of(run))}


def test_a_pull_request_from_the_default_branch_does_not_take_its_pushes(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A back-merge from `main` into `release` is not what pushes to `main` belong to."""
    world.pull_request(123, branch="main", into="release")
    run = run_on(world, "push", branch="main")
    program.export(run)
    assert stands_alone(receiver, run)


@pytest.mark.parametrize("fork", [False, True])
def test_a_run_on_the_base_has_the_head_of_its_pull_request(
    program: Program, world: World, receiver: Receiver, fork: bool
) -> None:
    """GitHub gives a run of `pull_request_target` the base's commit."""
    head_repository = None
    if fork:
        head_repository = world.repository("mona/shop", fork=True).full_name
    world.pull_request(
        7,
        branch="cart",
        head_repository=head_repository or "acme/shop",
        sha=sha_of("head of cart"),
        opened_at="2026-11-24T03:00:00Z",
        closed_at="2026-11-24T12:00:00Z",
        timeline=[happened("closed", at="2026-11-24T12:00:00Z")],
    )
    run = world.run(
        event="pull_request_target",
        branch="cart",
        head_repository=head_repository or "acme/shop",
        jobs=[job("label")],
    )
    assert run.sha != sha_of("head of cart")
    program.export(run, metric_attributes="vcs.ref.head.revision")
    span = receiver.span("RUN CI")
    assert span.attributes["vcs.ref.head.revision"] == sha_of("head of cart")
    counted = receiver.points_of("flow.run.count")
    assert [p.attributes["vcs.ref.head.revision"] for p in counted] == [sha_of("head of cart")]
    program.command(
        *("export", "change", "--repo", "acme/shop", "--number", 7, "--runs"),
        *("--otlp-endpoint", receiver.url),
    )
    assert receiver.spans_named("RUN CI") == [span, span]


def test_the_head_of_a_run_on_the_base_is_that_of_its_creation(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A later push changes nothing of what was exported, whoever exports it again."""
    one, two = sha_of("one"), sha_of("two")
    first = happened("committed", at="2026-11-24T03:10:00Z", subject=one)
    facts: dict[str, Any] = {"branch": "cart", "opened_at": "2026-11-24T03:00:00Z"}
    world.pull_request(7, sha=one, timeline=[first], **facts)
    run = world.run(event="pull_request_target", branch="cart", jobs=[job("label")])
    program.export(run)
    end = "2026-11-24T12:00:00Z"
    timeline = [
        first,
        happened("committed", at="2026-11-24T11:00:00Z", subject=two),
        happened("closed", at=end),
    ]
    world.pull_request(7, sha=two, closed_at=end, timeline=timeline, **facts)
    program.export(run)
    program.command(
        *("export", "change", "--repo", "acme/shop", "--number", 7, "--runs"),
        *("--otlp-endpoint", receiver.url),
    )
    spans = receiver.spans_named("RUN CI")
    assert [s.attributes["vcs.ref.head.revision"] for s in spans] == [one] * 3
    assert spans == [spans[0]] * 3


def test_a_head_that_was_pushed_away_is_left_out(
    program: Program, world: World, receiver: Receiver
) -> None:
    """After a forced push the timeline has the new commits only."""
    world.pull_request(
        7,
        branch="cart",
        sha=sha_of("two"),
        opened_at="2026-11-24T03:00:00Z",
        updated_at="2026-11-24T11:00:00Z",
        timeline=[
            happened("committed", at="2026-11-24T03:01:00Z", subject=sha_of("two")),
            happened("head_ref_force_pushed", at="2026-11-24T11:00:00Z"),
        ],
    )
    program.export(world.run(event="pull_request_target", branch="cart", jobs=[job("label")]))
    assert "vcs.ref.head.revision" not in receiver.span("RUN CI").attributes


def test_a_run_on_the_base_without_a_pull_request_has_no_head(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The base's commit is not its head."""
    run = world.run(event="pull_request_target", branch="gone", jobs=[job("label")])
    program.export(run)
    assert "vcs.ref.head.revision" not in receiver.span("RUN CI").attributes
