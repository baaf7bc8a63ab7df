"""What steps of a run wrote, as the runner logs it and GitHub packs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from tests.fakes.records import Run, Step
from tests.fakes.world import moment

# Texts by the job's name and the step's number.
Logs = Mapping[tuple[str, int], str]
_TENTH = timedelta(seconds=0.1)


def log_of(step: Step, lines: Iterable[str]) -> str:
    """Lines that a step wrote, one each tenth of a second.

    As on a runner, a message of several lines has one time, before its first line.
    """
    began = moment(step.started_at or "")
    return "".join(
        f"{stamp(began + number * _TENTH)} {line}\n" for number, line in enumerate(lines, 1)
    )


def logged(run: Run, lines: Mapping[tuple[str, int], Iterable[str]]) -> dict[tuple[str, int], str]:
    """The logs of steps of a run, by the job's name and the step's number."""
    found = {}
    for (name, number), written in lines.items():
        of_number = (each for each in run.job(name).steps if each.number == number)
        found[name, number] = log_of(next(of_number), written)
    return found


def archive_per_step(logs: Logs) -> bytes:
    """GitHub's archive with a file for each step, beside those of the whole jobs."""
    names = {3: "Run pytest"}
    of_steps = {f"{job}/{n}_{names.get(n, 'Step')}.txt": text for (job, n), text in logs.items()}
    return _zip({**_whole(logs), **of_steps})


def archive_per_job(logs: Logs) -> bytes:
    """GitHub's archive with a file for each job only."""
    return _zip(_whole(logs))


def stamp(time: datetime) -> str:
    """A time as the runner writes it: seven digits after the second."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def nanoseconds(time: datetime) -> int:
    """Since 1970."""
    return (time - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1) * 1000


def text_per_job(logs: Logs) -> dict[str, str]:
    """The log of each job, as GitHub gives it alone."""
    return {
        job: "".join(text for (of, _), text in logs.items() if of == job)
        for job in dict.fromkeys(job for job, _ in logs)
    }


def _whole(logs: Logs) -> dict[str, str]:
    texts = text_per_job(logs).items()
    return {f"{number}_{job}.txt": text for number, (job, text) in enumerate(texts)}


def _zip(files: Mapping[str, str]) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return made.getvalue()
