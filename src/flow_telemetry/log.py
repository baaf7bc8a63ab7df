"""Telling what goes on while the program works, apart from its result."""

from __future__ import annotations

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


class Silent:
    """A log that tells nothing."""

    def debug(self, text: str) -> None:
        """Tell nothing."""

    def info(self, text: str) -> None:
        """Tell nothing."""

    def progress(self, text: str) -> None:
        """Tell nothing."""
