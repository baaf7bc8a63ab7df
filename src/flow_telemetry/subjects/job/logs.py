"""Logs of jobs: lines of steps as log records, within `log-limit`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, islice
from typing import IO

from flow_telemetry.clock import Deadline
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError, ReportError
from flow_telemetry.github.artifacts import open_job_log, open_run_logs
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.mapping import spans as failures
from flow_telemetry.mapping.jobs import (
    LoggedStep,
    Measured,
    log_records,
    measured_log,
    measured_spans,
)
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.runs import common_of, job_facts
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
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import own_jobs
from flow_telemetry.rules.selection import RunSlice, allocate_bytes
from flow_telemetry.settings import Detail, Export, JobLogs
from flow_telemetry.subjects.job.types import JobTelemetry, StepWindow, step_windows
from flow_telemetry.subjects.types import resources_of
from flow_telemetry.telemetry import LogRecord, Signal, Span

# The logs that GitHub keeps of a run, each with the job that it is of.

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


@dataclass(slots=True)
class OpenLogs:
    """Logs in open files, until they are closed; ``notices`` say which logs could not be read."""

    logs: list[LogSource] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    files: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        """Let go of the files."""
        self.files.close()


def open_logs_of_run(
    client: GitHubClient, run: Run, jobs: Sequence[Job], until: Deadline
) -> OpenLogs:
    """Return the logs of jobs of a run that has ended, out of the archive of all.

    Names in there are cut and simplified. A job that cannot be told by them is asked for alone.
    """
    kept = OpenLogs()
    name = f"the archive of the logs of run {run.id}"
    try:
        file = kept.files.enter_context(open_run_logs(client, run, until))
        archive = kept.files.enter_context(LogArchive(file, name))
    except FlowTelemetryError as error:
        kept.notices.append(str(error))
        return kept
    kept.notices += _shorten(archive.left_out, _MOST_SHOWN)
    found = _files_of_jobs(archive.files, own_jobs(run))
    for job in jobs:
        for each in found.get(job.id, ()):
            read = partial(archive.raw, each)
            kept.logs.append(LogSource(job=job, step=each.step, size=each.size, read=read))
    _add_single_logs(kept, client, run, [job for job in jobs if job.id not in found], until)
    return kept


def open_logs_of_jobs(
    client: GitHubClient, run: Run, jobs: Sequence[Job], until: Deadline
) -> OpenLogs:
    """Return the logs of jobs that have ended, of a run that goes on; each is asked for alone."""
    kept = OpenLogs()
    _add_single_logs(kept, client, run, jobs, until)
    return kept


def _files_of_jobs(files: Iterable[LogFile], jobs: Iterable[Job]) -> dict[int, list[LogFile]]:
    """The files of the jobs, by id, whose name in the archive is theirs alone."""
    by_name: dict[str, list[Job]] = {}
    for job in jobs:
        by_name.setdefault(format_job_name(job.name), []).append(job)
    found: dict[int, list[LogFile]] = {}
    for file in files:
        known = [by_name[name] for name in list_job_names(file.job) if name in by_name]
        if known and len(known[0]) == 1:
            found.setdefault(known[0][0].id, []).append(file)
    return {job: of_job for job, of_job in found.items() if _is_one(of_job)}


def _is_one(files: list[LogFile]) -> bool:
    """Whether files are the steps of one job, or the whole of one."""
    jobs, steps = {file.job for file in files}, {file.step for file in files}
    return len(jobs) == 1 and len(steps) == len(files)


def _add_single_logs(
    kept: OpenLogs, client: GitHubClient, run: Run, jobs: Sequence[Job], until: Deadline
) -> None:
    asked, over = jobs[:MOST_SINGLE_LOGS], jobs[MOST_SINGLE_LOGS:]
    if over:
        kept.notices.append(
            f"the logs of {len(over)} jobs were not read: each takes a request, and no more than "
            f"{MOST_SINGLE_LOGS} are made"
        )

    def opened(job: Job) -> IO[bytes] | FlowTelemetryError:
        try:
            return open_job_log(client, run, job, until)
        except FlowTelemetryError as error:
            return error

    # What may not be read of one job may not be of any: the first is asked for alone.
    answers = [opened(job) for job in asked[:1]]
    if not any(isinstance(each, AccessDeniedError) for each in answers):
        answers += client.run_concurrently(opened, asked[1:])
    errors = []
    for job, answer in zip(asked, answers, strict=False):
        if isinstance(answer, FlowTelemetryError):
            errors.append(str(answer))
        else:
            kept.files.enter_context(answer)
            kept.logs.append(_open_single(job, answer))
    kept.notices += _shorten(errors, 1)


def _open_single(job: Job, file: IO[bytes]) -> LogSource:
    def read() -> Iterator[bytes]:
        try:
            file.seek(0)
            yield from raw_lines(file, f"the log of job {job.id}")
        except OSError as error:
            raise ReportError(f"the log of job {job.id} cannot be read again: {error}") from error

    return LogSource(job=job, step=None, size=file.seek(0, os.SEEK_END), read=read)


def _shorten(texts: list[str], most: int) -> list[str]:
    more = len(texts) - most
    return [*texts[:most], *([f"the same of {more:,} further logs"] if more > 0 else [])]


# The logs of a run's steps: how much of each leaves, and what is told of what does not.

_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLog:
    """The log of a step: a stretch of a log that GitHub keeps, of which the first lines are cut.

    ``longest`` bounds the bytes of its last line, where that alone is more than what may leave.
    """

    logged: LoggedStep
    kept: LogSource
    stretch: LogSection
    failed: bool
    cut: int = 0
    longest: int | None = None


def find_failed_steps(job: Job) -> tuple[Step, ...]:
    """Return the steps whose logs tell why a job failed; where no step did, the last that ran."""
    failed = failures.failed_steps(job)
    if failed or failures.job_error_type(job) is None:
        return failed
    return tuple(step for step in job.steps if timing.step_ran(step))[-1:]


def limit_logs(logs: Sequence[StepLog], limit: int) -> list[StepLog]:
    """Return logs cut, so that all together are at most ``limit`` bytes of text."""
    failed = [each for each in logs if each.failed]
    others = [each for each in logs if not each.failed]
    given = allocate_bytes(
        [each.stretch.size for each in failed], [each.stretch.size for each in others], limit
    )
    share_of = {id(each): share for each, share in zip((*failed, *others), given, strict=True)}
    return [_cut(each, share_of[id(each)]) for each in logs]


def _cut(log: StepLog, share: int) -> StepLog:
    stretch = log.stretch
    if share >= stretch.size:
        return log
    if not share:
        return replace(log, cut=stretch.lines)
    raw = islice(log.kept.read(), stretch.begin, stretch.begin + stretch.lines)
    end = find_section_end(raw, stretch, share)
    if end.telling is not None and log.failed:
        return replace(log, cut=end.telling, longest=share)
    return replace(log, cut=end.before)


def describe_cut_lines(logs: Iterable[StepLog], limit: int) -> Iterator[str]:
    """Return what is told of lines that do not leave, and of such that leave in part."""
    logs = list(logs)
    cut = [each for each in logs if each.cut]
    if cut:
        lines = _count(sum(each.cut for each in cut), "line")
        yield (
            f"left out: {lines} of {_count(len(cut), 'step')}, of each the first, since all "
            f"together is more text than the {limit:,} bytes that `log-limit` allows"
        )
    shortened = sum(each.longest is not None for each in logs)
    if shortened:
        yield (
            f"of the last line of {_count(shortened, 'step')} only the beginning leaves, since "
            f"that alone is more text than its share of the {limit:,} bytes that `log-limit` "
            "allows"
        )


def describe_missing_steps(kept: Iterable[LogSource], found: Iterable[StepLog]) -> Iterator[str]:
    """Return what is told of steps that tell of a failure, but have no line in their job's log."""
    there = {(each.logged.job.id, each.logged.step.number) for each in found}
    jobs = {log.job.id: log.job for log in kept}.values()
    missing = [
        (job, step)
        for job in jobs
        for step in find_failed_steps(job)
        if (job.id, step.number) not in there
    ]
    if missing:
        job, step = (clean_line(each.name, _LONGEST_NAME) for each in missing[0])
        more = f"; the same of {len(missing) - 1:,} more" if len(missing) > 1 else ""
        yield f"no line of step {step} was found in the log of job {job}, which failed{more}"


def _count(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


# Lines of the logs that GitHub keeps of a run's jobs, under their steps.
#
# The log of a job exists only when the job has ended: from outside of the run all are read, from
# inside those of jobs that ended before.

# Of all logs of a run, uncompressed: a megabyte of lines takes hundredths of a second.
MOST_READ = 256 * MEBIBYTE
_INPUT = "`logs`"
_NO_SIGNAL = (
    f"{_INPUT}: nothing is read, because lines of logs leave as log records, and none are sent: "
)
_NOT_FROM_HERE = (
    f"{_INPUT}: nothing is read, because GitHub gives the log of a job only when that has ended. "
    "Export from a workflow on `workflow_run`, or with `export: run` in a last job that `needs` "
    "all others"
)
_NOT_THE_OWN = (
    f"{_INPUT}: GitHub gives the log of a job only when that has ended, so that of the job that "
    "this step stands in is not sent. Export from a workflow on `workflow_run` to have it too"
)


def read_logs(context: ExportContext, run_slice: RunSlice, placement: Placement) -> JobTelemetry:
    """Return the lines of logs that `logs` asks for, as far as `log-limit` allows."""
    if Signal.LOGS not in context.settings.signals.enabled:
        return JobTelemetry(notices=(f"{_NO_SIGNAL}{context.settings.otlp.off[Signal.LOGS]}",))
    if run_slice.partial and context.settings.export is not Export.RUN:
        return JobTelemetry(notices=(_NOT_FROM_HERE,))
    reader = _LogReader(context=context, run_slice=run_slice, placement=placement)
    return reader.read()


@dataclass(frozen=True, slots=True, kw_only=True)
class _LogReader:
    """Reads the logs of one run."""

    run_slice: RunSlice
    placement: Placement
    context: ExportContext

    def read(self) -> JobTelemetry:
        notices = list(self._of_own_job())
        jobs = self._wanted_jobs()
        if not jobs:
            return JobTelemetry(notices=tuple(notices))
        kept, limit = self._kept(jobs), self.context.settings.job.log_limit
        try:
            found, read_errors = self._surveyed(kept)
            logs = limit_logs(found, limit)
        except BaseException:
            kept.close()
            raise
        # What could not be read may be what is missing.
        missing = () if read_errors else describe_missing_steps(kept.logs, logs)
        news = (*kept.notices, *read_errors, *missing, *describe_cut_lines(logs, limit))
        notices += [f"{_INPUT}: {each}" for each in news]
        return JobTelemetry(
            spans=self._measured(logs), facts=self._records(logs, kept), notices=tuple(notices)
        )

    def _of_own_job(self) -> Iterator[str]:
        own = self.run_slice.own_job
        if own is not None and (self._all or find_failed_steps(own)):
            yield _NOT_THE_OWN

    @property
    def _all(self) -> bool:
        return self.context.settings.job.logs is JobLogs.ALL

    def _wanted_jobs(self) -> list[Job]:
        """The ended jobs of which lines are wanted, in order of time."""
        own = self.run_slice.own_job
        jobs = [
            job
            for job in self.run_slice.jobs
            if (own is None or job.id != own.id) and job.completed and not timing.never_started(job)
        ]
        wanted = [job for job in jobs if self._all or find_failed_steps(job)]
        return sorted(wanted, key=lambda job: (self._interval(job).start, job.id))

    def _interval(self, job: Job) -> timing.Interval:
        return timing.job_interval(self.run_slice.run, job)

    def _kept(self, jobs: list[Job]) -> OpenLogs:
        """At most half of the time that is left goes into it: the rest is for sending."""
        deadline = self.context.deadline
        seconds = None if deadline.at is None else deadline.remaining() / 2
        until = Deadline.after(deadline.clock, seconds, deadline.cut)
        read = open_logs_of_jobs if self.run_slice.partial else open_logs_of_run
        return read(self.context.github, self.run_slice.run, jobs, until)

    def _surveyed(self, kept: OpenLogs) -> tuple[list[StepLog], list[str]]:
        """The wanted steps' logs in order, and what could not be read; failed steps come first."""
        found: dict[int, list[StepLog]] = {}
        read_errors: list[str] = []
        bytes_left, over = MOST_READ, 0
        in_order = sorted(range(len(kept.logs)), key=lambda each: not _tells(kept.logs[each]))
        for position in in_order:
            log = kept.logs[position]
            if not self._all and not _tells(log):
                continue
            bytes_left -= log.size
            if bytes_left < 0:
                over += 1
                continue
            found[position], damage = self._steps_of(log)
            read_errors += [damage] if damage else []
        if over:
            read_errors.append(
                f"{over:,} logs were not read: all together are larger than "
                f"{MOST_READ // MEBIBYTE} MiB"
            )
        return [each for position in sorted(found) for each in found[position]], read_errors

    def _steps_of(self, log: LogSource) -> tuple[list[StepLog], str | None]:
        windows = [each for each in step_windows(self.run_slice.run, log.job) if _is_of(log, each)]
        if log.step is not None:
            windows = windows[:1]  # A number may repeat.
        surveyed = index_log(log.read(), [each.interval for each in windows])
        failed = find_failed_steps(log.job)
        found = []
        for stretch in surveyed.sections if windows else ():
            window = windows[stretch.step]
            if self._all or window.step in failed:
                found.append(
                    StepLog(
                        logged=self._logged(log.job, window),
                        kept=log,
                        stretch=stretch,
                        failed=window.step in failed,
                    )
                )
        return found, surveyed.damage

    def _logged(self, job: Job, window: StepWindow) -> LoggedStep:
        run, detail = self.run_slice.run, self.context.settings.tracing.detail
        span = {Detail.STEP: window.reference, Detail.JOB: run.job_reference(job)}.get(
            detail, run.reference
        )
        return LoggedStep(
            run=run,
            job=job,
            step=window.step,
            reference=window.reference,
            span=span,
            interval=window.interval,
        )

    def _measured(self, logs: list[StepLog]) -> Iterator[Span]:
        if self.context.settings.tracing.detail is not Detail.STEP:
            return iter(())
        spans = (span for _, of_job in groupby(logs, _job_id) for span in self._of_job([*of_job]))
        return islice(spans, self.context.settings.tracing.max_spans)

    def _of_job(self, logs: Sequence[StepLog]) -> Iterator[Span]:
        run, job = self.run_slice.run, logs[0].logged.job
        make = SpanMaker(
            placement=self.placement,
            resource=resources_of(self.context.settings).of_run(run),
            common=(*common_of(run), *job_facts(job)),
        )
        intervals = {each.logged.reference: each.logged.interval for each in logs}
        return measured_spans(make, map(_measured_step, logs), intervals)

    def _records(self, logs: list[StepLog], kept: OpenLogs) -> Iterator[LogRecord]:
        try:
            for _, of_log in groupby(logs, lambda each: id(each.kept)):
                yield from self._records_of([*of_log])
        finally:
            kept.close()

    def _records_of(self, logs: list[StepLog]) -> Iterator[LogRecord]:
        """The records of one log's steps, which follow each other in it."""
        raw, position = logs[0].kept.read(), 0
        resource = resources_of(self.context.settings).of_run(self.run_slice.run)
        observed = self.context.clock.now()
        for each in logs:
            stretch = each.stretch
            if each.cut == stretch.lines:
                continue
            lines = parse_log_lines(
                _decoded(islice(raw, stretch.begin - position, None), stretch.lines),
                each.logged.job.name,
                each.logged.step.number,
                redact=build_line_redactor(self.context.redact),
                skip=each.cut,
                longest=each.longest,
            )
            position = stretch.begin + stretch.lines
            yield from log_records(lines, each.logged, self.placement, resource, observed)


def _decoded(raw: Iterator[bytes], lines: int) -> Iterator[str]:
    """The first lines as text; where the log is damaged its end is missing, which was told."""
    try:
        for line in islice(raw, lines):
            yield line.decode("utf-8", errors="replace")
    except ReportError:
        return


def _tells(log: LogSource) -> bool:
    """Whether a log may hold lines of a step that failed."""
    failed = find_failed_steps(log.job)
    return any(log.step in (None, step.number) for step in failed)


def _is_of(log: LogSource, window: StepWindow) -> bool:
    """Whether lines of a log may be of a step."""
    if log.step is None:
        return timing.step_ran(window.step)
    return log.step == window.step.number


def _measured_step(log: StepLog) -> Measured:
    stretch = log.stretch
    return measured_log(log.logged, stretch.times, lines=stretch.lines, cut=log.cut)


def _job_id(log: StepLog) -> int:
    return log.logged.job.id
