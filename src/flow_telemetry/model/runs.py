"""Workflow runs, their jobs and steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.model.common import Actor, Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A message of the runner or of a tool on the check run of a job."""

    level: str
    message: str
    title: str | None = None
    path: str | None = None
    start_line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a job. ``occurrence`` is above 1 if its number repeats in the job."""

    number: int
    name: str
    status: str
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    occurrence: int = 1

    @property
    def completed(self) -> bool:
        """Whether the step has ended."""
        return self.status == "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One wait of a job for people to approve its deployment."""

    requested_at: datetime
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDeployment:
    """The deployment that a job made: its environment, commit and waits for approvals."""

    environment: str
    commit: str
    approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job of one attempt of a run.

    ``started_at`` can be the time of queueing; the job really started with its first step.
    ``annotations`` are those of the job's check run, read only if the job did not succeed.
    """

    id: int
    run_id: int
    run_attempt: int
    name: str
    status: str
    conclusion: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    url: str = ""
    steps: tuple[Step, ...] = ()
    labels: tuple[str, ...] = ()
    runner_id: int | None = None
    runner_name: str | None = None
    runner_group: str | None = None
    annotations: tuple[Annotation, ...] = ()
    deployment: JobDeployment | None = None
    node_id: str | None = None

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """The waits of the job for people to approve its deployment, in order of time."""
        return self.deployment.approvals if self.deployment else ()

    @property
    def completed(self) -> bool:
        """Whether the job has ended."""
        return self.status == "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt of a workflow run, with the jobs that are listed for this attempt.

    ``started_at`` is the start of this attempt, ``created_at`` that of the first one.
    ``jobs_complete`` is False if GitHub listed fewer jobs than it counted. ``referenced_workflows``
    are the paths, with refs, of the reusable workflows that the run called. ``of_tag`` is whether
    ``head_branch`` is the name of a tag.
    """

    id: int
    attempt: int
    repository: Repository
    workflow: str
    status: str
    event: str
    created_at: datetime
    started_at: datetime
    updated_at: datetime | None = None
    conclusion: str | None = None
    number: int = 0
    title: str = ""
    path: str = ""
    workflow_id: int | None = None
    head_branch: str | None = None
    head_sha: str = ""
    head_repository: str | None = None
    url: str = ""
    actor: Actor | None = None
    triggering_actor: Actor | None = None
    referenced_workflows: tuple[str, ...] = ()
    jobs: tuple[Job, ...] = ()
    jobs_complete: bool = True
    of_tag: bool = False

    @property
    def completed(self) -> bool:
        """Whether the attempt has ended."""
        return self.status == "completed"

    @property
    def reference(self) -> str:
        """The flow reference of this attempt."""
        return identity.run_reference(self.repository.reference, self.id, self.attempt)

    def job_reference(self, job: Job) -> str:
        """Return the flow reference of one of the jobs."""
        return identity.job_reference(self.repository.reference, self.id, job.id)
