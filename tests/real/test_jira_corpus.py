"""Closed issues of a real Jira Cloud through the whole program, compared with the right results.

The corpus lies beside the project, not in it; without it this test is skipped. Its README says how
the results were worked out. One rule differs on purpose: a status of unknown category may have been
one in progress, so the program leaves an active time out that the corpus gives as 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from tests.fakes.faults import Answer, Request
from tests.fakes.receiver import Receiver
from tests.fakes.server import LocalServer
from tests.support.program import Program
from tests.support.recorded import NO_RECORDED_DATA, SHARED

CORPUS = SHARED / "data" / "jira" / "cloud"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=NO_RECORDED_DATA)

_CATEGORIES = {"to do": "to_do", "in progress": "in_progress", "done": "done", None: None}


def read(name: str) -> Any:
    return json.loads((CORPUS / f"{name}.json").read_text(encoding="utf-8"))


def keys() -> list[str]:
    return sorted(path.stem for path in CORPUS.glob("*-*.json"))


@pytest.fixture
def jira() -> Iterator[str]:
    """A server that answers as the recorded Jira did; yields its address."""
    issues = {key: read(key) for key in keys()}
    responses: dict[str, Any] = {
        "/rest/api/2/serverInfo": {"deploymentType": "Cloud", "baseUrl": "https://acme.example"},
        "/rest/api/3/status": read("status"),
        "/rest/api/3/field": [],
    }
    for key, recorded in issues.items():
        responses[f"/rest/api/3/issue/{key}"] = recorded["issue"]
        responses[f"/rest/api/3/issue/{key}/changelog"] = recorded["changelog"]
        responses[f"/rest/api/3/issue/{key}/comment"] = recorded["comments"]

    def respond(request: Request) -> Answer:
        found = responses.get(request.path)
        body = json.dumps({"errorMessages": ["No such thing"]} if found is None else found)
        return Answer(
            status=404 if found is None else 200,
            headers={"Content-Type": "application/json"},
            body=body.encode(),
        )

    with LocalServer(respond) as server:
        yield server.url


def nanoseconds(text: str) -> int:
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(time.timestamp() * 1000) * 10**6


def measured(receiver: Receiver, name: str) -> float | None:
    points = receiver.points_of(f"flow.work_item.{name}")
    assert len(points) <= 1, name
    return points[0].value if points else None


def hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 3600, 4)


def results(receiver: Receiver, key: str) -> dict[str, Any]:
    """What a backend received of one issue, in the corpus's terms."""
    statuses = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "status"]
    closings = receiver.events_named("flow.work_item.closed")
    lives = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "life"]
    life = max(lives, key=lambda span: span.start)
    last = [span for span in statuses if life.start <= span.start < life.end]
    return {
        "closing_time": [event.time // 10**6 for event in closings],
        "lead_time_h": hours(measured(receiver, "lead_time")),
        "cycle_time_h": hours(measured(receiver, "cycle_time")),
        "active_h": hours(measured(receiver, "active_time")),
        "status_changes": measured(receiver, "status_changes"),
        "comments": measured(receiver, "comments"),
        "times_blocked": measured(receiver, "times_blocked"),
        "reopened": measured(receiver, "reopened") or 0,
        "stretches": [
            (
                span.name,
                span.attributes.get("flow.work_item.status.category"),
                round(span.start / 10**6),
                round(span.end / 10**6),
            )
            for span in sorted(last, key=lambda span: span.start)
        ],
    }


def expected(right: Mapping[str, Any]) -> dict[str, Any]:
    """What the corpus gives as right, in the same form."""
    stretches = right["stretches"]
    unknown = any(each["category"] is None for each in stretches)
    return {
        "closing_time": [nanoseconds(right["closing_time"]) // 10**6],
        "lead_time_h": right["lead_time_h"],
        "cycle_time_h": right["cycle_time_h"],
        "active_h": None if unknown and not right["active_h"] else right["active_h"],
        "status_changes": right["status_changes"],
        "comments": right["comments"],
        "times_blocked": right["times_blocked"],
        "reopened": right["reopened"],
        "stretches": [
            (
                each["status"],
                _CATEGORIES[each["category"]],
                nanoseconds(each["start"]) // 10**6,
                nanoseconds(each["end"]) // 10**6,
            )
            for each in stretches
        ],
    }


def test_every_issue_has_the_right_results(program: Program, receiver: Receiver, jira: str) -> None:
    """Every difference is listed."""
    differences = []
    for key, right in read("expected").items():
        receiver.requests.clear()
        result = program.command(
            *("export", "item", key, "--trace-scope=item", f"--jira-url={jira}"),
            f"--otlp-endpoint={receiver.url}",
        )
        assert result.status == 0, result.stderr
        found, wanted = results(receiver, key), expected(right)
        differences += [
            f"{key} {name}: {found[name]}, not {value}"
            for name, value in wanted.items()
            if found[name] != value
        ]
    assert not differences, "\n".join(differences)
