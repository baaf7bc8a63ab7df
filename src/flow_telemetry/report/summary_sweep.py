"""Section of the job summary about the sweep of an organization: its repositories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flow_telemetry.model.sweeps import SweepState, SweptRepository
from flow_telemetry.report.lines import LONGEST_NAME, Section, format_table
from flow_telemetry.report.text import markdown
from flow_telemetry.text import counted

# A page of GitHub shows a table of so many rows at once.
_MOST_ROWS = 200
_STATES = {
    SweepState.SWEPT: "",
    SweepState.PARTIAL: "in part",
    SweepState.LEFT: "left to the next sweep",
    SweepState.UNREADABLE: "not readable",
}


def sweep_sections(swept: Sequence[SweptRepository]) -> Iterator[Section]:
    """Return a heading, and a table with those first that need a look, then the busiest."""
    exported = sum(each.exported for each in swept)
    repositories = counted(len(swept), "repository")
    yield Section(f"### flow-telemetry: {counted(exported, 'thing')} exported of {repositories}")
    ordered = sorted(
        swept, key=lambda each: (each.state is SweepState.SWEPT, -each.exported, each.name)
    )
    rows = [
        (
            markdown(each.name, LONGEST_NAME),
            f"{each.exported:,}",
            f"{each.exported_before:,}",
            f"{each.pending:,}",
            f"{each.requests:,}",
            _STATES[each.state],
        )
        for each in ordered[:_MOST_ROWS]
    ]
    if len(ordered) > _MOST_ROWS:
        rows.append((f"and {len(ordered) - _MOST_ROWS:,} more", "", "", "", "", ""))
    head = ("Repository", "Exported", "Before", "Pending", "Requests", "Swept")
    yield Section(format_table(head, rows, right=(1, 2, 3, 4)), name="the table of repositories")
