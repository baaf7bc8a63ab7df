"""Open work at one time: items, pull requests, runs and jobs that have not ended, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product

from flow_telemetry.model import Change, Job, Repository, Run, StatusCategory, WorkItem
from flow_telemetry.rules.lifecycle import PhaseKind, find_phases

# A backend keeps a series for each value of an attribute, so that few have a value of their own.
MOST_TYPES = 25
MOST_WORKFLOWS = 50
MOST_LABELS = 20
OTHER = "(other)"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItems:
    """The number of open items of one type and category, and when the oldest was created.

    ``project`` is the key of a Jira project; items of GitHub have a ``repository``. ``type`` is
    empty for items without a type. ``category`` is None if it is unknown, ``oldest`` if there is no
    item, or if the time is unknown. ``incomplete`` is whether some open items were not counted.
    """

    tracker: str
    count: int
    oldest: datetime | None
    type: str = ""
    category: StatusCategory | None = None
    repository: Repository | None = None
    project: str = ""
    incomplete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentPhase:
    """The phase that an open pull request is in, and since when."""

    kind: PhaseKind
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenChanges:
    """The open pull requests of a repository: the oldest of them, and how many there are.

    Each of ``changes`` has its number, creation and draft state, and no timeline. ``phases`` are
    those of the oldest ``read`` changes. ``unread`` are the reasons why others could not be read.
    """

    repository: Repository
    total: int
    changes: tuple[Change, ...] = field(default=(), repr=False)
    phases: tuple[PresentPhase, ...] = ()
    read: int = 0
    unread: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all of them were listed."""
        return len(self.changes) >= self.total

    @property
    def phases_complete(self) -> bool:
        """Whether the phases of all of them were read."""
        return self.complete and self.read >= len(self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRuns:
    """The runs of a repository that have not ended.

    ``incomplete`` is whether some runs are missing, ``jobs_incomplete`` whether the jobs of some of
    the runs are. A run whose jobs were not read has none; ``unread`` are the reasons.
    """

    runs: tuple[Run, ...] = field(default=(), repr=False)
    incomplete: bool = False
    jobs_incomplete: bool = False
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobGroup:
    """Jobs of one workflow in one state that requested the same labels.

    ``since`` is when the first of them came into this state, None if that is unknown.
    """

    workflow: str
    state: str
    labels: str
    count: int
    since: datetime | None


def count_items(
    items: Iterable[WorkItem], projects: Collection[str], *, incomplete: bool
) -> Iterator[OpenItems]:
    """Yield the open items of a Jira by project, type and category.

    A project without items to do, or in progress, has an empty group of that category.
    """
    opened = [item for item in items if not item.ended]
    types = frequent(Counter(item.type for item in opened), MOST_TYPES)
    groups: dict[tuple[str, str, StatusCategory | None], list[WorkItem]] = {}
    for item in opened:
        project = item.key.rpartition("-")[0]
        groups.setdefault((project, types[item.type], item.category), []).append(item)
    known = {(project, category) for project, _, category in groups}
    for project, missing in product(projects, (StatusCategory.TO_DO, StatusCategory.IN_PROGRESS)):
        if (project, missing) not in known:
            groups[project, "", missing] = []
    for (project, item_type, category), found in groups.items():
        yield OpenItems(
            tracker="jira",
            project=project,
            type=item_type,
            category=category,
            count=len(found),
            oldest=min((i.created_at for i in found if i.created_at), default=None),
            incomplete=incomplete,
        )


def present_phase(change: Change, now: datetime) -> PresentPhase | None:
    """Return the phase of an open change, whose timeline is needed; None if it was closed."""
    phases = find_phases(change, now)
    if not phases or phases[-1].ended:
        return None
    return PresentPhase(kind=phases[-1].kind, since=phases[-1].interval.start)


# GitHub's words for a run or job that a rule, a concurrency group or GitHub itself holds back.
_WAITING = frozenset({"waiting", "pending", "requested"})
QUEUED, WAITING, IN_PROGRESS = "queued", "waiting", "in_progress"


def job_state(job: Job) -> str | None:
    """Return `queued` (for a runner), `waiting` (for anything else) or `in_progress`.

    None for a job that has ended, or whose state is unknown.
    """
    if job.status in (QUEUED, IN_PROGRESS):
        return job.status
    return WAITING if job.status in _WAITING else None


def group_jobs(runs: Iterable[Run], labels_of: Mapping[int, str]) -> list[JobGroup]:
    """Return the active jobs by workflow, state and labels; ``labels_of`` has those of a job.

    The frequent workflows and labels have groups of their own; the rest is `(other)`.
    """
    found = [
        (run.workflow, state, labels_of[job.id], job)
        for run in runs
        for job in run.jobs
        if (state := job_state(job)) is not None
    ]
    workflows = frequent(Counter(workflow for workflow, *_ in found), MOST_WORKFLOWS)
    labels = frequent(Counter(text for _, _, text, _ in found), MOST_LABELS)
    groups: dict[tuple[str, str, str], list[Job]] = {}
    for workflow, state, text, job in found:
        groups.setdefault((workflows[workflow], state, labels[text]), []).append(job)
    return [
        JobGroup(
            workflow=workflow,
            state=state,
            labels=text,
            count=len(jobs),
            since=min(filter(None, map(_in_state_since, jobs)), default=None),
        )
        for (workflow, state, text), jobs in groups.items()
    ]


def _in_state_since(job: Job) -> datetime | None:
    # Before its start, GitHub shows a time of queueing as the start of a job.
    return job.started_at if job.status == IN_PROGRESS else job.created_at


def frequent(counts: Counter[str], most: int) -> Mapping[str, str]:
    """Return the name to use for each name: its own, or `(other)` beyond the ``most`` frequent."""
    order = sorted(counts, key=lambda name: (-counts[name], name))
    return {name: name if rank < most else OTHER for rank, name in enumerate(order)}
