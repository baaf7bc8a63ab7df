"""The names of the attributes of measured machines: a part of the table that `semconv` begins.

The conventions name metrics of a machine, but no attributes that hold a peak or mean of them.
"""

from __future__ import annotations

from flow_telemetry.signals.semconv import Attribute

MACHINE_ATTRIBUTES: list[Attribute] = []
_ON = "measured"


def _attribute(name: str, kind: str, meaning: str) -> str:
    MACHINE_ATTRIBUTES.append(Attribute(name=name, type=kind, on=_ON, meaning=meaning))
    return name


MEMORY_PEAK = _attribute(
    "flow.machine.memory.peak", "int", "most memory of the machine in use, in bytes"
)
MEMORY_MEAN = _attribute(
    "flow.machine.memory.mean", "int", "mean of the memory of the machine in use, in bytes"
)
MEMORY_BEFORE = _attribute(
    "flow.machine.memory.before",
    "int",
    "memory in use when it began, in bytes: the peak without it is what the step or job added",
)
CPU_PEAK = _attribute(
    "flow.machine.cpu.peak", "double", "share of all processors in the busiest second, 0 to 1"
)
CPU_MEAN = _attribute("flow.machine.cpu.mean", "double", "share of all processors, 0 to 1")
DISK_READ = _attribute("flow.machine.disk.read", "int", "bytes read from the machine's disks")
DISK_WRITTEN = _attribute(
    "flow.machine.disk.written", "int", "bytes written to the machine's disks"
)
NETWORK_RECEIVED = _attribute(
    "flow.machine.network.received", "int", "bytes that the machine received"
)
NETWORK_SENT = _attribute("flow.machine.network.sent", "int", "bytes that the machine sent")
SAMPLES = _attribute("flow.machine.samples", "int", "samples that all of this was taken from")
MEMORY_TOTAL = _attribute(
    "flow.machine.memory.total", "int", "on the job's: memory of the machine, in bytes"
)
PROCESSORS = _attribute(
    "flow.machine.processors", "int", "on the job's: logical processors of the machine"
)
