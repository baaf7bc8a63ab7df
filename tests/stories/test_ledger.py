"""With a ledger each thing is exported once, whatever one sweep could not read or send."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from tests.fakes.faults import Request, status
from tests.fakes.github import FakeGitHub
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, deployment_status, happened, job, sha_of, step
from tests.stories.points import by, value
from tests.support.program import Program, Result
from tests.support.sweeps import (
    ago,
    folder_of_ledger,
    lack_ahead,
    merged,
    names,
    rewrite_ledger,
    sent_by_event,
    store_earlier_ledger,
    stored_ledger,
    sweep,
    text_of,
)

STEPS = [step("Run pytest", 30)]


def numbered(*numbers: int) -> list[str]:
    """Return the names of pull requests."""
    return sorted(f"pull request #{number}" for number in numbers)


def of_pull(number: int) -> Callable[[Request], bool]:
    """Return a test for the requests that read a pull request or its timeline."""
    paths = (f"/pulls/{number}", f"/issues/{number}/timeline")
    return lambda request: request.path.endswith(paths)


def command(program: Program, receiver: Receiver, *flags: object) -> Result:
    """Sweep a day by the command line, with a ledger."""
    words = ("sweep", "--repo", "acme/shop", "--since", "1d", "--ledger", "ledger.json")
    return program.command(*words, "--otlp-endpoint", receiver.url, *flags)


# Every thing once


def everything(world: World) -> list[str]:
    """Add a thing of each source, and return the names of their spans."""
    merged(world, 1, ago(hours=2))
    world.issue(5, type="Bug", opened_at=ago(hours=9), closed_at=ago(hours=1))
    world.history(sha_of("base"), sha_of("merge of 1"))
    world.deployment(
        sha=sha_of("merge of 1"), created_at=ago(hours=1), statuses=[deployment_status("success")]
    )
    world.run(created_at=ago(hours=1.1), jobs=[job("test", steps=STEPS)])
    return ["RUN CI", "bug acme/shop#5", "deploy production", "pull request #1"]


@pytest.mark.parametrize("entry", ["action", "command line"])
def test_two_sweeps_export_each_thing_once(
    program: Program, world: World, receiver: Receiver, entry: str
) -> None:
    """Those of the hour before the mark are listed again, and known."""
    expected = everything(world)
    for _ in range(2):
        if entry == "action":
            result = sweep(program, sweep_runs=True, fail_on_error=True)
            shown = result.notices[0]
        else:
            result = command(program, receiver, "--sweep-runs")
            shown = result.stderr
        assert result.status == 0
        assert names(receiver) == expected
    assert "0 things were exported, 3 had been exported before" in shown
    assert value(receiver, "flow.deployment.count") == 1
    assert value(receiver, "flow.change.count") == 1


def test_a_budget_for_a_part_of_them_exports_all_in_a_few_sweeps(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Each sweep goes on with the oldest that is left, and succeeds."""
    for number in range(1, 201):
        closed = ago(hours=1, minutes=number)
        world.issue(number, type="Bug", opened_at=ago(hours=9), closed_at=closed)
    exported: list[int] = []
    while len(exported) < 9 and (not exported or exported[-1] < 200):
        result = sweep(program, max_requests=22, fail_on_error=True)
        assert result.status == 0
        exported.append(len(names(receiver)))
    assert 0 < exported[0] < 200
    assert len(exported) > 2
    assert names(receiver) == sorted(f"bug acme/shop#{number}" for number in range(1, 201))


def test_an_earlier_start_exports_the_time_before_the_first_sweep_once(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A person starts the workflow with another `since`, when the ledger knows a day only."""
    for number, hours in ((1, 100), (2, 60), (3, 30), (4, 20)):
        merged(world, number, ago(hours=hours))
    sweep(program)
    assert names(receiver) == numbered(4)
    for _ in range(2):
        result = sweep(program, since="72h")
        assert (result.warnings, names(receiver)) == ([], numbered(2, 3, 4))


def test_an_earlier_start_that_the_budget_cuts_short_is_finished_later(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The ledger has the ends before its start, until all of that time is exported."""
    sweep(program)
    for number in range(1, 121):
        merged(world, number, ago(hours=30, minutes=10 * number))
    counts = []
    for _ in range(5):
        sweep(program, since="72h", max_requests=25)
        counts.append(len(names(receiver)))
    assert counts[0] < counts[-1] == 120
    assert names(receiver) == numbered(*range(1, 121))


def test_a_budget_that_ends_exports_no_pull_request_without_its_issues(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It would be in another trace than the next sweep finds."""
    world.issue(99, type="Epic", opened_at=ago(hours=30))
    for number in range(100, 220):
        merged(world, number, ago(hours=1, minutes=number), closes=[99])
    sweep(program, max_requests=25)
    assert 0 < len(names(receiver)) < 120
    sweep(program)
    assert names(receiver) == numbered(*range(100, 220))
    spans = [span for span in receiver.spans if span.name == "open until merged"]
    assert {span.attributes.get("flow.feature.key") for span in spans} == {"acme/shop#99"}


@pytest.mark.parametrize("entry", ["action", "command line"])
def test_the_next_sweep_sends_the_spool_of_the_last_one(
    program: Program, world: World, receiver: Receiver, entry: str
) -> None:
    """The ledger has what is in the spool as exported, and both are in the artifact."""

    def run_sweep() -> Result:
        if entry == "command line":
            return command(program, receiver)
        return sweep(program, spool_path=folder_of_ledger(program) / "spool", fail_on_error=True)

    merged(world, 1, ago(hours=2))
    receiver.script("/v1/", status(400), times=3)
    assert (run_sweep().status, names(receiver)) == (0, [])
    merged(world, 2, ago(hours=1))
    for _ in range(2):
        assert (run_sweep().status, names(receiver)) == (0, numbered(1, 2))
        assert by(receiver, "flow.change.count", "vcs.change.state") == {"merged": 2}


# Things that cannot be read


def test_an_unreadable_thing_is_given_up_after_five_sweeps(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """It fails no sweep, repeats nothing, and each sweep names it until then."""
    merged(world, 1, ago(hours=3))
    github.script(of_pull(1), status(404), times=None)
    lack_ahead(github, 1)
    for number in range(2, 7):
        merged(world, number, ago(hours=1, minutes=number))
        result = sweep(program, fail_on_error=True)
        assert (result.status, result.outputs["status"]) == (0, "partial")
        (warning,) = result.warnings
        tries = f"try {number - 1} of 5" if number < 6 else "given up after 5 tries"
        assert "pull request #1 is" in warning
        assert tries in warning
        assert tries in result.summary
    asked = len([r for r in github.requests if of_pull(1)(r)])
    merged(world, 8, ago(hours=1))
    last = sweep(program, fail_on_error=True)
    assert (last.status, last.outputs["status"], last.warnings) == (0, "exported", [])
    assert len([r for r in github.requests if of_pull(1)(r)]) == asked
    assert names(receiver) == numbered(2, 3, 4, 5, 6, 8)


def test_a_closing_after_the_last_try_is_a_new_thing(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """A pull request was given up, opened again and merged: the merge is exported."""
    world.pull_request(1, opened_at=ago(hours=9), closed_at=ago(hours=5))
    merged(world, 2, ago(hours=8))
    refuses = True
    github.script(lambda request: refuses and of_pull(1)(request), status(404), times=None)
    lack_ahead(github, 1)
    sweep(program)
    store_earlier_ledger(program, hours=3, tries=5)
    refuses = False
    world.pull_request(
        1,
        opened_at=ago(hours=9),
        merged_at=ago(hours=1),
        timeline=[
            happened("closed", at=ago(hours=5)),
            happened("reopened", at=ago(hours=2)),
            happened("merged", at=ago(hours=1)),
        ],
    )
    sweep(program)
    assert names(receiver) == numbered(1, 2)
    assert by(receiver, "flow.change.count", "vcs.change.state") == {"merged": 2}


def test_a_server_error_for_one_thing_repeats_no_other(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """It counts no try, because the server is the reason."""
    for number in (1, 2, 3):
        merged(world, number, ago(hours=number))
    refuses = True
    github.script(lambda request: refuses and of_pull(2)(request), status(503), times=None)
    lack_ahead(github, 2)
    first = sweep(program, fail_on_error=True)
    assert (first.status, names(receiver)) == (0, numbered(1, 3))
    (warning,) = first.warnings
    assert "pull request #2 is pending (not counted as a try)" in warning
    refuses = False
    second = sweep(program, fail_on_error=True)
    assert (second.status, second.warnings, names(receiver)) == (0, [], numbered(1, 2, 3))


def test_a_source_of_which_nothing_can_be_read_counts_no_try(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The token is the reason, and not the things."""
    merged(world, 1, ago(hours=2))
    world.issue(5, type="Bug", opened_at=ago(hours=9), closed_at=ago(hours=1))
    refuses = True
    github.script(lambda request: refuses and of_pull(1)(request), status(403), times=None)
    lack_ahead(github, 1)
    for _ in range(7):
        result = sweep(program, fail_on_error=True)
        assert result.status == 0
        assert "pull request #1 is left to the next sweep" in result.warnings[0]
    refuses = False
    assert sweep(program).warnings == []
    assert names(receiver) == ["bug acme/shop#5", *numbered(1)]


def test_a_project_that_jira_does_not_know_holds_up_its_own_items_only(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It is named in each sweep, which exports nothing twice and succeeds."""
    merged(world, 1, ago(hours=2))
    issues = JiraWorld()
    issues.issue("ACME-1", type="Epic", created=ago(days=9)).move(
        "Done", at=ago(hours=2), resolution="Done"
    )
    with FakeJira(issues, email="mona@example.com", token="s3cret") as jira:
        for _ in range(2):
            result = sweep(
                program,
                jira_url=jira.url,
                jira_email="mona@example.com",
                jira_token="s3cret",
                sweep_jira="ACME,NOPE",
                fail_on_error=True,
            )
            assert result.status == 0
            (warning,) = result.warnings
            assert "the sweep could not read all: the list of jira NOPE" in warning
    assert names(receiver) == ["epic ACME-1", *numbered(1)]


# Runs


def finished(world: World, hours: float, **facts: Any) -> Run:
    """Add a run of a minute that ended about so many hours ago."""
    return world.run(created_at=ago(hours=hours), jobs=[job("test", steps=STEPS)], **facts)


@pytest.mark.parametrize("forgets", [False, True], ids=["known", "forgotten"])
def test_a_rerun_is_exported_without_the_attempt_before(
    program: Program, world: World, receiver: Receiver, *, forgets: bool
) -> None:
    """Also if the ledger does not have the first attempt any more: it ended before the window."""
    run = finished(world, 10)
    sweep(program, sweep_runs=True)
    store_earlier_ledger(program, hours=5, forgets=forgets)
    world.rerun(run, jobs=[job("test", steps=STEPS)], after=8 * 3600)
    for _ in range(2):
        sweep(program, sweep_runs=True)
        assert len(receiver.spans_named("RUN CI")) == 2
    attempts = {s.attributes["github.run.attempt"] for s in receiver.spans_named("RUN CI")}
    assert attempts == {1, 2}
    assert by(receiver, "flow.run.count", "cicd.pipeline.result") == {"success": 2}


@pytest.mark.parametrize("forgets", [False, True], ids=["known", "forgotten"])
def test_a_run_that_was_updated_after_its_end_is_not_exported_again(
    program: Program, world: World, receiver: Receiver, *, forgets: bool
) -> None:
    """GitHub moves `updated_at`, for example when logs are deleted."""
    run = finished(world, 10)
    sweep(program, sweep_runs=True)
    store_earlier_ledger(program, hours=5, forgets=forgets)
    world.change_run(run, updated_at=ago(hours=1))
    sweep(program, sweep_runs=True)
    assert len(receiver.spans_named("RUN CI")) == 1


def test_a_run_that_was_unfinished_is_exported_when_it_has_ended(
    program: Program, world: World, receiver: Receiver
) -> None:
    """However long ago it began: it may wait for an approval for days."""
    run = world.run(created_at=ago(days=6), jobs=[job("test", None, steps=STEPS)])
    sweep(program, sweep_runs=True, since=f"{10 * 24}h")
    assert names(receiver) == []
    store_earlier_ledger(program, hours=3)
    ended = job("test", started_at=ago(hours=2), completed_at=ago(hours=1), steps=STEPS)
    world.change_run(run, jobs=[ended])
    for _ in range(2):
        sweep(program, sweep_runs=True)
        assert names(receiver) == ["RUN CI"]


@pytest.mark.parametrize("with_runs", [False, True], ids=["without runs", "with runs"])
def test_the_deployment_of_a_run_is_exported_once(
    program: Program, world: World, receiver: Receiver, *, with_runs: bool
) -> None:
    """By the sweep, unless it exports the run too or the run's own event did."""
    merged(world, 1, ago(hours=3))
    world.history(sha_of("base"), sha_of("merge of 1"))
    for name, hours in (("first", 2), ("second", 1)):
        run = world.run(
            sha=sha_of("merge of 1"),
            workflow=name,
            created_at=ago(hours=hours),
            jobs=[job("ship", steps=STEPS)],
        )
        log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{run.jobs[0].id}"
        world.deployment(
            sha=sha_of("merge of 1"),
            environment=f"prod-{name}",
            created_at=ago(hours=hours),
            statuses=[deployment_status("success", log_url=log)],
        )
        if name == "first":
            sent_by_event(world, f"workflow_run {run.id} attempt 1", ago(hours=1.9))
    for _ in range(2):
        sweep(program, sweep_runs=with_runs)
        run_span = ["RUN second"] if with_runs else []
        assert names(receiver) == [*run_span, "deploy prod-second", *numbered(1)]


# Closings


def reopened(world: World, *, merged_at: datetime | None = None) -> None:
    """Add a pull request that was closed nine hours ago and opened again an hour later."""
    timeline = [happened("closed", at=ago(hours=9)), happened("reopened", at=ago(hours=8))]
    if merged_at is not None:
        timeline += [happened("merged", at=merged_at), happened("closed", at=merged_at)]
    world.pull_request(
        1,
        opened_at=ago(hours=20),
        merged_at=merged_at,
        updated_at=merged_at or ago(hours=8),
        timeline=timeline,
    )


def test_a_merge_after_a_closing_that_an_event_exported_is_exported_once(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Auto-merge starts no workflow; the event of the first closing did."""
    reopened(world, merged_at=ago(hours=2))
    sent_by_event(world, f"pull_request_target 1 {text_of(ago(hours=9))}", ago(hours=9))
    for _ in range(2):
        sweep(program)
        assert names(receiver) == numbered(1)
        assert by(receiver, "flow.change.count", "vcs.change.state") == {"merged": 1}
    assert "flow.change.reopened" in {record.event_name for record in receiver.events}


def test_an_open_pull_request_exports_its_first_closing(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It was closed and opened again between two sweeps."""
    reopened(world)
    for _ in range(2):
        sweep(program)
        assert names(receiver) == numbered(1)
        assert by(receiver, "flow.change.count", "vcs.change.state") == {"closed": 1}
    events = [record.event_name for record in receiver.events]
    assert "flow.change.closed" in events
    assert "flow.change.reopened" not in events


def test_a_later_closing_is_exported_without_the_first_one(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The sweep before exported that."""
    reopened(world)
    sweep(program)
    store_earlier_ledger(program, hours=5)
    reopened(world, merged_at=ago(hours=2))
    for _ in range(2):
        sweep(program)
        assert by(receiver, "flow.change.count", "vcs.change.state") == {"closed": 1, "merged": 1}
    references = [event.attributes["log.record.uid"] for event in receiver.events]
    assert len(references) == len(set(references))


# Runs of events


@pytest.mark.parametrize(
    ("conclusion", "expected"),
    [("success", []), ("failure", ["RUN CI", "bug acme/shop#5", *numbered(1)])],
)
def test_things_wait_for_the_event_run_that_may_export_them(
    program: Program, world: World, receiver: Receiver, conclusion: str, expected: list[str]
) -> None:
    """The next sweep exports those whose run did not succeed."""
    merged(world, 1, ago(hours=2))
    world.issue(5, type="Bug", opened_at=ago(hours=9), closed_at=ago(hours=2))
    ended = finished(world, 2)
    titles = (
        f"pull_request_target 1 {text_of(ago(hours=2))}",
        f"issues 5 {text_of(ago(hours=2))}",
        f"workflow_run {ended.id} attempt 1",
    )
    own = [sent_by_event(world, title, ago(hours=1.9), None) for title in titles]
    first = sweep(program, sweep_runs=True, fail_on_error=True)
    assert (first.status, first.warnings, names(receiver)) == (0, [], [])
    assert "3 things wait for a run of this workflow that has not ended" in first.notices[1]
    assert "pull request #1" in first.notices[1]
    # Much later: the runs of events are older than the window, and looked for nevertheless.
    for run in own:
        world.change_job(run, "telemetry", conclusion=conclusion)
    for _ in range(2):
        assert sweep(program, sweep_runs=True).warnings == []
        assert names(receiver) == expected


# Killed sweeps


def test_a_killed_sweep_is_reported(program: Program, world: World, receiver: Receiver) -> None:
    """Its ledger names what was being sent: that alone may be exported twice."""
    merged(world, 1, ago(hours=2))
    command(program, receiver)
    merged(world, 2, ago(hours=1))

    def kill(ledger: dict[str, Any]) -> dict[str, Any]:
        return {**ledger, "sending": ["pull_request 2", "deployment 7"]}

    rewrite_ledger(program.folder / "ledger.json", kill)
    result = command(program, receiver)
    assert result.status == 0
    assert (
        "the last sweep was killed while it exported 2 things, such as pull request #2: they may "
        "be exported twice" in result.stderr
    )
    assert names(receiver) == numbered(1, 2)
    assert "was killed" not in command(program, receiver).stderr


def test_a_sweep_records_what_it_exports_beforehand(
    program: Program, world: World, receiver: Receiver
) -> None:
    """So that the next one can tell, whenever it is killed."""
    for number in range(1, 61):
        merged(world, number, ago(hours=1, minutes=number))
    path, seen = program.folder / "ledger.json", []

    def look(_: Request) -> bool:
        seen.append(json.loads(path.read_text()))
        return False

    receiver.script(look, status(503))
    command(program, receiver)
    first, *_, last = (ledger for ledger in seen if ledger["sending"])
    assert len(first["sending"]) == 50
    assert len(last["sending"]) == 10
    # What is sent after that is the number of what is open.
    assert seen[-1]["sending"] == []
    (sources,) = last["repositories"].values()
    assert len(sources["pull requests"]["exported"]) >= 25
    assert json.loads(path.read_text())["sending"] == []
    assert names(receiver) == numbered(*range(1, 61))


def test_the_ledger_of_the_action_is_the_artifact(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A runner begins with an empty folder."""
    merged(world, 1, ago(hours=2))
    sweep(program)
    ((repository, sources),) = stored_ledger(program)["repositories"].items()
    assert repository == "github.com/acme/shop"
    assert sources.keys() == {"pull requests", "issues", "deployments"}
    assert sources["pull requests"]["exported"] == []  # It ended before the hour of the overlap.
