"""GitHub Enterprise Server, ghe.com, redirects and retries: every GitHub is read the same way."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contracts.openapi import validate
from tests.fakes.faults import Answer, Request, cut_off, drop, redirect, reset, status
from tests.fakes.github import FakeGitHub, secondary_rate_limit
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.support import references
from tests.support.program import TOKEN, Program


@pytest.mark.parametrize(
    ("server_url", "prefix", "host"),
    [
        ("https://ghe.corp", "/api/v3", "ghe.corp"),
        ("https://GHE.corp:8443", "/api/v3", "ghe.corp:8443"),
        ("https://ghe.corp:443", "/api/v3", "ghe.corp"),
        ("https://acme.ghe.com", "", "acme.ghe.com"),
    ],
)
def test_other_servers_are_read_under_their_own_names(
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    server_url: str,
    prefix: str,
    host: str,
) -> None:
    """Host and port stand in the references; a server that knows no rate limits is no problem."""
    world = World("acme/shop", server_url=server_url)
    world.pull_request(123)
    run = world.run(event="pull_request", branch="feature", jobs=[job("test", steps=[step("x")])])
    with FakeGitHub(world, path_prefix=prefix, rate_limit=None, check=validate) as github:
        program = Program(
            github=github, receiver=receiver, folder=tmp_path, patch=monkeypatch, printed=capsys
        )
        result = program.export(run)
    shop = f"{host}/acme/shop"
    root = references.pull(123, shop)
    span = receiver.span("RUN CI")
    assert result.outputs["status"] == "exported"
    assert span.trace_id == references.trace_id(root)
    assert span.span_id == references.span_id(root, references.run_of(run, shop))


def test_names_are_those_of_the_api_in_lower_case(
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """However somebody types the repository, its ids are the same."""
    world = World("ACME/Shop")
    run = world.run(jobs=[job("test")])
    with FakeGitHub(world, check=validate) as github:
        program = Program(
            github=github, receiver=receiver, folder=tmp_path, patch=monkeypatch, printed=capsys
        )
        program.action(repository="acme/sHOP", run_id=run.id)
    span = receiver.span("RUN CI")
    assert span.attributes["flow.reference"] == references.run_of(run)
    assert span.attributes["github.repository"] == "ACME/Shop"


def test_a_redirect_to_another_origin_does_not_get_the_token(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """The token is GitHub's; whoever else is asked gets none."""
    run = world.run(jobs=[job("test")])
    path = f"/repos/acme/shop/actions/runs/{run.id}/attempts/1"
    with FakeGitHub(world) as elsewhere:
        github.script(path, redirect(elsewhere.url + path), times=None)
        program.export(run)
        assert elsewhere.requests
        assert [r for r in elsewhere.requests if "authorization" in r.headers] == []
        assert [r for r in elsewhere.requests if TOKEN in str(r.headers)] == []
    assert {r.headers["authorization"] for r in github.requests} == {f"Bearer {TOKEN}"}


def test_a_repository_that_was_renamed_is_followed(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """GitHub redirects to the repository's number; the new name makes the ids."""
    run = world.run(jobs=[job("test")])
    number = world.find_repository("acme/shop").id

    def moved(request: Request, answer: Answer) -> Answer:
        rest = request.target.partition("/acme/old-shop")[2]
        return redirect(f"{github.url}/repositories/{number}{rest}", 301)

    github.script("/acme/old-shop/", moved, times=None)
    result = program.action(repository="acme/old-shop", run_id=run.id, run_attempt=1)
    assert result.outputs["status"] == "exported"
    assert receiver.span("RUN CI").attributes["flow.reference"] == references.run_of(run)
    assert {r.headers["authorization"] for r in github.requests} == {f"Bearer {TOKEN}"}


def test_a_redirect_in_a_circle_is_no_unknown_failure(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """The message says what happens; nothing is tried five times, as a circle stays one."""
    run = world.run(jobs=[job("test")])
    path = f"/repos/acme/shop/actions/runs/{run.id}/attempts/1"
    github.script(path, redirect(github.url + path), times=None)
    (warning,) = program.export(run).warnings
    assert "redirects a request again and again" in warning
    assert "report" not in warning
    assert len([each for each in github.requests if each.path == path]) < 40


@pytest.mark.parametrize("target", ["http://[broken", "http://a:b/", "\u00e9://x"])
def test_a_redirect_to_what_is_no_address_is_told(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver, target: str
) -> None:
    """A server's nonsense is a warning and never a fault of ours."""
    run = world.run(jobs=[job("test")])
    github.script("/actions/", redirect(target), times=None)
    result = program.export(run, timeout=4)
    (warning,) = result.warnings
    assert "a bug in flow-telemetry" not in warning
    assert (result.outputs["status"], receiver.requests) == ("skipped", [])


def test_a_redirect_without_end_is_told(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """A loop ends, with a warning."""
    run = world.run(jobs=[job("test")])
    github.script("/actions/", lambda r, _: redirect(github.url + r.target), times=None)
    result = program.export(run, timeout=5)
    assert len(result.warnings) == 1
    assert (result.outputs["status"], receiver.requests) == ("skipped", [])


@pytest.mark.parametrize(
    "fault",
    [
        status(502, retry_after="0"),
        status(500, retry_after="0"),
        status(503, retry_after="0"),
        status(429, retry_after="0"),
        secondary_rate_limit(0),
        secondary_rate_limit(0, 429),
        drop(),
        reset(),
        cut_off(50),
    ],
    ids=["502", "500", "503", "429", "secondary", "secondary429", "drop", "reset", "cut off"],
)
def test_passing_trouble_is_tried_again(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver, fault: Answer
) -> None:
    """Server errors, rate limits and broken connections cost time and nothing else."""
    github.script("/jobs", fault)
    result = program.export(world.run(jobs=[job("test", steps=[step("Run pytest")])]))
    assert (result.outputs["status"], result.warnings) == ("exported", [])
    assert receiver.span("Run pytest").seconds == 1
    assert len([path for path in github.paths if "/jobs" in path]) == 2


def test_a_page_in_the_middle_is_tried_again(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The second page of jobs fails once; every job arrives once."""
    github.script("page=2", status(502, retry_after="0"))
    program.export(world.run(event="schedule", jobs=[job(f"leg {n}") for n in range(120)]))
    legs = [s.name for s in receiver.spans if s.attributes["flow.entity.type"] == "job"]
    assert sorted(legs) == sorted({f"leg {n}" for n in range(120)})
