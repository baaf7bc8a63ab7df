"""Rows and tables that the views share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import Change, Event, EventKind, Job, Lineage, ReviewState, Run, WorkItem
from flow_telemetry.outcome import Exported, Outcome
from flow_telemetry.report.text import (
    counted,
    duration,
    markdown,
    markdown_code,
    markdown_link,
    size,
)
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.people import shown
from flow_telemetry.rules.timeline import Happening, change_history, item_history
from flow_telemetry.settings import Actors
from flow_telemetry.telemetry import Delivery, Signal

# The lines that summaries of all subjects share: traces, links, times, and what stands above.

MOST_LINES = 20
LONGEST_NAME = 100
LONGEST_LINE = 1_000
_LONGEST_WORD = 40


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a summary; of those with a ``name`` the last ones go where it is too large."""

    text: str
    name: str = ""


def trace_link(exported: Exported) -> str:
    """Return the id of the trace, as a link to the user's backend where one is known."""
    shown = markdown_code(exported.trace.trace_id, LONGEST_NAME)
    return markdown_link(shown, exported.trace_url or "")


def word(text: str) -> str:
    """Return a state, result or status in few letters."""
    return markdown(text.replace("_", " "), _LONGEST_WORD)


def instant(time: datetime) -> str:
    """Return a time to the minute."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def change_link(change: Change) -> str:
    """Return a pull request as a link with its title."""
    title = f" {markdown(change.title, LONGEST_NAME)}" if change.title else ""
    return markdown_link(markdown(f"#{change.number}", 20), change.url) + title


def item_link(item: WorkItem) -> str:
    """Return an item with its type, its key as a link, and its title or that it has none."""
    of_type = word((item.type or "item").lower())
    key = markdown_link(markdown(item.key, LONGEST_NAME), item.url)
    if not item.read:
        return f"{of_type} {key} (known by its key alone)"
    title = f" {markdown(item.title, LONGEST_NAME)}" if item.title else ""
    return f"{of_type} {key}{title}"


def items_above(lineage: Lineage) -> str:
    """Return on one line the work item and the feature above a run or change; empty for none."""
    nearest, feature = lineage.nearest, lineage.feature
    if nearest is None or feature is None:
        return ""
    reason = f": {markdown(lineage.reason, LONGEST_LINE)}" if lineage.reason else ""
    place = f"Part of {item_link(nearest)}"
    if feature is not nearest:
        place += f", in the feature {item_link(feature)}"
    return " ".join([f"{place}{reason}.", *also_linked(lineage)])


def also_linked(lineage: Lineage) -> list[str]:
    """Return the sentence about further items, which are no ancestors and become links."""
    further = (*lineage.others, *lineage.above)
    if not further:
        return []
    return [f"Also linked to {listed_links([item_link(item) for item in further])}."]


def listed_links(links: Sequence[str]) -> str:
    """Return links on one line, of very many the first ones."""
    more = [f"{len(links) - MOST_LINES:,} more"] if len(links) > MOST_LINES else []
    return ", ".join([*links[:MOST_LINES], *more])


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int]) -> str:
    """Return a table of Markdown cells, those of the columns ``right`` set to the right."""
    columns = set(right)
    rule = ("--:" if number in columns else "---" for number in range(len(head)))
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(rule)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


# What became of the telemetry, in sentences that the summary and the terminal share.

_NOUNS = {Signal.TRACES: "span", Signal.LOGS: "event", Signal.METRICS: "metric point"}
# A large spool has many files, which stand side by side.
_MOST_FILES = 3


def sentence(outcome: Outcome) -> str:
    """Return what was sent where, and how long it all took."""
    with_items = [each for each in outcome.deliveries if each.collected]
    by_place: dict[str, list[Delivery]] = {}
    for each in with_items or outcome.deliveries[:1]:
        by_place.setdefault(each.destination, []).append(each)
    told = [_sent(place, group) for place, group in by_place.items()] or ["Nothing was sent."]
    told += [_declined(each) for each in with_items if each.declined]
    return f"{' '.join(told)} The export took {duration(outcome.seconds)}."


def things_sent(outcome: Outcome) -> str:
    """Return how much of each signal a backend took, in words; empty where that is nothing."""
    return _listed([counted(e.sent, _NOUNS[e.signal]) for e in outcome.deliveries if e.sent])


def left_out(outcome: Outcome) -> tuple[str, ...]:
    """Return what no backend has now, and why."""
    told = [line for delivery in outcome.deliveries for line in _kept_or_lost(delivery)]
    return (*outcome.left_out, *told)


def _sent(destination: str, group: Sequence[Delivery]) -> str:
    """What one destination got; what it does not take at all is told apart."""
    taken = [each for each in group if not each.collected or each.declined < each.collected]
    requests = sum(each.requests for each in group)
    volume = size(sum(each.bytes_sent for each in group))
    effort = f" in {counted(requests, 'request')}, {volume}" if requests else ""
    things = _listed([_things(each) for each in taken]) or "nothing"
    return f"Sent {things} to {destination}{effort}."


def _things(delivery: Delivery) -> str:
    wanted = delivery.collected - delivery.declined
    things = counted(wanted, _NOUNS[delivery.signal])
    return things if delivery.sent == wanted else f"{delivery.sent:,} of {things}"


def _declined(delivery: Delivery) -> str:
    things = counted(delivery.declined, _NOUNS[delivery.signal])
    return f"{things} stayed here: {delivery.destination} takes none."


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _kept_or_lost(delivery: Delivery) -> list[str]:
    noun, told = _NOUNS[delivery.signal], []
    if delivery.spooled:
        kept = counted(delivery.spooled, noun)
        told.append(f"{kept} not delivered but kept in {_named(delivery.spool_files)}")
    if delivery.lost:
        told.append(f"{counted(delivery.lost, noun)} neither delivered nor kept")
    return told


def _named(files: Sequence[str]) -> str:
    more = len(files) - _MOST_FILES
    named = ", ".join(files[:_MOST_FILES])
    return f"{named} and {counted(more, 'more file')}" if more > 0 else named


# What happened to a pull request or a work item, line by line, for the summary and the terminal.
#
# Texts are as they were told: each view escapes them for its place.

MOST_HAPPENINGS = 20
_LETTERS_OF_SHA = 7
_WORDS = {
    EventKind.CREATED: "opened",
    EventKind.QUEUED: "queued for the merge",
    EventKind.DEQUEUED: "taken from the merge queue",
    EventKind.STATUS_CHANGED: "status",
}
_REVIEWS = {
    ReviewState.APPROVED: "approved",
    ReviewState.CHANGES_REQUESTED: "changes requested",
    ReviewState.COMMENTED: "reviewed with comments",
    ReviewState.DISMISSED: "reviewed, dismissed since",
}
_ABOUT_PEOPLE = (
    EventKind.ASSIGNED,
    EventKind.UNASSIGNED,
    EventKind.REVIEW_REQUESTED,
    EventKind.REVIEW_REQUEST_REMOVED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something that happened; ``about`` and ``who`` are empty where nothing is to be told."""

    time: datetime
    what: str
    about: str = ""
    who: str = ""


def happenings(exported: Exported) -> Sequence[Line]:
    """Return what happened to an exported pull request or work item, in order of time.

    People are named as `actors` has them.
    """
    return [_line(each, exported.actors) for each in _history(exported)]


def _history(exported: Exported) -> Sequence[Happening]:
    if exported.change is not None:
        return change_history(exported.change)
    # When it was blocked is a matter of settings; the labels and statuses behind it are told.
    return item_history(exported.item, ()) if exported.item is not None else ()


def _line(happening: Happening, actors: Actors) -> Line:
    event = happening.event
    who = shown(event.actor.login, actors) if event.actor else None
    return Line(time=happening.time, what=_what(event), about=_about(event, actors), who=who or "")


def _what(event: Event) -> str:
    if event.review is not None and event.kind is EventKind.REVIEWED:
        return _REVIEWS[event.review]
    return _WORDS.get(event.kind, event.kind.value.replace("_", " "))


def _about(event: Event, actors: Actors) -> str:
    if event.kind is EventKind.COMMITTED:
        return event.id[:_LETTERS_OF_SHA]
    if event.kind in _ABOUT_PEOPLE:
        return shown(event.subject, actors) or "" if event.subject else ""
    before = f"{event.before} → " if event.before and event.subject else ""
    return before + event.subject


# How long the jobs of a run waited against how long they ran, in a sentence for all views.


def jobs_of(run: Run, reference: str) -> tuple[Job, ...]:
    """Return the jobs of the attempt; where one job was exported alone, only that one."""
    alone = tuple(job for job in run.jobs if run.job_reference(job) == reference)
    return alone or timing.own_jobs(run)


def waits_of(job: Job) -> list[tuple[str, Interval]]:
    """Return what a job waited for, in a word, and how long; for approvals first."""
    approvals = [Interval.of(each.requested_at, each.decided_at) for each in job.approvals]
    queued = timing.job_queued(job)
    return [
        *(("approval", wait) for wait in approvals if wait.seconds > 0),
        *([("queued", queued)] if queued is not None else []),
    ]


def running(run: Run, job: Job) -> Interval:
    """Return the time of a job from the start of its work."""
    whole, began = timing.job_interval(run, job), timing.job_began(job)
    return Interval.of(whole.start if began is None else began, whole.end)


def queue_against_run(run: Run, jobs: Sequence[Job]) -> str:
    """Return the sentence; empty where no job took any time.

    The times of all jobs are added, though they may have run side by side.
    """
    waits = [wait for job in jobs for wait in waits_of(job)]
    queued = sum(wait.seconds for word, wait in waits if word == "queued")
    approved = sum(wait.seconds for word, wait in waits if word == "approval")
    worked = sum(running(run, job).seconds for job in jobs if timing.job_interval(run, job).seconds)
    whole = queued + approved + worked
    if not whole:
        return ""
    approval = f" and {duration(approved)} for approvals" if approved else ""
    share = round(100 * (queued + approved) / whole)
    of_jobs = "The job" if len(jobs) == 1 else f"The {len(jobs):,} jobs together"
    return (
        f"{of_jobs} waited {duration(queued)} for runners{approval} and ran {duration(worked)}: "
        f"{share} % waiting."
    )
