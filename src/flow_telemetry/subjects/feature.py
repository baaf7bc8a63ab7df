"""Features: the whole tree of items, changes, runs and deployments as one trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError, SelectionError
from flow_telemetry.github.changes import changes_created_since, read_change
from flow_telemetry.github.deliveries import with_deliveries
from flow_telemetry.github.deployments import (
    deployments_created_since,
    with_statuses,
)
from flow_telemetry.github.runs import RunAddress, read_repository, read_run
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.items import (
    FeatureMapping,
    feature_root,
    feature_spans,
    item_name,
)
from flow_telemetry.model import (
    Change,
    Deployment,
    EventKind,
    Lineage,
    Repository,
    Result,
    Run,
    WorkItem,
)
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode, TreeDetail
from flow_telemetry.otlp.batch import resource_size, span_size
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.rules.deployments import delivery_result, place_of
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.item_keys import find_item_keys
from flow_telemetry.rules.overview import feature_overview
from flow_telemetry.rules.time_shares import measure_feature_time
from flow_telemetry.settings import LeadTimeFrom, Settings
from flow_telemetry.subjects.change import feature_events_and_metrics
from flow_telemetry.subjects.change_runs import ChangeRuns, read_runs_of_change, with_jobs
from flow_telemetry.subjects.deployment import (
    MOST_MEASURED_CHANGES,
    mark_production,
    read_maker,
    reason_not_counted,
)
from flow_telemetry.subjects.item import read_item
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.run import explain_run, with_ref
from flow_telemetry.subjects.types import (
    ROOTED_IN_ITEMS,
    CollectedTelemetry,
    FeatureSubject,
    build_resource_maker,
    build_trace_url,
    build_tracing,
)

# Reading a whole feature: items from the tracker, and the changes that belong to them.
#
# The request budget limits it, so coarse levels are read before fine ones: items and changes, then
# their runs and deployments, then jobs, then the failure reasons and approvals of jobs.

Value = TypeVar("Value")

# No tracker has a hierarchy of more levels.
MOST_LEVELS = 10
_OLDER_CHANGES = timedelta(days=30)
# Automation deploys in the second of the merge; other merged changes wait for weeks.
_BEFORE_MERGE = timedelta(minutes=1)
_LATEST_DELIVERY = timedelta(days=30)
# For a change: deployments that are read in each place, and places.
MOST_TRIED = 5
MOST_PLACES = 10


def read_tree(
    context: ExportContext,
    feature: WorkItem,
    lineage: Lineage,
    *,
    snapshot: datetime | None,
) -> FeatureTree:
    """Return a feature, whose details are read, with everything below it.

    Read errors are in ``unread`` of the tree.
    """
    runner = context.settings.runner
    # A workflow that these events start exports features, and never builds: its runs are left out.
    own_workflow = runner.workflow_file if runner.event_name in ("issues", "schedule") else None
    reader = _FeatureReader(
        context=context, until=snapshot or feature.closed_at, own_workflow=own_workflow
    )
    root, finest = reader.read_item(feature, 1), TreeDetail.ITEM
    if context.github.budget_exceeded:
        reader.read_errors.append(context.github.ended)
    # If the request budget ends within a level of detail, the whole level is left out: the rest of
    # the trace is complete.
    for detail, add_level in (
        (TreeDetail.CHANGE, reader.add_changes),
        (TreeDetail.RUN, reader.add_runs),
        (TreeDetail.STEP, reader.add_jobs),
    ):
        errors_before = len(reader.read_errors)
        more = root if context.github.budget_exceeded else add_level(root)
        if context.github.budget_exceeded:
            del reader.read_errors[errors_before:]
            break
        root, finest = more, detail
    if finest is TreeDetail.STEP:
        root = reader.add_failure_reasons(root)
    return FeatureTree(
        root=root,
        snapshot=snapshot,
        above=lineage.above,
        unread=tuple(dict.fromkeys(reader.read_errors)),
        finest=finest,
    )


def _list_items(node: ItemNode) -> Iterator[WorkItem]:
    yield node.item
    for child in node.children:
        yield from _list_items(child)


@dataclass(slots=True, kw_only=True)
class _FeatureReader:
    """Reader of one feature.

    ``until`` is the time of its closing or of the snapshot. ``linked_changes`` are those that may
    have keys of a tracker that does not list changes itself. ``seen`` are the references of items,
    changes and runs that have a place in the tree, ``deployments`` those that were read, by id.
    """

    context: ExportContext
    until: datetime | None
    own_workflow: str | None = None
    linked_changes: tuple[Change, ...] = ()
    read_errors: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    deployments: dict[int, Deployment | None] = field(default_factory=dict)

    def read_linked_changes(self, root: ItemNode) -> tuple[Change, ...]:
        """Return the changes that may have keys of the feature's items in their texts.

        A change may be older than the story that it was linked to, and a story older than its epic.
        """
        created = [item.created_at for item in _list_items(root) if item.created_at is not None]
        settings = self.context.settings
        home = settings.repository or settings.runner.repository
        names = settings.repositories or ((home,) if home else ())
        if root.item.tracker == "github" or not created:
            return ()
        if not names:
            self.read_errors.append("its pull requests: set `repositories` to their repositories")
        changes: list[Change] = []
        for name in names:
            try:
                repository = self.context.with_aliases(read_repository(self.context.github, name))
                since = min(created) - _OLDER_CHANGES
                changes += changes_created_since(self.context.github, repository, since)
            except FlowTelemetryError as error:
                self.read_errors.append(f"the pull requests of {name}: {error}")
        return tuple(changes)

    # Items and changes.

    def read_item(self, item: WorkItem, level: int) -> ItemNode:
        """Return an item, whose details are read, with the items below it, without changes."""
        self.seen.add(item.reference)
        self.context.log.progress(
            f"{self.context.github.requests} requests, "
            f"{len(self.seen)} items and pull requests read"
        )
        return ItemNode(item=item, children=tuple(self._read_children(item, level)))

    def add_changes(self, root: ItemNode) -> ItemNode:
        """Return the items with their changes."""
        self.linked_changes = self.read_linked_changes(root)
        return self._add_changes(root)

    def _add_changes(self, node: ItemNode) -> ItemNode:
        children = tuple(map(self._add_changes, node.children))
        if not node.item.history_complete and node.item.tracker == "jira":
            self.read_errors.append(
                f"pull requests that name a former key of {node.item.key}, whose history was not "
                "read completely"
            )
        return replace(node, children=children, changes=tuple(self._read_changes(node.item)))

    def _read_children(self, item: WorkItem, level: int) -> Iterator[ItemNode]:
        tracker = self.context.trackers.of(item.tracker, _home(item))
        if tracker is None:
            return
        if level >= MOST_LEVELS:
            self.read_errors.append(f"what is below {item.key}, on level {level}")
            return
        children = self._try(lambda: tracker.children(item), f"the items below {item.key}")
        if children is None:
            return
        self.read_errors.extend(children.unread)
        for child in children.items:
            if child.reference in self.seen or self._is_later(child.created_at):
                continue
            details = self._try(partial(tracker.details, child), child.key) or child
            # An item may move while the tree is read.
            if details.reference not in self.seen:
                yield self.read_item(details, level + 1)

    def _read_changes(self, item: WorkItem) -> Iterator[ChangeNode]:
        """Yield the changes with this nearest item: one that closes two items has one place."""
        for candidate in self._list_candidates(item):
            if candidate.reference in self.seen or self._is_later(candidate.created_at):
                continue
            name = candidate.repository.full_name
            change = self._try(
                partial(read_change, self.context.github, name, candidate.number),
                f"pull request {name}#{candidate.number}",
            )
            if change is None or change.reference in self.seen:
                continue
            lineage = read_lineage(self.context, change, change.repository)
            if lineage.nearest and lineage.nearest.reference == item.reference:
                self.seen.update((candidate.reference, change.reference))
                yield ChangeNode(change=change)

    def _is_later(self, created_at: datetime | None) -> bool:
        """Whether a thing did not exist yet: a repeated export has the same trace."""
        return created_at is not None and self.until is not None and created_at > self.until

    def _list_candidates(self, item: WorkItem) -> Iterable[Change]:
        github = self.context.trackers.github
        if item.tracker == "github" and github is not None:
            tracker = github(_home(item))
            changes_of = partial(tracker.changes_of, item)
            listed = self._try(changes_of, f"the pull requests of {item.key}")
            if listed is None:
                return
            self.read_errors.extend(listed.unread)
            yield from listed.changes
            return
        # The changes with a key of the item, present or former, in the branch or title.
        keys = {item.key, *item.former_keys}
        projects = self.context.settings.trackers.jira_projects
        if projects:
            projects |= {key.rpartition("-")[0] for key in keys}
        for change in self.linked_changes:
            named = find_item_keys(
                branch=change.head_branch,
                title=change.title,
                commit_message="",
                jira_projects=projects,
            )
            if keys & {key.key for key in named}:
                yield change

    def _try(self, read: Callable[[], Value], what: str) -> Value | None:
        """Return the result of ``read``; None, and a read error, if it fails.

        Once the budget is exceeded, which is one read error, nothing is read any more.
        """
        if self.context.github.budget_exceeded:
            return None
        try:
            return self.context.with_aliases(read())
        except FlowTelemetryError as error:
            self.read_errors.append(f"{what}: {error}")
        return None

    # Runs and deployments.

    def add_runs(self, root: ItemNode) -> ItemNode:
        """Return the items with the runs and deployments of their changes, without jobs."""
        nodes = [self._read_runs(node.change) for node in _list_changes(root)]
        return _replace_changes(root, self._add_deployments(nodes))

    def add_jobs(self, root: ItemNode) -> ItemNode:
        """Return the items with the jobs of their runs; the rest is missing if the budget ends."""
        nodes = []
        for node in _list_changes(root):
            self.context.log.progress(
                f"{self.context.github.requests} requests, jobs of #{node.change.number}"
            )
            runs, read_errors = with_jobs(self.context, node.runs, node.change)
            later, more = with_jobs(self.context, node.later_runs, node.change)
            if self.context.github.budget_exceeded:
                return root
            self.read_errors.extend((*read_errors, *more))
            nodes.append(replace(node, runs=runs, later_runs=later))
        return _replace_changes(root, nodes)

    def add_failure_reasons(self, root: ItemNode) -> ItemNode:
        """Return the items with the failure reasons and approvals of jobs, up to the budget."""
        return _replace_changes(
            root,
            [
                replace(
                    node,
                    runs=tuple(map(self._explain, node.runs)),
                    later_runs=tuple(map(self._explain, node.later_runs)),
                )
                for node in _list_changes(root)
            ],
        )

    def _read_runs(self, change: Change) -> ChangeNode:
        """Return a change with its runs, without jobs."""
        github = self.context.github
        self.context.log.progress(f"{github.requests} requests, runs of #{change.number}")
        what = f"the runs of pull request #{change.number}"
        read = partial(read_runs_of_change, self.context, change, jobs=False, until=self.until)
        runs = self._try(read, what) or ChangeRuns()
        self.read_errors.extend(runs.read_errors)
        return ChangeNode(
            change=change,
            runs=self._select_new(runs.runs),
            later_runs=self._select_new(runs.later_runs),
        )

    def _select_new(self, runs: Iterable[Run]) -> tuple[Run, ...]:
        """Return the runs that no other change has: a commit that merged two has one place."""
        new = tuple(
            run
            for run in runs
            if run.reference not in self.seen
            and (self.own_workflow is None or run.path.rpartition("/")[2] != self.own_workflow)
        )
        self.seen.update(run.reference for run in new)
        return new

    def _add_deployments(self, nodes: list[ChangeNode]) -> list[ChangeNode]:
        """Return the changes with their deployments, and the runs that made these."""
        earliest: dict[Repository, datetime] = {}
        for node in nodes:
            change, repository = node.change, node.change.repository
            begin = change.created_at or change.merged_at
            if begin is not None:
                earliest[repository] = min(begin, earliest.get(repository, begin))
        listed: dict[str, tuple[Deployment, ...]] = {}
        for repository, since in earliest.items():
            if self.context.github.budget_exceeded:
                break
            try:
                listed[repository.reference] = deployments_created_since(
                    self.context.github, repository, since - _BEFORE_MERGE
                )
            except FlowTelemetryError as error:
                self.read_errors.append(f"the deployments of {repository.full_name}: {error}")
        return [
            self._add_deployments_of_change(node, listed.get(node.change.repository.reference, ()))
            for node in nodes
        ]

    def _add_deployments_of_change(
        self, node: ChangeNode, listed: Iterable[Deployment]
    ) -> ChangeNode:
        change = node.change
        by_place: dict[tuple[str, str, str], list[Deployment]] = {}
        for deployment in listed:
            if _may_deliver(deployment, change):
                by_place.setdefault(place_of(deployment), []).append(deployment)
        deployments = [
            deployment
            for candidates in list(by_place.values())[:MOST_PLACES]
            for deployment in self._find_deliveries(change, candidates[:MOST_TRIED])
        ]
        runs = self._select_new(self._read_deploying_runs(node, deployments))
        later_runs = (*node.later_runs, *runs)
        return replace(node, deployments=tuple(deployments), later_runs=later_runs)

    def _find_deliveries(
        self, change: Change, candidates: Iterable[Deployment]
    ) -> Iterator[Deployment]:
        """Yield the deployments to a place that delivered a change, up to the first success."""
        for candidate in candidates:
            if candidate.id not in self.deployments:
                self.deployments[candidate.id] = self._read_deployment(candidate)
            deployment = self.deployments[candidate.id]
            if deployment and change.reference in {c.reference for c in deployment.delivers}:
                # Without a timeline it has no lead time, as in the deployment's own export.
                measured = len(deployment.delivers) <= MOST_MEASURED_CHANGES
                yield replace(
                    deployment,
                    delivers=(change if measured else replace(change, timeline=()),),
                )
                if delivery_result(deployment) is Result.SUCCESS:
                    return

    def _read_deployment(self, listed: Deployment) -> Deployment | None:
        """Return a deployment with its statuses and changes; None if it has not ended."""
        github = self.context.github
        if github.budget_exceeded:
            return None
        try:
            (deployment,) = with_statuses(github, (listed,))
            deployment, run = read_maker(self.context, deployment)
            settings = self.context.settings
            reason = reason_not_counted(settings, deployment, run.event if run else None)
            if reason is not None or delivery_result(deployment) is None:
                return None
            patterns = settings.deployments.environments
            deployment = mark_production(settings, deployment)
            return with_deliveries(github, deployment, patterns=patterns)
        except FlowTelemetryError as error:
            self.read_errors.append(f"what deployment {listed.id} delivered: {error}")
        return None

    def _read_deploying_runs(
        self, node: ChangeNode, deployments: Iterable[Deployment]
    ) -> Iterator[Run]:
        """Yield the runs that deployed the change's own commit, started by any event."""
        github = self.context.github
        run_ids = {run.id for run in (*node.runs, *node.later_runs)}
        for deployment in deployments:
            run_id, repository = deployment.run_id, deployment.repository
            is_own = deployment.sha == node.change.merge_commit
            if run_id is None or not is_own or run_id in run_ids or github.budget_exceeded:
                continue
            run_ids.add(run_id)
            try:
                address = RunAddress(repository=repository.full_name, run_id=run_id)
                run = replace(read_run(github, address), repository=repository)
            except FlowTelemetryError as error:
                self.read_errors.append(f"run {run_id}, which deployed: {error}")
                continue
            if run.completed:
                yield with_ref(self.context, run, node.change)

    def _explain(self, run: Run) -> Run:
        """Return a run with the failure reasons of its jobs, and their approvals."""
        if self.context.github.budget_exceeded:
            return run
        explained = explain_run(self.context, run, run.jobs)
        self.read_errors.extend(explained.notices)
        return explained.run


def _list_changes(node: ItemNode) -> Iterator[ChangeNode]:
    yield from node.changes
    for child in node.children:
        yield from _list_changes(child)


def _replace_changes(root: ItemNode, changes: Iterable[ChangeNode]) -> ItemNode:
    """Return the items with better known changes."""
    by_reference = {node.change.reference: node for node in changes}

    def replace_below(node: ItemNode) -> ItemNode:
        return replace(
            node,
            children=tuple(map(replace_below, node.children)),
            changes=tuple(by_reference[known.change.reference] for known in node.changes),
        )

    return replace_below(root)


def _home(item: WorkItem) -> Repository:
    return item.repository or Repository(host="", owner="", name="", url="")


# The trace of a feature, when it is closed.

# Tempo drops bytes of a trace beyond 5,000,000; our estimates are upper limits.
MOST_BYTES = 4_500_000


def collect_feature(context: ExportContext, subject: FeatureSubject) -> CollectedTelemetry:
    """Read a feature with everything below it and return its trace.

    Raises:
        FlowTelemetryError: it cannot be read, or is open and no snapshot is requested.
    """
    item, lineage = read_item(context, subject)
    if not item.ended and not subject.snapshot:
        raise SelectionError(
            f"{item.key} is still open: its trace is exported when it is closed. To send it as of "
            "now, under ids of its own, request a snapshot (--snapshot, `snapshot`)"
        )
    # A separate trace under the feature's own reference would be in the live trace.
    is_root = context.settings.tracing.scope in ROOTED_IN_ITEMS
    return map_feature(context, item, lineage, snapshot=is_root or not item.ended)


def map_feature(
    context: ExportContext, item: WorkItem, lineage: Lineage, *, snapshot: bool
) -> CollectedTelemetry:
    """Return the trace of a feature that was read, at its closing or as a snapshot."""
    now = context.clock.now().replace(microsecond=0)
    tree = read_tree(context, item, lineage, snapshot=now if snapshot else None)
    time = measure_feature_time(tree, context.settings.signals.blocked_names)
    mapping = FeatureMapping(
        tracing=build_tracing(context.settings),
        resources=build_resource_maker(context.settings),
        blocked_names=context.settings.signals.blocked_names,
        time=time,
        lead_time_from_author=context.settings.deployments.lead_time_from is LeadTimeFrom.AUTHOR,
    )
    read_errors = tuple(f"the trace of {item.key} is incomplete: {error}" for error in tree.unread)
    detail = find_finest_detail(tree, mapping, context.settings.tracing.max_spans)
    return CollectedTelemetry(
        spans=feature_spans(tree, detail, mapping),
        events_and_metrics=feature_events_and_metrics(context, tree),
        exported=replace(
            _describe_export(context.settings, tree, lineage),
            time=time,
            feature=feature_overview(
                tree, context.settings.signals.blocked_names, context.settings.signals.prices
            ),
        ),
        incomplete=read_errors if context.github.ended in tree.unread else (),
        problems=() if context.github.ended in tree.unread else read_errors,
        left_out=_describe_left_out(tree, detail, context.settings.tracing.max_spans),
    )


def measure_feature(context: ExportContext, item: WorkItem, lineage: Lineage) -> CollectedTelemetry:
    """Return the event and metrics of a closed feature, whose spans are all in its live trace."""
    tree = read_tree(context, item, lineage, snapshot=None)
    return CollectedTelemetry(
        events_and_metrics=feature_events_and_metrics(context, tree),
        problems=tuple(f"the metrics of {item.key} are incomplete: {e}" for e in tree.unread),
    )


def find_finest_detail(tree: FeatureTree, mapping: FeatureMapping, most: int) -> TreeDetail:
    """Return the finest detail that ``most`` spans and MOST_BYTES allow."""

    def fits(detail: TreeDetail) -> bool:
        size = 0
        resources: set[int] = set()
        for count, span in enumerate(feature_spans(tree, detail, mapping), start=1):
            size += span_size(span)
            if id(span.resource) not in resources:
                resources.add(id(span.resource))
                size += resource_size(span.resource)
            if count > most or size > MOST_BYTES:
                return False
        return True

    details = tree.finest.and_coarser
    return next(filter(fits, details), details[-1])


def _describe_left_out(tree: FeatureTree, detail: TreeDetail, most: int) -> tuple[str, ...]:
    if detail is TreeDetail.STEP:
        return ()
    if detail is tree.finest:
        return (
            f"spans finer than {detail.value}: they would take more requests than `max-requests` "
            "allows",
        )
    return (
        f"spans finer than {detail.value}: the trace would have more than {most} spans "
        f"(`max-spans`) or {MOST_BYTES / 1e6} MB",
    )


def _describe_export(settings: Settings, tree: FeatureTree, lineage: Lineage) -> ExportedSubject:
    item, root = tree.root.item, feature_root(tree)
    start = item.created_at or item.closed_at or tree.snapshot
    if start is None:
        raise SelectionError(f"when {item.key} was opened is not known, so it has no span")
    trace = TraceIdentity(root=root, namespace=settings.tracing.namespace)
    interval = Interval.of(start, tree.snapshot or item.closed_at)
    return ExportedSubject(
        title=item_name(item),
        item=item,
        lineage=lineage,
        trace=trace,
        reference=root,
        interval=interval,
        partial=tree.snapshot is not None,
        trace_url=build_trace_url(settings, trace, root, interval),
    )


def _may_deliver(deployment: Deployment, change: Change) -> bool:
    """Whether a deployment can have delivered a change: after its merge, or from its branch."""
    at = deployment.created_at
    if change.merged_at is not None and at >= change.merged_at - _BEFORE_MERGE:
        return at <= change.merged_at + _LATEST_DELIVERY
    own = {event.id for event in change.timeline if event.kind is EventKind.COMMITTED}
    is_from_branch = deployment.ref == change.head_branch or deployment.sha in own
    return is_from_branch and change.created_at is not None and change.created_at <= at
