"""What backends do with the old: a pull request of 40 days, and a feature as large as fits."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.backends import programs
from tests.backends.clickhouse import ClickHouse
from tests.backends.programs import Running, send
from tests.backends.recipes import recipe_with, started
from tests.backends.test_phoenix import parents
from tests.backends.test_phoenix import stored as stored_in_phoenix
from tests.backends.test_victoria_logs import stored
from tests.backends.traces import trace
from tests.fakes.receiver import Received, Receiver
from tests.fakes.world import START, World, job, step
from tests.support import closings
from tests.support.program import Program
from tests.support.waiting import until

from flow_telemetry.telemetry import EncodedRequest, Signal

AGE = timedelta(days=40)
DETAIL = "flow.feature.detail"


def encoded(received: Received) -> EncodedRequest:
    """Return a request as it was sent."""
    signal = Signal(received.path.rpartition("/")[2])
    return EncodedRequest(signal=signal, body=received.message.SerializeToString(), items=1)


@pytest.fixture
def old(program: Program, world: World, receiver: Receiver) -> list[EncodedRequest]:
    """The exports of a pull request that was opened 40 days ago, had a run then, and is merged."""
    opened = START - AGE
    world.pull_request(123, branch="fix", opened_at=opened, merged_at=START)
    early = world.run(branch="fix", event="pull_request", created_at=opened + timedelta(hours=1))
    assert program.export(early).status == 0
    assert closings.pull_request(program, 123).status == 0
    assert max(span.end - span.start for span in receiver.spans) == AGE.total_seconds() * 10**9
    return [encoded(each) for each in receiver.requests]


def test_an_old_pull_request_is_whole_in_jaeger(
    old: list[EncodedRequest], receiver: Receiver, own_jaeger: Running
) -> None:
    """Its memory keeps everything, found by its trace id."""
    send(own_jaeger.otlp, (each for each in old if each.signal is Signal.TRACES))
    spans = {span.span_id for span in receiver.spans}
    found = trace(own_jaeger, receiver.spans[0].trace_id, len(spans))
    assert found.ids == dict.fromkeys(spans, 1)
    assert (found.roots, found.orphans, found.warnings) == (["pull request #123"], [], set())


@pytest.mark.timeout(programs.PHOENIX_TEST_SECONDS)
def test_an_old_pull_request_is_whole_in_phoenix(
    old: list[EncodedRequest], receiver: Receiver, phoenix: Running
) -> None:
    """It refuses nothing for its age, and deletes nothing by default."""
    send(phoenix.otlp, (each for each in old if each.signal is Signal.TRACES))
    tree = {span.span_id: span.parent_span_id for span in receiver.spans}
    assert parents(stored_in_phoenix(phoenix, receiver.spans[0].trace_id, len(tree))) == tree


def test_metrics_of_an_old_pull_request_are_new(old: list[EncodedRequest], tmp_path: Path) -> None:
    """They have the time of their sending, so Prometheus refuses none."""
    with programs.prometheus(tmp_path, "otlp-native-delta-ingestion") as prometheus:
        send(prometheus.otlp, (each for each in old if each.signal is Signal.METRICS))
        query = "sum(sum_over_time(flow_change_time_to_merge_seconds_sum[1h]))"

        def found() -> list[float]:
            result = prometheus.get("/api/v1/query", query=query)["data"]["result"]
            return [float(each["value"][1]) for each in result]

        until(found, "nothing is stored")
        assert found() == [AGE.total_seconds()]


def test_events_of_last_week_vanish_from_victoria_logs_with_a_success(
    old: list[EncodedRequest], receiver: Receiver, tmp_path: Path
) -> None:
    """By default it keeps seven days; only its own metrics and log tell of the others."""
    with programs.victoria_logs(tmp_path) as logs:
        send(logs.otlp, (each for each in old if each.signal is Signal.LOGS))
        until(lambda: stored(logs, "_time:90d *"), "nothing arrives")
        kept = {line["event_name"] for line in stored(logs, "_time:90d *")}
        assert "flow.change.created" not in kept
        dropped = [x for x in logs.read("/metrics").decode().splitlines() if "rows_dropped" in x]
        assert any("too_old" in line or "small" in line for line in dropped), dropped
    assert "flow.change.created" in {event.event_name for event in receiver.events}


@pytest.fixture
def large(program: Program, world: World, receiver: Receiver) -> list[EncodedRequest]:
    """The exports of a closed epic: nearly 4.5 MB, the bound of a feature trace."""
    closed = START + timedelta(days=1)
    world.issue(1, "Epic", type="Epic", opened_at=START - AGE, closed_at=closed)
    for number in range(11, 17):
        begun = START - timedelta(days=50 - 2 * number)
        world.pull_request(
            number, branch=f"b{number}", closes=[1], opened_at=begun, merged_at=START
        )
        steps = [step(f"Step {each}", 5) for each in range(28)]
        jobs = [job(f"test ({each})", steps=steps) for each in range(20)]
        created = begun + timedelta(minutes=10)
        world.run(branch=f"b{number}", event="pull_request", created_at=created, jobs=jobs)
    result = closings.issue(program, "acme/shop#1", signals="traces")
    assert result.status == 0, result.log
    spans = [span for span in receiver.spans if span.attributes["flow.trace"] == "feature"]
    assert 3_500 < len({span.span_id for span in spans}) <= 5_000, result.summary
    return [encoded(each) for each in receiver.requests]


def test_the_largest_feature_is_whole(
    large: list[EncodedRequest], receiver: Receiver, own_jaeger: Running, tmp_path: Path
) -> None:
    """In Jaeger behind a Collector, and in ClickHouse."""
    spans = [span for span in receiver.spans if span.attributes["flow.trace"] == "feature"]
    (root,) = (span for span in spans if not span.parent_span_id)
    assert root.attributes[DETAIL] == "step"
    text = recipe_with("otlp_http/datadog")
    with started(text, tmp_path, {"otlp_http/datadog": own_jaeger.otlp}) as collector:
        send(collector.otlp, large)
        found = trace(own_jaeger, root.trace_id, len(spans))
    assert found.ids == {span.span_id: 1 for span in spans}
    assert (found.roots, found.orphans) == (["epic acme/shop#1"], [])
    clickhouse = ClickHouse(tmp_path / "clickhouse")
    clickhouse.create()
    clickhouse.store(spans)
    (row,) = clickhouse.rows(
        f"SELECT count() AS spans, uniqExact(SpanId) AS ids FROM otel_traces "
        f"WHERE TraceId = '{root.trace_id}'"
    )
    assert (int(row["spans"]), int(row["ids"])) == (len(spans), len(spans))
