"""The fakes of particular backends refuse what those refuse, and keep what those keep."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from tests.fakes.backends import Loki, Prometheus
from tests.fakes.receiver import Receiver

HOUR = 3600 * 1_000_000_000
NOW = time.time_ns()


def push(receiver: Receiver, *hours_ago: float, service: str = "shop") -> requests.Response:
    """Push a log record for each age, in that order."""
    records = [
        {"timeUnixNano": str(NOW - int(age * HOUR)), "eventName": f"{age} hours ago"}
        for age in hours_ago
    ]
    attribute = {"key": "service.name", "value": {"stringValue": service}}
    group = {"resource": {"attributes": [attribute]}, "scopeLogs": [{"logRecords": records}]}
    return requests.post(f"{receiver.url}/v1/logs", json={"resourceLogs": [group]}, timeout=5)


def kept(receiver: Receiver) -> list[str]:
    return [event.event_name for event in receiver.events]


def test_loki_keeps_the_young_of_a_push_that_it_refuses(receiver: Receiver) -> None:
    """An entry of more than a week is refused, the one beside it is not."""
    receiver.script("/v1/logs", Loki(), times=None)
    answer = push(receiver, 200, 100)
    assert answer.status_code == 400
    assert "has timestamp too old" in answer.text
    assert "total ignored: 1 of 2" in answer.text
    assert kept(receiver) == ["100 hours ago"]


def test_loki_refuses_what_is_behind_the_newest_of_its_stream(receiver: Receiver) -> None:
    """An hour behind is too far, in this push and in a later one; another stream has its own."""
    receiver.script("/v1/logs", Loki(), times=None)
    assert push(receiver, 5, 3, 2).status_code == 200
    assert "entry too far behind" in push(receiver, 3.5).text
    assert push(receiver, 2.5).status_code == 200
    assert push(receiver, 30, service="other").status_code == 200
    assert kept(receiver) == [
        "5 hours ago",
        "3 hours ago",
        "2 hours ago",
        "2.5 hours ago",
        "30 hours ago",
    ]


def metrics(**data: Any) -> dict[str, Any]:
    metric = {"name": "runs", **data}
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [gauge(), metric]}]}]}


def gauge() -> dict[str, Any]:
    return {"name": "load", "gauge": {"dataPoints": [{"asDouble": 1.0}]}}


@pytest.mark.parametrize(("temporality", "status"), [(1, 500), (2, 200)])
def test_prometheus_loses_a_request_with_a_delta(
    receiver: Receiver, temporality: int, status: int
) -> None:
    """The gauge beside it is lost too; what is cumulative is taken."""
    receiver.script("/v1/metrics", Prometheus(), times=None)
    body = metrics(
        sum={"aggregationTemporality": temporality, "dataPoints": [{"asDouble": 2.0}]},
    )
    answer = requests.post(f"{receiver.url}/v1/metrics", json=body, timeout=5)
    assert answer.status_code == status
    if status == 500:
        assert 'invalid temporality and type combination for metric "runs"' in answer.text
        assert receiver.metrics == []
    else:
        assert [point.name for point in receiver.metrics] == ["load", "runs"]
        assert receiver.points_of("runs")[0].temporality == "CUMULATIVE"
