"""Attribute names of what only a job knows: commands, machine, coverage, logs."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import process_attributes as process

from flow_telemetry.mapping.attributes import Attribute
from flow_telemetry.model.reports import UNITS

# The names of the attributes of measured commands: a part of the table that `semconv` begins.

PROCESS_ATTRIBUTES: list[Attribute] = []


def _process_attribute(name: str, kind: str, meaning: str) -> str:
    PROCESS_ATTRIBUTES.append(Attribute(name=name, type=kind, on="command", meaning=meaning))
    return name


EXECUTABLE_NAME = _process_attribute(
    process.PROCESS_EXECUTABLE_NAME,
    "string",
    "first word of the command, without folders; the others may hold secrets",
)
ARGS_COUNT = _process_attribute(
    process.PROCESS_ARGS_COUNT, "int", "number of words of the command, the first one included"
)
EXIT_CODE = _process_attribute(
    process.PROCESS_EXIT_CODE,
    "int",
    "exit status as a shell tells it: 127 where there is no such command, 128 and more by a signal",
)
COMMAND_SIGNAL = _process_attribute(
    "flow.command.signal", "string", "signal that ended the command, such as `SIGKILL`"
)
CPU_USER = _process_attribute(
    "flow.command.cpu.user", "double", "seconds of processor time of it and all below it, own code"
)
CPU_SYSTEM = _process_attribute(
    "flow.command.cpu.system", "double", "seconds of processor time spent for them in the system"
)
MEMORY_PEAK = _process_attribute(
    "flow.command.memory.peak", "int", "most memory that it and all below it held, in bytes"
)
MEMORY_SOURCE = _process_attribute(
    "flow.command.memory.source",
    "string",
    "how the peak was found: `processes` (greatest sum that was seen), `largest_process` (that of "
    "the largest one alone), `cgroup` (the control group's, cached files included)",
)
FAULTS_MAJOR = _process_attribute(
    "flow.command.faults.major", "int", "page faults that had to wait for a disk"
)
FAULTS_MINOR = _process_attribute("flow.command.faults.minor", "int", "page faults that had not")
DISK_READ = _process_attribute("flow.command.disk.read", "int", "bytes read from disks")
DISK_WRITTEN = _process_attribute("flow.command.disk.written", "int", "bytes written to disks")


# The names of the attributes of measured machines: a part of the table that `semconv` begins.
#
# The conventions name metrics of a machine, but no attributes that hold a peak or mean of them.

MACHINE_ATTRIBUTES: list[Attribute] = []
_ON = "measured"


def _machine_attribute(name: str, kind: str, meaning: str) -> str:
    MACHINE_ATTRIBUTES.append(Attribute(name=name, type=kind, on=_ON, meaning=meaning))
    return name


MACHINE_MEMORY_PEAK = _machine_attribute(
    "flow.machine.memory.peak", "int", "most memory of the machine in use, in bytes"
)
MEMORY_MEAN = _machine_attribute(
    "flow.machine.memory.mean", "int", "mean of the memory of the machine in use, in bytes"
)
MEMORY_BEFORE = _machine_attribute(
    "flow.machine.memory.before",
    "int",
    "memory in use when it began, in bytes: the peak without it is what the step or job added",
)
CPU_PEAK = _machine_attribute(
    "flow.machine.cpu.peak", "double", "share of all processors in the busiest second, 0 to 1"
)
CPU_MEAN = _machine_attribute("flow.machine.cpu.mean", "double", "share of all processors, 0 to 1")
MACHINE_DISK_READ = _machine_attribute(
    "flow.machine.disk.read", "int", "bytes read from the machine's disks"
)
MACHINE_DISK_WRITTEN = _machine_attribute(
    "flow.machine.disk.written", "int", "bytes written to the machine's disks"
)
NETWORK_RECEIVED = _machine_attribute(
    "flow.machine.network.received", "int", "bytes that the machine received"
)
NETWORK_SENT = _machine_attribute("flow.machine.network.sent", "int", "bytes that the machine sent")
SAMPLES = _machine_attribute(
    "flow.machine.samples", "int", "samples that all of this was taken from"
)
MEMORY_TOTAL = _machine_attribute(
    "flow.machine.memory.total", "int", "on the job's: memory of the machine, in bytes"
)
PROCESSORS = _machine_attribute(
    "flow.machine.processors", "int", "on the job's: logical processors of the machine"
)


# The names of the attributes of coverage: a part of the table that `semconv` begins.

COVERAGE_ATTRIBUTES: list[Attribute] = []

_MEANINGS = {
    "covered": ("int", "{unit} that tests reached, in all coverage reports of the job together"),
    "coverable": ("int", "{unit} that tests could reach"),
    "ratio": ("double", "share of the {unit} that tests reached, from 0 to 1"),
    "change": (
        "double",
        "percentage points by which more of the {unit} are covered than on the branch that the "
        "pull request is to be merged into",
    ),
}
_PLURALS = dict(zip(UNITS, ("lines", "statements", "branches"), strict=True))


def _attributes(unit: str) -> dict[str, str]:
    """The names of what is told of a unit, by their last part."""
    names = {}
    for last, (kind, meaning) in _MEANINGS.items():
        name = names[last] = f"flow.coverage.{unit}.{last}"
        COVERAGE_ATTRIBUTES.append(
            Attribute(
                name=name,
                type=kind,
                on="measured job",
                meaning=meaning.format(unit=_PLURALS[unit]),
            )
        )
    return names


OF_UNIT = {unit: _attributes(unit) for unit in UNITS}


# The names of the attributes of lines of logs: a part of the table that `semconv` begins.

LOG_ATTRIBUTES: list[Attribute] = []


def _log_attribute(name: str, kind: str, on: str, meaning: str) -> str:
    LOG_ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


_LINES = "lines of logs"
_MEASURED = "measured step"

STEP_NAME = _log_attribute("github.step.name", "string", _LINES, "name of the step")
LOG_GROUP = _log_attribute(
    "flow.log.group", "string", _LINES, "title of the group that the line stands in"
)
LOG_LINES = _log_attribute("flow.log.lines", "int", _MEASURED, "number of lines of the step's log")
LOG_LINES_CUT = _log_attribute(
    "flow.log.lines.cut",
    "int",
    _MEASURED,
    "number of its first lines that were not sent, where input `log-limit` cut them",
)
