"""What was measured of a machine, as facts of the span `#measured` of a step or a job."""

from __future__ import annotations

from flow_telemetry.model.measured import MachineUsage, MeasuredJob
from flow_telemetry.signals import machine_semconv as names
from flow_telemetry.signals.spans import Facts

_SHARE_DIGITS = 4


def usage_facts(usage: MachineUsage) -> Facts:
    """Return what the machine used while a step or job ran."""
    return (
        (names.MEMORY_PEAK, usage.memory_peak),
        (names.MEMORY_MEAN, round(usage.memory_mean)),
        (names.MEMORY_BEFORE, usage.memory_before),
        (names.CPU_PEAK, round(usage.cpu_peak, _SHARE_DIGITS)),
        (names.CPU_MEAN, round(usage.cpu_mean, _SHARE_DIGITS)),
        (names.DISK_READ, usage.disk_read),
        (names.DISK_WRITTEN, usage.disk_written),
        (names.NETWORK_RECEIVED, usage.network_received),
        (names.NETWORK_SENT, usage.network_sent),
        (names.SAMPLES, usage.samples),
    )


def job_usage_facts(job: MeasuredJob) -> Facts:
    """Return what the machine used while the job ran, and what it has."""
    return (
        *usage_facts(job.usage),
        (names.MEMORY_TOTAL, job.memory),
        (names.PROCESSORS, job.processors),
    )
