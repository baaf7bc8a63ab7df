"""A target by URL: what it names, on which server, and which token that server gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.stories.worlds import feature
from tests.support import references
from tests.support.program import TOKEN, Program, spans_in_file

from flow_telemetry.errors import SettingsError
from flow_telemetry.settings import EntryPoint, GitRemote, Settings, load_settings

REPOSITORY = "https://github.com/acme/shop"
GHE = "https://ghe.example.com"


@pytest.mark.parametrize("after", ["", "/files", "/", "#issuecomment-12", "?diff=split"])
def test_a_pull_request_is_exported_by_its_url(
    program: Program, world: World, receiver: Receiver, after: str
) -> None:
    """As it is copied from a browser; the repository is in it."""
    world.pull_request(7, opened_at="2026-11-20T03:00:00Z", merged_at="2026-11-21T03:00:00Z")
    result = program.command(
        "export", f"{REPOSITORY}/pull/7{after}", "--otlp-endpoint", receiver.url
    )
    assert result.status == 0, result.stderr
    references_sent = {span.attributes["flow.reference"] for span in receiver.spans}
    assert f"{references.pull(7)}#life:1" in references_sent


def test_a_run_is_exported_by_its_url(program: Program, world: World, receiver: Receiver) -> None:
    """The address of a job, or of an attempt, names the run too."""
    run = world.run(jobs=[job("test", steps=[step("x")])])
    url = f"{REPOSITORY}/actions/runs/{run.id}"
    for target in (url, f"{url}/attempts/1", f"{url}/job/5"):
        result = program.command("export", target, f"--otlp-endpoint={receiver.url}")
        assert result.status == 0
    assert len(receiver.spans_named("RUN CI")) == 3


def test_an_item_is_exported_with_its_spans(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Who exports it by hand needs no `trace-scope` for that."""
    world.issue(17, opened_at="2026-11-20T03:00:00Z", closed_at="2026-11-21T03:00:00Z")
    url = f"{REPOSITORY}/issues/17"
    result = program.command("export", url, f"--otlp-endpoint={receiver.url}")
    assert (result.status, "trace-scope" in result.stderr) == (0, False)
    (root,) = {span.trace_id for span in receiver.spans}
    assert root == references.trace_id("github.com/acme/shop/issues/17")
    explicit = program.command(
        "export", url, "--trace-scope=change", f"--otlp-endpoint={receiver.url}"
    )
    assert "whose traces have no spans of work items" in explicit.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["export", "acme/shop#7"],
            "write `export change acme/shop#7` or `export item acme/shop#7`",
        ),
        (["export", "#7"], "write `export change #7` or `export item #7`"),
        (["explain", "#7"], "write `explain change #7` or `explain item #7`"),
        (["export", REPOSITORY], "is the address of a repository"),
        (["export", f"{REPOSITORY}/tree/main"], "the path of its address is none of these"),
        (["export", "chnage", "7"], "Did you mean `export change`?"),
        (["export", "chnage"], "Did you mean `export change`?"),
        (["export", f"{REPOSITORY}/pull/7", "--snapshot"], "--snapshot has no effect"),
        (
            ["export", f"{REPOSITORY}/pull/7", "--logs=all"],
            "--logs has no effect on `export change`",
        ),
        (["export", f"{REPOSITORY}/actions/runs/7", "--runs"], "--runs has no effect"),
        (["export", f"{REPOSITORY}/pull/7", "--detial=job"], "Did you mean --detail?"),
        (["export", "run", "--detail=jbo", "--run-id=1"], "Did you mean job?"),
        (["export", "run", "--signals=trace", "--run-id=1"], "Did you mean traces?"),
        (["exprot", "run"], "there is no command 'exprot'. Did you mean export?"),
        (["xyz"], "The commands are export, sweep, plan, explain"),
        (["export", "run", "1", "2"], "'2' is too much: flow-telemetry export run takes TARGET"),
        (["check", "--sicne=7d"], "has no flag '--sicne'"),
        (
            ["check", "--since=7d"],
            "no effect on `check`, only on sweep, plan: remove it",
        ),
        (["export", "run", "99999999999999999999"], "of at most 19 digits"),
        (["export", "run", "1", "--timeout=9999d"], "at most a year (366d)"),
        (["export", "run", "1", "--max-spans=0"], "above zero"),
    ],
)
def test_wrong_usage_says_what_to_write(program: Program, words: list[str], told: str) -> None:
    """With exit status 2, and nothing on standard output."""
    more = (
        [] if words[0] in ("xyz", "exprot", "explain") else ["--otlp-endpoint=http://127.0.0.1:9"]
    )
    result = program.command(*words, *more)
    assert (result.status, result.stdout) == (2, "")
    assert told in result.stderr


@pytest.mark.parametrize("words", [("export", "{}"), ("export", "run", "1", "{}"), ("ids", "{}")])
def test_a_token_in_the_place_of_a_word_is_not_shown(
    program: Program, words: tuple[str, ...]
) -> None:
    """Not even in the message about wrong usage."""
    token = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
    result = program.command(*(word.format(token) for word in words))
    assert result.status == 2
    assert token not in result.stderr + result.stdout


def test_the_repository_is_that_of_the_git_remote(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A number is enough in the folder of a repository."""
    world.pull_request(7, opened_at="2026-11-20T03:00:00Z", merged_at="2026-11-21T03:00:00Z")
    (program.folder / ".git").mkdir()
    config = '[remote "origin"]\n\turl = git@github.com:acme/shop.git\n'
    (program.folder / ".git" / "config").write_text(config, encoding="utf-8")
    for target in ("#7", "7"):
        result = program.command("export", "change", target, f"--otlp-endpoint={receiver.url}")
        assert result.status == 0, result.stderr
    assert receiver.spans[0].trace_id == references.trace_id(references.pull(7))


def test_a_url_of_another_server_is_told(program: Program, github: FakeGitHub) -> None:
    """If the variables name one: the token is for that."""
    result = program.command(
        "export", f"{GHE}/acme/shop/pull/7", "--otlp-endpoint=http://127.0.0.1:9"
    )
    assert result.status == 2
    assert "GITHUB_SERVER_URL is https://github.com" in result.stderr
    assert github.requests == []


def load(
    environ: Mapping[str, str],
    target: str = "",
    *,
    url: str = "",
    token: str = "",
    remote: str = "",
    repository: str = "",
) -> Settings:
    """The settings of a command line in a shell with these variables."""
    flags = {"target": target, "github-token": token, "repository": repository}
    named = GitRemote(server_url=remote, repository="acme/cart") if remote else None
    return load_settings(environ, EntryPoint.COMMAND_LINE, flags, github_url=url, remote=named)


@pytest.mark.parametrize(
    ("environ", "given", "api", "token"),
    [
        # github.com and *.ghe.com get the usual variables.
        ({"GITHUB_TOKEN": "a"}, {"target": f"{REPOSITORY}/pull/7"}, "https://api.github.com", "a"),
        ({"GH_TOKEN": "a"}, {"remote": "https://github.com"}, "https://api.github.com", "a"),
        ({"GH_TOKEN": "a"}, {}, "https://api.github.com", "a"),
        (
            {"GITHUB_TOKEN": "a"},
            {"target": "https://acme.ghe.com/acme/shop/pull/7"},
            "https://api.acme.ghe.com",
            "a",
        ),
        # Never without encryption, whatever the address says.
        (
            {"GITHUB_TOKEN": "a"},
            {"target": "http://acme.ghe.com/acme/shop/pull/7"},
            "https://api.acme.ghe.com",
            "a",
        ),
        # The variables name the host of their token.
        (
            {"GITHUB_TOKEN": "a", "GITHUB_SERVER_URL": GHE},
            {"target": f"{GHE}/acme/shop/pull/7"},
            f"{GHE}/api/v3",
            "a",
        ),
        # Another host gets its own token only.
        (
            {"GITHUB_TOKEN": "a", "GH_HOST": "ghe.example.com", "GH_ENTERPRISE_TOKEN": "e"},
            {"target": f"{GHE}/acme/shop/pull/7"},
            f"{GHE}/api/v3",
            "e",
        ),
        (
            {"GITHUB_TOKEN": "a", "GH_HOST": "ghe.example.com", "GH_ENTERPRISE_TOKEN": "e"},
            {"remote": GHE},
            f"{GHE}/api/v3",
            "e",
        ),
        (
            {"GITHUB_TOKEN": "a"},
            {"target": f"{GHE}/acme/shop/pull/7", "url": GHE, "token": "f"},
            f"{GHE}/api/v3",
            "f",
        ),
        ({"GITHUB_TOKEN": "a"}, {"token": "f"}, "https://api.github.com", "f"),
        # A remote elsewhere does not matter if the repository is named.
        (
            {"GITHUB_TOKEN": "a"},
            {"remote": "https://gitlab.com", "repository": "acme/shop"},
            "https://api.github.com",
            "a",
        ),
    ],
)
def test_a_token_goes_to_its_own_host(
    environ: dict[str, str], given: dict[str, str], api: str, token: str
) -> None:
    """By the address of the API, the variables, the target, then the git remote."""
    settings = load(environ, **given)
    assert (settings.github.api_url, settings.github.token) == (api, token)


@pytest.mark.parametrize(
    "given",
    [
        {"target": f"{GHE}/acme/shop/pull/7"},
        {"remote": GHE},
        {"url": GHE},
        {"target": f"{GHE}/acme/shop/pull/7", "token": "f"},
        {"target": "https://github.com.example.com/acme/shop/pull/7"},
        {"target": "https://github.com:8443/acme/shop/pull/7"},
        {"target": "https://ghe.com/acme/shop/pull/7"},
    ],
)
@pytest.mark.parametrize(
    "environ",
    [
        {"GITHUB_TOKEN": "s3cret", "GH_TOKEN": "s3cret"},
        {"GITHUB_TOKEN": "s3cret", "GH_HOST": "other.example.com", "GH_ENTERPRISE_TOKEN": "e"},
        {"FLOW_TELEMETRY_GITHUB_TOKEN": "s3cret"},
        {},
    ],
)
def test_another_host_gets_no_token(environ: dict[str, str], given: dict[str, str]) -> None:
    """The message names what would give it one."""
    with pytest.raises(SettingsError) as caught:
        load(environ, **given)
    text = str(caught.value)
    for name in ("GH_HOST=", "GH_ENTERPRISE_TOKEN", "`--github-token`", "`--github-url https://"):
        assert name in text
    assert "s3cret" not in text


def test_the_address_of_github_can_be_a_flag(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """With its own token."""
    run = world.run(jobs=[job("test", steps=[step("x")])])
    result = program.command(
        *("export", "run", run.id, "--repo=acme/shop", f"--otlp-endpoint={receiver.url}"),
        *("--github-url", world.server_url, "--github-token", TOKEN),
        environ={"GITHUB_TOKEN": "ghs_anotherServers", "GITHUB_API_URL": github.url},
    )
    assert result.status == 0, result.stderr


def test_lines_go_to_standard_output(program: Program, world: World, tmp_path: Path) -> None:
    """With `--output -`: nothing else is there, so that another program can read it."""
    feature(world)
    run = world.run(jobs=[job("tést", steps=[step("x")])])
    words = ["export", "run", run.id, "--repo=acme/shop"]
    result = program.command(*words, "--output", "-")
    file = tmp_path / "file.jsonl"
    assert program.command(*words, "--output", file).status == 0
    assert result.status == 0
    assert "standard output" in result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {"resourceSpans", "resourceMetrics"} <= {next(iter(line)) for line in lines}
    (tmp_path / "stdout.jsonl").write_text(result.stdout, encoding="utf-8")
    assert spans_in_file(tmp_path / "stdout.jsonl") == spans_in_file(file)
    assert not (program.folder / "-").exists()


@pytest.mark.parametrize(
    "flags",
    [("--print", "--json"), ("--print", "--output=-"), ("--json", "--output=-"), ("--html=-",)],
)
def test_two_results_are_not_mixed(program: Program, flags: tuple[str, ...]) -> None:
    """The message names both."""
    result = program.command("export", "run", "1", "--repo=acme/shop", *flags)
    assert (result.status, result.stdout) == (2, "")
    assert flags[0].partition("=")[0] in result.stderr
