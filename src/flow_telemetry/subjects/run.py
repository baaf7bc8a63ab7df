"""A run."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Generic, TypeVar

from flow_telemetry.clock import threads
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import DeadlineExceeded, FlowTelemetryError, SelectionError
from flow_telemetry.github.changes import changes_between, read_candidates, read_parentage
from flow_telemetry.github.deployments import read_deployments
from flow_telemetry.github.issues import read_closing
from flow_telemetry.github.runs import (
    RunAddress,
    Runs,
    list_runs,
    read_annotations,
    read_attempt,
    read_jobs_again,
    read_run,
    wait_until,
)
from flow_telemetry.identity import fold
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping.metrics import run_measurements
from flow_telemetry.mapping.placement import Placement, ancestry_of_run, link, place
from flow_telemetry.mapping.runs import run_events, run_spans
from flow_telemetry.model import Change, Lineage, Parentage, Run
from flow_telemetry.outcome import Exported
from flow_telemetry.report.text import trace_url
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules import parentage, selection
from flow_telemetry.rules.selection import Part, chosen
from flow_telemetry.settings import Ancestors, Detail, Export, Settings, TrackerChoice
from flow_telemetry.subjects.job.handoff import Handoff, take_handoff
from flow_telemetry.subjects.job.types import JobTelemetry
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.types import (
    CollectedTelemetry,
    RunSubject,
    resources_of,
    tracing_of,
    wants_metrics,
    wants_own_events,
)
from flow_telemetry.telemetry import LogRecord, Measurement, Span, SpanLink

# The events and measurements of a run: they leave once, with the export that is about it.


def run_events_and_metrics(
    context: ExportContext, run_slice: Part, placement: Placement, default_branch: str | None
) -> Iterator[LogRecord | Measurement]:
    """Return the facts of the part of a run that leaves."""
    resource = resources_of(context.settings).of_run(run_slice.run)
    if wants_own_events(context.settings):
        yield from run_events(run_slice, placement, resource, context.clock.now())
    if wants_metrics(context.settings):
        yield from run_measurements(
            run_slice,
            resource,
            context.settings.signals.metric_attributes,
            default_branch=default_branch,
            keys=placement.keys,
        )


# A run as it was read, with what stands above it.


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """A run, the part of it that leaves, and what stands above it.

    ``left`` is what the steps of the job left that the program stands in.
    """

    run_slice: Part
    parentage: Parentage
    lineage: Lineage
    notices: tuple[str, ...] = ()
    causes: tuple[SpanLink, ...] = ()
    default_branch: str | None = None
    handoff: Handoff = field(default_factory=Handoff)

    @property
    def read_errors(self) -> tuple[str, ...]:
        """What of the chain above could not be read, a reason each."""
        return (*self.parentage.unread, *self.lineage.unread)

    @property
    def branch_by_default(self) -> str | None:
        """The default branch of the repository: the event's word, else the pull request's."""
        change = self.parentage.change
        return self.default_branch or (change.default_branch if change else None)


# What the inside of a job adds to its export: the context that was told, samples, and reports.


def find_handoff_path(found: RunData) -> tuple[str, ...] | None:
    """Return what the context step of this job told that stands above the run; None without one.

    It is believed where it names nothing but what the run belongs to, or not all of that could
    be read now: any step of the job could have written it.
    """
    own, run, note = found.run_slice.own_job, found.run_slice.run, found.handoff.note
    if own is None or note is None:
        return None
    if (note.run, note.job) != (run.reference, run.job_reference(own)):
        return None
    return note.path if may_be_ancestors(note.path, found.parentage, found.lineage) else None


def may_be_ancestors(path: tuple[str, ...], parentage: Parentage, lineage: Lineage) -> bool:
    """Return whether all of a path is of what a run belongs to, as far as that could be read."""
    changes = (parentage.change, *parentage.others)
    known = {change.reference for change in changes if change is not None}
    known |= {item.reference for item in (*lineage.items, *lineage.others)}
    return bool(parentage.unread or lineage.unread) or known.issuperset(path)


def read_telemetry_of_jobs(
    context: ExportContext, found: RunData, placement: Placement
) -> JobTelemetry:
    """Return what is read of the inside of its jobs; loaded only where something is asked for."""
    if not context.settings.inside.asked and not found.handoff.anything:
        return JobTelemetry()
    from flow_telemetry.subjects.job.read import read_job_telemetry  # noqa: PLC0415

    above = found.parentage
    return read_job_telemetry(
        context,
        found.run_slice,
        placement,
        handoff=found.handoff,
        default_branch=found.branch_by_default,
        change=None if above.after_merge else above.change,
    )


# The part of a run that leaves, once GitHub shows what is to be in it.


def read_details(context: ExportContext, run_slice: Part) -> tuple[Part, tuple[str, ...]]:
    """The part with what is asked for only where it matters: failures and deployments."""
    annotated = read_annotations(context.github, run_slice.run, run_slice.jobs)
    run_slice = run_slice.with_run(annotated.run)
    deployed = read_deployments(context.github, run_slice.run, run_slice.jobs)
    return run_slice.with_run(deployed.run), (*annotated.notices, *deployed.notices)


def slice_own_run(context: ExportContext, run: Run) -> tuple[Part, tuple[str, ...]]:
    """The part of the run that the program stands in, once the steps before ours have ended."""
    runner = context.settings.runner

    def steps_have_ended(seen: Run) -> bool:
        try:
            own = selection.find_own_job(
                seen, check_run_id=runner.check_run_id, runner_name=runner.runner_name
            )
        except SelectionError:  # GitHub may list our own job late, too.
            return False
        return selection.steps_before_have_ended(own, runner.step_started_at)

    waited = wait_until(
        steps_have_ended,
        run,
        again=lambda seen: read_jobs_again(context.github, seen),
        deadline=context.deadline,
        log=context.log,
        what="the steps before this one as ended",
    )
    own = selection.find_own_job(
        waited.run, check_run_id=runner.check_run_id, runner_name=runner.runner_name
    )
    run_slice = selection.ongoing(
        waited.run, own, export=context.settings.export, job_status=runner.job_status
    )
    late = (
        "GitHub did not show in time that all steps before this one have ended; those are left out"
    )
    return run_slice, () if waited.shown else (late,)


def slice_ended_run(
    context: ExportContext, run: Run, subject: RunSubject
) -> tuple[Part, tuple[str, ...]]:
    """The run once it has ended.

    Raises:
        SelectionError: it still goes on, or only a job of it was asked for.
    """
    if context.settings.export is Export.JOB:
        raise SelectionError("input export is job, which works only inside the run that is sent")
    if subject.ended or run.completed:
        run = wait_until(
            selection.has_ended,
            run,
            again=lambda _: context.with_aliases(read_run(context.github, subject.address)),
            deadline=context.deadline,
            log=context.log,
            what=f"{subject.address} as ended",
        ).run
    if not run.completed:
        raise SelectionError(
            f"run {run.id} of {run.repository.full_name} is still {run.status or 'unknown'}: "
            "export it when it has ended"
        )
    return selection.whole(run), ()


# What started a run, as far as the run itself was told: another run, or a span of anybody's.

# https://www.w3.org/TR/trace-context/#traceparent-header-field-values
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")


def cause_links(context: ExportContext, subject: RunSubject) -> tuple[SpanLink, ...]:
    """Return links from a run to what started it; none where that is not known.

    Only the run itself knows: from outside nobody is told. That it cannot be read costs the link.
    """
    links = []
    if subject.traceparent is not None and (found := parse_cause_link(subject.traceparent)):
        links.append(found)
    if subject.started_by is not None:
        try:
            links.append(_link_to_run(context, subject.started_by))
        except FlowTelemetryError as error:
            context.log.debug(f"what started this run is not known: {error}")
    return tuple(links)


def parse_cause_link(traceparent: str) -> SpanLink | None:
    """Return the link that a `traceparent` stands for; None where it is none."""
    match = _TRACEPARENT.fullmatch(traceparent.strip())
    if match is None or not match[1].strip("0") or not match[2].strip("0"):
        return None
    return SpanLink(trace_id=match[1], span_id=match[2], attributes={semconv.FLOW_LINK: "cause"})


def _link_to_run(context: ExportContext, address: RunAddress) -> SpanLink:
    """The link to another run's span, by the same rules as that run's own export."""
    run = context.with_aliases(read_attempt(context.github, address))
    parentage = read_parentage(context.github, run)
    lineage = read_lineage(context, parentage.change, run.repository)
    placement = place(
        run.reference, ancestry_of_run(parentage, lineage), tracing_of(context.settings)
    )
    return link(placement.trace, run.reference, "cause")


# A run as the subject of an export: from inside it, or from outside once it has ended.


def collect_run(context: ExportContext, subject: RunSubject) -> CollectedTelemetry:
    """Read a run and return what leaves of it.

    That of our own job ends the sampler of the job's machine first, whatever becomes of it: the
    steps that it was for are over.

    Raises:
        FlowTelemetryError: the run cannot be read, or nothing of it can leave.
    """
    handoff = take_handoff(context.settings.runner.own_folder) if subject.own else Handoff()
    context.log.info(f"reading {subject.address}")
    _prefetch_ancestors(context, subject)
    run = context.with_aliases(read_run(context.github, subject.address))
    reason = reason_not_selected(context.settings, run)
    if reason is not None:
        return CollectedTelemetry(left_out=(reason,))
    if subject.only_beside_others and len(run.jobs) < 2:
        return CollectedTelemetry()
    found = _read_run(context, run, subject, handoff)
    if found.run_slice.refusal is not None:
        return CollectedTelemetry(notices=(found.run_slice.refusal,))
    return map_run(context, found)


def _prefetch_ancestors(context: ExportContext, subject: RunSubject) -> None:
    """Begin to ask for what stands above the run, by what its event says of it.

    What the run itself says decides, once it is read: then the same is asked, or something else.
    """
    told, github = subject.told, context.github
    if told is None or subject.only_beside_others:
        return
    github.ahead(lambda: read_parentage(github, told.run))
    change = told.change
    if change is not None and context.settings.trackers.choice is not TrackerChoice.NONE:
        github.ahead(lambda: read_closing(github, change))


def map_run(context: ExportContext, found: RunData) -> CollectedTelemetry:
    """Return what leaves of a run that was read."""
    run_slice, run = found.run_slice, found.run_slice.run
    placement = place(
        run.reference,
        ancestry_of_run(found.parentage, found.lineage),
        tracing_of(context.settings),
        others=found.parentage.others,
        path=find_handoff_path(found),
    )
    inside = read_telemetry_of_jobs(context, found, placement)
    return CollectedTelemetry(
        spans=chain(_spans(context.settings, found, placement), inside.spans),
        # Lines of logs come first: they are older than the run's events, and some backends take
        # nothing that is much older than what they have.
        facts=chain(
            inside.facts,
            run_events_and_metrics(context, run_slice, placement, found.branch_by_default),
            inside.prepared,
        ),
        exported=replace(_describe_export(context.settings, found, placement), inside=inside.told),
        incomplete=_describe_missing_jobs(run_slice),
        problems=tuple(
            f"what the run belongs to is not all known: {each}" for each in found.read_errors
        ),
        notices=(*found.notices, *inside.notices),
        left_out=_describe_left_out(context.settings, run),
    )


def _spans(settings: Settings, found: RunData, placement: Placement) -> Iterator[Span]:
    return run_spans(
        found.run_slice,
        placement,
        resources_of(settings).of_run(found.run_slice.run),
        settings.tracing.detail,
        change=found.parentage.change,
        unread=found.read_errors,
        causes=found.causes,
    )


def merged_changes(
    context: ExportContext, subject: RunSubject, run: Run, found: Parentage
) -> tuple[Change, ...]:
    """Return the changes whose spans go along with a run of the commit that they were merged as.

    Those of the run's commit, and of a push that was told from where it came, all of its commits'.
    """
    if not found.after_merge or context.settings.tracing.ancestors is Ancestors.NONE:
        return ()
    merged = {c.number: c for c in (found.change, *found.others) if c is not None}
    if subject.pushed_from is not None:
        what = f"what the push of run {run.id} brought"
        try:
            pushed = changes_between(
                context.github, run.repository, subject.pushed_from, run.head_sha, what
            )
        except FlowTelemetryError as error:
            context.log.debug(str(error))
            pushed = None
        brought = parentage.brought_by(run, pushed.changes) if pushed else ()
        merged = {**{c.number: c for c in brought}, **merged}
    return tuple(merged[number] for number in sorted(merged))


def reason_not_selected(settings: Settings, run: Run) -> str | None:
    """Return why a run does not leave; None where it does."""
    sweep = settings.sweep
    if not chosen(run.workflow, sweep.workflows):
        return f"run {run.id}: input workflows does not choose {run.workflow}"
    if not chosen(run.head_branch or "", sweep.branches):
        return f"run {run.id}: input branches does not choose {run.head_branch}"
    return None


def _read_run(context: ExportContext, run: Run, subject: RunSubject, handoff: Handoff) -> RunData:
    run_slice, notices = (
        slice_own_run(context, run) if subject.own else slice_ended_run(context, run, subject)
    )
    if run_slice.refusal is not None:
        return RunData(
            run_slice=run_slice, parentage=Parentage(reason="nothing is sent"), lineage=Lineage()
        )
    run_slice, told = read_details(context, run_slice)
    above, lineage = read_above(context, run_slice.run)
    return RunData(
        run_slice=run_slice,
        parentage=above,
        lineage=lineage,
        notices=(*notices, *told),
        causes=cause_links(context, subject),
        default_branch=subject.default_branch,
        handoff=handoff,
    )


def read_above(context: ExportContext, run: Run) -> tuple[Parentage, Lineage]:
    """Return what stands above a run; without time left the run is sent all the same."""
    try:
        above = read_parentage(context.github, run)
    except DeadlineExceeded as error:
        above = Parentage(reason="it was not read in time", unread=(str(error),))
    return above, read_lineage(context, above.change, run.repository)


def _describe_export(settings: Settings, found: RunData, placement: Placement) -> Exported:
    run_slice, run, own = found.run_slice, found.run_slice.run, found.run_slice.own_job
    if run_slice.run_span or own is None:
        reference, interval = run.reference, timing.run_interval(run)
    else:
        reference, interval = run.job_reference(own), timing.job_interval(run, own)
    template = settings.tracing.trace_url
    url = None if template is None else trace_url(template, placement.trace, reference, interval)
    return Exported(
        title=f"RUN {run.workflow}",
        run=run,
        parentage=found.parentage,
        lineage=found.lineage,
        trace=placement.trace,
        reference=reference,
        interval=interval,
        partial=run_slice.partial,
        trace_url=url,
    )


def _describe_missing_jobs(run_slice: Part) -> tuple[str, ...]:
    """What the trace lacks because GitHub did not give it."""
    run = run_slice.run
    again = "export the run again from the command line"
    if not run.jobs_complete:
        return (
            f"GitHub named more jobs of run {run.id} than it gave ({len(run.jobs)} came), so the "
            f"trace lacks some: {again}",
        )
    if run.conclusion == "success" and not run.jobs:
        return (
            f"GitHub gave no jobs of run {run.id} of {run.repository.full_name}, though it "
            f"succeeded: {again}",
        )
    if not run_slice.partial and not selection.has_ended(run):
        return (
            f"GitHub did not show all jobs of run {run.id} as ended, so the trace lacks some: "
            f"{again}",
        )
    return ()


def _describe_left_out(settings: Settings, run: Run) -> tuple[str, ...]:
    left_out = []
    carried_over = len(run.jobs) - len(timing.own_jobs(run))
    if carried_over:
        left_out.append(
            f"{carried_over} jobs that an earlier attempt ran: they were sent with that attempt"
        )
    detail = settings.tracing.detail
    if detail is not Detail.STEP:
        left_out.append(f"spans finer than input detail, which is {detail.value}")
    return tuple(left_out)


# Reading several subjects at once while what was read before them is sent, in their order.

Item = TypeVar("Item")
Result = TypeVar("Result")

# Each makes two requests at a time at most, and the client eight. More would only be held, and be
# half read when a budget ends.
MAX_CONCURRENT_READS = 4


@dataclass(frozen=True, slots=True)
class Read(Generic[Item, Result]):
    """What reading an item gave; ``error`` is why there is not more of it, None if that is all."""

    item: Item
    results: tuple[Result, ...]
    error: FlowTelemetryError | None = None


def read_concurrently(
    read: Callable[[Item], Iterable[Result]], items: Iterable[Item], *, stop: Callable[[], bool]
) -> Iterator[Read[Item, Result]]:
    """Yield what was read of every item, in order, a few being read at once.

    No further one is begun once ``stop`` is true; what was begun before is yielded still.
    """

    def read_one(item: Item) -> Read[Item, Result]:
        results: list[Result] = []
        try:
            results.extend(read(item))
        except FlowTelemetryError as error:
            return Read(item, tuple(results), error)
        return Read(item, tuple(results))

    to_begin = iter(items)
    under_way: deque[Future[Read[Item, Result]]] = deque()
    with threads(MAX_CONCURRENT_READS, "read-ahead") as pool:
        while True:
            if not stop():
                wanted = MAX_CONCURRENT_READS - len(under_way)
                under_way.extend(pool.submit(read_one, e) for e in islice(to_begin, wanted))
            if not under_way:
                return
            yield under_way.popleft().result()


# The runs of a change, each attempt of them, read again from the lists that GitHub keeps.

# A run of `pull_request: closed` is created after the closing, and a queue's before the merge.
_AFTER_CLOSING = timedelta(minutes=5)
# Runs of the merged commit: pushes at once, releases of it later.
_AFTER_MERGE = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRuns:
    """Ended attempts with their jobs; ``later_runs`` are those of the merged commit."""

    runs: tuple[Run, ...] = ()
    later_runs: tuple[Run, ...] = ()
    read_errors: tuple[str, ...] = ()


def read_runs_of_change(
    context: ExportContext, change: Change, *, jobs: bool = True, until: datetime | None = None
) -> ChangeRuns:
    """Return the runs that belong to a change; ``until`` bounds those of one that is still open.

    Without ``jobs`` the runs have none, and their end is that of the last update.
    """
    read_errors: list[str] = []
    own = _attempts_of(context, _belonging(context, change, read_errors, until), read_errors)
    later = _attempts_of(context, _of_merge(context, change, read_errors), read_errors)
    if jobs:
        own, more = with_jobs(context, own, change)
        later, further = with_jobs(context, later, change)
        read_errors += (*more, *further)
    return ChangeRuns(runs=own, later_runs=later, read_errors=tuple(dict.fromkeys(read_errors)))


def with_jobs(
    context: ExportContext, runs: tuple[Run, ...], change: Change
) -> tuple[tuple[Run, ...], tuple[str, ...]]:
    """Return the runs with their jobs, those left out whose jobs cannot be read; and why."""
    read_errors: list[str] = []
    read = context.github.side_by_side(lambda run: _with_jobs(context, run, read_errors), runs)
    found = tuple(run for run in read if run is not None)
    if len(found) < len(read):
        read_errors.append(f"{len(read) - len(found)} runs of pull request #{change.number}")
    return found, tuple(dict.fromkeys(read_errors))


def _belonging(
    context: ExportContext, change: Change, read_errors: list[str], until: datetime | None
) -> Iterator[Run]:
    """The runs of the change's branch, and those of the merge queue, that are the change's."""
    end = change.closed_at or change.merged_at or until
    if change.created_at is None or end is None or not change.head_branch:
        return
    window = (change.created_at, end + _AFTER_CLOSING)
    candidates: tuple[Change, ...] | None = None
    for run in _of_branch(context, change, read_errors, window):
        if parentage.lookup(run) in (
            parentage.Lookup.CANDIDATES,
            parentage.Lookup.CANDIDATES_THEN_COMMIT,
        ):
            if candidates is None:
                candidates = read_candidates(context.github, run, read_errors) or (change,)
            found = parentage.of_candidates(run, candidates)
            if found and found.change and found.change.number == change.number:
                yield run
    if change.merged_at is not None:
        queued = _listed(context, change, read_errors, window, event="merge_group")
        yield from (run for run in queued if parentage.queued_number(run) == change.number)


def _of_branch(
    context: ExportContext,
    change: Change,
    read_errors: list[str],
    window: tuple[datetime, datetime],
) -> Iterator[Run]:
    """The runs of the change's branch in the change's repository: forks may have one of its name.

    From a fork's default branch only these events start runs here; all pushes to the branch of
    that name in the repository itself would be listed else.
    """
    fork = fold(change.head_repository or "") != fold(change.repository.full_name)
    events: tuple[dict[str, str], ...] = ({},)
    if fork and change.head_branch == change.default_branch:
        events = ({"event": "pull_request"}, {"event": "pull_request_target"})
    for event in events:
        listed = _listed(context, change, read_errors, window, branch=change.head_branch, **event)
        for run in listed:
            heads = (run.head_repository, change.head_repository)
            if not all(heads) or fold(heads[0] or "") == fold(heads[1] or ""):
                yield run


def _of_merge(context: ExportContext, change: Change, read_errors: list[str]) -> Iterator[Run]:
    """The runs of the commit that the change was merged as, on the default branch."""
    if change.merged_at is None or change.merge_commit is None:
        return
    window = (change.merged_at - timedelta(minutes=1), change.merged_at + _AFTER_MERGE)
    for run in _listed(context, change, read_errors, window, head_sha=change.merge_commit):
        if run.event in ("push", "release") and parentage.of_commit(run, (change,)):
            yield run


def _listed(
    context: ExportContext,
    change: Change,
    read_errors: list[str],
    window: tuple[datetime, datetime],
    **wanted: str,
) -> tuple[Run, ...]:
    try:
        found = list_runs(
            context.github,
            change.repository.full_name,
            created_from=window[0],
            created_to=min(window[1], context.clock.now()),
            **wanted,
        )
    except FlowTelemetryError as error:
        read_errors.append(str(error))
        return ()
    if not found.complete:
        read_errors.append(f"some runs of pull request #{change.number}")
    return _in_repository(found, change)


def _in_repository(found: Runs, change: Change) -> tuple[Run, ...]:
    """The runs under the very repository of the change, whose aliases they share."""
    return tuple(replace(run, repository=change.repository) for run in found.runs)


def _attempts_of(
    context: ExportContext, runs: Iterable[Run], read_errors: list[str]
) -> tuple[Run, ...]:
    """The ended attempts of runs, of which a list gives the latest only."""
    attempts = (each for run in runs for each in _attempts(context, run, read_errors))
    return tuple(run for run in attempts if run.completed)


def _attempts(context: ExportContext, run: Run, read_errors: list[str]) -> Iterable[Run]:
    earlier = []
    for attempt in range(1, run.attempt):
        address = RunAddress(repository=run.repository.full_name, run_id=run.id, attempt=attempt)
        try:
            earlier.append(
                replace(read_attempt(context.github, address), repository=run.repository)
            )
        except FlowTelemetryError as error:
            read_errors.append(str(error))
    return (*earlier, run)


def _with_jobs(context: ExportContext, run: Run, read_errors: list[str]) -> Run | None:
    if run.jobs:
        return run
    try:
        return replace(read_jobs_again(context.github, run), repository=run.repository)
    except FlowTelemetryError as error:
        read_errors.append(str(error))
        return None
