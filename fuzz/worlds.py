"""The worlds that mutated answers are of: the demo's, and one in which everything odd happens."""

from __future__ import annotations

from tests.fakes.demo.world import demo_world
from tests.fakes.jira_world import FLAGGED, MONA, OLAF, Change, JiraWorld
from tests.fakes.world import (
    World,
    annotation,
    deployment_status,
    happened,
    job,
    sha_of,
    step,
    uses,
)

JOB_LOG = (
    "2026-11-24T03:43:02.1234567Z ##[group]Run pytest -q\n"
    "2026-11-24T03:43:03.0000000Z \x1b[36;1mpytest -q\x1b[0m\n"
    "2026-11-24T03:43:03.5000000Z ##[endgroup]\n"
    "2026-11-24T03:43:40.0000000Z ##[error]Process completed with exit code 1.\n"
    "2026-11-24T03:43:41.0000000Z ::warning file=a.py,line=3::deprecated\n"
)
A_SPAN = (
    '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":'
    '"pytest"}}]},"scopeSpans":[{"scope":{"name":"t"},"spans":[{"traceId":'
    '"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"","name":"a",'
    '"kind":1,"startTimeUnixNano":"1795491780000000000","endTimeUnixNano":"1795491781000000000",'
    '"attributes":[{"key":"n","value":{"intValue":"3"}}],"status":{"code":2}}]}]}]}'
)


def odd_world() -> World:
    """Return the demo's world and, beside it, each kind of thing that happens seldom."""
    world = demo_world()
    _add_issues(world)
    _add_changes(world)
    _add_runs(world)
    return world


def _add_issues(world: World) -> None:
    world.issue(
        200,
        "Reopened again and again",
        type="Bug",
        labels=["bug", "blocked"],
        assignees=["bob"],
        opened_at="2026-11-20T08:00:00Z",
        closed_at="2026-11-24T03:00:00Z",
        timeline=[
            happened("labeled", subject="blocked"),
            happened("commented", by=None),
            happened("closed"),
            happened("reopened"),
            happened("unlabeled", subject="blocked"),
            happened("assigned", subject="bob"),
            happened("unassigned", subject="bob"),
        ],
    )


def _add_changes(world: World) -> None:
    world.pull_request(
        210,
        branch="acme-57-pay",
        title="feat(ACME-57): pay by card",
        draft=True,
        labels=["feature"],
        closes=[200],
        opened_at="2026-11-23T08:00:00Z",
        closed_at="2026-11-24T02:00:00Z",
        message="[ACME-57] Pay",
        timeline=[
            happened("convert_to_draft"),
            happened("ready_for_review"),
            happened("review_requested", subject="platform", team=True),
            happened("review_request_removed", subject="platform", team=True),
            happened("reviewed", by="bob", review="approved", id=901),
            happened("review_dismissed", by="alice", id=901),
            happened("head_ref_force_pushed"),
            happened("committed", subject=sha_of("more")),
            happened("added_to_merge_queue"),
            happened("removed_from_merge_queue"),
            happened("closed"),
            happened("reopened", after=600),
        ],
    )


def _add_runs(world: World) -> None:
    failed = job(
        "test",
        "failure",
        steps=[
            step("Set up job", 1),
            step("Run pytest", 38, "failure"),
            step("Post", 0, "skipped"),
        ],
        annotations=[
            annotation("Process completed with exit code 137."),
            annotation("The runner has received a shutdown signal.", level="warning", title="x"),
        ],
    )
    going_on = job(
        "telemetry", None, steps=[step("Set up", 2), step("Export telemetry", conclusion=None)]
    )
    run = world.run(
        workflow="Nightly",
        event="pull_request",
        branch="acme-57-pay",
        id=2000,
        jobs=[failed, going_on, job("never", "cancelled"), job("skip", "skipped")],
        referenced_workflows=[uses("acme/ci/.github/workflows/test.yml@main")],
    )
    world.run(
        workflow="Nightly",
        event="schedule",
        id=2001,
        jobs=[job("test", "failure", steps=[step("Set up job", 1), step("Run pytest", 38)])],
    )
    world.run(event="pull_request", branch="acme-57-pay", id=2002, jobs=[job("test")])
    world.logs({"0_test.txt": JOB_LOG, "test/2_Run pytest.txt": JOB_LOG}, run=2001)
    world.artifact("traces-linux", {"a.otlp.jsonl": A_SPAN, "b.txt": "x"}, run=2001)
    world.deployment(
        "production",
        sha=run.sha,
        id=7700,
        created_at="2026-11-24T03:50:00Z",
        statuses=[deployment_status("queued"), deployment_status("failure", description="no")],
    )


def jira_world() -> JiraWorld:
    """Return an epic whose story was blocked, handed around, moved, and closed twice."""
    world = JiraWorld()
    world.issue("ACME-1", type="Initiative")
    epic = world.issue("ACME-42", type="Epic", summary="Checkout", parent="ACME-1")
    story = world.issue("ACME-57", parent="ACME-42", summary="Pay by card")
    world.issue("ACME-58", type="Sub-task", parent="ACME-57")
    story.assign(MONA, at="2026-11-02T08:00:00Z")
    story.move("In Progress", at="2026-11-03T08:00:00Z")
    story.flag(at="2026-11-03T09:00:00Z")
    story.flag(False, at="2026-11-03T12:00:00Z", by=OLAF)
    story.label("a", "b", at="2026-11-04T08:00:00Z")
    story.change(Change("Epic Link", (None, ""), ("1", "ACME-42")), at="2026-11-04T09:00:00Z")
    story.change(Change(FLAGGED, (None, ""), (None, "x"), custom=True), at="2026-11-04T10:00:00Z")
    story.move("Done", at="2026-11-06T08:00:00Z", resolution="Done")
    story.move("To Do", at="2026-11-07T08:00:00Z", resolution="")
    story.move("Done", at="2026-11-08T08:00:00Z", resolution="Done").comment(
        at="2026-11-08T09:00:00Z", by=OLAF
    )
    epic.move("Done", at="2026-11-09T08:00:00Z", resolution="Done")
    return world
