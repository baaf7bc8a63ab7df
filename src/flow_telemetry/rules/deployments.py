"""Deployments: how and when they end, their place, and what was in it before."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from flow_telemetry.identity import fold
from flow_telemetry.model import (
    DEFAULT_TASK,
    Change,
    Deployment,
    DeploymentKind,
    DeploymentStatus,
    Result,
)
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.selection import matches_patterns

# The end of a deployment
#
# The first final status counts: apps repeat `success` at every check, and a failure that an app
# reports an hour later is a fact about the app. If a job made the deployment, its conclusion
# counts, because GitHub leaves `failure` on the deployment of a cancelled job. `inactive` only says
# that a later deployment took the place, so it ends nothing.

# REST has these states in lower case, GraphQL in upper case.
_FINAL = {"success": Result.SUCCESS, "failure": Result.FAILURE, "error": Result.ERROR}
_FAILURES = frozenset({Result.FAILURE, Result.ERROR, Result.TIMEOUT})
_STATUSES = {Result.SUCCESS: "succeeded", Result.CANCELLATION: "cancelled"}


def is_final(state: str) -> bool:
    """Whether a deployment has ended with a state."""
    return fold(state) in _FINAL


def final_statuses(deployment: Deployment) -> tuple[DeploymentStatus, ...]:
    """Return the statuses with which a deployment ended: the first one counts."""
    return tuple(status for status in deployment.statuses if is_final(status.state))


def first_final_status(deployment: Deployment) -> DeploymentStatus | None:
    """Return the status that ended a deployment, if there is one."""
    return next(iter(final_statuses(deployment)), None)


def delivery_result(deployment: Deployment) -> Result | None:
    """Return how a deployment ended; None for one in progress, or replaced before it ended."""
    if deployment.outcome is not None:
        return deployment.outcome.result
    first = first_final_status(deployment)
    return None if first is None else _FINAL[fold(first.state)]


def delivery_status(deployment: Deployment) -> str | None:
    """Return `succeeded`, `failed` or `cancelled`; None for a deployment in progress."""
    result = delivery_result(deployment)
    return None if result is None else _STATUSES.get(result, "failed")


def is_change_failure(deployment: Deployment) -> bool:
    """Whether a deployment counts as a change failure; a cancelled one does not."""
    return delivery_result(deployment) in _FAILURES


def ended_at(deployment: Deployment) -> datetime | None:
    """Return when a deployment ended; None for one in progress."""
    if deployment.outcome is not None:
        return deployment.outcome.ended_at
    first = first_final_status(deployment)
    return None if first is None else first.time


def succeeded_at(deployment: Deployment) -> datetime | None:
    """Return when a deployment succeeded; None if it did not, or not yet."""
    return ended_at(deployment) if delivery_result(deployment) is Result.SUCCESS else None


def delivery_interval(deployment: Deployment) -> Interval | None:
    """Return the time from the creation to the end; None for a deployment in progress."""
    end = ended_at(deployment)
    return None if end is None else Interval.of(deployment.created_at, end)


# Places, and the order of the deployments in one

Order: TypeAlias = tuple[datetime, int]


def place_of(deployment: Deployment) -> tuple[str, str, str]:
    """Return the repository, the environment and the task: the place of a deployment.

    Services that share an environment have tasks of their own. The name of an environment is
    case-insensitive on GitHub.
    """
    task = deployment.task or DEFAULT_TASK
    return deployment.repository.reference, fold(deployment.environment), task


def describe_place(deployment: Deployment) -> str:
    """Return the environment, and the task unless it is the usual one."""
    if deployment.task in ("", DEFAULT_TASK):
        return deployment.environment
    return f"{deployment.environment} ({deployment.task})"


def order_of(deployment: Deployment) -> Order | None:
    """Return the position of an ended deployment among others; None for one in progress.

    GitHub writes a status seconds after the job has ended. The statuses of all deployments are
    known, and the jobs of few, so the time of the status decides if there is one. Deployments that
    ended in one second are in the order of their jobs.
    """
    first = first_final_status(deployment)
    end = ended_at(deployment) if first is None else first.time
    return None if end is None else (end, deployment.job_id or deployment.id)


def is_same(deployment: Deployment, other: Deployment) -> bool:
    """Whether two records are of one deployment; GraphQL has no id above 32 bits."""
    if deployment.id and other.id:
        return deployment.id == other.id
    return (deployment.created_at, deployment.sha, deployment.job_id, _first_end(deployment)) == (
        (other.created_at, other.sha, other.job_id, _first_end(other))
    )


def _first_end(deployment: Deployment) -> datetime | None:
    # GraphQL's list lacks the middle of a long one, and a new status may be in one list only.
    first = first_final_status(deployment)
    return None if first is None else first.time


def ended_before(deployment: Deployment, others: Iterable[Deployment]) -> tuple[Deployment, ...]:
    """Return those of other deployments that ended in its place before a deployment, in order."""
    this = order_of(deployment) or (deployment.created_at, deployment.id)
    place = place_of(deployment)
    ended = [
        (order, other)
        for other in others
        if place_of(other) == place
        and not is_same(other, deployment)
        and (order := order_of(other)) is not None
        and order < this
    ]
    return tuple(other for _, other in sorted(ended, key=lambda pair: pair[0]))


def successes_before(
    deployment: Deployment, others: Iterable[Deployment]
) -> tuple[Deployment, ...]:
    """Return those of `ended_before` that succeeded, in order."""
    ended = ended_before(deployment, others)
    return tuple(each for each in ended if delivery_result(each) is Result.SUCCESS)


def failures_since_success(
    deployment: Deployment, others: Iterable[Deployment]
) -> tuple[Deployment, ...]:
    """Return the deployments that failed since the last success in the place, in order."""
    failures: list[Deployment] = []
    for other in ended_before(deployment, others):
        if delivery_result(other) is Result.SUCCESS:
            failures.clear()
        elif is_change_failure(other):
            failures.append(other)
    return tuple(failures)


def last_attempt(deployment: Deployment, others: Iterable[Deployment]) -> Deployment | None:
    """Return the deployment that ended in the place last before a deployment was created.

    Those that ended later belong to the same rollout, such as the other regions.
    """
    ended = [
        other
        for other in ended_before(deployment, others)
        if (end := ended_at(other)) is not None and end <= deployment.created_at
    ]
    return ended[-1] if ended else None


# The commits that are new in a place
#
# GitHub lists the commits that a deployed commit has and the last success lacks, with their
# parents. After a rollback, or after a hotfix from another branch, some of them were in the place
# before: the listed commits of earlier successes, and their ancestors. Earlier successes that are
# not listed are on other branches, which matter only if they are newer than the common ancestor.

Parents: TypeAlias = Mapping[str, Collection[str]]


def remove_delivered(commits: Parents, successes: Iterable[Deployment]) -> Parents:
    """Return those of listed commits that no earlier success contains, as far as the list shows."""
    delivered: set[str] = set()
    waiting = [success.sha for success in successes]
    while waiting:
        sha = waiting.pop()
        if sha in commits and sha not in delivered:
            delivered.add(sha)
            waiting.extend(commits[sha])
    return {sha: parents for sha, parents in commits.items() if sha not in delivered}


def is_closed(remaining: Parents, listed: Parents) -> bool:
    """Whether a list that GitHub truncated holds all commits that remain of it."""
    if not listed:
        return False
    return all(parent in listed for parents in remaining.values() for parent in parents)


def successes_elsewhere(
    successes: Sequence[Deployment], listed: Parents, since: datetime | None
) -> tuple[str, ...]:
    """Return the commits of successes on other branches that are newer than ``since``, each once.

    The last success is compared already. The newest commit comes first; one of unknown date counts
    as new.
    """
    if not successes:
        return ()
    last = successes[-1].sha
    found: dict[str, Deployment] = {}
    for success in successes:
        date = success.committed_at
        is_elsewhere = success.sha not in listed and success.sha != last
        if is_elsewhere and (since is None or date is None or date > since):
            found[success.sha] = success
    ordered = sorted(found.values(), key=lambda each: each.committed_at or each.created_at)
    return tuple(each.sha for each in reversed(ordered))


# Pull requests that are deployed from their own branch before the merge.


def find_open_change(deployment: Deployment, changes: Iterable[Change]) -> Change | None:
    """Return the pull request that was open and has the deployed commit; None if there is none.

    ``changes`` are those of the commit. The one with the lowest number is the first of a stack.
    """
    open_then = [change for change in changes if may_be_from_branch(deployment, (change,))]
    return min(open_then, key=lambda change: change.number, default=None)


def may_be_from_branch(deployment: Deployment, changes: Iterable[Change]) -> bool:
    """Whether a deployment can be from the branch of one of the changes, while it was open."""
    at = deployment.created_at
    return any(
        change.into_default_branch
        and deployment.ref != change.default_branch
        and change.created_at is not None
        and change.created_at <= at
        and (change.closed_at is None or at < change.closed_at)
        for change in changes
    )


# The kind of a deployment, and what it repairs


def deployment_kind(
    deployment: Deployment, earlier: Sequence[Deployment], status: str | None
) -> DeploymentKind:
    """Return the kind of a deployment after the earlier ones in its place.

    ``status`` is GitHub's comparison of the deployed commit with that of the last success: `ahead`,
    `behind`, `diverged` or `identical`; None if there is none. A return to the last success after
    an attempt with another commit failed is a rollback, too.
    """
    successes = successes_before(deployment, earlier)
    attempt = last_attempt(deployment, earlier)
    succeeded_here = any(success.sha == deployment.sha for success in successes)
    if succeeded_here and status in ("behind", "diverged"):
        return DeploymentKind.ROLLBACK
    if attempt is not None and attempt.sha == deployment.sha:
        return DeploymentKind.REDEPLOY
    returns = bool(successes) and successes[-1].sha == deployment.sha
    if returns and attempt is not None and is_change_failure(attempt):
        return DeploymentKind.ROLLBACK
    return DeploymentKind.DEPLOY


def find_remediation(deployment: Deployment) -> str | None:
    """Return how a successful deployment repairs its place: `rollback`, `revert` or `redeploy`.

    None for one that repairs nothing. A redeployment repairs only after a failure.
    """
    if delivery_result(deployment) is not Result.SUCCESS:
        return None
    if deployment.kind is DeploymentKind.ROLLBACK:
        return "rollback"
    if any(reverted_change(change) and not is_reapplied(change) for change in deployment.delivers):
        return "revert"
    attempt = last_attempt(deployment, deployment.before)
    failed = attempt is not None and is_change_failure(attempt)
    return "redeploy" if failed and deployment.kind is DeploymentKind.REDEPLOY else None


_REVERT_BRANCH = re.compile(r"revert-([1-9][0-9]{0,9})-.+")
_REVERT_TITLE = re.compile(r'Revert "(.+)"\s*')


def reverted_change(change: Change) -> str | None:
    """Return the number of the pull request that a pull request reverts, else its title.

    GitHub's button makes the branch `revert-17-name` and the title `Revert "Add the cart"`.
    """
    branch = _REVERT_BRANCH.fullmatch(change.head_branch)
    if branch:
        return branch[1]
    title = _REVERT_TITLE.fullmatch(change.title)
    return title[1] if title else None


def is_reapplied(change: Change) -> bool:
    """Whether a pull request reverts a revert; git itself calls such a commit a `Reapply`."""
    of_revert = change.head_branch.startswith("revert-") and "-revert-" in change.head_branch
    return of_revert or change.title.startswith(('Revert "Revert "', 'Reapply "'))


# Which deployments count
#
# An environment is not always a target: jobs use it for its secrets, too, and GitHub makes a
# deployment for each. So the jobs of events that do not deploy make none that counts, unless the
# user names the environment. A deployment that a program made through the API is meant as one.

_DEPLOYING_EVENTS = frozenset(
    {"push", "release", "deployment", "workflow_dispatch", "repository_dispatch", "workflow_run"}
    | {"merge_group", "dynamic"}
)


# An event whose runs use environments without deploying.
EVENT_THAT_ONLY_USES = "schedule"


def event_deploys(event: str) -> bool:
    """Whether the environments of a run's jobs are targets, by the event of the run."""
    return event in _DEPLOYING_EVENTS or event.startswith("pull_request")


def is_selected(environment: str, patterns: Sequence[str]) -> bool:
    """Whether `deployment-environments` selects an environment, whose case does not count."""
    return matches_patterns(fold(environment), tuple(map(fold, patterns)))


def is_target(deployment: Deployment, event: str | None, patterns: Sequence[str]) -> bool:
    """Whether a deployment counts although a run of this event made it; None if unknown."""
    if event is None or event_deploys(event) or deployment.job_id is None:
        return True
    named = any(not pattern.startswith("!") for pattern in patterns)
    return named and is_selected(deployment.environment, patterns)


# Production, by the name of the environment

_PRODUCTION = frozenset({"production", "prod", "prd", "live"})
_NOT_PRODUCTION = frozenset(
    {"pre", "non", "not", "staging", "stage", "stg", "preview", "test", "testing", "qa", "uat"}
    | {"dev", "development", "sandbox", "like"}
)
_SEPARATORS = re.compile(r"[-_/.\s]+")


def is_production(deployment: Deployment, patterns: Sequence[str]) -> bool:
    """Whether a deployment is to production, by `production-environments` if that is set.

    Otherwise GitHub's mark counts, which an app can set, or the name of the environment.
    """
    if patterns:
        return matches_patterns(fold(deployment.environment), tuple(map(fold, patterns)))
    return deployment.production or means_production(deployment.environment)


def means_production(environment: str) -> bool:
    """Whether the name of an environment clearly means production: `prod-eu`, `Live`.

    A part such as `pre` or `staging` means the opposite.
    """
    parts = set(_SEPARATORS.split(fold(environment)))
    return bool(parts & _PRODUCTION) and not parts & _NOT_PRODUCTION
