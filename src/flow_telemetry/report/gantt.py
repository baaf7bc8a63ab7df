"""Jobs, phases and statuses as Mermaid gantt diagrams, which GitHub draws in a summary.

Only the names of sections are somebody else's text. A section ends at the line's end, whatever it
holds, while the name of a bar may not begin with any word of Mermaid's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flow_telemetry.model import Job, Result, Run, result_of
from flow_telemetry.report.lines import running, waits_of
from flow_telemetry.report.text import duration, mermaid
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval

MOST_JOBS = 40
MOST_BARS = 100
FAILED = (Result.FAILURE, Result.ERROR, Result.TIMEOUT)
_LONGEST_NAME = 36
# Of the characters of Mermaid's font at the size of a section's name, the wide ones.
_PIXELS_A_CHARACTER = 7
_MARGIN = 24
# Mermaid wants a name for each bar, and writes one that is too long for its bar over the next.
_NO_TEXT = "\u200b"
# Mermaid reads and shows local times, which jump twice a year; nowhere do they in January.
_ZERO = datetime(2001, 1, 1)  # noqa: DTZ001 - a time of day, wherever the reader is
_A_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time that something was in a phase or status of this name."""

    name: str
    interval: Interval
    waiting: bool = False


def gantt(run: Run, jobs: Sequence[Job]) -> str | None:
    """Return the diagram of the jobs that took time, on an axis from the run's start.

    At most the longest `MOST_JOBS` are shown. None where no job took any time.
    """
    chosen = charted(run, jobs)
    if not chosen:
        return None
    zero = min(run.started_at, *(timing.job_interval(run, job).start for job in chosen))
    length = max(timing.job_interval(run, job).end for job in chosen) - zero
    rows = [line for job in chosen for line in _section(run, job, zero)]
    return "\n".join([*_head((job.name for job in chosen), length), *rows])


def timeline(stretches: Sequence[Stretch]) -> str | None:
    """Return the diagram of stretches, a section for each name, on an axis from their start.

    At most the longest `MOST_BARS` are shown. None where there are none.
    """
    longest = sorted(stretches, key=lambda each: each.interval.seconds, reverse=True)[:MOST_BARS]
    if not longest:
        return None
    chosen = sorted(longest, key=lambda each: each.interval.start)
    names = dict.fromkeys(each.name for each in chosen)
    zero = chosen[0].interval.start
    rows = [line for name in names for line in _stretch_section(name, chosen, zero)]
    return "\n".join([*_head(names, max(e.interval.end for e in chosen) - zero), *rows])


def charted(run: Run, jobs: Sequence[Job]) -> list[Job]:
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
        f"    leftPadding: {longest * _PIXELS_A_CHARACTER + _MARGIN}",
        "---",
        "gantt",
        "  dateFormat YYYY-MM-DD HH:mm:ss",
        f"  axisFormat {_axis(length)}",
        "  todayMarker off",
    ]


def _axis(length: timedelta) -> str:
    if length < timedelta(hours=1):
        return "%M:%S"
    if length < timedelta(days=1):
        return "%H:%M"
    # The first of January is the first day; names of days come back after a year.
    if length < timedelta(days=5):
        return "day %-j %H:%M"
    return "day %-j" if length < _A_YEAR else "year %y, day %-j"


def _section(run: Run, job: Job, zero: datetime) -> Iterator[str]:
    yield f"  section {mermaid(job.name, _LONGEST_NAME)}"
    waits, worked = waits_of(job), running(run, job)
    for _, wait in waits:
        yield _bar(_NO_TEXT, "done, ", wait, zero)
    waited = ", ".join(f"{word} {duration(wait.seconds)}" for word, wait in waits)
    text = duration(worked.seconds) + (f" ({waited})" if waited else "")
    yield _bar(text, "crit, " if result_of(job.conclusion) in FAILED else "", worked, zero)


def _stretch_section(name: str, chosen: Sequence[Stretch], zero: datetime) -> Iterator[str]:
    yield f"  section {mermaid(name, _LONGEST_NAME)}"
    own = [each for each in chosen if each.name == name]
    for each in own:
        # Names of several bars in one row would be written over each other.
        text = duration(each.interval.seconds) if len(own) == 1 else _NO_TEXT
        yield _bar(text, "done, " if each.waiting else "", each.interval, zero)


def _bar(text: str, kind: str, interval: Interval, zero: datetime) -> str:
    start = _ZERO + (interval.start - zero)
    return f"  {text} :{kind}{start:%Y-%m-%d %H:%M:%S}, {max(1, round(interval.seconds))}s"
