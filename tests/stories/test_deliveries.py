"""A deployment shows in the trace of every pull request that it delivers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Deployment, Run
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, deployment_status, happened, job, sha_of, step
from tests.stories.worlds import BASE, BEFORE, deployed
from tests.support import closings, references
from tests.support.program import Program

ONE, TWO = sha_of("merge of 21"), sha_of("merge of 22")
DEPLOYED_AT = "2025-11-08T10:00:05Z"
COMMITTED_AT = "2025-11-05T10:00:15Z"
LEAD_TIME = "flow.deployment.lead_time"


@pytest.fixture
def merged(world: World) -> None:
    """Pull requests 21, which closes issue 5, and 22, merged since the last deployment."""
    world.history(BASE, ONE, TWO)
    world.deployment(sha=BASE, created_at=BEFORE, statuses=[deployment_status("success")])
    world.issue(5, type="Story", parent=4, opened_at="2025-11-02T08:00:00Z")
    world.issue(4, type="Epic", opened_at="2025-11-01T08:00:00Z")
    for number, sha, day in ((21, ONE, "07"), (22, TWO, "08")):
        world.pull_request(
            number,
            branch=f"branch-{number}",
            closes=[5] if number == 21 else [],
            opened_at="2025-11-05T09:00:00Z",
            merged_at=f"2025-11-{day}T10:00:00Z",
            merge_commit_sha=sha,
            timeline=[happened("committed", at=COMMITTED_AT)] if number == 21 else [],
        )


def delivery(made: Deployment, number: int) -> str:
    """The reference of a deployment's part in a pull request."""
    return f"github.com/acme/shop/deployments/{made.id}#delivers:{references.pull(number)}"


def deliveries(receiver: Receiver) -> dict[str, SpanRecord]:
    """The spans of deliveries by the number of their pull request."""
    found = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "deployment"]
    return {span.attributes["vcs.change.id"]: span for span in found}


def deploy(world: World, sha: str = TWO, at: str = DEPLOYED_AT, **facts: Any) -> tuple[Run, Any]:
    """A run that deploys a commit."""
    return deployed(world, sha, at, **facts)


@pytest.mark.usefixtures("merged")
def test_a_run_delivers_what_was_merged_since_the_last_deployment(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Each pull request's own trace shows it, from the creation to the success."""
    run, made = deploy(world)
    result = program.export(run)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    found = deliveries(receiver)
    assert sorted(found) == ["21", "22"]
    for number in (21, 22):
        root, span = references.pull(number), found[str(number)]
        assert span.name == "deploy production"
        assert span.trace_id == references.trace_id(root)
        assert span.span_id == references.span_id(root, delivery(made, number))
        assert span.parent_span_id == references.span_id(root)
        assert span.seconds == 130
        assert span.attributes["deployment.id"] == str(made.id)
        assert span.attributes["deployment.environment.name"] == "production"
        assert span.attributes["deployment.status"] == "succeeded"
        assert span.attributes["vcs.ref.head.revision"] == TWO
        assert span.status == "UNSET"


@pytest.mark.usefixtures("merged")
def test_a_delivery_links_to_the_run_that_did_it(
    program: Program, world: World, receiver: Receiver
) -> None:
    """In another trace; in the run's own there is no link."""
    run, _ = deploy(world)
    program.export(run)
    live = receiver.span("RUN Deploy")
    assert live.trace_id == references.trace_id(references.pull(22))
    found = deliveries(receiver)
    links = [x for x in found["21"].links if x.attributes["flow.link"] == "run"]
    assert [(x.trace_id, x.span_id) for x in links] == [(live.trace_id, live.span_id)]
    assert [x for s in receiver.spans for x in s.links if x.trace_id == s.trace_id] == []


@pytest.mark.parametrize(
    ("scope", "root"),
    [("item", "github.com/acme/shop/issues/5"), ("feature", "github.com/acme/shop/issues/4")],
)
@pytest.mark.usefixtures("merged")
def test_where_the_trace_reaches_the_item_it_stands_under_that(
    program: Program, world: World, receiver: Receiver, scope: str, root: str
) -> None:
    """Beside the pull request, as the runs after its merge do."""
    run, _ = deploy(world)
    program.export(run, trace_scope=scope)
    span = deliveries(receiver)["21"]
    story = "github.com/acme/shop/issues/5"
    assert span.trace_id == references.trace_id(root)
    assert span.parent_span_id == references.span_id(root, story)


@pytest.mark.parametrize("state", ["failure", "error"])
@pytest.mark.usefixtures("merged")
def test_a_failed_deployment_is_an_error(
    program: Program, world: World, receiver: Receiver, state: str
) -> None:
    """It names what it was to deliver; the next success delivers the same."""
    run, _ = deploy(world, state=state)
    program.export(run)
    span = deliveries(receiver)["21"]
    assert (span.status, span.attributes["deployment.status"]) == ("ERROR", "failed")
    assert span.attributes["error.type"] == "failure"
    again, _ = deploy(world, at="2025-11-08T12:00:05Z")
    program.export(again)
    succeeded = [s for s in receiver.spans_named("deploy production") if s.status == "UNSET"]
    assert sorted(s.attributes["vcs.change.id"] for s in succeeded) == ["21", "22"]


@pytest.mark.usefixtures("merged")
def test_a_rollback_delivers_nothing(program: Program, world: World, receiver: Receiver) -> None:
    """The commit was there before; a notice says so, and nothing is wrong."""
    program.export(deploy(world)[0])
    before, told = len(receiver.spans), len(receiver.events)
    back, _ = deploy(world, ONE, "2025-11-09T10:00:05Z", event="workflow_dispatch")
    result = program.export(back)
    names = {span.name for span in receiver.spans[before:]}
    assert "deploy production" not in names
    assert any("delivers no pull request" in notice for notice in result.notices)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    # Its events are beside the run that made it, since it has no span of its own.
    run = receiver.spans_named("RUN Deploy")[-1]
    events = receiver.events[told:]
    assert {(event.trace_id, event.span_id) for event in events} == {(run.trace_id, run.span_id)}
    assert events[-1].body.endswith("to production succeeded (acme/shop)")


@pytest.mark.parametrize("permission", ["deployments=read", "contents=read"])
@pytest.mark.usefixtures("merged")
def test_what_may_not_be_read_is_told(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver, permission: str
) -> None:
    """The run is sent all the same; the message names the permission."""
    run, _ = deploy(world)
    github.denied.add(permission)
    result = program.export(run)
    assert deliveries(receiver) == {}
    assert len(receiver.spans_named("RUN Deploy")) == 1
    said = " ".join((*result.notices, *result.warnings))
    assert permission.replace("=", ": ") in said


@pytest.mark.usefixtures("merged")
def test_a_comparison_that_was_cut_is_told(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub gives 250 commits: those of them are delivered, marked as not all."""
    newest = world.history(*(sha_of(f"commit {n}") for n in range(260)), after=TWO)[-1]
    world.pull_request(
        23,
        branch="big",
        opened_at="2025-11-08T09:00:00Z",
        merged_at="2025-11-09T10:00:00Z",
        merge_commit_sha=newest,
    )
    run, _ = deploy(world, newest, "2025-11-09T10:00:05Z")
    result = program.export(run)
    found = deliveries(receiver)
    assert sorted(found) == ["23"]
    assert found["23"].attributes["flow.deployment.incomplete"] is True
    assert any("more commits were deployed to production" in each for each in result.warnings)


def status_event(world: World, made: Deployment, state: str) -> dict[str, Any]:
    """The event of a deployment's status."""
    return {
        "action": "created",
        "deployment": {"id": made.id},
        "deployment_status": {"state": state},
        "repository": {"full_name": world.default},
    }


@pytest.mark.usefixtures("merged")
def test_a_deployment_from_elsewhere_leaves_by_its_own_event(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`deployment_status` brings those that no run made."""
    made = world.deployment(
        sha=TWO, created_at=DEPLOYED_AT, statuses=[deployment_status("success", after=60)]
    )
    event = status_event(world, made, "success")
    of_place = {"GITHUB_EVENT_NAME": "deployment_status"}
    result = program.action(of_place, event=event)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    found = deliveries(receiver)
    assert sorted(found) == ["21", "22"]
    assert found["22"].links == ()


@pytest.mark.usefixtures("merged")
def test_it_is_the_same_by_its_event_and_with_its_run(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Two ways of sending one thing never say different things."""
    run, made = deploy(world)
    program.export(run)
    of_run = deliveries(receiver)
    program.action(
        {"GITHUB_EVENT_NAME": "deployment_status"}, event=status_event(world, made, "success")
    )
    spans = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "deployment"]
    assert len(spans) == 4
    assert {s.attributes["vcs.change.id"]: s for s in spans[2:]} == of_run


@pytest.mark.usefixtures("merged")
def test_it_is_the_same_in_the_feature_trace(
    program: Program, world: World, receiver: Receiver
) -> None:
    """There under the work item, with a link to the live one."""
    run, made = deploy(world)
    program.export(run)
    live = deliveries(receiver)["21"]
    world.issue(
        5,
        type="Story",
        parent=4,
        opened_at="2025-11-02T08:00:00Z",
        closed_at="2025-11-09T08:00:00Z",
    )
    world.issue(4, type="Epic", opened_at="2025-11-01T08:00:00Z", closed_at="2025-11-09T09:00:00Z")
    closings.issue(program, "acme/shop#4")
    root = "github.com/acme/shop/issues/4"
    (whole,) = (
        s
        for s in receiver.spans_named("deploy production")
        if s.trace_id == references.trace_id(root)
    )
    assert whole.span_id == references.span_id(root, delivery(made, 21))
    assert [(x.trace_id, x.span_id) for x in whole.links] == [(live.trace_id, live.span_id)]
    assert (whole.start, whole.end) == (live.start, live.end)


@pytest.mark.usefixtures("merged")
def test_few_requests_tell_what_was_delivered(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """A run that deployed asks for its deployments, the one before, and what lies between."""
    run, _ = deploy(world)
    program.export(run, ancestors="none")
    asked = [path.partition("?")[0] for path in github.paths]
    assert len([path for path in asked if "/deployments" in path]) == 2
    assert len([path for path in asked if "/compare/" in path]) == 1
    # Two for each of the changes, whose first commits their lead times begin at.
    assert len(asked) <= 16


def test_a_run_of_a_pull_request_is_not_asked_what_it_delivered(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """What is not merged is delivered nowhere: no request is spent on it."""
    world.pull_request(31, branch="preview", opened_at="2025-11-05T09:00:00Z", title="Show me")
    run, _ = deployed(
        world, sha_of("head of pull request 31"), "2025-11-06T09:00:00Z", event="push"
    )
    of_pull = world.change_run(run, event="pull_request", branch="preview")
    program.export(of_pull)
    assert [path for path in github.paths if "/deployments" in path] == []


@pytest.mark.usefixtures("merged")
def test_a_last_job_sends_what_the_jobs_before_it_deployed(
    program: Program, world: World, receiver: Receiver
) -> None:
    """One step in one workflow shows the whole change, up to its delivery."""
    shipped = job("ship", steps=[step("Roll out", 120)])
    run = world.run(
        workflow="Deploy", sha=TWO, created_at=DEPLOYED_AT, jobs=closings.going_on(shipped)
    )
    log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{run.job('ship').id}"
    statuses = [deployment_status("success", after=120, log_url=log)]
    world.deployment(sha=TWO, created_at=run.job("ship").created_at, statuses=statuses)
    program.inside(run, closings.OUR_JOB, export="job")
    assert deliveries(receiver) == {}
    program.inside(run, closings.OUR_JOB)
    assert sorted(deliveries(receiver)) == ["21", "22"]


@pytest.mark.parametrize("signals", ["traces", "traces,events,metrics"])
@pytest.mark.usefixtures("merged")
def test_a_delivery_has_its_lead_time(
    program: Program, world: World, receiver: Receiver, signals: str
) -> None:
    """Seconds from the first commit to the success: the value of the metric, on the span."""
    run, _ = deploy(world)
    program.export(run, signals=signals)
    spans = deliveries(receiver)
    end = spans["21"].end // 10**9
    began = datetime.fromisoformat(COMMITTED_AT.replace("Z", "+00:00")).timestamp()
    assert spans["21"].attributes[LEAD_TIME] == end - began
    assert LEAD_TIME not in spans["22"].attributes
    before = deliveries(receiver)
    receiver.requests.clear()
    program.export(run, signals=signals)
    assert deliveries(receiver) == before


@pytest.mark.usefixtures("merged")
def test_the_feature_trace_has_the_same_lead_times(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It is read again, by another export."""
    run, _ = deploy(world)
    program.export(run)
    live = deliveries(receiver)["21"].attributes[LEAD_TIME]
    receiver.requests.clear()
    program.command(
        *("export", "feature", "4", "--repo=acme/shop", "--snapshot"),
        f"--otlp-endpoint={receiver.url}",
    )
    assert deliveries(receiver)["21"].attributes[LEAD_TIME] == live


@pytest.mark.usefixtures("merged")
def test_a_failed_deployment_has_no_lead_time_and_reads_no_timeline(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Nothing was delivered."""
    run, _ = deploy(world, state="failure")
    program.export(run)
    assert LEAD_TIME not in deliveries(receiver)["21"].attributes
    assert not [r for r in github.requests if "/issues/21/timeline" in r.path]
