"""The table of exported events; `docs/reference/events.md` is generated from it.

Names follow the vocabulary of CDEvents (https://cdevents.dev) if it has the word: a pull request is
a `change` there, which is `created`, `reviewed` and `merged`; a work item is a `ticket`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.mapping.job_attributes import STEP_NAME
from flow_telemetry.model import EventKind
from flow_telemetry.telemetry import Severity


class EventSubject(Enum):
    """Kinds of entities that events happen to: the second word of an event's name."""

    CHANGE = "change"
    WORK_ITEM = "work_item"
    FEATURE = "feature"
    DEPLOYMENT = "deployment"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Sentence:
    """The body of a record: `{actor} {verb} {what} {rest}`, such as `bob moved #17 to "Done"`.

    If the actor is not known or not shown it is `{what} was {verb} {rest}`, so the verb has one
    form for both. Without a verb it is always ``what``. Names in braces are those of `bodies`.
    """

    verb: str
    what: str
    rest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A row of the table.

    ``severity`` is that of an event that is not a failure.
    ``live`` is GitHub's webhook event, with its action, that reports the event at once.
    ``attributes`` are those that its record has in addition to `COMMON_ATTRIBUTES`. ``cdevents`` is
    the type of CDEvents with the same or a wider meaning, without `dev.cdevents.`.
    """

    subject: EventSubject
    kind: EventKind
    meaning: str
    sentence: Sentence
    severity: Severity = Severity.INFO
    live: str = ""
    attributes: tuple[str, ...] = ()
    cdevents: str = ""

    @property
    def name(self) -> str:
        """The name of the event, `flow.change.merged`."""
        return f"flow.{self.subject.value}.{self.kind.value}"


_CHANGE, _ITEM = EventSubject.CHANGE, EventSubject.WORK_ITEM
_DEPLOYMENT, _RUN = EventSubject.DEPLOYMENT, EventSubject.RUN

_CHANGE_ATTRIBUTES = (
    work_semconv.VCS_CHANGE_TITLE,
    work_semconv.VCS_CHANGE_STATE,
    work_semconv.CHANGE_URL,
    semconv.VCS_REF_HEAD_NAME,
    semconv.VCS_REF_HEAD_REVISION,
    semconv.VCS_REF_BASE_NAME,
    work_semconv.CHANGE_AUTHOR,
    work_semconv.CHANGE_AUTHOR_KIND,
    work_semconv.CHANGE_REVIEWERS,
    work_semconv.CHANGE_LABELS,
    work_semconv.CHANGE_REVERTS,
    work_semconv.CHANGE_COMMITS,
    work_semconv.CHANGE_COMMENTS,
    work_semconv.CHANGE_REVIEWS,
    work_semconv.CHANGE_LINES_ADDED,
    work_semconv.CHANGE_LINES_REMOVED,
    work_semconv.CHANGE_FILES,
    work_semconv.TIMELINE_INCOMPLETE,
    event_semconv.CHANGE_DURATION,
    event_semconv.CHANGE_COST,
    *event_semconv.PHASE_DURATIONS.values(),
    event_semconv.LIFE,
    event_semconv.MOVED_EVENTS,
    *work_semconv.TIME_DURATIONS.values(),
    *event_semconv.TIME_SHARES.values(),
    work_semconv.TIME_INCOMPLETE,
)
_ITEM_ATTRIBUTES = (
    work_semconv.ITEM_TYPE,
    work_semconv.ITEM_TITLE,
    work_semconv.ITEM_TRACKER,
    work_semconv.ITEM_URL,
    work_semconv.ITEM_RESULT,
    work_semconv.ITEM_LABELS,
    work_semconv.ITEM_ASSIGNEES,
    work_semconv.ITEM_COMMENTS,
    work_semconv.ITEM_BACKWARD_MOVES,
    event_semconv.ITEM_FLOW_TYPE,
    work_semconv.TIMELINE_INCOMPLETE,
    event_semconv.ITEM_DURATION,
    event_semconv.ITEM_TO_DO,
    event_semconv.ITEM_IN_PROGRESS,
    event_semconv.ITEM_BLOCKED,
    event_semconv.LIFE,
    event_semconv.MOVED_EVENTS,
)
_FEATURE_ATTRIBUTES = (
    work_semconv.ITEM_TYPE,
    work_semconv.ITEM_TITLE,
    work_semconv.ITEM_TRACKER,
    work_semconv.ITEM_URL,
    work_semconv.ITEM_RESULT,
    work_semconv.ITEM_LABELS,
    work_semconv.ITEM_ASSIGNEES,
    work_semconv.ITEM_COMMENTS,
    work_semconv.TIMELINE_INCOMPLETE,
    work_semconv.FEATURE_INCOMPLETE,
    event_semconv.FEATURE_DURATION,
    event_semconv.FEATURE_COST,
    event_semconv.LIFE,
    *work_semconv.TIME_DURATIONS.values(),
    *event_semconv.TIME_SHARES.values(),
    work_semconv.TIME_INCOMPLETE,
)
_DEPLOYMENT_ATTRIBUTES = (
    work_semconv.DEPLOYMENT_ID,
    work_semconv.DEPLOYMENT_ENVIRONMENT_NAME,
    semconv.VCS_REF_HEAD_REVISION,
    semconv.VCS_REF_HEAD_NAME,
    work_semconv.DEPLOYMENT_TASK,
    work_semconv.DEPLOYMENT_KIND,
)


_LABEL, _ASSIGNEE = (event_semconv.EVENT_LABEL,), (event_semconv.EVENT_ASSIGNEE,)
_REVIEWER, _ID = (event_semconv.EVENT_REVIEWER,), (event_semconv.EVENT_ID,)
_UPDATED = "change.updated"

EVENT_TYPES: tuple[EventType, ...] = (
    EventType(
        subject=_CHANGE,
        kind=EventKind.CREATED,
        meaning="the pull request was opened",
        sentence=Sentence("opened", "{change}"),
        live="`pull_request`: opened",
        attributes=(work_semconv.VCS_CHANGE_TITLE,),
        cdevents="change.created",
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.READY_FOR_REVIEW,
        meaning="the pull request is no longer a draft",
        sentence=Sentence("marked", "{change}", "as ready for review"),
        live="`pull_request`: ready_for_review",
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.CONVERTED_TO_DRAFT,
        meaning="the pull request became a draft",
        sentence=Sentence("converted", "{change}", "to a draft"),
        live="`pull_request`: converted_to_draft",
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.COMMITTED,
        meaning="a commit was added to the branch",
        sentence=Sentence("added", "{commit}", "to {change}"),
        live="`pull_request`: synchronize",
        attributes=_ID,
        cdevents=_UPDATED,
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.FORCE_PUSHED,
        meaning="the branch was force-pushed",
        sentence=Sentence("force-pushed", "the branch of {change}"),
        live="`pull_request`: synchronize",
        cdevents=_UPDATED,
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.REVIEW_REQUESTED,
        meaning="a review was requested",
        sentence=Sentence("requested", "a review of {change}", "{from_reviewer}"),
        live="`pull_request`: review_requested",
        attributes=_REVIEWER,
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.REVIEW_REQUEST_REMOVED,
        meaning="a review request was removed",
        sentence=Sentence("removed", "the review request {to_reviewer}", "from {change}"),
        live="`pull_request`: review_request_removed",
        attributes=_REVIEWER,
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.REVIEWED,
        meaning="a review was submitted",
        sentence=Sentence("reviewed", "{change}"),
        live="`pull_request_review`: submitted",
        attributes=(event_semconv.EVENT_ID, event_semconv.REVIEW_STATE),
        cdevents="change.reviewed",
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.REVIEW_DISMISSED,
        meaning="a review was dismissed",
        sentence=Sentence("dismissed", "a review of {change}"),
        live="`pull_request_review`: dismissed",
        attributes=_ID,
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.COMMENTED,
        meaning="a comment was made, on the pull request or on a line",
        sentence=Sentence("commented on", "{change}"),
        live="`issue_comment`, `pull_request_review_comment`: created",
        attributes=_ID,
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.LABELED,
        meaning="a label was added",
        sentence=Sentence("added", "the label {label}", "to {change}"),
        live="`pull_request`: labeled",
        attributes=_LABEL,
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.UNLABELED,
        meaning="a label was removed",
        sentence=Sentence("removed", "the label {label}", "from {change}"),
        live="`pull_request`: unlabeled",
        attributes=_LABEL,
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.ASSIGNED,
        meaning="the pull request was assigned",
        sentence=Sentence("assigned", "{change}", "{to_assignee}"),
        live="`pull_request`: assigned",
        attributes=_ASSIGNEE,
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.UNASSIGNED,
        meaning="the pull request was unassigned",
        sentence=Sentence("removed", "the assignee {assignee}", "from {change}"),
        live="`pull_request`: unassigned",
        attributes=_ASSIGNEE,
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.QUEUED,
        meaning="the pull request was added to the merge queue",
        sentence=Sentence("added", "{change}", "to the merge queue"),
        live="`pull_request`: enqueued",
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.DEQUEUED,
        meaning="the pull request left the merge queue",
        sentence=Sentence("removed", "{change}", "from the merge queue"),
        live="`pull_request`: dequeued",
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.MERGED,
        meaning=(
            "the pull request was merged; the record has the attributes of the span, and"
            " the time in each phase"
        ),
        sentence=Sentence("merged", "{change}"),
        live="`pull_request`: closed",
        attributes=_CHANGE_ATTRIBUTES,
        cdevents="change.merged",
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.CLOSED,
        meaning="the pull request was closed without a merge; the record has the same attributes",
        sentence=Sentence("closed", "{change}", "{without_merge}"),
        live="`pull_request`: closed",
        attributes=_CHANGE_ATTRIBUTES,
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.REOPENED,
        meaning="the pull request was reopened",
        sentence=Sentence("reopened", "{change}"),
        live="`pull_request`: reopened",
    ),
    EventType(
        subject=_CHANGE,
        kind=EventKind.DELIVERED,
        meaning=(
            "a deployment that contains the pull request succeeded, for the first time in its "
            "place; a record for each pull request"
        ),
        sentence=Sentence("", "{change} was delivered {to_environment} {after_first_commit}"),
        attributes=(
            work_semconv.VCS_CHANGE_TITLE,
            work_semconv.CHANGE_URL,
            work_semconv.CHANGE_AUTHOR,
            work_semconv.CHANGE_AUTHOR_KIND,
            *_DEPLOYMENT_ATTRIBUTES,
            names.LEAD_TIME,
            names.FIRST_COMMIT,
            names.FIRST_COMMIT_TIME,
        ),
    ),
    EventType(
        subject=_ITEM,
        kind=EventKind.CREATED,
        meaning="the item was created",
        sentence=Sentence("created", "{item}"),
        live="`issues`: opened",
        attributes=(work_semconv.ITEM_TYPE, work_semconv.ITEM_TITLE),
        cdevents="ticket.created",
    ),
    EventType(
        subject=_ITEM,
        kind=EventKind.STATUS_CHANGED,
        meaning="the status changed, in Jira or in the project `status-project`",
        sentence=Sentence("moved", "{item}", "{from_status} {to_status}"),
        attributes=(
            work_semconv.ITEM_STATUS,
            work_semconv.ITEM_STATUS_ID,
            work_semconv.ITEM_STATUS_CATEGORY,
            event_semconv.STATUS_BEFORE,
        ),
        cdevents="ticket.updated",
    ),
    EventType(
        subject=_ITEM,
        kind=EventKind.ASSIGNED,
        meaning="the item was assigned",
        sentence=Sentence("assigned", "{item}", "{to_assignee}"),
        live="`issues`: assigned",
        attributes=_ASSIGNEE,
        cdevents="ticket.updated",
    ),
    EventType(
        subject=_ITEM,
        kind=EventKind.UNASSIGNED,
        meaning="the item was unassigned",
        sentence=Sentence("removed", "the assignee {assignee}", "from {item}"),
        live="`issues`: unassigned",
        attributes=_ASSIGNEE,
        cdevents="ticket.updated",
    ),
    EventType(
        subject=_ITEM,
        kind=EventKind.LABELED,
        meaning="a label was added",
        sentence=Sentence("added", "the label {label}", "to {item}"),
        live="`issues`: labeled",
        attributes=_LABEL,
        cdevents="ticket.updated",
    ),
    EventType(
        subject=_ITEM,
        kind=EventKind.UNLABELED,
        meaning="a label was removed",
        sentence=Sentence("removed", "the label {label}", "from {item}"),
        live="`issues`: unlabeled",
        attributes=_LABEL,
        cdevents="ticket.updated",
    ),
    EventType(
        subject=_ITEM,
        kind=EventKind.COMMENTED,
        meaning="a comment was made",
        sentence=Sentence("commented on", "{item}"),
        live="`issue_comment`: created",
        attributes=_ID,
    ),
    EventType(
        subject=_ITEM,
        kind=EventKind.BLOCKED,
        meaning="a flag, an open issue, or a status or label of `blocked-names` blocks the item",
        sentence=Sentence("marked", "{item}", "as blocked {by_reason}"),
        severity=Severity.WARN,
        attributes=(event_semconv.BLOCKED_BY,),
    ),
    EventType(
        subject=_ITEM,
        kind=EventKind.UNBLOCKED,
        meaning="the item is no longer blocked",
        sentence=Sentence("marked", "{item}", "as no longer blocked {by_reason}"),
        attributes=(event_semconv.BLOCKED_BY,),
    ),
    EventType(
        subject=_ITEM,
        kind=EventKind.CLOSED,
        meaning=(
            "the item was closed; the record has the attributes of the span, and the "
            "time by category of status"
        ),
        sentence=Sentence("closed", "{item}", "{as_result}"),
        live="`issues`: closed",
        attributes=_ITEM_ATTRIBUTES,
        cdevents="ticket.closed",
    ),
    EventType(
        subject=_ITEM,
        kind=EventKind.REOPENED,
        meaning="the item was reopened",
        sentence=Sentence("reopened", "{item}"),
        live="`issues`: reopened",
    ),
    EventType(
        subject=EventSubject.FEATURE,
        kind=EventKind.ENDED,
        meaning=(
            "the feature was closed, and read as a whole: the record has the attributes of its "
            "span, and where its time went"
        ),
        sentence=Sentence("", "the feature {item} ended"),
        attributes=_FEATURE_ATTRIBUTES,
    ),
    EventType(
        subject=_DEPLOYMENT,
        kind=EventKind.CREATED,
        meaning="the deployment was requested",
        sentence=Sentence("requested", "{deployment}"),
        live="`deployment`: created",
        attributes=(*_DEPLOYMENT_ATTRIBUTES, event_semconv.DEPLOYMENT_CHANGES),
    ),
    EventType(
        subject=_DEPLOYMENT,
        kind=EventKind.STATUS_CHANGED,
        meaning="the state of the deployment changed",
        sentence=Sentence("", "{deployment} {outcome}"),
        live="`deployment_status`: created",
        attributes=(
            *_DEPLOYMENT_ATTRIBUTES,
            event_semconv.DEPLOYMENT_CHANGES,
            event_semconv.EVENT_ID,
            work_semconv.DEPLOYMENT_STATE,
            work_semconv.DEPLOYMENT_STATUS,
            names.DEPLOYMENT_RESTORE_TIME,
            names.DEPLOYMENT_RESTORED,
            event_semconv.DEPLOYMENT_FAILED_CHANGES,
        ),
        cdevents="service.deployed, if the state is success, or service.rolledback of a rollback",
    ),
    EventType(
        subject=_RUN,
        kind=EventKind.ANNOTATED,
        meaning=(
            "a job has an annotation of level failure; the time of the event is the end of the job"
        ),
        sentence=Sentence("", "{level} in {step} {job} {run}: {annotation}"),
        attributes=(
            semconv.CICD_PIPELINE_RUN_ID,
            semconv.GITHUB_RUN_ATTEMPT,
            semconv.CICD_PIPELINE_NAME,
            semconv.VCS_REF_HEAD_NAME,
            semconv.FLOW_BRANCH,
            semconv.CICD_PIPELINE_TASK_RUN_ID,
            semconv.CICD_PIPELINE_TASK_NAME,
            STEP_NAME,
            semconv.GITHUB_ANNOTATION_LEVEL,
            semconv.GITHUB_ANNOTATION_MESSAGE,
            semconv.GITHUB_ANNOTATION_TITLE,
            semconv.GITHUB_ANNOTATION_PATH,
            semconv.GITHUB_ANNOTATION_LINE,
        ),
    ),
    EventType(
        subject=_RUN,
        kind=EventKind.SLOW,
        meaning=(
            "the run took much longer than earlier successful runs of its workflow (setting "
            "`compare`); the time of the event is the end of the run"
        ),
        sentence=Sentence("", "{slow_run}"),
        severity=Severity.WARN,
        attributes=(
            semconv.CICD_PIPELINE_RUN_ID,
            semconv.GITHUB_RUN_ATTEMPT,
            semconv.CICD_PIPELINE_NAME,
            semconv.VCS_REF_HEAD_NAME,
            semconv.FLOW_BRANCH,
            event_semconv.RUN_DURATION,
            event_semconv.RUN_USUAL_DURATION,
            event_semconv.RUN_COMPARED,
            event_semconv.RUN_COMPARED_BRANCH,
            event_semconv.RUN_SLOW_PARTS,
        ),
    ),
)

# Attributes that every record can have.
COMMON_ATTRIBUTES = (
    event_semconv.EVENT_NAME,
    event_semconv.LOG_RECORD_UID,
    semconv.FLOW_REFERENCE,
    event_semconv.ACTOR_LOGIN,
    semconv.FLOW_ACTOR_KIND,
    semconv.VCS_CHANGE_ID,
    semconv.FLOW_WORK_ITEM_KEY,
    semconv.FLOW_FEATURE_KEY,
    semconv.GITHUB_REPOSITORY,
    event_semconv.EVENT_TIME,
    event_semconv.EVENT_TIME_UNKNOWN,
)

# Attributes whose value is the subject of an event: a label, a person or a reason.
NAMED_BY_EVENT = (
    event_semconv.EVENT_LABEL,
    event_semconv.EVENT_ASSIGNEE,
    event_semconv.EVENT_REVIEWER,
    event_semconv.BLOCKED_BY,
)

_TYPES: dict[tuple[EventSubject, EventKind], EventType] = {
    (event_type.subject, event_type.kind): event_type for event_type in EVENT_TYPES
}


def find_event_type(subject: EventSubject, kind: EventKind) -> EventType | None:
    """Return the row of an event; None if events of this kind are not exported for the subject."""
    return _TYPES.get((subject, kind))


_TYPES_BY_NAME = {event_type.name: event_type for event_type in EVENT_TYPES}


def find_named_type(name: str) -> EventType | None:
    """Return the row of an event's name; None if it is not one of ours."""
    return _TYPES_BY_NAME.get(name)
