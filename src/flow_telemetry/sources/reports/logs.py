"""The archive of a run's logs, as GitHub gives it: a file for each step, or for each job only.

Nothing is unpacked to disk. Names only choose what is read, links are no logs, and what is read of
a file is counted, whatever the archive says of its size.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from stat import S_ISLNK
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from flow_telemetry.errors import ReportError
from flow_telemetry.model import LogLine
from flow_telemetry.sources.reports.content import MEBIBYTE, Content, chunks
from flow_telemetry.sources.reports.log_lines import Redact, parse_log_lines, unredacted
from flow_telemetry.sources.reports.log_names import LogName, parse_log_name

LARGEST_ARCHIVE = 256 * MEBIBYTE
LARGEST_LOG = 256 * MEBIBYTE
MOST_FILES = 50_000
_LONGEST_READ = 64 * 1024
# What an entry of a zip archive's list of files begins with.
_ENTRY = b"PK\x01\x02"
_METHODS = {ZIP_STORED, ZIP_DEFLATED}
_DAMAGES = (
    *(BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError),
    *(OverflowError, struct.error, zlib.error),
)


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
        content: Content,
        name: str = "the archive of the run's logs",
        *,
        largest: int = LARGEST_LOG,
    ) -> None:
        """Open an archive; ``name`` is what errors call it, ``largest`` bounds each log in bytes.

        Raises:
            ReportError: it cannot be read, or is no archive.
        """
        self._name = name
        self._largest = largest
        self.left_out: list[str] = []
        self._zip = _opened(content, name)
        self.files = self._listed()

    def __enter__(self) -> LogArchive:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()

    def lines(self, file: LogFile, *, redact: Redact = unredacted) -> Iterator[LogLine]:
        """Yield the lines of a log, each given to ``redact`` without its time and colours.

        Raises:
            ReportError: the archive is damaged there, or its log larger than it may be.
        """
        return parse_log_lines(self._raw(file), file.job, file.step, redact=redact)

    def _raw(self, file: LogFile) -> Iterator[str]:
        try:
            with self._zip.open(file.path) as log:
                for line in self._lines_of(log):
                    yield line.decode("utf-8", errors="replace")
        except _DAMAGES as error:
            raise ReportError(f"{self._name} is damaged at one of its logs: {error}") from error

    def _lines_of(self, log: IO[bytes]) -> Iterator[bytes]:
        """Yield lines, of a very long one only the beginning."""
        left = self._largest
        within = False
        while piece := log.readline(_LONGEST_READ):
            left -= len(piece)
            if left < 0:
                raise ReportError(
                    f"a log in {self._name} is larger than {self._largest // MEBIBYTE} MiB; "
                    "the rest of it is not read"
                )
            if not within:
                yield piece
            within = not piece.endswith(b"\n")

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
        name = None if entry.is_dir() else parse_log_name(entry.filename)
        if name is None:
            return None
        reason = _refusal(entry, self._largest)
        if reason:
            self.left_out.append(f"{entry.filename!a} in {self._name} {reason}")
            return None
        return name


def _refusal(entry: ZipInfo, largest: int) -> str:
    """Return why a file is not read; empty where it is."""
    if S_ISLNK(entry.external_attr >> 16):
        return "is a link"
    if entry.file_size > largest:
        return f"is larger than {largest // MEBIBYTE} MiB"
    if entry.compress_type not in _METHODS or entry.flag_bits & 1:
        return "is encrypted, or compressed in a way that GitHub does not use"
    return ""


def _opened(content: Content, name: str) -> ZipFile:
    # An archive's list may hold millions of files, all of which ZipFile would keep.
    entries = sum(chunk.count(_ENTRY) for chunk in chunks(content, name, limit=LARGEST_ARCHIVE))
    if entries > MOST_FILES:
        raise ReportError(f"{name} has more than {MOST_FILES:,} files; it is not read")
    try:
        return ZipFile(BytesIO(content) if isinstance(content, bytes) else content)
    except _DAMAGES as error:
        raise ReportError(f"{name} is no whole zip archive: {error}") from error
