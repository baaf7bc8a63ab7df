"""A run beside earlier ones: medians, jobs and steps by name, matrices, and parts of runs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.builders import at, make_job, make_run, make_step, waiting_for_approval
from tests.support.recorded import (
    NO_RECORDED_DATA,
    RECORDED,
    RecordedRun,
    corpus_of_runs,
    single_runs,
)

from flow_telemetry.github.payloads import parse_jobs, parse_run
from flow_telemetry.model import Job, Run
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.comparison import (
    FEWEST_RUNS,
    MOST_RUNS,
    PartKind,
    RunComparison,
    SlowPart,
    choose_earlier,
    compare_run,
    explain_slowness,
    is_comparable,
)

WHOLE_SECONDS = st.integers(min_value=0, max_value=7_200)
NAMES = st.sampled_from(("build", "test (3.11)", "test (3.12)", "test (3.12) (2)", "lint", ""))


def job(name: str, *steps: tuple[str, float], created: float = 0, queued: float = 0) -> Job:
    """Return a job of such steps, one after the other."""
    begun, made = created + queued, []
    for number, (step, seconds) in enumerate(steps, start=1):
        made.append(make_step(number, step, begun, seconds))
        begun += seconds
    taken = begun - created - queued
    return make_job(
        abs(hash((name, created))) % 10**6,
        name,
        created=created,
        queued=queued,
        seconds=taken,
        steps=tuple(made),
    )


def earlier(*times: float) -> list[Run]:
    """Return runs without jobs that took so long, the first the newest."""
    return [
        replace(
            make_run(),
            id=100 - number,
            created_at=at(-3_600 * (number + 1)),
            started_at=at(-3_600 * (number + 1)),
            updated_at=at(-3_600 * (number + 1) + seconds),
        )
        for number, seconds in enumerate(times)
    ]


def parts(run: Run, *before: Run) -> list[tuple[str, str, float]]:
    """Return job, or kind of wait, step and seconds of the parts that were slow."""
    took = timing.run_interval(run).seconds
    usual = sorted(timing.run_interval(other).seconds for other in before)[len(before) // 2]
    compared = explain_slowness(RunComparison(seconds=took, usual=usual, runs=9), run, before)
    return [(p.job or p.kind.value, p.step, p.seconds) for p in compared.parts]


@given(
    times=st.lists(st.integers(min_value=1, max_value=9_000), min_size=5, max_size=40),
    took=st.integers(min_value=1, max_value=9_000),
    seed=st.integers(),
)
def test_the_list_alone_tells_how_slow_a_run_was(times: list[int], took: int, seed: int) -> None:
    """In any order; of a long list the newest count; much slower is slower than nearly all."""
    run = make_run(job("build", ("Build", took)))
    listed = earlier(*times)
    shuffled = random.Random(seed).sample(listed, len(listed))
    chosen = choose_earlier(run, shuffled)
    assert chosen == tuple(listed[:MOST_RUNS])
    compared = compare_run(run, chosen, branch="main")
    assert compared is not None
    counted = sorted(times[:MOST_RUNS])
    middle = len(counted) // 2
    assert compared.usual in (counted[middle], (counted[middle] + counted[middle - 1]) / 2)
    assert compared.extra == took - compared.usual
    if compared.slow:
        assert took > 1.2 * compared.usual
        assert sum(time >= took for time in counted) <= len(counted) / 10
    if took > 2 * max(counted) + 60:
        assert compared.slow


def test_too_few_runs_are_no_measure() -> None:
    """Neither failed ones, later attempts, newer runs nor the run itself count."""
    run = make_run(job("build", ("Build", 60)))
    listed = earlier(*[60] * FEWEST_RUNS)
    assert compare_run(run, choose_earlier(run, listed)) is not None
    for changed in (
        replace(listed[0], conclusion="failure"),
        replace(listed[0], attempt=2),
        replace(listed[0], created_at=at(1)),
        replace(listed[0], id=run.id),
        replace(listed[0], updated_at=None),
    ):
        assert compare_run(run, choose_earlier(run, [changed, *listed[1:]])) is None


@given(
    steps=st.lists(WHOLE_SECONDS, min_size=1, max_size=6),
    slow=st.integers(min_value=0, max_value=5),
    by=st.integers(min_value=40, max_value=4_000),
    queued=WHOLE_SECONDS,
)
def test_a_longer_step_is_found_with_its_seconds(
    steps: list[int], slow: int, by: int, queued: int
) -> None:
    """Whatever the other steps took, if they took as long as always."""
    slow %= len(steps)
    usual = [(f"step {number}", float(seconds)) for number, seconds in enumerate(steps)]
    longer = [(n, s + by if number == slow else s) for number, (n, s) in enumerate(usual)]
    before = make_run(job("test (3.12)", *usual, ("last", 1), queued=queued))
    run = make_run(job("test (3.12)", *longer, ("last", 1), queued=queued))
    assert parts(run, *[before] * 5) == [("test (3.12)", f"step {slow}", by)]
    assert parts(before, *[before] * 5) == []


def test_only_the_critical_path_counts() -> None:
    """Another job that got slower did not make the run slower."""
    before = make_run(job("build", ("Build", 300)), job("lint", ("Lint", 20)))
    run = make_run(job("build", ("Build", 400)), job("lint", ("Lint", 200)))
    assert parts(run, before) == [("build", "Build", 100)]


def test_waits_are_told_apart_from_work() -> None:
    """For runners over all jobs of the path; for an approval; and of the run before its start."""
    before = make_run(
        job("build", ("Build", 60), queued=5), job("deploy", ("Roll out", 60), created=66, queued=5)
    )
    run = make_run(
        job("build", ("Build", 60), queued=35),
        job("deploy", ("Roll out", 60), created=96, queued=45),
    )
    assert parts(run, before) == [("waiting for runners", "", 70)]
    approved = make_run(waiting_for_approval(job("build", ("Build", 60), queued=605), 600))
    once = make_run(job("build", ("Build", 60), queued=5))
    assert parts(approved, once) == [("waiting for approvals", "", 600)]
    late = make_run(job("build", ("Build", 60), created=300, queued=5))
    assert parts(late, once) == [("waiting to start", "", 300)]


def test_jobs_of_a_matrix_are_compared_by_name_and_else_with_each_other() -> None:
    """A new value has no earlier job; one of another matrix is none of its own."""
    usual = [job(f"test ({python})", ("Run pytest", seconds)) for python, seconds in MATRIX]
    before = make_run(*usual)
    slower = make_run(usual[0], job("test (3.12)", ("Run pytest", 200)))
    assert parts(slower, before) == [("test (3.12)", "Run pytest", 80)]
    new = make_run(*usual, job("test (3.15)", ("Run pytest", 190)))
    assert parts(new, before) == [("test (3.15)", "Run pytest", 80)]
    other = make_run(*usual, job("bench (3.15)", ("Run pytest", 190)))
    assert parts(other, before) == [("bench (3.15)", "", 190)]


MATRIX = (("3.11", 100), ("3.12", 120))


def test_a_step_that_many_jobs_share_is_named_once() -> None:
    """With the number of the others of its matrix."""
    names = [f"test ({number})" for number in range(4)]
    before = make_run(*(job(name, ("Install", 30)) for name in names))
    run = make_run(*(job(name, ("Install", 130 + n)) for n, name in enumerate(names)))
    compared = explain_slowness(RunComparison(seconds=133, usual=30, runs=9), run, [before])
    assert compared.parts == (
        SlowPart(kind=PartKind.STEP, seconds=103, job="test (3)", step="Install", others=3),
    )


def test_a_run_without_the_job_does_not_count_and_a_skipped_step_takes_no_time() -> None:
    """The medians are those of the runs that had the job."""
    with_job = make_run(job("build", ("Build", 100)))
    without = make_run(job("lint", ("Lint", 5)))
    run = make_run(job("build", ("Build", 160), ("Upload", 50)))
    assert parts(run, without, with_job, without) == [
        ("build", "Build", 60),
        ("build", "Upload", 50),
    ]
    assert parts(run, without) == [("build", "", 210)]


def test_a_part_of_a_run_is_not_comparable() -> None:
    """A later attempt with jobs of an earlier one, and a run of which nothing ran."""
    ran = make_run(job("build", ("Build", 60)))
    assert is_comparable(ran)
    again = replace(ran, attempt=2, started_at=at(600))
    assert not is_comparable(again)
    assert not is_comparable(make_run())


@st.composite
def any_run(draw: st.DrawFn) -> Run:
    """Return a run of jobs as untidy as GitHub's: without steps, of equal names, or skipped."""
    jobs = []
    for number in range(draw(st.integers(min_value=0, max_value=5))):
        names = draw(st.lists(st.sampled_from(("Install", "Test", "")), max_size=4))
        made = job(
            draw(NAMES),
            *[(name, float(draw(WHOLE_SECONDS))) for name in names],
            created=draw(WHOLE_SECONDS),
            queued=draw(WHOLE_SECONDS),
        )
        if draw(st.booleans()):
            made = replace(made, created_at=None)
        if draw(st.integers(min_value=0, max_value=5)) == 0:
            made = replace(made, conclusion="skipped", steps=(), runner_id=None)
        jobs.append(replace(made, id=number))
    return make_run(*jobs)


@given(run=any_run(), before=st.lists(any_run(), max_size=5))
def test_any_runs_can_be_compared(run: Run, before: list[Run]) -> None:
    """Few parts, the slowest first, each of them worth a word; in any order of the runs."""
    compared = RunComparison(seconds=900, usual=300, runs=9)
    found = explain_slowness(compared, run, before).parts
    assert len(found) <= 3
    assert [part.seconds for part in found] == sorted((p.seconds for p in found), reverse=True)
    assert all(part.seconds >= 30 for part in found)
    assert explain_slowness(compared, run, before[::-1]).parts == found


# Recorded runs


def recorded_runs() -> Sequence[RecordedRun]:
    """Return the recorded runs, if they are there."""
    return [*single_runs(), *corpus_of_runs()] if RECORDED.is_dir() else []


def parsed(recorded: RecordedRun) -> Run:
    """Return a recorded run with its jobs."""
    run = parse_run(recorded.run, where="recorded")
    return replace(run, jobs=parse_jobs(recorded.jobs["jobs"], run))


def faster(found: Job, number: int, by: timedelta) -> Job:
    """Return a job whose step of that number ended sooner, and all after it began sooner."""
    steps = []
    for step in found.steps:
        start, end = step.started_at, step.completed_at
        if step.number > number and start:
            start -= by
        if step.number >= number and end:
            end -= by
        steps.append(replace(step, started_at=start, completed_at=end))
    end = found.completed_at
    return replace(found, steps=tuple(steps), completed_at=end and end - by)


@pytest.mark.skipif(not RECORDED.is_dir(), reason=NO_RECORDED_DATA)
@pytest.mark.parametrize("recorded", recorded_runs(), ids=lambda recorded: recorded.name)
def test_a_recorded_run_is_as_slow_as_itself(recorded: RecordedRun) -> None:
    """And a step that took longer than in an earlier one is found, by its seconds."""
    run = parsed(recorded)
    if not is_comparable(run):
        assert len(timing.own_jobs(run)) < len(run.jobs) or not timing.run_began(run)
        return
    assert parts(run, run) == []
    jobs = [each for each in timing.own_jobs(run) if timing.job_began(each)]
    intervals = {each.id: timing.job_interval(run, each) for each in jobs}
    last = max(jobs, key=lambda each: (intervals[each.id].end, intervals[each.id].seconds))
    timed = [
        (interval.seconds, step)
        for step, interval in timing.step_intervals(run, last)
        if timing.step_ran(step)
    ]
    unique = [pair for pair in timed if [s.name for _, s in timed].count(pair[1].name) == 1]
    # Of jobs with one name, nothing tells which is which.
    alone = [each.name for each in jobs].count(last.name) == 1
    if not last.completed or not alone or not unique or max(s for s, _ in unique) < 20:
        return
    seconds, longest = max(unique, key=lambda pair: pair[0])
    by = int(seconds / 2)
    sooner = faster(last, longest.number, timedelta(seconds=by))
    before = replace(run, jobs=tuple(sooner if each is last else each for each in run.jobs))
    assert parts(run, before) == [(last.name, longest.name, by)]
