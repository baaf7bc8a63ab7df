"""The archive of a run's logs, as GitHub gives it: a file for each step, or for each job only.

Nothing is unpacked to disk. Names only choose what is read, links are no logs, and what is read of
a file is counted, whatever the archive says of its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from typing import IO, cast
from zipfile import ZipInfo

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import (
    LogLine,
)
from flow_telemetry.sources.reports.archives import DAMAGES, is_folder, open_archive, refusal
from flow_telemetry.sources.reports.content import MEBIBYTE, Content
from flow_telemetry.sources.reports.log_lines import Redact, parse_log_lines, unredacted
from flow_telemetry.sources.reports.log_names import LogName, parse_log_name

LARGEST_LOG = 256 * MEBIBYTE
_LONGEST_READ = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A log in an archive: of a step, or of a whole job. ``size`` is in bytes, uncompressed."""

    job: str
    step: int | None
    size: int
    path: str


class LogArchive:
    """The logs of a run. Close it, or use it in a `with`."""

    def __init__(
        self,
        content: Content | IO[bytes],
        name: str = "the archive of the run's logs",
        *,
        largest: int = LARGEST_LOG,
    ) -> None:
        """Open an archive; ``name`` is what errors call it, ``largest`` bounds each log in bytes.

        An open file is read, and closed by who opened it.

        Raises:
            ReportError: it cannot be read, or is no archive.
        """
        self._name = name
        self._largest = largest
        self.left_out: list[str] = []
        self._zip = open_archive(content, name)
        self.files = self._listed()

    def __enter__(self) -> LogArchive:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()

    def lines(self, file: LogFile, *, redact: Redact = unredacted) -> Iterator[LogLine]:
        """Yield the lines of a log, given to ``redact`` without their times and colours.

        Raises:
            ReportError: the archive is damaged there, or its log larger than it may be.
        """
        raw = (line.decode("utf-8", errors="replace") for line in self.raw(file))
        return parse_log_lines(raw, file.job, file.step, redact=redact)

    def raw(self, file: LogFile) -> Iterator[bytes]:
        """Yield the lines of a log as they are, of a very long one only the beginning.

        Raises:
            ReportError: as `lines`.
        """
        try:
            # Its own `readline` takes many times as long.
            with self._zip.open(file.path) as log, BufferedReader(cast("RawIOBase", log)) as lines:
                yield from raw_lines(lines, self._name, self._largest)
        except DAMAGES as error:
            raise ReportError(f"{self._name} is damaged at one of its logs: {error}") from error

    def _listed(self) -> tuple[LogFile, ...]:
        """The logs in the archive's order; a job's whole log only where it has none of steps."""
        found: dict[str, LogFile] = {}
        for entry in self._zip.infolist():
            name = self._name_of(entry)
            if name is not None:
                found[entry.filename] = LogFile(
                    job=name.job, step=name.step, size=entry.file_size, path=entry.filename
                )
        stepped = {file.job for file in found.values() if file.step is not None}
        return tuple(
            file
            for file in found.values()
            if file.step is not None
            or (file.job not in stepped and file.path.removesuffix(".txt") not in stepped)
        )

    def _name_of(self, entry: ZipInfo) -> LogName | None:
        name = None if is_folder(entry) else parse_log_name(entry.filename)
        if name is None:
            return None
        reason = refusal(entry, self._largest)
        if reason:
            self.left_out.append(f"{entry.filename!a} in {self._name} {reason}")
            return None
        return name


def raw_lines(log: IO[bytes], name: str, largest: int = LARGEST_LOG) -> Iterator[bytes]:
    """Yield the lines of a log in an open file, of a very long one only the beginning.

    Raises:
        ReportError: it is larger than ``largest``, in bytes; its lines until there have come.
    """
    left = largest
    within = False
    while piece := log.readline(_LONGEST_READ):
        left -= len(piece)
        if left < 0:
            raise ReportError(
                f"a log in {name} is larger than {largest // MEBIBYTE} MiB; the rest of it is not "
                "read"
            )
        if not within:
            yield piece
        within = not piece.endswith(b"\n")
