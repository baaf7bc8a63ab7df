"""A feature that closed leaves as one trace: epic, stories, pull requests, runs, deployments."""

from __future__ import annotations

import pytest
from tests.stories.worlds import EPIC_CLOSED, VAT_MERGE, FeatureWorld, deployed, feature
from tests.support import closings, references
from tests.support.program import Program

from flow_telemetry.testing.github import FakeGitHub
from flow_telemetry.testing.receiver import Receiver
from flow_telemetry.testing.spans import SpanRecord
from flow_telemetry.testing.world import World, happened, job, step

EPIC = "github.com/acme/shop/issues/1"
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


def shown(spans: list[SpanRecord], root: str = EPIC) -> list[str]:
    """The tree of a trace without the waits of runs and jobs, each level in order of names."""
    trace = references.trace_id(root)
    kept = [s for s in spans if s.trace_id == trace and s.name != "queued"]
    return _below(kept, "", 0)


def _below(spans: list[SpanRecord], parent: str, depth: int) -> list[str]:
    lines = []
    for span in sorted(
        (s for s in spans if s.parent_span_id == parent), key=lambda s: (s.start, s.name)
    ):
        lines += ["  " * depth + span.name, *_below(spans, span.span_id, depth + 1)]
    return lines


def one_tree(spans: list[SpanRecord]) -> bool:
    """Whether spans are one trace with one root, none twice and all connected."""
    ids = [span.span_id for span in spans]
    parents = [span.parent_span_id for span in spans]
    return (
        len({span.trace_id for span in spans}) == 1
        and len(set(ids)) == len(ids)
        and parents.count("") == 1
        and set(parents) - {""} <= set(ids)
    )


def plain(summary: str) -> str:
    """A job summary without the signs that keep names from being Markdown."""
    return summary.replace("\\", "").replace("\u200b", "")


def of(spans: list[SpanRecord], reference: str) -> SpanRecord:
    """The one span of a flow reference."""
    (found,) = (s for s in spans if s.attributes["flow.reference"] == reference)
    return found


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


@pytest.mark.parametrize("scope", ["change", "run", "item"])
def test_live_and_feature_traces_link_to_each_other(
    program: Program, receiver: Receiver, made: FeatureWorld, scope: str
) -> None:
    """A run links to its span in the feature trace before that exists, and is linked back to."""
    program.export(made.of_fork, trace_scope=scope)
    (live,) = (s for s in receiver.spans if s.name == "RUN CI")
    reference = references.run_of(made.of_fork)
    (link,) = live.links
    assert (link.trace_id, link.span_id) == (TRACE, references.span_id(EPIC, reference))
    before = len(receiver.spans)
    closings.issue(program, "acme/shop#1", trace_scope=scope)
    in_feature = of([s for s in receiver.spans[before:] if s.trace_id == TRACE], reference)
    assert [(x.trace_id, x.span_id) for x in in_feature.links] == [(live.trace_id, live.span_id)]
    assert in_feature.links[0].attributes["flow.link"] == "live"
    inside = [s for s in receiver.spans for x in s.links if x.trace_id == s.trace_id]
    assert inside == []


@pytest.mark.parametrize("scope", ["change", "run", "item"])
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
    again = receiver.span("epic acme/shop#1, life 2")
    assert again.parent_span_id == references.span_id(reference)
    assert len(receiver.spans_named("pull request #11")) == 1


def test_the_feature_trace_can_be_left_out(
    program: Program, receiver: Receiver, made: FeatureWorld
) -> None:
    """`feature-trace: false` sends none, and nothing links to one."""
    result = closings.issue(program, "acme/shop#1", feature_trace=False)
    assert (receiver.requests, result.outputs["status"], result.warnings) == ([], "skipped", [])
    program.export(made.of_fork, feature_trace=False)
    assert [s for s in receiver.spans if s.links] == []


def test_under_the_scope_feature_only_items_leave_at_the_closing(
    program: Program, receiver: Receiver, made: FeatureWorld
) -> None:
    """What ran is in that one trace already: the rest of it leaves once, and without links."""
    program.export(made.of_fork, trace_scope="feature")
    closings.pull_request(program, 12, trace_scope="feature")
    closings.issue(program, "acme/shop#3", trace_scope="feature")
    before = len(receiver.spans)
    closings.issue(program, "acme/shop#1", trace_scope="feature")
    assert [s.name for s in receiver.spans[before:]] == ["epic acme/shop#1", "open"]
    assert one_tree(receiver.spans)
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
    said = "of the sub-issues of acme/shop#1 the token cannot see 1"
    assert said in of(receiver.spans, EPIC).attributes["flow.feature.incomplete"]
    assert any(said in warning for warning in result.warnings)
    assert "the token cannot see 1" in plain(result.summary)


@pytest.mark.parametrize(
    ("most", "detail", "finest"),
    [
        (200, "step", "Run pytest"),
        (36, "job", "ship"),
        (26, "run", "RUN Deploy"),
        (4, "change", "pull request #11"),
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
    order = ["Run pytest", "ship", "RUN Deploy", "pull request #11"]
    assert [name for name in order if name in names] == order[order.index(finest) :]
    assert ("max-spans" in plain(result.summary)) == (detail != "step")


@pytest.mark.parametrize("door", ["action", "command line"])
def test_a_budget_of_requests_makes_it_coarser_and_is_told(
    program: Program, github: FakeGitHub, receiver: Receiver, made: FeatureWorld, door: str
) -> None:
    """Jobs are given up first; the root, the outcome and the exit status say so."""
    closings.issue(program, "acme/shop#1")
    needed = len(github.requests)
    before = len(receiver.spans)
    del github.requests[:]
    most = needed - 4
    if door == "action":
        result = closings.issue(program, "acme/shop#1", max_requests=most, fail_on_error=True)
        told = " ".join(result.errors)
        assert result.outputs["status"] == "partial"
    else:
        result = program.command(
            *("export", "feature", "acme/shop#1", "--max-requests", most),
            *("--otlp-endpoint", receiver.url),
        )
        told = result.stderr
    spans = receiver.spans[before:]
    root = of(spans, EPIC)
    assert (result.status, len(github.requests)) == (1, most)
    assert root.attributes["flow.feature.detail"] == "run"
    assert "max-requests" in root.attributes["flow.feature.incomplete"]
    assert "max-requests" in told
    assert one_tree(spans)
    assert {s.name for s in spans} >= {"RUN CI", "pull request #12", "deploy production"}


def test_a_tiny_budget_still_sends_the_root(
    program: Program, github: FakeGitHub, receiver: Receiver, made: FeatureWorld
) -> None:
    """Whatever was read is one tree, and no more is asked than was allowed."""
    result = closings.issue(program, "acme/shop#1", max_requests=8)
    assert (result.status, len(github.requests)) == (0, 8)
    assert one_tree(receiver.spans)
    assert "max-requests" in of(receiver.spans, EPIC).attributes["flow.feature.incomplete"]


def test_a_pull_request_that_closes_two_stories_has_one_place(
    program: Program, world: World, receiver: Receiver, made: FeatureWorld
) -> None:
    """Under the lower number, as in its live trace."""
    world.pull_request(
        14,
        branch="both",
        closes=[3, 2],
        opened_at="2025-11-13T08:00:00Z",
        merged_at="2025-11-13T09:00:00Z",
    )
    closings.issue(program, "acme/shop#1")
    assert one_tree(receiver.spans)
    assert receiver.span("pull request #14").parent_span_id == references.span_id(EPIC, STORY)


def test_a_deployment_by_hand_of_a_later_commit_delivers_the_change(
    program: Program, world: World, receiver: Receiver, made: FeatureWorld
) -> None:
    """What no run of the merged commit deployed is found among the later deployments."""
    deployed(world, VAT_MERGE, "2025-11-14T10:00:00Z", environment="canary", event="push")
    run, _ = deployed(
        world, VAT_MERGE, "2025-11-15T10:00:00Z", environment="eu", event="workflow_dispatch"
    )
    closings.issue(program, "acme/shop#1")
    assert one_tree(receiver.spans)
    found = receiver.span("deploy eu")
    assert found.attributes["vcs.change.id"] == "12"
    assert of(receiver.spans, references.run_of(run)).parent_span_id == found.parent_span_id


def test_a_lonely_issue_is_a_feature_of_its_own(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The topmost item is the feature where no parent is of a feature type."""
    world.issue(7, type="Bug", opened_at="2025-11-03T08:00:00Z", closed_at="2025-11-04T08:00:00Z")
    world.pull_request(
        15, closes=[7], opened_at="2025-11-03T09:00:00Z", merged_at="2025-11-04T08:00:00Z"
    )
    world.run(
        event="pull_request",
        branch="feature",
        created_at="2025-11-03T09:00:05Z",
        jobs=[job("test", steps=[step("Run pytest")])],
    )
    closings.issue(program, "acme/shop#7")
    tree = receiver.tree(references.trace_id("github.com/acme/shop/issues/7"))
    assert [line for line in tree if "queued" not in line] == [
        "bug acme/shop#7",
        "  open",
        "  pull request #15",
        "    awaiting review",
        "    RUN CI",
        "      test",
        "        Run pytest",
    ]
