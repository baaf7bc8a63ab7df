"""Deployments, and the changes that they deliver."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from flow_telemetry import identity
from flow_telemetry.model.changes import Change
from flow_telemetry.model.common import Actor, Repository, Result

DEFAULT_TASK = "deploy"


class DeploymentKind(Enum):
    """How the deployed commit relates to what its place had before."""

    DEPLOY = "deploy"
    REDEPLOY = "redeploy"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStatus:
    """A state of a deployment, as GitHub reports it, and its time."""

    state: str
    time: datetime
    id: int = 0
    actor: Actor | None = None
    log_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """How and when the job that made a deployment ended."""

    result: Result
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment of a commit to an environment, its statuses in order of time.

    Its *place* is the environment and the ``task``. ``transient`` is whether the environment is to
    disappear again. ``run_id`` and ``job_id`` are those of the run that made it, if a status links
    to it; an old form of link has only the job. ``outcome`` is that of the job, if it was read.
    ``committed_at`` is the date of the commit.

    ``delivers`` are the pull requests that no earlier success brought to the place;
    ``delivers_complete`` is False if not all could be found. ``before`` are the earlier deployments
    to the place. ``kind`` is None until these were read. ``takes_back`` are the pull requests that
    a rollback removes from the place.
    """

    repository: Repository
    id: int
    environment: str
    sha: str
    created_at: datetime
    ref: str = ""
    production: bool = False
    creator: Actor | None = None
    url: str = ""
    statuses: tuple[DeploymentStatus, ...] = ()
    run_id: int | None = None
    job_id: int | None = None
    delivers: tuple[Change, ...] = ()
    delivers_complete: bool = True
    before: tuple[Deployment, ...] = ()
    task: str = DEFAULT_TASK
    transient: bool = False
    outcome: JobOutcome | None = None
    committed_at: datetime | None = None
    kind: DeploymentKind | None = None
    takes_back: tuple[Change, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def made_by_run(self) -> bool:
        """Whether a status links to a run or a job."""
        return self.run_id is not None or self.job_id is not None

    @property
    def reference(self) -> str:
        """The flow reference of the deployment."""
        return identity.deployment_reference(self.repository.reference, self.id)
