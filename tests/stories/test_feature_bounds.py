"""What a feature trace leaves out: by spans, bytes, requests, permissions, and time."""

from __future__ import annotations

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.stories.feature_spans import EPIC, of, one_tree, plain
from tests.stories.worlds import FeatureWorld, feature
from tests.support import closings
from tests.support.program import Program, Result


@pytest.fixture
def made(world: World) -> FeatureWorld:
    """The epic with its two stories, all closed."""
    return feature(world)


def test_what_is_open_when_the_epic_closes_is_shown_as_of_then(
    program: Program, world: World, receiver: Receiver, made: FeatureWorld
) -> None:
    """A story and a pull request that nobody closed end with the epic, and say so."""
    world.issue(4, "Refunds", type="Story", parent=1, opened_at="2025-11-05T08:00:00Z")
    world.issue(5, "An afterthought", type="Story", parent=1, opened_at="2025-11-21T08:00:00Z")
    world.pull_request(13, branch="refunds", closes=[4], opened_at="2025-11-07T08:00:00Z")
    closings.issue(program, "acme/shop#1")
    root = of(receiver.spans, EPIC)
    for name in ("story acme/shop#4", "pull request #13"):
        span = receiver.span(name)
        assert span.attributes["flow.partial"] is True
        assert span.end == root.end
    assert one_tree(receiver.spans)
    assert receiver.spans_named("story acme/shop#5") == []


def test_an_item_that_the_token_cannot_see_is_told(
    program: Program, world: World, receiver: Receiver, made: FeatureWorld
) -> None:
    """The rest is one tree; root and summary say what is missing."""
    world.repository("acme/secret", hidden=True)
    world.issue(
        9,
        "Secret",
        repository="acme/secret",
        parent="acme/shop#1",
        opened_at="2025-11-04T08:00:00Z",
    )
    result = closings.issue(program, "acme/shop#1")
    assert one_tree(receiver.spans)
    said = "the token cannot see 1 of the sub-issues of acme/shop#1"
    assert said in of(receiver.spans, EPIC).attributes["flow.feature.incomplete"]
    assert any(said in warning for warning in result.warnings)
    assert "the token cannot see 1" in plain(result.summary)


@pytest.mark.parametrize(
    ("most", "detail", "finest"),
    [
        (200, "step", "Run pytest"),
        (36, "job", "ship"),
        (26, "run", "RUN Deploy"),
        (16, "change", "pull request #11"),
        (4, "item", "story acme/shop#2"),
    ],
)
def test_a_trace_that_would_be_too_large_is_coarser(
    program: Program, receiver: Receiver, made: FeatureWorld, most: int, detail: str, finest: str
) -> None:
    """`max-spans` decides the finest spans that fit; root and summary say which."""
    result = closings.issue(program, "acme/shop#1", max_spans=most)
    assert one_tree(receiver.spans)
    assert of(receiver.spans, EPIC).attributes["flow.feature.detail"] == detail
    names = {span.name for span in receiver.spans}
    order = ["Run pytest", "ship", "RUN Deploy", "pull request #11", "story acme/shop#2"]
    assert [name for name in order if name in names] == order[order.index(finest) :]
    assert ("max-spans" in plain(result.summary)) == (detail != "step")


@pytest.mark.parametrize("door", ["action", "command line"])
def test_a_budget_of_requests_makes_it_coarser_and_is_told(
    program: Program, github: FakeGitHub, receiver: Receiver, made: FeatureWorld, door: str
) -> None:
    """Jobs are left out first: the trace is complete with less detail, and names its detail."""

    def export(most: int) -> Result:
        if door == "action":
            return closings.issue(program, "acme/shop#1", max_requests=most, fail_on_error=True)
        words = ("export", "feature", "acme/shop#1", "--max-requests", most)
        return program.command(*words, "--otlp-endpoint", receiver.url)

    export(1000)
    # The last requests are for failure reasons and jobs.
    most = len(github.requests) - 4
    github.requests.clear()
    receiver.requests.clear()
    result = export(most)
    told = plain(result.summary) if door == "action" else result.stderr
    spans = receiver.spans
    root = of(spans, EPIC)
    assert (result.status, len(github.requests)) == (0, most)
    assert root.attributes["flow.feature.detail"] == "run"
    assert "flow.feature.incomplete" not in root.attributes
    assert "spans finer than run: they would take more requests than `max-requests`" in told
    assert one_tree(spans)
    assert {s.name for s in spans} >= {"RUN CI", "pull request #12", "deploy production"}


def test_any_budget_that_allows_the_items_gives_a_complete_trace_of_less_detail(
    program: Program, github: FakeGitHub, receiver: Receiver, made: FeatureWorld
) -> None:
    """The detail never grows with a smaller budget, and what is left out is not counted as 0."""
    closings.issue(program, "acme/shop#1")
    needed = len(github.requests)
    details = []
    for most in range(needed, 10, -3):
        receiver.requests.clear()
        result = closings.issue(program, "acme/shop#1", max_requests=most)
        assert (result.status, result.warnings) == (0, [])
        root = of(receiver.spans, EPIC)
        assert "flow.feature.incomplete" not in root.attributes
        assert one_tree(receiver.spans)
        detail = root.attributes["flow.feature.detail"]
        details.append(detail)
        measured = {point.name for point in receiver.metrics}
        assert ("flow.feature.runs" in measured) == (detail in ("step", "job", "run"))
        assert ("flow.feature.changes" in measured) == (detail != "item")
    order = ["step", "run", "change", "item"]
    assert details == sorted(details, key=order.index)
    assert set(details) == set(order)


def test_a_tiny_budget_still_sends_the_root(
    program: Program, github: FakeGitHub, receiver: Receiver, made: FeatureWorld
) -> None:
    """Whatever was read is one tree, and no more is asked than was allowed."""
    result = closings.issue(program, "acme/shop#1", max_requests=8)
    assert (result.status, len(github.requests)) == (0, 8)
    assert one_tree(receiver.spans)
    assert "max-requests" in of(receiver.spans, EPIC).attributes["flow.feature.incomplete"]


def test_a_trace_keeps_within_what_tempo_takes(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """5 MB a trace, whatever `max-spans` says: then steps are left out, and that is told."""
    github.check = None
    feature(world)
    name = "x" * 120
    steps = [step(f"{name} {number}") for number in range(700)]
    world.run(
        event="pull_request",
        branch="cart",
        created_at="2025-11-05T09:00:05Z",
        jobs=[job(f"{name} {number}", steps=steps) for number in range(8)],
    )
    result = closings.issue(program, "acme/shop#1", max_spans=100_000)
    assert of(receiver.spans, EPIC).attributes["flow.feature.detail"] == "job"
    assert sum(len(request.message.SerializeToString()) for request in receiver.requests) < 5e6
    assert "4.5 MB" in plain(result.summary)


def test_trees_of_items_that_never_end_are_cut(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Ten levels below an epic are enough; what is below is told, and read no more."""
    for number in range(1, 14):
        world.issue(
            number,
            type="Epic" if number == 1 else "Task",
            parent=number - 1 or None,
            opened_at="2025-11-03T08:00:00Z",
            closed_at="2025-11-04T08:00:00Z",
        )
    result = closings.issue(program, "acme/shop#1")
    assert one_tree(receiver.spans)
    assert receiver.spans_named("task acme/shop#11") == []
    assert any("what is below acme/shop#10" in warning for warning in result.warnings)
