"""Lines of the logs that GitHub keeps of a run's jobs, under their steps.

The log of a job exists only when the job has ended: from outside of the run all are read, from
inside those of jobs that ended before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from flow_telemetry.clock import Deadline
from flow_telemetry.errors import ReportError
from flow_telemetry.model import Job
from flow_telemetry.parts import Parts
from flow_telemetry.redaction import over_many_lines
from flow_telemetry.rules import timing
from flow_telemetry.rules.selection import Part
from flow_telemetry.settings import Detail, Export, JobLogs, Settings
from flow_telemetry.signals.job_logs import LoggedStep, log_records, measured_log
from flow_telemetry.signals.measured import Measured, measured_spans
from flow_telemetry.signals.placement import Placement
from flow_telemetry.signals.runs import common_of, job_facts
from flow_telemetry.signals.spans import SpanMaker
from flow_telemetry.sources.reports.content import MEBIBYTE
from flow_telemetry.sources.reports.log_lines import parse_log_lines
from flow_telemetry.sources.reports.log_survey import survey
from flow_telemetry.subjects.inside.found import Inside
from flow_telemetry.subjects.inside.job import StepWindow, step_windows
from flow_telemetry.subjects.inside.log_files import KeptLog, KeptLogs, logs_of_jobs, logs_of_run
from flow_telemetry.subjects.inside.step_logs import (
    StepLog,
    failed_steps,
    told_of_cut,
    told_of_missing,
    within,
)
from flow_telemetry.subjects.mapping import resources_of
from flow_telemetry.telemetry import LogRecord, Signal, Span

# Of all logs of a run, uncompressed: a megabyte of lines takes hundredths of a second.
MOST_READ = 256 * MEBIBYTE
_INPUT = "input logs"
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


def read_logs(settings: Settings, part: Part, placement: Placement, parts: Parts) -> Inside:
    """Return the lines of logs that input logs asks for, as far as input log-limit allows."""
    if Signal.LOGS not in settings.signals.wanted:
        return Inside(notices=(f"{_NO_SIGNAL}{settings.otlp.off[Signal.LOGS]}",))
    if part.partial and settings.export is not Export.RUN:
        return Inside(notices=(_NOT_FROM_HERE,))
    reading = _Reading(settings=settings, part=part, placement=placement, parts=parts)
    return reading.inside()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """The reading of one run's logs."""

    settings: Settings
    part: Part
    placement: Placement
    parts: Parts

    def inside(self) -> Inside:
        told = list(self._of_own_job())
        jobs = self._wanted_jobs()
        if not jobs:
            return Inside(notices=tuple(told))
        kept, limit = self._kept(jobs), self.settings.inside.log_limit
        try:
            found, unread = self._surveyed(kept)
            logs = within(found, limit)
        except BaseException:
            kept.close()
            raise
        # What could not be read may be what is missing.
        missing = () if unread else told_of_missing(kept.logs, logs)
        news = (*kept.told, *unread, *missing, *told_of_cut(logs, limit))
        told += [f"{_INPUT}: {each}" for each in news]
        return Inside(
            spans=self._measured(logs), facts=self._records(logs, kept), notices=tuple(told)
        )

    def _of_own_job(self) -> Iterator[str]:
        own = self.part.own_job
        if own is not None and (self._all or failed_steps(own)):
            yield _NOT_THE_OWN

    @property
    def _all(self) -> bool:
        return self.settings.inside.logs is JobLogs.ALL

    def _wanted_jobs(self) -> list[Job]:
        """The ended jobs of which lines are wanted, in order of time."""
        own = self.part.own_job
        jobs = [
            job
            for job in self.part.jobs
            if (own is None or job.id != own.id) and job.completed and not timing.never_started(job)
        ]
        wanted = [job for job in jobs if self._all or failed_steps(job)]
        return sorted(wanted, key=lambda job: (self._interval(job).start, job.id))

    def _interval(self, job: Job) -> timing.Interval:
        return timing.job_interval(self.part.run, job)

    def _kept(self, jobs: list[Job]) -> KeptLogs:
        """At most half of the time that is left goes into it: the rest is for sending."""
        deadline = self.parts.deadline
        seconds = None if deadline.at is None else deadline.remaining() / 2
        until = Deadline.after(deadline.clock, seconds, deadline.cut)
        read = logs_of_jobs if self.part.partial else logs_of_run
        return read(self.parts.github, self.part.run, jobs, until)

    def _surveyed(self, kept: KeptLogs) -> tuple[list[StepLog], list[str]]:
        """The wanted steps' logs in order, and what could not be read; failed steps come first."""
        found: dict[int, list[StepLog]] = {}
        unread: list[str] = []
        left, over = MOST_READ, 0
        in_order = sorted(range(len(kept.logs)), key=lambda each: not _tells(kept.logs[each]))
        for position in in_order:
            log = kept.logs[position]
            if not self._all and not _tells(log):
                continue
            left -= log.size
            if left < 0:
                over += 1
                continue
            found[position], damage = self._steps_of(log)
            unread += [damage] if damage else []
        if over:
            unread.append(
                f"{over:,} logs were not read: all together are larger than "
                f"{MOST_READ // MEBIBYTE} MiB"
            )
        return [each for position in sorted(found) for each in found[position]], unread

    def _steps_of(self, log: KeptLog) -> tuple[list[StepLog], str | None]:
        windows = [each for each in step_windows(self.part.run, log.job) if _is_of(log, each)]
        if log.step is not None:
            windows = windows[:1]  # A number may repeat.
        surveyed = survey(log.read(), [each.interval for each in windows])
        failed = failed_steps(log.job)
        found = []
        for stretch in surveyed.stretches if windows else ():
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
        run, detail = self.part.run, self.settings.tracing.detail
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
        if self.settings.tracing.detail is not Detail.STEP:
            return iter(())
        spans = (span for _, of_job in groupby(logs, _job_id) for span in self._of_job([*of_job]))
        return islice(spans, self.settings.tracing.max_spans)

    def _of_job(self, logs: Sequence[StepLog]) -> Iterator[Span]:
        run, job = self.part.run, logs[0].logged.job
        make = SpanMaker(
            placement=self.placement,
            resource=resources_of(self.settings).of_run(run),
            common=(*common_of(run), *job_facts(job)),
        )
        intervals = {each.logged.reference: each.logged.interval for each in logs}
        return measured_spans(make, map(_measured_step, logs), intervals)

    def _records(self, logs: list[StepLog], kept: KeptLogs) -> Iterator[LogRecord]:
        try:
            for _, of_log in groupby(logs, lambda each: id(each.kept)):
                yield from self._records_of([*of_log])
        finally:
            kept.close()

    def _records_of(self, logs: list[StepLog]) -> Iterator[LogRecord]:
        """The records of one log's steps, which follow each other in it."""
        raw, position = logs[0].kept.read(), 0
        resource = resources_of(self.settings).of_run(self.part.run)
        observed = self.parts.clock.now()
        for each in logs:
            stretch = each.stretch
            if each.cut == stretch.lines:
                continue
            lines = parse_log_lines(
                _decoded(islice(raw, stretch.begin - position, None), stretch.lines),
                each.logged.job.name,
                each.logged.step.number,
                redact=over_many_lines(self.parts.redact),
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


def _tells(log: KeptLog) -> bool:
    """Whether a log may hold lines of a step that failed."""
    failed = failed_steps(log.job)
    return any(log.step in (None, step.number) for step in failed)


def _is_of(log: KeptLog, window: StepWindow) -> bool:
    """Whether lines of a log may be of a step."""
    if log.step is None:
        return timing.step_ran(window.step)
    return log.step == window.step.number


def _measured_step(log: StepLog) -> Measured:
    stretch = log.stretch
    return measured_log(log.logged, stretch.times, lines=stretch.lines, cut=log.cut)


def _job_id(log: StepLog) -> int:
    return log.logged.job.id
