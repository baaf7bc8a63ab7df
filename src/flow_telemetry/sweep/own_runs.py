"""Runs of the sweeping workflow: what its event runs exported, and the ledger of its last sweep."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import AccessDeniedError, NotFoundError, PayloadError, ReportError
from flow_telemetry.github.artifacts import Artifact, list_artifacts
from flow_telemetry.github.client import PAGE_SIZE
from flow_telemetry.github.runs import (
    newest_runs_of_workflow,
    read_default_branch,
)
from flow_telemetry.identity import fold
from flow_telemetry.model import Run
from flow_telemetry.rules.intervals import Window
from flow_telemetry.rules.ledger import Ledger, format_attempt
from flow_telemetry.sweep.ledger_file import DamagedLedgerError
from flow_telemetry.sweep.parts import merge_parts, read_stored_sweep

SWEEPING_EVENTS = ("schedule", "workflow_dispatch")
ARTIFACT = "flow-telemetry-ledger"
# A sweep that left no ledger was killed with its runner, or began before there were ledgers.
_MOST_SWEEPS = 30


class OwnRuns:
    """The runs of the sweeping workflow, the newest first; each page of the list is read once."""

    def __init__(self, runs: Iterator[Run]) -> None:
        self._unread = runs
        self._listed: list[Run] = []

    @classmethod
    def of(cls, context: ExportContext) -> OwnRuns:
        """Return the runs of the workflow that the program runs in; none outside a workflow."""
        runner = context.settings.runner
        if runner.workflow_file is None or runner.repository is None:
            return cls(iter(()))
        return cls(
            newest_runs_of_workflow(
                context.github.required, runner.repository, runner.workflow_file
            )
        )

    def __iter__(self) -> Iterator[Run]:
        """Yield the runs.

        Raises:
            FlowTelemetryError: as `newest_runs_of_workflow`.
        """
        yield from self._listed
        for run in self._unread:
            self._listed.append(run)
            yield run

    def since(self, time: datetime) -> Iterator[Run]:
        """Yield the runs that were created since then."""
        for run in self:
            if run.created_at < time:
                return
            yield run


# Runs of events are named after the thing that they export, and its end.

_NAME = re.compile(
    r"(?P<event>pull_request_target|pull_request|issues|workflow_run) (?P<number>[0-9]{1,18}) "
    r"(?:attempt (?P<attempt>[0-9]{1,4})|(?P<time>[0-9-]{10}T[0-9:]{8}Z))"
)


@dataclass(frozen=True, slots=True)
class EventRuns:
    """The things that runs of events exported, and those that unfinished ones will export.

    A thing is its reference, and the time of the closing; None for attempts of runs.
    """

    exported: frozenset[tuple[str, datetime | None]] = frozenset()
    unfinished: frozenset[tuple[str, datetime | None]] = frozenset()

    def ends_of(self, reference: str) -> tuple[datetime, ...]:
        """Return the closings of a thing that were exported."""
        return tuple(end for known, end in self.exported if known == reference and end is not None)

    def window_of(self, reference: str) -> Window:
        """Return the closings of a thing that unfinished runs will export, as a window."""
        ends = (end for known, end in self.unfinished if known == reference)
        return Window((), tuple(end for end in ends if end is not None))

    def is_unfinished(self, reference: str) -> bool:
        """Whether an unfinished run will export an attempt."""
        return (reference, None) in self.unfinished

    @property
    def attempts(self) -> frozenset[str]:
        """The references of the exported attempts of runs."""
        return frozenset(reference for reference, end in self.exported if end is None)


def find_event_runs(runs: Iterable[Run]) -> EventRuns:
    """Return the things that runs of the sweeping workflow exported; only a success counts."""
    exported: set[tuple[str, datetime | None]] = set()
    unfinished: set[tuple[str, datetime | None]] = set()
    for run in runs:
        thing = parse_run_name(run.title) if _is_of_its_event(run) else None
        if thing is None:
            continue
        if not run.completed:
            unfinished.add(thing)
        elif run.conclusion == "success":
            exported.add(thing)
    return EventRuns(frozenset(exported), frozenset(unfinished - exported))


def _is_of_its_event(run: Run) -> bool:
    """Whether a run is named after its own event by the workflow file of this repository.

    A fork's run of `pull_request` has the file of the fork, and no credentials to export anything.
    """
    own_file = run.event != "pull_request" or run.head_repository == run.repository.full_name
    return own_file and run.title.strip().partition(" ")[0] == run.event


def parse_run_name(name: str) -> tuple[str, datetime | None] | None:
    """Return the thing in the name of a run: its reference, and the time of the closing.

    The ready workflow names its runs `pull_request_target 123 2026-11-24T03:43:00Z`, `issues 5
    2026-11-24T03:43:00Z` and `workflow_run 999 attempt 2`.
    """
    match = _NAME.fullmatch(name.strip())
    if match is None:
        return None
    number, attempt, time = int(match["number"]), match["attempt"], match["time"]
    if match["event"] == "workflow_run":
        return (format_attempt(number, int(attempt)), None) if attempt else None
    try:
        end = datetime.fromisoformat(time.replace("Z", "+00:00")) if time else None
    except ValueError:
        return None
    event = match["event"].removesuffix("_target")
    return None if end is None else (f"{event} {number}", end)


# The ledger of the last sweep, in an artifact
#
# Any workflow, even of a fork's pull request, can store an artifact of this name. A ledger is
# believed only if a sweep of this workflow on the default branch stored it.


@dataclass(frozen=True, slots=True)
class RestoredLedger:
    """The ledger of the last sweep that saved one, and the number of later ones that did not.

    ``spool`` has the contents of files that could not be delivered, by name. ``damage`` is why the
    newest ledger cannot be used.
    """

    ledger: Ledger | None = None
    spool: Mapping[str, bytes] = field(default_factory=dict)
    sweeps_without: int = 0
    damage: str = ""


def restore_ledger(context: ExportContext, runs: OwnRuns) -> RestoredLedger:
    """Return the newest ledger that a sweep of this workflow left as an artifact.

    Raises:
        FlowTelemetryError: GitHub does not answer; another try may find the ledger.
    """
    runner, github = context.settings.runner, context.github.required
    if runner.repository is None or runner.workflow_file is None:
        return RestoredLedger()
    newest = list_artifacts(github, runner.repository, name=ARTIFACT, most_pages=1)
    if not newest and not context.settings.sweep.organization:
        return RestoredLedger()
    branch = read_default_branch(github, runner.repository)
    sweeps = (run for run in runs if _is_trusted(run, runner.repository, branch))
    without = 0
    for run in islice(sweeps, _MOST_SWEEPS):
        restored = _restore_of_run(context, runner.repository, run, newest)
        if restored is not None:
            return replace(restored, sweeps_without=without + restored.sweeps_without)
        without += run.completed
    return RestoredLedger(sweeps_without=without)


def _restore_of_run(
    context: ExportContext, repository: str, run: Run, newest: Sequence[Artifact]
) -> RestoredLedger | None:
    """Return the ledger that a sweep left, whole or in parts; None if it left none."""
    stored = [each for each in newest if each.run_id == run.id]
    if not stored and len(newest) == PAGE_SIZE:
        # Other runs may have stored so many of this name.
        stored += list_artifacts(
            context.github.required, repository, name=ARTIFACT, run_id=run.id, most_pages=1
        )
    artifact = next((each for each in stored if not each.expired), None)
    if artifact is None:
        # The job that merges the parts of an organization's sweep was killed, or could not begin.
        in_parts = bool(context.settings.sweep.organization) and run.completed
        merged = merge_parts(context, repository, run.id, wait=False) if in_parts else None
        if merged is None:
            return None
        return RestoredLedger(
            ledger=merged.stored.ledger,
            spool=merged.stored.spool,
            sweeps_without=bool(merged.missing),
        )
    try:
        found = read_stored_sweep(context, artifact)
    except (AccessDeniedError, NotFoundError, PayloadError) as error:
        return RestoredLedger(damage=str(error))
    except (DamagedLedgerError, ReportError) as error:
        return RestoredLedger(damage=f"{artifact}: {error}")
    return RestoredLedger(ledger=found.ledger, spool=found.spool)


def _is_trusted(run: Run, repository: str, default_branch: str) -> bool:
    return (
        run.event in SWEEPING_EVENTS
        and run.head_branch == default_branch
        and fold(run.head_repository or "") == fold(repository)
    )
