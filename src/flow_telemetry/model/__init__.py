"""The domain: data of GitHub and the trackers, as frozen records without JSON or OpenTelemetry.

All times are aware and in UTC, as GitHub or the tracker reports them. A value that is missing, null
or GitHub's zero time (``0001-01-01T00:00:00Z``) is ``None``.
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
from flow_telemetry.model.deployments import (
    DEFAULT_TASK,
    Deployment,
    DeploymentKind,
    DeploymentStatus,
    JobOutcome,
)
from flow_telemetry.model.events import (
    Edit,
    EditedField,
    Event,
    EventKind,
    ReviewState,
    StatusCategory,
)
from flow_telemetry.model.items import (
    MOST_ANCESTORS,
    FlowType,
    ItemList,
    Lineage,
    WorkItem,
)
from flow_telemetry.model.runs import (
    Annotation,
    Job,
    JobDeployment,
    ProtectionRule,
    ProtectionWait,
    Run,
    Step,
)

__all__ = [
    "DEFAULT_TASK",
    "MOST_ANCESTORS",
    "RESULT_OF_CONCLUSION",
    "Actor",
    "ActorKind",
    "Annotation",
    "Change",
    "Deployment",
    "DeploymentKind",
    "DeploymentStatus",
    "Edit",
    "EditedField",
    "Event",
    "EventKind",
    "FlowType",
    "ItemList",
    "Job",
    "JobDeployment",
    "JobOutcome",
    "Lineage",
    "Parentage",
    "ProtectionRule",
    "ProtectionWait",
    "Repository",
    "Result",
    "ReviewState",
    "Run",
    "StatusCategory",
    "Step",
    "WorkItem",
    "result_of",
]
