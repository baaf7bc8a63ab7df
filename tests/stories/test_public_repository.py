"""In a public repository anybody reads what is shown: of others nothing stands there but keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import events
from tests.fakes.faults import status
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import JiraWorld, Person
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, happened, job
from tests.jira.support import TOKEN, fake
from tests.stories.job.test_tool_traces import a_line, a_span
from tests.support import closings
from tests.support.program import Program, Result
from tests.support.spool import text_of

CANARY = "canary"
PUBLIC, PRIVATE = {"private": False, "visibility": "public"}, {"private": True}
INTERNAL = {"private": False, "visibility": "internal"}


@pytest.fixture
def jira() -> Iterator[FakeJira]:
    """A Jira in which whatever is no key or type is a canary."""
    tracked = JiraWorld()
    tracked.issue("ACME-42", type="Epic", summary="canary epic")
    story = tracked.issue("ACME-57", parent="ACME-42", summary="canary story")
    jane = Person("canary-jane", "canary Jane")
    story.assign(jane, at="2026-11-02T08:00:00Z", by=jane)
    story.label("canary-label", at="2026-11-02T09:00:00Z", by=jane)
    story.move("In Progress", at="2026-11-03T08:00:00Z")
    story.move("Done", at="2026-11-06T08:00:00Z", by=jane, resolution="Done")
    with fake(tracked, cloud=True) as served:
        yield served


@pytest.fixture
def run(world: World) -> Run:
    """A run of a pull request whose branch names the story."""
    world.pull_request(123, title="Pay by card", branch="feature/acme-57-pay")
    return world.run(event="pull_request", branch="feature/acme-57-pay", jobs=[job("test")])


def access(jira: FakeJira) -> dict[str, Any]:
    """The inputs that let the program read a Jira, and tell all that it does."""
    return {
        "jira_url": jira.url,
        "jira_email": jira.email,
        "jira_token": TOKEN,
        "log_level": "debug",
    }


def exported(program: Program, run: Run, visible: dict[str, Any], **inputs: Any) -> Result:
    """The run's export, in a repository of which the event says who can see it."""
    event = events.workflow_run(program.github.world, run)
    event["repository"] = {**event["repository"], **visible}
    if not visible:
        del event["repository"]["private"], event["repository"]["visibility"]
    return program.action({"GITHUB_EVENT_NAME": "workflow_run"}, event=event, **inputs)


def summary_of(result: Result) -> str:
    """The summary as one reads it: without what escapes Markdown."""
    return result.summary.replace("\\", "")


def shown(result: Result) -> str:
    """All that stands in the step's log, its annotations, outputs and summary."""
    return "\n".join([result.log, summary_of(result), *result.outputs.values()])


@pytest.mark.parametrize("visible", [PUBLIC, {}], ids=["public", "not told"])
def test_of_another_tracker_the_key_alone_is_shown(
    program: Program, receiver: Receiver, run: Run, jira: FakeJira, visible: dict[str, Any]
) -> None:
    """The backend gets all there is; titles of the own repository are for its readers."""
    result = exported(program, run, visible, trace_scope="item", **access(jira))
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert "ACME-57" in summary_of(result)
    assert "ACME-42" in summary_of(result)
    assert "Pay by card" in summary_of(result)
    assert CANARY not in shown(result)
    assert "browse/ACME-57" not in summary_of(result)


@pytest.mark.parametrize("mode", ["item", "feature"])
def test_the_page_is_for_everybody_too(
    program: Program, world: World, receiver: Receiver, jira: FakeJira, mode: str
) -> None:
    """Anyone can download an artifact: of the other tracker's spans there are keys and times."""
    world.pull_request(
        123,
        title="Pay by card",
        branch="feature/acme-57-pay",
        merged_at="2026-11-05T08:00:00Z",
    )
    keys = {"item": {"work_item_key": "ACME-57"}, "feature": {"feature_key": "ACME-42"}}
    named: dict[str, Any] = {"mode": mode, "trace_scope": "item", "snapshot": True, **keys[mode]}
    result = program.action(page=True, **named, **access(jira))
    page = Path(result.outputs["page"]).read_text(encoding="utf-8")
    assert "ACME-57" in page
    assert ("Pay by card" in page) == (mode == "feature")
    assert CANARY not in page
    assert CANARY in repr(receiver.spans)


@pytest.mark.parametrize("visible", [PRIVATE, INTERNAL], ids=["private", "internal"])
def test_in_a_private_repository_titles_are_shown(
    program: Program, run: Run, jira: FakeJira, visible: dict[str, Any]
) -> None:
    """Who may read it works with that tracker."""
    result = exported(program, run, visible, **access(jira))
    assert "canary story" in summary_of(result)


@pytest.mark.parametrize("mode", ["item", "feature"])
def test_an_export_of_another_trackers_item_shows_its_key(
    program: Program, receiver: Receiver, jira: FakeJira, mode: str
) -> None:
    """Also where nothing else is exported: no title, status, person or time of it."""
    keys = {"item": {"work_item_key": "ACME-57"}, "feature": {"feature_key": "ACME-42"}}
    named: dict[str, Any] = {"mode": mode, "trace_scope": "item", "snapshot": True, **keys[mode]}
    result = program.action(**named, **access(jira))
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert "### ACME-" in summary_of(result)
    assert CANARY not in shown(result)
    assert "2026-11" not in summary_of(result)
    assert CANARY in repr(receiver.spans) + repr(receiver.events)


def test_an_issue_of_a_private_repository_is_shown_by_its_key(
    program: Program, world: World
) -> None:
    """A pull request of a public repository may well close one."""
    world.repository("acme/secret", private=True)
    world.issue(9, repository="acme/secret", title="canary issue", type="canary-type")
    world.issue(17, title="An open matter", parent="acme/secret#9")
    world.pull_request(
        123,
        closes=[17],
        merged_at="2026-11-04T08:00:00Z",
        timeline=[happened("commented", at="2026-11-03T08:00:00Z")],
    )
    result = closings.pull_request(program, 123, feature_types="canary-type", log_level="debug")
    assert "An open matter" in summary_of(result)
    assert "acme/secret" in summary_of(result)
    own = "debug: setting feature-types: canary-type"  # which the workflow's file says
    assert CANARY not in shown(result).replace(own, "")


def test_a_run_of_another_repository_is_shown_by_its_reference(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Names of its workflow, jobs and steps are its own."""
    world.repository("acme/secret", private=True)
    other = world.run(
        repository="acme/secret", workflow="canary workflow", jobs=[job("canary job", "failure")]
    )
    result = program.action(mode="run", repository="acme/secret", run_id=other.id)
    assert receiver.spans_named("RUN canary workflow")
    assert f"runs/{other.id}/attempts/1" in summary_of(result)
    assert CANARY not in shown(result)


def test_a_command_in_a_public_workflow_draws_keys(
    program: Program, world: World, jira: FakeJira
) -> None:
    """What a `run:` step prints is the step's log."""
    words = ("export", "item", "ACME-57", "--repository", "acme/shop", "--trace-scope", "item")
    given = access(jira)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    of_place = {"GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "1"}
    own = program.command(*words, *flags, "--print", "--output", "x.jsonl")
    assert "In Progress" in own.stdout
    public = program.command(*words, *flags, "--print", "--output", "x.jsonl", environ=of_place)
    assert "ACME-57" in public.stdout
    assert "In Progress" not in public.stdout
    assert CANARY not in shown(public)


def test_a_page_of_a_public_workflow_has_keys_only(
    program: Program, world: World, jira: FakeJira
) -> None:
    """It may be uploaded as an artifact, which anybody reads; attributes, events and links too."""
    page = program.folder / "page.html"
    words = ("export", "item", "ACME-57", "--repository", "acme/shop", "--trace-scope", "item")
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in access(jira).items()]
    of_place = {"GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "1"}
    own = program.command(*words, *flags, "--html", page)
    assert own.status == 0, own.stderr
    assert CANARY in page.read_text(encoding="utf-8")
    public = program.command(*words, *flags, "--html", page, environ=of_place)
    text = page.read_text(encoding="utf-8")
    assert public.status == 0, public.stderr
    assert "ACME-57" in text
    assert "In Progress" not in text
    assert CANARY not in text


def story_refused(
    program: Program, receiver: Receiver, jira: FakeJira, visible: dict[str, Any]
) -> tuple[Result, str]:
    """The export of the closed story to a backend that refuses it, and all that is in the spool."""
    receiver.script("/v1/", status(401), times=None)
    event = {"repository": {"full_name": "acme/shop", **visible}}
    named: dict[str, Any] = {"mode": "item", "work_item_key": "ACME-57", "trace_scope": "item"}
    result = program.action(event=event, **named, **access(jira))
    assert result.outputs["status"] == "spooled"
    return result, in_spool(result)


def in_spool(result: Result) -> str:
    """What a workflow may keep as an artifact."""
    names = [path.name.partition("-")[0] for path in result.spool_files]
    assert {"metrics", "traces"} <= set(names)
    return "\n".join(map(text_of, result.spool_files))


@pytest.mark.parametrize("visible", [PUBLIC, {}], ids=["public", "not told"])
def test_the_spool_holds_keys_ids_and_times_of_another_tracker(
    program: Program, receiver: Receiver, jira: FakeJira, visible: dict[str, Any]
) -> None:
    """No title, status, type, label, person or address, in no signal."""
    result, text = story_refused(program, receiver, jira, visible)
    assert not any(word in text for word in (CANARY, "In Progress", "Story", jira.url))
    names = {span.name for span in result.spooled}
    assert names == {
        "ACME-57",
        "jira/ACME-57#life:1",
        *(f"jira/ACME-57#status:{n}" for n in (1, 2)),
    }
    assert {span.attributes["flow.work_item.key"] for span in result.spooled} == {"ACME-57"}
    assert "jira/ACME-57#event:labeled:2026-11-02T09:00:00Z" in text
    assert "flow.work_item.count" in text


def test_what_is_kept_stands_where_it_was_sent(
    program: Program, receiver: Receiver, jira: FakeJira
) -> None:
    """By its ids and times; the backend itself gets everything."""
    named: dict[str, Any] = {"mode": "item", "work_item_key": "ACME-57", "trace_scope": "item"}
    program.action(**named, **access(jira))
    sent = {(s.trace_id, s.span_id, s.parent_span_id, s.start, s.end) for s in receiver.spans}
    assert "canary story" in repr(receiver.spans)
    assert CANARY in repr(receiver.events)
    result, _ = story_refused(program, receiver, jira, PUBLIC)
    kept = {(s.trace_id, s.span_id, s.parent_span_id, s.start, s.end) for s in result.spooled}
    assert kept == sent


@pytest.mark.parametrize("visible", [PRIVATE, INTERNAL], ids=["private", "internal"])
def test_the_spool_of_a_private_repository_holds_all(
    program: Program, receiver: Receiver, jira: FakeJira, visible: dict[str, Any]
) -> None:
    """Who may read it works with that tracker."""
    _, text = story_refused(program, receiver, jira, visible)
    assert all(word in text for word in ("canary story", "canary-label", "In Progress", jira.url))


def test_the_spool_holds_titles_of_the_own_repository_only(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Of a private one's runs no name of a workflow, job or step, nor what tools in them wrote."""
    receiver.script("/v1/", status(401), times=None)
    world.repository("acme/secret", private=True)
    failing = job("canary-job (1)", "failure", labels=["canary-label"])
    places = {"acme/secret": "canary", "acme/shop": "own"}
    texts = {}
    for repository, word in places.items():
        run = world.run(repository=repository, workflow=f"{word} workflow", jobs=[failing])
        inputs: dict[str, Any] = {
            "repository": repository,
            "run_id": run.id,
            "service_name": "{workflow}",
        }
        result = program.action(mode="run", **inputs)
        texts[repository] = "\n".join(map(text_of, result.spool_files))
        for path in result.spool_files:
            path.unlink()
    assert CANARY not in texts["acme/secret"]
    assert "github.com/acme/secret/actions/runs/" in texts["acme/secret"]
    assert "own workflow" in texts["acme/shop"]


A_RECORD = {"eventName": "canary"}
A_METRIC = {
    "name": "canary",
    "sum": {"dataPoints": [{"asInt": "3"}], "aggregationTemporality": 1},
}
OF_A_TOOL = (
    {"resourceLogs": [{"scopeLogs": [{"logRecords": [A_RECORD]}]}]},
    {"resourceMetrics": [{"scopeMetrics": [{"metrics": [A_METRIC]}]}]},
)


@pytest.mark.parametrize("forms", [{}, {"event_time": "sent", "metric_shape": "gauge"}])
def test_what_tools_of_another_repository_wrote_is_not_kept(
    program: Program, world: World, receiver: Receiver, forms: dict[str, Any]
) -> None:
    """It may say anything, so it is counted as lost, with what to do, in whatever form it left."""
    world.repository("acme/secret", private=True)
    receiver.script("/v1/", status(401), times=None)
    run = world.run(repository="acme/secret", jobs=[job("test")])
    lines = (a_line(a_span(), name="canary"), *map(json.dumps, OF_A_TOOL))
    world.artifact("traces", {"x.otlp.jsonl": "\n".join(lines)}, run=run.id)
    inputs: dict[str, Any] = {"run_id": run.id, "trace_artifacts": "traces", **forms}
    inputs["repository"] = "acme/secret"
    result = program.action(mode="run", **inputs)
    assert "data of tools in a run of another repository was not spooled" in result.log
    assert CANARY not in in_spool(result)
    private = program.action(event={"repository": PRIVATE}, mode="run", **inputs)
    assert in_spool(private).count(CANARY) == 3


def test_the_spool_of_a_command_in_a_public_workflow_holds_keys(
    program: Program, receiver: Receiver, jira: FakeJira
) -> None:
    """As that of the action does; outside of a workflow it is its user's own."""
    receiver.script("/v1/", status(401), times=None)
    words = ("export", "item", "ACME-57", "--repository", "acme/shop", "--trace-scope", "item")
    given = {**access(jira), "otlp_endpoint": receiver.url}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    of_place = {"GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "1"}
    public = program.command(*words, *flags, environ=of_place)
    assert CANARY not in in_spool(public)
    for path in public.spool_files:
        path.unlink()
    assert "canary story" in in_spool(program.command(*words, *flags))
