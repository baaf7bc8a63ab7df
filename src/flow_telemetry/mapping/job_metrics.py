"""Measurements made within a job: machine, commands, tests and coverage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import instruments as table
from flow_telemetry.mapping import limits
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping.jobs import CommandPlace, case_status, command_name
from flow_telemetry.mapping.limits import nanoseconds
from flow_telemetry.mapping.metrics import (
    Points,
    build_points,
    environment_name,
)
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.suite_attributes import SKIPPED
from flow_telemetry.model.measurements import MachineUsage, MeasuredCommand, MeasuredJob
from flow_telemetry.model.reports import JobCoverage, PackageCounts, TestSuite
from flow_telemetry.rules.coverage import change, largest_packages, merge_packages
from flow_telemetry.telemetry import Measurement, Resource

# A measured machine to measurements: peaks of the job and its steps, and the curve
#
# Only the points of the curve have their own times, which are minutes old.

# Values of the conventions' attributes of memory, disk and network.
_USED = "used"
_READ, _WRITE = "read", "write"
_RECEIVE, _TRANSMIT = "receive", "transmit"


def machine_measurements(
    job: MeasuredJob, points: Points, placement: Placement | None = None
) -> Iterator[Measurement]:
    """Return the measurements of the machine of a job; ``placement`` is for the spans of steps."""
    yield from points.of(table.JOB_MEMORY_PEAK, job.usage.memory_peak)
    yield from points.of(table.JOB_CPU_MEAN, job.usage.cpu_mean)
    for step in job.steps:
        # A version or commit in the name of a step would create a series for each run.
        step_points = points.with_attributes((names.STEP, limits.name(environment_name(step.name))))
        step_points = step_points.of_span(placement, step.reference)
        yield from step_points.of(table.STEP_MEMORY_PEAK, step.usage.memory_peak)
        yield from step_points.of(table.STEP_CPU_MEAN, step.usage.cpu_mean)
    start = nanoseconds(job.curve[0].start) if job.curve else 0
    for number, usage in enumerate(job.curve):
        period = (start, nanoseconds(usage.end))
        # Counters and processor time are differences, so the first interval needs two samples.
        with_counters = number > 0 or usage.samples > 1
        for measurement in _curve_points(usage, points, with_counters=with_counters):
            yield replace(measurement, period=period)
        start = period[1]


def _curve_points(
    usage: MachineUsage, points: Points, *, with_counters: bool
) -> Iterator[Measurement]:
    yield from points.of(table.SYSTEM_MEMORY_USAGE, usage.memory_peak, (names.MEMORY_STATE, _USED))
    if not with_counters:
        return
    yield from points.of(table.SYSTEM_CPU_UTILIZATION, usage.cpu_mean)
    for direction, count in ((_READ, usage.disk_read), (_WRITE, usage.disk_written)):
        yield from points.of(table.SYSTEM_DISK_IO, count, (names.DISK_DIRECTION, direction))
    for direction, count in ((_RECEIVE, usage.network_received), (_TRANSMIT, usage.network_sent)):
        yield from points.of(table.SYSTEM_NETWORK_IO, count, (names.NETWORK_DIRECTION, direction))


# A measured command to measurements: its duration, memory and processor time

_NANOSECONDS = 1_000_000_000


def command_measurements(
    command: MeasuredCommand,
    place: CommandPlace,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    workflow: str = "",
) -> Iterator[Measurement]:
    """Return the measurements of a command.

    ``extra`` are attributes that the user adds, ``workflow`` is the name of the run's workflow.
    """
    result = "failure" if command.status else "success"
    attributes = (
        (names.REPOSITORY, place.repository),
        (names.WORKFLOW, limits.name(workflow)),
        (names.COMMAND, command_name(command)),
        (names.COMMAND_RESULT, "cancellation" if command.stopped else result),
        (semconv.CICD_PIPELINE_RUN_ID, None if place.run_id is None else str(place.run_id)),
        *((key, value) for key, value in place.baggage.items() if key in extra),
    )
    points, usage = build_points(resource, attributes, extra), command.usage
    points = replace(points, span=(place.trace_id, place.span_id))
    yield from points.of(table.COMMAND_DURATION, (command.end - command.start) / _NANOSECONDS)
    yield from points.of(table.COMMAND_MEMORY_PEAK, usage.memory_peak)
    for mode, seconds in (("user", usage.cpu_user), ("system", usage.cpu_system)):
        yield from points.of(table.COMMAND_CPU_TIME, seconds, (names.CPU_MODE, mode))


# Test reports to measurements: results, durations and flaky tests


def suite_measurements(suites: Iterable[TestSuite], points: Points) -> Iterator[Measurement]:
    """Return the measurements of the tests of a job.

    A case that was run several times counts once. A skipped case is counted and has no duration.
    """
    for suite in suites:
        yield from _suite_points(suite, points.with_attributes((names.TEST_SUITE, suite.name)))


def _suite_points(suite: TestSuite, points: Points) -> Iterator[Measurement]:
    flaky = 0
    durations: dict[str, list[float | None]] = {}
    for case in suite.cases:
        if not case.run_again:
            flaky += case.flaky
            durations.setdefault(case_status(case), []).append(case.duration)
    for status, values in sorted(durations.items()):
        result = (names.TEST_RESULT, status)
        yield from points.of(table.TEST_COUNT, len(values), result)
        if status == SKIPPED:
            continue
        # Suites can have very many cases, so the attributes are selected only once.
        for model in points.of(table.TEST_DURATION, 0, result):
            for value in values:
                if value is not None:
                    yield Measurement(
                        instrument=model.instrument,
                        value=value,
                        resource=model.resource,
                        attributes=model.attributes,
                        span=model.span,
                    )
    if flaky:
        yield from points.of(table.TEST_FLAKY, flaky)


# The coverage of a job to measurements: totals, packages, and the change against the base

# Each package has a series for each unit.
MOST_PACKAGES = 50


def coverage_measurements(coverage: JobCoverage, points: Points) -> Iterator[Measurement]:
    """Return the measurements of a job's coverage.

    The 50 largest packages have their own series, and the others share one.
    """
    counts = coverage.totals.counts
    for unit, covered in counts.by_unit():
        unit_points = points.with_attributes((names.COVERAGE_UNIT, unit))
        yield from unit_points.of(table.COVERAGE_COVERED, covered.covered)
        yield from unit_points.of(table.COVERAGE_COVERABLE, covered.coverable)
        yield from unit_points.of(table.COVERAGE_RATIO, covered.ratio)
        if coverage.base is not None:
            changed = change(counts, coverage.base.counts, unit)
            yield from unit_points.signed(table.COVERAGE_CHANGE, changed)
    # Names that were truncated can be equal: their packages are one series.
    packages = merge_packages(
        PackageCounts(name=limits.name(package.name), counts=package.counts)
        for package in coverage.totals.packages
    )
    for package in largest_packages(packages, MOST_PACKAGES):
        for unit, covered in package.counts.by_unit():
            package_points = points.with_attributes(
                (names.COVERAGE_UNIT, unit), (names.PACKAGE, package.name)
            )
            yield from package_points.of(table.PACKAGE_COVERED, covered.covered)
            yield from package_points.of(table.PACKAGE_COVERABLE, covered.coverable)
            yield from package_points.of(table.PACKAGE_RATIO, covered.ratio)
