"""A run as it was read, with what stands above it."""

from __future__ import annotations

from dataclasses import dataclass, field

from flow_telemetry.inside.left_by_steps import LeftBySteps
from flow_telemetry.model import Lineage, Parentage
from flow_telemetry.rules.selection import Part
from flow_telemetry.telemetry import SpanLink


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRead:
    """A run, the part of it that leaves, and what stands above it.

    ``left`` is what the steps of the job left that the program stands in.
    """

    part: Part
    parentage: Parentage
    lineage: Lineage
    notices: tuple[str, ...] = ()
    causes: tuple[SpanLink, ...] = ()
    default_branch: str | None = None
    left: LeftBySteps = field(default_factory=LeftBySteps)

    @property
    def unread(self) -> tuple[str, ...]:
        """What of the chain above could not be read, a reason each."""
        return (*self.parentage.unread, *self.lineage.unread)

    @property
    def branch_by_default(self) -> str | None:
        """The default branch of the repository: the event's word, else the pull request's."""
        change = self.parentage.change
        return self.default_branch or (change.default_branch if change else None)
