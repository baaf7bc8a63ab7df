"""A sweep sends what no event told of: whatever was closed or deployed in a time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, deployment_status, job, sha_of, step
from tests.support import closings, references
from tests.support.program import Program, Result, spans_in_file

NOW = datetime.now(timezone.utc).replace(microsecond=0)
FILE = ".github/workflows/flow-telemetry.yml"
OURS = "Flow telemetry"


def ago(**units: float) -> datetime:
    """An instant before the tests began."""
    return NOW - timedelta(**units)


def merged(world: World, number: int, at: datetime, **facts: Any) -> None:
    """A pull request that was merged then, after an hour."""
    sha = sha_of(f"merge of {number}")
    given = {"branch": f"branch-{number}", "merge_commit_sha": sha, **facts}
    world.pull_request(number, opened_at=at - timedelta(hours=1), merged_at=at, **given)


def sent_by_event(world: World, title: str, at: datetime, conclusion: str = "success") -> Run:
    """A run of our own workflow that an event started, named after it."""
    return world.run(
        workflow=OURS,
        path=FILE,
        event=title.partition(" ")[0],
        title=title,
        created_at=at,
        jobs=[job("telemetry", conclusion, steps=[step("Export", 1, conclusion)])],
    )


def swept(world: World, at: datetime, conclusion: str | None = "success") -> Run:
    """A scheduled run of our own workflow."""
    jobs = [job("telemetry", conclusion, steps=[step("Export", 1, conclusion)])]
    if conclusion is None:
        jobs = list(closings.going_on())
    return world.run(
        workflow=OURS, path=FILE, event="schedule", title=OURS, created_at=at, jobs=jobs
    )


def sweep(program: Program, own: Run, **inputs: Any) -> Result:
    """Run the action in a scheduled run of our own workflow."""
    of_place = {
        "GITHUB_EVENT_NAME": "schedule",
        "GITHUB_RUN_ID": str(own.id),
        "GITHUB_RUN_ATTEMPT": str(own.attempt),
        "GITHUB_WORKFLOW_REF": f"acme/shop/{FILE}@refs/heads/main",
    }
    return program.action(of_place, **{"since": "last", **inputs})


def names(receiver: Receiver) -> list[str]:
    """The names of what left, without phases, statuses, jobs and waits."""
    kinds = ("run", "change", "work_item", "deployment")
    return sorted(s.name for s in receiver.spans if s.attributes["flow.entity.type"] in kinds)


def test_it_sends_changes_items_and_deployments(
    program: Program, world: World, receiver: Receiver
) -> None:
    """All that ended in the time, each in its own trace; what ended before is left alone."""
    merged(world, 1, ago(hours=30))
    merged(world, 2, ago(hours=2), closes=[5])
    world.pull_request(3, opened_at=ago(hours=3))
    world.issue(5, type="Bug", opened_at=ago(hours=9), closed_at=ago(hours=2))
    world.history(sha_of("merge of 1"), sha_of("merge of 2"))
    world.deployment(
        sha=sha_of("merge of 1"), created_at=ago(hours=29), statuses=[deployment_status("success")]
    )
    made = world.deployment(
        sha=sha_of("merge of 2"), created_at=ago(hours=1), statuses=[deployment_status("success")]
    )
    result = sweep(program, swept(world, ago(minutes=1), None))
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    whole = references.trace_id("github.com/acme/shop/issues/5")
    live = [s for s in receiver.spans if s.trace_id != whole]
    assert {s.trace_id for s in live} == {references.trace_id(references.pull(2))}
    assert {s.name for s in live} == {"pull request #2", "awaiting review", "deploy production"}
    delivery = next(s for s in live if s.name == "deploy production")
    assert delivery.attributes["deployment.id"] == str(made.id)
    assert {s.name for s in receiver.spans if s.trace_id == whole} >= {"bug acme/shop#5"}
    assert any("3 of 3 subjects were read" in notice for notice in result.notices)


def test_sweeps_meet_without_gap_or_repeat(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Each is from the start of the last successful one to its own, however late it came.

    What is closed while a sweep works is the next one's, even if it could be seen already.
    """
    edges = [ago(hours=50), ago(hours=20), ago(minutes=30)]
    merged(world, 1, edges[0] - timedelta(seconds=1))
    merged(world, 2, edges[0])
    merged(world, 3, edges[1] - timedelta(seconds=1))
    merged(world, 4, edges[1])
    merged(world, 5, edges[2] - timedelta(seconds=1))
    merged(world, 6, edges[2])
    swept(world, edges[0])
    second = swept(world, edges[1], None)
    sweep(program, second)
    assert names(receiver) == ["pull request #2", "pull request #3"]
    world.change_job(second, closings.OUR_JOB, conclusion="success")
    sweep(program, swept(world, edges[2], None))
    assert names(receiver) == [f"pull request #{number}" for number in (2, 3, 4, 5)]


def test_a_sweep_that_failed_does_not_move_the_mark(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The next one takes its time along."""
    merged(world, 1, ago(hours=25))
    swept(world, ago(hours=26))
    swept(world, ago(hours=20), "failure")
    sweep(program, swept(world, ago(minutes=1), None))
    assert names(receiver) == ["pull request #1"]


def test_what_our_own_runs_have_sent_is_left_out(
    program: Program, world: World, receiver: Receiver
) -> None:
    """They are named after event, action and number; one that failed has sent nothing."""
    for number in (1, 2, 3):
        merged(world, number, ago(hours=number))
    world.issue(5, type="Bug", opened_at=ago(hours=9), closed_at=ago(hours=2))
    world.issue(6, type="Bug", opened_at=ago(hours=9), closed_at=ago(hours=2))
    sent_by_event(world, "pull_request_target closed 1", ago(hours=1))
    sent_by_event(world, "pull_request_target closed 2", ago(hours=2), "failure")
    sent_by_event(world, "issues closed 5", ago(hours=2))
    sent_by_event(world, "pull_request_target opened 3", ago(hours=3))
    result = sweep(program, swept(world, ago(minutes=1), None))
    assert names(receiver) == ["bug acme/shop#6", "pull request #2", "pull request #3"]
    assert any("2 had been sent before" in notice for notice in result.notices)


def test_runs_leave_where_that_is_asked(program: Program, world: World, receiver: Receiver) -> None:
    """`sweep-runs`: each attempt that ended in the time, but none of our own workflow."""
    steps = [step("Run pytest")]
    world.run(workflow="Before", created_at=ago(hours=30), jobs=[job("test", steps=steps)])
    late = [job("test", queued=26 * 3600, steps=steps)]
    world.run(workflow="Waited", created_at=ago(hours=27), jobs=late)
    failed = world.run(
        workflow="Twice", created_at=ago(hours=3), jobs=[job("test", "failure", steps=steps)]
    )
    world.rerun(failed, jobs=[job("test", steps=steps)], after=60)
    world.run(workflow="Going on", created_at=ago(hours=1), jobs=closings.going_on())
    sent_by_event(world, "workflow_run completed 777", ago(hours=2))
    own = swept(world, ago(minutes=1), None)
    sweep(program, own)
    assert names(receiver) == []
    sweep(program, own, sweep_runs=True)
    assert names(receiver) == ["RUN Twice", "RUN Twice", "RUN Waited"]


def test_runs_that_patterns_do_not_choose_are_counted(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Nothing is asked about them."""
    for number in range(3):
        world.run(
            workflow="Noise",
            created_at=ago(hours=number + 1),
            jobs=[job("test", steps=[step("x")])],
        )
    world.run(workflow="CI", created_at=ago(hours=1), jobs=[job("test", steps=[step("x")])])
    result = sweep(program, swept(world, ago(minutes=1), None), sweep_runs=True, workflows="!Noise")
    assert names(receiver) == ["RUN CI"]
    assert "3 runs that \\`workflows\\` and \\`branches\\` do not choose" in result.summary


def test_its_own_facts_do_not_leak_into_what_it_sends(
    program: Program, world: World, receiver: Receiver
) -> None:
    """What leaves is equal to what the events would have sent."""
    merged(world, 1, ago(hours=1))
    run = world.run(
        event="pull_request",
        branch="branch-1",
        created_at=ago(minutes=90),
        jobs=[job("test", steps=[step("Run pytest")])],
    )
    program.export(run)
    closings.pull_request(program, 1)
    by_events = list(receiver.spans)
    sweep(program, swept(world, ago(minutes=1), None), sweep_runs=True, workflows="CI")
    by_sweep = receiver.spans[len(by_events) :]
    assert sorted(by_sweep, key=lambda s: s.span_id) == sorted(by_events, key=lambda s: s.span_id)


def test_one_that_could_not_read_all_fails(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The rest leaves; `fail-on-error` fails the run, so that the mark does not move."""
    for number in (1, 2):
        merged(world, number, ago(hours=number))
    github.script("/issues/1/timeline", status(404), times=None)
    github.script("/pulls/1", status(404), times=None)
    own = swept(world, ago(minutes=1), None)
    result = sweep(program, own, fail_on_error=True)
    assert (result.status, result.outputs["status"]) == (1, "partial")
    assert any("could not read all" in error for error in result.errors)
    assert names(receiver) == ["pull request #2"]
    assert sweep(program, own).status == 0


@pytest.mark.parametrize("permission", ["deployments=read", "pull_requests=read"])
def test_a_list_that_may_not_be_read_fails_it(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver, permission: str
) -> None:
    """What is missing is named, with the permission."""
    world.issue(5, type="Bug", opened_at=ago(hours=9), closed_at=ago(hours=2))
    github.denied.add(permission)
    result = sweep(program, swept(world, ago(minutes=1), None), fail_on_error=True)
    assert result.status == 1
    as_in_workflows = permission.replace("=", ": ").replace("_", "-")
    assert as_in_workflows in " ".join(result.errors)


def test_a_budget_that_ends_fails_it_in_few_words(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """What was read has left; the rest is one error and not one for each."""
    for number in range(1, 40):
        merged(world, number, ago(minutes=10 * number))
    result = sweep(program, swept(world, ago(minutes=1), None), max_requests=30, fail_on_error=True)
    assert (result.status, result.outputs["status"]) == (1, "partial")
    assert len(github.requests) == 30
    assert 1 <= len(names(receiver)) < 39
    assert len(result.errors) <= 5
    assert any("max-requests" in error for error in result.errors)


def test_the_command_line_sweeps_since_any_time(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`sweep --since 7d`, from anywhere."""
    merged(world, 1, ago(days=8))
    merged(world, 2, ago(days=6))
    result = program.command(
        "sweep", "--repo", "acme/shop", "--since", "7d", "--otlp-endpoint", receiver.url
    )
    assert result.status == 0
    assert names(receiver) == ["pull request #2"]


def test_an_interrupted_sweep_goes_on(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """`--resume FILE` notes what was sent, and what failed is tried again."""
    for number in (1, 2, 3):
        merged(world, number, ago(hours=number))
    for path in ("/issues/2/timeline", "/pulls/2"):
        github.script(path, status(404))
    command = ("sweep", "--repo", "acme/shop", "--since", "1d", "--resume", "sent.txt")
    first = program.command(*command, "--otlp-endpoint", receiver.url)
    assert (first.status, names(receiver)) == (1, ["pull request #1", "pull request #3"])
    second = program.command(*command, "--otlp-endpoint", receiver.url)
    assert second.status == 0
    assert names(receiver) == [f"pull request #{number}" for number in (1, 2, 3)]
    assert "2 more had been sent before" in second.stderr


def test_what_it_would_send_can_be_written_to_a_file(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`--output` keeps all of it in one file, and sends nothing."""
    for number in (1, 2):
        merged(world, number, ago(hours=number))
    result = program.command(
        "sweep", "--repo", "acme/shop", "--since", "1d", "--output", "spans.jsonl"
    )
    assert (result.status, receiver.requests) == (0, [])
    found = {span.name for span in spans_in_file(program.folder / "spans.jsonl")}
    assert found == {"pull request #1", "pull request #2", "awaiting review"}


def test_on_a_runner_the_command_line_is_not_led_astray(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The runner's own repository and workflow say nothing of another repository's past."""
    world.repository("acme/other")
    merged(world, 1, ago(hours=1), repository="acme/other")
    own = sent_by_event(world, "pull_request_target closed 1", ago(minutes=30))
    result = program.command(
        *("sweep", "--repo", "acme/other", "--since", "1d", "--otlp-endpoint", receiver.url),
        environ={
            "GITHUB_RUN_ID": str(own.id),
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_WORKFLOW_REF": f"acme/shop/{FILE}@refs/heads/main",
        },
    )
    assert result.status == 0
    root = references.pull(1, "github.com/acme/other")
    assert {s.trace_id for s in receiver.spans} == {references.trace_id(root)}


def test_more_pull_requests_than_a_page_holds_leave(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Page after page, none twice."""
    github.check = None
    for number in range(1, 131):
        merged(world, number, ago(minutes=2 * number))
    result = sweep(program, swept(world, ago(minutes=1), None), max_requests=1000)
    assert result.warnings == []
    roots = [span.name for span in receiver.spans if not span.parent_span_id]
    assert (len(roots), len(set(roots))) == (130, 130)


def test_items_of_jira_are_found_by_a_search(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Jira starts no workflow: those that were closed in the time are asked for."""
    issues = JiraWorld()
    for number, hours in ((1, 30), (2, 2), (3, None)):
        made = issues.issue(f"ACME-{number}", type="Epic", created=ago(days=9))
        if hours is not None:
            made.move("Done", at=ago(hours=hours), resolution="Done")
    merged(world, 1, ago(hours=5), branch="acme-2-vat")
    with FakeJira(issues, email="mona@example.com", token="s3cret") as jira:
        result = sweep(
            program,
            swept(world, ago(minutes=1), None),
            jira_url=jira.url,
            jira_email="mona@example.com",
            jira_token="s3cret",
            sweep_jira="ACME",
        )
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert names(receiver) == ["epic ACME-2", "pull request #1", "pull request #1"]


def test_a_sweep_sends_no_items_of_jira_unless_it_names_their_project(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Else each repository with a sweep would count each item; parents are still read."""
    issues = JiraWorld()
    issues.issue("ACME-1", type="Epic", created=ago(days=9)).move("Done", at=ago(hours=2))
    issues.issue("ACME-2", parent="ACME-1", created=ago(days=9))
    merged(world, 1, ago(hours=5), branch="acme-2-vat")
    with FakeJira(issues, email="mona@example.com", token="s3cret") as jira:
        result = sweep(
            program,
            swept(world, ago(minutes=1), None),
            jira_url=jira.url,
            jira_email="mona@example.com",
            jira_token="s3cret",
            jira_projects="ACME",
        )
        assert not any("search" in path for path in jira.paths)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert names(receiver) == ["pull request #1"]
    assert receiver.span("pull request #1").attributes["flow.feature.key"] == "ACME-1"


def test_jira_that_is_down_fails_it(program: Program, world: World, receiver: Receiver) -> None:
    """The mark does not move, and what GitHub knows has left."""
    merged(world, 1, ago(hours=5))
    with FakeJira(JiraWorld(), email="mona@example.com", token="s3cret") as jira:
        jira.script("/search/jql", status(400, "{}"), times=None)
        result = sweep(
            program,
            swept(world, ago(minutes=1), None),
            jira_url=jira.url,
            jira_email="mona@example.com",
            jira_token="s3cret",
            sweep_jira="ACME",
            fail_on_error=True,
        )
    assert result.status == 1
    assert any("the sweep could not read all" in error for error in result.errors)
    assert names(receiver) == ["pull request #1"]


def test_jira_whose_settings_cannot_be_used_fails_it(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The mark does not move: its closed items would else never be exported."""
    merged(world, 1, ago(hours=5))
    own = swept(world, ago(minutes=1), None)
    result = sweep(
        program,
        own,
        jira_url="https://jira.example.com:port",
        sweep_jira="ACME",
        fail_on_error=True,
    )
    assert result.status == 1
    assert any("could not read all: the items of Jira" in error for error in result.errors)
    assert names(receiver) == ["pull request #1"]


def test_a_sweep_that_finds_nothing_shows_the_warnings_too(
    program: Program, world: World, receiver: Receiver
) -> None:
    """On the command line each subject is an export, and here there is none."""
    swept(world, ago(minutes=1), None)
    result = program.command(
        *("sweep", "--repo", "acme/shop", "--since", "1d"),
        *("--otlp-endpoint", receiver.url, "--trace-url", "traces.example.com"),
    )
    assert "`trace-url` is not a URL" in result.log


def test_the_first_sweep_looks_a_day_back(
    program: Program, world: World, receiver: Receiver
) -> None:
    """No scheduled run has succeeded before; a dispatched one is no mark."""
    for number, hours in ((1, 25), (2, 23)):
        merged(world, number, ago(hours=hours))
    dispatched = swept(world, ago(hours=1))
    world.change_run(dispatched, event="workflow_dispatch")
    sweep(program, swept(world, ago(minutes=1), None))
    assert names(receiver) == ["pull request #2"]


def test_a_repository_that_cannot_be_read_sends_nothing(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """One error says why, and the mark does not move."""
    github.script("/repos/acme/shop", status(404), times=None)
    result = sweep(program, swept(world, ago(minutes=1), None), fail_on_error=True)
    assert (result.status, receiver.requests, len(result.errors)) == (1, [], 1)


@pytest.mark.parametrize("door", ["action", "command line"])
def test_nothing_leaves_twice_in_one_sweep(
    program: Program, world: World, receiver: Receiver, door: str
) -> None:
    """A merged change is sent for itself, and not again with the push of its merge."""
    merged(world, 1, ago(hours=2))
    world.history(sha_of("base"), sha_of("merge of 1"))
    run = world.run(
        sha=sha_of("merge of 1"),
        created_at=ago(hours=1.9),
        jobs=[job("ship", steps=[step("Roll out")])],
    )
    log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{run.jobs[0].id}"
    world.deployment(
        sha=sha_of("merge of 1"),
        created_at=ago(hours=1.9),
        statuses=[deployment_status("success", log_url=log)],
    )
    if door == "action":
        sweep(program, swept(world, ago(minutes=1), None), sweep_runs=True)
    else:
        program.command(
            *("sweep", "--repo", "acme/shop", "--since", "1d", "--sweep-runs"),
            *("--otlp-endpoint", receiver.url),
        )
    assert names(receiver) == ["RUN CI", "deploy production", "pull request #1"]


def test_items_without_spans_are_counted(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Stories have none in the traces of pull requests: one line tells it for all."""
    world.issue(1, type="Epic", opened_at=ago(hours=9))
    for number in (2, 3, 4):
        world.issue(
            number, type="Story", parent=1, opened_at=ago(hours=9), closed_at=ago(hours=number)
        )
    result = sweep(program, swept(world, ago(minutes=1), None), fail_on_error=True)
    assert (result.status, receiver.spans) == (0, [])
    assert "the spans of 3 work items" in result.summary.replace("\\", "")
