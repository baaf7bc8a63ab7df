"""Traces, logs and metrics that tools in a job wrote to files: they go along with its export."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256

from flow_telemetry.clock import Deadline
from flow_telemetry.errors import ReportError
from flow_telemetry.export.message_texts import redact_texts
from flow_telemetry.export.otlp_files import (
    OtlpRequest,
    item_count,
    parse_otlp_lines,
    prepared,
)
from flow_telemetry.export.packing import packed, without_long_heads
from flow_telemetry.export.tool_spans import ToolSpans
from flow_telemetry.model.tool_traces import ToolTraces
from flow_telemetry.outcome import InsideTold
from flow_telemetry.parts import Parts
from flow_telemetry.redaction import Redactor
from flow_telemetry.rules import timing
from flow_telemetry.settings import Settings
from flow_telemetry.signals import semconv
from flow_telemetry.signals.measured import Measured
from flow_telemetry.sources.reports.content import MEBIBYTE, Content
from flow_telemetry.sources.reports.globs import Bounds, FoundFile, find_files
from flow_telemetry.sources.reports.otlp_files import read_otlp_lines
from flow_telemetry.subjects.inside.found import Inside
from flow_telemetry.subjects.inside.job import JobInside
from flow_telemetry.subjects.inside.own_spans import own_span_ids
from flow_telemetry.telemetry import Signal, SpanLink

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


def file_traces(job: JobInside, beside: Iterable[str] = ()) -> Inside:
    """Return what tools of the job wrote to files that input trace-files names.

    ``beside`` are the references of spans that leave beside those of the run, as of its tests.
    """
    if job.workspace is None:
        return Inside(
            notices=("input trace-files: GITHUB_WORKSPACE is not set, so no files are found",)
        )
    bounds = Bounds(files=MOST_FILES, size=MOST_BYTES)
    found = find_files(job.settings.inside.trace_files, job.workspace, bounds=bounds)
    reading = Reading.of(job.settings, job.parts, own_trace=job.placement.trace_id)
    reading.spans.taken = own_span_ids(job.placement, job.run, beside)
    reading.tell(found.left_out)
    reading.read((file.name, file.path) for file in _of_this_job(job, found.files, reading.tell))
    return reading.inside(job.reference, "input trace-files")


def _of_this_job(
    job: JobInside, files: Iterable[FoundFile], tell: Callable[[Iterable[str]], None]
) -> list[FoundFile]:
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


def _modified(file: FoundFile) -> float:
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
    def of(cls, settings: Settings, parts: Parts, *, own_trace: str) -> Reading:
        """Return one that may take half of the time that is left: the rest is for sending."""
        deadline = parts.deadline
        seconds = None if deadline.at is None else deadline.remaining() / 2
        return cls(
            wanted=settings.signals.wanted,
            redact=parts.redact,
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

    def inside(self, owner: str, source: str) -> Inside:
        """Return all that was found.

        ``owner`` is the reference of the span that other traces are linked to, ``source`` what
        notices begin with.
        """
        links = self._links()
        told = self._counts()
        return Inside(
            prepared=(prepared(each, self.repository) for each in packed(self._requests)),
            measured=(Measured(owner=owner, links=links),) if links else (),
            notices=tuple(f"{source}: {text}" for text in self._notices()),
            told=InsideTold(tool_traces=told) if told.files else None,
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
            return "half of the time (input timeout) was used up"
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
            redact_texts(request.message, self.redact)
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
