"""Logs of jobs: lines of steps as log records, within `log-limit`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, islice
from typing import IO

from flow_telemetry.clock import Deadline
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError, ReportError
from flow_telemetry.github.artifacts import open_job_log, open_run_logs
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.mapping.jobs import (
    LoggedStep,
    log_records,
    measured_log,
    measured_spans,
)
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.runs import job_attributes, run_id_attributes
from flow_telemetry.mapping.spans import SpanMaker
from flow_telemetry.model import Job, Run, Step
from flow_telemetry.privacy.redactor import build_line_redactor
from flow_telemetry.reports.files import MEBIBYTE, clean_line
from flow_telemetry.reports.logs import (
    LogArchive,
    LogFile,
    LogSection,
    find_section_end,
    format_job_name,
    index_log,
    list_job_names,
    parse_log_lines,
    raw_lines,
)
from flow_telemetry.rules import causes
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import own_jobs
from flow_telemetry.rules.order import RunOrder
from flow_telemetry.rules.selection import RunSlice, allocate_bytes
from flow_telemetry.settings import Detail, Export, JobLogs
from flow_telemetry.subjects.job.types import SHARE_OF_FILES, JobTelemetry, step_windows
from flow_telemetry.subjects.types import build_resource_maker, limit_texts
from flow_telemetry.telemetry import LogRecord, Signal, Span
from flow_telemetry.text import counted

# The logs that GitHub stores of a run, by job.

# A request each.
MOST_SINGLE_LOGS = 50
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """A log of a job, or of its step of that number.

    ``size`` is in bytes; ``read`` yields its lines from the first, and may raise ReportError.
    """

    job: Job
    step: int | None
    size: int
    read: Callable[[], Iterator[bytes]]


def open_logs_of_run(
    client: GitHubClient, run: Run, jobs: Sequence[Job], until: Deadline, files: ExitStack
) -> tuple[list[LogSource], list[str]]:
    """Return the logs of jobs of a run that has ended, from the archive of all, and notices.

    Names in the archive are cut and simplified. The log of a job without a unique name takes a
    request of its own. ``files`` is to close the open files.
    """
    name = f"the archive of the logs of run {run.id}"
    try:
        file = files.enter_context(open_run_logs(client, run, until))
        archive = files.enter_context(LogArchive(file, name))
    except FlowTelemetryError as error:
        return [], [str(error)]
    by_job = _find_files_of_jobs(archive.files, own_jobs(run))
    logs = [
        LogSource(job=job, step=entry.step, size=entry.size, read=partial(archive.raw, entry))
        for job in jobs
        for entry in by_job.get(job.id, ())
    ]
    others = [job for job in jobs if job.id not in by_job]
    single_logs, notices = open_logs_of_jobs(client, run, others, until, files)
    left_out = limit_texts(archive.left_out, _MOST_SHOWN, _SAME_OF_OTHERS)
    return [*logs, *single_logs], [*left_out, *notices]


def _find_files_of_jobs(files: Iterable[LogFile], jobs: Iterable[Job]) -> dict[int, list[LogFile]]:
    """Return the files of jobs by the job's id, if their name in the archive is unique."""
    by_name: dict[str, list[Job]] = {}
    for job in jobs:
        by_name.setdefault(format_job_name(job.name), []).append(job)
    by_job: dict[int, list[LogFile]] = {}
    for file in files:
        candidates = [by_name[name] for name in list_job_names(file.job) if name in by_name]
        if candidates and len(candidates[0]) == 1:
            by_job.setdefault(candidates[0][0].id, []).append(file)
    # The files must be the steps of one job, or the log of one whole job.
    return {
        job_id: logs
        for job_id, logs in by_job.items()
        if len({log.job for log in logs}) == 1 and len({log.step for log in logs}) == len(logs)
    }


def open_logs_of_jobs(
    client: GitHubClient, run: Run, jobs: Sequence[Job], until: Deadline, files: ExitStack
) -> tuple[list[LogSource], list[str]]:
    """Return the logs of jobs that have ended, with a request for each, and notices.

    The run may go on. ``files`` is to close the open files.
    """
    notices = []
    if len(jobs) > MOST_SINGLE_LOGS:
        notices.append(
            f"the logs of {counted(len(jobs) - MOST_SINGLE_LOGS, 'job')} were not read: each takes "
            f"a request, and no more than {MOST_SINGLE_LOGS} are made"
        )

    def open_log(job: Job) -> IO[bytes] | FlowTelemetryError:
        try:
            return open_job_log(client, run, job, until)
        except FlowTelemetryError as error:
            return error

    # If the token may not read one log it may not read any, so the first is requested alone.
    results = [open_log(job) for job in jobs[:1]]
    if not any(isinstance(result, AccessDeniedError) for result in results):
        results += client.run_concurrently(open_log, jobs[1:MOST_SINGLE_LOGS])
    logs: list[LogSource] = []
    errors: list[str] = []
    for job, result in zip(jobs, results, strict=False):
        if isinstance(result, FlowTelemetryError):
            errors.append(str(result))
            continue
        file = files.enter_context(result)
        size = file.seek(0, os.SEEK_END)
        logs.append(LogSource(job=job, step=None, size=size, read=partial(_read_lines, file, job)))
    return logs, [*notices, *limit_texts(errors, 1, _SAME_OF_OTHERS)]


def _read_lines(file: IO[bytes], job: Job) -> Iterator[bytes]:
    try:
        file.seek(0)
        yield from raw_lines(file, f"the log of job {job.id}")
    except OSError as error:
        raise ReportError(f"the log of job {job.id} cannot be read again: {error}") from error


# The logs of a run's steps: how much of each is exported.

_LONGEST_NAME = 100
_SAME_OF_OTHERS = ("further log", "has the same problem", "have the same problem")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLog:
    """The log of a step: a section of a log, of which the first ``cut`` lines are left out.

    ``longest`` limits the bytes of the last line, if that line alone is larger than its share.
    """

    logged: LoggedStep
    source: LogSource
    section: LogSection
    failed: bool
    cut: int = 0
    longest: int | None = None


def find_failed_steps(job: Job) -> tuple[Step, ...]:
    """Return the steps whose logs may explain the failure of a job.

    If a job failed without a failed step, this is the last step that ran.
    """
    failed = causes.failed_steps(job)
    if failed or causes.job_error_type(job) is None:
        return failed
    return tuple(step for step in job.steps if timing.step_ran(step))[-1:]


def limit_logs(logs: Sequence[StepLog], limit: int) -> list[StepLog]:
    """Return logs cut, so that all together are at most ``limit`` bytes of text."""
    failed = [log for log in logs if log.failed]
    others = [log for log in logs if not log.failed]
    shares = allocate_bytes(
        [log.section.size for log in failed], [log.section.size for log in others], limit
    )
    share_of = {id(log): share for log, share in zip((*failed, *others), shares, strict=True)}
    return [_cut_log(log, share_of[id(log)]) for log in logs]


def _cut_log(log: StepLog, share: int) -> StepLog:
    section = log.section
    if share >= section.size:
        return log
    if not share:
        return replace(log, cut=section.lines)
    raw = islice(log.source.read(), section.begin, section.begin + section.lines)
    cut, last_text = find_section_end(raw, section, share)
    if last_text is not None and log.failed:
        return replace(log, cut=last_text, longest=share)
    return replace(log, cut=cut)


def describe_cut_lines(logs: Iterable[StepLog], limit: int) -> Iterator[str]:
    """Yield notices about lines that are left out, and about lines that are cut."""
    logs = list(logs)
    cut = [log for log in logs if log.cut]
    if cut:
        lines = _format_count(sum(log.cut for log in cut), "line")
        yield (
            f"left out: {lines} of {_format_count(len(cut), 'step')}, of each the first, since all "
            f"together is more text than the {limit:,} bytes that `log-limit` allows"
        )
    shortened = sum(log.longest is not None for log in logs)
    if shortened:
        yield (
            f"the last line of {_format_count(shortened, 'step')} was cut, since that line alone "
            f"is more text than its share of the {limit:,} bytes that `log-limit` allows"
        )


def describe_missing_steps(sources: Iterable[LogSource], logs: Iterable[StepLog]) -> Iterator[str]:
    """Yield a notice about steps that explain a failure but have no line in their job's log."""
    present = {(log.logged.job.id, log.logged.step.number) for log in logs}
    jobs = {source.job.id: source.job for source in sources}.values()
    missing = [
        (job, step)
        for job in jobs
        for step in find_failed_steps(job)
        if (job.id, step.number) not in present
    ]
    if missing:
        job, step = (clean_line(named.name, _LONGEST_NAME) for named in missing[0])
        more = f"; the same of {len(missing) - 1:,} more" if len(missing) > 1 else ""
        yield f"no line of step {step} was found in the log of job {job}, which failed{more}"


def _format_count(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


# The log of a job exists only when the job has ended: after the run all logs are read, inside it
# those of jobs that ended before.

# Of all logs of a run, uncompressed: a megabyte of lines takes hundredths of a second.
MOST_READ = 256 * MEBIBYTE
_INPUT = "`logs`"
_NO_SIGNAL = (
    f"{_INPUT}: no log was read, because log lines are sent as log records, and none are sent: "
)
_NOT_FROM_HERE = (
    f"{_INPUT}: no log was read, because GitHub provides the log of a job only when the job has "
    "ended. Export from a workflow on `workflow_run`, or with `export: run` in a last job that "
    "`needs` all others"
)
_NOT_THE_OWN = (
    f"{_INPUT}: the log of the job with this step was not sent, because GitHub provides the log of "
    "a job only when the job has ended. Export from a workflow on `workflow_run` to send it too"
)


def read_logs(context: ExportContext, run_slice: RunSlice, placement: Placement) -> JobTelemetry:
    """Return the log lines that `logs` selects, within `log-limit`."""
    settings = context.settings
    if Signal.LOGS not in settings.signals.enabled:
        return JobTelemetry(notices=(f"{_NO_SIGNAL}{settings.otlp.off[Signal.LOGS]}",))
    if run_slice.partial and settings.export is not Export.RUN:
        return JobTelemetry(notices=(_NOT_FROM_HERE,))
    own, all_steps = run_slice.own_job, settings.job.logs is JobLogs.ALL
    own_is_selected = own is not None and (all_steps or bool(find_failed_steps(own)))
    notices = [_NOT_THE_OWN] if own_is_selected else []
    jobs = _select_jobs(run_slice, all_steps=all_steps)
    if not jobs:
        return JobTelemetry(notices=tuple(notices))
    until = context.reading.share(SHARE_OF_FILES)
    open_logs = open_logs_of_jobs if run_slice.partial else open_logs_of_run
    with ExitStack() as stack:
        sources, problems = open_logs(context.github, run_slice.run, jobs, until, stack)
        logs, read_errors = _index_logs(context, run_slice.run, sources, all_steps=all_steps)
        logs = limit_logs(logs, settings.job.log_limit)
        files = stack.pop_all()  # The records are read later.
    # A step without a line may be in a log that could not be read.
    missing = () if read_errors else describe_missing_steps(sources, logs)
    cut = describe_cut_lines(logs, settings.job.log_limit)
    notices += (f"{_INPUT}: {text}" for text in (*problems, *read_errors, *missing, *cut))
    return JobTelemetry(
        spans=islice(
            _measured_spans(context, run_slice.run, placement, logs), settings.tracing.max_spans
        )
        if settings.tracing.detail is Detail.STEP
        else (),
        events_and_metrics=_log_records(context, run_slice.run, placement, logs, files),
        notices=tuple(notices),
    )


def _select_jobs(run_slice: RunSlice, *, all_steps: bool) -> list[Job]:
    """Return the ended jobs whose logs are selected, in order of time."""
    own, run = run_slice.own_job, run_slice.run
    jobs = [
        job
        for job in run_slice.jobs
        if (own is None or job.id != own.id)
        and job.completed
        and not timing.never_started(job)
        and (all_steps or find_failed_steps(job))
    ]
    return sorted(jobs, key=lambda job: (timing.job_interval(run, job).start, job.id))


def _index_logs(
    context: ExportContext, run: Run, sources: Sequence[LogSource], *, all_steps: bool
) -> tuple[list[StepLog], list[str]]:
    """Return the selected steps' logs in order, and read errors."""

    def may_contain_failure(source: LogSource) -> bool:
        failed = find_failed_steps(source.job)
        return any(source.step in (None, step.number) for step in failed)

    by_position: dict[int, list[StepLog]] = {}
    read_errors: list[str] = []
    bytes_left, unread = MOST_READ, 0
    # Logs of failed steps are read first.
    for position, source in sorted(
        enumerate(sources), key=lambda indexed: not may_contain_failure(indexed[1])
    ):
        if not all_steps and not may_contain_failure(source):
            continue
        bytes_left -= source.size
        if bytes_left < 0:
            unread += 1
            continue
        logs, damage = _index_log(context, run, source, all_steps=all_steps)
        by_position[position] = logs
        read_errors += [damage] if damage else []
    if unread:
        read_errors.append(
            f"{unread:,} logs were not read: all together are larger than "
            f"{MOST_READ // MEBIBYTE} MiB"
        )
    return [log for position in sorted(by_position) for log in by_position[position]], read_errors


def _index_log(
    context: ExportContext, run: Run, source: LogSource, *, all_steps: bool
) -> tuple[list[StepLog], str | None]:
    job = source.job
    windows = list(step_windows(run, job))
    if source.step is None:
        windows = [window for window in windows if timing.step_ran(window.step)]
    else:
        # A number may repeat.
        windows = [window for window in windows if window.step.number == source.step][:1]
    sections, damage = index_log(source.read(), [window.interval for window in windows])
    failed, tracing = find_failed_steps(job), context.settings.tracing
    spans = {Detail.RUN: run.reference, Detail.JOB: run.job_reference(job)}
    logs = []
    for section in sections if windows else ():
        window = windows[section.step]
        if all_steps or window.step in failed:
            hidden = window.boilerplate and not tracing.boilerplate_steps
            reference = run.job_reference(job) if hidden else window.reference
            logged = LoggedStep(
                run=run,
                job=job,
                step=window.step,
                reference=window.reference,
                span=spans.get(tracing.detail, reference),
                interval=window.interval,
            )
            logs.append(
                StepLog(logged=logged, source=source, section=section, failed=window.step in failed)
            )
    return logs, damage


def _measured_spans(
    context: ExportContext, run: Run, placement: Placement, logs: list[StepLog]
) -> Iterator[Span]:
    """Yield spans for the lines of steps."""
    resource = build_resource_maker(context.settings).of_run(run)
    for _, group in groupby(logs, lambda log: log.logged.job.id):
        job_logs = list(group)
        job = job_logs[0].logged.job
        make = SpanMaker(
            placement=placement,
            resource=resource,
            common=(*run_id_attributes(run), *job_attributes(job)),
            offset=timing.clock_offset(job),
        )
        intervals = {log.logged.reference: log.logged.interval for log in job_logs}
        order = RunOrder.of(run)
        moves = {log.logged.reference: order.step_shift(job, log.logged.step) for log in job_logs}
        measured = [
            measured_log(log.logged, log.section.times, lines=log.section.lines, cut=log.cut)
            for log in job_logs
            if log.logged.span == log.logged.reference
        ]
        yield from measured_spans(make, run, measured, intervals, moves)


def _log_records(
    context: ExportContext, run: Run, placement: Placement, logs: list[StepLog], files: ExitStack
) -> Iterator[LogRecord]:
    """Yield the records of all steps, then close the files."""
    resource = build_resource_maker(context.settings).of_run(run)
    with files:
        for _, group in groupby(logs, lambda log: id(log.source)):
            source_logs = list(group)
            # The sections of one log follow each other, so it is read once.
            raw, position = source_logs[0].source.read(), 0
            observed = context.clock.now()
            for log in source_logs:
                section = log.section
                if log.cut == section.lines:
                    continue
                lines = parse_log_lines(
                    _decode(islice(raw, section.begin - position, None), section.lines),
                    log.logged.job.name,
                    log.logged.step.number,
                    redact=build_line_redactor(context.redact),
                    skip=log.cut,
                    longest=log.longest,
                )
                position = section.begin + section.lines
                yield from log_records(lines, log.logged, placement, resource, observed)


def _decode(raw: Iterator[bytes], lines: int) -> Iterator[str]:
    """Yield the first lines as text, up to damage, which is among the read errors."""
    try:
        for line in islice(raw, lines):
            yield line.decode("utf-8", errors="replace")
    except ReportError:
        return
