"""Runs: reading one, the slice of it that is exported, and the runs of a pull request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

from flow_telemetry.clock import thread_pool
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import DeadlineExceeded, FlowTelemetryError, SelectionError
from flow_telemetry.github.changes import (
    changes_between,
    commit_pulls_path,
    read_changes_of_commit,
    read_parentage,
    with_head_at,
)
from flow_telemetry.github.deployments import (
    list_candidates,
    list_deployments_of,
    read_deployments,
    with_statuses,
)
from flow_telemetry.github.issues import read_closing
from flow_telemetry.github.runs import (
    RunWithNotices,
    list_runs,
    read_annotations,
    read_attempt,
    read_jobs,
    read_ref,
    read_run,
    wait_until,
)
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping.metrics import run_measurements
from flow_telemetry.mapping.openings import opening_spans
from flow_telemetry.mapping.placement import Placement, link, place, run_ancestry
from flow_telemetry.mapping.runs import run_events, run_spans, slow_run_event
from flow_telemetry.model import Change, Job, Lineage, Parentage, Run
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.process.context import parse_traceparent
from flow_telemetry.rules import causes, parentage, selection
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.deployments import is_selected
from flow_telemetry.rules.selection import RunSlice, boilerplate_steps, matches_patterns
from flow_telemetry.settings import Ancestors, Compare, Detail, Export, Settings, TrackerChoice
from flow_telemetry.subjects.job.handoff import Handoff, take_handoff
from flow_telemetry.subjects.job.types import JobTelemetry
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.types import (
    CollectedTelemetry,
    RunSubject,
    build_resource_maker,
    build_trace_url,
    build_tracing,
    wants_metrics,
    wants_own_events,
)
from flow_telemetry.telemetry import LogRecord, Measurement, SpanLink
from flow_telemetry.text import counted

if TYPE_CHECKING:
    from flow_telemetry.rules.comparison import RunComparison

# A reader makes at most two requests at a time, and the client at most eight. More readers would
# wait, and be half done when a request budget ends.
MAX_CONCURRENT_READS = 4
_MOST_NAMES = 3
_MOST_GUESSED = 3
# Under `compare: auto` a shorter run is compared only if it failed, in seconds.
_LONG_RUN = 600.0

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """A run, the slice of it that is exported, and its ancestors.

    ``origins`` are links to what started the run, ``handoff`` is from earlier steps of our job.
    ``comparison`` is that with earlier runs, None if it was not made.
    """

    run_slice: RunSlice
    parentage: Parentage
    lineage: Lineage
    notices: tuple[str, ...] = ()
    origins: tuple[SpanLink, ...] = ()
    handoff: Handoff = field(default_factory=Handoff)
    comparison: RunComparison | None = None

    @property
    def read_errors(self) -> tuple[str, ...]:
        """Why some ancestors could not be read."""
        return (*self.parentage.unread, *self.lineage.unread)


_SEND_LATER = (
    "Send the whole run from a last job that `needs` all others, or from a workflow on "
    "`workflow_run`"
)


def collect_run(context: ExportContext, subject: RunSubject) -> CollectedTelemetry:
    """Read a run, from inside or after its end, and return its telemetry.

    Raises:
        FlowTelemetryError: the run cannot be read, or no slice of it can be exported.
    """
    # First of all this stops the sampler of the own job, since the steps it measured are over.
    handoff = take_handoff(context.settings.runner.own_folder) if subject.own else Handoff()
    context.log.info(f"reading {subject.address}")
    _prefetch_ancestors(context, subject)
    github = context.github.required
    if subject.listed is not None:
        run = context.with_aliases(read_jobs(github, subject.listed))
    else:
        run = context.with_aliases(read_run(github, subject.address))
    reason = reason_not_selected(context.settings, run)
    if reason is not None:
        return CollectedTelemetry(left_out=(reason,))
    if subject.only_beside_others and len(run.jobs) < 2:
        return CollectedTelemetry()
    ends: tuple[datetime, ...] = ()
    if subject.within is not None:
        start = max(run.started_at, subject.unfinished_at or run.started_at)
        ends = (timing.attempt_end(run) or start,)
        if not subject.within.holds(ends[0]):
            return CollectedTelemetry()
    read_slice = _slice_own_run if subject.own else _slice_ended_run
    run_slice, notices = read_slice(context, run, subject)
    if run_slice.refusal is not None:
        return CollectedTelemetry(notices=(run_slice.refusal,))
    if run_slice.run_span and subject.within is None:
        _prefetch_deployments(context, run)
    # All jobs count for the result and the states of the run's span.
    explained = explain_run(
        context,
        run_slice.run,
        run_slice.run.jobs if run_slice.run_span else run_slice.jobs,
    )
    run_slice = run_slice.with_run(replace(explained.run, default_branch=subject.default_branch))
    undecided = parentage.undecided_reason(run_slice.run) if not run_slice.run_span else None
    if undecided is not None:
        refusal = f"nothing is sent: {undecided}. {_SEND_LATER}"
        return CollectedTelemetry(notices=(refusal, *explained.notices))
    ancestors, lineage = read_ancestors(
        context, run_slice.run, subject if run_slice.run_span else None
    )
    change = ancestors.change
    headed = with_head_at(context.github, run_slice.run, change)
    run_slice = run_slice.with_run(parentage.with_head_of(run_slice.run, headed))
    run_slice = run_slice.with_run(
        with_ref(
            context,
            run_slice.run,
            change,
            default_branch=subject.default_branch,
            ref_type=context.settings.runner.ref_type if subject.own else None,
        )
    )
    data = RunData(
        run_slice=run_slice,
        parentage=ancestors,
        lineage=lineage,
        notices=(*notices, *explained.notices),
        origins=_read_origin_links(context, subject),
        handoff=handoff,
        comparison=_compare(context, run_slice, subject),
    )
    return replace(_map_run(context, data), ends=ends)


def _compare(
    context: ExportContext, run_slice: RunSlice, subject: RunSubject
) -> RunComparison | None:
    """Return the comparison of a run with earlier ones, if `compare` asks for it."""
    compare, run = context.settings.compare, run_slice.run
    # Only the summary, the comment and the events show it.
    settings = context.settings
    if not (settings.summary or settings.comment or wants_own_events(settings)):
        return None
    if compare is Compare.OFF or not run_slice.run_span:
        return None
    in_sweep = subject.within is not None
    if compare is Compare.AUTO and (in_sweep or not _is_asked_about(run)):
        return None
    # Loaded only for such a run.
    from flow_telemetry.subjects.run_history import compare_with_history  # noqa: PLC0415

    return compare_with_history(context, run)


def _is_asked_about(run: Run) -> bool:
    """Whether a run failed or took long, so that people ask why."""
    return causes.run_result(run) in causes.ERRORS or timing.run_interval(run).seconds > _LONG_RUN


def explain_run(context: ExportContext, run: Run, jobs: Iterable[Job]) -> RunWithNotices:
    """Return a run with the annotations of those of ``jobs`` that failed, and with their waits.

    Also find out by a list of the runs of its branch whether a newer run replaced it. Only
    failures, long waits and cancelled runs that never began take requests.
    """
    jobs = tuple(jobs)
    replaced = _find_replacement(context, run)
    run = replaced.run
    annotated = read_annotations(context.github, run, jobs)
    # A deployment of any job may decide about the parent of the run.
    deploying = run.jobs if parentage.may_be_deployment(run) else jobs
    own = [job for job in deploying if not timing.carried_over(run, job)]
    deployed = read_deployments(context.github, annotated.run, own)
    notices = (*replaced.notices, *annotated.notices, *deployed.notices)
    return replace(deployed, notices=notices)


def _find_replacement(context: ExportContext, run: Run) -> RunWithNotices:
    time = causes.time_of_replacement(run)
    if time is None or not run.head_branch:
        return RunWithNotices(run=run)
    name = run.repository.full_name
    try:
        listed = list_runs(
            context.github,
            name,
            created_from=time.start,
            created_to=time.end,
            branch=run.head_branch,
            known=context.listed_runs,
        )
    except FlowTelemetryError as error:
        notice = f"whether a newer run replaced run {run.id} of {name} is unknown: {error}"
        return RunWithNotices(run=run, notices=(notice,))
    superseded = causes.is_replaced(run, time, listed.items)
    return RunWithNotices(run=replace(run, superseded=superseded))


def with_ref(
    context: ExportContext,
    run: Run,
    change: Change | None,
    *,
    default_branch: str | None = None,
    ref_type: str | None = None,
) -> Run:
    """Return a run with the default branch of its repository, and whether it is of a tag.

    ``change`` is the pull request of the run, ``ref_type`` the runner's word for the ref of the own
    run. Only if nothing shows one of the two, it takes a request, once for each name of a branch.
    """
    default = default_branch or (change.default_branch if change else None)
    of_tag = run.event == "release"
    # The pull request of the branch, or the one whose merge a release contains.
    of_branch = change is not None and change.head_branch == run.head_branch
    if ref_type is not None:
        of_tag, undecided = of_tag or ref_type == "tag", False
    else:
        undecided = not of_tag and not of_branch and parentage.may_be_of_tag(run, default)
    if undecided or (default is None and parentage.needs_default_branch(run, of_tag=of_tag)):
        found, name = read_ref(context.github, run)
        of_tag, default = of_tag or (undecided and found), default or name
    return replace(run, of_tag=of_tag, default_branch=default)


def _prefetch_ancestors(context: ExportContext, subject: RunSubject) -> None:
    """Start requests for the ancestors that the event names.

    They may differ from those of the run, which is not read yet. Later requests use a prefetched
    response if there is one.
    """
    described, github = subject.described, context.github
    if described is None or subject.only_beside_others:
        return
    # Only `workflow_run` describes a run with its workflow.
    if subject.ended and reason_not_selected(context.settings, described.run) is not None:
        return
    github.prefetch(lambda: read_parentage(github, described.run))
    run = described.run
    if parentage.may_deploy(run) and run.head_sha and context.settings.export is not Export.JOB:
        github.prefetch(lambda: list_deployments_of(github, run.repository, run.head_sha))
    change = described.change
    if change is not None and context.settings.trackers.choice is not TrackerChoice.NONE:
        github.prefetch(lambda: read_closing(github, change))


def _prefetch_deployments(context: ExportContext, run: Run) -> None:
    """Start requests for what a run deployed, and for what was deployed to the same places before.

    A sweep has other things to read meanwhile.
    """
    github, patterns = context.github, context.settings.deployments.environments
    if not (parentage.may_deploy(run) and run.head_sha):
        return

    def guess() -> None:
        made = [
            deployment
            for deployment in list_candidates(github, run, run.head_sha)
            if is_selected(deployment.environment, patterns)
        ]
        if not made:
            return
        # Loaded only for a run that may have deployed.
        from flow_telemetry.github.deliveries import query_earlier  # noqa: PLC0415

        for deployment in made[:_MOST_GUESSED]:
            github.prefetch(partial(with_statuses, github, (deployment,)))
            github.prefetch(partial(query_earlier, github, deployment))

    github.prefetch(guess)


def reason_not_selected(settings: Settings, run: Run) -> str | None:
    """Return why a run is not exported; None if it is."""
    sweep = settings.sweep
    if not matches_patterns(run.workflow, sweep.workflows):
        return f"run {run.id}: `workflows` does not choose {run.workflow}"
    if not matches_patterns(run.head_branch or "", sweep.branches):
        return f"run {run.id}: `branches` does not choose {run.head_branch}"
    return None


def _slice_own_run(
    context: ExportContext, run: Run, _: RunSubject
) -> tuple[RunSlice, tuple[str, ...]]:
    """Wait until GitHub shows the steps before this one as ended; return the slice and notices."""
    runner = context.settings.runner

    def find_own_job(seen: Run) -> Job:
        return selection.find_own_job(
            seen, check_run_id=runner.check_run_id, runner_name=runner.runner_name
        )

    def steps_have_ended(seen: Run) -> bool:
        try:
            return selection.steps_before_have_ended(find_own_job(seen), runner.step_started_at)
        except SelectionError:  # GitHub may list our own job late, too.
            return False

    waited = wait_until(
        steps_have_ended,
        run,
        again=lambda seen: read_jobs(context.github.required.fresh, seen),
        deadline=context.reading,
        log=context.log,
        what="the steps before this one as ended",
    )
    run_slice = selection.select_running_run(
        waited.run,
        find_own_job(waited.run),
        export=context.settings.export,
        job_status=runner.job_status,
    )
    run_slice, notices = _resolve_other_failures(context, run_slice)
    if not waited.shown:
        notices += (
            "GitHub did not show in time that all steps before this one have ended; those are left "
            "out",
        )
    return run_slice, notices


def _resolve_other_failures(
    context: ExportContext, run_slice: RunSlice
) -> tuple[RunSlice, tuple[str, ...]]:
    """Return the run with its result so far, if other jobs failed, which it may allow."""
    results = context.settings.job.needed_results
    if results and run_slice.run_span:
        return selection.with_needed_results(run_slice, results), ()
    failed = selection.other_failures(run_slice)
    if not failed:
        return run_slice, ()
    # Loaded only if a job failed while the run goes on.
    from flow_telemetry.github.workflow_files import allows_failures  # noqa: PLC0415

    allows = allows_failures(context.github, run_slice.run)
    if allows is False:
        return run_slice, ()
    reason = (
        "a job of its workflow has `continue-on-error`"
        if allows
        else "its workflow files could not be read"
    )
    notice = (
        f"the result of the run is left out: the job {failed[0].name} failed, and {reason}. Set "
        "`needs` to ${{ toJSON(needs) }} in a job that needs all others"
    )
    return selection.without_result(run_slice), (notice,)


def _slice_ended_run(
    context: ExportContext, run: Run, subject: RunSubject
) -> tuple[RunSlice, tuple[str, ...]]:
    """Return the whole run once it has ended.

    Raises:
        SelectionError: it has not ended, or `export` is `job`.
    """
    if context.settings.export is Export.JOB:
        raise SelectionError("`export` is job, which works only inside the run that is sent")
    will_stay = selection.will_stay_unfinished(run, context.clock.now())
    # A sweep reads what ended half an hour ago, and does not wait for each run.
    if subject.within is None and (subject.ended or run.completed) and not will_stay:
        run = wait_until(
            lambda seen: selection.has_ended(seen) or seen.awaits_approval,
            run,
            again=lambda seen: _read_again(context, seen, subject),
            deadline=context.reading,
            log=context.log,
            what=f"{subject.address} as ended",
        ).run
    if run.awaits_approval:
        return RunSlice(run=run, run_span=False, refusal=_describe_unapproved(run)), ()
    if not run.completed:
        raise SelectionError(
            f"run {run.id} of {run.repository.full_name} is still {run.status or 'unknown'}: "
            "export it when it has ended"
        )
    unfinished = [job for job in run.jobs if not job.completed]
    if unfinished and (
        _sweep_follows(context.settings) or (subject.within is not None and not will_stay)
    ):
        raise SelectionError(
            f"GitHub did not show all jobs of run {run.id} of {run.repository.full_name} as ended "
            f"(`{unfinished[0].name}` is {unfinished[0].status}): the next sweep sends the run"
        )
    return selection.select_whole_run(run), _describe_unfinished(run, unfinished)


def _sweep_follows(settings: Settings) -> bool:
    """Whether this is the event of a run that a sweep of the same workflow can export later."""
    sweep = settings.sweep
    return sweep.requested and sweep.runs and settings.runner.event_name == "workflow_run"


def _describe_unfinished(run: Run, unfinished: list[Job]) -> tuple[str, ...]:
    if not unfinished:
        return ()
    names = ", ".join(f"`{job.name}`" for job in unfinished[:_MOST_NAMES])
    more = f" and {len(unfinished) - _MOST_NAMES} more" if len(unfinished) > _MOST_NAMES else ""
    return (
        f"GitHub shows run {run.id} of {run.repository.full_name} as ended, but not its jobs "
        f"{names}{more}: they are sent up to their last ended step, without a result "
        "(`flow.incomplete`)",
    )


def _read_again(context: ExportContext, run: Run, subject: RunSubject) -> Run:
    """Return the current state of a run; of one that has ended, only the jobs can change."""
    github = context.github.required.fresh
    if run.completed:
        return read_jobs(github, run)
    return context.with_aliases(read_run(github, subject.address))


def _describe_unapproved(run: Run) -> str:
    return (
        f"nothing is sent: run {run.id} of {run.repository.full_name} waits until somebody with "
        "write access approves it. It is exported once it has run"
    )


def read_ancestors(
    context: ExportContext, run: Run, subject: RunSubject | None = None
) -> tuple[Parentage, Lineage]:
    """Return the ancestors of a run. If the time is up, the run is exported without them.

    With its subject, the merged changes that are exported along with it are read ahead.
    """
    try:
        ancestors = read_parentage(context.github, run)
        if subject is not None and _exports_merged_changes(context, run, ancestors):
            _read_merge_ahead(context, subject, run, ancestors)
    except DeadlineExceeded as error:
        ancestors = Parentage(reason="it was not read in time", unread=(str(error),))
    return ancestors, read_lineage(context, ancestors.change, run.repository)


# Links to what started a run, which only its own event or a dispatch names.


def _read_origin_links(context: ExportContext, subject: RunSubject) -> tuple[SpanLink, ...]:
    """Return links from a run to what started it; a read error costs the link alone."""
    links = []
    if subject.traceparent is not None:
        origin = parse_traceparent(subject.traceparent)
        if origin is not None:
            links.append(
                SpanLink(
                    trace_id=origin.trace_id,
                    span_id=origin.span_id,
                    attributes={semconv.FLOW_LINK: "cause"},
                )
            )
    if subject.started_by is not None:
        try:
            run = context.with_aliases(read_attempt(context.github, subject.started_by))
            ancestors = read_parentage(context.github, run)
            lineage = read_lineage(context, ancestors.change, run.repository)
            ancestry = run_ancestry(ancestors, lineage)
            # The same trace as in the export of that run.
            placement = place(run.reference, ancestry, build_tracing(context.settings))
            links.append(link(placement.trace, run.reference, "cause"))
        except FlowTelemetryError as error:
            context.log.debug(f"could not read what started this run: {error}")
    return tuple(links)


# Telemetry of a run that was read.


def _map_run(context: ExportContext, data: RunData) -> CollectedTelemetry:
    settings, run_slice, run = context.settings, data.run_slice, data.run_slice.run
    placement = place(
        run.reference,
        run_ancestry(data.parentage, data.lineage),
        build_tracing(settings),
        others=data.parentage.others,
        path=_find_handoff_path(data),
    )
    jobs = _read_telemetry_of_jobs(context, data, placement)
    spans = run_spans(
        run_slice,
        placement,
        build_resource_maker(settings).of_run(run),
        settings.tracing.detail,
        unread=data.read_errors,
        origins=data.origins,
    )
    return CollectedTelemetry(
        spans=chain(opening_spans(placement), spans, jobs.spans),
        # Log lines come first: they are older than the run's events, and some backends reject
        # records that are much older than the newest they have.
        events_and_metrics=chain(
            jobs.events_and_metrics,
            _run_events_and_metrics(context, data, placement),
            jobs.encoded_requests,
        ),
        exported=replace(_describe_export(settings, data, placement), job_report=jobs.report),
        incomplete=_describe_missing_jobs(run_slice),
        problems=tuple(
            f"not everything that the run belongs to could be read: {error}"
            for error in data.read_errors
        ),
        notices=(*data.notices, *jobs.notices),
        left_out=_describe_left_out(settings, run),
    )


def _find_handoff_path(data: RunData) -> tuple[str, ...] | None:
    """Return the ancestors that the context step of this job noted; None without a valid note."""
    own, run, note = data.run_slice.own_job, data.run_slice.run, data.handoff.note
    if own is None or note is None:
        return None
    if (note.run, note.job) != (run.reference, run.job_reference(own)):
        return None
    return note.path if may_be_ancestors(note.path, data.parentage, data.lineage) else None


def may_be_ancestors(path: tuple[str, ...], parentage: Parentage, lineage: Lineage) -> bool:
    """Return whether a run belongs to all items and changes of a path, as far as they were read.

    Any step of a job could have written the path, so it may name only ancestors of the run.
    """
    changes = (parentage.change, *parentage.others)
    references = {change.reference for change in changes if change is not None}
    references |= {item.reference for item in (*lineage.items, *lineage.others)}
    return bool(parentage.unread or lineage.unread) or references.issuperset(path)


def _read_telemetry_of_jobs(
    context: ExportContext, data: RunData, placement: Placement
) -> JobTelemetry:
    if not context.settings.job.requested and data.handoff.empty:
        return JobTelemetry()
    # Loaded only if it is needed: most exports do not read jobs.
    from flow_telemetry.subjects.job.read import read_job_telemetry  # noqa: PLC0415

    ancestors = data.parentage
    return read_job_telemetry(
        context,
        data.run_slice,
        placement,
        handoff=data.handoff,
        change=None if ancestors.after_merge else ancestors.change,
        ancestors=_list_ancestors(data),
    )


def _list_ancestors(data: RunData) -> tuple[str, ...]:
    """Return the references of everything that the run belongs to or is linked to."""
    changes = (data.parentage.change, *data.parentage.others)
    lineage = data.lineage
    items = (*lineage.items, *lineage.above, *lineage.others)
    return tuple(owner.reference for owner in (*changes, *items) if owner is not None)


def _run_events_and_metrics(
    context: ExportContext, data: RunData, placement: Placement
) -> Iterator[LogRecord | Measurement]:
    settings = context.settings
    resource = build_resource_maker(settings).of_run(data.run_slice.run)
    if wants_own_events(settings):
        yield from run_events(
            data.run_slice, placement, resource, context.clock.now(), settings.tracing.detail
        )
        if data.comparison is not None and data.comparison.slow:
            yield from slow_run_event(
                data.run_slice.run, data.comparison, placement, resource, context.clock.now()
            )
    if wants_metrics(settings):
        yield from run_measurements(
            data.run_slice,
            resource,
            settings.signals.metric_attributes,
            base_branch=_base_branch(data),
            placement=placement,
            detail=settings.tracing.detail,
            prices=settings.signals.prices,
        )


def _base_branch(data: RunData) -> str | None:
    """Return the branch that the run's pull request is to be merged into; None after the merge."""
    change = None if data.parentage.after_merge else data.parentage.change
    return change.base_branch if change else None


def _describe_export(settings: Settings, data: RunData, placement: Placement) -> ExportedSubject:
    run_slice, run, own = data.run_slice, data.run_slice.run, data.run_slice.own_job
    if run_slice.run_span or own is None:
        reference, interval = run.reference, timing.run_interval(run)
    else:
        reference, interval = run.job_reference(own), timing.job_interval(run, own)
    return ExportedSubject(
        title=f"RUN {run.workflow}",
        run=run,
        parentage=data.parentage,
        lineage=data.lineage,
        trace=placement.trace,
        reference=reference,
        interval=interval,
        partial=run_slice.partial,
        trace_url=build_trace_url(settings, placement.trace, reference, interval),
        comparison=data.comparison,
    )


def _describe_missing_jobs(run_slice: RunSlice) -> tuple[str, ...]:
    """Return the gaps in the trace for jobs that GitHub did not return."""
    run = run_slice.run
    again = "export the run again from the command line"
    if not run.jobs_complete:
        return (
            f"GitHub returned only {counted(len(run.jobs), 'job')} of run {run.id}, so the trace "
            f"lacks some: {again}",
        )
    if run.conclusion == "success" and not run.jobs:
        return (
            f"GitHub returned no jobs of run {run.id} of {run.repository.full_name}, though it "
            f"succeeded: {again}",
        )
    return ()


def _describe_left_out(settings: Settings, run: Run) -> tuple[str, ...]:
    left_out = []
    carried_over = len(run.jobs) - len(timing.own_jobs(run))
    if carried_over:
        left_out.append(
            f"{counted(carried_over, 'job')} of an earlier attempt, sent with that attempt"
        )
    detail = settings.tracing.detail
    if detail is not Detail.STEP:
        left_out.append(f"spans finer than `detail`, which is {detail.value}")
    elif not settings.tracing.boilerplate_steps:
        hidden = sum(len(boilerplate_steps(job)) for job in timing.own_jobs(run))
        left_out += (
            [f"spans of {hidden:,} steps of the runner: `boilerplate-steps`"] if hidden else []
        )
    return tuple(left_out)


# Pull requests that are exported with the run of their merge.


def merged_changes(
    context: ExportContext, subject: RunSubject, run: Run, ancestors: Parentage
) -> tuple[Change, ...]:
    """Return the changes that are exported along with the run of their merge.

    These are the changes of the run's commit and, if the event names the commit before the push,
    of all commits of that push.
    """
    if not _exports_merged_changes(context, run, ancestors):
        return ()
    merged = {c.number: c for c in (ancestors.change, *ancestors.others) if c is not None}
    if subject.pushed is not None and _knows_changes_of(context, run, subject.pushed):
        unread: list[str] = []
        pushed = [
            change
            for sha in subject.pushed
            for change in read_changes_of_commit(context.github, run, sha, unread)
        ]
        for error in unread:
            context.log.debug(error)
        by_push = parentage.changes_merged_before(run, pushed)
        merged = {**{c.number: c for c in by_push}, **merged}
    elif subject.pushed_from is not None:
        what = f"what the push of run {run.id} brought"
        try:
            between = changes_between(
                context.github, run.repository, subject.pushed_from, run.head_sha, what
            )
        except FlowTelemetryError as error:
            context.log.debug(str(error))
            between = None
        by_push = parentage.changes_merged_before(run, between.items) if between else ()
        merged = {**{c.number: c for c in by_push}, **merged}
    return tuple(merged[number] for number in sorted(merged))


def _exports_merged_changes(context: ExportContext, run: Run, ancestors: Parentage) -> bool:
    exports = context.settings.tracing.ancestors is not Ancestors.NONE
    return exports and run.event == "push" and ancestors.after_merge


def _knows_changes_of(context: ExportContext, run: Run, commits: Iterable[str]) -> bool:
    """Whether the changes of commits were read ahead; single requests may be many."""
    github = context.github
    return all(
        github.knows(github.page_request(commit_pulls_path(run.repository, sha))) for sha in commits
    )


def _read_merge_ahead(
    context: ExportContext, subject: RunSubject, run: Run, ancestors: Parentage
) -> None:
    """Read the merged changes of a run by one request, with those of the other pushed commits."""
    # Loaded only for merges: most exports are of runs before one.
    from flow_telemetry.github.ahead import (  # noqa: PLC0415
        change_target,
        commit_target,
        read_ahead,
    )

    github, repository = context.github, run.repository
    numbers = {c.number for c in (ancestors.change, *ancestors.others) if c is not None}
    path = commit_pulls_path(repository, run.head_sha)
    request = github.page_request(path)
    # The parent may be that of a deployed commit, which is another one.
    listed = github.list_all(path, None, "").items if github.knows(request) else ()
    pulls = [pull for pull in listed if isinstance(pull, dict) and pull.get("number") in numbers]
    read_ahead(
        github,
        repository,
        [
            *(change_target(github, repository, pull) for pull in pulls),
            *(commit_target(github, repository, sha) for sha in subject.pushed or ()),
        ],
    )


# Reading several subjects at once, in order, while the previous ones are sent.


def read_concurrently(
    read: Callable[[Item], Iterable[Result]], items: Iterable[Item], *, stop: Callable[[], bool]
) -> Iterator[tuple[Item, list[Result], FlowTelemetryError | None]]:
    """Read a few items at a time, and yield them in order with their results.

    The error is the reason that the results are incomplete, or None. Once ``stop`` returns true no
    further item is started; items under way are still yielded.
    """

    def read_one(item: Item) -> tuple[Item, list[Result], FlowTelemetryError | None]:
        results: list[Result] = []
        try:
            results.extend(read(item))
        except FlowTelemetryError as error:
            return item, results, error
        return item, results, None

    to_begin = iter(items)
    under_way: deque[Future[tuple[Item, list[Result], FlowTelemetryError | None]]] = deque()
    with thread_pool(MAX_CONCURRENT_READS, "read-ahead") as pool:
        while True:
            if not stop():
                free = MAX_CONCURRENT_READS - len(under_way)
                under_way.extend(pool.submit(read_one, item) for item in islice(to_begin, free))
            if not under_way:
                return
            yield under_way.popleft().result()
