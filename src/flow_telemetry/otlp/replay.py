"""Replay of spool folders, and of files of OTLP JSON lines: requests are sent once more.

Delivered requests are deleted in spool folders only, which the program made itself. Any other file,
such as that of `--output`, is only read.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from flow_telemetry.clock import Deadline
from flow_telemetry.otlp.compression import compress, decompress
from flow_telemetry.otlp.exporter import OtlpExporter
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.lines import (
    OtlpRequest,
    count_request_items,
    encode_request,
    parse_otlp_lines,
)
from flow_telemetry.otlp.point_times import SendingTimes, drop_states, stamp_message
from flow_telemetry.otlp.protobuf import decode_request
from flow_telemetry.otlp.response import NOUNS
from flow_telemetry.otlp.sending import NewSender, otlp_sender
from flow_telemetry.otlp.spool import (
    LockError,
    Spool,
    SpoolFolder,
    StoredRequest,
    is_refused,
    is_spool_folder,
    open_regular_file,
    read_regular_file,
    signal_of_file,
)
from flow_telemetry.outcome import Outcome, Status, describe_redacted
from flow_telemetry.privacy.records import redact_message
from flow_telemetry.privacy.redactor import Redactor
from flow_telemetry.telemetry import (
    Delivery,
    EncodedRequest,
    Signal,
    SignalTarget,
    merge_deliveries,
)
from flow_telemetry.text import counted

_LINES = ".jsonl"
# Files that earlier versions left when they were killed: lines, of which the last may be cut off.
_OLD_ENDINGS = (".replaying", ".partial")
_MOST_DAMAGED_SHOWN = 5
_MOST_SHOWN = 3
# The number of spool folders that are locked at once, each by an open file.
_MOST_AT_ONCE = 200
# As in files of tools in a job. A request has 1 MB; what is longer than this is not OTLP.
_LONGEST_LINE = 16 * 1024 * 1024


@dataclass(slots=True)
class _Notes:
    """What a replay has to say besides its deliveries.

    ``problems`` are failures, ``notices`` are not. ``damaged`` counts lines by file, ``staying``
    requests of signals without a target, ``states`` points that are no longer true. ``only_read``
    are files outside of spool folders.
    """

    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    damaged: Counter[str] = field(default_factory=Counter)
    staying: Counter[Signal] = field(default_factory=Counter)
    states: int = 0
    only_read: list[str] = field(default_factory=list)


class Replay:
    """A replay of several files and folders, as one export.

    ``off`` contains the reason for each signal without a target, ``left_out`` the signals that the
    user left out, which is not a failure.
    """

    def __init__(
        self,
        targets: Mapping[Signal, SignalTarget],
        off: Mapping[Signal, str],
        *,
        deadline: Deadline,
        redact: Redactor,
        fallbacks: Fallbacks,
        left_out: Iterable[Signal] = (),
        new_sender: NewSender = otlp_sender,
    ) -> None:
        """Read nothing yet."""
        self._targets = targets
        self._off = off
        self._left_out = frozenset(left_out)
        self._deadline = deadline
        self._redact = redact
        self._fallbacks = fallbacks
        self._new_sender = new_sender
        clock = deadline.clock
        self._times = SendingTimes(lambda: int(clock.now().timestamp() * 1_000_000) * 1000)

    def run(self, paths: Sequence[Path], progress: Callable[[str], None]) -> Outcome:
        """Send what is in files and folders; return the outcome.

        ``progress`` is called with the name of each folder and file.
        """
        notes = _Notes()
        redacted_before = self._redact.exported.texts
        exporter = OtlpExporter(
            targets=self._targets,
            # Nothing new is stored: what is not delivered stays where it is.
            spool=Spool(folder=Path(os.devnull)),
            deadline=self._deadline,
            fallbacks=self._fallbacks,
            new_sender=self._new_sender,
            edit=self._edit,
            is_replay=True,
        )
        found = find_replayable(paths, notes.problems.append)
        refused = {path.absolute() for path in paths if is_refused(path)}
        deliveries: list[Delivery] = []
        for first in range(0, len(found), _MOST_AT_ONCE):
            with ExitStack() as opened:
                chunk = found[first : first + _MOST_AT_ONCE]
                requests = self._read(chunk, refused, notes, opened, progress)
                deliveries += exporter.deliver_stored(requests)
        outcome = _build_outcome(merge_deliveries(deliveries), notes, self._off, self._left_out)
        redacted = self._redact.exported.texts - redacted_before
        notices = (*outcome.notices, *describe_redacted(redacted))
        return replace(outcome, notices=notices, redacted=redacted)

    def _edit(self, request: EncodedRequest) -> EncodedRequest:
        """Return a request without credentials, and with the times of its sending."""
        decoded = OtlpRequest(signal=request.signal, message=decode_request(request))
        redact_message(decoded.message, self._redact)
        if request.signal is Signal.METRICS:
            stamp_message(decoded, self._times())
        return encode_request(decoded)

    def _read(
        self,
        paths: Sequence[Path],
        refused: Collection[Path],
        notes: _Notes,
        opened: ExitStack,
        progress: Callable[[str], None],
    ) -> Iterator[StoredRequest]:
        for path in paths:
            if self._deadline.expired:
                notes.problems.append(f"`{path}` was not replayed: {self._deadline.ended}")
                continue
            progress(str(path))
            if is_spool_folder(path):
                requests = self._read_folder(path, refused, notes, opened)
            else:
                notes.only_read.append(str(path))
                requests = self._read_file(path, notes)
            for request in requests:
                if request.signal in self._targets:
                    yield request
                else:
                    notes.staying[request.signal] += 1

    def _read_folder(
        self, path: Path, refused: Collection[Path], notes: _Notes, opened: ExitStack
    ) -> Iterator[StoredRequest]:
        try:
            folder = SpoolFolder.open(path)
        except LockError as error:
            notes.problems.append(str(error))
            return
        opened.callback(folder.close)
        if folder.remove_partial():
            notes.notices.append(
                f"`{path}` was left by an export that was killed while it wrote a request, which "
                "is lost and was never sent"
            )
        for file in refused:
            if file.parent == path:
                folder.retry(file)
        _store_lines(folder, notes)
        for file, signal, _ in folder.requests():
            decoded = _decode_file(file, signal, notes)
            if decoded is not None:
                yield from self._stored(decoded, file, folder, notes)

    def _stored(
        self, decoded: OtlpRequest, file: Path, folder: SpoolFolder, notes: _Notes
    ) -> Iterator[StoredRequest]:
        signal = decoded.signal
        request = StoredRequest(signal=signal, items=0, folder=folder, path=file)
        states = self._drop_states(decoded, notes)
        items = count_request_items(decoded)
        if states and items:
            try:
                request = folder.write(request, compress(encode_request(decoded).body))
            except OSError as error:
                notes.problems.append(f"`{folder.path}` could not be written ({error.strerror})")
                return
        if states or (not items and signal in self._targets):
            file.unlink(missing_ok=True)
        if items:
            yield replace(request, items=items)

    def _drop_states(self, request: OtlpRequest, notes: _Notes) -> int:
        """Remove points that are no longer true from a request that is to be sent."""
        if request.signal is not Signal.METRICS or Signal.METRICS not in self._targets:
            return 0
        states = drop_states(request)
        notes.states += states
        return states

    def _read_file(self, file: Path, notes: _Notes) -> Iterator[StoredRequest]:
        """Yield the requests of a file that is not in a spool folder, in memory."""
        signal = signal_of_file(file)
        if signal is None:
            requests = _parse_user_file(file, notes)
        else:
            decoded = _decode_file(file, signal, notes)
            requests = iter(() if decoded is None else (decoded,))
        for request in requests:
            self._drop_states(request, notes)
            encoded = encode_request(request)
            if encoded.items:
                yield StoredRequest(
                    signal=encoded.signal,
                    items=encoded.items,
                    data=compress(encoded.body),
                    kept_in=str(file),
                )


def _decode_file(file: Path, signal: Signal, notes: _Notes) -> OtlpRequest | None:
    try:
        body = decompress(read_regular_file(file))
        encoded = EncodedRequest(signal=signal, body=body, items=0)
        return OtlpRequest(signal=signal, message=decode_request(encoded))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its content is damaged"
        notes.problems.append(f"`{file}` could not be read ({reason}) and stays where it is")
        return None


def _store_lines(folder: SpoolFolder, notes: _Notes) -> None:
    """Turn files of JSON lines in a spool folder, which earlier versions wrote, into requests."""
    for file in sorted(folder.path.glob(f"*{_LINES}")):
        try:
            for decoded in _parse_file(file, notes):
                if count_request_items(decoded):
                    folder.write(
                        StoredRequest(signal=decoded.signal, items=0),
                        compress(encode_request(decoded).body),
                    )
        except OSError as error:
            notes.problems.append(f"`{file}` could not be replayed ({error.strerror})")
            continue
        # Only a file with damaged lines stays.
        if not notes.damaged[str(file)]:
            file.unlink(missing_ok=True)
        else:
            file.replace(file.with_name(file.name + ".damaged"))


def _parse_file(file: Path, notes: _Notes) -> Iterator[OtlpRequest]:
    """Yield the requests of a file of OTLP JSON lines, and note damaged lines.

    Raises:
        OSError: the file cannot be read to its end.
    """
    for number, line in _read_lines(file):
        if line is None:
            text = f"line {number} of {file} has more than {_LONGEST_LINE:,} bytes"
            _note_damage(file, notes, text)
            continue
        requests, damaged = parse_otlp_lines([(number, line)], str(file))
        for text in damaged:
            _note_damage(file, notes, text)
        yield from requests


def _parse_user_file(file: Path, notes: _Notes) -> Iterator[OtlpRequest]:
    try:
        yield from _parse_file(file, notes)
    except OSError as error:
        notes.problems.append(
            f"`{file}` could not be read ({error.strerror or error}): name spool folders, files of "
            "OTLP JSON lines, or a folder with them"
        )


def _note_damage(file: Path, notes: _Notes, text: str) -> None:
    notes.damaged[str(file)] += 1
    if notes.damaged[str(file)] <= _MOST_DAMAGED_SHOWN:
        notes.problems.append(text)


def _read_lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield number and text of each line; None in place of a line that is too long."""
    with open_regular_file(path) as file:
        number = 0
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            if len(line) > _LONGEST_LINE:
                while line and not line.endswith(b"\n"):
                    line = file.readline(_LONGEST_LINE)
                yield number, None
            elif text := line.strip():
                yield number, text


# Files and folders


def find_replayable(paths: Iterable[Path], note: Callable[[str], None]) -> list[Path]:
    """Return spool folders, files of JSON lines and request files, in and below the named paths.

    Links to folders are not followed, and files that another program is writing or that were
    refused are left out. A named file inside a spool folder stands for that folder. ``note`` is
    called with a message about a path that is neither.
    """
    found: dict[Path, None] = {}
    for path in paths:
        # A spool folder is known by its name, which `.` does not show.
        absolute = path.absolute()
        if path.is_file() and is_spool_folder(absolute.parent):
            found[absolute.parent] = None
        elif path.is_file():
            # The user may name a link; those inside of a folder are not followed.
            found[path.resolve() if path.is_symlink() else path] = None
        elif path.is_dir() and path.is_symlink():
            note(f"`{path}` is a link and was not followed: name the folder that it leads to")
        elif path.is_dir():
            found.update(dict.fromkeys(_find_below(path.resolve())))
        elif path.exists():
            note(f"`{path}` is not a regular file and cannot be replayed")
        else:
            note(f"`{path}` does not exist: name spool folders, or files of OTLP JSON lines")
    return list(found)


def _find_below(path: Path) -> Iterator[Path]:
    """Yield what can be replayed in a folder; `os.walk` does not follow links to folders."""
    for folder, folders, names in os.walk(path):
        folders.sort()
        here = Path(folder)
        if is_spool_folder(here):
            folders.clear()
            yield here
            continue
        for name in sorted(names):
            file = here / name
            if name.startswith(".") or file.is_symlink():
                continue
            is_old = name.endswith(_OLD_ENDINGS) and f"{_LINES}." in name
            is_request = signal_of_file(file) is not None and not is_refused(file)
            if name.endswith(_LINES) or is_old or is_request:
                yield file


# The outcome


def _build_outcome(
    deliveries: tuple[Delivery, ...],
    notes: _Notes,
    off: Mapping[Signal, str],
    left_out: frozenset[Signal],
) -> Outcome:
    problems, notices = list(notes.problems), list(notes.notices)
    for file, count in notes.damaged.items():
        problems.append(f"{counted(count, 'line')} of `{file}` cannot be read")
    for signal, count in notes.staying.items():
        text = f"{counted(count, 'request')} of {NOUNS[signal].signal} not sent"
        if signal in left_out:
            notices.append(f"{text}: `signals` leaves them out")
        else:
            problems.append(f"{text}: {off.get(signal, 'they have no endpoint')}")
    if notes.only_read:
        files = ", ".join(f"`{file}`" for file in notes.only_read[:_MOST_SHOWN])
        more = len(notes.only_read) - _MOST_SHOWN
        others = f" and {counted(more, 'more file')}" if more > 0 else ""
        notices.append(
            "files outside of this program's spool folders are only read, and sending them again "
            f"counts their metrics twice: {files}{others}"
        )
    if notes.states:
        notices.append(
            f"{counted(notes.states, 'metric point', 'was', 'were')} left out: about open work, "
            "queues and runners, which are others by now"
        )
    failures = [f"{f.problem}. {f.advice}" for delivery in deliveries for f in delivery.failures]
    complete = not problems and all(delivery.complete for delivery in deliveries)
    if complete:
        status = Status.EXPORTED if deliveries else Status.SKIPPED
    else:
        spooled = any(delivery.spooled for delivery in deliveries)
        status = Status.SPOOLED if spooled else Status.PARTIAL
    return Outcome(
        status=status,
        deliveries=deliveries,
        problems=tuple(dict.fromkeys([*failures, *problems])),
        notices=(*(notice for delivery in deliveries for notice in delivery.notices), *notices),
        failed=not complete,
    )
