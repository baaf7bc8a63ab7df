"""The page of an export: its spans, a bounded number of them, on their way, and its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.files import make_own_folder, replace_file
from flow_telemetry.model.time_shares import TimeShares
from flow_telemetry.otlp.batch import resource_size, span_size
from flow_telemetry.otlp.output import LinesFile
from flow_telemetry.outcome import ExportedSubject, Outcome
from flow_telemetry.privacy.audience import Audience, redact_drawn_spans, redact_outcome
from flow_telemetry.report.html import PageAssets, page
from flow_telemetry.report.page_data import PageFacts, page_data
from flow_telemetry.report.terminal import entity_type
from flow_telemetry.telemetry import EncodedRequest, Signal, Span, Telemetry
from flow_telemetry.text import counted

MOST_SPANS = 5_000
# As protobuf. Our own spans have about 1 kB; one of a tool can have much more.
MOST_BYTES = 16_000_000
# Limited by the umask of the user.
_PAGE_MODE = 0o666
# Read beside the module: the importer of the action's bundle has no
# resources for importlib.resources.
_ASSETS = Path(__file__).with_name("report")
_FILE_NAME = "page.html"

# From coarse to fine: what the page leaves out first if there are too many spans comes last.
_COARSE = frozenset(
    {
        *("change", "deployment", "life", "linked_run", "opening", "phase", "run", "status"),
        *("blocked", "work_item"),
    }
)
_OF_JOBS = frozenset({"approval", "job", "start_wait"})
_LEVELS = (
    "spans of runs, pull requests and work items",
    "jobs",
    "steps, queue times and other spans within jobs",
)


def _level(span: Span) -> int:
    entity = entity_type(span)
    return 0 if entity in _COARSE else 1 if entity in _OF_JOBS else 2


@dataclass(slots=True)
class PageSpans:
    """The spans of the page: a bounded number, however many an export sends.

    If there are too many, all of the finest level are left out, then all of the next one. So what
    is shown is complete at its level. Of the coarsest level the first ones are kept.
    """

    most_spans: int = MOST_SPANS
    most_bytes: int = MOST_BYTES
    _levels: tuple[list[Span], ...] = field(default_factory=lambda: tuple([] for _ in _LEVELS))
    _bytes: list[int] = field(default_factory=lambda: [0] * len(_LEVELS))
    _left_out: list[int] = field(default_factory=lambda: [0] * len(_LEVELS))
    _encoded: int = 0
    # The finest level that is kept.
    _finest: int = len(_LEVELS) - 1

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans that are kept."""
        return tuple(span for level in self._levels for span in level)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about the spans that are not on the page."""
        parts = [
            f"{count:,} {name}"
            for count, name in zip(self._left_out, _LEVELS, strict=True)
            if count
        ]
        limit = f"The page shows at most {self.most_spans:,} spans, so these are not on it: "
        tools = f"{counted(self._encoded, 'span')} of tools: the page shows only those of GitHub"
        return (
            *([limit + "; ".join(parts) + "."] if parts else []),
            *([f"Not on the page: {tools} and trackers."] if self._encoded else []),
        )

    def watched(self, stream: Iterable[Telemetry]) -> Iterator[Telemetry]:
        """Yield the stream unchanged, and keep its spans within the limits."""
        for telemetry in stream:
            if isinstance(telemetry, Span):
                self.add(telemetry)
            elif isinstance(telemetry, EncodedRequest) and telemetry.signal is Signal.TRACES:
                self._encoded += telemetry.items
            yield telemetry

    def add(self, span: Span) -> None:
        """Keep a span if its level is kept."""
        level = _level(span)
        if level > self._finest:
            self._left_out[level] += 1
            return
        self._levels[level].append(span)
        self._bytes[level] += span_size(span) + resource_size(span.resource)
        while self._is_full() and self._finest > 0:
            self._drop(self._finest)
            self._finest -= 1
        if self._is_full():
            last = self._levels[0].pop()
            self._bytes[0] -= span_size(last) + resource_size(last.resource)
            self._left_out[0] += 1

    def _is_full(self) -> bool:
        count = sum(map(len, self._levels))
        return count > self.most_spans or sum(self._bytes) > self.most_bytes

    def _drop(self, level: int) -> None:
        self._left_out[level] += len(self._levels[level])
        self._levels[level].clear()
        self._bytes[level] = 0


def page_of_export(
    kept: PageSpans,
    outcome: Outcome,
    audience: Audience,
    *,
    heading: str = "",
    trace_url: str = "",
) -> str:
    """Return the page of an export for an audience, which may be the public.

    Without a ``heading`` it is that of the first subject. ``trace_url`` is the user's template of
    the addresses of traces.
    """
    outcome = redact_outcome(audience, outcome)
    subjects = [] if outcome.exported is None else [outcome.exported, *outcome.further]
    # The sweep of an organization does not keep what it exported.
    count = f": {len(subjects):,} exported" if subjects else ""
    count = count if subjects or kept.spans else ": nothing exported"
    title = f"{heading}{count}" if heading else _title(subjects)
    facts = PageFacts(
        times=_times(subjects, is_period=bool(heading)),
        trace_url=trace_url,
        notes=(*kept.notes, *outcome.errors, *outcome.problems, *outcome.left_out),
    )
    return build_page(redact_drawn_spans(audience, kept.spans), title, facts)


def _times(subjects: Sequence[ExportedSubject], *, is_period: bool) -> tuple[TimeShares, ...]:
    """Return where the time of the subjects went; that of a run is read off its spans.

    Of a period it is that of the pull requests: features have it as well.
    """
    if subjects and subjects[0].run is not None and not is_period:
        return ()
    timed = [subject for subject in subjects if subject.time is not None]
    timed = [s for s in timed if s.change is not None] or timed if is_period else timed[:1]
    return tuple(subject.time for subject in timed if subject.time is not None)


def _title(subjects: Sequence[ExportedSubject]) -> str:
    """Return the title of the first subject, and how many others there are."""
    if not subjects:
        return "Nothing exported"
    first = subjects[0]
    about = first.change.title if first.change else first.item.title if first.item else ""
    title = f"{first.title}: {about}" if about and about not in first.title else first.title
    return f"{title} and {len(subjects) - 1:,} more" if len(subjects) > 1 else title


def build_page(spans: Iterable[Span], title: str, facts: PageFacts | None = None) -> str:
    """Return the page of these spans."""
    return page(page_data(spans, facts or PageFacts()), title, _load_assets())


def write_page(path: Path, text: str) -> None:
    """Write a page, complete or not at all. A device, such as /dev/stdout, is written directly.

    Raises:
        FlowTelemetryError: the file cannot be written.
    """
    try:
        file = LinesFile(path, _PAGE_MODE)
        try:
            file.write(text.removesuffix("\n"))
        except OSError:
            file.discard()
            raise
        file.publish()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise FlowTelemetryError(
            f"the page cannot be written to {path}: {reason}; name another file by --html"
        ) from None


def write_page_in(folder: Path, text: str) -> Path:
    """Write a page as `page.html` into our own folder, which is created; return the file's path.

    Raises:
        FlowTelemetryError: the file cannot be written.
    """
    path = folder / _FILE_NAME
    try:
        make_own_folder(folder)
        replace_file(path, text.encode())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise FlowTelemetryError(
            f"the page cannot be written to {path}: {reason}; free space on the runner's disk, and "
            "check the permissions of its temporary folder"
        ) from None
    return path


@cache
def _load_assets() -> PageAssets:
    style, script = (
        _ASSETS.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
    )
    return PageAssets(style=style, script=script)
