"""The end of an export as lines, for people at a terminal and for logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flow_telemetry.outcome import Exported, Outcome
from flow_telemetry.views.delivery import left_out, sentence
from flow_telemetry.views.escape import one_line, terminal_line
from flow_telemetry.views.run_times import jobs_of, queue_against_run

if TYPE_CHECKING:
    from flow_telemetry.views.happenings import Line

_LONGEST_LINE = 1_000
_LONGEST_NAME = 200
_MOST_EXPORTS = 20


def report(outcome: Outcome) -> str:
    """Return the end of a command: what was sent where, its trace, and all there is to know."""
    rows = [f"{outcome.status.value}: {sentence(outcome)}"]
    exported = [] if outcome.exported is None else [outcome.exported, *outcome.further]
    rows += [row for each in exported[:_MOST_EXPORTS] for row in _exported(each)]
    if len(exported) > _MOST_EXPORTS:
        rows.append(f"and {len(exported) - _MOST_EXPORTS:,} more")
    rows += _where_time_went(exported[0]) if len(exported) == 1 else []
    rows += [f"problem: {problem}" for problem in outcome.problems]
    rows += [f"notice: {notice}" for notice in outcome.notices]
    rows += [f"left out: {each}" for each in left_out(outcome)]
    return "\n".join(terminal_line(row, _LONGEST_LINE) for row in rows)


def _exported(exported: Exported) -> list[str]:
    trace = exported.trace
    so_far = ", so far" if exported.partial else ""
    told = f"{exported.title}{so_far}: trace {trace.trace_id} of {trace.root}"
    return [told, exported.trace_url] if exported.trace_url else [told]


def _where_time_went(exported: Exported) -> list[str]:
    """How long a run waited and ran; the last events of anything else."""
    if exported.run is not None:
        told = queue_against_run(exported.run, jobs_of(exported.run, exported.reference))
        return [told] if told else []
    # Loaded where there are some: a run has none.
    from flow_telemetry.views.happenings import MOST_HAPPENINGS, happenings  # noqa: PLC0415

    events = happenings(exported)
    earlier = len(events) - MOST_HAPPENINGS
    rows = [f"  {earlier:,} earlier events"] if earlier > 0 else []
    return rows + [_event(each) for each in events[-MOST_HAPPENINGS:]]


def _event(line: Line) -> str:
    about = f" {one_line(line.about, _LONGEST_NAME)}" if line.about else ""
    who = f" by {one_line(line.who, _LONGEST_NAME)}" if line.who else ""
    return f"  {line.time:%Y-%m-%d %H:%M} {line.what}{about}{who}"
