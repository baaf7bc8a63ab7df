"""The story on one page: settings and event → subject → read → map → send → outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flow_telemetry import selection, timing
from flow_telemetry.clock import Clock, Deadline
from flow_telemetry.errors import DeadlineExceeded, FlowTelemetryError, SelectionError
from flow_telemetry.export.interface import SpanSink
from flow_telemetry.log import Log
from flow_telemetry.model import Job, Parentage, Run
from flow_telemetry.outcome import Exported, Outcome, Status
from flow_telemetry.selection import Part
from flow_telemetry.settings import Detail, Export, Settings
from flow_telemetry.signals.placement import Feature, Placement, place
from flow_telemetry.signals.resources import run_resource
from flow_telemetry.signals.traces import spans_of
from flow_telemetry.sources.github.changes import read_parentage
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.deployments import read_deployments
from flow_telemetry.sources.github.runs import read_annotations, read_jobs_again, read_run
from flow_telemetry.sources.payload import Payload
from flow_telemetry.subject import Subject, choose_subject
from flow_telemetry.telemetry import Delivery, Failure
from flow_telemetry.views.links import trace_url
from flow_telemetry.waiting import wait_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The collaborators of an export, built by the two doors."""

    github: GitHubClient
    sink: SpanSink
    clock: Clock
    deadline: Deadline
    log: Log


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """All that was read for an export."""

    part: Part
    parentage: Parentage
    notices: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def export_run(settings: Settings, event: Payload, parts: Parts) -> Outcome:
    """Export one run and return what came of it; errors become the outcome's problems."""
    began = parts.clock.monotonic()
    try:
        subject = choose_subject(settings, event)
        found = _read(settings, subject, parts)
        outcome = _send(settings, found, parts)
    except FlowTelemetryError as error:
        outcome = Outcome(status=Status.SKIPPED, problems=(str(error),), failed=True)
    return replace(outcome, seconds=parts.clock.monotonic() - began)


def switched_off(settings: Settings) -> Outcome | None:
    """Return the outcome where there is nothing to send to, so that nothing is even read."""
    if settings.otlp.targets:
        return None
    reasons = tuple(dict.fromkeys(settings.otlp.off.values()))
    return Outcome(
        status=Status.SKIPPED, notices=tuple(f"nothing is sent: {each}" for each in reasons)
    )


def _read(settings: Settings, subject: Subject, parts: Parts) -> _Read:
    parts.log.info(f"reading {subject.address}")
    run = read_run(parts.github, subject.address)
    part, notices = (
        _own_part(settings, run, parts)
        if subject.own
        else _whole_part(settings, run, subject, parts)
    )
    if part.refusal is not None:
        return _Read(part=part, parentage=Parentage(reason="nothing is sent"))
    part, told = _better_known(part, parts)
    parentage = _parentage(part.run, parts)
    unread = (f"what the run belongs to is not all known: {each}" for each in parentage.unread)
    return _Read(part=part, parentage=parentage, notices=(*notices, *told), problems=tuple(unread))


def _better_known(part: Part, parts: Parts) -> tuple[Part, tuple[str, ...]]:
    """The part with what is asked for only where it matters: failures and deployments."""
    annotated = read_annotations(parts.github, part.run, part.jobs)
    part = part.with_run(annotated.run)
    deployed = read_deployments(parts.github, part.run, part.jobs)
    return part.with_run(deployed.run), (*annotated.notices, *deployed.notices)


def _own_part(settings: Settings, run: Run, parts: Parts) -> tuple[Part, tuple[str, ...]]:
    """The part of the run that the program stands in, once the steps before ours have ended."""
    runner = settings.runner

    def own_job(seen: Run) -> Job:
        return selection.find_own_job(
            seen, check_run_id=runner.check_run_id, runner_name=runner.runner_name
        )

    def steps_have_ended(seen: Run) -> bool:
        try:
            return selection.steps_before_have_ended(own_job(seen), runner.step_started_at)
        except SelectionError:  # GitHub may list our own job late, too.
            return False

    waited = wait_until(
        steps_have_ended,
        run,
        again=lambda seen: read_jobs_again(parts.github, seen),
        deadline=parts.deadline,
        log=parts.log,
        what="the steps before this one as ended",
    )
    part = selection.ongoing(
        waited.run, own_job(waited.run), export=settings.export, job_status=runner.job_status
    )
    late = (
        "GitHub did not show in time that all steps before this one have ended; those are left out"
    )
    return part, () if waited.shown else (late,)


def _whole_part(
    settings: Settings, run: Run, subject: Subject, parts: Parts
) -> tuple[Part, tuple[str, ...]]:
    if settings.export is Export.JOB:
        raise SelectionError("input export is job, which works only inside the run that is sent")
    if subject.ended or run.completed:
        run = wait_until(
            selection.has_ended,
            run,
            again=lambda _: read_run(parts.github, subject.address),
            deadline=parts.deadline,
            log=parts.log,
            what=f"{subject.address} as ended",
        ).run
    if not run.completed:
        raise SelectionError(
            f"run {run.id} of {run.repository.full_name} is still {run.status or 'unknown'}: "
            "export it when it has ended"
        )
    return selection.whole(run), ()


def _parentage(run: Run, parts: Parts) -> Parentage:
    """What the run belongs to; without time left the run is sent all the same."""
    try:
        return read_parentage(parts.github, run)
    except DeadlineExceeded as error:
        return Parentage(reason="it was not read in time", unread=(str(error),))


def _send(settings: Settings, found: _Read, parts: Parts) -> Outcome:
    part = found.part
    if part.refusal is not None:
        return Outcome(status=Status.SKIPPED, notices=(part.refusal,))
    placement = place(
        part.run,
        found.parentage,
        scope=settings.trace_scope,
        namespace=settings.namespace,
        feature=_feature(settings, part.run),
    )
    resource = run_resource(
        part.run,
        service_name=settings.service_name,
        extra=settings.resource_attributes,
        namespace=settings.namespace,
    )
    delivery = parts.sink.deliver(spans_of(part, placement, resource, settings.detail))
    return _outcome(settings, found, placement, delivery)


def _feature(settings: Settings, run: Run) -> Feature | None:
    key = settings.feature_key
    if key is None:
        return None
    repository = run.repository
    return Feature(
        reference=key.reference(host=repository.host, repository=repository.full_name),
        key=key.display(repository.full_name),
    )


def _outcome(settings: Settings, found: _Read, placement: Placement, delivery: Delivery) -> Outcome:
    part, run = found.part, found.part.run
    incomplete = _incomplete(part)
    problems = (*found.problems, *incomplete, *map(_told, delivery.failures))
    status = _status(delivery, incomplete)
    return Outcome(
        status=status,
        exported=_exported(settings, part, placement),
        deliveries=(delivery,),
        problems=problems,
        notices=found.notices,
        left_out=_left_out(settings, run),
        failed=status is not Status.EXPORTED,
    )


def _exported(settings: Settings, part: Part, placement: Placement) -> Exported:
    run, own = part.run, part.own_job
    if part.run_span or own is None:
        reference, interval = run.reference, timing.run_interval(run)
    else:
        reference, interval = run.job_reference(own), timing.job_interval(run, own)
    return Exported(
        run=run,
        parentage=placement.parentage,
        trace=placement.trace,
        reference=reference,
        interval=interval,
        partial=part.partial,
        trace_url=None
        if settings.trace_url is None
        else trace_url(settings.trace_url, placement.trace, reference, interval),
    )


def _status(delivery: Delivery, incomplete: tuple[str, ...]) -> Status:
    if delivery.spooled:
        return Status.SPOOLED
    if incomplete or not delivery.complete:
        return Status.PARTIAL
    return Status.EXPORTED


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


def _told(failure: Failure) -> str:
    return f"{failure.problem}. {failure.advice}"


def _left_out(settings: Settings, run: Run) -> tuple[str, ...]:
    left_out = []
    carried_over = len(run.jobs) - len(timing.own_jobs(run))
    if carried_over:
        left_out.append(
            f"{carried_over} jobs that an earlier attempt ran: they were sent with that attempt"
        )
    if settings.detail is not Detail.STEP:
        left_out.append(f"spans finer than input detail, which is {settings.detail.value}")
    return tuple(left_out)
