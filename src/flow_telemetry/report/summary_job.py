"""Sections of the job summary about the inside of a job: machine, tests, coverage, tool traces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from flow_telemetry.model.measurements import MachineUsage, MeasuredJob, MeasuredStep
from flow_telemetry.model.reports import (
    CaseSummary,
    CoverageCounts,
    JobCoverage,
    TestSummary,
    ToolTraces,
)
from flow_telemetry.outcome import JobReport
from flow_telemetry.report.lines import LONGEST_NAME, Section, format_table
from flow_telemetry.report.text import markdown, markdown_code
from flow_telemetry.rules.coverage import OTHER_PACKAGES, change, largest_packages
from flow_telemetry.text import counted, duration, plural

MOST_PACKAGES = 10
_LONGEST_MESSAGE = 200
_MOST_STEPS = 20
_MOST_POINTS = 60
_GIBIBYTE, _MEBIBYTE, _KIBIBYTE = 2**30, 2**20, 2**10
# GitHub's blue and orange, which are visible on white and on black.
_COLOURS = "#0969da, #bc4c00"
_HIGHEST = 1.1  # of the peak
# In pixels: one or two curves and five ticks. Mermaid's own height is 500.
_HEIGHT = 200


def inside_sections(inside: JobReport) -> Iterator[Section]:
    """Return the sections about everything that was read inside the job."""
    if inside.machine is not None:
        yield from machine_sections(inside.machine)
    if inside.tests is not None:
        yield from case_sections(inside.tests)
    if inside.coverage is not None:
        yield from coverage_sections(inside.coverage)
    if inside.tool_traces is not None:
        yield tool_trace_section(inside.tool_traces)


# Machine


def machine_sections(measured: MeasuredJob) -> Iterator[Section]:
    """Return a summary of the machine's usage, a chart of its memory and a table of steps."""
    usage = measured.usage
    yield Section(
        f"**Machine**: {_bytes(measured.memory)} of memory, peak use {_bytes(usage.memory_peak)}, "
        f"{_bytes(usage.memory_before)} in use at the start; "
        f"{counted(measured.processors, 'processor')}, {usage.cpu_mean:.0%} busy on average; "
        f"disks read {_bytes(usage.disk_read)}, written {_bytes(usage.disk_written)}; "
        f"network received {_bytes(usage.network_received)}, sent {_bytes(usage.network_sent)}"
    )
    yield Section(_memory_chart(measured), name="the chart of memory")
    yield Section(_measured_steps_table(measured), name="the table of measured steps")


def _memory_chart(measured: MeasuredJob) -> str:
    """Return a chart with the curve of memory, and the peak of the step that was running."""
    usage, curve = measured.usage, measured.curve
    length = usage.end - usage.start
    seconds = length.total_seconds()
    if seconds <= 0 or len(curve) < 2:
        return ""
    unit, size = ("GiB", _GIBIBYTE) if usage.memory_peak >= _GIBIBYTE else ("MiB", _MEBIBYTE)
    time_unit, end = ("minutes", seconds / 60) if seconds >= 120 else ("seconds", seconds)
    # Mermaid spreads the points of a line evenly, so the timestamps have equal distances.
    points = min(_MOST_POINTS, len(curve))
    interval = length / (points - 1)
    times = [*(usage.start + number * interval for number in range(points - 1)), usage.end]
    # All versions of Mermaid that GitHub has used support `xychart-beta`. The chart contains only
    # numbers, and thus no untrusted text.
    lines = [
        "---",
        "config:",
        "  xyChart:",
        f"    height: {_HEIGHT}",
        "  themeVariables:",
        "    xyChart:",
        f'      plotColorPalette: "{_COLOURS}"',
        "---",
        "xychart-beta",
        f'  x-axis "{time_unit}" 0 --> {end:.2f}',
        f'  y-axis "{unit}" 0 --> {usage.memory_peak * _HIGHEST / size:.2f}',
        _chart_line(_memory_at(curve, times), size),
    ]
    if measured.steps:
        lines.append(_chart_line(_step_peak_at(measured.steps, times), size))
    note = "blue: memory in use, orange: peak of each step"
    return f"**Memory** ({note})\n\n```mermaid\n" + "\n".join(lines) + "\n```"


def _memory_at(curve: Sequence[MachineUsage], times: Sequence[datetime]) -> Iterator[int]:
    """Return the peak between each timestamp and the one before, or the last value if unknown."""
    index, last = 0, curve[0].memory_peak
    for time in times:
        peaks = []
        while index < len(curve) and curve[index].start <= time:
            peaks.append(curve[index].memory_peak)
            index += 1
        last = max(peaks, default=last)
        yield last


def _step_peak_at(steps: Sequence[MeasuredStep], times: Sequence[datetime]) -> Iterator[int]:
    """Return the peak of the step that ran at each timestamp, or of the step before."""
    last = steps[0].usage.memory_peak
    for time in times:
        running = [step.usage.memory_peak for step in steps if step.start <= time < step.end]
        last = max(running, default=last)
        yield last


def _chart_line(values: Iterator[int], size: int) -> str:
    return f"  line [{', '.join(f'{value / size:.2f}' for value in values)}]"


def _measured_steps_table(measured: MeasuredJob) -> str:
    if not measured.steps:
        return ""
    by_memory = sorted(measured.steps, key=lambda step: step.usage.memory_peak, reverse=True)
    selected = sorted(by_memory[:_MOST_STEPS], key=lambda step: step.start)
    rows = [_measured_step_row(step, measured.usage.start) for step in selected]
    if len(by_memory) > _MOST_STEPS:
        rows.append((f"and {len(by_memory) - _MOST_STEPS:,} more with less memory", *[""] * 7))
    head = ("Step", "After", "Time", "Peak memory", "Added", "Mean", "Processors", "Disk")
    return format_table(head, rows, right=range(1, len(head)))


def _measured_step_row(step: MeasuredStep, job_start: datetime) -> tuple[str, ...]:
    usage = step.usage
    return (
        markdown_code(step.name, LONGEST_NAME),
        duration((step.start - job_start).total_seconds()),
        duration((step.end - step.start).total_seconds()),
        _bytes(usage.memory_peak),
        _bytes(max(0, usage.memory_peak - usage.memory_before)),
        _bytes(round(usage.memory_mean)),
        f"{usage.cpu_mean:.0%} (peak {usage.cpu_peak:.0%})",
        _bytes(usage.disk_read + usage.disk_written),
    )


def _bytes(count: int) -> str:
    """Return bytes in binary units, as memory is sold: ``512 B``, ``2.3 MiB``, ``15.6 GiB``."""
    for size, unit in ((_GIBIBYTE, "GiB"), (_MEBIBYTE, "MiB"), (_KIBIBYTE, "KiB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


# Tests


def case_sections(tests: TestSummary) -> Iterator[Section]:
    """Return a line with the counts, and a table of the failed and flaky cases, if any."""
    counts = tests.counts
    results = [
        f"{counts.passed:,} passed",
        f"{counts.failed:,} failed" if counts.failed else "",
        f"{counts.skipped:,} skipped" if counts.skipped else "",
        f"{counts.flaky:,} flaky" if counts.flaky else "",
    ]
    # Failures that a report declares and does not list are in a notice.
    passed = "❔" if tests.incomplete else "✅"
    yield Section(
        f"**Tests** {'❌' if counts.failed else passed} {counted(counts.total, 'test')} in "
        f"{counted(tests.suites, 'suite')} ({counted(tests.reports, 'report')}): "
        f"{', '.join(filter(None, results))} · {duration(tests.seconds)} in total"
    )
    rows = [
        *(_test_row("❌ failed", case) for case in tests.failing),
        *(_test_row("🔁 flaky", case) for case in tests.flaky),
    ]
    if rows:
        head = ("Test", "Suite", "Time", "Result", "Message")
        failed, flaky = counts.failed - len(tests.failing), counts.flaky - len(tests.flaky)
        omitted = [f"{failed:,} more failed"] if failed else []
        omitted += [f"{flaky:,} more flaky"] if flaky else []
        more = f"\n\nand {' and '.join(omitted)}" if omitted else ""
        yield Section(format_table(head, rows, right=(2,)) + more, name="the table of failed tests")


def _test_row(result: str, case: CaseSummary) -> tuple[str, ...]:
    return (
        markdown_code(case.name, LONGEST_NAME),
        markdown(case.suite, LONGEST_NAME),
        "" if case.duration is None else duration(case.duration),
        result,
        markdown(case.message, _LONGEST_MESSAGE),
    )


# Coverage


def coverage_sections(coverage: JobCoverage) -> Iterator[Section]:
    """Return the totals with their change against the base, and a table of the largest packages."""
    counts = coverage.totals.counts
    base = coverage.base.counts if coverage.base is not None else CoverageCounts()
    totals = " · ".join(
        f"{_coverage_cell(counts, base, unit)} of {covered.coverable:,} {plural(unit)}"
        for unit, covered in counts.by_unit()
    )
    text = f"**Coverage** {totals}."
    if coverage.base_branch:
        branch = markdown_code(coverage.base_branch, LONGEST_NAME)
        if coverage.base_missing_reason:
            reason = markdown(coverage.base_missing_reason, LONGEST_NAME)
            text += f" The change against {branch} is unknown: {reason}."
        else:
            text += f" The change is against {branch}, in percentage points."
    yield Section(text)
    yield Section(_packages_table(coverage), name="the table of coverage")


def _packages_table(coverage: JobCoverage) -> str:
    packages = largest_packages(coverage.totals.packages, MOST_PACKAGES)
    if not packages:
        return ""
    units = [unit for unit, _ in coverage.totals.counts.by_unit()]
    base = coverage.base.packages if coverage.base is not None else ()
    # The other packages of the base are not the same packages, so there is no change to show.
    before = {package.name: package.counts for package in base if package.name != OTHER_PACKAGES}
    rows = []
    for package in packages:
        counts, counts_before = package.counts, before.get(package.name, CoverageCounts())
        cells = (_coverage_cell(counts, counts_before, unit) for unit in units)
        rows.append((markdown(package.name, LONGEST_NAME), *cells))
    head = ("Package", *(plural(unit).capitalize() for unit in units))
    return format_table(head, rows, right=range(1, len(head)))


def _coverage_cell(now: CoverageCounts, before: CoverageCounts, unit: str) -> str:
    """Return the ratio and its change, such as `82.4 % (+0.3)`; empty without this unit."""
    covered = now.of(unit)
    if covered is None:
        return ""
    if covered.ratio is None:
        return "none to cover"
    percent = 100 * covered.ratio
    shown = f"{percent:.1f}"
    # Rounding must not turn partial coverage into all or nothing.
    if shown == "100.0" and percent < 100:
        shown = "99.9"
    elif shown == "0.0" and percent > 0:
        shown = "0.1"
    points = change(now, before, unit)
    if points is None:
        return f"{shown} %"
    signed = f"{points:+.1f}"
    return f"{shown} % ({'±0.0' if signed in ('+0.0', '-0.0') else signed})"


# Traces that tools in the job wrote


def tool_trace_section(traces: ToolTraces) -> Section:
    """Return the sentence about the telemetry in tools' files that was exported too."""
    others = counted(traces.other_traces, "other trace")
    parts = [
        f"{counted(traces.spans, 'span')} of this trace" if traces.spans else "",
        f"{counted(traces.other_spans, 'span')} of {others}" if traces.other_spans else "",
        counted(traces.records, "log record") if traces.records else "",
        counted(traces.points, "data point") if traces.points else "",
    ]
    exported = ", ".join(filter(None, parts)) or "nothing that could be sent"
    return Section(f"From {counted(traces.files, 'file')} of tools: {exported}.")
