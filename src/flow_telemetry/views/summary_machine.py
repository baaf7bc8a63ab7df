"""What a summary says of the machine that a job ran on: its memory as a chart, and each step's.

The chart is Mermaid's `xychart-beta`, which all versions know that GitHub has used; it holds
numbers only, so that nobody's text gets into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from flow_telemetry.model.measured import MachineUsage, MeasuredJob, MeasuredStep
from flow_telemetry.views.durations import counted, duration
from flow_telemetry.views.escape import markdown_code
from flow_telemetry.views.summary_lines import LONGEST_NAME, Section, table

_MOST_STEPS = 20
_MOST_POINTS = 60
_GIBIBYTE, _MEBIBYTE, _KIBIBYTE = 2**30, 2**20, 2**10
# Blue and orange of GitHub's palette, to be seen on white and on black.
_COLOURS = "#0969da, #bc4c00"
_ROOM_ABOVE = 1.1


def machine_sections(measured: MeasuredJob) -> Iterator[Section]:
    """Return the parts of the summary about the machine of a job."""
    yield Section(_facts(measured))
    yield Section(_chart(measured), name="the chart of memory")
    yield Section(_steps(measured), name="the table of measured steps")


def _facts(measured: MeasuredJob) -> str:
    usage = measured.usage
    return (
        f"**Machine**: {_bytes(measured.memory)} of memory, most in use "
        f"{_bytes(usage.memory_peak)}, at the start {_bytes(usage.memory_before)}; "
        f"{counted(measured.processors, 'processor')}, {_share(usage.cpu_mean)} busy on average; "
        f"disks read {_bytes(usage.disk_read)}, written {_bytes(usage.disk_written)}; "
        f"network received {_bytes(usage.network_received)}, sent {_bytes(usage.network_sent)}"
    )


def _chart(measured: MeasuredJob) -> str:
    """The curve of memory, and as a second line the peak of the step that ran."""
    usage, seconds = measured.usage, _length(measured).total_seconds()
    if seconds <= 0 or len(measured.curve) < 2:
        return ""
    unit, size = ("GiB", _GIBIBYTE) if usage.memory_peak >= _GIBIBYTE else ("MiB", _MEBIBYTE)
    of_time, length = ("minutes", seconds / 60) if seconds >= 120 else ("seconds", seconds)
    times = _instants(measured)
    lines = [
        "---",
        "config:",
        "  themeVariables:",
        "    xyChart:",
        f'      plotColorPalette: "{_COLOURS}"',
        "---",
        "xychart-beta",
        f'  x-axis "{of_time}" 0 --> {length:.2f}',
        f'  y-axis "{unit}" 0 --> {usage.memory_peak * _ROOM_ABOVE / size:.2f}',
        f"  line {_numbers(_memory_at(measured.curve, times), size)}",
    ]
    if measured.steps:
        lines.append(f"  line {_numbers(_step_peak_at(measured.steps, times), size)}")
    note = "blue is the memory in use, orange the most while each step ran"
    return f"**Memory** ({note})\n\n```mermaid\n" + "\n".join(lines) + "\n```"


def _steps(measured: MeasuredJob) -> str:
    if not measured.steps:
        return ""
    first = measured.usage.start
    most = sorted(measured.steps, key=lambda each: each.usage.memory_peak, reverse=True)
    chosen = sorted(most[:_MOST_STEPS], key=lambda each: each.start)
    rows = [_row(each, first) for each in chosen]
    if len(most) > _MOST_STEPS:
        rows.append((f"and {len(most) - _MOST_STEPS:,} more with less memory", *[""] * 7))
    head = ("Step", "After", "Time", "Memory peak", "Added", "Mean", "Processors", "Disk")
    return table(head, rows, right=range(1, len(head)))


def _row(step: MeasuredStep, first: datetime) -> tuple[str, ...]:
    usage = step.usage
    return (
        markdown_code(step.name, LONGEST_NAME),
        duration((step.start - first).total_seconds()),
        duration((step.end - step.start).total_seconds()),
        _bytes(usage.memory_peak),
        _bytes(max(0, usage.memory_peak - usage.memory_before)),
        _bytes(round(usage.memory_mean)),
        f"{_share(usage.cpu_mean)} (most {_share(usage.cpu_peak)})",
        _bytes(usage.disk_read + usage.disk_written),
    )


def _length(measured: MeasuredJob) -> timedelta:
    return measured.usage.end - measured.usage.start


def _instants(measured: MeasuredJob) -> list[datetime]:
    """Instants at even distances from the first sample to the last: Mermaid spreads them so."""
    count = min(_MOST_POINTS, len(measured.curve))
    start, pause = measured.usage.start, _length(measured) / (count - 1)
    return [*(start + number * pause for number in range(count - 1)), measured.usage.end]


def _memory_at(curve: Sequence[MachineUsage], times: Sequence[datetime]) -> Iterator[int]:
    """The most memory since the instant before, so that no peak is lost; else what was last."""
    at, last = 0, curve[0].memory_peak
    for time in times:
        peaks = []
        while at < len(curve) and curve[at].start <= time:
            peaks.append(curve[at].memory_peak)
            at += 1
        last = max(peaks, default=last)
        yield last


def _step_peak_at(steps: Sequence[MeasuredStep], times: Sequence[datetime]) -> Iterator[int]:
    """The peak of the step that ran at each instant; of the one before where none did."""
    last = steps[0].usage.memory_peak
    for time in times:
        running = [each.usage.memory_peak for each in steps if each.start <= time < each.end]
        last = max(running, default=last)
        yield last


def _numbers(values: Iterator[int], size: int) -> str:
    return f"[{', '.join(f'{value / size:.2f}' for value in values)}]"


def _share(share: float) -> str:
    return f"{share:.0%}"


def _bytes(count: int) -> str:
    """Bytes as those who buy memory count them: ``512 B``, ``2.3 MiB``, ``15.6 GiB``."""
    for size, unit in ((_GIBIBYTE, "GiB"), (_MEBIBYTE, "MiB"), (_KIBIBYTE, "KiB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
