"""What a test says of GitHub's world: the facts that matter to it, and a default for the rest.

A plan's times are seconds relative to what came before, so that a story reads "queued 5, then two
steps of 2 and 30"; any time can be given outright in place of that. `DERIVED` marks a fact that
follows from the others, where None is a fact of its own (GitHub's null).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import Any, Literal


class Derived(Enum):
    """The type of `DERIVED`."""

    DERIVED = "derived"


DERIVED: Literal[Derived.DERIVED] = Derived.DERIVED

# A text is sent as it is, so that a test can say what no clock would.
Moment = datetime | str
Instant = Moment | Derived | None

ZERO_TIME = datetime(1, 1, 1, tzinfo=timezone.utc)
"""Go's zero time, which GitHub's runners send for a step that never began."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Who ran a job; a job that never got one holds null, or zero and the empty text."""

    id: int | None
    name: str | None
    group_id: int | None
    group_name: str | None


HOSTED = Runner(12, "GitHub Actions 12", 0, "GitHub Actions")
SELF_HOSTED = Runner(3, "rack-3", 1, "Default")
NO_RUNNER = Runner(0, "", 0, "")
NULL_RUNNER = Runner(None, None, None, None)


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A step: it begins `after` seconds after the one before it ended, and takes `seconds`.

    Negative seconds complete it before it started. Without a conclusion it is in progress; a
    `number` given here is counted on from by the steps after it.
    """

    name: str
    seconds: float = 1
    conclusion: str | None = "success"
    _: KW_ONLY
    after: float = 0
    status: str | None = None
    number: int | None = None
    started_at: Instant = DERIVED
    completed_at: Instant = DERIVED
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnnotationPlan:
    """An annotation of a job's check run."""

    message: str
    _: KW_ONLY
    level: str | None = "failure"
    title: str | None = ""
    path: str = ".github"
    line: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobPlan:
    """A job, created `after` seconds after its run attempt started, and `queued` for so many.

    Without `seconds` it lasts as long as its steps. Without a conclusion it is in progress.
    `facts` are put over the JSON, under GitHub's own names, in every kind of plan.
    """

    name: str
    conclusion: str | None = "success"
    _: KW_ONLY
    steps: Sequence[StepPlan] = ()
    after: float = 0
    queued: float = 2
    seconds: float | None = None
    status: str | None = None
    id: int | None = None
    created_at: Instant = DERIVED
    started_at: Instant = DERIVED
    completed_at: Instant = DERIVED
    labels: Sequence[str] = ("ubuntu-latest",)
    runner: Runner | None = None
    run_attempt: int | None = None
    annotations: Sequence[AnnotationPlan] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UsesPlan:
    """A reusable workflow that a run called (`referenced_workflows`)."""

    path: str
    _: KW_ONLY
    sha: str = "1e0f" * 10
    ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """A workflow run, by default a push to the default branch that succeeds as its jobs do.

    An old server `lacks` properties that GitHub has today.
    """

    workflow: str | None = "CI"
    jobs: Sequence[JobPlan] = ()
    event: str = "push"
    branch: str | Derived | None = DERIVED
    repository: str | None = None
    head_repository: str | Derived | None = DERIVED
    id: int | None = None
    attempt: int = 1
    run_number: int | None = None
    path: str | None = None
    sha: str | None = None
    title: str | None = None
    commit_message: str = "Change what must change"
    actor: str = "alice"
    triggering_actor: str | None = None
    status: str | None = None
    conclusion: str | Derived | None = DERIVED
    created_at: Moment | None = None
    run_started_at: Moment | None = None
    updated_at: Moment | None = None
    pull_requests: Sequence[int] | Derived | None = DERIVED
    referenced_workflows: Sequence[UsesPlan] | None = ()
    lacks: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventPlan:
    """Something that happened to a pull request or issue, by the name of GitHub's timeline.

    It came `after` so many seconds after what was before it, the opening first. `subject` is the
    label, the assignee, the reviewer (a team's with `team`), the commit's sha, the new status in
    `project`, which belongs to the issue's own owner unless `project_owner` names another, or the
    issue that blocks (`acme/shop#9`). A review's `id` is named by its dismissal.
    """

    kind: str
    after: float = 60
    _: KW_ONLY
    by: str | None = "alice"
    at: Moment | None = None
    subject: str = ""
    before: str = ""
    review: str = ""
    team: bool = False
    project: tuple[int, str] = (1, "Roadmap")
    project_owner: str = ""
    id: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IssuePlan:
    """An issue; closed where a time says so, else open.

    `parent` is a number in its own repository, or `OWNER/NAME#N`. One that was `deleted`, or
    `moved_to` another key, is known no more but for REST's word about that.
    """

    number: int
    title: str = "Let people pay"
    _: KW_ONLY
    repository: str | None = None
    type: str = ""
    parent: int | str | None = None
    author: str = "alice"
    labels: Sequence[str] = ()
    assignees: Sequence[str] = ()
    opened_at: Moment | None = None
    closed_at: Moment | None = None
    state_reason: str = "completed"
    timeline: Sequence[EventPlan] = ()
    moved_to: str | None = None
    deleted: bool = False
    id: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PullRequestPlan:
    """A pull request; merged or closed where a time says so, else open.

    `closes` are numbers of issues in its own repository, or `OWNER/NAME#N`. `message` is its
    oldest commit's.
    """

    number: int
    _: KW_ONLY
    branch: str = "feature"
    into: str | None = None
    repository: str | None = None
    head_repository: str | Derived | None = DERIVED
    title: str = "Add the feature"
    body: str | None = None
    author: str = "alice"
    draft: bool = False
    labels: Sequence[str] = ()
    id: int | None = None
    opened_at: Moment | None = None
    closed_at: Moment | None = None
    merged_at: Moment | None = None
    updated_at: Moment | None = None
    merge_commit_sha: str | None = None
    sha: str | None = None
    commits: Sequence[str] = ()
    closes: Sequence[int | str] = ()
    message: str = "Change what must change"
    merged_by: str | None = None
    timeline: Sequence[EventPlan] = ()
    additions: int = 120
    deletions: int = 7
    changed_files: int = 4
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeploymentStatusPlan:
    """A status that a deployment took `after` seconds after the one before."""

    state: str
    _: KW_ONLY
    after: float = 10
    id: int | None = None
    created_at: Moment | None = None
    description: str = ""
    log_url: str = ""
    creator: str = "github-actions[bot]"
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """A deployment of a commit to an environment."""

    environment: str = "production"
    _: KW_ONLY
    sha: str
    ref: str | None = None
    statuses: Sequence[DeploymentStatusPlan] = ()
    repository: str | None = None
    id: int | None = None
    created_at: Moment | None = None
    task: str = "deploy"
    description: str | None = None
    creator: str = "github-actions[bot]"
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """An environment: whether people must review its deployments, and minutes of a wait timer.

    Other systems may hold a deployment too, of which GraphQL says nothing.
    """

    name: str
    _: KW_ONLY
    reviewers: bool = True
    timer: int = 0
    repository: str | None = None


@dataclass(frozen=True, slots=True)
class ReviewPlan:
    """A review of a run's deployments to an environment; it has neither a time nor a job."""

    environment: str
    _: KW_ONLY
    run: int
    state: str = "APPROVED"


@dataclass(frozen=True, slots=True)
class ArtifactPlan:
    """What a run keeps: files by their names, or an archive as it is; `run` is the run's id."""

    name: str
    content: bytes | Mapping[str, bytes | str]
    _: KW_ONLY
    run: int
    id: int | None = None
    expired: bool = False
    created_at: Moment | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogsPlan:
    """What is kept of the logs of a run attempt: files by their names, or an archive as it is.

    `jobs` are logs of single jobs, by the jobs' names; else it is the one in the archive.
    """

    content: bytes | Mapping[str, bytes | str] = field(default_factory=dict)
    _: KW_ONLY
    run: int
    attempt: int = 1
    jobs: Mapping[str, bytes | str] = field(default_factory=dict)
    expired: bool = False


@dataclass(frozen=True, slots=True)
class RepositoryPlan:
    """A repository, `OWNER/NAME` as GitHub spells it; the token sees nothing of a `hidden` one.

    `denied` are permissions that the token lacks here only; with `former_names` it was renamed, and
    those lead to it.
    """

    full_name: str
    _: KW_ONLY
    id: int | None = None
    fork: bool = False
    private: bool = False
    hidden: bool = False
    denied: Sequence[str] = ()
    former_names: Sequence[str] = ()
    default_branch: str = "main"
    owner_type: str = "Organization"
    description: str | None = "Everything for the demo"
    facts: Mapping[str, Any] = field(default_factory=dict)
