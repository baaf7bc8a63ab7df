"""Mermaid gantt diagrams of jobs, phases and statuses, which GitHub draws in a job summary.

Only section names contain untrusted text: Mermaid reads them to the end of the line. The name of a
bar could start with a Mermaid keyword, so this module writes all names of bars itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flow_telemetry.model import Job, Run
from flow_telemetry.report.lines import find_waits, running_interval
from flow_telemetry.report.text import mermaid
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.causes import ERRORS, job_result
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.text import duration

MOST_JOBS = 40
MOST_BARS = 100
_LONGEST_NAME = 36
# The width of a wide character in Mermaid's font, at the size of section names.
_PIXELS_PER_CHARACTER = 7
_MARGIN = 24
# Mermaid requires a name for each bar. A name longer than its bar overlaps the next bar.
_NO_TEXT = "\u200b"
# Mermaid parses and shows local times. No time zone changes its clocks in January.
_ZERO = datetime(2001, 1, 1)  # noqa: DTZ001 - a local time on purpose
_ONE_YEAR = timedelta(days=365)
_ONE_DAY = timedelta(days=1)
# Up to here the axis has hours, on labels so long that Mermaid's own distances are too small.
_FEW_DAYS = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Bar:
    """A phase or status, and the time that it lasted."""

    name: str
    interval: Interval
    waiting: bool = False


def draw_jobs(run: Run, jobs: Sequence[Job]) -> str | None:
    """Return the diagram of the jobs that took time, on an axis from the start of the run.

    It shows at most the `MOST_JOBS` longest jobs. None if no job took any time.
    """
    selected = select_jobs(run, jobs)
    if not selected:
        return None
    zero = min(run.started_at, *(timing.job_interval(run, job).start for job in selected))
    length = max(timing.job_interval(run, job).end for job in selected) - zero
    lines = _head((job.name for job in selected), length)
    for job in selected:
        lines.append(f"  section {mermaid(job.name, _LONGEST_NAME)}")
        waits, worked = find_waits(run, job), running_interval(run, job)
        lines += [_bar_line(_NO_TEXT, "done, ", wait, zero) for _, wait in waits]
        waited = ", ".join(f"{word} {duration(wait.seconds)}" for word, wait in waits)
        text = duration(worked.seconds) + (f" ({waited})" if waited else "")
        style = "crit, " if job_result(job) in ERRORS else ""
        lines.append(_bar_line(text, style, worked, zero))
    return "\n".join(lines)


def draw_bars(bars: Sequence[Bar]) -> str | None:
    """Return the diagram of bars, with one section per name, on an axis from the first start.

    It shows at most the `MOST_BARS` longest bars. None without bars.
    """
    longest = sorted(bars, key=lambda bar: bar.interval.seconds, reverse=True)[:MOST_BARS]
    if not longest:
        return None
    sections: dict[str, list[Bar]] = {}
    for bar in sorted(longest, key=lambda bar: bar.interval.start):
        sections.setdefault(bar.name, []).append(bar)
    zero = min(bar.interval.start for bar in longest)
    lines = _head(sections, max(bar.interval.end for bar in longest) - zero)
    for name, section in sections.items():
        lines.append(f"  section {mermaid(name, _LONGEST_NAME)}")
        for bar in section:
            # Mermaid would write the texts of several bars in one row over each other.
            text = duration(bar.interval.seconds) if len(section) == 1 else _NO_TEXT
            lines.append(_bar_line(text, "done, " if bar.waiting else "", bar.interval, zero))
    return "\n".join(lines)


def select_jobs(run: Run, jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs that the diagram shows, in order of their start."""
    timed = [job for job in jobs if timing.job_interval(run, job).seconds > 0]
    timed.sort(key=lambda job: timing.job_interval(run, job).seconds, reverse=True)
    return sorted(timed[:MOST_JOBS], key=lambda job: (timing.job_interval(run, job).start, job.id))


def _head(names: Iterable[str], length: timedelta) -> list[str]:
    longest = max(len(mermaid(name, _LONGEST_NAME)) for name in names)
    return [
        "---",
        "displayMode: compact",
        "config:",
        "  gantt:",
        f"    leftPadding: {longest * _PIXELS_PER_CHARACTER + _MARGIN}",
        "---",
        "gantt",
        "  dateFormat YYYY-MM-DD HH:mm:ss",
        f"  axisFormat {_axis_format(length)}",
        *(["  tickInterval 12hour"] if _ONE_DAY <= length < _FEW_DAYS else []),
        "  todayMarker off",
    ]


def _axis_format(length: timedelta) -> str:
    if length < timedelta(hours=1):
        return "%M:%S"
    if length < _ONE_DAY:
        return "%H:%M"
    # The diagram starts on January 1, so `%-j`, the day of the year, counts the days. It starts
    # again after a year.
    if length < _FEW_DAYS:
        return "day %-j %H:%M"
    return "day %-j" if length < _ONE_YEAR else "year %y, day %-j"


def _bar_line(text: str, style: str, interval: Interval, zero: datetime) -> str:
    start = _ZERO + (interval.start - zero)
    return f"  {text} :{style}{start:%Y-%m-%d %H:%M:%S}, {max(1, round(interval.seconds))}s"
