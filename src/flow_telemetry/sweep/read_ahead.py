"""Reading ahead in a sweep: what the next things have in common, many of them by one request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import accumulate, pairwise
from typing import TypeVar

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.ahead import (
    TargetBuilder,
    branch_target,
    change_target,
    commit_target,
    issue_target,
    lineage_target,
    read_ahead,
)
from flow_telemetry.github.ahead_waits import read_waits_ahead
from flow_telemetry.github.changes import compare_commits, read_parentage
from flow_telemetry.github.deployments import deployments_path
from flow_telemetry.github.runs import read_jobs
from flow_telemetry.github.sweep import list_deployments_since
from flow_telemetry.http.payload import Payload
from flow_telemetry.identity import fold
from flow_telemetry.model import Deployment, Repository, Result, Run
from flow_telemetry.rules.deployments import delivery_result
from flow_telemetry.rules.parentage import Lookup, head_is_known, may_deploy, parent_lookup
from flow_telemetry.settings import TrackerChoice
from flow_telemetry.subjects.types import DeploymentSubject, ItemSubject, RunSubject
from flow_telemetry.sweep.things import Thing

Value = TypeVar("Value")

_FEW_COMMITS = 10
# The responses for some more would not stay in the cache until they are used.
_MOST_AT_ONCE = 50


def _requests_for(thing: Thing) -> float:
    """The requests that a thing takes if it is read with others, with some in reserve."""
    if isinstance(thing.subject, DeploymentSubject):
        return 3.0
    return 1.5 if isinstance(thing.subject, RunSubject) else 0.4


@dataclass(slots=True, kw_only=True)
class ReadAhead:
    """What a sweep reads ahead for a group of things; nothing of it changes a result.

    ``deployed_since`` is how far back the sweep has listed deployments, None if it has not.
    """

    context: ExportContext
    home: Repository
    deployed_since: datetime | None = None
    _deployments: dict[str, list[Payload]] | None = field(default=None, repr=False)

    def before(self, things: Sequence[Thing]) -> Iterator[Thing]:
        """Yield the things in order; before each part of them, read ahead for that part."""
        begin = 0
        while begin < len(things):
            part = things[begin : begin + self._most_at_once(things[begin:])]
            self._read(part)
            yield from part
            begin += len(part)

    def _most_at_once(self, things: Sequence[Thing]) -> int:
        """The number of things to read ahead for, so that they are exported if requests end."""
        left = self.context.github.requests_left
        if left is None:
            return _MOST_AT_ONCE
        needed = accumulate(map(_requests_for, things[:_MOST_AT_ONCE]))
        return max(1, sum(requests <= left for requests in needed))

    def _read(self, group: Sequence[Thing]) -> None:
        runs = [run for thing in group if (run := self._run_of(thing)) is not None]
        targets = [*self._items(group), *self._refs(runs, self._deployed_commits(group))]
        read_ahead(self.context.github, self.home, targets)
        self._fill_deployments(runs)
        if self.context.settings.trackers.choice is not TrackerChoice.NONE:
            self._read_lineages(runs)
        self._read_waits(runs)

    def _run_of(self, thing: Thing) -> Run | None:
        subject = thing.subject
        if not isinstance(subject, RunSubject) or subject.listed is None:
            return None
        return replace(
            self.context.with_aliases(subject.listed), default_branch=subject.default_branch
        )

    def _items(self, group: Sequence[Thing]) -> Iterator[TargetBuilder]:
        """Yield the targets of pull requests and issues."""
        github = self.context.github
        with_status = bool(self.context.settings.trackers.status_project.strip())
        for thing in group:
            subject = thing.subject
            if thing.pull is not None:
                yield change_target(github, self.home, thing.pull)
            elif isinstance(subject, ItemSubject) and subject.key.tracker == "github":
                number = int(subject.key.key)
                yield issue_target(github, self.home, number, with_status=with_status)

    def _refs(self, runs: Sequence[Run], deployed: Iterable[str]) -> Iterator[TargetBuilder]:
        """Yield the targets of branches and commits, by which pull requests are found.

        They are those of runs, and of the commits that were ``deployed``.
        """
        github = self.context.github
        branches: dict[tuple[str, str], None] = {}
        commits = dict.fromkeys(filter(None, deployed))
        for run in runs:
            lookup = parent_lookup(run)
            by_branch = lookup in (Lookup.CANDIDATES, Lookup.CANDIDATES_THEN_COMMIT)
            if by_branch and run.head_branch and run.head_repository:
                branches[run.head_repository.partition("/")[0], run.head_branch] = None
            elif (lookup is Lookup.COMMIT or by_branch) and head_is_known(run):
                commits[run.head_sha] = None
        for owner, branch in branches:
            yield branch_target(github, self.home, owner, branch)
        for sha in commits:
            yield commit_target(github, self.home, sha)

    def _deployed_commits(self, group: Sequence[Thing]) -> Iterator[str]:
        """Yield the commits that deployments brought since the ones before them, if they are few.

        Most deployments follow the last success in their environment, so that the comparison is
        the one that will be requested.
        """
        deployments = sorted(
            (
                thing.subject.listed
                for thing in group
                if isinstance(thing.subject, DeploymentSubject) and thing.subject.listed is not None
            ),
            key=lambda deployment: (deployment.environment, deployment.created_at),
        )
        github = self.context.github

        def compare(pair: tuple[Deployment, Deployment]) -> Iterable[str]:
            base, head = pair
            if base.environment != head.environment or delivery_result(base) is not Result.SUCCESS:
                return ()
            found = _or_none(
                lambda: compare_commits(github, self.home, base.sha, head.sha, "a deployment")
            )
            commits = found.commits if found is not None else ()
            # Those of many are read by fifty a request for one deployment.
            return [str(c.get("sha")) for c in commits] if len(commits) <= _FEW_COMMITS else ()

        for commits in github.run_concurrently(compare, pairwise(deployments)):
            yield from commits
        yield from (deployment.sha for deployment in deployments)

    def _read_lineages(self, runs: Sequence[Run]) -> None:
        """Read ahead what the pull requests of runs close."""
        github = self.context.github

        def parent_of(run: Run) -> int | None:
            change = _or_none(lambda: read_parentage(github, run).change)
            in_home = change is not None and (
                fold(change.repository.full_name) == fold(self.home.full_name)
            )
            return change.number if change is not None and in_home else None

        # The runs of one commit or branch have the same requests.
        numbers = dict.fromkeys(github.run_concurrently(parent_of, runs))
        read_ahead(
            github,
            self.home,
            [lineage_target(github, self.home, number) for number in numbers if number is not None],
        )

    def _read_waits(self, runs: Sequence[Run]) -> None:
        """Read the jobs of runs, and ahead what they waited for."""
        github = self.context.github.required
        found = github.run_concurrently(lambda run: _or_none(partial(read_jobs, github, run)), runs)
        read_waits_ahead(self.context.github, self.home, [run for run in found if run is not None])

    def _fill_deployments(self, runs: Sequence[Run]) -> None:
        """Answer which deployments the commits of runs have, by the list of all of them."""
        since, github = self.deployed_since, self.context.github
        if since is None:
            return
        later = [run for run in runs if may_deploy(run) and run.started_at >= since]
        if later and self._deployments is None:
            self._deployments = {}
            items, complete = list_deployments_since(github, self.home, since)
            if not complete:
                self.deployed_since = None
                return
            for item in items:
                self._deployments.setdefault(str(item.get("sha")), []).append(item)
        by_commit, path = self._deployments or {}, deployments_path(self.home)
        known = [
            (github.page_request(path, sha=sha), by_commit.get(sha, []))
            for sha in dict.fromkeys(run.head_sha for run in later if run.head_sha)
        ]
        github.fill([request for request, _ in known], lambda: known)


def _or_none(read: Callable[[], Value]) -> Value | None:
    """Return what is read ahead; None if that fails: it is read again, for its error."""
    try:
        return read()
    except FlowTelemetryError:
        return None
