"""Every event arrives, with its own time where the backend takes it, and told where it does not."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from tests.fakes.backends import Loki
from tests.fakes.faults import Scripted, status
from tests.fakes.logs import entries_in
from tests.fakes.receiver import Receiver, partial_success
from tests.otlp.builders import SECOND, START, make_event, make_target, seconds_from_now
from tests.support.spool import requests_in

from flow_telemetry.otlp.exporter import OtlpExporter
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.spool import Spool
from flow_telemetry.settings import EventTime
from flow_telemetry.telemetry import Delivery, LogRecord, Signal

HOUR = 3600 * SECOND
DAY = 24 * HOUR
DYNATRACE = (
    "timestamps_out_of_range: The log batch contains a log with a timestamp more than 24 hours in "
    "the past"
)


def send(
    receiver: Receiver,
    folder: Path,
    events: Iterable[LogRecord],
    policy: EventTime = EventTime.AUTO,
) -> Delivery:
    """Send events under a policy."""
    exporter = OtlpExporter(
        targets={Signal.LOGS: make_target(receiver.url, signal=Signal.LOGS)},
        spool=Spool(folder / "spool"),
        deadline=seconds_from_now(20),
        fallbacks=Fallbacks(event_time=policy),
    )
    [delivery] = exporter.deliver(events)
    return delivery


def uids(receiver: Receiver) -> list[str]:
    """What arrived, each once."""
    return sorted({event.attributes["log.record.uid"] for event in receiver.events})


def a_months_events(count: int) -> list[LogRecord]:
    """Events of a change that took a month, the first of them last, as a reader may find them."""
    end = time.time_ns()
    return [make_event(n, time=end - n * 30 * DAY // count) for n in range(count)]


def test_loki_gets_every_event_of_a_month(receiver: Receiver, tmp_path: Path) -> None:
    """What is older than a week comes once more with the time of sending, and one notice tells."""
    receiver.script("/v1/logs", Loki(), times=None)
    events = a_months_events(60)
    delivery = send(receiver, tmp_path, events)
    assert uids(receiver) == sorted(str(event.attributes["log.record.uid"]) for event in events)
    assert (delivery.sent, delivery.spooled, delivery.requests) == (60, 0, 2)
    assert (delivery.failures, delivery.complete) == ((), True)
    [notice] = delivery.notices
    assert "60 events left with the time of sending" in notice
    assert "event-time: sent" in notice
    late = [event for event in receiver.events if "flow.event.time" in event.attributes]
    assert all(time.time_ns() - event.time < HOUR for event in late)


def test_what_arrives_twice_is_equal_by_its_id(receiver: Receiver, tmp_path: Path) -> None:
    """Loki keeps the young entries of what it refuses; their repeat has the same reference."""
    receiver.script("/v1/logs", Loki(), times=None)
    young = make_event(1, time=time.time_ns() - HOUR)
    old = make_event(2, time=time.time_ns() - 30 * DAY)
    send(receiver, tmp_path, [young, old])
    arrived = [event.attributes["log.record.uid"] for event in receiver.events]
    assert sorted(arrived) == ["flow:event:1", "flow:event:1", "flow:event:2"]


def test_another_build_has_moved_the_stream_on(receiver: Receiver, tmp_path: Path) -> None:
    """Loki refuses what is more than an hour behind the newest of its stream: it still arrives."""
    receiver.script("/v1/logs", Loki(), times=None)
    send(receiver, tmp_path, [make_event(1, time=time.time_ns())])
    delivery = send(receiver, tmp_path, [make_event(2, time=time.time_ns() - 3 * HOUR)])
    assert uids(receiver) == ["flow:event:1", "flow:event:2"]
    assert "1 event left" in delivery.notices[0]


def test_a_weeks_events_keep_their_times(receiver: Receiver, tmp_path: Path) -> None:
    """In order, nothing is behind the newest before it, so Loki takes all with their own times."""
    receiver.script("/v1/logs", Loki(), times=None)
    now = time.time_ns()
    delivery = send(receiver, tmp_path, [make_event(n, time=now - n * 5 * HOUR) for n in range(30)])
    assert [event.time for event in receiver.events] == sorted(
        now - n * 5 * HOUR for n in range(30)
    )
    assert (delivery.requests, delivery.notices) == (1, ())


@pytest.mark.parametrize(
    "refusal",
    [
        status(400, DYNATRACE),
        status(400, '{"code": 3, "message": "reason: greater_than_max_sample_age"}'),
        status(400, "entry too far behind, entry timestamp is: x, oldest acceptable timestamp is"),
        partial_success(1, "timestamp too old"),
    ],
)
def test_each_word_for_too_old_is_understood(
    receiver: Receiver, tmp_path: Path, refusal: Scripted
) -> None:
    """Loki, Dynatrace and a partial success say it in different ways."""
    receiver.script("/v1/logs", refusal)
    delivery = send(receiver, tmp_path, [make_event(1), make_event(2, time=START + SECOND)])
    assert [event.attributes["flow.event.time"] for event in receiver.events[-2:]] == [
        iso(START),
        iso(START + SECOND),
    ]
    assert (delivery.sent, delivery.rejected, len(delivery.notices)) == (2, 0, 1)


def iso(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds // SECOND, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_what_is_refused_twice_is_spooled_with_its_own_time(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Nothing is tried for ever, and the spool has the truth."""
    receiver.script("/v1/logs", status(400, DYNATRACE), times=None)
    delivery = send(receiver, tmp_path, [make_event(1)])
    assert (delivery.requests, delivery.sent, delivery.spooled) == (2, 0, 1)
    [failure] = delivery.failures
    assert "answered 400 Bad Request" in failure.problem
    assert delivery.notices == ()
    [file] = delivery.spool_files
    assert Path(file).name.startswith("logs-")
    [entry] = entries_in(next(requests_in(Path(file))))
    assert entry.time == START


def test_another_refusal_is_not_tried_again(receiver: Receiver, tmp_path: Path) -> None:
    """A 400 for something else says nothing of the time."""
    receiver.script("/v1/logs", status(400, "label names must not be empty"), times=None)
    delivery = send(receiver, tmp_path, [make_event(1)])
    assert (delivery.requests, delivery.spooled) == (1, 1)


def test_an_event_keeps_its_time_where_that_is_wanted(receiver: Receiver, tmp_path: Path) -> None:
    """`event-time: event` never sends another, and what is refused is spooled."""
    receiver.script("/v1/logs", Loki(), times=None)
    delivery = send(receiver, tmp_path, [make_event(1, time=SECOND)], EventTime.EVENT)
    assert (delivery.requests, delivery.spooled, receiver.events) == (1, 1, [])


def test_the_time_of_sending_at_once(receiver: Receiver, tmp_path: Path) -> None:
    """`event-time: sent` costs no refusal, and keeps the order."""
    receiver.script("/v1/logs", Loki(), times=None)
    events = [make_event(n, time=START - n * HOUR) for n in range(5)]
    delivery = send(receiver, tmp_path, events, EventTime.SENT)
    assert (delivery.requests, delivery.notices) == (1, ())
    arrived = sorted(receiver.events, key=lambda event: event.time)
    assert [event.attributes["flow.event.time"] for event in arrived] == [
        iso(START - n * HOUR) for n in reversed(range(5))
    ]
    assert len({event.time for event in arrived}) == 5
