"""Sweeps of several repositories: what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class SweepState(Enum):
    """How the sweep of a repository ended.

    SWEPT: what ended is exported or pending. PARTIAL: something was left to the next sweep. LEFT:
    all of it was. UNREADABLE: the token cannot read it.
    """

    SWEPT = "swept"
    PARTIAL = "partial"
    LEFT = "left"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptRepository:
    """A repository, or the items of Jira, in a sweep: numbers of things and of requests.

    ``name`` is `acme/shop`, or `Jira`. ``exported_before`` had been exported by earlier sweeps.
    """

    name: str
    state: SweepState
    exported: int = 0
    exported_before: int = 0
    pending: int = 0
    requests: int = 0

    @property
    def is_swept(self) -> bool:
        """Whether it was swept, at least in part."""
        return self.state in (SweepState.SWEPT, SweepState.PARTIAL)
