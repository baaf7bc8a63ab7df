"""Sending a spool again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flow_telemetry.clock import Deadline
from flow_telemetry.otlp.batch import Batch
from flow_telemetry.otlp.exporter import NewSender, OtlpExporter, otlp_sender
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.json import line_of
from flow_telemetry.otlp.lines import encode_request, item_count, parse_otlp_lines
from flow_telemetry.otlp.response import NOUNS, FailureReason
from flow_telemetry.otlp.spool import (
    FileLock,
    LinesFile,
    LockError,
    Stored,
    acquire_lock,
    describe_lost,
    find_locks,
    unfinished_in,
)
from flow_telemetry.privacy.records import redact_message
from flow_telemetry.privacy.redactor import Redactor
from flow_telemetry.telemetry import Delivery, EncodedRequest, Signal, SignalTarget

# What a replay leaves of a file: lines to send another time, and lines that nobody ever takes.


class Remainder:
    """Collects them beside a file that was claimed, and puts them in its place at the end.

    Until then the claimed file is whole: whatever fails, nothing is lost.
    """

    def __init__(self, claimed: FileLock) -> None:
        """Write nothing yet."""
        self._claim = claimed
        self.again = _Lines(claimed.home, claimed.mode)
        self.refused = _Lines(claimed.home.with_name(f"{claimed.home.name}.refused"), claimed.mode)
        self.hopeless: dict[Signal, FailureReason] = {}

    def writer(self, signal: Signal) -> _OfSignal:
        """Return what takes the requests of a signal that were not delivered."""
        return _OfSignal(signal, self)

    @property
    def changes(self) -> bool:
        """Whether the file is another than before, even if nothing of it was sent."""
        return self.refused.count > 0 or self.again.count == 0

    def settle(self) -> None:
        """Let only what is left stand in the file, or no file where that is nothing.

        Raises:
            OSError: the disk fails; then the file is back as it was.
        """
        try:
            self.again.publish()
            self.refused.publish()
        except OSError:
            self.undo()
            raise
        self._claim.path.unlink()

    def undo(self) -> None:
        """Put the file back as it was.

        Raises:
            OSError: the disk fails; then it stands under the name by which it was claimed.
        """
        self.again.discard()
        self.refused.discard()
        self._claim.give_back()


class _Lines:
    """A file that is made for its first line; a failing disk is told at the end.

    Lines that stand there already stay, before the new ones.
    """

    def __init__(self, path: Path, mode: int) -> None:
        self.path = path
        self._mode = mode
        self._file: LinesFile | None = None
        self._error: OSError | None = None
        self.count = 0

    def add(self, line: bytes) -> None:
        self.count += 1
        if self._error is not None:
            return
        try:
            if self._file is None:
                before = self.path.read_bytes().splitlines() if self.path.exists() else []
                self._file = LinesFile(self.path, self._mode)
                for each in before:
                    self._file.write_line(each)
            self._file.write_line(line)
        except OSError as error:
            self._error = error

    def publish(self) -> None:
        if self._error is not None:
            raise self._error
        if self._file is not None:
            self._file.publish()

    def discard(self) -> None:
        if self._file is not None:
            self._file.discard()


@dataclass(slots=True)
class _OfSignal:
    """The requests of one signal; see `export.spool.Keeper`."""

    signal: Signal
    left: Remainder
    again: int = 0
    refused: int = 0

    def add(self, batch: Batch, *, items: int, cause: FailureReason | None = None) -> None:
        line = line_of(batch).encode()
        if cause is not None and cause.final:
            self.refused += items
            self.left.refused.add(line)
            return
        if cause is not None and cause.lasting:
            self.left.hopeless.setdefault(self.signal, cause)
        self.again += items
        self.left.again.add(line)

    def close(self) -> Mapping[Signal, Stored]:
        files = (
            *([str(self.left.again.path)] if self.again else ()),
            *([str(self.left.refused.path)] if self.refused else ()),
        )
        return {self.signal: Stored(items=self.again + self.refused, files=files)}


# Sending again what a spool holds, or any file of OTLP JSON lines, and keeping what fails.

_MOST_DAMAGED_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of a file: ``problems`` say what is left of it, and why, a sentence each.

    ``notices`` are what else is worth knowing of it.
    """

    deliveries: tuple[Delivery, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(slots=True)
class _Unsent:
    """The lines of a file that were not even tried."""

    damaged: list[str] = field(default_factory=list)
    without_target: dict[Signal, int] = field(default_factory=dict)
    without_hope: dict[Signal, int] = field(default_factory=dict)


class Replay:
    """One replay of any files: what one of them meets that lasts is not tried for the next.

    ``off`` holds why a signal has no target.
    """

    def __init__(
        self,
        targets: Mapping[Signal, SignalTarget],
        off: Mapping[Signal, str],
        *,
        deadline: Deadline,
        redact: Redactor,
        choices: Fallbacks,
        new_sender: NewSender = otlp_sender,
    ) -> None:
        """Touch nothing yet."""
        self._targets = targets
        self._off = off
        self._deadline = deadline
        self._redact = redact
        self._choices = choices
        self._new_sender = new_sender
        self._hopeless: dict[Signal, FailureReason] = {}

    def file(self, file: Path) -> Replayed:
        """Send every line of a file, and let stand there what was not delivered."""
        if self._deadline.expired:
            return Replayed(problems=(f"{file} was not begun: {self._deadline.ended}",))
        try:
            claimed = acquire_lock(file)
        except LockError as error:
            return Replayed(problems=(str(error),))
        left, unsent = Remainder(claimed), _Unsent()
        try:
            deliveries = self._sink(left).deliver(self._requests(file, claimed, left, unsent))
        except BaseException:
            left.undo()
            raise
        self._hopeless = {**left.hopeless, **self._hopeless}
        problems = [*self._told(file, unsent), *_refused(file, left)]
        try:
            if left.changes or any(each.sent for each in deliveries):
                left.settle()
            else:
                left.undo()
        except OSError as error:
            problems.append(_not_rewritten(file, error))
        return Replayed(
            deliveries=deliveries, problems=tuple(problems), notices=_of_a_kill(file, claimed)
        )

    def _sink(self, left: Remainder) -> OtlpExporter:
        return OtlpExporter(
            targets=self._targets,
            spool=left,
            deadline=self._deadline,
            choices=self._choices,
            new_sender=self._new_sender,
            keeps_all=True,
        )

    def _requests(
        self, file: Path, claimed: FileLock, left: Remainder, unsent: _Unsent
    ) -> Iterator[EncodedRequest]:
        """The requests that are worth a try; the other lines stay as they are."""
        for number, line in _lines(claimed.path):
            found = parse_otlp_lines([(number, line)], str(file))
            for text in found.damaged:
                unsent.damaged.append(text)
                left.again.add(line)
            for request in found.requests:
                signal = request.signal
                if signal not in self._targets:
                    unsent.without_target[signal] = unsent.without_target.get(signal, 0) + 1
                    left.again.add(line)
                elif signal in self._hopeless:
                    unsent.without_hope[signal] = unsent.without_hope.get(signal, 0) + 1
                    left.again.add(line)
                elif item_count(request):
                    redact_message(request.message, self._redact)
                    yield encode_request(request)

    def _told(self, file: Path, unsent: _Unsent) -> Iterator[str]:
        yield from unsent.damaged[:_MOST_DAMAGED_TOLD]
        more = len(unsent.damaged) - _MOST_DAMAGED_TOLD
        if more > 0:
            yield f"{more} more lines of {file} are damaged"
        if unsent.damaged:
            yield f"{_some(len(unsent.damaged))} that cannot be read stayed in {file}"
        for signal, count in unsent.without_target.items():
            reason = self._off.get(signal, "they have no endpoint")
            yield f"{_some(count)} of {NOUNS[signal].signal} stayed in {file}: {reason}"
        for signal, count in unsent.without_hope.items():
            reason = self._hopeless[signal].problem
            yield f"{_some(count)} of {NOUNS[signal].signal} stayed in {file}, not tried: {reason}"


def find_spool_files(paths: Iterable[Path], tell: Callable[[str], None]) -> list[Path]:
    """Return the files to replay: those that are named, and `*.jsonl` in folders that are.

    So is what killed exports left in these folders, but nothing that is still being written.
    ``tell`` gets a sentence for each file that another replay has.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            found[path] = None
            continue
        found.update(dict.fromkeys([*sorted(path.rglob("*.jsonl")), *unfinished_in(path)]))
        for taken in find_locks(path):
            tell(describe_lost(taken))
    return list(found)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.strip()
            if text:
                yield number, text


def _refused(file: Path, left: Remainder) -> Iterator[str]:
    if left.refused.count:
        yield (
            f"{_some(left.refused.count)} of {file} would be refused whenever they are sent, and "
            f"were moved to {left.refused.path}"
        )


def _of_a_kill(file: Path, claimed: FileLock) -> tuple[str, ...]:
    if not claimed.unfinished:
        return ()
    torn = "; what was written of its last line is lost" if claimed.torn else ""
    return (f"{file} was left by an export that was killed, and was replayed all the same{torn}",)


def _not_rewritten(file: Path, error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return f"{file} could not be rewritten, and holds what was sent, too: {reason}"


def _some(lines: int) -> str:
    return "1 line" if lines == 1 else f"{lines} lines"
