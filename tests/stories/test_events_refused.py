"""Events where the backend takes none, or none that are old: nothing is lost in silence."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from tests.fakes.backends import Loki
from tests.fakes.faults import status
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, happened
from tests.support import closings, references
from tests.support.program import Program

PULL = references.pull(123)
OPENED, MERGED = "2020-11-02T08:00:00Z", "2020-11-04T08:00:00Z"
COMMENTS = tuple(
    happened("commented", at=f"2020-11-0{day}T09:30:00Z", by="bob", id=4000 + day) for day in (2, 3)
)
UIDS = sorted(
    f"{PULL}#event:{event}"
    for event in (
        f"created:{OPENED}",
        "commented:4002",
        "commented:4003",
        f"merged:{MERGED}",
        f"closed:{MERGED}",
    )
)
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
AT_THE_MERGE = int(datetime(2020, 11, 4, 8, tzinfo=timezone.utc).timestamp()) * SECOND


@pytest.fixture(autouse=True)
def _merged(world: World) -> None:
    """A pull request of long ago, with two comments."""
    world.pull_request(123, opened_at=OPENED, merged_at=MERGED, timeline=COMMENTS)


def uids(receiver: Receiver) -> list[str]:
    """What the backend keeps, by the events' own names."""
    return sorted(event.attributes["log.record.uid"] for event in receiver.events)


def test_a_backend_without_logs_costs_one_notice(program: Program, receiver: Receiver) -> None:
    """Tempo and Jaeger have no such path: no warning, no spool, and the export is whole."""
    receiver.script("/v1/logs", status(404), times=None)
    result = closings.pull_request(program, 123)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert len(result.notices) == 1
    assert "signals" in result.notices[0]
    assert result.spool_files == []
    assert len(receiver.requests_to("logs")) == 1
    assert receiver.spans
    assert receiver.metrics
    shown = result.summary.replace("\\", "")
    assert f"5 events not sent: {receiver.url} does not accept them." in shown


def refused_and_sent_again(receiver: Receiver, since: int) -> set[str]:
    """When those that were sent again truly happened: their time is after the test's start."""
    late = [event for event in receiver.events if event.time >= since]
    return {event.attributes["flow.event.time"] for event in late}


def test_events_older_than_a_week_all_arrive(program: Program, receiver: Receiver) -> None:
    """Those that Loki refuses come once more with the time of sending, and the truth beside it."""
    receiver.script("/v1/logs", Loki(), times=None)
    began = int(datetime.now(timezone.utc).timestamp()) * SECOND
    result = closings.pull_request(program, 123)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert uids(receiver) == UIDS
    assert refused_and_sent_again(receiver, began) == {
        "2020-11-02T08:00:00.000Z",
        "2020-11-02T09:30:00.000Z",
        "2020-11-03T09:30:00.000Z",
        "2020-11-04T08:00:00.000Z",
    }
    assert len(result.notices) == 1
    assert "event-time" in result.notices[0]
    assert len(receiver.requests_to("logs")) == 2


def test_events_behind_the_newest_of_their_stream_all_arrive(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A pull request whose neighbour, merged after it, was sent before it: young, but behind."""
    receiver.script("/v1/logs", Loki(now=lambda: AT_THE_MERGE + 2 * HOUR), times=None)
    world.pull_request(124, branch="other", opened_at=MERGED, merged_at="2020-11-04T10:00:00Z")
    first = closings.pull_request(program, 124)
    assert first.notices == []
    began = int(datetime.now(timezone.utc).timestamp()) * SECOND
    result = closings.pull_request(program, 123)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert [uid for uid in uids(receiver) if uid.startswith(f"{PULL}#")] == UIDS
    assert "2020-11-02T08:00:00.000Z" in refused_and_sent_again(receiver, began)
    assert len(result.notices) == 1


def test_events_can_have_the_time_of_sending_at_once(program: Program, receiver: Receiver) -> None:
    """`event-time: sent` spares the second request, and says nothing."""
    receiver.script("/v1/logs", Loki(), times=None)
    result = closings.pull_request(program, 123, event_time="sent")
    assert (result.warnings, result.notices) == ([], [])
    assert uids(receiver) == UIDS
    assert len(receiver.requests_to("logs")) == 1
    (merge,) = receiver.events_named("flow.change.merged")
    assert merge.attributes["flow.event.time"] == "2020-11-04T08:00:00.000Z"


def test_a_wrong_token_is_one_warning_for_all_signals(program: Program, receiver: Receiver) -> None:
    """Though no signal can be delivered, and each is kept in a file of its own."""
    receiver.script("/v1/", status(401), times=None)
    result = closings.pull_request(program, 123)
    assert (len(result.warnings), result.outputs["status"]) == (1, "spooled")
    assert "401" in result.warnings[0]
    assert len(result.spool_files) == 3
    assert "5 events not delivered but kept in" in result.log
