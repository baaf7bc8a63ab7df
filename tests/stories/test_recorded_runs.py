"""What GitHub really answered on two runs, through the whole program.

The recorded answers lie beside the project, not in it; without them these tests are skipped.
"""

from __future__ import annotations

from datetime import datetime

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.support import references
from tests.support.program import Program
from tests.support.recorded import NO_RECORDED_DATA, RECORDED, recorded, single_runs

RUNS = ("3881497935", "21487811823")

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason=NO_RECORDED_DATA)


def export(program: Program, receiver: Receiver, run_id: str) -> None:
    """Export a recorded run by the command line."""
    run = next(each for each in single_runs() if str(each.id) == run_id)
    with run.served() as api:
        result = program.command(
            "export",
            "run",
            f"--repo={run.repository}",
            f"--run-id={run_id}",
            f"--otlp-endpoint={receiver.url}",
            environ={"GITHUB_API_URL": api, "GITHUB_SERVER_URL": "https://github.com"},
        )
    assert result.status == 0, result.stderr


def nanoseconds(text: str) -> int:
    """Return a recorded time, which is of whole seconds."""
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) * 10**9


def of_type(receiver: Receiver, kind: str) -> list[SpanRecord]:
    """Return the spans of jobs, steps or runs, as they came."""
    return [span for span in receiver.spans if span.attributes["flow.entity.type"] == kind]


@pytest.mark.parametrize(("run_id", "jobs", "steps"), [(RUNS[0], 5, 45), (RUNS[1], 1, 3)])
def test_every_job_and_step_arrives(
    program: Program, receiver: Receiver, run_id: str, jobs: int, steps: int
) -> None:
    """Under their names, each step in the job that it is of."""
    export(program, receiver, run_id)
    answer = recorded(f"run-{run_id}-jobs")["jobs"]
    assert (len(of_type(receiver, "job")), len(of_type(receiver, "step"))) == (jobs, steps)
    assert sorted(span.name for span in of_type(receiver, "job")) == sorted(
        job["name"] for job in answer
    )
    for job in answer:
        of_job = receiver.span(job["name"])
        below = [s for s in of_type(receiver, "step") if s.parent_span_id == of_job.span_id]
        assert [(s.attributes["github.step.number"], s.name) for s in below] == [
            (step["number"], step["name"]) for step in job["steps"]
        ]


@pytest.mark.parametrize("run_id", RUNS)
def test_ids_are_those_of_the_recipe(program: Program, receiver: Receiver, run_id: str) -> None:
    """Whoever knows the numbers of run and job can compute them."""
    export(program, receiver, run_id)
    run = recorded(f"run-{run_id}")
    actions = f"github.com/{run['repository']['full_name'].lower()}/actions/runs/{run_id}"
    root = f"{actions}/attempts/1"
    expected = {references.span_id(root)}
    for job in recorded(f"run-{run_id}-jobs")["jobs"]:
        of_job = f"{actions}/job/{job['id']}"
        expected.add(references.span_id(root, of_job))
        expected |= {
            references.span_id(root, f"{of_job}#step:{step['number']}") for step in job["steps"]
        }
    found = {span.span_id for kind in ("run", "job", "step") for span in of_type(receiver, kind)}
    assert found == expected
    assert {span.trace_id for span in receiver.spans} == {references.trace_id(root)}


@pytest.mark.parametrize("run_id", RUNS)
def test_times_are_the_recorded_ones(program: Program, receiver: Receiver, run_id: str) -> None:
    """Jobs from their creation, the run to the end of its last job, waits between."""
    export(program, receiver, run_id)
    run, jobs = recorded(f"run-{run_id}"), recorded(f"run-{run_id}-jobs")["jobs"]
    (root,) = of_type(receiver, "run")
    assert second(root.start) == nanoseconds(run["run_started_at"])
    assert second(root.end) == max(nanoseconds(job["completed_at"]) for job in jobs)
    for job in jobs:
        span = receiver.span(job["name"])
        assert second(span.start) == nanoseconds(job["created_at"])
        assert second(span.end) == nanoseconds(job["completed_at"])
        below = [s for s in of_type(receiver, "step") if s.parent_span_id == span.span_id]
        assert [(second(s.start), s.seconds) for s in below] == [
            (
                nanoseconds(step["started_at"]),
                (nanoseconds(step["completed_at"]) - nanoseconds(step["started_at"])) / 1e9,
            )
            for step in job["steps"]
        ]
        (wait,) = [s for s in of_type(receiver, "queued") if s.parent_span_id == span.span_id]
        assert (wait.start - span.start, second(wait.end)) == (2_000, second(below[0].start))


def second(time: int) -> int:
    """The whole second of a time: microseconds put spans in order."""
    return time // 10**9 * 10**9


def test_the_runs_are_named_by_their_workflows(program: Program, receiver: Receiver) -> None:
    """Both succeeded, and so says the root."""
    for run_id in RUNS:
        export(program, receiver, run_id)
    roots = of_type(receiver, "run")
    assert [root.name for root in roots] == ["RUN CI", "RUN Lint Pull Request Titles"]
    assert {root.attributes["cicd.pipeline.result"] for root in roots} == {"success"}
    assert [root.attributes["github.event"] for root in roots] == [
        "pull_request",
        "pull_request_target",
    ]
