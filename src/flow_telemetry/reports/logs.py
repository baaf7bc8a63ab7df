"""Job logs of GitHub: their files in an archive, their lines, and which step a line belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader, RawIOBase
from itertools import islice
from pathlib import Path
from typing import IO, TypeAlias, cast

from flow_telemetry.errors import ReportError
from flow_telemetry.http import payload as take
from flow_telemetry.identity import format_timestamp
from flow_telemetry.model.reports import LogLevel, LogLine
from flow_telemetry.reports.archives import DAMAGES, describe_refusal, is_folder, open_archive
from flow_telemetry.reports.files import MEBIBYTE
from flow_telemetry.rules.intervals import Interval

# Lines: their times, levels and groups, separated from the text.

# A longer line is cut to so many characters.
LONGEST_LINE = 16_384
_LONGEST_GROUP = 256

_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,24}Z) ?")
# The length of the runner's times, `2026-11-24T03:43:00.1234567Z`; six digits are parsed.
_USUAL_LENGTH = 28
_KEPT_LENGTH = 26
# Levels, groups and the borders of a private key begin like this, and affect later lines.
_STATEFUL = ("##[", "-----")
_MARK = re.compile(r"##\[([a-z]{1,16})\]")
# Colours and cursors (CSI), titles and links (OSC, up to their end), and other sequences.
_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]+")
# Returns as many texts as it gets, in the same order.
Redact = Callable[[list[str]], list[str]]
# The number of lines that are redacted together.
_AT_ONCE = 256

_LEVELS = {level.value: level for level in LogLevel}
# The number, time and text of a line, and the level that it has or continues.
_PlainLine: TypeAlias = tuple[int, datetime | None, str, LogLevel | None]


def unredacted(texts: list[str]) -> list[str]:
    """Return texts as they are."""
    return texts


def parse_log_lines(
    raw: Iterable[str],
    job: str,
    step: int | None = None,
    *,
    redact: Redact = unredacted,
    skip: int = 0,
    longest: int | None = None,
) -> Iterator[LogLine]:
    """Yield the lines of a log after the first ``skip``, without those that only end a group.

    A line without a time has the time of the line before, and its level: the runner writes a
    message of several lines at once, with one time. ``redact`` gets the lines in order,
    without their times and colours and before they are cut; of the skipped lines it gets only
    those that affect later ones. ``longest`` limits the bytes of a line, in addition to the usual
    limit.
    """
    group = ""
    for number, time, text, level in _redact_lines(_parse_lines(raw, skip), redact):
        mark = _MARK.match(text) if text.startswith("##[") else None
        kind = mark[1] if mark is not None else ""
        if kind == "endgroup":
            group = ""
            continue
        shown = text[mark.end() if mark is not None else 0 :][:LONGEST_LINE]
        if longest is not None:
            shown = shown.encode()[:longest].decode(errors="ignore")
        if kind == "group":
            group = shown.strip()[:_LONGEST_GROUP]
        if number > skip:
            yield LogLine(
                job=job,
                step=step,
                number=number,
                time=time,
                text=shown,
                group=group,
                level=_LEVELS.get(kind, level),
            )


def _parse_lines(raw: Iterable[str], skip: int) -> Iterator[_PlainLine]:
    time: datetime | None = None
    level: LogLevel | None = None  # of the last line with a time
    for number, line in enumerate(raw, 1):
        # The time of the last skipped line may be needed.
        if number < skip and not any(mark in line for mark in _STATEFUL):
            level = None if level is not None and _TIME.match(line) else level
            continue
        text = line.lstrip("\ufeff")
        stamp = _TIME.match(text)
        if stamp is None:
            yield number, time, _strip_terminal_codes(text), level
            continue
        time = _parse_log_time(stamp[1]) or time
        text = _strip_terminal_codes(text[stamp.end() :])
        mark = _MARK.match(text) if text.startswith("##[") else None
        level = _LEVELS.get(mark[1]) if mark is not None else None
        yield number, time, text, level


def _redact_lines(lines: Iterator[_PlainLine], redact: Redact) -> Iterator[_PlainLine]:
    while chunk := list(islice(lines, _AT_ONCE)):
        texts = redact([text for _, _, text, _ in chunk])
        for (number, time, _, level), text in zip(chunk, texts, strict=True):
            yield number, time, text, level


def _parse_log_time(stamp: str) -> datetime | None:
    """Parse a time as the runner writes it; None if the text is not a time."""
    # Nearly all have the same format, and a log has many.
    if len(stamp) == _USUAL_LENGTH and stamp.startswith("20"):
        try:
            return datetime.fromisoformat(f"{stamp[:_KEPT_LENGTH]}+00:00")
        except ValueError:
            return None
    return take.time({"": stamp}, "")


def _strip_terminal_codes(text: str) -> str:
    """Return what a terminal shows in the end, after colours and carriage returns."""
    text = text.rstrip("\r\n")
    if text.isprintable():
        return text
    text = _ANSI.sub("", text)
    if text.isprintable():
        return text
    shown = text.rpartition("\r")[2] or text
    return _CONTROLS.sub("", shown)


# Names of files in the archive of a run's logs.

# `0_test (3.12).txt` is the log of a job, `test (3.12)/3_Run pytest.txt` that of a step. Negative
# numbers come from an older service, which GitHub falls back to.
_JOB_LOG = re.compile(r"(-?[0-9]{1,20})_([^/\\]+)\.txt")
_STEP_LOG = re.compile(r"([^/\\]+)/([0-9]{1,6})_([^/\\]*)\.txt")
_NUMBER_PREFIX = re.compile(r"-?[0-9]{1,20}_(?=.)")
_REMOVED_CHARACTERS = re.compile(r'[/:\\<>"|*?\x00-\x1f]')
_LONGEST_JOB_NAME = 90


def parse_log_name(path: str) -> tuple[str, int | None] | None:
    """Return the job of a log, as the archive names it, and its step; None for another file.

    The step is None if the log is that of the whole job.
    """
    step = _STEP_LOG.fullmatch(path)
    if step is not None and step[1] not in {".", ".."}:
        return step[1], int(step[2])
    job = _JOB_LOG.fullmatch(path)
    return (job[2], None) if job is not None else None


def list_job_names(in_archive: str) -> tuple[str, str]:
    """Return the possible names of a job in an archive: with the number, and without it.

    A folder may begin with the job's number, and so may the name of a job itself.
    """
    return format_job_name(in_archive), format_job_name(_NUMBER_PREFIX.sub("", in_archive, count=1))


def format_job_name(name: str) -> str:
    """Return the name of a job in an archive.

    GitHub removes some characters, and cuts the rest to 90 units of UTF-16.
    """
    encoded = _REMOVED_CHARACTERS.sub("", name).encode("utf-16-le", errors="surrogatepass")
    return encoded[: _LONGEST_JOB_NAME * 2].decode("utf-16-le", errors="replace").strip()


# The archive of a run's logs: a file for each step, or for each job only.
#
# Nothing is extracted to disk, links are skipped, and the bytes of a file are counted while it is
# read, since the archive's size may lie.

LARGEST_LOG = 256 * MEBIBYTE
_LONGEST_READ = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A log of a step or of a whole job in an archive; ``size`` is in bytes, uncompressed."""

    job: str
    step: int | None
    size: int
    path: str


class LogArchive:
    """The logs of a run. Close it, or use it in a `with`."""

    def __init__(
        self,
        content: Path | bytes | IO[bytes],
        name: str = "the archive of the run's logs",
        *,
        largest: int = LARGEST_LOG,
    ) -> None:
        """Open an archive; ``name`` is for errors, ``largest`` limits each log in bytes.

        An open file is left open.

        Raises:
            ReportError: it cannot be read, or is not an archive.
        """
        self._name = name
        self._largest = largest
        self.left_out: list[str] = []
        self._zip = open_archive(content, name)
        self.files = self._list_files()

    def __enter__(self) -> LogArchive:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the archive."""
        self._zip.close()

    def lines(self, file: LogFile, *, redact: Redact = unredacted) -> Iterator[LogLine]:
        """Yield the lines of a log; ``redact`` gets them without their times and colours.

        Raises:
            ReportError: the archive is damaged, or the log is too large.
        """
        raw = (line.decode("utf-8", errors="replace") for line in self.raw(file))
        return parse_log_lines(raw, file.job, file.step, redact=redact)

    def raw(self, file: LogFile) -> Iterator[bytes]:
        """Yield the unparsed lines of a log; a very long line is cut.

        Raises:
            ReportError: as `lines`.
        """
        try:
            # The `readline` of a file in an archive takes many times as long.
            with self._zip.open(file.path) as log, BufferedReader(cast("RawIOBase", log)) as lines:
                yield from raw_lines(lines, self._name, self._largest)
        except DAMAGES as error:
            raise ReportError(f"{self._name} is damaged at one of its logs: {error}") from error

    def _list_files(self) -> tuple[LogFile, ...]:
        """List the logs in order; a job's whole log only if it has no logs of steps."""
        files: dict[str, LogFile] = {}
        for entry in self._zip.infolist():
            path = entry.filename
            name = None if is_folder(entry) else parse_log_name(path)
            if name is None:
                continue
            if reason := describe_refusal(entry, self._largest):
                self.left_out.append(f"{path!a} in {self._name} {reason}")
                continue
            job, step = name
            files[path] = LogFile(job=job, step=step, size=entry.file_size, path=path)
        jobs_with_steps = {file.job for file in files.values() if file.step is not None}
        return tuple(
            file
            for file in files.values()
            if file.step is not None
            # The folder of a job's steps may begin with the job's number.
            or jobs_with_steps.isdisjoint((file.job, file.path.removesuffix(".txt")))
        )


def raw_lines(log: IO[bytes], name: str, largest: int = LARGEST_LOG) -> Iterator[bytes]:
    """Yield the unparsed lines of a log in an open file; a very long line is cut.

    Raises:
        ReportError: it is larger than ``largest`` bytes, after the lines up to there.
    """
    left = largest
    within = False
    while piece := log.readline(_LONGEST_READ):
        left -= len(piece)
        if left < 0:
            raise ReportError(
                f"a log in {name} is larger than {largest // MEBIBYTE} MiB; the rest of it is not "
                "read"
            )
        if not within:
            yield piece
        within = not piece.endswith(b"\n")


# Index of a job log: which lines belong to which step. It reads the log once and keeps no line.
#
# If an archive has only the log of a whole job, a line belongs to the step whose time contains its
# own. GitHub's times of steps have whole seconds, so the second in which one step ends and the next
# begins belongs to both; in it, the runner's first line of a step decides.

_STAMP = re.compile(rb"(?:\xef\xbb\xbf)?([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,24}Z) ?")
_BEGINNING_OF_STEP = re.compile(
    rb"##\[group\](?:Run |Checking docker version)|Post job cleanup\.|Cleaning up orphan processes"
)
_EMPTY_TEXTS = (b"", b"##[endgroup]")
_TO_THE_SECOND = len("2026-11-24T03:43:00")


@dataclass(slots=True)
class LogSection:
    """Consecutive lines of a log that belong to one step.

    ``step`` is the index among the requested steps, ``begin`` the number of lines before, ``size``
    the bytes of the texts with one for the end of each line. ``first`` and ``last`` are the stamps
    of the first and last line that has one; empty if none has.
    """

    step: int
    begin: int
    lines: int = 0
    size: int = 0
    first: bytes = b""
    last: bytes = b""

    @property
    def times(self) -> Interval | None:
        """The times of the first and last line with a time; None if none has one."""
        start, end = (_parse_log_time(stamp.decode("ascii")) for stamp in (self.first, self.last))
        return None if start is None else Interval.of(start, end)


def index_log(
    raw: Iterable[bytes], steps: Sequence[Interval] = ()
) -> tuple[list[LogSection], str | None]:
    """Return which lines of a log belong to which step, and why its end could not be read, if so.

    ``steps`` are the times of the steps that ran, in order, for the log of a whole job; empty for
    the log of one step.
    """
    tracker = _StepTracker(steps)
    sections: list[LogSection] = []
    section, damage = LogSection(0, 0), None
    for line in _read_until_damage(raw):
        if isinstance(line, ReportError):
            damage = str(line)
            break
        stamp = _STAMP.match(line)
        text_at = stamp.end() if stamp is not None else 0
        if stamp is not None and tracker.move(line, stamp):
            if section.lines:
                sections.append(section)
            section = LogSection(tracker.step, section.begin + section.lines)
        section.lines += 1
        section.size += _measure_text(line, text_at)
        if stamp is not None:
            section.first = section.first or stamp[1]
            section.last = stamp[1]
    if section.lines:
        sections.append(section)
    return sections, damage


def find_section_end(
    raw: Iterable[bytes], section: LogSection, share: int
) -> tuple[int, int | None]:
    """Return the number of lines of a section before its last ``share`` bytes.

    If all lines in those bytes are empty, also return the number of lines before the last one that
    is not empty and that is larger than the rest of the share; otherwise None.

    Args:
        raw: the lines of the section.
        section: the section.
        share: the bytes that the end may have.
    """
    left, before = section.size, 0
    last_text: int | None = None
    for line in _read_until_damage(raw):
        if isinstance(line, ReportError):
            break
        stamp = _STAMP.match(line)
        text_at = stamp.end() if stamp is not None else 0
        has_text = line[text_at:].strip() not in _EMPTY_TEXTS
        if left <= share:
            if has_text:
                return before, None
            continue
        last_text = before if has_text else last_text
        left -= _measure_text(line, text_at)
        before += 1
    return before, last_text


def _measure_text(line: bytes, text_at: int) -> int:
    """Return the bytes of a line's text and its end, after a long line is cut."""
    size = len(line) - text_at
    size = size if line.endswith(b"\n") else size + 1
    if size <= LONGEST_LINE:
        return size
    text = line[text_at:].rstrip(b"\r\n").decode(errors="replace")
    return len(text[:LONGEST_LINE].encode()) + 1


class _StepTracker:
    """Follows the steps of a job along its log; ``step`` is the step of the last line."""

    def __init__(self, steps: Sequence[Interval]) -> None:
        # As texts of one format, which can be compared without parsing.
        self._starts = [_format_second(step.start) for step in steps]
        self._ends = [_format_second(step.end) for step in steps]
        self._last = len(steps) - 1
        self.step = 0

    def move(self, line: bytes, stamp: re.Match[bytes]) -> bool:
        """Move to the step of a line that has a time; return whether the step changed."""
        before = self.step
        if before >= self._last:
            return False
        second = stamp[1][:_TO_THE_SECOND]
        begins = False
        if second >= self._starts[before + 1]:
            begins = _BEGINNING_OF_STEP.match(line, stamp.end()) is not None
        while self.step < self._last and second >= self._starts[self.step + 1]:
            if second <= self._ends[self.step] and not begins:
                break
            self.step += 1
            begins = False
        return self.step != before


def _read_until_damage(raw: Iterable[bytes]) -> Iterator[bytes | ReportError]:
    try:
        yield from raw
    except ReportError as error:
        yield error


def _format_second(time: datetime) -> bytes:
    return format_timestamp(time).encode()[:_TO_THE_SECOND]
