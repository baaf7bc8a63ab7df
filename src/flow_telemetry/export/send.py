"""The policy of sending: every item ends delivered, in the spool, or counted as lost.

One thread, the caller's, decides and writes to the spool; a few others only deliver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from flow_telemetry.clock import Deadline
from flow_telemetry.export import no_answer, refusals
from flow_telemetry.export.answer import Answer, Attempt, Trouble
from flow_telemetry.export.causes import Cause, Place
from flow_telemetry.export.forms import Form
from flow_telemetry.export.halves import halves
from flow_telemetry.export.intake import Batch
from flow_telemetry.export.redaction import origin
from flow_telemetry.export.spool import Keeping, Kept
from flow_telemetry.export.tally import Tally
from flow_telemetry.export.telling import told
from flow_telemetry.export.troubles import out_of_time
from flow_telemetry.export.verdict import Verdict, judge
from flow_telemetry.export.workers import Report, Sender, Workers
from flow_telemetry.log import Log, Silent
from flow_telemetry.telemetry import Delivery, Signal, SignalTarget

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
    from flow_telemetry.export.transport import OtlpSender  # noqa: PLC0415

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
        form: Form,
        *,
        deadline: Deadline,
        spool: Keeping,
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
        self._log = log or Silent()
        self._tally = Tally()
        self._in_flight: dict[int, _Flight] = {}
        self._submitted = 0
        self._silent = False
        self._hopeless: Cause | None = None
        self._kept = Kept()
        self._too_large_alone = 0
        self._keeps_all = keeps_all
        self._declined: list[Batch] = []

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
            self._add_untried(batch, self._hopeless or self._cause_of(Trouble.OTHER))
        self._declined.clear()

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
        late = out_of_time(self._deadline) if self._deadline.expired else Trouble.TIMEOUT
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
            self._leave_untried(flight.batch, self._hopeless or self._cause_of(Trouble.OTHER))
            return
        self._tally.add_attempt(report.attempt)
        self._log.debug(told(report.attempt, self._target, flight.batch.count))
        self._judge(flight, report.attempt)

    def _judge(self, flight: _Flight, attempt: Attempt) -> None:
        count = flight.batch.count
        verdict = judge(attempt.answer, self._target, count)
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
        undelivered = self._tally.add_verdict(verdict, count)
        if flight.is_second:
            self._tally.reformed += count - undelivered
        if undelivered:
            # Whole, for OTLP does not tell which items it rejected.
            self._spool.add(flight.batch, items=undelivered, cause=verdict.cause)

    def _further(self, flight: _Flight, verdict: Verdict) -> list[_Flight]:
        """What else to try with a batch that was refused: another form, or two halves of it."""
        if not flight.is_second:
            second = self._form.second(flight.batch, verdict)
            if second is not None:
                return [_Flight(flight.batch, second)]
        if not _is_too_large(verdict):
            return []
        firsts = halves(flight.batch)
        # Of the same items in the same order, whatever their form.
        sent = halves(flight.sent) if flight.is_second else firsts
        return list(map(_Flight, firsts, sent))

    def _takes_nothing(self, verdict: Verdict) -> bool:
        """Whether requests were cut as small as can be, and not one was small enough."""
        self._too_large_alone += _is_too_large(verdict)
        return self._too_large_alone >= _MOST_TOO_LARGE_ALONE and not self._tally.sent

    def _declines(self, cause: Cause | None) -> bool:
        """Whether the backend has no such signal. All have traces, so there it is a failure."""
        is_extra = self._target.signal is not Signal.TRACES and not self._keeps_all
        return is_extra and cause is not None and cause.absent and not self._tally.sent

    def _give_up_hope(self, cause: Cause) -> None:
        if self._hopeless is None:
            self._hopeless = cause
            self._workers.stop_trying()

    def _leave_untried(self, batch: Batch, cause: Cause) -> None:
        if self._declines(cause):
            self._declined.append(batch)
            return
        self._add_untried(batch, cause)

    def _add_untried(self, batch: Batch, cause: Cause) -> None:
        self._tally.add_untried(cause, batch.count)
        self._spool.add(batch, items=batch.count, cause=cause)

    def _abandon(self, cause: Cause) -> None:
        """Spool all that is under way; if it arrives all the same, it arrives twice and equal."""
        for flight in self._in_flight.values():
            count = flight.batch.count
            self._tally.add_verdict(Verdict(delivered=False, cause=cause), count)
            self._spool.add(flight.batch, items=count, cause=cause)
        self._in_flight.clear()

    def _notices(self) -> tuple[str, ...]:
        tally, place = self._tally, Place.of(self._target)
        found = []
        if tally.reformed:
            found.append(self._form.notice(place.origin, tally.reformed))
        if self._declined and self._hopeless is not None:
            items = sum(batch.count for batch in self._declined)
            found.append(refusals.not_taken(place, items, self._hopeless.status or 0))
        return tuple(found)

    def _cause_of(self, trouble: Trouble) -> Cause:
        answer = Answer(trouble=trouble, seconds=self._patience)
        return no_answer.of_trouble(answer, Place.of(self._target))


def _is_too_large(verdict: Verdict) -> bool:
    cause = verdict.cause
    return cause is not None and cause.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
