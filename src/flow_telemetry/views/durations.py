"""Durations, sizes and counts as people read them, the same in every view."""

from __future__ import annotations

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_NANOSECONDS = 1_000_000_000


def duration(seconds: float) -> str:
    """Return seconds by their two largest units: ``350ms``, ``2.5s``, ``1m 30s``, ``3h 5m``."""
    seconds = max(0.0, seconds)
    if 0 < round(seconds * 1000) < 1000:
        return f"{round(seconds * 1000)}ms"
    if seconds < 10 and round(seconds, 1) != round(seconds):
        return f"{seconds:.1f}s"
    rest, words = round(seconds), []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        words.append(f"{count}{unit}" if count else "")
    if words[0] and len(words[0]) > 3:  # a hundred days and more
        return words[0]
    first = next((place for place, word in enumerate(words) if word), len(words) - 1)
    return " ".join(word for word in words[first : first + 2] if word) or "0s"


def span_duration(start: int, end: int) -> str:
    """Return the time between two instants in nanoseconds."""
    return duration((end - start) / _NANOSECONDS)


def size(count: int) -> str:
    """Return a number of bytes: ``512 B``, ``2.3 kB``, ``1.0 MB``."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 999_950 else f"{count / 1_000_000:.1f} MB"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 span``, ``9 spans``, ``32,000 spans``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
