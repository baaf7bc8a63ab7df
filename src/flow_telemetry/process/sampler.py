"""The process that samples the machine: `python … sampler.py FILE TOKEN PID CREATED`.

It is a program of its own and does not load other modules of ours, because it must stay below
40 MiB and one hundredth of a processor. It ends when its file is gone, when the process PID has
ended, and after some hours. CREATED, the start as psutil returns it, distinguishes that process
from a later one with the same id.

The first line of the file describes the machine. A line for each second follows. All numbers but
the memory count from the start of the machine, so that any two lines give the usage between them.
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
# Traffic through these is counted again at the physical one, or stays in the machine.
_NO_NETWORK = ("lo", "docker", "veth", "br-", "virbr", "cni", "Loopback")
_GUEST = ("guest", "guest_nice")  # counted in user and nice already, on Linux


def main(arguments: list[str]) -> int:
    """Sample until the end; return the exit status."""
    path, _token, pid, created = arguments
    signal.signal(signal.SIGTERM, _stop)
    owner_runs = _watch_owner(int(pid), float(created)) if pid else lambda: True
    try:
        # Not "w": a removed file means that sampling is over.
        with open(path, "r+", encoding="utf-8") as file:  # noqa: PTH123 - without pathlib
            sample_until_over(file, path, owner_runs)
    except OSError:
        return 1  # A full disk, or a folder that is gone; the job goes on.
    return 0


def sample_until_over(
    file: TextIO,
    path: str,
    owner_runs: Callable[[], bool],
    period: float = PERIOD_SECONDS,
    most: int = MOST_SAMPLES,
) -> None:
    """Write up to ``most`` samples, as long as ``file`` is still at ``path``."""
    machine = {"processors": psutil.cpu_count() or 1, "memory": psutil.virtual_memory().total}
    file.write(json.dumps(machine) + "\n")
    due = time.monotonic()
    for _ in range(most):
        file.write(json.dumps(sample(), separators=(",", ":")) + "\n")
        file.flush()
        due = max(
            due + period, time.monotonic()
        )  # Samples that a sleeping machine missed are not made up.
        time.sleep(max(0.0, due - time.monotonic()))
        if not owner_runs() or not _is_at(file, path):
            return


def sample() -> dict[str, float]:
    """Return the counters of the machine; `samples` reads these keys."""
    cpu = psutil.cpu_times()._asdict()
    total = sum(seconds for name, seconds in cpu.items() if name not in _GUEST)
    memory = psutil.virtual_memory()
    disk = psutil.disk_io_counters()
    networks = [
        counters
        for name, counters in psutil.net_io_counters(pernic=True).items()
        if not name.startswith(_NO_NETWORK)
    ]
    return {
        "time": round(time.time(), 3),
        "memory": memory.total - memory.available,
        "busy": round(total - sum(cpu.get(name, 0.0) for name in _IDLE), 2),
        "total": round(total, 2),
        "read": disk.read_bytes if disk else 0,
        "written": disk.write_bytes if disk else 0,
        "received": sum(network.bytes_recv for network in networks),
        "sent": sum(network.bytes_sent for network in networks),
    }


def _watch_owner(pid: int, created: float) -> Callable[[], bool]:
    """Return a function that returns whether a process still runs."""
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - created) > 1:
            return lambda: False
    except psutil.Error:
        return lambda: False

    def is_running() -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    return is_running


def _is_at(file: TextIO, path: str) -> bool:
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
