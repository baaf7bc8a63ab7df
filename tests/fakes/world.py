"""GitHub's world in a test's words: repositories, runs, pull requests, deployments.

    world = World("acme/shop")
    world.pull_request(123, branch="feature")
    run = world.run(event="pull_request", branch="feature", jobs=[
        job("build", queued=5, steps=[step("Checkout", 2), step("Compile", 30)]),
        job("test", "failure", annotations=[annotation("Process completed with exit code 1.")]),
    ])

The records are frozen; the world is not: `change_job` and its like put another in place, as time
does. Nothing here opens a socket; `answers` turns the records into GitHub's JSON.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, Concatenate, ParamSpec, TypeVar

from tests.fakes.happenings import settle_events
from tests.fakes.plans import (
    DERIVED,
    HOSTED,
    NO_RUNNER,
    NULL_RUNNER,
    SELF_HOSTED,
    ZERO_TIME,
    AnnotationPlan,
    ArtifactPlan,
    DeploymentPlan,
    DeploymentStatusPlan,
    Derived,
    EnvironmentPlan,
    EventPlan,
    IssuePlan,
    JobPlan,
    LogsPlan,
    PullRequestPlan,
    RepositoryPlan,
    ReviewPlan,
    Runner,
    RunPlan,
    StepPlan,
    UsesPlan,
)
from tests.fakes.records import (
    Artifact,
    Comment,
    Deployment,
    DeploymentStatus,
    Issue,
    Job,
    PullRequest,
    Run,
    Step,
)
from tests.fakes.timeline import last_change, later, moment, run_state, settle_job

__all__ = [
    "DERIVED",
    "HOSTED",
    "NO_RUNNER",
    "NULL_RUNNER",
    "SELF_HOSTED",
    "ZERO_TIME",
    "Artifact",
    "Deployment",
    "DeploymentStatus",
    "Issue",
    "Job",
    "PullRequest",
    "Run",
    "Runner",
    "Step",
    "World",
    "annotation",
    "carried_over",
    "deployment_status",
    "happened",
    "job",
    "moment",
    "sha_of",
    "step",
    "uses",
]

job = JobPlan
step = StepPlan
annotation = AnnotationPlan
deployment_status = DeploymentStatusPlan
happened = EventPlan
uses = UsesPlan

START = datetime(2026, 11, 24, 3, 43, tzinfo=timezone.utc)
BETWEEN_RUNS = timedelta(minutes=10)

P = ParamSpec("P")
Plan = TypeVar("Plan")
Made = TypeVar("Made")


def sha_of(text: str) -> str:
    """Return a commit's hash made from a word, so that a story can name its commits."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def carried_over(earlier: Job, **changes: Any) -> JobPlan:
    """Return the plan of a job that a re-run took over: a new id, the times of before."""
    kept = replace(
        earlier.plan,
        id=None,
        created_at=earlier.created_at,
        started_at=earlier.started_at,
        completed_at=earlier.completed_at,
    )
    return replace(kept, **changes)


def _of(
    plan: Callable[P, Plan],
) -> Callable[[Callable[[World, Plan], Made]], Callable[Concatenate[World, P], Made]]:
    """Let a method that takes a plan take the plan's facts instead, with their types."""

    def decorate(make: Callable[[World, Plan], Made]) -> Callable[Concatenate[World, P], Made]:
        def from_facts(world: World, /, *args: P.args, **facts: P.kwargs) -> Made:
            with world.lock:
                world.revision += 1
                return make(world, plan(*args, **facts))

        from_facts.__doc__ = make.__doc__
        return from_facts

    return decorate


class World:
    """Everything that the fake GitHub knows.

    `revision` counts the changes. Ids count up from a round number; the first repository is the
    one meant wherever none is named. A `brief` world leaves out the addresses of people and
    repositories, which are most of what GitHub sends, and which the program does not read.
    """

    def __init__(
        self,
        repository: str = "acme/shop",
        *,
        server_url: str = "https://github.com",
        api_url: str | None = None,
        brief: bool = False,
    ) -> None:
        self.brief = brief
        self.server_url = server_url.rstrip("/")
        on_github_com = self.server_url == "https://github.com"
        self.api_url = api_url or (
            "https://api.github.com" if on_github_com else f"{self.server_url}/api/v3"
        )
        self.repositories: dict[str, RepositoryPlan] = {}
        # The names of those that the App of the token is installed in; None for all.
        self.installed: set[str] | None = None
        self.attempts: list[Run] = []
        self.pull_requests: list[PullRequest] = []
        self.issues: list[Issue] = []
        self.deployments: list[Deployment] = []
        self.environments: list[EnvironmentPlan] = []
        self.reviews: list[ReviewPlan] = []
        self.artifacts: list[Artifact] = []
        self.kept_logs: list[LogsPlan] = []
        # Comments by their ids, and the numbers of conversations that are locked.
        self.comments: dict[int, Comment] = {}
        self.locked: set[int] = set()
        self.commits: dict[str, dict[str, tuple[str, ...]]] = {}
        self.messages: dict[str, str] = {}
        # The texts of files by repository, path and commit.
        self.files: dict[tuple[str, str, str], str | None] = {}
        # Names are those of branches, unless they are tags; those of both are in both sets.
        self.tags: set[str] = set()
        self.branches: set[str] = set()
        # The JSON of runs and pull requests as lists gave it last, and what it follows from.
        self.encoded: dict[tuple[str, int, int], tuple[tuple[Any, ...], str]] = {}
        self.revision = 0
        self.lock = threading.RLock()
        self._run_ids = itertools.count(1000)
        self._job_ids = itertools.count(31000)
        self._other_ids = itertools.count(700)
        self.default = self.repository(repository).full_name

    @_of(RepositoryPlan)
    def repository(self, plan: RepositoryPlan) -> RepositoryPlan:
        """Add a repository (a fork, say), or replace the one of that name."""
        settled = replace(plan, id=plan.id or next(self._other_ids))
        self.repositories[plan.full_name.lower()] = settled
        return settled

    def rename(self, old: str, new: str) -> None:
        """Give a repository another name; the old one leads to it."""
        with self.lock:
            self.revision += 1
            plan = self.repositories.pop(old.lower())
            former = (*plan.former_names, old)
            self.repositories[new.lower()] = replace(plan, full_name=new, former_names=former)
            self.attempts = [
                replace(each, plan=replace(each.plan, repository=new))
                if (each.plan.repository or self.default) == old
                else each
                for each in self.attempts
            ]
            self.pull_requests = [
                replace(each, repository=new, head_repository=new)
                if each.repository == old
                else each
                for each in self.pull_requests
            ]

    @_of(RunPlan)
    def run(self, plan: RunPlan) -> Run:
        """Add the first attempt of a run (or the one that the facts name)."""
        run = self._settle_run(plan)
        self.attempts.append(run)
        return run

    @_of(RunPlan)
    def put_run(self, plan: RunPlan) -> Run:
        """Add the attempt of a run that the plan names, or replace it."""
        run = self._settle_run(plan)
        wanted = (run.id, run.attempt)
        # The youngest is changed most often.
        for position in range(len(self.attempts) - 1, -1, -1):
            if (self.attempts[position].id, self.attempts[position].attempt) == wanted:
                self.attempts[position] = run
                return run
        self.attempts.append(run)
        return run

    def rerun(self, earlier: Run, *, after: float = 3600, **changes: Any) -> Run:
        """Add the next attempt, `after` seconds after the last one ended.

        `changes` replace facts of the plan before; `carried_over` makes the jobs that were not
        run again.
        """
        facts: dict[str, Any] = {
            "id": earlier.id,
            "attempt": earlier.attempt + 1,
            "run_number": earlier.run_number,
            "sha": earlier.sha,
            "created_at": earlier.created_at,
            "run_started_at": later(moment(earlier.updated_at), after),
            "updated_at": None,
            **changes,
        }
        return self._add_attempt(replace(earlier.plan, **facts))

    def change_run(self, run: Run, **changes: Any) -> Run:
        """Replace facts of a run's plan; ids stay."""
        ids = [replace(plan, id=job.id) for plan, job in zip(run.plan.jobs, run.jobs, strict=True)]
        facts: dict[str, Any] = {
            "id": run.id,
            "run_number": run.run_number,
            "sha": run.sha,
            "created_at": run.created_at,
            "run_started_at": run.started_at,
            "jobs": ids,
            **changes,
        }
        with self.lock:
            self.revision += 1
            changed = self._settle_run(replace(run.plan, **facts))
            position = [(a.id, a.attempt) for a in self.attempts].index((run.id, run.attempt))
            self.attempts[position] = changed
        return changed

    def change_job(self, run: Run, name: str, **changes: Any) -> Run:
        """Replace facts of the first job of that name, as of now, whichever `run` is at hand."""
        with self.lock:
            current = next(a for a in self.attempts if (a.id, a.attempt) == (run.id, run.attempt))
            target = current.job(name)
            jobs = [
                replace(job.plan, id=job.id, **(changes if job is target else {}))
                for job in current.jobs
            ]
            return self.change_run(current, jobs=jobs)

    @_of(PullRequestPlan)
    def pull_request(self, plan: PullRequestPlan) -> PullRequest:
        """Add a pull request, or replace the one of that number."""
        repository = self._name(plan.repository)
        head = plan.head_repository
        settled = PullRequest(
            plan=plan,
            number=plan.number,
            id=plan.id or 5_000_000 + plan.number,
            repository=repository,
            head_repository=repository if isinstance(head, Derived) else self._name_or_none(head),
            base=plan.into or self.find_repository(repository).default_branch,
            sha=plan.sha or sha_of(f"head of pull request {plan.number}"),
            state="closed" if plan.closed_at or plan.merged_at else "open",
            opened_at=plan.opened_at or START - timedelta(days=1),
            closed_at=plan.closed_at or plan.merged_at,
            closes=tuple(self._key(each, repository) for each in plan.closes),
            timeline=settle_events(
                plan, START - timedelta(days=1), new_id=lambda: next(self._other_ids)
            ),
        )
        self.pull_requests = [
            p for p in self.pull_requests if (p.repository, p.number) != (repository, plan.number)
        ] + [settled]
        return settled

    @_of(IssuePlan)
    def issue(self, plan: IssuePlan) -> Issue:
        """Add an issue, or replace the one of that number."""
        repository = self._name(plan.repository)
        before = START - timedelta(days=7)
        settled = Issue(
            plan=plan,
            number=plan.number,
            id=plan.id or 3_000_000 + plan.number,
            repository=repository,
            parent=None if plan.parent is None else self._key(plan.parent, repository),
            state="closed" if plan.closed_at else "open",
            opened_at=plan.opened_at or before,
            closed_at=plan.closed_at,
            timeline=settle_events(plan, before, new_id=lambda: next(self._other_ids)),
        )
        self.issues = [i for i in self.issues if i.key != settled.key] + [settled]
        return settled

    def find_issue(self, key: str) -> Issue:
        """Return the issue of a key such as `acme/shop#17` (KeyError: there is none)."""
        for issue in self.issues:
            if issue.key.lower() == key.lower():
                return issue
        raise KeyError(f"the world has no issue {key}; add it with world.issue()")

    @_of(DeploymentPlan)
    def deployment(self, plan: DeploymentPlan) -> Deployment:
        """Add a deployment, its statuses following one another, or replace the one of that id."""
        clock = moment(plan.created_at or START)
        created, statuses = clock, []
        for status in plan.statuses:
            clock = moment(status.created_at or later(clock, status.after))
            identifier = status.id or next(self._other_ids)
            statuses.append(DeploymentStatus(plan=status, id=identifier, created_at=clock))
        settled = Deployment(
            plan=plan,
            id=plan.id or next(self._other_ids),
            repository=self._name(plan.repository),
            created_at=created,
            statuses=tuple(statuses),
        )
        self.deployments = [d for d in self.deployments if d.id != settled.id] + [settled]
        return settled

    @_of(EnvironmentPlan)
    def environment(self, plan: EnvironmentPlan) -> EnvironmentPlan:
        """Add an environment with its rules; one that is not added is reviewed by people."""
        self.environments.append(plan)
        return plan

    @_of(ReviewPlan)
    def review(self, plan: ReviewPlan) -> ReviewPlan:
        """Let somebody approve or reject a run's deployments to an environment."""
        self.reviews.append(plan)
        return plan

    @_of(ArtifactPlan)
    def artifact(self, plan: ArtifactPlan) -> Artifact:
        """Add an artifact of a run that the world has; later ones are newer."""
        run = next(run for run in self.attempts if run.id == plan.run)
        settled = Artifact(
            plan=plan,
            id=plan.id or next(self._other_ids),
            repository=self._name(run.plan.repository),
            created_at=plan.created_at or run.updated_at,
        )
        self.artifacts.append(settled)
        return settled

    @_of(LogsPlan)
    def logs(self, plan: LogsPlan) -> LogsPlan:
        """Keep the logs of a run attempt that the world has."""
        self.kept_logs.append(plan)
        return plan

    def history(
        self, *shas: str, after: str | None = None, repository: str | None = None
    ) -> tuple[str, ...]:
        """Add commits, oldest first, each on the one before it; the first on `after`, if given."""
        with self.lock:
            self.revision += 1
            known = self.commits.setdefault(self._name(repository), {})
            for sha in shas:
                known[sha] = (after,) if after else ()
                after = sha
        return shas

    def file(self, path: str, text: str | None, *, at: str, repository: str | None = None) -> None:
        """Put a file into a commit of a repository, or remove it (None)."""
        with self.lock:
            self.revision += 1
            self.files[self._name(repository), path, at] = text

    def find_repository(self, name: str) -> RepositoryPlan:
        """Return the repository of that name in either case, or of that id (KeyError: none is)."""
        for repository in self.repositories.values():
            if name.lower() == repository.full_name.lower() or name == str(repository.id):
                return repository
        raise KeyError(f"the world has no repository {name!r}; add it with world.repository()")

    def encode_once(
        self, key: tuple[str, int, int], facts: tuple[Any, ...], make: Callable[[], Any]
    ) -> str:
        """Return the JSON text of what `make` returns, which follows from `facts`.

        Lists are large, and most of their items have not changed since they were read before. The
        first of the facts is the record itself, which is new after each change.
        """
        known, text = self.encoded.get(key, ((None,), ""))
        if known[0] is not facts[0] or known[1:] != facts[1:]:
            text = json.dumps(make(), separators=(",", ":"))
            self.encoded[key] = facts, text
        return text

    def attempts_of(self, repository: str, run_id: int) -> list[Run]:
        """Return the attempts of a run, oldest first."""
        found = [
            a
            for a in self.attempts
            if a.id == run_id and self._name(a.plan.repository) == repository
        ]
        return sorted(found, key=lambda a: a.attempt)

    def shas(self, repository: str) -> set[str]:
        """Every commit that something in this repository speaks of."""
        runs = {a.sha for a in self.attempts if self._name(a.plan.repository) == repository}
        pulls = {s for p in self.pull_requests if p.repository == repository for s in p.commits}
        deployed = {d.plan.sha for d in self.deployments if d.repository == repository}
        return runs | pulls | deployed | self.commits.get(repository, {}).keys()

    def _add_attempt(self, plan: RunPlan) -> Run:
        with self.lock:
            self.revision += 1
            run = self._settle_run(plan)
            self.attempts.append(run)
        return run

    def _settle_run(self, plan: RunPlan) -> Run:
        identifier = plan.id or next(self._run_ids)
        created = moment(plan.created_at or START + BETWEEN_RUNS * len(self.attempts))
        started = moment(plan.run_started_at or created)
        jobs = self._settle_jobs(plan.jobs, started, plan.attempt)
        status, conclusion = run_state(plan, jobs)
        return Run(
            plan=plan,
            id=identifier,
            attempt=plan.attempt,
            run_number=plan.run_number or 1 + len({a.id for a in self.attempts} - {identifier}),
            sha=plan.sha or self._sha_for(plan, identifier),
            status=status,
            conclusion=conclusion,
            created_at=created,
            started_at=started,
            updated_at=plan.updated_at or last_change(started, jobs),
            jobs=jobs,
        )

    def _settle_jobs(
        self, plans: Sequence[JobPlan], started: datetime, attempt: int
    ) -> tuple[Job, ...]:
        return tuple(
            settle_job(
                plan,
                attempt_started=started,
                attempt=attempt,
                new_id=lambda: next(self._job_ids),
            )
            for plan in plans
        )

    def _sha_for(self, plan: RunPlan, run_id: int) -> str:
        if plan.event.startswith("pull_request"):
            for pull in self.pull_requests:
                if pull.plan.branch == plan.branch:
                    # GitHub gives runs of pull_request_target the commit of the base.
                    on_base = plan.event == "pull_request_target"
                    return sha_of(f"base of {pull.number}") if on_base else pull.sha
        return sha_of(f"run {run_id}")

    def _name(self, repository: str | None) -> str:
        return self.find_repository(repository).full_name if repository else self.default

    def _key(self, issue: int | str, repository: str) -> str:
        return f"{repository}#{issue}" if isinstance(issue, int) else issue

    def _name_or_none(self, repository: str | None) -> str | None:
        return None if repository is None else self._name(repository)
