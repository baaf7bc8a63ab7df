"""Through a real collector: what the backend behind it receives is what was exported."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.logs import LogEntry
from tests.fakes.metrics import MetricPoint
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, annotation, happened, job, step
from tests.stories.points import of_things
from tests.stories.test_inside_a_run import going_on
from tests.support import closings
from tests.support.job import A_TOOL, Job
from tests.support.ports import free_ports
from tests.support.program import Program

PACKAGE = importlib.util.find_spec("rotel")
LONGEST_WAIT_SECONDS = 40.0

pytestmark = [
    pytest.mark.collector,
    pytest.mark.skipif(PACKAGE is None, reason="rotel has no package for this platform"),
]


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def collector_environ() -> dict[str, str]:
    """Return variables with which the collector, linked to libpython, finds this Python's."""
    return {**os.environ, "LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR") or "")}


@pytest.fixture
def collector(receiver: Receiver, tmp_path: Path) -> Iterator[str]:
    """The address of a collector that sends to the receiver over HTTP; ended in any case."""
    assert PACKAGE is not None
    assert PACKAGE.origin is not None
    http, grpc = free_ports(2)
    options = {
        "otlp-http-endpoint": f"127.0.0.1:{http}",
        "otlp-grpc-endpoint": f"127.0.0.1:{grpc}",
        "exporter": "otlp",
        "otlp-exporter-endpoint": receiver.url,
        "otlp-exporter-protocol": "http",
        "otlp-exporter-compression": "gzip",
        "batch-timeout": "50ms",
        "pid-file": str(tmp_path / "rotel.pid"),
        "log-file": str(tmp_path / "rotel.log"),
    }
    words = [part for name, value in options.items() for part in (f"--{name}", value)]
    agent = Path(PACKAGE.origin).with_name("rotel-agent")
    environ = collector_environ()
    if subprocess.run(
        [agent, "--version"], env=environ, capture_output=True, check=False
    ).returncode:
        pytest.skip("rotel does not run here: this Python has no shared library")
    with (tmp_path / "rotel.out").open("wb") as out:
        process = subprocess.Popen([agent, "start", *words], env=environ, stdout=out, stderr=out)
        try:
            until = time.monotonic() + LONGEST_WAIT_SECONDS
            while not listens(http):
                assert process.poll() is None, (tmp_path / "rotel.out").read_text()
                assert time.monotonic() < until, "the collector did not start"
                time.sleep(0.05)
            yield f"http://127.0.0.1:{http}"
        finally:
            process.kill()
            process.wait(LONGEST_WAIT_SECONDS)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it holds: the collector sends on a little later. Tests say what they miss."""
    until = time.monotonic() + LONGEST_WAIT_SECONDS
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)


def in_order(receiver: Receiver) -> list[SpanRecord]:
    """Return what spans there are, by their ids."""
    return sorted(receiver.spans, key=lambda span: span.span_id)


def facts_of(points: list[MetricPoint]) -> list[str]:
    """Return points as a backend shows them, but for their times, which each export has anew."""
    return sorted(repr(replace(point, start=0, time=0)) for point in points)


def told_by(events: list[LogEntry]) -> list[str]:
    """Return events, but for when we saw them."""
    return sorted(repr(replace(event, observed=0)) for event in events)


def test_a_collector_hands_on_the_very_spans(
    program: Program, world: World, receiver: Receiver, collector: str
) -> None:
    """Ids, times, attributes, events, status and resource arrive behind it unchanged."""
    world.pull_request(123)
    run = world.run(
        event="pull_request",
        branch="feature",
        conclusion="failure",
        jobs=[
            job("build", queued=5, steps=[step("Compile", 30)]),
            job(
                "test",
                conclusion="failure",
                annotations=[annotation("exit code 1")],
                steps=[step("Run pytest", 12, conclusion="failure")],
            ),
        ],
    )
    result = program.export(run, otlp_endpoint=collector)
    assert (result.outputs["status"], result.warnings) == ("exported", [])
    wait_for(lambda: len(receiver.spans) >= int(result.outputs["spans"]))
    behind = in_order(receiver)
    with Receiver() as direct:
        program.export(run, otlp_endpoint=direct.url)
        assert behind == in_order(direct)
    assert {request.headers["content-encoding"] for request in receiver.requests} == {"gzip"}
    assert {span.status for span in behind} == {"UNSET", "ERROR"}


def test_all_three_signals_arrive_behind_it(
    program: Program, world: World, receiver: Receiver, collector: str
) -> None:
    """The spans, events and metrics of a merged pull request, as they arrive without it."""
    world.pull_request(
        7,
        opened_at="2026-11-24T06:00:00Z",
        merged_at="2026-11-24T08:00:00Z",
        timeline=[happened("reviewed", at="2026-11-24T07:00:00Z", by="bob", review="approved")],
    )
    result = closings.pull_request(program, 7, otlp_endpoint=collector)
    assert (result.outputs["status"], result.warnings, result.notices) == ("exported", [], [])
    with Receiver() as direct:
        closings.pull_request(program, 7, otlp_endpoint=direct.url)
        wait_for(
            lambda: (
                len(receiver.spans) >= len(direct.spans)
                and len(receiver.events) >= len(direct.events)
                and len(receiver.metrics) >= len(direct.metrics)
            )
        )
        assert in_order(receiver) == in_order(direct) != []
        assert facts_of(of_things(receiver)) == facts_of(of_things(direct)) != []
        assert told_by(receiver.events) == told_by(direct.events) != []
    assert {point.temporality for point in of_things(receiver)} == {"DELTA"}


def test_context_tools_and_export_are_one_trace_behind_it(
    program: Program, world: World, receiver: Receiver, collector: str
) -> None:
    """A tool in the job sends to the collector itself, another leaves a file, then the export."""
    world.pull_request(123)
    run = world.run(event="pull_request", branch="feature", jobs=[going_on("test", "Compile")])
    of_job = Job(program, run, "test")
    of_job.environ["GITHUB_WORKSPACE"] = str(program.folder)
    given = of_job.context(otlp_endpoint=collector, inject_endpoint=True)
    assert of_job.process(sys.executable, "-c", A_TOOL).returncode == 0
    _, trace_id, job_id, _ = given.outputs["traceparent"].split("-")
    file = program.folder / "tool.otlp.jsonl"
    file.write_text(span_line(trace_id, "00f067aa0ba902b7", job_id, "link shop"), encoding="utf-8")
    result = of_job.step(otlp_endpoint=collector, trace_files="*.otlp.jsonl")
    assert (result.outputs["status"], result.warnings) == ("exported", [])
    names = {"RUN CI", "test", "Compile", "compile shop", "link shop"}
    wait_for(lambda: names <= {span.name for span in receiver.spans})
    spans = {span.name: span for span in receiver.spans}
    assert {spans[name].trace_id for name in names} == {trace_id}
    assert spans["compile shop"].parent_span_id == job_id == spans["test"].span_id
    assert spans["link shop"].parent_span_id == job_id


def span_line(trace_id: str, span_id: str, parent: str, name: str) -> str:
    """Return a span as a line of the Collector's file format."""
    span = {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": name,
        "startTimeUnixNano": str(time.time_ns()),
        "endTimeUnixNano": str(time.time_ns()),
    }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}) + "\n"
