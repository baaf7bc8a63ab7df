"""What was measured inside a job: a command with all below it, and the machine over a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class MemorySource(Enum):
    """How the peak of memory of a command was found.

    CGROUP: the kernel's own count of the control group, page cache included. PROCESSES: the
    greatest sum of the processes that was seen. LARGEST_PROCESS: the largest alone, as the kernel
    counts it.
    """

    CGROUP = "cgroup"
    PROCESSES = "processes"
    LARGEST_PROCESS = "largest_process"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessUsage:
    """What a command and all processes below it used: seconds, bytes and counts.

    None is what the system does not tell.
    """

    cpu_user: float | None = None
    cpu_system: float | None = None
    memory_peak: int | None = None
    memory_source: MemorySource | None = None
    faults_major: int | None = None
    faults_minor: int | None = None
    disk_read: int | None = None
    disk_written: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCommand:
    """A command that was run and measured; times in nanoseconds, Unix, UTC.

    ``executable`` is its first word without folders, ``words`` how many it has: the others may
    hold secrets. ``name`` is what the user calls it. ``status`` is the exit status that a shell
    would tell, ``signal`` the name of the signal that ended it. ``stopped`` is whether we were told
    to end it.
    """

    executable: str
    words: int
    start: int
    end: int
    status: int
    usage: ProcessUsage
    name: str = ""
    signal: str = ""
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSample:
    """The machine at one instant.

    ``memory`` is in use, in bytes. The others have counted since the machine began: seconds of all
    processors together, ``cpu_busy`` of ``cpu_total``, and bytes.
    """

    time: datetime
    memory: int
    cpu_busy: float
    cpu_total: float
    disk_read: int = 0
    disk_written: int = 0
    network_received: int = 0
    network_sent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSamples:
    """All samples of a job in order of time, and what the machine has: processors and bytes."""

    processors: int
    memory: int
    samples: tuple[MachineSample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineUsage:
    """The machine over a stretch of time, from its first sample there to its last.

    Memory in bytes, ``memory_before`` in use when it began; processor time as a share of all
    processors, 0 to 1, ``cpu_peak`` being that of the busiest second; what went over disk and
    network in bytes.
    """

    start: datetime
    end: datetime
    samples: int
    memory_before: int
    memory_peak: int
    memory_mean: float
    cpu_peak: float
    cpu_mean: float
    disk_read: int
    disk_written: int
    network_received: int
    network_sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredStep:
    """The machine while a step ran; its times are GitHub's, in whole seconds."""

    name: str
    start: datetime
    end: datetime
    usage: MachineUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredJob:
    """The machine while a job ran: processors and bytes of memory that it has, and what was used.

    ``curve`` is its course in a bounded number of stretches.
    """

    processors: int
    memory: int
    usage: MachineUsage
    steps: tuple[MeasuredStep, ...] = ()
    curve: tuple[MachineUsage, ...] = ()
