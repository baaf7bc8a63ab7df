"""What an export is about, chosen from inputs, event and runner."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from flow_telemetry.errors import SettingsError
from flow_telemetry.identity import fold
from flow_telemetry.keys import ItemKey
from flow_telemetry.settings import Mode, PhaseSending, Settings
from flow_telemetry.sources.event import (
    CHANGE_EVENTS,
    changed_at,
    closed_change,
    closed_issue,
    completed_run,
    finished_deployment,
    handed_on,
    pushed_from,
)
from flow_telemetry.sources.github.runs import RunAddress
from flow_telemetry.sources.payload import Payload

# A phase ends with what the event tells of, which its payload may date a moment later.
_EVENT_LAG = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSubject:
    """The run to export.

    ``own`` is whether the program runs inside this very attempt, ``ended`` whether an event told
    that it has ended, though the API may not show that yet. ``only_beside_others`` leaves out the
    run of a workflow that has no other job than ours. Of our own run the event tells more:
    ``started_by`` is the run that started it, ``traceparent`` what a dispatch handed on, and
    ``pushed_from`` the commit before the push.
    """

    address: RunAddress
    own: bool = False
    ended: bool = False
    only_beside_others: bool = False
    started_by: RunAddress | None = None
    traceparent: str | None = None
    pushed_from: str | None = None


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
    | ItemSubject
    | FeatureSubject
    | DeploymentSubject
    | SweepSubject
)


def choose_subjects(settings: Settings, event: Payload) -> tuple[Subject, ...]:
    """Return what an export is about; of several, in the order in which they are to leave.

    Raises:
        SettingsError: nothing names a subject, or no repository.
    """
    mode = settings.mode
    if mode is Mode.AUTO:
        return _by_event(settings, event)
    if mode is Mode.SWEEP:
        return (SweepSubject(repository=_repository(settings)),)
    of_mode: dict[Mode, Callable[[Settings, Payload], Subject]] = {
        Mode.RUN: _run,
        Mode.CHANGE: _change,
        Mode.ITEM: _item,
        Mode.FEATURE: _feature,
    }
    return (of_mode[mode](settings, event),)


def reads_much(subjects: Iterable[Subject]) -> bool:
    """Whether input `max-requests` bounds what is asked for subjects: a feature's, or a sweep's."""
    return any(
        isinstance(each, (FeatureSubject, SweepSubject))
        or (isinstance(each, ItemSubject) and each.with_feature)
        for each in subjects
    )


def _by_event(settings: Settings, event: Payload) -> tuple[Subject, ...]:
    """What `mode: auto` makes of the event that started the workflow."""
    name = settings.runner.event_name
    if settings.run_id is not None:
        return (_run(settings, event),)
    if name in CHANGE_EVENTS:
        return _of_change_event(settings, event)
    if name == "issues" and (number := closed_issue(event)):
        key = ItemKey(tracker="github", key=str(number))
        return (ItemSubject(repository=_repository(settings), key=key, with_feature=True),)
    if name == "deployment_status" and (deployment := finished_deployment(event)):
        return (DeploymentSubject(repository=_repository(settings), id=deployment),)
    if name in ("schedule", "workflow_dispatch") and settings.sweep.asked:
        return (SweepSubject(repository=_repository(settings)),)
    return (_run(settings, event),)


def _of_change_event(settings: Settings, event: Payload) -> tuple[Subject, ...]:
    """The change that was closed; under `phases: live` the phases that ended; and this run."""
    subjects: list[Subject] = []
    number = closed_change(event)
    if number is not None and settings.runner.event_name != "pull_request_review":
        subjects.append(ChangeSubject(repository=_repository(settings), number=number))
    moved = changed_at(event) if settings.tracing.phases is PhaseSending.LIVE else None
    if moved is not None:
        changed, instant = moved
        subjects.append(
            PhasesSubject(
                repository=_repository(settings),
                number=changed,
                ended_since=instant - _EVENT_LAG,
            )
        )
    return *subjects, _own_run(settings, event, only_beside_others=bool(subjects))


def _run(settings: Settings, event: Payload) -> RunSubject:
    """A `run-id` wins; else the run that completed, or the one that the program runs in."""
    if settings.run_id is not None:
        address = RunAddress(
            repository=_repository(settings), run_id=settings.run_id, attempt=settings.run_attempt
        )
        if not _is_own(settings, address):
            return RunSubject(address=address)
    by_event = settings.mode is Mode.AUTO and settings.runner.event_name == "workflow_run"
    completed = completed_run(event) if by_event and settings.run_id is None else None
    if completed is not None:
        return RunSubject(address=completed, own=_is_own(settings, completed), ended=True)
    return _own_run(settings, event)


def _own_run(settings: Settings, event: Payload, *, only_beside_others: bool = False) -> RunSubject:
    runner = settings.runner
    if runner.run_id is None:
        raise SettingsError("input run-id is missing: outside of a workflow it names the run")
    address = RunAddress(
        repository=_repository(settings), run_id=runner.run_id, attempt=runner.run_attempt
    )
    return RunSubject(
        address=address,
        own=True,
        only_beside_others=only_beside_others,
        started_by=completed_run(event) if runner.event_name == "workflow_run" else None,
        traceparent=handed_on(event),
        pushed_from=pushed_from(event) if runner.event_name == "push" else None,
    )


def _change(settings: Settings, event: Payload) -> ChangeSubject:
    number = settings.number or closed_change(event)
    if number is None:
        raise SettingsError(
            "input number is missing: it names the pull request, where the event is not one of a "
            "closed pull request"
        )
    return ChangeSubject(repository=_repository(settings), number=number)


def _item(settings: Settings, event: Payload) -> ItemSubject:
    key = settings.tracing.work_item_key or _key_of_event(event)
    if key is None:
        raise SettingsError(
            "input work-item-key is missing: it names the item, where the event is not one of a "
            "closed issue"
        )
    return ItemSubject(repository=_home(settings), key=key)


def _feature(settings: Settings, event: Payload) -> FeatureSubject:
    key = settings.tracing.feature_key or _key_of_event(event)
    if key is None:
        raise SettingsError("input feature-key is missing: it names the feature to export")
    return FeatureSubject(repository=_home(settings), key=key, snapshot=settings.snapshot)


def _key_of_event(event: Payload) -> ItemKey | None:
    number = closed_issue(event)
    return None if number is None else ItemKey(tracker="github", key=str(number))


def _repository(settings: Settings) -> str:
    found = _home(settings)
    if found is None:
        raise SettingsError("input repository is missing: name it as OWNER/NAME")
    return found


def _home(settings: Settings) -> str | None:
    return settings.repository or settings.runner.repository


def _is_own(settings: Settings, address: RunAddress) -> bool:
    runner = settings.runner
    return (
        runner.run_id == address.run_id
        and fold(runner.repository or "") == fold(address.repository)
        and address.attempt in (None, runner.run_attempt)
    )
