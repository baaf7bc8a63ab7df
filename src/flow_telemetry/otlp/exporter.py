"""Exporters: an OTLP endpoint with a spool, a file, nothing, or another one that is watched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import TypeVar

from flow_telemetry.clock import Clock, Deadline, SystemClock
from flow_telemetry.logging import Log, SilentLog
from flow_telemetry.otlp.batch import Batch, batch_telemetry, get_signal
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.sending import Attempts, Edit, Export, NewSender, otlp_sender
from flow_telemetry.otlp.spool import Spool, StoredRequest
from flow_telemetry.telemetry import (
    Delivery,
    EncodedRequest,
    Exporter,
    LogRecord,
    Measurement,
    Signal,
    SignalTarget,
    Span,
    Telemetry,
)

AnyRequest = TypeVar("AnyRequest", Batch, StoredRequest)

# Exporters. The user's umask reduces the permissions of an output file.

_OPEN_FILE = 0o666


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpExporter:
    """An OTLP endpoint. Signals need a target to be exported.

    Requests are in the spool from before they are sent until they are accepted. Requests of a
    signal that the backend does not support are neither kept nor a failure. ``edit`` changes a
    stored request before it is sent. A replay (``is_replay``) puts aside what would be refused
    again.
    """

    targets: Mapping[Signal, SignalTarget]
    spool: Spool
    deadline: Deadline
    fallbacks: Fallbacks = field(default_factory=Fallbacks)
    new_sender: NewSender = otlp_sender
    edit: Edit | None = None
    is_replay: bool = False
    log: Log = field(default_factory=SilentLog)

    @property
    def signals(self) -> Collection[Signal]:
        """The signals that have a target."""
        return self.targets.keys()

    def preload(self) -> object:
        """Load the SDK."""
        # Loaded here: a replay of stored requests does not need it.
        from flow_telemetry.otlp.sdk import preload  # noqa: PLC0415

        return preload(self.targets)

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Store the stream, then send it, with separate connections for each signal.

        The stream is read to its end even if no request can be sent. An exception of the stream is
        raised here, after the telemetry before it was stored.
        """
        batches = batch_telemetry(stream, self.targets, _nanosecond_clock(self.deadline.clock))
        return self._run(lambda export, batch: export.add(batch), batches)

    def deliver_stored(self, requests: Iterable[StoredRequest]) -> tuple[Delivery, ...]:
        """Send the requests of earlier exports, of signals that have a target."""
        return self._run(lambda export, request: export.add_stored(request), requests)

    def _run(
        self, add: Callable[[Export, AnyRequest], None], requests: Iterable[AnyRequest]
    ) -> tuple[Delivery, ...]:
        now = _nanosecond_clock(self.deadline.clock)
        exports: dict[Signal, Export] = {}
        attempts: Attempts = Queue()
        with ExitStack() as stack:
            journal = self.spool.journal()
            stack.callback(journal.close)
            for request in requests:
                signal = request.signal
                if signal not in exports:
                    fallback = self.fallbacks.for_signal(signal, now)
                    target = self.targets[signal]
                    exports[signal] = Export(self, target, fallback, journal, attempts)
                    stack.callback(exports[signal].end)
                add(exports[signal], request)
            for export in exports.values():
                export.start()
            for export in exports.values():
                export.finish()
            # A path that does not exist means that the backend does not have the signal only if the
            # base address is right: if it accepted another signal.
            bases = {export.base for export in exports.values() if export.has_sent} - {None}
            for export in exports.values():
                export.settle_absent(declines=export.base in bases)
        return tuple(exports[signal].delivery() for signal in Signal if signal in exports)


@dataclass(slots=True)
class FileExporter:
    """A file of OTLP JSON lines with all signals, as the Collector's file exporter writes it.

    It replaces an earlier file. Further deliveries of the same exporter, as of a sweep that exports
    two lists, are added to the first one (``_has_delivered``). With ``write_bytes``, which writes
    to a stream, there is no file, and the path is the name of the stream.
    """

    path: Path
    clock: Clock = field(default_factory=SystemClock)
    fallbacks: Fallbacks = field(default_factory=Fallbacks)
    write_bytes: Callable[[bytes], None] | None = None
    _has_delivered: bool = field(default=False, init=False)

    @property
    def signals(self) -> Collection[Signal]:
        """All signals, even those without an endpoint."""
        return frozenset(Signal)

    def preload(self) -> None:
        """Load nothing: lines are written without the SDK."""

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Write the stream to the file."""
        # Loaded for `--output` only, which keeps the other starts fast.
        from flow_telemetry.otlp.output import LinesStream, LinesWriter  # noqa: PLC0415

        now = _nanosecond_clock(self.clock)
        writer = LinesWriter(
            self.path,
            _OPEN_FILE,
            continues=self._has_delivered,
            stream=LinesStream(self.write_bytes) if self.write_bytes else None,
        )
        fallbacks = {signal: self.fallbacks.for_signal(signal, now) for signal in Signal}
        try:
            for batch in batch_telemetry(stream, fallbacks, now):
                writer.add(fallbacks[batch.signal].primary(batch))
        except BaseException:
            # What was read so far does not replace an earlier file.
            writer.discard()
            raise
        stored = writer.close()
        self._has_delivered = self._has_delivered or any(each.items for each in stored.values())
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
class WatchedExporter:
    """Another exporter. ``watch`` sees the stream on its way there, and yields it unchanged."""

    inner: Exporter
    watch: Callable[[Iterable[Telemetry]], Iterable[Telemetry]]

    @property
    def signals(self) -> Collection[Signal]:
        """The signals of the other exporter."""
        return self.inner.signals

    def preload(self) -> object:
        """Load the libraries of the other exporter."""
        return self.inner.preload()

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Deliver the stream with the other exporter."""
        return self.inner.deliver(self.watch(stream))


@dataclass(frozen=True, slots=True)
class Recording:
    """All telemetry of a stream, except encoded requests."""

    spans: list[Span] = field(default_factory=list)
    events: list[LogRecord] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    def watched(self, stream: Iterable[Telemetry]) -> Iterator[Telemetry]:
        """Yield the stream unchanged, and record it."""
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
