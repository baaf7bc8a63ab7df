"""The jobs of a run as a Mermaid diagram, which has to be valid whatever the jobs are called."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from tests.report.builders import (
    HOSTILE,
    at,
    busy_run,
    failed,
    make_job,
    make_run,
    never_started,
    waiting_for_approval,
)

from flow_telemetry.report.gantt import MOST_BARS, MOST_JOBS, Bar, draw_bars, draw_jobs, select_jobs
from flow_telemetry.rules.intervals import Interval

_BAR = re.compile(r"  (\S.*?) :((?:done|crit), )?(2001-\d\d-\d\d \d\d:\d\d:\d\d), (\d+)s")
_SECTION = re.compile(r"  section [^:;#%<>&{}\"\\`$]+")


def _rows(diagram: str | None) -> list[str]:
    assert diagram is not None
    return diagram.partition("  todayMarker off\n")[2].split("\n")


def test_waiting_and_running_are_bars_of_their_own() -> None:
    """A job is a section: what it waited for is grey, a failure red, the time is said."""
    job = failed(make_job(1, "deploy", queued=600, seconds=25))
    rows = _rows(draw_jobs(make_run(job), [waiting_for_approval(job, 540)]))
    assert rows == [
        "  section deploy\u200b",
        "  \u200b :done, 2001-01-01 00:00:00, 540s",
        "  \u200b :done, 2001-01-01 00:09:00, 60s",
        "  25s (approval 9m, queued 1m) :crit, 2001-01-01 00:10:00, 25s",
    ]


def test_the_longest_jobs_are_shown_in_order_of_start() -> None:
    """Of more than forty jobs the longest are kept."""
    jobs = [make_job(n, f"job {n}", created=n, seconds=n) for n in range(2, 120)]
    run = make_run(*jobs)
    shown = select_jobs(run, jobs)
    assert [job.name for job in shown] == [f"job {n}" for n in range(120 - MOST_JOBS, 120)]
    assert len(draw_jobs(run, jobs) or "") < 50_000


def test_jobs_that_took_no_time_are_no_bars() -> None:
    """A skipped job is not drawn, and a run of nothing else has no diagram."""
    skipped = never_started(6, "publish")
    assert draw_jobs(make_run(skipped), [skipped]) is None
    assert draw_jobs(make_run(), []) is None
    assert "publish" not in (draw_jobs(busy_run(), busy_run().jobs) or "")


def test_the_axis_fits_the_length() -> None:
    """Minutes and seconds, hours and minutes, or days."""
    axes = []
    for seconds in (60, 7_200, 200_000):
        job = make_job(1, "build", seconds=seconds)
        axes += re.findall("axisFormat (.*)", draw_jobs(make_run(job), [job]) or "")
    assert axes == ["%M:%S", "%H:%M", "day %-j %H:%M"]


@given(st.lists(st.text() | st.sampled_from(HOSTILE), min_size=1, max_size=5))
def test_no_name_breaks_the_diagram(names: list[str]) -> None:
    """Each line is a section or a bar of ours, whatever the jobs are called."""
    jobs = [make_job(number, name) for number, name in enumerate(names, start=1)]
    rows = _rows(draw_jobs(make_run(*jobs), jobs))
    assert len(rows) == 3 * len(jobs)
    for row in rows:
        assert _SECTION.fullmatch(row) or _BAR.fullmatch(row)


def _bar(name: str, start: float, seconds: float, *, waiting: bool = False) -> Bar:
    return Bar(name, Interval(at(start), at(start + seconds)), waiting=waiting)


def test_stretches_of_one_name_share_a_section() -> None:
    """Waiting is grey; where several bars share a row none has a text that covers the next."""
    rows = _rows(
        draw_bars(
            [
                _bar("in review", 0, 60),
                _bar("awaiting merge", 60, 30, waiting=True),
                _bar("in review", 90, 10),
            ]
        )
    )
    assert rows == [
        "  section in review\u200b",
        "  \u200b :2001-01-01 00:00:00, 60s",
        "  \u200b :2001-01-01 00:01:30, 10s",
        "  section awaiting merge\u200b",
        "  30s :done, 2001-01-01 00:01:00, 30s",
    ]
    assert draw_bars([]) is None


def test_the_longest_stretches_of_very_many_are_shown() -> None:
    """A change that went to and fro for years has a diagram that can be drawn."""
    many = [_bar(f"status {n % 7}", n * 1_000, n) for n in range(1, 2_000)]
    diagram = draw_bars(many) or ""
    assert len(_BAR.findall(diagram)) == MOST_BARS
    assert len(diagram) < 50_000


def test_the_axis_of_months_and_years_counts_days() -> None:
    """Hours say nothing after a week, and days begin anew with each year."""
    day = 86_400
    axes = []
    for days in (3, 30, 500):
        axes += re.findall("axisFormat (.*)", draw_bars([_bar("draft", 0, days * day)]) or "")
    assert axes == ["day %-j %H:%M", "day %-j", "year %y, day %-j"]


@given(st.lists(st.text() | st.sampled_from(HOSTILE), min_size=1, max_size=5))
def test_no_status_breaks_the_diagram(names: list[str]) -> None:
    """Each line is a section or a bar of ours, whatever statuses are called."""
    many = [_bar(name, n * 10, 10) for n, name in enumerate(names)]
    rows = _rows(draw_bars(many))
    assert len(rows) == len(names) + len(set(names))
    for row in rows:
        assert _SECTION.fullmatch(row) or _BAR.fullmatch(row)
