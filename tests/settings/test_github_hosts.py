"""The address of GitHub's API and the token are of one host."""

from __future__ import annotations

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.support.program import TOKEN, Program

from flow_telemetry.settings import EntryPoint, GitHubSettings, load_settings

API, SERVER = "GITHUB_API_URL", "GITHUB_SERVER_URL"


def github(environ: dict[str, str]) -> GitHubSettings:
    """Load GitHub's settings as the command line does."""
    return load_settings(environ, EntryPoint.COMMAND_LINE).github


@pytest.mark.parametrize(
    ("environ", "api", "server"),
    [
        ({}, "https://api.github.com", "https://github.com"),
        (
            {SERVER: "https://ghe.acme.example"},
            "https://ghe.acme.example/api/v3",
            "https://ghe.acme.example",
        ),
        (
            {SERVER: "https://ghe.acme.example:8443/"},
            "https://ghe.acme.example:8443/api/v3",
            "https://ghe.acme.example:8443",
        ),
        ({SERVER: "https://acme.ghe.com"}, "https://api.acme.ghe.com", "https://acme.ghe.com"),
        ({SERVER: "https://github.com"}, "https://api.github.com", "https://github.com"),
        (
            {API: "https://ghe.acme.example/api/v3"},
            "https://ghe.acme.example/api/v3",
            "https://ghe.acme.example",
        ),
        ({API: "https://api.acme.ghe.com"}, "https://api.acme.ghe.com", "https://acme.ghe.com"),
        (
            {API: "https://proxy.acme.example", SERVER: "https://github.com"},
            "https://proxy.acme.example",
            "https://github.com",
        ),
    ],
)
def test_one_address_follows_from_the_other(environ: dict[str, str], api: str, server: str) -> None:
    """An Enterprise Server has its API below its own address."""
    found = github(environ)
    assert (found.api_url, found.server_url) == (api, server)


@pytest.mark.parametrize(
    ("environ", "token"),
    [
        ({"GH_TOKEN": "of-gh"}, "of-gh"),
        ({"GITHUB_TOKEN": "first", "GH_TOKEN": "of-gh"}, "first"),
        ({"GH_ENTERPRISE_TOKEN": "of-server", "GH_HOST": "ghe.acme.example"}, ""),
        ({"GH_ENTERPRISE_TOKEN": "of-server", SERVER: "https://ghe.acme.example"}, ""),
        (
            {
                "GH_ENTERPRISE_TOKEN": "of-server",
                "GH_HOST": "GHE.acme.example",
                SERVER: "https://ghe.acme.example",
            },
            "of-server",
        ),
        (
            {
                "GH_ENTERPRISE_TOKEN": "of-server",
                "GH_HOST": "other.example",
                SERVER: "https://ghe.acme.example",
            },
            "",
        ),
    ],
)
def test_a_token_is_for_its_own_host(environ: dict[str, str], token: str) -> None:
    """That of another server is not used."""
    assert github(environ).token == token


def test_the_action_reads_no_token_of_the_shell() -> None:
    """A job may set one for its own tools; the input has the token of the action."""
    environ = {"GH_TOKEN": "of-a-tool"}
    assert load_settings(environ, EntryPoint.ACTION).github.token == ""


@pytest.mark.parametrize("name", ["GH_TOKEN", "GH_ENTERPRISE_TOKEN"])
def test_tokens_of_the_shell_are_redacted(name: str) -> None:
    """Whether they are used or not."""
    settings = load_settings({name: "ghp_aTokenOfTheShell"}, EntryPoint.COMMAND_LINE)
    assert "ghp_aTokenOfTheShell" in settings.secrets


def test_with_only_the_server_set_the_server_is_asked(
    program: Program, world: World, receiver: Receiver
) -> None:
    """And it alone gets its token."""
    run = world.run(jobs=[job("build", steps=[step("Compile", 30)])])
    with FakeGitHub(world, path_prefix="/api/v3") as server:
        root = server.url.removesuffix("/api/v3")
        result = program.command(
            *("export", "run", "--repo", "acme/shop", "--run-id", run.id),
            f"--otlp-endpoint={receiver.url}",
            environ={API: "", SERVER: root},
        )
        tokens = {request.headers.get("authorization") for request in server.requests}
    assert result.status == 0, result.log
    assert tokens == {f"Bearer {TOKEN}"}
    assert len(receiver.spans_named("RUN CI")) == 1
