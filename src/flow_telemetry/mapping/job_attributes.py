"""Tables of the attributes of commands, machines, coverage and logs, which only a job can read."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import process_attributes as process

from flow_telemetry.mapping.attributes import Attribute
from flow_telemetry.model.reports import UNITS

# Attributes of measured commands

PROCESS_ATTRIBUTES: list[Attribute] = []


def _process_attribute(name: str, kind: str, meaning: str) -> str:
    PROCESS_ATTRIBUTES.append(Attribute(name=name, type=kind, on="command", meaning=meaning))
    return name


EXECUTABLE_NAME = _process_attribute(
    process.PROCESS_EXECUTABLE_NAME,
    "string",
    "first word of the command, without folders; the other words may contain secrets",
)
ARGS_COUNT = _process_attribute(
    process.PROCESS_ARGS_COUNT, "int", "number of words of the command, including the first"
)
EXIT_CODE = _process_attribute(
    process.PROCESS_EXIT_CODE,
    "int",
    "exit status as a shell reports it: 127 if the command was not found, above 128 if a signal "
    "ended it",
)
COMMAND_SIGNAL = _process_attribute(
    "flow.command.signal", "string", "signal that ended the command, such as `SIGKILL`"
)
CPU_USER = _process_attribute(
    "flow.command.cpu.user",
    "double",
    "processor time in user mode, in seconds, of the command and its child processes",
)
CPU_SYSTEM = _process_attribute(
    "flow.command.cpu.system",
    "double",
    "processor time in system mode, in seconds, of the command and its child processes",
)
MEMORY_PEAK = _process_attribute(
    "flow.command.memory.peak",
    "int",
    "peak memory of the command and its child processes, in bytes",
)
MEMORY_SOURCE = _process_attribute(
    "flow.command.memory.source",
    "string",
    "how the peak was measured: `processes` (largest sum over the processes that was sampled), "
    "`largest_process` (the largest process alone), `cgroup` (the control group, including its "
    "page cache)",
)
FAULTS_MAJOR = _process_attribute(
    "flow.command.faults.major", "int", "number of page faults that waited for a disk"
)
FAULTS_MINOR = _process_attribute(
    "flow.command.faults.minor", "int", "number of page faults without a wait for a disk"
)
DISK_READ = _process_attribute("flow.command.disk.read", "int", "bytes read from disks")
DISK_WRITTEN = _process_attribute("flow.command.disk.written", "int", "bytes written to disks")


# Attributes of measured machines
#
# The conventions define metrics of a machine, but not attributes for their peak or mean.

MACHINE_ATTRIBUTES: list[Attribute] = []
_ON = "measured"


def _machine_attribute(name: str, kind: str, meaning: str) -> str:
    MACHINE_ATTRIBUTES.append(Attribute(name=name, type=kind, on=_ON, meaning=meaning))
    return name


MACHINE_MEMORY_PEAK = _machine_attribute(
    "flow.machine.memory.peak", "int", "peak of the machine's memory in use, in bytes"
)
MEMORY_MEAN = _machine_attribute(
    "flow.machine.memory.mean", "int", "mean of the machine's memory in use, in bytes"
)
MEMORY_BEFORE = _machine_attribute(
    "flow.machine.memory.before",
    "int",
    "memory in use at the start of the step or job, in bytes; the peak minus this value is what "
    "the step or job added",
)
CPU_PEAK = _machine_attribute(
    "flow.machine.cpu.peak",
    "double",
    "share of all processors that was busy in the busiest second, 0 to 1",
)
CPU_MEAN = _machine_attribute(
    "flow.machine.cpu.mean", "double", "mean share of all processors that was busy, 0 to 1"
)
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
    "flow.machine.samples", "int", "number of samples that the values were calculated from"
)
MEMORY_TOTAL = _machine_attribute(
    "flow.machine.memory.total", "int", "memory of the machine, in bytes (span of the job only)"
)
PROCESSORS = _machine_attribute(
    "flow.machine.processors",
    "int",
    "number of logical processors of the machine (span of the job only)",
)


# Attributes of coverage

COVERAGE_ATTRIBUTES: list[Attribute] = []

_MEANINGS = {
    "covered": ("int", "number of {unit} that tests reached, in all coverage reports of the job"),
    "coverable": ("int", "number of {unit} that tests could reach"),
    "ratio": ("double", "share of the {unit} that tests reached, from 0 to 1"),
    "change": (
        "double",
        "change of the coverage of {unit} in percentage points, compared with the branch that the "
        "pull request is to be merged into",
    ),
}
_PLURALS = dict(zip(UNITS, ("lines", "statements", "branches"), strict=True))


def _coverage_attributes(unit: str) -> dict[str, str]:
    """Add the rows of a unit; return the names of its attributes by their last word."""
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


COVERAGE_NAMES = {unit: _coverage_attributes(unit) for unit in UNITS}


# Attributes of lines of logs

LOG_ATTRIBUTES: list[Attribute] = []


def _log_attribute(name: str, kind: str, on: str, meaning: str) -> str:
    LOG_ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


_LINES = "lines of logs"
_MEASURED = "measured step"

STEP_NAME = _log_attribute(
    "github.step.name", "string", f"{_LINES}, record of an annotation", "name of the step"
)
LOG_GROUP = _log_attribute(
    "flow.log.group", "string", _LINES, "title of the group that contains the line"
)
LOG_LINES = _log_attribute("flow.log.lines", "int", _MEASURED, "number of lines of the step's log")
LOG_LINES_CUT = _log_attribute(
    "flow.log.lines.cut",
    "int",
    _MEASURED,
    "number of its first lines that were omitted because of setting `log-limit`",
)
