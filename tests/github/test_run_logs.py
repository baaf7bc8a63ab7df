"""Logs of runs and jobs are read from where GitHub keeps them."""

from __future__ import annotations

import pytest
from tests.fakes.faults import cut_off, status
from tests.fakes.github import FakeGitHub
from tests.fakes.world import World, job, step
from tests.support.clients import client_of

from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.errors import DeadlineExceeded, NotFoundError, UnavailableError
from flow_telemetry.github.artifacts import open_job_log, open_run_logs
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.runs import RunAddress, read_run

NEVER = Deadline(SystemClock())


@pytest.fixture
def address(world: World) -> RunAddress:
    """A run of one job, whose logs are kept."""
    run = world.run(jobs=[job("build", steps=[step("Compile", 3)])])
    world.logs({"0_build.txt": "compiling\n"}, run=run.id)
    return RunAddress(repository="acme/shop", run_id=run.id)


def test_the_archive_of_an_attempt(client: GitHubClient, address: RunAddress) -> None:
    """In a file that is gone when it is closed."""
    with open_run_logs(client, read_run(client, address), NEVER) as file:
        file.seek(0)
        assert file.read(4) == b"PK\x03\x04"


def test_the_log_of_a_job(client: GitHubClient, address: RunAddress) -> None:
    """As it is."""
    run = read_run(client, address)
    with open_job_log(client, run, run.jobs[0], NEVER) as file:
        file.seek(0)
        assert file.read() == b"compiling\n"


def test_a_try_that_broke_leaves_nothing(
    github: FakeGitHub, client: GitHubClient, address: RunAddress
) -> None:
    """The next is written over it."""
    run = read_run(client, address)
    github.storage.script.add("", status(503), cut_off(5))
    with open_job_log(client, run, run.jobs[0], NEVER) as file:
        file.seek(0)
        assert file.read() == b"compiling\n"
    assert len(github.storage.requests) == 3


def test_logs_that_are_not_kept(world: World, client: GitHubClient, address: RunAddress) -> None:
    """The error says why that may be."""
    world.logs(run=address.run_id, expired=True)
    run = read_run(client, address)
    with pytest.raises(NotFoundError, match=f"have the logs of run {run.id}, attempt 1.*90 days"):
        open_run_logs(client, run, NEVER)


def test_another_host_that_refuses(
    github: FakeGitHub, client: GitHubClient, address: RunAddress
) -> None:
    """Told as its own."""
    github.storage.script.add("", status(403), times=None)
    with pytest.raises(UnavailableError, match="from the host that GitHub redirects to"):
        open_run_logs(client, read_run(client, address), NEVER)


def test_no_time_is_left(github: FakeGitHub, address: RunAddress) -> None:
    """The bound of the logs is one of their own."""
    with client_of(github) as client:
        run = read_run(client, address)
        asked = len(github.paths)
        with pytest.raises(DeadlineExceeded, match="was used up while reading the logs"):
            open_run_logs(client, run, Deadline.after(SystemClock(), 0))
    assert len(github.paths) == asked
