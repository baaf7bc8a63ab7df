"""Histograms lead to the spans of what they measured: an exemplar is one click from a trace."""

from __future__ import annotations

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, happened, job, sha_of, step
from tests.stories.worlds import deployed, feature
from tests.support import closings
from tests.support.program import Program

from flow_telemetry.mapping.instruments import INSTRUMENTS
from flow_telemetry.telemetry import InstrumentKind

WHOLE = {each.name for each in INSTRUMENTS if each.whole}


def linked(receiver: Receiver, name: str) -> dict[float, str]:
    """The names of the spans that the exemplars of a metric lead to, by their values."""
    names = {(span.trace_id, span.span_id): span.name for span in receiver.spans}
    return {
        value: names[trace_id, span_id]
        for point in receiver.points_of(name)
        for value, trace_id, span_id in point.exemplars
    }


def assert_every_histogram_is_linked(receiver: Receiver, *, but: tuple[str, ...] = ()) -> None:
    """Each histogram has an exemplar in each of its buckets, all of spans that were sent."""
    sent = {(span.trace_id, span.span_id) for span in receiver.spans}
    for point in receiver.metrics:
        if point.kind != "histogram":
            assert not point.exemplars
        elif point.name not in but:
            assert len(point.exemplars) == sum(map(bool, point.buckets)), point.name
            assert {(trace, span) for _, trace, span in point.exemplars} <= sent, point.name


@pytest.mark.parametrize("detail", ["run", "job", "step"])
def test_a_run_and_its_jobs(
    program: Program, world: World, receiver: Receiver, detail: str
) -> None:
    """A job without a span of its own leads to its run."""
    run = world.run(
        jobs=[
            job("build", queued=5, steps=[step("Compile", 30)]),
            job("test", after=10, queued=15, steps=[step("Run pytest", 60)]),
        ]
    )
    result = program.export(run, detail=detail)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert_every_histogram_is_linked(receiver)
    assert linked(receiver, "cicd.pipeline.run.duration") == {5: "RUN CI", 80: "RUN CI"}
    build, test = ("RUN CI", "RUN CI") if detail == "run" else ("build", "test")
    assert linked(receiver, "flow.job.duration") == {30: build, 60: test}
    assert linked(receiver, "flow.job.queue_time") == {5: build, 15: test}


def test_a_pull_request(program: Program, world: World, receiver: Receiver) -> None:
    """Every histogram of a change leads to the change."""
    world.pull_request(
        7,
        opened_at="2026-11-24T06:00:00Z",
        merged_at="2026-11-24T08:00:00Z",
        timeline=[happened("reviewed", at="2026-11-24T07:00:00Z", by="bob", review="approved")],
    )
    closings.pull_request(program, 7)
    assert_every_histogram_is_linked(receiver)
    assert list(linked(receiver, "flow.change.time_to_merge")) == [7200]


def test_a_work_item_and_a_feature(program: Program, world: World, receiver: Receiver) -> None:
    """The closing of an epic leads to the root of the feature trace."""
    feature(world)
    closings.issue(program, "acme/shop#1")
    assert_every_histogram_is_linked(receiver)
    assert receiver.points_of("flow.feature.runs")
    assert receiver.points_of("flow.work_item.lead_time")


def test_a_deployment(program: Program, world: World, receiver: Receiver) -> None:
    """It leads to its span in the trace of the pull request that it delivers."""
    base, cart = sha_of("base"), sha_of("cart")
    world.history(base, cart)
    world.pull_request(
        31,
        opened_at="2025-11-03T10:00:00Z",
        merged_at="2025-11-04T10:00:00Z",
        merge_commit_sha=cart,
        commits=[sha_of("a commit")],
        timeline=[
            happened("committed", at="2025-11-03T09:00:00Z", subject=sha_of("a commit")),
        ],
    )
    program.export(deployed(world, cart, "2025-11-04T10:00:05Z", "success")[0])
    assert_every_histogram_is_linked(receiver)
    (name,) = linked(receiver, "flow.deployment.lead_time").values()
    assert name == "deploy production"


def test_gauges_have_none(program: Program, world: World, receiver: Receiver) -> None:
    """A gauge is the sum of values of several spans."""
    program.export(world.run(jobs=[job("build", queued=5)]), metric_shape="gauge")
    assert receiver.points_of("flow.job.duration.sum")
    assert not any(point.exemplars for point in receiver.metrics)


@pytest.mark.parametrize("shape", ["histogram", "gauge"])
def test_counters_are_integers(
    program: Program, world: World, receiver: Receiver, shape: str
) -> None:
    """In each shape, and always, since some backends take a float for another metric."""
    run = world.run(attempt=2, jobs=[job("build", "failure"), job("test", labels=["macos-15"])])
    program.export(run, metric_shape=shape)
    counters = [
        point
        for point in receiver.metrics
        if point.name in WHOLE or point.name.endswith(".count") or point.kind == "sum"
    ]
    floats = {point.name for point in counters if not point.integer}
    assert {point.name for point in counters} > {"flow.run.count", "flow.job.billable_time"}
    assert floats <= {"flow.job.cost"}


def test_what_is_a_counter_is_in_the_table() -> None:
    """Only costs have fractions."""
    sums = {each.name for each in INSTRUMENTS if each.kind is InstrumentKind.SUM}
    assert sums - WHOLE == {"flow.job.cost"}
