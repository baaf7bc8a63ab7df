"""Decoded JSON of every kind that is parsed on its own: events of all triggers, parts of answers.

An input is an object of JSON: `as` names the kind of document, `payload` is one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from random import Random
from typing import Any

from tests.fakes import answers, events, issues, pulls
from tests.fakes.issues import timeline as timeline_of
from tests.fakes.jira_answers import Answers
from tests.fakes.listing import Listing

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github import (
    deployments as deployment_records,
)
from flow_telemetry.github import (
    issues as items,
)
from flow_telemetry.github import (
    payloads as parse,
)
from flow_telemetry.github import (
    timeline,
)
from flow_telemetry.github.changes import parse_change_node
from flow_telemetry.github.deployments import parse_job_deployment
from flow_telemetry.github.graphql import parse_graphql_response
from flow_telemetry.github.issues import StatusSource, parse_issue_events
from flow_telemetry.github.webhook import CHANGE_EVENTS
from flow_telemetry.http import payload as read
from flow_telemetry.jira import parse as jira
from flow_telemetry.model import Change, Repository, WorkItem
from flow_telemetry.privacy.audience import read_audience
from flow_telemetry.rules import (
    flow,
)
from flow_telemetry.rules import (
    intervals as timing,
)
from flow_telemetry.rules import (
    lifecycle as phases,
)
from flow_telemetry.rules import (
    timeline as histories,
)
from flow_telemetry.rules.lifecycle import change_periods, item_periods
from flow_telemetry.settings import EntryPoint, Settings, load_settings
from flow_telemetry.settings.inputs import INPUT
from flow_telemetry.subjects.choose import choose_subjects
from fuzz.mutation import EDIT_BYTES, as_json, edited, edits_in
from fuzz.worlds import jira_world, odd_world

SHOP = Repository(host="github.com", owner="acme", name="shop", url="https://github.com/acme/shop")
SITE = jira.parse_site({"deploymentType": "Cloud"}, "https://acme.atlassian.net")
TRIGGERS = (
    *sorted(CHANGE_EVENTS),
    *("workflow_run", "issues", "issue_comment", "deployment", "deployment_status", "push"),
    *("merge_group", "schedule", "workflow_dispatch", "release", "repository_dispatch"),
)


@cache
def _settings(trigger: str, live: bool) -> Settings:
    given = {"otlp-endpoint": "https://x", **({"events": "live", "phases": "live"} if live else {})}
    environ = {INPUT[name].variable: value for name, value in given.items()}
    place = {"GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "7", "GITHUB_EVENT_NAME": trigger}
    return load_settings({**environ, **place}, EntryPoint.ACTION)


def _event(trigger: str) -> Callable[[Any], object]:
    def read(payload: Any) -> object:
        event = payload if isinstance(payload, dict) else {}
        for live in (False, True):
            settings = _settings(trigger, live)
            read_audience(settings.runner, event)
            choose_subjects(settings, event)
        return None

    return read


def _run(payload: Any) -> object:
    run = parse.parse_run(payload, where="run")
    return timing.run_interval(run), timing.run_queued(run)


def _change(payload: Any) -> object:
    return _history_of_change(parse.parse_change(payload, where="a change"))


def _history_of_change(change: Change | None) -> object:
    if change is None:
        return None
    lives = change_periods(change)
    return (
        lives,
        histories.build_change_timeline(change),
        phases.find_phases(change),
        flow.measure_change_flows(change),
    )


def _history_of_item(item: WorkItem | None) -> object:
    return item and (item_periods(item), histories.build_item_timeline(item, ()))


def _object(parser: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda payload: parser(payload) if isinstance(payload, dict) else None


def _list(parser: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda payload: parser(payload) if isinstance(payload, list) else None


KINDS: Mapping[str, Callable[[Any], object]] = {
    **{f"event {trigger}": _event(trigger) for trigger in TRIGGERS},
    "run": _run,
    "change": _change,
    "changes": _list(lambda found: parse.parse_changes(found, SHOP)),
    "annotations": _list(parse.parse_annotations),
    "timeline": _list(
        lambda found: (timeline.parse_timeline(found), timeline.unknown_kinds(found))
    ),
    "deployment": lambda found: deployment_records.parse_deployment(found, SHOP, where="x"),
    "statuses": _list(deployment_records.parse_statuses),
    "deployment node": _object(parse_job_deployment),
    "graphql": lambda found: parse_graphql_response(found, "x"),
    "change node": _object(lambda found: _history_of_change(parse_change_node(found, SHOP))),
    "item node": _object(
        lambda found: (
            items.parse_chain(found, SHOP),
            _history_of_item(items.parse_item(found, SHOP)),
        )
    ),
    "issue events": lambda found: parse_issue_events(
        read.children({"": found}, ""), StatusSource()
    ),
    "jira issue": lambda found: jira.parse_issue(found, SITE, jira.Statuses(), jira.SiteFields()),
    "jira fields": lambda found: jira.parse_site_fields(found, cloud=False),
    "jira statuses": lambda found: jira.parse_statuses(found, {}),
    "jira site": lambda found: jira.parse_site(found, "https://acme.atlassian.net"),
}


def run(data: bytes) -> None:
    """Parse a document as what it says it is; what is no object of JSON is none."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(document, dict) or not isinstance(document.get("as"), str):
        return
    parser = KINDS.get(document["as"])
    if parser is None:
        return
    try:
        parser(document.get("payload"))
    except FlowTelemetryError as error:
        str(error).encode()


def mutate(data: bytes, chance: Random) -> bytes:
    """Return a document with some edits in its payload, seldom one of another kind."""
    try:
        document = json.loads(data)
        kind, payload = document["as"], document["payload"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return next(iter(seeds()))
    edits = edits_in(chance.randbytes(EDIT_BYTES * chance.choice((1, 1, 2, 3, 6))))
    kind = chance.choice(list(KINDS)) if chance.random() < 0.02 else kind
    return as_json({"as": kind, "payload": edited(payload, edits)})


def seeds() -> Iterator[bytes]:
    """Yield one document of each kind, as the worlds of the fakes have them."""
    for kind, payload in _documents():
        yield json.dumps({"as": kind, "payload": payload}).encode()


def _documents() -> Iterator[tuple[str, Any]]:
    yield from _events()
    yield from _parts()
    made = Answers(jira_world(), "https://acme.atlassian.net", cloud=True)
    names = ("summary", "status", "issuetype", "parent", "created", "resolutiondate", "labels")
    story = next(issue for issue in made.world.issues if issue.key == "ACME-57")
    yield "jira issue", made.issue(story, names)
    yield "jira fields", made.fields()
    yield "jira statuses", made.statuses()
    yield "jira site", made.server()


def _events() -> Iterator[tuple[str, Any]]:
    world = odd_world()
    pull = next(each for each in world.pull_requests if each.number == 210)
    review = {"id": 5, "state": "approved", "submitted_at": "2026-11-24T03:43:00Z"}
    for trigger in sorted(CHANGE_EVENTS):
        yield f"event {trigger}", {**events.pull_request(world, pull, "closed"), "review": review}
    yield "event workflow_run", events.workflow_run(world, world.attempts[0])
    home = world.find_repository("acme/shop")
    issue = issues.issue(world, home, {"id": "200"}, {})
    yield "event issues", {"action": "labeled", "issue": issue, "label": {"name": "bug"}}
    yield "event issue_comment", {"action": "created", "issue": issue, "comment": {"id": 3}}
    deployed = answers.deployment(world, world.deployments[0])
    status = {"id": 4, "state": "success", "created_at": "2026-11-24T03:43:00Z"}
    yield "event deployment_status", {"deployment": deployed, "deployment_status": status}
    yield "event deployment", {"deployment": deployed}
    yield "event push", events.push(world, sha="a" * 40)
    yield "event merge_group", events.merge_group(world, number=123, sha="a" * 40)
    yield "event schedule", events.schedule(world)
    inputs = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    yield "event workflow_dispatch", events.workflow_dispatch(world, inputs=inputs)
    yield "event repository_dispatch", {"client_payload": inputs}


def _parts() -> Iterator[tuple[str, Any]]:
    world = odd_world()
    home = world.find_repository("acme/shop")
    run = next(each for each in world.attempts if each.id == 2000)
    yield "run", answers.run(world, run)
    notes = run.jobs[0].plan.annotations
    yield "annotations", [answers.annotation(world, run, each) for each in notes]
    pull = next(each for each in world.pull_requests if each.number == 210)
    whole = pulls.full_pull_request(world, pull)
    yield "change", whole
    yield "changes", [whole]
    found = timeline_of(world, home, {"id": "210"}, {})
    assert isinstance(found, Listing)
    yield "timeline", found.items(slice(0, 100))
    made = next(each for each in world.deployments if each.id == 7700)
    yield "deployment", answers.deployment(world, made)
    yield "statuses", [answers.deployment_status(world, made, each) for each in made.statuses]
    yield "deployment node", _DEPLOYMENT_NODE
    yield "graphql", {"data": {"node": None}, "errors": [{"type": "NOT_FOUND", "path": ["node"]}]}
    yield "change node", _CHANGE_NODE
    yield "item node", _ITEM_NODE
    yield "issue events", _ISSUE_EVENTS


_ACTOR = {"__typename": "Bot", "login": "dependabot"}
_HOME = {"nameWithOwner": "acme/shop", "url": "https://github.com/acme/shop"}
_DEPLOYMENT_NODE = {
    "databaseId": 7700,
    "environment": "production",
    "createdAt": "2026-11-24T03:43:00Z",
    "statuses": {"nodes": [{"state": "WAITING", "createdAt": "2026-11-24T03:43:05Z"}]},
}
_CHANGE_NODE = {
    "number": 5,
    "title": "x",
    "state": "MERGED",
    "url": "https://github.com/acme/shop/pull/5",
    "createdAt": "2026-11-24T03:43:00Z",
    "mergedAt": "2026-11-24T04:43:00Z",
    "baseRefName": "main",
    "headRefName": "x",
    "author": _ACTOR,
    "repository": _HOME,
    "mergeCommit": {"oid": "a" * 40},
    "labels": {"nodes": [{"name": "bug"}]},
}
_ITEM_NODE = {
    "number": 5,
    "title": "x",
    "state": "CLOSED",
    "url": "https://github.com/acme/shop/issues/5",
    "createdAt": "2026-11-24T03:43:00Z",
    "closedAt": "2026-11-24T04:43:00Z",
    "issueType": {"name": "Story"},
    "author": _ACTOR,
    "repository": _HOME,
    "labels": {"nodes": [{"name": "bug"}]},
    "assignees": {"nodes": [{"login": "alice"}]},
    "parent": {"number": 4, "repository": _HOME, "parent": {"number": 3, "repository": _HOME}},
}
_ISSUE_EVENTS = [
    {"__typename": name, "createdAt": "2026-11-24T03:43:00Z", "actor": _ACTOR, "id": f"E_{name}"}
    | {"label": {"name": "bug"}, "assignee": {"login": "bob"}, "databaseId": 9}
    for name in ("LabeledEvent", "AssignedEvent", "ClosedEvent", "ReopenedEvent", "IssueComment")
]
