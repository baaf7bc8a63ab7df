"""Workflow runs, their jobs and steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

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


class ProtectionRule(Enum):
    """Kinds of rules that protect an environment: values of `flow.protection.rule`."""

    APPROVAL = "approval"
    TIMER = "timer"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionWait:
    """One wait of a job for the protection rules of its environment.

    ``end`` is None if the job ended while it waited. ``rule`` is the rule that it waited for, None
    if that is unknown.
    """

    start: datetime
    end: datetime | None = None
    rule: ProtectionRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDeployment:
    """The deployment that a job made: its environment, commit and waits for protection rules."""

    environment: str
    commit: str
    waits: tuple[ProtectionWait, ...] = ()


def matrix_name(job: str) -> str:
    """Return the part of a job's name that its matrix shares: `test` of `test (3.12, ubuntu)`."""
    return job.partition(" (")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job of one attempt of a run.

    ``started_at`` can be the time of queueing; the job really started with its first step.
    ``annotations`` are those of the job's check run, read only if the job did not succeed.
    ``waits_unknown`` is true if the job may have waited for an approval that no deployment shows.
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
    waits_unknown: bool = False
    node_id: str | None = None

    @property
    def protection_waits(self) -> tuple[ProtectionWait, ...]:
        """The waits of the job for the protection rules of its environment, in order of time."""
        return self.deployment.waits if self.deployment else ()

    @property
    def completed(self) -> bool:
        """Whether the job has ended."""
        return self.status == "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt of a workflow run, with the jobs that are listed for this attempt.

    ``started_at`` is the start of this attempt, ``created_at`` that of the first one. If the server
    does not report the start of a later attempt, ``start_known`` is False. ``url`` is the page of
    this attempt. ``jobs_complete`` is False if GitHub listed fewer jobs than it counted.
    ``referenced_workflows`` are the paths, with refs, of the reusable workflows that the run
    called, and their commits. ``of_tag`` is whether ``head_branch`` is the name of a tag,
    ``default_branch`` the repository's default branch, None if unknown. ``superseded`` is whether a
    newer run replaced this one before any of its jobs began. ``public`` is whether the repository
    is public, None if unknown.
    """

    id: int
    attempt: int
    repository: Repository
    workflow: str
    status: str
    event: str
    created_at: datetime
    started_at: datetime
    start_known: bool = True
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
    referenced_workflows: tuple[tuple[str, str], ...] = ()
    jobs: tuple[Job, ...] = ()
    jobs_complete: bool = True
    of_tag: bool = False
    default_branch: str | None = None
    superseded: bool = False
    public: bool | None = None

    @property
    def completed(self) -> bool:
        """Whether the attempt has ended. One that waits for its approval has not even begun."""
        return self.status == "completed" and not self.awaits_approval

    @property
    def awaits_approval(self) -> bool:
        """Whether the attempt waits for people to let it run, as a run of a fork may.

        GitHub shows such a run as completed. Once it is approved, it runs as the same attempt.
        """
        return self.conclusion == "action_required" and self.status == "completed"

    @property
    def reference(self) -> str:
        """The flow reference of this attempt."""
        return identity.run_reference(self.repository.reference, self.id, self.attempt)

    def job_reference(self, job: Job) -> str:
        """Return the flow reference of one of the jobs."""
        return identity.job_reference(self.repository.reference, self.id, job.id)
