"""Names of event runs: the thing and the end that a run of the sweeping workflow exported."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.fakes.github import FakeGitHub
from tests.fakes.world import World, job
from tests.support.clients import client_of

from flow_telemetry.github.runs import newest_runs_of_workflow
from flow_telemetry.sweep.own_runs import EventRuns, OwnRuns, find_event_runs, parse_run_name

END = datetime(2026, 11, 24, 3, 43, tzinfo=timezone.utc)
WORKFLOW = "Flow telemetry"


@pytest.mark.parametrize(
    ("name", "thing"),
    [
        ("pull_request_target 123 2026-11-24T03:43:00Z", ("pull_request 123", END)),
        ("pull_request 123 2026-11-24T03:43:00Z", ("pull_request 123", END)),
        (" issues 5 2026-11-24T03:43:00Z\n", ("issues 5", END)),
        ("workflow_run 999 attempt 2", ("workflow_run 999 attempt 2", None)),
        ("workflow_run 0999 attempt 02", ("workflow_run 999 attempt 2", None)),
    ],
)
def test_the_name_of_a_run_is_a_thing(name: str, thing: tuple[str, datetime | None]) -> None:
    """As the ready workflow names it."""
    assert parse_run_name(name) == thing


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Flow telemetry",
        "schedule",
        "pull_request_target",
        "pull_request_target 123",
        "pull_request_target 123 attempt 2",
        "pull_request_target closed 123",
        "pull_request_target 123 2026-13-24T03:43:00Z",
        "pull_request_target 123 2026-11-24T03:43:00+01:00",
        "issues 5 2026-11-24T03:43:00Z and more",
        "workflow_run 999",
        "workflow_run 999 2026-11-24T03:43:00Z",
        "workflow_run 99999999999999999999 attempt 2",
        "deployment_status 5 2026-11-24T03:43:00Z",
        "issues \N{ARABIC-INDIC DIGIT FIVE} 2026-11-24T03:43:00Z",
    ],
)
def test_another_name_is_no_thing(name: str) -> None:
    """Such as those of earlier versions, of other workflows and of events that export nothing."""
    assert parse_run_name(name) is None


@given(
    st.text() | st.from_regex(r"(issues|workflow_run) [0-9]+ [0-9-]{10}T[0-9:]{8}Z", fullmatch=True)
)
@example("issues 5 ----------T::::::::Z")
def test_any_name_can_be_read(name: str) -> None:
    """People choose titles."""
    parse_run_name(name)


def event_runs(github: FakeGitHub, since: datetime = END) -> EventRuns:
    """Return the event runs that GitHub lists."""
    with client_of(github) as client:
        runs = OwnRuns(newest_runs_of_workflow(client, "acme/shop", "flow-telemetry.yml"))
        return find_event_runs(runs.since(since))


def test_only_a_successful_run_exported_its_thing(world: World, github: FakeGitHub) -> None:
    """A failed one exported a part at most; one that goes on may export it."""
    states = (("success", 1), ("failure", 2), ("cancelled", 3), (None, 4), ("failure", 5))
    for conclusion, number in (*states, ("success", 5), (None, 1)):
        world.run(
            workflow=WORKFLOW,
            event="issues",
            title=f"issues {number} 2026-11-24T03:43:00Z",
            created_at=END,
            jobs=[job("telemetry", conclusion)],
        )
    found = event_runs(github)
    assert found.exported == {("issues 1", END), ("issues 5", END)}
    assert found.unfinished == {("issues 4", END)}
    assert found.ends_of("issues 5") == (END,)
    assert found.window_of("issues 4").has_exported(END)


@pytest.mark.parametrize(
    ("event", "head_repository", "counts"),
    [
        ("pull_request", "acme/shop", True),
        ("pull_request_target", "mallory/shop", False),
        ("pull_request", "mallory/shop", False),
        ("issues", "acme/shop", False),
        ("schedule", "acme/shop", False),
    ],
)
def test_a_name_of_another_event_or_of_a_fork_does_not_count(
    world: World, github: FakeGitHub, event: str, head_repository: str, *, counts: bool
) -> None:
    """Else a stranger's title could name any pull request, which would never be exported."""
    world.repository("mallory/shop", fork=True)
    world.run(
        workflow=WORKFLOW,
        event=event,
        head_repository=head_repository,
        title="pull_request 123 2026-11-24T03:43:00Z",
        created_at=END,
        jobs=[job("telemetry")],
    )
    assert bool(event_runs(github).exported) is counts


def test_the_runs_are_listed_back_to_a_time_and_once(world: World) -> None:
    """Two readers share the list."""
    for hours in range(150):
        world.run(
            workflow=WORKFLOW, created_at=END - timedelta(hours=hours), jobs=[job("telemetry")]
        )
    with FakeGitHub(world) as github, client_of(github) as client:
        runs = OwnRuns(newest_runs_of_workflow(client, "acme/shop", "flow-telemetry.yml"))
        assert len(list(runs.since(END - timedelta(hours=9)))) == 10
        assert len(github.requests) == 1
        assert len(list(runs)) == 150
        assert len(list(runs)) == 150
        assert len(github.requests) == 2
