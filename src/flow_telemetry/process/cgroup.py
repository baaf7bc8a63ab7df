"""The memory of a control group that holds nothing but us, as in a container of our own.

https://docs.kernel.org/admin-guide/cgroup-v2.html describes `memory.peak`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")
_OF_PROCESS = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class OwnCgroup:
    """A group of version 2 in which we were alone, and its peak then, in bytes."""

    folder: Path
    peak_before: int

    def peak(self) -> int | None:
        """Return the peak in bytes; None where it is older than us."""
        peak = _number(self.folder / "memory.peak")
        return peak if peak is not None and peak > self.peak_before else None


def own_cgroup(mount: Path = _MOUNT, of_process: Path = _OF_PROCESS) -> OwnCgroup | None:
    """Return our control group where nobody else is in it; None where it does not tell."""
    try:
        line = next(x for x in of_process.read_text().splitlines() if x.startswith("0::"))
        folder = mount / line[3:].strip("/")
        members = folder.joinpath("cgroup.procs").read_text().split()
    except (OSError, StopIteration):
        return None
    before = _number(folder / "memory.peak")
    if before is None or members != [str(os.getpid())]:
        return None
    return OwnCgroup(folder, before)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
