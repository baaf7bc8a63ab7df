"""The ledger of sweeps: what they exported, what is pending, and which ends belong to a sweep."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from flow_telemetry.rules.intervals import Interval

# Whose window an end belongs to
#
# A sweep exports what ended between its source's mark and half an hour ago, so that the runs that
# events started are finished. GitHub's lists show some ends late, so each sweep looks again at the
# hour before the mark; the ledger has what was exported of that hour.

DELAY = timedelta(minutes=30)
OVERLAP = timedelta(hours=1)
# Each sweep lists what was created so long before its window. Runs are many, and one that goes on
# for longer is known by its number once there was a daily list: only an old run that is started
# again waits for the next one.
RECENT = timedelta(days=3)
RECENT_RUNS = timedelta(days=1)
# Once a day a sweep lists all that can still end: a run ends after 35 days at the latest, and can
# be started again for 30 days. https://docs.github.com/en/actions/reference/limits
LONGEST = timedelta(days=35)
BETWEEN_FULL_LISTS = timedelta(days=1)
FIRST_SWEEP = timedelta(hours=24)

# The records of the ledger. They contain references, instants and counts only.


class PendingReason(Enum):
    """Why something is pending.

    UNREADABLE: it could not be read, while other things of its source could. UNAVAILABLE: the
    server did not answer. EVENT_RUN: a run of an event that exports it has not ended.
    """

    UNREADABLE = "unreadable"
    UNAVAILABLE = "unavailable"
    EVENT_RUN = "event run"


# A thing that can never be read is tried in so many sweeps.
MOST_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A thing that a later sweep tries again, such as `pull_request 123`.

    ``interval`` has the times at which it has to end to be exported. ``tries`` counts the sweeps
    in which the thing itself was the reason of the failure.
    """

    reference: str
    interval: Interval
    tries: int
    reason: PendingReason

    def is_given_up(self, end: datetime) -> bool:
        """Whether it is not tried again after a sweep whose window ends then."""
        return self.tries >= MOST_TRIES or self.interval.end < end - LONGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLedger:
    """What sweeps did with a source, such as the pull requests of a repository.

    Everything that ended from ``start`` to ``mark`` was exported or is ``pending``. Of a source
    with older things, ``full_mark`` is that of the daily full list. ``exported`` are references
    with the time of the end: those since an hour before the mark, those before ``start``, and those
    of pending things. ``unfinished`` are references of attempts that had not ended, with the start
    of the window at that time.
    """

    start: datetime
    mark: datetime
    full_mark: datetime | None = None
    exported: frozenset[tuple[str, datetime]] = frozenset()
    pending: tuple[Pending, ...] = ()
    unfinished: frozenset[tuple[str, datetime]] = frozenset()

    def ends_of(self, reference: str) -> tuple[datetime, ...]:
        """Return the ends of a thing that were exported, as far as the ledger has them."""
        return tuple(sorted(end for known, end in self.exported if known == reference))

    @property
    def has_full_list(self) -> bool:
        """Whether all older things were listed since the start."""
        return self.full_mark is not None and self.full_mark > self.start

    @property
    def recent_runs(self) -> timedelta:
        """How long before its window a sweep lists runs."""
        return RECENT_RUNS if self.has_full_list else RECENT

    def without_old(self) -> SourceLedger:
        """Return the ledger without things that no later window contains.

        A thing that is given up stays as long, so that it is not found again.
        """
        since = min(self.mark, self.full_mark or self.mark) - OVERLAP
        retained = tuple(
            each
            for each in self.pending
            if not each.is_given_up(self.mark) or each.interval.end >= since
        )
        pending = {each.reference for each in retained}
        exported = frozenset(
            (reference, end)
            for reference, end in self.exported
            if end >= since or end < self.start or reference in pending
        )
        return replace(self, exported=exported, pending=retained)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The sources by repository (`github.com/acme/shop`) and name (`pull requests`).

    ``sending`` are references of things whose export began and is not recorded yet: if a sweep
    finds some, the one before was killed.
    """

    sources: Mapping[tuple[str, str], SourceLedger] = field(default_factory=dict)
    sending: tuple[str, ...] = ()

    def with_source(self, repository: str, name: str, source: SourceLedger) -> Ledger:
        """Return the ledger with another record of a source."""
        return replace(self, sources={**self.sources, (repository, name): source})


def of_places(ledger: Ledger, places: Collection[str]) -> Ledger:
    """Return the part of a ledger that is about some repositories."""
    sources = {key: source for key, source in ledger.sources.items() if key[0] in places}
    return replace(ledger, sources=sources)


def merge_ledgers(parts: Iterable[Ledger]) -> Ledger:
    """Return one ledger of several, the oldest first: of a repository the newest part counts.

    A part whose mark of a source is before that of an earlier part does not count for the source:
    it was made of an older ledger.
    """
    sources: dict[tuple[str, str], SourceLedger] = {}
    sending: dict[str, None] = {}
    for part in parts:
        for key, source in part.sources.items():
            if key not in sources or source.mark >= sources[key].mark:
                sources[key] = source
        sending |= dict.fromkeys(part.sending)
    return Ledger(sources=sources, sending=tuple(sending))


# References of things


def format_attempt(run_id: int, attempt: int) -> str:
    """Return the reference of an attempt in ledgers and in the names of runs."""
    return f"workflow_run {run_id} attempt {attempt}"


# Windows of a source


def window_of(source: SourceLedger, since: datetime, end: datetime) -> tuple[Interval, ...]:
    """Return the intervals that a sweep exports: before ``start`` if ``since`` is, and to ``end``.

    The second one begins an hour before the mark, but not before the start: nothing is known of the
    time before it.
    """
    # A user may ask for the time before the first sweep: the part from the start on is known.
    earlier = (Interval(since, source.start),) if since < source.start else ()
    first = max(source.mark - OVERLAP, source.start)
    return (*earlier, Interval.of(first, end))


def full_window_of(source: SourceLedger, end: datetime) -> tuple[Interval, ...]:
    """Return the interval of the daily full list; none if it is not due."""
    mark = source.full_mark
    if mark is None or end - mark < BETWEEN_FULL_LISTS:
        return ()
    return (Interval.of(max(mark - OVERLAP, source.start), end),)


def before(intervals: Iterable[Interval], limit: datetime) -> tuple[Interval, ...]:
    """Return the parts of intervals before a time."""
    return tuple(Interval.of(i.start, min(i.end, limit)) for i in intervals if i.start < limit)


def after(intervals: Iterable[Interval], limit: datetime) -> tuple[Interval, ...]:
    """Return the parts of intervals from a time on."""
    return tuple(Interval.of(max(i.start, limit), i.end) for i in intervals if i.end > limit)


def move_mark(mark: datetime, end: datetime, remaining: Collection[datetime]) -> datetime:
    """Return the mark after a sweep: its end, or when the first of the remaining things ended.

    A mark never moves back.
    """
    return max(mark, min((end, *remaining)))
