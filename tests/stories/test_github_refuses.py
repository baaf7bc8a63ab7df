"""What GitHub does not give: each is one clear message, and the build stays green."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.faults import (
    Scripted,
    altered,
    black_hole,
    dripping,
    html,
    status,
    truncated,
)
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.support.program import TOKEN, Program, Result

from flow_telemetry.github.errors import refusal
from flow_telemetry.http.response import Response


@pytest.fixture
def run(world: World) -> Run:
    """A run with a job."""
    return world.run(jobs=[job("test", steps=[step("Run pytest")])])


def assert_told(result: Result, receiver: Receiver, *words: str) -> None:
    """Assert that one warning holds the words, that the step is green and nothing was sent."""
    (warning,) = result.warnings
    for word in words:
        assert word in warning
    assert "\n" not in warning
    assert (result.status, result.outputs["status"], result.outputs["spans"]) == (0, "skipped", "0")
    assert receiver.requests == []


def test_an_unknown_run_is_named(program: Program, receiver: Receiver) -> None:
    """404: the number or the repository is wrong, or the token cannot see it."""
    assert_told(program.action(run_id=424242), receiver, "run 424242 of acme/shop", "number")


def test_an_unknown_repository_is_named(program: Program, receiver: Receiver) -> None:
    """GitHub does not tell a private repository from none."""
    result = program.action(repository="acme/nothing", run_id=1)
    assert_told(result, receiver, "acme/nothing", "the token cannot see it")


def test_a_token_that_github_does_not_accept_is_told(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver
) -> None:
    """401 names the input."""
    github.token = "another token"
    assert_told(program.export(run), receiver, "`github-token`", "Bad credentials")


def test_a_missing_permission_is_named(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver
) -> None:
    """403: what to add to `permissions:`, as GitHub itself names it."""
    github.denied.add("actions=read")
    assert_told(program.export(run), receiver, "`actions: read`", "permissions")


def test_permissions_of_which_one_will_do_are_named_apart(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver
) -> None:
    """Each can be copied into a workflow as it is; a list is wanted as a whole."""
    accepted = "issues=read; pull_requests=read,contents=read"
    words = '{"message": "Resource not accessible by personal access token"}'
    denied = status(403, words, **{"X-Accepted-GitHub-Permissions": accepted})
    github.script("/attempts/1", denied, times=None)
    assert_told(
        program.export(run),
        receiver,
        "add `issues: read` or `pull-requests: read` and `contents: read` to the `permissions:`",
    )


@pytest.mark.parametrize("command", ["check", "export"])
def test_a_server_that_may_be_no_github_is_told(program: Program, command: str) -> None:
    """An Enterprise Server without `/api/v3`, or something else, answers 404 to everything."""
    words = ["run", "--run-id", "1"] if command == "export" else []
    result = program.command(
        *(command, *words, "--repo", "acme/shop", "--otlp-endpoint", program.receiver.url),
        environ={"GITHUB_API_URL": f"{program.github.url}/elsewhere"},
    )
    assert "check GITHUB_API_URL, too" in result.log
    assert "/api/v3" in result.log


def test_githubs_own_server_is_not_doubted() -> None:
    """There, and at a company's address below ghe.com, the repository is wrong."""
    for server in ("api.github.com", "api.acme.ghe.com"):
        error = refusal(Response(status=404), "x", has_token=True, api_url=f"https://{server}")
        assert "GITHUB_API_URL" not in str(error)


def test_a_missing_sign_on_is_named(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver
) -> None:
    """403 of an organization with SAML: the token is to be authorized for it."""
    sso = {"X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso"}
    github.script("/attempts/1", status(403, "{}", **sso), times=None)
    assert_told(program.export(run), receiver, "single sign-on")


def test_a_used_up_rate_limit_is_told(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver
) -> None:
    """The limit ends in an hour, which is longer than the export may take."""
    github.rate_limit = 0
    assert_told(program.export(run), receiver, "rate limit", "`timeout`")


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (truncated(40), "other than JSON"),
        (html(), "GITHUB_API_URL"),
        (status(200, "[]"), "damaged"),
        (status(200, "null"), "damaged"),
        (status(200, "[" * 100_000), "other than JSON"),
        (altered(lambda run: run.update(created_at="yesterday")), "created_at"),
        (altered(lambda run: run.update(repository=None)), "repository"),
    ],
    ids=["truncated", "html", "list", "null", "deep", "no time", "no repository"],
)
def test_a_damaged_run_is_told(
    program: Program,
    run: Run,
    github: FakeGitHub,
    receiver: Receiver,
    answer: Scripted,
    word: str,
) -> None:
    """What is no answer of GitHub's API says where to look."""
    github.script(lambda request: request.path.endswith("/attempts/1"), answer, times=None)
    assert_told(program.export(run), receiver, word)


@pytest.mark.parametrize(
    "answer",
    [
        truncated(60),
        html(),
        status(200, "{}"),
        status(200, '{"jobs": 5}'),
        altered(lambda answer: answer["jobs"]),
    ],
    ids=["truncated", "html", "object", "number", "list"],
)
def test_a_damaged_job_list_is_told(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver, answer: Scripted
) -> None:
    """A run without its jobs is not sent as if it had none."""
    github.script("/jobs", answer, times=None)
    result = program.export(run)
    if result.outputs["status"] == "exported":  # a bare list is still a list
        assert receiver.span("Run pytest").seconds > 0
    else:
        assert_told(result, receiver, f"jobs of run {run.id}")


def test_an_empty_job_list_of_a_successful_run_is_told(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """What succeeded had jobs: the run is sent, and that its jobs are missing is said."""
    run = world.run(conclusion="success", jobs=[])
    result = program.export(run)
    (warning,) = result.warnings
    assert f"run {run.id} of acme/shop" in warning
    assert "no jobs" in warning
    assert (result.status, result.outputs["status"]) == (0, "partial")
    assert receiver.tree() == ["RUN CI"]


@pytest.mark.parametrize("damage", [None, "x", [], {}, -1, 10**30, True])
def test_odd_values_in_a_job_do_not_stop_the_export(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver, damage: Any
) -> None:
    """Optional facts of a wrong type count as missing; the other jobs are whole."""

    def spoil(answer: Any) -> None:
        for key in answer["jobs"][0].keys() - {"id", "status"}:
            answer["jobs"][0][key] = damage

    github.script("/jobs", altered(spoil), times=None)
    result = program.export(world.run(jobs=[job("spoilt"), job("whole", steps=[step("x")])]))
    assert result.outputs["status"] == "exported"
    assert receiver.span("whole").seconds == 3
    assert len([s for s in receiver.spans if s.attributes["flow.entity.type"] == "job"]) == 2


@pytest.mark.parametrize("answer", [black_hole(), dripping(0.2)], ids=["silence", "slow drip"])
def test_a_github_that_does_not_answer_costs_no_more_than_the_timeout(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver, answer: Scripted
) -> None:
    """The step ends by itself, with a warning."""
    github.script("/attempts/1", answer, times=None)
    assert_told(program.export(run, timeout=2), receiver, "run 10")


@pytest.mark.parametrize("trouble", ["unknown run", "bad token", "no permission", "html"])
def test_fail_on_error_makes_it_an_error(
    program: Program, run: Run, github: FakeGitHub, receiver: Receiver, trouble: str
) -> None:
    """The same message as an error, and the step fails."""
    inputs: dict[str, Any] = {"run_id": 424242} if trouble == "unknown run" else {}
    github.token = "another token" if trouble == "bad token" else TOKEN
    github.denied |= {"actions=read"} if trouble == "no permission" else set()
    if trouble == "html":
        github.script("/attempts/1", html(), times=None)
    result = program.export(run, fail_on_error=True, **inputs)
    assert (result.status, len(result.errors), result.warnings) == (1, 1, [])
    assert receiver.requests == []
