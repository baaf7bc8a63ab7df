"""The logs that GitHub keeps of a run, each with the job that it is of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import IO

from flow_telemetry.clock import Deadline
from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError, ReportError
from flow_telemetry.model import Job, Run
from flow_telemetry.rules.timing import own_jobs
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.run_logs import open_job_log, open_run_logs
from flow_telemetry.sources.reports.log_names import name_as_file, names_without_number
from flow_telemetry.sources.reports.logs import LogArchive, LogFile, raw_lines

# A request each.
MOST_SINGLE_LOGS = 50
_MOST_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLog:
    """A log of a job, or of its step of that number.

    ``size`` is in bytes; ``read`` yields its lines from the first, and may raise ReportError.
    """

    job: Job
    step: int | None
    size: int
    read: Callable[[], Iterator[bytes]]


@dataclass(slots=True)
class KeptLogs:
    """Logs in open files, until they are closed; ``told`` is what could not be had of them."""

    logs: list[KeptLog] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    files: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        """Let go of the files."""
        self.files.close()


def logs_of_run(client: GitHubClient, run: Run, jobs: Sequence[Job], until: Deadline) -> KeptLogs:
    """Return the logs of jobs of a run that has ended, out of the archive of all.

    Names in there are cut and simplified. A job that cannot be told by them is asked for alone.
    """
    kept = KeptLogs()
    name = f"the archive of the logs of run {run.id}"
    try:
        file = kept.files.enter_context(open_run_logs(client, run, until))
        archive = kept.files.enter_context(LogArchive(file, name))
    except FlowTelemetryError as error:
        kept.told.append(str(error))
        return kept
    kept.told += _first(archive.left_out, _MOST_TOLD)
    found = _files_of_jobs(archive.files, own_jobs(run))
    for job in jobs:
        for each in found.get(job.id, ()):
            read = partial(archive.raw, each)
            kept.logs.append(KeptLog(job=job, step=each.step, size=each.size, read=read))
    _add_single(kept, client, run, [job for job in jobs if job.id not in found], until)
    return kept


def logs_of_jobs(client: GitHubClient, run: Run, jobs: Sequence[Job], until: Deadline) -> KeptLogs:
    """Return the logs of jobs that have ended, of a run that goes on; each is asked for alone."""
    kept = KeptLogs()
    _add_single(kept, client, run, jobs, until)
    return kept


def _files_of_jobs(files: Iterable[LogFile], jobs: Iterable[Job]) -> dict[int, list[LogFile]]:
    """The files of the jobs, by id, whose name in the archive is theirs alone."""
    by_name: dict[str, list[Job]] = {}
    for job in jobs:
        by_name.setdefault(name_as_file(job.name), []).append(job)
    found: dict[int, list[LogFile]] = {}
    for file in files:
        known = [by_name[name] for name in names_without_number(file.job) if name in by_name]
        if known and len(known[0]) == 1:
            found.setdefault(known[0][0].id, []).append(file)
    return {job: of_job for job, of_job in found.items() if _is_one(of_job)}


def _is_one(files: list[LogFile]) -> bool:
    """Whether files are the steps of one job, or the whole of one."""
    jobs, steps = {file.job for file in files}, {file.step for file in files}
    return len(jobs) == 1 and len(steps) == len(files)


def _add_single(
    kept: KeptLogs, client: GitHubClient, run: Run, jobs: Sequence[Job], until: Deadline
) -> None:
    asked, over = jobs[:MOST_SINGLE_LOGS], jobs[MOST_SINGLE_LOGS:]
    if over:
        kept.told.append(
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
        answers += client.side_by_side(opened, asked[1:])
    errors = []
    for job, answer in zip(asked, answers, strict=False):
        if isinstance(answer, FlowTelemetryError):
            errors.append(str(answer))
        else:
            kept.files.enter_context(answer)
            kept.logs.append(_single(job, answer))
    kept.told += _first(errors, 1)


def _single(job: Job, file: IO[bytes]) -> KeptLog:
    def read() -> Iterator[bytes]:
        try:
            file.seek(0)
            yield from raw_lines(file, f"the log of job {job.id}")
        except OSError as error:
            raise ReportError(f"the log of job {job.id} cannot be read again: {error}") from error

    return KeptLog(job=job, step=None, size=file.seek(0, os.SEEK_END), read=read)


def _first(texts: list[str], most: int) -> list[str]:
    more = len(texts) - most
    return [*texts[:most], *([f"the same of {more:,} further logs"] if more > 0 else [])]
