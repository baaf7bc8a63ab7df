"""Metrics of what only a job knows: machine, commands, tests, coverage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import instruments as table
from flow_telemetry.mapping import limits
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping.attributes import SKIPPED
from flow_telemetry.mapping.jobs import CommandPlace, case_status, command_name
from flow_telemetry.mapping.limits import nanoseconds
from flow_telemetry.mapping.metrics import (
    Points,
    environment_name,
    points_of,
)
from flow_telemetry.model.measurements import (
    MachineUsage,
    MeasuredCommand,
    MeasuredJob,
    MeasuredStep,
)
from flow_telemetry.model.reports import CoverageTotals, JobCoverage, PackageCounts, TestSuite
from flow_telemetry.rules.coverage import change, largest_packages, merge_packages
from flow_telemetry.telemetry import Measurement, Resource

# A measured machine to measurements: peaks of the job and its steps, and the curve.
#
# The curve alone has times of its own, minutes old; all else is a fact about what ended.

# Values of the conventions' attributes of memory, disk and network.
_USED = "used"
_READ, _WRITE = "read", "write"
_RECEIVE, _TRANSMIT = "receive", "transmit"


def machine_measurements(job: MeasuredJob, points: Points) -> Iterator[Measurement]:
    """Return the measurements of a job's machine; ``points`` are those of the job."""
    yield from points.of(table.JOB_MEMORY_PEAK, job.usage.memory_peak)
    yield from points.of(table.JOB_CPU_MEAN, job.usage.cpu_mean)
    for step in job.steps:
        yield from _of_step(step, points)
    # The first stretch has nothing before it from which its counts could be told.
    since = nanoseconds(job.curve[0].start) if job.curve else 0
    for number, stretch in enumerate(job.curve):
        period = (since, nanoseconds(stretch.end))
        yield from (
            replace(each, period=period) for each in _of_stretch(stretch, points, number > 0)
        )
        since = period[1]


def _of_step(step: MeasuredStep, points: Points) -> Iterator[Measurement]:
    # What counts on in a name, such as a version or a commit, would make a series of each run.
    points = points.knowing((names.STEP, limits.name(environment_name(step.name))))
    yield from points.of(table.STEP_MEMORY_PEAK, step.usage.memory_peak)
    yield from points.of(table.STEP_CPU_MEAN, step.usage.cpu_mean)


def _of_stretch(stretch: MachineUsage, points: Points, counts: bool) -> Iterator[Measurement]:
    yield from points.of(
        table.SYSTEM_MEMORY_USAGE, stretch.memory_peak, (names.MEMORY_STATE, _USED)
    )
    if not counts and stretch.samples < 2:
        return
    yield from points.of(table.SYSTEM_CPU_UTILIZATION, stretch.cpu_mean)
    for direction, count in ((_READ, stretch.disk_read), (_WRITE, stretch.disk_written)):
        yield from points.of(table.SYSTEM_DISK_IO, count, (names.DISK_DIRECTION, direction))
    for direction, count in (
        (_RECEIVE, stretch.network_received),
        (_TRANSMIT, stretch.network_sent),
    ):
        yield from points.of(table.SYSTEM_NETWORK_IO, count, (names.NETWORK_DIRECTION, direction))


# A measured command to measurements: how long it took, and what it used.

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

    ``extra`` are attributes that the user adds, ``workflow`` is the name of the run's.
    """
    facts = (
        (names.REPOSITORY, place.repository),
        (names.WORKFLOW, limits.name(workflow)),
        (names.COMMAND, command_name(command)),
        (names.COMMAND_RESULT, _result(command)),
        (semconv.CICD_PIPELINE_RUN_ID, None if place.run_id is None else str(place.run_id)),
        *((key, value) for key, value in place.baggage.items() if key in extra),
    )
    points, usage = points_of(resource, facts, extra), command.usage
    yield from points.of(table.COMMAND_DURATION, (command.end - command.start) / _NANOSECONDS)
    yield from points.of(table.COMMAND_MEMORY_PEAK, usage.memory_peak)
    for mode, seconds in (("user", usage.cpu_user), ("system", usage.cpu_system)):
        yield from points.of(table.COMMAND_CPU_TIME, seconds, (names.CPU_MODE, mode))


def _result(command: MeasuredCommand) -> str:
    """The word that the conventions have for it of a job."""
    if command.stopped:
        return "cancellation"
    return "failure" if command.status else "success"


# Test reports to measurements: how tests ended, how long they took, how many are flaky.


def measurements_of_tests(suites: Iterable[TestSuite], points: Points) -> Iterator[Measurement]:
    """Return the measurements of the tests of a job; ``points`` know the job.

    A case counts once however often it was run. What was skipped counts, and has no duration.
    """
    for suite in suites:
        yield from _of_suite(suite, points.knowing((names.TEST_SUITE, suite.name)))


def _of_suite(suite: TestSuite, points: Points) -> Iterator[Measurement]:
    flaky = 0
    durations: dict[str, list[float | None]] = {}
    for case in suite.cases:
        if not case.run_again:
            flaky += case.flaky
            durations.setdefault(case_status(case), []).append(case.duration)
    for status, of_cases in sorted(durations.items()):
        result = (names.TEST_RESULT, status)
        yield from points.of(table.TEST_COUNT, len(of_cases), result)
        if status != SKIPPED:
            yield from _each(points.of(table.TEST_DURATION, 0, result), of_cases)
    if flaky:
        yield from points.of(table.TEST_FLAKY, flaky)


def _each(models: Iterable[Measurement], values: Iterable[float | None]) -> Iterator[Measurement]:
    """The measurement of each value that is known; of very many, all else is found once."""
    for model in models:
        for value in values:
            if value is not None:
                yield Measurement(
                    instrument=model.instrument,
                    value=value,
                    resource=model.resource,
                    attributes=model.attributes,
                )


# The coverage of a job to measurements: in all, of its packages, and against the base.

# Each package is a series for each unit; a backend counts those.
MOST_PACKAGES = 50


def coverage_measurements(coverage: JobCoverage, points: Points) -> Iterator[Measurement]:
    """Return the measurements of a job's coverage; ``points`` is what those of the job share.

    Of very many packages the largest have series of their own, and the rest have one together.
    """
    counts = coverage.totals.counts
    for unit, covered in counts.each():
        of_unit = points.knowing((names.COVERAGE_UNIT, unit))
        yield from of_unit.of(table.COVERAGE_COVERED, covered.covered)
        yield from of_unit.of(table.COVERAGE_COVERABLE, covered.coverable)
        yield from of_unit.of(table.COVERAGE_RATIO, covered.ratio)
        if coverage.base is not None:
            changed = change(counts, coverage.base.counts, unit)
            yield from of_unit.signed(table.COVERAGE_CHANGE, changed)
    for package in _packages(coverage.totals):
        yield from _of_package(package, points)


def _packages(totals: CoverageTotals) -> tuple[PackageCounts, ...]:
    """Names that are cut may become equal, which are one series then."""
    cut = merge_packages(
        PackageCounts(name=limits.name(each.name), counts=each.counts) for each in totals.packages
    )
    return largest_packages(cut, MOST_PACKAGES)


def _of_package(package: PackageCounts, points: Points) -> Iterator[Measurement]:
    for unit, covered in package.counts.each():
        of_unit = points.knowing((names.COVERAGE_UNIT, unit), (names.PACKAGE, package.name))
        yield from of_unit.of(table.PACKAGE_COVERED, covered.covered)
        yield from of_unit.of(table.PACKAGE_COVERABLE, covered.coverable)
        yield from of_unit.of(table.PACKAGE_RATIO, covered.ratio)
