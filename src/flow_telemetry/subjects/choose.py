"""Choice of an export's subjects, by inputs, event and runner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flow_telemetry.errors import SelectionError, SettingsError
from flow_telemetry.github.runs import RunAddress
from flow_telemetry.github.webhook import (
    CHANGE_EVENTS,
    closed_change,
    closed_issue,
    commit_before_push,
    completed_run,
    default_branch,
    final_status,
    parse_described_run,
    parse_issue_or_change,
    phase_change,
    pushed_commits,
    read_passed_traceparent,
    read_webhook_event,
)
from flow_telemetry.http.payload import Payload
from flow_telemetry.identity import fold
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.settings import EventSending, Mode, PhaseSending, Settings
from flow_telemetry.subjects.types import (
    ChangeSubject,
    DeploymentSubject,
    EventSubject,
    FeatureSubject,
    ItemSubject,
    PhasesSubject,
    RunSubject,
    Subject,
    SweepSubject,
)
from flow_telemetry.telemetry import Signal

# The payload of an event may have a slightly later time than the end of the phase.
_EVENT_LAG = timedelta(minutes=1)


def choose_subjects(settings: Settings, event: Payload) -> tuple[Subject, ...]:
    """Return the subjects of an export other than a sweep, in the order of their export.

    Raises:
        SettingsError: nothing names a repository.
        SelectionError: the event is about nothing that `mode` exports.
    """
    mode = settings.mode
    if mode is Mode.AUTO:
        return _choose_by_event(settings, event)
    if mode in (Mode.CONTEXT, Mode.PLAN, Mode.MERGE):
        raise SettingsError(f"`mode` is {mode.value}, which only a step of the action can have")
    choose: dict[Mode, Callable[[Settings, Payload], Subject]] = {
        Mode.RUN: _choose_run,
        Mode.CHANGE: _choose_change,
        Mode.ITEM: _choose_item,
        Mode.FEATURE: _choose_feature,
        Mode.EVENT: _choose_event,
    }
    return (choose[mode](settings, event),)


def choose_sweep(settings: Settings) -> SweepSubject | None:
    """Return the sweep that the settings and the event request; None if the subjects are others.

    Raises:
        SettingsError: nothing names a repository.
    """
    return SweepSubject(repository=_repository(settings)) if is_sweep(settings) else None


def is_sweep(settings: Settings) -> bool:
    """Whether the settings and the event request a sweep."""
    by_event = (
        settings.mode is Mode.AUTO
        and settings.run_id is None
        and settings.runner.event_name in ("schedule", "workflow_dispatch")
        and settings.sweep.requested
    )
    return settings.mode is Mode.SWEEP or by_event


def wants_organization(settings: Settings) -> bool:
    """Whether the requested sweep is that of an organization."""
    return settings.sweep.organization is not None and is_sweep(settings)


def _choose_by_event(settings: Settings, event: Payload) -> tuple[Subject, ...]:
    """Return the subjects under `mode: auto`, by the event that started the workflow."""
    if settings.run_id is not None:
        return (_choose_run(settings, event),)
    name = settings.runner.event_name
    live: tuple[EventSubject, ...] = ()
    if Signal.LOGS in settings.signals.enabled and settings.signals.events is EventSending.LIVE:
        event_subject = _find_event(settings, event)
        live = () if event_subject is None else (event_subject,)
    if name in CHANGE_EVENTS:
        return _choose_by_change_event(settings, event, live)
    if name == "issues" and (number := closed_issue(event)):
        key = ItemKey(tracker="github", key=str(number))
        item = ItemSubject(repository=_repository(settings), key=key, with_feature=True)
        return item, *live
    if name == "deployment_status":
        return _choose_deployment(settings, event)
    own = (
        own_run(settings, event, only_beside_others=True) if live else _choose_run(settings, event)
    )
    return *live, own


def _choose_deployment(settings: Settings, event: Payload) -> tuple[DeploymentSubject, ...]:
    """Return the deployment that ended; nothing for a status that ends nothing."""
    status = final_status(event)
    if status is None:
        return ()
    return (
        DeploymentSubject(
            repository=_repository(settings), id=status.deployment_id, status_id=status.status_id
        ),
    )


def _find_event(settings: Settings, event: Payload) -> EventSubject | None:
    name = settings.runner.event_name or ""
    webhook_event, issue_or_change = read_webhook_event(name, event), parse_issue_or_change(event)
    if webhook_event is None or issue_or_change is None:
        return None
    return EventSubject(
        repository=_repository(settings),
        number=issue_or_change.number,
        of_change=issue_or_change.is_change,
        webhook_event=webhook_event,
    )


def _choose_event(settings: Settings, event: Payload) -> EventSubject:
    subject = _find_event(settings, event)
    if subject is None:
        raise SelectionError(
            "`mode` is event, but the event that started this workflow "
            f"({settings.runner.event_name or 'none'}) is not one that is sent as a record"
        )
    return subject


def _choose_by_change_event(
    settings: Settings, event: Payload, live: tuple[EventSubject, ...]
) -> tuple[Subject, ...]:
    """Return the closed change, under `phases: live` the phases that ended, and this run."""
    subjects: list[Subject] = [*live]
    number = closed_change(event)
    if number is not None and settings.runner.event_name != "pull_request_review":
        subjects.append(ChangeSubject(repository=_repository(settings), number=number))
    moved = phase_change(event) if settings.tracing.phases is PhaseSending.LIVE else None
    if moved is not None:
        changed, timestamp = moved
        subjects.append(
            PhasesSubject(
                repository=_repository(settings),
                number=changed,
                ended_since=timestamp - _EVENT_LAG,
            )
        )
    return *subjects, own_run(settings, event, only_beside_others=bool(subjects))


def _choose_run(settings: Settings, event: Payload) -> RunSubject:
    """Return the run of `run-id`, else the run that completed, else our own run."""
    if settings.run_id is not None:
        address = RunAddress(
            repository=_repository(settings), run_id=settings.run_id, attempt=settings.run_attempt
        )
        if not _is_own(settings, address):
            return RunSubject(address=address)
    by_event = settings.mode is Mode.AUTO and settings.runner.event_name == "workflow_run"
    completed = completed_run(event) if by_event and settings.run_id is None else None
    if completed is not None:
        return RunSubject(
            address=completed,
            own=_is_own(settings, completed),
            ended=True,
            described=parse_described_run("workflow_run", event),
            default_branch=default_branch(event),
        )
    return own_run(settings, event)


def own_run(settings: Settings, event: Payload, *, only_beside_others: bool = False) -> RunSubject:
    """Return the run that the program runs in.

    Raises:
        SettingsError: it does not run in a workflow.
    """
    runner = settings.runner
    if runner.run_id is None:
        raise SettingsError(
            "Set `target` to the id of a run: outside a workflow there is no current run"
        )
    address = RunAddress(
        repository=_repository(settings), run_id=runner.run_id, attempt=runner.run_attempt
    )
    return RunSubject(
        address=address,
        own=True,
        only_beside_others=only_beside_others,
        started_by=completed_run(event) if runner.event_name == "workflow_run" else None,
        traceparent=read_passed_traceparent(event),
        pushed_from=commit_before_push(event) if runner.event_name == "push" else None,
        pushed=pushed_commits(event) if runner.event_name == "push" else None,
        described=parse_described_run(runner.event_name or "", event),
        default_branch=default_branch(event),
    )


def _choose_change(settings: Settings, event: Payload) -> ChangeSubject:
    number = settings.number or closed_change(event)
    if number is None:
        raise SelectionError(
            "`target` names no pull request: set it to #N, with its number, or start the workflow "
            "by the closing of one"
        )
    return ChangeSubject(repository=_repository(settings), number=number)


def _choose_item(settings: Settings, event: Payload) -> ItemSubject:
    key = settings.tracing.work_item_key or _read_issue_key(event)
    if key is None:
        raise SelectionError(
            "`target` names no item: set it to its key, or start the workflow by the closing of an "
            "issue"
        )
    return ItemSubject(repository=_own_repository(settings), key=key)


def _choose_feature(settings: Settings, event: Payload) -> FeatureSubject:
    key = settings.tracing.feature_key or _read_issue_key(event)
    if key is None:
        raise SelectionError("`target` names no feature: set it to the key of the one to export")
    return FeatureSubject(repository=_own_repository(settings), key=key, snapshot=settings.snapshot)


def _read_issue_key(event: Payload) -> ItemKey | None:
    number = closed_issue(event)
    return None if number is None else ItemKey(tracker="github", key=str(number))


def _repository(settings: Settings) -> str:
    repository = _own_repository(settings)
    if repository is None:
        raise SettingsError("`repository` is missing: name it as OWNER/NAME")
    return repository


def _own_repository(settings: Settings) -> str | None:
    return settings.repository or settings.runner.repository


def _is_own(settings: Settings, address: RunAddress) -> bool:
    runner = settings.runner
    return (
        runner.run_id == address.run_id
        and fold(runner.repository or "") == fold(address.repository)
        and address.attempt in (None, runner.run_attempt)
    )
