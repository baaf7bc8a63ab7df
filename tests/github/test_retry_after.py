"""`Retry-After` means the same towards GitHub and Jira, in seconds and as a date."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
from tests.fakes.faults import status
from tests.fakes.jira_world import JiraWorld
from tests.jira.support import NOW, connect, fake, key

from flow_telemetry.clock import SystemClock
from flow_telemetry.http.response import Response
from flow_telemetry.http.retry import parse_retry_after, wait_before_retry

HEADERS = [
    (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
    (format_datetime(NOW - timedelta(days=1), usegmt=True), 0.0),
    ("soon", None),
    ("-1", None),
    ("9" * 400, None),
]


@pytest.mark.parametrize(("header", "seconds"), HEADERS)
def test_seconds_and_dates_are_read(header: str, seconds: float | None) -> None:
    """What is neither is ignored."""
    now: datetime = NOW
    assert parse_retry_after(header, now) == seconds
    wait = wait_before_retry(
        Response(status=503, headers={"retry-after": header}), tries=1, now=now.timestamp()
    )
    assert wait == (1.0 if seconds is None else seconds)


@pytest.mark.parametrize(("header", "seconds"), HEADERS)
def test_jira_is_waited_for_as_it_asks(header: str, seconds: float | None) -> None:
    """Through the real client."""
    world = JiraWorld()
    world.issue("ACME-57")
    with fake(world, cloud=True) as jira:
        jira.script("/issue/ACME-57", status(503, retry_after=header))
        connected = connect(jira)
        connected.jira.chain(key("ACME-57"))
    assert connected.clock.waited[0] == (1.0 if seconds is None else seconds)


def test_a_wait_that_the_system_cannot_sleep_is_not_an_error() -> None:
    """Without a deadline only the server bounds the wait, here by a date of the year 9999."""
    seconds = parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", NOW)
    assert seconds is not None
    errors: list[BaseException] = []

    def sleep() -> None:
        try:
            SystemClock().sleep(seconds)
        except (OSError, OverflowError) as error:
            errors.append(error)

    thread = threading.Thread(target=sleep, daemon=True)
    thread.start()
    thread.join(0.2)
    assert (errors, thread.is_alive()) == ([], True)
