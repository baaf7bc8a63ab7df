"""Progress log, and a wrapper that redacts its messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Log(Protocol):
    """A log of progress. Its texts contain no token and no value of a header."""

    def debug(self, text: str) -> None:
        """Log a detail for the analysis of a fault."""
        ...

    def info(self, text: str) -> None:
        """Log the current activity."""
        ...

    def progress(self, text: str) -> None:
        """Log the progress of long work; on a terminal each text replaces the previous one."""
        ...


@dataclass(frozen=True, slots=True)
class RedactedLog:
    """A log whose messages are redacted first."""

    inner: Log
    redact: Callable[[str], str]

    def debug(self, text: str) -> None:
        """Log a detail."""
        self.inner.debug(self.redact(text))

    def info(self, text: str) -> None:
        """Log the current activity."""
        self.inner.info(self.redact(text))

    def progress(self, text: str) -> None:
        """Log the progress of long work."""
        self.inner.progress(self.redact(text))


class SilentLog:
    """A log that discards everything."""

    def debug(self, text: str) -> None:
        """Discard the text."""

    def info(self, text: str) -> None:
        """Discard the text."""

    def progress(self, text: str) -> None:
        """Discard the text."""
