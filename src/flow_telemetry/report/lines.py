"""Sentences, links and tables that several reports share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import (
    Change,
    Event,
    EventKind,
    Job,
    Lineage,
    ProtectionRule,
    ReviewState,
    Run,
    WorkItem,
)
from flow_telemetry.model.api_usage import Api, ApiUsage
from flow_telemetry.model.time_shares import TimeShares
from flow_telemetry.outcome import ExportedSubject, Outcome
from flow_telemetry.report.text import (
    markdown,
    markdown_code,
    markdown_link,
    size,
)
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.people import format_login
from flow_telemetry.rules.timeline import TimelineEntry, build_change_timeline, build_item_timeline
from flow_telemetry.settings import Actors
from flow_telemetry.telemetry import Delivery, Signal
from flow_telemetry.text import counted, duration

MOST_LINES = 20
LONGEST_NAME = 100
LONGEST_LINE = 1_000
_LONGEST_WORD = 40
MOST_TIMELINE_ENTRIES = 20
_SHORT_SHA = 7
_MOST_SPOOL_FILES = 3
_NOUNS = {Signal.TRACES: "span", Signal.LOGS: "event", Signal.METRICS: "metric point"}
_EVENTS = {
    EventKind.CREATED: "opened",
    EventKind.QUEUED: "added to the merge queue",
    EventKind.DEQUEUED: "removed from the merge queue",
    EventKind.STATUS_CHANGED: "status",
}
_REVIEWS = {
    ReviewState.APPROVED: "approved",
    ReviewState.CHANGES_REQUESTED: "changes requested",
    ReviewState.COMMENTED: "reviewed with comments",
    ReviewState.DISMISSED: "reviewed (dismissed later)",
}
# The subject of these events is a login.
_ABOUT_PEOPLE = (
    EventKind.ASSIGNED,
    EventKind.UNASSIGNED,
    EventKind.REVIEW_REQUESTED,
    EventKind.REVIEW_REQUEST_REMOVED,
)


# Traces, links, times and parents


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a job summary in Markdown; one with a ``name`` may be dropped to save space."""

    text: str
    name: str = ""


def trace_link(exported: ExportedSubject) -> str:
    """Return the trace id, as a link to the user's backend if its address is configured."""
    trace_id = markdown_code(exported.trace.trace_id, LONGEST_NAME)
    return markdown_link(trace_id, exported.trace_url or "")


def format_word(text: str) -> str:
    """Return a state, result or status as short Markdown text."""
    return markdown(text.replace("_", " "), _LONGEST_WORD)


def format_minute(time: datetime) -> str:
    """Return a UTC timestamp with minutes: ``2026-11-24 03:43 UTC``."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def change_link(change: Change) -> str:
    """Return a pull request as a link with its title."""
    title = f" {markdown(change.title, LONGEST_NAME)}" if change.title else ""
    return markdown_link(markdown(f"#{change.number}", 20), change.url) + title


def item_link(item: WorkItem) -> str:
    """Return a work item with its type, a link and, if the item was read, its title."""
    item_type = format_word((item.type or "item").lower())
    link = f"{item_type} {markdown_link(markdown(item.key, LONGEST_NAME), item.url)}"
    if not item.read:
        return f"{link} (only its key is known)"
    return f"{link} {markdown(item.title, LONGEST_NAME)}" if item.title else link


def describe_parents(lineage: Lineage) -> str:
    """Return one line about the work item and feature above a run or change; empty if none."""
    nearest, feature = lineage.nearest, lineage.feature
    if nearest is None or feature is None:
        return ""
    reason = f": {markdown(lineage.reason, LONGEST_LINE)}" if lineage.reason else ""
    parents = f"Part of {item_link(nearest)}"
    if feature is not nearest:
        parents += f", in the feature {item_link(feature)}"
    return " ".join([f"{parents}{reason}.", *describe_linked_items(lineage)])


def describe_linked_items(lineage: Lineage) -> list[str]:
    """Return a sentence about linked items that are not parents, if any."""
    linked = (*lineage.others, *lineage.above)
    return [f"Also linked to {join_links([item_link(item) for item in linked])}."] if linked else []


def join_links(links: Sequence[str]) -> str:
    """Return the first `MOST_LINES` links on one line, and the number of further ones."""
    more = [f"{len(links) - MOST_LINES:,} more"] if len(links) > MOST_LINES else []
    return ", ".join([*links[:MOST_LINES], *more])


def last_of(title: str, shown: int, total: int) -> str:
    """Return the head of a table's first column, which says if only the last rows are shown."""
    return title if shown >= total else f"{title} (the last {shown} of {total:,})"


def format_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int]
) -> str:
    """Return a Markdown table; the columns with the indexes ``right`` are aligned right."""
    columns = set(right)
    rule = ("--:" if number in columns else "---" for number in range(len(head)))
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(rule)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


# Deliveries


def describe_export(outcome: Outcome) -> str:
    """Return what was sent to which destination, and how long the export took."""
    with_items = [delivery for delivery in outcome.deliveries if delivery.collected]
    by_destination: dict[str, list[Delivery]] = {}
    for delivery in with_items or outcome.deliveries[:1]:
        by_destination.setdefault(delivery.destination, []).append(delivery)
    sentences = [_describe_destination(*pair) for pair in by_destination.items()]
    for delivery in with_items:
        if delivery.declined:
            things = counted(delivery.declined, _NOUNS[delivery.signal])
            sentences.append(f"{things} not sent: {delivery.destination} does not accept them.")
    sent = " ".join(sentences or ["Nothing was sent."])
    return f"{sent} The export took {duration(outcome.seconds)}."


def describe_api_usage(usage: Iterable[ApiUsage]) -> str:
    """Return the requests to GitHub, and what the rate limits leave; empty if none was sent."""
    texts = []
    for each in usage:
        text = counted(each.requests, "request" if each.api is Api.REST else "GraphQL query")
        if each.points is not None:
            text += f" for about {counted(each.points, 'point')}"
        limit = each.rate_limit
        if limit is not None:
            text += f", {limit.left:,} of {limit.limit:,} left until {limit.reset_at:%H:%M} UTC"
        texts.append(text)
    return f"GitHub: {'; '.join(texts)}" if texts else ""


def describe_sent(outcome: Outcome) -> str:
    """Return how many items of each signal backends accepted; empty if none."""
    return _join_words(
        counted(delivery.sent, _NOUNS[delivery.signal])
        for delivery in outcome.deliveries
        if delivery.sent
    )


def describe_left_out(outcome: Outcome) -> tuple[str, ...]:
    """Return what did not reach a backend, and why."""
    texts = list(outcome.left_out)
    for delivery in outcome.deliveries:
        noun, files = _NOUNS[delivery.signal], delivery.spool_files
        if delivery.spooled:
            more = len(files) - _MOST_SPOOL_FILES
            names = ", ".join(files[:_MOST_SPOOL_FILES])
            names += f" and {counted(more, 'more file')}" if more > 0 else ""
            texts.append(f"{counted(delivery.spooled, noun)} not delivered but kept in {names}")
        if delivery.lost:
            texts.append(f"{counted(delivery.lost, noun)} neither delivered nor kept")
    return tuple(texts)


def _describe_destination(destination: str, deliveries: Sequence[Delivery]) -> str:
    counts = []
    for delivery in deliveries:
        accepted = delivery.collected - delivery.declined
        # A sentence of its own covers a signal that the destination does not accept at all.
        if accepted > 0 or not delivery.collected:
            things = counted(accepted, _NOUNS[delivery.signal])
            all_sent = delivery.sent == accepted
            counts.append(things if all_sent else f"{delivery.sent:,} of {things}")
    requests = sum(delivery.requests for delivery in deliveries)
    volume = size(sum(delivery.bytes_sent for delivery in deliveries))
    effort = f" in {counted(requests, 'request')}, {volume}" if requests else ""
    return f"Sent {_join_words(counts) or 'nothing'} to {destination}{effort}."


def _join_words(words: Iterable[str]) -> str:
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last


# Timelines of pull requests and work items


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineLine:
    """An event of a timeline. Texts are not escaped; ``about`` and ``who`` may be empty."""

    time: datetime
    what: str
    about: str
    who: str


def timeline_lines(exported: ExportedSubject) -> Sequence[TimelineLine]:
    """Return the events of an exported pull request or work item, in order of time.

    `ExportedSubject.actors` says how people are named.
    """
    actors = exported.actors
    entries: Sequence[TimelineEntry] = ()
    if exported.change is not None:
        entries = build_change_timeline(exported.change)
    elif exported.item is not None:
        # Without the settings of blocking: the labels and statuses themselves are in the list.
        entries = build_item_timeline(exported.item, ())
    return [
        TimelineLine(
            time=entry.time,
            what=_describe_event(entry.event),
            about=_describe_event_subject(entry.event, actors),
            who=(format_login(entry.event.actor.login, actors) if entry.event.actor else None)
            or "",
        )
        for entry in entries
    ]


def _describe_event(event: Event) -> str:
    if event.review is not None and event.kind is EventKind.REVIEWED:
        return _REVIEWS[event.review]
    return _EVENTS.get(event.kind, event.kind.value.replace("_", " "))


def _describe_event_subject(event: Event, actors: Actors) -> str:
    if event.kind is EventKind.COMMITTED:
        return event.id[:_SHORT_SHA]
    if event.kind in _ABOUT_PEOPLE:
        return format_login(event.subject, actors) or "" if event.subject else ""
    before = f"{event.before} → " if event.before and event.subject else ""
    return before + event.subject


# Waiting and running times of a run's jobs


def exported_jobs(run: Run, reference: str) -> tuple[Job, ...]:
    """Return the jobs of the attempt, or the one job whose reference was exported."""
    single = tuple(job for job in run.jobs if run.job_reference(job) == reference)
    return single or timing.own_jobs(run)


# Words for the waits for protection rules.
_RULES = {
    ProtectionRule.APPROVAL: "approval",
    ProtectionRule.TIMER: "wait timer",
    ProtectionRule.CUSTOM: "custom rule",
    None: "protection rule",
}


def find_waits(run: Run, job: Job) -> list[tuple[str, Interval]]:
    """Return the waits of a job as pairs of a word and an interval, that for a runner last."""
    queued = timing.job_queued(job)
    return [
        *((_RULES[wait.rule], interval) for wait, interval in timing.protection_waits(run, job)),
        *([("queued", queued)] if queued is not None else []),
    ]


def running_interval(run: Run, job: Job) -> Interval:
    """Return the time of a job from the start of its work; of no length if it never began."""
    interval, began = timing.job_interval(run, job), timing.job_began(job)
    return Interval.of(interval.end if began is None else began, interval.end)


def describe_waiting(run: Run, jobs: Sequence[Job]) -> str:
    """Return how long a run waited to start, and how long jobs waited and ran; empty if not at all.

    The times of all jobs are added up, even if they ran at the same time.
    """
    waits = [wait for job in jobs for wait in find_waits(run, job)]
    queued = sum(wait.seconds for word, wait in waits if word == "queued")
    approved = sum(wait.seconds for word, wait in waits if word == _RULES[ProtectionRule.APPROVAL])
    protected = sum(wait.seconds for _, wait in waits) - queued - approved
    timed = (job for job in jobs if timing.job_interval(run, job).seconds)
    worked = sum(running_interval(run, job).seconds for job in timed)
    waited = queued + approved + protected
    total = waited + worked
    start_wait = timing.run_start_wait(run)
    before = f"The run waited {duration(start_wait.seconds)} to start." if start_wait else ""
    if not total:
        return before
    more = [f"{duration(approved)} for approvals"] if approved else []
    more += [f"{duration(protected)} for other protection rules"] if protected else []
    share = round(100 * waited / total)
    subject = "The job" if len(jobs) == 1 else f"The {len(jobs):,} jobs together"
    if not waited:
        return f"{before} {subject} ran {duration(worked)} and did not wait.".strip()
    of_jobs = (
        f"{subject} waited {_join_words([f'{duration(queued)} for runners', *more])} and ran "
        f"{duration(worked)}: {share} % waiting."
    )
    return f"{before} {of_jobs}".strip()


# Where the time went


def time_rows(times: TimeShares | None) -> tuple[tuple[str, str, str], ...]:
    """Return state, time and share of each state that had any time, the longest first."""
    if times is None:
        return ()
    total = times.total.total_seconds()
    spent = sorted(
        ((state, spent.total_seconds()) for state, spent in times.durations if spent),
        key=lambda pair: pair[1],
        reverse=True,
    )
    return tuple(
        (s.label, duration(seconds), format_percent(seconds, total)) for s, seconds in spent
    )


def describe_time(times: TimeShares | None) -> str:
    """Return where the time went, in one line; empty if it is unknown or there was none."""
    rows = time_rows(times)
    if not rows:
        return ""
    shares = ", ".join(f"{state} {spent} ({share})" for state, spent, share in rows)
    return f"Where the time went: {shares}. {describe_unread_time(times)}".strip()


def describe_unread_time(times: TimeShares | None) -> str:
    """Return which states may have lasted longer, because they were not read; empty if none."""
    if times is None or not times.incomplete:
        return ""
    states = ", ".join(state.label for state in times.incomplete)
    return f"Not read, or only in part, and so perhaps longer: {states}."


def format_percent(part: float, total: float) -> str:
    """Return a share of a total in percent; a small one is not 0."""
    percent = 100 * part / total
    return "under 1 %" if 0 < percent < 1 else f"{percent:.0f} %"
