"""Work items as untidy as real ones, from the trackers to the backend."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import Change, JiraWorld
from tests.fakes.plans import EventPlan
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, happened
from tests.stories.points import value, values
from tests.support import closings, references
from tests.support.program import Program

STORY = f"{references.SHOP}/issues/17"
NOW = datetime.now(timezone.utc).replace(microsecond=0)
TOKEN = "s3cret"


def ago(**units: float) -> datetime:
    return NOW - timedelta(**units)


def moved(at: datetime, before: str, after: str) -> EventPlan:
    return happened("project_v2_item_status_changed", at=at, before=before, subject=after)


def events(receiver: Receiver) -> list[str]:
    """The names of the events of items, without their common beginning, in order of time."""
    in_order = sorted(
        (event for event in receiver.events if event.event_name.startswith("flow.work_item.")),
        key=lambda event: event.time,
    )
    return [event.event_name.removeprefix("flow.work_item.") for event in in_order]


def test_the_status_that_a_project_sets_after_the_closing_belongs_to_it(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Project automation sets "Done" seconds later; the next closing does not send it again."""
    timeline = [
        moved(ago(hours=9), "", "Ready"),
        moved(ago(hours=8), "Ready", "In review"),
        happened("closed", at=ago(hours=5)),
        moved(ago(hours=5, seconds=-7), "In review", "Done"),
    ]
    world.issue(17, opened_at=ago(hours=10), closed_at=ago(hours=5), timeline=timeline)
    closings.issue(program, "acme/shop#17", status_project="1", trace_scope="item")
    assert events(receiver) == ["created", *["status_changed"] * 2, "closed", "status_changed"]
    assert value(receiver, "flow.work_item.status_changes") == 3
    # The statuses of GitHub's own templates have categories.
    assert value(receiver, "flow.work_item.active_time") == 3 * 3600
    receiver.requests.clear()
    again = [happened("reopened", at=ago(hours=4)), happened("closed", at=ago(hours=3))]
    world.issue(17, opened_at=ago(hours=10), closed_at=ago(hours=3), timeline=timeline + again)
    closings.issue(program, "acme/shop#17", status_project="1", trace_scope="item")
    assert events(receiver) == ["reopened", "closed"]
    assert value(receiver, "flow.work_item.status_changes") == 0


def test_a_blocking_issue_that_is_reopened_blocks_again(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Each time is a span of its own under the issue."""
    world.issue(
        9,
        opened_at=ago(hours=20),
        timeline=[
            happened("closed", at=ago(hours=8)),
            happened("reopened", at=ago(hours=6)),
        ],
    )
    world.issue(
        17,
        opened_at=ago(hours=10),
        closed_at=ago(hours=5),
        timeline=[happened("blocked_by_added", at=ago(hours=9), subject="acme/shop#9")],
    )
    closings.issue(program, "acme/shop#17", trace_scope="item")
    blocked = receiver.spans_named("blocked")
    assert [span.seconds for span in blocked] == [3600, 3600]
    assert [span.span_id for span in blocked] == [
        references.span_id(STORY, f"{STORY}#blocked:{number}") for number in (1, 2)
    ]
    assert {span.attributes["flow.work_item.blocked.by"] for span in blocked} == {"acme/shop#9"}
    assert value(receiver, "flow.work_item.times_blocked") == 2


def test_a_sweep_exports_every_closing_in_its_window(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Closed, reopened and closed again between two sweeps; and one that is open again."""
    lives = [
        happened("commented", at=ago(hours=9)),
        happened("closed", at=ago(hours=8)),
        happened("reopened", at=ago(hours=7)),
        happened("closed", at=ago(hours=6)),
    ]
    world.issue(17, opened_at=ago(hours=10), closed_at=ago(hours=6), timeline=lives)
    world.issue(18, opened_at=ago(hours=10), timeline=lives[:3])
    result = program.command(
        *("sweep", "--repo=acme/shop", "--since=1d", f"--otlp-endpoint={receiver.url}")
    )
    assert result.status == 0, result.stderr
    points = receiver.points_of("flow.work_item.lead_time")
    assert sum(point.count for point in points) == 3
    assert sum(point.value for point in points) == (2 + 4 + 2) * 3600
    assert sorted(events(receiver)) == sorted(
        ["created", "commented", "closed", "reopened", "closed", "created", "commented", "closed"]
    )


def test_an_item_with_a_hidden_parent_says_that_its_chain_is_incomplete(
    program: Program, receiver: Receiver
) -> None:
    issues = JiraWorld()
    issues.issue("ACME-42", type="Epic", hidden=True)
    story = issues.issue("ACME-57", parent="ACME-42", created=ago(hours=9))
    story.move("Done", at=ago(hours=5), resolution="Done")
    with FakeJira(issues, email="mona@example.com", token=TOKEN) as jira:
        export(program, jira, "item", "ACME-57", "--trace-scope=item")
    assert "ACME-42" in receiver.span("open until done").attributes["flow.chain.incomplete"]


def test_a_status_without_a_category_is_reported_once(program: Program, receiver: Receiver) -> None:
    issues = JiraWorld()
    story = issues.issue("ACME-57", created=ago(hours=9))
    unknown = Change("status", ("10000", "To Do"), ("9999", "Parked"))
    story.change(unknown, at=ago(hours=8)).change(unknown, at=ago(hours=7))
    story.move("Done", at=ago(hours=5), resolution="Done")
    with FakeJira(issues, email="mona@example.com", token=TOKEN) as jira:
        first = export(program, jira, "item", "ACME-57", "--trace-scope=item")
        parked = export(
            *(program, jira, "item", "ACME-57", "--trace-scope=item"),
            "--status-categories=parked=in progress",
        )
    assert first.count("the status 'Parked' of jira has no category") == 1
    assert "status-categories" in first
    assert "has no category" not in parked
    assert values(receiver, "flow.work_item.active_time") == [3 * 3600]


def test_a_feature_contains_pull_requests_of_a_moved_story_and_of_before_the_epic(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The story had another key, and work on it began two months before there was an epic."""
    issues = JiraWorld()
    story = issues.issue("ACME-57", parent="CORE-1", created=ago(days=80))
    story.rename("CORE-9", at=ago(days=20)).move("Done", at=ago(days=3), resolution="Done")
    epic = issues.issue("CORE-1", type="Epic", created=ago(days=10))
    epic.move("Done", at=ago(days=2), resolution="Done")
    world.pull_request(123, branch="acme-57-pay", opened_at=ago(days=70), merged_at=ago(days=69))
    world.pull_request(124, branch="core-9-pay", opened_at=ago(days=9), merged_at=ago(days=8))
    with FakeJira(issues, email="mona@example.com", token=TOKEN) as jira:
        export(program, jira, "feature", "CORE-1", "--repositories=acme/shop")
    names = [line.strip() for line in receiver.tree() if "pull request" in line]
    assert names == ["pull request #123", "pull request #124"]


def export(program: Program, jira: FakeJira, *arguments: str) -> str:
    """Export from the command line, and return everything that it printed."""
    result = program.command(
        *("export", *arguments, f"--jira-url={jira.url}", "--jira-email=mona@example.com"),
        *(f"--jira-token={TOKEN}", f"--otlp-endpoint={program.receiver.url}"),
    )
    assert result.status == 0, result.stderr
    return result.stderr
