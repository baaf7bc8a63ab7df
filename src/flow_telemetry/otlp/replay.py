"""Replay of spool files: every line is sent, and undelivered lines stay in the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flow_telemetry.clock import Deadline
from flow_telemetry.otlp.batch import Batch
from flow_telemetry.otlp.exporter import NewSender, OtlpExporter, otlp_sender
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.json import format_line
from flow_telemetry.otlp.lines import count_request_items, encode_request, parse_otlp_lines
from flow_telemetry.otlp.response import NOUNS, FailureReason
from flow_telemetry.otlp.spool import (
    FileLock,
    LinesFile,
    LockError,
    Stored,
    acquire_lock,
    find_locked_files,
    find_unfinished_files,
    format_locked,
)
from flow_telemetry.outcome import Outcome, Status
from flow_telemetry.privacy.records import redact_message
from flow_telemetry.privacy.redactor import Redactor
from flow_telemetry.telemetry import (
    Delivery,
    EncodedRequest,
    Signal,
    SignalTarget,
    merge_deliveries,
)

# The remainder of a file: lines to send another time, and lines that are always refused.


class Remainder:
    """Collects the undelivered lines of a locked file, and replaces the file with them at the end.

    Until then the locked file is complete: no failure loses a line.
    """

    def __init__(self, locked: FileLock) -> None:
        """Write nothing yet."""
        self._lock = locked
        self.retained = _AppendedLines(locked.original, locked.mode)
        refused = locked.original.with_name(f"{locked.original.name}.refused")
        self.refused = _AppendedLines(refused, locked.mode)
        self.lasting_reasons: dict[Signal, FailureReason] = {}
        # Messages about damaged lines, and the numbers of lines that were not tried.
        self.damaged: list[str] = []
        self.without_target: Counter[Signal] = Counter()
        self.untried: Counter[Signal] = Counter()

    def writer(self, signal: Signal) -> _SignalRemainder:
        """Return the store for the undelivered requests of a signal."""
        return _SignalRemainder(signal, self)

    @property
    def has_changes(self) -> bool:
        """Whether the file changes even if no line was sent."""
        return self.refused.count > 0 or self.retained.count == 0

    def commit(self) -> None:
        """Replace the file with the retained lines, or remove it if there are none.

        Raises:
            OSError: the disk fails; then the file is restored.
        """
        try:
            self.retained.publish()
            self.refused.publish()
        except OSError:
            self.undo()
            raise
        self._lock.path.unlink()

    def undo(self) -> None:
        """Restore the file.

        Raises:
            OSError: the disk fails; then the file still has its locked name.
        """
        self.retained.discard()
        self.refused.discard()
        self._lock.release()


class _AppendedLines:
    """Lines that are appended to a file when it is published. A disk failure is raised then."""

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
                existing = self.path.read_bytes().splitlines() if self.path.exists() else []
                self._file = LinesFile(self.path, self._mode)
                for existing_line in existing:
                    self._file.write_line(existing_line)
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
class _SignalRemainder:
    """Stores the undelivered requests of one signal, as a `LineStore` of the spool."""

    signal: Signal
    remainder: Remainder
    retained: int = 0
    refused: int = 0

    def add(self, batch: Batch, *, items: int, reason: FailureReason | None = None) -> None:
        line = format_line(batch).encode()
        if reason is not None and reason.final:
            self.refused += items
            self.remainder.refused.add(line)
            return
        if reason is not None and reason.lasting:
            self.remainder.lasting_reasons.setdefault(self.signal, reason)
        self.retained += items
        self.remainder.retained.add(line)

    def close(self) -> Mapping[Signal, Stored]:
        files = (
            *([str(self.remainder.retained.path)] if self.retained else ()),
            *([str(self.remainder.refused.path)] if self.refused else ()),
        )
        return {self.signal: Stored(items=self.retained + self.refused, files=files)}


# Replay of the spool, or of any file of OTLP JSON lines.

_MOST_DAMAGED_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The result of one file: ``problems`` describe the lines that stay in it, and why."""

    deliveries: tuple[Delivery, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


class Replay:
    """A replay of several files. A lasting failure of one file ends its signal in the next ones.

    ``off`` contains the reason for each signal without a target.
    """

    def __init__(
        self,
        targets: Mapping[Signal, SignalTarget],
        off: Mapping[Signal, str],
        *,
        deadline: Deadline,
        redact: Redactor,
        fallbacks: Fallbacks,
        new_sender: NewSender = otlp_sender,
    ) -> None:
        """Read nothing yet."""
        self._targets = targets
        self._off = off
        self._deadline = deadline
        self._redact = redact
        self._fallbacks = fallbacks
        self._new_sender = new_sender
        self._lasting_reasons: dict[Signal, FailureReason] = {}

    def file(self, file: Path) -> Replayed:
        """Send every line of a file, and keep undelivered lines in it."""
        if self._deadline.expired:
            return Replayed(problems=(f"{file} was not replayed: {self._deadline.ended}",))
        try:
            locked = acquire_lock(file)
        except LockError as error:
            return Replayed(problems=(str(error),))
        remainder = Remainder(locked)
        exporter = OtlpExporter(
            targets=self._targets,
            spool=remainder,
            deadline=self._deadline,
            fallbacks=self._fallbacks,
            new_sender=self._new_sender,
            spools_declined=True,
        )
        try:
            deliveries = exporter.deliver(self._requests(file, locked, remainder))
        except BaseException:
            remainder.undo()
            raise
        self._lasting_reasons = {**remainder.lasting_reasons, **self._lasting_reasons}
        problems = list(self._describe_remainder(file, remainder))
        try:
            if remainder.has_changes or any(delivery.sent for delivery in deliveries):
                remainder.commit()
            else:
                remainder.undo()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            problems.append(
                f"{file} could not be rewritten and still contains the sent lines: {reason}"
            )
        notices: tuple[str, ...] = ()
        if locked.unfinished:
            torn = "; the data of its last, incomplete line is lost" if locked.torn else ""
            notices = (f"{file} was written by an export that was killed, and was replayed{torn}",)
        return Replayed(deliveries=deliveries, problems=tuple(problems), notices=notices)

    def _requests(
        self, file: Path, locked: FileLock, remainder: Remainder
    ) -> Iterator[EncodedRequest]:
        """Yield the requests that are worth a try; the remainder gets the other lines."""
        for number, line in _read_lines(locked.path):
            requests, damaged = parse_otlp_lines([(number, line)], str(file))
            for message in damaged:
                remainder.damaged.append(message)
                remainder.retained.add(line)
            for request in requests:
                signal = request.signal
                if signal not in self._targets:
                    remainder.without_target[signal] += 1
                    remainder.retained.add(line)
                elif signal in self._lasting_reasons:
                    remainder.untried[signal] += 1
                    remainder.retained.add(line)
                elif count_request_items(request):
                    redact_message(request.message, self._redact)
                    yield encode_request(request)

    def _describe_remainder(self, file: Path, remainder: Remainder) -> Iterator[str]:
        yield from remainder.damaged[:_MOST_DAMAGED_SHOWN]
        damaged = len(remainder.damaged)
        if damaged > _MOST_DAMAGED_SHOWN:
            yield f"{damaged - _MOST_DAMAGED_SHOWN} more lines of {file} are damaged"
        if damaged:
            yield f"{_count_lines(damaged)} that cannot be read stayed in {file}"
        for signal, count in remainder.without_target.items():
            reason = self._off.get(signal, "they have no endpoint")
            yield f"{_count_lines(count)} of {NOUNS[signal].signal} stayed in {file}: {reason}"
        for signal, count in remainder.untried.items():
            reason = self._lasting_reasons[signal].problem
            lines = f"{_count_lines(count)} of {NOUNS[signal].signal}"
            yield f"{lines} stayed in {file}, not tried: {reason}"
        if count := remainder.refused.count:
            yield (
                f"{_count_lines(count)} of {file} would be refused again at any time, and were "
                f"moved to {remainder.refused.path}"
            )


def build_replay_outcome(
    replayed: Iterable[Replayed], errors: Iterable[str] = (), warnings: Iterable[str] = ()
) -> Outcome:
    """Return the outcome for several files; ``errors`` are about files that were not replayed."""
    replayed = list(replayed)
    deliveries = merge_deliveries(delivery for file in replayed for delivery in file.deliveries)
    errors = [*errors, *(problem for file in replayed for problem in file.problems)]
    failures = [f"{f.problem}. {f.advice}" for delivery in deliveries for f in delivery.failures]
    complete = not errors and all(delivery.complete for delivery in deliveries)
    if complete:
        status = Status.EXPORTED if deliveries else Status.SKIPPED
    else:
        spooled = any(delivery.spooled for delivery in deliveries)
        status = Status.SPOOLED if spooled else Status.PARTIAL
    return Outcome(
        status=status,
        deliveries=deliveries,
        problems=tuple(dict.fromkeys([*warnings, *failures, *errors])),
        notices=(
            *(notice for delivery in deliveries for notice in delivery.notices),
            *(notice for file in replayed for notice in file.notices),
        ),
        failed=not complete,
    )


def find_spool_files(paths: Iterable[Path], notify: Callable[[str], None]) -> list[Path]:
    """Return the named files, and the `*.jsonl` files in the named folders.

    Unfinished files of killed exports are included, files that are being written are not.
    ``notify`` is called with a notice about each file that another replay has locked.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            files[path] = None
            continue
        files.update(dict.fromkeys([*sorted(path.rglob("*.jsonl")), *find_unfinished_files(path)]))
        for locked in find_locked_files(path):
            notify(format_locked(locked))
    return list(files)


def _read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.strip()
            if text:
                yield number, text


def _count_lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
