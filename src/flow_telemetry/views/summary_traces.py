"""What a summary says of traces that tools in a job wrote."""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.model.tool_traces import ToolTraces
from flow_telemetry.views.durations import counted
from flow_telemetry.views.summary_lines import Section


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
