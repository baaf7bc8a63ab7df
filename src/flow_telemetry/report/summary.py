"""The job summary: what was exported, as Markdown on the page of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from flow_telemetry.model import (
    Change,
    Lineage,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.model.time_shares import TimeShares
from flow_telemetry.outcome import ExportedSubject, Outcome
from flow_telemetry.report.gantt import MOST_BARS, Bar, draw_bars
from flow_telemetry.report.lines import (
    LONGEST_LINE,
    LONGEST_NAME,
    MOST_LINES,
    MOST_TIMELINE_ENTRIES,
    Section,
    change_link,
    describe_api_usage,
    describe_export,
    describe_left_out,
    describe_linked_items,
    describe_parents,
    describe_sent,
    describe_time,
    describe_unread_time,
    format_minute,
    format_percent,
    format_table,
    format_word,
    item_link,
    join_links,
    last_of,
    time_rows,
    timeline_lines,
    trace_link,
)
from flow_telemetry.report.summary_run import icon, run_sections
from flow_telemetry.report.terminal import WAITING_PHASES
from flow_telemetry.report.text import markdown, markdown_link
from flow_telemetry.rules.causes import run_result
from flow_telemetry.rules.lifecycle import find_phases, find_status_intervals
from flow_telemetry.text import counted, duration

# GitHub accepts at most 1 MiB, and rejects a larger summary completely.
LARGEST_SUMMARY = 1_000_000
_AUTHORS = {"human": "a human", "bot": "a bot", "agent": "an agent"}


def job_summary(outcome: Outcome, *, largest: int = LARGEST_SUMMARY) -> str:
    """Return the summary as GitHub-flavoured Markdown.

    If it exceeds ``largest`` bytes, tables and diagrams are left out, the last ones first, and the
    summary names them.
    """
    sections = [section for section in _sections(outcome) if section.text]
    dropped: list[str] = []
    while True:
        texts = [section.text for section in sections]
        if dropped:
            texts.append(f"Too large to show here: {' and '.join(dropped)}.")
        text = "\n\n".join(texts)
        droppable = [section for section in sections if section.name]
        if len(text.encode()) <= largest or not droppable:
            return text
        sections.remove(droppable[-1])
        dropped.append(droppable[-1].name)


def _sections(outcome: Outcome) -> Iterator[Section]:
    first, further = outcome.exported, outcome.further
    if outcome.swept:
        # Imported late, because few summaries need it.
        from flow_telemetry.report.summary_sweep import sweep_sections  # noqa: PLC0415

        yield from sweep_sections(outcome.swept)
    elif outcome.plan:
        yield Section(f"### flow-telemetry: plan of the {markdown(outcome.plan, LONGEST_LINE)}")
    elif first is None:
        # For example deployments, which are sent without a subject.
        collected = any(delivery.collected for delivery in outcome.deliveries)
        nothing = "nothing was delivered" if collected else "nothing was sent"
        sent = describe_sent(outcome)
        yield Section(f"### flow-telemetry: {f'{sent} sent' if sent else nothing}")
    elif all(_belong_together(first, subject) for subject in further):
        yield from _subject_sections(first)
        if further:
            links = [f"{_title(subject)} (trace {trace_link(subject)})" for subject in further]
            yield Section(f"Also exported: {join_links(links)}.")
    else:
        yield Section(f"### flow-telemetry: {counted(1 + len(further), 'export')}")
        yield Section(_exports_table((first, *further)), name="the table of exports")
    yield Section(_list("Problems", (*outcome.errors, *outcome.problems)))
    yield Section(_list("Notices", outcome.notices))
    yield Section(_list("Left out", describe_left_out(outcome)))
    # The first and the last job of a sweep send nothing by their nature.
    if outcome.deliveries or not (outcome.plan or outcome.swept):
        yield Section(f"<sub>{markdown(describe_export(outcome), LONGEST_LINE)}</sub>")
    usage = describe_api_usage(outcome.api_usage)
    yield Section(f"<sub>{markdown(usage, LONGEST_LINE)}</sub>" if usage else "")


def _belong_together(first: ExportedSubject, other: ExportedSubject) -> bool:
    """Whether both are about the same work item, or share a pull request.

    A sweep exports subjects that do not belong together.
    """
    if first.item is not None and other.item is not None:
        return first.item.reference == other.item.reference
    return bool(_change_references(first) & _change_references(other))


def _change_references(exported: ExportedSubject) -> set[str]:
    parentage = exported.parentage
    parents = (parentage.change, *parentage.others) if parentage is not None else ()
    return {change.reference for change in (exported.change, *parents) if change is not None}


def _exports_table(subjects: Sequence[ExportedSubject]) -> str:
    rows = [
        (
            _title(subject),
            _result(subject),
            format_minute(subject.interval.start),
            duration(subject.interval.seconds),
            trace_link(subject),
        )
        for subject in subjects[:MOST_LINES]
    ]
    if len(subjects) > MOST_LINES:
        rows.append((f"and {len(subjects) - MOST_LINES:,} more", "", "", "", ""))
    return format_table(("Exported", "Result", "From", "Time", "Trace"), rows, right=(3,))


def _result(exported: ExportedSubject) -> str:
    if exported.run is not None:
        result = run_result(exported.run)
        return icon(result) + (result.value if result else "")
    if exported.change is not None:
        return _change_state(exported.change)
    return _item_state(exported.item) if exported.item is not None else ""


def _change_state(change: Change) -> str:
    if change.merged_at is not None:
        return "merged"
    return format_word("closed" if change.ended else change.state or "open")


def _item_state(item: WorkItem) -> str:
    return format_word(item.result or item.status or item.state or "closed")


def _title(exported: ExportedSubject) -> str:
    """Return a link with the name, and the title of the pull request, work item or run."""
    work, run = exported.change or exported.item, exported.run
    name, url, title = exported.title, "", ""
    if work is not None:
        url, title = work.url, work.title
    elif run is not None:
        number = f"#{run.number}" if run.number else f"run {run.id}"
        attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
        name, url, title = f"{run.workflow} {number}{attempt}", run.url, run.title
    name = markdown_link(markdown(name, LONGEST_NAME), url)
    return f"{name} {markdown(title, LONGEST_NAME)}" if title else name


def _list(title: str, texts: Sequence[str]) -> str:
    if not texts:
        return ""
    rows = [f"- {markdown(text, LONGEST_LINE)}" for text in texts[:MOST_LINES]]
    if len(texts) > MOST_LINES:
        rows.append(f"- and {len(texts) - MOST_LINES:,} more")
    return "\n".join([f"**{title}**", "", *rows])


def _subject_sections(exported: ExportedSubject) -> Iterator[Section]:
    if exported.run is not None:
        yield from run_sections(exported, exported.run)
        if exported.job_report is not None:
            # Imported late, because few summaries need it.
            from flow_telemetry.report.summary_job import inside_sections  # noqa: PLC0415

            yield from inside_sections(exported.job_report)
    elif exported.change is not None:
        yield from change_sections(exported, exported.change)
    elif exported.item is not None:
        yield from item_sections(exported, exported.item)
    else:  # Readers of this summary may see only the key.
        yield Section(f"### {markdown(exported.title, LONGEST_NAME)}")
        yield Section(f"Trace {trace_link(exported)}")


# Pull requests and work items


def change_sections(exported: ExportedSubject, change: Change) -> Iterator[Section]:
    """Return the parts of the summary of a pull request: state, phases and events."""
    all_phases = find_phases(change, _open_end(exported))
    bars = [
        Bar(phase.kind.label, phase.interval, waiting=phase.kind.value in WAITING_PHASES)
        for phase in all_phases
    ]
    facts = [
        change_link(change),
        f"by {_AUTHORS[change.author.kind.value]}" if change.author else "",
        _describe_reopenings(phase.period_number for phase in all_phases),
    ]
    yield Section(f"### {markdown(exported.title, LONGEST_NAME)}: {_change_state(change)}")
    yield Section(_describe_work(exported, change, facts))
    yield Section(describe_parents(exported.lineage) or "Belongs to no known work item.")
    total = sum(bar.interval.seconds for bar in bars)
    waited = sum(bar.interval.seconds for bar in bars if bar.waiting)
    if total:
        share = format_percent(waited, total)
        yield Section(
            f"Waited {duration(waited)} of {duration(total)} ({share}) for a review, for the merge "
            "or in the merge queue."
        )
    yield Section(describe_time(exported.time))
    yield Section(_totals_table("Phase", bars))
    yield Section(_bars_diagram("Phases", bars), name="the diagram of phases")
    if exported.runs is not None:
        # Imported late, because few summaries need it.
        from flow_telemetry.report.summary_work import run_overview_sections  # noqa: PLC0415

        yield from run_overview_sections(exported.runs)
    yield Section(_events_table(exported), name="the table of events")


def item_sections(exported: ExportedSubject, item: WorkItem) -> Iterator[Section]:
    """Return the parts of the summary of a work item or feature: state, statuses and events."""
    statuses = find_status_intervals(item, until=_open_end(exported))
    bars = [
        Bar(status.status, status.interval, waiting=status.category is StatusCategory.TO_DO)
        for status in statuses
    ]
    facts = [item_link(item), _describe_reopenings(status.period_number for status in statuses)]
    state = _item_state(item)
    as_of_now = " (as of now)" if exported.partial else ""
    yield Section(f"### {markdown(exported.title, LONGEST_NAME)}: {state}{as_of_now}")
    yield Section(_describe_work(exported, item, facts))
    yield Section(_describe_item_parents(exported.lineage))
    yield Section(_time_table(exported.time))
    if exported.feature is not None:
        # Imported late, because few summaries need it.
        from flow_telemetry.report.summary_work import feature_sections  # noqa: PLC0415

        yield from feature_sections(exported.feature)
    yield Section(_totals_table("Status", bars))
    yield Section(_bars_diagram("Statuses", bars), name="the diagram of statuses")
    yield Section(_events_table(exported), name="the table of events")


def _open_end(exported: ExportedSubject) -> datetime | None:
    """Return the time at which open phases and statuses are cut off."""
    return exported.interval.end if exported.partial else None


def _describe_reopenings(numbers: Iterable[int]) -> str:
    """Return how often a subject was reopened, by the numbers of its open periods."""
    times = max(numbers, default=1) - 1
    return counted(times, "reopening") if times else ""


def _describe_work(exported: ExportedSubject, work: Change | WorkItem, facts: Sequence[str]) -> str:
    start, end = work.created_at or exported.interval.start, exported.interval.end
    if not exported.partial:
        # The exported span may be an earlier open period of a subject that was reopened.
        merged_at = work.merged_at if isinstance(work, Change) else None
        end = max([end, *(time for time in (work.closed_at, merged_at) if time is not None)])
    parts = [
        f"Trace {trace_link(exported)}",
        *facts,
        f"{format_minute(start)} → {format_minute(end)}",
        duration((end - start).total_seconds()),
    ]
    return " · ".join(part for part in parts if part)


def _describe_item_parents(lineage: Lineage) -> str:
    """Return the position of a work item, with which its lineage starts, below its feature."""
    feature = lineage.feature
    if feature is None:
        return ""
    if len(lineage.items) < 2:
        position = "This is the top-level feature"
    else:
        parent = lineage.items[1]
        position = f"Part of {item_link(parent)}"
        if feature is not parent:
            position += f", in the feature {item_link(feature)}"
    return " ".join([f"{position}.", *describe_linked_items(lineage)])


def _totals_table(name: str, bars: Sequence[Bar]) -> str:
    """Return the time in each phase or status, the longest first, and its share of the total."""
    total = sum(bar.interval.seconds for bar in bars)
    if not total:
        return ""
    by_name: dict[str, list[float]] = {}
    for bar in bars:
        by_name.setdefault(bar.name, []).append(bar.interval.seconds)
    totals = sorted(by_name.items(), key=lambda pair: sum(pair[1]), reverse=True)
    groups = [(markdown(name, LONGEST_NAME), seconds) for name, seconds in totals[:MOST_LINES]]
    if len(totals) > MOST_LINES:
        rest = [time for _, seconds in totals[MOST_LINES:] for time in seconds]
        groups.append((f"{len(totals) - MOST_LINES:,} more", rest))
    rows = [
        (label, f"{len(times):,}", duration(sum(times)), format_percent(sum(times), total))
        for label, times in groups
    ]
    return format_table((name, "Times", "Time", "Share"), rows, right=(1, 2, 3))


def _time_table(times: TimeShares | None) -> str:
    """Return where the time of a feature went, and which states may have lasted longer."""
    rows = time_rows(times)
    if not rows:
        return ""
    table = format_table(("Where the time went", "Time", "Share"), rows, right=(1, 2))
    return "\n\n".join(filter(None, (table, describe_unread_time(times))))


def _bars_diagram(title: str, bars: Sequence[Bar]) -> str:
    diagram = draw_bars(bars)
    if diagram is None or len(bars) < 2:  # a single bar shows nothing new
        return ""
    notes = ["grey: waiting; times count from the opening"]
    if len(bars) > MOST_BARS:
        notes.insert(0, f"the longest {MOST_BARS} of {len(bars):,}")
    return f"**{title}** ({'; '.join(notes)})\n\n```mermaid\n{diagram}\n```"


def _events_table(exported: ExportedSubject) -> str:
    """Return the last events, the oldest of them first."""
    lines = timeline_lines(exported)
    rows = [
        (
            format_minute(line.time),
            " ".join(filter(None, (line.what, markdown(line.about, LONGEST_NAME)))),
            markdown(line.who, LONGEST_NAME),
        )
        for line in lines[-MOST_TIMELINE_ENTRIES:]
    ]
    if not rows:
        return ""
    head = last_of("Events", len(rows), len(lines))
    return format_table((head, "What", "By"), rows, right=())
