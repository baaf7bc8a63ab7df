"""Stories and epics of a Jira, on Cloud and on Data Center, and a Jira that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.fakes.faults import Scripted, black_hole, drop, html, status
from tests.fakes.jira import FakeJira, rate_limited
from tests.fakes.jira_world import MONA, JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job
from tests.jira.support import TOKEN, fake
from tests.support import references
from tests.support.program import Program, Result

# The test vectors of the design.
EPIC_TRACE, EPIC_SPAN = "2cfaa1233a900e73bff70587ad908fe8", "fca3b7d3823641da"
STORY_SPAN, PULL_SPAN = "c2be65f2797154c5", "4ec54e561ac57c19"
WORK_ITEM, FEATURE = "flow.work_item.key", "flow.feature.key"


@pytest.fixture
def tracked() -> JiraWorld:
    """Epic ACME-42 and its story ACME-57, which is done."""
    world = JiraWorld()
    world.issue("ACME-42", type="Epic", summary="Checkout")
    story = world.issue("ACME-57", parent="ACME-42", summary="Pay by card")
    story.assign(MONA, at="2026-11-02T08:00:00Z")
    story.move("In Progress", at="2026-11-03T08:00:00Z")
    story.move("In Review", at="2026-11-05T08:00:00Z")
    story.move("Done", at="2026-11-06T08:00:00Z", resolution="Done")
    return world


@pytest.fixture(params=[True, False], ids=["Cloud", "Data Center"])
def either(request: pytest.FixtureRequest, tracked: JiraWorld) -> Iterator[FakeJira]:
    """A Jira of each kind, which wants credentials."""
    with fake(tracked, cloud=request.param) as jira:
        yield jira


@pytest.fixture
def cloud(tracked: JiraWorld) -> Iterator[FakeJira]:
    """A Jira Cloud, which wants credentials."""
    with fake(tracked, cloud=True) as jira:
        yield jira


@pytest.fixture
def run(world: World) -> Run:
    """A run of a pull request whose branch names the story."""
    return run_of(world, branch="feature/acme-57-pay")


def run_of(world: World, **facts: Any) -> Run:
    """A run of pull request 123."""
    pull = world.pull_request(123, **facts)
    return world.run(event="pull_request", branch=pull.plan.branch, jobs=[job("test")])


def access(jira: FakeJira) -> dict[str, Any]:
    """The inputs that let the program read a Jira."""
    return {"jira_url": jira.url, "jira_email": jira.email, "jira_token": TOKEN}


def assert_secret(result: Result, receiver: Receiver) -> None:
    """Assert that Jira's token was masked, and stands nowhere else."""
    assert TOKEN in result.masks
    told = (result.log, result.summary, *result.outputs.values(), repr(receiver.spans))
    assert not [text for text in told if TOKEN in text]
    assert not [r for r in receiver.requests if TOKEN in repr(r.headers)]


@pytest.mark.parametrize(
    "facts",
    [
        {"branch": "feature/acme-57-pay"},
        {"title": "ACME-57: pay by card"},
        {"title": "feat(ACME-57): pay by card"},
        {"message": "[ACME-57] Pay by card"},
    ],
    ids=["branch", "title", "scope", "commit"],
)
def test_a_key_leads_to_the_story_and_its_epic(
    program: Program, world: World, either: FakeJira, receiver: Receiver, facts: dict[str, str]
) -> None:
    """Wherever the key stands, the run is in the epic's trace with the ids that all agree on."""
    run = run_of(world, **facts)
    result = program.export(run, trace_scope="feature", **access(either))
    span = receiver.span("RUN CI")
    assert result.warnings == []
    assert (span.trace_id, span.parent_span_id) == (EPIC_TRACE, PULL_SPAN)
    assert (span.attributes[WORK_ITEM], span.attributes[FEATURE]) == ("ACME-57", "ACME-42")
    assert_secret(result, receiver)


def test_an_issue_that_is_closed_beside_the_key_becomes_a_link(
    program: Program, world: World, cloud: FakeJira, receiver: Receiver
) -> None:
    """The key comes first, whatever the pull request closes."""
    world.issue(17)
    run = run_of(world, title="ACME-57: pay by card", closes=[17])
    program.export(run, **access(cloud))
    span = receiver.span("RUN CI")
    assert span.attributes[WORK_ITEM] == "ACME-57"
    assert span.attributes["flow.feature.trace_id"] == EPIC_TRACE
    assert {(x.trace_id, x.attributes["flow.link"]) for x in span.links} == {
        (references.trace_id("github.com/acme/shop/issues/17"), "work_item"),
    }


def test_without_credentials_the_key_alone_names_the_item(
    program: Program, run: Run, cloud: FakeJira, receiver: Receiver
) -> None:
    """Its ids are those that a workflow with credentials gives, and nobody is asked."""
    result = program.export(run, trace_scope="item", jira_projects="ACME")
    assert (result.warnings, cloud.requests) == ([], [])
    program.export(run, trace_scope="item", **access(cloud))
    without, known = receiver.spans_named("RUN CI")
    assert without.trace_id == references.trace_id("jira/ACME-57")
    assert (without.trace_id, without.span_id, without.parent_span_id) == (
        known.trace_id,
        known.span_id,
        known.parent_span_id,
    )
    assert without.attributes[WORK_ITEM] == "ACME-57"


def test_look_alikes_and_other_projects_do_not_count(
    program: Program, world: World, cloud: FakeJira, receiver: Receiver
) -> None:
    """Only keys of the named projects are asked for."""
    run = run_of(world, title="UTF-8: mend it", branch="other-12-fix")
    program.export(run, jira_projects="ACME", **access(cloud))
    assert cloud.requests == []
    assert WORK_ITEM not in receiver.span("RUN CI").attributes


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (drop(), "Jira"),
        (black_hole(), "Jira"),
        (rate_limited(retry_after=3600), "Jira"),
        (html(), "a web page, such as a login form"),
        (status(401), "does not accept the credentials"),
        (status(403), "Browse projects"),
        (status(503), "rate limit or overload"),
    ],
    ids=["down", "slow", "rate limited", "html", "refused", "forbidden", "maintenance"],
)
def test_a_jira_that_does_not_answer_narrows_the_trace(
    program: Program, run: Run, cloud: FakeJira, receiver: Receiver, fault: Scripted, said: str
) -> None:
    """The trace is sent with the key; a warning says what is missing and why, without secrets."""
    cloud.script("/rest", fault, times=None)
    result = program.export(run, timeout=3, trace_scope="item", **access(cloud))
    (warning,) = result.warnings
    assert "not everything that the run belongs to could be read" in warning
    assert said in warning
    assert (result.status, result.outputs["status"]) == (0, "exported")
    span = receiver.span("RUN CI")
    assert span.trace_id == references.trace_id("jira/ACME-57")
    assert span.attributes[WORK_ITEM] == "ACME-57"
    assert said in span.attributes["flow.chain.incomplete"]
    assert_secret(result, receiver)


@pytest.mark.parametrize("hidden", [True, False], ids=["no permission", "unknown key"])
def test_a_key_that_jira_does_not_show_is_told(
    program: Program, world: World, either: FakeJira, receiver: Receiver, hidden: bool
) -> None:
    """Jira does not say which of the two it is; the warning names both."""
    if hidden:
        either.world.issue("ACME-99", hidden=True)
    result = program.export(run_of(world, branch="acme-99"), **access(either))
    (warning,) = result.warnings
    assert "Jira knows no ACME-99" in warning
    assert "the account cannot see it" in warning
    assert receiver.span("RUN CI").attributes[WORK_ITEM] == "ACME-99"


def test_an_address_without_a_server_is_told(
    program: Program, run: Run, tracked: JiraWorld, receiver: Receiver
) -> None:
    """Nothing listens there any more."""
    with fake(tracked, cloud=True) as gone:
        inputs = access(gone)
    result = program.export(run, timeout=3, **inputs)
    (warning,) = result.warnings
    assert "Jira" in warning
    assert result.outputs["status"] == "exported"
    assert_secret(result, receiver)


@pytest.mark.parametrize(
    ("scope", "root", "span_id", "parent"),
    [
        ("item", "jira/ACME-57", references.span_id("jira/ACME-57"), ""),
        ("feature", "jira/ACME-42", STORY_SPAN, EPIC_SPAN),
    ],
)
@pytest.mark.parametrize("by", ["the action", "the command line"])
def test_a_closed_story_becomes_a_span_with_its_statuses(
    program: Program,
    either: FakeJira,
    receiver: Receiver,
    scope: str,
    root: str,
    span_id: str,
    parent: str,
    by: str,
) -> None:
    """From its creation to the end, with a stretch for each status, all from the changelog."""
    if by == "the action":
        result = program.action(
            mode="item", work_item_key="ACME-57", trace_scope=scope, **access(either)
        )
    else:
        given = [f"--jira-url={either.url}", f"--jira-email={either.email}"]
        target = [f"--trace-scope={scope}", f"--otlp-endpoint={receiver.url}"]
        secret = {"FLOW_TELEMETRY_JIRA_TOKEN": TOKEN}
        result = program.command("export", "item", "ACME-57", *given, *target, environ=secret)
    assert (result.status, result.warnings) == (0, [])
    opening, story = receiver.span("ACME-57"), receiver.span("open until done")
    assert (opening.trace_id, opening.span_id) == (references.trace_id(root), span_id)
    assert opening.parent_span_id == parent
    assert story.parent_span_id == span_id
    assert opening.resource["service.name"] == story.resource["service.name"] == "jira"
    assert story.attributes["flow.work_item.title"] == "Pay by card"
    assert story.attributes["flow.work_item.result"] == "Done"
    below = [line.strip() for line in receiver.tree()]
    assert below[-5:] == ["ACME-57", "open until done", "To Do", "In Progress", "In Review"]
    stretches = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "status"]
    assert [s.attributes["flow.work_item.status.category"] for s in stretches] == [
        "to_do",
        "in_progress",
        "in_progress",
    ]
    assert sum(s.seconds for s in stretches) == story.seconds
    assert TOKEN not in result.log


def test_an_open_story_is_told(program: Program, cloud: FakeJira, receiver: Receiver) -> None:
    """Its span leaves when it is closed."""
    result = program.action(mode="item", work_item_key="ACME-42", **access(cloud))
    (warning,) = result.warnings
    assert "ACME-42 is still open" in warning
    assert receiver.requests == []


def test_a_story_of_a_tracker_that_is_not_configured_is_told(
    program: Program, receiver: Receiver
) -> None:
    """The error names the inputs that are missing."""
    result = program.action(mode="item", work_item_key="ACME-57", trace_scope="item")
    (warning,) = result.warnings
    assert "ACME-57 cannot be read" in warning
    assert "jira-url" in warning
    assert receiver.requests == []


def test_a_story_of_jira_needs_nothing_of_github(
    program: Program, cloud: FakeJira, receiver: Receiver
) -> None:
    """Its key names no repository, so that GitHub is not even asked."""
    result = program.action(
        mode="item", work_item_key="ACME-57", trace_scope="item", **access(cloud)
    )
    assert (result.warnings, program.github.requests) == ([], [])
    assert receiver.span("open until done").attributes[WORK_ITEM] == "ACME-57"
