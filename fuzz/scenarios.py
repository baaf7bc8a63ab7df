"""What is exported from mutated answers: a scenario for each kind of subject and of reading."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import events, issues
from tests.fakes.world import World

from flow_telemetry.settings.inputs import INPUT
from fuzz.worlds import A_SPAN

SAMPLES = (
    '{"processors": 4, "memory": 16000000000}\n'
    '{"time": 1764000000, "cpu": 1.0, "memory": 100, "read": 0, "written": 0}\n'
)
JUNIT = (
    '<?xml version="1.0"?><testsuites><testsuite name="cart" tests="3" failures="1" time="3.5" '
    'timestamp="2026-11-24T03:43:10"><testcase name="adds" classname="shop.cart" time="1.25"/>'
    '<testcase name="adds" classname="shop.cart" time="0.5"><failure type="AssertionError" '
    'message="two">at x</failure></testcase><testcase name="s"><skipped/></testcase></testsuite>'
    "</testsuites>"
)
COVERAGE = (
    '<?xml version="1.0"?><coverage line-rate="0.5" lines-covered="5" lines-valid="10"><packages>'
    '<package name="shop" line-rate="0.5"><classes><class filename="a.py"><lines>'
    '<line number="1" hits="1" branch="true" condition-coverage="50% (1/2)"/><line number="2" '
    'hits="0"/></lines></class></classes></package></packages></coverage>'
)
# What the steps of a job left behind, by name below the workspace.
FILES: Mapping[str, bytes] = {
    "junit.xml": JUNIT.encode(),
    "coverage.xml": COVERAGE.encode(),
    "tool.otlp.jsonl": A_SPAN.encode(),
}


LEDGER = "ledger.json"
LEDGER_CONTENT = json.dumps(
    {
        "version": 1,
        "sending": ["pull_request 122"],
        "repositories": {
            "github.com/acme/shop": {
                "pull requests": {
                    "start": "2026-10-01T00:00:00+00:00",
                    "mark": "2026-11-01T00:00:00+00:00",
                    "full_mark": None,
                    "exported": [["pull_request 210", "2026-11-24T02:00:00+00:00"]],
                    "pending": [
                        {
                            "thing": "pull_request 123",
                            "start": "2026-11-01T00:00:00+00:00",
                            "end": "2026-11-24T20:00:00+00:00",
                            "tries": 4,
                            "reason": "unreadable",
                        }
                    ],
                    "unfinished": [],
                },
                "runs": {
                    "start": "2026-10-01T00:00:00+00:00",
                    "mark": "2026-11-20T00:00:00+00:00",
                    "full_mark": "2026-11-19T00:00:00+00:00",
                    "exported": [["workflow_run 999 attempt 1", "2026-11-24T03:44:00+00:00"]],
                    "pending": [],
                    "unfinished": [["workflow_run 1003 attempt 1", "2026-11-19T00:00:00+00:00"]],
                },
            }
        },
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """An export: inputs by their names, the runner's variables, the event, and files of the job.

    ``jira`` is the kind of Jira that is beside GitHub: cloud, server or none. ``door`` is what is
    called: export, or what else reads (context, check, explain).
    """

    inputs: Mapping[str, str]
    runner: Mapping[str, str] = field(default_factory=dict)
    event: Callable[[World], Any] = lambda _: {}
    files: Mapping[str, bytes] = field(default_factory=dict)
    jira: str = ""
    door: str = "export"

    @property
    def environ(self) -> dict[str, str]:
        """Return the variables that the runner and action.yml set."""
        always = {"otlp-endpoint": "https://otlp.example.com", "github-token": "ghs_of_this_run"}
        site = {"cloud": "https://acme.atlassian.net", "server": "https://jira.example.com"}
        of_jira = {"jira-url": site.get(self.jira, ""), "jira-token": "of-jira"}
        given = {**always, **(of_jira if self.jira else {}), **self.inputs}
        return {
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_RUN_ID": "9000001",
            "GITHUB_RUN_ATTEMPT": "1",
            **{INPUT[name].variable: value for name, value in given.items()},
            **self.runner,
        }


_OWN = {
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_RUN_ID": "2000",
    "FLOW_TELEMETRY_STARTED_AT": "1795492980",
}


def _pull_request(action: str, number: int) -> Callable[[World], Any]:
    def event(world: World) -> Any:
        pull = next(each for each in world.pull_requests if each.number == number)
        return events.pull_request(world, pull, action)

    return event


def _issue(action: str, number: int) -> Callable[[World], Any]:
    def event(world: World) -> Any:
        home = world.find_repository("acme/shop")
        found = issues.issue(world, home, {"id": str(number)}, {})
        return {"action": action, "issue": found, "label": {"name": "blocked"}}

    return event


def _workflow_run(run_id: int) -> Callable[[World], Any]:
    return lambda world: events.workflow_run(
        world, next(each for each in reversed(world.attempts) if each.id == run_id)
    )


def _deployment_status(number: int) -> Callable[[World], Any]:
    def event(world: World) -> Any:
        deployed = next(each for each in world.deployments if each.id == number)
        last = deployed.statuses[-1]
        return {
            "deployment": {"id": number},
            "deployment_status": {"state": last.plan.state, "id": last.id},
        }

    return event


SCENARIOS: Mapping[str, Scenario] = {
    "run": Scenario(inputs={"mode": "run", "run-id": "999", "metric-attributes": "vcs.change.id"}),
    "run-of-event": Scenario(
        inputs={"trace-scope": "feature"},
        runner={"GITHUB_EVENT_NAME": "workflow_run"},
        event=_workflow_run(1003),
    ),
    "run-of-deployments": Scenario(inputs={"mode": "run", "run-id": "1007", "actors": "hash"}),
    "run-of-queue": Scenario(inputs={"mode": "run", "run-id": "1014", "trace-scope": "item"}),
    "run-own": Scenario(inputs={"export": "job"}, runner=_OWN, event=_pull_request("opened", 210)),
    "run-inside": Scenario(
        inputs={
            "export": "job",
            "test-reports": "**/junit*.xml",
            "coverage-reports": "coverage.xml",
            "trace-files": "**/*.jsonl",
        },
        runner=_OWN,
        files=FILES,
    ),
    "run-with-logs": Scenario(
        inputs={"mode": "run", "run-id": "2001", "logs": "all", "trace-artifacts": "traces-*"}
    ),
    "change": Scenario(
        inputs={"mode": "change", "number": "123", "trace-scope": "run", "detail": "run"}
    ),
    "change-odd": Scenario(inputs={"mode": "change", "number": "210", "actors": "none"}),
    "change-phases": Scenario(
        inputs={"phases": "live", "events": "live"},
        runner={**_OWN, "GITHUB_EVENT_NAME": "pull_request_target"},
        event=_pull_request("closed", 210),
    ),
    "issue-event": Scenario(
        inputs={"mode": "event", "events": "live"},
        runner={"GITHUB_EVENT_NAME": "issues"},
        event=_issue("labeled", 200),
    ),
    "item": Scenario(inputs={"mode": "item", "work-item-key": "110", "trace-scope": "item"}),
    "item-closed": Scenario(
        inputs={"trace-scope": "feature"},
        runner={"GITHUB_EVENT_NAME": "issues"},
        event=_issue("closed", 100),
    ),
    "feature": Scenario(inputs={"mode": "feature", "feature-key": "100", "detail": "run"}),
    "feature-snapshot": Scenario(
        inputs={"mode": "feature", "feature-key": "200", "snapshot": "true", "max-spans": "20"}
    ),
    "deployment": Scenario(
        inputs={"max-span-age": "7d", "on-old-span": "clamp"},
        runner={"GITHUB_EVENT_NAME": "deployment_status"},
        event=_deployment_status(7700),
    ),
    "sweep": Scenario(inputs={"mode": "sweep", "since": "30d", "sweep-runs": "true"}),
    "sweep-with-ledger": Scenario(
        inputs={"mode": "sweep", "sweep-runs": "true", "ledger": LEDGER},
        runner={"GITHUB_WORKFLOW_REF": "acme/shop/.github/workflows/ci.yml@refs/heads/main"},
        files={LEDGER: LEDGER_CONTENT.encode()},
    ),
    "context": Scenario(inputs={"mode": "context"}, runner=_OWN, door="context"),
    "check": Scenario(inputs={}, jira="cloud", door="check"),
    "explain": Scenario(inputs={"mode": "run", "run-id": "1007"}, door="explain"),
    "jira-run": Scenario(
        inputs={"mode": "run", "run-id": "2002", "trace-scope": "feature"}, jira="cloud"
    ),
    "jira-item": Scenario(
        inputs={"mode": "item", "work-item-key": "ACME-57", "trace-scope": "item"}, jira="server"
    ),
    "jira-feature": Scenario(inputs={"mode": "feature", "feature-key": "ACME-42"}, jira="cloud"),
    "jira-feature-server": Scenario(
        inputs={"mode": "feature", "feature-key": "ACME-42", "blocked-names": "x"}, jira="server"
    ),
}
