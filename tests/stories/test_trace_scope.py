"""The root of the trace: the run, the pull request or a feature; namespaces and links."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, sha_of, step
from tests.support import references
from tests.support.program import Program

PULL = references.pull(123)


@pytest.fixture
def run(world: World) -> Run:
    """A run of pull request 123."""
    world.pull_request(123)
    jobs = [job("test", steps=[step("Run pytest")])]
    return world.run(event="pull_request", branch="feature", jobs=jobs)


def test_the_run_can_be_its_own_root(program: Program, run: Run, receiver: Receiver) -> None:
    """`trace-scope: run` leaves the pull request in the attributes only."""
    program.export(run, trace_scope="run")
    root = references.run_of(run)
    span = receiver.span("RUN CI")
    assert (span.trace_id, span.span_id) == (references.trace_id(root), references.span_id(root))
    assert (span.parent_span_id, span.links) == ("", ())
    assert span.attributes["vcs.change.id"] == "123"


def test_the_pull_request_is_the_root_by_default(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """`trace-scope: change` is what is done without the input."""
    program.export(run)
    program.export(run, trace_scope="change")
    assert {s.trace_id for s in receiver.spans} == {references.trace_id(PULL)}
    assert len({s.span_id for s in receiver.spans}) * 2 == len(receiver.spans)


@pytest.mark.parametrize(
    ("key", "root", "shown"),
    [
        ("ACME-42", "jira/ACME-42", "ACME-42"),
        ("acme-42", "jira/ACME-42", "ACME-42"),
        ("17", "github.com/acme/shop/issues/17", "acme/shop#17"),
        ("#17", "github.com/acme/shop/issues/17", "acme/shop#17"),
        ("Acme/Plans#17", "github.com/acme/plans/issues/17", "acme/plans#17"),
        ("linear/ENG-7", "linear/ENG-7", "ENG-7"),
    ],
)
def test_a_feature_key_makes_the_feature_the_root(
    program: Program, run: Run, receiver: Receiver, key: str, root: str, shown: str
) -> None:
    """A chain that does not reach the feature hangs directly under it; no tracker is asked."""
    program.export(run, feature_key=key)
    span = receiver.span("RUN CI")
    assert span.trace_id == references.trace_id(root)
    assert span.span_id == references.span_id(root, references.run_of(run))
    assert span.parent_span_id == references.span_id(root, PULL)
    assert {s.attributes["flow.feature.key"] for s in receiver.ended} == {shown}


def test_a_run_without_pull_request_hangs_under_the_feature(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Even a nightly run joins the feature that `feature-key` names."""
    program.export(world.run(event="schedule", jobs=[job("test")]), feature_key="ACME-42")
    span = receiver.span("RUN CI")
    assert span.trace_id == "2cfaa1233a900e73bff70587ad908fe8"
    assert span.parent_span_id == "fca3b7d3823641da"


def test_a_run_after_the_merge_stands_beside_its_pull_request(
    program: Program, world: World, receiver: Receiver
) -> None:
    """In the feature's trace the deployment's run is not below the pull request."""
    merge = sha_of("merge")
    world.pull_request(123, merged_at="2026-11-24T02:00:00Z", merge_commit_sha=merge)
    program.export(world.run(sha=merge, jobs=[job("deploy")]), feature_key="ACME-42")
    span = receiver.span("RUN CI")
    assert span.parent_span_id == references.span_id("jira/ACME-42")
    assert span.attributes["vcs.change.id"] == "123"


@pytest.mark.parametrize("scope", ["change", "run"])
def test_a_narrower_trace_names_the_trace_of_the_feature(
    program: Program, run: Run, receiver: Receiver, scope: str
) -> None:
    """The run has its id, which is known beforehand, and does not link to what is not there."""
    program.export(run, feature_key="ACME-42", trace_scope=scope)
    span = receiver.span("RUN CI")
    assert span.attributes["flow.feature.trace_id"] == references.trace_id("jira/ACME-42")
    assert [s.name for s in receiver.spans if s.links] == []


def test_no_link_stays_inside_its_trace(
    program: Program, world: World, run: Run, receiver: Receiver
) -> None:
    """Some backends draw a link inside a trace as if it were a parent."""
    world.pull_request(124)
    for scope in ("run", "change", "feature"):
        program.export(run, feature_key="ACME-42", trace_scope=scope)
    assert [s for s in receiver.spans for link in s.links if link.trace_id == s.trace_id] == []


def test_a_namespace_keeps_ids_apart(program: Program, run: Run, receiver: Receiver) -> None:
    """It is part of every id, and stands trimmed on the resource."""
    program.export(run, namespace="  acme-prod ")
    span = receiver.span("RUN CI")
    assert span.trace_id == references.trace_id(PULL, "acme-prod")
    assert span.parent_span_id == references.span_id(PULL, PULL, "acme-prod")
    assert span.resource["flow.namespace"] == "acme-prod"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"trace_scope": "epic"}, "trace-scope"),
        ({"feature_key": "no key"}, "feature-key"),
        ({"namespace": "a\nb"}, "namespace"),
    ],
)
def test_an_input_that_cannot_be_used_is_named(
    program: Program, run: Run, receiver: Receiver, inputs: dict[str, Any], said: str
) -> None:
    """One error names the input; nothing is sent, and the step fails."""
    result = program.export(run, **inputs)
    (error,) = result.errors
    assert f"`{said}`" in error
    assert (result.status, result.outputs["status"], receiver.requests) == (2, "skipped", [])
