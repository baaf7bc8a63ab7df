"""A feature that closed leaves as one trace: epic, stories, pull requests, runs, deployments."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, happened
from tests.stories.feature_spans import EPIC, of, one_tree, shown
from tests.stories.worlds import EPIC_CLOSED, FeatureWorld, feature
from tests.support import closings, references
from tests.support.program import Program

STORY = "github.com/acme/shop/issues/2"
TRACE = references.trace_id(EPIC)
WHOLE = [
    "epic acme/shop#1",
    "  open",
    "  story acme/shop#2",
    "    open",
    "    in progress",
    "    pull request #11",
    "      awaiting review",
    "      awaiting merge",
    "      RUN CI",
    "        build",
    "          Compile",
    "        test",
    "          Run pytest",
    "      RUN CI",
    "        test",
    "          Run pytest",
    "    RUN Deploy",
    "      ship",
    "        Roll out",
    "    deploy production",
    "  story acme/shop#3",
    "    open",
    "    pull request #12",
    "      awaiting review",
    "      RUN CI",
    "        test",
    "          Run pytest",
    "    RUN Deploy",
    "      ship",
    "        Roll out",
    "    deploy production",
]


@pytest.fixture
def made(world: World) -> FeatureWorld:
    """The epic with its two stories, all closed."""
    return feature(world)


def test_an_epic_that_closes_leaves_as_one_tree(
    program: Program, receiver: Receiver, made: FeatureWorld
) -> None:
    """Its stories, their pull requests, one from a fork, each attempt of a run, the deployments."""
    result = closings.issue(program, "acme/shop#1")
    assert (result.status, result.warnings, result.outputs["status"]) == (0, [], "exported")
    assert sorted(shown(receiver.spans)) == sorted(WHOLE)
    assert one_tree(receiver.spans)
    root = of(receiver.spans, EPIC)
    assert (root.trace_id, root.span_id) == (TRACE, references.span_id(EPIC))
    assert root.attributes["flow.feature.detail"] == "step"
    assert "flow.feature.incomplete" not in root.attributes
    assert {s.attributes["flow.feature.key"] for s in receiver.spans} == {"acme/shop#1"}
    assert result.outputs["trace-id"] == TRACE


def test_runs_after_the_merge_stand_beside_the_pull_request(
    program: Program, receiver: Receiver, made: FeatureWorld
) -> None:
    """Epic → story → {pull request → validations, deploy → jobs}."""
    closings.issue(program, "acme/shop#1")
    story = references.span_id(EPIC, STORY)
    deploy = of(receiver.spans, references.run_of(made.deploys[0]))
    delivery = of(
        receiver.spans,
        f"github.com/acme/shop/deployments/{made.deployments[0].id}#delivers:{references.pull(11)}",
    )
    validation = of(receiver.spans, references.run_of(made.second_attempt))
    assert deploy.parent_span_id == delivery.parent_span_id == story
    assert validation.parent_span_id == references.span_id(EPIC, references.pull(11))
    assert delivery.attributes["deployment.environment.name"] == "production"


def test_the_command_line_sends_the_same_trace(
    program: Program, receiver: Receiver, made: FeatureWorld
) -> None:
    """`export feature` at any time after the closing: the same spans, by the same ids."""
    closings.issue(program, "acme/shop#1")
    of_event = list(receiver.spans)
    result = program.command("export", "feature", "acme/shop#1", "--otlp-endpoint", receiver.url)
    assert result.status == 0
    again = receiver.spans[len(of_event) :]
    assert sorted(again, key=lambda s: s.span_id) == sorted(of_event, key=lambda s: s.span_id)


@pytest.mark.parametrize("scope", ["change", "run"])
def test_live_and_feature_traces_link_to_each_other(
    program: Program, receiver: Receiver, made: FeatureWorld, scope: str
) -> None:
    """A run has the id of the feature trace before that exists, and is linked to from there."""
    program.export(made.of_fork, trace_scope=scope)
    (live,) = (s for s in receiver.spans if s.name == "RUN CI")
    reference = references.run_of(made.of_fork)
    assert (live.links, live.attributes["flow.feature.trace_id"]) == ((), TRACE)
    before = len(receiver.spans)
    closings.issue(program, "acme/shop#1", trace_scope=scope)
    in_feature = of([s for s in receiver.spans[before:] if s.trace_id == TRACE], reference)
    assert [(x.trace_id, x.span_id) for x in in_feature.links] == [(live.trace_id, live.span_id)]
    assert in_feature.links[0].attributes["flow.link"] == "live"
    inside = [s for s in receiver.spans for x in s.links if x.trace_id == s.trace_id]
    assert inside == []


@pytest.mark.parametrize("scope", ["change", "run"])
def test_the_trace_is_one_tree_whatever_was_sent_before(
    program: Program, receiver: Receiver, made: FeatureWorld, scope: str
) -> None:
    """Runs, pull requests and stories left before it, by every scope: no span has two contents."""
    for run in (made.first_attempt, made.second_attempt, made.of_fork, *made.deploys):
        program.export(run, trace_scope=scope)
    for number in (11, 12):
        closings.pull_request(program, number, trace_scope=scope)
    for number in (2, 3, 1):
        closings.issue(program, f"acme/shop#{number}", trace_scope=scope)
    spans: dict[tuple[str, str], SpanRecord] = {}
    for span in receiver.spans:
        assert spans.setdefault((span.trace_id, span.span_id), span) == span
    whole = [span for span in spans.values() if span.trace_id == TRACE]
    assert one_tree(whole)
    assert sorted(shown(whole)) == sorted(WHOLE)


def test_an_open_feature_is_refused(program: Program, world: World, receiver: Receiver) -> None:
    """Without --snapshot nothing leaves, and the message says what to do."""
    feature(world, closed_at=None)
    result = program.command("export", "feature", "acme/shop#1", "--otlp-endpoint", receiver.url)
    assert (result.status, receiver.requests) == (1, [])
    assert "acme/shop#1 is still open" in result.stderr
    assert "--snapshot" in result.stderr


def test_a_snapshot_is_a_trace_of_its_own(
    program: Program, world: World, receiver: Receiver
) -> None:
    """As of now, under the reference and the instant, so that nothing sent is ever wrong."""
    made = feature(world, closed_at=None)
    result = program.command(
        "export", "feature", "acme/shop#1", "--snapshot", "--otlp-endpoint", receiver.url
    )
    assert result.status == 0
    assert one_tree(receiver.spans)
    (root,) = (s for s in receiver.spans if not s.parent_span_id)
    reference = root.attributes["flow.reference"]
    assert reference.startswith(f"{EPIC}@20")
    assert reference.endswith("Z")
    assert root.trace_id == references.trace_id(reference) != TRACE
    assert root.span_id == references.span_id(reference)
    assert root.attributes["flow.partial"] is True
    ci = of(receiver.spans, references.run_of(made.of_fork))
    assert ci.span_id == references.span_id(reference, references.run_of(made.of_fork))
    assert sorted(shown(receiver.spans, reference)) == sorted(WHOLE)


def test_a_feature_that_closes_again_is_sent_whole_under_that_closing(
    program: Program, world: World, receiver: Receiver, made: FeatureWorld
) -> None:
    """Its reference and the instant of the closing make the trace; the second life is in it."""
    world.issue(
        1,
        "Sell abroad",
        type="Epic",
        opened_at="2025-11-03T08:00:00Z",
        closed_at="2025-11-22T12:00:00Z",
        timeline=[
            happened("closed", at=EPIC_CLOSED),
            happened("reopened", at="2025-11-21T12:00:00Z"),
            happened("closed", at="2025-11-22T12:00:00Z"),
        ],
    )
    closings.issue(program, "acme/shop#1")
    reference = f"{EPIC}@2025-11-22T12:00:00Z"
    assert one_tree(receiver.spans)
    assert {s.trace_id for s in receiver.spans} == {references.trace_id(reference)}
    again = of(receiver.spans, f"{EPIC}#life:2")
    assert again.name == "open until closed"
    assert again.parent_span_id == references.span_id(reference)
    assert len(receiver.spans_named("pull request #11")) == 1


def test_the_feature_trace_can_be_left_out(
    program: Program, receiver: Receiver, made: FeatureWorld
) -> None:
    """`feature-trace: false` sends none, and nothing links to one."""
    result = closings.issue(program, "acme/shop#1", feature_trace=False)
    assert (receiver.spans, result.outputs["spans"], result.warnings) == ([], "0", [])
    program.export(made.of_fork, feature_trace=False)
    assert [s for s in receiver.spans if "flow.feature.trace_id" in s.attributes] == []


def test_under_the_scope_feature_only_items_leave_at_the_closing(
    program: Program, receiver: Receiver, made: FeatureWorld
) -> None:
    """What ran is in that one trace already: the rest of it leaves once, and without links."""
    program.export(made.of_fork, trace_scope="feature")
    closings.pull_request(program, 12, trace_scope="feature")
    closings.issue(program, "acme/shop#3", trace_scope="feature")
    before = len(receiver.spans)
    closings.issue(program, "acme/shop#1", trace_scope="feature")
    assert [s.name for s in receiver.spans[before:]] == [
        "issue acme/shop#1",
        "open until closed",
        "open",
    ]
    assert one_tree(list({s.span_id: s for s in receiver.spans}.values()))
    assert [s for s in receiver.spans if s.links] == []


def test_under_the_scope_feature_a_snapshot_is_the_whole(
    program: Program, receiver: Receiver, made: FeatureWorld
) -> None:
    """Also of a closed one: it is a trace beside that which was sent live."""
    program.command(
        *("export", "feature", "acme/shop#1", "--snapshot", "--trace-scope", "feature"),
        *("--otlp-endpoint", receiver.url),
    )
    assert one_tree(receiver.spans)
    assert TRACE not in {s.trace_id for s in receiver.spans}
    assert len(receiver.spans_named("RUN Deploy")) == 2


@pytest.mark.parametrize("number", [1, 2])
def test_under_the_scope_item_each_item_is_one_trace(
    program: Program, receiver: Receiver, made: FeatureWorld, number: int
) -> None:
    """A feature trace would have the id of the epic's own live trace: the closing sends none."""
    closings.issue(program, f"acme/shop#{number}", trace_scope="item")
    reference = EPIC.replace("/1", f"/{number}")
    assert {s.trace_id for s in receiver.spans} == {references.trace_id(reference)}
    assert [s.attributes["flow.entity.type"] for s in receiver.spans[:2]] == ["opening", "life"]
    assert len({s.span_id for s in receiver.spans}) == len(receiver.spans)
    assert one_tree(receiver.spans)
    assert [s for s in receiver.spans if s.links] == []


def test_under_the_scope_item_the_whole_feature_is_a_snapshot(
    program: Program, receiver: Receiver, made: FeatureWorld
) -> None:
    """Its spans link to the live traces of the stories."""
    closings.issue(program, "acme/shop#2", trace_scope="item")
    live = receiver.span("issue acme/shop#2")
    program.command(
        *("export", "feature", "acme/shop#1", "--trace-scope", "item"),
        *("--otlp-endpoint", receiver.url),
    )
    whole = receiver.span("story acme/shop#2")
    assert whole.attributes["flow.trace"] == "snapshot"
    assert [(x.trace_id, x.span_id) for x in whole.links] == [(live.trace_id, live.span_id)]


def test_a_workflow_may_send_a_feature_by_hand(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`mode: feature` with `feature-key`, and `snapshot` for one that is open."""
    feature(world, closed_at=None)
    inputs: dict[str, Any] = {"mode": "feature", "feature_key": "#1"}
    refused = program.action(**inputs)
    assert "still open" in refused.warnings[0]
    result = program.action(**inputs, snapshot=True)
    assert result.outputs["status"] == "exported"
    assert one_tree(receiver.spans)
    assert result.outputs["trace-id"] == receiver.spans[0].trace_id
    assert len(receiver.spans_named("RUN Deploy")) == 2
