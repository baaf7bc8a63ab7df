"""A sweep sends what no event told of: whatever was closed or deployed in a time."""

from __future__ import annotations

import re

import pytest
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, deployment_status, job, sha_of, step
from tests.support import closings, references
from tests.support.program import Program, spans_in_file
from tests.support.sweeps import (
    FILE,
    ago,
    lack_ahead,
    merged,
    names,
    sent_by_event,
    store_earlier_ledger,
    stored_ledger,
    sweep,
    swept,
    text_of,
)


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
    result = sweep(program)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    whole = references.trace_id("github.com/acme/shop/issues/5")
    live = [s for s in receiver.spans if s.trace_id != whole]
    assert {s.trace_id for s in live} == {references.trace_id(references.pull(2))}
    assert {s.name for s in live} == {
        "pull request #2",
        "open until merged",
        "awaiting review",
        "deploy production",
    }
    delivery = next(s for s in live if s.name == "deploy production")
    assert delivery.attributes["deployment.id"] == str(made.id)
    assert {s.name for s in receiver.spans if s.trace_id == whole} >= {"bug acme/shop#5"}
    assert "3 things were exported, 0 had been exported before" in result.notices[0]


def test_a_sweep_does_not_export_what_ended_in_the_last_half_hour(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The event of an end starts a run of its own, which has half an hour to finish."""
    merged(world, 1, ago(minutes=35))
    merged(world, 2, ago(minutes=25))
    world.issue(5, type="Bug", opened_at=ago(hours=9), closed_at=ago(minutes=25))
    steps = [step("Run pytest")]
    world.run(workflow="Late", created_at=ago(minutes=20), jobs=[job("test", steps=steps)])
    result = sweep(program, sweep_runs=True)
    assert names(receiver) == ["pull request #1"]
    assert (result.warnings, result.outputs["status"]) == ([], "exported")


def test_a_sweep_goes_on_after_the_last_one(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It looks at the hour before too, because GitHub's lists show some ends late."""
    merged(world, 1, ago(hours=9))
    sweep(program)
    store_earlier_ledger(program, hours=4)
    # Of these the last sweep saw none: the first one is more than an hour late.
    for number, hours in ((2, 5.7), (3, 5.4), (4, 4.4), (5, 1)):
        merged(world, number, ago(hours=hours))
    sweep(program)
    assert names(receiver) == [f"pull request #{number}" for number in (1, 3, 4, 5)]
    merged(world, 6, ago(hours=1.2))
    sweep(program)
    assert names(receiver) == [f"pull request #{number}" for number in (1, 3, 4, 5, 6)]


def test_a_sweep_without_a_ledger_begins_at_the_last_success(
    program: Program, world: World, receiver: Receiver
) -> None:
    """With half an hour and an hour before it; what a failed sweep exported is not known."""
    merged(world, 1, ago(hours=27.6))
    merged(world, 2, ago(hours=27.4))
    merged(world, 3, ago(hours=22))
    swept(world, ago(hours=26))
    swept(world, ago(hours=20), "failure")
    result = sweep(program)
    assert names(receiver) == ["pull request #2", "pull request #3"]
    assert result.warnings == [
        "flow-telemetry: the last sweep saved no ledger. This sweep begins at "
        f"{ago(hours=27.5):%Y-%m-%d %H:%M} UTC: what was exported since then may be exported "
        "twice, and what was pending is not exported"
    ]


def test_things_that_runs_of_events_exported_are_not_exported_again(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Those runs are named after thing and closing; one that failed has exported nothing."""
    for number in (1, 2, 3):
        merged(world, number, ago(hours=number))
    for number in (5, 6):
        world.issue(number, type="Bug", opened_at=ago(hours=9), closed_at=ago(hours=2))
    sent_by_event(world, f"pull_request_target 1 {text_of(ago(hours=1))}", ago(hours=1))
    sent_by_event(world, f"pull_request 2 {text_of(ago(hours=2))}", ago(hours=2), "failure")
    sent_by_event(world, f"issues 5 {text_of(ago(hours=2))}", ago(hours=2))
    # Of another event than a closing, of another closing, and of another workflow's names.
    sent_by_event(world, "pull_request_target 3", ago(hours=3))
    sent_by_event(world, f"pull_request_target 3 {text_of(ago(hours=5))}", ago(hours=5))
    sent_by_event(world, f"Fix 3 {text_of(ago(hours=3))}", ago(hours=3))
    result = sweep(program)
    assert names(receiver) == ["bug acme/shop#6", "pull request #2", "pull request #3"]
    assert "3 things were exported, 2 had been exported before" in result.notices[0]


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
    sent_by_event(world, "workflow_run 777 attempt 1", ago(hours=2))
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
    result = sweep(program, sweep_runs=True, workflows="!Noise")
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
    sweep(program, sweep_runs=True, workflows="CI")
    by_sweep = receiver.spans[len(by_events) :]
    # Each export sends the opening span.
    once = {s.span_id: s for s in by_events}
    assert sorted(by_sweep, key=lambda s: s.span_id) == [once[i] for i in sorted(once)]


def test_a_sweep_that_could_not_read_a_thing_succeeds(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Also under `fail-on-error`: the next sweep tries that thing again, and nothing else."""
    for number in (1, 2):
        merged(world, number, ago(hours=number))
    github.script("/issues/1/timeline", status(404), times=None)
    github.script("/pulls/1", status(404), times=None)
    lack_ahead(github, 1)
    result = sweep(program, fail_on_error=True)
    assert (result.status, result.outputs["status"]) == (0, "partial")
    (warning,) = result.warnings
    assert "pull request #1 is pending (try 1 of 5)" in warning
    assert names(receiver) == ["pull request #2"]


@pytest.mark.parametrize(
    ("permission", "span"),
    [("deployments=read", "deploy production"), ("pull_requests=read", "pull request #1")],
)
def test_a_list_without_permission_is_named(
    program: Program,
    world: World,
    github: FakeGitHub,
    receiver: Receiver,
    permission: str,
    span: str,
) -> None:
    """The other lists are read; the things of this one wait until the token may read it."""
    world.issue(5, type="Bug", opened_at=ago(hours=9), closed_at=ago(hours=2))
    merged(world, 1, ago(hours=2))
    world.history(sha_of("base"), sha_of("merge of 1"))
    world.deployment(
        sha=sha_of("merge of 1"), created_at=ago(hours=1), statuses=[deployment_status("success")]
    )
    github.denied.add(permission)
    result = sweep(program, fail_on_error=True)
    assert (result.status, result.outputs["status"]) == (0, "partial")
    as_in_workflows = permission.replace("=", ": ").replace("_", "-")
    assert as_in_workflows in " ".join(result.warnings)
    first = names(receiver)
    assert "bug acme/shop#5" in first
    assert span not in first
    github.denied.clear()
    assert sweep(program).warnings == []
    assert names(receiver) == sorted([*first, span])


def test_a_sweep_that_could_read_nothing_fails(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The permissions are those of a job that lists too few."""
    merged(world, 1, ago(hours=2))
    github.denied.update({"deployments=read", "issues=read", "pull_requests=read"})
    result = sweep(program, fail_on_error=True)
    assert (result.status, receiver.requests) == (1, [])
    assert all("the sweep could not read all" in error for error in result.errors)
    assert len(result.errors) == 3


def test_a_budget_that_ends_is_one_warning(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The oldest things are exported; the next sweep exports the rest."""
    for number in range(1, 100):
        merged(world, number, ago(minutes=10 * number + 30))
    result = sweep(program, max_requests=18, fail_on_error=True)
    assert (result.status, result.outputs["status"]) == (0, "partial")
    assert len(github.requests) == 18
    exported = names(receiver)
    assert 1 <= len(exported) < 99
    # Four are read at a time, and one of them may end at the budget while another does not.
    assert set(exported) <= {f"pull request #{99 - n}" for n in range(len(exported) + 4)}
    (warning,) = result.warnings
    assert "max-requests" in warning
    assert f"{99 - len(exported)} things are left to the next sweep" in warning


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


def test_a_sweep_of_the_command_line_exports_up_to_now(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Without a ledger there is no next sweep that exports what ended just now."""
    merged(world, 1, ago(minutes=5))
    command = ("sweep", "--repo", "acme/shop", "--since", "1d", "--otlp-endpoint", receiver.url)
    assert program.command(*command, "--ledger", "ledger.json").status == 0
    assert names(receiver) == []
    assert program.command(*command).status == 0
    assert names(receiver) == ["pull request #1"]


def test_a_sweep_of_the_command_line_goes_on_with_its_ledger(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """`--ledger FILE` records what was exported, and what was not is tried again."""
    for number in (1, 2, 3):
        merged(world, number, ago(hours=number))
    for path in ("/issues/2/timeline", "/pulls/2"):
        github.script(path, status(404))
    lack_ahead(github, 2)
    command = ("sweep", "--repo", "acme/shop", "--since", "1d", "--ledger", "ledger.json")
    first = program.command(*command, "--otlp-endpoint", receiver.url)
    assert (first.status, names(receiver)) == (0, ["pull request #1", "pull request #3"])
    assert "pull request #2 is pending" in first.stderr
    second = program.command(*command, "--otlp-endpoint", receiver.url)
    assert second.status == 0
    assert names(receiver) == [f"pull request #{number}" for number in (1, 2, 3)]
    assert "1 had been exported before" in second.stderr


def test_a_sweep_without_a_ledger_fails_if_something_is_left(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The exit status is all that tells a script of it."""
    for number in (1, 2):
        merged(world, number, ago(hours=number))
    for path in ("/issues/1/timeline", "/pulls/1"):
        github.script(path, status(404))
    lack_ahead(github, 1)
    command = ("sweep", "--repo", "acme/shop", "--since", "1d", "--otlp-endpoint", receiver.url)
    first = program.command(*command)
    assert (first.status, names(receiver)) == (1, ["pull request #2"])
    assert program.command(*command).status == 0


def test_a_sweep_without_a_ledger_fails_if_the_backend_took_nothing(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The spool has everything, as after each other export."""
    merged(world, 1, ago(hours=2))
    receiver.script("/v1/", status(400), times=None)
    result = program.command(
        *("sweep", "--repo", "acme/shop", "--since", "1d", "--otlp-endpoint", receiver.url)
    )
    assert (result.status, result.stderr.startswith("spooled: ")) == (1, True)
    assert {span.name for span in result.spooled} == {
        "pull request #1",
        "open until merged",
        "awaiting review",
    }


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
    assert found == {
        "pull request #1",
        "pull request #2",
        "open until merged",
        "awaiting review",
    }


def test_a_file_has_what_the_list_of_older_things_adds(program: Program, world: World) -> None:
    """That list is exported after the recent ones, and does not replace them in the file."""
    merged(world, 1, ago(days=1))
    world.deployment(
        sha=sha_of("late"),
        created_at=ago(days=8),
        statuses=[deployment_status("success", after=6 * 86_400)],
    )
    result = program.command(
        *("sweep", "--repo", "acme/shop", "--since", "9d", "--output", "lines.jsonl"),
    )
    assert "2 things were exported" in result.stdout + result.stderr
    text = (program.folder / "lines.jsonl").read_text(encoding="utf-8")
    assert {"flow.change.count", "flow.deployment.count"} <= set(re.findall(r"[a-z.]+", text))


def test_on_a_runner_the_command_line_is_not_led_astray(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The runner's own repository and workflow say nothing of another repository's past."""
    world.repository("acme/other")
    merged(world, 1, ago(hours=1), repository="acme/other")
    own = sent_by_event(world, f"pull_request_target 1 {text_of(ago(hours=1))}", ago(minutes=30))
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
        merged(world, number, ago(minutes=2 * number + 30))
    result = sweep(program, max_requests=1000)
    assert "\n".join(result.warnings) == ""
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
            jira_url=jira.url,
            jira_email="mona@example.com",
            jira_token="s3cret",
            jira_projects="ACME",
        )
        assert not any("search" in path for path in jira.paths)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert names(receiver) == ["pull request #1"]
    assert receiver.span("open until merged").attributes["flow.feature.key"] == "ACME-1"


def test_jira_that_is_down_holds_up_its_own_items_only(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The next sweep exports them, and the things of GitHub no second time."""
    merged(world, 1, ago(hours=5))
    issues = JiraWorld()
    issues.issue("ACME-1", type="Epic", created=ago(days=9)).move(
        "Done", at=ago(hours=2), resolution="Done"
    )
    with FakeJira(issues, email="mona@example.com", token="s3cret") as jira:
        jira.script("/search/jql", status(400, "{}"))
        inputs = {
            "jira_url": jira.url,
            "jira_email": "mona@example.com",
            "jira_token": "s3cret",
            "sweep_jira": "ACME",
            "fail_on_error": True,
        }
        first = sweep(program, **inputs)
        assert (first.status, names(receiver)) == (0, ["pull request #1"])
        assert "the sweep could not read all: the list of jira ACME" in first.warnings[0]
        second = sweep(program, **inputs)
    assert (second.status, second.warnings) == (0, [])
    assert names(receiver) == ["epic ACME-1", "pull request #1"]


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"jira_url": "https://jira.example.com:port"}, "settings of Jira cannot be used"),
        ({}, "settings of Jira are missing"),
    ],
    ids=["invalid", "missing"],
)
def test_settings_of_jira_that_cannot_be_used_are_named(
    program: Program, world: World, receiver: Receiver, inputs: dict[str, str], reason: str
) -> None:
    """The mark of Jira's items does not move, so that they are exported later."""
    merged(world, 1, ago(hours=5))
    result = sweep(program, sweep_jira="ACME", fail_on_error=True, **inputs)
    assert any(reason in warning for warning in result.warnings)
    assert (result.status, names(receiver)) == (0, ["pull request #1"])
    ((_, sources),) = stored_ledger(program)["repositories"].items()
    assert sources["jira ACME"]["mark"] < sources["pull requests"]["mark"]


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
    sweep(program)
    assert names(receiver) == ["pull request #2"]


def test_a_repository_that_cannot_be_read_sends_nothing(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """One error says why, and the mark does not move."""
    github.script("/repos/acme/shop", status(404), times=None)
    result = sweep(program, fail_on_error=True)
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
        sweep(program, sweep_runs=True)
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
    result = sweep(program, fail_on_error=True)
    assert (result.status, receiver.spans) == (0, [])
    assert "the spans of 3 work items" in result.summary.replace("\\", "")
