"""The inside of a job by the composite action: context, measured steps, reports and export."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from threading import Event, Thread
from time import time

import psutil
import pytest
from tests.action.test_act import HEADERS, OURS, TOKEN
from tests.fakes import events
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.fakes.world import Runner, World, job, step
from tests.support.act import Act, ActResult
from tests.support.workflows import documented_examples, load, our_steps

pytestmark = pytest.mark.act

MEBIBYTE = 1024 * 1024
BUILD_MEBIBYTES = 300
# A build as a user might have it: uses memory, runs tests, and a tool in it traces itself.
BUILD = f"""cat >build.py <<'EOF'
import json, os, time
from pathlib import Path
time.sleep(2.5)
memory = bytearray({BUILD_MEBIBYTES} * {MEBIBYTE})
memory[::4096] = b"x" * len(memory[::4096])
since = time.time()
time.sleep(3)
print(f"held from {{since}} to {{time.time()}}", flush=True)
Path("junit.xml").write_text('''<testsuite name="shop.cart">
<testcase classname="Cart" name="test_add" time="0.5"/>
<testcase classname="Cart" name="test_pay" time="0.1"><failure message="no card"/></testcase>
</testsuite>''')
Path("coverage.xml").write_text('''<?xml version="1.0" ?>
<coverage version="7.6" lines-valid="4" lines-covered="3" branches-valid="0" branches-covered="0">
<packages><package name="shop"><classes><class name="cart.py" filename="shop/cart.py"><lines>
<line number="1" hits="1"/><line number="2" hits="1"/><line number="3" hits="1"/>
<line number="4" hits="0"/></lines></class></classes></package></packages></coverage>''')
_, trace, parent, _ = os.environ["TRACEPARENT"].split("-")
now = time.time_ns()
span = {{"traceId": trace, "spanId": "00f067aa0ba902b7", "parentSpanId": parent, "name": "link",
        "startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 1000)}}
Path("tool.otlp.jsonl").write_text(json.dumps(
    {{"resourceSpans": [{{"scopeSpans": [{{"spans": [span]}}]}}]}}) + "\\n")
EOF
OTEL_EXPORTER_OTLP_ENDPOINT=@URL@ {sys.executable} -m flow_telemetry run --name compile \\
    -- {sys.executable} build.py
"""


# Of the machine: an instant, and the bytes in use then.
Looks = list[tuple[float, int]]


@pytest.fixture
def machine() -> Iterator[Looks]:
    """What of the machine's memory is in use while the test goes on, whoever uses it."""
    looks: Looks = []
    over = Event()

    def look() -> None:
        while not over.wait(0.02):
            memory = psutil.virtual_memory()
            looks.append((time(), memory.total - memory.available))

    thread = Thread(target=look)
    thread.start()
    yield looks
    over.set()
    thread.join()


@pytest.fixture
def exported(act: Act, world: World, receiver: Receiver, machine: Looks) -> ActResult:
    """The README's job that looks inside, run for real, as the only job of a pull request's run."""
    workflow = load(documented_examples()["inside the job"])
    for of_job, ours in our_steps(workflow):
        of_job["env"] = {"RUNNER_NAME": "rack-1"}
        ours["id"] = "context" if ours["with"].get("mode") == "context" else "telemetry"
    world.pull_request(123, branch="feature")
    began = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(seconds=2)
    build = job(
        "build",
        None,
        # The build's time, as GitHub shows it, holds all that act takes for it.
        steps=[step("Set up job", 1), step("Run make", 90), step(OURS, conclusion=None)],
        runner=Runner(1, "rack-1", 1, "Default"),
        queued=0,
    )
    run = world.run(jobs=[build], created_at=began, event="pull_request", branch="feature")
    event = events.pull_request(world, world.pull_requests[0])
    secrets = {"GITHUB_TOKEN": TOKEN, "OTLP_ENDPOINT": receiver.url, "OTLP_HEADERS": HEADERS}
    return act.run(
        "pull_request",
        workflow,
        run=run,
        event=event,
        secrets=secrets,
        make=BUILD.replace("@URL@", receiver.url),
    )


def test_a_job_seen_from_inside(exported: ActResult, receiver: Receiver, machine: Looks) -> None:
    """One tree: the tool's span and the tests stand in the job that the context named."""
    assert exported.status == 0, exported.log
    assert exported.commands("warning") == []
    spans = {span.name: span for span in receiver.spans}
    of_job, of_step = spans["build"], spans["Run make"]
    assert {span.trace_id for span in receiver.spans} == {of_job.trace_id}
    assert exported.outputs("context")["span-id"] == of_job.span_id
    assert spans["shop.cart"].parent_span_id == of_step.span_id
    assert spans["Cart.test_pay"].status == "ERROR"
    assert spans["compile"].parent_span_id == of_job.span_id
    assert spans["link"].parent_span_id == spans["compile"].span_id
    tests = {
        p.attributes["test.case.result.status"]: p.value
        for p in receiver.points_of("flow.test.count")
    }
    assert tests == {"pass": 1, "fail": 1}
    held = re.search(r"held from (\S+) to (\S+)", exported.log)
    assert held, exported.log
    meanwhile = [used for at, used in machine if float(held[1]) <= at <= float(held[2])]
    assert_memory(spans["compile"], of_step, receiver, meanwhile)
    assert "xychart" in exported.summaries[-1]


def assert_memory(
    command: SpanRecord, of_step: SpanRecord, receiver: Receiver, meanwhile: list[int]
) -> None:
    """The command's own is exact to a tenth; the machine's is what was in use with it.

    The machine is everybody's: others take and give back memory before and ``meanwhile``.
    """
    peak = command.attributes["flow.command.memory.peak"] / MEBIBYTE
    assert abs(peak - BUILD_MEBIBYTES) < BUILD_MEBIBYTES / 10
    below = [span for span in receiver.spans if span.parent_span_id == of_step.span_id]
    (measured,) = [span for span in below if span.name == "measured"]
    assert measured.attributes["flow.machine.memory.before"] > 0
    least = min(meanwhile) / MEBIBYTE - BUILD_MEBIBYTES / 10
    assert measured.attributes["flow.machine.memory.peak"] / MEBIBYTE > least
