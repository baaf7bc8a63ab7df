"""A run as the subject of an export: from inside it, or from outside once it has ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from flow_telemetry.errors import DeadlineExceeded, FlowTelemetryError
from flow_telemetry.inside.left_by_steps import LeftBySteps, take_what_steps_left
from flow_telemetry.model import Change, Lineage, Parentage, Run
from flow_telemetry.outcome import Exported
from flow_telemetry.parts import Parts
from flow_telemetry.rules import parentage, selection, timing
from flow_telemetry.rules.patterns import chosen
from flow_telemetry.rules.selection import Part
from flow_telemetry.settings import Ancestors, Detail, Settings, TrackerChoice
from flow_telemetry.signals.placement import Placement, ancestry_of_run, place
from flow_telemetry.signals.runs import run_spans
from flow_telemetry.sources.github.changes import read_parentage
from flow_telemetry.sources.github.commit_ranges import changes_between
from flow_telemetry.sources.github.lineage import read_closing
from flow_telemetry.sources.github.runs import read_run
from flow_telemetry.subject import RunSubject
from flow_telemetry.subjects.causes import cause_links
from flow_telemetry.subjects.collected import Collected
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.mapping import resources_of, tracing_of
from flow_telemetry.subjects.run_facts import run_facts
from flow_telemetry.subjects.run_inside import inside_of, told_path
from flow_telemetry.subjects.run_parts import better_known, own_part, whole_part
from flow_telemetry.subjects.run_read import RunRead
from flow_telemetry.telemetry import Span
from flow_telemetry.views.links import trace_url


def collect_run(settings: Settings, subject: RunSubject, parts: Parts) -> Collected:
    """Read a run and return what leaves of it.

    That of our own job ends the sampler of the job's machine first, whatever becomes of it: the
    steps that it was for are over.

    Raises:
        FlowTelemetryError: the run cannot be read, or nothing of it can leave.
    """
    left = take_what_steps_left(settings.runner.own_folder) if subject.own else LeftBySteps()
    parts.log.info(f"reading {subject.address}")
    _read_ahead(settings, subject, parts)
    run = parts.known(read_run(parts.github, subject.address))
    reason = unwanted(settings, run)
    if reason is not None:
        return Collected(left_out=(reason,))
    if subject.only_beside_others and len(run.jobs) < 2:
        return Collected()
    found = _read(settings, run, subject, left, parts)
    if found.part.refusal is not None:
        return Collected(notices=(found.part.refusal,))
    return run_collected(settings, found, parts)


def _read_ahead(settings: Settings, subject: RunSubject, parts: Parts) -> None:
    """Begin to ask for what stands above the run, by what its event says of it.

    What the run itself says decides, once it is read: then the same is asked, or something else.
    """
    told, github = subject.told, parts.github
    if told is None or subject.only_beside_others:
        return
    github.ahead(lambda: read_parentage(github, told.run))
    change = told.change
    if change is not None and settings.trackers.choice is not TrackerChoice.NONE:
        github.ahead(lambda: read_closing(github, change))


def run_collected(settings: Settings, found: RunRead, parts: Parts) -> Collected:
    """Return what leaves of a run that was read."""
    part, run = found.part, found.part.run
    placement = place(
        run.reference,
        ancestry_of_run(found.parentage, found.lineage),
        tracing_of(settings),
        others=found.parentage.others,
        path=told_path(found),
    )
    inside = inside_of(settings, found, placement, parts)
    return Collected(
        spans=chain(_spans(settings, found, placement), inside.spans),
        # Lines of logs come first: they are older than the run's events, and some backends take
        # nothing that is much older than what they have.
        facts=chain(
            inside.facts,
            run_facts(settings, part, placement, found.branch_by_default, parts),
            inside.prepared,
        ),
        exported=replace(_exported(settings, found, placement), inside=inside.told),
        incomplete=_incomplete(part),
        problems=tuple(
            f"what the run belongs to is not all known: {each}" for each in found.unread
        ),
        notices=(*found.notices, *inside.notices),
        left_out=_left_out(settings, run),
    )


def _spans(settings: Settings, found: RunRead, placement: Placement) -> Iterator[Span]:
    return run_spans(
        found.part,
        placement,
        resources_of(settings).of_run(found.part.run),
        settings.tracing.detail,
        change=found.parentage.change,
        unread=found.unread,
        causes=found.causes,
    )


def merged_changes(
    settings: Settings, subject: RunSubject, run: Run, found: Parentage, parts: Parts
) -> tuple[Change, ...]:
    """Return the changes whose spans go along with a run of the commit that they were merged as.

    Those of the run's commit, and of a push that was told from where it came, all of its commits'.
    """
    if not found.after_merge or settings.tracing.ancestors is Ancestors.NONE:
        return ()
    merged = {c.number: c for c in (found.change, *found.others) if c is not None}
    if subject.pushed_from is not None:
        what = f"what the push of run {run.id} brought"
        try:
            pushed = changes_between(
                parts.github, run.repository, subject.pushed_from, run.head_sha, what
            )
        except FlowTelemetryError as error:
            parts.log.debug(str(error))
            pushed = None
        brought = parentage.brought_by(run, pushed.changes) if pushed else ()
        merged = {**{c.number: c for c in brought}, **merged}
    return tuple(merged[number] for number in sorted(merged))


def unwanted(settings: Settings, run: Run) -> str | None:
    """Return why a run does not leave; None where it does."""
    sweep = settings.sweep
    if not chosen(run.workflow, sweep.workflows):
        return f"run {run.id}: input workflows does not choose {run.workflow}"
    if not chosen(run.head_branch or "", sweep.branches):
        return f"run {run.id}: input branches does not choose {run.head_branch}"
    return None


def _read(
    settings: Settings, run: Run, subject: RunSubject, left: LeftBySteps, parts: Parts
) -> RunRead:
    part, notices = (
        own_part(settings, run, parts) if subject.own else whole_part(settings, run, subject, parts)
    )
    if part.refusal is not None:
        return RunRead(part=part, parentage=Parentage(reason="nothing is sent"), lineage=Lineage())
    part, told = better_known(part, parts)
    above, lineage = read_above(settings, part.run, parts)
    return RunRead(
        part=part,
        parentage=above,
        lineage=lineage,
        notices=(*notices, *told),
        causes=cause_links(settings, subject, parts),
        default_branch=subject.default_branch,
        left=left,
    )


def read_above(settings: Settings, run: Run, parts: Parts) -> tuple[Parentage, Lineage]:
    """Return what stands above a run; without time left the run is sent all the same."""
    try:
        above = read_parentage(parts.github, run)
    except DeadlineExceeded as error:
        above = Parentage(reason="it was not read in time", unread=(str(error),))
    return above, read_lineage(settings, parts, above.change, run.repository)


def _exported(settings: Settings, found: RunRead, placement: Placement) -> Exported:
    part, run, own = found.part, found.part.run, found.part.own_job
    if part.run_span or own is None:
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
        partial=part.partial,
        trace_url=url,
    )


def _incomplete(part: Part) -> tuple[str, ...]:
    """What the trace lacks because GitHub did not give it."""
    run = part.run
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
    if not part.partial and not selection.has_ended(run):
        return (
            f"GitHub did not show all jobs of run {run.id} as ended, so the trace lacks some: "
            f"{again}",
        )
    return ()


def _left_out(settings: Settings, run: Run) -> tuple[str, ...]:
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
