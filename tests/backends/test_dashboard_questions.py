"""The dashboard of questions in SQL, in a ClickHouse that holds the demo and a quarter."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.backends.clickhouse import ClickHouse
from tests.backends.programs import send
from tests.backends.quarter_stores import export_request, span_requests
from tests.fakes.receiver import Receiver
from tests.fakes.world import World
from tests.stories.job.reported import Workspace, case, job_with_tests, suite
from tests.support.grafana import ROOT, Target, loaded, targets
from tests.support.program import Program
from tests.support.quarter import DAYS, TEAMS, Quarter

from flow_telemetry.telemetry import EncodedRequest

pytestmark = pytest.mark.timeout(600)  # The database is filled before the first test.
FILE = ROOT / "dashboards" / "questions-in-sql.json"
TARGETS = list(targets(FILE))
FLAKY = "<flakyFailure message='once' type='T'/>"
# The reports of tests are in a test of their own.
WITHOUT_REPORTS = [target for target in TARGETS if target.title != "Flaky tests"]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Database:
    """A database, and the quarter that is in it."""

    clickhouse: ClickHouse
    quarter: Quarter

    def ask(self, target: Target, **values: str) -> Rows:
        """Return the rows of a panel for all of the quarter."""
        now = self.quarter.now
        within = target.within(now - timedelta(days=DAYS), now + timedelta(minutes=2))
        known = {"workflow": "CI", "person": "alice", "feature": "acme/shop#100", **values}
        return self.clickhouse.rows(within.filled(known))

    def panel(self, title: str, **values: str) -> Rows:
        """Return the rows of the panel with a title."""
        (target,) = (target for target in TARGETS if target.title == title)
        return self.ask(target, **values)


@pytest.fixture(scope="module")
def database(
    demo_requests: Sequence[EncodedRequest], tmp_path_factory: pytest.TempPathFactory
) -> Database:
    """ClickHouse with the tables of the Collector's exporter, and without a view."""
    now = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(minutes=1)
    quarter = Quarter(now)
    clickhouse = ClickHouse(tmp_path_factory.mktemp("clickhouse"))
    clickhouse.create()
    with Receiver() as receiver:
        send(receiver.url, demo_requests)
        send(receiver.url, span_requests(quarter))
        send(receiver.url, map(export_request, (e for e in quarter.exports if e.measurements)))
        costs = [p for p in receiver.metrics if p.name == "flow.job.cost"]
        clickhouse.store(receiver.spans, receiver.events, costs)
    return Database(clickhouse, quarter)


@pytest.mark.parametrize("target", WITHOUT_REPORTS, ids=lambda target: target.title)
def test_no_panel_is_empty(target: Target, database: Database) -> None:
    """Each statement is executed as Grafana sends it."""
    assert database.ask(target)


def test_the_variables_offer_values(database: Database) -> None:
    """Workflows, people, and the features that were closed."""
    now = database.quarter.now
    offered = {}
    for variable in loaded(FILE)["templating"]["list"]:
        if variable["type"] == "query":
            made = Target(variable["name"], "", "", variable["query"], True, "")
            within = made.within(now - timedelta(days=DAYS), now).filled({})
            offered[variable["name"]] = {
                value for row in database.clickhouse.rows(within) for value in row.values()
            }
    assert offered["workflow"] >= {"CI", "Deploy"}
    assert offered["person"] >= {"alice", "bob"}
    keys = {feature.key for feature in database.quarter.features}
    assert offered["feature"] == {*keys, "acme/shop#100"}


def test_failures_by_cause(database: Database) -> None:
    """Of the causes that only the quarter has, all jobs."""
    rows = database.panel("Failures by cause")
    found = {(row["workflow"], row["cause"]): int(row["jobs"]) for row in rows}
    expected = Counter((job.workflow, job.cause) for job in database.quarter.jobs if job.cause)
    for cause in ("timeout", "internal_error"):
        assert found["CI", cause] == expected["CI", cause]


def test_the_queue_by_runner_label(database: Database) -> None:
    """Of the labels that only the quarter has; spans have them as the workflow does."""
    rows = {row["labels"]: row for row in database.panel("Queue by runner label")}
    for labels in ("windows-2025", "self-hosted,linux"):
        known = ",".join(sorted(labels.split(",")))
        waits = [job.queued for job in database.quarter.jobs if job.labels == known]
        row = rows[labels]
        assert int(row["jobs"]) == len(waits)
        assert row["median_seconds"] == pytest.approx(statistics.median(waits), abs=1e-3)


def test_waits_for_review(database: Database) -> None:
    """In each repository of the quarter."""
    rows = {row["repository"]: row for row in database.panel("Waits for review by repository")}
    reviews: dict[str, list[float]] = defaultdict(list)
    for change in database.quarter.changes:
        reviews[change.repository].append(change.review / 3600)
    for repository, hours in reviews.items():
        row = rows[repository]
        assert int(row["changes"]) == len(hours)
        assert row["hours"] == pytest.approx(sum(hours))
        assert row["median_hours"] == pytest.approx(statistics.median(hours))


def test_the_oldest_open_pull_requests(database: Database) -> None:
    """Those whose opening was exported, and whose end was not."""
    quarter = database.quarter
    rows = database.panel("Oldest open pull requests")
    assert 0 < len(rows) == min(10, sum(quarter.open_changes.values()))
    assert [row["age_days"] for row in rows] == sorted((r["age_days"] for r in rows), reverse=True)


def test_what_delayed_a_feature(database: Database) -> None:
    """The states of each feature are its whole time."""
    for feature in database.quarter.features[:3]:
        rows = database.panel("What delayed this feature?", feature=feature.key)
        assert sum(row["hours"] for row in rows) == pytest.approx(feature.seconds / 3600)


def test_cost_by_team(database: Database) -> None:
    """Of the teams of the quarter; the demo has none."""
    expected: dict[str, float] = defaultdict(float)
    for job in database.quarter.jobs:
        team = TEAMS[job.repository.partition("/")[2]]
        expected[team] += -(-job.seconds // 60) * job.price
    found = {row["team"]: row["usd"] for row in database.panel("Cost by team")}
    assert {team: found[team] for team in expected} == pytest.approx(expected)


def test_flaky_tests(program: Program, world: World, receiver: Receiver, tmp_path: Path) -> None:
    """Of a report that the program reads."""
    run = world.run(jobs=[job_with_tests()])
    workspace = Workspace(program, run)
    workspace.report("junit.xml", suite(case("ships", 2, FLAKY), case("adds")))
    result = workspace.export()
    assert result.status == 0, result.log
    clickhouse = ClickHouse(tmp_path / "database")
    clickhouse.create()
    clickhouse.store(receiver.spans)
    (target,) = (target for target in TARGETS if target.title == "Flaky tests")
    now = datetime.now(timezone.utc)
    (row,) = clickhouse.rows(
        target.within(now - timedelta(days=3650), now + timedelta(days=3650)).filled({})
    )
    assert "ships" in row["test"]
    assert int(row["times"]) == 1
