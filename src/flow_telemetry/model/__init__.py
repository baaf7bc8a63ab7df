"""The domain: what was read, as frozen records that know no JSON and no OpenTelemetry.

All times are aware and in UTC, kept as GitHub or the tracker gave them. ``None`` stands for what
was left out, or given as null or as GitHub's zero time (``0001-01-01T00:00:00Z``).
"""

from flow_telemetry.model.changes import Change, Parentage
from flow_telemetry.model.common import (
    RESULT_OF_CONCLUSION,
    Actor,
    ActorKind,
    Repository,
    Result,
    result_of,
)
from flow_telemetry.model.deployments import Deployment, DeploymentStatus
from flow_telemetry.model.events import Event, EventKind, ReviewState
from flow_telemetry.model.items import (
    MOST_ANCESTORS,
    ItemChain,
    Items,
    Lineage,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.model.runs import (
    Annotation,
    Approval,
    Job,
    JobDeployment,
    Run,
    Step,
)

__all__ = [
    "MOST_ANCESTORS",
    "RESULT_OF_CONCLUSION",
    "Actor",
    "ActorKind",
    "Annotation",
    "Approval",
    "Change",
    "Deployment",
    "DeploymentStatus",
    "Event",
    "EventKind",
    "ItemChain",
    "Items",
    "Job",
    "JobDeployment",
    "Lineage",
    "Parentage",
    "Repository",
    "Result",
    "ReviewState",
    "Run",
    "StatusCategory",
    "Step",
    "WorkItem",
    "result_of",
]
