"""Each command of the documents, run as printed against the fakes: it ends with success."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest
from tests.docs.test_every_block import COMMANDS
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import JiraWorld
from tests.fakes.world import World, job, sha_of
from tests.support.program import Program
from tests.support.sweeps import ago

# What readers put their own in place of.
ENDPOINTS = ("https://otlp.example.com:4318", "https://otlp.example.com", "http://localhost:4318")
MINE = {"OWNER/NAME": "acme/shop", "$OTLP_HEADERS": "Authorization=Bearer key"}
SPOOL = "flow-telemetry-spool"
# Each once, without the remark behind it.
CALLS = [*dict.fromkeys(command.partition(" # ")[0].strip() for _, command in COMMANDS)]


@pytest.fixture(autouse=True)
def _documented(world: World) -> None:
    """What the commands name: a closed epic of GitHub, a pull request, and two runs."""
    world.repository("acme/shop-web")
    world.history(sha_of("head"))
    epic = world.issue(17, type="Epic", opened_at=ago(hours=30), closed_at=ago(hours=1))
    world.issue(18, parent=epic.key, opened_at=ago(hours=20), closed_at=ago(hours=2))
    world.pull_request(
        123, branch="vat", closes=[18], opened_at=ago(hours=9), merged_at=ago(hours=3)
    )
    for run_id in (999, 123456):
        world.run(
            id=run_id,
            sha=sha_of("head"),
            event="pull_request",
            branch="vat",
            created_at=ago(hours=8),
            jobs=[job("build")],
        )


@pytest.fixture
def jira() -> Iterator[FakeJira]:
    """The epic of Jira that the commands name, closed."""
    issues = JiraWorld()
    epic = issues.issue("ACME-42", type="Epic", created="2025-11-03T08:00:00Z")
    epic.move("Done", at="2025-11-07T08:00:00Z", resolution="Done")
    with FakeJira(issues, email="mona@example.com", token="s3cret") as fake:
        yield fake


@pytest.mark.parametrize(
    "command",
    dict.fromkeys(
        command.partition("  #")[0].partition(" # ")[0].strip() for _, command in COMMANDS
    ),
)
def test_a_command_succeeds(command: str, program: Program, jira: FakeJira) -> None:
    """In a clone of the repository, with the variables of the page."""
    words = shlex.split(command)
    for shown, mine in [*((each, program.receiver.url) for each in ENDPOINTS), *MINE.items()]:
        words = [word.replace(shown, mine) for word in words]
    here = {"OTEL_EXPORTER_OTLP_ENDPOINT": program.receiver.url}
    git = program.folder / ".git"
    git.mkdir()
    git.joinpath("HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    git.joinpath("config").write_text(
        '[remote "origin"]\n\turl = https://github.com/acme/shop.git\n', encoding="utf-8"
    )
    if "ACME-42" in words:
        words += ["--jira-url", jira.url, "--jira-email", jira.email]
        words += ["--jira-token", jira.token or ""]
    if SPOOL in words:
        nothing_listens = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
        program.command("export", "run", 999, environ=nothing_listens)
        assert [*(program.folder / SPOOL).iterdir()]
    result = program.command(*words, environ=here)
    assert result.status == 0, result.log
    assert result.log.strip()
