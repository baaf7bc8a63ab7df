"""Finding the files that patterns name, below the workspace and nowhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

# What is in them was not written by the job's tools, and walking them takes long. A pattern that
# names one finds it all the same.
UNSEEN = (".git", "node_modules")
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file that a pattern fits; ``name`` is its path below the workspace, with slashes."""

    path: Path
    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The files in order of their names, and what was left out, a sentence each."""

    files: tuple[FoundFile, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How many files are taken, with how many bytes in all, and how many are looked at."""

    files: int = 1000
    size: int = 256 * 1024 * 1024
    looked_at: int = 500_000


def find_files(patterns: Sequence[str], workspace: Path, *, bounds: Bounds | None = None) -> Found:
    """Return the files below the workspace that patterns fit, as far as the bounds allow.

    A pattern is a path with `*`, `?` and `[…]` within a name and `**` for any number of folders;
    one with a leading `!` takes back what those before it fit. Folders that are links are not
    walked into, and a file that is a link counts only where it leads to one in the workspace.
    """
    bounds = bounds or Bounds()
    top = workspace.resolve()
    inside: list[str] = []
    left_out: list[str] = []
    for pattern in filter(None, map(str.strip, patterns)):
        relative = _relative(pattern, top)
        if relative is None:
            left_out.append(f"the pattern {pattern} leads out of the workspace")
        else:
            inside.append(relative)
    wanted = _Wanted(inside)
    found = sorted(_matching(top, wanted, bounds, left_out), key=lambda file: file.name)
    left_out += [f"nothing fits {each}{_why_not(each, top)}" for each in wanted.unused()]
    if wanted.only_excludes:
        left_out.append("every pattern begins with `!` and so excludes; add one of what to read")
    return Found(files=tuple(_within(found, bounds, left_out)), left_out=tuple(left_out))


def chosen_files(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return whether patterns choose a path, with slashes, in an archive as in a workspace."""
    parts = (pattern.strip().split("/") for pattern in patterns if pattern.strip())
    return _Wanted(["/".join(part for part in each if part != ".") for each in parts]).fits


class _Wanted:
    """The patterns, and which of them fitted something."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [_Pattern(each) for each in patterns]
        self._used: set[str] = set()
        names = {name for pattern in self._patterns for name in pattern.parts}
        self.unseen = {name for name in UNSEEN if name not in names}

    def fits(self, name: str) -> bool:
        """Whether the last pattern that fits a name is one that includes."""
        fitting = list(self._fitting(name))
        return bool(fitting) and not fitting[-1].excludes

    def use(self, name: str) -> None:
        """Note that a file of that name was found."""
        self._used.update(pattern.text for pattern in self._fitting(name))

    def _fitting(self, name: str) -> Iterator[_Pattern]:
        names = name.split("/")
        return (pattern for pattern in self._patterns if pattern.fits(names))

    @property
    def only_excludes(self) -> bool:
        return bool(self._patterns) and all(each.excludes for each in self._patterns)

    def unused(self) -> list[str]:
        unused = (each for each in self._patterns if each.text not in self._used)
        return [each.text for each in unused if not each.excludes]


def _relative(pattern: str, top: Path) -> str | None:
    """Return a pattern as one below the workspace, None where it is not."""
    excludes, pattern = pattern.startswith("!"), pattern.removeprefix("!").replace(os.sep, "/")
    below = f"{top.as_posix().rstrip('/')}/"
    pattern = pattern.removeprefix(below)
    parts = [part for part in pattern.split("/") if part != "."]
    if ".." in parts or pattern.startswith("/") or Path(pattern).is_absolute() or not any(parts):
        return None
    return ("!" if excludes else "") + "/".join(parts)


class _Pattern:
    """A path of patterns for names; `**` is any number of folders, or all that is below one."""

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.excludes = pattern.startswith("!")
        self.parts = pattern.removeprefix("!").split("/")
        self._fits = [None if part == "**" else _name_matcher(part) for part in self.parts]

    def fits(self, names: Sequence[str]) -> bool:
        """Whether a path, given by its names, is one of the pattern's."""
        last = self._fits[-1]
        if last is not None and not last(names[-1]):
            return False
        reached = self._with_skipped({0})
        for name in names:
            reached = self._with_skipped(
                {after for at in reached for after in self._step(at, name)}
            )
        return len(self.parts) in reached

    def _step(self, at: int, name: str) -> Iterator[int]:
        if at < len(self.parts):
            fits = self._fits[at]
            if fits is None:
                yield at
            elif fits(name):
                yield at + 1

    def _with_skipped(self, reached: set[int]) -> set[int]:
        """A `**` may also stand for nothing."""
        for at in range(len(self.parts)):
            if at in reached and self._fits[at] is None:
                reached.add(at + 1)
        return reached


def _name_matcher(part: str) -> Callable[[str], object]:
    return re.compile(translate(part)).match


def _why_not(pattern: str, top: Path) -> str:
    """Why nothing fits, where the folders that a pattern begins with have one that is a link."""
    path = top
    for part in pattern.split("/")[:-1]:
        if _MAGIC.search(part):
            break
        path /= part
        if _is_linked_folder(path):
            name = path.relative_to(top).as_posix()
            return (
                f": {name} is a link to a folder, which is not walked into; copy what is in it "
                "into another folder first"
            )
    return ""


def _matching(
    top: Path, wanted: _Wanted, bounds: Bounds, left_out: list[str]
) -> Iterator[FoundFile]:
    for number, (name, path) in enumerate(_walk(top, wanted.unseen)):
        if number == bounds.looked_at:
            left_out.append(
                f"the workspace has more than {bounds.looked_at:,} files and folders; the rest "
                "was not looked at"
            )
            return
        if wanted.fits(name):
            for file in _file(name, Path(path), top, left_out):
                wanted.use(name)
                yield file


def _file(name: str, path: Path, top: Path, left_out: list[str]) -> Iterator[FoundFile]:
    """The file itself, unless it is a folder, or a link that leads out or nowhere."""
    try:
        real = path.resolve()
        if not real.is_relative_to(top):
            left_out.append(f"{name} is a link that leads out of the workspace")
        elif real.is_file():
            yield FoundFile(path=real, name=name, size=real.stat().st_size)
    except (OSError, RuntimeError):  # pathlib's word for links in a circle, up to Python 3.12
        left_out.append(f"{name} cannot be looked at")


def _walk(top: Path, unseen: set[str]) -> Iterator[tuple[str, str]]:
    """Yield names and paths of what is below; a folder that may not be read is passed over."""
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
            if entry.name not in unseen and _is_real_folder(entry):
                folders.append((f"{name}/", entry.path))


def _is_linked_folder(path: Path) -> bool:
    try:
        return path.is_symlink() and path.is_dir()
    except OSError:
        return False


def _is_real_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _within(found: list[FoundFile], bounds: Bounds, left_out: list[str]) -> list[FoundFile]:
    kept: list[FoundFile] = []
    size = 0
    for file in found:
        if len(kept) == bounds.files:
            rest = len(found) - len(kept)
            left_out.append(f"{rest} files more than the {bounds.files} that are read: {file.name}")
            break
        if size + file.size > bounds.size:
            left_out.append(
                f"{file.name}, since with it more than {bounds.size // 1024**2} MiB would be read"
            )
            continue
        size += file.size
        kept.append(file)
    return kept
