"""The facts of the fake world, settled: what a plan said, and what followed from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tests.fakes.plans import (
    ArtifactPlan,
    DeploymentPlan,
    DeploymentStatusPlan,
    EventPlan,
    IssuePlan,
    JobPlan,
    Moment,
    PullRequestPlan,
    Runner,
    RunPlan,
    StepPlan,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step with its place in time."""

    plan: StepPlan
    number: int
    status: str
    conclusion: str | None
    started_at: Moment | None
    completed_at: Moment | None

    @property
    def name(self) -> str:
        """The step's own name."""
        return self.plan.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job with its place in time; `id` is its check run's number too."""

    plan: JobPlan
    id: int
    run_attempt: int
    status: str
    conclusion: str | None
    created_at: Moment | None
    started_at: Moment | None
    completed_at: Moment | None
    runner: Runner
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """The job's own name."""
        return self.plan.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt of a workflow run, with its jobs."""

    plan: RunPlan
    id: int
    attempt: int
    run_number: int
    sha: str
    status: str
    conclusion: str | None
    created_at: datetime
    started_at: datetime
    updated_at: Moment
    jobs: tuple[Job, ...]

    def job(self, name: str) -> Job:
        """Return the first job of that name; KeyError where there is none."""
        for job in self.jobs:
            if job.name == name:
                return job
        raise KeyError(f"run {self.id} has no job {name!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEvent:
    """Something that happened, with its place in time; `id` is the review's for its dismissal."""

    plan: EventPlan
    id: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An issue with every derived fact filled in; `parent` is a key (`acme/shop#42`)."""

    plan: IssuePlan
    number: int
    id: int
    repository: str
    parent: str | None
    state: str
    opened_at: Moment
    closed_at: Moment | None
    timeline: tuple[TimelineEvent, ...]

    @property
    def key(self) -> str:
        """What people call it: `acme/shop#17`."""
        return f"{self.repository}#{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request with every derived fact filled in."""

    plan: PullRequestPlan
    number: int
    id: int
    repository: str
    head_repository: str | None
    base: str
    sha: str
    state: str
    opened_at: Moment
    closed_at: Moment | None
    closes: tuple[str, ...] = ()
    timeline: tuple[TimelineEvent, ...] = ()

    @property
    def commits(self) -> tuple[str, ...]:
        """Every commit by which GitHub finds this pull request."""
        merge = self.plan.merge_commit_sha
        return (*self.plan.commits, self.sha, *([merge] if merge else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStatus:
    """A status of a deployment."""

    plan: DeploymentStatusPlan
    id: int
    created_at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment with its statuses, oldest first."""

    plan: DeploymentPlan
    id: int
    repository: str
    created_at: datetime
    statuses: tuple[DeploymentStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An artifact of a run in a repository."""

    plan: ArtifactPlan
    id: int
    repository: str
    created_at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """One comment; `number` is that of the issue or pull request."""

    id: int
    repository: str
    number: int
    author: str
    body: str
    created_at: Moment
    updated_at: Moment
