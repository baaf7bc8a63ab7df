"""The policy of sending: every span ends delivered, in the spool, or counted as lost.

One thread, the caller's, decides and writes to the spool; a few others only deliver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flow_telemetry.clock import Deadline
from flow_telemetry.export import no_answer
from flow_telemetry.export.answer import Answer, Attempt, Trouble
from flow_telemetry.export.batches import batches
from flow_telemetry.export.causes import Cause, Place
from flow_telemetry.export.redaction import origin
from flow_telemetry.export.spool import Kept, LinesWriter, Spool
from flow_telemetry.export.tally import Tally
from flow_telemetry.export.verdict import Verdict, judge
from flow_telemetry.export.workers import Report, Sender, Workers
from flow_telemetry.telemetry import Delivery, SignalTarget, Span

MOST_WORKERS = 3
# As many wait as are under way, so that no worker is idle and memory stays flat.
_MOST_IN_FLIGHT = 2 * MOST_WORKERS
# A sender ends by itself at the deadline, and tells then why it had to wait; past this it hangs.
_GRACE_SECONDS = 0.5
# Without a deadline: a sender's own bound for a batch, besides the requests that begin before it.
_PATIENCE_SECONDS = 150.0

Batch = tuple[Span, ...]
NewSender = Callable[[SignalTarget, Deadline], Sender]


def otlp_sender(target: SignalTarget, deadline: Deadline) -> Sender:
    """Return the real sender. The SDK is loaded here, in the thread that needs it first."""
    from flow_telemetry.export.transport import OtlpSender  # noqa: PLC0415

    return OtlpSender(target, deadline)


def send_spans(
    spans: Iterable[Span],
    target: SignalTarget,
    *,
    deadline: Deadline,
    spool: Spool,
    new_sender: NewSender = otlp_sender,
) -> Delivery:
    """Send all spans, keep in the spool what was not delivered, and tell what became of them.

    ``spans`` is read as batches leave, and to its end even where none of them can be sent. What it
    raises is raised here, after what was read so far is in the spool.
    """
    export = _Export(target, deadline, spool.writer(), new_sender)
    try:
        for batch in batches(spans):
            export.take(batch)
        export.finish()
    finally:
        export.end()
    return export.delivery()


class _Export:
    """One export under way. ``_in_flight`` holds every batch whose end is not yet known."""

    def __init__(
        self,
        target: SignalTarget,
        deadline: Deadline,
        spool: LinesWriter,
        new_sender: NewSender,
    ) -> None:
        self._target = target
        self._deadline = deadline
        self._spool = spool
        self._patience = _PATIENCE_SECONDS + 2 * target.timeout
        self._workers = Workers(lambda: new_sender(target, deadline), MOST_WORKERS)
        self._tally = Tally()
        self._in_flight: dict[int, Batch] = {}
        self._submitted = 0
        self._hopeless: Cause | None = None
        self._kept = Kept()

    def take(self, batch: Batch) -> None:
        """Send a batch as soon as there is room, or spool it if there is no use in sending."""
        self._tally.collected += len(batch)
        while (report := self._workers.next_report(0)) is not None:
            self._settle(report)
        while len(self._in_flight) >= _MOST_IN_FLIGHT:
            self._wait()
        if self._deadline.expired:
            self._give_up_hope(self._cause_of(Trouble.DEADLINE))
        if self._hopeless is not None:
            self._leave_untried(batch, self._hopeless)
            return
        self._submitted += 1
        self._in_flight[self._submitted] = batch
        self._workers.submit(self._submitted, batch)

    def finish(self) -> None:
        """Wait until the end of every batch is known."""
        while self._in_flight:
            self._wait()

    def end(self) -> None:
        """Spool what is still under way, which is something only after an exception."""
        self._workers.end()
        self._abandon(self._cause_of(Trouble.OTHER))
        self._kept = self._spool.close()

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
            requests=tally.requests,
            bytes_sent=tally.bytes_sent,
            failures=(*tally.failures(), *kept.failures),
            spool_files=kept.files,
            warnings=tuple(tally.warnings),
        )

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
        batch = self._in_flight.pop(report.number, None)
        if batch is None:
            return  # It was abandoned, and is in the spool.
        if report.attempt is None:
            self._leave_untried(batch, self._hopeless or self._cause_of(Trouble.OTHER))
            return
        self._tally.add_attempt(report.attempt)
        self._judge(batch, report.attempt)

    def _judge(self, batch: Batch, attempt: Attempt) -> None:
        verdict = judge(attempt.answer, self._target, len(batch))
        undelivered = self._tally.add_verdict(verdict, len(batch))
        if undelivered:
            # Whole, for OTLP does not tell which spans it rejected.
            self._spool.add(batch, items=undelivered)
        if verdict.cause is not None and verdict.cause.lasting:
            self._give_up_hope(verdict.cause)

    def _give_up_hope(self, cause: Cause) -> None:
        if self._hopeless is None:
            self._hopeless = cause
            self._workers.stop_trying()

    def _leave_untried(self, batch: Batch, cause: Cause) -> None:
        self._tally.add_untried(cause, len(batch))
        self._spool.add(batch, items=len(batch))

    def _abandon(self, cause: Cause) -> None:
        """Spool all that is under way; if it arrives all the same, it arrives twice and equal."""
        for batch in self._in_flight.values():
            self._tally.add_verdict(Verdict(delivered=False, cause=cause), len(batch))
            self._spool.add(batch, items=len(batch))
        self._in_flight.clear()

    def _cause_of(self, trouble: Trouble) -> Cause:
        answer = Answer(trouble=trouble, seconds=self._patience)
        return no_answer.of_trouble(answer, Place.of(self._target))
