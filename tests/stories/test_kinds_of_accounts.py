"""Who started a run: a person, a bot or a coding agent."""

from __future__ import annotations

import pytest
from tests.fakes.accounts import user
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, happened, job
from tests.support.program import Program

AGENTS = (
    "Copilot",
    "copilot-swe-agent",
    "copilot-pull-request-reviewer",
    "claude",
    "anthropic-code-agent",
    "chatgpt-codex-connector",
    "openai-code-agent",
    "google-labs-jules",
    "gemini-code-assist",
    "amazon-q-developer",
    "cursor",
    "cursoragent",
    "devin-ai-integration",
    "openhands-agent",
    "openhands-ai",
    "sweep-ai",
    "factory-droid",
)


def kind_of(program: Program, world: World, receiver: Receiver, login: str, type_: str) -> object:
    """Return the kind of the account that started a run."""
    facts = {"triggering_actor": user(world, login, type_)}
    program.export(world.run(event="schedule", jobs=[job("test")], facts=facts))
    return receiver.spans_named("RUN CI")[-1].attributes["flow.actor.kind"]


@pytest.mark.parametrize("login", AGENTS)
def test_known_agents_are_agents(
    program: Program, world: World, receiver: Receiver, login: str
) -> None:
    """GitHub spells their logins with and without "[bot]"; some are users."""
    for name, type_ in ((f"{login}[bot]", "Bot"), (login, "Bot"), (login.upper(), "User")):
        assert kind_of(program, world, receiver, name, type_) == "agent"


@pytest.mark.parametrize(
    ("login", "type_", "kind"),
    [
        ("sweeper-bot[bot]", "Bot", "bot"),
        ("claude-stats[bot]", "Bot", "bot"),
        ("copilot-metrics", "Bot", "bot"),
        ("dependabot[bot]", "Bot", "bot"),
        ("cursorial", "User", "human"),
        ("devin", "User", "human"),
        ("julesverne", "User", "human"),
    ],
)
def test_a_similar_name_makes_no_agent(
    program: Program, world: World, receiver: Receiver, login: str, type_: str, kind: str
) -> None:
    """Only whole logins count."""
    assert kind_of(program, world, receiver, login, type_) == kind


def test_an_agent_that_reviews_is_no_reviewing_person(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Its review does not end the wait for a person, however GitHub writes its login."""
    world.pull_request(
        7,
        opened_at="2026-11-02T08:00:00Z",
        closed_at="2026-11-02T12:00:00Z",
        timeline=[
            happened("reviewed", at="2026-11-02T09:00:00Z", by="Copilot", review="commented"),
            happened("closed", at="2026-11-02T12:00:00Z"),
        ],
    )
    assert program.command(
        "export", "change", "--repo", "acme/shop", "--number", 7,
        "--otlp-endpoint", receiver.url,
    ).status == 0  # fmt: skip
    assert [s.name for s in receiver.spans] == [
        "pull request #7",
        "open until closed",
        "awaiting review",
    ]
