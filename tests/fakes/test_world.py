"""The world's stories come out as GitHub would tell them."""

from __future__ import annotations

import pytest
from tests.contracts.openapi import validate
from tests.fakes import answers, events
from tests.fakes.world import NULL_RUNNER, ZERO_TIME, World, job, sha_of, step

CREATED = "2026-11-24T03:00:00Z"


def test_times_follow_from_what_came_before(world: World) -> None:
    """A job waits, then its steps run one after another, and the run ends with its last job."""
    run = world.run(
        created_at=CREATED,
        jobs=[
            job(
                "build",
                after=1,
                queued=5,
                steps=[step("Checkout", 2), step("Compile", 30, after=3), step("Post", number=9)],
            )
        ],
    )
    (told,) = [answers.job(world, run, each) for each in run.jobs]
    assert told["created_at"] == "2026-11-24T03:00:01Z"
    assert told["started_at"] == "2026-11-24T03:00:06Z"
    assert [(s["number"], s["started_at"][-4:], s["completed_at"][-4:]) for s in told["steps"]] == [
        (1, ":06Z", ":08Z"),
        (2, ":11Z", ":41Z"),
        (9, ":41Z", ":42Z"),
    ]
    assert told["completed_at"] == answers.run(world, run)["updated_at"] == "2026-11-24T03:00:42Z"


@pytest.mark.parametrize(
    ("conclusions", "status", "conclusion"),
    [
        (["success", "skipped"], "completed", "success"),
        (["success", "failure", "cancelled"], "completed", "failure"),
        (["success", "cancelled"], "completed", "cancelled"),
        (["skipped"], "completed", "skipped"),
        (["failure", None], "in_progress", None),
        ([], "completed", "success"),
    ],
)
def test_a_run_concludes_as_its_jobs_do(
    world: World, conclusions: list[str | None], status: str, conclusion: str | None
) -> None:
    """A run is as bad as its worst job, and not over before the last one."""
    run = world.run(jobs=[job("job", each) for each in conclusions])
    assert (run.status, run.conclusion) == (status, conclusion)


def test_odd_times_are_sent_as_they_are(world: World) -> None:
    """Zero times, nulls, ends before starts and texts that are no times reach the reader."""
    run = world.run(
        jobs=[
            job("zero", steps=[step("Lost", started_at=ZERO_TIME, completed_at=None)]),
            job("backwards", seconds=-1),
            job("text", created_at="yesterday"),
        ]
    )
    zero, backwards, text = (answers.job(world, run, each) for each in run.jobs)
    assert zero["steps"][0]["started_at"] == "0001-01-01T00:00:00Z"
    assert zero["steps"][0]["completed_at"] is None
    assert backwards["completed_at"] < backwards["started_at"]
    assert text["created_at"] == "yesterday"


def test_a_queued_job_has_no_runner_yet(world: World) -> None:
    """A job that waits has neither runner nor end; its steps are to come."""
    run = world.run(jobs=[job("test", status="queued")])
    waiting = run.job("test")
    assert (waiting.runner, waiting.completed_at, waiting.steps) == (NULL_RUNNER, None, ())
    assert (run.status, run.conclusion) == ("in_progress", None)


def test_any_fact_can_be_put_over_the_others(world: World) -> None:
    """What no builder has a word for is said in GitHub's own."""
    run = world.run(facts={"path": "dynamic/pages/pages-build-deployment"})
    assert answers.run(world, run)["path"] == "dynamic/pages/pages-build-deployment"


def test_an_event_s_run_and_pull_request_are_those_of_the_api(world: World) -> None:
    """Event files hold what the API would answer."""
    pull = world.pull_request(123)
    run = world.run(event="pull_request", branch="feature")
    of_run = events.workflow_run(world, run)
    of_pull = events.pull_request(world, pull)
    validate("GET", f"/repos/acme/shop/actions/runs/{run.id}", of_run["workflow_run"])
    validate("GET", "/repos/acme/shop/pulls/123", of_pull["pull_request"])
    assert of_run["action"] == "completed"
    assert of_pull["number"] == 123


def test_events_without_an_api_of_their_own(world: World) -> None:
    """A push, a schedule, a dispatch and a merge group say what started the run."""
    push = events.push(world, sha=sha_of("tip"), messages=["One", "Two (#123)"])
    assert (push["ref"], push["after"]) == ("refs/heads/main", sha_of("tip"))
    assert [each["message"] for each in push["commits"]] == ["One", "Two (#123)"]
    assert events.schedule(world, cron="0 3 * * *")["schedule"] == "0 3 * * *"
    assert events.workflow_dispatch(world, inputs={"level": "1"})["inputs"] == {"level": "1"}
    group = events.merge_group(world, number=7, sha=sha_of("group"))["merge_group"]
    assert group["head_ref"].startswith("refs/heads/gh-readonly-queue/main/pr-7-")
