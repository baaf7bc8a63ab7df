"""Delivering batches: encoded by the SDK, compressed, sent, and sent again if that may help."""

from __future__ import annotations

import gzip
import random
import zlib

from flow_telemetry.clock import Deadline
from flow_telemetry.export.answer import Answer, Attempt
from flow_telemetry.export.intake import Batch
from flow_telemetry.export.retries import is_worth_another, pause
from flow_telemetry.export.sdk import SdkExporter
from flow_telemetry.export.session import RecordingSession
from flow_telemetry.export.troubles import out_of_time
from flow_telemetry.telemetry import SignalTarget

# For a batch with all its retries, where no deadline bounds it: a Retry-After may ask for a day.
LONGEST_BATCH_SECONDS = 120.0
# Level 6 takes half the time of 9, for a few more bytes in a hundred.
_LEVEL = 6


class OtlpSender:
    """Delivers requests of a signal to one target, one at a time: each thread has its own."""

    def __init__(self, target: SignalTarget, deadline: Deadline) -> None:
        """Open nothing yet."""
        self._target = target
        self._exporter: SdkExporter | None = None
        self._compression = target.compression
        self._deadline = deadline
        self._session = RecordingSession(target, deadline)

    def deliver(self, batch: Batch) -> Attempt:
        """Send a batch in one request, again if that may help, until the deadline.

        What is encoded already is sent as it is: to decode it into the SDK's objects would lose
        fields that the SDK does not know.
        """
        if batch.prepared is not None:
            return self._send(batch.prepared.body)
        if self._exporter is None:
            self._exporter = SdkExporter(self._target, self._send)
        return self._exporter.export(batch.items)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _send(self, body: bytes) -> Attempt:
        """Send the body of a request, in protobuf; the attempt holds the last answer."""
        clock = self._deadline.clock
        seconds_left = self._deadline.remaining(LONGEST_BATCH_SECONDS)
        last = Deadline.after(clock, seconds_left, self._deadline.cut)
        packed = compressed(body, self._compression)
        answer, tries = Answer(trouble=out_of_time(self._deadline)), 0
        while not last.expired:
            answer, tries = self._session.exchange(packed), tries + 1
            if not is_worth_another(answer, tries):
                break
            seconds = pause(answer, tries, now=clock.now(), chance=random.random())  # noqa: S311
            if seconds >= last.remaining():
                break
            clock.sleep(seconds)
        return Attempt(answer=answer, requests=tries, bytes_sent=tries * len(packed))


def compressed(body: bytes, compression: str) -> bytes:
    """Return a body packed by `gzip`, `deflate` or `none`; equal for equal bodies."""
    if compression == "gzip":
        return gzip.compress(body, _LEVEL, mtime=0)
    return zlib.compress(body, _LEVEL) if compression == "deflate" else body
