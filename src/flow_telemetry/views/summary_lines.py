"""The lines that summaries of all subjects share: traces, links, times, and what stands above."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import Change, Lineage, WorkItem
from flow_telemetry.outcome import Exported
from flow_telemetry.views.escape import markdown, markdown_code, markdown_link

MOST_LINES = 20
LONGEST_NAME = 100
LONGEST_LINE = 1_000
_LONGEST_WORD = 40


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a summary; of those with a ``name`` the last ones go where it is too large."""

    text: str
    name: str = ""


def trace_link(exported: Exported) -> str:
    """Return the id of the trace, as a link to the user's backend where one is known."""
    shown = markdown_code(exported.trace.trace_id, LONGEST_NAME)
    return markdown_link(shown, exported.trace_url or "")


def word(text: str) -> str:
    """Return a state, result or status in few letters."""
    return markdown(text.replace("_", " "), _LONGEST_WORD)


def instant(time: datetime) -> str:
    """Return a time to the minute."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def change_link(change: Change) -> str:
    """Return a pull request as a link with its title."""
    title = f" {markdown(change.title, LONGEST_NAME)}" if change.title else ""
    return markdown_link(markdown(f"#{change.number}", 20), change.url) + title


def item_link(item: WorkItem) -> str:
    """Return an item with its type, its key as a link, and its title or that it has none."""
    of_type = word((item.type or "item").lower())
    key = markdown_link(markdown(item.key, LONGEST_NAME), item.url)
    if not item.read:
        return f"{of_type} {key} (known by its key alone)"
    title = f" {markdown(item.title, LONGEST_NAME)}" if item.title else ""
    return f"{of_type} {key}{title}"


def items_above(lineage: Lineage) -> str:
    """Return on one line the work item and the feature above a run or change; empty for none."""
    nearest, feature = lineage.nearest, lineage.feature
    if nearest is None or feature is None:
        return ""
    reason = f": {markdown(lineage.reason, LONGEST_LINE)}" if lineage.reason else ""
    place = f"Part of {item_link(nearest)}"
    if feature is not nearest:
        place += f", in the feature {item_link(feature)}"
    return " ".join([f"{place}{reason}.", *also_linked(lineage)])


def also_linked(lineage: Lineage) -> list[str]:
    """Return the sentence about further items, which are no ancestors and become links."""
    further = (*lineage.others, *lineage.above)
    if not further:
        return []
    return [f"Also linked to {listed_links([item_link(item) for item in further])}."]


def listed_links(links: Sequence[str]) -> str:
    """Return links on one line, of very many the first ones."""
    more = [f"{len(links) - MOST_LINES:,} more"] if len(links) > MOST_LINES else []
    return ", ".join([*links[:MOST_LINES], *more])


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int]) -> str:
    """Return a table of Markdown cells, those of the columns ``right`` set to the right."""
    columns = set(right)
    rule = ("--:" if number in columns else "---" for number in range(len(head)))
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(rule)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
