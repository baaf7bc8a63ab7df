"""Figures as tables of Markdown, so that what is printed can be put into a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.scenarios import Figures

_HEADERS = (
    *("run, latency", "program", "wall", "ratio", "processor", "ratio", "memory"),
    *("requests to GitHub", "sent", "spans", "events", "metrics"),
)


def figures_table(groups: Iterable[Sequence[Figures]]) -> str:
    """Return a row for each program of each scenario; ratios are to the last one, the peer."""
    rows = [_row(each, group[-1]) for group in groups for each in group]
    return table(_HEADERS, rows)


def _row(figures: Figures, peer: Figures) -> tuple[str, ...]:
    cost, seen = figures.cost, figures.seen
    alone = figures is peer
    return (
        figures.scenario.name,
        figures.program,
        f"{cost.wall:.2f} s",
        "" if alone else f"{cost.wall / peer.cost.wall:.2f}",
        f"{cost.processor:.2f} s",
        "" if alone else f"{cost.processor / peer.cost.processor:.2f}",
        f"{cost.memory:.0f} MiB",
        f"{seen['requests']:,}",
        f"{seen['bytes'] / 1024:,.0f} KiB in {seen['otlp_requests']}",
        f"{seen['traces']:,}",
        f"{seen['logs']:,}",
        f"{seen['metrics']:,}",
    )


def facts_table(facts: Mapping[str, str]) -> str:
    """Return a table of two columns."""
    return table(("what", "figure"), list(facts.items()))


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose columns line up, so that it is read as it is printed, too."""
    cells = [tuple(headers), *(tuple(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    lines = [_line(row, widths) for row in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = (text.ljust(width) for text, width in zip(row, widths, strict=True))
    return "| " + " | ".join(padded) + " |"
