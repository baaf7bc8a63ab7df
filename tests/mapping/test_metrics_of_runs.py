"""A run and its jobs to measurements: given a run like this, these numbers leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.mapping.measured import RESOURCE, attributes, by, checked, values
from tests.mapping.records import TRACING
from tests.report.builders import (
    START,
    at,
    failed,
    make_job,
    make_run,
    never_started,
    waiting_for_approval,
)

from flow_telemetry.mapping.metrics import run_measurements
from flow_telemetry.mapping.placement import Ancestry, place
from flow_telemetry.model import Run
from flow_telemetry.rules.selection import RunSlice, select_running_run, select_whole_run
from flow_telemetry.settings import Export
from flow_telemetry.telemetry import Measurement

DURATION, ERRORS = "cicd.pipeline.run.duration", "cicd.pipeline.run.errors"


def of(run: Run, *extra: str) -> list[Measurement]:
    """Return the measurements of a run that ended, in a repository whose default is main."""
    run = replace(run, default_branch="main")
    return list(run_measurements(select_whole_run(run), RESOURCE, extra))


def test_a_run_waits_and_then_executes() -> None:
    """The first job had a runner after 5 seconds, the last one ended after 100."""
    run = make_run(
        make_job(1, "build", queued=5, seconds=55), make_job(2, "test", queued=30, seconds=70)
    )
    measured = of(run)
    assert by(DURATION, "cicd.pipeline.run.state", measured) == {"pending": 5, "executing": 95}
    found = values(measured)
    assert found["flow.run.count"] == [1]
    assert found["flow.job.duration"] == [55, 70]
    assert found["flow.job.queue_time"] == [5, 30]
    assert not {ERRORS, "flow.run.retries", "flow.job.approval_time"} & set(found)


def test_the_result_stands_on_the_state_in_which_it_came_about() -> None:
    """While a run waits it has no result yet, as the conventions want it."""
    run = make_run(failed(make_job(1, "test")), conclusion="failure")
    states = {m.attributes["cicd.pipeline.run.state"]: m for m in of(run) if _is(m, DURATION)}
    assert "cicd.pipeline.result" not in states["pending"].attributes
    assert states["executing"].attributes["cicd.pipeline.result"] == "failure"
    assert states["executing"].attributes["error.type"] == "failure"


def _is(measurement: Measurement, name: str) -> bool:
    return measurement.instrument.name == name


def test_each_failed_job_is_an_error_by_its_type() -> None:
    """One ran out of memory, one just failed; the run is not a third error."""
    run = make_run(
        failed(make_job(1, "test"), "Process completed with exit code 137."),
        failed(make_job(2, "lint")),
        make_job(3, "build"),
        conclusion="failure",
    )
    assert by(ERRORS, "error.type", of(run)) == {"out_of_memory": 1, "failure": 1}


def test_a_run_that_failed_without_a_job_is_an_error_of_its_own() -> None:
    """Its workflow file was wrong: it has no job and no duration, and counts."""
    measured = of(make_run(conclusion="startup_failure"))
    assert values(measured) == {"flow.run.count": [1], ERRORS: [1]}
    assert attributes(ERRORS, measured)["error.type"] == "startup_failure"


def test_a_build_that_was_run_again_counts_as_a_retry() -> None:
    """The job that the first attempt ran was measured with that one."""
    second = START + timedelta(seconds=600)
    run = replace(
        make_run(make_job(1, "build"), replace(make_job(2, "test", created=600), run_attempt=2)),
        attempt=2,
        started_at=second,
    )
    # A client might hand over all of the jobs: the carried-over one is left out here too.
    everything = RunSlice(run=run, jobs=run.jobs)
    for part in (select_whole_run(run), everything):
        found = values(run_measurements(part, RESOURCE))
        assert found["flow.run.retries"] == [1]
        assert found["flow.job.count"] == [1]
        assert found[DURATION] == [3, 30]


def test_what_was_skipped_counts_and_has_no_duration() -> None:
    """Nor is it billed, nor did it wait for a runner."""
    measured = of(make_run(never_started(1, "publish"), conclusion="skipped"))
    assert values(measured) == {"flow.run.count": [1], "flow.job.count": [1]}
    assert attributes("flow.job.count", measured)["cicd.pipeline.task.run.result"] == "skip"


def test_waiting_for_an_approval_is_no_waiting_for_a_runner() -> None:
    """Nine minutes for people, one for a machine."""
    job = waiting_for_approval(make_job(1, "deploy", queued=600, seconds=20), 540)
    found = values(of(make_run(job)))
    assert found["flow.job.approval_time"] == [540]
    assert found["flow.job.queue_time"] == [60]


def test_times_that_run_backwards_give_no_duration() -> None:
    """A job that ended before it began, as clocks of two machines tell it, still counts."""
    job = replace(
        make_job(1, "test", queued=30, seconds=30), completed_at=at(10), created_at=at(40)
    )
    found = values(of(make_run(job)))
    assert found["flow.job.count"] == [1]
    assert not {"flow.job.duration", "flow.job.queue_time", "flow.job.billable_time"} & set(found)


def test_a_job_says_what_it_ran_on_and_what_it_costs() -> None:
    """A minute and a second on Windows are four minutes of a plan."""
    measured = of(make_run(make_job(1, "test (3.12)", seconds=61, labels=("windows-2025",))))
    assert values(measured)["flow.job.billable_time"] == [4]
    assert attributes("flow.job.billable_time", measured) == {
        "github.repository": "acme/shop",
        "cicd.pipeline.name": "CI",
        "cicd.pipeline.task.name": "test",
        "flow.branch": "other",
        "flow.runner.kind": "github-hosted",
        "flow.runner.labels": "windows-2025",
        "os.type": "windows",
    }


def test_a_job_of_ones_own_machine_is_not_billed() -> None:
    """GitHub bills no minutes for it."""
    job = make_job(1, "test", labels=("self-hosted",), runner_name="rack-7")
    assert "flow.job.billable_time" not in values(of(make_run(job)))


@pytest.mark.parametrize(
    ("event", "branch", "told"),
    [
        ("push", "main", "default"),
        ("push", "cart", "other"),
        ("schedule", "main", "default"),
        ("pull_request", "main", "other"),
        ("merge_group", "gh-readonly-queue/main/pr-7-0a1b2c", "other"),
        ("push", None, None),
    ],
)
def test_the_branch_is_the_default_one_or_another(
    event: str, branch: str | None, told: str | None
) -> None:
    """The branch of a fork's pull request may be called main as well."""
    measured = of(make_run(event=event, head_branch=branch))
    assert attributes("flow.run.count", measured).get("flow.branch") == told


def test_without_the_name_of_the_default_branch_nothing_is_said_of_it() -> None:
    """Rather than guessed."""
    part = select_whole_run(make_run(event="push", head_branch="main"))
    told = attributes("flow.run.count", run_measurements(part, RESOURCE))
    assert "flow.branch" not in told


def test_from_inside_a_run_only_what_leaves_is_measured() -> None:
    """`export: job` measures its own job, up to its last step that ended, and no run."""
    own = replace(make_job(1, "test", seconds=30), status="in_progress", conclusion=None)
    own = replace(own, completed_at=None)
    run = make_run(own, make_job(2, "build"), status="in_progress", conclusion=None)
    part = select_running_run(run, own, export=Export.JOB, job_status="success")
    found = values(run_measurements(part, RESOURCE))
    assert found["flow.job.duration"] == [30]
    assert found["flow.job.count"] == [1]
    assert "flow.run.count" not in found


def test_ids_stand_on_no_metric_unless_the_user_asks() -> None:
    """`metric-attributes` adds from a fixed list, and nothing else."""
    run = make_run(make_job(1, "test (3.12, ubuntu-latest)"), head_branch="cart", head_sha="c0ffee")
    ids = {"999", "1", "c0ffee", "cart", "GitHub Actions 7"}
    for each in checked(of(run)):
        assert not ids & {str(value) for value in each.attributes.values()}
    extra = ("cicd.pipeline.run.id", "vcs.ref.head.name", "flow.job.matrix", "vcs.change.id", "x.y")
    part, keys = select_whole_run(run), (("vcs.change.id", "7"), ("flow.feature.key", "ACME-1"))
    placement = replace(place(run.reference, Ancestry(), TRACING), keys=keys)
    told = attributes(
        "flow.job.count", run_measurements(part, RESOURCE, extra, placement=placement)
    )
    assert (
        told.items()
        >= {
            "cicd.pipeline.run.id": "999",
            "vcs.ref.head.name": "cart",
            "flow.job.matrix": "3.12, ubuntu-latest",
            "vcs.change.id": "7",
        }.items()
    )
    assert not {"x.y", "flow.feature.key"} & set(told)


def _runs() -> Iterator[Run]:
    """One run on each of 1,000 branches; the first two have all 300 legs, the others one each.

    As many jobs as that would take a minute to map, and none has a name that these have not.
    """
    legs = [
        make_job(n, f"test ({n}, {system})", labels=(system,))
        for n in range(100)
        for system in ("ubuntu-latest", "windows-latest", "macos-latest")
    ]
    for number in range(1000):
        jobs = legs if number < 2 else [legs[number % 300]]
        ended = "failure" if number % 2 else "success"
        if ended == "failure":
            jobs = [failed(job) for job in jobs]
        yield replace(
            make_run(*jobs, head_branch=f"feature-{number}", conclusion=ended),
            id=number,
            head_sha=f"{number:040x}",
        )


def test_a_thousand_pull_requests_with_a_big_matrix_leave_few_series() -> None:
    """1,000 branches with 300 legs are 27 series: one for each metric, system and result."""
    series = {
        (m.instrument.name, tuple(sorted(m.attributes.items())))
        for run in _runs()
        for m in run_measurements(
            select_whole_run(replace(run, public=False, default_branch="main")), RESOURCE
        )
    }
    counted = Counter(name for name, _ in series)
    assert counted == {
        "cicd.pipeline.run.duration": 3,
        "cicd.pipeline.run.errors": 1,
        "flow.run.count": 2,
        "flow.job.count": 6,
        "flow.job.duration": 6,
        "flow.job.queue_time": 3,
        "flow.job.billable_time": 3,
        "flow.job.cost": 3,
    }
    assert sum(counted.values()) == 27
