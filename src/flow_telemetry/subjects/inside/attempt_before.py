"""Which test cases failed in the attempt before, told by a notice that its export left at the job.

Nothing that a runner holds outlives its attempt. A notice does: GitHub keeps it with the job's
check run as an annotation, where people see it and the next attempt can read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.model import (
    Job,
)
from flow_telemetry.model.reports import (
    TestCase,
)
from flow_telemetry.rules.test_counts import is_failing, known_name
from flow_telemetry.sources.github.runs import read_annotations, read_jobs_again
from flow_telemetry.subjects.inside.job import JobInside

_BEGINNING = "test cases that failed: "
_BETWEEN = "; "
_MORE = " more"
# With what stands before it a notice is cut at 1,000 characters.
_LONGEST = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedBefore:
    """The known names of the cases that failed before, as far as the notice had room."""

    names: frozenset[str] = frozenset()
    notices: tuple[str, ...] = ()


def failed_now(cases: Iterable[TestCase]) -> Iterator[str]:
    """Return the notice that names the cases that failed for good; none where none did."""
    names = [known_name(case) for case in cases if is_failing(case) and not case.run_again]
    if not names:
        return
    shown: list[str] = []
    room = _LONGEST - len(_BEGINNING)
    for name in names:
        room -= len(name) + len(_BETWEEN)
        if room < 0:
            break
        shown.append(name)
    left = len(names) - len(shown)
    yield _BEGINNING + _BETWEEN.join([*shown, *([f"{left:,}{_MORE}"] if left else [])])


def failed_before(job: JobInside) -> FailedBefore:
    """Return what the notice in the attempt before says of the job of the same name.

    Two requests, and only in a later attempt. A job that then succeeded tells nothing.
    """
    run = job.run
    if run.attempt < 2:
        return FailedBefore()
    github = job.parts.github
    try:
        before = read_jobs_again(github, replace(run, attempt=run.attempt - 1))
        same = [each for each in before.jobs if each.name == job.job.name]
        if len(same) != 1:
            return FailedBefore()
        annotated = read_annotations(github, before, same)
    except FlowTelemetryError as error:
        return FailedBefore(notices=(f"whether tests are flaky by attempts is unknown: {error}",))
    names = frozenset(name for each in annotated.run.jobs for name in _names(each))
    return FailedBefore(names=names, notices=annotated.notices)


def _names(job: Job) -> Iterator[str]:
    for annotation in job.annotations:
        _, beginning, told = annotation.message.partition(_BEGINNING)
        if beginning:
            yield from told.split(_BETWEEN)
