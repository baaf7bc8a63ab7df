"""Exporters: an OTLP endpoint with a spool, a file, nothing, or a recording of the telemetry."""

from __future__ import annotations

import threading
from collections import Counter
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
from flow_telemetry.http.response import Response
from flow_telemetry.logging import Log, SilentLog
from flow_telemetry.otlp.batch import Batch, batch_telemetry, get_signal
from flow_telemetry.otlp.fallback import Fallback, Fallbacks
from flow_telemetry.otlp.lines import split_request
from flow_telemetry.otlp.response import (
    Attempt,
    ExportResult,
    FailureReason,
    TargetDescription,
    build_failure,
    classify_response,
    explain_network_error,
    format_unsupported_signal,
)
from flow_telemetry.otlp.spool import LinesFile, LinesWriter, SpoolPolicy, Stored
from flow_telemetry.otlp.transport import out_of_time
from flow_telemetry.settings.parse import origin
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

# Counters of an export. Each failure reason is reported once, with the sum of its items.

# Some servers put the request's id into their message: more texts than these add nothing.
_MOST_TEXTS_OF_A_KIND = 3
_MOST_WARNINGS = 5


@dataclass(slots=True)
class Counters:
    """Counters of the items of one signal, by result.

    ``collected`` counts all items and ``sent`` those that were delivered; ``sent_as_alternative``
    is the number of those that were delivered in their alternative form.
    """

    collected: int = 0
    sent: int = 0
    rejected: int = 0
    requests: int = 0
    bytes_sent: int = 0
    warnings: list[str] = field(default_factory=list)
    sent_as_alternative: int = 0
    _undelivered: Counter[FailureReason] = field(default_factory=Counter)
    _untried: Counter[FailureReason] = field(default_factory=Counter)

    def add_attempt(self, attempt: Attempt) -> None:
        """Count the requests of a batch."""
        self.requests += attempt.requests
        self.bytes_sent += attempt.bytes_sent

    def add_result(self, result: ExportResult, items: int) -> int:
        """Count a batch of ``items``; return how many of them were not delivered."""
        if result.warning and len(self.warnings) < _MOST_WARNINGS:
            self.warnings += [] if result.warning in self.warnings else [result.warning]
        self.rejected += result.rejected
        undelivered = result.rejected if result.delivered else items
        self.sent += items - undelivered
        if result.reason is not None:
            self._undelivered[self._merge_reason(result.reason)] += undelivered
        return undelivered

    def add_untried(self, reason: FailureReason, items: int) -> None:
        """Count items that were not sent because the failure of earlier ones would recur."""
        reason = self._merge_reason(reason)
        self._undelivered[reason] += items
        self._untried[reason] += items

    def failures(self) -> tuple[Failure, ...]:
        """Return each failure reason once, with its items, in order of appearance."""
        return tuple(
            build_failure(reason, items, self._untried[reason])
            for reason, items in self._undelivered.items()
        )

    def _merge_reason(self, reason: FailureReason) -> FailureReason:
        """Return an earlier reason with the same text, or of the same kind if it has many texts."""
        same_kind = [earlier for earlier in self._undelivered if earlier.key == reason.key]
        for earlier in same_kind:
            if earlier.problem == reason.problem:
                return earlier
        return same_kind[0] if len(same_kind) >= _MOST_TEXTS_OF_A_KIND else reason


def summarize_attempt(attempt: Attempt, target: SignalTarget, items: int) -> str:
    """Return a debug line about the requests of a batch of ``items``."""
    response = attempt.response
    error = response.error.name.lower() if response.error else "nothing"
    return (
        f"POST {target.signal.value} to {origin(target.url)}: {response.status or error} "
        f"in {attempt.seconds:.2f} s, {items} items, {attempt.bytes_sent} bytes "
        f"in {attempt.requests} requests"
    )


# Threads that deliver batches and put the attempts into a queue.
#
# They are daemons: a thread that hangs in a resolver or on a dead socket blocks neither the end of
# the program nor its batch, which the caller still has.


class Sender(Protocol):
    """Delivers requests, one at a time, from one thread."""

    def deliver(self, batch: Batch) -> Attempt:
        """Send a batch in one request; return the last response."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class Workers:
    """At most ``most`` threads, started as batches arrive, with one sender per thread."""

    def __init__(self, new_sender: Callable[[], Sender], most: int, clock: Clock) -> None:
        """Start no thread yet."""
        self._clock = clock
        self._new_sender = new_sender
        self._most = most
        self._threads = 0
        self._tasks: Queue[tuple[int, Batch] | None] = Queue()
        self._attempts: Queue[tuple[int, Attempt | None]] = Queue()
        self._stopped = threading.Event()

    def submit(self, number: int, batch: Batch) -> None:
        """Queue a batch; `next_attempt` returns its number once, unless its thread hangs."""
        self._tasks.put((number, batch))
        if self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._work, name="otlp-sender", daemon=True).start()

    def next_attempt(self, seconds: float) -> tuple[int, Attempt | None] | None:
        """Return the number of a finished batch and its attempt; None after ``seconds``.

        The attempt is None if the batch was not tried.
        """
        try:
            return (
                self._attempts.get(timeout=seconds) if seconds > 0 else self._attempts.get_nowait()
            )
        except Empty:
            return None

    def stop_trying(self) -> None:
        """Return queued batches untried."""
        self._stopped.set()

    def end(self) -> None:
        """End the threads after their current batch, without waiting for them."""
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
                except Exception as error:  # noqa: BLE001  Else the thread would end silently.
                    response = Response(error=NetworkErrorKind.OTHER, detail=type(error).__name__)
                    attempt = Attempt(response=response)
                attempt = replace(attempt, seconds=self._clock.monotonic() - began)
            self._attempts.put((number, attempt))
        if sender is not None:
            sender.close()


# Export of one signal: every item is delivered, spooled, or counted as lost.
#
# The caller's thread decides and writes to the spool; the workers only deliver.

MOST_WORKERS = 3
# As many batches wait as are being sent: no worker is idle, and memory stays constant.
_MOST_IN_FLIGHT = 2 * MOST_WORKERS
# A sender ends at the deadline by itself, with the reason of the delay. After this it hangs.
_GRACE_SECONDS = 0.5
# How often the cancellation is checked while waiting.
_POLL_SECONDS = 0.25
# Without a deadline: a sender's own limit for a batch, plus the requests that begin before it.
_PATIENCE_SECONDS = 150.0
# If no item was accepted, and this many single items were too large, a limit is set wrongly.
_MOST_TOO_LARGE_ALONE = 10

NewSender = Callable[[SignalTarget, Deadline], Sender]


def otlp_sender(target: SignalTarget, deadline: Deadline) -> Sender:
    """Return a sender of OTLP over HTTP."""
    # Loaded by the first worker thread, because it takes long.
    from flow_telemetry.otlp.transport import OtlpSender  # noqa: PLC0415

    return OtlpSender(target, deadline)


@dataclass(frozen=True, slots=True)
class _InFlight:
    """A batch that is being sent. ``request`` is the batch in its primary or alternative form."""

    batch: Batch
    request: Batch

    @property
    def is_alternative(self) -> bool:
        return self.request is not self.batch


class Export:
    """The export of one signal. ``_in_flight`` contains every batch without a result yet."""

    def __init__(self, exporter: OtlpExporter, target: SignalTarget, fallback: Fallback) -> None:
        """Open no connection yet."""
        deadline, new_sender = exporter.deadline, exporter.new_sender
        self._target = target
        self._fallback = fallback
        self._deadline = deadline
        self._spool = exporter.spool.writer(target.signal)
        self._patience = _PATIENCE_SECONDS + 2 * target.timeout
        self._workers = Workers(lambda: new_sender(target, deadline), MOST_WORKERS, deadline.clock)
        self._log = exporter.log
        self._counters = Counters()
        self._in_flight: dict[int, _InFlight] = {}
        self._submitted = 0
        self._is_unresponsive = False
        self._lasting_reason: FailureReason | None = None
        self._stored = Stored()
        self._too_large_alone = 0
        self._spools_declined = exporter.spools_declined
        self._declined: list[Batch] = []

    @cached_property
    def _description(self) -> TargetDescription:
        """Built once, at the first response, because it compiles a pattern of all secrets."""
        return TargetDescription.of(self._target)

    def add(self, batch: Batch) -> None:
        """Send a batch as soon as a worker is free; spool it if sending is pointless."""
        self._counters.collected += batch.count
        while (finished := self._workers.next_attempt(0)) is not None:
            self._handle_attempt(*finished)
        if not self._wait_for_worker():
            self._spool_untried(self._fallback.primary(batch), self._explain_deadline())
            return
        if self._deadline.expired:
            self._stop_trying(self._explain_deadline())
        batch = self._fallback.primary(batch)
        if self._lasting_reason is not None:
            self._skip(batch, self._lasting_reason)
            return
        self._submit(_InFlight(batch, batch))

    def finish(self) -> None:
        """Wait until every batch has a result."""
        while self._in_flight:
            self._wait()

    @property
    def is_absent(self) -> bool:
        """Whether the endpoint does not accept this signal at all."""
        reason = self._lasting_reason
        return reason is not None and reason.absent and not self._counters.sent

    def spool_declined(self) -> None:
        """Spool the declined batches: the address is wrong, not the signal."""
        for batch in self._declined:
            self._spool_untried(
                batch, self._lasting_reason or self._explain(NetworkErrorKind.OTHER)
            )
        self._declined.clear()

    def end(self) -> None:
        """Spool the batches that are in flight, which happens after an exception only."""
        self._workers.end()
        self._spool_in_flight(self._explain(NetworkErrorKind.OTHER))
        self._stored = self._spool.close().get(self._target.signal, Stored())

    def delivery(self) -> Delivery:
        """Return the sums of the export."""
        counters, stored = self._counters, self._stored
        return Delivery(
            signal=self._target.signal,
            destination=origin(self._target.url),
            collected=counters.collected,
            sent=counters.sent,
            rejected=counters.rejected,
            spooled=stored.items,
            lost=stored.lost,
            declined=sum(batch.count for batch in self._declined),
            requests=counters.requests,
            bytes_sent=counters.bytes_sent,
            failures=(*counters.failures(), *stored.failures),
            spool_files=stored.files,
            warnings=tuple(counters.warnings),
            notices=self._notices(),
        )

    def _submit(self, in_flight: _InFlight) -> None:
        self._submitted += 1
        self._in_flight[self._submitted] = in_flight
        self._workers.submit(self._submitted, in_flight.request)

    def _wait_for_worker(self) -> bool:
        """Wait until few batches are in flight.

        Return False if the program is being cancelled and the backend does not respond: then
        there is no time to wait.
        """
        while len(self._in_flight) >= _MOST_IN_FLIGHT:
            if self._is_cancelled and self._is_unresponsive:
                return False
            self._wait(for_worker=True)
        return True

    @property
    def _is_cancelled(self) -> bool:
        """Whether the program is being cancelled, with a moment left to send."""
        return self._deadline.cancellation.at is not None and not self._deadline.expired

    def _wait(self, *, for_worker: bool = False) -> None:
        """Handle one more attempt; spool everything that is in flight if none ends in time."""
        until = self._deadline.clock.monotonic() + self._patience
        # Short waits, because the deadline may be moved forward meanwhile.
        while (
            finished := self._workers.next_attempt(self._deadline.remaining(_POLL_SECONDS))
        ) is None:
            if for_worker and self._is_cancelled:
                self._is_unresponsive = True
                return
            seconds_left = until - self._deadline.clock.monotonic()
            if self._deadline.remaining(seconds_left) <= 0:
                break
        finished = finished or self._workers.next_attempt(_GRACE_SECONDS)
        if finished is not None:
            self._handle_attempt(*finished)
            return
        reason = (
            self._explain_deadline()
            if self._deadline.expired
            else self._explain(NetworkErrorKind.TIMEOUT)
        )
        self._stop_trying(reason)
        self._spool_in_flight(reason)

    def _handle_attempt(self, number: int, attempt: Attempt | None) -> None:
        self._is_unresponsive = False
        in_flight = self._in_flight.pop(number, None)
        if in_flight is None:
            return  # Its thread hung: the batch is in the spool.
        batch = in_flight.batch
        if attempt is None:
            self._skip(batch, self._lasting_reason or self._explain(NetworkErrorKind.OTHER))
            return
        self._counters.add_attempt(attempt)
        self._log.debug(summarize_attempt(attempt, self._target, batch.count))
        result = classify_response(attempt.response, self._description, batch.count)
        next_requests = self._next_requests(in_flight, result)
        if next_requests:
            for request in next_requests:
                self._submit(request)
        else:
            self._settle(in_flight, result)

    def _next_requests(self, in_flight: _InFlight, result: ExportResult) -> list[_InFlight]:
        """Return requests to try after a refusal: another form of the batch, or a split of it."""
        if not in_flight.is_alternative:
            alternative = self._fallback.alternative(in_flight.batch, result)
            if alternative is not None:
                return [_InFlight(in_flight.batch, alternative)]
        if not _is_too_large(result):
            return []
        batches = split_request(in_flight.batch)
        # Both forms contain the same items in the same order, so they split at the same item.
        requests = split_request(in_flight.request) if in_flight.is_alternative else batches
        return list(map(_InFlight, batches, requests))

    def _settle(self, in_flight: _InFlight, result: ExportResult) -> None:
        """Count the final result of a batch, and spool what was not delivered."""
        batch, reason = in_flight.batch, result.reason
        self._too_large_alone += _is_too_large(result)
        accepts_nothing = self._too_large_alone >= _MOST_TOO_LARGE_ALONE and not self._counters.sent
        if reason is not None and (reason.lasting or accepts_nothing):
            self._stop_trying(reason)
        if self._declines(reason):
            self._declined.append(batch)
            return
        undelivered = self._counters.add_result(result, batch.count)
        if in_flight.is_alternative:
            self._counters.sent_as_alternative += batch.count - undelivered
        if undelivered:
            # The whole batch: OTLP does not say which items were rejected.
            self._spool.add(batch, items=undelivered, reason=reason)

    def _declines(self, reason: FailureReason | None) -> bool:
        """Whether the backend lacks this signal. Every backend has traces."""
        is_optional = self._target.signal is not Signal.TRACES and not self._spools_declined
        return is_optional and reason is not None and reason.absent and not self._counters.sent

    def _stop_trying(self, reason: FailureReason) -> None:
        if self._lasting_reason is None:
            self._lasting_reason = reason
            self._workers.stop_trying()

    def _skip(self, batch: Batch, reason: FailureReason) -> None:
        if self._declines(reason):
            self._declined.append(batch)
        else:
            self._spool_untried(batch, reason)

    def _spool_untried(self, batch: Batch, reason: FailureReason) -> None:
        self._counters.add_untried(reason, batch.count)
        self._spool.add(batch, items=batch.count, reason=reason)

    def _spool_in_flight(self, reason: FailureReason) -> None:
        """Spool all batches in flight. If one arrives later, its second copy has the same ids."""
        for in_flight in self._in_flight.values():
            count = in_flight.batch.count
            self._counters.add_result(ExportResult(delivered=False, reason=reason), count)
            self._spool.add(in_flight.batch, items=count, reason=reason)
        self._in_flight.clear()

    def _notices(self) -> tuple[str, ...]:
        notices = []
        if count := self._counters.sent_as_alternative:
            notices.append(self._fallback.notice(self._description.origin, count))
        if self._declined and self._lasting_reason is not None:
            items = sum(batch.count for batch in self._declined)
            status = self._lasting_reason.status or 0
            notices.append(format_unsupported_signal(self._description, items, status))
        return tuple(notices)

    def _explain(self, error: NetworkErrorKind) -> FailureReason:
        response = Response(error=error, seconds=self._patience)
        return explain_network_error(response, self._description)

    def _explain_deadline(self) -> FailureReason:
        return self._explain(out_of_time(self._deadline))


def _is_too_large(result: ExportResult) -> bool:
    reason = result.reason
    return reason is not None and reason.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


# Exporters. The user's umask reduces the permissions of an output file.

_OPEN_FILE = 0o666


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpExporter:
    """An OTLP endpoint; undelivered batches go to the spool. Signals need a target to be exported.

    Batches of a signal that the backend does not support are neither spooled nor a failure, unless
    ``spools_declined``.
    """

    targets: Mapping[Signal, SignalTarget]
    spool: SpoolPolicy
    deadline: Deadline
    fallbacks: Fallbacks = field(default_factory=Fallbacks)
    new_sender: NewSender = otlp_sender
    spools_declined: bool = False
    log: Log = field(default_factory=SilentLog)

    @property
    def signals(self) -> Collection[Signal]:
        """The signals that have a target."""
        return self.targets.keys()

    def preload(self) -> object:
        """Load the SDK."""
        # Loaded here: a replay of encoded requests does not need it.
        from flow_telemetry.otlp.sdk import preload  # noqa: PLC0415

        return preload(self.targets)

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Send the stream, with separate connections for each signal.

        The stream is read while batches are sent, and to its end even if no batch can be sent. An
        exception of the stream is raised here, after the telemetry before it was spooled.
        """
        now = _nanosecond_clock(self.deadline.clock)
        exports: dict[Signal, Export] = {}
        with ExitStack() as stack:
            for batch in batch_telemetry(stream, self.targets, now):
                signal = batch.signal
                if signal not in exports:
                    fallback = self.fallbacks.for_signal(signal, now)
                    exports[signal] = Export(self, self.targets[signal], fallback)
                    stack.callback(exports[signal].end)
                exports[signal].add(batch)
            for export in exports.values():
                export.finish()
            # Every backend supports traces: if they are absent, the address is wrong.
            traces = exports.get(Signal.TRACES)
            if traces is not None and traces.is_absent:
                for export in exports.values():
                    export.spool_declined()
        return tuple(exports[signal].delivery() for signal in Signal if signal in exports)


@dataclass(frozen=True, slots=True)
class FileExporter:
    """A file of OTLP JSON lines with all signals, as the Collector's file exporter writes it."""

    path: Path
    clock: Clock = field(default_factory=SystemClock)
    fallbacks: Fallbacks = field(default_factory=Fallbacks)

    @property
    def signals(self) -> Collection[Signal]:
        """All signals, even those without an endpoint."""
        return frozenset(Signal)

    def preload(self) -> None:
        """Load nothing: lines are written without the SDK."""

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Write the stream to the file."""
        now = _nanosecond_clock(self.clock)
        writer = LinesWriter(
            lambda: LinesFile(self.path, _OPEN_FILE),
            problem=f"{self.path} could not be written",
            advice="Name a file in a folder that can be written, with room, after --output",
        )
        fallbacks = {signal: self.fallbacks.for_signal(signal, now) for signal in Signal}
        stored: dict[Signal, Stored] = {}
        try:
            for batch in batch_telemetry(stream, fallbacks, now):
                writer.add(fallbacks[batch.signal].primary(batch), items=batch.count)
        finally:
            stored = writer.close()
        return tuple(
            Delivery(
                signal=signal,
                destination=str(self.path),
                collected=stored[signal].items + stored[signal].lost,
                sent=stored[signal].items,
                lost=stored[signal].lost,
                failures=stored[signal].failures,
            )
            for signal in Signal
            if signal in stored
        )


@dataclass(frozen=True, slots=True)
class NullExporter:
    """Sends nothing: for a preview."""

    @property
    def signals(self) -> Collection[Signal]:
        """All signals."""
        return frozenset(Signal)

    def preload(self) -> None:
        """Load nothing."""

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Read the stream and count its items; each measurement counts as one."""
        counts = dict.fromkeys(Signal, 0)
        for telemetry in stream:
            items = telemetry.items if isinstance(telemetry, EncodedRequest) else 1
            counts[get_signal(telemetry)] += items
        return tuple(
            Delivery(signal=signal, destination="nowhere", collected=count, sent=count)
            for signal, count in counts.items()
            if count
        )


@dataclass(frozen=True, slots=True)
class RecordingExporter:
    """Records the telemetry that another exporter gets, except encoded requests."""

    inner: Exporter
    spans: list[Span] = field(default_factory=list)
    events: list[LogRecord] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    @property
    def signals(self) -> Collection[Signal]:
        """The signals of the other exporter."""
        return self.inner.signals

    def preload(self) -> object:
        """Load the libraries of the other exporter."""
        return self.inner.preload()

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Deliver the stream with the other exporter."""
        return self.inner.deliver(self._record(stream))

    def _record(self, stream: Iterable[Telemetry]) -> Iterator[Telemetry]:
        for telemetry in stream:
            if isinstance(telemetry, Span):
                self.spans.append(telemetry)
            elif isinstance(telemetry, LogRecord):
                self.events.append(telemetry)
            elif isinstance(telemetry, Measurement):
                self.measurements.append(telemetry)
            yield telemetry


def _nanosecond_clock(clock: Clock) -> Callable[[], int]:
    return lambda: int(clock.now().timestamp() * 1_000_000) * 1000
