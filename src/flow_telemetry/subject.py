"""What an export is about: one run attempt, chosen from inputs, event and runner."""

from __future__ import annotations

from dataclasses import dataclass

from flow_telemetry.errors import SettingsError
from flow_telemetry.identity import fold
from flow_telemetry.settings import Mode, Settings
from flow_telemetry.sources.event import completed_run
from flow_telemetry.sources.github.runs import RunAddress
from flow_telemetry.sources.payload import Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The run to export.

    ``own`` is whether the program runs inside this very attempt, ``ended`` whether an event told
    that it has ended, though the API may not show that yet.
    """

    address: RunAddress
    own: bool
    ended: bool = False


def choose_subject(settings: Settings, event: Payload) -> Subject:
    """Return the run that an export is about.

    A `run-id` wins; under `mode: auto` a `workflow_run` event names the run that completed; else
    it is the run that the program runs in.

    Raises:
        SettingsError: nothing names a run, or no repository.
    """
    runner = settings.runner
    completed = None
    if settings.run_id is not None:
        address = RunAddress(
            repository=_repository(settings), run_id=settings.run_id, attempt=settings.run_attempt
        )
    elif (completed := _completed(settings, event)) is not None:
        address = completed
    elif runner.run_id is not None:
        address = RunAddress(repository=_repository(settings), run_id=runner.run_id)
    else:
        raise SettingsError("input run-id is missing: outside of a workflow it names the run")
    own = _is_own(settings, address)
    if own and address.attempt is None:
        address = RunAddress(
            repository=address.repository, run_id=address.run_id, attempt=runner.run_attempt
        )
    return Subject(address=address, own=own, ended=address == completed)


def _completed(settings: Settings, event: Payload) -> RunAddress | None:
    if settings.mode is not Mode.AUTO or settings.runner.event_name != "workflow_run":
        return None
    return completed_run(event)


def _repository(settings: Settings) -> str:
    found = settings.repository or settings.runner.repository
    if found is None:
        raise SettingsError("input repository is missing: name it as OWNER/NAME")
    return found


def _is_own(settings: Settings, address: RunAddress) -> bool:
    runner = settings.runner
    return (
        runner.run_id == address.run_id
        and fold(runner.repository or "") == fold(address.repository)
        and address.attempt in (None, runner.run_attempt)
    )
