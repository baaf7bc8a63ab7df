"""Job logs: files, lines, steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader, RawIOBase
from itertools import islice
from typing import IO, TypeAlias, cast
from zipfile import ZipInfo

from flow_telemetry.errors import ReportError
from flow_telemetry.http import payload as take
from flow_telemetry.identity import instant
from flow_telemetry.model.reports import LogLevel, LogLine
from flow_telemetry.reports.archives import DAMAGES, describe_refusal, is_folder, open_archive
from flow_telemetry.reports.files import MEBIBYTE, Content
from flow_telemetry.rules.intervals import Interval

# Lines of GitHub's logs: their times, marks and groups told apart from what was written.

# How much of a line is kept, in characters.
LONGEST_LINE = 16_384
_LONGEST_GROUP = 256

_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,24}Z) ?")
# As long as the runner's own times, `2026-11-24T03:43:00.1234567Z`, of which six digits are kept.
_USUAL_LENGTH = 28
_KEPT_LENGTH = 26
# What marks and groups begin with, and the lines around a private key: they matter to what follows.
_OF_MATTER = ("##[", "-----")
_MARK = re.compile(r"##\[([a-z]{1,16})\]")
# Colours and cursors (CSI), titles and links (OSC, up to their end), and other sequences.
_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]+")
# What it returns has as many texts, in their order.
Redact = Callable[[list[str]], list[str]]
# So many lines are handed to who redacts them at once.
_AT_ONCE = 256

_LEVELS = {level.value: level for level in LogLevel}
# The number, time and text of a line.
_Plain: TypeAlias = tuple[int, datetime | None, str]


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
    """Yield the lines of a log after the first ``skip``; those that only end a group are none.

    A line without a time has that of the line before it. ``redact`` is given the lines without
    their times and colours, before they are cut, in order; of those that are skipped only what
    opens or ends something. ``longest`` bounds the bytes of a line, where it is less than what is
    kept of each.
    """
    group = ""
    for number, time, text in _redacted(_plain_lines(raw, skip), redact):
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
                level=_LEVELS.get(kind),
            )


def _plain_lines(raw: Iterable[str], skip: int) -> Iterator[_Plain]:
    time: datetime | None = None
    for number, line in enumerate(raw, 1):
        # Of the last one that is skipped the time may be needed.
        if number < skip and not any(mark in line for mark in _OF_MATTER):
            continue
        text = line.lstrip("\ufeff")
        stamp = _TIME.match(text)
        if stamp is not None:
            time = log_time(stamp[1]) or time
            text = text[stamp.end() :]
        yield number, time, _plain(text)


def _redacted(lines: Iterator[_Plain], redact: Redact) -> Iterator[_Plain]:
    while chunk := list(islice(lines, _AT_ONCE)):
        texts = redact([text for _, _, text in chunk])
        for (number, time, _), text in zip(chunk, texts, strict=True):
            yield number, time, text


def log_time(stamp: str) -> datetime | None:
    """Return a time as the runner writes it; None for what is no time."""
    # Nearly all are of one form, and a log has many.
    if len(stamp) == _USUAL_LENGTH and stamp.startswith("20"):
        try:
            return datetime.fromisoformat(f"{stamp[:_KEPT_LENGTH]}+00:00")
        except ValueError:
            return None
    return take.time({"": stamp}, "")


def _plain(text: str) -> str:
    """Return what a terminal shows at last: of what returns to the line's start, the end."""
    text = text.rstrip("\r\n")
    if text.isprintable():
        return text
    text = _ANSI.sub("", text)
    if text.isprintable():
        return text
    shown = text.rpartition("\r")[2] or text
    return _CONTROLS.sub("", shown)


# What GitHub calls the files in the archive of a run's logs.

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


# The archive of a run's logs, as GitHub gives it: a file for each step, or for each job only.
#
# Nothing is unpacked to disk. Names only choose what is read, links are no logs, and what is read
# of a file is counted, whatever the archive says of its size.

LARGEST_LOG = 256 * MEBIBYTE
_LONGEST_READ = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A log in an archive: of a step, or of a whole job. ``size`` is in bytes, uncompressed."""

    job: str
    step: int | None
    size: int
    path: str


class LogArchive:
    """The logs of a run. Close it, or use it in a `with`."""

    def __init__(
        self,
        content: Content | IO[bytes],
        name: str = "the archive of the run's logs",
        *,
        largest: int = LARGEST_LOG,
    ) -> None:
        """Open an archive; ``name`` is what errors call it, ``largest`` bounds each log in bytes.

        An open file is read, and closed by who opened it.

        Raises:
            ReportError: it cannot be read, or is no archive.
        """
        self._name = name
        self._largest = largest
        self.left_out: list[str] = []
        self._zip = open_archive(content, name)
        self.files = self._listed()

    def __enter__(self) -> LogArchive:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()

    def lines(self, file: LogFile, *, redact: Redact = unredacted) -> Iterator[LogLine]:
        """Yield the lines of a log, given to ``redact`` without their times and colours.

        Raises:
            ReportError: the archive is damaged there, or its log larger than it may be.
        """
        raw = (line.decode("utf-8", errors="replace") for line in self.raw(file))
        return parse_log_lines(raw, file.job, file.step, redact=redact)

    def raw(self, file: LogFile) -> Iterator[bytes]:
        """Yield the lines of a log as they are, of a very long one only the beginning.

        Raises:
            ReportError: as `lines`.
        """
        try:
            # Its own `readline` takes many times as long.
            with self._zip.open(file.path) as log, BufferedReader(cast("RawIOBase", log)) as lines:
                yield from raw_lines(lines, self._name, self._largest)
        except DAMAGES as error:
            raise ReportError(f"{self._name} is damaged at one of its logs: {error}") from error

    def _listed(self) -> tuple[LogFile, ...]:
        """The logs in the archive's order; a job's whole log only where it has none of steps."""
        found: dict[str, LogFile] = {}
        for entry in self._zip.infolist():
            name = self._name_of(entry)
            if name is not None:
                found[entry.filename] = LogFile(
                    job=name.job, step=name.step, size=entry.file_size, path=entry.filename
                )
        stepped = {file.job for file in found.values() if file.step is not None}
        return tuple(
            file
            for file in found.values()
            if file.step is not None
            or (file.job not in stepped and file.path.removesuffix(".txt") not in stepped)
        )

    def _name_of(self, entry: ZipInfo) -> LogName | None:
        name = None if is_folder(entry) else parse_log_name(entry.filename)
        if name is None:
            return None
        reason = describe_refusal(entry, self._largest)
        if reason:
            self.left_out.append(f"{entry.filename!a} in {self._name} {reason}")
            return None
        return name


def raw_lines(log: IO[bytes], name: str, largest: int = LARGEST_LOG) -> Iterator[bytes]:
    """Yield the lines of a log in an open file, of a very long one only the beginning.

    Raises:
        ReportError: it is larger than ``largest``, in bytes; its lines until there have come.
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


# What of a log is whose: a first, quick look at all of its lines, of which none is kept.
#
# Where an archive has a file of a whole job only, its lines are those of the step whose time holds
# them. GitHub's times of steps have whole seconds, so the second in which one step ends and the
# next begins belongs to both: there the runner's own first line of a step tells.

_STAMP = re.compile(rb"(?:\xef\xbb\xbf)?([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,24}Z) ?")
_BEGINNING_OF_STEP = re.compile(
    rb"##\[group\](?:Run |Checking docker version)|Post job cleanup\.|Cleaning up orphan processes"
)
_TELLS_NOTHING = (b"", b"##[endgroup]")
_TO_THE_SECOND = len("2026-11-24T03:43:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Lines of a log that are of one step.

    ``step`` is its place among those that were asked for, ``begin`` how many lines of the log are
    before, ``size`` the bytes of their text with one for each line's end. ``times`` are those of
    the first and last line that has one, None where none has.
    """

    step: int
    begin: int
    lines: int
    size: int
    times: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The stretches of a log in its order; ``damage`` tells why its end could not be read."""

    stretches: tuple[Stretch, ...] = ()
    damage: str | None = None


@dataclass(slots=True)
class _Open:
    """The stretch that the reader is in."""

    step: int
    begin: int
    lines: int = 0
    size: int = 0
    first: bytes = b""
    last: bytes = b""

    def closed(self) -> Stretch:
        return Stretch(
            step=self.step,
            begin=self.begin,
            lines=self.lines,
            size=self.size,
            times=_times(self.first, self.last),
        )


def survey(raw: Iterable[bytes], steps: Sequence[Interval] = ()) -> Survey:
    """Return whose the lines of a log are.

    ``steps`` are the times of the steps that ran, in their order, where the log is of a whole job;
    none for the log of one step.
    """
    places = _Places(steps)
    found: list[Stretch] = []
    now, damage = _Open(0, 0), None
    lines = _until_damage(raw)
    for line in lines:
        if isinstance(line, ReportError):
            damage = str(line)
            break
        stamp = _STAMP.match(line)
        text_at = stamp.end() if stamp is not None else 0
        if stamp is not None and places.moves(line, stamp) and places.step != now.step:
            if now.lines:
                found.append(now.closed())
            now = _Open(places.step, now.begin + now.lines)
        now.lines += 1
        now.size += text_size(line, text_at)
        if stamp is not None:
            now.first = now.first or stamp[1]
            now.last = stamp[1]
    if now.lines:
        found.append(now.closed())
    return Survey(stretches=tuple(found), damage=damage)


@dataclass(frozen=True, slots=True)
class EndOfStretch:
    """How many lines of a stretch are before its end.

    Where nothing in the end tells anything, ``telling`` is how many are before the last line that
    does, which is larger than the end may be.
    """

    before: int
    telling: int | None = None


def end_of_stretch(raw: Iterable[bytes], stretch: Stretch, share: int) -> EndOfStretch:
    """Return where the end of a stretch of at most ``share`` bytes begins.

    ``raw`` are the lines of the stretch.
    """
    left, before = stretch.size, 0
    telling: int | None = None
    for line in _until_damage(raw):
        if isinstance(line, ReportError):
            break
        stamp = _STAMP.match(line)
        text_at = stamp.end() if stamp is not None else 0
        tells = line[text_at:].strip() not in _TELLS_NOTHING
        if left <= share:
            if tells:
                return EndOfStretch(before)
            continue
        telling = before if tells else telling
        left -= text_size(line, text_at)
        before += 1
    return EndOfStretch(before, telling)


def text_size(line: bytes, text_at: int) -> int:
    """Return the bytes of a line from where its text begins, one for its end included.

    Of a long line what is kept of it counts.
    """
    size = len(line) - text_at
    size = size if line.endswith(b"\n") else size + 1
    if size <= LONGEST_LINE:
        return size
    text = line[text_at:].rstrip(b"\r\n").decode(errors="replace")
    return len(text[:LONGEST_LINE].encode()) + 1


class _Places:
    """Follows the steps of a job along its log; ``step`` is the one that the last line was of."""

    def __init__(self, steps: Sequence[Interval]) -> None:
        # Texts of one form, that need not be parsed to be compared.
        self._starts = [_second(each.start) for each in steps]
        self._ends = [_second(each.end) for each in steps]
        self._last = len(steps) - 1
        self.step = 0

    def moves(self, line: bytes, stamp: re.Match[bytes]) -> bool:
        """Follow to the step of a line that has a time; whether that is another one."""
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


def _until_damage(raw: Iterable[bytes]) -> Iterator[bytes | ReportError]:
    try:
        yield from raw
    except ReportError as error:
        yield error


def _second(time: datetime) -> bytes:
    return instant(time).encode()[:_TO_THE_SECOND]


def _times(first: bytes, last: bytes) -> Interval | None:
    start, end = (log_time(each.decode("ascii")) for each in (first, last))
    return None if start is None else Interval.of(start, end)
