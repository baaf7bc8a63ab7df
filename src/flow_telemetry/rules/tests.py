"""Test cases: counts, flaky cases, limits on spans, and their place in the time of a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate, chain

from flow_telemetry.model.reports import CaseResult, TestCase, TestCounts, TestReport, TestSuite
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.order import fitted

# Results of test cases


def is_failing(case: TestCase) -> bool:
    """Whether an entry is a failure, including one whose case was run again."""
    return case.result is CaseResult.FAILED or case.result is CaseResult.ERROR


def count_cases(cases: Iterable[TestCase]) -> TestCounts:
    """Return the counts of cases; entries of cases that were run again do not count."""
    passed = failed = skipped = flaky = 0
    for case in cases:
        if case.run_again:
            continue
        if case.result is CaseResult.PASSED:
            passed += 1
            flaky += case.flaky
        elif case.result is CaseResult.SKIPPED:
            skipped += 1
        else:
            failed += 1
    return TestCounts(passed=passed, failed=failed, skipped=skipped, flaky=flaky)


def attempt_independent_name(case: TestCase) -> str:
    """Return suite and name, which identify a case in all attempts of a job."""
    return f"{case.suite}: {case.full_name}" if case.suite else case.full_name


def mark_flaky(reports: Sequence[TestReport], failed: frozenset[str]) -> tuple[TestReport, ...]:
    """Mark the cases as flaky that passed now and failed in the attempt before.

    ``failed`` are the attempt-independent names of the failed cases. Cases that share such a name
    are not marked, because it is unknown which of them failed.
    """
    if not failed:
        return tuple(reports)
    times = Counter(
        name
        for report in reports
        for case in report.cases
        if not case.run_again and (name := attempt_independent_name(case)) in failed
    )
    flaky = {name for name, count in times.items() if count == 1}

    def mark(case: TestCase) -> TestCase:
        passed = case.result is CaseResult.PASSED
        is_flaky = passed and attempt_independent_name(case) in flaky
        return replace(case, flaky=True) if is_flaky else case

    return tuple(
        replace(
            report,
            suites=tuple(
                replace(suite, cases=tuple(map(mark, suite.cases))) for suite in report.suites
            ),
        )
        for report in reports
    )


# The suites and cases that have a span, if there are more than allowed


def choose_spans(suites: Sequence[TestSuite], most: int) -> list[frozenset[int] | None]:
    """Return for each suite the positions of its cases that have a span; None for no span at all.

    ``most`` limits the spans of suites and cases together. If there are more, failed cases come
    first and then flaky cases, each with its suite; then the other suites, the longest first; then
    the slowest of the other cases.
    """
    if len(suites) + sum(len(suite.cases) for suite in suites) <= most:
        return [frozenset(range(len(suite.cases))) for suite in suites]
    longest = sorted(range(len(suites)), key=lambda number: -suite_seconds(suites[number]))
    slowest = sorted(
        (-(case.duration or 0.0), number, position)
        for number, suite in enumerate(suites)
        for position, case in enumerate(suite.cases)
    )
    candidates: Iterator[tuple[int, int | None]] = chain(
        _notable_cases(suites),
        ((number, None) for number in longest),
        ((number, position) for _, number, position in slowest),
    )
    selected: dict[int, set[int]] = {}
    spans_left = most
    for number, position in candidates:
        new = {position} - {None} - selected.get(number, set())
        # A case needs its suite: neither is selected if there is room for only one.
        needed = len(new) + (number not in selected)
        if needed <= spans_left:
            selected.setdefault(number, set()).update(p for p in new if p is not None)
            spans_left -= needed
    return [
        frozenset(selected[number]) if number in selected else None for number in range(len(suites))
    ]


def suite_seconds(suite: TestSuite) -> float:
    """Return the duration of a suite: the reported one, else the sum of its cases."""
    if suite.duration is not None:
        return suite.duration
    return sum(case.duration or 0.0 for case in suite.cases)


def _notable_cases(suites: Sequence[TestSuite]) -> Iterator[tuple[int, int]]:
    """Yield cases that failed finally, then flaky ones, then those that were run again."""
    notable: list[tuple[int, int, int]] = []
    for number, suite in enumerate(suites):
        for position, case in enumerate(suite.cases):
            if case.run_again:
                notable.append((2, number, position))
            elif is_failing(case):
                notable.append((0, number, position))
            elif case.flaky:
                notable.append((1, number, position))
    return ((number, position) for _, number, position in sorted(notable))


# The position of tests in the time of their job, by the times in their report and of its writing
#
# Few reports have all times: many have none, some have times without a zone, and most have only the
# durations of cases. Reported times are used, missing ones are estimated, and no test is outside
# its step.

_SECOND = timedelta(seconds=1)
_NO_SHIFT = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSpan:
    """A step, or the job: the reference of its span, and its time as GitHub reports it."""

    reference: str
    interval: Interval

    def contains(self, time: datetime) -> bool:
        """Whether the step was running at a time; GitHub cuts its end to whole seconds."""
        return self.interval.start <= time < self.interval.end + _SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContext:
    """The circumstances of a report.

    ``steps`` are those of its job that ran, ``job`` is the time in which the job ran, ``at`` the
    time at which the file was written, and ``offset`` that of the runner's clock from UTC.
    """

    steps: tuple[StepSpan, ...]
    job: StepSpan
    at: datetime
    offset: timedelta = _NO_SHIFT


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePlacement:
    """The place of a suite.

    ``parent`` is the reference of the step or job that it ran in. ``reported`` is whether its start
    was in the report. ``shift`` converts times of the report without a zone to UTC.
    """

    parent: str
    interval: Interval
    reported: bool
    shift: timedelta = _NO_SHIFT


def place_suites(suites: Sequence[TestSuite], context: ReportContext) -> list[SuitePlacement]:
    """Return the place of each suite of a report.

    A reported start is used if any step of the job contains it, preferably the step that wrote the
    report; a start without a zone is tried as UTC and as the runner's time. The other suites are
    placed one after another in the step that wrote the report, so that the last one ends when the
    report was written; without such a step, in the job.
    """
    durations = [_suite_duration(suite) for suite in suites]
    writers = _find_writers(context, sum(durations))
    reported = [
        _place_by_start(suite, duration, writers, context)
        for suite, duration in zip(suites, durations, strict=True)
    ]
    parent = writers[0] if writers else context.job
    estimated = _estimate_intervals(
        [d for d, place in zip(durations, reported, strict=True) if place is None],
        parent.interval,
        context.at,
    )
    return [
        place or SuitePlacement(parent=parent.reference, interval=next(estimated), reported=False)
        for place in reported
    ]


def find_writing_step(suites: Sequence[TestSuite], context: ReportContext) -> StepSpan | None:
    """Return the step that wrote a report; None if no step ran when it was written."""
    writers = _find_writers(context, sum(map(_suite_duration, suites)))
    return writers[0] if writers else None


def place_cases(
    suite: TestSuite, place: SuitePlacement, positions: Container[int]
) -> Iterator[tuple[TestCase, Interval, bool]]:
    """Yield the cases at these positions, with their intervals and whether the start is reported.

    Without reported starts, each case starts after the cases before it. If the cases together took
    longer than the suite, as parallel tests do, the starts are moved closer together.
    """
    within = place.interval
    durations = [case.duration or 0.0 for case in suite.cases]
    total = sum(durations)
    scale = min(1.0, within.seconds / total) if total > 0 else 1.0
    elapsed = accumulate(durations, initial=0.0)
    cases = zip(suite.cases, durations, elapsed, strict=False)
    for position, (case, duration, before) in enumerate(cases):
        if position in positions:
            reported = _reported_start(case, place)
            start = _after(within, before * scale) if reported is None else reported
            interval = Interval(start, _after(Interval(start, within.end), duration))
            yield case, fitted(interval, within), reported is not None


def _suite_duration(suite: TestSuite) -> float:
    """Return the duration of a suite in seconds, else the time from its first start to the end."""
    if suite.duration is None:
        starts = [(c.started_at, c.duration or 0.0) for c in suite.cases if c.started_at]
        if len(starts) == len(suite.cases) and starts:
            first = min(start for start, _ in starts)
            return max((start - first) / _SECOND + duration for start, duration in starts)
    return suite_seconds(suite)


def _find_writers(context: ReportContext, seconds: float) -> list[StepSpan]:
    """Return the steps that can have written a report, the most likely one first.

    There are several if a step ends in the second in which the next one starts. The most likely one
    ran long enough for the tests, and contains the time in GitHub's data; else it is the last one.
    """
    possible = [step for step in reversed(context.steps) if step.contains(context.at)]

    def ran_too_short(step: StepSpan) -> bool:
        return (context.at - step.interval.start) / _SECOND < seconds

    return sorted(possible, key=lambda step: (ran_too_short(step), context.at > step.interval.end))


def _place_by_start(
    suite: TestSuite, seconds: float, writers: Sequence[StepSpan], context: ReportContext
) -> SuitePlacement | None:
    """Return the place by the reported start; None if there is none, or if no step contains it."""
    starts = [(case.started_at, case.zoned) for case in suite.cases if case.started_at]
    if suite.started_at is not None:
        start, zoned = suite.started_at, suite.zoned
    elif starts:
        start, zoned = min(starts)
    else:
        return None
    shifts = (_NO_SHIFT,) if zoned or not context.offset else (_NO_SHIFT, -context.offset)
    steps = (*writers, *(step for step in reversed(context.steps) if step not in writers))
    if not writers:
        steps = (*steps, context.job)
    matches = [
        (order, time > step.interval.end, time, step, shift)
        for order, step in enumerate(steps)
        for shift in shifts
        if (time := _shifted(start, shift)) is not None and step.contains(time)
    ]
    if not matches:
        return None
    # A start in the last second of a step rather belongs to the first second of the next step.
    _, _, time, step, shift = min(
        matches, key=lambda match: (match[3] not in writers, match[1], match[0])
    )
    within = Interval(min(time, step.interval.end), step.interval.end)
    return SuitePlacement(
        parent=step.reference,
        interval=fitted(Interval(within.start, _after(within, seconds)), step.interval),
        reported=True,
        shift=shift,
    )


def _reported_start(case: TestCase, place: SuitePlacement) -> datetime | None:
    """Return the start of a case; None if it is not reported, or outside the suite."""
    if case.started_at is None or not place.reported:
        return None
    time = _shifted(case.started_at, _NO_SHIFT if case.zoned else place.shift)
    within = place.interval
    return time if time is not None and within.start <= time <= within.end else None


def _shifted(time: datetime, shift: timedelta) -> datetime | None:
    try:
        return time + shift
    except OverflowError:  # A report can contain the year 9999.
        return None


def _estimate_intervals(
    durations: Sequence[float], within: Interval, end: datetime
) -> Iterator[Interval]:
    """Yield consecutive intervals, the last of which ends at ``end``; shorter ones if necessary."""
    available = Interval.of(within.start, min(end, within.end)).seconds
    total = sum(durations)
    scale = min(1.0, available / total) if total > 0 else 1.0
    first = available - total * scale
    for duration, before in zip(durations, accumulate(durations, initial=0.0), strict=False):
        start = first + before * scale
        interval = Interval(_after(within, start), _after(within, start + duration * scale))
        yield fitted(interval, within)


def _after(within: Interval, seconds: float) -> datetime:
    """Return the time so many seconds after the start, at most the end."""
    if seconds >= within.seconds:
        return within.end
    return within.start + timedelta(seconds=max(0.0, seconds))
