"""`check` tells what works of endpoint, token and trackers, and what to do about the rest."""

from __future__ import annotations

import re

import pytest
from tests.fakes.faults import Scripted, black_hole, drop, html, redirect, status
from tests.fakes.github import FakeGitHub
from tests.fakes.jira_world import JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, sha_of
from tests.jira.support import TOKEN as JIRA_TOKEN
from tests.jira.support import fake
from tests.support.program import TOKEN, Program, Result

OK = [
    "actions: read (runs, jobs and steps)",
    "checks: read (why jobs failed)",
    "contents: read (commits of a push or deployment)",
    "deployments: read (deployments and waits for approval)",
    "issues: read (stories and features above pull requests)",
    "pull-requests: read (the pull request of a run, which is the root of its trace)",
]
NOT_TWICE = "workflow files: no run is exported twice"


@pytest.fixture
def at_work(world: World) -> World:
    """A repository with a commit, a run of it, an issue and a pull request."""
    world.history(sha_of("head"))
    world.run(sha=sha_of("head"), jobs=[job("test")])
    world.issue(17)
    world.pull_request(123)
    return world


def check(program: Program, receiver: Receiver | str, *arguments: str) -> Result:
    url = receiver if isinstance(receiver, str) else receiver.url
    words = ("--repo", "acme/shop", "--otlp-endpoint", url, *arguments)
    return program.command("check", *words)


def lines(result: Result, word: str) -> list[str]:
    """The lines that begin with the word, without it."""
    found = (line.partition(" ") for line in result.stdout.splitlines())
    return [rest.strip() for first, _, rest in found if first == word]


def line_about(result: Result, what: str) -> str:
    (found,) = (line for line in result.stdout.splitlines() if what in line)
    return found


@pytest.mark.usefixtures("at_work")
def test_all_that_works_is_told(program: Program, receiver: Receiver) -> None:
    """A line each, the endpoint by scheme, host and port; the status is 0."""
    result = check(program, receiver)
    assert result.status == 0, result.stdout
    assert (lines(result, "FAILS"), lines(result, "note")) == ([], [])
    told = lines(result, "ok")
    for signal, line in zip(("traces", "events", "metrics"), told, strict=False):
        assert line.startswith(f"{signal} to {receiver.url}: answered in ")
    assert told[3:-1] == ["GitHub, repository acme/shop", *OK, NOT_TWICE]
    assert re.fullmatch(
        r"GitHub's rate limit: 4,9\d\d of 5,000 requests are left until \d\d:\d\d UTC", told[-1]
    )
    assert result.stdout.splitlines()[-1] == "all that is needed works"


@pytest.mark.usefixtures("at_work")
def test_the_requests_hold_nothing(program: Program, receiver: Receiver) -> None:
    """One for each signal; no span, event or point comes of it."""
    check(program, receiver)
    assert [each.path for each in receiver.requests] == ["/v1/traces", "/v1/logs", "/v1/metrics"]
    assert (receiver.spans, receiver.events, receiver.metrics) == ([], [], [])


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize(
    ("permission", "lacking"),
    [
        ("actions=read", OK[0]),
        ("checks=read", OK[1]),
        ("contents=read", OK[2]),
        ("deployments=read", OK[3]),
        ("pull_requests=read", OK[5]),
    ],
)
def test_a_permission_that_is_missing_is_told(
    program: Program, receiver: Receiver, github: FakeGitHub, permission: str, lacking: str
) -> None:
    """With the line to add to the workflow; the others are tried all the same."""
    github.denied = {permission}
    result = check(program, receiver)
    (failing,) = lines(result, "FAILS")
    assert failing.startswith(f"{lacking}: ")
    assert f"add `{lacking.partition(' (')[0]}` to the `permissions:` of the job" in failing
    assert result.status == 1
    assert result.stdout.splitlines()[-1].endswith("do not work")


def test_what_a_young_repository_cannot_show_is_no_failure(
    program: Program, receiver: Receiver
) -> None:
    """Without runs and issues, some of it is not known."""
    result = check(program, receiver)
    assert (result.status, lines(result, "FAILS")) == (0, [])
    assert [line.partition(":")[0] for line in lines(result, "note")] == [
        "checks",
        "contents",
        "issues",
        "workflow files",
    ]


def test_a_repository_that_is_not_seen_is_one_failure(
    program: Program, receiver: Receiver, github: FakeGitHub
) -> None:
    """All else of it would fail alike."""
    result = program.command("check", "--repo", "acme/secret", "--otlp-endpoint", receiver.url)
    (failing,) = lines(result, "FAILS")
    assert failing.startswith("GitHub, repository acme/secret: GitHub knows no repository")
    assert (result.status, len(github.requests)) == (1, 1)


def test_a_token_that_is_not_accepted(program: Program, world: World, receiver: Receiver) -> None:
    """It is not shown."""
    with FakeGitHub(world, token="ghs_another") as github:
        result = program.command(
            *("check", "--repo", "acme/shop", "--otlp-endpoint", receiver.url),
            environ={"GITHUB_API_URL": github.url},
        )
    assert "does not accept the token" in line_about(result, "GitHub, repository")
    assert TOKEN not in result.stdout + result.stderr


def test_github_that_is_not_there(program: Program, receiver: Receiver) -> None:
    """A GitHub Enterprise Server behind another address."""
    result = program.command(
        *("check", "--repo", "acme/shop", "--otlp-endpoint", receiver.url, "--timeout", "3"),
        environ={"GITHUB_API_URL": "http://127.0.0.1:9"},
    )
    assert "GITHUB_API_URL" in line_about(result, "GitHub, repository")
    assert result.status == 1


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(401), "The credentials are missing, wrong or expired"),
        (status(403), "The credentials may not write"),
        (status(404), "The server accepts no traces at this address"),
        (html(), "It is a login page"),
        (redirect("https://login.example.com/"), "redirect"),
    ],
)
def test_an_endpoint_that_refuses_is_told(
    program: Program, receiver: Receiver, answer: Scripted, said: str
) -> None:
    """What it did, the likely cause and what to do; of the address no more than the host."""
    receiver.script("/v1/traces", answer, times=None)
    key = "k3y-of-the-backend"
    result = check(program, receiver, "--otlp-headers", f"authorization=Bearer {key}")
    (failing,) = lines(result, "FAILS")
    assert failing.startswith(f"traces to {receiver.url}: ")
    assert said in failing
    assert result.status == 1
    assert key not in result.stdout + result.stderr


@pytest.mark.usefixtures("at_work")
def test_a_backend_without_metrics_is_no_failure(program: Program, receiver: Receiver) -> None:
    """An export tells it by a notice."""
    receiver.script("/v1/metrics", status(404), times=None)
    result = check(program, receiver)
    assert result.status == 0
    assert "The server accepts no metrics" in lines(result, "note")[0]


@pytest.mark.usefixtures("at_work")
def test_metrics_alone_that_are_not_taken_fail(program: Program, receiver: Receiver) -> None:
    """Nothing at that address says that the path is right; the server's own text is quoted."""
    said = "otlp write receiver needs to be enabled"
    receiver.script("/v1/metrics", status(404, said), times=None)
    result = check(program, receiver, "--signals", "metrics")
    assert result.status == 1
    (failing,) = lines(result, "FAILS")
    assert said in failing


@pytest.mark.usefixtures("at_work")
def test_nobody_listens(program: Program) -> None:
    """The same finding of the three signals is one line, and three tests."""
    result = check(program, "http://127.0.0.1:9")
    (failing,) = lines(result, "FAILS")
    assert failing.startswith("traces, events and metrics to http://127.0.0.1:9: ")
    assert "refused the connection" in failing
    assert "3 of " in result.stdout.splitlines()[-1]


@pytest.mark.usefixtures("at_work")
def test_an_endpoint_that_says_nothing_is_asked_once(program: Program, receiver: Receiver) -> None:
    """For as long as a request may take, which is told with how to give it more."""
    receiver.script("/v1/", black_hole(), times=None)
    result = program.command(
        *("check", "--repo", "acme/shop", "--otlp-endpoint", receiver.url),
        environ={"OTEL_EXPORTER_OTLP_TIMEOUT": "200"},
    )
    for told in lines(result, "FAILS"):
        assert "timed out after 0.2 s" in told
        assert "OTEL_EXPORTER_OTLP_TIMEOUT" in told
        assert "`timeout`" not in told
    assert len(receiver.requests) == 3


@pytest.mark.usefixtures("at_work")
def test_an_endpoint_is_not_waited_for_past_the_time_of_the_check(
    program: Program, receiver: Receiver
) -> None:
    """Where the user gave one, it is what ended."""
    receiver.script("/v1/", black_hole(), times=None)
    told = lines(check(program, receiver, "--timeout", "1"), "FAILS")
    assert "the time for everything (`timeout`) ended" in told[0]


@pytest.mark.usefixtures("at_work")
def test_a_github_that_asks_to_wait_long_is_told_at_once(
    program: Program, receiver: Receiver, github: FakeGitHub
) -> None:
    """Nobody looks at a check for the hour until a rate limit is renewed."""
    github.rate_limit = 0
    failing = line_about(check(program, receiver), "GitHub, repository")
    assert "(rate limit or overload)" in failing
    assert "longer than a check's limit of 30 s allows" in failing


@pytest.mark.usefixtures("at_work")
def test_details_of_each_request_are_shown(program: Program, receiver: Receiver) -> None:
    """To the endpoint as to GitHub, where they are asked for."""
    result = check(program, receiver, "--log-level", "debug")
    for signal in ("traces", "logs", "metrics"):
        assert f"POST {signal} to {receiver.url}: 200 in " in result.stderr
    assert "GET " in result.stderr


@pytest.mark.usefixtures("at_work")
def test_without_an_endpoint(program: Program) -> None:
    """As in a run of a fork, which gets no secrets."""
    result = program.command("check", "--repo", "acme/shop")
    assert result.status == 1
    assert all("`otlp-endpoint` is empty" in line for line in lines(result, "FAILS"))


@pytest.mark.usefixtures("at_work")
def test_a_signal_that_is_off_is_not_tried(program: Program, receiver: Receiver) -> None:
    """The user left it out."""
    result = check(program, receiver, "--signals", "traces")
    assert result.status == 0
    assert [each.path for each in receiver.requests] == ["/v1/traces"]
    assert all("`signals` does not include it" in line for line in lines(result, "note"))


@pytest.mark.usefixtures("at_work")
def test_the_runners_repository_counts(program: Program, receiver: Receiver) -> None:
    """In a workflow no repository need be named; without one it is asked for."""
    words = ("check", "--otlp-endpoint", receiver.url)
    found = program.command(*words, environ={"GITHUB_REPOSITORY": "acme/shop"})
    missing = program.command(*words)
    assert (found.status, missing.status) == (0, 1)
    assert "`repository` is missing" in lines(missing, "FAILS")[0]


@pytest.mark.usefixtures("at_work")
def test_without_a_token_it_is_told(program: Program, receiver: Receiver) -> None:
    """Public repositories can be read so, slowly."""
    result = program.command(
        *("check", "--repo", "acme/shop", "--otlp-endpoint", receiver.url),
        environ={"GITHUB_TOKEN": ""},
    )
    assert "60 requests an hour" in line_about(result, "GitHub's token")


@pytest.mark.usefixtures("at_work")
def test_a_server_without_rate_limit(
    program: Program, receiver: Receiver, github: FakeGitHub
) -> None:
    """GitHub Enterprise Server has none unless its owner sets one."""
    github.rate_limit = None
    assert line_about(check(program, receiver), "rate limit").endswith("the server reports none")


@pytest.mark.usefixtures("at_work")
def test_jira_is_asked_where_it_is_set_up(program: Program, receiver: Receiver) -> None:
    """Statuses and issues, as an export asks."""
    tracked = JiraWorld()
    tracked.issue("ACME-57")
    with fake(tracked, cloud=True) as jira:
        given = ("--jira-url", jira.url, "--jira-email", jira.email or "")
        good = check(program, receiver, *given, "--jira-token", JIRA_TOKEN)
        bad = check(program, receiver, *given, "--jira-token", "wrong-token-of-jira")
    assert line_about(good, "Jira at").endswith("statuses and issues can be read")
    assert (good.status, bad.status) == (0, 1)
    assert "does not accept the credentials" in line_about(bad, "Jira at")
    assert "wrong-token-of-jira" not in bad.stdout + bad.stderr


@pytest.mark.usefixtures("at_work")
def test_a_broken_answer_is_no_traceback(
    program: Program, receiver: Receiver, github: FakeGitHub
) -> None:
    """Whatever a server or a proxy gives."""
    github.script("/actions/runs", html(), times=None)
    github.script("/deployments", drop(), times=None)
    result = check(program, receiver, "--timeout", "4")
    assert result.status == 1
    assert "Traceback" not in result.stdout + result.stderr
    assert len(lines(result, "FAILS")) == 2


# Workflows that export the same runs.

STEP = "uses: owner/flow-telemetry@v1"
CI = f"name: CI\non: push\njobs:\n  build:\n    steps:\n      - {STEP}\n"
FOLLOWS = (
    "name: telemetry\non: {workflow_run: {workflows: [CI, Deploy]}}\n"
    f"jobs: {{export: {{steps: [{{{STEP}}}]}}}}\n"
)
SWEEPS = (
    "name: nightly\non: {schedule: [{cron: 1 1 * * *}]}\njobs:\n  sweep:\n    steps:\n"
    f"      - {STEP}\n        with: {{since: last, sweep-runs: true}}\n"
)
CALLS = (
    "on: {schedule: [{cron: 1 1 * * *}]}\njobs:\n  telemetry:\n"
    "    uses: owner/flow-telemetry/.github/workflows/telemetry.yml@v1\n"
)
PLAIN = "name: CI\non: push\njobs: {build: {steps: [{run: make}]}}\n"


def about_files(
    program: Program, receiver: Receiver, world: World, **files: str
) -> tuple[int, list[str]]:
    """The exit status, and the lines about the workflow files of the default branch."""
    for name, text in files.items():
        world.file(f".github/workflows/{name}.yml", text, at="main")
    result = check(program, receiver)
    return result.status, [line for line in result.stdout.splitlines() if "workflow files" in line]


def test_runs_that_are_followed_and_exported_inside_are_counted_twice(
    program: Program, receiver: Receiver, world: World
) -> None:
    """Both workflows are named, and what to do."""
    status, (line,) = about_files(program, receiver, world, ci=CI, telemetry=FOLLOWS)
    assert status == 1
    assert line == (
        "FAILS workflow files: runs of `CI` (`ci.yml`) are counted twice: a step in its job "
        "`build` exports them from inside, and `telemetry` (`telemetry.yml`) exports them on "
        "`workflow_run`. Remove it from the list of `workflow_run`, exclude it with "
        "`workflows: '!CI'`, or remove the step"
    )


@pytest.mark.parametrize("sweeper", [SWEEPS, CALLS])
def test_runs_that_are_swept_and_exported_inside_are_counted_twice(
    program: Program, receiver: Receiver, world: World, sweeper: str
) -> None:
    """By a step, or by the reusable workflow."""
    status, (line,) = about_files(program, receiver, world, ci=CI, nightly=sweeper)
    assert status == 1
    assert "`nightly.yml`" in line
    assert "sweeps them. Exclude it with `workflows: '!CI'`, or remove the step" in line


@pytest.mark.parametrize(
    "files",
    [
        {"ci": PLAIN, "telemetry": FOLLOWS},
        {"ci": CI, "telemetry": FOLLOWS.replace("CI, ", "")},
        {"ci": CI, "nightly": SWEEPS.replace("sweep-runs: true", "workflows: '*'")},
        {"ci": CI, "nightly": SWEEPS.replace("last", "last, workflows: '!CI'")},
        {"ci": CI, "nightly": f"{CALLS}    with: {{settings: 'sweep-runs: false'}}\n"},
        {"ci": CI, "nightly": SWEEPS.replace("last", "last, workflows: 'Deploy*'")},
        {"ci": CI.replace(STEP, f"{STEP}\n        with: {{mode: context}}"), "nightly": SWEEPS},
        {"nightly": SWEEPS.replace("sweep:", "other: {steps: []}\n  sweep:")},
        {"ci": CI},
    ],
)
def test_runs_that_one_workflow_exports_are_not(
    program: Program, receiver: Receiver, world: World, files: dict[str, str]
) -> None:
    """Patterns, modes and lists keep them apart; a sweep leaves out its own runs."""
    status, found = about_files(program, receiver, world, **files)
    assert (status, found) == (0, [f"ok    {NOT_TWICE}"])


@pytest.mark.parametrize(
    "files",
    [
        {"ci": CI, "t": FOLLOWS.replace("Deploy]", "Deploy], branches: [main]")},
        {"ci": CI.replace(STEP, f"{STEP}\n        if: github.ref == 'x'"), "t": FOLLOWS},
        {"ci": CI, "t": SWEEPS.replace("last", "last, workflows: '${{ vars.W }}'")},
        {"ci": CI, "t": SWEEPS.replace("last", "last, branches: main")},
        {"ci": CI, "t": SWEEPS.replace("true", "'${{ vars.RUNS }}'")},
    ],
)
def test_what_an_expression_may_separate_is_a_note(
    program: Program, receiver: Receiver, world: World, files: dict[str, str]
) -> None:
    """Or a condition, or branches: nothing fails."""
    status, (line,) = about_files(program, receiver, world, **files)
    assert status == 0
    assert line.startswith("note  workflow files: runs of `CI` (`ci.yml`) may be counted twice")


def test_a_step_in_a_called_workflow_counts_for_the_caller(
    program: Program, receiver: Receiver, world: World
) -> None:
    called = CI.replace("name: CI\non: push", "on: workflow_call")
    caller = "name: CI\non: push\njobs: {call: {uses: ./.github/workflows/build.yml}}\n"
    files = {"ci": caller, "build": called, "telemetry": FOLLOWS}
    _, (line,) = about_files(program, receiver, world, **files)
    assert line.startswith("FAILS workflow files: runs of `CI` (`ci.yml`) are counted twice")


def test_deployments_that_are_exported_with_their_runs_may_be_counted_twice(
    program: Program, receiver: Receiver, world: World
) -> None:
    """By a workflow on `deployment_status`."""
    deploy = PLAIN.replace("CI", "Deploy").replace("{steps", "{environment: production, steps")
    status = f"on: deployment_status\njobs: {{export: {{steps: [{{{STEP}}}]}}}}\n"
    files = {"deploy": deploy, "deployed": status, "telemetry": FOLLOWS}
    code, (line,) = about_files(program, receiver, world, **files)
    assert code == 0
    assert line == (
        "note  workflow files: deployments by `Deploy` (`deploy.yml`) may be counted twice: "
        "`telemetry` (`telemetry.yml`) exports them with its runs, and `deployed.yml` on "
        "`deployment_status`. Remove that trigger, or exclude their environments in one of both "
        "with `deployment-environments`"
    )


def test_deployments_of_pull_requests_are_not(
    program: Program, receiver: Receiver, world: World
) -> None:
    """Those are exported on `deployment_status` only."""
    deploy = PLAIN.replace("CI\non: push", "Deploy\non: pull_request").replace(
        "{steps", "{environment: production, steps"
    )
    status = f"on: deployment_status\njobs: {{export: {{steps: [{{{STEP}}}]}}}}\n"
    files = {"deploy": deploy, "deployed": status, "telemetry": FOLLOWS}
    assert about_files(program, receiver, world, **files) == (0, [f"ok    {NOT_TWICE}"])


def test_names_of_workflows_are_shown_on_one_line(
    program: Program, receiver: Receiver, world: World
) -> None:
    """They may hold commands for the runner, and are as long as their authors like."""
    name = '"::error::`x`\\n::warning::\\u202e' + "y" * 5000 + '"'
    ci = CI.replace("name: CI", f"name: {name}")
    follows = FOLLOWS.replace("[CI,", f"[{name},")
    status, (line,) = about_files(program, receiver, world, ci=ci, telemetry=follows)
    assert status == 1
    assert "runs of `::error::'x' ::warning::yyy" in line
    assert "exclude it with `workflows`, or" in line
    assert len(line) < 500


def test_files_that_cannot_be_used_are_named(
    program: Program, receiver: Receiver, world: World
) -> None:
    status, found = about_files(program, receiver, world, broken="jobs: [", ci=PLAIN)
    assert status == 0
    assert found[0].startswith("note  workflow files: not tested: `broken.yml`. A file could not")


@pytest.mark.usefixtures("at_work")
def test_files_that_may_not_be_read_are_a_note(
    program: Program, receiver: Receiver, github: FakeGitHub
) -> None:
    """The permission has a line of its own."""
    github.denied = {"contents=read"}
    assert "not tested: the token may not read" in line_about(
        check(program, receiver), "note  workflow files"
    )
