"""`mode: context`: the later steps of a job know their trace before anything of it is sent."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, deployment_status, job, sha_of, step
from tests.stories.test_inside_a_run import going_on
from tests.support import references
from tests.support.job import A_TOOL, Job
from tests.support.program import TOKEN, Program

OUTER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def own_job(program: Program, world: World) -> Job:
    """A job of a pull request's run, as it goes on."""
    world.pull_request(123)
    run = world.run(event="pull_request", branch="feature", jobs=[going_on("test", "Compile")])
    return Job(program, run, "test")


def test_the_context_is_the_jobs_span_as_the_export_sends_it(
    own_job: Job, receiver: Receiver
) -> None:
    """TRACEPARENT names the job's span, which the export of the same job sends later."""
    result = own_job.context()
    assert (result.status, result.warnings, result.notices) == (0, [], [])
    own_job.step()
    of_job = receiver.span("test")
    assert own_job.environ["TRACEPARENT"] == f"00-{of_job.trace_id}-{of_job.span_id}-01"
    assert result.outputs["traceparent"] == own_job.environ["TRACEPARENT"]
    assert result.outputs["trace-id"] == of_job.trace_id
    assert result.outputs["span-id"] == of_job.span_id


def test_it_sends_nothing_and_writes_no_summary(own_job: Job, receiver: Receiver) -> None:
    """The export at the end does."""
    result = own_job.context()
    assert (receiver.requests, result.summary) == ([], "")
    assert (result.outputs["status"], result.outputs["spans"]) == ("skipped", "0")


def test_a_wrong_optional_setting_is_an_error_in_the_log(own_job: Job) -> None:
    """The step passes, and the later steps still get their trace context."""
    result = own_job.context(measure="yes", logs="some")
    assert [error.partition(" must")[0] for error in result.errors] == [
        "flow-telemetry: `measure`",
        "flow-telemetry: `logs`",
    ]
    assert result.status == 0
    assert own_job.environ["TRACEPARENT"] == result.outputs["traceparent"]


def test_it_asks_github_for_no_jobs(own_job: Job, github: FakeGitHub) -> None:
    """The runner tells the id of the job, so the job's start waits for little."""
    own_job.context()
    assert not [path for path in github.paths if path.endswith("/jobs")]
    assert len(github.requests) <= 3


def test_baggage_carries_feature_item_and_change(program: Program, world: World) -> None:
    """Tools can put them on what they send; what was in the baggage stays."""
    world.issue(17, type="Epic")
    world.issue(18, type="Story", parent=17)
    world.pull_request(123, closes=[18])
    run = world.run(event="pull_request", branch="feature", jobs=[going_on("test", "Compile")])
    of_job = Job(program, run, "test")
    of_job.context({"BAGGAGE": "team=delivery"})
    entries = dict(each.split("=", 1) for each in of_job.environ["BAGGAGE"].split(","))
    assert entries == {
        "vcs.change.id": "123",
        "flow.work_item.key": "acme/shop#18",
        "flow.feature.key": "acme/shop#17",
        "team": "delivery",
    }


def test_the_tracestate_says_that_every_span_is_kept(own_job: Job) -> None:
    """A sampler further down reads the threshold of OpenTelemetry's own entry."""
    own_job.context()
    assert own_job.environ["TRACESTATE"] == "ot=th:0"


def test_without_the_jobs_id_it_is_looked_up(own_job: Job, receiver: Receiver) -> None:
    """GitHub Enterprise Server tells none: the job is the one in progress on this runner."""
    own_job.environ["FLOW_TELEMETRY_CHECK_RUN_ID"] = ""
    result = own_job.context()
    own_job.step()
    assert result.outputs["span-id"] == receiver.span("test").span_id


def test_a_context_that_is_there_is_kept_and_linked_to(own_job: Job, receiver: Receiver) -> None:
    """A self-hosted runner may have one: later steps stay below it, the job links to it."""
    own_job.environ["TRACEPARENT"] = OUTER
    result = own_job.context()
    assert "TRACEPARENT" not in own_job.given
    assert OUTER in result.notices[0]
    own_job.step()
    measured = receiver.span("measured")
    assert measured.parent_span_id == receiver.span("test").span_id
    (link,) = measured.links
    assert (link.trace_id, link.span_id) == tuple(OUTER.split("-")[1:3])
    assert receiver.span("test").links == ()


def test_a_second_context_step_changes_nothing(own_job: Job) -> None:
    """Its own context is no foreign one."""
    first = own_job.context()
    second = own_job.context()
    assert second.notices == []
    assert second.outputs["traceparent"] == first.outputs["traceparent"]


def test_both_name_one_trace_though_the_pull_request_is_opened_meanwhile(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A push run is a root when the job begins; then somebody opens the pull request."""
    run = world.run(event="push", branch="feature", jobs=[going_on("test", "Compile")])
    of_job = Job(program, run, "test")
    given = of_job.context()
    pull = world.pull_request(123, opened_at=run.created_at - timedelta(minutes=1))
    of_job.step()
    of_run = receiver.span("RUN CI")
    assert (of_run.trace_id, of_run.parent_span_id) == (given.outputs["trace-id"], "")
    assert "change" in {link.attributes["flow.link"] for link in of_run.links}
    assert of_run.attributes["vcs.change.id"] == str(pull.number)


def test_a_second_context_step_names_that_trace_too(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Two composite actions bring a context step each, and the pull request comes in between."""
    run = world.run(event="push", branch="feature", jobs=[going_on("test", "Compile")])
    of_job = Job(program, run, "test")
    first = of_job.context()
    world.pull_request(123, opened_at=run.created_at - timedelta(minutes=1))
    second = of_job.context()
    assert second.outputs["traceparent"] == first.outputs["traceparent"]
    assert of_job.environ["TRACEPARENT"] == first.outputs["traceparent"]
    assert "vcs.change.id=123" in of_job.environ["BAGGAGE"]
    assert second.notices == []
    of_job.step()
    of_export = receiver.span("test")
    assert first.outputs["traceparent"] == f"00-{of_export.trace_id}-{of_export.span_id}-01"


def test_a_second_context_step_keeps_the_link_to_what_was_there(
    own_job: Job, receiver: Receiver
) -> None:
    """The first one told of it; the second says nothing new."""
    own_job.environ["TRACEPARENT"] = OUTER
    own_job.context()
    assert own_job.context().notices == []
    assert own_job.environ["TRACEPARENT"] == OUTER
    own_job.step()
    (link,) = receiver.span("measured").links
    assert link.trace_id == OUTER.split("-")[1]


def test_a_second_context_step_does_not_believe_a_strangers_note(own_job: Job) -> None:
    """What any step could have written leads it to no other trace."""
    first = own_job.context()
    (note,) = (own_job.program.folder / "temp").rglob("context.json")
    told = json.loads(note.read_text(encoding="utf-8"))
    note.write_text(json.dumps({**told, "path": ["github.com/acme/shop/pull/99"]}), "utf-8")
    assert own_job.context().outputs["traceparent"] == first.outputs["traceparent"]
    note.write_text(json.dumps({**told, "run": "another", "path": []}), "utf-8")
    assert own_job.context().outputs["traceparent"] == first.outputs["traceparent"]


def test_a_note_that_names_a_strangers_trace_is_not_believed(
    own_job: Job, receiver: Receiver
) -> None:
    """Any step of the job could have written it."""
    own_job.context()
    (note,) = (own_job.program.folder / "temp").rglob("context.json")
    known = json.loads(note.read_text(encoding="utf-8"))
    known["path"] = ["github.com/acme/secret/pull/1"]
    note.write_text(json.dumps(known), encoding="utf-8")
    own_job.step()
    assert receiver.span("test").trace_id == own_job.environ["TRACEPARENT"].split("-")[1]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"run": 3}', '{"path": "x"}', "[" * 100_000])
def test_a_damaged_note_harms_nothing(own_job: Job, receiver: Receiver, text: str) -> None:
    """The export then finds the place by itself."""
    own_job.context()
    (note,) = (own_job.program.folder / "temp").rglob("context.json")
    note.write_text(text, encoding="utf-8")
    result = own_job.step()
    assert (result.status, result.warnings) == (0, [])
    assert receiver.span("test").trace_id == own_job.environ["TRACEPARENT"].split("-")[1]


def test_the_endpoint_stays_with_us_unless_it_is_asked_for(own_job: Job) -> None:
    """Every later process could read its credentials."""
    own_job.context(otlp_headers="api-key=secret-of-ours")
    assert not [name for name in own_job.environ if name.startswith("OTEL_EXPORTER")]


def test_with_inject_endpoint_later_steps_send_to_it_too(own_job: Job, receiver: Receiver) -> None:
    """The OpenTelemetry SDK in a test process finds endpoint, headers and its parent."""
    result = own_job.context(otlp_headers="api-key=secret of ours", inject_endpoint=True)
    assert "secret%20of%20ours" in "".join(result.masks)
    done = own_job.process(sys.executable, "-c", A_TOOL)
    assert (done.returncode, done.stderr) == (0, "")
    own_job.step()
    tool = receiver.span("compile shop")
    assert tool.parent_span_id == receiver.span("test").span_id
    assert receiver.requests[0].headers["api-key"] == "secret of ours"


def test_variables_that_the_job_has_are_not_replaced(own_job: Job) -> None:
    """Its tests may send elsewhere."""
    own_job.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = "http://tests.example.com"
    own_job.context(inject_endpoint=True)
    assert "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" not in own_job.given
    assert "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" in own_job.given


def test_commands_measured_within_one_another_stand_below_the_job(
    own_job: Job, receiver: Receiver
) -> None:
    """`flow-telemetry run` in `flow-telemetry run`: one tree with the job's span as its parent."""
    own_job.context(inject_endpoint=True)
    run = (sys.executable, "-m", "flow_telemetry", "run")
    done = own_job.process(
        *(*run, "--name", "outer", "--"), *(*run, "--name", "inner", "--"), sys.executable, "-V"
    )
    assert done.returncode == 0, done.stderr
    own_job.step()
    of_job, outer, inner = (receiver.span(name) for name in ("test", "outer", "inner"))
    assert (outer.parent_span_id, inner.parent_span_id) == (of_job.span_id, outer.span_id)
    assert inner.attributes["vcs.change.id"] == "123"


def test_a_tool_that_only_knows_the_variable_is_handed_it(own_job: Job) -> None:
    """As `otel-cli` and its like read it: by name, in upper case."""
    own_job.context()
    script = "import os; print(os.environ['TRACEPARENT'])"
    assert (
        own_job.process(sys.executable, "-c", script).stdout.strip()
        == (own_job.environ["TRACEPARENT"])
    )


def test_that_github_cannot_be_asked_is_a_warning(own_job: Job, github: FakeGitHub) -> None:
    """The job goes on without a context, and is exported all the same at its end."""
    github.script("/actions/", status(500), times=None)
    result = own_job.context(timeout=2)
    assert result.status == 0
    assert len(result.warnings) == 1
    assert "TRACEPARENT" not in own_job.given
    assert TOKEN not in result.log


def test_a_run_that_is_not_exported_gets_no_context(own_job: Job) -> None:
    """Its steps would stand below a span that never comes."""
    result = own_job.context(workflows="Release")
    assert "`workflows`" in result.warnings[0]
    assert own_job.given == {}


def test_without_a_folder_for_the_note_it_says_so(own_job: Job) -> None:
    """The context is given all the same."""
    result = own_job.context({"RUNNER_TEMP": ""})
    assert "RUNNER_TEMP" in result.notices[0]
    assert "TRACEPARENT" in own_job.given


def test_the_command_line_has_no_such_mode(program: Program) -> None:
    """There are no later steps to give anything to."""
    assert program.command("export", "context").status == 2


def test_a_job_of_a_matrix_is_its_own(program: Program, world: World, receiver: Receiver) -> None:
    """Each leg gets the span of its own job."""
    legs = [going_on("test (3.12)", "Compile"), going_on("test (3.13)", "Compile")]
    run = world.run(jobs=[*legs, job("build", steps=[step("Compile", 3)])])
    spans = {}
    for leg in ("test (3.12)", "test (3.13)"):
        of_leg = Job(program, run, leg)
        spans[leg] = of_leg.context().outputs["span-id"]
        of_leg.step(export="job")
        assert receiver.span(leg).span_id == spans[leg]
    assert len(set(spans.values())) == 2


def test_a_dispatched_run_gets_its_context_once_it_has_deployed(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The deployment of another job decides about the trace of the run."""
    merge = sha_of("merge of 7")
    world.pull_request(
        7,
        opened_at="2026-11-23T00:00:00Z",
        merged_at="2026-11-24T02:59:59Z",
        merge_commit_sha=merge,
    )
    jobs = [job("deploy"), going_on("smoke test", "Run curl")]
    run = world.run(event="repository_dispatch", created_at="2026-11-24T03:00:00Z", jobs=jobs)
    early = Job(program, run, "smoke test")
    assert "has not deployed anything yet" in early.context().warnings[0]
    assert "TRACEPARENT" not in early.given
    log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{run.jobs[0].id}"
    world.deployment(sha=merge, statuses=[deployment_status("success", log_url=log)])
    later = Job(program, run, "smoke test")
    given = later.context().outputs
    later.step(export="job")
    span = receiver.span("smoke test")
    assert (given["trace-id"], given["span-id"]) == (span.trace_id, span.span_id)
    assert span.trace_id == references.trace_id(references.pull(7))


def test_folder_is_private(own_job: Job) -> None:
    """Nobody else on a shared machine reads what a job hands on."""
    own_job.context()
    (note,) = (own_job.program.folder / "temp").rglob("context.json")
    if os.name == "posix":
        assert Path(note).parent.stat().st_mode & 0o077 == 0
