"""Deployments, and the changes that they deliver."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.model.changes import Change
from flow_telemetry.model.common import Actor, Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStatus:
    """A state of a deployment, as GitHub reports it, and its time."""

    state: str
    time: datetime
    id: int = 0
    actor: Actor | None = None
    log_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment of a commit to an environment, its statuses in order of time.

    ``run_id`` and ``job_id`` are those of the run that made it, if a status links to it.
    ``delivers`` are the pull requests merged since the environment's previous successful
    deployment; ``delivers_complete`` is False if GitHub truncated the comparison. ``before`` are
    the earlier deployments to the same environment, back to the last successful one.
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

    @property
    def reference(self) -> str:
        """The flow reference of the deployment."""
        return identity.deployment_reference(self.repository.reference, self.id)
