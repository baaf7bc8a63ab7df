"""Traces of tools: files, artifacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from flow_telemetry import identity
from flow_telemetry.clock import Deadline
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError, ReportError
from flow_telemetry.github.artifacts import Artifact, download_artifact, list_artifacts
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping.jobs import Measured
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.model import Job, Run
from flow_telemetry.model.reports import ToolTraces
from flow_telemetry.otlp.lines import (
    OtlpRequest,
    encode_request,
    groups_of,
    item_count,
    merge_requests,
    parse_otlp_lines,
    without_long_heads,
)
from flow_telemetry.outcome import JobReport
from flow_telemetry.privacy.records import redact_message
from flow_telemetry.privacy.redactor import Redactor
from flow_telemetry.reports.archives import ArchiveContent, ArchiveLimits, read_archive
from flow_telemetry.reports.files import (
    MEBIBYTE,
    Content,
    FileLimits,
    MatchedFile,
    compile_file_patterns,
    find_files,
)
from flow_telemetry.reports.otlp_lines import read_otlp_lines
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.selection import matches_patterns
from flow_telemetry.subjects.job.types import JobTelemetry, OwnJob
from flow_telemetry.telemetry import Signal, SpanLink

# The ids that spans of ours have in the trace of a run: no tool's span may have one of them.


def own_span_ids(placement: Placement, run: Run, beside: Iterable[str] = ()) -> frozenset[str]:
    """Return the ids of a run's spans in its trace, and of what stands above it, hexadecimal.

    ``beside`` are further references, of what reports of its jobs add.
    """
    above = {placement.trace.root, placement.parent or placement.trace.root}
    return frozenset(map(placement.span_id, [*above, *_references(run), *beside]))


def _references(run: Run) -> Iterator[str]:
    yield from _with_parts(run.reference)
    for job in run.jobs:
        yield from _of_job(job, run.job_reference(job))


def _of_job(job: Job, reference: str) -> Iterator[str]:
    yield from _with_parts(reference)
    for number in range(1, len(job.approvals) + 1):
        yield identity.approval_reference(reference, number)
    for step in job.steps:
        of_step = identity.step_reference(reference, step.number, step.occurrence)
        yield from (of_step, identity.measured_reference(of_step))


def _with_parts(reference: str) -> tuple[str, ...]:
    return (
        reference,
        identity.queued_reference(reference),
        identity.measured_reference(reference),
    )


# The spans that tools made: which of them leave, and where their traces begin. Pure.


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStart:
    """The first span of a trace without a parent among those that were read; ids in hexadecimal."""

    trace_id: str
    span_id: str


@dataclass(slots=True, kw_only=True)
class ToolSpans:
    """Sorts the spans of requests as they are read, over all files.

    ``trace_id`` is the trace of the job, ``taken`` the ids that spans of ours have in it, both in
    hexadecimal. A second span of an id is left out: a backend would show one of the two, or both.

    ``ours`` counts the spans of that trace that leave, ``repeated``, ``clashing`` (their ids are
    ours) and ``nameless`` (they have no valid ids) those that do not.
    """

    trace_id: str
    taken: Collection[str] = ()
    ours: int = 0
    repeated: int = 0
    clashing: int = 0
    nameless: int = 0
    _others: dict[bytes, list[tuple[int, bytes, bytes]]] = field(default_factory=dict)
    _seen: set[bytes] = field(default_factory=set)

    def take(self, request: OtlpRequest) -> None:
        """Take out of a request the spans that do not leave; note the others."""
        if request.signal is not Signal.TRACES:
            return
        for *_, spans in groups_of(request):
            kept = [span for span in spans if self._leaves(span)]
            if len(kept) < len(spans):
                copies = [_copy(span) for span in kept]
                del spans[:]
                spans.extend(copies)

    @property
    def others(self) -> Counter[str]:
        """How many spans of each other trace leave."""
        return Counter({trace.hex(): len(spans) for trace, spans in self._others.items()})

    @property
    def starts(self) -> tuple[TraceStart, ...]:
        """Where the other traces begin, in order of time.

        A trace whose spans are all in a circle has none.
        """
        roots = [
            (*root, trace)
            for trace, spans in self._others.items()
            if (root := _first_root(spans)) is not None
        ]
        return tuple(
            TraceStart(trace_id=trace.hex(), span_id=span.hex()) for _, span, trace in sorted(roots)
        )

    def _leaves(self, span: Any) -> bool:
        if not (any(span.trace_id) and any(span.span_id)):
            self.nameless += 1
            return False
        is_ours = span.trace_id.hex() == self.trace_id
        if is_ours and span.span_id.hex() in self.taken:
            self.clashing += 1
            return False
        key = span.trace_id + span.span_id
        if key in self._seen:
            self.repeated += 1
            return False
        self._seen.add(key)
        if is_ours:
            self.ours += 1
        else:
            noted = (span.start_time_unix_nano, span.span_id, span.parent_span_id)
            self._others.setdefault(span.trace_id, []).append(noted)
        return True


def _first_root(spans: Iterable[tuple[int, bytes, bytes]]) -> tuple[int, bytes] | None:
    """Start and id of the first span whose parent is not among them."""
    spans = list(spans)
    ids = {span for _, span, _ in spans}
    return min(((start, span) for start, span, parent in spans if parent not in ids), default=None)


def _copy(span: Any) -> Any:
    """A span of its own: one in a list that is emptied does not outlive it everywhere."""
    copied = type(span)()
    copied.CopyFrom(span)
    return copied


# Traces, logs and metrics that tools in a job wrote to files: they go along with its export.

MOST_FILES = 200
# A megabyte takes about half a second to be read.
MOST_BYTES = 64 * MEBIBYTE
# Over all files, of a line for each span and more.
MOST_LINES = 500_000
MOST_LINKS = 8
_MOST_NOTICES = 10
_LONGEST_NAME = 200
# Some file systems keep times to two seconds, and GitHub whole ones.
_COARSE = timedelta(seconds=3)


def file_traces(job: OwnJob, beside: Iterable[str] = ()) -> JobTelemetry:
    """Return what tools of the job wrote to files that `trace-files` names.

    ``beside`` are the references of spans that leave beside those of the run, as of its tests.
    """
    if job.workspace is None:
        return JobTelemetry(
            notices=("`trace-files`: GITHUB_WORKSPACE is not set, so no files are found",)
        )
    bounds = FileLimits(files=MOST_FILES, size=MOST_BYTES)
    found = find_files(job.context.settings.job.trace_files, job.workspace, bounds=bounds)
    reading = Reading.of(job.context, own_trace=job.placement.trace_id)
    reading.spans.taken = own_span_ids(job.placement, job.run, beside)
    reading.tell(found.left_out)
    reading.read((file.name, file.path) for file in _of_this_job(job, found.files, reading.tell))
    return reading.inside(job.reference, "`trace-files`")


def _of_this_job(
    job: OwnJob, files: Iterable[MatchedFile], tell: Callable[[Iterable[str]], None]
) -> list[MatchedFile]:
    """The files that were written since the job began.

    Older ones are what an earlier job left on a runner that is kept, or what a cache brought back:
    its own export sent them. What a checkout brings is as new as the checkout. The times of steps
    are the runner's word, so that its clock made both.
    """
    began = timing.job_began(job.job)
    if began is None:
        return list(files)
    since = (began - _COARSE).timestamp()
    old = [file for file in files if _modified(file) < since]
    tell(f"{_shown(file.name)} is older than the job, which did not write it" for file in old)
    return [file for file in files if file not in old]


def _modified(file: MatchedFile) -> float:
    """Seconds since 1970; a file that is gone is told where it is read."""
    try:
        return file.path.stat().st_mtime
    except OSError:
        return float("inf")


@dataclass(slots=True, kw_only=True)
class Reading:
    """The reading of one export's files, of which all that was found is kept until it leaves.

    Those of ``wanted`` signals are kept, their texts as ``redact`` has them. ``until`` bounds the
    time for it. ``repository`` is that of the run that keeps them, empty for files of the own job.
    """

    wanted: frozenset[Signal]
    redact: Redactor
    spans: ToolSpans
    until: Deadline
    repository: str = ""
    _requests: list[OtlpRequest] = field(default_factory=list)
    _lines: set[bytes] = field(default_factory=set)
    _told: list[str] = field(default_factory=list)
    _untold: int = 0
    _read_lines: int = 0
    _files: int = 0

    @classmethod
    def of(cls, context: ExportContext, *, own_trace: str) -> Reading:
        """Return one that may take half of the time that is left: the rest is for sending."""
        deadline = context.deadline
        seconds = None if deadline.at is None else deadline.remaining() / 2
        return cls(
            wanted=context.settings.signals.enabled,
            redact=context.redact,
            spans=ToolSpans(trace_id=own_trace),
            until=Deadline.after(deadline.clock, seconds, deadline.cut),
        )

    def tell(self, sentences: Iterable[str]) -> None:
        """Note what is worth knowing; of very much only how much it is."""
        for each in sentences:
            if len(self._told) < _MOST_NOTICES:
                self._told.append(each)
            else:
                self._untold += 1

    def read(self, files: Iterable[tuple[str, Content]]) -> None:
        """Read files, given with their names; what cannot be read is told and the rest goes on."""
        for name, content in files:
            shown = _shown(name)
            end = self._end()
            if end:
                self.tell([f"{shown} was not read: {end}"])
                continue
            try:
                self._read(shown, content)
            except ReportError as error:
                self.tell([str(error)])

    def inside(self, owner: str, source: str) -> JobTelemetry:
        """Return all that was found.

        ``owner`` is the reference of the span that other traces are linked to, ``source`` what
        notices begin with.
        """
        links = self._links()
        told = self._counts()
        return JobTelemetry(
            prepared=(
                encode_request(each, self.repository) for each in merge_requests(self._requests)
            ),
            measured=(Measured(owner=owner, links=links),) if links else (),
            notices=tuple(f"{source}: {text}" for text in self._notices()),
            told=JobReport(tool_traces=told) if told.files else None,
        )

    def _read(self, name: str, content: Content) -> None:
        found = read_otlp_lines(content, name)
        self.tell(f"line {number} of {name} is too long to be read" for number in found.too_long)
        self._files += 1
        if found.cut_at is not None:
            self.tell([f"{name} has too many lines: not read from line {found.cut_at} on"])
        for number, line in found.lines:
            self._read_lines += 1
            end = self._end()
            if end:
                self.tell([f"{name} was not read from line {number} on: {end}"])
                return
            if self._is_new(line):
                self._take(number, line, name)

    def _end(self) -> str:
        """Why nothing more is read; empty while it is."""
        if self.until.expired:
            return "half of the time (`timeout`) was used up"
        if self._read_lines > MOST_LINES:
            return f"{MOST_LINES:,} lines of all files were read"
        return ""

    def _is_new(self, line: bytes) -> bool:
        """Whether the same request was not read before: one file may be found in two places."""
        digest = sha256(line).digest()
        known = digest in self._lines
        self._lines.add(digest)
        return not known

    def _take(self, number: int, line: bytes, name: str) -> None:
        parsed = parse_otlp_lines([(number, line)], name)
        self.tell(parsed.damaged)
        for request in parsed.requests:
            if request.signal not in self.wanted:
                continue
            taken = without_long_heads(request)
            if taken:
                self.tell([f"line {number} of {name} has a resource that is too large: left out"])
            self.spans.take(request)
            redact_message(request.message, self.redact)
            self._requests.append(request)

    def _links(self) -> tuple[SpanLink, ...]:
        return tuple(
            SpanLink(
                trace_id=start.trace_id,
                span_id=start.span_id,
                attributes={semconv.FLOW_LINK: "trace_file"},
            )
            for start in self.spans.starts[:MOST_LINKS]
        )

    def _notices(self) -> list[str]:
        more = [f"further notices, not shown: {self._untold:,}"] if self._untold else []
        return [*self._told, *more, *self._left_out()]

    def _left_out(self) -> list[str]:
        spans = self.spans
        further = len(spans.others) - MOST_LINKS
        counts = (
            (spans.clashing, "spans left out because this export makes ones of the same ids"),
            (spans.repeated, "spans left out because another one has the same ids"),
            (spans.nameless, "spans left out because they have no valid ids"),
            (further, f"traces sent without a link, which only the first {MOST_LINKS} have"),
        )
        return [f"{what}: {count:,}" for count, what in counts if count > 0]

    def _counts(self) -> ToolTraces:
        items = dict.fromkeys(Signal, 0)
        for request in self._requests:
            items[request.signal] += item_count(request)
        others = self.spans.others
        return ToolTraces(
            files=self._files,
            spans=self.spans.ours,
            other_spans=others.total(),
            other_traces=len(others),
            records=items[Signal.LOGS],
            points=items[Signal.METRICS],
        )


def _shown(name: str) -> str:
    """A file's name, which anybody could have chosen, on one line and not too long."""
    clean = "".join(c if c.isprintable() else "?" for c in name)
    return clean if len(clean) <= _LONGEST_NAME else f"…{clean[-_LONGEST_NAME:]}"


# What tools in a run wrote, read from outside of it: from the artifacts that the run keeps.

MOST_ARTIFACTS = 20
LARGEST_ARTIFACT = 32 * MEBIBYTE
_FILES = ("**/*.otlp.jsonl",)
_SOURCE = "`trace-artifacts`"
# An artifact is made within its run; GitHub's services do not have one clock.
_CLOCK_DIFFERENCE = timedelta(seconds=60)


def artifact_traces(context: ExportContext, run: Run, placement: Placement) -> JobTelemetry:
    """Return what is in files of the run's artifacts that `trace-artifacts` names.

    Those of forks are not read, unless the user asks for them: who writes them decides what is
    sent into the trace.
    """
    if _is_of_a_fork(run) and not context.settings.job.fork_artifacts:
        return JobTelemetry(notices=(_of_a_fork(f"run {run.id}"),))
    reading = Reading.of(context, own_trace=placement.trace_id)
    reading.repository = run.repository.full_name
    reading.spans.taken = own_span_ids(placement, run)
    try:
        artifacts = _wanted(context, run, reading)
        reading.read(_files(context, artifacts, reading))
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
        "not read. Set `fork-artifacts` to read them"
    )


def _wanted(context: ExportContext, run: Run, reading: Reading) -> list[Artifact]:
    """The artifacts of this attempt whose names are wanted, the oldest first."""
    patterns = context.settings.job.trace_artifacts
    listed = list_artifacts(context.github, run.repository.full_name, run_id=run.id)
    fitting = [
        each for each in listed if matches_patterns(each.name, patterns) and _of_attempt(run, each)
    ]
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
    context: ExportContext, artifacts: list[Artifact], reading: Reading
) -> Iterator[tuple[str, Content]]:
    """The files in artifacts; one that cannot be read is told, and the rest goes on."""
    wanted = compile_file_patterns(context.settings.job.trace_files or _FILES)
    left = ArchiveLimits(files=MOST_FILES, largest=MOST_BYTES, size=MOST_BYTES)
    for artifact in artifacts:
        if artifact.from_fork and not context.settings.job.fork_artifacts:
            reading.tell([_of_a_fork(str(artifact)).removeprefix(f"{_SOURCE}: ")])
            continue
        if reading.until.expired:
            reading.tell([f"{artifact} was not read: half of the time (`timeout`) was used up"])
            continue
        try:
            archive = download_artifact(context.github, artifact, LARGEST_ARTIFACT)
            found = read_archive(archive, str(artifact), wanted=wanted, bounds=left)
        except FlowTelemetryError as error:
            reading.tell([str(error)])
            continue
        reading.tell(found.left_out)
        if not found.files and not found.left_out:
            reading.tell([f"{artifact} holds no file that `trace-files` names"])
        for file in found.files:
            yield f"{file.name} of {artifact}", file.content
        left = _less(left, found)


def _less(bounds: ArchiveLimits, found: ArchiveContent) -> ArchiveLimits:
    """What may still be read after some files."""
    size = bounds.size - sum(len(file.content) for file in found.files)
    return replace(bounds, files=bounds.files - len(found.files), size=size)
