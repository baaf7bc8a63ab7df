"""The sources of a sweep: lists of things that ended in its window and were not exported before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError, NotFoundError, UnavailableError
from flow_telemetry.github.runs import RunAddress, RunList, list_runs, read_attempt
from flow_telemetry.github.sweep import Closed, closed_changes, closed_issues, updated_deployments
from flow_telemetry.http.payload import PaginatedList, Payload
from flow_telemetry.identity import fold
from flow_telemetry.model import Deployment, Repository, Run
from flow_telemetry.rules.deployments import final_statuses, is_selected
from flow_telemetry.rules.intervals import Interval, Window
from flow_telemetry.rules.ledger import (
    LONGEST,
    RECENT,
    Pending,
    PendingReason,
    SourceLedger,
    after,
    before,
    format_attempt,
)
from flow_telemetry.settings import Settings
from flow_telemetry.subjects.run import reason_not_selected
from flow_telemetry.sweep.own_runs import EventRuns
from flow_telemetry.sweep.things import (
    CHANGES,
    DEPLOYMENTS,
    ISSUES,
    RUNS,
    KnownRuns,
    Thing,
    build_subject,
    jira_source,
    parse_attempt,
)

# Jira has the time of a resolution in another field, some milliseconds before the closing.
LATE_RESOLUTION = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceWindow:
    """A source with its ledger, and the window of a sweep.

    With ``full`` the source lists older things, which the recent list lacks.
    """

    name: str
    ledger: SourceLedger
    intervals: tuple[Interval, ...]
    end: datetime
    full: bool = False

    @property
    def start(self) -> datetime:
        """The start of the window."""
        return min(interval.start for interval in self.intervals)

    @property
    def recent(self) -> timedelta:
        """How long before the window things were created that are not left to the full list."""
        return self.ledger.recent_runs if self.name == RUNS else RECENT

    def of_created(self, created_at: datetime) -> tuple[Interval, ...]:
        """Return the parts of the window in which something has to end, by its creation.

        What ends later than that after its creation belongs to the full list.
        """
        limit = created_at + self.recent
        return after(self.intervals, limit) if self.full else before(self.intervals, limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What each source needs for its list: the repository, and the runs of events."""

    context: ExportContext
    home: Repository
    event_runs: EventRuns
    default_branch: str | None = None


@dataclass(slots=True, kw_only=True)
class Listing:
    """The things that a source listed.

    ``waiting`` are those whose event run has not ended. ``unfinished`` are attempts to look at
    again. ``exported_before`` and ``unwanted`` count things that were left out: because they were
    exported, and because `workflows` or `branches` exclude them. The list may be incomplete.
    ``listed_runs`` are all runs of the time in which things of the window began, ``active_runs``
    those of any time that had not ended; None if some may be missing.
    """

    search: Search
    source: SourceWindow
    listed_runs: RunList | None = None
    active_runs: tuple[Run, ...] | None = None
    things: list[Thing] = field(default_factory=list)
    waiting: list[tuple[Pending, Window]] = field(default_factory=list)
    unfinished: set[tuple[str, datetime]] = field(default_factory=set)
    exported_before: int = 0
    unwanted: int = 0
    complete: bool = True
    known: KnownRuns = field(init=False)
    exported: Mapping[str, tuple[datetime, ...]] = field(init=False)

    def __post_init__(self) -> None:
        """Index what was exported, once for all things of the list."""
        self.known = KnownRuns(
            repository=self.search.home.full_name,
            default_branch=self.search.default_branch,
            of_events=self.search.event_runs.attempts,
        )
        ends: defaultdict[str, list[datetime]] = defaultdict(list)
        for reference, end in (*self.source.ledger.exported, *self.search.event_runs.exported):
            if end is not None:
                ends[reference].append(end)
        self.exported = {reference: tuple(sorted(times)) for reference, times in ends.items()}

    def add(
        self,
        reference: str,
        window: Window,
        earliest: datetime,
        *,
        deployment: Deployment | None = None,
        run: Run | None = None,
        unfinished_at: datetime | None = None,
        pull: Payload | None = None,
    ) -> None:
        """Add a thing that ended at ``earliest`` or later; the rest as in `build_subject`."""
        subject = build_subject(
            *(reference, window, self.known),
            deployment=deployment,
            run=run,
            unfinished_at=unfinished_at,
        )
        if subject is not None:
            thing = Thing(
                source=self.source.name,
                reference=reference,
                earliest=earliest,
                window=window,
                subject=subject,
                pull=pull,
            )
            self.things.append(thing)

    def wait_for_event_run(self, reference: str, window: Window) -> None:
        """Add a thing that an unfinished run of an event may export."""
        pending = Pending(
            reference=reference,
            interval=window.interval,
            tries=0,
            reason=PendingReason.EVENT_RUN,
        )
        self.waiting.append((pending, window))

    def window_of(self, reference: str) -> Window:
        """Return the window of a thing, without the closings that were exported."""
        return Window(self.source.intervals, self.exported.get(reference, ()))


Source: TypeAlias = Callable[[Search, SourceWindow], Listing]


def sources_of(settings: Settings) -> dict[str, Source]:
    """Return the sources that the settings choose, by name."""
    sources: dict[str, Source] = {CHANGES: list_changes}
    if settings.trackers.uses_github:
        sources[ISSUES] = list_issues
    for project in sorted(settings.sweep.jira_projects):
        sources[jira_source(project)] = list_jira_items
    sources[DEPLOYMENTS] = list_deployments
    if settings.sweep.runs:
        sources[RUNS] = list_attempts
    return sources


# Sources with older things, which a full list finds once a day.
WITH_FULL_LIST = (DEPLOYMENTS, RUNS)


# Pull requests and issues


def list_changes(search: Search, source: SourceWindow) -> Listing:
    """List the pull requests with a closing in the window."""
    found = closed_changes(search.context.github, search.home, source.start)
    return _list_closings(search, source, "pull_request", found)


def list_issues(search: Search, source: SourceWindow) -> Listing:
    """List the issues with a closing in the window."""
    found = closed_issues(search.context.github, search.home, source.start)
    return _list_closings(search, source, "issues", found)


def _list_closings(
    search: Search, source: SourceWindow, kind: str, found: PaginatedList[Closed]
) -> Listing:
    listing = Listing(search=search, source=source, complete=found.complete)
    for each in found.items:
        reference = f"{kind} {each.number}"
        in_window = [time for time in each.times if Window(source.intervals).holds(time)]
        window = listing.window_of(reference)
        ends = [time for time in in_window if window.holds(time)]
        if not ends:
            listing.exported_before += bool(in_window)
        elif any(map(search.event_runs.window_of(reference).has_exported, ends)):
            listing.wait_for_event_run(reference, window)
        else:
            listing.add(reference, window, min(ends), pull=each.pull)
    return listing


# Jira


def list_jira_items(search: Search, source: SourceWindow) -> Listing:
    """List the items of a project that may have a closing in the window.

    Raises:
        UnavailableError: they cannot be read.
    """
    listing = Listing(search=search, source=source)
    trackers = search.context.trackers
    if trackers.jira is None:
        reason = "cannot be used" if trackers.jira_is_misconfigured else "are missing"
        raise UnavailableError(f"the settings of Jira {reason} (`jira-url`, `tracker`)")
    project = source.name.partition(" ")[2]
    found = trackers.jira.changed_since(source.start, [project])
    if found.unread and not found.items:
        raise UnavailableError("; ".join(found.unread))
    listing.complete = not found.unread
    for item in found.items:
        reference, closed_at = f"jira {item.key}", item.closed_at
        window = listing.window_of(reference)
        # The last closing of an item is exported with all before it.
        if closed_at is not None and window.has_exported(closed_at):
            listing.exported_before += 1
        elif closed_at is None or closed_at >= source.start - LATE_RESOLUTION:
            # Only the history of the item has the exact time, and earlier closings.
            listing.add(reference, window, source.start)
    return listing


# Deployments


def list_deployments(search: Search, source: SourceWindow) -> Listing:
    """List the deployments with a final status in the window."""
    created = created_in(source)
    found = updated_deployments(search.context.github, search.home, created, source.start)
    listing = Listing(search=search, source=source, complete=found.complete)
    patterns = search.context.settings.deployments.environments
    for deployment in found.items:
        if not is_selected(deployment.environment, patterns):
            continue
        reference = f"deployment {deployment.id}"
        intervals = source.of_created(deployment.created_at)
        times = [status.time for status in final_statuses(deployment)]
        in_window = [time for time in times if Window(intervals).holds(time)]
        window = Window(intervals, listing.exported.get(reference, ()))
        ends = [time for time in in_window if window.holds(time)]
        if ends:
            listing.add(reference, window, min(ends), deployment=deployment)
        else:
            listing.exported_before += bool(in_window)
    return listing


def created_in(source: SourceWindow) -> Interval:
    """Return when things were created that can end in the window."""
    if source.full:
        return Interval.of(source.start - LONGEST, source.end - source.recent)
    return Interval.of(source.start - source.recent, source.end)


# Attempts of runs


def list_attempts(search: Search, source: SourceWindow) -> Listing:
    """List the attempts of runs that may have ended in the window, by the end of their last job."""
    context, name = search.context, search.home.full_name
    settings = context.settings
    created = created_in(source)
    # What was created after the window is not exported, but may be a run of an older thing.
    until = created.end if source.full else context.clock.now()
    found = list_runs(context.github, name, created_from=created.start, created_to=until)
    listing = Listing(search=search, source=source, complete=found.complete)
    if found.complete:
        listing.listed_runs = RunList(repository=name, since=created.start, runs=found.items)
    seen = _last_seen(source.ledger)
    unlisted = seen.keys() - {run.id for run in found.items}
    if source.full or len(unlisted) > MOST_READ_ALONE:
        # The daily full list has them all.
        old: list[Run] = []
        listing.unfinished |= {_format_seen(run_id, seen[run_id]) for run_id in unlisted}
    else:
        old = _read_unlisted(listing, unlisted, seen)
        if found.complete and source.ledger.has_full_list and len(old) == len(unlisted):
            listing.active_runs = tuple(r for r in (*found.items, *old) if not r.completed)
    for run in (*found.items, *old):
        if run.created_at > created.end or is_of_sweeper(settings, search.home, run):
            continue
        if reason_not_selected(settings, run) is not None:
            updated_at = run.updated_at or run.created_at
            listing.unwanted += run.completed and updated_at >= source.start
            continue
        for attempt in _attempts_to_export(listing, run, seen.get(run.id)):
            was_seen = seen.get(run.id)
            if was_seen is not None and attempt < was_seen[0]:
                was_seen = None  # It had ended by then, and is judged by its end.
            _add_attempt(listing, run, attempt, was_seen)
    return listing


# The attempt of a run that was the latest and unfinished, and the start of the window then.
_Seen: TypeAlias = "tuple[int, datetime]"
# Runs that wait for days, for example for an approval, are few in most repositories.
MOST_READ_ALONE = 50


def _format_seen(run_id: int, seen: _Seen) -> tuple[str, datetime]:
    attempt, since = seen
    return format_attempt(run_id, attempt), since


def _last_seen(ledger: SourceLedger) -> dict[int, _Seen]:
    seen: dict[int, _Seen] = {}
    for reference, since in sorted(ledger.unfinished):
        parsed = parse_attempt(reference)
        if parsed is not None:
            run_id, attempt = parsed
            seen[run_id] = (attempt, since)
    return seen


def _read_unlisted(
    listing: Listing, run_ids: Iterable[int], seen: Mapping[int, _Seen]
) -> list[Run]:
    """Return runs that were unfinished before and are too old for the list."""
    github, name = listing.search.context.github, listing.search.home.full_name

    def read_one(run_id: int) -> Run | None:
        try:
            return read_attempt(github, RunAddress(repository=name, run_id=run_id))
        except NotFoundError:
            return None  # It was deleted.
        except FlowTelemetryError:
            listing.unfinished.add(_format_seen(run_id, seen[run_id]))
            return None

    return [run for run in github.run_concurrently(read_one, run_ids) if run is not None]


def _attempts_to_export(listing: Listing, run: Run, seen: _Seen | None) -> Iterator[int]:
    """Yield the attempts of a run that may have ended in the window; note an unfinished one.

    The list has the latest attempt only. Those before it ended before it began.
    """
    source = listing.source
    since = source.start if seen is None else seen[1]
    # One that was updated after the window may have ended before or in it: the next sweep can say.
    updated_at = run.updated_at or run.started_at
    is_unfinished = not run.completed or updated_at >= source.end
    latest = format_attempt(run.id, run.attempt)
    if is_unfinished and not _is_exported(listing, latest):
        listing.unfinished.add((latest, since))
    first = run.attempt if seen is None else seen[0]
    if run.started_at >= source.start:
        # Also those before one that was seen: they may have ended after the last window.
        first = 1
    last = run.attempt - 1 if is_unfinished else run.attempt
    if last == run.attempt and updated_at < since:
        return
    yield from range(first, last + 1)


def _is_exported(listing: Listing, reference: str) -> bool:
    return reference in listing.exported or reference in listing.known.of_events


def _add_attempt(listing: Listing, run: Run, attempt: int, seen: _Seen | None) -> None:
    source, reference = listing.source, format_attempt(run.id, attempt)
    if _is_exported(listing, reference):
        listing.exported_before += 1
        return
    if seen is None:
        intervals = source.of_created(run.created_at)
    else:
        intervals = (Interval.of(seen[1], source.end),)
    if not intervals:
        return
    window = Window(intervals)
    if listing.search.event_runs.is_unfinished(reference):
        listing.wait_for_event_run(reference, window)
        return
    earliest = run.started_at if attempt == run.attempt else run.created_at
    listed = run if attempt == run.attempt else None
    listing.add(reference, window, earliest, run=listed, unfinished_at=seen[1] if seen else None)


def is_of_sweeper(settings: Settings, home: Repository, run: Run) -> bool:
    """Whether a run is of the sweeping workflow, which does not export its own runs."""
    file = run.path.partition("@")[0].rpartition("/")[2]
    return is_own(settings, home) and (
        run.id == settings.runner.run_id or file == settings.runner.workflow_file
    )


def is_own(settings: Settings, home: Repository) -> bool:
    """Whether a repository is that of the sweeping workflow."""
    return fold(settings.runner.repository or "") == fold(home.full_name)
