"""Names of spans and metrics stay the same from run to run."""

from __future__ import annotations

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.stories.points import by
from tests.support.program import Program

DEPENDABOT = "dynamic/dependabot/dependabot-updates"


def test_runs_of_dependabot_share_a_name(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub names each after the packages and a number: a new series for every run."""
    for package, number in (("lodash", 1384726129), ("pytest", 1384730007)):
        title = f"npm_and_yarn in /. for {package} - Update #{number}"
        run = world.run(
            event="dynamic",
            workflow=title,
            title=title,
            path=DEPENDABOT,
            actor="dependabot[bot]",
            jobs=[job("Dependabot", steps=[step("Run Dependabot")])],
        )
        assert program.export(run).outputs["status"] == "exported"
    spans = receiver.spans_named("RUN dependabot-updates")
    assert [s.attributes["cicd.pipeline.name"] for s in spans] == ["dependabot-updates"] * 2
    assert "lodash" in spans[0].attributes["github.run.title"]
    assert spans[0].attributes["github.workflow.path"] == DEPENDABOT
    assert by(receiver, "flow.run.count", "cicd.pipeline.name") == {"dependabot-updates": 2}


@pytest.mark.parametrize(
    ("path", "name", "span"),
    [
        ("dynamic/pages/pages-build-deployment", "pages build", "pages-build-deployment"),
        ("dynamic/github-code-scanning/codeql", "CodeQL", "codeql"),
        ("dynamic/copilot-swe-agent/copilot", "Addressing comment on PR #77", "copilot"),
        (".github/workflows/ci.yml", "Build #7", "Build #7"),
        (".github/workflows/ci.yml", None, "ci.yml"),
    ],
)
def test_only_workflows_without_a_file_are_named_after_their_path(
    program: Program, world: World, receiver: Receiver, path: str, name: str | None, span: str
) -> None:
    """A workflow of the repository keeps the name that its file gives it."""
    program.export(world.run(event="dynamic", path=path, workflow=name, jobs=[job("build")]))
    assert receiver.spans_named(f"RUN {span}")
