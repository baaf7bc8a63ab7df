"""A span describes what was true at its end, so that a repeated export is equal."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.jira_world import Change, JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, happened, job
from tests.jira.support import TOKEN, fake
from tests.support import closings
from tests.support.program import Program

OPENED, CLOSED = "2026-11-02T08:00:00Z", "2026-11-03T08:00:00Z"
REOPENED, MERGED = "2026-11-05T08:00:00Z", "2026-11-06T08:00:00Z"
LATER = "2026-11-07T08:00:00Z"
TITLE, BASE = "vcs.change.title", "vcs.ref.base.name"
UNKNOWN_THEN = (
    "vcs.ref.head.revision",
    "flow.change.lines.added",
    "flow.change.lines.removed",
    "flow.change.files",
)
LIVES = (
    happened("closed", at=CLOSED),
    happened("reopened", at=REOPENED),
    happened("merged", at=MERGED),
    happened("closed", at=MERGED),
)


def renamed(at: str, before: str, after: str) -> Any:
    """Somebody gave it another title."""
    return happened("renamed", at=at, before=before, subject=after)


def lives(receiver: Receiver) -> list[SpanRecord]:
    """The spans of a pull request's open periods, in order of time."""
    found = [s for s in receiver.spans if s.attributes["flow.entity.type"] in ("change", "life")]
    return sorted(found, key=lambda span: span.start)


def test_a_title_that_is_changed_after_the_merge_changes_no_span(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It was renamed twice since, and once before."""
    before = renamed("2026-11-02T09:00:00Z", "Euro", "Add euro")
    facts = {"opened_at": OPENED, "merged_at": MERGED}
    world.pull_request(123, title="Add euro", timeline=[before], **facts)  # type: ignore[arg-type]
    run = world.run(event="pull_request", branch="feature", created_at=OPENED, jobs=[job("test")])
    closings.pull_request(program, 123)
    program.export(run)
    first = receiver.spans
    timeline = (
        before,
        renamed(LATER, "Add euro", "Add the euro"),
        renamed("2026-11-08T08:00:00Z", "Add the euro", "Famous"),
    )
    world.pull_request(123, title="Famous", timeline=timeline, **facts)  # type: ignore[arg-type]
    closings.pull_request(program, 123)
    program.export(run)
    assert receiver.spans[len(first) :] == first
    assert receiver.spans_named("open until merged")[-1].attributes[TITLE] == "Add euro"


def test_each_life_has_its_own_title_and_base(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """What has no history is only on the life that the merge ended."""
    world.pull_request(
        123,
        title="Add the euro",
        into="main",
        opened_at=OPENED,
        merged_at=MERGED,
        timeline=[
            *LIVES,
            renamed("2026-11-05T09:00:00Z", "Add euro", "Add the euro"),
            happened("base_ref_changed", at="2026-11-05T10:00:00Z", before="beta", subject="main"),
            happened(
                "automatic_base_change_succeeded",
                at="2026-11-04T10:00:00Z",
                before="alpha",
                subject="beta",
            ),
        ],
    )
    result = closings.pull_request(program, 123)
    first, second = lives(receiver)
    assert (first.attributes[TITLE], second.attributes[TITLE]) == ("Add euro", "Add the euro")
    assert (first.attributes[BASE], second.attributes[BASE]) == ("alpha", "main")
    assert set(UNKNOWN_THEN) <= set(second.attributes)
    assert not set(UNKNOWN_THEN) & set(first.attributes)
    assert result.warnings == []
    assert len([r for r in github.requests if b"BaseChanges" in r.body]) == 1


def test_a_base_that_is_changed_before_the_end_takes_no_request(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The present base is that of the end."""
    change = happened("base_ref_changed", at="2026-11-02T10:00:00Z", before="a", subject="main")
    world.pull_request(123, into="main", opened_at=OPENED, merged_at=MERGED, timeline=[change])
    closings.pull_request(program, 123)
    assert receiver.span("open until merged").attributes[BASE] == "main"
    assert not [r for r in github.requests if b"BaseChanges" in r.body]


def test_a_base_that_could_not_be_read_is_left_out(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The present one would be that of a later time."""
    change = happened("base_ref_changed", at="2026-11-05T10:00:00Z", before="a", subject="main")
    world.pull_request(123, opened_at=OPENED, merged_at=MERGED, timeline=[*LIVES, change])
    refused = status(403, '{"message": "Resource not accessible by integration"}')
    github.script(lambda request: b"BaseChanges" in request.body, refused, times=None)
    closings.pull_request(program, 123)
    first, second = lives(receiver)
    assert BASE not in first.attributes
    assert second.attributes[BASE] == "main"


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("issue_type_changed", "Story", "Bug"),
        ("issue_type_removed", "Story", ""),
        ("issue_type_added", "", "Bug"),
    ],
)
def test_an_issue_keeps_the_title_and_type_of_its_end(
    program: Program, world: World, receiver: Receiver, kind: str, before: str, after: str
) -> None:
    """A name in a live trace has no type."""
    facts: dict[str, Any] = {"opened_at": OPENED, "closed_at": CLOSED}
    world.issue(17, "Sell abroad", type=before, **facts)
    closings.issue(program, "acme/shop#17", trace_scope="item")
    first = receiver.spans
    assert receiver.span("open until closed").attributes.get("flow.work_item.type", "") == before
    timeline = [
        renamed(LATER, "Sell abroad", "Sell in Norway"),
        happened(kind, at=LATER, before=before, subject=after),
    ]
    world.issue(17, "Sell in Norway", type=after, timeline=timeline, **facts)
    closings.issue(program, "acme/shop#17", trace_scope="item")
    assert receiver.spans[len(first) :] == first


def test_an_issue_of_jira_keeps_the_title_and_type_of_its_end(
    program: Program, receiver: Receiver
) -> None:
    """Jira's changelog has both."""
    world = JiraWorld()
    bug = world.issue("ACME-57", type="Bug", summary="Pay by card")
    bug.move("Done", at="2026-11-06T08:00:00Z", resolution="Done")
    with fake(world, cloud=True) as jira:
        inputs: dict[str, Any] = {
            "mode": "item",
            "work_item_key": "ACME-57",
            "trace_scope": "item",
            "jira_url": jira.url,
            "jira_email": jira.email,
            "jira_token": TOKEN,
        }
        assert program.action(**inputs).outputs["status"] == "exported"
        first = receiver.spans
        assert receiver.span("open until done").attributes["flow.work_item.type"] == "Bug"
        bug.type, bug.summary = "Story", "Pay by any card"
        bug.change(
            Change("summary", (None, "Pay by card"), (None, "Pay by any card")),
            Change("issuetype", ("1", "Bug"), ("2", "Story")),
            at="2026-11-08T08:00:00Z",
        )
        assert program.action(**inputs).outputs["status"] == "exported"
    assert receiver.spans[len(first) :] == first
