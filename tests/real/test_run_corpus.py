"""Recorded runs of GitHub through the whole program, compared with the right results.

The corpus lies beside the project, not in it; without it this test is skipped. Its README says how
the results were worked out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.support.order import disorder
from tests.support.program import Program
from tests.support.recorded import NO_RECORDED_DATA, RECORDED, RecordedRun, corpus_of_runs

CORPUS = RECORDED / "runs"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=NO_RECORDED_DATA)

# The corpus has GitHub's words for results, the conventions have their own.
_RESULTS = {"cancelled": "cancellation", "skipped": "skip", "timed_out": "timeout"}


def export(program: Program, receiver: Receiver, run: RecordedRun) -> None:
    """Export a run from outside, as if nothing had been sent before; a refusal sends nothing."""
    receiver.requests.clear()
    with run.served() as api:
        program.command(
            *("export", "run", f"--repo={run.repository}", f"--run-id={run.id}", "--timeout=5"),
            *(f"--run-attempt={run.attempt}", f"--otlp-endpoint={receiver.url}"),
            environ={"GITHUB_API_URL": api, "GITHUB_SERVER_URL": "https://github.com"},
        )


def of_type(receiver: Receiver, kind: str) -> list[SpanRecord]:
    return [span for span in receiver.spans if span.attributes["flow.entity.type"] == kind]


def results(receiver: Receiver, *, with_jobs: bool) -> dict[str, Any]:
    """What a backend received of one run, in the corpus's terms."""
    runs, jobs = of_type(receiver, "run"), of_type(receiver, "job")
    job_result = "cicd.pipeline.task.run.result"
    return {
        "run_spans": len(runs),
        "job_spans": len(jobs),
        "step_spans": len(of_type(receiver, "step")),
        "result": [span.attributes.get("cicd.pipeline.result") for span in runs],
        "job_results": {span.name: span.attributes.get(job_result) for span in jobs}
        if with_jobs
        else None,
    }


def expected(right: Mapping[str, Any]) -> dict[str, Any]:
    """What the corpus gives as right, in the same form."""

    def result_of(word: str) -> str:
        return _RESULTS.get(word, word)

    of_jobs = right["job_results"]
    return {
        **{name: right[name] for name in ("run_spans", "job_spans", "step_spans")},
        "result": [result_of(right["result"])] if right["result"] else [],
        "job_results": None
        if of_jobs is None
        else {name: result_of(word) for name, word in of_jobs.items()},
    }


def bounds_outside(receiver: Receiver) -> list[str]:
    """The spans that are not within their parents, or that wait longer than these take."""
    by_id = {span.span_id: span for span in receiver.spans}
    pairs = ((span, by_id.get(span.parent_span_id or "")) for span in receiver.spans)
    return [
        span.name
        for span, parent in pairs
        if parent and not parent.start <= span.start <= span.end <= parent.end
    ]


def test_every_run_has_the_right_results(program: Program, receiver: Receiver) -> None:
    """Every difference is listed."""
    rights = json.loads((CORPUS / "expected.json").read_text(encoding="utf-8"))
    runs = corpus_of_runs()
    assert {run.name for run in runs} == set(rights)
    differences = []
    for run in runs:
        export(program, receiver, run)
        wanted = expected(rights[run.name])
        found = results(receiver, with_jobs=wanted["job_results"] is not None)
        differences += [
            f"{run.name} {name}: {found[name]}, not {value}"
            for name, value in wanted.items()
            if found[name] != value
        ]
        differences += [f"{run.name}: {name} is outside" for name in bounds_outside(receiver)]
    assert not differences, "\n".join(differences)


# Waits that GitHub's own times give: the seconds of the jobs' queues. The jobs of 2021 have no
# creation, and a check run among the jobs, or a skipped job, did not wait.
QUEUES = {
    "check-run-among-jobs-12719320830": [],
    "cancelled-matrix-577324554": [],
    "failed-pull-request-target-21458831126": [30],
    "jobs-without-steps-16620109074": [5, 5, 8, 8, 9],
    "reusable-workflow-job-12730579163": [5],
    "skipped-job-attempt-13-14796710445": [],
    # The steps ran eight minutes before their job by the runner's clock, not by GitHub's.
    "steps-before-their-job-2202229078": [60],
    "steps-with-an-offset-5977929222": [6],
}


def test_every_job_waited_as_long_as_github_says(program: Program, receiver: Receiver) -> None:
    """From its creation until its runner began."""
    found = {}
    for run in corpus_of_runs():
        if run.name in QUEUES:
            export(program, receiver, run)
            jobs = {span.span_id for span in of_type(receiver, "job")}
            waits = [span for span in of_type(receiver, "queued") if span.parent_span_id in jobs]
            found[run.name] = sorted(span.seconds for span in waits)
    assert found == QUEUES


def test_the_spans_of_every_run_are_in_order(program: Program, receiver: Receiver) -> None:
    """No two siblings start together, what follows by GitHub's clock touches nothing before it."""
    broken = []
    for run in corpus_of_runs():
        export(program, receiver, run)
        broken += [f"{run.name}: {each}" for each in disorder(receiver.spans)]
    assert not broken, "\n".join(broken)
