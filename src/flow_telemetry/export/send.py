"""The policy of sending: every item ends delivered, in the spool, or counted as lost.

One thread, the caller's, decides and writes to the spool; a few others only deliver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flow_telemetry.clock import Deadline
from flow_telemetry.export import no_answer, refusals
from flow_telemetry.export.answer import Answer, Attempt, Trouble
from flow_telemetry.export.causes import Cause, Place
from flow_telemetry.export.forms import Form
from flow_telemetry.export.intake import Batch
from flow_telemetry.export.redaction import origin
from flow_telemetry.export.spool import Kept, Spool
from flow_telemetry.export.tally import Tally
from flow_telemetry.export.verdict import Verdict, judge
from flow_telemetry.export.workers import Report, Sender, Workers
from flow_telemetry.telemetry import Delivery, Signal, SignalTarget

MOST_WORKERS = 3
# As many wait as are under way, so that no worker is idle and memory stays flat.
_MOST_IN_FLIGHT = 2 * MOST_WORKERS
# A sender ends by itself at the deadline, and tells then why it had to wait; past this it hangs.
_GRACE_SECONDS = 0.5
# Without a deadline: a sender's own bound for a batch, besides the requests that begin before it.
_PATIENCE_SECONDS = 150.0

NewSender = Callable[[SignalTarget, Deadline], Sender]


def otlp_sender(target: SignalTarget, deadline: Deadline) -> Sender:
    """Return the real sender. The SDK is loaded here, in the thread that needs it first."""
    from flow_telemetry.export.transport import OtlpSender  # noqa: PLC0415

    return OtlpSender(target, deadline)


@dataclass(frozen=True, slots=True)
class _Flight:
    """A batch that is under way; ``second`` is whether it was refused in its first form."""

    batch: Batch
    second: bool = False


class Export:
    """The export of one signal. ``_in_flight`` holds every batch whose end is not yet known."""

    def __init__(
        self,
        target: SignalTarget,
        form: Form,
        *,
        deadline: Deadline,
        spool: Spool,
        new_sender: NewSender = otlp_sender,
    ) -> None:
        """Open nothing yet."""
        self._target = target
        self._form = form
        self._deadline = deadline
        self._spool = spool.writer(target.signal)
        self._patience = _PATIENCE_SECONDS + 2 * target.timeout
        self._workers = Workers(lambda: new_sender(target, deadline), MOST_WORKERS)
        self._tally = Tally()
        self._in_flight: dict[int, _Flight] = {}
        self._submitted = 0
        self._hopeless: Cause | None = None
        self._kept = Kept()

    def take(self, batch: Batch) -> None:
        """Send a batch as soon as there is room, or spool it if there is no use in sending."""
        self._tally.collected += len(batch.items)
        while (report := self._workers.next_report(0)) is not None:
            self._settle(report)
        while len(self._in_flight) >= _MOST_IN_FLIGHT:
            self._wait()
        if self._deadline.expired:
            self._give_up_hope(self._cause_of(Trouble.DEADLINE))
        first = Batch(batch.signal, self._form.first(batch.items))
        if self._hopeless is not None:
            self._leave_untried(first, self._hopeless)
            return
        self._submit(_Flight(first), first)

    def finish(self) -> None:
        """Wait until the end of every batch is known."""
        while self._in_flight:
            self._wait()

    def end(self) -> None:
        """Spool what is still under way, which is something only after an exception."""
        self._workers.end()
        self._abandon(self._cause_of(Trouble.OTHER))
        self._kept = self._spool.close().get(self._target.signal, Kept())

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
            declined=tally.declined,
            requests=tally.requests,
            bytes_sent=tally.bytes_sent,
            failures=(*tally.failures(), *kept.failures),
            spool_files=kept.files,
            warnings=tuple(tally.warnings),
            notices=self._notices(),
        )

    def _submit(self, flight: _Flight, sent: Batch) -> None:
        self._submitted += 1
        self._in_flight[self._submitted] = flight
        self._workers.submit(self._submitted, sent.items)

    def _wait(self) -> None:
        """Settle one more batch; where none ends in time, all that are under way."""
        report = self._workers.next_report(
            self._deadline.remaining(self._patience) + _GRACE_SECONDS
        )
        if report is not None:
            self._settle(report)
            return
        cause = self._cause_of(Trouble.DEADLINE if self._deadline.expired else Trouble.TIMEOUT)
        self._give_up_hope(cause)
        self._abandon(cause)

    def _settle(self, report: Report) -> None:
        flight = self._in_flight.pop(report.number, None)
        if flight is None:
            return  # It was abandoned, and is in the spool.
        if report.attempt is None:
            self._leave_untried(flight.batch, self._hopeless or self._cause_of(Trouble.OTHER))
            return
        self._tally.add_attempt(report.attempt)
        self._judge(flight, report.attempt)

    def _judge(self, flight: _Flight, attempt: Attempt) -> None:
        items = flight.batch.items
        verdict = judge(attempt.answer, self._target, len(items))
        other = None if flight.second else self._form.second(items, verdict)
        if other is not None:
            self._submit(_Flight(flight.batch, second=True), Batch(flight.batch.signal, other))
            return
        if verdict.cause is not None and verdict.cause.lasting:
            self._give_up_hope(verdict.cause)
        if self._declines(verdict.cause):
            self._tally.declined += len(items)
            return
        undelivered = self._tally.add_verdict(verdict, len(items))
        if flight.second:
            self._tally.reformed += len(items) - undelivered
        if undelivered:
            # Whole, for OTLP does not tell which items it rejected.
            self._spool.add(flight.batch, items=undelivered)

    def _declines(self, cause: Cause | None) -> bool:
        """Whether the backend has no such signal. All have traces, so there it is a failure."""
        is_extra = self._target.signal is not Signal.TRACES
        return is_extra and cause is not None and cause.absent and not self._tally.sent

    def _give_up_hope(self, cause: Cause) -> None:
        if self._hopeless is None:
            self._hopeless = cause
            self._workers.stop_trying()

    def _leave_untried(self, batch: Batch, cause: Cause) -> None:
        if self._declines(cause):
            self._tally.declined += len(batch.items)
            return
        self._tally.add_untried(cause, len(batch.items))
        self._spool.add(batch, items=len(batch.items))

    def _abandon(self, cause: Cause) -> None:
        """Spool all that is under way; if it arrives all the same, it arrives twice and equal."""
        for flight in self._in_flight.values():
            count = len(flight.batch.items)
            self._tally.add_verdict(Verdict(delivered=False, cause=cause), count)
            self._spool.add(flight.batch, items=count)
        self._in_flight.clear()

    def _notices(self) -> tuple[str, ...]:
        tally, place = self._tally, Place.of(self._target)
        found = []
        if tally.reformed:
            found.append(self._form.notice(place.origin, tally.reformed))
        if tally.declined:
            found.append(refusals.not_taken(place, tally.declined))
        return tuple(found)

    def _cause_of(self, trouble: Trouble) -> Cause:
        answer = Answer(trouble=trouble, seconds=self._patience)
        return no_answer.of_trouble(answer, Place.of(self._target))
