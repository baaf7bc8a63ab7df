"""Untrusted zip archives, read within limits; nothing is extracted to disk.

Names only select files. Names that lead out of a folder are refused, because later code may use
them as paths. The bytes of a file are counted while it is read, since the archive's size may lie.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from stat import S_ISLNK
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from flow_telemetry.errors import ReportError
from flow_telemetry.reports.files import MEBIBYTE, Content, read_chunks

LARGEST_ARCHIVE = 256 * MEBIBYTE
MOST_ENTRIES = 50_000
# The signature of an entry in the central directory of a zip archive.
_ENTRY = b"PK\x01\x02"
_METHODS = {ZIP_STORED, ZIP_DEFLATED}
_UNSAFE = re.compile(r"[/\\]|[A-Za-z]:|(.*[/\\])?\.\.([/\\]|$)|.*[\x00-\x1f\x7f]", re.DOTALL)
DAMAGES = (
    *(BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError),
    *(OverflowError, struct.error, zlib.error),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """Limits: the number of files, and the bytes of each and of all, uncompressed."""

    files: int = 1000
    largest: int = 64 * MEBIBYTE
    size: int = 256 * MEBIBYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFile:
    """A file of an archive; ``name`` is its path in the archive, with slashes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveContent:
    """The selected files in the order of the archive, and a notice for each that was skipped."""

    files: tuple[ArchivedFile, ...] = ()
    left_out: tuple[str, ...] = ()


def read_archive(
    content: Content,
    name: str,
    *,
    wanted: Callable[[str], bool],
    bounds: ArchiveLimits | None = None,
) -> ArchiveContent:
    """Return the selected files of an archive, within the bounds.

    Args:
        content: the archive.
        name: its name in errors.
        wanted: whether to read a file, by its path in the archive, with slashes.
        bounds: the limits; None for the usual ones.

    Raises:
        ReportError: it cannot be read, is not an archive, or contains too many files.
    """
    left_out: list[str] = []
    with open_archive(content, name) as archive:
        files = tuple(_read_files(archive, name, wanted, bounds or ArchiveLimits(), left_out))
    return ArchiveContent(files=files, left_out=tuple(left_out))


def open_archive(content: Content | IO[bytes], name: str) -> ZipFile:
    """Open an archive; the caller closes it, and keeps an open file open as long.

    Raises:
        ReportError: it cannot be read, is not an archive, or contains too many files.
    """
    # ZipFile would keep the entries of millions of files, so they are counted first.
    if isinstance(content, (bytes, Path)):
        chunks = read_chunks(content, name, limit=LARGEST_ARCHIVE)
    else:
        content.seek(0)
        chunks = iter(partial(content.read, MEBIBYTE), b"")
    entries = sum(chunk.count(_ENTRY) for chunk in chunks)
    if entries > MOST_ENTRIES:
        raise ReportError(f"{name} has more than {MOST_ENTRIES:,} files. It was not read")
    try:
        return ZipFile(BytesIO(content) if isinstance(content, bytes) else content)
    except DAMAGES as error:
        raise ReportError(f"{name} is not a complete zip archive: {error}") from error


def is_folder(entry: ZipInfo) -> bool:
    """Return whether it is a folder; before Python 3.12 `is_dir` fails for an empty name."""
    return entry.filename.endswith("/")


def describe_refusal(entry: ZipInfo, largest: int) -> str:
    """Return why a file cannot be read, or an empty text; ``largest`` is in bytes, uncompressed."""
    if S_ISLNK(entry.external_attr >> 16):
        return "is a link"
    if entry.file_size > largest:
        return f"is larger than {largest // MEBIBYTE} MiB"
    if entry.compress_type not in _METHODS or entry.flag_bits & 1:
        return "is encrypted, or compressed by a method that GitHub does not use"
    return ""


def _read_files(
    archive: ZipFile,
    name: str,
    wanted: Callable[[str], bool],
    bounds: ArchiveLimits,
    left_out: list[str],
) -> Iterator[ArchivedFile]:
    left, read = bounds.size, 0
    for entry in _select_entries(archive, name, wanted, bounds, left_out):
        if read == bounds.files:
            left_out.append(f"{name} has more than the {bounds.files:,} files that are read")
            return
        try:
            with archive.open(entry) as file:
                content = file.read(min(bounds.largest, left) + 1)
        except DAMAGES as error:
            left_out.append(f"{entry.filename!a} in {name} is damaged: {error}")
            continue
        if len(content) > min(bounds.largest, left):
            left_out.append(f"{entry.filename!a} in {name} is larger than the limit")
            continue
        left -= len(content)
        read += 1
        yield ArchivedFile(name=entry.filename, content=content)


def _select_entries(
    archive: ZipFile,
    name: str,
    wanted: Callable[[str], bool],
    bounds: ArchiveLimits,
    left_out: list[str],
) -> Iterator[ZipInfo]:
    seen: set[str] = set()
    for entry in archive.infolist():
        if is_folder(entry) or entry.filename in seen or not wanted(entry.filename):
            continue
        seen.add(entry.filename)
        unsafe = not entry.filename or _UNSAFE.match(entry.filename)
        problem = "has a name that is not a safe path" if unsafe else ""
        reason = problem or describe_refusal(entry, bounds.largest)
        if reason:
            left_out.append(f"{entry.filename!a} in {name} {reason}")
        else:
            yield entry
