"""The summary of a step: what GitHub shows on the page of the run, in its own Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flow_telemetry import timing
from flow_telemetry.model import Change, Job, Result, Run, Step, result_of
from flow_telemetry.outcome import Exported, Outcome
from flow_telemetry.timing import Interval
from flow_telemetry.views.delivery import left_out, sentence
from flow_telemetry.views.durations import counted, duration
from flow_telemetry.views.escape import markdown, markdown_code, markdown_link
from flow_telemetry.views.gantt import MOST_JOBS, charted, gantt

# GitHub keeps 1 MiB of a step's summary and refuses all of it beyond.
LARGEST_SUMMARY = 1_000_000
ROOT_NOT_SENT = (
    "The pull request's own span is not sent yet: until then backends show its runs below a root "
    "that is still missing, or as roots of one trace."
)
_MOST_STEPS = 10
_MOST_LINES = 20
_LONGEST_NAME = 100
_LONGEST_LINE = 1_000
_ICONS = {
    Result.SUCCESS: "✅ ",
    Result.FAILURE: "❌ ",
    Result.ERROR: "❌ ",
    Result.TIMEOUT: "⌛ ",
    Result.CANCELLATION: "🚫 ",
    Result.SKIP: "⏭️ ",
}


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of the summary; of those with a ``name`` the last ones go where it is too large."""

    text: str
    name: str = ""


def job_summary(outcome: Outcome, *, largest: int = LARGEST_SUMMARY) -> str:
    """Return the summary as GitHub-flavoured Markdown.

    Where it would be larger than ``largest`` bytes the table of steps is left out, then the
    diagram, and the summary says so.
    """
    sections = [section for section in _sections(outcome) if section.text]
    missing: list[str] = []
    while True:
        text = _joined(sections, missing)
        going = [section for section in sections if section.name]
        if len(text.encode()) <= largest or not going:
            return text
        sections.remove(going[-1])
        missing.append(going[-1].name)


def _joined(sections: Sequence[_Section], missing: Sequence[str]) -> str:
    texts = [section.text for section in sections]
    if missing:
        texts.append(f"Too large to show here: {' and '.join(missing)}.")
    return "\n\n".join(texts)


def _sections(outcome: Outcome) -> Iterator[_Section]:
    exported = outcome.exported
    if exported is None:
        yield _Section("### flow-telemetry: nothing was sent")
    else:
        jobs = jobs_of(exported)
        yield _Section(_headline(exported, jobs))
        yield _Section(_facts(exported, jobs))
        yield _Section(_belongs_to(exported))
        yield _Section(_chart(exported.run, jobs), name="the diagram of jobs")
        yield _Section(_slowest(jobs), name="the table of steps")
    yield _Section(_listed("Problems", outcome.problems))
    yield _Section(_listed("Notices", outcome.notices))
    yield _Section(_listed("Left out", left_out(outcome)))
    yield _Section(f"<sub>{markdown(sentence(outcome), _LONGEST_LINE)}</sub>")


def jobs_of(exported: Exported) -> tuple[Job, ...]:
    """Return the jobs of the attempt; where one job was exported alone, only that one."""
    run = exported.run
    alone = tuple(job for job in run.jobs if run.job_reference(job) == exported.reference)
    return alone or timing.own_jobs(run)


def _headline(exported: Exported, jobs: Sequence[Job]) -> str:
    run = exported.run
    whole_run = exported.reference == run.reference
    name = run.workflow if whole_run or not jobs else f"{run.workflow} / {jobs[0].name}"
    conclusion = run.conclusion if whole_run or not jobs else jobs[0].conclusion
    result = result_of(conclusion)
    words = (conclusion or "no result yet").replace("_", " ")
    so_far = " so far" if exported.partial and conclusion else ""
    icon = _ICONS[result] if result else ""
    return f"### {icon}{markdown(name, _LONGEST_NAME)}: {markdown(words, 40)}{so_far}"


def _facts(exported: Exported, jobs: Sequence[Job]) -> str:
    run = exported.run
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    number = f"run {run.number}" if run.number else f"run {run.id}"
    parts = [
        _trace(exported),
        markdown_link(number, run.url) + attempt,
        counted(len(jobs), "job"),
        duration(exported.interval.seconds),
    ]
    return " · ".join(parts)


def _trace(exported: Exported) -> str:
    shown = markdown_code(exported.trace.trace_id, _LONGEST_NAME)
    return f"Trace {markdown_link(shown, exported.trace_url or '')}"


def _belongs_to(exported: Exported) -> str:
    parentage = exported.parentage
    reason = markdown(parentage.reason, _LONGEST_LINE)
    if parentage.change is None:
        return f"Belongs to no pull request: {reason}."
    lines = [f"Belongs to pull request {_change(parentage.change)}: {reason}."]
    if parentage.others:
        shown = ", ".join(map(_change, parentage.others[:_MOST_LINES]))
        lines.append(f"Also linked to {shown}.")
    if exported.trace.root == parentage.change.reference:
        lines.append(ROOT_NOT_SENT)
    return " ".join(lines)


def _change(change: Change) -> str:
    title = f" {markdown(change.title, _LONGEST_NAME)}" if change.title else ""
    return markdown_link(markdown(f"#{change.number}", 20), change.url) + title


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
    rows = [
        f"| {markdown_code(step.name, _LONGEST_NAME)} | {markdown_code(job.name, _LONGEST_NAME)} "
        f"| {duration(took.seconds)} | {_step_result(step)} |"
        for step, job, took in steps[:_MOST_STEPS]
    ]
    head = ["| Slowest steps | Job | Time | Result |", "|---|---|--:|---|"]
    return "\n".join([*head, *rows])


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


def _listed(title: str, texts: Sequence[str]) -> str:
    if not texts:
        return ""
    rows = [f"- {markdown(text, _LONGEST_LINE)}" for text in texts[:_MOST_LINES]]
    if len(texts) > _MOST_LINES:
        rows.append(f"- and {len(texts) - _MOST_LINES:,} more")
    return "\n".join([f"**{title}**", "", *rows])
