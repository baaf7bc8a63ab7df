"""Where telemetry can go: a backend with a spool behind it, a file, nowhere, or past a watcher."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from flow_telemetry.clock import Clock, Deadline, SystemClock
from flow_telemetry.export.forms import Choices
from flow_telemetry.export.intake import batches_of, signal_of
from flow_telemetry.export.interface import Sink, Telemetry
from flow_telemetry.export.lines import LinesFile
from flow_telemetry.export.send import Export, NewSender, otlp_sender
from flow_telemetry.export.spool import Keeping, Kept, LinesWriter
from flow_telemetry.log import Log, Silent
from flow_telemetry.telemetry import (
    Delivery,
    LogRecord,
    Measurement,
    Prepared,
    Signal,
    SignalTarget,
    Span,
)

# What a user's own file gets, as far as the process's mask allows it.
_OPEN_FILE = 0o666


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpSink:
    """A backend; what it does not take goes to the spool. Signals without a target stay here.

    What a backend has no signal for is neither kept nor a failure, unless ``keeps_all``.
    """

    targets: Mapping[Signal, SignalTarget]
    spool: Keeping
    deadline: Deadline
    choices: Choices = field(default_factory=Choices)
    new_sender: NewSender = otlp_sender
    keeps_all: bool = False
    log: Log = field(default_factory=Silent)

    @property
    def signals(self) -> Collection[Signal]:
        """Those that have a target."""
        return self.targets.keys()

    def preload(self) -> object:
        """Load the SDK."""
        # Loaded here: one that replays encoded requests needs none of it.
        from flow_telemetry.export.sdk import preload  # noqa: PLC0415

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
class FileSink:
    """A file of OTLP JSON lines, of all signals, as the Collector's file exporter writes them."""

    path: Path
    clock: Clock = field(default_factory=SystemClock)
    choices: Choices = field(default_factory=Choices)

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
        kept: dict[Signal, Kept] = {}
        try:
            for batch in batches_of(stream, forms, now):
                writer.add(forms[batch.signal].first(batch), items=batch.count)
        finally:
            kept = writer.close()
        return tuple(self._delivery(signal, kept[signal]) for signal in Signal if signal in kept)

    def _delivery(self, signal: Signal, kept: Kept) -> Delivery:
        return Delivery(
            signal=signal,
            destination=str(self.path),
            collected=kept.items + kept.lost,
            sent=kept.items,
            lost=kept.lost,
            failures=kept.failures,
        )


@dataclass(frozen=True, slots=True)
class NoSink:
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
            taken[signal_of(each)] += each.items if isinstance(each, Prepared) else 1
        return tuple(
            Delivery(signal=signal, destination="nowhere", collected=count, sent=count)
            for signal, count in taken.items()
            if count
        )


@dataclass(frozen=True, slots=True)
class WatchedSink:
    """Another sink, what goes there kept to be shown; what others prepared passes by."""

    inner: Sink
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
