"""The documented SQL in ClickHouse, against what one counts by hand."""

from __future__ import annotations

import random
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.backends.clickhouse import ClickHouse
from tests.backends.programs import send
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World
from tests.stories.job.reported import Workspace, case, failed, job_with_tests, suite
from tests.support.program import Program

from flow_telemetry.telemetry import EncodedRequest, Signal

DOCS = Path(__file__).parents[2] / "docs"
FAILED = {"failure", "error", "timeout"}
LIFE = "open until merged"
FLAKY = "<flakyFailure message='once' type='T'/>"
Rows = list[dict[str, Any]]


def documented() -> dict[str, str]:
    """Return each statement of the docs by its question."""
    found = {}
    for page in sorted(DOCS.rglob("*.md")):
        for block in re.findall(r"```sql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            first, _, statement = block.partition("\n")
            assert first.startswith("-- "), block
            assert first.removeprefix("-- ") not in found
            found[first.removeprefix("-- ")] = statement.strip()
    return found


STATEMENTS = documented()
(VIEW,) = (question for question in STATEMENTS if question.startswith("view: "))


class Database:
    """A database with the tables, the view, and everything of a receiver."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.clickhouse = ClickHouse(folder)
        self.clickhouse.create()
        self.clickhouse.execute(STATEMENTS[VIEW])
        self.clickhouse.store(receiver.spans, receiver.events, receiver.metrics)
        self.spans = list({(s.trace_id, s.span_id): s for s in receiver.spans}.values())

    def ask(self, question: str) -> Rows:
        """Return the rows of a documented question."""
        return self.clickhouse.rows(STATEMENTS[question])

    def live(self, kind: str, **wanted: str) -> list[SpanRecord]:
        """Return the live spans of a kind, by attributes with underscores in place of dots."""
        asked = {name.replace("_", "."): value for name, value in wanted.items()}
        return [
            span
            for span in self.spans
            if span.attributes["flow.trace"] == "live"
            and span.attributes["flow.entity.type"] == kind
            and asked.items() <= span.attributes.items()
        ]


@pytest.fixture(scope="module")
def sent(
    demo_requests: Sequence[EncodedRequest], export_demo: Callable[[], Sequence[EncodedRequest]]
) -> list[EncodedRequest]:
    """The demo's spans twice, everything else once, in random order."""
    again = [each for each in export_demo() if each.signal is Signal.TRACES]
    requests = [*demo_requests, *again]
    return random.Random("order").sample(requests, len(requests))


@pytest.fixture(scope="module")
def demo(sent: list[EncodedRequest], tmp_path_factory: pytest.TempPathFactory) -> Database:
    """The demo."""
    with Receiver() as receiver:
        send(receiver.url, sent)
        return Database(tmp_path_factory.mktemp("clickhouse"), receiver)


def seconds(span: SpanRecord) -> float:
    return (span.end - span.start) / 1e9


def grouped(spans: Iterable[SpanRecord], *names: str) -> Mapping[Any, list[SpanRecord]]:
    """Return spans by the values of attributes."""
    groups: dict[Any, list[SpanRecord]] = defaultdict(list)
    for span in spans:
        key = tuple(span.attributes.get(name, "") for name in names)
        groups[key if len(names) > 1 else key[0]].append(span)
    return groups


def test_every_statement_is_tried() -> None:
    """Each has a test below, which names its question."""
    own = Path(__file__).read_text(encoding="utf-8")
    missing = [question for question in STATEMENTS if f'"{question}"' not in own]
    assert missing == [VIEW]
    assert len(STATEMENTS) == 12


def test_the_view_has_each_live_span_once(demo: Database) -> None:
    """The table has copies, and the same runs in the trace of the feature."""
    (row,) = demo.clickhouse.rows("SELECT count() AS stored FROM otel_traces")
    (seen,) = demo.clickhouse.rows("SELECT count() AS spans FROM flow_spans")
    live = [span for span in demo.spans if span.attributes["flow.trace"] == "live"]
    assert int(seen["spans"]) == len(live) < len(demo.spans)
    assert int(row["stored"]) > 2 * len(demo.spans) - 1


def test_the_slowest_steps(demo: Database) -> None:
    """With their longest and mean time."""
    steps = demo.live("step", cicd_pipeline_name="CI", flow_branch="other")
    expected = {
        key: (max(map(seconds, spans)), statistics.fmean(map(seconds, spans)), len(spans))
        for key, spans in grouped(steps, "flow.job.name", "flow.step.name").items()
    }
    rows = demo.ask("slowest steps of a workflow")
    assert len(rows) == 10
    for row in rows:
        longest, mean, times = expected[row["job"], row["step"]]
        assert (row["longest_seconds"], row["mean_seconds"]) == pytest.approx((longest, mean))
        assert int(row["times"]) == times
    slowest = sorted((longest for longest, *_ in expected.values()), reverse=True)[:10]
    assert [row["longest_seconds"] for row in rows] == pytest.approx(slowest)


def test_the_last_runs_of_a_person_that_failed(demo: Database) -> None:
    """With the steps that failed."""
    runs = [
        span
        for span in demo.live("run", github_actor="alice")
        if span.attributes.get("cicd.pipeline.result") in FAILED
    ]
    assert runs
    expected = {
        (run.attributes["cicd.pipeline.run.id"], str(run.attributes["github.run.attempt"])): sorted(
            f"{step.attributes['flow.job.name']} / {step.attributes['flow.step.name']}"
            for step in demo.live("step")
            if step.attributes["cicd.pipeline.run.id"] == run.attributes["cicd.pipeline.run.id"]
            and step.attributes["github.run.attempt"] == run.attributes["github.run.attempt"]
            and step.attributes["flow.step.result"] in FAILED
        )
        for run in runs
    }
    assert all(expected.values())
    rows = demo.ask("last runs of a person that failed, and in which steps")
    assert {(row["run"], row["attempt"]): sorted(row["steps"]) for row in rows} == expected
    assert [row["began"] for row in rows] == sorted((row["began"] for row in rows), reverse=True)
    assert all(row["workflow"] and row["branch"] for row in rows)


def test_failures_by_cause(demo: Database) -> None:
    """Counted by job."""
    jobs = [span for span in demo.live("job") if "error.type" in span.attributes]
    expected = Counter(
        (str(job.attributes["cicd.pipeline.name"]), str(job.attributes["error.type"]))
        for job in jobs
    )
    assert expected
    rows = demo.ask("failures by cause")
    assert {(row["workflow"], row["cause"]): int(row["jobs"]) for row in rows} == expected


def test_the_queue_by_runner_label(demo: Database) -> None:
    """Waits of jobs, not those of runs."""
    waits = [span for span in demo.live("queued") if "flow.runner.labels" in span.attributes]
    expected = {
        labels: (len(spans), statistics.median(map(seconds, spans)), max(map(seconds, spans)))
        for labels, spans in grouped(waits, "flow.runner.labels").items()
    }
    assert expected
    rows = demo.ask("queue by runner label")
    assert {row["labels"] for row in rows} == set(expected)
    for row in rows:
        found = int(row["jobs"]), row["median_seconds"], row["longest_seconds"]
        assert found == pytest.approx(expected[row["labels"]])


def test_waits_for_review(demo: Database) -> None:
    """All of a pull request's waits count."""
    phases = demo.live("phase", flow_phase="awaiting-review")
    rows = demo.ask("waits for review by repository")
    (row,) = rows
    assert row["repository"] == "acme/shop"
    assert int(row["changes"]) == len({span.attributes["vcs.change.id"] for span in phases}) > 1
    assert row["hours"] == pytest.approx(sum(map(seconds, phases)) / 3600)
    assert row["median_hours"] == pytest.approx(statistics.median(map(seconds, phases)) / 3600)


def test_the_lead_time(demo: Database) -> None:
    """Of what was delivered to production, once for each pull request."""
    times = [
        float(span.attributes["flow.deployment.lead_time"])
        for span in demo.live("deployment", deployment_environment_name="production")
        if "flow.deployment.lead_time" in span.attributes
    ]
    (row,) = demo.ask("lead time to production")
    assert int(row["changes"]) == len(times) == 2
    assert row["median_hours"] == pytest.approx(statistics.median(times) / 3600)


def test_deployments_that_failed(demo: Database) -> None:
    """With the pull requests that they would have delivered."""
    spans = demo.live("deployment", deployment_status="failed")
    expected = {
        number: {str(span.attributes["vcs.change.id"]) for span in found}
        for number, found in grouped(spans, "deployment.id").items()
    }
    assert expected
    rows = demo.ask("deployments that failed")
    assert {row["deployment"]: set(row["changes"]) for row in rows} == expected


def test_what_delayed_the_feature(demo: Database) -> None:
    """The times of all states are its whole time."""
    (root,) = (
        span
        for span in demo.spans
        if span.attributes["flow.trace"] == "feature" and not span.parent_span_id
    )
    expected = {
        name.split(".")[2]: float(value) / 3600
        for name, value in root.attributes.items()
        if name.startswith("flow.time.") and name.endswith(".duration")
    }
    rows = demo.ask("what delayed this feature")
    assert {row["state"]: row["hours"] for row in rows} == pytest.approx(expected)
    assert sum(row["hours"] for row in rows) == pytest.approx(seconds(root) / 3600, rel=1e-6)


def test_the_oldest_open_pull_requests(
    demo_requests: Sequence[EncodedRequest], tmp_path: Path
) -> None:
    """Those of which anything was exported, and that were not closed: here before the last was."""
    with Receiver() as receiver:
        for request in demo_requests:
            closed = {s.attributes["vcs.change.id"] for s in receiver.spans if s.name == LIFE}
            if request.signal is not Signal.TRACES or closed == {"123", "131"}:
                continue
            send(receiver.url, [request])
        last = [s for s in receiver.spans if s.attributes.get("vcs.change.id") == "131"]
        lives = {span.span_id for span in last if span.name == LIFE}
        before = [span for span in receiver.spans if span.span_id not in lives]
        (opening,) = {s.start for s in receiver.spans if s.name == "pull request #131"}
    clickhouse = ClickHouse(tmp_path)
    clickhouse.create()
    clickhouse.execute(STATEMENTS[VIEW])
    clickhouse.store(before)
    (row,) = clickhouse.rows(STATEMENTS["oldest open pull requests"])
    assert row["reference"] == "github.com/acme/shop/pull/131"
    age = datetime.now(timezone.utc).timestamp() - opening / 1e9
    assert row["age_days"] * 86_400 == pytest.approx(age, abs=300)


def test_flaky_tests_and_cost_by_team(
    program: Program, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    """The team is what the workflow says of itself."""
    for team, numbers in (("checkout", ("ships", "bills")), ("search", ("finds",))):
        run = world.run(jobs=[job_with_tests()])
        workspace = Workspace(program, run)
        cases = [case(name, 2, FLAKY) for name in numbers]
        workspace.report("junit.xml", suite(*cases, case("adds"), failed("pays")))
        result = workspace.export(resource_attributes=f"team={team}", prices="*=0.004")
        assert result.status == 0, result.log
    database = Database(tmp_path / "database", receiver)
    rows = database.ask("flaky tests")
    spans = [s for s in database.live("test_case") if s.attributes.get("flow.test.case.flaky")]
    expected = Counter(str(span.attributes["flow.test.case.key"]) for span in spans)
    assert sum(expected.values()) == 3
    assert {row["test"]: int(row["times"]) for row in rows} == expected
    points = receiver.points_of("flow.job.cost")
    costs: dict[str, float] = defaultdict(float)
    for point in points:
        costs[str(point.resource["team"])] += point.value
    assert costs.keys() == {"checkout", "search"}
    rows = database.ask("cost by team in USD")
    assert {row["team"]: row["usd"] for row in rows} == pytest.approx(costs)


def test_events_are_stored_with_their_names(demo: Database) -> None:
    """The body is what one reads, and the trace is that of the thing."""
    rows = demo.clickhouse.rows(
        "SELECT Body, TraceId, SeverityText FROM otel_logs WHERE EventName = 'flow.change.merged'"
    )
    assert len(rows) == 2
    assert {row["TraceId"] for row in rows} <= {span.trace_id for span in demo.spans}
    assert all("merged pull request #1" in row["Body"] for row in rows)


def test_times_are_kept_to_the_nanosecond(demo: Database) -> None:
    """Microseconds put siblings in order."""
    (row,) = demo.clickhouse.rows(
        "SELECT toString(min(toUnixTimestamp64Nano(Timestamp))) AS first FROM otel_traces"
    )
    first = min(span.start for span in demo.spans)
    assert int(row["first"]) == first
    assert datetime.fromtimestamp(first // 10**9, timezone.utc) < datetime.now(timezone.utc)
