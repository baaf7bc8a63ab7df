"""What a summary says of a pull request or a work item: where its time went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from flow_telemetry.model import Change, Lineage, StatusCategory, WorkItem
from flow_telemetry.outcome import Exported
from flow_telemetry.rules.phases import phases
from flow_telemetry.rules.stretches import stretches
from flow_telemetry.views.durations import counted, duration
from flow_telemetry.views.escape import markdown
from flow_telemetry.views.gantt import MOST_BARS, Stretch, timeline
from flow_telemetry.views.happenings import MOST_HAPPENINGS, happenings
from flow_telemetry.views.summary_lines import (
    LONGEST_NAME,
    MOST_LINES,
    Section,
    also_linked,
    change_link,
    instant,
    item_link,
    items_above,
    table,
    trace_link,
    word,
)
from flow_telemetry.views.tree import WAITING_PHASES

_ARTICLES = {"human": "a human", "bot": "a bot", "agent": "an agent"}


def change_sections(exported: Exported, change: Change) -> Iterator[Section]:
    """Return the parts of the summary of an exported pull request."""
    found = phases(change, _until(exported))
    spent = [
        Stretch(each.kind.label, each.interval, waiting=each.kind.value in WAITING_PHASES)
        for each in found
    ]
    told = [_author(change), _reopened(each.life for each in found)]
    yield Section(f"### {markdown(exported.title, LONGEST_NAME)}: {_state(change)}")
    yield Section(_facts(exported, [change_link(change), *told], change.created_at))
    yield Section(items_above(exported.lineage) or "Belongs to no work item that is known.")
    yield Section(_waited(spent))
    yield Section(_totals("Phase", spent))
    yield Section(_chart("Phases", spent), name="the diagram of phases")
    yield Section(_happened(exported), name="the table of events")


def item_sections(exported: Exported, item: WorkItem) -> Iterator[Section]:
    """Return the parts of the summary of an exported work item or feature."""
    found = stretches(item, until=_until(exported))
    spent = [
        Stretch(each.status, each.interval, waiting=each.category is StatusCategory.TO_DO)
        for each in found
    ]
    told = [item_link(item), _reopened(each.life for each in found)]
    state = word(item.result or item.status or item.state or "closed")
    as_of_now = " (as of now)" if exported.partial else ""
    yield Section(f"### {markdown(exported.title, LONGEST_NAME)}: {state}{as_of_now}")
    yield Section(_facts(exported, told, item.created_at))
    yield Section(_place_of_item(exported.lineage))
    yield Section(_totals("Status", spent))
    yield Section(_chart("Statuses", spent), name="the diagram of statuses")
    yield Section(_happened(exported), name="the table of events")


def _until(exported: Exported) -> datetime | None:
    """Up to when what is still open is told."""
    return exported.interval.end if exported.partial else None


def _state(change: Change) -> str:
    if change.merged_at is not None:
        return "merged"
    return word("closed" if change.ended else change.state or "open")


def _author(change: Change) -> str:
    return f"by {_ARTICLES[change.author.kind.value]}" if change.author else ""


def _reopened(lives: Iterable[int]) -> str:
    times = max(lives, default=1) - 1
    return counted(times, "reopening") if times else ""


def _facts(exported: Exported, told: Sequence[str], created: datetime | None) -> str:
    opened = created or exported.interval.start
    parts = [
        f"Trace {trace_link(exported)}",
        *told,
        f"{instant(opened)} → {instant(_closed(exported))}",
        duration((_closed(exported) - opened).total_seconds()),
    ]
    return " · ".join(part for part in parts if part)


def _closed(exported: Exported) -> datetime:
    """The last end that is known: one that was reopened has ended more than once."""
    change, item, end = exported.change, exported.item, exported.interval.end
    known = (change.closed_at, change.merged_at) if change else ()
    known = (*known, item.closed_at) if item else known
    return end if exported.partial else max([end, *(time for time in known if time is not None)])


def _place_of_item(lineage: Lineage) -> str:
    """Where an item stands below its feature, the last of a lineage that begins with itself."""
    feature = lineage.feature
    if feature is None:
        return ""
    parent = lineage.items[1:2]
    if not parent:
        return " ".join(["It is the feature at the top.", *also_linked(lineage)])
    place = f"Part of {item_link(parent[0])}"
    if feature is not parent[0]:
        place += f", in the feature {item_link(feature)}"
    return " ".join([f"{place}.", *also_linked(lineage)])


def _waited(spent: Sequence[Stretch]) -> str:
    whole = sum(each.interval.seconds for each in spent)
    waited = sum(each.interval.seconds for each in spent if each.waiting)
    if not whole:
        return ""
    return (
        f"Waited {duration(waited)} of {duration(whole)} ({_share(waited, whole)}) for a review, "
        "for the merge or in its queue."
    )


def _totals(what: str, spent: Sequence[Stretch]) -> str:
    """How long each phase or status took in all, the longest first, and its share of the whole."""
    whole = sum(each.interval.seconds for each in spent)
    if not whole:
        return ""
    seconds: dict[str, list[float]] = {}
    for each in spent:
        seconds.setdefault(each.name, []).append(each.interval.seconds)
    rows = sorted(seconds.items(), key=lambda row: sum(row[1]), reverse=True)
    shown = [_row(markdown(name, LONGEST_NAME), times, whole) for name, times in rows[:MOST_LINES]]
    if len(rows) > MOST_LINES:
        rest = [each for _, times in rows[MOST_LINES:] for each in times]
        shown.append(_row(f"{len(rows) - MOST_LINES:,} more", rest, whole))
    return table((what, "Times", "Time", "Share"), shown, right=(1, 2, 3))


def _row(name: str, times: Sequence[float], whole: float) -> tuple[str, ...]:
    return name, f"{len(times):,}", duration(sum(times)), _share(sum(times), whole)


def _share(part: float, whole: float) -> str:
    percent = 100 * part / whole
    return "under 1 %" if 0 < percent < 1 else f"{percent:.0f} %"


def _chart(what: str, spent: Sequence[Stretch]) -> str:
    diagram = timeline(spent)
    if diagram is None or len(spent) < 2:  # one bar tells nothing
        return ""
    parts = ["grey is waiting; the time counts from its opening"]
    if len(spent) > MOST_BARS:
        parts.insert(0, f"the longest {MOST_BARS} of {len(spent):,}")
    return f"**{what}** ({'; '.join(parts)})\n\n```mermaid\n{diagram}\n```"


def _happened(exported: Exported) -> str:
    """The last events, oldest first."""
    told = happenings(exported)
    rows = [
        (
            instant(each.time),
            " ".join(filter(None, (each.what, markdown(each.about, LONGEST_NAME)))),
            markdown(each.who, LONGEST_NAME),
        )
        for each in told[-MOST_HAPPENINGS:]
    ]
    if not rows:
        return ""
    earlier = len(told) - len(rows)
    head = f"Events (the last {len(rows)} of {len(told):,})" if earlier else "Events"
    return table((head, "What", "By"), rows, right=())
