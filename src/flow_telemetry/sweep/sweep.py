"""One sweep: what ended is listed, exported, the oldest first, and recorded in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from flow_telemetry import pipeline
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import (
    AuthenticationError,
    BudgetExceeded,
    DeadlineExceeded,
    FlowTelemetryError,
    UnavailableError,
)
from flow_telemetry.github.runs import RunList, read_default_branch, read_repository
from flow_telemetry.model import Repository
from flow_telemetry.model.api_usage import ApiUsage
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.replay import Replay
from flow_telemetry.outcome import Outcome, Status, merge_outcomes
from flow_telemetry.rules.intervals import Window
from flow_telemetry.rules.ledger import (
    MOST_TRIES,
    Ledger,
    Pending,
    PendingReason,
    SourceLedger,
    full_window_of,
    window_of,
)
from flow_telemetry.settings import Ancestors
from flow_telemetry.subjects.collect import collect
from flow_telemetry.subjects.run import read_concurrently
from flow_telemetry.subjects.types import CollectedTelemetry, ItemSubject, SweepSubject
from flow_telemetry.subjects.usage import SWEEP, UsageMetrics
from flow_telemetry.sweep.ledger_file import LedgerFile
from flow_telemetry.sweep.open_work import ActiveList, collect_open_work
from flow_telemetry.sweep.own_runs import EventRuns, OwnRuns, find_event_runs
from flow_telemetry.sweep.read_ahead import ReadAhead
from flow_telemetry.sweep.sources import (
    WITH_FULL_LIST,
    Listing,
    Search,
    Source,
    SourceWindow,
    created_in,
    is_own,
    sources_of,
)
from flow_telemetry.sweep.start import Start, start_sweep
from flow_telemetry.sweep.state import UNLISTED, Failure, SourceState
from flow_telemetry.sweep.things import (
    DEPLOYMENTS,
    RUNS,
    KnownRuns,
    Thing,
    build_subject,
    count_things,
    describe,
    in_order,
)
from flow_telemetry.telemetry import Signal
from flow_telemetry.text import counted

# A killed sweep repeats at most so many things.
CHECKPOINT = 50
_MOST_SHOWN = 5
_MOST_LISTED = 200


def export_sweep(
    context: ExportContext, subject: SweepSubject, file: LedgerFile, *, at_once: bool = False
) -> Outcome:
    """Export what ended since the last sweep, and return the outcome.

    It is a failure only if nothing could be read or exported, or if the ledger could not be saved.
    With ``at_once`` each list is one export, for an output file; open work is not counted.
    """
    try:
        home = context.with_aliases(read_repository(context.github.required, subject.repository))
        runs = OwnRuns.of(context)
        start = start_sweep(context, file, runs)
    except FlowTelemetryError as error:
        errors, problems = context.settings.errors, (str(error),)
        return Outcome(status=Status.SKIPPED, errors=errors, problems=problems, failed=True)
    sweep = Sweep(
        context=context,
        home=home,
        place=home.reference,
        sources=sources_of(context.settings),
        file=file,
        start=start,
        runs=runs,
    )
    sweep.begin()
    return sweep.run(at_once=at_once)


def replay_spool(context: ExportContext, file: LedgerFile) -> list[Outcome]:
    """Send what an earlier sweep could not deliver; the ledger has it as exported."""
    settings = context.settings
    if file.path is None or not settings.otlp.targets or not settings.spool_path.is_dir():
        return []
    replay = Replay(
        settings.otlp.targets,
        settings.otlp.off,
        deadline=context.deadline,
        redact=context.redact,
        fallbacks=Fallbacks.of(settings.signals),
        left_out=set(Signal) - settings.signals.enabled,
    )
    return [replay.run([settings.spool_path], context.log.progress)]


def end_reason(context: ExportContext) -> str:
    """Return why reading has ended; empty if it may go on."""
    if context.interruption.name or context.deadline.expired:
        return context.deadline.ended
    return context.github.ended


def _collect_whole(context: ExportContext, thing: Thing) -> Iterator[CollectedTelemetry]:
    """Yield the telemetry of a thing.

    Raises:
        FlowTelemetryError: it cannot be read. BudgetExceeded also if reading ended meanwhile: what
            the thing belongs to may be missing then without an error, and the next sweep has it.
    """
    yield from collect(context, thing.subject)
    reason = end_reason(context)
    if reason:
        raise BudgetExceeded(f"{describe(thing.reference)} was not read whole: {reason}")


def _within_sweep(context: ExportContext) -> ExportContext:
    """Return the context for the subjects of a sweep.

    A sweep exports each pull request as a subject of its own, so the run of its merge does not
    export it a second time.
    """
    settings = context.settings
    tracing = replace(settings.tracing, ancestors=Ancestors.NONE)
    return replace(context, settings=replace(settings, tracing=tracing))


@dataclass(slots=True, kw_only=True)
class Sweep:
    """One sweep of a repository: its ledger, its window's end, and its results so far.

    ``place`` is the key of its sources in the ledger.
    """

    context: ExportContext
    home: Repository
    place: str
    sources: dict[str, Source]
    file: LedgerFile
    start: Start
    runs: OwnRuns
    ledger: Ledger = field(init=False)
    end: datetime = field(init=False)
    problems: list[str] = field(init=False)
    ahead: ReadAhead = field(init=False)
    default_branch: str | None = None
    active_runs: ActiveList | None = None
    states: dict[str, SourceState] = field(default_factory=dict)
    event_runs: EventRuns = field(default_factory=EventRuns)
    unread: list[str] = field(default_factory=list)
    unlisted: set[str] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    exported: int = 0
    exported_before: int = 0
    without_span: int = 0
    unsaved: str = ""
    is_lost: bool = False
    # Requests that were not for this sweep.
    sent_before: tuple[ApiUsage, ...] = ()

    def __post_init__(self) -> None:
        """Begin with the ledger of the last sweep."""
        self.context = _within_sweep(self.context)
        self.ledger, self.end = self.start.ledger, self.start.end
        self.problems = [*self.start.problems]
        self.ahead = ReadAhead(context=self.context, home=self.home)

    def begin(self) -> None:
        """Move a damaged ledger aside, and send what the last sweep could not deliver."""
        if self.start.is_damaged:
            # Not earlier: a sweep that cannot begin must leave the damage for the next to report.
            self.file.begin_anew()
        # If it cannot be written, nothing is exported.
        self._save()
        if not self.unsaved:
            self.outcomes += replay_spool(self.context, self.file)

    @property
    def pending(self) -> int:
        """The number of things that later sweeps try again."""
        return sum(len(state.pending) for state in self.states.values())

    def run(self, *, at_once: bool) -> Outcome:
        """Export everything, and return the outcome."""
        context, since = self.context, self.start.since
        context.log.info(
            f"sweeping {self.home.full_name} up to {self.end:%Y-%m-%d %H:%M} UTC, "
            f"from {since:%Y-%m-%d %H:%M} UTC if the ledger knows no later time"
        )
        for name in self.sources:
            known = self.ledger.sources.get((self.place, name))
            ledger = known or SourceLedger(
                start=since,
                mark=since,
                full_mark=since if name in WITH_FULL_LIST else None,
            )
            self.states[name] = SourceState.of(name, ledger)
        marks = self._marks()
        self._save()
        if not self.unsaved and self._read_event_runs():
            self._export_things(self._list_recent(self.sources), at_once=at_once)
            self._export_things(self._list_full(self.sources), at_once=at_once)
            self._settle_failures()
            self._save()
            # An output file is sent later, when the state is no longer true.
            if not at_once:
                self._export_open_work()
        return self._build_outcome(moved=marks != self._marks())

    def _marks(self) -> list[tuple[datetime, datetime | None]]:
        sources = [
            self.ledger.sources.get((self.place, name), state.ledger)
            for name, state in self.states.items()
        ]
        return [(source.mark, source.full_mark) for source in sources]

    # Lists

    def _read_event_runs(self) -> bool:
        """Find out what runs of events exported; False if that is not known."""
        if not is_own(self.context.settings, self.home):
            return True
        starts = [self._window(state).start for state in self.states.values()]
        for state in self.states.values():
            starts += [
                each.interval.start
                for each in state.pending.values()
                if each.reason is PendingReason.EVENT_RUN
            ]
            starts += sorted(since for _, since in state.ledger.unfinished)[-1:]
            starts += [i.start for i in full_window_of(state.ledger, self.end)]
        try:
            self.event_runs = find_event_runs(self.runs.since(min(starts)))
        except FlowTelemetryError as error:
            # Without it everything that they exported would be exported again.
            self.unread.append(f"what runs of events exported: {error}")
            return False
        return True

    def _window(self, state: SourceState) -> SourceWindow:
        since = self.end if self.start.asked_since is None else self.start.asked_since
        intervals = window_of(state.ledger, since, self.end)
        return SourceWindow(name=state.name, ledger=state.ledger, intervals=intervals, end=self.end)

    def _read_default_branch(self) -> str | None:
        """Return the default branch, which was read with the repository; None if it is unknown."""
        try:
            return read_default_branch(self.context.github, self.home.full_name) or None
        except FlowTelemetryError:
            return None

    def _list_recent(self, sources: dict[str, Source]) -> list[Thing]:
        things: list[Thing] = []
        if RUNS in sources:
            self.default_branch = self._read_default_branch()
        for name, state in self.states.items():
            window = self._window(state)
            listing = self._list(sources[name], window)
            if listing is not None:
                state.unfinished = listing.unfinished
                state.wait(listing.waiting)
            found = [*self._with_pending(state, listing.things if listing else [])]
            state.remaining = {thing.reference: thing.earliest for thing in found}
            if listing is None or not listing.complete:
                state.remaining[UNLISTED] = window.start
            things += found
        return things

    def _list_full(self, sources: dict[str, Source]) -> list[Thing]:
        things: list[Thing] = []
        for name in WITH_FULL_LIST:
            state = self.states.get(name)
            intervals = full_window_of(state.ledger, self.end) if state else ()
            if state is None or not intervals:
                continue
            if end_reason(self.context):
                self.unread.append(f"the list of older {name}")
                continue
            # With what this sweep exported so far, and the runs that are unfinished now.
            ledger = replace(state.ledger, unfinished=frozenset(state.unfinished))
            window = SourceWindow(
                name=name, ledger=ledger, intervals=intervals, end=self.end, full=True
            )
            listing = self._list(sources[name], window)
            if listing is None:
                continue
            state.unfinished = listing.unfinished
            known = state.remaining.keys() | state.pending.keys()
            found = [thing for thing in listing.things if thing.reference not in known]
            state.full_remaining = {thing.reference: thing.earliest for thing in found}
            state.wait(listing.waiting)
            if not listing.complete:
                state.full_remaining[UNLISTED] = window.start
            things += found
        return things

    def _list(self, source: Source, window: SourceWindow) -> Listing | None:
        try:
            listing = source(
                Search(
                    context=self.context,
                    home=self.home,
                    event_runs=self.event_runs,
                    default_branch=self.default_branch,
                ),
                window,
            )
        except FlowTelemetryError as error:
            self.unread.append(f"the list of {window.name}: {error}")
            self.unlisted.add(window.name)
            return None
        if listing.active_runs is not None:
            self.active_runs = ActiveList(runs=listing.active_runs, at=self.context.clock.now())
        if listing.listed_runs is not None:
            self._know(listing.listed_runs, full=window.full)
        if not listing.complete:
            self.unread.append(f"some {window.name}")
        elif window.name == DEPLOYMENTS and not window.full:
            self.ahead.deployed_since = created_in(window).start
        if listing.unwanted:
            self.left_out.append(
                f"{counted(listing.unwanted, 'run')} that `workflows` and `branches` do not choose"
            )
        if not window.full:
            # The full list has what this sweep has just exported.
            self.exported_before += listing.exported_before
        return listing

    def _know(self, listed: RunList, *, full: bool) -> None:
        """Let the exports find runs without requests in the lists of the sweep."""
        recent = self.context.listed_runs
        if full:
            # It reaches to the beginning of the other, and is of no use without that.
            if recent is None:
                return
            listed = replace(listed, runs=(*listed.runs, *recent.runs))
        self.context = replace(self.context, listed_runs=listed)

    def _with_pending(self, state: SourceState, listed: Iterable[Thing]) -> Iterator[Thing]:
        """Yield listed things, and those that are pending since earlier sweeps.

        A thing that is both is one, with both intervals.
        """
        found = {thing.reference: thing for thing in listed}
        known = KnownRuns(
            repository=self.home.full_name,
            default_branch=self.default_branch,
            of_events=self.event_runs.attempts,
        )
        for reference, pending in tuple(state.pending.items()):
            thing = found.pop(reference, None)
            if pending.is_given_up(self.end):
                if pending.tries < MOST_TRIES:
                    del state.pending[reference]
                    self.problems.append(f"{describe(reference)} is given up after 35 days")
                if thing is not None and thing.earliest >= pending.interval.end:
                    yield thing  # It was closed again after the last try.
                continue
            if reference in self.event_runs.attempts:
                del state.pending[reference]
                continue
            event_window = self.event_runs.window_of(reference)
            if self.event_runs.is_unfinished(reference) or any(
                map(pending.interval.holds, event_window.exported)
            ):
                continue
            exported = (
                *state.ledger.ends_of(reference),
                *self.event_runs.ends_of(reference),
            )
            intervals = (pending.interval, *(thing.window.intervals if thing else ()))
            window = Window(intervals, exported)
            subject = build_subject(reference, window, known)
            if subject is not None:
                yield Thing(
                    source=state.name,
                    reference=reference,
                    # The mark does not wait for what is pending.
                    earliest=thing.earliest if thing else self.end,
                    window=window,
                    subject=subject,
                    pending=pending,
                    pull=thing.pull if thing else None,
                )
        yield from found.values()

    # Exports

    def _export_things(self, things: Sequence[Thing], *, at_once: bool) -> None:
        ordered = in_order(things)
        size = max(1, len(ordered)) if at_once else CHECKPOINT
        for begin in range(0, len(ordered), size):
            if self.unsaved or self.is_lost or end_reason(self.context):
                return
            group = ordered[begin : begin + size]
            self.context.log.progress(
                f"{begin} of {len(ordered)} things, {self.context.github.requests} requests"
            )
            self.ledger = replace(self.ledger, sending=tuple(t.reference for t in group))
            self._save()
            if not self.unsaved:
                self._export_group(group)
                self.ledger = replace(self.ledger, sending=())
                self._save()

    def _export_group(self, group: Sequence[Thing]) -> None:
        exported: list[tuple[Thing, tuple[datetime, ...]]] = []
        outcome = pipeline.export_collected(
            self.context, lambda context: [self._read(context, group, exported)]
        )
        self.outcomes.append(outcome)
        if any(delivery.lost for delivery in outcome.deliveries):
            # Neither sent nor in the spool: the next sweep exports them.
            self.is_lost = True
            return
        for thing, ends in exported:
            self._record(thing, ends)

    def _record(self, thing: Thing, ends: tuple[datetime, ...]) -> None:
        state = self.states[thing.source]
        state.settle(thing.reference)
        state.pending.pop(thing.reference, None)
        state.was_read = True
        self.exported += bool(ends)
        state.note(thing.reference, ends)

    def _read(
        self,
        context: ExportContext,
        group: Sequence[Thing],
        exported: list[tuple[Thing, tuple[datetime, ...]]],
    ) -> Iterator[CollectedTelemetry]:
        """Yield the telemetry of things that could be read whole; note them in ``exported``."""
        for thing, slices, error in read_concurrently(
            partial(_collect_whole, context),
            self.ahead.before(group),
            stop=lambda: bool(end_reason(context)),
        ):
            if isinstance(error, (BudgetExceeded, DeadlineExceeded)):
                continue
            gaps = [text for collected in slices for text in collected.incomplete]
            if error is not None or gaps:
                # Nothing of it is sent, since the next try will send all of it.
                self.states[thing.source].failures.append(
                    Failure(
                        thing=thing,
                        text="; ".join([*gaps, *([str(error)] if error else [])]),
                        own=not isinstance(error, (UnavailableError, AuthenticationError)),
                        collected=tuple(slices),
                    )
                )
                continue
            for collected in slices:
                no_span = isinstance(thing.subject, ItemSubject) and collected.exported is None
                self.without_span += no_span
                # Reported once for all items, not for each.
                yield replace(collected, left_out=()) if no_span else collected
            exported.append((thing, tuple(end for each in slices for end in each.ends)))

    def _export_open_work(self) -> None:
        """Export the state of open work, and the requests of the sweep.

        It does not change what the ledger says.
        """
        if self.unsaved or self.is_lost:
            return
        reason = end_reason(self.context)
        if reason:
            self.left_out.append(f"the state of open work: {reason}")
        if self.context.interruption.name:
            return
        usage = UsageMetrics(has_metrics=bool(self.exported))

        def read(context: ExportContext) -> Iterator[Iterator[CollectedTelemetry]]:
            if not reason:
                # What could not be listed cannot be counted either, for the reason that was
                # reported.
                yield usage.watched(
                    collect_open_work(context, self.home, self.unlisted, self.active_runs)
                )
            yield usage.collect(context, SWEEP, self.home, self.sent_before)

        self.outcomes.append(pipeline.export_collected(self.context, read))

    # Failures

    def _settle_failures(self) -> None:
        """Make things pending that could not be read, and give up those with too many tries.

        If nothing of a source could be read, the reason is the service or the token, and the mark
        of the source stays.
        """
        texts: list[str] = []
        for state in self.states.values():
            texts += [self._settle(state, failure) for failure in state.failures]
        self.problems += texts[:_MOST_SHOWN]
        further = texts[_MOST_SHOWN:]
        if further:
            self.problems.append(
                f"{counted(len(further), 'further thing')} could not be read, see the summary"
            )
            # Only the summary has them: GitHub shows ten warnings of a step.
            self.left_out += further[:_MOST_LISTED]

    def _settle(self, state: SourceState, failure: Failure) -> str:
        thing, known = failure.thing, failure.thing.pending
        name = describe(thing.reference)
        if known is None and not state.was_read:
            return f"{name} is left to the next sweep: {failure.text}"
        counts = failure.own and state.was_read
        tries = (known.tries if known else 0) + counts
        pending = Pending(
            reference=thing.reference,
            interval=thing.window.interval,
            tries=tries,
            reason=PendingReason.UNREADABLE if failure.own else PendingReason.UNAVAILABLE,
        )
        state.pending[thing.reference] = pending
        # Later sweeps do not list the runs of events that exported some of its closings.
        state.note(thing.reference, thing.window.exported)
        state.settle(thing.reference)
        if not pending.is_given_up(self.end):
            which = f"try {tries} of {MOST_TRIES}" if counts else "not counted as a try"
            return f"{name} is pending ({which}), and the next sweep tries again: {failure.text}"
        self.outcomes.append(
            pipeline.export_collected(
                self.context,
                lambda _: [iter([replace(each, incomplete=()) for each in failure.collected])],
            )
        )
        return f"{name} is given up after {tries} tries: {failure.text}"

    # The ledger, and the result

    def _save(self) -> None:
        for name, state in self.states.items():
            current = state.current(self.start.asked_since, self.end)
            self.ledger = self.ledger.with_source(self.place, name, current)
        try:
            self.file.save(self.ledger)
        except OSError as error:
            self.unsaved = error.strerror or type(error).__name__

    def _build_outcome(self, *, moved: bool) -> Outcome:
        left = sum(state.left for state in self.states.values())
        reason = end_reason(self.context)
        problems = [*self.problems]
        problems += [f"the sweep could not read all: {each}" for each in self.unread]
        if reason and (left or self.unread):
            things = count_things(left, "is", "are") if left else "unknown things are"
            problems.append(f"{reason}: {things} left to the next sweep")
        if self.unsaved:
            problems.append(
                f"the ledger could not be saved in `{self.file.path}` ({self.unsaved}): free space "
                "on the disk, and check the permissions of the folder"
            )
        failures = any(state.failures for state in self.states.values())
        undelivered = any(outcome.failed for outcome in self.outcomes)
        incomplete = bool(left or self.unread or failures or self.unsaved or undelivered)
        unsaved = bool(self.unsaved) or self.is_lost or self.file.path is None
        failed = incomplete and (unsaved or not (self.exported or moved))
        status = Status.PARTIAL if incomplete else Status.SKIPPED
        listed = Outcome(
            status=status,
            errors=self.context.settings.errors,
            problems=tuple(dict.fromkeys(problems)),
            notices=self._notices(),
            left_out=self._left_out(),
        )
        return replace(merge_outcomes((listed, *self.outcomes)), failed=failed)

    def _notices(self) -> tuple[str, ...]:
        waiting = [
            each.reference
            for state in self.states.values()
            for each in state.pending.values()
            if each.reason is PendingReason.EVENT_RUN
        ]
        notices = [
            f"sweep of {self.home.full_name} up to {self.end:%Y-%m-%dT%H:%M:%SZ}: "
            f"{count_things(self.exported, 'was', 'were')} exported, "
            f"{self.exported_before} had been exported before"
        ]
        if waiting:
            shown = ", ".join(map(describe, waiting[:_MOST_SHOWN]))
            wait = count_things(len(waiting), "waits", "wait")
            notices.append(f"{wait} for a run of this workflow that has not ended: {shown}")
        return tuple(notices)

    def _left_out(self) -> tuple[str, ...]:
        texts = [*dict.fromkeys(self.left_out)]
        if self.without_span:
            scope = self.context.settings.tracing.scope.value
            texts.insert(
                0,
                f"the spans of {self.without_span} work items: under trace-scope {scope} they have "
                "none",
            )
        return tuple(texts)
