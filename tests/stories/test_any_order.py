"""What leaves on different days, from different processes, meets in one tree."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, happened, job, sha_of, step
from tests.support import closings, references
from tests.support.program import Program

ISSUES = f"{references.SHOP}/issues"
PULL, STORY, EPIC = references.pull(123), f"{ISSUES}/17", f"{ISSUES}/42"
OPENED, MERGED, CLOSED = "2026-11-02T08:00:00Z", "2026-11-04T08:00:00Z", "2026-11-05T08:00:00Z"

Send = Callable[[], object]


@pytest.fixture
def runs(world: World) -> tuple[Run, Run]:
    """A validation, and the deployment a day later, of pull request 123 of a story of an epic."""
    world.issue(42, type="Epic", opened_at=OPENED, closed_at=CLOSED)
    world.issue(17, type="Story", parent=42, opened_at=OPENED, closed_at=CLOSED)
    merge = sha_of("merge")
    world.pull_request(
        123,
        opened_at=OPENED,
        merged_at=MERGED,
        merge_commit_sha=merge,
        closes=[17],
        timeline=[
            happened("reviewed", at="2026-11-03T12:00:00Z", by="bob", review="approved"),
        ],
    )
    steps = [step("Checkout", 2), step("Run", 30)]
    validation = world.run(
        event="pull_request",
        branch="feature",
        created_at="2026-11-03T08:00:00Z",
        jobs=[job("test", steps=steps)],
    )
    deploy = world.run(
        workflow="Deploy", sha=merge, created_at=MERGED, jobs=[job("deploy", steps=steps)]
    )
    return validation, deploy


def sends(program: Program, runs: tuple[Run, Run], scope: str) -> list[Send]:
    """The exports that a scope's trace is made of, each by the event that it has on GitHub."""
    validation, deploy = runs
    found: list[Send] = [
        lambda: program.export(validation, trace_scope=scope),
        lambda: program.export(deploy, trace_scope=scope, ancestors="none"),
        lambda: closings.pull_request(program, 123, trace_scope=scope),
    ]
    if scope in ("item", "feature"):
        found.append(lambda: closings.issue(program, "acme/shop#17", trace_scope=scope))
    if scope == "feature":
        found.append(lambda: closings.issue(program, "acme/shop#42", trace_scope=scope))
    return found


def assert_one_tree(spans: Iterable[SpanRecord], root: str) -> None:
    """Assert that the spans of a root's trace are one tree below it; repeats have to be equal."""
    known: dict[str, SpanRecord] = {}
    for span in spans:
        if span.trace_id == references.trace_id(root):
            assert known.setdefault(span.span_id, span) == span
    tops = [span for span in known.values() if span.parent_span_id not in known]
    assert [(top.span_id, top.parent_span_id) for top in tops] == [(references.span_id(root), "")]


ORDERS: dict[str, list[tuple[int, ...]]] = {
    "change": list(itertools.permutations(range(3))),
    "item": [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)],
    "feature": [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 4, 0, 3, 1)],
}


@pytest.mark.parametrize(("scope", "root"), [("change", PULL), ("item", STORY), ("feature", EPIC)])
def test_the_parts_of_a_trace_arrive_in_any_order(
    program: Program, receiver: Receiver, runs: tuple[Run, Run], scope: str, root: str
) -> None:
    """Two runs of two days and what is above them are one connected tree, whoever came first."""
    found = sends(program, runs, scope)
    seen: dict[str, SpanRecord] = {}
    for order in ORDERS[scope]:
        before = len(receiver.spans)
        for number in order:
            found[number]()
        arrived = receiver.spans[before:]
        assert_one_tree(arrived, root)
        for span in arrived:
            assert seen.setdefault(span.span_id, span) == span


def test_the_tree_is_the_one_of_the_design(
    program: Program, receiver: Receiver, runs: tuple[Run, Run]
) -> None:
    """Epic, story, and below it the pull request with its validation, beside it the deployment."""
    for send in sends(program, runs, "feature"):
        send()
    tree = [line for line in receiver.tree(references.trace_id(EPIC)) if "queued" not in line]
    assert [line for line in tree if not line.lstrip().startswith(("open", "Checkout", "Run"))] == [
        "issue acme/shop#42",
        "  issue acme/shop#17",
        "    pull request #123",
        "      awaiting review",
        "      RUN CI",
        "        test",
        "      awaiting merge",
        "    RUN Deploy",
        "      deploy",
    ]


def test_the_run_of_the_merge_brings_the_whole_change(
    program: Program, receiver: Receiver, runs: tuple[Run, Run]
) -> None:
    """One step in one workflow is enough: the push of the merge sends the pull request along."""
    for run in runs:
        program.export(run)
    assert_one_tree(receiver.spans, PULL)


def test_under_scope_run_the_closing_sends_one_tree(
    program: Program, receiver: Receiver, runs: tuple[Run, Run]
) -> None:
    """Live runs are traces of their own; the change's own trace holds them all once more."""
    for send in sends(program, runs, "run"):
        send()
    assert_one_tree(receiver.spans, PULL)
    for run in runs:
        assert_one_tree(receiver.spans, references.run_of(run))


@pytest.mark.parametrize("scope", ["run", "change", "item", "feature"])
def test_two_processes_agree_on_all_they_see(
    program: Program, receiver: Receiver, runs: tuple[Run, Run], scope: str
) -> None:
    """The action and the command line, each in a process of its own, send the same spans."""
    validation, _ = runs
    here = program.action_process(run_id=validation.id, trace_scope=scope)
    first = receiver.spans
    there = program.command_process(
        *("export", "run", "--repo", "acme/shop", "--run-id", validation.id),
        *(f"--trace-scope={scope}", f"--otlp-endpoint={receiver.url}"),
    )
    assert (here.status, there.status) == (0, 0)
    assert len(first) > 4
    assert receiver.spans == [*first, *first]


def test_who_sees_less_moves_no_id_of_the_pull_requests_trace(
    program: Program, receiver: Receiver, runs: tuple[Run, Run]
) -> None:
    """By default the trace is the pull request's, so that a missing permission splits nothing."""
    validation, _ = runs
    program.github.denied.add("issues=read")
    program.export(validation)
    program.github.denied.clear()
    closings.pull_request(program, 123)
    assert_one_tree(receiver.spans, PULL)


def test_an_issue_that_gets_a_parent_late_starts_no_second_trace(
    program: Program, world: World, receiver: Receiver, runs: tuple[Run, Run]
) -> None:
    """Under `item` what stands above the item moves nothing; the links lead to the new feature."""
    validation, deploy = runs
    world.issue(17, type="Story", opened_at=OPENED, closed_at=CLOSED)
    program.export(validation, trace_scope="item")
    world.issue(17, type="Story", parent=42, opened_at=OPENED, closed_at=CLOSED)
    program.export(deploy, trace_scope="item", ancestors="none")
    closings.pull_request(program, 123, trace_scope="item")
    closings.issue(program, "acme/shop#17", trace_scope="item")
    assert_one_tree(receiver.spans, STORY)
