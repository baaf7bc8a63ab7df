"""The environment of the process: its variables, and standard output and error.

The variables are read once, by an entry point.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any


def take_environment() -> dict[str, str]:
    """Return the variables of the process, and remove those of OpenTelemetry from it.

    A job sets `OTEL_*` for its own programs, and the SDK reads them while it is imported and used.
    It would add another backend's headers to our requests, and a value that it cannot read, such
    as `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=none`, stops its import. Our settings, and the commands
    that we start, get the returned copy.
    """
    environ = dict(os.environ)
    for name in environ:
        if name.startswith("OTEL_"):
            del os.environ[name]
    return environ


# Standard output and error, which may be closed, full, or a pipe that nothing reads any more.
#
# Python would end with a traceback at the first line that it cannot write, or with exit status 120
# at its end.

_STREAMS = ("stdout", "stderr")


def write_stderr(line: str) -> None:
    """Write a line to standard error; ignore a closed or full one."""
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.write(f"flow-telemetry: {line}\n")


def write_stdout(data: bytes) -> None:
    """Write bytes to standard output; drop them if its reader had read enough.

    Raises:
        OSError: it cannot be written, or is closed.
    """
    guard = sys.stdout
    if not isinstance(guard, GuardedStream):
        guard = GuardedStream(guard)
    guard.write_bytes(data)
    if guard.error is not None and describe_lost_output(guard):
        raise guard.error


def finish_streams() -> None:
    """Flush the streams, and drop a stream that fails.

    Otherwise Python would try again at its end, and exit with a status of its own.
    """
    for name in _STREAMS:
        stream = getattr(sys, name)
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            setattr(sys, name, None)


class GuardedStream(io.TextIOBase):
    """A stream of text that drops what cannot be written, from the first failure on.

    ``error`` is that failure, if any.
    """

    def __init__(self, stream: Any) -> None:
        """``stream`` is None if it was closed before the program began."""
        self.error = None if stream is not None else OSError(errno.EBADF, "it is closed")
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream; of a missing one that of ASCII."""
        return getattr(self._stream, "encoding", None) or "ascii"

    def write(self, text: str) -> int:
        """Write a text, or drop it; return its length."""
        self._try("write", text)
        return len(text)

    def write_bytes(self, data: bytes) -> None:
        """Write bytes, independent of the encoding of the stream, or drop them."""
        self._try("flush")
        if self.error is None:
            try:
                self._stream.buffer.write(data)
                self._stream.buffer.flush()
            except OSError as error:
                self.error = error

    def flush(self) -> None:
        """Flush the stream, if it can be written."""
        self._try("flush")

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self.error is None and bool(self._stream.isatty())

    def __getattr__(self, name: str) -> Any:
        """Return another attribute of the stream, such as its buffer."""
        return getattr(self._stream, name)

    def _try(self, method: str, *arguments: str) -> None:
        if self.error is not None:
            return
        try:
            getattr(self._stream, method)(*arguments)
        except OSError as error:
            self.error = error
        except ValueError:  # Python's own error for a closed stream
            self.error = OSError(errno.EBADF, "it is closed")


@contextlib.contextmanager
def guarded_streams() -> Iterator[GuardedStream]:
    """Guard standard output and error within; yield the guard of standard output."""
    before = {name: getattr(sys, name) for name in _STREAMS}
    guards = {name: GuardedStream(stream) for name, stream in before.items()}
    for name, guard in guards.items():
        setattr(sys, name, guard)
    try:
        yield guards["stdout"]
    finally:
        for name, guard in guards.items():
            guard.flush()
            if getattr(sys, name) is guard:
                # Python flushes a stream at its end, too, and fails if that fails.
                setattr(sys, name, before[name] if guard.error is None else None)


def describe_lost_output(guard: GuardedStream) -> str:
    """Return why output was lost; empty if it was not, or if its reader had read enough."""
    error = guard.error
    if error is None or error.errno in (errno.EPIPE, errno.EINVAL):  # EINVAL: Windows
        return ""
    return f"standard output could not be written: {error.strerror or error}"
