"""Test cases: counts, flaky cases, limits on spans, and their place in the time of a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate

from flow_telemetry.model.reports import CaseResult, TestCase, TestCounts, TestReport, TestSuite
from flow_telemetry.rules.intervals import Interval

# Which cases of test reports count, and as what.


def is_failing(case: TestCase) -> bool:
    """Whether an entry is one of a failure, also of one that was run again."""
    return case.result is CaseResult.FAILED or case.result is CaseResult.ERROR


def count_cases(cases: Iterable[TestCase]) -> TestCounts:
    """Return the counts of cases; an entry that was run again is no case of its own."""
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
    """Return what tells a case from others of a job, whatever the attempt: suite and name."""
    return f"{case.suite}: {case.full_name}" if case.suite else case.full_name


def mark_flaky(reports: Sequence[TestReport], failed: frozenset[str]) -> tuple[TestReport, ...]:
    """Return the reports with the cases as flaky that passed now and failed in the attempt before.

    ``failed`` are the known names of those that failed. Where several cases have one such name it
    is not known which of them did, so they stay as they are.
    """
    if not failed:
        return tuple(reports)
    times = Counter(
        name
        for report in reports
        for case in report.cases
        if case.number == 1 and (name := attempt_independent_name(case)) in failed
    )
    flaky = {name for name, count in times.items() if count == 1}
    return tuple(_with_flaky(report, flaky) for report in reports)


def _with_flaky(report: TestReport, names: set[str]) -> TestReport:
    return replace(
        report,
        suites=tuple(
            replace(
                suite,
                cases=tuple(
                    replace(case, flaky=True)
                    if case.result is CaseResult.PASSED and attempt_independent_name(case) in names
                    else case
                    for case in suite.cases
                ),
            )
            for suite in report.suites
        ),
    )


# Which suites and cases of tests get a span, where not all of them may.


def choose_spans(suites: Sequence[TestSuite], most: int) -> list[frozenset[int] | None]:
    """Return for each suite the positions of its cases that get a span; None where it gets none.

    ``most`` bounds the spans of suites and cases together. Where they are more, failures come
    first and then flaky cases, each with its suite; then the other suites, the longest first; then
    the slowest cases of all.
    """
    if len(suites) + sum(len(suite.cases) for suite in suites) <= most:
        return [frozenset(range(len(suite.cases))) for suite in suites]
    chosen = _Chosen(suites, most)
    for number, at in _notable_cases(suites):
        chosen.take_case(number, at)
    for number in sorted(range(len(suites)), key=lambda number: -suite_seconds(suites[number])):
        chosen.take_suite(number)
    for number, at in _slowest(suites):
        chosen.take_case(number, at)
    return [None if cases is None else frozenset(cases) for cases in chosen.cases]


def suite_seconds(suite: TestSuite) -> float:
    """Return how long a suite took: the tool's word, else the time of its cases together."""
    if suite.duration is not None:
        return suite.duration
    return sum(case.duration or 0.0 for case in suite.cases)


class _Chosen:
    """What was taken so far, and how many more may be."""

    def __init__(self, suites: Sequence[TestSuite], most: int) -> None:
        self.cases: list[set[int] | None] = [None for _ in suites]
        self._left = most

    def take_suite(self, number: int) -> None:
        if self.cases[number] is None and self._left > 0:
            self.cases[number] = set()
            self._left -= 1

    def take_case(self, number: int, at: int) -> None:
        """Take a case and, where it is not there yet, its suite; neither where one has no room."""
        if self._left < (2 if self.cases[number] is None else 1):
            return
        self.take_suite(number)
        cases = self.cases[number]
        if cases is not None and at not in cases:
            cases.add(at)
            self._left -= 1


def _notable_cases(suites: Sequence[TestSuite]) -> Iterator[tuple[int, int]]:
    """The cases that say something: those that failed for good, the flaky ones, run-again ones."""
    found: list[tuple[int, int, int]] = []
    for number, suite in enumerate(suites):
        for at, case in enumerate(suite.cases):
            if case.run_again:
                found.append((2, number, at))
            elif is_failing(case):
                found.append((0, number, at))
            elif case.flaky:
                found.append((1, number, at))
    return ((number, at) for _, number, at in sorted(found))


def _slowest(suites: Sequence[TestSuite]) -> Iterator[tuple[int, int]]:
    found = sorted(
        (-(case.duration or 0.0), number, at)
        for number, suite in enumerate(suites)
        for at, case in enumerate(suite.cases)
    )
    return ((number, at) for _, number, at in found)


# Where tests stand in the time of their job, by what their report tells and when it was written.
#
# Few reports tell all: many have no times, some times without a zone, and most of cases only how
# long each took. What is told is kept, what is not is laid out, and nothing leaves its step.

_SECOND = timedelta(seconds=1)
_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSpan:
    """A step, or the job: the reference of its span, and its time by GitHub."""

    reference: str
    interval: Interval

    def holds(self, time: datetime) -> bool:
        """Whether a time can lie in it: GitHub cuts the end to whole seconds."""
        return self.interval.start <= time < self.interval.end + _SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContext:
    """A report's own circumstances.

    ``steps`` are those of its job that ran, ``job`` the job's whole time of work, ``at`` when the
    file was written, and ``offset`` what the runner's clock showed then ahead of UTC.
    """

    steps: tuple[StepSpan, ...]
    job: StepSpan
    at: datetime
    offset: timedelta = _NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePlacement:
    """Where a suite stands.

    ``parent`` is the reference of the step or job that it ran in. ``told`` is whether its start
    was in the report; ``shift`` makes UTC of the report's times without a zone.
    """

    parent: str
    interval: Interval
    told: bool
    shift: timedelta = _NOTHING


def place_suites(suites: Sequence[TestSuite], written: ReportContext) -> list[SuitePlacement]:
    """Return the place of each suite of a report.

    A start that the report tells counts where a step of the job holds it, the one that wrote the
    report before others; without a zone it is tried as UTC and as the runner's time. The other
    suites are laid out one after another in the step that wrote the report, so that the last ends
    when that was; without such a step, in the job.
    """
    seconds = [_length(suite) for suite in suites]
    writers = _writers(written, sum(seconds))
    told = [
        _place_by_start(suite, took, writers, written)
        for suite, took in zip(suites, seconds, strict=True)
    ]
    around = writers[0] if writers else written.job
    untold = [took for took, place in zip(seconds, told, strict=True) if place is None]
    laid_out = _lay_out(untold, around.interval, written.at)
    return [
        place or SuitePlacement(parent=around.reference, interval=next(laid_out), told=False)
        for place in told
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePlacement:
    """A case, its time, and whether the report told its start."""

    case: TestCase
    interval: Interval
    told: bool


def place_cases(
    suite: TestSuite, place: SuitePlacement, wanted: Container[int]
) -> Iterator[CasePlacement]:
    """Return those cases of a suite whose positions are wanted, with their places.

    Where no start is told they begin in order, each after the time of those before it; where that
    is more than the suite took, as in tests side by side, the starts move together.
    """
    within = place.interval
    took = [case.duration or 0.0 for case in suite.cases]
    total = sum(took)
    scale = min(1.0, within.seconds / total) if total > 0 else 1.0
    befores = accumulate(took, initial=0.0)
    for at, (case, seconds, before) in enumerate(zip(suite.cases, took, befores, strict=False)):
        if at in wanted:
            told = _reported_start(case, place)
            start = _after(within, before * scale) if told is None else told
            interval = Interval(start, _after(Interval(start, within.end), seconds))
            yield CasePlacement(case=case, interval=interval, told=told is not None)


def _length(suite: TestSuite) -> float:
    """How long a suite took in seconds, by the starts of its cases where it does not say."""
    if suite.duration is None:
        starts = [(c.started_at, c.duration or 0.0) for c in suite.cases if c.started_at]
        if len(starts) == len(suite.cases) and starts:
            first = min(start for start, _ in starts)
            return max((start - first) / _SECOND + took for start, took in starts)
    return suite_seconds(suite)


def _writers(written: ReportContext, seconds: float) -> list[StepSpan]:
    """The steps that can have written a report, the likeliest first.

    Several can where one ends in the second in which the next begins. Then it is one that ran long
    enough for the tests, of these one that holds the time as GitHub has it, else the last.
    """
    can = [step for step in reversed(written.steps) if step.holds(written.at)]

    def ran_too_short(step: StepSpan) -> bool:
        return (written.at - step.interval.start) / _SECOND < seconds

    return sorted(can, key=lambda step: (ran_too_short(step), written.at > step.interval.end))


def _place_by_start(
    suite: TestSuite, seconds: float, writers: Sequence[StepSpan], written: ReportContext
) -> SuitePlacement | None:
    """The place by the start that the report tells; None where none is told, or nothing fits."""
    start, zoned = _first_start(suite)
    if start is None:
        return None
    shifts = (_NOTHING,) if zoned or not written.offset else (_NOTHING, -written.offset)
    stretches = (*writers, *(step for step in reversed(written.steps) if step not in writers))
    stretches = stretches if writers else (*stretches, written.job)
    fitting = [
        (order, time > stretch.interval.end, time, stretch, shift)
        for order, stretch in enumerate(stretches)
        for shift in shifts
        if (time := _shifted(start, shift)) is not None and stretch.holds(time)
    ]
    if not fitting:
        return None
    # A start in the last second of a step is rather the first of the next.
    _, _, time, stretch, shift = min(
        fitting, key=lambda fit: (fit[3] not in writers, fit[1], fit[0])
    )
    within = Interval(min(time, stretch.interval.end), stretch.interval.end)
    return SuitePlacement(
        parent=stretch.reference,
        interval=Interval(within.start, _after(within, seconds)),
        told=True,
        shift=shift,
    )


def _first_start(suite: TestSuite) -> tuple[datetime | None, bool]:
    """The start of a suite, else that of its first case; and whether it has a zone."""
    if suite.started_at is not None:
        return suite.started_at, suite.zoned
    starts = [(case.started_at, case.zoned) for case in suite.cases if case.started_at]
    return min(starts) if starts else (None, False)


def _reported_start(case: TestCase, place: SuitePlacement) -> datetime | None:
    """The start of a case within its suite; None where it is not told, or lies outside."""
    if case.started_at is None or not place.told:
        return None
    time = _shifted(case.started_at, _NOTHING if case.zoned else place.shift)
    within = place.interval
    return time if time is not None and within.start <= time <= within.end else None


def _shifted(time: datetime, shift: timedelta) -> datetime | None:
    try:
        return time + shift
    except OverflowError:  # a report may name the year 9999
        return None


def _lay_out(seconds: Sequence[float], within: Interval, end: datetime) -> Iterator[Interval]:
    """Intervals one after another, of which the last ends at ``end``; closer where room lacks."""
    room = Interval.of(within.start, min(end, within.end)).seconds
    total = sum(seconds)
    scale = min(1.0, room / total) if total > 0 else 1.0
    first = room - total * scale
    for took, before in zip(seconds, accumulate(seconds, initial=0.0), strict=False):
        start = first + before * scale
        yield Interval(_after(within, start), _after(within, start + took * scale))


def _after(within: Interval, seconds: float) -> datetime:
    """So many seconds after the start, and never after the end."""
    if seconds >= within.seconds:
        return within.end
    return within.start + timedelta(seconds=max(0.0, seconds))
