"""Features: the whole tree of items, changes, runs and deployments as one trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError, SelectionError
from flow_telemetry.github.changes import changes_created_since, read_change
from flow_telemetry.github.deployments import (
    deployments_created_since,
    read_deployments,
    with_deliveries,
    with_statuses,
)
from flow_telemetry.github.runs import RunAddress, read_annotations, read_repository, read_run
from flow_telemetry.identity import TraceIdentity, fold
from flow_telemetry.mapping.items import (
    FeatureMapping,
    TreeDetail,
    feature_root,
    feature_spans,
    item_name,
)
from flow_telemetry.model import Change, Deployment, Lineage, Repository, Result, Run, WorkItem
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode
from flow_telemetry.otlp.batch import resource_size, span_size
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.report.text import trace_url
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.item_keys import find_item_keys
from flow_telemetry.rules.parentage import delivery_result
from flow_telemetry.settings import Settings, TraceScope
from flow_telemetry.subjects.change import feature_metrics
from flow_telemetry.subjects.item import map_item, read_item
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.run import ChangeRuns, read_runs_of_change, with_jobs
from flow_telemetry.subjects.types import (
    CollectedTelemetry,
    FeatureSubject,
    resources_of,
    tracing_of,
)

# Reading what ran and was deployed for the changes of a feature, the coarse before the fine.

# A deployment is made in the second of the merge, or what was merged waits for weeks.
_BEFORE_MERGE = timedelta(minutes=1)
_LATEST_DELIVERY = timedelta(days=30)
# So many deployments are looked at for a change in one environment, and so many environments.
MOST_TRIED = 5
MOST_ENVIRONMENTS = 10


def with_runs(
    context: ExportContext,
    root: ItemNode,
    until: datetime | None,
    read_errors: list[str],
    *,
    own_workflow: str | None = None,
) -> tuple[ItemNode, bool]:
    """Return the items with the runs and deployments of their changes, and whether jobs are known.

    Where the budget of requests does not do for the jobs of all runs, no run has any.
    ``own_workflow`` is the file of the workflow that exports: its runs are not work on the feature.
    """
    reader = _RunReader(
        context=context, until=until, read_errors=read_errors, own_workflow=own_workflow
    )
    nodes = [reader.runs_of(node.change) for node in _change_nodes(root)]
    nodes = reader.with_deployments(nodes)
    nodes, complete = reader.with_jobs(nodes)
    if complete:
        nodes = reader.explained(nodes)
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
class _RunReader:
    """One reading under way: ``seen`` are runs that have a place, ``known`` deployments by id."""

    context: ExportContext
    until: datetime | None
    read_errors: list[str]
    own_workflow: str | None = None
    seen: set[str] = field(default_factory=set)
    known: dict[int, Deployment | None] = field(default_factory=dict)

    def runs_of(self, change: Change) -> ChangeNode:
        """Return a change with its runs, still without jobs."""
        github = self.context.github
        self.context.log.progress(f"{github.requests} requests, runs of #{change.number}")
        runs = ChangeRuns()
        if not github.budget_exceeded:
            runs = read_runs_of_change(self.context, change, jobs=False, until=self.until)
            self.read_errors.extend(runs.read_errors)
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
        if self.context.github.budget_exceeded:
            return ()
        try:
            return deployments_created_since(self.context.github, repository, since - _BEFORE_MERGE)
        except FlowTelemetryError as error:
            self.read_errors.append(f"the deployments of {repository.full_name}: {error}")
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
        github = self.context.github
        if github.budget_exceeded:
            return None
        try:
            (found,) = with_statuses(github, (made,))
            return with_deliveries(github, found) if delivery_result(found) else None
        except FlowTelemetryError as error:
            self.read_errors.append(f"what deployment {made.id} delivered: {error}")
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
        if self.context.github.budget_exceeded:
            return None
        try:
            address = RunAddress(repository=repository.full_name, run_id=run_id)
            return replace(read_run(self.context.github, address), repository=repository)
        except FlowTelemetryError as error:
            self.read_errors.append(f"run {run_id}, which deployed: {error}")
        return None

    def with_jobs(self, nodes: list[ChangeNode]) -> tuple[list[ChangeNode], bool]:
        """Return the changes with the jobs of their runs, and whether there are all of them."""
        found = []
        for node in nodes:
            self.context.log.progress(
                f"{self.context.github.requests} requests, jobs of #{node.change.number}"
            )
            runs, read_errors = with_jobs(self.context, node.runs, node.change)
            later, more = with_jobs(self.context, node.later_runs, node.change)
            if self.context.github.budget_exceeded:
                return nodes, False
            self.read_errors.extend((*read_errors, *more))
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
        github = self.context.github
        if github.budget_exceeded:
            return run
        annotated = read_annotations(github, run, run.jobs)
        deployed = read_deployments(github, annotated.run, run.jobs)
        self.read_errors.extend((*annotated.notices, *deployed.notices))
        return deployed.run


def _earliest_merges(nodes: Iterable[ChangeNode]) -> dict[Repository, datetime]:
    earliest: dict[Repository, datetime] = {}
    for node in nodes:
        merged, repository = node.change.merged_at, node.change.repository
        if merged is not None:
            earliest[repository] = min(merged, earliest.get(repository, merged))
    return earliest


# Reading a whole feature: items from the tracker, and the changes that belong to them.
#
# A budget of requests bounds it. So what is coarse is read before what is fine: items and changes
# here, then their runs and deployments, then jobs. Where the budget ends, the tree says so.

Found = TypeVar("Found")

# Deeper trees are cut, and told: no tracker's own hierarchy is.
MOST_LEVELS = 10
_OLDER_CHANGES = timedelta(days=30)


def read_tree(
    context: ExportContext,
    feature: WorkItem,
    lineage: Lineage,
    *,
    snapshot: datetime | None,
) -> FeatureTree:
    """Return a feature, with its details read, and all below it.

    What cannot be read is told in ``unread``.
    """
    until = snapshot or feature.closed_at
    reader = _TreeReader(context=context, until=until)
    items = reader.node(feature, 1)
    # Work on a story may have begun long before there was an epic above it.
    created = [item.created_at for item in _items(items) if item.created_at is not None]
    opened = _opened(context, feature, min(created, default=None), reader.read_errors)
    root, with_jobs = with_runs(
        context,
        replace(reader, opened=opened).with_changes(items),
        until,
        reader.read_errors,
        own_workflow=_own_workflow(context.settings),
    )
    if context.github.budget_exceeded:
        reader.read_errors.append(context.github.ended)
    return FeatureTree(
        root=root,
        snapshot=snapshot,
        above=lineage.above,
        unread=tuple(dict.fromkeys(reader.read_errors)),
        with_jobs=with_jobs,
    )


def _own_workflow(settings: Settings) -> str | None:
    """The file of the workflow that we stand in, where telemetry is all that it is for.

    A build is never started by these events, but what sends features is.
    """
    runner = settings.runner
    return runner.workflow_file if runner.event_name in ("issues", "schedule") else None


def _items(node: ItemNode) -> Iterator[WorkItem]:
    yield node.item
    for child in node.children:
        yield from _items(child)


def _opened(
    context: ExportContext, feature: WorkItem, oldest: datetime | None, read_errors: list[str]
) -> tuple[Change, ...]:
    """Return the changes that may contain keys of a tracker that has no list of them itself.

    ``oldest`` is the creation of the oldest item. A change may be older than the story that it was
    linked to.
    """
    home = context.settings.repository or context.settings.runner.repository
    names = context.settings.repositories or ((home,) if home else ())
    if feature.tracker == "github" or oldest is None:
        return ()
    if not names:
        read_errors.append("its pull requests: `repositories` is to name where they may be")
    found: list[Change] = []
    for name in names:
        try:
            repository = context.with_aliases(read_repository(context.github, name))
            since = oldest - _OLDER_CHANGES
            found += changes_created_since(context.github, repository, since)
        except FlowTelemetryError as error:
            read_errors.append(f"the pull requests of {name}: {error}")
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _TreeReader:
    """One reading under way: what was met already, and what could not be read.

    ``until`` is what the feature is shown as of: its closing, or the snapshot's instant.
    """

    context: ExportContext
    until: datetime | None
    opened: tuple[Change, ...] = ()
    read_errors: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def node(self, item: WorkItem, level: int) -> ItemNode:
        """Return an item, whose details are known, with the items below it, without changes."""
        self.seen.add(item.reference)
        self.context.log.progress(
            f"{self.context.github.requests} requests, "
            f"{len(self.seen)} items and pull requests read"
        )
        return ItemNode(item=item, children=tuple(self._children(item, level)))

    def with_changes(self, node: ItemNode) -> ItemNode:
        """Return an item and the items below it with their changes."""
        children = tuple(map(self.with_changes, node.children))
        if not node.item.history_complete and node.item.tracker == "jira":
            self.read_errors.append(
                f"pull requests that name a former key of {node.item.key}, whose history was not "
                "read completely"
            )
        return replace(node, children=children, changes=tuple(self._changes(node.item)))

    def _children(self, item: WorkItem, level: int) -> Iterator[ItemNode]:
        tracker = self.context.trackers.of(item.tracker, _home(item))
        if tracker is None:
            return
        if level >= MOST_LEVELS:
            self.read_errors.append(f"what is below {item.key}, on level {level}")
            return
        found = self._tried(lambda: tracker.children(item), f"the items below {item.key}")
        if found is None:
            return
        self.read_errors.extend(found.unread)
        for child in found.items:
            if child.reference in self.seen or self._opened_later(child.created_at):
                continue
            known = self._tried(partial(tracker.details, child), child.key) or child
            if known.reference not in self.seen:  # It was moved while the tree was read.
                yield self.node(known, level + 1)

    def _changes(self, item: WorkItem) -> Iterator[ChangeNode]:
        """The changes whose nearest item this is: one that closes two items has one place."""
        for each in self._candidates(item):
            if each.reference in self.seen or self._opened_later(each.created_at):
                continue
            change = self._tried(
                partial(read_change, self.context.github, each.repository.full_name, each.number),
                f"pull request {each.repository.full_name}#{each.number}",
            )
            if change is None or change.reference in self.seen:
                continue
            lineage = read_lineage(self.context, change, change.repository)
            if lineage.nearest and lineage.nearest.reference == item.reference:
                self.seen.update((each.reference, change.reference))
                yield ChangeNode(change=change)

    def _opened_later(self, opened: datetime | None) -> bool:
        """Whether a thing was not there yet: a trace that is sent again later is the same one."""
        return opened is not None and self.until is not None and opened > self.until

    def _candidates(self, item: WorkItem) -> Iterable[Change]:
        github = self.context.trackers.github
        if item.tracker != "github" or github is None:
            return self._carrying(item)
        tracker, what = github(_home(item)), f"the pull requests of {item.key}"
        found = self._tried(partial(tracker.changes_of, item), what)
        if found is None:
            return ()
        self.read_errors.extend(found.unread)
        return found.changes

    def _carrying(self, item: WorkItem) -> Iterator[Change]:
        """Yield the changes whose branch or title contains a key of the item, present or former."""
        keys = {item.key, *item.former_keys}
        projects = self.context.settings.trackers.jira_projects
        if projects:
            projects |= {key.rpartition("-")[0] for key in keys}
        for change in self.opened:
            found = find_item_keys(
                branch=change.head_branch,
                title=change.title,
                commit_message="",
                jira_projects=projects,
            )
            if keys & {key.key for key in found}:
                yield change

    def _tried(self, read: Callable[[], Found], what: str) -> Found | None:
        """What ``read`` returns; None, and a note, where it cannot be read.

        Once the budget is exceeded that is told as a whole, and nothing is asked any more.
        """
        if self.context.github.budget_exceeded:
            return None
        try:
            return self.context.with_aliases(read())
        except FlowTelemetryError as error:
            self.read_errors.append(f"{what}: {error}")
        return None


def _home(item: WorkItem) -> Repository:
    return item.repository or Repository(host="", owner="", name="", url="")


# A feature as the subject of an export: its whole tree as one trace, when it has closed.

# Tempo drops what is beyond 5,000,000 bytes of a trace; ours are sums of upper bounds.
MOST_BYTES = 4_500_000


def collect_feature(context: ExportContext, subject: FeatureSubject) -> CollectedTelemetry:
    """Read a feature with all below it and return its trace.

    Raises:
        FlowTelemetryError: it cannot be read, or is open and no snapshot was asked for.
    """
    item, lineage = read_item(context, subject)
    # Under `trace-scope: feature` the whole of a closed one leaves as a snapshot only.
    of_feature = context.settings.tracing.scope is TraceScope.FEATURE
    if not item.ended and not subject.snapshot:
        raise SelectionError(
            f"{item.key} is still open: its trace leaves when it is closed. To send it as of now, "
            "under ids of its own, ask for a snapshot (--snapshot, `snapshot`)"
        )
    snapshot = not item.ended or (subject.snapshot and of_feature)
    return map_feature(context, item, lineage, snapshot=snapshot)


def map_feature(
    context: ExportContext, item: WorkItem, lineage: Lineage, *, snapshot: bool
) -> CollectedTelemetry:
    """Return what leaves of a feature that was read, at its closing or as a snapshot.

    Under `trace-scope: feature` there is one trace: what was sent live is in it already, and only
    its own span is left to send at the closing.
    """
    if context.settings.tracing.scope is TraceScope.FEATURE and not snapshot:
        return map_item(context, item, lineage)
    now = context.clock.now().replace(microsecond=0)
    tree = read_tree(context, item, lineage, snapshot=now if snapshot else None)
    mapping = FeatureMapping(
        tracing=tracing_of(context.settings),
        resources=resources_of(context.settings),
        blocked_names=context.settings.signals.blocked_names,
    )
    read_errors = tuple(f"{item.key} is not all in its trace: {each}" for each in tree.unread)
    detail = finest_that_fits(tree, mapping, context.settings.tracing.max_spans)
    return CollectedTelemetry(
        spans=feature_spans(tree, detail, mapping),
        facts=feature_metrics(context.settings, tree),
        exported=_exported(context.settings, tree, lineage),
        incomplete=read_errors if context.github.budget_exceeded else (),
        problems=() if context.github.budget_exceeded else read_errors,
        left_out=_left_out(tree, detail, context.settings.tracing.max_spans),
    )


def finest_that_fits(tree: FeatureTree, mapping: FeatureMapping, most: int) -> TreeDetail:
    """Return the finest detail at which a feature's trace keeps within spans and bytes."""
    for detail in TreeDetail if tree.with_jobs else (TreeDetail.RUN, TreeDetail.CHANGE):
        if _fits(tree, detail, mapping, most):
            return detail
    return TreeDetail.CHANGE


def _fits(tree: FeatureTree, detail: TreeDetail, mapping: FeatureMapping, most: int) -> bool:
    size, seen = 0, set()
    for count, span in enumerate(feature_spans(tree, detail, mapping), start=1):
        size += span_size(span)
        if id(span.resource) not in seen:
            seen.add(id(span.resource))
            size += resource_size(span.resource)
        if count > most or size > MOST_BYTES:
            return False
    return True


def _left_out(tree: FeatureTree, detail: TreeDetail, most: int) -> tuple[str, ...]:
    if detail is TreeDetail.STEP:
        return ()
    if detail is TreeDetail.RUN and not tree.with_jobs:
        return ("jobs and steps: they would take more requests than `max-requests` allows",)
    return (
        f"spans finer than {detail.value}: the trace would have more than {most} spans "
        f"(`max-spans`) or {MOST_BYTES / 1e6} MB",
    )


def _exported(settings: Settings, tree: FeatureTree, lineage: Lineage) -> ExportedSubject:
    item, root = tree.root.item, feature_root(tree)
    start = item.created_at or item.closed_at or tree.snapshot
    if start is None:
        raise SelectionError(f"when {item.key} was opened is not known, so it has no span")
    trace = TraceIdentity(root=root, namespace=settings.tracing.namespace)
    interval = Interval.of(start, tree.snapshot or item.closed_at)
    template = settings.tracing.trace_url
    url = template and trace_url(template, trace, root, interval)
    return ExportedSubject(
        title=item_name(item),
        item=item,
        lineage=lineage,
        trace=trace,
        reference=root,
        interval=interval,
        partial=tree.snapshot is not None,
        trace_url=url or None,
    )
