"""Usage of a process tree: memory, processor time and I/O of a command and its children."""

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

# Sampling a command and all processes below it while they run, with psutil.
#
# The system's accounts of ended children have the memory of the largest process only, so their sum
# is sampled. Sampling takes at most a fiftieth of a processor.

_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 5.0
_REST_PER_WORK = 50
_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeUsage:
    """Usage of processes: bytes, and seconds of processor time.

    Fields that are None were not measured.
    """

    memory_peak: int = 0
    cpu_user: float = 0.0
    cpu_system: float = 0.0
    disk_read: int | None = None
    disk_written: int | None = None
    faults: int | None = None


class TreeWatch:
    """A thread that samples a process tree until it is stopped.

    If ``accounts`` is true it also sums up what each process used, for systems that do not.
    """

    def __init__(self, pid: int, *, accounts: bool) -> None:
        self._pid = pid
        self._keeps_accounts = accounts
        # By process id and start.
        self._accounts: dict[tuple[int, float], TreeUsage] = {}
        self._peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tree", daemon=True)
        self._thread.start()

    def stop(self) -> TreeUsage:
        """Stop, and return the usage."""
        self._over.set()
        self._thread.join(_PATIENCE_SECONDS)
        accounts = list(self._accounts.values())
        usage = TreeUsage(memory_peak=self._peak)
        if not accounts:
            return usage
        return TreeUsage(
            memory_peak=self._peak,
            cpu_user=sum(account.cpu_user for account in accounts),
            cpu_system=sum(account.cpu_system for account in accounts),
            disk_read=sum(account.disk_read or 0 for account in accounts),
            disk_written=sum(account.disk_written or 0 for account in accounts),
            faults=sum(account.faults or 0 for account in accounts),
        )

    def _watch(self) -> None:
        leave_signals_to_main_thread()
        import psutil  # noqa: PLC0415 - the command runs while it loads

        pause = 0.0
        while not self._over.wait(pause):
            began = time.thread_time()
            try:
                self._sample(psutil.Process(self._pid))
            except psutil.Error:
                return  # The command ended.
            except OSError:
                pass  # A process ended during the sample.
            worked = time.thread_time() - began
            pause = min(
                max(worked * _REST_PER_WORK, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS
            )

    def _sample(self, root: psutil.Process) -> None:
        import psutil  # noqa: PLC0415

        tree = [root, *root.children(recursive=True)]
        memory = 0
        for process in tree:
            try:
                memory += _read_memory(process, alone=len(tree) == 1)
                if self._keeps_accounts:
                    key = (process.pid, process.create_time())
                    self._accounts[key] = _read_account(process)
            except (psutil.Error, OSError):
                continue
        self._peak = max(self._peak, memory)


def _read_memory(process: psutil.Process, *, alone: bool) -> int:
    """Return the bytes of a process; memory that the tree shares counts once, if it is known."""
    import psutil  # noqa: PLC0415

    if not alone and sys.platform == "linux":
        try:
            return int(process.memory_full_info().pss)
        except (psutil.AccessDenied, AttributeError):
            pass
    return int(process.memory_info().rss)


def _read_account(process: psutil.Process) -> TreeUsage:
    times = process.cpu_times()
    # macOS has no counters of I/O; only Windows counts page faults.
    io = process.io_counters() if hasattr(process, "io_counters") else None
    return TreeUsage(
        cpu_user=times.user,
        cpu_system=times.system,
        disk_read=io.read_bytes if io is not None else 0,
        disk_written=io.write_bytes if io is not None else 0,
        faults=int(getattr(process.memory_info(), "num_page_faults", 0)),
    )


def leave_signals_to_main_thread() -> None:
    """Block the forwarded signals here, so that they wake the thread that waits for the command."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)


# The usage of an ended command, from all sources.

_BLOCK_BYTES = 512  # getrusage(2): on Linux, for all block sizes of disks
_KIBIBYTE = 1024


def usage_of(ended: Ended, seen: TreeUsage | None, cgroup_peak: int | None = None) -> ProcessUsage:
    """Return the usage of a command and all processes below it.

    ``seen`` is from sampling, None if the command did not start; ``cgroup_peak`` is the peak memory
    of a control group of its own, in bytes.
    """
    if seen is None:
        return ProcessUsage()
    rusage = ended.rusage
    if rusage is None:
        peak, source = _choose_peak(0, seen.memory_peak, cgroup_peak)
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
    peak, source = _choose_peak(largest, seen.memory_peak, cgroup_peak)
    in_blocks = sys.platform == "linux"  # on other systems operations, of any size
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


def _choose_peak(
    largest: int, seen: int, cgroup_peak: int | None
) -> tuple[int, MemorySource] | tuple[None, None]:
    """Return the peak in bytes, and its source; ``largest`` is in the unit of `getrusage`."""
    if cgroup_peak is not None:
        return cgroup_peak, MemorySource.CGROUP
    largest *= 1 if sys.platform == "darwin" else _KIBIBYTE
    if seen > largest:
        return seen, MemorySource.PROCESSES
    return (largest, MemorySource.LARGEST_PROCESS) if largest else (None, None)
