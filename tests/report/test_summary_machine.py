"""The machine of a job in the summary: a chart of its memory, and what each step took."""

from __future__ import annotations

import re

import pytest
from tests.mapping.measured_machine import measured_job, measured_step
from tests.report.builders import HOSTILE, busy_run, make_exported, make_outcome

from flow_telemetry.model.measurements import MeasuredJob
from flow_telemetry.outcome import JobReport
from flow_telemetry.report.summary import job_summary
from flow_telemetry.report.summary_job import machine_sections


def text_of(measured: MeasuredJob) -> str:
    """Return what the summary says of a machine."""
    return "\n\n".join(section.text for section in machine_sections(measured) if section.text)


def lines_of_chart(text: str) -> list[list[float]]:
    """Return the numbers of the lines that are drawn."""
    drawn = re.findall(r"^  line \[(.*)\]$", text, re.MULTILINE)
    return [[float(number) for number in line.split(", ")] for line in drawn]


def test_the_chart_has_a_scale_and_even_distances() -> None:
    """Minutes for a longer job; sixty points at most, the peak among them."""
    text = text_of(measured_job(measured_step("Compile", 10, 200, 4), seconds=300))
    assert 'x-axis "minutes" 0 --> 5.00' in text
    assert 'y-axis "GiB" 0 --> 4.40' in text
    memory, of_steps = lines_of_chart(text)
    assert len(memory) == len(of_steps) == 60
    assert memory == sorted(memory)
    assert max(memory) == 4
    assert set(of_steps) == {4}


def test_a_small_machine_is_drawn_in_mebibytes() -> None:
    """Two digits after the point say enough then."""
    assert 'y-axis "MiB" 0 --> 563.20' in text_of(measured_job(peak=0.5))


def test_steps_are_told_in_their_order_with_what_they_added() -> None:
    """From which second on, how long, and how much above what was in use before."""
    text = text_of(measured_job(measured_step("Test", 20, 30, 2), measured_step("Build", 5, 20, 4)))
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        "| `Build` | 5s | 15s | 4.0 GiB | 3.0 GiB | 2.0 GiB | 50% (peak 90%) | 300 B |",
        "| `Test` | 20s | 10s | 2.0 GiB | 1.0 GiB | 1.0 GiB | 50% (peak 90%) | 300 B |",
    ]


def test_of_many_steps_those_with_most_memory_are_shown() -> None:
    """And how many more there are."""
    text = text_of(
        measured_job(*(measured_step(f"step {n:03}", n, n + 1, 1 + n) for n in range(50)))
    )
    assert text.count("\n| `step") == 20
    assert "`step 049`" in text
    assert "`step 029`" not in text
    assert "and 30 more with less memory" in text


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_job_of_no_time_has_no_chart(seconds: int) -> None:
    """Of one instant there is no course; of two there is."""
    assert ("xychart" in text_of(measured_job(seconds=seconds))) is (seconds > 0)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_steps_stay_within_their_cells(name: str) -> None:
    """Whatever a workflow calls its steps."""
    text = text_of(measured_job(measured_step(name, 5, 20, 4)))
    row = text.splitlines()[-1]
    assert len(re.findall(r"(?<!\\)\|", row)) == 9
    assert row.endswith("| 5s | 15s | 4.0 GiB | 3.0 GiB | 2.0 GiB | 50% (peak 90%) | 300 B |")
    assert lines_of_chart(text)[1] == [4.0] * 31


def test_it_stands_in_the_summary_of_the_run_and_goes_first_where_that_is_too_large() -> None:
    """Tables and charts are left out, the last ones first, and the summary says so."""
    run = busy_run()
    told = JobReport(machine=measured_job(measured_step("Compile", 5, 20, 4)))
    outcome = make_outcome(exported=make_exported(run, job_report=told))
    whole = job_summary(outcome)
    assert "**Machine**: 16.0 GiB of memory" in whole
    assert "xychart-beta" in whole
    small = job_summary(outcome, largest=len(whole.encode()) - 100)
    assert "Too large to show here: the table of measured steps" in small
