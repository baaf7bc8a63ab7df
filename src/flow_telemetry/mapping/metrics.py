"""Runs and jobs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import instruments as table
from flow_telemetry.mapping import limits
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping import spans as failures
from flow_telemetry.mapping.attributes import SKIPPED
from flow_telemetry.mapping.jobs import CommandPlace, case_status, command_name
from flow_telemetry.mapping.limits import nanoseconds
from flow_telemetry.mapping.metric_attributes import EXTRA_ATTRIBUTES
from flow_telemetry.mapping.spans import Facts
from flow_telemetry.model import Job, Run, result_of
from flow_telemetry.model.measurements import (
    MachineUsage,
    MeasuredCommand,
    MeasuredJob,
    MeasuredStep,
)
from flow_telemetry.model.reports import CoverageTotals, JobCoverage, PackageCounts, TestSuite
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules import runners
from flow_telemetry.rules.coverage import by_name, change, largest
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.selection import Part
from flow_telemetry.telemetry import Attributes, Instrument, Measurement, Resource

# One measurement from a fact: only a value that there is, only attributes that the table has.


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """What all measurements of one thing share; made by `points_of`.

    ``known`` is all that is known of it. Of this a measurement has the attributes of its
    instrument, and those in ``extra``.
    """

    resource: Resource
    known: Attributes
    extra: tuple[str, ...]

    def knowing(self, *facts: tuple[str, limits.Maybe]) -> Points:
        """Return the same with further facts."""
        return replace(self, known={**self.known, **limits.attributes(facts)})

    def of(
        self, instrument: Instrument, value: float | None, *facts: tuple[str, limits.Maybe]
    ) -> Iterator[Measurement]:
        """Return the measurement; none where there is no value, or a negative one."""
        if value is not None and value >= 0:
            yield from self.signed(instrument, value, *facts)

    def signed(
        self, instrument: Instrument, value: float | None, *facts: tuple[str, limits.Maybe]
    ) -> Iterator[Measurement]:
        """Return the measurement of what can be negative; none where there is no value."""
        if value is None or not math.isfinite(value):
            return
        known = {**self.known, **limits.attributes(facts)} if facts else self.known
        names = (*instrument.attributes, *self.extra)
        yield Measurement(
            instrument=instrument,
            value=value,
            resource=self.resource,
            attributes={name: known[name] for name in names if name in known},
        )


def points_of(resource: Resource, facts: Facts, extra: tuple[str, ...]) -> Points:
    """Return what the measurements of a thing share: facts of it, and what the user adds of them.

    Of ``extra`` only those names count that a user may add.
    """
    allowed = tuple(name for name in extra if name in EXTRA_ATTRIBUTES)
    return Points(resource=resource, known=limits.attributes(facts), extra=allowed)


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the time between; None where one is not known or the end is before the start."""
    if start is None or end is None or end < start:
        return None
    return Interval(start, end).seconds


def branch(name: str | None, default: str | None) -> str | None:
    """Return `default` or `other`; None where one of them is not known."""
    if not name or not default:
        return None
    return "default" if name == default else "other"


# Names that make few series of many: of jobs without their matrix, of environments by pattern.

# `us-east-1` is a place, `preview-123` one of many; a hash has a digit, which `facade` has not.
_NUMBERS = re.compile(r"\d{2,}")
_HASHES = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{7,40}\b")


def job_name(name: str) -> str:
    """Return the name of a job without its matrix values: `test` for `test (3.12)`.

    The values stand in brackets at the end of the name, or of a part of it: `call (eu) / test`.
    """
    return " / ".join(_split(part)[0] for part in name.split(" / "))


def job_matrix(name: str) -> str:
    """Return the matrix values of a job's name as they stand there; empty where it has none."""
    return "; ".join(values for _, values in map(_split, name.split(" / ")) if values)


def environment_name(name: str) -> str:
    """Return the name of an environment with what counts on in it as `*`: `preview-*`."""
    return _NUMBERS.sub("*", _HASHES.sub("*", name))


def _split(part: str) -> tuple[str, str]:
    """The part of a name, and what is in its last brackets; these may hold brackets."""
    text = part.rstrip()
    if not text.endswith(")"):
        return part, ""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[at], 0)
        if depth == 0:
            base = text[:at].rstrip()
            return (base, text[at + 1 : -1]) if base else (part, "")
    return part, ""


# Runs and jobs to measurements: durations, waits, errors, retries, and what GitHub bills.

# Values of the convention's `cicd.pipeline.run.state`.
PENDING, EXECUTING = "pending", "executing"
_OF_CHANGES = ("pull_request", "pull_request_target", "merge_group")


def run_measurements(
    part: Part,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    default_branch: str | None = None,
    keys: Facts = (),
) -> Iterator[Measurement]:
    """Return the measurements of the part of a run that leaves.

    ``extra`` are attributes that the user adds, ``keys`` what those may name of the things above
    the run. A job that an earlier attempt ran was measured with that one. What was skipped or never
    started counts, and has no duration.
    """
    run = part.run
    points = points_of(resource, (*_facts(run, default_branch), *keys), extra)
    if part.run_span:
        yield from _of_run(run, points)
    for job in part.jobs:
        if not timing.carried_over(run, job):
            yield from _of_job(job, points)


def points_of_job(
    run: Run,
    job: Job,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    default_branch: str | None = None,
    keys: Facts = (),
) -> Points:
    """Return what all measurements of a job share, for what is measured inside of it.

    ``extra`` and ``keys`` are as for `run_measurements`.
    """
    points = points_of(resource, (*_facts(run, default_branch), *keys), extra)
    return points.knowing(*_job_facts(job))


def _facts(run: Run, default_branch: str | None) -> Facts:
    # The branch of a fork may be called as the default one is.
    of_change = run.event in _OF_CHANGES
    return (
        (names.REPOSITORY, run.repository.full_name),
        (names.WORKFLOW, limits.name(run.workflow)),
        (names.BRANCH, "other" if of_change else branch(run.head_branch, default_branch)),
        (semconv.CICD_PIPELINE_RUN_ID, str(run.id)),
        (semconv.VCS_REF_HEAD_NAME, run.head_branch),
        (semconv.VCS_REF_HEAD_REVISION, run.head_sha),
        (semconv.GITHUB_EVENT, run.event),
    )


def _of_run(run: Run, points: Points) -> Iterator[Measurement]:
    result, error = result_of(run.conclusion), failures.run_error_type(run)
    own = timing.own_jobs(run)
    began = min(filter(None, map(timing.job_began, own)), default=None)
    # The conventions have the result with the state in which it came about.
    yield from points.of(
        table.RUN_DURATION,
        seconds_between(run.started_at, began),
        (names.RUN_STATE, PENDING),
    )
    ended = points.knowing(
        (names.RUN_RESULT, result.value if result else None), (names.ERROR_TYPE, error)
    )
    yield from ended.of(
        table.RUN_DURATION,
        seconds_between(began, timing.run_interval(run).end),
        (names.RUN_STATE, EXECUTING),
    )
    yield from ended.of(table.RUN_COUNT, 1)
    if run.attempt > 1:
        yield from ended.of(table.RUN_RETRIES, 1)
    if error is not None and not any(map(failures.job_error_type, own)):
        yield from ended.of(table.RUN_ERRORS, 1)


def _of_job(job: Job, points: Points) -> Iterator[Measurement]:
    points = points.knowing(*_job_facts(job))
    began = timing.job_began(job)
    end = job.completed_at if job.completed else timing.last_step_end(job)
    ran = seconds_between(began, end)
    yield from points.of(table.JOB_COUNT, 1)
    yield from points.of(table.JOB_DURATION, ran)
    if began is not None:
        since = job.approvals[-1].decided_at if job.approvals else job.created_at
        yield from points.of(table.JOB_QUEUE_TIME, seconds_between(since, began))
    for each in job.approvals:
        waited = seconds_between(each.requested_at, each.decided_at)
        yield from points.of(table.JOB_APPROVAL_TIME, waited)
    if ran is not None:
        yield from points.of(table.JOB_BILLABLE_TIME, runners.billable_minutes(job, ran))
    if failures.job_error_type(job) is not None:
        yield from points.of(table.RUN_ERRORS, 1)


def _job_facts(job: Job) -> Facts:
    result, kind = result_of(job.conclusion), runners.runner_kind(job)
    return (
        (names.JOB, limits.name(job_name(job.name))),
        (names.JOB_MATRIX, job_matrix(job.name)),
        (names.JOB_RESULT, result.value if result else None),
        (names.ERROR_TYPE, failures.job_error_type(job)),
        (names.RUNNER_KIND, kind.value if kind else None),
        (names.RUNNER_LABELS, runners.known_labels(job)),
        (names.OS_TYPE, runners.operating_system(job)),
        (semconv.GITHUB_JOB_LABELS, job.labels),
        (semconv.CICD_PIPELINE_TASK_RUN_ID, str(job.id)),
        (semconv.CICD_WORKER_NAME, job.runner_name),
    )


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
    cut = by_name(
        PackageCounts(name=limits.name(each.name), counts=each.counts) for each in totals.packages
    )
    return largest(cut, MOST_PACKAGES)


def _of_package(package: PackageCounts, points: Points) -> Iterator[Measurement]:
    for unit, covered in package.counts.each():
        of_unit = points.knowing((names.COVERAGE_UNIT, unit), (names.PACKAGE, package.name))
        yield from of_unit.of(table.PACKAGE_COVERED, covered.covered)
        yield from of_unit.of(table.PACKAGE_COVERABLE, covered.coverable)
        yield from of_unit.of(table.PACKAGE_RATIO, covered.ratio)
