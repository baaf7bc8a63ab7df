"""Reading what ran and was deployed for the changes of a feature, the coarse before the fine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.identity import fold
from flow_telemetry.model import (
    Change,
    Deployment,
    Repository,
    Result,
    Run,
)
from flow_telemetry.model.tree import (
    ChangeNode,
    ItemNode,
)
from flow_telemetry.parts import Parts
from flow_telemetry.rules.deliveries import delivery_result
from flow_telemetry.sources.github.deliveries import with_deliveries
from flow_telemetry.sources.github.deployment_records import with_statuses
from flow_telemetry.sources.github.deployment_search import deployments_created_since
from flow_telemetry.sources.github.deployments import read_deployments
from flow_telemetry.sources.github.runs import RunAddress, read_annotations, read_run
from flow_telemetry.subjects.runs_of_change import ChangeRuns, read_runs_of_change, with_jobs

# A deployment is made in the second of the merge, or what was merged waits for weeks.
_BEFORE_MERGE = timedelta(minutes=1)
_LATEST_DELIVERY = timedelta(days=30)
# So many deployments are looked at for a change in one environment, and so many environments.
MOST_TRIED = 5
MOST_ENVIRONMENTS = 10


def with_runs(
    parts: Parts,
    root: ItemNode,
    until: datetime | None,
    unread: list[str],
    *,
    own_workflow: str | None = None,
) -> tuple[ItemNode, bool]:
    """Return the items with the runs and deployments of their changes, and whether jobs are known.

    Where the budget of requests does not do for the jobs of all runs, no run has any.
    ``own_workflow`` is the file of the workflow that exports: its runs are nobody's work.
    """
    reading = _RunReading(parts=parts, until=until, unread=unread, own_workflow=own_workflow)
    nodes = [reading.runs_of(node.change) for node in _change_nodes(root)]
    nodes = reading.with_deployments(nodes)
    nodes, complete = reading.with_jobs(nodes)
    if complete:
        nodes = reading.explained(nodes)
    return _replaced(root, {node.change.reference: node for node in nodes}), complete


def _change_nodes(node: ItemNode) -> Iterator[ChangeNode]:
    yield from node.changes
    for child in node.children:
        yield from _change_nodes(child)


def _replaced(node: ItemNode, known: Mapping[str, ChangeNode]) -> ItemNode:
    return replace(
        node,
        children=tuple(_replaced(child, known) for child in node.children),
        changes=tuple(known[each.change.reference] for each in node.changes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunReading:
    """One reading under way: ``seen`` are runs that have a place, ``known`` deployments by id."""

    parts: Parts
    until: datetime | None
    unread: list[str]
    own_workflow: str | None = None
    seen: set[str] = field(default_factory=set)
    known: dict[int, Deployment | None] = field(default_factory=dict)

    def runs_of(self, change: Change) -> ChangeNode:
        """Return a change with its runs, still without jobs."""
        github = self.parts.github
        self.parts.log.progress(f"{github.requests} requests, runs of #{change.number}")
        runs = ChangeRuns()
        if not github.budget_exceeded:
            runs = read_runs_of_change(self.parts, change, jobs=False, until=self.until)
            self.unread.extend(runs.unread)
        return ChangeNode(
            change=change, runs=self._new(runs.runs), later_runs=self._new(runs.later_runs)
        )

    def _new(self, runs: Iterable[Run]) -> tuple[Run, ...]:
        """The runs that no other change has: a commit that merged two has one place."""
        found = tuple(
            run
            for run in runs
            if run.reference not in self.seen
            and (self.own_workflow is None or run.path.rpartition("/")[2] != self.own_workflow)
        )
        self.seen.update(run.reference for run in found)
        return found

    def with_deployments(self, nodes: list[ChangeNode]) -> list[ChangeNode]:
        """Return the changes with what delivered them, and with the runs that did it."""
        listed: dict[str, tuple[Deployment, ...]] = {}
        for repository, since in _earliest_merges(nodes).items():
            listed[repository.reference] = self._listed(repository, since)
        return [
            self._delivered(node, listed.get(node.change.repository.reference, ()))
            for node in nodes
        ]

    def _listed(self, repository: Repository, since: datetime) -> tuple[Deployment, ...]:
        if self.parts.github.budget_exceeded:
            return ()
        try:
            return deployments_created_since(self.parts.github, repository, since - _BEFORE_MERGE)
        except FlowTelemetryError as error:
            self.unread.append(f"the deployments of {repository.full_name}: {error}")
        return ()

    def _delivered(self, node: ChangeNode, listed: Iterable[Deployment]) -> ChangeNode:
        change = node.change
        if change.merged_at is None:
            return node
        begin, end = change.merged_at - _BEFORE_MERGE, change.merged_at + _LATEST_DELIVERY
        by_environment: dict[str, list[Deployment]] = {}
        for each in listed:
            if begin <= each.created_at <= end:
                by_environment.setdefault(fold(each.environment), []).append(each)
        found = [
            deployment
            for made in list(by_environment.values())[:MOST_ENVIRONMENTS]
            for deployment in self._deliveries(change, made[:MOST_TRIED])
        ]
        runs = self._new(self._makers(node, found))
        return replace(node, deployments=tuple(found), later_runs=(*node.later_runs, *runs))

    def _deliveries(self, change: Change, made: Iterable[Deployment]) -> Iterator[Deployment]:
        """The deployments of one environment that delivered a change, up to the first success."""
        for each in made:
            found = self._known(each)
            if found and change.reference in {c.reference for c in found.delivers}:
                yield replace(found, delivers=(change,))
                if delivery_result(found) is Result.SUCCESS:
                    return

    def _known(self, made: Deployment) -> Deployment | None:
        if made.id not in self.known:
            self.known[made.id] = self._read(made)
        return self.known[made.id]

    def _read(self, made: Deployment) -> Deployment | None:
        github = self.parts.github
        if github.budget_exceeded:
            return None
        try:
            (found,) = with_statuses(github, (made,))
            return with_deliveries(github, found) if delivery_result(found) else None
        except FlowTelemetryError as error:
            self.unread.append(f"what deployment {made.id} delivered: {error}")
        return None

    def _makers(self, node: ChangeNode, made: Iterable[Deployment]) -> Iterator[Run]:
        """The runs that deployed the change's own commit, whatever event started them."""
        known = {run.id for run in (*node.runs, *node.later_runs)}
        for each in made:
            own = each.sha == node.change.merge_commit
            if each.run_id is None or not own or each.run_id in known:
                continue
            known.add(each.run_id)
            if (run := self._run(each.repository, each.run_id)) is not None and run.completed:
                yield run

    def _run(self, repository: Repository, run_id: int) -> Run | None:
        if self.parts.github.budget_exceeded:
            return None
        try:
            address = RunAddress(repository=repository.full_name, run_id=run_id)
            return replace(read_run(self.parts.github, address), repository=repository)
        except FlowTelemetryError as error:
            self.unread.append(f"run {run_id}, which deployed: {error}")
        return None

    def with_jobs(self, nodes: list[ChangeNode]) -> tuple[list[ChangeNode], bool]:
        """Return the changes with the jobs of their runs, and whether there are all of them."""
        found = []
        for node in nodes:
            self.parts.log.progress(
                f"{self.parts.github.requests} requests, jobs of #{node.change.number}"
            )
            runs, unread = with_jobs(self.parts, node.runs, node.change)
            later, more = with_jobs(self.parts, node.later_runs, node.change)
            if self.parts.github.budget_exceeded:
                return nodes, False
            self.unread.extend((*unread, *more))
            found.append(replace(node, runs=runs, later_runs=later))
        return found, True

    def explained(self, nodes: list[ChangeNode]) -> list[ChangeNode]:
        """Return the changes whose runs tell why jobs failed, and what waited for an approval.

        It is the finest there is: where the budget does not do for it, it is left out.
        """
        return [
            replace(
                node,
                runs=tuple(map(self._explained, node.runs)),
                later_runs=tuple(map(self._explained, node.later_runs)),
            )
            for node in nodes
        ]

    def _explained(self, run: Run) -> Run:
        github = self.parts.github
        if github.budget_exceeded:
            return run
        annotated = read_annotations(github, run, run.jobs)
        deployed = read_deployments(github, annotated.run, run.jobs)
        self.unread.extend((*annotated.notices, *deployed.notices))
        return deployed.run


def _earliest_merges(nodes: Iterable[ChangeNode]) -> dict[Repository, datetime]:
    earliest: dict[Repository, datetime] = {}
    for node in nodes:
        merged, repository = node.change.merged_at, node.change.repository
        if merged is not None:
            earliest[repository] = min(merged, earliest.get(repository, merged))
    return earliest
