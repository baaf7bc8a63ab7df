"""Untrusted zip archives, read within limits; nothing is extracted to disk.

Names only select files. Names that lead out of a folder are refused, because later code may use
them as paths. The bytes of a file are counted while it is read, since the archive's size may lie.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from stat import S_ISLNK
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from flow_telemetry.errors import ReportError
from flow_telemetry.reports.files import MEBIBYTE, FileLimits, read_chunks

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


def read_archive(
    content: Path | bytes,
    name: str,
    *,
    wanted: Callable[[str], bool],
    limits: FileLimits | None = None,
) -> tuple[dict[str, bytes], list[str]]:
    """Return the contents of the selected files by their paths, in the order of the archive.

    Also return a notice for each file that was skipped.

    Args:
        content: the archive.
        name: its name in errors.
        wanted: whether to read a file, by its path in the archive, with slashes.
        limits: the limits; None for the usual ones.

    Raises:
        ReportError: it cannot be read, is not an archive, or contains too many files.
    """
    left_out: list[str] = []
    with open_archive(content, name) as archive:
        files = dict(_read_files(archive, name, wanted, limits or FileLimits(), left_out))
    return files, left_out


def open_archive(content: Path | bytes | IO[bytes], name: str) -> ZipFile:
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
    limits: FileLimits,
    left_out: list[str],
) -> Iterator[tuple[str, bytes]]:
    left, read = limits.size, 0
    for entry in _select_entries(archive, name, wanted, limits, left_out):
        if read == limits.files:
            left_out.append(f"{name} has more than the {limits.files:,} files that are read")
            return
        try:
            with archive.open(entry) as file:
                content = file.read(min(limits.largest, left) + 1)
        except DAMAGES as error:
            left_out.append(f"{entry.filename!a} in {name} is damaged: {error}")
            continue
        if len(content) > min(limits.largest, left):
            left_out.append(f"{entry.filename!a} in {name} is larger than the limit")
            continue
        left -= len(content)
        read += 1
        yield entry.filename, content


def _select_entries(
    archive: ZipFile,
    name: str,
    wanted: Callable[[str], bool],
    limits: FileLimits,
    left_out: list[str],
) -> Iterator[ZipInfo]:
    seen: set[str] = set()
    for entry in archive.infolist():
        if is_folder(entry) or entry.filename in seen or not wanted(entry.filename):
            continue
        seen.add(entry.filename)
        unsafe = not entry.filename or _UNSAFE.match(entry.filename)
        problem = "has a name that is not a safe path" if unsafe else ""
        reason = problem or describe_refusal(entry, limits.largest)
        if reason:
            left_out.append(f"{entry.filename!a} in {name} {reason}")
        else:
            yield entry
