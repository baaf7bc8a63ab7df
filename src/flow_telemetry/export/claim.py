"""Taking a file for oneself, so that two replays at once never send the same lines.

What a killed export left unfinished is taken too, once nobody writes it any more.
"""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.export.held import is_held

_CLAIMED = ".replaying"
_UNFINISHED = ".partial"
# One that is hidden is what another replay was about to leave: it stands whole elsewhere.
_NAMES = re.compile(
    rf"(?P<name>[^.].*)\.[0-9a-f]{{8}}(?P<ending>{re.escape(_CLAIMED)}|{re.escape(_UNFINISHED)})"
)


class ClaimError(FlowTelemetryError):
    """A file cannot be taken; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A file that is ours: ``path`` is where it stands now, ``home`` where it is put back.

    ``unfinished`` is whether who wrote it was killed, ``torn`` whether in the middle of a line.
    """

    path: Path
    home: Path
    mode: int
    unfinished: bool = False
    torn: bool = False

    def give_back(self) -> None:
        """Put the file back as it was.

        Raises:
            OSError: the disk fails; then it still stands at ``path``.
        """
        self.path.replace(self.home)


def unfinished_name(name: str) -> str:
    """Return the name of a file while it is written, by which it is found after a kill."""
    return f"{name}.{secrets.token_hex(4)}{_UNFINISHED}"


def claim(file: Path) -> Claim:
    """Take a file, by one renaming that only one can win.

    A file that a replay left when it was killed, such as `x.jsonl.0a1b2c3d.replaying`, is taken by
    that name, and goes on as `x.jsonl`. So is one that a killed export left, `….partial`, without
    a last line that was cut off.

    Raises:
        ClaimError: it is not there, another replay has it, it is still being written, or the
            folder cannot be written.
    """
    real = file.resolve()
    found = _NAMES.fullmatch(real.name)
    name = found["name"] if found else real.name
    token = secrets.token_hex(4)
    taken = real.with_name(f"{name}.{token}{_CLAIMED}")
    unfinished = _is_unfinished(real)
    try:
        if not real.is_file():
            raise ClaimError(_missing(file, real))
        if unfinished and is_held(real):
            raise ClaimError(f"{file} is still being written: replay it when that has ended")
        mode = real.stat().st_mode & 0o777
        real.rename(taken)
    except FileNotFoundError:
        raise ClaimError(_missing(file, real)) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ClaimError(
            f"{file} could not be renamed, so that another replay might send it too: {reason}. "
            "Let its folder be one that can be written"
        ) from error
    home = real.with_name(name)
    if home.exists():
        home = home.with_name(f"{home.stem}-{token}{home.suffix}")
    torn = unfinished and _cut_torn_line(taken)
    return Claim(path=taken, home=home, mode=mode, unfinished=unfinished, torn=torn)


def claims_in(folder: Path) -> list[Path]:
    """Return the files in a folder, and in those below it, that replays have taken."""
    return [path for path in sorted(folder.rglob(f"*{_CLAIMED}")) if _NAMES.fullmatch(path.name)]


def unfinished_in(folder: Path) -> list[Path]:
    """Return the files in a folder, and in those below it, that killed exports left."""
    found = sorted(folder.rglob(f"*{_UNFINISHED}"))
    return [path for path in found if _is_unfinished(path) and not is_held(path)]


def told_of(taken: Path) -> str:
    """Return what to say of a file that a replay has taken."""
    return (
        f"{taken} is being replayed, or was left by a replay that was killed: then replay it by "
        "this name"
    )


def _missing(file: Path, real: Path) -> str:
    for each in claims_in(real.parent) if real.parent.is_dir() else ():
        found = _NAMES.fullmatch(each.name)
        if found and found["name"] == real.name:
            return told_of(each)
    if real.exists():
        return f"{file} is no regular file, so that nothing could be taken out of it"
    return f"{file} does not exist: name spool files, or a folder with some"


def _is_unfinished(path: Path) -> bool:
    found = _NAMES.fullmatch(path.name)
    return found is not None and found["ending"] == _UNFINISHED


def _cut_torn_line(path: Path) -> bool:
    """Cut off what follows the last line end; return whether that was anything."""
    with suppress(OSError), path.open("r+b") as file:  # Else it is told as a damaged line.
        whole = sum(len(line) for line in file if line.endswith(b"\n"))
        if whole < file.seek(0, 2):
            file.truncate(whole)
            return True
    return False
