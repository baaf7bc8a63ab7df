"""The names of the attributes of measured commands: a part of the table that `semconv` begins."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import process_attributes as process

from flow_telemetry.signals.semconv import Attribute

PROCESS_ATTRIBUTES: list[Attribute] = []


def _attribute(name: str, kind: str, meaning: str) -> str:
    PROCESS_ATTRIBUTES.append(Attribute(name=name, type=kind, on="command", meaning=meaning))
    return name


EXECUTABLE_NAME = _attribute(
    process.PROCESS_EXECUTABLE_NAME,
    "string",
    "first word of the command, without folders; the others may hold secrets",
)
ARGS_COUNT = _attribute(
    process.PROCESS_ARGS_COUNT, "int", "number of words of the command, the first one included"
)
EXIT_CODE = _attribute(
    process.PROCESS_EXIT_CODE,
    "int",
    "exit status as a shell tells it: 127 where there is no such command, 128 and more by a signal",
)
COMMAND_SIGNAL = _attribute(
    "flow.command.signal", "string", "signal that ended the command, such as `SIGKILL`"
)
CPU_USER = _attribute(
    "flow.command.cpu.user", "double", "seconds of processor time of it and all below it, own code"
)
CPU_SYSTEM = _attribute(
    "flow.command.cpu.system", "double", "seconds of processor time spent for them in the system"
)
MEMORY_PEAK = _attribute(
    "flow.command.memory.peak", "int", "most memory that it and all below it held, in bytes"
)
MEMORY_SOURCE = _attribute(
    "flow.command.memory.source",
    "string",
    "how the peak was found: `processes` (greatest sum that was seen), `largest_process` (that of "
    "the largest one alone), `cgroup` (the control group's, cached files included)",
)
FAULTS_MAJOR = _attribute(
    "flow.command.faults.major", "int", "page faults that had to wait for a disk"
)
FAULTS_MINOR = _attribute("flow.command.faults.minor", "int", "page faults that had not")
DISK_READ = _attribute("flow.command.disk.read", "int", "bytes read from disks")
DISK_WRITTEN = _attribute("flow.command.disk.written", "int", "bytes written to disks")
