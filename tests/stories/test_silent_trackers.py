"""A tracker that hangs costs neither the export nor the time for it, however the export ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from tests.fakes.faults import black_hole
from tests.fakes.github import FakeGitHub
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.jira.support import EMAIL, TOKEN, fake
from tests.stories.test_interrupted import MOST_SECONDS, Step
from tests.support.program import Program

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals to send")
JOBS = 50


@pytest.fixture
def jira() -> Iterator[FakeJira]:
    """A Jira with the story of the pull request's branch."""
    world = JiraWorld()
    world.issue("ACME-57", summary="Pay by card")
    with fake(world, cloud=True) as served:
        yield served


@pytest.fixture
def cancelled(program: Program, world: World, github: FakeGitHub, jira: FakeJira) -> Iterator[Step]:
    """A step whose run has many jobs, and whose Jira is silent when the runner cancels it."""
    jira.script("/", black_hole(), times=None)
    pull = world.pull_request(123, branch="feature/acme-57-pay")
    run = world.run(
        event="pull_request",
        branch="feature/acme-57-pay",
        sha=pull.commits[-1],
        jobs=[job(f"job {number}", steps=[step("Test", 9)]) for number in range(JOBS)],
    )
    started = Step(
        program, run, jira_url=jira.url, jira_email=EMAIL, jira_token=TOKEN, trace_scope="item"
    )
    started.until(lambda: bool(jira.requests))
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.communicate()


def test_what_was_read_is_exported_with_the_chain_known_so_far(
    cancelled: Step, receiver: Receiver
) -> None:
    """The run and its jobs are below the story, which the branch names."""
    cancelled.send(signal.SIGINT)
    seconds, result = cancelled.result()
    assert seconds < MOST_SECONDS
    assert result.status == 0
    names = [span.name for span in receiver.spans]
    assert {f"job {number}" for number in range(JOBS)} | {"RUN CI"} <= set(names)
    (run,) = (span for span in receiver.spans if span.name == "RUN CI")
    assert run.attributes["flow.work_item.key"] == "ACME-57"
    assert "cancelled (SIGINT)" in str(run.attributes["flow.chain.incomplete"])
    told = " ".join(result.warnings)
    assert "the program was cancelled (SIGINT) before everything was read" in told
    assert ") were sent or are in the spool" in told
    assert result.outputs["status"] == "partial"


def test_a_second_signal_ends_the_reading(cancelled: Step, receiver: Receiver) -> None:
    """Nothing more is sent or waited for."""
    cancelled.send(signal.SIGINT)
    cancelled.send(signal.SIGTERM)
    seconds, result = cancelled.result()
    assert seconds < MOST_SECONDS
    assert result.status == 0
    assert "Traceback" not in result.log


def test_where_nothing_was_read_the_message_says_so(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """GitHub is silent from the beginning."""
    github.script("/actions/runs", black_hole(), times=None)
    step_of_run = Step(program, world.run(jobs=[job("test")]))
    step_of_run.until(lambda: bool(github.paths))
    step_of_run.send(signal.SIGINT)
    seconds, result = step_of_run.result()
    assert seconds < MOST_SECONDS
    assert result.outputs["status"] == "skipped"
    told = " ".join(result.warnings)
    assert "cancelled (SIGINT)" in told
    assert "were sent" not in told
    assert receiver.spans == []
