"""Things that a sweep exports: their references in the ledger, and their subjects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flow_telemetry.github.runs import RunAddress
from flow_telemetry.http.payload import Payload
from flow_telemetry.model import Deployment, Run
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.rules.intervals import Window
from flow_telemetry.rules.ledger import Pending
from flow_telemetry.subjects.types import (
    ChangeSubject,
    DeploymentSubject,
    ItemSubject,
    RunSubject,
    Subject,
)
from flow_telemetry.text import counted

# The names of the sources of a repository; each project of Jira is one more.
CHANGES = "pull requests"
ISSUES = "issues"
DEPLOYMENTS = "deployments"
RUNS = "runs"


def jira_source(project: str) -> str:
    """Return the name of the source of a Jira project."""
    return f"jira {project}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A thing of a source, such as `pull_request 123`, that a sweep exports if it can be read.

    It ended at ``earliest`` or later, unless it is ``pending`` since an earlier sweep. ``pull`` is
    a pull request's item in the list.
    """

    source: str
    reference: str
    earliest: datetime
    window: Window
    subject: Subject
    pending: Pending | None = None
    pull: Payload | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRuns:
    """The default branch of a repository, and its runs that events exported."""

    repository: str
    default_branch: str | None = None
    of_events: frozenset[str] = frozenset()


_ATTEMPT = re.compile(r"workflow_run ([0-9]{1,18}) attempt ([0-9]{1,4})")
_NUMBERED = re.compile(r"(pull_request|issues|deployment) ([0-9]{1,18})")
_JIRA = re.compile(r"jira (\S{1,100})")


def build_subject(
    reference: str,
    window: Window,
    known: KnownRuns,
    *,
    deployment: Deployment | None = None,
    run: Run | None = None,
    unfinished_at: datetime | None = None,
) -> Subject | None:
    """Return the subject of a reference; None if it is not one of a sweep.

    ``deployment`` or ``run`` is the one that was listed, ``unfinished_at`` when a run was seen
    unfinished.
    """
    if match := _ATTEMPT.fullmatch(reference):
        address = RunAddress(
            repository=known.repository, run_id=int(match[1]), attempt=int(match[2])
        )
        return RunSubject(
            address=address,
            ended=True,
            within=window,
            unfinished_at=unfinished_at,
            listed=run,
            default_branch=known.default_branch,
        )
    if match := _JIRA.fullmatch(reference):
        return _item(ItemKey(tracker="jira", key=match[1]), window, known)
    match = _NUMBERED.fullmatch(reference)
    if match is None:
        return None
    kind, number = match[1], int(match[2])
    if kind == "pull_request":
        return ChangeSubject(repository=known.repository, number=number, closed_within=window)
    if kind == "issues":
        return _item(ItemKey(tracker="github", key=str(number)), window, known)
    return DeploymentSubject(
        repository=known.repository,
        id=number,
        within=window,
        listed=deployment,
        runs_of_events=known.of_events,
    )


def _item(key: ItemKey, window: Window, known: KnownRuns) -> ItemSubject:
    return ItemSubject(
        repository=known.repository, key=key, with_feature=True, closed_within=window
    )


def describe(reference: str) -> str:
    """Return a reference for people, such as `pull request #123`."""
    kind, _, rest = reference.partition(" ")
    if kind == "jira":
        return rest
    if parsed := parse_attempt(reference):
        return f"run {parsed[0]}, attempt {parsed[1]}"
    names = {"pull_request": "pull request #", "issues": "issue #"}
    return f"{names.get(kind, f'{kind} ')}{rest}"


def count_things(number: int, one: str = "", several: str = "") -> str:
    """Return a number of things and the verb for it, such as `3 things were exported`."""
    return counted(number, "thing", one, several)


def parse_attempt(reference: str) -> tuple[int, int] | None:
    """Return the run and the attempt of a reference; None if it is another thing's."""
    match = _ATTEMPT.fullmatch(reference)
    return (int(match[1]), int(match[2])) if match else None


def in_order(things: Sequence[Thing]) -> list[Thing]:
    """Return the things in order of their end, the oldest first."""

    def order(thing: Thing) -> tuple[datetime, str]:
        since = thing.pending.interval.start if thing.pending else thing.earliest
        return since, thing.reference

    return sorted(things, key=order)
