"""The part of the table of metrics that describes open work: what is true when a sweep reads it.

A replay leaves out the points of these metrics, because they are no longer true.
"""

from __future__ import annotations

from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.telemetry import Instrument, InstrumentKind

STATES: list[Instrument] = []


def _state(
    sent: str, name: str, unit: str, description: str, attributes: tuple[str, ...]
) -> Instrument:
    instrument = Instrument(
        name=name,
        kind=InstrumentKind.GAUGE,
        unit=unit,
        description=description,
        attributes=attributes,
        sent=sent,
    )
    STATES.append(instrument)
    return instrument


_SWEEP = "sweep"
_SWEEP_JOBS = "sweep with `sweep-runs`"
_LOAD_ATTRIBUTES = (
    *(names.TRACKER, names.REPOSITORY, names.ITEM_PROJECT, names.ITEM_TYPE, names.ITEM_CATEGORY),
    names.LOAD_INCOMPLETE,
)
LOAD = _state(
    _SWEEP,
    "flow.load",
    "{item}",
    "Number of open work items; those in progress are the flow load",
    _LOAD_ATTRIBUTES,
)
LOAD_AGE = _state(
    _SWEEP,
    "flow.load.age",
    "s",
    "Time since the creation of the oldest open work item",
    _LOAD_ATTRIBUTES,
)
_OPEN_CHANGE_ATTRIBUTES = (names.REPOSITORY, names.CHANGE_STATE, names.LOAD_INCOMPLETE)
OPEN_CHANGES = _state(
    _SWEEP,
    "vcs.change.count",
    "{change}",
    "Number of open pull requests, and of drafts (wip)",
    (names.REPOSITORY_URL, *_OPEN_CHANGE_ATTRIBUTES),
)
OPEN_CHANGE_AGE = _state(
    _SWEEP,
    "flow.change.age",
    "s",
    "Time since the opening of the oldest open pull request",
    _OPEN_CHANGE_ATTRIBUTES,
)
_PHASE_LOAD_ATTRIBUTES = (names.REPOSITORY, names.PHASE, names.LOAD_INCOMPLETE)
PHASE_LOAD = _state(
    _SWEEP,
    "flow.change.phase.load",
    "{change}",
    "Number of open pull requests in each phase, of the 100 oldest",
    _PHASE_LOAD_ATTRIBUTES,
)
PHASE_AGE = _state(
    _SWEEP,
    "flow.change.phase.age",
    "s",
    "Longest time that an open pull request has been in its present phase",
    _PHASE_LOAD_ATTRIBUTES,
)
ACTIVE_RUNS = _state(
    _SWEEP_JOBS,
    "cicd.pipeline.run.active",
    "{run}",
    "Number of runs that wait (pending) or run (executing)",
    (names.REPOSITORY, names.WORKFLOW, names.RUN_STATE, names.LOAD_INCOMPLETE),
)
_ACTIVE_JOB_ATTRIBUTES = (
    *(names.REPOSITORY, names.WORKFLOW, names.JOB_STATE, names.RUNNER_LABELS),
    names.LOAD_INCOMPLETE,
)
ACTIVE_JOBS = _state(
    _SWEEP_JOBS,
    "flow.job.active",
    "{job}",
    "Number of jobs that wait or run: queued jobs are the depth of the queue, jobs in progress are "
    "busy runners",
    _ACTIVE_JOB_ATTRIBUTES,
)
ACTIVE_JOB_AGE = _state(
    _SWEEP_JOBS,
    "flow.job.active.age",
    "s",
    "Longest time that a job has waited or run",
    _ACTIVE_JOB_ATTRIBUTES,
)
