"""What a process tree used."""

from __future__ import annotations

import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flow_telemetry.model.measurements import MemorySource, ProcessUsage
from flow_telemetry.process.command import PASSED_ON, Ended

if TYPE_CHECKING:
    import psutil

# Watching a command and all processes below it while they run, with psutil.
#
# What the system counts of ended children names the memory of the largest process alone; here
# their sum is looked at. It takes at most a fiftieth of a processor.


_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 5.0
_REST_PER_WORK = 50
_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeUsage:
    """What was seen of the processes: bytes, and seconds of processor time."""

    memory_peak: int = 0
    cpu_user: float = 0.0
    cpu_system: float = 0.0
    disk_read: int | None = None
    disk_written: int | None = None
    faults: int | None = None


@dataclass(frozen=True, slots=True)
class _Account:
    user: float
    system: float
    read: int
    written: int
    faults: int


class TreeWatch:
    """A thread that looks at the tree again and again until it is stopped.

    ``accounts`` is whether it also keeps what each process used up, for systems that do not.
    """

    def __init__(self, pid: int, *, accounts: bool) -> None:
        """Begin."""
        self._pid = pid
        self._keeps_accounts = accounts
        self._accounts: dict[tuple[int, float], _Account] = {}
        self._peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tree", daemon=True)
        self._thread.start()

    def stop(self) -> TreeUsage:
        """Stop, and return what was seen."""
        self._over.set()
        self._thread.join(_PATIENCE_SECONDS)
        accounts = list(self._accounts.values())
        usage = TreeUsage(memory_peak=self._peak)
        if not accounts:
            return usage
        return TreeUsage(
            memory_peak=self._peak,
            cpu_user=sum(each.user for each in accounts),
            cpu_system=sum(each.system for each in accounts),
            disk_read=sum(each.read for each in accounts),
            disk_written=sum(each.written for each in accounts),
            faults=sum(each.faults for each in accounts),
        )

    def _watch(self) -> None:
        leave_signals_to_main_thread()
        import psutil  # noqa: PLC0415 - the command runs while it loads

        pause = 0.0
        while not self._over.wait(pause):
            began = time.thread_time()
            try:
                self._look(psutil.Process(self._pid))
            except psutil.Error:
                return  # It ended.
            except OSError:
                pass  # Something of it ended while it was looked at.
            worked = time.thread_time() - began
            pause = min(
                max(worked * _REST_PER_WORK, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS
            )

    def _look(self, root: psutil.Process) -> None:
        import psutil  # noqa: PLC0415

        tree = [root, *root.children(recursive=True)]
        memory = 0
        for each in tree:
            try:
                memory += _memory(each, alone=len(tree) == 1)
                if self._keeps_accounts:
                    self._accounts[each.pid, each.create_time()] = _account(each)
            except (psutil.Error, OSError):
                continue
        self._peak = max(self._peak, memory)


def _memory(process: psutil.Process, *, alone: bool) -> int:
    """The bytes of a process, what it shares with others of the tree counted once where told."""
    import psutil  # noqa: PLC0415

    if not alone and sys.platform == "linux":
        try:
            return int(process.memory_full_info().pss)
        except (psutil.AccessDenied, AttributeError):
            pass
    return int(process.memory_info().rss)


def _account(process: psutil.Process) -> _Account:
    times = process.cpu_times()
    # macOS has no counters of I/O; page faults are told on Windows only.
    io = process.io_counters() if hasattr(process, "io_counters") else None
    return _Account(
        user=times.user,
        system=times.system,
        read=io.read_bytes if io is not None else 0,
        written=io.write_bytes if io is not None else 0,
        faults=int(getattr(process.memory_info(), "num_page_faults", 0)),
    )


def leave_signals_to_main_thread() -> None:
    """Have the signals that are passed on wake the thread that waits for the command."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)


# What an ended command used, from all that tells of it.

_BLOCK_BYTES = 512  # getrusage(2): on Linux, whatever the disk's blocks are
_KIBIBYTE = 1024


def usage_of(ended: Ended, seen: TreeUsage | None, cgroup_peak: int | None = None) -> ProcessUsage:
    """Return what the command and all below it used.

    ``seen`` is what was watched, None where nothing ran; ``cgroup_peak`` is that of a control group
    of its own.
    """
    if seen is None:
        return ProcessUsage()
    rusage = ended.rusage
    if rusage is None:
        peak, source = _peak(0, seen.memory_peak, cgroup_peak)
        return ProcessUsage(
            cpu_user=seen.cpu_user,
            cpu_system=seen.cpu_system,
            memory_peak=peak,
            memory_source=source,
            faults_minor=seen.faults,
            disk_read=seen.disk_read,
            disk_written=seen.disk_written,
        )
    largest = rusage.ru_maxrss if rusage.ru_maxrss > ended.rusage_floor else 0
    peak, source = _peak(largest, seen.memory_peak, cgroup_peak)
    in_blocks = sys.platform == "linux"  # elsewhere operations, of any size
    return ProcessUsage(
        cpu_user=rusage.ru_utime,
        cpu_system=rusage.ru_stime,
        memory_peak=peak,
        memory_source=source,
        faults_major=rusage.ru_majflt,
        faults_minor=rusage.ru_minflt,
        disk_read=rusage.ru_inblock * _BLOCK_BYTES if in_blocks else None,
        disk_written=rusage.ru_oublock * _BLOCK_BYTES if in_blocks else None,
    )


def _peak(
    largest: int, seen: int, cgroup_peak: int | None
) -> tuple[int, MemorySource] | tuple[None, None]:
    """The peak in bytes; ``largest`` is in the unit of `getrusage`, and ``seen`` in bytes."""
    if cgroup_peak is not None:
        return cgroup_peak, MemorySource.CGROUP
    largest *= 1 if sys.platform == "darwin" else _KIBIBYTE
    if seen > largest:
        return seen, MemorySource.PROCESSES
    return (largest, MemorySource.LARGEST_PROCESS) if largest else (None, None)
