"""A sweep counts what is open: items, pull requests by state and phase, queued and running jobs."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import datetime, timezone

import pytest
from tests.fakes.faults import black_hole, status
from tests.fakes.github import FakeGitHub
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, happened, job, step
from tests.stories.points import by, series
from tests.support.program import Program
from tests.support.spool import files_in
from tests.support.sweeps import (
    OURS,
    ago,
    asks_for_several,
    lack_ahead,
    merged,
    names,
    stored_ledger,
    sweep,
    swept,
)

HOUR, DAY = 3600.0, 86_400.0
STATES = (
    *("flow.load", "flow.load.age", "vcs.change.count", "flow.change.age"),
    *("flow.change.phase.load", "flow.change.phase.age"),
    *("cicd.pipeline.run.active", "flow.job.active", "flow.job.active.age"),
)


def about(seconds: float) -> object:
    """An age, which grows while the test runs."""
    return pytest.approx(seconds, abs=90)


def by_type(receiver: Receiver, name: str) -> dict[object, float]:
    """Return the load by type and category."""
    return by(receiver, name, "flow.work_item.type", "flow.work_item.status.category")


def test_open_issues_are_counted_by_type_and_assignment(
    program: Program, world: World, receiver: Receiver
) -> None:
    """As an issue without a status is in progress from its assignment on; closed ones are not."""
    world.issue(1, type="Bug", opened_at=ago(days=9))
    world.issue(2, type="Bug", opened_at=ago(days=3), assignees=["alice"])
    world.issue(3, type="Bug", opened_at=ago(days=40), closed_at=ago(days=20))
    world.issue(4, type="Task", opened_at=ago(days=2), assignees=["bob", "alice"])
    world.issue(5, opened_at=ago(days=30))
    world.issue(6, opened_at=ago(days=4))
    result = sweep(program)
    assert by_type(receiver, "flow.load") == {
        ("Bug", "to_do"): 1,
        ("Bug", "in_progress"): 1,
        ("Task", "to_do"): 0,
        ("Task", "in_progress"): 1,
        (None, "to_do"): 2,
        (None, "in_progress"): 0,
    }
    assert by_type(receiver, "flow.load.age") == {
        ("Bug", "to_do"): about(9 * DAY),
        ("Bug", "in_progress"): about(3 * DAY),
        ("Task", "in_progress"): about(2 * DAY),
        (None, "to_do"): about(30 * DAY),
    }
    (tracker,) = by(receiver, "flow.load", "flow.work_item.tracker", "github.repository")
    assert tracker == ("github", "acme/shop")
    assert (result.warnings, result.outputs["status"]) == ([], "exported")


def test_the_status_of_a_project_is_not_guessed_by_the_assignment(
    program: Program, world: World, receiver: Receiver
) -> None:
    """With a project, a category would take a request for each issue: it is left out."""
    world.issue(1, type="Bug", opened_at=ago(days=9))
    world.issue(2, type="Bug", opened_at=ago(days=3), assignees=["alice"])
    sweep(program, status_project="1")
    assert by_type(receiver, "flow.load") == {("Bug", None): 2, (None, None): 0}


def test_1500_open_issues_are_counted_by_two_requests(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """A search of GitHub's would end at 1,000; the oldest without a type is among the first 100."""
    for number in range(1, 1501):
        kind = ("Bug", "Task", "")[number % 3]
        world.issue(number, type=kind, opened_at=ago(hours=number))
    sweep(program)
    counted = by_type(receiver, "flow.load")
    assert {key: count for key, count in counted.items() if count} == {
        ("Bug", "to_do"): 500,
        ("Task", "to_do"): 500,
        (None, "to_do"): 500,
    }
    assert by_type(receiver, "flow.load.age")[None, "to_do"] == about(1499 * HOUR)
    asked = [request for request in github.requests if b"issues(" in request.body]
    assert len(asked) == 1
    assert not by(receiver, "flow.load", "flow.load.incomplete").keys() - {None}


def test_an_empty_repository_has_no_load(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Zeros, and no ages: nothing tells a sweep that found nothing from one that did not run."""
    result = sweep(program, sweep_runs=True)
    assert by_type(receiver, "flow.load") == {(None, "to_do"): 0, (None, "in_progress"): 0}
    assert by(receiver, "vcs.change.count", "vcs.change.state") == {"open": 0, "wip": 0}
    assert set(by(receiver, "flow.change.phase.load", "flow.phase").values()) == {0}
    assert receiver.points_of("flow.load.age") == []
    assert receiver.points_of("cicd.pipeline.run.active") == []
    assert result.warnings == []


def open_pulls(world: World) -> None:
    """The example of the documentation."""
    world.pull_request(1, opened_at=ago(days=6), draft=True)
    world.pull_request(2, opened_at=ago(days=5))
    world.pull_request(3, opened_at=ago(days=2))
    world.pull_request(
        4,
        opened_at=ago(days=4),
        timeline=[
            happened("reviewed", at=ago(days=3), by="bob", review="changes_requested"),
            happened("reviewed", at=ago(days=1), by="bob", review="approved"),
        ],
    )
    world.pull_request(5, opened_at=ago(days=9), closed_at=ago(days=8))


def test_open_pull_requests_are_counted_by_state_and_phase(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The age of a phase is the longest time that one of them has been in it."""
    open_pulls(world)
    sweep(program)
    assert by(receiver, "vcs.change.count", "vcs.change.state") == {"open": 3, "wip": 1}
    ages = by(receiver, "flow.change.age", "vcs.change.state")
    assert ages == {"open": about(5 * DAY), "wip": about(6 * DAY)}
    phases = by(receiver, "flow.change.phase.load", "flow.phase")
    assert {phase: count for phase, count in phases.items() if count} == {
        "draft": 1,
        "awaiting-review": 2,
        "awaiting-merge": 1,
    }
    assert len(phases) == 6
    assert by(receiver, "flow.change.phase.age", "flow.phase") == {
        "draft": about(6 * DAY),
        "awaiting-review": about(5 * DAY),
        "awaiting-merge": about(1 * DAY),
    }
    assert by(receiver, "flow.change.phase.load", "flow.load.incomplete").keys() == {None}


def test_the_phases_are_those_of_the_oldest_pull_requests(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """At most a hundred; their number is exact, and what is missing is marked."""
    for number in range(1, 131):
        world.pull_request(number, opened_at=ago(hours=number), branch=f"b{number}")
    sweep(program)
    assert by(receiver, "vcs.change.count", "vcs.change.state") == {"open": 130, "wip": 0}
    assert by(receiver, "vcs.change.count", "flow.load.incomplete").keys() == {None}
    phases = by(receiver, "flow.change.phase.load", "flow.phase", "flow.load.incomplete")
    assert phases["awaiting-review", True] == 100
    queries = [json.loads(each.body) for each in github.requests if asks_for_several(each)]
    read = [
        number
        for query in queries
        for name, number in query["variables"].items()
        if "number" in name
    ]
    assert (len(queries), sorted(read)) == (10, [*range(31, 131)])
    assert not any("/timeline" in path for path in github.paths)
    assert by(receiver, "flow.change.phase.age", "flow.phase") == {
        "awaiting-review": about(130 * HOUR)
    }


def test_a_budget_that_ends_leaves_phases_unread(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """What ended is exported, the marks move, and no warning is given: nothing is lost."""
    merged(world, 900, ago(hours=2))
    for number in range(1, 60):
        world.pull_request(number, opened_at=ago(hours=number), branch=f"b{number}")
    result = sweep(program, max_requests=15, fail_on_error=True)
    assert (result.status, result.warnings, result.outputs["status"]) == (0, [], "exported")
    assert len(github.requests) == 15
    assert names(receiver) == ["pull request #900"]
    phases = by(receiver, "flow.change.phase.load", "flow.phase", "flow.load.incomplete")
    assert phases["awaiting-review", True] in (10, 20, 30, 40)
    assert by(receiver, "vcs.change.count", "vcs.change.state") == {"open": 59, "wip": 0}


def test_without_a_budget_after_the_exports_nothing_open_is_read(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The exports come first."""
    for number in range(1, 100):
        merged(world, number, ago(minutes=10 * number + 30))
    result = sweep(program, max_requests=18)
    assert not {point.name for point in receiver.metrics} & set(STATES)
    assert "the state of open work" in result.summary


def active_runs(world: World) -> None:
    """A run with a queued job and one in progress, a queued run, and one that waits."""
    hosted = ["ubuntu-24.04"]
    world.run(
        workflow="CI",
        created_at=ago(minutes=20),
        jobs=[
            job("build", labels=hosted, steps=[step("Compile")]),
            job("test", None, labels=hosted, steps=[step("Run", conclusion=None)]),
            job(
                "gpu",
                None,
                status="queued",
                labels=["self-hosted", "gpu", "run-19876543210"],
                created_at=ago(minutes=15),
            ),
        ],
    )
    world.run(
        workflow="CI",
        status="queued",
        created_at=ago(minutes=5),
        jobs=[job("test", None, status="queued", labels=hosted, created_at=ago(minutes=5))],
    )
    world.run(
        workflow="Deploy",
        status="waiting",
        created_at=ago(hours=30),
        jobs=[job("deploy", None, status="waiting", labels=hosted, created_at=ago(hours=30))],
    )
    world.run(workflow="CI", created_at=ago(hours=9), jobs=[job("test")])


def test_jobs_are_counted_by_state_and_labels(
    program: Program, world: World, receiver: Receiver
) -> None:
    """An id within a label becomes a star, and the sweeping run is not counted."""
    active_runs(world)
    result = sweep(program, sweep_runs=True)
    active = by(
        receiver, "cicd.pipeline.run.active", "cicd.pipeline.name", "cicd.pipeline.run.state"
    )
    assert active == {
        ("CI", "executing"): 1,
        ("CI", "pending"): 1,
        ("Deploy", "pending"): 1,
    }
    assert OURS not in by(receiver, "flow.job.active", "cicd.pipeline.name")
    assert by(receiver, "flow.job.active", "flow.job.state", "flow.runner.labels") == {
        ("in_progress", "ubuntu-24.04"): 1,
        ("queued", "ubuntu-24.04"): 1,
        ("queued", "gpu,run-*,self-hosted"): 1,
    }
    waited = by(receiver, "flow.job.active.age", "flow.job.state", "flow.runner.labels")
    assert waited["queued", "gpu,run-*,self-hosted"] == about(900)
    assert waited["queued", "ubuntu-24.04"] == about(300)
    assert result.warnings == []


def test_jobs_are_counted_only_if_the_sweep_reads_runs(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Without `sweep-runs` no run is asked for by its state."""
    active_runs(world)
    sweep(program)
    assert not any("status=queued" in path for path in github.paths)
    assert receiver.points_of("flow.job.active") == []


def test_few_labels_are_series_of_their_own(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The twenty most frequent."""
    for number in range(1, 31):
        labels = [f"machine-{chr(96 + number % 26)}{number % 9}"]
        queued = job("test", None, status="queued", labels=labels)
        world.run(workflow="CI", created_at=ago(minutes=number), jobs=[queued])
    sweep(program, sweep_runs=True)
    counted = by(receiver, "flow.job.active", "flow.runner.labels")
    assert (len(counted), sum(counted.values())) == (21, 30)
    assert counted["(other)"] == 10


def test_a_permission_that_is_missing_is_reported_once(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """With the list of the sweep itself, which cannot be read either; the rest is counted."""
    merged(world, 900, ago(hours=2))
    world.issue(11, opened_at=ago(days=30))
    github.denied.add("pull_requests=read")
    result = sweep(program)
    (warning,) = result.warnings
    assert "the sweep could not read all: the list of pull requests" in warning
    assert not any("open pull requests" in text for text in (*result.notices, result.summary))
    assert by_type(receiver, "flow.load")[None, "to_do"] == 1


def test_open_work_that_the_token_may_not_read_is_a_notice(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The user chose its permissions, and the same is missing every time."""
    open_pulls(world)
    github.denied.add("issues=read")
    github.script("status=queued", status(403), times=None)
    result = sweep(program, sweep_runs=True, fail_on_error=True)
    assert (result.status, result.warnings) == (0, [])
    told = "\n".join(result.notices)
    assert "could not count open issues" in told
    assert "could not count queued and running jobs" in told
    # The timelines of pull requests are those of issues.
    assert by(receiver, "vcs.change.count", "vcs.change.state") == {"open": 3, "wip": 1}


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("status=queued", "could not count queued and running jobs"),
        ("/issues/2/timeline", "could not count all open pull requests"),
    ],
)
def test_open_work_that_cannot_be_read_is_a_warning(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver, what: str, told: str
) -> None:
    """The sweep does not fail, its marks move as without it, and the rest is counted."""
    merged(world, 900, ago(hours=2))
    open_pulls(world)
    active_runs(world)
    github.script(what, status(422), times=None)
    lack_ahead(github, 2)
    result = sweep(program, sweep_runs=True, fail_on_error=True)
    (warning,) = result.warnings
    assert told in warning
    assert (result.status, result.outputs["status"]) == (0, "exported")
    assert "pull request #900" in names(receiver)
    assert by(receiver, "vcs.change.count", "vcs.change.state") == {"open": 3, "wip": 1}
    phases = by(receiver, "flow.change.phase.load", "flow.load.incomplete")
    assert phases == ({True: 3} if "timeline" in what else {None: 4})
    ((_, sources),) = stored_ledger(program)["repositories"].items()
    marks = [datetime.fromisoformat(source["mark"]) for source in sources.values()]
    assert all(mark > ago(minutes=40) for mark in marks)


@pytest.mark.parametrize("cloud", [True, False], ids=["cloud", "data center"])
def test_items_of_jira_are_counted_if_the_sweep_reads_their_project(
    program: Program, world: World, receiver: Receiver, cloud: bool
) -> None:
    """By the categories of their statuses; those that are done are not asked for."""
    issues = JiraWorld()
    issues.issue("ACME-1", type="Epic", created=ago(days=60)).move("In Progress", at=ago(days=50))
    issues.issue("ACME-2", type="Story", created=ago(days=20))
    issues.issue("ACME-3", type="Story", created=ago(days=10)).move("In Review", at=ago(days=1))
    done = issues.issue("ACME-4", type="Story", created=ago(days=90))
    done.move("Done", at=ago(days=80), resolution="Done")
    issues.issue("SHOP-1", type="Bug", created=ago(days=5))
    issues.issue("OTHER-1", type="Bug", created=ago(days=5))
    email = "mona@example.com" if cloud else ""
    with FakeJira(issues, cloud=cloud, email=email, token="s3cret") as jira:
        result = sweep(
            program,
            jira_url=jira.url,
            jira_email=email,
            jira_token="s3cret",
            sweep_jira="ACME, SHOP",
        )
    assert result.warnings == []
    counted = by(
        receiver,
        "flow.load",
        *("flow.work_item.tracker", "flow.work_item.project"),
        *("flow.work_item.type", "flow.work_item.status.category"),
    )
    assert {key[1:]: count for key, count in counted.items() if key[0] == "jira"} == {  # type: ignore[index]
        ("ACME", "Epic", "in_progress"): 1,
        ("ACME", "Story", "to_do"): 1,
        ("ACME", "Story", "in_progress"): 1,
        ("SHOP", "Bug", "to_do"): 1,
        ("SHOP", None, "in_progress"): 0,
    }
    ages = by(receiver, "flow.load.age", "flow.work_item.project", "flow.work_item.type")
    assert ages["ACME", "Epic"] == about(60 * DAY)


def test_points_keep_the_time_of_the_reading_and_a_replay_leaves_them_out(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The count of then is not that of now; the replay says how many points that were."""
    merged(world, 900, ago(hours=2))
    open_pulls(world)
    active_runs(world)
    before = datetime.now(timezone.utc).timestamp() * 1e9
    sweep(program, sweep_runs=True)
    points = [point for point in receiver.metrics if point.name in STATES]
    assert {point.name for point in points} == set(STATES) - {"flow.load.age"}
    now = datetime.now(timezone.utc).timestamp() * 1e9
    assert all(before <= point.time <= now for point in points)
    assert all(point.kind == "gauge" for point in points)
    assert len(series(points)) == len(points)

    spool = program.folder / "spool"
    receiver.script("/v1/metrics", status(503, retry_after="900"), times=None)
    swept(world, ago(minutes=3))
    first = sweep(program, sweep_runs=True, spool_path=spool)
    assert first.outputs["status"] == "spooled"
    assert files_in(spool)
    with Receiver() as later:
        replayed = program.command("replay", spool, "--otlp-endpoint", later.url)
        # The requests of the sweep are still as many.
        kept = {point.name for point in later.metrics}
        assert kept == {"flow.github.requests", "flow.github.rate_limit.remaining"}
    assert replayed.status == 0
    assert (
        f"{len(points)} metric points were left out: about open work"
        in replayed.stderr + replayed.stdout
    )


def test_a_file_for_later_holds_no_open_work(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It would be one more export, in place of the file of the first, and soon not true."""
    merged(world, 900, ago(hours=2))
    open_pulls(world)
    program.command("sweep", "--repo", "acme/shop", "--since", "1d", "--output", "lines.jsonl")
    text = (program.folder / "lines.jsonl").read_text(encoding="utf-8")
    assert "flow.change.count" in text
    assert "vcs.change.count" not in text


def test_without_metrics_nothing_open_is_read(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """Nobody would get the counts."""
    open_pulls(world)
    sweep(program, signals="traces, logs", sweep_runs=True)
    assert not any(b"OpenChanges" in request.body for request in github.requests)
    assert not any("status=queued" in path for path in github.paths)


def test_a_server_without_issue_types_counts_all_issues(
    world: World, github: FakeGitHub, program: Program, receiver: Receiver
) -> None:
    """An older GitHub Enterprise Server: its schema knows neither the types nor the filter."""
    world.issue(1, type="Bug", opened_at=ago(days=9))
    world.issue(2, opened_at=ago(days=3), assignees=["alice"])
    github.missing_fields = frozenset({"Repository.issueTypes", "Issue.issueType"})
    result = sweep(program)
    assert by_type(receiver, "flow.load") == {(None, "to_do"): 1, (None, "in_progress"): 1}
    assert result.warnings == []


def test_a_github_that_does_not_answer_costs_the_counts_only(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The exports are done by then, and the sweep ends within its time."""
    merged(world, 900, ago(hours=2))
    github.script(lambda request: b"OpenChanges" in request.body, black_hole(), times=None)
    began = time.monotonic()
    result = sweep(program, timeout=6, fail_on_error=True)
    assert time.monotonic() - began < 8
    assert (result.status, names(receiver)) == (0, ["pull request #900"])
    assert by_type(receiver, "flow.load")[None, "to_do"] == 0
    assert receiver.points_of("vcs.change.count") == []
    assert "open pull requests" in result.summary


def test_a_later_sweep_finds_active_runs_in_its_own_list(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Those that are older than the list are read by number; the counts are the same."""
    active_runs(world)
    world.run(
        workflow="Deploy",
        status="waiting",
        created_at=ago(days=6),
        jobs=[job("deploy", None, status="waiting", created_at=ago(days=6))],
    )
    # Long enough for the list of 35 days, which finds the old ones.
    sweep(program, sweep_runs=True, since="30h")
    lists = [path for path in github.paths if "status=queued" in path]
    first = _states_of_runs_and_jobs(receiver)
    sweep(program, sweep_runs=True)
    assert [path for path in github.paths if "status=queued" in path] == lists
    both = _states_of_runs_and_jobs(receiver)
    assert len(first) > 4
    assert both == first + first


def _states_of_runs_and_jobs(receiver: Receiver) -> Counter[tuple[str, str, float]]:
    """The counts of active runs and jobs, by their attributes."""
    return Counter(
        (name, str(sorted(point.attributes.items())), point.value)
        for name in ("cicd.pipeline.run.active", "flow.job.active")
        for point in receiver.points_of(name)
    )
