"""Test reports to measurements: how tests ended, how long they took, how many are flaky."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flow_telemetry.model.reports import (
    TestSuite,
)
from flow_telemetry.signals import instruments as table
from flow_telemetry.signals import metric_semconv as names
from flow_telemetry.signals.metrics.points import Points
from flow_telemetry.signals.test_semconv import SKIPPED
from flow_telemetry.signals.tests import case_status
from flow_telemetry.telemetry import Measurement


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
