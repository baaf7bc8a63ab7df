"""The process that samples the machine: `python … sampler.py FILE TOKEN PID CREATED`.

It is a program of its own and loads nothing of ours: it must stay below 40 MiB and one hundredth
of a processor. It ends by itself when its file is gone, when the process that it belongs to is
(CREATED, as psutil tells it, keeps another with the same id apart), and after some hours.

The file begins with what the machine has, then there is a line for each second. All but the memory
has counted since the machine began, so that any two lines tell what lies between.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TextIO

import psutil

PERIOD_SECONDS = 1.0
MOST_SECONDS = 6 * 3600
MOST_SAMPLES = int(MOST_SECONDS / PERIOD_SECONDS)
_IDLE = ("idle", "iowait")
# What goes through these is counted again at the real one, or never leaves the machine.
_NO_NETWORK = ("lo", "docker", "veth", "br-", "virbr", "cni", "Loopback")
_GUEST = ("guest", "guest_nice")  # counted in user and nice already, on Linux


def main(arguments: list[str]) -> int:
    """Sample until it is over; returns the exit status."""
    path, _token, pid, created = arguments
    signal.signal(signal.SIGTERM, _stop)
    is_wanted = _whether_lives(int(pid), float(created)) if pid else lambda: True
    try:
        # Not "w": a file that was removed meanwhile is not wanted any more.
        with open(path, "r+", encoding="utf-8") as file:  # noqa: PTH123 - without pathlib
            sample_until_over(file, path, is_wanted)
    except OSError:
        return 1  # A full disk, or a folder that is gone: nobody is harmed.
    return 0


def sample_until_over(
    file: TextIO,
    path: str,
    is_wanted: Callable[[], bool],
    period: float = PERIOD_SECONDS,
    most: int = MOST_SAMPLES,
) -> None:
    """Write samples while the file at ``path`` is the one that is written to, ``most`` in all."""
    machine = {"processors": psutil.cpu_count() or 1, "memory": psutil.virtual_memory().total}
    file.write(json.dumps(machine) + "\n")
    due = time.monotonic()
    for _ in range(most):
        file.write(json.dumps(sample(), separators=(",", ":")) + "\n")
        file.flush()
        due = max(due + period, time.monotonic())  # What a sleeping machine missed is not made up.
        time.sleep(max(0.0, due - time.monotonic()))
        if not is_wanted() or not _is_there(file, path):
            return


def sample() -> dict[str, float]:
    """Return the machine as it is now; keys are those that `samples` reads."""
    cpu = psutil.cpu_times()._asdict()
    total = sum(seconds for name, seconds in cpu.items() if name not in _GUEST)
    memory = psutil.virtual_memory()
    disk = psutil.disk_io_counters()
    nets = [n for k, n in psutil.net_io_counters(pernic=True).items() if not _is_virtual(k)]
    return {
        "time": round(time.time(), 3),
        "memory": memory.total - memory.available,
        "busy": round(total - sum(cpu.get(name, 0.0) for name in _IDLE), 2),
        "total": round(total, 2),
        "read": disk.read_bytes if disk else 0,
        "written": disk.write_bytes if disk else 0,
        "received": sum(each.bytes_recv for each in nets),
        "sent": sum(each.bytes_sent for each in nets),
    }


def _is_virtual(name: str) -> bool:
    return name.startswith(_NO_NETWORK)


def _whether_lives(pid: int, created: float) -> Callable[[], bool]:
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - created) > 1:
            return lambda: False
    except psutil.Error:
        return lambda: False

    def lives() -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    return lives


def _is_there(file: TextIO, path: str) -> bool:
    if sys.platform == "win32":  # An open file cannot be removed there.
        return True
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))  # noqa: PTH116
    except OSError:
        return False


def _stop(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)  # Every sample is in the file already.


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
