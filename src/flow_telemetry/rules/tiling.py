"""Cutting a life into pieces, one for each value that something had, without gap or overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from flow_telemetry.rules.lives import Life
from flow_telemetry.rules.timing import Interval

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark(Generic[T]):
    """The value that something has from a time on."""

    since: datetime
    value: T


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece(Generic[T]):
    """The part of a life in which the value was the same; ``ended`` tells that it is over."""

    life: Life
    value: T
    interval: Interval
    ended: bool


def tile(life: Life, marks: Sequence[Mark[T]]) -> tuple[Piece[T], ...]:
    """Return the pieces of a life, in order of time.

    ``marks`` are in order of time, and the first one holds from the start, whatever its time.
    Values that lasted for no time leave no piece, and neighbours of one value are one piece; a
    life of no length has none.
    """
    at = life.interval.start
    found: list[tuple[T, datetime, datetime]] = []
    for index, mark in enumerate(marks):
        following = marks[index + 1].since if index + 1 < len(marks) else life.interval.end
        end = min(following, life.interval.end)
        if end <= at:
            continue
        if found and found[-1][0] == mark.value:
            found[-1] = (mark.value, found[-1][1], end)
        else:
            found.append((mark.value, at, end))
        at = end
    return tuple(
        Piece(
            life=life,
            value=value,
            interval=Interval(start, end),
            ended=life.ended or end < life.interval.end,
        )
        for value, start, end in found
    )
