"""The bytes of a file that a job left behind, up to a limit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flow_telemetry.errors import ReportError

MEBIBYTE = 1024 * 1024
# Larger than the reports of the largest projects; what is larger still is no report.
LARGEST_FILE = 64 * MEBIBYTE

Content = Path | bytes


def chunks(content: Content, name: str, *, limit: int = LARGEST_FILE) -> Iterator[bytes]:
    """Return the content piece by piece, at least one of them.

    Args:
        content: a file, or what was in one.
        name: what errors call it.
        limit: how many bytes are read at most.

    Raises:
        ReportError: it is missing, no file, empty, too large, or may not be read.
    """
    size = 0
    for chunk in _pieces(content, name):
        size += len(chunk)
        if size > limit:
            raise ReportError(
                f"{name} is larger than {limit // MEBIBYTE} MiB, which is more than is read of "
                "one file; split it, or name a smaller one"
            )
        yield chunk
    if not size:
        raise ReportError(f"{name} is empty; the tool that writes it seems to have been cut off")


def whole(content: Content, name: str, *, limit: int = LARGEST_FILE) -> bytes:
    """Return all of it; parameters and errors are those of `chunks`."""
    return b"".join(chunks(content, name, limit=limit))


def text(content: Content, name: str, *, limit: int = LARGEST_FILE) -> str:
    """Return it as text: UTF-8, or UTF-16 where it begins with such a mark.

    What cannot be decoded is replaced. Errors are those of `chunks`.
    """
    data = whole(content, name, limit=limit)
    utf_16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if utf_16 else "utf-8-sig", errors="replace")


def _pieces(content: Content, name: str) -> Iterator[bytes]:
    if isinstance(content, bytes):
        for start in range(0, len(content), MEBIBYTE):
            yield content[start : start + MEBIBYTE]
        return
    try:
        # A pipe or device would be waited for without end.
        if content.exists() and not content.is_file():
            raise ReportError(f"{name} is no regular file; nothing else is read")
        with content.open("rb") as file:
            while chunk := file.read(MEBIBYTE):
                yield chunk
    except FileNotFoundError:
        raise ReportError(f"{name} does not exist; was the step that writes it run?") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the path is unusable"
        raise ReportError(f"{name} cannot be read: {reason}") from error
