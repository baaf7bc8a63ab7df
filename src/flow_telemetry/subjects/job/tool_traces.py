"""Traces of tools in a job, from its files or the artifacts of its run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
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
from flow_telemetry.model import Run
from flow_telemetry.model.reports import ToolTraces
from flow_telemetry.otlp.lines import (
    OtlpRequest,
    count_request_items,
    drop_long_heads,
    encode_request,
    iterate_groups,
    merge_requests,
    parse_otlp_lines,
)
from flow_telemetry.outcome import JobReport
from flow_telemetry.privacy.records import redact_message
from flow_telemetry.privacy.redactor import Redactor
from flow_telemetry.reports.archives import read_archive
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
from flow_telemetry.subjects.job.types import SHARE_OF_FILES, JobTelemetry, OwnJob
from flow_telemetry.telemetry import Signal, SpanLink

# The ids of our spans in the trace of a run, which no span of a tool may have.


def own_span_ids(placement: Placement, run: Run, others: Iterable[str] = ()) -> frozenset[str]:
    """Return the ids of a run's spans in its trace, and of its ancestors, hexadecimal.

    ``others`` are further references, of spans from reports of its jobs.
    """
    references = {placement.trace.root, placement.parent or placement.trace.root, *others}
    references.update(_list_references(run.reference))
    for job in run.jobs:
        job_reference = run.job_reference(job)
        references.update(_list_references(job_reference))
        for number in range(1, len(job.protection_waits) + 1):
            references.add(identity.approval_reference(job_reference, number))
        for step in job.steps:
            reference = identity.step_reference(job_reference, step.number, step.occurrence)
            references.update((reference, identity.measured_reference(reference)))
    return frozenset(map(placement.span_id, references))


def _list_references(reference: str) -> tuple[str, ...]:
    """Return the references of a run's or job's span, and of its spans for waiting and use."""
    return (
        reference,
        identity.queued_reference(reference),
        identity.measured_reference(reference),
    )


# The spans of tools: which of them are exported, and where their traces begin. Pure.


@dataclass(slots=True, kw_only=True)
class ToolSpans:
    """Filter of the spans in requests of tools, over all files.

    ``trace_id`` is the trace of the job, ``own_ids`` the ids of our spans in it, both in
    hexadecimal. A second span with the same id is removed: a backend would show one, or both.

    ``exported`` counts the spans of that trace that are exported, ``repeated``, ``clashing`` (with
    an id of ours) and ``invalid`` (without valid ids) those that are not.
    """

    trace_id: str
    own_ids: Collection[str] = ()
    exported: int = 0
    repeated: int = 0
    clashing: int = 0
    invalid: int = 0
    # Start in nanoseconds, id and parent of the spans of each other trace.
    _others: dict[bytes, list[tuple[int, bytes, bytes]]] = field(default_factory=dict)
    _seen: set[bytes] = field(default_factory=set)

    def filter(self, request: OtlpRequest) -> None:
        """Remove the spans that are not exported from a request, and count the spans."""
        if request.signal is not Signal.TRACES:
            return
        for *_, spans in iterate_groups(request):
            exported = [span for span in spans if self._accept(span)]
            if len(exported) < len(spans):
                # Copies, because emptying the list may invalidate the spans in it.
                copies = [type(span)() for span in exported]
                for copy, span in zip(copies, exported, strict=True):
                    copy.CopyFrom(span)
                del spans[:]
                spans.extend(copies)

    @property
    def others(self) -> Counter[str]:
        """The number of exported spans of each other trace."""
        return Counter({trace.hex(): len(spans) for trace, spans in self._others.items()})

    @property
    def roots(self) -> tuple[tuple[str, str], ...]:
        """The trace id and span id of the first root span of each other trace, in order of time.

        A root has no parent among the spans of the files. If the spans of a trace form a circle,
        it has no root.
        """
        roots = []
        for trace, spans in self._others.items():
            ids = {span for _, span, _ in spans}
            starts = [(start, span) for start, span, parent in spans if parent not in ids]
            if starts:
                roots.append((*min(starts), trace))
        return tuple((trace.hex(), span.hex()) for _, span, trace in sorted(roots))

    def _accept(self, span: Any) -> bool:
        if not (any(span.trace_id) and any(span.span_id)):
            self.invalid += 1
            return False
        is_in_trace = span.trace_id.hex() == self.trace_id
        if is_in_trace and span.span_id.hex() in self.own_ids:
            self.clashing += 1
            return False
        key = span.trace_id + span.span_id
        if key in self._seen:
            self.repeated += 1
            return False
        self._seen.add(key)
        if is_in_trace:
            self.exported += 1
        else:
            ids = (span.start_time_unix_nano, span.span_id, span.parent_span_id)
            self._others.setdefault(span.trace_id, []).append(ids)
        return True


# Traces, logs and metrics that tools in a job wrote to files: they are exported with the job.

MOST_FILES = 200
# A megabyte takes about half a second to be read.
MOST_BYTES = 64 * MEBIBYTE
# Over all files, of a line for each span and more.
MOST_LINES = 500_000
MOST_LINKS = 8
_MOST_NOTICES = 10
_LONGEST_NAME = 200
_NO_TIME = "half of the time (`timeout`) was used up"
# Some file systems keep times to two seconds, and GitHub whole ones.
_COARSE = timedelta(seconds=3)


def file_traces(job: OwnJob, references: Iterable[str] = ()) -> JobTelemetry:
    """Return the requests in files of the job's workspace that `trace-files` names.

    ``references`` are those of spans that are exported besides those of the run, such as of tests.
    """
    if job.workspace is None:
        return JobTelemetry(
            notices=("`trace-files`: GITHUB_WORKSPACE is not set, so no files were read",)
        )
    limits = FileLimits(files=MOST_FILES, size=MOST_BYTES)
    patterns = job.context.settings.job.trace_files
    reader = TraceFileReader.create(job.context, trace_id=job.placement.trace_id)
    files, notices = find_files(patterns, job.workspace, until=reader.until, limits=limits)
    reader.spans.own_ids = own_span_ids(job.placement, job.run, references)
    files = _skip_old_files(job, files, notices)
    reader.note(*notices)
    reader.read((file.name, file.path) for file in files)
    return reader.build_telemetry(job.reference, "`trace-files`")


def _skip_old_files(job: OwnJob, files: list[MatchedFile], notices: list[str]) -> list[MatchedFile]:
    """Return the files that were written since the job began.

    An earlier job left older ones on a runner that is kept, or a cache restored them: that job's
    own export sent them. A checkout writes its files anew. Both times are compared by the runner's
    clock.
    """
    began = timing.job_began(job.job)
    if began is None:
        return files
    since = (began - timing.clock_offset(job.job) - _COARSE).timestamp()
    recent: list[MatchedFile] = []
    for file in files:
        try:
            is_old = file.path.stat().st_mtime < since
        except OSError:
            is_old = False  # The file is gone, which becomes an error when it is read.
        if is_old:
            name = _shorten_name(file.name)
            notices.append(f"{name} is older than the job, which did not write it")
        else:
            recent.append(file)
    return recent


@dataclass(slots=True, kw_only=True)
class TraceFileReader:
    """Reader of the trace files of one export; all requests are kept until they are exported.

    Requests of the ``enabled`` signals are kept, their texts replaced by ``redact``. Reading stops
    at ``until``. ``repository`` is that of a run's artifacts, empty for files of the own job.
    """

    enabled: frozenset[Signal]
    redact: Redactor
    spans: ToolSpans
    until: Deadline
    repository: str = ""
    _notices: list[str] = field(default_factory=list)
    _more_notices: int = 0
    _requests: list[OtlpRequest] = field(default_factory=list)
    _digests: set[bytes] = field(default_factory=set)
    _read_lines: int = 0
    _files: int = 0

    @classmethod
    def create(cls, context: ExportContext, *, trace_id: str) -> TraceFileReader:
        """Return a reader that may use a share of the remaining time."""
        return cls(
            enabled=context.settings.signals.enabled,
            redact=context.redact,
            spans=ToolSpans(trace_id=trace_id),
            until=context.reading.share(SHARE_OF_FILES),
        )

    def note(self, *notices: str) -> None:
        """Add notices, of which only the first are kept: each line of a file may be damaged."""
        free = max(0, _MOST_NOTICES - len(self._notices))
        self._notices += notices[:free]
        self._more_notices += len(notices[free:])

    def read(self, files: Iterable[tuple[str, Content]]) -> None:
        """Read files with their names; a file that cannot be read becomes a notice."""
        for name, content in files:
            short_name = _shorten_name(name)
            reason = self._end_reason()
            if reason:
                self.note(f"{short_name} was not read: {reason}")
                continue
            try:
                self._read_file(short_name, content)
            except ReportError as error:
                self.note(str(error))

    def build_telemetry(self, owner: str, source: str) -> JobTelemetry:
        """Return everything that was read.

        Args:
            owner: the reference of the span that other traces are linked to.
            source: the input, with which notices begin.
        """
        links = tuple(
            SpanLink(
                trace_id=trace_id,
                span_id=span_id,
                attributes={semconv.FLOW_LINK: "trace_file"},
            )
            for trace_id, span_id in self.spans.roots[:MOST_LINKS]
        )
        notices = list(self._notices)
        if self._more_notices:
            notices.append(f"{self._more_notices:,} further notices are not shown")
        notices += self._describe_left_out()
        counts = self._count()
        return JobTelemetry(
            encoded_requests=(
                encode_request(request, self.repository)
                for request in merge_requests(self._requests)
            ),
            measured=(Measured(owner=owner, links=links),) if links else (),
            notices=tuple(f"{source}: {notice}" for notice in notices),
            report=JobReport(tool_traces=counts) if counts.files else None,
        )

    def _read_file(self, name: str, content: Content) -> None:
        lines, notices = read_otlp_lines(content, name)
        self.note(*notices)
        self._files += 1
        for number, line in lines:
            self._read_lines += 1
            reason = self._end_reason()
            if reason:
                self.note(f"{name} was not read from line {number} on: {reason}")
                return
            # The same request may be in two files.
            digest = sha256(line).digest()
            if digest not in self._digests:
                self._digests.add(digest)
                self._add_line(number, line, name)

    def _end_reason(self) -> str:
        """Return why reading has ended; empty if it may go on."""
        if self.until.expired:
            return _NO_TIME
        if self._read_lines > MOST_LINES:
            return f"{MOST_LINES:,} lines of all files were read"
        return ""

    def _add_line(self, number: int, line: bytes, name: str) -> None:
        requests, damaged = parse_otlp_lines([(number, line)], name)
        self.note(*damaged)
        for request in requests:
            if request.signal not in self.enabled:
                continue
            if drop_long_heads(request):
                self.note(f"line {number} of {name} has a resource that is too large: left out")
            self.spans.filter(request)
            redact_message(request.message, self.redact)
            self._requests.append(request)

    def _describe_left_out(self) -> list[str]:
        spans = self.spans
        without_link = len(spans.others) - MOST_LINKS
        counts = (
            (spans.clashing, "spans left out because this export makes ones of the same ids"),
            (spans.repeated, "spans left out because another one has the same ids"),
            (spans.invalid, "spans left out because they have no valid ids"),
            (without_link, f"traces sent without a link, which only the first {MOST_LINKS} have"),
        )
        return [f"{text}: {count:,}" for count, text in counts if count > 0]

    def _count(self) -> ToolTraces:
        items = dict.fromkeys(Signal, 0)
        for request in self._requests:
            items[request.signal] += count_request_items(request)
        others = self.spans.others
        return ToolTraces(
            files=self._files,
            spans=self.spans.exported,
            other_spans=others.total(),
            other_traces=len(others),
            records=items[Signal.LOGS],
            points=items[Signal.METRICS],
        )


def _shorten_name(name: str) -> str:
    """Return the name of a file, which may be hostile, in one line and not too long."""
    clean = "".join(c if c.isprintable() else "?" for c in name)
    return clean if len(clean) <= _LONGEST_NAME else f"…{clean[-_LONGEST_NAME:]}"


# Traces in the artifacts of a run, read after the run.

MOST_ARTIFACTS = 20
LARGEST_ARTIFACT = 32 * MEBIBYTE
_FILES = ("**/*.otlp.jsonl",)
_SOURCE = "`trace-artifacts`"
# An artifact is made within its run; GitHub's services do not have one clock.
_CLOCK_DIFFERENCE = timedelta(seconds=60)


def artifact_traces(context: ExportContext, run: Run, placement: Placement) -> JobTelemetry:
    """Return the requests in files of the run's artifacts that `trace-artifacts` names.

    Artifacts of forks are not read unless the user enables it: their author decides what is sent
    into the trace.
    """
    head = run.head_repository
    # The repository of a commit is None if it was a fork and is deleted.
    is_fork = head is None or identity.fold(head) != identity.fold(run.repository.full_name)
    if is_fork and not context.settings.job.fork_artifacts:
        return JobTelemetry(notices=(f"{_SOURCE}: {_describe_fork(f'run {run.id}')}",))
    reader = TraceFileReader.create(context, trace_id=placement.trace_id)
    reader.repository = run.repository.full_name
    reader.spans.own_ids = own_span_ids(placement, run)
    try:
        artifacts = _list_artifacts(context, run, reader)
        reader.read(_read_artifacts(context, artifacts, reader))
    except FlowTelemetryError as error:
        reader.note(str(error))
    return reader.build_telemetry(run.reference, _SOURCE)


def _describe_fork(what: str) -> str:
    return (
        f"{what} is of a fork, whose author decides what is in its artifacts: they are not read. "
        "Set `fork-artifacts` to read them"
    )


def _list_artifacts(context: ExportContext, run: Run, reader: TraceFileReader) -> list[Artifact]:
    """Return the artifacts of this attempt that `trace-artifacts` names, the oldest first."""
    patterns, interval = context.settings.job.trace_artifacts, timing.run_interval(run)
    # GitHub lists the artifacts of all attempts.
    first, last = interval.start - _CLOCK_DIFFERENCE, interval.end + _CLOCK_DIFFERENCE
    artifacts = [
        artifact
        for artifact in list_artifacts(context.github, run.repository.full_name, run_id=run.id)
        if matches_patterns(artifact.name, patterns)
        and (artifact.created_at is None or first <= artifact.created_at <= last)
    ]
    if not artifacts:
        reader.note(f"no artifact of run {run.id} fits")
    if len(artifacts) > MOST_ARTIFACTS:
        reader.note(
            f"{len(artifacts) - MOST_ARTIFACTS} artifacts more than the {MOST_ARTIFACTS} that are "
            "read of a run"
        )
    return sorted(artifacts[:MOST_ARTIFACTS], key=lambda artifact: artifact.id)


def _read_artifacts(
    context: ExportContext, artifacts: list[Artifact], reader: TraceFileReader
) -> Iterator[tuple[str, Content]]:
    """Yield the files in artifacts; an artifact that cannot be read becomes a notice."""
    wanted = compile_file_patterns(context.settings.job.trace_files or _FILES)
    limits = FileLimits(files=MOST_FILES, largest=MOST_BYTES, size=MOST_BYTES)
    for artifact in artifacts:
        if artifact.from_fork and not context.settings.job.fork_artifacts:
            reader.note(_describe_fork(str(artifact)))
            continue
        if reader.until.expired:
            reader.note(f"{artifact} was not read: {_NO_TIME}")
            continue
        try:
            archive = download_artifact(context.github, artifact, LARGEST_ARTIFACT)
            files, notices = read_archive(archive, str(artifact), wanted=wanted, limits=limits)
        except FlowTelemetryError as error:
            reader.note(str(error))
            continue
        reader.note(*notices)
        if not files and not notices:
            reader.note(f"{artifact} holds no file that `trace-files` names")
        for name, content in files.items():
            yield f"{name} of {artifact}", content
        size = limits.size - sum(map(len, files.values()))
        limits = replace(limits, files=limits.files - len(files), size=size)
