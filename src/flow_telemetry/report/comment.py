"""The comment on a pull request, in Markdown: its last run, the first failure, and its phases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import Change, Run, result_of
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.report.lines import (
    LONGEST_NAME,
    format_percent,
    format_word,
    trace_link,
)
from flow_telemetry.report.summary_run import failure_url, format_comparison, icon, job_messages
from flow_telemetry.report.text import markdown, markdown_code, markdown_link
from flow_telemetry.rules.causes import (
    failed_steps,
    first_failed_job,
    run_result,
)
from flow_telemetry.rules.intervals import run_interval
from flow_telemetry.rules.lifecycle import find_phases
from flow_telemetry.text import duration

_MOST_RUNS = 10
# A comment is mailed to all who take part in the conversation.
_LONGEST_MESSAGE = 300
_SHORT_SHA = 7
_FOOTER = "<sub>flow-telemetry replaces this text when a run or the pull request ends.</sub>"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentFacts:
    """What a comment on ``change`` is about.

    ``exported`` is the run or pull request that was exported, ``runs`` are the runs of the last
    commit. ``now`` is when they were read. ``has_trace`` is whether spans were sent.
    """

    exported: ExportedSubject
    change: Change
    runs: Sequence[Run] = ()
    now: datetime
    has_trace: bool = True


def change_comment(facts: CommentFacts) -> str:
    """Return the text of the comment. Names and messages in it mention and refer to nothing."""
    exported = facts.exported
    trace = [f"Trace {trace_link(exported)}."] if facts.has_trace else []
    paragraphs = [
        *(_describe_run(exported, exported.run) if exported.run is not None else ()),
        _describe_runs(facts),
        " ".join([*_describe_phases(facts.change, facts.now), *trace]),
        _FOOTER,
    ]
    return "\n\n".join(filter(None, paragraphs))


def _describe_run(exported: ExportedSubject, run: Run) -> Iterator[str]:
    """Yield the result of a run with its time, beside the usual time, and its first failure."""
    result = run_result(run)
    so_far = " so far" if result is not None and exported.partial else ""
    shown = format_word("no result yet" if result is None else result.value)
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    link = markdown_link(f"run {run.number or run.id}", run.url) + attempt
    took = duration(run_interval(run).seconds)
    name = f"{icon(result)}{markdown(run.workflow, LONGEST_NAME)}"
    yield f"**{name}: {shown}{so_far}** after {took} ({link})."
    if exported.comparison is not None:
        yield format_comparison(run, exported.comparison)
    job = first_failed_job(run)
    if job is None:
        return
    steps = failed_steps(job)
    parts = (job.name, *(step.name for step in steps[:1]))
    names = " / ".join(markdown_code(part, LONGEST_NAME) for part in parts)
    message = markdown(next(iter(job_messages(job)), ""), _LONGEST_MESSAGE)
    link = markdown_link(names, failure_url(job, steps))
    yield f"First failure: {link}{message and f': {message}'}"


def _describe_runs(facts: CommentFacts) -> str:
    """Return the results of the other runs of the last commit, the newest attempt of each."""
    shown = facts.exported.run
    others = [run for run in facts.runs if shown is None or run.id != shown.id]
    if not others:
        return ""
    links = [_describe_other(run) for run in sorted(others, key=lambda run: run.workflow)]
    more = [f"{len(links) - _MOST_RUNS:,} more"] if len(links) > _MOST_RUNS else []
    commit = markdown_code(facts.change.head_sha[:_SHORT_SHA], LONGEST_NAME)
    other = "Other runs" if shown is not None else "Runs"
    return f"{other} of {commit}: {', '.join([*links[:_MOST_RUNS], *more])}."


def _describe_other(run: Run) -> str:
    name = markdown_link(markdown(run.workflow, LONGEST_NAME), run.url)
    result = result_of(run.conclusion)
    if not run.completed or result is None:
        return f"{name} {format_word(run.conclusion or run.status or 'unknown')}"
    return f"{name} {format_word(result.value)} ({duration(run_interval(run).seconds)})"


def _describe_phases(change: Change, now: datetime) -> Iterator[str]:
    """Yield how long a pull request has been open, and how long each of its phases lasted."""
    phases = find_phases(change, now)
    seconds: dict[str, float] = {}
    for phase in phases:
        name = phase.kind.label
        seconds[name] = seconds.get(name, 0.0) + phase.interval.seconds
    total = sum(seconds.values())
    if not total:
        return
    state = "Merged after" if change.merged_at else "Closed after" if change.ended else "Open for"
    yield f"{state} {duration(total)}: {', '.join(_format_shares(seconds, total))}."


def _format_shares(seconds: dict[str, float], total: float) -> Iterable[str]:
    """Yield the time and share of each phase, the longest first."""
    longest = sorted(seconds.items(), key=lambda pair: -pair[1])
    return (
        f"{markdown(name, LONGEST_NAME)} {duration(spent)} ({format_percent(spent, total)})"
        for name, spent in longest
    )
