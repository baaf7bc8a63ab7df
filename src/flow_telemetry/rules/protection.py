"""The rule that a job waited for before it deployed: people, a timer, or another system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from flow_telemetry.model import Job, JobDeployment, ProtectionRule, ProtectionWait, Run
from flow_telemetry.rules.intervals import job_queued, own_jobs

# GitHub lets a job go on a little after its timer has run down.
_TIMER_LAG = timedelta(minutes=2)
_ROUNDING = timedelta(seconds=3)
# A job of an environment without deployments looks as if it waited for a runner.
_LONGEST_PLAIN_WAIT_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRules:
    """The rules of an environment that GitHub tells; those of other systems it does not."""

    reviewers: bool = False
    timer: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What is known of the protection of a run's environments.

    ``environments`` are rules by the names of environments. ``reviewed`` are the environments that
    people approved or rejected for this run, None if that could not be read.
    """

    environments: Mapping[str, EnvironmentRules] = field(default_factory=dict)
    reviewed: frozenset[str] | None = None


def with_rules(deployment: JobDeployment, protection: Protection) -> JobDeployment:
    """Return a deployment whose waits name the rules that they were for."""
    return replace(
        deployment,
        waits=tuple(
            replace(wait, rule=_find_rule(wait, deployment.environment, protection))
            for wait in deployment.waits
        ),
    )


def _find_rule(
    wait: ProtectionWait, environment: str, protection: Protection
) -> ProtectionRule | None:
    """Return the rule that held a job longest; None if it is unknown.

    All rules of an environment hold a job at the same time, and reviews have no times. So the timer
    decided if the wait ended when it had run down.
    """
    rules, reviewed = protection.environments.get(environment), protection.reviewed
    timer = rules.timer if rules is not None else None
    length = None if wait.end is None else wait.end - wait.start
    if timer and length is not None and timer - _ROUNDING <= length <= timer + _TIMER_LAG:
        return ProtectionRule.TIMER
    if (reviewed and environment in reviewed) or (rules is not None and rules.reviewers):
        return ProtectionRule.APPROVAL
    if timer and (length is None or length < timer):
        return ProtectionRule.TIMER
    return None if rules is None or reviewed is None else ProtectionRule.CUSTOM


def jobs_with_long_waits(run: Run) -> tuple[Job, ...]:
    """Return the jobs without a deployment that seem to have waited minutes for a runner."""
    return tuple(
        job
        for job in own_jobs(run)
        if job.deployment is None
        and (queued := job_queued(job)) is not None
        and queued.seconds > _LONGEST_PLAIN_WAIT_SECONDS
    )


def without_unknown_waits(run: Run, undeployed: frozenset[str]) -> Run:
    """Return the run, its long waits marked as unknown if an environment was reviewed unseen.

    ``undeployed`` are the reviewed environments that no deployment of the run has, because the
    workflow says `deployment: false`. GitHub does not tell which job waited for the review.
    """
    if not undeployed:
        return run
    unknown = {job.id for job in jobs_with_long_waits(run)}
    jobs = (replace(job, waits_unknown=job.id in unknown) for job in run.jobs)
    return replace(run, jobs=tuple(jobs))
