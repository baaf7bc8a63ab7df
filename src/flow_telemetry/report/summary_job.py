"""Its sections of the inside of a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from flow_telemetry.model.measurements import MachineUsage, MeasuredJob, MeasuredStep
from flow_telemetry.model.reports import (
    CaseTold,
    Counts,
    CoverageTotals,
    JobCoverage,
    TestsTold,
    ToolTraces,
)
from flow_telemetry.outcome import InsideTold
from flow_telemetry.report.lines import LONGEST_NAME, Section, format_table
from flow_telemetry.report.text import counted, duration, markdown, markdown_code
from flow_telemetry.rules.coverage import OTHER_PACKAGES, change, largest

# What a summary says of the machine that a job ran on: its memory as a chart, and each step's.
#
# The chart is Mermaid's `xychart-beta`, which all versions know that GitHub has used; it holds
# numbers only, so that nobody's text gets into it.

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
    return format_table(head, rows, right=range(1, len(head)))


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


# What a summary says of a job's tests: how many ended how, and the first that failed.

_LONGEST_MESSAGE = 200


def sections_of_tests(told: TestsTold) -> Iterator[Section]:
    """Return a line with the counts, and a table of failed and flaky cases where there are any."""
    yield Section(_counts(told))
    rows = [
        *(_tests_row("❌ failed", case) for case in told.failing),
        *(_tests_row("🔁 flaky", case) for case in told.flaky),
    ]
    if rows:
        head = ("Test", "Suite", "Time", "Result", "Message")
        yield Section(
            format_table(head, rows, right=(2,)) + _further(told), name="the table of failed tests"
        )


def _counts(told: TestsTold) -> str:
    counts = told.counts
    parts = [f"{counts.passed:,} passed"]
    parts += [f"{counts.failed:,} failed"] if counts.failed else []
    parts += [f"{counts.skipped:,} skipped"] if counts.skipped else []
    parts += [f"{counts.flaky:,} flaky"] if counts.flaky else []
    icon = "❌" if counts.failed else "✅"
    of_all = f"{counted(counts.total, 'test')} in {counted(told.suites, 'suite')}"
    reports = counted(told.reports, "report")
    return (
        f"**Tests** {icon} {of_all} ({reports}): {', '.join(parts)} · {duration(told.seconds)} "
        "of all together"
    )


def _tests_row(result: str, case: CaseTold) -> tuple[str, ...]:
    return (
        markdown_code(case.name, LONGEST_NAME),
        markdown(case.suite, LONGEST_NAME),
        "" if case.duration is None else duration(case.duration),
        result,
        markdown(case.message, _LONGEST_MESSAGE),
    )


def _further(told: TestsTold) -> str:
    failed = told.counts.failed - len(told.failing)
    flaky = told.counts.flaky - len(told.flaky)
    more = [
        f"{count:,} more {word}" for count, word in ((failed, "failed"), (flaky, "flaky")) if count
    ]
    return f"\n\nand {' and '.join(more)}" if more else ""


# What a summary says of the coverage of a job: in all, by package, and against the base.

MOST_PACKAGES = 10
_PLURALS = {"line": "lines", "statement": "statements", "branch": "branches"}


def coverage_sections(coverage: JobCoverage) -> Iterator[Section]:
    """Return the totals with their change, and a table of the largest packages."""
    yield Section(" ".join([f"**Coverage** {_totals(coverage)}.", *_against(coverage)]))
    yield Section(_packages(coverage), name="the table of coverage")


def _totals(coverage: JobCoverage) -> str:
    counts, before = coverage.totals.counts, _coverage_counts(coverage.base)
    return " · ".join(
        f"{_ratio(counts, before, unit)} of {covered.coverable:,} {_PLURALS[unit]}"
        for unit, covered in counts.each()
    )


def _against(coverage: JobCoverage) -> list[str]:
    if not coverage.base_branch:
        return []
    branch = markdown_code(coverage.base_branch, LONGEST_NAME)
    if coverage.base_lacks:
        lacks = markdown(coverage.base_lacks, LONGEST_NAME)
        return [f"The change against {branch} is not known: {lacks}."]
    return [f"The change is against {branch}, in percentage points."]


def _packages(coverage: JobCoverage) -> str:
    packages = largest(coverage.totals.packages, MOST_PACKAGES)
    if not packages:
        return ""
    units = [unit for unit, _ in coverage.totals.counts.each()]
    base = coverage.base.packages if coverage.base is not None else ()
    before = {each.name: each.counts for each in base if each.name != OTHER_PACKAGES}
    rows = (
        (
            markdown(package.name, LONGEST_NAME),
            *(_ratio(package.counts, before.get(package.name, Counts()), unit) for unit in units),
        )
        for package in packages
    )
    head = ("Package", *(_PLURALS[unit].capitalize() for unit in units))
    return format_table(head, rows, right=range(1, len(head)))


def _ratio(now: Counts, before: Counts, unit: str) -> str:
    """Return `82.4 % (+0.3)`; nothing where it does not count the unit."""
    covered = now.of(unit)
    if covered is None:
        return ""
    if covered.ratio is None:
        return "none to cover"
    changed = change(now, before, unit)
    shown = "" if changed is None else f" ({_signed(changed)})"
    return f"{_percent(100 * covered.ratio)} %{shown}"


def _percent(value: float) -> str:
    """With one decimal; what is not all is not shown as all, nor what is something as nothing."""
    text = f"{value:.1f}"
    if text == "100.0" and value < 100:
        return "99.9"
    return "0.1" if text == "0.0" and value > 0 else text


def _signed(points: float) -> str:
    text = f"{points:+.1f}"
    return "±0.0" if text in ("+0.0", "-0.0") else text


def _coverage_counts(totals: CoverageTotals | None) -> Counts:
    return Counts() if totals is None else totals.counts


# What a summary says of traces that tools in a job wrote.


def tool_trace_sections(found: ToolTraces) -> Iterator[Section]:
    """Return the sentence about files of tools that went along."""
    yield Section(f"From {counted(found.files, 'file')} of tools: {', '.join(_parts(found))}.")


def _parts(found: ToolTraces) -> list[str]:
    others = counted(found.other_traces, "other trace")
    parts = [
        f"{counted(found.spans, 'span')} of this trace" if found.spans else "",
        f"{counted(found.other_spans, 'span')} of {others}" if found.other_spans else "",
        counted(found.records, "log record") if found.records else "",
        counted(found.points, "data point") if found.points else "",
    ]
    return [part for part in parts if part] or ["nothing that could be sent"]


# What was found inside of a job, for the summary: machine, tests, coverage and tools' traces.


def inside_sections(told: InsideTold) -> Iterator[Section]:
    """Return the sections of what was asked for."""
    if told.machine is not None:
        yield from machine_sections(told.machine)
    if told.tests is not None:
        yield from sections_of_tests(told.tests)
    if told.coverage is not None:
        yield from coverage_sections(told.coverage)
    if told.tool_traces is not None:
        yield from tool_trace_sections(told.tool_traces)
