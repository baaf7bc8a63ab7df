"""A closed issue becomes a span, with a stretch for each status that it was in."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.plans import EventPlan
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, happened
from tests.support import closings, references
from tests.support.program import Program

STORY = f"{references.SHOP}/issues/17"
EPIC = f"{references.SHOP}/issues/42"
OPENED, CLOSED = "2026-11-02T08:00:00Z", "2026-11-09T08:00:00Z"

WORKED = (
    happened("labeled", at="2026-11-02T09:00:00Z", subject="money"),
    happened("assigned", at="2026-11-03T08:00:00Z", subject="bob"),
    happened("commented", at="2026-11-03T09:00:00Z", by="bob"),
)


def moved(at: str, before: str, after: str, project: tuple[int, str] = (1, "Roadmap")) -> EventPlan:
    """A change of status in a project."""
    kind = "project_v2_item_status_changed"
    return happened(kind, at=at, before=before, subject=after, project=project)


def story(world: World, *more: EventPlan, **facts: Any) -> None:
    """Story 17 of epic 42, on which bob worked for six days."""
    world.issue(42, "Sell abroad", type="Epic", opened_at=OPENED)
    given = {"assignees": ["bob"], "labels": ["money"], "closed_at": CLOSED, **facts}
    world.issue(17, type="Story", parent=42, opened_at=OPENED, timeline=(*WORKED, *more), **given)


def stretches(receiver: Receiver) -> list[SpanRecord]:
    """The spans of statuses, in order of time."""
    found = (s for s in receiver.spans if s.attributes["flow.entity.type"] == "status")
    return sorted(found, key=lambda span: span.start)


@pytest.mark.parametrize(
    ("scope", "root", "above"), [("item", STORY, []), ("feature", EPIC, ["issue acme/shop#42"])]
)
def test_a_closed_issue_leaves_with_its_stretches(
    program: Program, world: World, receiver: Receiver, scope: str, root: str, above: list[str]
) -> None:
    """Without a project it was open, and from the first assignment on in progress."""
    story(world)
    result = closings.issue(program, "acme/shop#17", trace_scope=scope)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert [line.strip() for line in receiver.tree()] == [
        *above,
        "issue acme/shop#17",
        "open until closed",
        "open",
        "in progress",
    ]
    whole = receiver.span("open until closed")
    assert whole.parent_span_id == references.span_id(root, STORY)
    assert whole.seconds == 7 * 24 * 3600
    waiting, working = stretches(receiver)
    assert [waiting.start - whole.start, working.start - waiting.end] == [3_000, 3_000]
    assert working.end - whole.end == 6_000
    assert waiting.span_id == references.span_id(root, f"{STORY}#status:1")
    assert [s.attributes["flow.work_item.status.category"] for s in (waiting, working)] == [
        "to_do",
        "in_progress",
    ]
    assert result.outputs["trace-id"] == whole.trace_id


def test_the_span_tells_what_the_item_was(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Its type, title, result, and who worked on it; every span has both keys."""
    story(world)
    closings.issue(program, "acme/shop#17", trace_scope="item")
    span = receiver.span("open until closed")
    expected = {
        "flow.reference": f"{STORY}#life:1",
        "flow.work_item.key": "acme/shop#17",
        "flow.feature.key": "acme/shop#42",
        "flow.work_item.type": "Story",
        "flow.work_item.title": "Let people pay",
        "flow.work_item.tracker": "github",
        "flow.work_item.result": "completed",
        "flow.work_item.labels": ["money"],
        "flow.work_item.assignees": ["bob"],
        "flow.work_item.comments": 1,
        "github.repository": "acme/shop",
    }
    assert {name: span.attributes.get(name) for name in expected} == expected
    assert span.resource["service.name"] == "github-issues"
    assert {s.attributes["flow.feature.key"] for s in receiver.ended} == {"acme/shop#42"}
    assert span.attributes["flow.feature.trace_id"] == references.trace_id(EPIC)


@pytest.mark.parametrize("project", ["1", "Roadmap"])
def test_the_statuses_of_one_project_are_the_stretches(
    program: Program, world: World, receiver: Receiver, project: str
) -> None:
    """The project is named by number or title; `status-categories` says what its words mean."""
    story(
        world,
        moved("2026-11-02T09:00:00Z", "", "Todo"),
        moved("2026-11-03T08:00:00Z", "Todo", "Cooking"),
        moved("2026-11-04T08:00:00Z", "", "Triage", project=(2, "Bugs")),
        moved("2026-11-05T08:00:00Z", "Cooking", "Done"),
    )
    closings.issue(
        program,
        "acme/shop#17",
        trace_scope="item",
        status_project=project,
        status_categories="Cooking = in progress",
    )
    told = [(s.name, s.attributes["flow.work_item.status.category"]) for s in stretches(receiver)]
    assert told == [
        ("open", "to_do"),
        ("Todo", "to_do"),
        ("Cooking", "in_progress"),
        ("Done", "done"),
    ]


@pytest.mark.parametrize("scope", ["run", "change"])
def test_narrow_traces_have_no_span_for_items(
    program: Program, world: World, receiver: Receiver, scope: str
) -> None:
    """That it is left out is said, with the input that decides."""
    story(world)
    result = closings.issue(program, "acme/shop#17", trace_scope=scope)
    assert (result.warnings, receiver.spans) == ([], [])
    assert (result.outputs["status"], result.outputs["spans"]) == ("exported", "0")
    assert f"\\`trace\\-scope\\` is {scope}" in result.summary


def test_what_came_after_the_closing_changes_nothing(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Late comments, labels and assignments are not of the life that ended."""
    story(world)
    closings.issue(program, "acme/shop#17", trace_scope="item")
    before = receiver.spans
    story(
        world,
        happened("commented", at="2026-11-10T08:00:00Z"),
        happened("labeled", at="2026-11-10T08:01:00Z", subject="famous"),
        happened("assigned", at="2026-11-10T08:02:00Z", subject="carol"),
        happened("unassigned", at="2026-11-10T08:03:00Z", subject="bob"),
        labels=["famous", "money"],
        assignees=["carol"],
    )
    closings.issue(program, "acme/shop#17", trace_scope="item")
    assert receiver.spans == [*before, *before]


def test_a_reopened_issue_has_a_life_for_each_time(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The first life stays what was sent, its result too; the second is beside it."""
    story(world, state_reason="not_planned")
    closings.issue(program, "acme/shop#17", trace_scope="item")
    before = receiver.spans
    story(
        world,
        happened("closed", at=CLOSED, facts={"state_reason": "not_planned"}),
        happened("reopened", at="2026-11-10T08:00:00Z"),
        happened("closed", at="2026-11-12T08:00:00Z", facts={"state_reason": "completed"}),
        closed_at="2026-11-12T08:00:00Z",
    )
    closings.issue(program, "acme/shop#17", trace_scope="item")
    assert all(receiver.spans.count(span) == 2 for span in before)
    _, _, life = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "life"]
    assert life.attributes["flow.work_item.result"] == "completed"
    assert life.span_id == references.span_id(STORY, f"{STORY}#life:2")
    assert life.parent_span_id == references.span_id(STORY)
    assert stretches(receiver)[-1].parent_span_id == life.parent_span_id


def test_an_open_issue_is_told(program: Program, world: World, receiver: Receiver) -> None:
    """Nothing open is sent."""
    story(world)
    result = program.action(mode="item", work_item_key="42", trace_scope="item")
    (warning,) = result.warnings
    assert "acme/shop#42 is still open" in warning
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("key", "said"),
    [("9", "acme/shop#9"), ("123", "is a pull request"), ("acme/gone#1", "acme/gone")],
)
def test_what_is_no_issue_is_told(
    program: Program, world: World, receiver: Receiver, key: str, said: str
) -> None:
    """An unknown number or repository, or a pull request, is named in the warning."""
    world.pull_request(123)
    result = program.action(mode="item", work_item_key=key, trace_scope="item")
    (warning,) = result.warnings
    assert said in warning
    assert receiver.requests == []


def test_without_the_permission_the_item_cannot_be_read(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The warning names the issue, in GitHub's words."""
    story(world)
    github.denied |= {"issues=read", "pull_requests=read"}
    result = closings.issue(program, "acme/shop#17", trace_scope="item")
    (warning,) = result.warnings
    assert "issue acme/shop#17" in warning
    assert "Resource not accessible by integration" in warning
    assert receiver.requests == []


def test_the_command_line_sends_the_same(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`export item OWNER/NAME#17` and the closing's event give equal spans."""
    story(world)
    closings.issue(program, "acme/shop#17", trace_scope="item")
    before = receiver.spans
    target = f"--otlp-endpoint={receiver.url}"
    result = program.command("export", "item", "acme/shop#17", "--trace-scope=item", target)
    assert result.status == 0
    assert receiver.spans == [*before, *before]


def test_an_item_above_the_named_feature_is_sent_as_itself(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`feature-key` names what stands below it: it is the root of a trace of its own then."""
    story(world)
    world.issue(42, type="Epic", opened_at=OPENED, closed_at=CLOSED)
    closings.issue(program, "acme/shop#42", feature_key="17")
    span = receiver.span("issue acme/shop#42")
    assert (span.span_id, span.parent_span_id) == (references.span_id(EPIC), "")
    assert span.attributes["flow.work_item.key"] == "acme/shop#42"


def test_an_item_costs_few_requests(program: Program, world: World, github: FakeGitHub) -> None:
    """The repository, the chain, the facts with their history, and no request twice."""
    story(world)
    closings.issue(program, "acme/shop#17", trace_scope="item")
    assert sorted(github.paths) == [
        "/graphql",
        "/graphql",
        "/repos/acme/shop",
        "/repos/acme/shop/issues/17/timeline?per_page=100",
    ]


def test_a_named_feature_is_sent_whole_at_its_closing(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`feature-key` makes a story the feature, whatever its type and whatever stands above it."""
    story(world)
    world.pull_request(123, closes=[17], opened_at=OPENED, merged_at=CLOSED)
    result = closings.issue(program, "acme/shop#17", feature_key="17", trace_scope="change")
    assert result.warnings == []
    assert {s.trace_id for s in receiver.spans} == {references.trace_id(STORY)}
    assert "  pull request #123" in receiver.tree()
