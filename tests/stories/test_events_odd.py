"""Histories as GitHub really gives them: people who are gone, odd kinds and times; no bodies."""

from __future__ import annotations

from typing import Any

from tests.fakes.receiver import Receiver
from tests.fakes.world import World, happened, sha_of
from tests.support import closings, leaks, references
from tests.support.program import Program

PULL = references.pull(123)
OPENED, MERGED = "2026-11-02T08:00:00Z", "2026-11-04T08:00:00Z"
CANARY = "canary-in-a-body"
ADDRESS = "canary@mail.example"


def merged(world: World, *timeline: Any, **facts: Any) -> None:
    """Pull request 123 with such a history."""
    given = {"opened_at": OPENED, "merged_at": MERGED, "timeline": timeline, **facts}
    world.pull_request(123, **given)


def test_a_deleted_user_leaves_an_event_without_a_name(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub says null; that something happened is true all the same."""
    merged(world, happened("labeled", by=None, at="2026-11-02T09:00:00Z", subject="money"))
    result = closings.pull_request(program, 123)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    (event,) = receiver.events_named("flow.change.labeled")
    assert "flow.actor.login" not in event.attributes
    assert "flow.actor.kind" not in event.attributes


def test_kinds_that_nobody_knows_pass_by(
    program: Program, world: World, receiver: Receiver
) -> None:
    """No event, no warning: a line for those who debug."""
    merged(
        world,
        happened("cross-referenced", at="2026-11-02T09:00:00Z"),
        happened("brand_new_kind", at="2026-11-02T09:30:00Z"),
    )
    result = closings.pull_request(program, 123, log_level="debug")
    assert (result.warnings, result.notices) == ([], [])
    assert {event.event_name for event in receiver.events} == {
        "flow.change.created",
        "flow.change.merged",
        "flow.change.closed",
    }
    assert "brand_new_kind 1" in result.log


def test_what_is_older_than_the_opening_is_kept_and_counted(
    program: Program, world: World, receiver: Receiver
) -> None:
    """At the time of the opening, with the truth beside it; commits are older than that mostly."""
    merged(
        world,
        happened("committed", at="2026-10-30T08:00:00Z", subject=sha_of("one")),
        happened("labeled", at="2026-11-01T09:00:00Z", subject="money"),
    )
    closings.pull_request(program, 123)
    (opening,) = receiver.events_named("flow.change.created")
    for name in ("committed", "labeled"):
        (event,) = receiver.events_named(f"flow.change.{name}")
        assert event.time == opening.time
    (label,) = receiver.events_named("flow.change.labeled")
    assert label.attributes["flow.event.time"] == "2026-11-01T09:00:00.000Z"
    assert label.attributes["log.record.uid"].endswith("2026-11-01T09:00:00Z:money")
    (merge,) = receiver.events_named("flow.change.merged")
    assert merge.attributes["flow.timeline.moved"] == 1


def test_two_alike_in_one_second_are_two(
    program: Program, world: World, receiver: Receiver
) -> None:
    """They differ by a number, so that no backend drops one as a repeat."""
    label = happened("labeled", at="2026-11-02T09:00:00Z", subject="money")
    merged(world, label, happened("labeled", at="2026-11-02T09:00:00Z", subject="money", by="bob"))
    closings.pull_request(program, 123)
    uids = [e.attributes["log.record.uid"] for e in receiver.events_named("flow.change.labeled")]
    first = f"{PULL}#event:labeled:2026-11-02T09:00:00Z:money"
    assert sorted(uids) == [first, f"{first}:2"]


def test_no_body_and_no_address_ever_leaves(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Neither to the backend nor to the log, the summary or the outputs; titles do leave."""
    person = {"name": "Canary", "email": ADDRESS, "date": "2026-11-02T07:50:00Z"}
    merged(
        world,
        happened(
            "committed",
            at="2026-11-02T07:50:00Z",
            subject=sha_of("one"),
            facts={"message": CANARY, "author": person, "committer": person},
        ),
        happened("commented", at="2026-11-02T10:00:00Z", facts={"body": CANARY}),
        happened(
            "reviewed",
            at="2026-11-03T08:00:00Z",
            by="bob",
            review="changes_requested",
            facts={"body": CANARY},
        ),
        title="Let people pay",
        body=CANARY,
        message=CANARY,
    )
    world.issue(
        17,
        opened_at=OPENED,
        closed_at=MERGED,
        timeline=[happened("commented", at="2026-11-02T10:00:00Z", facts={"body": CANARY})],
        facts={"body": CANARY},
    )
    results = [
        closings.pull_request(program, 123, log_level="debug"),
        closings.issue(program, "acme/shop#17", log_level="debug"),
    ]
    assert len(receiver.events_named("flow.change.committed")) == 1
    assert len(receiver.events_named("flow.work_item.commented")) == 1
    for result in results:
        left = leaks.everything(result, receiver)
        assert "Let people pay" in left
        assert CANARY not in left
        assert "Canary" not in left
        assert ADDRESS.partition("@")[2] not in left
        assert "users.noreply.github.com" not in left
