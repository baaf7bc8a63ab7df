"""The composite action executed for real, in the README's own workflows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import events
from tests.fakes.plans import JobPlan
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import Runner, World, job, step
from tests.support.act import RUN, RUN_WITHOUT_INPUTS, Act, ActResult, ArtifactStore
from tests.support.pages import title_of
from tests.support.workflows import ROOT, Workflow, documented_examples, load, our_steps

pytestmark = pytest.mark.act

TOKEN = "ghs_tokenOfThisRun0123456789"
HEADERS = "Authorization=Bearer otlpSecret0123456789"
OURS = "Run owner/flow-telemetry@v1"
LEGS = [f"test ({n})" for n in range(1, 6)]
NOBODY_LISTENS = "http://127.0.0.1:9"


def example(place: str) -> Workflow:
    """Return an example of the README, with ids for our steps and a step that reads outputs."""
    workflow = load(documented_examples()[place])
    for of_job, ours in list(our_steps(workflow)):
        ours["id"] = "telemetry"
        names = ("status", "spans", "trace-id", "span-id", "traceparent")
        told = " ".join(f"{name}=${{{{ steps.telemetry.outputs.{name} }}}}" for name in names)
        of_job["steps"].append({"if": "always()", "run": f"echo '{told}'"})
    return workflow


def secrets(endpoint: str) -> dict[str, str]:
    return {"GITHUB_TOKEN": TOKEN, "OTLP_ENDPOINT": endpoint, "OTLP_HEADERS": HEADERS}


def going_on(name: str, *before: tuple[str, str], runner: str = "rack-1", **facts: Any) -> JobPlan:
    """Return a job that ran the steps before ours, of those conclusions, and now runs ours."""
    steps = [*(step(each, 5, result) for each, result in before), step(OURS, conclusion=None)]
    place = Runner(1, runner, 1, "Default")
    return job(name, None, **{"steps": steps, "runner": place, **facts})


def begin(world: World, *jobs: JobPlan, **facts: Any) -> Run:
    """Add a run that began just now: act runs its last steps by this machine's clock."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    return world.run(jobs=jobs, created_at=now, **facts)


@pytest.fixture
def in_pull_request(world: World) -> Run:
    """The README's first example: the only job of a run, which belongs to a pull request."""
    world.pull_request(123, branch="feature")
    build = going_on("build", ("Set up job", "success"), ("Run make", "success"))
    return begin(world, build, event="pull_request", branch="feature")


def last_step(
    act: Act, run: Run, workflow: Workflow, endpoint: str, make: str = "true"
) -> ActResult:
    """Run the example of a last step, for the pull request of the world."""
    event = events.pull_request(act.github.world, act.github.world.pull_requests[0])
    return act.run(
        "pull_request", workflow, run=run, event=event, secrets=secrets(endpoint), make=make
    )


def test_as_last_step_of_a_job(act: Act, in_pull_request: Run, receiver: Receiver) -> None:
    """The run arrives in its pull request's trace, and a later step reads the outputs."""
    result = last_step(act, in_pull_request, example("last step"), receiver.url)
    assert result.status == 0, result.log
    assert [line.strip() for line in receiver.tree() if "queued" not in line] == [
        "pull request #123", "RUN CI", "build", "Set up job", "Run make"
    ]  # fmt: skip
    run = receiver.span("RUN CI")
    outputs = result.outputs("telemetry")
    declared = load((ROOT / "action.yml").read_text(encoding="utf-8"))["outputs"]
    assert outputs == {
        **dict.fromkeys(declared, ""),
        "status": "exported",
        "spans": str(len(receiver.spans)),
        "trace-id": run.trace_id,
        "span-id": run.span_id,
        "traceparent": f"00-{run.trace_id}-{run.span_id}-01",
        "trace-url": "",
        "coverage-file": "",
        "coverage-artifact": "",
        "page": "",
    }
    assert "status=exported" in result.echoed
    assert f"traceparent={outputs['traceparent']}" in result.echoed
    assert receiver.requests[0].headers["authorization"] == "Bearer otlpSecret0123456789"


def test_after_a_step_that_failed(act: Act, in_pull_request: Run, receiver: Receiver) -> None:
    """`if: always()` runs the step all the same; the job fails for its own reason only."""
    act.github.world.change_job(
        in_pull_request,
        "build",
        steps=[step("Set up job", 5), step("Run make", 5, "failure"), step(OURS, conclusion=None)],
    )
    result = last_step(act, in_pull_request, example("last step"), receiver.url, make="false")
    assert (result.status, result.outputs("telemetry")["status"]) == (1, "exported")
    assert receiver.span("Run make").status == "ERROR"


def test_secrets_are_masked_first_and_never_shown(
    act: Act, in_pull_request: Run, receiver: Receiver
) -> None:
    """Whatever is told, the runner knows by then what to hide; no log and no summary has it."""
    result = last_step(act, in_pull_request, example("last step"), receiver.url)
    are_masks = [line.startswith("::add-mask::") for line in result.printed]
    assert are_masks == sorted(are_masks, reverse=True)
    assert {TOKEN, "otlpSecret0123456789"} <= set(result.commands("add-mask"))
    told = [line for line in result.printed if not line.startswith("::add-mask::")]
    for secret in (TOKEN, "otlpSecret0123456789"):
        assert secret not in "\n".join([*told, *result.summaries])


def test_the_summary_is_written(act: Act, in_pull_request: Run, receiver: Receiver) -> None:
    """The runner shows it at the run; it names the trace."""
    result = last_step(act, in_pull_request, example("last step"), receiver.url)
    (summary,) = result.summaries
    assert receiver.span("RUN CI").trace_id in summary


def test_inputs_reach_the_program(act: Act, in_pull_request: Run, receiver: Receiver) -> None:
    """By env alone, although act's INPUT_* are taken away."""
    workflow = example("last step")
    for _, ours in our_steps(workflow):
        ours["with"] |= {
            "detail": "job",
            "settings": "service-name: ci of {repository}\n"
            "trace-url: https://traces.example/{trace_id}\n",
            "summary": False,
            "trace-scope": "run",
        }
    result = last_step(act, in_pull_request, workflow, receiver.url)
    run = receiver.span("RUN CI")
    assert run.parent_span_id == ""
    assert run.resource["service.name"] == "ci of acme/shop"
    assert result.outputs("telemetry")["trace-url"] == f"https://traces.example/{run.trace_id}"
    assert (receiver.spans_named("Run make"), result.summaries) == ([], [])


@pytest.mark.parametrize(
    ("fail_on_error", "status", "annotation"),
    [(False, 0, "warning"), (True, 1, "error")],
)
def test_a_backend_that_is_down(
    act: Act, in_pull_request: Run, fail_on_error: bool, status: int, annotation: str
) -> None:
    """A warning, and a green build; the step fails only where the user asked for it."""
    workflow = example("last step")
    for _, ours in our_steps(workflow):
        ours["with"]["fail-on-error"] = fail_on_error
    result = last_step(act, in_pull_request, workflow, NOBODY_LISTENS)
    assert (result.status, result.outputs("telemetry")["status"]) == (status, "spooled")
    (told,) = result.commands(annotation)
    assert "127.0.0.1:9" in told


def test_without_secrets_nothing_is_sent(act: Act, in_pull_request: Run) -> None:
    """A run of a fork has none: a notice, and not even a request to GitHub."""
    result = last_step(act, in_pull_request, example("last step"), "")
    assert (result.status, result.outputs("telemetry")["status"]) == (0, "skipped")
    assert (len(result.commands("notice")), result.commands("warning")) == (1, [])
    assert act.github.requests == []


def test_as_last_job(act: Act, world: World, receiver: Receiver) -> None:
    """It `needs` the others and sends them all, and of itself what is known."""
    world.pull_request(7, branch="feature")
    build = job("build", steps=[step("Run make", 30)])
    own = going_on("telemetry", ("Set up job", "success"), after=40)
    run = begin(world, build, own, event="pull_request", branch="feature")
    result = last_step(act, run, example("last job"), receiver.url)
    assert result.status == 0, result.log
    assert [line.strip() for line in receiver.tree() if "queued" not in line] == [
        "pull request #7", "RUN CI", "build", "Run make", "telemetry", "Set up job"
    ]  # fmt: skip


def test_on_workflow_run(act: Act, world: World, receiver: Receiver) -> None:
    """The run that completed is sent whole, from a run of another workflow."""
    ended = world.run(jobs=[job("build", steps=[step("Compile", 30)]), job("test")])
    here = begin(world, going_on("telemetry"), workflow="Telemetry", event="workflow_run")
    result = act.run(
        "workflow_run",
        example("workflow_run"),
        run=here,
        event=events.workflow_run(world, ended),
        secrets=secrets(receiver.url),
    )
    assert result.status == 0, result.log
    assert receiver.span("RUN CI").attributes["cicd.pipeline.run.id"] == str(ended.id)
    assert not any("flow.partial" in span.attributes for span in receiver.spans)


def test_five_legs_and_the_rest(act: Act, world: World, receiver: Receiver) -> None:
    """Each leg sends itself, whatever the others do; a last job the run: every id once."""
    before = ("Run make test", "success")
    run = begin(world, *(going_on(name, before, runner=name) for name in LEGS))
    workflow = example("each job and the rest")
    legs, rest = workflow["jobs"]["test"], workflow["jobs"]["telemetry"]
    legs["strategy"]["matrix"] = {"leg": LEGS}
    legs["env"], rest["env"] = {"RUNNER_NAME": "${{ matrix.leg }}"}, {"RUNNER_NAME": "rest"}
    act.github.on_request = lambda count, path: list_last_job(world, run, receiver)
    result = act.run(
        "push",
        workflow,
        run=run,
        secrets={"GITHUB_TOKEN": TOKEN},
        variables={"OTLP_ENDPOINT": receiver.url},
    )
    assert result.status == 0, result.log
    assert result.echoed.count("status=exported") == 6
    ids = [(span.trace_id, span.span_id) for span in receiver.spans]
    assert len(ids) == len(set(ids))
    of_jobs = [s.name for s in receiver.spans if s.attributes["flow.entity.type"] == "job"]
    assert sorted(of_jobs) == ["telemetry", *LEGS]
    assert len(receiver.spans_named("RUN CI")) == 1


def list_last_job(world: World, run: Run, receiver: Receiver) -> None:
    """End the legs and list the job that needs them, once each leg has sent itself."""
    current = next(attempt for attempt in world.attempts if attempt.id == run.id)
    sent = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "job"]
    if len(sent) < len(LEGS) or len(current.jobs) > len(LEGS):
        return
    ended = [
        replace(
            each.plan,
            id=each.id,
            conclusion="success",
            steps=[step("Run make test", 5), step(OURS, 2)],
        )
        for each in current.jobs
    ]
    last = going_on("telemetry", ("Set up job", "success"), runner="rest", after=20)
    world.change_run(run, jobs=[*ended, last])


def test_only_the_line_that_takes_inputs_away_is_changed(action_without_inputs: Path) -> None:
    """What act runs is the action as it is, in every other respect."""
    ours = (ROOT / "action.yml").read_text("utf-8").splitlines()
    changed = (action_without_inputs / "action.yml").read_text("utf-8").splitlines()
    different = [(a.strip(), b.strip()) for a, b in zip(ours, changed, strict=True) if a != b]
    assert different == [(f"run: {RUN}", f"run: {RUN_WITHOUT_INPUTS}")]


@pytest.mark.skipif(sys.platform == "win32", reason="a line for POSIX shells")
def test_that_line_takes_inputs_away(tmp_path: Path) -> None:
    """Nothing called INPUT_* is left, whatever it holds, and all else is."""
    (tmp_path / "launcher").mkdir()
    (tmp_path / "launcher" / "start.sh").write_text("env\n")
    given: Mapping[str, str] = {
        "INPUT_MODE": "auto",
        "INPUT_OTLP-HEADERS": "a=b\nc=d",
        "FLOW_TELEMETRY_MODE": "auto",
        "GITHUB_ACTION_PATH": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        ["sh", "-c", RUN_WITHOUT_INPUTS], env=given, capture_output=True, text=True, check=True
    )
    assert "INPUT_" not in done.stdout
    assert "FLOW_TELEMETRY_MODE=auto" in done.stdout


def test_a_setting_that_can_never_work_fails_the_step(
    act: Act, in_pull_request: Run, receiver: Receiver
) -> None:
    """Also without `fail-on-error`: `continue-on-error` in action.yml does not hide it."""
    workflow = example("last step")
    for _, ours in our_steps(workflow):
        ours["with"] |= {"detail": "steps"}
    result = last_step(act, in_pull_request, workflow, receiver.url)
    assert (result.status, receiver.requests) == (1, [])
    (error,) = result.commands("error")
    assert error.startswith("flow-telemetry: `detail` must be one of step, job, run")
    assert result.outputs("telemetry")["status"] == "skipped"
    assert "The settings cannot work" in result.log


def test_a_wrong_optional_setting_fails_no_step(
    act: Act, in_pull_request: Run, receiver: Receiver
) -> None:
    """It is an error in the log, and everything else is exported."""
    workflow = example("last step")
    for _, ours in our_steps(workflow):
        ours["with"] |= {"settings": "jira-url: https://jira.example.com:port"}
    result = last_step(act, in_pull_request, workflow, receiver.url)
    (error,) = result.commands("error")
    assert "`jira-url` is not a URL" in error
    assert (result.status, result.outputs("telemetry")["status"]) == (0, "exported")
    assert receiver.span("RUN CI").status != "ERROR"


def test_the_page_is_uploaded(act: Act, world: World, receiver: Receiver, tmp_path: Path) -> None:
    """By the workflow of docs/guides/page.md, as a file that a browser shows."""
    page = (ROOT / "docs" / "guides" / "page.md").read_text(encoding="utf-8")
    workflow = load(re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[0])
    (of_job,) = workflow["jobs"].values()
    artifacts = ArtifactStore(folder=tmp_path / "artifacts", action=of_job["steps"][1]["uses"])
    pull = world.pull_request(123, title="Pay by card", merged_at="2026-11-04T08:00:00Z")
    here = begin(world, going_on("page"), workflow="Page", event="pull_request")
    result = act.run(
        "pull_request",
        workflow,
        run=here,
        event=events.pull_request(world, pull, "closed"),
        secrets={"GITHUB_TOKEN": TOKEN},
        artifacts=artifacts,
    )
    assert (result.status, result.commands("warning")) == (0, []), result.log
    (uploaded,) = artifacts.folder.glob(f"{here.id}/page.html/*")
    assert title_of(uploaded.read_text(encoding="utf-8")) == "pull request #123: Pay by card"
    assert receiver.requests == []


def test_a_comment_is_written_without_a_checkout(
    act: Act, world: World, receiver: Receiver
) -> None:
    """By the workflow of docs/guides/pull-requests.md; a file in the workspace prevents it."""
    page = (ROOT / "docs" / "guides" / "pull-requests.md").read_text(encoding="utf-8")
    workflow = load(re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[0])
    world.pull_request(123, branch="feature")
    tests = job("test", "failure", steps=[step("Run pytest", 30, "failure")])
    ended = world.run(event="pull_request", branch="feature", jobs=[tests])
    here = begin(world, going_on("comment"), workflow="Comment", event="workflow_run")
    event = events.workflow_run(world, ended)
    given: dict[str, Any] = {"run": here, "event": event, "secrets": secrets(receiver.url)}
    result = act.run("workflow_run", workflow, **given)
    assert (result.status, result.commands("warning")) == (0, []), result.log
    (comment,) = world.comments.values()
    assert "CI: failure** after" in comment.body
    assert receiver.span("RUN CI").trace_id in comment.body

    (of_job,) = workflow["jobs"].values()
    of_job["steps"].insert(0, {"run": "echo from the pull request >setup.py"})
    world.comments.clear()
    result = act.run("workflow_run", workflow, **given)
    (warning,) = result.commands("warning")
    assert (result.status, "has files in its workspace" in warning) == (0, True), result.log
    assert world.comments == {}
