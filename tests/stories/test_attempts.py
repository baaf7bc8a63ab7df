"""Re-runs: each attempt is a run of its own, and nothing is sent twice."""

from __future__ import annotations

from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, carried_over, job, step
from tests.support import references
from tests.support.program import Program


def failed_run(world: World) -> Run:
    """Return a first attempt of which one job failed."""
    return world.run(
        jobs=[
            job("build", steps=[step("Compile", 30)]),
            job("test", "failure", steps=[step("Run pytest", 9, "failure")]),
        ]
    )


def rerun_failed(world: World, first: Run) -> Run:
    """Re-run failed jobs, as GitHub does: the others are listed again, under new ids."""
    again = job("test", steps=[step("Run pytest", 8)])
    return world.rerun(first, jobs=[carried_over(first.job("build")), again])


def test_jobs_that_were_carried_over_are_counted_and_not_sent_again(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The attempt that ran them has sent them."""
    first = failed_run(world)
    program.export(first)
    program.export(rerun_failed(world, first))
    assert len(receiver.spans_named("build")) == len(receiver.spans_named("Compile")) == 1
    assert len(receiver.spans_named("test")) == 2
    second = receiver.spans_named("RUN CI")[1]
    assert second.attributes["github.run.jobs"] == 1
    assert second.attributes["github.run.jobs.carried_over"] == 1


def test_each_attempt_is_a_run_that_names_the_one_before(
    program: Program, world: World, receiver: Receiver
) -> None:
    """An attempt begins with its own start, under a reference of its own."""
    first = failed_run(world)
    second = rerun_failed(world, first)
    program.export(first)
    program.export(second)
    one, two = receiver.spans_named("RUN CI")
    assert one.attributes["flow.reference"] == references.run_of(first)
    assert two.attributes["flow.reference"] == references.run_of(second)
    assert two.attributes["github.run.previous_attempt.reference"] == references.run_of(first)
    assert "github.run.previous_attempt.reference" not in one.attributes
    assert two.start == int(second.started_at.timestamp()) * 10**9 > one.end


def test_a_re_run_changes_nothing_of_the_first_attempt(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Attempt 1 exported again, after attempt 2, is equal to what was sent."""
    first = failed_run(world)
    program.export(first)
    before = receiver.spans
    rerun_failed(world, first)
    program.export(first)
    assert receiver.spans[len(before) :] == before


def test_an_attempts_conclusion_and_end_are_its_own(
    program: Program, world: World, receiver: Receiver
) -> None:
    """What was carried over moves neither the result nor the end of an attempt."""
    first = failed_run(world)
    second = rerun_failed(world, first)
    program.export(second)
    span = receiver.span("RUN CI")
    assert span.attributes["cicd.pipeline.result"] == "success"
    assert span.end == receiver.span("test").end
    assert [s.seconds for s in receiver.spans_named("queued")] == [2, 2]


def test_the_jobs_of_a_whole_re_run_are_new(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Re-running all jobs makes each of them again, with ids of their own."""
    first = failed_run(world)
    program.export(first)
    program.export(world.rerun(first))
    assert len({s.span_id for s in receiver.spans}) == len(receiver.spans) == 2 * 8


def test_each_attempt_leads_to_its_own_page(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub's address of a run shows its latest attempt, whichever one was exported."""
    first = failed_run(world)
    second = rerun_failed(world, first)
    program.export(first)
    program.export(second)
    page = f"https://github.com/acme/shop/actions/runs/{first.id}/attempts"
    urls = [s.attributes["cicd.pipeline.run.url.full"] for s in receiver.spans_named("RUN CI")]
    assert urls == [f"{page}/1", f"{page}/2"]


def test_an_address_that_names_an_attempt_keeps_one_number(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Some servers name the attempt in the address of a run."""
    page = "https://github.com/acme/shop/actions/runs/1000/attempts"
    run = world.run(id=1000, jobs=[job("test")], facts={"html_url": f"{page}/1"})
    program.export(run)
    assert receiver.span("RUN CI").attributes["cicd.pipeline.run.url.full"] == f"{page}/1"
