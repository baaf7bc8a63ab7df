"""Traces of tools in a job, from its files or the artifacts of its run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from itertools import chain
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
from flow_telemetry.process.context import is_command_span_id
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
from flow_telemetry.rules.lifecycle import PhaseKind
from flow_telemetry.rules.selection import matches_patterns
from flow_telemetry.subjects.job.relayed import (
    RelayedMarker,
    exemplars_of,
    has_our_scope,
    keep_items,
    points_of,
)
from flow_telemetry.subjects.job.types import SHARE_OF_FILES, JobTelemetry, OwnJob
from flow_telemetry.subjects.types import FURTHER_NOTICES
from flow_telemetry.telemetry import Signal, SpanLink
from flow_telemetry.text import counted

# The ids of our spans in the trace of a run, which no span of a tool may have.

# More than a change or item usually has; each costs a microsecond.
_MOST_PERIODS, _MOST_INTERVALS = 9, 50


def own_span_ids(
    placement: Placement, run: Run, others: Iterable[str] = (), ancestors: Iterable[str] = ()
) -> frozenset[str]:
    """Return the ids of a run's spans in its trace, and of its ancestors' spans, hexadecimal.

    ``others`` are further references, of spans from reports of its jobs. ``ancestors`` are those of
    changes and work items; of their phases and statuses, which are not read here, the first of each
    kind are included.
    """
    references = {placement.trace.root, placement.parent or placement.trace.root, *others}
    references.update(_list_references(run.reference))
    references.add(identity.start_wait_reference(run.reference))
    for job in run.jobs:
        references.update(_list_job_references(run, job))
        job_reference = run.job_reference(job)
        references.add(identity.queued_reference(job_reference))
        for number in range(1, len(job.protection_waits) + 1):
            references.add(identity.approval_reference(job_reference, number))
    for ancestor in ancestors:
        references.update(_list_ancestor_references(ancestor))
    return frozenset(map(placement.span_id, references))


def job_span_ids(
    placement: Placement, run: Run, jobs: Iterable[Job], others: Iterable[str] = ()
) -> frozenset[str]:
    """Return the ids of the spans that a tool in one of the jobs may name as the parent of its own.

    These are the spans of the job, of its steps and measurements, and ``others`` of its reports.
    """
    references = set(others)
    for job in jobs:
        references.update(_list_job_references(run, job))
    return frozenset(map(placement.span_id, references))


def _list_references(reference: str) -> tuple[str, ...]:
    """Return the references of a run's or job's span, and of its spans for waiting and use."""
    return (
        reference,
        identity.queued_reference(reference),
        identity.measured_reference(reference),
    )


def _list_job_references(run: Run, job: Job) -> Iterator[str]:
    """Yield the references of a job, its steps, and the measurements of both."""
    reference = run.job_reference(job)
    yield from (reference, identity.measured_reference(reference))
    for step in job.steps:
        step_reference = identity.step_reference(reference, step.number, step.occurrence)
        yield from (step_reference, identity.measured_reference(step_reference))


def _list_ancestor_references(reference: str) -> Iterator[str]:
    """Yield the references of a change or work item, and of its first periods and phases."""
    yield reference
    for number in range(1, _MOST_PERIODS + 1):
        yield identity.life_reference(reference, number)
        for phase in PhaseKind:
            yield identity.phase_reference(reference, phase.value, number)
    for number in range(1, _MOST_INTERVALS + 1):
        yield identity.status_reference(reference, number)
        yield identity.blocked_reference(reference, number)


# The spans of tools: which of them are exported, and where their traces begin. Pure.


@dataclass(slots=True, kw_only=True)
class ToolSpans:
    """Filter of the spans in requests of tools, over all files, and of what refers to spans.

    In the trace of the job, spans of tools are below the job only. Ids are hexadecimal:

    - ``trace_id``: the trace of the job;
    - ``own_ids``: our spans in it;
    - ``parents``: those of our spans that a tool's span may have as its parent;
    - ``top``: the span that is the parent of spans whose own parent is unknown; empty: they are
      not changed;
    - ``own_traces``: other traces of this program, in which a tool has no spans.

    A second span with the same id is removed: a backend would show one, or both.

    ``exported`` counts the spans of the job's trace that are exported; ``repeated``, ``clashing``
    (with an id of ours), ``invalid`` (without valid ids), ``outside`` (below another span of ours
    than the job's) and ``foreign`` (in another trace of ours) those that are not. ``records`` and
    ``links`` count removed log records, and links and exemplars, that refer to a span of ours
    outside the job.
    """

    trace_id: str
    own_ids: Collection[str] = ()
    parents: Collection[str] = ()
    top: str = ""
    own_traces: Collection[str] = ()
    exported: int = 0
    repeated: int = 0
    clashing: int = 0
    invalid: int = 0
    outside: int = 0
    foreign: int = 0
    records: int = 0
    links: int = 0
    # Start in nanoseconds, id and parent of the spans of each other trace.
    _others: dict[bytes, list[tuple[int, bytes, bytes]]] = field(default_factory=dict)
    _seen: set[bytes] = field(default_factory=set)
    # The parents of the spans of the job's trace, and those that replace them; None: not exported.
    _tree: dict[str, str] = field(default_factory=dict)
    _placed: dict[str, str | None] = field(default_factory=dict)

    def filter(self, request: OtlpRequest) -> None:
        """Remove the spans that are not exported from a request, and count the spans."""
        if request.signal is not Signal.TRACES:
            return
        for _, scope, spans in iterate_groups(request):
            is_ours = has_our_scope(scope.scope.name)
            keep_items(spans, [span for span in spans if self._accept(span, is_ours=is_ours)])

    def place(self, requests: Iterable[OtlpRequest]) -> None:
        """Place the spans of the job's trace below the job, after `filter` saw all requests.

        A span whose parent is a span of ours outside the job is removed. If its parent is unknown,
        as that of a tool that was killed, the parent becomes ``top``. Log records, links and
        exemplars that refer to a span of ours outside the job are removed.
        """
        if not self.top:
            return
        self._placed = _place_below(self.top, self._tree, self.own_ids, self._is_parent)
        for request in requests:
            for *_, items in iterate_groups(request):
                if request.signal is Signal.TRACES:
                    keep_items(items, [span for span in items if self._place_span(span)])
                elif request.signal is Signal.LOGS:
                    keep_items(items, [record for record in items if self._place_record(record)])
                else:
                    for point in chain.from_iterable(map(points_of, items)):
                        self._drop_links(exemplars_of(point))

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

    def describe(self) -> Iterator[tuple[int, str]]:
        """Yield how much was left out, and why."""
        yield self.clashing, "spans left out because this export makes ones of the same ids"
        yield self.repeated, "spans left out because another one has the same ids"
        yield self.invalid, "spans left out because they have no valid ids"
        yield self.outside, "spans left out because their parent is a span outside the job"
        yield (
            self.foreign,
            "spans left out because they claim to be of another trace of this program",
        )
        yield self.records, "log records left out because they refer to a span outside the job"
        yield (
            self.links,
            "links left out because they lead to a span of this program outside the job",
        )

    def _accept(self, span: Any, *, is_ours: bool) -> bool:
        if not (any(span.trace_id) and any(span.span_id)):
            self.invalid += 1
            return False
        trace_id, span_id = span.trace_id.hex(), span.span_id.hex()
        is_in_trace = trace_id == self.trace_id
        if is_in_trace and span_id in self.own_ids:
            self.clashing += 1
            return False
        # With our scope it is a copy of a span that another export sends, or is made to look so.
        if not is_in_trace and (is_ours or trace_id in self.own_traces):
            self.foreign += 1
            return False
        key = span.trace_id + span.span_id
        if key in self._seen:
            self.repeated += 1
            return False
        self._seen.add(key)
        if is_in_trace:
            self.exported += 1
            self._tree[span_id] = span.parent_span_id.hex()
        else:
            ids = (span.start_time_unix_nano, span.span_id, span.parent_span_id)
            self._others.setdefault(span.trace_id, []).append(ids)
        return True

    def _is_parent(self, span_id: str) -> bool:
        """Whether a span of ours may be the parent of a tool's span."""
        return span_id in self.parents or (
            span_id not in self.own_ids and is_command_span_id(self.trace_id, span_id)
        )

    def _place_span(self, span: Any) -> bool:
        self._drop_links(span.links)
        if span.trace_id.hex() != self.trace_id:
            return True
        parent = self._placed[span.span_id.hex()]
        if parent is None:
            self.exported -= 1
            self.outside += 1
            return False
        span.parent_span_id = bytes.fromhex(parent)
        return True

    def _place_record(self, record: Any) -> bool:
        trace_id, span_id = record.trace_id.hex(), record.span_id.hex()
        if self._is_outside(trace_id, span_id):
            self.records += 1
            return False
        if trace_id == self.trace_id and not self._is_below(span_id):
            record.span_id = bytes.fromhex(self.top)
        return True

    def _drop_links(self, links: Any) -> None:
        kept = [link for link in links if self._may_link(link.trace_id.hex(), link.span_id.hex())]
        self.links += len(links) - len(kept)
        keep_items(links, kept)

    def _may_link(self, trace_id: str, span_id: str) -> bool:
        """Whether a link may lead there: some backends draw one within a trace as a parent."""
        if trace_id == self.trace_id:
            return self._is_below(span_id)
        return trace_id not in self.own_traces

    def _is_below(self, span_id: str) -> bool:
        return bool(span_id) and (self._is_parent(span_id) or self._placed.get(span_id) is not None)

    def _is_outside(self, trace_id: str, span_id: str) -> bool:
        """Whether the ids are those of a span of ours that is not of the job."""
        if trace_id == self.trace_id:
            return span_id in self.own_ids and not self._is_parent(span_id)
        return trace_id in self.own_traces


def _place_below(
    top: str, tree: Mapping[str, str], own_ids: Collection[str], is_parent: Callable[[str], bool]
) -> dict[str, str | None]:
    """Return the parent of each span of a tree; None if the span is not exported.

    ``tree`` has the parent of each span as the file has it, or an empty text. All ids are
    hexadecimal. Spans that form a circle have no beginning, so one of them is put below ``top``.
    """
    placed: dict[str, str | None] = {}
    for start in tree:
        # A loop, because a chain of parents can be as long as the files.
        path: dict[str, None] = {}
        span = start
        while span in tree and span not in placed and span not in path:
            path[span] = None
            span = tree[span]
        if span in path:
            placed[span] = top
        for member in reversed(path):
            parent = tree[member]
            if member in placed:
                continue
            if parent and is_parent(parent):
                placed[member] = parent
            elif parent in own_ids:
                placed[member] = None
            else:
                placed[member] = parent if placed.get(parent) is not None else top
    return placed


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
    references = tuple(references)
    spans = reader.spans
    spans.own_ids = own_span_ids(job.placement, job.run, references, job.ancestors)
    spans.own_traces = _list_own_traces(job.placement, job.run, job.ancestors)
    spans.parents = job_span_ids(job.placement, job.run, (job.job,), references)
    # With `detail: run` the job has no span.
    top = job.reference if job.reference in job.intervals else job.run.reference
    spans.top = job.placement.span_id(top)
    files = _skip_old_files(job, files, notices)
    reader.note(*notices)
    reader.read((file.name, file.path) for file in files)
    return reader.build_telemetry(job.reference, "`trace-files`")


def _list_own_traces(placement: Placement, run: Run, ancestors: Iterable[str]) -> frozenset[str]:
    """Return the ids of the traces of this program that the run could be in, but is not."""
    namespace = placement.trace.namespace
    roots = {run.reference, *ancestors}
    return frozenset(identity.trace_id(root, namespace=namespace) for root in roots) - {
        placement.trace_id
    }


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
    marker: RelayedMarker = field(default_factory=RelayedMarker)
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
        self.spans.place(self._requests)
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
            notices.append(counted(self._more_notices, *FURTHER_NOTICES))
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
            self.marker.mark(request)
            redact_message(request.message, self.redact)
            self._requests.append(request)

    def _describe_left_out(self) -> list[str]:
        without_link = len(self.spans.others) - MOST_LINKS
        counts = (
            *self.spans.describe(),
            *self.marker.describe(),
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


def artifact_traces(
    context: ExportContext, run: Run, placement: Placement, ancestors: Iterable[str] = ()
) -> JobTelemetry:
    """Return the requests in files of the run's artifacts that `trace-artifacts` names.

    Artifacts of forks are not read unless the user enables it: their author decides what is sent
    into the trace. Which job wrote an artifact is unknown: its spans are below any job of the run,
    or else below the run. ``ancestors`` are the references of what the run belongs to.
    """
    head = run.head_repository
    # The repository of a commit is None if it was a fork and is deleted.
    is_fork = head is None or identity.fold(head) != identity.fold(run.repository.full_name)
    if is_fork and not context.settings.job.fork_artifacts:
        return JobTelemetry(notices=(f"{_SOURCE}: {_describe_fork(f'run {run.id}')}",))
    reader = TraceFileReader.create(context, trace_id=placement.trace_id)
    reader.repository = run.repository.full_name
    ancestors = tuple(ancestors)
    reader.spans.own_ids = own_span_ids(placement, run, ancestors=ancestors)
    reader.spans.own_traces = _list_own_traces(placement, run, ancestors)
    reader.spans.parents = job_span_ids(placement, run, run.jobs)
    reader.spans.top = placement.span_id(run.reference)
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
            f"{counted(len(artifacts) - MOST_ARTIFACTS, 'artifact')} more than the "
            f"{MOST_ARTIFACTS} that are read of a run"
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
