"""Whatever the clocks say: no wait is longer than its job, and no child leaves its parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.mapping.measured import RESOURCE
from tests.mapping.payloads import Answers
from tests.mapping.test_any_answer import alone, mapped, run_in

from flow_telemetry.mapping.metrics import run_measurements
from flow_telemetry.model import JobDeployment, ProtectionRule, ProtectionWait, Run
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules import selection
from flow_telemetry.telemetry import Measurement, Span

BEGIN = datetime(2026, 1, 29, 17, 16, 15, tzinfo=timezone.utc)
DAY = 24 * 3600
# Of the sum of some seconds with milliseconds.
ROUNDED = 1e-6
JOB_ID = "cicd.pipeline.task.run.id"
# Of the runner's clock, to the millisecond: some hours, or nearly right.
OFFSETS = st.one_of(st.just(0.0), st.floats(-5, 5), st.floats(-3 * 3600, 3 * 3600))
CONCLUSIONS = st.sampled_from(
    ["success", "failure", "cancelled", "timed_out", "skipped", "neutral"]
)


def text(seconds: float) -> str:
    """Return a time so many seconds after the run's start, with milliseconds."""
    return (BEGIN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def whole(seconds: float) -> str:
    """Return the same as GitHub's own times, which are cut to whole seconds."""
    return (BEGIN + timedelta(seconds=int(seconds))).strftime("%Y-%m-%dT%H:%M:%SZ")


@st.composite
def steps_by_clock(draw: st.DrawFn, began: float) -> tuple[list[dict[str, Any]], float]:
    """Steps with gaps of milliseconds, names and numbers that repeat, and when the last ended."""
    steps: list[dict[str, Any]] = []
    off = draw(OFFSETS)
    jump = draw(st.sampled_from([0, 0, 0, 3600, -480]))
    now = began
    for number in range(draw(st.integers(0, 5))):
        begin = now + draw(st.floats(0, 0.9))
        now = begin + draw(st.floats(0, 400))
        if number == 2:
            off += jump  # The machine set its clock.
        steps.append(
            {
                "number": draw(st.sampled_from([number + 1, 1, 2])),
                "name": draw(st.sampled_from(["Checkout", "Test"])),
                "status": "completed",
                "conclusion": draw(CONCLUSIONS),
                "started_at": text(begin + off),
                "completed_at": text(now + off),
            }
        )
    return steps, now


@st.composite
def jobs_by_clock(draw: st.DrawFn, job_id: int) -> dict[str, Any]:
    """A job that ended, never got a runner, or was left unfinished."""
    created = draw(st.floats(0, 900))
    began = created + draw(st.floats(0, DAY))
    steps, ended = draw(steps_by_clock(began))
    completed = ended + draw(st.floats(0, 5))
    state = draw(st.sampled_from(["completed", "completed", "in_progress", "queued"]))
    got_runner = state != "queued" and draw(st.booleans())
    return {
        "id": job_id,
        "name": draw(st.sampled_from(["test (1)", "test (2)", "deploy"])),
        "run_attempt": 1,
        "status": state,
        "conclusion": draw(CONCLUSIONS) if state == "completed" else None,
        "created_at": whole(created) if draw(st.integers(0, 9)) else None,
        "started_at": whole(draw(st.sampled_from([began, began, created]))),
        "completed_at": whole(completed) if state == "completed" else None,
        "runner_id": 5 if got_runner else None,
        "labels": draw(st.sampled_from([["ubuntu-latest"], []])),
        "steps": steps if got_runner else [],
    }


@st.composite
def runs_by_clock(draw: st.DrawFn) -> Run:
    """A run that ended, of such jobs, some of which waited for protection rules."""
    jobs = [draw(jobs_by_clock(10 + number)) for number in range(draw(st.integers(0, 4)))]
    answers = Answers(
        run={
            "id": 999,
            "name": "CI",
            "run_attempt": 1,
            "status": "completed",
            "conclusion": draw(CONCLUSIONS),
            "event": "push",
            "created_at": whole(0),
            "run_started_at": whole(draw(st.sampled_from([0, 0, 0, 400]))),
            "updated_at": whole(10 * DAY),
            "repository": {"full_name": "acme/shop", "html_url": "https://github.com/acme/shop"},
        },
        jobs=jobs,
    )
    run = run_in(answers)
    waits = draw(st.lists(st.tuples(st.integers(0, DAY), st.integers(1, DAY)), max_size=2))
    deployment = JobDeployment(environment="production", commit="c0ffee", waits=_in_order(waits))
    found = [replace(j, deployment=deployment) if draw(st.booleans()) else j for j in run.jobs]
    return replace(run, jobs=tuple(found))


def _in_order(waits: Sequence[tuple[int, int]]) -> tuple[ProtectionWait, ...]:
    made, since = [], BEGIN
    for after, seconds in waits:
        start = since + timedelta(seconds=after)
        since = start + timedelta(seconds=seconds)
        made.append(ProtectionWait(start=start, end=since, rule=ProtectionRule.APPROVAL))
    return tuple(made)


def seconds(span: Span) -> float:
    return (span.end - span.start) / 10**9


@given(runs_by_clock())
def test_every_span_is_within_its_parent(run: Run) -> None:
    """Steps in jobs, jobs in the run, waits in what waited; and a wait is none of no length."""
    spans = mapped(selection.select_whole_run(run), alone(run))
    by_id = {span.span_id: span for span in spans}
    assert len(by_id) == len(spans)
    for span in spans:
        assert span.start <= span.end
        parent = by_id.get(span.parent_span_id or "")
        if parent is not None:
            assert parent.start <= span.start, (parent.name, span.name)
            assert span.end <= parent.end, (parent.name, span.name)


@given(runs_by_clock())
def test_no_wait_or_duration_is_longer_than_its_job(run: Run) -> None:
    """Nor negative; and the states of a run are together no longer than the run."""
    part = selection.select_whole_run(run)
    measured = list(run_measurements(part, RESOURCE, (JOB_ID,)))
    assert all(each.value >= 0 for each in measured)
    for job in part.jobs:
        longest = timing.job_interval(run, job).seconds
        of_job = [m for m in measured if m.attributes.get(JOB_ID) == str(job.id)]
        for name in ("flow.job.duration", "flow.job.queue_time", "flow.job.approval_time"):
            assert all(value <= longest for value in _values(of_job, name)), name
    states = _values(measured, "cicd.pipeline.run.duration")
    assert sum(states) <= timing.run_interval(run).seconds + ROUNDED


def _values(measured: Sequence[Measurement], name: str) -> list[float]:
    return [each.value for each in measured if each.instrument.name == name]


@given(runs_by_clock())
def test_the_waits_of_a_job_do_not_overlap_its_work(run: Run) -> None:
    """A job waits for rules, then for a runner, and then it works."""
    for job in timing.own_jobs(run):
        queued, began = timing.job_queued(job), timing.job_began(job)
        waits = [interval for _, interval in timing.protection_waits(run, job)]
        if queued is not None:
            assert not timing.intersection([queued], waits)
            assert began is None or queued.end <= began
