"""What users decide about metrics: the shape, further attributes, and which signals leave."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.backends import Prometheus
from tests.fakes.faults import status
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.stories.points import by, names, of_things, series
from tests.support import closings
from tests.support.program import Program

STATE = "cicd.pipeline.run.state"
BRANCH, RUN_ID = "vcs.ref.head.name", "cicd.pipeline.run.id"


@pytest.fixture
def run(world: World) -> Run:
    """A run that was on its runner for 30 seconds."""
    return world.run(jobs=[job("build", queued=5, steps=[step("Compile", 30)])])


def kinds(receiver: Receiver) -> set[tuple[str, str]]:
    """The shapes in which metrics were kept."""
    return {(point.kind, point.temporality) for point in of_things(receiver)}


@pytest.mark.parametrize("answer", [400, 500])
def test_where_deltas_are_refused_gauges_leave(
    program: Program, run: Run, receiver: Receiver, answer: int
) -> None:
    """As Prometheus and Mimir refuse them; one notice tells, and nothing is lost."""
    receiver.script("/v1/metrics", Prometheus(status=answer), times=None)
    result = program.export(run)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert kinds(receiver) == {("gauge", "")}
    assert by(receiver, "cicd.pipeline.run.duration.sum", STATE) == {"pending": 5, "executing": 30}
    (notice,) = result.notices
    assert "metric-shape: gauge" in notice
    assert len(receiver.requests_to("metrics")) == 2


def test_gauges_leave_at_once_where_the_user_says_so(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """`metric-shape: gauge` needs no refusal, and no notice."""
    receiver.script("/v1/metrics", Prometheus(), times=None)
    result = program.export(run, metric_shape="gauge")
    assert (result.warnings, result.notices) == ([], [])
    assert kinds(receiver) == {("gauge", "")}
    assert len(receiver.requests_to("metrics")) == 1


def test_deltas_stay_deltas_where_the_user_says_so(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """`metric-shape: histogram` keeps what was refused for later, and warns."""
    receiver.script("/v1/metrics", Prometheus(), times=None)
    result = program.export(run, metric_shape="histogram")
    assert receiver.metrics == []
    assert result.status == 0
    assert any("invalid temporality" in each for each in result.warnings)


def test_without_a_word_deltas_leave(program: Program, run: Run, receiver: Receiver) -> None:
    """Durations as histograms, counts as sums."""
    program.export(run)
    assert kinds(receiver) == {("histogram", "DELTA"), ("sum", "DELTA")}


def test_a_user_adds_attributes_knowingly(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The branch and the run's id are on no series but for this input."""
    runs = [world.run(branch=f"branch-{n}", jobs=[job("build")]) for n in range(3)]
    for each in runs:
        program.export(each, signals="metrics")
    assert not any({BRANCH, RUN_ID} & set(point.attributes) for point in receiver.metrics)
    with Receiver() as other:
        for each in runs:
            program.export(
                each,
                otlp_endpoint=other.url,
                signals="metrics",
                metric_attributes=f"{BRANCH}, {RUN_ID}",
            )
        counted = by(other, "flow.run.count", BRANCH, RUN_ID)
        assert counted == {(each.plan.branch, str(each.id)): 1 for each in runs}
        assert len(series(of_things(other))) == 3 * len(series(of_things(receiver)))


def test_the_branch_brings_the_gauges_of_the_conventions(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`vcs.change.*` require it."""
    world.pull_request(
        7, branch="cart", opened_at="2026-11-24T06:00:00Z", merged_at="2026-11-24T08:00:00Z"
    )
    closings.pull_request(program, 7)
    assert not names(receiver, "vcs.")
    closings.pull_request(program, 7, metric_attributes=BRANCH)
    assert by(receiver, "vcs.change.time_to_merge", BRANCH) == {"cart": 7200}
    assert by(receiver, "vcs.change.duration", "vcs.change.state")["open"] == 7200


def test_the_base_branch_is_on_points_of_pull_requests_on_request(
    program: Program, world: World, receiver: Receiver
) -> None:
    """And on those of their runs; a run after the merge has none."""
    world.pull_request(
        7,
        branch="cart",
        into="release/2.1",
        opened_at="2026-11-24T06:00:00Z",
        merged_at="2026-11-24T08:00:00Z",
    )
    checked = world.run(
        event="pull_request", branch="cart", created_at="2026-11-24T06:10:00Z", jobs=[job("build")]
    )
    plain = world.run(workflow="Nightly", event="schedule", branch="main", jobs=[job("build")])
    base, name = "vcs.ref.base.name", "cicd.pipeline.name"
    program.export(checked)
    assert not any(base in point.attributes for point in receiver.metrics)
    with Receiver() as other:
        inputs: dict[str, Any] = {"otlp_endpoint": other.url, "metric_attributes": base}
        program.export(checked, **inputs)
        program.export(plain, **inputs)
        closings.pull_request(program, 7, **inputs)
        assert by(other, "flow.run.count", name, base) == {
            ("CI", "release/2.1"): 1,
            ("Nightly", None): 1,
        }
        assert by(other, "flow.job.duration", name, base).keys() == {
            ("CI", "release/2.1"),
            ("Nightly", None),
        }
        assert by(other, "flow.change.count", base) == {"release/2.1": 1}


def test_an_attribute_that_no_metric_has_is_told(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """A typing error does not stay unseen; the others count."""
    result = program.export(run, metric_attributes="vcs.ref.head.nmae, cicd.pipeline.run.id")
    (notice,) = result.notices
    assert "vcs.ref.head.nmae" in notice
    assert "cicd.pipeline.run.id" not in notice
    assert result.warnings == []
    assert set(by(receiver, "flow.run.count", RUN_ID)) == {str(run.id)}


@pytest.mark.parametrize(
    ("signals", "left"),
    [
        ("traces,events", {"traces", "logs"}),
        ("traces", {"traces"}),
        ("metrics", {"metrics"}),
        ("events, metrics", {"logs", "metrics"}),
        ("traces,events,metrics", {"traces", "logs", "metrics"}),
    ],
)
def test_only_the_signals_that_are_wanted_leave(
    program: Program, world: World, receiver: Receiver, signals: str, left: set[str]
) -> None:
    """And no request for another."""
    world.pull_request(7, opened_at="2026-11-24T06:00:00Z", merged_at="2026-11-24T08:00:00Z")
    result = closings.pull_request(program, 7, signals=signals)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    asked = {request.path.removeprefix("/v1/") for request in receiver.requests}
    assert asked == left


@pytest.mark.parametrize("missing", [("metrics",), ("logs",), ("metrics", "logs")])
def test_a_backend_without_a_signal_costs_one_notice(
    program: Program, world: World, receiver: Receiver, missing: tuple[str, ...]
) -> None:
    """As Jaeger and Tempo answer 404: what they take leaves, and nobody is warned."""
    for signal in missing:
        receiver.script(f"/v1/{signal}", status(404), times=None)
    world.pull_request(7, opened_at="2026-11-24T06:00:00Z", merged_at="2026-11-24T08:00:00Z")
    result = closings.pull_request(program, 7)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert len(receiver.spans_named("pull request #7")) == 1
    assert len(result.notices) == len(missing)
    assert all("signals" in notice for notice in result.notices)
    assert all(len(receiver.requests_to(signal)) == 1 for signal in missing)
