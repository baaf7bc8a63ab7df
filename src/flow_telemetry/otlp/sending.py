"""Sending of one signal: each request is delivered, kept in the spool, or counted as lost."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from http import HTTPStatus
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from flow_telemetry.clock import Clock, Deadline
from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.http.response import Response
from flow_telemetry.otlp.batch import Batch
from flow_telemetry.otlp.compression import compress
from flow_telemetry.otlp.fallback import Fallback
from flow_telemetry.otlp.lines import split_request
from flow_telemetry.otlp.protobuf import decode_request
from flow_telemetry.otlp.response import (
    NOUNS,
    Attempt,
    ExportResult,
    FailureReason,
    TargetDescription,
    build_failure,
    classify_response,
    explain_network_error,
    format_unsupported_signal,
)
from flow_telemetry.otlp.spool import Journal, Kept, StoredRequest
from flow_telemetry.otlp.transport import out_of_time
from flow_telemetry.settings.parse import origin
from flow_telemetry.telemetry import (
    OPENING,
    Delivery,
    EncodedRequest,
    Failure,
    Signal,
    SignalTarget,
)
from flow_telemetry.text import counted

if TYPE_CHECKING:
    from flow_telemetry.otlp.exporter import OtlpExporter
    from flow_telemetry.otlp.sdk import SdkEncoder


# Counters of an export. Each failure reason is reported once, with the sum of its items.

# Some servers put the request's id into their message: more texts than these add nothing.
_MOST_TEXTS_OF_A_KIND = 3
_MOST_WARNINGS = 5


@dataclass(slots=True)
class Counters:
    """Counters of the items of one signal, by result.

    ``collected`` counts all items and ``sent`` those that were delivered; ``sent_as_alternative``
    counts those that were delivered in another form, by form.
    """

    collected: int = 0
    sent: int = 0
    rejected: int = 0
    requests: int = 0
    bytes_sent: int = 0
    warnings: list[str] = field(default_factory=list)
    sent_as_alternative: Counter[str] = field(default_factory=Counter)
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
        f"in {attempt.seconds:.2f} s, {counted(items, 'item')}, "
        f"{counted(attempt.bytes_sent, 'byte')} in {counted(attempt.requests, 'request')}"
    )


# Threads that deliver requests and put the attempts into a queue.
#
# They are daemons: a thread that hangs in a resolver or on a dead socket blocks neither the end of
# the program nor its request, which the caller still has.


class Sender(Protocol):
    """Delivers requests, one at a time, from one thread."""

    def deliver(self, data: bytes) -> Attempt:
        """Send a request, its body in gzip; return the last response."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class Workers:
    """At most ``most`` threads, started as requests arrive, with one sender per thread."""

    def __init__(
        self,
        new_sender: Callable[[], Sender],
        most: int,
        clock: Clock,
        done: Callable[[int, Attempt | None], None],
    ) -> None:
        """Start no thread yet.

        ``done`` is called in a thread with the number of a finished request and its attempt, None
        if it was not tried.
        """
        self._clock = clock
        self._new_sender = new_sender
        self._most = most
        self._done = done
        self._threads = 0
        self._tasks: Queue[tuple[int, bytes] | None] = Queue()
        self._stopped = threading.Event()

    def submit(self, number: int, data: bytes) -> None:
        """Queue a request; it is done once, unless its thread hangs."""
        self._tasks.put((number, data))
        if self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._work, name="otlp-sender", daemon=True).start()

    def stop_trying(self) -> None:
        """Return queued requests untried."""
        self._stopped.set()

    def end(self) -> None:
        """End the threads after their current request, without waiting for them."""
        self.stop_trying()
        for _ in range(self._threads):
            self._tasks.put(None)

    def _work(self) -> None:
        sender: Sender | None = None
        while (task := self._tasks.get()) is not None:
            number, data = task
            attempt = None
            began = self._clock.monotonic()
            if not self._stopped.is_set():
                try:
                    sender = sender or self._new_sender()
                    attempt = sender.deliver(data)
                except Exception as error:  # noqa: BLE001  Else the thread would end silently.
                    response = Response(error=NetworkErrorKind.OTHER, detail=type(error).__name__)
                    attempt = Attempt(response=response)
                attempt = replace(attempt, seconds=self._clock.monotonic() - began)
            self._done(number, attempt)
        if sender is not None:
            sender.close()


# Export of one signal: every item is delivered, kept in the spool, or counted as lost.
#
# Requests are stored as they are read, and sent when all of the export are stored: a kill at any
# time after that loses nothing. If the disk fails, they are sent as they are read. The caller's
# thread decides and writes; the workers only deliver.

MOST_WORKERS = 3
# As many requests wait as are being sent: no worker is idle, and memory stays constant.
_MOST_IN_FLIGHT = 2 * MOST_WORKERS
# A sender ends at the deadline by itself, with the reason of the delay. After this it hangs.
_GRACE_SECONDS = 0.5
# How often the cancellation is checked while waiting.
_POLL_SECONDS = 0.25
# Without a deadline: a sender's own limit for a request, plus the tries that begin before it.
_PATIENCE_SECONDS = 150.0
# If no item was accepted, and this many single items were too large, a limit is set wrongly.
_MOST_TOO_LARGE_ALONE = 10

NewSender = Callable[[SignalTarget, Deadline], Sender]
Edit = Callable[[EncodedRequest], EncodedRequest]


def otlp_sender(target: SignalTarget, deadline: Deadline) -> Sender:
    """Return a sender of OTLP over HTTP."""
    # Loaded by the first worker thread, because it takes long.
    from flow_telemetry.otlp.transport import OtlpSender  # noqa: PLC0415

    return OtlpSender(target, deadline)


@dataclass(frozen=True, slots=True)
class _InFlight:
    """A request that is being sent, and the form if it is not the stored one.

    ``tried`` are the forms in which it was refused, and the current one.
    """

    request: StoredRequest
    form: EncodedRequest | None = None
    tried: tuple[str, ...] = ()


class Export:
    """The export of one signal.

    ``_waiting`` contains the stored requests that are not sent yet, ``_in_flight`` those without a
    result yet.
    """

    def __init__(
        self,
        exporter: OtlpExporter,
        target: SignalTarget,
        fallback: Fallback,
        journal: Journal,
        attempts: Attempts,
    ) -> None:
        """Open no connection yet. All signals share the ``attempts``."""
        deadline, new_sender = exporter.deadline, exporter.new_sender
        self._target = target
        self._fallback = fallback
        self._deadline = deadline
        self._journal = journal
        self._edit = exporter.edit
        self._refuses_final = exporter.is_replay
        self._patience = _PATIENCE_SECONDS + 2 * target.timeout
        # Replayed points of one series must arrive in the order of their new times.
        in_order = exporter.is_replay and target.signal is Signal.METRICS
        most = 1 if in_order else MOST_WORKERS
        self._attempts = attempts
        self._workers = Workers(
            lambda: new_sender(target, deadline),
            most,
            deadline.clock,
            lambda number, attempt: attempts.put((self, number, attempt)),
        )
        self._log = exporter.log
        self._counters = Counters()
        self._encoder: SdkEncoder | None = None
        self._waiting: deque[StoredRequest] = deque()
        self._in_flight: dict[int, _InFlight] = {}
        self._submitted = 0
        self._lasting_reason: FailureReason | None = None
        self._stored = Stored()
        self._too_large_alone = 0
        self._absent: list[StoredRequest] = []
        self._declined = 0

    @cached_property
    def _description(self) -> TargetDescription:
        """Built once, at the first response, because it compiles a pattern of all secrets."""
        return TargetDescription.of(self._target)

    def add(self, batch: Batch) -> None:
        """Encode and store a batch; send it now only if the disk fails."""
        form = self._fallback.primary(batch)  # As gauges, one point can become several.
        self._counters.collected += form.count
        for encoded in self._encode(form):
            self._add(self._journal.store(encoded, of_tool=form.encoded is not None))

    def add_stored(self, request: StoredRequest) -> None:
        """Add a request of an earlier export; send it now only if it is not in the spool."""
        self._counters.collected += request.items
        self._add(request)

    def start(self) -> None:
        """Send the first requests."""
        while self._waiting and len(self._in_flight) < _MOST_IN_FLIGHT and not self._must_stop:
            self._submit(self._waiting.popleft())

    def finish(self) -> None:
        """Send all requests, and wait until each has a result."""
        while self._waiting or self._in_flight:
            self.start()
            if self._must_stop:
                self._keep_waiting()
            if self._in_flight:
                self._wait()

    @property
    def has_sent(self) -> bool:
        """Whether the endpoint accepted any item."""
        return self._counters.sent > 0

    @property
    def base(self) -> str | None:
        """The base URL of the endpoint."""
        return self._target.base

    def settle_absent(self, *, declines: bool) -> None:
        """Settle the requests that were answered as if the backend did not have this signal.

        If it ``declines`` the signal, they are dropped; else the address is wrong, and they are
        kept.
        """
        for request in self._absent:
            if declines:
                self._declined += request.items
                self._journal.remove(request)
            else:
                reason = self._lasting_reason or self._explain(NetworkErrorKind.OTHER)
                self._keep_untried(request, reason)
        self._absent.clear()

    def end(self) -> None:
        """Keep the requests without a result, which happens after an exception only."""
        self._workers.end()
        self.settle_absent(declines=False)
        if self._in_flight:
            self._keep_in_flight(self._explain(NetworkErrorKind.OTHER))
        while self._waiting:
            reason = self._explain(NetworkErrorKind.OTHER)
            self._keep_untried(self._waiting.popleft(), reason)

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
            declined=self._declined,
            requests=counters.requests,
            bytes_sent=counters.bytes_sent,
            failures=(*counters.failures(), *stored.failures()),
            spool_files=tuple(stored.files),
            warnings=tuple(counters.warnings),
            notices=self._notices(),
            unstored=self._journal.problem,
        )

    def _encode(self, batch: Batch) -> Iterator[EncodedRequest]:
        """Yield the requests of a batch: one, or several without items that cannot be encoded."""
        if batch.encoded is not None:
            yield batch.encoded
            return
        # Loaded for the first batch: a replay of stored requests does not need it.
        from flow_telemetry.otlp.sdk import EncodingError, SdkEncoder  # noqa: PLC0415

        if self._encoder is None:
            self._encoder = SdkEncoder(batch.signal)
        try:
            yield self._encoder.encode(batch.items)
        except EncodingError:
            parts = split_request(batch)
            for part in parts:
                yield from self._encode(part)
            if not parts:
                reason = self._explain(NetworkErrorKind.ENCODING)
                self._counters.add_result(ExportResult(delivered=False, reason=reason), batch.count)
                self._stored.lost += batch.count

    def _add(self, request: StoredRequest) -> None:
        self._waiting.append(request)
        if request.path is not None:
            return
        # It is in memory only, so it is sent now, and a slow backend slows the reading down.
        while self._take_attempt(0):
            pass
        self.start()
        while self._waiting and not self._must_stop:
            self._wait()
            self.start()
        if self._must_stop:
            self._keep_waiting()

    @property
    def _must_stop(self) -> bool:
        """Whether no further request can be sent."""
        if self._lasting_reason is None and self._deadline.expired:
            self._stop_trying(self._explain_deadline())
        return self._lasting_reason is not None

    def _submit(self, request: StoredRequest) -> None:
        """Send a request in its current form."""
        try:
            if self._edit is None and not self._fallback.edits:
                self._send(_InFlight(request), request.read())
                return
            form = request.load()
            if self._edit is not None:
                form = self._edit(form)
            form = self._fallback.current(form)
        except (OSError, ValueError) as error:
            # Another process removed or damaged the file.
            reason = FailureReason(
                key="spool",
                problem=f"a request could not be read from the spool ({type(error).__name__})",
                advice="Check that no other program changes the files of `spool-path`",
                nouns=NOUNS[request.signal],
            )
            self._counters.add_result(ExportResult(delivered=False, reason=reason), request.items)
            self._stored.lost += request.items
            return
        self._send(_InFlight(request, form), compress(form.body))

    def _send(self, in_flight: _InFlight, data: bytes) -> None:
        self._submitted += 1
        self._in_flight[self._submitted] = in_flight
        self._workers.submit(self._submitted, data)

    def _wait(self) -> None:
        """Handle one more attempt; keep everything that is in flight if none ends in time."""
        until = self._deadline.clock.monotonic() + self._patience
        # Short waits, because the deadline may be moved forward meanwhile.
        while not self._take_attempt(self._deadline.remaining(_POLL_SECONDS)):
            seconds_left = until - self._deadline.clock.monotonic()
            if self._deadline.remaining(seconds_left) <= 0:
                break
        else:
            return
        if self._take_attempt(_GRACE_SECONDS):
            return
        reason = (
            self._explain_deadline()
            if self._deadline.expired
            else self._explain(NetworkErrorKind.TIMEOUT)
        )
        self._stop_trying(reason)
        self._keep_in_flight(reason)

    def _take_attempt(self, seconds: float) -> bool:
        """Handle an attempt of any signal, so that what was accepted is removed at once.

        Return whether one ended within ``seconds``.
        """
        try:
            export, number, attempt = self._attempts.get(timeout=max(seconds, 0.001))
        except Empty:
            return False
        export.handle_attempt(number, attempt)
        if export is not self:
            export.start()
        return True

    def handle_attempt(self, number: int, attempt: Attempt | None) -> None:
        """Handle the attempt of a request in flight; None if it was not tried."""
        in_flight = self._in_flight.pop(number, None)
        if in_flight is None:
            return  # Its thread hung: the request is in the spool.
        if attempt is None:
            reason = self._lasting_reason or self._explain(NetworkErrorKind.OTHER)
            self._skip(in_flight.request, reason)
            return
        items = in_flight.request.items
        self._counters.add_attempt(attempt)
        self._log.debug(summarize_attempt(attempt, self._target, items))
        result = classify_response(attempt.response, self._description, items)
        if not self._tries_again(in_flight, result):
            self._settle(in_flight, result)

    def _tries_again(self, in_flight: _InFlight, result: ExportResult) -> bool:
        """Send a refused request in another form, or later in two parts; return whether it does."""
        if result.reason is None:
            return False
        request = in_flight.request
        try:
            encoded = in_flight.form or request.load()
        except (OSError, ValueError):
            return False
        alternative = self._fallback.alternative(encoded, result, in_flight.tried)
        if alternative is not None:
            tried = (*in_flight.tried, alternative.form)
            self._send(
                _InFlight(request, alternative.request, tried), compress(alternative.request.body)
            )
            return True
        if not _is_too_large(result):
            return False
        # The stored form, from which each part is made anew.
        parts = split_request(Batch(request.signal, (), request.load()))
        for part in parts:
            if part.encoded is not None:
                self._waiting.append(self._journal.store_beside(request, part.encoded))
        if parts:
            self._journal.remove(request)
        return bool(parts)

    def _settle(self, in_flight: _InFlight, result: ExportResult) -> None:
        """Count the final result of a request, and keep it if not everything was delivered."""
        request, reason = in_flight.request, result.reason
        self._too_large_alone += _is_too_large(result)
        accepts_nothing = self._too_large_alone >= _MOST_TOO_LARGE_ALONE and not self._counters.sent
        if reason is not None and (reason.lasting or accepts_nothing):
            self._stop_trying(reason)
        if self._may_be_absent(reason):
            self._absent.append(request)
            return
        if result.rejected and _are_openings(request, result.rejected):
            self._log.debug(
                f"{self._description.origin} rejected {result.rejected} opening spans, which are "
                "as old as their pull requests and work items"
            )
            result = ExportResult(delivered=True)
        undelivered = self._counters.add_result(result, request.items)
        if in_flight.tried:
            self._counters.sent_as_alternative[in_flight.tried[-1]] += request.items - undelivered
        if not undelivered:
            self._journal.remove(request)
            return
        # The whole request: OTLP does not say which items were rejected, and the accepted ones must
        # not be sent again.
        refused = reason is not None and (
            reason.rejection or (reason.final and self._refuses_final)
        )
        self._stored.add(self._journal.keep(request, refused=refused), undelivered)

    def _may_be_absent(self, reason: FailureReason | None) -> bool:
        """Whether the backend may lack this signal. Every backend has traces."""
        is_optional = self._target.signal is not Signal.TRACES
        return is_optional and reason is not None and reason.absent and not self._counters.sent

    def _stop_trying(self, reason: FailureReason) -> None:
        if self._lasting_reason is None:
            self._lasting_reason = reason
            self._workers.stop_trying()

    def _skip(self, request: StoredRequest, reason: FailureReason) -> None:
        if self._may_be_absent(reason):
            self._absent.append(request)
        else:
            self._keep_untried(request, reason)

    def _keep_waiting(self) -> None:
        reason = self._lasting_reason or self._explain(NetworkErrorKind.OTHER)
        while self._waiting:
            self._skip(self._waiting.popleft(), reason)

    def _keep_untried(self, request: StoredRequest, reason: FailureReason) -> None:
        self._counters.add_untried(reason, request.items)
        self._stored.add(self._journal.keep(request), request.items)

    def _keep_in_flight(self, reason: FailureReason) -> None:
        """Keep all requests in flight. If one arrives later, its second copy has the same ids."""
        for in_flight in self._in_flight.values():
            request = in_flight.request
            self._counters.add_result(ExportResult(delivered=False, reason=reason), request.items)
            self._stored.add(self._journal.keep(request), request.items)
        self._in_flight.clear()

    def _notices(self) -> tuple[str, ...]:
        notices = [
            self._fallback.notice(form, self._description.origin, items)
            for form, items in self._counters.sent_as_alternative.items()
            if items
        ]
        if self._declined and self._lasting_reason is not None:
            status = self._lasting_reason.status or 0
            notices.append(format_unsupported_signal(self._description, self._declined, status))
        return tuple(notices)

    def _explain(self, error: NetworkErrorKind) -> FailureReason:
        response = Response(error=error, seconds=self._patience)
        return explain_network_error(response, self._description)

    def _explain_deadline(self) -> FailureReason:
        return self._explain(out_of_time(self._deadline))


Attempts: TypeAlias = "Queue[tuple[Export, int, Attempt | None]]"


@dataclass(slots=True)
class Stored:
    """The undelivered items of one signal: those in ``files``, and those ``lost``."""

    items: int = 0
    lost: int = 0
    files: list[str] = field(default_factory=list)
    _problems: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, kept: Kept, items: int) -> None:
        """Count the items of a request that was kept, or could not be."""
        if kept.file:
            self.items += items
            if kept.file not in self.files[-1:]:
                self.files.append(kept.file)
        else:
            self.lost += items
            self._problems[kept.problem, kept.advice] += items

    def failures(self) -> tuple[Failure, ...]:
        """Return each reason of a loss once, with its items."""
        return tuple(
            Failure(problem=problem, advice=advice, items=items)
            for (problem, advice), items in self._problems.items()
        )


def _are_openings(request: StoredRequest, rejected: int) -> bool:
    """Whether the rejected spans of a request are its opening spans.

    OTLP does not say which spans were rejected. Openings are rejected for their age, so they are if
    no other span is as old.
    """
    if request.signal is not Signal.TRACES:
        return False
    try:
        message: Any = decode_request(request.load())
    except (OSError, ValueError):
        return False
    is_opening = {
        (span.start_time_unix_nano, span.span_id): any(
            (pair.key, pair.value.string_value) == OPENING for pair in span.attributes
        )
        for resource_spans in message.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    }
    return all(is_opening[span] for span in sorted(is_opening)[:rejected])


def _is_too_large(result: ExportResult) -> bool:
    reason = result.reason
    return reason is not None and reason.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
