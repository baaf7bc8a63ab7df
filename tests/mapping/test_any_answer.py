"""Whatever GitHub answers becomes a valid tree or one clear error; whole answers lose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import event, given, note
from hypothesis import strategies as st
from tests.mapping.payloads import (
    ANNOTATIONS,
    BEGIN,
    DEPLOYMENTS,
    JUNK,
    TEXTS,
    Answers,
    damaged_answers,
    whole_answers,
)
from tests.mapping.trees import assert_valid_tree

from flow_telemetry.errors import PayloadError
from flow_telemetry.github.deployments import parse_job_deployment
from flow_telemetry.github.payloads import (
    parse_actor,
    parse_annotations,
    parse_changes,
    parse_jobs,
    parse_run,
)
from flow_telemetry.mapping.limits import nanoseconds
from flow_telemetry.mapping.placement import Placement, Tracing, place, run_ancestry
from flow_telemetry.mapping.runs import run_spans
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import Change, Lineage, Parentage, Repository, Run, WorkItem
from flow_telemetry.rules import selection
from flow_telemetry.rules.selection import RunSlice
from flow_telemetry.settings import Detail, Export, TraceScope
from flow_telemetry.telemetry import Span

SHOP = Repository(host="github.com", owner="acme", name="shop", url="https://github.com/acme/shop")
PARENTAGES = st.builds(
    Parentage,
    reason=st.just("a test"),
    change=st.none() | st.builds(Change, repository=st.just(SHOP), number=st.integers(1, 9)),
    others=st.lists(
        st.builds(Change, repository=st.just(SHOP), number=st.integers(1, 9)), max_size=3
    ).map(tuple),
    after_merge=st.booleans(),
)
FEATURE = WorkItem(tracker="jira", key="ACME-42", reference="jira/ACME-42")
STORY = WorkItem(tracker="jira", key="ACME-57", reference="jira/ACME-57")
LINEAGES = st.sampled_from([Lineage(), Lineage(items=(FEATURE,)), Lineage(items=(STORY, FEATURE))])


@st.composite
def placements(draw: st.DrawFn, run: Run) -> Placement:
    """Any place that a run can have."""
    parentage = draw(PARENTAGES)
    return place(
        run.reference,
        run_ancestry(parentage, draw(LINEAGES)),
        Tracing(
            scope=draw(st.sampled_from(TraceScope)),
            namespace=draw(st.sampled_from(["", "acme-prod"])),
        ),
        others=parentage.others,
    )


def alone(run: Run) -> Placement:
    """Return the place of a run that belongs to nothing."""
    ancestry = run_ancestry(Parentage(reason="a test"), Lineage())
    return place(run.reference, ancestry, Tracing(scope=TraceScope.RUN))


def run_in(answers: Answers) -> Run:
    """Read a run with its jobs."""
    run = parse_run(answers.run, where="run 999 of acme/shop")
    return replace(run, jobs=parse_jobs(answers.jobs, run))


def error_of(answers: Answers) -> str | None:
    """Return the error that reading a run gives."""
    try:
        run_in(answers)
    except PayloadError as error:
        return str(error)
    return None


def parts_of(run: Run) -> Iterator[RunSlice]:
    """Every part of a run that some step could send."""
    yield selection.select_whole_run(run)
    for job in run.jobs:
        if not job.completed:
            for export in Export:
                yield selection.select_running_run(run, job, export=export, job_status="failure")


def mapped(part: RunSlice, placement: Placement, detail: Detail = Detail.STEP) -> list[Span]:
    """Return the spans of a part."""
    resource = ResourceMaker(service_name="{workflow}").of_run(part.run)
    return list(run_spans(part, placement, resource, detail))


@given(damaged_answers(), st.data())
def test_any_answer_is_a_valid_tree_or_a_clear_error(answers: Answers, data: st.DataObject) -> None:
    """Damage costs the values that it hits, or is told; it never is a traceback or a bad span."""
    error = error_of(answers)
    event("an error" if error else "a tree")
    if error is not None:
        assert error.startswith("GitHub's response for run 999 of acme/shop has no usable `")
        return
    run = run_in(answers)
    placement = data.draw(placements(run))
    detail = data.draw(st.sampled_from(Detail))
    for part in parts_of(run):
        event(f"a part, {'still going on' if part.partial else 'ended'}")
        note(f"{part}")
        assert_valid_tree(mapped(part, placement, detail), part, placement)


@given(whole_answers(), st.lists(ANNOTATIONS, max_size=4), st.lists(DEPLOYMENTS, max_size=4))
def test_any_annotation_and_deployment_keeps_the_tree_valid(
    answers: Answers, annotations: list[list[Any]], deployments: list[dict[str, Any]]
) -> None:
    """What tells why a job failed or waited is text of others: it is bounded as all else is."""
    run = run_in(answers)
    jobs = list(run.jobs)
    for number, found in enumerate(annotations[: len(jobs)]):
        jobs[number] = replace(jobs[number], annotations=parse_annotations(found))
    for number, deployment in enumerate(deployments[: len(jobs)]):
        jobs[number] = replace(jobs[number], deployment=parse_job_deployment(deployment))
    part = selection.select_whole_run(replace(run, jobs=tuple(jobs)))
    placement = alone(part.run)
    assert_valid_tree(mapped(part, placement), part, placement)


@given(whole_answers())
def test_every_job_and_step_of_a_whole_answer_arrives(answers: Answers) -> None:
    """Nothing is lost or invented, and everything keeps its own times."""
    run = replace(run_in(answers), attempt=1)
    placement = alone(run)
    spans = mapped(selection.select_whole_run(run), placement)
    of_type = {
        kind: [s for s in spans if s.attributes["flow.entity.type"] == kind]
        for kind in ("job", "step")
    }
    assert sorted(str(s.attributes["cicd.pipeline.task.run.id"]) for s in of_type["job"]) == [
        str(job["id"]) for job in answers.jobs
    ]
    assert sorted(
        (str(s.attributes["flow.job.id"]), s.attributes["github.step.number"])
        for s in of_type["step"]
    ) == sorted((str(job["id"]), step["number"]) for job in answers.jobs for step in job["steps"])
    ends = [job.completed_at for job in run.jobs if job.completed_at]
    assert whole(spans[0].end) == nanoseconds(max(ends) if ends else run.updated_at or BEGIN)
    assert [whole(s.end) for s in of_type["job"]] == [
        nanoseconds(job.completed_at or BEGIN)
        for job in sorted(run.jobs, key=lambda job: (job.created_at, job.id))
    ]


def whole(time: int) -> int:
    """The whole second of a time: microseconds only put spans in order."""
    return time // 1_000_000_000 * 1_000_000_000


@given(whole_answers(), st.randoms())
def test_the_order_of_an_answer_does_not_matter(answers: Answers, random: Random) -> None:
    """GitHub's pages may come in any order; the spans leave in the same one."""
    shuffled = list(answers.jobs)
    random.shuffle(shuffled)
    assert run_in(replace(answers, jobs=shuffled)) == run_in(answers)


@given(JUNK | st.lists(JUNK, max_size=3) | st.dictionaries(TEXTS, JUNK, max_size=3))
def test_no_part_of_an_answer_is_trusted(junk: Any) -> None:
    """Anything in place of a run is an error, in place of a list's items it is left out."""
    assert error_of(Answers(run=junk, jobs=[])) is not None
    assert parse_annotations([junk, {"message": junk}]) == () or isinstance(junk, str)
    assert parse_changes([junk, {"number": 1, "created_at": junk, "base": junk}], SHOP) == () or (
        isinstance(junk, str)
    )
    assert parse_actor(junk) is None
