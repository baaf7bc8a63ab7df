"""Three signals leave by one door: each to its own place, with the same guarantees."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.faults import status
from tests.fakes.receiver import Receiver, partial_success
from tests.otlp.builders import (
    DURATION,
    LOAD,
    make_event,
    make_span,
    make_spans,
    make_target,
    make_targets,
    measured,
    seconds_from_now,
)
from tests.support.spool import files_in, text_of

from flow_telemetry.errors import SourceError
from flow_telemetry.otlp.exporter import (
    FileExporter,
    NullExporter,
    OtlpExporter,
    Recording,
    WatchedExporter,
)
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.spool import Spool
from flow_telemetry.settings import MetricShape
from flow_telemetry.telemetry import Delivery, Signal, Telemetry, merge_deliveries

# As a subject yields it: not sorted by signal.
MIXED: list[Telemetry] = [
    make_spans(2)[0],
    make_event(1, "flow.change.opened"),
    measured(DURATION, 60),
    make_spans(2)[1],
    make_event(2, "flow.change.merged"),
    measured(DURATION, 61),
    measured(LOAD, 3),
]
COUNTS = {Signal.TRACES: 2, Signal.LOGS: 2, Signal.METRICS: 2}


def sink_to(receiver: Receiver, folder: Path) -> OtlpExporter:
    """All three signals to one receiver."""
    return OtlpExporter(
        targets=make_targets(receiver.url),
        spool=Spool(folder / "spool"),
        deadline=seconds_from_now(20),
    )


def by_signal(deliveries: tuple[Delivery, ...]) -> dict[Signal, Delivery]:
    return {delivery.signal: delivery for delivery in deliveries}


def test_each_signal_arrives_at_its_own_path(receiver: Receiver, tmp_path: Path) -> None:
    """One stream of spans, events and measurements makes one request a signal."""
    deliveries = sink_to(receiver, tmp_path).deliver(MIXED)
    assert [delivery.signal for delivery in deliveries] == list(Signal)
    assert {delivery.signal: delivery.sent for delivery in deliveries} == COUNTS
    assert {received.path for received in receiver.requests} == {
        "/v1/traces",
        "/v1/logs",
        "/v1/metrics",
    }
    assert len(receiver.requests) == 3
    assert [e.event_name for e in receiver.events] == ["flow.change.opened", "flow.change.merged"]
    assert len(receiver.spans) == len(receiver.metrics) == 2


def test_what_is_not_wanted_stays_here(receiver: Receiver, tmp_path: Path) -> None:
    """Without a target nothing of a signal leaves, and nothing is told of it."""
    exporter = OtlpExporter(
        targets={Signal.TRACES: make_target(receiver.url)},
        spool=Spool(tmp_path),
        deadline=seconds_from_now(20),
    )
    [delivery] = exporter.deliver(MIXED)
    assert (delivery.signal, delivery.sent) == (Signal.TRACES, 2)
    assert [received.path for received in receiver.requests] == ["/v1/traces"]


def test_a_backend_of_traces_only_costs_a_notice(receiver: Receiver, tmp_path: Path) -> None:
    """Jaeger and Tempo answer 404 for events and metrics: no failure, and nothing is kept."""
    receiver.script("/v1/logs", status(404, "404 page not found"), times=None)
    receiver.script("/v1/metrics", status(404, "404 page not found"), times=None)
    found = by_signal(sink_to(receiver, tmp_path).deliver(MIXED))
    assert found[Signal.TRACES].sent == 2
    for signal, noun in ((Signal.LOGS, "events"), (Signal.METRICS, "metrics")):
        delivery = found[signal]
        assert (delivery.declined, delivery.sent, delivery.spooled, delivery.lost) == (2, 0, 0, 0)
        assert (delivery.failures, delivery.complete) == ((), True)
        [notice] = delivery.notices
        assert f"{receiver.url} takes no {noun}" in notice
        assert "signals: traces" in notice
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("own_address", [False, True])
def test_a_signal_that_is_missing_alone_is_a_failure(
    receiver: Receiver, tmp_path: Path, own_address: bool
) -> None:
    """Without another signal that was taken there, the path is wrong; the server may say why."""
    said = "otlp write receiver needs to be enabled with --web.enable-otlp-receiver"
    receiver.script("metrics", status(404, said), times=None)
    targets = make_targets(receiver.url)
    if own_address:
        url = f"{receiver.url}/api/v1/otlp/v1/metrics"
        targets[Signal.METRICS] = replace(targets[Signal.METRICS], url=url)
    else:
        targets = {Signal.METRICS: targets[Signal.METRICS]}
    spool = Spool(tmp_path / "spool")
    exporter = OtlpExporter(targets=targets, spool=spool, deadline=seconds_from_now(20))
    delivery = by_signal(exporter.deliver(MIXED))[Signal.METRICS]
    assert (delivery.declined, delivery.spooled, delivery.notices) == (0, 2, ())
    assert said in delivery.failures[0].problem
    assert not delivery.complete


def test_a_missing_signal_is_asked_for_once(receiver: Receiver, tmp_path: Path) -> None:
    """Of many events, those that were not under way at the first 404 are not tried."""
    receiver.script("/v1/logs", status(404), times=None)
    stream: list[Telemetry] = [make_span(1), *(make_event(n) for n in range(30_000))]
    delivery = by_signal(sink_to(receiver, tmp_path).deliver(stream))[Signal.LOGS]
    assert (delivery.declined, delivery.spooled, len(delivery.notices)) == (30_000, 0, 1)
    assert len(receiver.requests) <= 7


def test_traces_that_nothing_takes_are_a_failure(receiver: Receiver, tmp_path: Path) -> None:
    """Every backend has traces: a 404 there is a wrong address."""
    receiver.script("/v1/traces", status(404), times=None)
    [delivery] = sink_to(receiver, tmp_path).deliver(make_spans(3))
    assert (delivery.declined, delivery.spooled, delivery.notices) == (0, 3, ())
    assert "/v1/traces" in delivery.failures[0].advice


def test_a_signal_that_was_taken_before_is_not_missing(receiver: Receiver, tmp_path: Path) -> None:
    """A 404 in the middle is a failure like any other."""
    # The first request is answered before the others.
    receiver.script("/v1/logs", replace(status(404), delay=0.5), after=1, times=None)
    [delivery] = sink_to(receiver, tmp_path).deliver(make_event(n) for n in range(3_000))
    assert (delivery.sent, delivery.declined, delivery.spooled) == (1_000, 0, 2_000)


@pytest.mark.parametrize(
    ("signal", "noun"),
    [(Signal.TRACES, "1 span"), (Signal.LOGS, "1 event"), (Signal.METRICS, "1 metric point")],
)
def test_a_partial_rejection_is_read_for_each_signal(
    receiver: Receiver, tmp_path: Path, signal: Signal, noun: str
) -> None:
    """Each response counts in a field of its own, and the text has the word for the items."""
    receiver.script(f"/v1/{signal.value}", partial_success(1, "quota"))
    delivery = by_signal(sink_to(receiver, tmp_path).deliver(MIXED))[signal]
    assert (delivery.sent, delivery.rejected, delivery.spooled) == (1, 1, 1)
    assert f"rejected {noun}" in delivery.failures[0].problem
    assert [Path(file).name.partition("-")[0] for file in delivery.spool_files] == [signal.value]


@pytest.mark.parametrize("signal", list(Signal))
@pytest.mark.parametrize("code", [400, 401, 403, 500])
def test_a_refusal_names_the_signal_and_spools_it(
    receiver: Receiver, tmp_path: Path, signal: Signal, code: int
) -> None:
    """The other two are delivered all the same."""
    receiver.script(f"/v1/{signal.value}", status(code), times=None)
    found = by_signal(sink_to(receiver, tmp_path).deliver(MIXED))
    assert (found[signal].sent, found[signal].spooled) == (0, 2)
    assert all(found[other].complete for other in Signal if other is not signal)
    if code == 403:
        words = {"logs": "events"}.get(signal.value, signal.value)
        assert f"may not write {words} here" in found[signal].failures[0].advice


def test_all_signals_share_one_deadline(receiver: Receiver, tmp_path: Path) -> None:
    """When the time is over, everything is kept and no request is made."""
    exporter = OtlpExporter(
        targets=make_targets(receiver.url),
        spool=Spool(tmp_path),
        deadline=seconds_from_now(0),
    )
    found = by_signal(exporter.deliver(MIXED))
    assert {signal: delivery.spooled for signal, delivery in found.items()} == COUNTS
    assert receiver.requests == []
    assert "2 events not sent" in found[Signal.LOGS].failures[0].problem


def test_when_reading_fails_all_that_was_read_is_kept(receiver: Receiver, tmp_path: Path) -> None:
    """The error is the caller's; what was under way is delivered or on disk."""

    def broken() -> Iterator[Telemetry]:
        yield from (make_event(number) for number in range(1_001))
        raise SourceError("GitHub could not be read")

    receiver.script("/v1/logs", status(500), times=None)
    with pytest.raises(SourceError):
        sink_to(receiver, tmp_path).deliver(broken())
    [file] = files_in(tmp_path / "spool")
    assert text_of(file).count("log.record.uid") == 1_000


def test_a_file_has_a_line_for_each_request(tmp_path: Path) -> None:
    """`--output` gets all signals in one file, as the Collector's file exporter writes them."""
    path = tmp_path / "out.jsonl"
    deliveries = FileExporter(path).deliver(MIXED)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [next(iter(line)) for line in lines] == [
        "resourceSpans",
        "resourceLogs",
        "resourceMetrics",
    ]
    assert {delivery.signal: delivery.sent for delivery in deliveries} == COUNTS
    assert {delivery.destination for delivery in deliveries} == {str(path)}


def test_a_file_has_the_shapes_that_are_wanted(tmp_path: Path) -> None:
    """What is to be sent later is written as it would be sent."""
    path = tmp_path / "out.jsonl"
    FileExporter(path, fallbacks=Fallbacks(metric_shape=MetricShape.GAUGE)).deliver(
        [measured(DURATION, 1)]
    )
    assert '"gauge"' in path.read_text()


def test_a_watcher_keeps_what_passes() -> None:
    """All of it is handed on and can be shown."""
    seen = Recording()
    deliveries = WatchedExporter(NullExporter(), seen.watched).deliver(MIXED)
    assert (len(seen.spans), len(seen.events), len(seen.measurements)) == (2, 2, 3)
    assert [delivery.collected for delivery in deliveries] == [2, 2, 3]


def test_deliveries_of_several_exports_are_summed() -> None:
    """What was declined adds up, and a notice is told once."""
    one = Delivery(
        signal=Signal.LOGS, destination="x", collected=2, declined=2, notices=("no events",)
    )
    [both] = merge_deliveries([one, one])
    assert (both.declined, both.notices, both.complete) == (4, ("no events",), True)


SENDS_TRACES = """
import sys
from pathlib import Path

from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.otlp.exporter import OtlpExporter
from flow_telemetry.otlp.spool import Spool
from flow_telemetry.telemetry import Resource, Signal, SignalTarget, Span

exporter = OtlpExporter(
    targets={Signal.TRACES: SignalTarget(signal=Signal.TRACES, url=sys.argv[1])},
    spool=Spool(Path("unused")),
    deadline=Deadline(SystemClock()),
)
span = Span(
    trace_id="bc5addb5cf688a1630d4f8fe75f91da2",
    span_id="e5277f9fffce771d",
    parent_span_id=None,
    name="RUN CI",
    start=1,
    end=2,
    resource=Resource(attributes={}),
)
print(exporter.deliver([span])[0].sent)
print(*(name for name in sys.modules if name.startswith("opentelemetry")))
"""


def test_traces_alone_load_no_other_signal(receiver: Receiver) -> None:
    """One who sends traces waits neither for the messages nor for the SDK of logs and metrics."""
    told = subprocess.run(
        [sys.executable, "-c", SENDS_TRACES, f"{receiver.url}/v1/traces"],
        capture_output=True,
        text=True,
        check=True,
    )
    sent, loaded = told.stdout.splitlines()
    names = set(loaded.split())
    assert sent == "1"
    assert "opentelemetry.exporter.otlp.proto.http.trace_exporter" in names
    assert "opentelemetry.proto.collector.trace.v1.trace_service_pb2" in names
    assert names & {"opentelemetry.sdk._logs", "opentelemetry.sdk.metrics"} == set()
    assert "logs_service_pb2" not in loaded
    assert "metrics_service_pb2" not in loaded


@pytest.mark.parametrize("code", [405, 501])
def test_whatever_says_that_nothing_takes_a_signal_costs_a_notice(
    receiver: Receiver, tmp_path: Path, code: int
) -> None:
    """Some proxies know no such path by another status than 404; the notice names it."""
    receiver.script("/v1/logs", status(code), times=None)
    delivery = by_signal(sink_to(receiver, tmp_path).deliver(MIXED))[Signal.LOGS]
    assert (delivery.declined, delivery.spooled, delivery.failures) == (2, 0, ())
    assert f"({code} at /v1/logs)" in delivery.notices[0]


@pytest.mark.parametrize("code", [404, 405, 501])
def test_where_traces_are_not_taken_either_all_is_kept(
    receiver: Receiver, tmp_path: Path, code: int
) -> None:
    """The address is wrong, so that no signal is missing there: nothing is given up for it."""
    receiver.script("/v1/", status(code), times=None)
    for delivery in sink_to(receiver, tmp_path).deliver(MIXED):
        assert (delivery.declined, delivery.notices) == (0, ())
        assert delivery.spooled == delivery.collected == delivery.failures[0].items
