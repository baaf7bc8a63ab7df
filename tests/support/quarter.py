"""A quarter of three repositories: facts by a seed, and the telemetry that the program makes of it.

The facts are plain numbers, from which a test counts by hand. The records are made of the same
numbers, and the program's mapping makes spans and measurements of the records. So a value of a
store can be compared with the facts, and neither passes through the same query.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flow_telemetry.mapping.changes import change_spans
from flow_telemetry.mapping.flow_metrics import (
    change_measurements,
    delivery_measurements,
    feature_cost,
    feature_measurements,
    item_measurements,
)
from flow_telemetry.mapping.items import FeatureMapping, feature_spans
from flow_telemetry.mapping.job_metrics import suite_measurements
from flow_telemetry.mapping.metrics import build_job_points, run_measurements
from flow_telemetry.mapping.open_work import change_load, item_load, phase_load, run_load
from flow_telemetry.mapping.openings import opening_spans
from flow_telemetry.mapping.placement import Ancestry, Tracing, place, place_change
from flow_telemetry.mapping.runs import run_spans
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import (
    Actor,
    Annotation,
    Change,
    Deployment,
    DeploymentStatus,
    Event,
    EventKind,
    Job,
    Lineage,
    Repository,
    ReviewState,
    Run,
    StatusCategory,
    Step,
    WorkItem,
)
from flow_telemetry.model.deployments import DeploymentKind
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode, TreeDetail
from flow_telemetry.model.reports import TestCase, TestSuite
from flow_telemetry.rules.lifecycle import PhaseKind
from flow_telemetry.rules.open_work import ActiveRuns, OpenChanges, OpenItems, PresentPhase
from flow_telemetry.rules.selection import select_whole_run
from flow_telemetry.rules.time_shares import measure_change_times, measure_feature_time
from flow_telemetry.settings import Detail, TraceScope
from flow_telemetry.telemetry import Measurement, Span

DAYS = 90
NAMES = ("web", "search", "billing")
TEAMS = {"web": "checkout", "search": "discovery", "billing": "checkout"}
REPOSITORIES = {
    name: Repository(
        host="github.com", owner="acme", name=name, url=f"https://github.com/acme/{name}"
    )
    for name in NAMES
}
TRACING = Tracing(scope=TraceScope.CHANGE)
EXTRA = ("flow.feature.key",)
# Name, labels and price for each minute.
JOBS = (
    ("lint", ("ubuntu-24.04",), 0.006),
    ("test (3.13)", ("windows-2025",), 0.010),
    ("build", ("self-hosted", "linux"), 0.0),
)
# What fails a job: the message of the runner, and the value of `error.type`.
CAUSES = (
    ("Process completed with exit code 1.", "failure"),
    ("Process completed with exit code 1.", "failure"),
    ("The self-hosted runner: rack-3 lost communication with the server.", "runner_lost"),
    (
        "The job running on runner x has exceeded the maximum execution time of 30 minutes.",
        "timeout",
    ),
    ("GitHub Actions has encountered an internal error when running your job.", "internal_error"),
)
PLATFORM = {"runner_lost", "internal_error"}
_STATUSES = {
    "Todo": StatusCategory.TO_DO,
    "Doing": StatusCategory.IN_PROGRESS,
    "Done": StatusCategory.DONE,
}


@dataclass(frozen=True, kw_only=True)
class JobFact:
    """A job: ``at`` is the time of its export, ``cause`` is empty if it succeeded."""

    at: datetime
    repository: str
    workflow: str
    branch: str
    run: int
    attempt: int
    name: str
    labels: str
    queued: int
    seconds: int
    cause: str
    price: float
    flaky: int
    tests: int


@dataclass(frozen=True, kw_only=True)
class ChangeFact:
    """A pull request that ended, in seconds since its opening."""

    at: datetime
    repository: str
    opened: datetime
    merged: bool
    review: int
    end: int


@dataclass(frozen=True, kw_only=True)
class DeploymentFact:
    """A deployment; ``lead_times`` and ``restore`` are in seconds, of a success only."""

    at: datetime
    repository: str
    succeeded: bool
    rollback: bool
    lead_times: tuple[int, ...]
    restore: int | None


@dataclass(frozen=True, kw_only=True)
class ItemFact:
    """A closed work item: seconds from its first status in progress to closing, and blocked."""

    at: datetime
    repository: str
    type: str
    cycle: int
    blocked: int


@dataclass(frozen=True, kw_only=True)
class FeatureFact:
    """A closed feature: seconds from creation to closing."""

    at: datetime
    repository: str
    key: str
    seconds: int
    changes: int


@dataclass(frozen=True, kw_only=True)
class Export:
    """The telemetry of one export, sent at a time."""

    at: datetime
    measurements: tuple[Measurement, ...]
    spans: tuple[Span, ...] = ()


@dataclass
class Quarter:
    """The facts and exports of the 90 days before ``now``."""

    now: datetime
    seed: int = 26
    jobs: list[JobFact] = field(default_factory=list)
    changes: list[ChangeFact] = field(default_factory=list)
    deployments: list[DeploymentFact] = field(default_factory=list)
    items: list[ItemFact] = field(default_factory=list)
    features: list[FeatureFact] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    open_changes: dict[str, int] = field(default_factory=dict)
    _number: int = 1000

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        for name in NAMES:
            self._resources = ResourceMaker(extra={"team": TEAMS[name]})
            self._repository(REPOSITORIES[name])
        # Equal times of one series would be one point.
        self.exports.sort(key=lambda export: export.at)

    def _repository(self, repository: Repository) -> None:
        merged: list[Change] = []
        deployed: list[Deployment] = []
        everything: list[tuple[ChangeFact, Change]] = []
        for day in range(DAYS):
            morning = self.now - timedelta(days=DAYS - day) + timedelta(minutes=30)
            for hour in (0, 3, 6):
                self._run(repository, morning + timedelta(hours=hour), "feature", "pull_request")
            self._run(repository, morning + timedelta(hours=8), "main", "push")
            fact, change = self._change(repository, morning + timedelta(minutes=5))
            everything.append((fact, change))
            if fact.merged:
                merged.append(change)
            if day % 2:
                ready = [c for c in merged if c.closed_at < morning + timedelta(hours=10)]  # type: ignore[operator]
                made = self._deployment(repository, morning + timedelta(hours=10), ready, deployed)
                deployed.append(made)
                if made.statuses[-1].state == "success":
                    merged = [c for c in merged if c not in ready]
            self._item(repository, morning + timedelta(minutes=10), day)
            if day % 15 == 14:
                self._feature(repository, morning, [c for f, c in everything[-2:] if f.merged])
            self._sweep(repository, morning + timedelta(hours=12), everything)
        self._sweep(repository, self.now - timedelta(minutes=3), everything)

    # Runs

    def _run(self, repository: Repository, start: datetime, branch: str, event: str) -> None:
        run = self._next()
        self._attempt(repository, start, branch, event, run, 1)
        last = [job for job in self.jobs if job.run == run]
        if any(job.cause for job in last) and self._random.random() < 0.4:
            again = start + timedelta(hours=1)
            self._attempt(repository, again, branch, event, run, 2)

    def _attempt(
        self,
        repository: Repository,
        start: datetime,
        branch: str,
        event: str,
        run: int,
        attempt: int,
    ) -> None:
        chance = self._random
        failing = chance.choice(JOBS)[0] if chance.random() < 0.15 else ""
        jobs, facts = [], []
        for name, labels, price in JOBS:
            slow = chance.random() < 0.08
            queued = chance.randint(301, 900) if slow else chance.randint(2, 60)
            seconds = chance.randint(40, 900)
            message, cause = chance.choice(CAUSES) if name == failing else ("", "")
            jobs.append(
                _job(self._next(), run, attempt, name, labels, start, queued, seconds, message)
            )
            tested = name.startswith("test") and cause in ("", "failure")
            facts.append(
                JobFact(
                    at=start,
                    repository=repository.full_name,
                    workflow="CI",
                    branch="default" if branch == "main" else "other",
                    run=run,
                    attempt=attempt,
                    name=name.partition(" ")[0],
                    labels=",".join(sorted(labels)),
                    queued=queued,
                    seconds=seconds,
                    cause=cause,
                    price=price,
                    flaky=int(tested and chance.random() < 0.2),
                    tests=8 if tested else 0,
                )
            )
        ended = max(job.completed_at for job in jobs if job.completed_at)
        at = ended + timedelta(seconds=30, milliseconds=self._next() % 1000)
        record = Run(
            id=run,
            attempt=attempt,
            repository=repository,
            workflow="CI",
            status="completed",
            conclusion="failure" if failing else "success",
            event=event,
            created_at=start,
            started_at=start,
            updated_at=ended,
            head_branch=branch,
            head_sha=f"{run:040x}",
            default_branch="main",
            actor=Actor(login=chance.choice(("alice", "bob"))),
            public=False,
            jobs=tuple(jobs),
        )
        self.jobs += [replace(fact, at=at) for fact in facts]
        resource = self._resources.of_run(record)
        placement = place(record.reference, Ancestry(), TRACING)
        whole = select_whole_run(record)
        measured = list(run_measurements(whole, resource, EXTRA, placement=placement))
        for job, fact in zip(jobs, facts, strict=True):
            points = build_job_points(record, job, resource, EXTRA, placement=placement)
            measured += suite_measurements(_suites(fact), points)
        spans = run_spans(whole, placement, resource, Detail.STEP)
        self.exports.append(Export(at=at, measurements=tuple(measured), spans=tuple(spans)))

    # Pull requests and deployments

    def _change(self, repository: Repository, opened: datetime) -> tuple[ChangeFact, Change]:
        chance = self._random
        review = chance.randint(600, 40 * 3600)
        end = review + chance.randint(600, 30 * 3600)
        merged = chance.random() < 0.9
        number = self._next()
        closed = opened + timedelta(seconds=end)
        first_commit = opened - timedelta(hours=2)
        timeline = [
            Event(
                kind=EventKind.COMMITTED,
                time=first_commit,
                id=f"{number:040x}",
                authored_at=first_commit,
            ),
            Event(
                kind=EventKind.REVIEWED,
                time=opened + timedelta(seconds=review),
                actor=Actor(login="bob"),
                id=str(number),
                review=ReviewState.APPROVED,
            ),
            *([Event(kind=EventKind.MERGED, time=closed)] if merged else []),
            Event(kind=EventKind.CLOSED, time=closed),
        ]
        change = Change(
            repository=repository,
            number=number,
            title="Round once",
            state="closed",
            created_at=opened,
            closed_at=closed,
            merged_at=closed if merged else None,
            base_branch="main",
            default_branch="main",
            head_branch=f"fix-{number}",
            author=Actor(login="alice"),
            additions=chance.randint(1, 300),
            deletions=chance.randint(1, 200),
            changed_files=chance.randint(1, 20),
            commits=1,
            timeline=tuple(timeline),
        )
        fact = ChangeFact(
            at=closed,
            repository=repository.full_name,
            opened=opened,
            merged=merged,
            review=review,
            end=end,
        )
        at = closed + timedelta(seconds=20, milliseconds=self._next() % 1000)
        placement = place_change(change, Lineage(), TRACING)
        openings = tuple(opening_spans(placement))
        if at >= self.now:  # Its opening is all that a backend has yet.
            begun = opened + timedelta(minutes=1, milliseconds=number % 1000)
            self.exports.append(Export(at=begun, measurements=(), spans=openings))
            return fact, change
        self.changes.append(replace(fact, at=at))
        resource = self._resources.of_change(change)
        times = measure_change_times(change, runs=(), may_be_blocked=False)
        measured = change_measurements(change, resource, EXTRA, placement=placement, times=times)
        spans = (*openings, *change_spans(change, placement, resource))
        self.exports.append(Export(at=at, measurements=tuple(measured), spans=spans))
        return fact, change

    def _deployment(
        self,
        repository: Repository,
        created: datetime,
        delivers: Sequence[Change],
        before: Sequence[Deployment],
    ) -> Deployment:
        chance = self._random
        succeeded = chance.random() < 0.8 or not before
        rollback = succeeded and chance.random() < 0.1 and bool(before)
        ended = created + timedelta(seconds=chance.randint(60, 600))
        number = self._next()
        state = DeploymentStatus(state="success" if succeeded else "failure", time=ended)
        delivered = tuple(delivers) if succeeded and not rollback else ()
        made = Deployment(
            repository=repository,
            id=number,
            environment="production",
            production=True,
            sha=f"{number:040x}",
            created_at=created,
            statuses=(state,),
            delivers=delivered,
            before=tuple(before[-6:]),
            kind=DeploymentKind.ROLLBACK if rollback else DeploymentKind.DEPLOY,
        )
        failed = []
        for one in reversed(before):
            if one.statuses[-1].state == "success":
                break
            failed.append(one.statuses[-1].time)
        at = ended + timedelta(seconds=10, milliseconds=number % 1000)
        self.deployments.append(
            DeploymentFact(
                at=at,
                repository=repository.full_name,
                succeeded=succeeded,
                rollback=rollback,
                lead_times=tuple(
                    int((ended - c.created_at).total_seconds()) + 7200  # type: ignore[operator]
                    for c in delivered
                ),
                restore=int((ended - failed[-1]).total_seconds()) if succeeded and failed else None,
            )
        )
        resource = self._resources.of_deployment(made)
        measured = tuple(delivery_measurements(made, resource, EXTRA))
        self.exports.append(Export(at=at, measurements=measured))
        return made

    # Work items and features

    def _item(self, repository: Repository, created: datetime, day: int) -> None:
        chance = self._random
        begin, cycle = chance.randint(600, 20 * 3600), chance.randint(3600, 60 * 3600)
        blocked = chance.randint(600, cycle // 2) if chance.random() < 0.3 else 0
        kind = ("Story", "Bug", "Task")[day % 3]
        item = self._work_item(repository, kind, created, begin, cycle, blocked)
        at = created + timedelta(seconds=begin + cycle + 15, milliseconds=self._next() % 1000)
        if at >= self.now:
            return
        self.items.append(
            ItemFact(
                at=at, repository=repository.full_name, type=kind, cycle=cycle, blocked=blocked
            )
        )
        measured = tuple(item_measurements(item, self._resources.of_item(item), (), EXTRA))
        self.exports.append(Export(at=at, measurements=measured))

    def _work_item(
        self,
        repository: Repository,
        kind: str,
        created: datetime,
        begin: int,
        cycle: int,
        blocked: int,
    ) -> WorkItem:
        number = self._next()
        begun, closed = (
            created + timedelta(seconds=begin),
            created + timedelta(seconds=begin + cycle),
        )
        history = [_moved(begun, "Todo", "Doing")]
        if blocked:
            until = begun + timedelta(seconds=blocked)
            history += [
                Event(kind=EventKind.BLOCKED, time=begun),
                Event(kind=EventKind.UNBLOCKED, time=until),
            ]
        history += [_moved(closed, "Doing", "Done"), Event(kind=EventKind.CLOSED, time=closed)]
        return WorkItem(
            tracker="github",
            key=f"{repository.full_name}#{number}",
            reference=f"{repository.reference}/issues/{number}",
            type=kind,
            repository=repository,
            number=number,
            state="closed",
            status="Done",
            category=StatusCategory.DONE,
            created_at=created,
            closed_at=closed,
            result="completed",
            history=tuple(history),
        )

    def _feature(self, repository: Repository, end: datetime, changes: Sequence[Change]) -> None:
        created = end - timedelta(days=10, seconds=self._random.randint(0, 80_000))
        seconds = int((end - created).total_seconds())
        epic = self._work_item(repository, "Epic", created, 3600, seconds - 3600, 0)
        story = self._work_item(repository, "Story", created, 7200, seconds - 10_000, 7200)
        nodes = tuple(ChangeNode(change=change) for change in changes)
        root = ItemNode(item=epic, children=(ItemNode(item=story, changes=nodes),))
        tree = FeatureTree(root=root, finest=TreeDetail.STEP)
        at = end + timedelta(seconds=45, milliseconds=self._next() % 1000)
        self.features.append(
            FeatureFact(
                at=at,
                repository=repository.full_name,
                key=epic.key,
                seconds=seconds,
                changes=len(nodes),
            )
        )
        time = measure_feature_time(tree, (), last_period=True)
        measured = feature_measurements(
            tree, self._resources.of_item(epic), EXTRA, cost=feature_cost(tree), time=time
        )
        mapping = FeatureMapping(
            tracing=TRACING, resources=self._resources, blocked_names=(), time=time
        )
        spans = feature_spans(tree, TreeDetail.STEP, mapping)
        self.exports.append(Export(at=at, measurements=tuple(measured), spans=tuple(spans)))

    # Open work

    def _sweep(
        self,
        repository: Repository,
        at: datetime,
        everything: Sequence[tuple[ChangeFact, Change]],
    ) -> None:
        opened = [
            (fact, change)
            for fact, change in everything
            if fact.opened <= at < fact.opened + timedelta(seconds=fact.end)
        ]
        self.open_changes[repository.full_name] = len(opened)
        present = OpenChanges(
            repository=repository,
            total=len(opened),
            changes=tuple(replace(change, draft=False) for _, change in opened),
            phases=tuple(_phase(fact, at) for fact, _ in opened),
            read=len(opened),
        )
        groups = [
            OpenItems(
                tracker="github",
                count=count,
                oldest=at - timedelta(days=age),
                type=kind,
                category=category,
                repository=repository,
            )
            for kind, category, count, age in (
                ("Story", StatusCategory.IN_PROGRESS, 4, 12),
                ("Bug", StatusCategory.TO_DO, 7, 40),
            )
        ]
        measured = [
            *item_load(groups, self._resources, at),
            *change_load(present, self._resources, at),
            *phase_load(present, self._resources, at),
            *run_load(_active(repository, at), repository, self._resources, at),
        ]
        self.exports.append(Export(at=at, measurements=tuple(measured)))

    def _next(self) -> int:
        self._number += 1
        return self._number


def _job(
    number: int,
    run: int,
    attempt: int,
    name: str,
    labels: tuple[str, ...],
    created: datetime,
    queued: int,
    seconds: int,
    message: str,
) -> Job:
    began = created + timedelta(seconds=queued)
    ended = began + timedelta(seconds=seconds)
    conclusion = "failure" if message else "success"
    setup = began + timedelta(seconds=2)
    return Job(
        id=number,
        run_id=run,
        run_attempt=attempt,
        name=name,
        status="completed",
        conclusion=conclusion,
        created_at=created,
        started_at=created,
        completed_at=ended,
        labels=labels,
        runner_id=7,
        runner_name="GitHub Actions 7",
        steps=(
            Step(
                number=1,
                name="Set up job",
                status="completed",
                conclusion="success",
                started_at=began,
                completed_at=setup,
            ),
            Step(
                number=2,
                name=f"Run {name.partition(' ')[0]}",
                status="completed",
                conclusion=conclusion,
                started_at=setup,
                completed_at=ended,
            ),
        ),
        annotations=(
            (Annotation(level="failure", message=message, path=".github"),) if message else ()
        ),
    )


def _suites(fact: JobFact) -> Iterator[TestSuite]:
    if fact.tests:
        cases = [
            TestCase(name=f"case {number}", duration=0.5, flaky=number < fact.flaky)
            for number in range(fact.tests)
        ]
        yield TestSuite(name="unit", cases=tuple(cases))


def _moved(time: datetime, before: str, after: str) -> Event:
    return Event(
        kind=EventKind.STATUS_CHANGED,
        time=time,
        subject=after,
        before=before,
        category=_STATUSES[after],
        category_before=_STATUSES[before],
    )


def _phase(fact: ChangeFact, at: datetime) -> PresentPhase:
    reviewed = fact.opened + timedelta(seconds=fact.review)
    if at < reviewed:
        return PresentPhase(kind=PhaseKind.AWAITING_REVIEW, since=fact.opened)
    return PresentPhase(kind=PhaseKind.AWAITING_MERGE, since=reviewed)


def _active(repository: Repository, at: datetime) -> ActiveRuns:
    """Return a job that waits since two hours, and one that has run for seven."""
    jobs = (
        Job(
            id=1,
            run_id=1,
            run_attempt=1,
            name="build",
            status="queued",
            created_at=at - timedelta(hours=2),
            labels=("self-hosted", "gpu"),
        ),
        Job(
            id=2,
            run_id=1,
            run_attempt=1,
            name="test",
            status="in_progress",
            created_at=at - timedelta(hours=8),
            started_at=at - timedelta(hours=7),
            labels=("ubuntu-24.04",),
        ),
    )
    run = Run(
        id=1,
        attempt=1,
        repository=repository,
        workflow="CI",
        status="in_progress",
        event="push",
        created_at=at - timedelta(hours=8),
        started_at=at - timedelta(hours=8),
        jobs=jobs,
    )
    return ActiveRuns(runs=(run,))
