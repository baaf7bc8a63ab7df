"""A large run whose step is cancelled or killed: all that was collected arrived, or is kept."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.faults import black_hole, status
from tests.fakes.jira import FakeJira
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.faults.items import Items, both, received_by, spooled_in
from tests.stories.test_interrupted import MOST_SECONDS, Step
from tests.stories.test_public_repository import CANARY, PRIVATE, access, jira
from tests.stories.test_sweep_spool import ago
from tests.support.program import Program
from tests.support.spool import files_in, spans_of, text_of
from tests.support.sweeps import sweep, swept

JOBS, STEPS = 250, 30
# Of jobs and steps alone.
LEAST_SPANS = JOBS * (STEPS + 1)
SIGNALS = ("traces", "logs", "metrics")

__all__ = ["jira"]  # A fixture.

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals to send")


@pytest.fixture
def run(world: World) -> Run:
    """A run of thousands of spans, and so of several requests."""
    steps = [step(f"step {number}", 3) for number in range(STEPS)]
    return world.run(jobs=[job(f"job {number}", steps=steps) for number in range(JOBS)])


def test_a_large_run_is_kept_in_time(program: Program, run: Run, receiver: Receiver) -> None:
    """All of it, though the endpoint never answers: GitHub waits ten seconds."""
    receiver.script("/v1/", black_hole(), times=None)
    cancelled = Step(program, run)
    cancelled.until(lambda: bool(receiver.requests))
    cancelled.send(signal.SIGINT)
    seconds, result = cancelled.result()
    assert seconds < MOST_SECONDS
    kept = [span.span_id for span in result.spooled]
    assert len(kept) >= LEAST_SPANS
    assert len(set(kept)) == len(kept)
    assert result.outputs["status"] == "spooled"


def private(program: Program, run: Run, **inputs: Any) -> Step:
    """The step in a private repository, whose requests are stored where they stay."""
    return Step(program, run, visible=PRIVATE, **inputs)


def killed_after(step: Step, receiver: Receiver, requests: int) -> Path:
    """Kill the step while it waits for an answer; return the runner's temporary folder.

    ``requests`` were answered before.
    """
    receiver.script("/v1/", black_hole(), after=requests, times=None)
    step.until(lambda: len(receiver.requests) > requests)
    step.send(signal.SIGKILL)
    _, result = step.result()
    assert result.status == -signal.SIGKILL
    return step.program.folder / "temp"


def replayed(program: Program, folder: Path) -> Items:
    """What a replay to another backend delivers; nothing is left then."""
    with Receiver() as other:
        result = program.command("replay", folder, "--otlp-endpoint", other.url)
        assert result.status == 0, result.stderr
        assert files_in(folder) == []
        return received_by(other)


@pytest.mark.parametrize("requests", range(10))
def test_a_kill_while_sending_loses_nothing(
    program: Program, run: Run, receiver: Receiver, requests: int
) -> None:
    """Whatever was answered before: received or on disk is all, and a replay sends the rest."""
    with Receiver() as whole:
        program.export(run, otlp_endpoint=whole.url)
        collected = received_by(whole)
    spool = killed_after(private(program, run), receiver, requests) / "flow-telemetry" / "spool"
    on_disk = spooled_in(files_in(spool))
    found = both(received_by(receiver), on_disk)
    arrived = replayed(program, spool)
    for signal_name in SIGNALS:
        assert found.of(signal_name).keys() == collected.of(signal_name).keys()
        assert arrived.of(signal_name).keys() == on_disk.of(signal_name).keys()


def test_a_kill_of_a_sweep_loses_nothing_of_its_things(
    program: Program, world: World, receiver: Receiver
) -> None:
    """They are exported together, since one request has the metrics of all of them."""
    for number in range(1, 4):
        world.pull_request(number, opened_at=ago(300), merged_at=ago(90 - number))
    own = swept(world, ago(1), None)
    killed = Step(program, own, visible=PRIVATE, mode="sweep", since="1d")
    spool = killed_after(killed, receiver, 1) / "flow-telemetry" / "spool"
    found = both(received_by(receiver), spooled_in(files_in(spool)))
    # Its ledger has none of them, so the next sweep exports all again.
    with Receiver() as whole:
        sweep(program, own, otlp_endpoint=whole.url, since="1d")
        collected = received_by(whole)
    assert len(collected.of("traces")) >= 3
    for signal_name in ("traces", "logs"):
        assert found.of(signal_name).keys() == collected.of(signal_name).keys()


def test_a_killed_replay_leaves_the_rest_to_the_next(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """Its lock ends with it; while it lives, another replay leaves the folder alone."""
    spool = killed_after(private(program, run), receiver, 0) / "flow-telemetry" / "spool"
    on_disk = spooled_in(files_in(spool))
    with Receiver() as hanging:
        hanging.script("/v1/", black_hole(), after=3, times=None)
        replay = Step(program, run, command=("replay", str(spool), "--otlp-endpoint", hanging.url))
        replay.until(lambda: len(hanging.requests) > 3)
        second = program.command("replay", spool, "--otlp-endpoint", hanging.url)
        assert second.status == 1
        assert "is in use by an export or another replay" in second.stderr
        assert len(hanging.requests) < 10
        replay.send(signal.SIGKILL)
        replay.result()
        first = received_by(hanging)
    arrived = both(first, replayed(program, spool))
    for signal_name in SIGNALS:
        assert arrived.of(signal_name).keys() == on_disk.of(signal_name).keys()


@pytest.mark.parametrize("requests", [0, 1])
def test_in_a_public_repository_a_kill_makes_nothing_public(
    program: Program, world: World, receiver: Receiver, jira: FakeJira, requests: int
) -> None:
    """What was on its way is in a private folder, and the job's next export moves what is public.

    The ready workflow uploads the folder that the ledger and the spool are in.
    """
    world.pull_request(123, title="Pay by card", branch="feature/acme-57-pay")
    run = world.run(event="pull_request", branch="feature/acme-57-pay", jobs=[job("test")])
    uploaded = program.folder / "temp" / "flow-telemetry"
    inputs = {"trace_scope": "item", **access(jira)}
    item: dict[str, Any] = {"mode": "item", "work_item_key": "ACME-57", **inputs}
    killed_after(Step(program, run, **item), receiver, requests)
    assert files_in(uploaded) == []
    staged = files_in(program.folder / "temp" / "flow-telemetry-private")
    assert CANARY in "".join(map(text_of, staged))
    on_disk = {(span.trace_id, span.span_id) for path in staged for span in spans_of(path)}

    with Receiver() as other:
        other.script("/v1/", status(401), times=None)
        program.export(run, otlp_endpoint=other.url, **inputs)
    assert files_in(program.folder / "temp" / "flow-telemetry-private") == []
    public = files_in(uploaded)
    assert CANARY not in "".join(map(text_of, public))
    moved = {(span.trace_id, span.span_id) for path in public for span in spans_of(path)}
    assert on_disk <= moved


def test_where_all_is_uploaded_nothing_is_stored_before_it_is_reduced(
    program: Program, run: Run, receiver: Receiver, jira: FakeJira
) -> None:
    """A `spool-path` with the private folder below it: requests wait in memory."""
    everything = program.folder / "temp"
    item: dict[str, Any] = {"mode": "item", "work_item_key": "ACME-57", "trace_scope": "item"}
    inputs = {**item, "spool_path": everything, **access(jira)}
    killed_after(Step(program, run, **inputs), receiver, 0)
    assert files_in(everything) == []
    with Receiver() as other:
        other.script("/v1/", status(401), times=None)
        result = program.action(**{**inputs, "otlp_endpoint": other.url})
    assert result.outputs["status"] == "spooled"
    assert result.warnings
    assert CANARY not in "".join(map(text_of, files_in(everything)))
