"""The demo's events in a real VictoriaLogs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.backends import programs
from tests.backends.programs import Running, send
from tests.backends.traces import trace
from tests.fakes.receiver import Receiver
from tests.support.program import Program
from tests.support.waiting import until

from flow_telemetry.telemetry import EncodedRequest, Signal


def stored(logs: Running, query: str) -> list[dict[str, Any]]:
    """Return the records that LogsQL finds."""
    logs.read("/internal/force_flush")
    lines = logs.read("/select/logsql/query", query=query).splitlines()
    return [json.loads(line) for line in lines]


def demo_sent(program: Program, logs: Running, *words: str) -> str:
    """Send the demo's events by the command; return its namespace."""
    result = program.command("demo", "--otlp-endpoint", logs.otlp, "--signals", "events", *words)
    assert result.status == 0, result.stderr
    return str(re.findall(r"demo-\w+", result.stdout)[0])


@pytest.fixture
def receiver(demo_requests: tuple[EncodedRequest, ...]) -> Any:
    """A receiver that has the demo's events."""
    with Receiver() as running:
        send(running.url, (each for each in demo_requests if each.signal is Signal.LOGS))
        yield running


def test_every_event_of_the_demo_arrives(
    program: Program, receiver: Receiver, victoria_logs: Running
) -> None:
    """Once, at its own time, with its name and its trace."""
    namespace = demo_sent(program, victoria_logs)
    query = f'"flow.namespace":="{namespace}" _time:30d'
    until(lambda: len(stored(victoria_logs, query)) >= len(receiver.events), "events do not arrive")
    found = stored(victoria_logs, query)
    assert len(found) == len(receiver.events)
    assert sorted(each["event_name"] for each in found) == sorted(
        each.event_name for each in receiver.events
    )
    merged = [each for each in found if each["event_name"] == "flow.change.merged"]
    assert {each["vcs.change.id"] for each in merged} == {"123", "131"}
    assert all(re.fullmatch(r"[0-9a-f]{32}", each["trace_id"]) for each in merged)
    assert all(re.fullmatch(r"[0-9a-f]{16}", each["span_id"]) for each in merged)


def test_events_older_than_its_retention_vanish_without_a_word(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """By default it keeps 7 days, and answers 200 to what is older; `event-time: sent` helps."""
    with programs.victoria_logs(tmp_path) as logs:
        namespace = demo_sent(program, logs)
        query = f'"flow.namespace":="{namespace}" _time:30d'
        until(lambda: stored(logs, query), "nothing arrives")
        assert 0 < len(stored(logs, query)) < len(receiver.events)
        again = demo_sent(program, logs, "--event-time", "sent")
        query = f'"flow.namespace":="{again}" _time:30d'
        until(lambda: len(stored(logs, query)) >= len(receiver.events), "events do not arrive")
        assert len(stored(logs, query)) == len(receiver.events)


def test_a_line_leads_to_its_trace_in_jaeger(
    demo_requests: tuple[EncodedRequest, ...], victoria_logs: Running, jaeger: Running
) -> None:
    """A failure has its severity, a text to read, and the ids of a span that Jaeger has."""
    for request in demo_requests:
        if request.signal is Signal.TRACES:
            send(jaeger.otlp, [request])
        if request.signal is Signal.LOGS:
            send(victoria_logs.otlp, [request])
    query = '"flow.namespace":="suite" _time:30d'
    until(lambda: stored(victoria_logs, query), "events do not arrive")
    lines = stored(victoria_logs, query)
    assert not [line for line in lines if not line["_msg"] or "missing _msg" in line["_msg"]]
    assert all(line["event.name"] == line["event_name"] for line in lines)
    failures = [line for line in lines if line["event_name"] == "flow.run.annotated"]
    failures += [line for line in lines if line.get("deployment.status") == "failed"]
    assert failures
    assert {line["severity_text"] for line in failures} == {"ERROR"}, failures[0]
    merged = [line for line in lines if line["event_name"] == "flow.change.merged"]
    assert {re.sub(r"^\w+ ", "", line["_msg"])[:27] for line in merged} == {
        'merged pull request #123 "R',
        'merged pull request #131 "T',
    }
    for line in lines:
        found = trace(jaeger, line["trace_id"], 1)
        assert line["span_id"] in found.ids, line
