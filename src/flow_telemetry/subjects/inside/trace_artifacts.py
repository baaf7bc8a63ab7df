"""What tools in a run wrote, read from outside of it: from the artifacts that the run keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from flow_telemetry import identity
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.model import Run
from flow_telemetry.parts import Parts
from flow_telemetry.rules import timing
from flow_telemetry.rules.patterns import chosen
from flow_telemetry.settings import Settings
from flow_telemetry.signals.placement import Placement
from flow_telemetry.sources.github.artifacts import Artifact, download_artifact, list_artifacts
from flow_telemetry.sources.reports.archives import ArchiveBounds, Unpacked, read_archive
from flow_telemetry.sources.reports.content import MEBIBYTE, Content
from flow_telemetry.sources.reports.globs import chosen_files
from flow_telemetry.subjects.inside.found import Inside
from flow_telemetry.subjects.inside.own_spans import own_span_ids
from flow_telemetry.subjects.inside.traces import MOST_BYTES, MOST_FILES, Reading

MOST_ARTIFACTS = 20
LARGEST_ARTIFACT = 32 * MEBIBYTE
_FILES = ("**/*.otlp.jsonl",)
_SOURCE = "input trace-artifacts"
# An artifact is made within its run; GitHub's services do not have one clock.
_CLOCK_DIFFERENCE = timedelta(seconds=60)


def artifact_traces(settings: Settings, run: Run, placement: Placement, parts: Parts) -> Inside:
    """Return what is in files of the run's artifacts that input trace-artifacts names.

    Those of forks are not read, unless the user asks for them: who writes them decides what is
    sent into the trace.
    """
    if _is_of_a_fork(run) and not settings.inside.fork_artifacts:
        return Inside(notices=(_of_a_fork(f"run {run.id}"),))
    reading = Reading.of(settings, parts, own_trace=placement.trace_id)
    reading.repository = run.repository.full_name
    reading.spans.taken = own_span_ids(placement, run)
    try:
        artifacts = _wanted(settings, run, parts, reading)
        reading.read(_files(settings, artifacts, parts, reading))
    except FlowTelemetryError as error:
        reading.tell([str(error)])
    return reading.inside(run.reference, _SOURCE)


def _is_of_a_fork(run: Run) -> bool:
    """Also where the repository that the commit came from is gone, as that of a deleted fork."""
    head = run.head_repository
    return head is None or identity.fold(head) != identity.fold(run.repository.full_name)


def _of_a_fork(what: str) -> str:
    return (
        f"{_SOURCE}: {what} is of a fork, whose author decides what is in its artifacts: they are "
        "not read. Input fork-artifacts allows it"
    )


def _wanted(settings: Settings, run: Run, parts: Parts, reading: Reading) -> list[Artifact]:
    """The artifacts of this attempt whose names are wanted, the oldest first."""
    patterns = settings.inside.trace_artifacts
    listed = list_artifacts(parts.github, run.repository.full_name, run_id=run.id)
    fitting = [each for each in listed if chosen(each.name, patterns) and _of_attempt(run, each)]
    if not fitting:
        reading.tell([f"no artifact of run {run.id} fits"])
    if len(fitting) > MOST_ARTIFACTS:
        count = len(fitting) - MOST_ARTIFACTS
        reading.tell([f"{count} artifacts more than the {MOST_ARTIFACTS} that are read of a run"])
    return sorted(fitting[:MOST_ARTIFACTS], key=lambda artifact: artifact.id)


def _of_attempt(run: Run, artifact: Artifact) -> bool:
    """Whether it was made while this attempt went on: GitHub lists those of all attempts."""
    made, interval = artifact.created_at, timing.run_interval(run)
    if made is None:
        return True
    return interval.start - _CLOCK_DIFFERENCE <= made <= interval.end + _CLOCK_DIFFERENCE


def _files(
    settings: Settings, artifacts: list[Artifact], parts: Parts, reading: Reading
) -> Iterator[tuple[str, Content]]:
    """The files in artifacts; one that cannot be read is told, and the rest goes on."""
    wanted = chosen_files(settings.inside.trace_files or _FILES)
    left = ArchiveBounds(files=MOST_FILES, largest=MOST_BYTES, size=MOST_BYTES)
    for artifact in artifacts:
        if artifact.from_fork and not settings.inside.fork_artifacts:
            reading.tell([_of_a_fork(str(artifact)).removeprefix(f"{_SOURCE}: ")])
            continue
        if reading.until.expired:
            reading.tell([f"{artifact} was not read: half of the time (input timeout) was used up"])
            continue
        try:
            archive = download_artifact(parts.github, artifact, LARGEST_ARTIFACT)
            found = read_archive(archive, str(artifact), wanted=wanted, bounds=left)
        except FlowTelemetryError as error:
            reading.tell([str(error)])
            continue
        reading.tell(found.left_out)
        if not found.files and not found.left_out:
            reading.tell([f"{artifact} holds no file that input trace-files names"])
        for file in found.files:
            yield f"{file.name} of {artifact}", file.content
        left = _less(left, found)


def _less(bounds: ArchiveBounds, found: Unpacked) -> ArchiveBounds:
    """What may still be read after some files."""
    size = bounds.size - sum(len(file.content) for file in found.files)
    return replace(bounds, files=bounds.files - len(found.files), size=size)
