"""Telling what goes on while the program works, apart from its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Log(Protocol):
    """Where progress goes. No text holds a token or a header's value."""

    def debug(self, text: str) -> None:
        """Tell a detail that helps to find a fault."""
        ...

    def info(self, text: str) -> None:
        """Tell what is being done, or what is being waited for."""
        ...

    def progress(self, text: str) -> None:
        """Tell how far long work is; where somebody looks on, each takes the place of the last."""
        ...


@dataclass(frozen=True, slots=True)
class RedactedLog:
    """A log that is told everything without credentials."""

    inner: Log
    redact: Callable[[str], str]

    def debug(self, text: str) -> None:
        """Tell a detail."""
        self.inner.debug(self.redact(text))

    def info(self, text: str) -> None:
        """Tell what is being done."""
        self.inner.info(self.redact(text))

    def progress(self, text: str) -> None:
        """Tell how far long work is."""
        self.inner.progress(self.redact(text))


class Silent:
    """A log that tells nothing."""

    def debug(self, text: str) -> None:
        """Tell nothing."""

    def info(self, text: str) -> None:
        """Tell nothing."""

    def progress(self, text: str) -> None:
        """Tell nothing."""
