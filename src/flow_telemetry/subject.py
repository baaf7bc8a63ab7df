"""What an export can be about: a record for each kind of subject."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from flow_telemetry.keys import ItemKey
from flow_telemetry.rules.live_events import Telling
from flow_telemetry.sources.event import (
    Told,
)
from flow_telemetry.sources.github.runs import RunAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSubject:
    """The run to export.

    ``own`` is whether the program runs inside this very attempt, ``ended`` whether an event told
    that it has ended, though the API may not show that yet. ``only_beside_others`` leaves out the
    run of a workflow that has no other job than ours. Of our own run the event tells more:
    ``default_branch`` is the repository's, ``started_by`` the run that started it, ``traceparent``
    what a dispatch handed on, ``pushed_from`` the commit before the push, and ``told`` a guess of
    what stands above it.
    """

    address: RunAddress
    own: bool = False
    ended: bool = False
    only_beside_others: bool = False
    started_by: RunAddress | None = None
    traceparent: str | None = None
    pushed_from: str | None = None
    default_branch: str | None = None
    told: Told | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSubject:
    """The pull request to export; ``with_runs`` sends its runs too."""

    repository: str
    number: int
    with_runs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasesSubject:
    """The phases of a pull request that ended when an event came, or since ``ended_since``."""

    repository: str
    number: int
    ended_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSubject:
    """What an event tells of, under `events: live`: of a pull request, or of an issue."""

    repository: str
    number: int
    of_change: bool
    telling: Telling

    @property
    def key(self) -> ItemKey:
        """The key of the issue."""
        return ItemKey(tracker="github", key=str(self.number))


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSubject:
    """The work item to export; ``with_feature`` sends its feature trace too where it is one."""

    repository: str | None
    key: ItemKey
    with_feature: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSubject:
    """The feature to export whole; ``snapshot`` lets it be open, as of now."""

    repository: str | None
    key: ItemKey
    snapshot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSubject:
    """The deployment to export."""

    repository: str
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSubject:
    """Whatever was closed or deployed in a repository since then."""

    repository: str


Subject: TypeAlias = (
    RunSubject
    | ChangeSubject
    | PhasesSubject
    | EventSubject
    | ItemSubject
    | FeatureSubject
    | DeploymentSubject
    | SweepSubject
)


def reads_much(subjects: Iterable[Subject]) -> bool:
    """Whether input `max-requests` bounds what is asked for subjects: a feature's, or a sweep's."""
    return any(
        isinstance(each, (FeatureSubject, SweepSubject))
        or (isinstance(each, ItemSubject) and each.with_feature)
        for each in subjects
    )
