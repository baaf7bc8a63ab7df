"""`measure: true`: below every step a span says what memory the machine used while it ran."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psutil
import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, job, step
from tests.process.running import python
from tests.stories.points import by, names, values
from tests.stories.test_inside_a_run import going_on
from tests.support.program import Program
from tests.support.waiting import until

from flow_telemetry.process.sampling import start_sampler, stop_sampler
from flow_telemetry.settings.runner import runner_context

GIB, MIB = 2**30, 2**20
TASK = "cicd.pipeline.task.name"
STAYS = "the sampler does not end"


def folder_of(program: Program) -> Path:
    """Return where the context step leaves something for the export."""
    runner = runner_context({"RUNNER_TEMP": str(program.folder / "temp")})
    assert runner.own_folder is not None
    runner.own_folder.mkdir(parents=True, exist_ok=True)
    return runner.own_folder


def sampled(program: Program, run: Run, *rows: tuple[float, float, float, int]) -> None:
    """Write the samples of a machine with 4 processors and 16 GiB.

    Each is the seconds since the job's first step began, GiB in use, seconds of busy processors,
    and bytes that disk and network have moved.
    """
    began = run.jobs[0].steps[0].started_at
    assert isinstance(began, datetime)
    lines: list[dict[str, float]] = [{"processors": 4, "memory": 16 * GIB}]
    for second, memory, busy, moved in rows:
        lines.append({
            "time": began.timestamp() + second,
            "memory": int(memory * GIB),
            "busy": busy,
            "total": 4 * (second + 100),
            "read": moved,
            "written": 2 * moved,
            "received": 3 * moved,
            "sent": 4 * moved,
        })  # fmt: skip
    text = "\n".join(map(json.dumps, lines))
    (folder_of(program) / "samples.jsonl").write_text(text + "\n", encoding="utf-8")


# Two steps of five seconds: the first idles at 1 GiB, the second compiles on two processors.
COMPILE = (
    *((0.5, 1, 0, 0), (1.5, 1, 0, 0), (2.5, 1, 0, 0), (3.5, 1, 0, 0), (4.5, 1, 0, 100)),
    *((5.5, 3, 2, 100), (6.5, 5, 4, 200), (7.5, 9, 8, 300), (8.5, 5, 8, 400), (9.5, 2, 8, 500)),
    *((10.5, 12, 12, 900), (11.5, 15, 16, 900)),  # our own step: not of what is measured
)


def measured_spans(receiver: Receiver) -> dict[str, SpanRecord]:
    """Return the spans of measurements by the names of the spans that they stand below."""
    spans = {span.span_id: span for span in receiver.spans}
    found = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "measured"]
    return {spans[each.parent_span_id].name: each for each in found}


@pytest.fixture
def run(world: World) -> Run:
    """A run whose only job has run two steps of five seconds, and now runs ours."""
    return world.run(jobs=[going_on("build", "Checkout", "Compile")])


def test_below_every_step_stands_what_the_machine_used(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """Peak and mean, what was in use before, and what went over disk and network."""
    sampled(program, run, *COMPILE)
    result = program.inside(run, "build")
    assert (result.warnings, result.notices) == ([], [])
    measured = measured_spans(receiver)
    assert set(measured) == {"build", "Checkout", "Compile"}
    of_step = measured["Compile"]
    assert of_step.attributes["flow.reference"].endswith("#step:2#measured")
    assert (of_step.start, of_step.end) == (
        receiver.span("Compile").start,
        receiver.span("Compile").end,
    )
    told = {k: v for k, v in of_step.attributes.items() if k.startswith("flow.machine.")}
    assert told == {
        "flow.machine.memory.peak": 9 * GIB,
        "flow.machine.memory.mean": round(24 * GIB / 5),
        "flow.machine.memory.before": 1 * GIB,
        "flow.machine.cpu.peak": 1.0,
        "flow.machine.cpu.mean": 0.4,
        "flow.machine.disk.read": 400,
        "flow.machine.disk.written": 800,
        "flow.machine.network.received": 1200,
        "flow.machine.network.sent": 1600,
        "flow.machine.samples": 5,
    }


def test_the_jobs_own_span_has_the_whole(program: Program, run: Run, receiver: Receiver) -> None:
    """Up to the end of its last step, with what the machine has."""
    sampled(program, run, *COMPILE)
    program.inside(run, "build")
    whole = measured_spans(receiver)["build"].attributes
    assert whole["flow.machine.memory.peak"] == 9 * GIB
    assert whole["flow.machine.samples"] == 10
    assert whole["flow.machine.memory.total"] == 16 * GIB
    assert whole["flow.machine.processors"] == 4


def test_the_spans_of_job_and_steps_say_nothing_of_it(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """They are GitHub's word alone, so that whoever sends them again sends them equal."""
    sampled(program, run, *COMPILE)
    program.inside(run, "build")
    others = [s for s in receiver.spans if s.attributes["flow.entity.type"] != "measured"]
    assert len(others) >= 4
    assert not [name for s in others for name in s.attributes if name.startswith("flow.machine")]


def test_the_curve_leaves_as_metrics_at_its_own_times(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """Under the conventions' names, with a point for each second of so short a job."""
    sampled(program, run, *COMPILE)
    program.inside(run, "build")
    began = receiver.span("Checkout").start // 10**9 * 10**9
    memory = sorted(receiver.points_of("system.memory.usage"), key=lambda point: point.time)
    assert [(p.time - began) / 1e9 for p in memory] == [n + 0.5 for n in range(10)]
    assert [p.value / GIB for p in memory] == [1, 1, 1, 1, 1, 3, 5, 9, 5, 2]
    assert {p.attributes["system.memory.state"] for p in memory} == {"used"}
    assert values(receiver, "system.cpu.utilization") == [0, 0, 0, 0, 0, 0, 0.5, 0.5, 1]
    assert by(receiver, "system.disk.io", "disk.io.direction") == {"read": 500, "write": 1000}
    assert by(receiver, "system.network.io", "network.io.direction") == {
        "receive": 1500,
        "transmit": 2000,
    }


def test_the_parts_of_a_sum_follow_each_other(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """Each begins where the one before it ended, as deltas do."""
    sampled(program, run, *COMPILE)
    program.inside(run, "build")
    points = receiver.points_of("system.disk.io")
    read = sorted(
        (p for p in points if p.attributes["disk.io.direction"] == "read"), key=lambda p: p.time
    )
    assert len(read) == 9
    assert [p.start for p in read[1:]] == [p.time for p in read[:-1]]
    assert {(p.kind, p.temporality) for p in read} == {("sum", "DELTA")}


def test_peaks_are_measured_for_job_and_steps(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """As histograms, which show over many runs what it takes to compile the project."""
    sampled(program, run, *COMPILE)
    program.inside(run, "build")
    assert by(receiver, "flow.job.memory.peak", TASK) == {"build": 9 * GIB}
    assert by(receiver, "flow.step.memory.peak", "flow.step.name") == {
        "Checkout": 1 * GIB,
        "Compile": 9 * GIB,
    }
    assert by(receiver, "flow.step.cpu.mean", "flow.step.name")["Compile"] == 0.4
    (peak,) = receiver.points_of("flow.job.memory.peak")
    assert (peak.unit, peak.count, 16.0 * GIB in peak.bounds) == ("By", 1, True)


def test_a_job_of_hours_has_a_bounded_curve(
    program: Program, world: World, receiver: Receiver
) -> None:
    """No more points than fit into one request, and no peak is lost."""
    own = [step("Compile", 7200), step("Export telemetry", conclusion=None)]
    run = world.run(jobs=[job("build", None, steps=own)])
    rows = [(n + 0.5, 8 if n == 4000 else 1, n, n) for n in range(7200)]
    sampled(program, run, *rows)
    program.inside(run, "build")
    memory = values(receiver, "system.memory.usage")
    assert 100 < len(memory) <= 150
    assert memory[-1] == 8 * GIB
    # Only the first second has nothing before it from which it could be counted.
    assert by(receiver, "system.disk.io", "disk.io.direction")["read"] == 7199


def test_without_metrics_the_spans_leave_alone(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """Input signals decides."""
    sampled(program, run, *COMPILE)
    program.inside(run, "build", signals="traces")
    assert (len(measured_spans(receiver)), receiver.metrics) == (3, [])


def test_jobs_without_step_spans_have_no_measured_steps(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """A span never hangs below one that was not sent."""
    sampled(program, run, *COMPILE)
    program.inside(run, "build", detail="job")
    assert set(measured_spans(receiver)) == {"build"}


def test_steps_of_the_runner_without_a_span_have_no_measured_span(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`boilerplate-steps: false`; their peaks are metrics all the same, of the job's span."""
    run = world.run(jobs=[going_on("build", "Set up job", "Compile")])
    sampled(program, run, *COMPILE)
    program.inside(run, "build", boilerplate_steps=False)
    assert set(measured_spans(receiver)) == {"build", "Compile"}
    points = receiver.points_of("flow.step.memory.peak")
    assert {p.attributes["flow.step.name"] for p in points} == {"Set up job", "Compile"}
    sent = {span.span_id for span in receiver.spans}
    assert {span_id for p in points for *_, span_id in p.exemplars} <= sent


def test_the_summary_shows_memory_as_a_chart_and_the_steps_beneath(
    program: Program, run: Run
) -> None:
    """GitHub draws the chart; its second line is the peak of the step that ran."""
    sampled(program, run, *COMPILE)
    summary = program.inside(run, "build").summary
    expected = "**Machine**: 16.0 GiB of memory, peak use 9.0 GiB, 1.0 GiB in use at the start"
    assert expected in summary
    chart = summary.partition("xychart-beta\n")[2].partition("```")[0].splitlines()
    assert chart == [
        '  x-axis "seconds" 0 --> 9.00',
        '  y-axis "GiB" 0 --> 9.90',
        "  line [1.00, 1.00, 1.00, 1.00, 1.00, 3.00, 5.00, 9.00, 5.00, 2.00]",
        "  line [1.00, 1.00, 1.00, 1.00, 1.00, 9.00, 9.00, 9.00, 9.00, 9.00]",
    ]
    row = next(line for line in summary.splitlines() if "9.0 GiB | 8.0 GiB" in line)
    assert row.startswith("| `Compile` | 4.5s | 5s |")


def test_a_damaged_file_of_samples_is_told_and_harms_nothing(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """Any step of the job can write to it."""
    (folder_of(program) / "samples.jsonl").write_bytes(b"\xff\x00{" * 99)
    result = program.inside(run, "build")
    assert (result.status, result.outputs["status"]) == (0, "exported")
    (notice,) = result.notices
    assert "the machine is not measured" in notice
    assert not measured_spans(receiver)
    assert not (folder_of(program) / "samples.jsonl").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
@pytest.mark.parametrize("name", ["samples.jsonl", "sampler.json", "context.json"])
def test_nobody_waits_for_a_pipe_in_place_of_a_file(program: Program, run: Run, name: str) -> None:
    """Whoever puts one there would otherwise stop the export."""
    os.mkfifo(folder_of(program) / name)
    assert program.inside(run, "build").outputs["status"] == "exported"


def test_without_a_context_step_nothing_is_said_of_the_machine(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """Neither span, metric, notice nor section."""
    result = program.inside(run, "build")
    assert (measured_spans(receiver), result.notices) == ({}, [])
    assert not names(receiver, "system.")
    assert "Machine" not in result.summary


@pytest.fixture
def sampler(program: Program) -> Iterator[psutil.Process]:
    """A sampler as the context step starts it; it ends with the tests if nothing stops it."""
    folder = folder_of(program)
    assert start_sampler(folder, {}, psutil.Process())
    yield psutil.Process(json.loads((folder / "sampler.json").read_text())["pid"])
    stop_sampler(folder)


def is_over(process: psutil.Process) -> bool:
    """Whether a process ended; in a job nobody waits for it, and init takes what is left."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_an_export_that_refuses_ends_the_sampler_all_the_same(
    program: Program, world: World, sampler: psutil.Process
) -> None:
    """Another job goes on, so nothing leaves; the sampler is not needed any more."""
    run = world.run(jobs=[going_on("build", "Compile"), job("slow", None, steps=[])])
    assert program.inside(run, "build").outputs["status"] == "skipped"
    until(lambda: is_over(sampler), STAYS)
    assert list(folder_of(program).iterdir()) == []


def test_an_export_that_fails_ends_the_sampler_all_the_same(
    program: Program, world: World, sampler: psutil.Process
) -> None:
    """GitHub may refuse to tell anything of the run."""
    run = world.run(jobs=[going_on("build", "Compile")])
    result = program.inside(run, "build", {"GITHUB_RUN_ID": "424242"})
    assert (result.outputs["status"], len(result.warnings)) == ("skipped", 1)
    until(lambda: is_over(sampler), STAYS)


def test_a_program_that_holds_300_mebibytes_in_a_step(
    program: Program, world: World, receiver: Receiver, sampler: psutil.Process
) -> None:
    """From the sampler's start to the export it is found within a tenth above all else in use.

    The machine is everybody's, so what others use meanwhile is looked at beside it.
    """
    run, others = _really_run(world, "import time; held = b'x' * (300 << 20); time.sleep(3)")
    result = program.inside(run, "build")
    assert (result.outputs["status"], result.notices, result.warnings) == ("exported", [], [])
    measured = measured_spans(receiver)
    peak = measured["Compile"].attributes["flow.machine.memory.peak"] / MIB
    assert min(others) + 300 <= peak <= max(others) + 330
    assert "Idle" in measured
    assert list(folder_of(program).iterdir()) == []
    until(lambda: is_over(sampler), STAYS)


def _really_run(world: World, compiler: str) -> tuple[Run, list[float]]:
    """Run a step that idles and one that compiles; return the run as GitHub tells it then.

    Beside it, the MiB that all others had in use while the second one ran.
    """
    time.sleep(1 - time.time() % 1)
    began = datetime.now(timezone.utc).replace(microsecond=0)
    time.sleep(3)
    process = psutil.Popen(python(compiler))
    others = list(_used_by_others(process))
    process.wait()
    took = (datetime.now(timezone.utc) - began).total_seconds()
    steps = [
        step("Idle", 3),
        step("Compile", int(took) - 3),
        step("Export telemetry", conclusion=None),
    ]
    run = world.run(
        created_at=began - timedelta(seconds=2), jobs=[job("build", None, steps=steps, queued=2)]
    )
    return run, others


def _used_by_others(process: psutil.Popen) -> Iterator[float]:
    """The MiB in use without those of the process, again and again while that lives."""
    while process.poll() is None:
        try:
            before = process.memory_info().rss
            machine = psutil.virtual_memory()
            after = process.memory_info().rss
        except psutil.Error:
            return  # It ended meanwhile.
        if before == after:  # It does not grow at this instant.
            yield (machine.total - machine.available - before) / MIB
        time.sleep(0.02)
