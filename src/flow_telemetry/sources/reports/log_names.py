"""What GitHub calls the files in the archive of a run's logs."""

from __future__ import annotations

import re
from dataclasses import dataclass

# `0_test (3.12).txt` is a job's whole log, `test (3.12)/3_Run pytest.txt` a step's. A negative
# number is that of an older service, which GitHub falls back to.
_OF_JOB = re.compile(r"(-?[0-9]{1,20})_([^/\\]+)\.txt")
_OF_STEP = re.compile(r"([^/\\]+)/([0-9]{1,6})_([^/\\]*)\.txt")
_NUMBERED = re.compile(r"-?[0-9]{1,20}_(?=.)")
_NOT_IN_NAMES = re.compile(r'[/:\\<>"|*?\x00-\x1f]')
_LONGEST = 90


@dataclass(frozen=True, slots=True)
class LogName:
    """Whose log a file is: of a job as the archive names it, and of a step of it or the whole."""

    job: str
    step: int | None = None


def parse_log_name(path: str) -> LogName | None:
    """Return whose log a file is; None for what else is in an archive."""
    step = _OF_STEP.fullmatch(path)
    if step is not None and step[1] not in {".", ".."}:
        return LogName(step[1], int(step[2]))
    job = _OF_JOB.fullmatch(path)
    return LogName(job[2]) if job is not None else None


def same_job(in_archive: str, job: str) -> bool:
    """Whether the name of a job in an archive is what GitHub makes of the job's name.

    Some characters are left out and the rest is cut; a folder may have the job's number before it.
    """
    return name_as_file(job) in names_without_number(in_archive)


def names_without_number(in_archive: str) -> tuple[str, str]:
    """Return what the name of a job in an archive may be: as it is, and without a number."""
    return name_as_file(in_archive), name_as_file(_NUMBERED.sub("", in_archive, count=1))


def name_as_file(name: str) -> str:
    """Return what GitHub makes of a job's name in an archive. It counts in units of UTF-16."""
    kept = _NOT_IN_NAMES.sub("", name).encode("utf-16-le", errors="surrogatepass")
    return kept[: _LONGEST * 2].decode("utf-16-le", errors="replace").strip()
