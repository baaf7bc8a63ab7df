"""Files of a job, such as reports and logs: found by patterns, and read within limits.

No file is trusted: sizes are limited, and a file that cannot be read becomes a ReportError that
names it. Libraries are imported only when a file is read.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from fnmatch import translate
from pathlib import Path
from posixpath import normpath

from flow_telemetry.clock import Deadline
from flow_telemetry.errors import ReportError
from flow_telemetry.http import payload as take
from flow_telemetry.local_files import open_regular
from flow_telemetry.text import counted

# Finding files by patterns, in the workspace only.

# The job's tools do not write to these, and walking them takes long. They are walked if a pattern
# names them.
UNSEEN = (".git", "node_modules")
_MAGIC = re.compile(r"[*?\[]")
# Between two checks of the time.
_ENTRIES_BETWEEN_CHECKS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedFile:
    """A file that a pattern matches; ``name`` is its path below the workspace, with slashes."""

    path: Path
    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """Limits of what is read: the number of files, and the bytes of all.

    ``largest`` limits each file in an archive, in bytes; ``entries`` the files and folders of a
    workspace that are checked.
    """

    files: int = 1000
    size: int = 256 * 1024 * 1024
    largest: int = 64 * 1024 * 1024
    entries: int = 500_000


def find_files(
    patterns: Sequence[str],
    workspace: Path,
    *,
    until: Deadline | None = None,
    limits: FileLimits | None = None,
) -> tuple[list[MatchedFile], list[str]]:
    """Return the files below the workspace that patterns match, in order of their names.

    Also return a notice for each file or pattern that was left out. The search ends at ``until``.

    A pattern is a path with `*`, `?` and `[…]` within a name and `**` for any number of folders; a
    pattern with a leading `!` excludes what earlier ones match. Folders that are links are not
    followed, and a file that is a link counts only if it leads to a file in the workspace.
    """
    limits = limits or FileLimits()
    top = workspace.resolve()
    relative_patterns: list[str] = []
    left_out: list[str] = []
    for pattern in filter(None, map(str.strip, patterns)):
        relative = _make_relative(pattern, top)
        if relative is None:
            left_out.append(f"the pattern {pattern} leads out of the workspace")
        else:
            relative_patterns.append(relative)
    selection = _Patterns(relative_patterns)
    matches = sorted(
        _match_files(top, selection, limits, left_out, until), key=lambda file: file.name
    )
    left_out += [
        f"no file matches {pattern}{_explain_no_match(pattern, top)}"
        for pattern in selection.unused()
    ]
    if selection.only_excludes:
        left_out.append(
            "every pattern begins with `!` and so excludes files; add a pattern of files to read"
        )
    return _limit_files(matches, limits, left_out), left_out


def compile_file_patterns(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that says whether patterns select a path, with slashes, in an archive."""
    paths = (pattern.strip().split("/") for pattern in patterns if pattern.strip())
    return _Patterns(["/".join(name for name in path if name != ".") for path in paths]).fits


class _Patterns:
    """All patterns, and which of them have matched a file."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [_Pattern(pattern) for pattern in patterns]
        self._used: set[str] = set()
        names = {name for pattern in self._patterns for name in pattern.names}
        self.unseen = {name for name in UNSEEN if name not in names}

    def fits(self, name: str) -> bool:
        """Whether the last pattern that matches a name does not begin with `!`."""
        matching = self._list_matching(name)
        return bool(matching) and not matching[-1].excludes

    def use(self, name: str) -> None:
        """Mark the patterns that match a name as used."""
        self._used.update(pattern.text for pattern in self._list_matching(name))

    def _list_matching(self, name: str) -> list[_Pattern]:
        names = name.split("/")
        return [pattern for pattern in self._patterns if pattern.fits(names)]

    @property
    def only_excludes(self) -> bool:
        return bool(self._patterns) and all(pattern.excludes for pattern in self._patterns)

    def unused(self) -> list[str]:
        return [
            pattern.text
            for pattern in self._patterns
            if pattern.text not in self._used and not pattern.excludes
        ]


def _make_relative(pattern: str, top: Path) -> str | None:
    """Return a pattern relative to the workspace; None if it leads out of it."""
    excludes, pattern = pattern.startswith("!"), pattern.removeprefix("!").replace(os.sep, "/")
    below = f"{top.as_posix().rstrip('/')}/"
    pattern = pattern.removeprefix(below)
    names = [name for name in pattern.split("/") if name != "."]
    if ".." in names or pattern.startswith("/") or Path(pattern).is_absolute() or not any(names):
        return None
    return ("!" if excludes else "") + "/".join(names)


class _Pattern:
    """A path of patterns of names; `**` is any number of folders, or everything below one."""

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.excludes = pattern.startswith("!")
        self.names = pattern.removeprefix("!").split("/")
        self._fits = [
            None if name == "**" else re.compile(translate(name)).match for name in self.names
        ]

    def fits(self, names: Sequence[str]) -> bool:
        """Whether the pattern matches a path; ``names`` are its folders and file."""
        last = self._fits[-1]
        if last is not None and not last(names[-1]):
            return False
        # The indexes of the patterns that the next name may match.
        reached = self._skip_any_folders({0})
        for name in names:
            following: set[int] = set()
            for at in reached - {len(self.names)}:
                fits = self._fits[at]
                if fits is None:
                    following.add(at)
                elif fits(name):
                    following.add(at + 1)
            reached = self._skip_any_folders(following)
        return len(self.names) in reached

    def _skip_any_folders(self, reached: set[int]) -> set[int]:
        """Add the indexes after `**`, which may match no folder."""
        for at in range(len(self.names)):
            if at in reached and self._fits[at] is None:
                reached.add(at + 1)
        return reached


def _explain_no_match(pattern: str, top: Path) -> str:
    """Explain that no file matches because one of the pattern's first folders is a link."""
    path = top
    for name in pattern.split("/")[:-1]:
        if _MAGIC.search(name):
            break
        path /= name
        # A folder that cannot be accessed explains nothing.
        with suppress(OSError):
            if path.is_symlink() and path.is_dir():
                link = path.relative_to(top).as_posix()
                return (
                    f": {link} is a link to a folder, which is not followed; copy its files "
                    "into another folder first"
                )
    return ""


def _match_files(
    top: Path, selection: _Patterns, limits: FileLimits, left_out: list[str], until: Deadline | None
) -> Iterator[MatchedFile]:
    """Yield the files that patterns select, but for links that are broken or lead out."""
    for number, (name, path) in enumerate(_walk_folders(top, selection.unseen)):
        if number % _ENTRIES_BETWEEN_CHECKS == 0 and until is not None and until.expired:
            left_out.append(f"the rest of the workspace was not checked: {describe_share(until)}")
            return
        if number == limits.entries:
            left_out.append(
                f"the workspace has more than {limits.entries:,} files and folders; the rest "
                "was not checked"
            )
            return
        if not selection.fits(name):
            continue
        try:
            real = Path(path).resolve()
            if not real.is_relative_to(top):
                left_out.append(f"{name} is a link that leads out of the workspace")
                continue
            if not real.is_file():
                continue
            file = MatchedFile(path=real, name=name, size=real.stat().st_size)
        except (OSError, RuntimeError):  # pathlib raises it for a loop of links before Python 3.13
            left_out.append(f"{name} cannot be accessed")
            continue
        selection.use(name)
        yield file


def _walk_folders(top: Path, unseen: set[str]) -> Iterator[tuple[str, str]]:
    """Yield names and paths of all entries; a folder that cannot be read is skipped."""
    folders = [("", str(top))]
    while folders:
        above, folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in listed:
            name = above + entry.name
            yield name, entry.path
            # Some file systems do not say the kind of an entry, and asking for it may fail.
            with suppress(OSError):
                if entry.name not in unseen and entry.is_dir(follow_symlinks=False):
                    folders.append((f"{name}/", entry.path))


def _limit_files(
    matches: list[MatchedFile], limits: FileLimits, left_out: list[str]
) -> list[MatchedFile]:
    within: list[MatchedFile] = []
    size = 0
    for file in matches:
        if len(within) == limits.files:
            more = counted(len(matches) - len(within), "more file")
            left_out.append(f"{more} than the {limits.files:,} that are read, from {file.name} on")
            break
        if size + file.size > limits.size:
            left_out.append(
                f"{file.name}, since with it more than {limits.size // 1024**2} MiB would be read"
            )
            continue
        size += file.size
        within.append(file)
    return within


# Reading a file up to a limit.

MEBIBYTE = 1024 * 1024
# The reports of the largest projects are smaller.
LARGEST_FILE = 64 * MEBIBYTE

# Between two checks of the time.
_LINES_BETWEEN_CHECKS = 10_000


@dataclass(frozen=True, slots=True)
class TimedContent:
    """The bytes of a file that are read until a deadline only."""

    data: bytes
    until: Deadline

    def check(self, name: str) -> None:
        """Raise ReportError if no time is left."""
        if self.until.expired:
            raise ReportError(f"{name} was not read to its end: {describe_share(self.until)}")


Content = Path | bytes | TimedContent


def describe_share(until: Deadline) -> str:
    """Return why files are not read after a deadline, which is a share of the whole time."""
    if until.cancellation.at is not None:
        return until.ended
    return f"the share of the time ({until.set_by}) for files of its kind was used up"


def read_chunks(content: Content, name: str, *, limit: int = LARGEST_FILE) -> Iterator[bytes]:
    """Yield the content in chunks, at least one.

    Args:
        content: a file, or its bytes.
        name: its name in errors.
        limit: the largest size in bytes.

    Raises:
        ReportError: it is missing, not a file, empty, too large, or cannot be read.
    """
    size = 0
    for chunk in _read_file(content, name):
        size += len(chunk)
        if size > limit:
            raise ReportError(
                f"{name} is larger than {limit // MEBIBYTE} MiB, which is the limit of one "
                "file. Split it, or name a smaller one"
            )
        yield chunk
    if not size:
        raise ReportError(f"{name} is empty. The tool that writes it may have been cut off")


def whole(content: Content, name: str, *, limit: int = LARGEST_FILE) -> bytes:
    """Return the whole content; parameters and errors are those of `read_chunks`."""
    return b"".join(read_chunks(content, name, limit=limit))


def read_text(content: Content, name: str, *, limit: int = LARGEST_FILE) -> str:
    """Return the content as `decode_text` does. Errors are those of `read_chunks`."""
    return decode_text(whole(content, name, limit=limit))


def read_lines(content: Content, name: str) -> Iterator[str]:
    """Yield the lines of a text, as `decode_text` does. Errors are those of `read_chunks`."""
    for number, line in enumerate(read_text(content, name).split("\n")):
        if number % _LINES_BETWEEN_CHECKS == 0 and isinstance(content, TimedContent):
            content.check(name)
        yield line


def decode_text(data: bytes) -> str:
    """Decode UTF-8, or UTF-16 if a byte order mark begins the text; replace invalid bytes."""
    utf_16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if utf_16 else "utf-8-sig", errors="replace")


def _read_file(content: Content, name: str) -> Iterator[bytes]:
    if not isinstance(content, Path):
        data = content if isinstance(content, bytes) else content.data
        for start in range(0, len(data), MEBIBYTE):
            if isinstance(content, TimedContent):
                content.check(name)
            yield data[start : start + MEBIBYTE]
        return
    try:
        with open_regular(content) as file:
            while chunk := file.read(MEBIBYTE):
                yield chunk
    except FileNotFoundError:
        raise ReportError(
            f"{name} does not exist. Check that the step that writes it has run"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the path is unusable"
        if isinstance(error, OSError) and error.errno == errno.EINVAL:
            raise ReportError(f"{name} is not a regular file, so it was not read") from error
        raise ReportError(f"{name} cannot be read: {reason}") from error


# Parsing texts, numbers and times of reports, whose formats differ between tools.

LONGEST_NAME = 512
LONGEST_MESSAGE = 2048
LONGEST_TEXT = 8192

# Ten years in seconds; a larger number is not a duration.
_LONGEST_DURATION = 3.2e8
_MOST_DIGITS = 15
_LONGEST_NUMBER = 32
# `1,234` may have a decimal comma or groups; `0,234` and `1234,567` cannot have groups.
_COMMA_OF_EITHER_KIND = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")
_DECIMAL_COMMA = re.compile(r"(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+),[0-9]+(?:[eE][+-]?[0-9]{1,3})?")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_CONTROLS_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_UNITS = {
    "h": 3600.0,
    "m": 60.0,
    "min": 60.0,
    "s": 1.0,
    "sec": 1.0,
    "secs": 1.0,
    "seconds": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ns": 1e-9,
}
_UNIT = re.compile(r"([0-9]{1,15}(?:[.,][0-9]{1,15})?) ?([a-zµμ]{1,7})")
_WITH_UNITS = re.compile(
    rf"(?:[0-9]{{1,15}}(?:[.,][0-9]{{1,15}})? ?(?:{'|'.join(_UNITS)}) ?){{1,4}}"
)
# A time in a name: `20261124034300`, `2026-11-24T03:43:00.123Z`, `2026-11-24_03_43_00`.
_TIME_IN_NAME = re.compile(
    r"(?:(?<![-_. ])[-_. ]+)?[(\[]?(?<![0-9])(20[0-9]{2})-?([01][0-9])-?([0-3][0-9])[-T_ ]?"
    r"[0-2][0-9][-:_.]?[0-5][0-9][-:_.]?[0-5][0-9](?![0-9])(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?[)\]]?"
)
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) (?=[0-9])")
_ZONE = re.compile(r"([+-][0-9]{2})([0-9]{2})$")
_CLOCK = re.compile(r"(?:([0-9]{1,5})\.)?([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{1,12})?)")


def clean_line(text: str | None, longest: int = LONGEST_NAME) -> str:
    """Return a text in one line, without control characters, cut."""
    return _CONTROLS.sub(" ", (text or "")[: longest * 2]).strip()[:longest]


def remove_time(name: str, *, of_day: datetime | None = None) -> str:
    """Return a name without the time of its run, which would be another name in each run.

    A time at the end of the name is removed; with ``of_day``, a time of that day anywhere in it,
    because other times are parameters of a test.
    """
    if "20" not in name:
        return name

    def remove(found: re.Match[str]) -> str:
        if of_day is None:
            return "" if found.end() == len(name) and found.start() else found[0]
        day = f"{of_day:%Y%m%d}"
        return "" if found[1] + found[2] + found[3] == day and found[0] != name else found[0]

    return _TIME_IN_NAME.sub(remove, name)


def clean_lines(text: str | None, longest: int = LONGEST_TEXT) -> str:
    """Return a text of several lines, without other control characters, cut."""
    cut = (text or "")[: longest * 2].replace("\r\n", "\n")
    return _CONTROLS_IN_LINES.sub("", cut).strip()[:longest]


def parse_count(text: object) -> int | None:
    """Return a whole number that is not negative, from a text or a number of JSON.

    It may have zeros after a point (`12.0`), or commas between groups of three digits (`1,234`).
    """
    if isinstance(text, float) and text.is_integer():
        text = int(text)
    if isinstance(text, int) and not isinstance(text, bool):
        return text if 0 <= text < 10**_MOST_DIGITS else None
    if not isinstance(text, str) or len(text) > _LONGEST_NUMBER:
        return None
    text = text.strip()
    if not text.isdigit():
        text = text.replace(",", "") if _GROUPED.fullmatch(text) else text
        whole, _, fraction = text.partition(".")
        text = "" if fraction.strip("0") else whole
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def parse_seconds(text: str | None, *, decimal_comma: bool = False) -> float | None:
    """Return a duration: `0.25`, `1,234.5` as surefire groups digits, `12,5` as others write it.

    `1,234` may be both: it is grouped, unless the report's other durations have a decimal comma.
    Units (`1.5s`, `250 ms`, `1m2.5s`) and the form of a clock (`00:00:01.500`) are read too.
    """
    text = (text or "").strip()
    if len(text) >= _LONGEST_NUMBER:
        return None
    if ":" in text:
        return parse_clock(text)
    if text and text[-1].isalpha():
        return _parse_units(text)
    if has_decimal_comma(text) or (decimal_comma and _COMMA_OF_EITHER_KIND.fullmatch(text)):
        text = text.replace(".", "").replace(",", ".")
    elif _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    try:
        duration = float(text)
    except ValueError:
        return None
    return duration if 0 <= duration <= _LONGEST_DURATION else None


def _parse_units(text: str) -> float | None:
    """Return the sum of numbers with units of time, such as `1m2.5s`."""
    if not _WITH_UNITS.fullmatch(text):
        return None
    seconds = sum(
        float(part[1].replace(",", ".")) * _UNITS[part[2]] for part in _UNIT.finditer(text)
    )
    return seconds if seconds <= _LONGEST_DURATION else None


def has_decimal_comma(text: str | None) -> bool:
    """Whether a duration has a comma that can be nothing but its decimal mark."""
    text = (text or "").strip()
    return bool(_DECIMAL_COMMA.fullmatch(text)) and not _COMMA_OF_EITHER_KIND.fullmatch(text)


def parse_clock(text: str | None) -> float | None:
    """Return a duration that .NET wrote, `[days.]hours:minutes:seconds`, in seconds."""
    match = _CLOCK.fullmatch((text or "").strip())
    if match is None:
        return None
    days, hours, minutes, rest = match.groups(default="0")
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(rest)


def parse_time(text: str | None) -> tuple[datetime | None, bool]:
    """Return a time of ISO 8601, and whether it has a zone; without one it is read as UTC."""
    if not text:
        return None, False
    text = _DATE.sub(r"\1T", text.strip()[:64])
    text = _ZONE.sub(r"\1:\2", text) if "T" in text else text
    time = take.time({"": text}, "")
    if time is not None:
        return time, True
    return take.time({"": f"{text}Z"}, ""), False


# Paths in reports, of which there may be several for one file.

# The folder of a repository on runners: hosted ones, in a container, and machines of one's own.
_RUNNER = re.compile(
    r"(?:[A-Za-z]:/a|/home/runner/work|/Users/runner/work|/__w|(?:[A-Za-z]:)?/.{0,200}?/_work)"
    r"/([^/]+)/\1(?:/|$)|/github/workspace(?:/|$)"
)


def normalize_path(path: str, workspace: str = "") -> str:
    """Return a path with slashes and without `.` and `..`, in the workspace relative to it.

    ``workspace`` is the workspace of the job; a path in a usual workspace of a runner counts too,
    since another job may have measured.
    """
    path = normpath(path.strip().replace("\\", "/")) if path.strip() else ""
    own = workspace.replace("\\", "/").rstrip("/")
    if own and (path == own or path.startswith(f"{own}/")):
        return path[len(own) + 1 :] or "."
    runner = _RUNNER.match(path)
    return path[runner.end() :] or "." if runner is not None else path


def remove_workspace(name: str) -> str:
    """Return a name that is a path in the workspace of a runner, relative to it; others as is.

    Otherwise the name would be another one on each operating system.
    """
    if not name.startswith("/") and name[1:2] != ":":
        return name
    path = name.replace("\\", "/")
    runner = _RUNNER.match(path)
    return (path[runner.end() :] or name) if runner is not None else name


def parent_folder(path: str) -> str:
    """Return the folder of a source file, with slashes; `.` at the top."""
    head, _, _ = path.replace("\\", "/").rpartition("/")
    return clean_line(head) or ("/" if path.startswith("/") else ".")
