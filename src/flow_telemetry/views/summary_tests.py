"""What a summary says of a job's tests: how many ended how, and the first that failed."""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.model.test_results import CaseTold, TestsTold
from flow_telemetry.views.durations import counted, duration
from flow_telemetry.views.escape import markdown, markdown_code
from flow_telemetry.views.summary_lines import LONGEST_NAME, Section, table

_LONGEST_MESSAGE = 200


def sections_of_tests(told: TestsTold) -> Iterator[Section]:
    """Return a line with the counts, and a table of failed and flaky cases where there are any."""
    yield Section(_counts(told))
    rows = [
        *(_row("❌ failed", case) for case in told.failing),
        *(_row("🔁 flaky", case) for case in told.flaky),
    ]
    if rows:
        head = ("Test", "Suite", "Time", "Result", "Message")
        yield Section(
            table(head, rows, right=(2,)) + _further(told), name="the table of failed tests"
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


def _row(result: str, case: CaseTold) -> tuple[str, ...]:
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
