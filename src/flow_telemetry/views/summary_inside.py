"""What was found inside of a job, for the summary: machine, tests, coverage and tools' traces."""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.outcome import InsideTold
from flow_telemetry.views.summary_coverage import coverage_sections
from flow_telemetry.views.summary_lines import Section
from flow_telemetry.views.summary_machine import machine_sections
from flow_telemetry.views.summary_tests import sections_of_tests
from flow_telemetry.views.summary_traces import tool_trace_sections


def inside_sections(told: InsideTold) -> Iterator[Section]:
    """Return the sections of what was asked for."""
    if told.machine is not None:
        yield from machine_sections(told.machine)
    if told.tests is not None:
        yield from sections_of_tests(told.tests)
    if told.coverage is not None:
        yield from coverage_sections(told.coverage)
    if told.tool_traces is not None:
        yield from tool_trace_sections(told.tool_traces)
