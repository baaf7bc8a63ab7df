"""Where tests stand in time: what a report tells is kept, and nothing leaves its step."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.model.reports import TestCase, TestSuite
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.tests import (
    ReportContext,
    StepSpan,
    SuitePlacement,
    place_cases,
    place_suites,
)

START = datetime(2026, 11, 24, 9, 0, tzinfo=timezone.utc)


def at(seconds: float) -> datetime:
    """So many seconds after the start of the job."""
    return START + timedelta(seconds=seconds)


def stretch(name: str, start: float, end: float) -> StepSpan:
    """Return a step of that name between seconds of the job."""
    return StepSpan(reference=name, interval=Interval(at(start), at(end)))


CHECKOUT, TESTS, UPLOAD = stretch("checkout", 0, 5), stretch("tests", 5, 65), stretch("up", 65, 90)
JOB = stretch("job", 0, 100)


def written(seconds: float, *steps: StepSpan, offset: timedelta = timedelta(0)) -> ReportContext:
    """Return the circumstances of a report written so many seconds after the job's start."""
    return ReportContext(
        steps=steps or (CHECKOUT, TESTS, UPLOAD), job=JOB, at=at(seconds), offset=offset
    )


def suite(
    duration: float | None = None,
    start: datetime | None = None,
    *cases: TestCase,
    zoned: bool = True,
) -> TestSuite:
    """Return a suite."""
    return TestSuite(name="s", duration=duration, started_at=start, zoned=zoned, cases=cases)


def seconds(interval: Interval) -> tuple[float, float]:
    """Return the bounds of an interval as seconds of the job."""
    one = timedelta(seconds=1)
    return (interval.start - START) / one, (interval.end - START) / one


def only(found: list[SuitePlacement]) -> tuple[str, tuple[float, float], bool]:
    """Return what is to be said of the place of a report's one suite."""
    (place,) = found
    return place.parent, seconds(place.interval), place.reported


def test_suites_without_times_end_when_the_report_was_written() -> None:
    """One after the other, in the step in which that was."""
    found = place_suites([suite(10), suite(5)], written(50))
    assert [(p.parent, seconds(p.interval)) for p in found] == [
        ("tests", (35, 45)), ("tests", (45, 50))
    ]  # fmt: skip


def test_suites_that_took_more_than_the_step_had_move_together() -> None:
    """They ran side by side; each keeps its share."""
    found = place_suites([suite(60), suite(30)], written(35))
    assert [seconds(p.interval) for p in found] == [(5, 25), (25, 35)]


def test_a_report_written_in_the_last_second_of_a_step_is_that_steps() -> None:
    """GitHub cuts ends to whole seconds, and the next step began in the same one."""
    assert only(place_suites([suite(30)], written(65.7)))[0] == "tests"


def test_a_report_of_quick_tests_in_a_second_of_two_steps_is_the_later_ones() -> None:
    """Both can have written it; the file's time lies in the later one as GitHub has it."""
    assert only(place_suites([suite(0.2)], written(5.4)))[0] == "tests"


def test_in_a_second_that_is_a_whole_step_tests_are_that_steps() -> None:
    """Their start can as well be in the step before, which ended in that second."""
    quick = stretch("quick", 5, 5)
    assert only(place_suites([suite(0.3, at(5.2))], written(5.6, CHECKOUT, quick)))[0] == "quick"
    assert only(place_suites([suite(0.3)], written(5.6, CHECKOUT, quick)))[0] == "quick"
    assert only(place_suites([suite(3)], written(5.6, CHECKOUT, quick)))[0] == "checkout"


def test_a_told_start_counts_where_a_step_holds_it() -> None:
    """Also a step before the one that wrote the report, such as one that merges reports."""
    assert only(place_suites([suite(7, at(20))], written(70))) == ("tests", (20, 27), True)


def test_a_start_without_a_zone_is_tried_in_the_runners_own_time() -> None:
    """pytest and surefire write the local time; jest UTC."""
    tokyo = timedelta(hours=9)
    local = suite(7, at(20) + tokyo, zoned=False)
    assert only(place_suites([local], written(60, offset=tokyo))) == ("tests", (20, 27), True)
    as_utc = suite(7, at(20), zoned=False)
    assert only(place_suites([as_utc], written(60, offset=tokyo))) == ("tests", (20, 27), True)


def test_a_start_that_fits_nowhere_is_not_believed() -> None:
    """A clock that is wrong, or a report of another day; also at the ends of the calendar."""
    far = datetime.max.replace(tzinfo=timezone.utc)
    for start in (at(-9000), at(9000), far, datetime.min.replace(tzinfo=timezone.utc)):
        places = place_suites(
            [suite(7, start, zoned=False)], written(60, offset=timedelta(hours=-9))
        )
        assert only(places) == ("tests", (53, 60), False)


def test_a_report_of_no_step_stands_in_the_job() -> None:
    """Such as one of a file that was restored with an old time."""
    assert only(place_suites([suite(7)], written(-9000))) == ("job", (0, 1e-6), False)
    assert only(place_suites([suite(7)], written(95))) == ("job", (88, 95), False)
    assert only(place_suites([suite(7, at(95))], written(-9000))) == ("job", (95, 100), True)


def test_cases_begin_one_after_another() -> None:
    """From the suite's start, each with its own time."""
    found = suite(30, None, *(TestCase(name=str(n), duration=n) for n in (1, 2, 3)))
    (place,) = place_suites([found], written(65))
    placed = list(place_cases(found, place, range(3)))
    assert [seconds(interval) for _, interval, _ in placed] == [(35, 36), (36, 38), (38, 41)]


def test_cases_with_starts_of_their_own_keep_them() -> None:
    """.NET tells them; the suite then reaches from the first to the last."""
    one = TestCase(name="a", duration=4, started_at=at(20), zoned=True)
    two = TestCase(name="b", duration=2, started_at=at(21), zoned=True)
    found = suite(None, None, one, two)
    (place,) = place_suites([found], written(60))
    assert (place.parent, seconds(place.interval), place.reported) == ("tests", (20, 24), True)
    placed = place_cases(found, place, range(2))
    times = [(seconds(interval), reported) for _, interval, reported in placed]
    assert times == [((20, 24), True), ((21, 23), True)]


DURATIONS = st.none() | st.floats(0, 3.2e8) | st.floats(0, 50)
TIMES = st.none() | st.floats(-200, 300).map(at) | st.datetimes(timezones=st.just(timezone.utc))
CASES = st.builds(
    TestCase, name=st.just("c"), duration=DURATIONS, started_at=TIMES, zoned=st.booleans()
)
SUITES = st.builds(
    TestSuite,
    name=st.just("s"),
    duration=DURATIONS,
    started_at=TIMES,
    zoned=st.booleans(),
    cases=st.lists(CASES, max_size=5).map(tuple),
)


@st.composite
def circumstances(draw: st.DrawFn) -> ReportContext:
    """Steps one after another, with gaps and steps of no length, and a file of any time."""
    bounds = sorted(draw(st.lists(st.integers(0, 100), max_size=8)))
    steps = tuple(
        stretch(f"step {n}", start, end)
        for n, (start, end) in enumerate(zip(bounds[::2], bounds[1::2], strict=False))
    )
    offset = timedelta(minutes=draw(st.integers(-14 * 60, 14 * 60)))
    return ReportContext(steps=steps, job=JOB, at=at(draw(st.floats(-200, 300))), offset=offset)


@given(st.lists(SUITES, max_size=5), circumstances())
def test_whatever_a_report_tells_nothing_leaves_its_step(
    suites: list[TestSuite], when: ReportContext
) -> None:
    """Suites lie in their step or in the job, cases in their suite, and those in order."""
    around = {each.reference: each.interval for each in (*when.steps, when.job)}
    places = place_suites(suites, when)
    assert len(places) == len(suites)
    for found, place in zip(suites, places, strict=True):
        within = around[place.parent]
        assert within.start <= place.interval.start <= place.interval.end <= within.end
        cases = list(place_cases(found, place, range(len(found.cases))))
        assert [case for case, _, _ in cases] == list(found.cases)
        for _, interval, _ in cases:
            assert place.interval.start <= interval.start <= interval.end
            assert interval.end <= place.interval.end
        laid_out = [interval.start for _, interval, reported in cases if not reported]
        assert laid_out == sorted(laid_out)


@given(st.lists(SUITES, min_size=1, max_size=5), circumstances())
def test_suites_that_are_laid_out_follow_one_another(
    suites: list[TestSuite], when: ReportContext
) -> None:
    """None begins before the one before it has ended."""
    places = [p.interval for p in place_suites(suites, when) if not p.reported]
    for one, two in pairwise(places):
        assert one.end <= two.start + timedelta(microseconds=1)
