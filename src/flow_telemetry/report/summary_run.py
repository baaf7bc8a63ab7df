"""Sections of the job summary about a run: failures, comparison, jobs and slowest steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from flow_telemetry.model import Annotation, Change, Job, Parentage, Result, Run, Step, result_of
from flow_telemetry.model.runs import matrix_name
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.report.gantt import MOST_JOBS, draw_jobs
from flow_telemetry.report.lines import (
    LONGEST_LINE,
    LONGEST_NAME,
    Section,
    change_link,
    describe_parents,
    describe_waiting,
    exported_jobs,
    format_minute,
    format_table,
    format_word,
    item_link,
    join_links,
    trace_link,
)
from flow_telemetry.report.text import markdown, markdown_block, markdown_code, markdown_link
from flow_telemetry.rules import causes
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.causes import job_result, run_result
from flow_telemetry.rules.selection import OF_EVERY_JOB, boilerplate_steps
from flow_telemetry.text import counted, duration

if TYPE_CHECKING:  # Loaded only if a run is compared.
    from flow_telemetry.rules.comparison import RunComparison

LIFE_NOT_SENT = "The title, the phases and the result of the pull request are sent when it ends."
_MOST_STEPS = 10
# Failed jobs, and messages of each; the trace has all of them.
_MOST_FAILURES = 5
_MOST_MESSAGES = 3
_LONGEST_MESSAGE = 300
_LONGEST_BLOCK = 1_500
# A diagram of a shorter run shows nothing that the table of steps does not, in seconds.
_SHORTEST_DIAGRAM = 15.0
_FAILURE = "failure"
_ICONS = {
    Result.SUCCESS: "✅ ",
    Result.FAILURE: "❌ ",
    Result.ERROR: "❌ ",
    Result.TIMEOUT: "⌛ ",
    Result.CANCELLATION: "🚫 ",
    Result.SKIP: "⏭️ ",
}


def run_sections(exported: ExportedSubject, run: Run) -> Iterator[Section]:
    """Return the parts of the summary of a run: result, failures, parents, jobs and steps."""
    jobs = exported_jobs(run, exported.reference)
    name, conclusion, result = run.workflow, run.conclusion, run_result(run)
    if jobs and exported.reference != run.reference:  # `export: job`
        name, conclusion = f"{run.workflow} / {jobs[0].name}", jobs[0].conclusion
        result = job_result(jobs[0])
    if result is not None and result is not result_of(conclusion):
        # In GitHub's own words.
        conclusion = "timed_out" if result is Result.TIMEOUT else result.value
    so_far = " so far" if exported.partial and conclusion else ""
    shown = format_word(conclusion or "no result yet")
    yield Section(f"### {icon(result)}{markdown(name, LONGEST_NAME)}: {shown}{so_far}")
    yield Section(describe_failures(run, jobs, result))
    if exported.comparison is not None:
        yield Section(format_comparison(run, exported.comparison))
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    number = f"run {run.number}" if run.number else f"run {run.id}"
    facts = [
        f"Trace {trace_link(exported)}",
        markdown_link(number, run.url) + attempt,
        counted(len(jobs), "job"),
        duration(exported.interval.seconds),
    ]
    yield Section(" · ".join(facts))
    if exported.parentage is not None:
        yield Section(_describe_change(exported, exported.parentage))
    yield Section(describe_parents(exported.lineage))
    yield Section(describe_waiting(run, jobs))
    yield Section(_jobs_diagram(run, jobs), name="the diagram of jobs")
    yield Section(_steps_table(run, jobs), name="the table of steps")


def describe_failures(run: Run, jobs: Iterable[Job], result: Result | None) -> str:
    """Return the failed jobs and steps with the messages of their annotations; empty if none."""
    if result is Result.SUCCESS:  # The workflow allows the failure.
        return ""
    failed = [job for job in jobs if causes.job_error_type(job) is not None]
    if not failed:
        return _describe_failure_without_job(run, result)
    # The one that decided the run's result, as in the description of its span, then by their ends.
    first = causes.first_failed_job(run)
    failed.sort(key=lambda job: (job is not first, job.completed_at or run.started_at, job.id))
    # The jobs of a matrix often fail alike.
    groups: dict[tuple[object, ...], list[Job]] = {}
    for job in failed:
        steps = tuple(step.name for step in causes.failed_steps(job))
        alike = (matrix_name(job.name), steps, job_messages(job))
        groups.setdefault(alike, []).append(job)
    rows = [_describe_failed(group) for group in [*groups.values()][:_MOST_FAILURES]]
    more = sum(len(group) for group in [*groups.values()][_MOST_FAILURES:])
    if more:
        rows.append(f"- and {counted(more, 'more failed job')}")
    return "\n".join(rows)


def _describe_failure_without_job(run: Run, result: Result | None) -> str:
    if run.conclusion != "startup_failure" or result is None:
        return ""
    return (
        "GitHub could not start the run: usually its workflow file is wrong, and the page of the "
        "run says where."
    )


def _describe_failed(jobs: Sequence[Job]) -> str:
    """Return an item of a list: the first of jobs that failed alike, its failed step and why."""
    job, steps = jobs[0], causes.failed_steps(jobs[0])
    names = [markdown_code(job.name, LONGEST_NAME)]
    names += [markdown_code(step.name, LONGEST_NAME) for step in steps[:1]]
    head = f"- ❌ **{markdown_link(' › '.join(names), failure_url(job, steps))}**"
    if len(steps) > 1:
        head += f" and {counted(len(steps) - 1, 'more step')}"
    if len(jobs) > 1:
        head += f" (and {counted(len(jobs) - 1, 'more job')} like it)"
    first, *others = job_messages(job) or ("",)
    if "\n" in first.strip():
        block = markdown_block(first, _LONGEST_BLOCK).replace("\n", "\n  ")
        head += f"\n\n  {block}\n"
    elif first:
        head += f": {markdown(first, _LONGEST_MESSAGE)}"
    rows = [f"  - {markdown(message, _LONGEST_MESSAGE)}" for message in others[:_MOST_MESSAGES]]
    if len(others) > _MOST_MESSAGES:
        rows.append(f"  - and {counted(len(others) - _MOST_MESSAGES, 'more annotation')}")
    return "\n".join([head, *rows])


def failure_url(job: Job, failed_steps: Sequence[Step]) -> str:
    """Return the address of a failed job, at the log of its first failed step; empty if unknown."""
    # GitHub's page of a job opens at a line of a step.
    at_step = job.url and failed_steps
    return f"{job.url}#step:{failed_steps[0].number}:1" if at_step else job.url


def job_messages(job: Job) -> tuple[str, ...]:
    """Return why a job failed: the cause if it is known, then the messages of its annotations.

    Those of tools come before the runner's "Process completed with exit code 1.", which says
    nothing if there is any other.
    """
    failures = [a for a in job.annotations if a.level == _FAILURE]
    # Not only what the runner and GitHub know: a tool's message names the file, and the reason.
    cause = causes.job_error_message(job, "") if causes.job_cause(job) is not None else ""
    tools = [_message(a) for a in failures if a.path != causes.RUNNERS_PATH]
    runner = [_message(a) for a in failures if a.path == causes.RUNNERS_PATH]
    exits = [text for text in runner if text.startswith("Process completed with exit code")]
    said = [text for text in runner if text not in exits]
    messages = dict.fromkeys(filter(None, (cause, *tools, *said)))
    return tuple(messages or dict.fromkeys(exits))


def _message(annotation: Annotation) -> str:
    line = f":{annotation.start_line}" if annotation.start_line else ""
    at_file = annotation.path and annotation.path != causes.RUNNERS_PATH
    place = f"{annotation.path}{line}: " if at_file else ""
    return place + annotation.message.strip()


def format_comparison(run: Run, comparison: RunComparison) -> str:
    """Return how the time of a run compares with earlier ones and, if it was slow, why."""
    # Loaded only if a run is compared.
    from flow_telemetry.rules.comparison import describe_comparison  # noqa: PLC0415

    head, rest = describe_comparison(
        comparison,
        markdown(run.workflow, LONGEST_NAME),
        ended=run.completed,
        name=lambda text: markdown_code(text, LONGEST_NAME),
    )
    text = f"**{head}** {rest}" if comparison.slow else f"{head} {rest}"
    if comparison.last_success is not None and run_result(run) in causes.ERRORS:
        number, url, end = comparison.last_success
        link = markdown_link(f"run {number}", url)
        text += f" It last succeeded there in {link}, {format_minute(end)}."
    return text


def icon(result: Result | None) -> str:
    """Return the icon of a result with a space; empty if it is unknown."""
    return _ICONS[result] if result else ""


def _describe_change(exported: ExportedSubject, parentage: Parentage) -> str:
    reason = markdown(parentage.reason, LONGEST_LINE)
    if parentage.change is None:
        sentences = [f"Belongs to no pull request: {reason}."]
    else:
        sentences = [f"Belongs to pull request {change_link(parentage.change)}: {reason}."]
    if parentage.others:
        sentences.append(f"Also linked to {join_links([*map(change_link, parentage.others)])}.")
    sentences.append(_describe_missing(exported, parentage.change))
    return " ".join(filter(None, sentences))


def _describe_missing(exported: ExportedSubject, change: Change | None) -> str:
    """Explain what is not in the trace yet, of the pull request or item at its root."""
    root = exported.trace.root
    if change is not None and root == change.reference:
        return "" if change.ended else LIFE_NOT_SENT
    item = next((item for item in exported.lineage.items if item.reference == root), None)
    if item is None or item.ended or item.state == "closed":
        return ""
    if item.created_at is None:
        # Its opening span could not be made.
        return f"The trace has no root: when {item_link(item)} was created is not known."
    return (
        f"The title, the statuses and the result of {item_link(item)} are sent when it is closed."
    )


def _jobs_diagram(run: Run, jobs: Sequence[Job]) -> str:
    if timing.run_interval(run).seconds < _SHORTEST_DIAGRAM:
        return ""
    diagram = draw_jobs(run, jobs)
    if diagram is None:
        return ""
    timed = [job for job in jobs if timing.job_interval(run, job).seconds > 0]
    notes = ["grey: waiting, red: failed; times count from the start of the run"]
    if len(timed) > MOST_JOBS:
        notes.insert(0, f"the longest {MOST_JOBS} of {len(timed):,}")
    idle = len(jobs) - len(timed)
    if idle:
        notes.append(f"{counted(idle, 'job')} took no time")
    return f"**Jobs** ({'; '.join(notes)})\n\n```mermaid\n{diagram}\n```"


def _steps_table(run: Run, jobs: Iterable[Job]) -> str:
    timed = [
        (step, job, interval)
        for job in jobs
        for added in (boilerplate_steps(job),)
        for step, interval in timing.step_intervals(run, job)
        if timing.step_ran(step) and step.name not in OF_EVERY_JOB and step not in added
    ]
    slowest = sorted(timed, key=lambda row: row[2].seconds, reverse=True)[:_MOST_STEPS]
    rows = [
        (
            markdown_code(step.name, LONGEST_NAME),
            markdown_code(job.name, LONGEST_NAME),
            duration(interval.seconds),
            icon(result_of(step.conclusion)) + markdown(step.conclusion or "unknown", 40),
        )
        for step, job, interval in slowest
        if interval.seconds > 0
    ]
    if not rows:
        return ""
    return format_table(("Slowest steps", "Job", "Time", "Result"), rows, right=(2,))
