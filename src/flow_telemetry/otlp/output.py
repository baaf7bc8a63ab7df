"""Output files of OTLP JSON lines, which get their name when they are complete."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from pathlib import Path

from flow_telemetry.otlp.batch import Batch
from flow_telemetry.otlp.json import format_line
from flow_telemetry.telemetry import Failure, Signal


class LinesFile:
    """A file that has another name in the same folder until it is published.

    If the path is not a regular file, such as /dev/stdout, it is written directly, because it must
    not be replaced. A symbolic link is followed.
    """

    def __init__(self, path: Path, mode: int, *, continues: bool = False) -> None:
        """Create the unfinished file, with at most the permissions of ``mode``.

        With ``continues`` it begins with the lines of the file that it will replace.

        Raises:
            OSError: the file cannot be created, or the other one not be read.
        """
        self._in_place = path.exists() and not path.is_file()
        self._path = path if self._in_place else path.resolve()
        hidden = f".{path.name}.{secrets.token_hex(4)}.partial"
        self._unfinished = self._path.with_name(hidden)
        if self._in_place:
            self._file = FileIO(path, "wb")
        else:
            # Path.open() has no parameter for the permissions.
            self._file = FileIO(self._unfinished, "xb", opener=partial(os.open, mode=mode))
        self._size = 0
        if continues and not self._in_place and self._path.exists():
            try:
                with self._path.open("rb") as earlier:
                    shutil.copyfileobj(earlier, self._file)
                self._size = self._file.tell()
            except OSError:
                self._clean_up()
                raise

    @property
    def size(self) -> int:
        """The number of bytes written."""
        return self._size

    def write(self, text: str) -> None:
        """Append the text as one line, completely or not at all.

        Raises:
            OSError: the disk fails.
            ValueError: the text cannot be encoded.
        """
        self.write_line(text.encode())

    def write_line(self, text: bytes) -> None:
        """Append bytes without a line end as one line, completely or not at all.

        Raises:
            OSError: the disk fails.
        """
        line = text + b"\n"
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            with suppress(OSError):
                self._file.seek(self._size)
                self._file.truncate()
            raise
        self._size += len(line)

    def publish(self) -> Path | None:
        """Give the file its name and return it; without lines return None and remove the file.

        Raises:
            OSError: the disk fails; then the file is removed as well.
        """
        try:
            if self._in_place or not self._size:
                return self._path if self._size else None
            os.fsync(self._file.fileno())
            if sys.platform == "win32":
                self._file.close()  # Windows does not rename an open file.
            self._unfinished.replace(self._path)
        finally:
            self._clean_up()
        return self._path

    def discard(self) -> None:
        """Remove the file; an earlier file of that name stays."""
        self._clean_up()

    def _clean_up(self) -> None:
        with suppress(OSError):
            self._file.close()
        if not self._in_place:
            with suppress(OSError):
                self._unfinished.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class LinesStream:
    """A stream in place of a file: a line is written at once."""

    write_bytes: Callable[[bytes], None]

    def write(self, text: str) -> None:
        """Write the text as one line.

        Raises:
            OSError: it cannot be written.
            ValueError: the text cannot be encoded.
        """
        self.write_bytes(text.encode() + b"\n")

    def publish(self) -> None:
        """Do nothing: the lines are written."""

    def discard(self) -> None:
        """Do nothing: the lines are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The written items of one signal, and those ``lost`` to ``failures``."""

    items: int = 0
    lost: int = 0
    failures: tuple[Failure, ...] = ()


class LinesWriter:
    """Writes batches of any signal to one file.

    A disk failure raises no exception: the lost items are counted.
    """

    def __init__(
        self,
        path: Path,
        mode: int,
        *,
        continues: bool = False,
        stream: LinesStream | None = None,
    ) -> None:
        """Create no file yet; ``continues`` is that of `LinesFile`.

        A ``stream`` is written instead of the file, whose path is then only its name.
        """
        self._path = path
        self._mode = mode
        self._continues = continues
        self._file: LinesFile | LinesStream | None = stream
        self._counts: dict[Signal, _Count] = {}

    def add(self, batch: Batch) -> None:
        """Append the batch as a line, and count its items."""
        count = self._counts.setdefault(batch.signal, _Count())
        try:
            if self._file is None:
                self._file = LinesFile(self._path, self._mode, continues=self._continues)
            self._file.write(format_line(batch))
        except (OSError, ValueError) as error:
            count.lose(batch.count, error)
            return
        count.items += batch.count

    def close(self) -> dict[Signal, Written]:
        """Publish the file, and return the written items of each signal."""
        try:
            if self._file is not None:
                self._file.publish()
        except OSError as error:
            for count in self._counts.values():
                items, count.items = count.items, 0
                if items:
                    count.lose(items, error)
        return {signal: self._written(count) for signal, count in self._counts.items()}

    def discard(self) -> None:
        """Remove the unfinished file."""
        if self._file is not None:
            self._file.discard()

    def _written(self, count: _Count) -> Written:
        failures = (
            Failure(
                problem=f"{self._path} could not be written: {reason}",
                advice="Name a file in a folder that can be written, with room, after --output",
                items=items,
            )
            for reason, items in count.lost.items()
        )
        return Written(items=count.items, lost=sum(count.lost.values()), failures=tuple(failures))


@dataclass(slots=True)
class _Count:
    items: int = 0
    lost: dict[str, int] = field(default_factory=dict)

    def lose(self, items: int, error: Exception) -> None:
        """Count lost items by reason. The text of an exception may contain their data."""
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        self.lost[reason] = self.lost.get(reason, 0) + items
