"""What an ended command used, from all that tells of it."""

from __future__ import annotations

import sys

from flow_telemetry.inside.child import Ended
from flow_telemetry.inside.tree import TreeUsage
from flow_telemetry.model.measured import MemorySource, ProcessUsage

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
