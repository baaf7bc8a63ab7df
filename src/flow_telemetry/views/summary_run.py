"""What a summary says of a run: its result, its jobs, its slowest steps, what it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from flow_telemetry.model import Job, Lineage, Parentage, Result, Run, Step, WorkItem, result_of
from flow_telemetry.outcome import Exported
from flow_telemetry.rules import timing
from flow_telemetry.rules.timing import Interval
from flow_telemetry.views.durations import counted, duration
from flow_telemetry.views.escape import markdown, markdown_code, markdown_link
from flow_telemetry.views.gantt import MOST_JOBS, charted, gantt
from flow_telemetry.views.run_times import jobs_of, queue_against_run
from flow_telemetry.views.summary_lines import (
    LONGEST_LINE,
    LONGEST_NAME,
    Section,
    change_link,
    item_link,
    items_above,
    listed_links,
    table,
    trace_link,
    word,
)

_SHOWN_UNTIL_THEN = (
    "until then backends show its runs below a root that is still missing, or as roots of one "
    "trace."
)
ROOT_NOT_SENT = f"The pull request's own span comes when it ends; {_SHOWN_UNTIL_THEN}"
_MOST_STEPS = 10
_ICONS = {
    Result.SUCCESS: "✅ ",
    Result.FAILURE: "❌ ",
    Result.ERROR: "❌ ",
    Result.TIMEOUT: "⌛ ",
    Result.CANCELLATION: "🚫 ",
    Result.SKIP: "⏭️ ",
}


def run_sections(exported: Exported, run: Run) -> Iterator[Section]:
    """Return the parts of the summary of an exported run."""
    jobs = jobs_of(run, exported.reference)
    yield Section(_headline(exported, run, jobs))
    yield Section(_facts(exported, run, jobs))
    if exported.parentage is not None:
        yield Section(_belongs_to(exported, exported.parentage))
    yield Section(items_above(exported.lineage))
    yield Section(queue_against_run(run, jobs))
    yield Section(_chart(run, jobs), name="the diagram of jobs")
    yield Section(_slowest(jobs), name="the table of steps")


def _headline(exported: Exported, run: Run, jobs: Sequence[Job]) -> str:
    whole_run = exported.reference == run.reference
    name = run.workflow if whole_run or not jobs else f"{run.workflow} / {jobs[0].name}"
    conclusion = run.conclusion if whole_run or not jobs else jobs[0].conclusion
    result = result_of(conclusion)
    so_far = " so far" if exported.partial and conclusion else ""
    icon = _ICONS[result] if result else ""
    shown = word(conclusion or "no result yet")
    return f"### {icon}{markdown(name, LONGEST_NAME)}: {shown}{so_far}"


def _facts(exported: Exported, run: Run, jobs: Sequence[Job]) -> str:
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    number = f"run {run.number}" if run.number else f"run {run.id}"
    parts = [
        f"Trace {trace_link(exported)}",
        markdown_link(number, run.url) + attempt,
        counted(len(jobs), "job"),
        duration(exported.interval.seconds),
    ]
    return " · ".join(parts)


def _belongs_to(exported: Exported, parentage: Parentage) -> str:
    reason = markdown(parentage.reason, LONGEST_LINE)
    if parentage.change is None:
        lines = [f"Belongs to no pull request: {reason}."]
    else:
        lines = [f"Belongs to pull request {change_link(parentage.change)}: {reason}."]
    if parentage.others:
        lines.append(f"Also linked to {listed_links([*map(change_link, parentage.others)])}.")
    return " ".join([*lines, *_missing_root(exported.trace.root, parentage, exported.lineage)])


def _missing_root(root: str, parentage: Parentage, lineage: Lineage) -> list[str]:
    """What a backend shows as long as the root of the trace goes on, and so has no span."""
    change = parentage.change
    if change is not None and root == change.reference:
        return [] if change.ended else [ROOT_NOT_SENT]
    item = next((item for item in lineage.items if item.reference == root), None)
    if item is None or _is_closed(item):
        return []
    return [f"The own span of {item_link(item)} comes when it is closed; {_SHOWN_UNTIL_THEN}"]


def _is_closed(item: WorkItem) -> bool:
    return item.ended or item.state == "closed"


def _chart(run: Run, jobs: Sequence[Job]) -> str:
    diagram = gantt(run, jobs)
    if diagram is None:
        return ""
    timed = [job for job in jobs if timing.job_interval(run, job).seconds > 0]
    shown = len(charted(run, jobs))
    parts = ["grey is waiting, red is failed; the time counts from the run's start"]
    if shown < len(timed):
        parts.insert(0, f"the longest {MOST_JOBS} of {len(timed):,}")
    idle = len(jobs) - len(timed)
    if idle:
        parts.append(f"{counted(idle, 'job')} took no time")
    return f"**Jobs** ({'; '.join(parts)})\n\n```mermaid\n{diagram}\n```"


def _slowest(jobs: Iterable[Job]) -> str:
    steps = sorted(_timed_steps(jobs), key=lambda row: row[2].seconds, reverse=True)
    if not steps:
        return ""
    rows = (
        (
            markdown_code(step.name, LONGEST_NAME),
            markdown_code(job.name, LONGEST_NAME),
            duration(took.seconds),
            _step_result(step),
        )
        for step, job, took in steps[:_MOST_STEPS]
    )
    return table(("Slowest steps", "Job", "Time", "Result"), rows, right=(2,))


def _timed_steps(jobs: Iterable[Job]) -> Iterator[tuple[Step, Job, Interval]]:
    for job in jobs:
        for step in job.steps:
            if step.completed and step.started_at and timing.step_ran(step):
                took = timing.step_interval(step, step.started_at)
                if took.seconds > 0:
                    yield step, job, took


def _step_result(step: Step) -> str:
    result = result_of(step.conclusion)
    return (_ICONS[result] if result else "") + markdown(step.conclusion or "unknown", 40)
