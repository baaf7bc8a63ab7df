"""`log-level: debug`: every request is told, with its time, its status and what GitHub leaves."""

from __future__ import annotations

import re

from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.support.program import TOKEN, Program


def lines(log: str, what: str) -> list[str]:
    """Return the lines of detail that tell of such requests."""
    return [line for line in log.splitlines() if line.startswith(f"debug: {what}")]


def test_every_request_to_github_is_told(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """As many lines as there were requests, each with status, seconds and rate limit."""
    github.rate_limit = 5000
    world.pull_request(123)
    jobs = [job("test", steps=[step("Run pytest", 3)])]
    run = world.run(event="pull_request", branch="feature", jobs=jobs)
    log = program.export(run, log_level="debug").log
    told = [*lines(log, "GET http"), *lines(log, "POST http")]
    assert len(told) == len(github.requests)
    for line in told:
        assert re.search(r" 200 in \d+\.\d\d s, rate limit left: \d+", line), line


def test_every_batch_that_is_sent_is_told(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Signal, scheme and host, the last status, the time, and what left; tries count."""
    receiver.script("/v1/traces", status(503, retry_after="0"))
    run = world.run(jobs=[job("test", steps=[step("T", 3)])])
    log = program.export(run, log_level="debug", otlp_headers="api-key=hidden-key").log
    (traces,) = lines(log, "POST traces")
    assert f"to {receiver.url}: 200 in " in traces
    assert f"{len(receiver.spans)} items" in traces
    assert traces.endswith("in 2 requests")
    assert len(lines(log, "POST metrics")) == 1
    assert "hidden-key" not in log
    assert TOKEN not in log


def test_the_runners_debug_mode_is_enough(program: Program, world: World) -> None:
    """ "Re-run jobs with debug logging" sets it."""
    run = world.run(jobs=[job("test", steps=[step("T", 3)])])
    assert lines(program.export(run, {"RUNNER_DEBUG": "1"}).log, "GET")
    assert not lines(program.export(run).log, "GET")


def test_the_summary_ends_with_what_was_sent_where(
    program: Program, world: World, receiver: Receiver
) -> None:
    """And how long it took."""
    run = world.run(jobs=[job("test", steps=[step("T", 3)])])
    told = program.export(run).summary.strip().splitlines()[-3]
    assert f"Sent {len(receiver.spans)} spans and " in told
    assert "The export took" in told
