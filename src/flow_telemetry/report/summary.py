"""The job summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from flow_telemetry.model import (
    Change,
    Job,
    Lineage,
    Parentage,
    Result,
    Run,
    StatusCategory,
    Step,
    WorkItem,
    result_of,
)
from flow_telemetry.outcome import Exported, Outcome
from flow_telemetry.report.gantt import MOST_BARS, MOST_JOBS, Bar, draw_bars, draw_jobs, select_jobs
from flow_telemetry.report.lines import (
    LONGEST_LINE,
    LONGEST_NAME,
    MOST_LINES,
    MOST_TIMELINE_ENTRIES,
    Section,
    change_link,
    describe_export,
    describe_left_out,
    describe_linked_items,
    describe_parents,
    describe_sent,
    describe_waiting,
    exported_jobs,
    format_minute,
    format_table,
    format_word,
    item_link,
    join_links,
    timeline_lines,
    trace_link,
)
from flow_telemetry.report.terminal import WAITING_PHASES
from flow_telemetry.report.text import counted, duration, markdown, markdown_code, markdown_link
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.lifecycle import phases, stretches

# What a summary says of a run: its result, its jobs, its slowest steps, what it belongs to.

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
    jobs = exported_jobs(run, exported.reference)
    yield Section(_headline(exported, run, jobs))
    yield Section(_facts(exported, run, jobs))
    if exported.parentage is not None:
        yield Section(_belongs_to(exported, exported.parentage))
    yield Section(describe_parents(exported.lineage))
    yield Section(describe_waiting(run, jobs))
    yield Section(_chart(run, jobs), name="the diagram of jobs")
    yield Section(_slowest(jobs), name="the table of steps")


def _headline(exported: Exported, run: Run, jobs: Sequence[Job]) -> str:
    whole_run = exported.reference == run.reference
    name = run.workflow if whole_run or not jobs else f"{run.workflow} / {jobs[0].name}"
    conclusion = run.conclusion if whole_run or not jobs else jobs[0].conclusion
    result = result_of(conclusion)
    so_far = " so far" if exported.partial and conclusion else ""
    icon = _ICONS[result] if result else ""
    shown = format_word(conclusion or "no result yet")
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
        lines.append(f"Also linked to {join_links([*map(change_link, parentage.others)])}.")
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
    diagram = draw_jobs(run, jobs)
    if diagram is None:
        return ""
    timed = [job for job in jobs if timing.job_interval(run, job).seconds > 0]
    shown = len(select_jobs(run, jobs))
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
    return format_table(("Slowest steps", "Job", "Time", "Result"), rows, right=(2,))


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


# The summary of a step: what GitHub shows on the page of the run, in its own Markdown.

# GitHub keeps 1 MiB of a step's summary and refuses all of it beyond.
LARGEST_SUMMARY = 1_000_000


def job_summary(outcome: Outcome, *, largest: int = LARGEST_SUMMARY) -> str:
    """Return the summary as GitHub-flavoured Markdown.

    Where it would be larger than ``largest`` bytes its tables and diagrams are left out, the last
    ones first, and the summary says so.
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


def _joined(sections: Sequence[Section], missing: Sequence[str]) -> str:
    texts = [section.text for section in sections]
    if missing:
        texts.append(f"Too large to show here: {' and '.join(missing)}.")
    return "\n\n".join(texts)


def _sections(outcome: Outcome) -> Iterator[Section]:
    yield from _about(outcome)
    yield Section(_listed("Problems", outcome.problems))
    yield Section(_listed("Notices", outcome.notices))
    yield Section(_listed("Left out", describe_left_out(outcome)))
    yield Section(f"<sub>{markdown(describe_export(outcome), LONGEST_LINE)}</sub>")


def _about(outcome: Outcome) -> Iterator[Section]:
    """What was exported: one thing with what went along, or, after a sweep, a table of all."""
    first, further = outcome.exported, outcome.further
    if first is None:
        yield Section(f"### flow-telemetry: {_sent_alone(outcome)}")
    elif all(_goes_along(first, each) for each in further):
        yield from _of_subject(first)
        yield Section(_sent_along(further))
    else:
        yield Section(f"### flow-telemetry: {counted(1 + len(further), 'export')}")
        yield Section(_all_of((first, *further)), name="the table of exports")


def _sent_alone(outcome: Outcome) -> str:
    """What left without a subject that could be named, such as deployments, or that none did."""
    sent = describe_sent(outcome)
    if sent:
        return f"{sent} sent"
    collected = any(delivery.collected for delivery in outcome.deliveries)
    return "nothing was delivered" if collected else "nothing was sent"


def _of_subject(exported: Exported) -> Iterator[Section]:
    """Each kind by its own module, which is loaded where there is something to show."""
    if exported.run is not None:
        yield from run_sections(exported, exported.run)
        if exported.inside is not None:
            from flow_telemetry.report.summary_job import inside_sections  # noqa: PLC0415

            yield from inside_sections(exported.inside)
    elif exported.change is not None:
        yield from change_sections(exported, exported.change)
    elif exported.item is not None:
        yield from item_sections(exported, exported.item)
    else:  # Nothing of it but its key is for those who read this.
        yield Section(f"### {markdown(exported.title, LONGEST_NAME)}")
        yield Section(f"Trace {trace_link(exported)}")


def _goes_along(first: Exported, other: Exported) -> bool:
    """Whether another is the first one's change, run or item, and not a subject of its own."""
    if first.item is not None and other.item is not None:
        return first.item.reference == other.item.reference
    return bool(_changes_of(first) & _changes_of(other))


def _changes_of(exported: Exported) -> set[str]:
    """The references of the pull requests that an export is of, or that its run belongs to."""
    above = exported.parentage
    beside = (above.change, *above.others) if above is not None else ()
    return {change.reference for change in (exported.change, *beside) if change is not None}


def _sent_along(further: Sequence[Exported]) -> str:
    if not further:
        return ""
    links = [f"{_title(each)} (trace {trace_link(each)})" for each in further]
    return f"Sent along: {join_links(links)}."


def _all_of(exported: Sequence[Exported]) -> str:
    rows = [
        (
            _title(each),
            format_minute(each.interval.start),
            duration(each.interval.seconds),
            trace_link(each),
        )
        for each in exported[:MOST_LINES]
    ]
    if len(exported) > MOST_LINES:
        rows.append((f"and {len(exported) - MOST_LINES:,} more", "", "", ""))
    return format_table(("Exported", "From", "Time", "Trace"), rows, right=(2,))


def _title(exported: Exported) -> str:
    """The name of what was exported, as a link, and its title where that tells more."""
    about = exported.change or exported.item
    url = about.url if about is not None else exported.run.url if exported.run is not None else ""
    name = markdown_link(markdown(exported.title, LONGEST_NAME), url)
    title = about.title if about is not None else ""
    return f"{name} {markdown(title, LONGEST_NAME)}" if title else name


def _listed(title: str, texts: Sequence[str]) -> str:
    if not texts:
        return ""
    rows = [f"- {markdown(text, LONGEST_LINE)}" for text in texts[:MOST_LINES]]
    if len(texts) > MOST_LINES:
        rows.append(f"- and {len(texts) - MOST_LINES:,} more")
    return "\n".join([f"**{title}**", "", *rows])


# What a summary says of a pull request or a work item: where its time went.

_ARTICLES = {"human": "a human", "bot": "a bot", "agent": "an agent"}


def change_sections(exported: Exported, change: Change) -> Iterator[Section]:
    """Return the parts of the summary of an exported pull request."""
    found = phases(change, _until(exported))
    spent = [
        Bar(each.kind.label, each.interval, waiting=each.kind.value in WAITING_PHASES)
        for each in found
    ]
    told = [_author(change), _reopened(each.life for each in found)]
    yield Section(f"### {markdown(exported.title, LONGEST_NAME)}: {_state(change)}")
    yield Section(_flow_facts(exported, [change_link(change), *told], change.created_at))
    yield Section(describe_parents(exported.lineage) or "Belongs to no work item that is known.")
    yield Section(_waited(spent))
    yield Section(_totals("Phase", spent))
    yield Section(_flow_chart("Phases", spent), name="the diagram of phases")
    yield Section(_happened(exported), name="the table of events")


def item_sections(exported: Exported, item: WorkItem) -> Iterator[Section]:
    """Return the parts of the summary of an exported work item or feature."""
    found = stretches(item, until=_until(exported))
    spent = [
        Bar(each.status, each.interval, waiting=each.category is StatusCategory.TO_DO)
        for each in found
    ]
    told = [item_link(item), _reopened(each.life for each in found)]
    state = format_word(item.result or item.status or item.state or "closed")
    as_of_now = " (as of now)" if exported.partial else ""
    yield Section(f"### {markdown(exported.title, LONGEST_NAME)}: {state}{as_of_now}")
    yield Section(_flow_facts(exported, told, item.created_at))
    yield Section(_place_of_item(exported.lineage))
    yield Section(_totals("Status", spent))
    yield Section(_flow_chart("Statuses", spent), name="the diagram of statuses")
    yield Section(_happened(exported), name="the table of events")


def _until(exported: Exported) -> datetime | None:
    """Up to when what is still open is told."""
    return exported.interval.end if exported.partial else None


def _state(change: Change) -> str:
    if change.merged_at is not None:
        return "merged"
    return format_word("closed" if change.ended else change.state or "open")


def _author(change: Change) -> str:
    return f"by {_ARTICLES[change.author.kind.value]}" if change.author else ""


def _reopened(lives: Iterable[int]) -> str:
    times = max(lives, default=1) - 1
    return counted(times, "reopening") if times else ""


def _flow_facts(exported: Exported, told: Sequence[str], created: datetime | None) -> str:
    opened = created or exported.interval.start
    parts = [
        f"Trace {trace_link(exported)}",
        *told,
        f"{format_minute(opened)} → {format_minute(_closed(exported))}",
        duration((_closed(exported) - opened).total_seconds()),
    ]
    return " · ".join(part for part in parts if part)


def _closed(exported: Exported) -> datetime:
    """The last end that is known: one that was reopened has ended more than once."""
    change, item, end = exported.change, exported.item, exported.interval.end
    known = (change.closed_at, change.merged_at) if change else ()
    known = (*known, item.closed_at) if item else known
    return end if exported.partial else max([end, *(time for time in known if time is not None)])


def _place_of_item(lineage: Lineage) -> str:
    """Where an item stands below its feature, the last of a lineage that begins with itself."""
    feature = lineage.feature
    if feature is None:
        return ""
    parent = lineage.items[1:2]
    if not parent:
        return " ".join(["It is the feature at the top.", *describe_linked_items(lineage)])
    place = f"Part of {item_link(parent[0])}"
    if feature is not parent[0]:
        place += f", in the feature {item_link(feature)}"
    return " ".join([f"{place}.", *describe_linked_items(lineage)])


def _waited(spent: Sequence[Bar]) -> str:
    whole = sum(each.interval.seconds for each in spent)
    waited = sum(each.interval.seconds for each in spent if each.waiting)
    if not whole:
        return ""
    return (
        f"Waited {duration(waited)} of {duration(whole)} ({_share(waited, whole)}) for a review, "
        "for the merge or in its queue."
    )


def _totals(what: str, spent: Sequence[Bar]) -> str:
    """How long each phase or status took in all, the longest first, and its share of the whole."""
    whole = sum(each.interval.seconds for each in spent)
    if not whole:
        return ""
    seconds: dict[str, list[float]] = {}
    for each in spent:
        seconds.setdefault(each.name, []).append(each.interval.seconds)
    rows = sorted(seconds.items(), key=lambda row: sum(row[1]), reverse=True)
    shown = [_row(markdown(name, LONGEST_NAME), times, whole) for name, times in rows[:MOST_LINES]]
    if len(rows) > MOST_LINES:
        rest = [each for _, times in rows[MOST_LINES:] for each in times]
        shown.append(_row(f"{len(rows) - MOST_LINES:,} more", rest, whole))
    return format_table((what, "Times", "Time", "Share"), shown, right=(1, 2, 3))


def _row(name: str, times: Sequence[float], whole: float) -> tuple[str, ...]:
    return name, f"{len(times):,}", duration(sum(times)), _share(sum(times), whole)


def _share(part: float, whole: float) -> str:
    percent = 100 * part / whole
    return "under 1 %" if 0 < percent < 1 else f"{percent:.0f} %"


def _flow_chart(what: str, spent: Sequence[Bar]) -> str:
    diagram = draw_bars(spent)
    if diagram is None or len(spent) < 2:  # one bar tells nothing
        return ""
    parts = ["grey is waiting; the time counts from its opening"]
    if len(spent) > MOST_BARS:
        parts.insert(0, f"the longest {MOST_BARS} of {len(spent):,}")
    return f"**{what}** ({'; '.join(parts)})\n\n```mermaid\n{diagram}\n```"


def _happened(exported: Exported) -> str:
    """The last events, oldest first."""
    told = timeline_lines(exported)
    rows = [
        (
            format_minute(each.time),
            " ".join(filter(None, (each.what, markdown(each.about, LONGEST_NAME)))),
            markdown(each.who, LONGEST_NAME),
        )
        for each in told[-MOST_TIMELINE_ENTRIES:]
    ]
    if not rows:
        return ""
    earlier = len(told) - len(rows)
    head = f"Events (the last {len(rows)} of {len(told):,})" if earlier else "Events"
    return format_table((head, "What", "By"), rows, right=())
