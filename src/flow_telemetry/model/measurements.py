"""Measurements within a job: commands with their child processes, and the machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class MemorySource(Enum):
    """How the peak memory of a command was measured.

    CGROUP: the kernel's count of the control group, including the page cache. PROCESSES: the
    largest sum over the processes that was sampled. LARGEST_PROCESS: the kernel's count of the
    largest process alone.
    """

    CGROUP = "cgroup"
    PROCESSES = "processes"
    LARGEST_PROCESS = "largest_process"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessUsage:
    """The use of a command and its child processes, in seconds, bytes and counts.

    None is a value that the system does not report.
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
    """A command that was run and measured; times in nanoseconds since the Unix epoch.

    ``executable`` is its first word without folders, ``words`` the number of words; the others may
    contain secrets. ``name`` is the name that the user gave it. ``status`` is the exit status that
    a shell would report, ``signal`` the name of the signal that ended it. ``stopped`` is whether
    flow-telemetry was asked to end it.
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
    """The machine at one time.

    ``memory`` is the memory in use, in bytes. The other values are counters since the start of the
    machine: seconds of all processors, ``cpu_busy`` of ``cpu_total``, and bytes.
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
    """All samples of a job in order of time, and the processors and bytes of the machine."""

    processors: int
    memory: int
    samples: tuple[MachineSample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineUsage:
    """The use of the machine in an interval, from its first sample to its last.

    Memory, disk and network are in bytes; ``memory_before`` is the memory in use at the start.
    Processor time is a share of all processors, 0 to 1; ``cpu_peak`` is that of the busiest second.
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
    """The machine while a step ran; its times are GitHub's, in whole seconds.

    ``reference`` is the flow reference of the step.
    """

    name: str
    start: datetime
    end: datetime
    usage: MachineUsage
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredJob:
    """The machine while a job ran: its processors and bytes of memory, and their use.

    ``curve`` is the use in a limited number of consecutive intervals.
    """

    processors: int
    memory: int
    usage: MachineUsage
    steps: tuple[MeasuredStep, ...] = ()
    curve: tuple[MachineUsage, ...] = ()
