"""Peak memory of our control group, if only we are in it, as in a container of our own.

https://docs.kernel.org/admin-guide/cgroup-v2.html describes `memory.peak`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")
_OF_PROCESS = Path("/proc/self/cgroup")


def watch_cgroup_peak(
    mount: Path = _MOUNT, of_process: Path = _OF_PROCESS
) -> Callable[[], int | None] | None:
    """Return a function that returns the peak memory of our control group in bytes.

    It returns None if the peak is from before this call. The result is None if another process is
    in the group, or the group is not of version 2.
    """
    try:
        line = next(x for x in of_process.read_text().splitlines() if x.startswith("0::"))
        folder = mount / line[3:].strip("/")
        members = folder.joinpath("cgroup.procs").read_text().split()
    except (OSError, StopIteration):
        return None
    peak_before = _read_number(folder / "memory.peak")
    if peak_before is None or members != [str(os.getpid())]:
        return None

    def read_peak() -> int | None:
        peak = _read_number(folder / "memory.peak")
        return peak if peak is not None and peak > peak_before else None

    return read_peak


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
