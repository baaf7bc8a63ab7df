"""What workflow files say: whether jobs may fail, and what steps of the action export."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.openapi import validate
from tests.fakes.github import FakeGitHub
from tests.fakes.world import World, job, uses
from tests.support.clients import client_of

from flow_telemetry.github.runs import RunAddress, read_run
from flow_telemetry.github.workflow_files import (
    WorkflowFile,
    allows_failures,
    exported_by_other_job,
    exports_deployments,
    exports_followed_runs,
    exports_own_run,
    parse_workflow_file,
    read_workflow_files,
    sweeps_runs,
)

CI = ".github/workflows/ci.yml"
CALLED = ".github/workflows/test.yml"
PLAIN = "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n"


def allowed(world: World, own: str | None, called: str | None = None, **facts: Any) -> object:
    """Return whether a run with this workflow file, and perhaps a called one, allows failures."""
    world.repository("acme/ci")
    reference = uses(f"acme/ci/{CALLED}@v1")
    given = {"path": CI, "referenced_workflows": [reference] if called else [], **facts}
    run = world.run(jobs=[job("test")], **given)
    world.file(CI, own, at=run.sha)
    if called is not None:
        world.file(CALLED, called, at=reference.sha, repository="acme/ci")
    with FakeGitHub(world, check=validate) as github, client_of(github) as client:
        address = RunAddress(repository="acme/shop", run_id=run.id)
        return allows_failures(client, read_run(client, address))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", False),
        ("    continue-on-error: false\n", False),
        ("    continue-on-error: true\n", True),
        ("    continue-on-error: ${{ matrix.experimental }}\n", True),
        ("    steps: [{run: x, continue-on-error: true}]\n", False),
    ],
)
def test_a_job_may_be_allowed_to_fail(world: World, line: str, expected: bool) -> None:
    """An expression may be true; at a step it concerns that step only."""
    assert allowed(world, PLAIN + line) is expected


@pytest.mark.parametrize("tag", ["!!int ''", "!!bool maybe", "!!timestamp x", "!mine {a: 1}"])
def test_tags_of_the_author_have_no_effect(world: World, tag: str) -> None:
    """In a run of a pull request, its author writes the file."""
    assert allowed(world, PLAIN + f"    env: {{A: {tag}}}\n") is False


def test_the_name_of_a_file_may_need_quotes(world: World) -> None:
    """GitHub accepts any name."""
    path = ".github/workflows/c# test.yml"
    world.repository("acme/ci")
    run = world.run(jobs=[job("test")], path=path)
    world.file(path, PLAIN, at=run.sha)
    with FakeGitHub(world, check=validate) as github, client_of(github) as client:
        address = RunAddress(repository="acme/shop", run_id=run.id)
        assert allows_failures(client, read_run(client, address)) is False


def test_a_called_workflow_counts_at_its_commit(world: World) -> None:
    assert allowed(world, PLAIN, PLAIN) is False
    assert allowed(world, PLAIN, PLAIN + "    continue-on-error: true\n") is True


@pytest.mark.parametrize(
    "text",
    [None, "jobs: [", "- a list", "jobs: text", "a: &a [*a]", "!!python/object:os.system {}"],
)
def test_a_file_that_cannot_be_used_leaves_it_open(world: World, text: str | None) -> None:
    """It may be missing, not YAML, or another document."""
    assert allowed(world, text) is None


def test_a_workflow_without_a_file_leaves_it_open(world: World) -> None:
    """GitHub's own workflows have none, such as that of Pages."""
    assert allowed(world, None, path="dynamic/pages/pages-build-deployment") is None


OURS = "owner/flow-telemetry@v1"
SWEEPER = "owner/flow-telemetry/.github/workflows/telemetry.yml@v1"


def workflow_with(
    on: str = "push", step: str = "", *, uses: str = OURS, job: str = ""
) -> WorkflowFile:
    """A workflow with one step of the action; `step` and `job` are further lines of YAML."""
    text = (
        f"name: CI\non: {on}\njobs:\n  test:\n    runs-on: x\n{job}    steps:\n"
        f"      - run: make\n      - uses: {uses}\n{step}"
    )
    return parse_workflow_file(text, CI)


def calling(on: str, inputs: str = "", uses: str = SWEEPER) -> WorkflowFile:
    """A workflow whose job calls the reusable workflow."""
    text = f"on: {on}\njobs:\n  call:\n    uses: {uses}\n    with: {{{inputs}}}\n"
    return parse_workflow_file(text, CI)


def given(**inputs: str) -> str:
    """The lines of a step for these inputs."""
    lines = [f"          {name.replace('_', '-')}: {value}\n" for name, value in inputs.items()]
    return "".join(["        with:\n", *lines])


def inside(workflow: WorkflowFile) -> bool | None:
    """Whether the only step of the action exports the workflow's own runs."""
    (use,) = workflow.uses
    return exports_own_run(workflow, use)


@pytest.mark.parametrize(
    "uses",
    [
        "owner/flow-telemetry@v1",
        "Acme/Flow-Telemetry@0123456789012345678901234567890123456789",
        "acme/actions/flow-telemetry@main",
    ],
)
def test_a_step_of_the_action_is_found(uses: str) -> None:
    """By the end of its path, whoever owns it: it may be a fork or a copy."""
    workflow = workflow_with(step=given(mode="run", workflows='"!CI"', otlp_headers="secret"))
    (use,) = workflow_with(uses=uses).uses
    assert (use.job, use.uses, use.called) == ("test", uses, False)
    assert workflow.uses[0].inputs == {"mode": "run", "workflows": "!CI"}


@pytest.mark.parametrize(
    "uses", ["./", "./flow-telemetry", "owner/telemetry@v1", "owner/flow-telemetry-x@v1", "''"]
)
def test_other_steps_are_not(uses: str) -> None:
    assert workflow_with(uses=uses).uses == ()


def test_the_names_of_inputs_have_no_case() -> None:
    assert workflow_with(step=given(Mode="context")).uses[0].inputs == {"mode": "context"}


def test_a_call_of_the_reusable_workflow_is_found() -> None:
    workflow = calling("schedule", "sweep-runs: true, workflows: 'Deploy*'")
    (use,) = workflow.uses
    assert (use.job, use.uses, use.called) == ("call", SWEEPER, True)
    assert use.inputs == {"sweep-runs": "true", "workflows": "Deploy*"}


def test_a_call_of_another_workflow_is_not() -> None:
    other = SWEEPER.replace("telemetry.yml", "test.yml")
    assert calling("push", uses=other).uses == ()
    local = calling("push", uses="./.github/workflows/telemetry.yml")
    assert (local.uses, local.calls) == ((), (".github/workflows/telemetry.yml",))


@pytest.mark.parametrize(
    ("on", "events"),
    [
        ("push", {"push"}),
        ("[push, pull_request]", {"push", "pull_request"}),
        ("{schedule: [{cron: 1 * * * *}], workflow_dispatch: }", {"schedule", "workflow_dispatch"}),
    ],
)
def test_triggers_have_three_forms(on: str, events: set[str]) -> None:
    assert set(workflow_with(on).triggers) == events


def test_the_followed_workflows_are_a_list_or_one_name() -> None:
    one = workflow_with("{workflow_run: {workflows: Deploy, types: completed}}")
    several = workflow_with("{workflow_run: {workflows: [CI, 42], branches: [main]}}")
    assert (one.follows, one.follows_some) == (("Deploy",), False)
    assert one.triggers == {"workflow_run": frozenset({"completed"})}
    assert (several.follows, several.follows_some) == (("CI", "42"), True)


def test_a_workflow_without_a_name_has_that_of_its_file() -> None:
    assert parse_workflow_file(PLAIN, CI).name == CI
    assert workflow_with().name == "CI"


CALL = "${{ inputs.mode }}"


@pytest.mark.parametrize(
    ("on", "inputs", "expected"),
    [
        ("push", {}, True),
        ("push", {"mode": "auto", "export": "job"}, True),
        ("push", {"mode": "context"}, False),
        ("push", {"mode": "change"}, False),
        ("push", {"mode": CALL}, None),
        ("push", {"run_id": "123"}, False),
        ("push", {"run_id": "${{ github.run_id }}"}, True),
        ("push", {"run_id": "${{ inputs.run }}"}, None),
        ("workflow_run", {}, False),
        ("workflow_run", {"mode": "run"}, True),
        ("[workflow_run, push]", {}, True),
        ("deployment_status", {}, False),
        ("schedule", {}, True),
        ("schedule", {"since": "last"}, False),
        ("[schedule, push]", {"since": "last"}, True),
        ("workflow_dispatch", {"since": "${{ inputs.since }}"}, False),
        ("workflow_call", {}, False),
        ("workflow_call", {"mode": "run"}, False),
        ("{issues: {types: [closed]}}", {}, False),
        ("{issues: {types: [opened]}}", {}, True),
        ("{pull_request_target: {types: [closed]}}", {}, False),
        ("pull_request", {}, True),
        ("pull_request", {"events": "live"}, False),
        ("pull_request", {"phases": "live"}, False),
        ("[pull_request, push]", {"events": "live"}, True),
    ],
)
def test_which_steps_export_their_own_run(
    on: str, inputs: dict[str, str], expected: bool | None
) -> None:
    """The mode decides and, if it is `auto`, the event that starts the workflow."""
    assert inside(workflow_with(on, given(**inputs))) is expected


def test_beside_a_pull_request_only_a_run_of_several_jobs_is_exported() -> None:
    on = "{pull_request: {types: [closed]}}"
    matrix = "    strategy: {matrix: {python: [3.13, 3.14]}}\n"
    assert inside(workflow_with(on)) is False
    assert inside(workflow_with(on, job=matrix)) is True


def test_the_reusable_workflow_sweeps_by_time() -> None:
    """It sets `since` itself; as the last job of a workflow it exports the run."""
    assert inside(calling("schedule")) is False
    assert inside(calling("push")) is True


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("always()", True),
        ("${{ !cancelled() && (success() || failure()) }}", True),
        ("github.event.workflow_run.conclusion != 'action_required'", True),
        ("github.event_name == 'push'", False),
        ("false", False),
    ],
)
def test_only_conditions_on_results_leave_a_step_certain(condition: str, expected: bool) -> None:
    workflow = workflow_with(step=f"        if: >-\n          {condition}\n")
    assert workflow.uses[0].certain is expected


@pytest.mark.parametrize(
    ("on", "inputs", "expected"),
    [
        ("{workflow_run: {workflows: [CI]}}", {}, True),
        ("{workflow_run: {workflows: [CI], types: [requested]}}", {}, False),
        ("workflow_run", {"mode": "run"}, False),
        ("workflow_run", {"mode": "run", "run_id": "${{ github.event.workflow_run.id }}"}, True),
        ("workflow_run", {"run_id": "${{ inputs.run }}"}, None),
        ("workflow_run", {"run_id": "7"}, False),
        ("workflow_run", {"mode": CALL}, None),
        ("push", {}, False),
    ],
)
def test_which_steps_export_the_runs_that_they_follow(
    on: str, inputs: dict[str, str], expected: bool | None
) -> None:
    workflow = workflow_with(on, given(**inputs))
    assert exports_followed_runs(workflow, workflow.uses[0]) is expected


@pytest.mark.parametrize(
    ("on", "inputs", "expected"),
    [
        ("schedule", {"since": "last", "sweep_runs": "true"}, True),
        ("push", {"mode": "sweep", "sweep_runs": "true"}, True),
        ("schedule", {"since": "last", "sweep_runs": "${{ vars.RUNS }}"}, None),
        ("schedule", {"mode": CALL, "sweep_runs": "true"}, None),
        ("schedule", {"since": "last"}, False),
        ("schedule", {"sweep_runs": "true"}, False),
        ("push", {"since": "last", "sweep_runs": "true"}, False),
        ("schedule", {"mode": "run", "sweep_runs": "true"}, False),
    ],
)
def test_which_steps_sweep_runs(on: str, inputs: dict[str, str], expected: bool | None) -> None:
    workflow = workflow_with(on, given(**inputs))
    assert sweeps_runs(workflow, workflow.uses[0]) is expected


def test_the_reusable_workflow_sweeps_runs_unless_told_otherwise() -> None:
    for inputs, expected in (("sweep-runs: false", False), ("", True)):
        workflow = calling("schedule", inputs)
        assert sweeps_runs(workflow, workflow.uses[0]) is expected


def test_which_steps_export_deployments() -> None:
    for on, inputs, expected in (
        ("deployment_status", {}, True),
        ("deployment_status", {"mode": "run"}, False),
        ("push", {}, False),
    ):
        workflow = workflow_with(on, given(**inputs))
        assert exports_deployments(workflow, workflow.uses[0]) is expected


@pytest.mark.parametrize(
    "text", ["jobs: [", "- a list", "jobs: text", "on: push", "", "#" * 100_001, "a: &a [*a]"]
)
def test_a_file_that_is_not_a_workflow_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="workflow file"):
        parse_workflow_file(text, CI)


def test_aliases_do_not_multiply_the_work() -> None:
    """A short file can repeat a long list of steps in each of many jobs."""
    steps = f"[{f'{{uses: {OURS}}}, ' * 2000}]"
    jobs = "".join(f"  j{n}: {{steps: *s}}\n" for n in range(900))
    workflow = parse_workflow_file(f"on: push\nx: &s {steps}\njobs:\n{jobs}", CI)
    assert len(workflow.uses) == 200


@pytest.mark.parametrize("tag", ["!!int ''", "!!python/object:os.system {}", "!mine {a: 1}"])
def test_tags_make_nothing(tag: str) -> None:
    assert inside(workflow_with(step=f"        env: {{A: {tag}}}\n")) is True


def test_the_files_of_the_default_branch_are_read(world: World) -> None:
    """Up to a number; a file that cannot be used is named."""
    text = f"on: push\njobs: {{a: {{steps: [{{uses: {OURS}}}]}}}}\n"
    world.file(CI, text, at="main")
    world.file(".github/workflows/broken.yml", "jobs: [", at="main")
    world.file(".github/workflows/README.md", "text", at="main")
    for number in range(40):
        world.file(f".github/workflows/z{number:02}.yaml", PLAIN, at="main")
    with FakeGitHub(world, check=validate) as github, client_of(github) as client:
        found = read_workflow_files(client, "acme/shop")
        assert len(github.requests) == 31
    assert [file.path for file in found.files][:2] == [CI, ".github/workflows/z00.yaml"]
    assert (len(found.files), found.unread[0]) == (29, ".github/workflows/broken.yml")
    assert len(found.unread) == 1 + 12


# Deployments that a later job of the same run exported.

DEPLOY = "  deploy: {environment: production, steps: [{run: make}]}\n"
LAST = (
    "  last:\n    needs: deploy\n    if: always()\n    steps: [{uses: owner/flow-telemetry@v1}]\n"
)


def by_other_job(
    world: World, jobs: str | None, name: str = "deploy", *, listed: Any = (), event: str = "push"
) -> bool | None:
    """Return whether a run of these jobs was exported by another job than the named one."""
    run = world.run(jobs=list(listed), path=CI, event=event)
    text = None if jobs is None else f"on: [push, schedule]\njobs:\n{jobs}"
    world.file(CI, text, at=run.sha)
    with FakeGitHub(world, check=validate) as github, client_of(github) as client:
        told = read_run(client, RunAddress(repository="acme/shop", run_id=run.id))
        before = len(github.requests)
        exported = exported_by_other_job(client, told, name)
        assert len(github.requests) == before + 1
        return exported


def test_a_last_job_exports_what_others_deployed(world: World) -> None:
    assert by_other_job(world, DEPLOY + LAST) is True
    assert by_other_job(world, DEPLOY) is False


def test_the_job_that_deployed_does_not_count_itself(world: World) -> None:
    """At its export its deployment had not ended."""
    assert by_other_job(world, DEPLOY + LAST, "last") is False


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ("export: rest", True),
        ("export: run", True),
        ("export: job", False),
        ("mode: context", False),
        ("export: '${{ vars.EXPORT }}'", None),
        ("mode: '${{ vars.MODE }}'", None),
    ],
)
def test_a_step_for_its_own_job_does_not_count(
    world: World, inputs: str, expected: bool | None
) -> None:
    """Nor does one of another mode."""
    step = f"{{uses: owner/flow-telemetry@v1, with: {{{inputs}}}}}"
    jobs = DEPLOY + f"  last: {{needs: deploy, steps: [{step}]}}\n"
    assert by_other_job(world, jobs) is expected


def test_the_event_of_the_run_decides(world: World) -> None:
    """A sweep by the schedule exports no run of its own."""
    jobs = DEPLOY + LAST.replace("v1}", "v1, with: {since: last}}")
    assert by_other_job(world, jobs) is True
    assert by_other_job(world, jobs, event="schedule") is False


def test_a_condition_leaves_it_open(world: World) -> None:
    assert by_other_job(world, DEPLOY + LAST.replace("always()", "github.actor == 'bob'")) is None


@pytest.mark.parametrize(
    ("conclusion", "after", "expected"),
    [("success", 100, True), ("skipped", 100, False), ("success", -100, False)],
)
def test_the_jobs_of_the_run_decide_if_they_are_known(
    world: World, conclusion: str, after: int, expected: bool
) -> None:
    """A job that was skipped, or ended before, exported nothing of the deployment."""
    jobs = DEPLOY + LAST.replace("always()", "github.actor == 'bob'")
    listed = [job("deploy", seconds=60), job("last", conclusion, after=after, seconds=30)]
    assert by_other_job(world, jobs, listed=listed) is expected


def test_a_job_at_the_same_time_leaves_it_open(world: World) -> None:
    listed = [job("deploy", seconds=60), job("last", after=10, seconds=300)]
    assert by_other_job(world, DEPLOY + LAST, listed=listed) is None


def test_a_step_after_a_failed_one_did_not_run(world: World) -> None:
    """Unless its condition says so."""
    listed = [job("deploy", seconds=60), job("last", "failure", after=100)]
    assert by_other_job(world, DEPLOY + LAST, listed=listed) is None
    always = LAST.replace("v1}", "v1, if: always()}")
    assert by_other_job(world, DEPLOY + always, listed=listed) is True


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("deploy: {", "deploy (eu, 1)"),
        ("deploy: {name: Ship it, ", "Ship it"),
        ("deploy: {name: Ship it, ", "Ship it (eu)"),
        ("deploy: {name: 'Ship ${{ matrix.region }} now', ", "Ship eu now"),
        ("deploy: {", "deploy / inner"),
        ("deploy: {name: '${{ matrix.a }}', ", "anything"),
    ],
)
def test_jobs_are_found_by_their_names(world: World, head: str, name: str) -> None:
    """A matrix and called workflows add to the name; a step in the very job does not count."""
    jobs = f"  {head}steps: [{{uses: owner/flow-telemetry@v1}}]}}\n  other: {{steps: []}}\n"
    assert by_other_job(world, jobs, name) is False
    assert by_other_job(world, jobs, "other") is True


def test_a_file_that_cannot_be_read_decides_nothing(world: World) -> None:
    """It may have a step that exports."""
    assert by_other_job(world, "  - x\n") is None


def test_without_a_file_nothing_in_the_run_exports_it(world: World) -> None:
    """Such as the workflow of GitHub Pages, which is GitHub's own."""
    assert by_other_job(world, None) is False


def test_settings_in_the_file_count() -> None:
    """A line of `settings` is as good as an input; the input counts more, a variable is unknown."""
    text = (
        "on: [push, schedule]\njobs:\n  a:\n    steps:\n      - uses: o/flow-telemetry@v1\n"
        "        with:\n          mode: run\n          settings: |\n            ${{ vars.X }}\n"
        "            mode: sweep\n            since: 7d\n"
    )
    (use,) = parse_workflow_file(text, CI).uses
    assert use.inputs == {"mode": "run", "since": "7d"}
