"""Policy: send, split, retry, spool."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from queue import Empty, Queue
from typing import Protocol

from flow_telemetry.clock import Clock, Deadline, SystemClock
from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.logging import Log, SilentLog
from flow_telemetry.otlp.batch import Batch, batches_of, signal_of
from flow_telemetry.otlp.fallback import Fallback, Fallbacks
from flow_telemetry.otlp.lines import split_request
from flow_telemetry.otlp.response import (
    Attempt,
    ExportResult,
    FailureReason,
    OtlpResponse,
    TargetDescription,
    classify_response,
    failure,
    not_taken,
    origin,
    reason_of_network_error,
)
from flow_telemetry.otlp.spool import LinesFile, LinesWriter, SpoolPolicy, Stored
from flow_telemetry.otlp.transport import out_of_time
from flow_telemetry.telemetry import (
    Delivery,
    EncodedRequest,
    Exporter,
    Failure,
    LogRecord,
    Measurement,
    Signal,
    SignalTarget,
    Span,
    Telemetry,
)

# Adding up what became of the batches, the same reason told once.

# Servers put a request's id into their words: more than these add no news.
_MOST_TEXTS_OF_A_KIND = 3
_MOST_WARNINGS = 5


@dataclass(slots=True)
class _Count:
    cause: FailureReason
    items: int = 0
    untried: int = 0


@dataclass(slots=True)
class Counters:
    """What became of the batches so far. ``collected`` counts items, ``sent`` those delivered.

    ``reformed`` counts those that it took in their second form.
    """

    collected: int = 0
    sent: int = 0
    rejected: int = 0
    requests: int = 0
    bytes_sent: int = 0
    warnings: list[str] = field(default_factory=list)
    reformed: int = 0
    _counts: dict[tuple[str, str], _Count] = field(default_factory=dict)

    def add_attempt(self, attempt: Attempt) -> None:
        """Count the requests that a batch took."""
        self.requests += attempt.requests
        self.bytes_sent += attempt.bytes_sent

    def add_result(self, verdict: ExportResult, items: int) -> int:
        """Count a batch of so many items; return how many of them were not delivered."""
        if verdict.warning and len(self.warnings) < _MOST_WARNINGS:
            self.warnings += [] if verdict.warning in self.warnings else [verdict.warning]
        self.rejected += verdict.rejected
        undelivered = verdict.rejected if verdict.delivered else items
        self.sent += items - undelivered
        if verdict.cause is not None:
            self._count(verdict.cause).items += undelivered
        return undelivered

    def add_untried(self, cause: FailureReason, items: int) -> None:
        """Count items that were not sent, for the cause lasts."""
        count = self._count(cause)
        count.items += items
        count.untried += items

    def failures(self) -> tuple[Failure, ...]:
        """Return each reason once, with all its items, in the order in which they came up."""
        return tuple(failure(c.cause, c.items, c.untried) for c in self._counts.values())

    def _count(self, cause: FailureReason) -> _Count:
        same_kind = [count for (key, _), count in self._counts.items() if key == cause.key]
        name = (cause.key, cause.problem)
        if name not in self._counts and len(same_kind) >= _MOST_TEXTS_OF_A_KIND:
            return same_kind[0]
        return self._counts.setdefault(name, _Count(cause))


# A try to deliver in one line, for who looks for a fault.


def summarize_attempt(attempt: Attempt, target: SignalTarget, items: int) -> str:
    """Return what came of a request with so many items, and of those that repeated it."""
    response = attempt.response
    came = response.status or (response.error.name.lower() if response.error else "nothing")
    return (
        f"POST {target.signal.value} to {origin(target.url)}: {came} in {attempt.seconds:.2f} s, "
        f"{items} items, {attempt.bytes_sent} bytes in {attempt.requests} requests"
    )


# A few threads that deliver batches, and tell how it went through a queue.
#
# They are daemons: one that hangs, in a resolver or a dead socket, holds neither the program nor
# its batch, which the caller still has.


class Sender(Protocol):
    """What delivers requests, one at a time, from one thread."""

    def deliver(self, batch: Batch) -> Attempt:
        """Send a batch in one request; return the last answer."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of the batch of that number; ``attempt`` is None where it was not tried."""

    number: int
    attempt: Attempt | None


class Workers:
    """At most ``most`` threads, started as there is work, each with a sender of its own."""

    def __init__(self, new_sender: Callable[[], Sender], most: int, clock: Clock) -> None:
        """Start nothing yet."""
        self._clock = clock
        self._new_sender = new_sender
        self._most = most
        self._threads = 0
        self._tasks: Queue[tuple[int, Batch] | None] = Queue()
        self._reports: Queue[Report] = Queue()
        self._stopped = threading.Event()

    def submit(self, number: int, batch: Batch) -> None:
        """Hand over a batch; one report will come of it, unless its thread hangs."""
        self._tasks.put((number, batch))
        if self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._work, name="otlp-sender", daemon=True).start()

    def next_report(self, seconds: float) -> Report | None:
        """Return the next report, or None if none comes within that time."""
        try:
            return self._reports.get(timeout=seconds) if seconds > 0 else self._reports.get_nowait()
        except Empty:
            return None

    def stop_trying(self) -> None:
        """Let what was handed over, but not begun, be reported as not tried."""
        self._stopped.set()

    def end(self) -> None:
        """Let the threads end after what they are doing; does not wait for them."""
        self.stop_trying()
        for _ in range(self._threads):
            self._tasks.put(None)

    def _work(self) -> None:
        sender: Sender | None = None
        while (task := self._tasks.get()) is not None:
            number, batch = task
            attempt = None
            began = self._clock.monotonic()
            if not self._stopped.is_set():
                try:
                    sender = sender or self._new_sender()
                    attempt = sender.deliver(batch)
                except Exception as error:  # noqa: BLE001  A thread that ends tells nobody why.
                    response = OtlpResponse(
                        error=NetworkErrorKind.OTHER, detail=type(error).__name__
                    )
                    attempt = Attempt(response=response)
                attempt = replace(attempt, seconds=self._clock.monotonic() - began)
            self._reports.put(Report(number=number, attempt=attempt))
        if sender is not None:
            sender.close()


# The policy of sending: every item ends delivered, in the spool, or counted as lost.
#
# One thread, the caller's, decides and writes to the spool; a few others only deliver.

MOST_WORKERS = 3
# As many wait as are under way, so that no worker is idle and memory stays flat.
_MOST_IN_FLIGHT = 2 * MOST_WORKERS
# A sender ends by itself at the deadline, and tells then why it had to wait; past this it hangs.
_GRACE_SECONDS = 0.5
# How soon it is seen that the program was told to end.
_LOOK_SECONDS = 0.25
# Without a deadline: a sender's own bound for a batch, besides the requests that begin before it.
_PATIENCE_SECONDS = 150.0
# After so many items that were refused alone, where no item was taken, a limit is set wrongly.
_MOST_TOO_LARGE_ALONE = 10

NewSender = Callable[[SignalTarget, Deadline], Sender]


def otlp_sender(target: SignalTarget, deadline: Deadline) -> Sender:
    """Return the real sender. What it needs is loaded here, in the thread that is first."""
    from flow_telemetry.otlp.transport import OtlpSender  # noqa: PLC0415

    return OtlpSender(target, deadline)


@dataclass(frozen=True, slots=True)
class _Flight:
    """A batch that is under way, and as what it was ``sent``: in its first form, or its second."""

    batch: Batch
    sent: Batch

    @property
    def is_second(self) -> bool:
        return self.sent is not self.batch


class Export:
    """The export of one signal. ``_in_flight`` holds every batch whose end is not yet known."""

    def __init__(
        self,
        target: SignalTarget,
        form: Fallback,
        *,
        deadline: Deadline,
        spool: SpoolPolicy,
        new_sender: NewSender = otlp_sender,
        keeps_all: bool = False,
        log: Log | None = None,
    ) -> None:
        """Open nothing yet. ``keeps_all`` is whether also a signal that is not taken is kept."""
        self._target = target
        self._form = form
        self._deadline = deadline
        self._spool = spool.writer(target.signal)
        self._patience = _PATIENCE_SECONDS + 2 * target.timeout
        self._workers = Workers(lambda: new_sender(target, deadline), MOST_WORKERS, deadline.clock)
        self._log = log or SilentLog()
        self._tally = Counters()
        self._in_flight: dict[int, _Flight] = {}
        self._submitted = 0
        self._silent = False
        self._hopeless: FailureReason | None = None
        self._kept = Stored()
        self._too_large_alone = 0
        self._keeps_all = keeps_all
        self._declined: list[Batch] = []

    @cached_property
    def _description(self) -> TargetDescription:
        """Compiled once, with the first response: it has every form of the target's secrets."""
        return TargetDescription.of(self._target)

    def take(self, batch: Batch) -> None:
        """Send a batch as soon as there is room, or spool it if there is no use in sending."""
        self._tally.collected += batch.count
        while (report := self._workers.next_report(0)) is not None:
            self._settle(report)
        if not self._has_room():
            cause = self._cause_of(out_of_time(self._deadline))
            self._add_untried(self._form.first(batch), cause)
            return
        if self._deadline.expired:
            self._give_up_hope(self._cause_of(out_of_time(self._deadline)))
        first = self._form.first(batch)
        if self._hopeless is not None:
            self._leave_untried(first, self._hopeless)
            return
        self._submit(_Flight(first, first))

    def finish(self) -> None:
        """Wait until the end of every batch is known."""
        while self._in_flight:
            self._wait()

    @property
    def found_nobody(self) -> bool:
        """Whether nothing takes the signal there at all."""
        cause = self._hopeless
        return cause is not None and cause.absent and not self._tally.sent

    def keep_declined(self) -> None:
        """Spool what was not taken after all: it is the address that is wrong."""
        for batch in self._declined:
            self._add_untried(batch, self._hopeless or self._cause_of(NetworkErrorKind.OTHER))
        self._declined.clear()

    def end(self) -> None:
        """Spool what is still under way, which is something only after an exception."""
        self._workers.end()
        self._abandon(self._cause_of(NetworkErrorKind.OTHER))
        self._kept = self._spool.close().get(self._target.signal, Stored())

    def delivery(self) -> Delivery:
        """Return the sum of it all."""
        tally, kept = self._tally, self._kept
        return Delivery(
            signal=self._target.signal,
            destination=origin(self._target.url),
            collected=tally.collected,
            sent=tally.sent,
            rejected=tally.rejected,
            spooled=kept.items,
            lost=kept.lost,
            declined=sum(batch.count for batch in self._declined),
            requests=tally.requests,
            bytes_sent=tally.bytes_sent,
            failures=(*tally.failures(), *kept.failures),
            spool_files=kept.files,
            warnings=tuple(tally.warnings),
            notices=self._notices(),
        )

    def _submit(self, flight: _Flight) -> None:
        self._submitted += 1
        self._in_flight[self._submitted] = flight
        self._workers.submit(self._submitted, flight.sent)

    def _has_room(self) -> bool:
        """Wait for room; a program that was told to end waits for no backend that is silent."""
        while len(self._in_flight) >= _MOST_IN_FLIGHT:
            if self._hurries and self._silent:
                return False
            self._wait(for_room=True)
        return True

    @property
    def _hurries(self) -> bool:
        """Whether the program was told to end, and has a moment left."""
        return self._deadline.cut.at is not None and not self._deadline.expired

    def _wait(self, *, for_room: bool = False) -> None:
        """Settle one more batch; where none ends in time, all that are under way."""
        until = self._deadline.clock.monotonic() + self._patience
        while (report := self._workers.next_report(self._moment())) is None:
            if for_room and self._hurries:
                self._silent = True
                return
            left = until - self._deadline.clock.monotonic()
            if self._deadline.remaining(left) <= 0:
                break
        report = report or self._workers.next_report(_GRACE_SECONDS)
        if report is not None:
            self._settle(report)
            return
        late = out_of_time(self._deadline) if self._deadline.expired else NetworkErrorKind.TIMEOUT
        cause = self._cause_of(late)
        self._give_up_hope(cause)
        self._abandon(cause)

    def _moment(self) -> float:
        """How long to look away: the deadline may be cut while we wait."""
        return self._deadline.remaining(_LOOK_SECONDS)

    def _settle(self, report: Report) -> None:
        self._silent = False
        flight = self._in_flight.pop(report.number, None)
        if flight is None:
            return  # It was abandoned, and is in the spool.
        if report.attempt is None:
            self._leave_untried(
                flight.batch, self._hopeless or self._cause_of(NetworkErrorKind.OTHER)
            )
            return
        self._tally.add_attempt(report.attempt)
        self._log.debug(summarize_attempt(report.attempt, self._target, flight.batch.count))
        self._judge(flight, report.attempt)

    def _judge(self, flight: _Flight, attempt: Attempt) -> None:
        count = flight.batch.count
        verdict = classify_response(attempt.response, self._description, count)
        further = self._further(flight, verdict)
        if further:
            for each in further:
                self._submit(each)
            return
        if verdict.cause is not None and (verdict.cause.lasting or self._takes_nothing(verdict)):
            self._give_up_hope(verdict.cause)
        if self._declines(verdict.cause):
            self._declined.append(flight.batch)
            return
        undelivered = self._tally.add_result(verdict, count)
        if flight.is_second:
            self._tally.reformed += count - undelivered
        if undelivered:
            # Whole, for OTLP does not tell which items it rejected.
            self._spool.add(flight.batch, items=undelivered, cause=verdict.cause)

    def _further(self, flight: _Flight, verdict: ExportResult) -> list[_Flight]:
        """What else to try with a batch that was refused: another form, or two halves of it."""
        if not flight.is_second:
            second = self._form.second(flight.batch, verdict)
            if second is not None:
                return [_Flight(flight.batch, second)]
        if not _is_too_large(verdict):
            return []
        firsts = split_request(flight.batch)
        # Of the same items in the same order, whatever their form.
        sent = split_request(flight.sent) if flight.is_second else firsts
        return list(map(_Flight, firsts, sent))

    def _takes_nothing(self, verdict: ExportResult) -> bool:
        """Whether requests were cut as small as can be, and not one was small enough."""
        self._too_large_alone += _is_too_large(verdict)
        return self._too_large_alone >= _MOST_TOO_LARGE_ALONE and not self._tally.sent

    def _declines(self, cause: FailureReason | None) -> bool:
        """Whether the backend has no such signal. All have traces, so there it is a failure."""
        is_extra = self._target.signal is not Signal.TRACES and not self._keeps_all
        return is_extra and cause is not None and cause.absent and not self._tally.sent

    def _give_up_hope(self, cause: FailureReason) -> None:
        if self._hopeless is None:
            self._hopeless = cause
            self._workers.stop_trying()

    def _leave_untried(self, batch: Batch, cause: FailureReason) -> None:
        if self._declines(cause):
            self._declined.append(batch)
            return
        self._add_untried(batch, cause)

    def _add_untried(self, batch: Batch, cause: FailureReason) -> None:
        self._tally.add_untried(cause, batch.count)
        self._spool.add(batch, items=batch.count, cause=cause)

    def _abandon(self, cause: FailureReason) -> None:
        """Spool all that is under way; if it arrives all the same, it arrives twice and equal."""
        for flight in self._in_flight.values():
            count = flight.batch.count
            self._tally.add_result(ExportResult(delivered=False, cause=cause), count)
            self._spool.add(flight.batch, items=count, cause=cause)
        self._in_flight.clear()

    def _notices(self) -> tuple[str, ...]:
        tally, target = self._tally, self._description
        found = []
        if tally.reformed:
            found.append(self._form.notice(target.origin, tally.reformed))
        if self._declined and self._hopeless is not None:
            items = sum(batch.count for batch in self._declined)
            found.append(not_taken(target, items, self._hopeless.status or 0))
        return tuple(found)

    def _cause_of(self, error: NetworkErrorKind) -> FailureReason:
        response = OtlpResponse(error=error, seconds=self._patience)
        return reason_of_network_error(response, self._description)


def _is_too_large(verdict: ExportResult) -> bool:
    cause = verdict.cause
    return cause is not None and cause.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


# Where telemetry can go: a backend with a spool behind it, a file, nowhere, or past a watcher.

# What a user's own file gets, as far as the process's mask allows it.
_OPEN_FILE = 0o666


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpExporter:
    """A backend; what it does not take goes to the spool. Signals without a target stay here.

    What a backend has no signal for is neither kept nor a failure, unless ``keeps_all``.
    """

    targets: Mapping[Signal, SignalTarget]
    spool: SpoolPolicy
    deadline: Deadline
    choices: Fallbacks = field(default_factory=Fallbacks)
    new_sender: NewSender = otlp_sender
    keeps_all: bool = False
    log: Log = field(default_factory=SilentLog)

    @property
    def signals(self) -> Collection[Signal]:
        """Those that have a target."""
        return self.targets.keys()

    def preload(self) -> object:
        """Load the SDK."""
        # Loaded here: one that replays encoded requests needs none of it.
        from flow_telemetry.otlp.sdk import preload  # noqa: PLC0415

        return preload(self.targets)

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Send all of the stream, each signal on its own connections.

        It is read as batches leave, and to its end even where none of them can be sent. What it
        raises is raised here, after what was read so far is in the spool.
        """
        now = _nanoseconds_by(self.deadline.clock)
        exports: dict[Signal, Export] = {}
        with ExitStack() as stack:
            for batch in batches_of(stream, self.targets, now):
                if batch.signal not in exports:
                    exports[batch.signal] = self._export(batch.signal, now)
                    stack.callback(exports[batch.signal].end)
                exports[batch.signal].take(batch)
            for export in exports.values():
                export.finish()
            _keep_where_nobody_is(exports)
        return tuple(exports[signal].delivery() for signal in Signal if signal in exports)

    def _export(self, signal: Signal, now: Callable[[], int]) -> Export:
        return Export(
            self.targets[signal],
            self.choices.form_of(signal, now),
            deadline=self.deadline,
            spool=self.spool,
            new_sender=self.new_sender,
            keeps_all=self.keeps_all,
            log=self.log,
        )


@dataclass(frozen=True, slots=True)
class FileExporter:
    """A file of OTLP JSON lines, of all signals, as the Collector's file exporter writes them."""

    path: Path
    clock: Clock = field(default_factory=SystemClock)
    choices: Fallbacks = field(default_factory=Fallbacks)

    @property
    def signals(self) -> Collection[Signal]:
        """All of them, whatever has an endpoint."""
        return frozenset(Signal)

    def preload(self) -> None:
        """Load nothing: lines are written without the SDK."""

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Write all of the stream to the file."""
        now = _nanoseconds_by(self.clock)
        writer = LinesWriter(
            lambda: LinesFile(self.path, _OPEN_FILE),
            problem=f"{self.path} could not be written",
            advice="Name a file in a folder that can be written, with room, after --output",
        )
        forms = {signal: self.choices.form_of(signal, now) for signal in Signal}
        kept: dict[Signal, Stored] = {}
        try:
            for batch in batches_of(stream, forms, now):
                writer.add(forms[batch.signal].first(batch), items=batch.count)
        finally:
            kept = writer.close()
        return tuple(self._delivery(signal, kept[signal]) for signal in Signal if signal in kept)

    def _delivery(self, signal: Signal, kept: Stored) -> Delivery:
        return Delivery(
            signal=signal,
            destination=str(self.path),
            collected=kept.items + kept.lost,
            sent=kept.items,
            lost=kept.lost,
            failures=kept.failures,
        )


@dataclass(frozen=True, slots=True)
class NullExporter:
    """Nowhere: for what is only looked at."""

    @property
    def signals(self) -> Collection[Signal]:
        """All of them."""
        return frozenset(Signal)

    def preload(self) -> None:
        """Load nothing."""

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Take all of the stream and send nothing; metrics count by measurement."""
        taken = dict.fromkeys(Signal, 0)
        for each in stream:
            taken[signal_of(each)] += each.items if isinstance(each, EncodedRequest) else 1
        return tuple(
            Delivery(signal=signal, destination="nowhere", collected=count, sent=count)
            for signal, count in taken.items()
            if count
        )


@dataclass(frozen=True, slots=True)
class RecordingExporter:
    """Another sink, what goes there kept to be shown; what others prepared passes by."""

    inner: Exporter
    spans: list[Span] = field(default_factory=list)
    events: list[LogRecord] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    @property
    def signals(self) -> Collection[Signal]:
        """Those of the other sink."""
        return self.inner.signals

    def preload(self) -> object:
        """Load what the other sink needs."""
        return self.inner.preload()

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Hand all of the stream on and keep it."""
        return self.inner.deliver(self._kept(stream))

    def _kept(self, stream: Iterable[Telemetry]) -> Iterator[Telemetry]:
        for each in stream:
            if isinstance(each, Span):
                self.spans.append(each)
            elif isinstance(each, LogRecord):
                self.events.append(each)
            elif isinstance(each, Measurement):
                self.measurements.append(each)
            yield each


def _keep_where_nobody_is(exports: Mapping[Signal, Export]) -> None:
    """All backends have traces: where nothing takes them, no signal is missing there, but all."""
    traces = exports.get(Signal.TRACES)
    if traces is not None and traces.found_nobody:
        for export in exports.values():
            export.keep_declined()


def _nanoseconds_by(clock: Clock) -> Callable[[], int]:
    return lambda: int(clock.now().timestamp() * 1_000_000) * 1000
