"""Taking a file for oneself, so that two replays at once never send the same lines."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from flow_telemetry.errors import FlowTelemetryError

_ENDING = ".replaying"
_CLAIMED = re.compile(rf"(?P<name>.+)\.[0-9a-f]{{8}}{re.escape(_ENDING)}")


class ClaimError(FlowTelemetryError):
    """A file cannot be taken; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A file that is ours: ``path`` is where it stands now, ``home`` where it is put back."""

    path: Path
    home: Path
    mode: int

    def give_back(self) -> None:
        """Put the file back as it was.

        Raises:
            OSError: the disk fails; then it still stands at ``path``.
        """
        self.path.replace(self.home)


def claim(file: Path) -> Claim:
    """Take a file, by one renaming that only one can win.

    A file that a replay left when it was killed, such as `x.jsonl.0a1b2c3d.replaying`, is taken by
    that name, and goes on as `x.jsonl`.

    Raises:
        ClaimError: it is not there, another replay has it, or the folder cannot be written.
    """
    real = file.resolve()
    found = _CLAIMED.fullmatch(real.name)
    name = found["name"] if found else real.name
    token = secrets.token_hex(4)
    taken = real.with_name(f"{name}.{token}{_ENDING}")
    try:
        if not real.is_file():
            raise ClaimError(_missing(file, real))
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
    return Claim(path=taken, home=home, mode=mode)


def claims_in(folder: Path) -> list[Path]:
    """Return the files in a folder, and in those below it, that replays have taken."""
    return sorted(path for path in folder.rglob(f"*{_ENDING}") if _CLAIMED.fullmatch(path.name))


def told_of(taken: Path) -> str:
    """Return what to say of a file that a replay has taken."""
    return (
        f"{taken} is being replayed, or was left by a replay that was killed: then replay it by "
        "this name"
    )


def _missing(file: Path, real: Path) -> str:
    for each in claims_in(real.parent) if real.parent.is_dir() else ():
        found = _CLAIMED.fullmatch(each.name)
        if found and found["name"] == real.name:
            return told_of(each)
    if real.exists():
        return f"{file} is no regular file, so that nothing could be taken out of it"
    return f"{file} does not exist: name spool files, or a folder with some"
