"""Work items by project, team, component, priority and kind of work, and what held them up."""

from __future__ import annotations

from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import Change, JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, happened
from tests.jira.support import TOKEN
from tests.stories.points import by, names
from tests.support import closings
from tests.support.program import Program

ITEM = "flow.work_item"
SPLIT = [f"{ITEM}.{name}" for name in ("project", "team", "component", "priority")]
KIND, CAUSE = f"{ITEM}.flow_type", f"{ITEM}.blocked.cause"
HOUR = 3600


def export(program: Program, world: JiraWorld, receiver: Receiver, *flags: str) -> None:
    """Export ACME-57 with metrics."""
    with FakeJira(world, email="mona@example.com", token=TOKEN) as jira:
        result = program.command(
            *("export", "item", "ACME-57", f"--otlp-endpoint={receiver.url}"),
            *("--repo=acme/shop", f"--jira-url={jira.url}", "--jira-email=mona@example.com"),
            *flags,
            environ={"FLOW_TELEMETRY_JIRA_TOKEN": TOKEN},
        )
    assert result.status == 0, result.stderr


def story() -> JiraWorld:
    """A story that was flagged for an hour, sent back once, and done after ten."""
    world = JiraWorld()
    made = world.issue("ACME-57", created="2026-11-02T08:00:00Z")
    made.components, made.priority, made.team = ("web", "api"), "High", "Checkout"
    made.move("In Progress", at="2026-11-02T09:00:00Z")
    made.flag(at="2026-11-02T10:00:00Z").flag(False, at="2026-11-02T11:00:00Z")
    made.move("To Do", at="2026-11-02T12:00:00Z")
    made.move("In Progress", at="2026-11-02T13:00:00Z")
    made.move("Done", at="2026-11-02T18:00:00Z", resolution="Done")
    return world


def test_items_are_split_only_if_asked_for(program: Program, receiver: Receiver) -> None:
    """Each attribute multiplies the series."""
    export(program, story(), receiver)
    assert not any(set(SPLIT) & set(point.attributes) for point in receiver.metrics)
    assert by(receiver, f"{ITEM}.count", KIND) == {"feature": 1}
    with Receiver() as other:
        export(program, story(), other, f"--metric-attributes={','.join(SPLIT)}")
        assert by(other, f"{ITEM}.count", *SPLIT) == {("ACME", "Checkout", "api,web", "High"): 1}
        assert by(other, f"{ITEM}.lead_time", SPLIT[0]) == {"ACME": 10 * HOUR}


def test_the_way_back_and_the_flag_are_measured(program: Program, receiver: Receiver) -> None:
    """As metrics, on the life's span and on its closing."""
    export(program, story(), receiver, "--trace-scope=item", "--flow-types=Story=debt")
    assert by(receiver, f"{ITEM}.backward_moves", KIND) == {"debt": 1}
    assert by(receiver, f"{ITEM}.blocked.duration", CAUSE) == {"flag": HOUR}
    (closed,) = receiver.events_named(f"{ITEM}.closed")
    assert (closed.attributes[f"{ITEM}.backward_moves"], closed.attributes[KIND]) == (1, "debt")
    assert receiver.span("open until done").attributes[f"{ITEM}.backward_moves"] == 1
    assert receiver.span("blocked").attributes[CAUSE] == "flag"
    ids = [s.attributes.get(f"{ITEM}.status.id") for s in receiver.spans_named("In Progress")]
    assert ids == ["3", "3"]


def test_a_renamed_status_is_one_series(program: Program, receiver: Receiver) -> None:
    """Its first entry names it as it was called then; the id tells that it is the same."""
    world = JiraWorld()
    made = world.issue("ACME-57", created="2026-11-02T08:00:00Z")
    made.change(Change("status", ("10000", "To Do"), ("3", "Coding")), at="2026-11-02T09:00:00Z")
    made.change(Change("status", ("3", "Coding"), ("10000", "To Do")), at="2026-11-02T10:00:00Z")
    made.move("In Progress", at="2026-11-02T12:00:00Z")
    made.move("Done", at="2026-11-02T18:00:00Z", resolution="Done")
    status = f"{ITEM}.status"
    export(program, world, receiver, f"--metric-attributes={status}.id")
    assert by(receiver, f"{status}.duration", status, f"{status}.id") == {
        ("To Do", "10000"): 3 * HOUR,
        ("In Progress", "3"): 7 * HOUR,
    }


def test_what_blocks_a_github_issue_has_its_cause(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A label here; without a status there are no moves, which is not 0."""
    world.issue(
        17,
        opened_at="2026-11-02T08:00:00Z",
        closed_at="2026-11-02T18:00:00Z",
        labels=["bug"],
        timeline=[
            happened("labeled", at="2026-11-02T09:00:00Z", subject="blocked"),
            happened("unlabeled", at="2026-11-02T11:00:00Z", subject="blocked"),
        ],
    )
    closings.issue(program, "acme/shop#17")
    assert by(receiver, f"{ITEM}.blocked.duration", CAUSE) == {"label": 2 * HOUR}
    assert by(receiver, f"{ITEM}.count", KIND) == {"defect": 1}
    assert not names(receiver, f"{ITEM}.backward_moves")
    assert not names(receiver, f"{ITEM}.efficiency")
