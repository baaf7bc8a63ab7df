"""The summary of a step: what GitHub shows on the page of the run, in its own Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flow_telemetry.outcome import Exported, Outcome
from flow_telemetry.views.delivery import left_out, sentence, things_sent
from flow_telemetry.views.durations import counted, duration
from flow_telemetry.views.escape import markdown, markdown_link
from flow_telemetry.views.summary_lines import (
    LONGEST_LINE,
    LONGEST_NAME,
    MOST_LINES,
    Section,
    instant,
    listed_links,
    table,
    trace_link,
)
from flow_telemetry.views.summary_run import run_sections

# GitHub keeps 1 MiB of a step's summary and refuses all of it beyond.
LARGEST_SUMMARY = 1_000_000


def job_summary(outcome: Outcome, *, largest: int = LARGEST_SUMMARY) -> str:
    """Return the summary as GitHub-flavoured Markdown.

    Where it would be larger than ``largest`` bytes its tables and diagrams are left out, the last
    ones first, and the summary says so.
    """
    sections = [section for section in _sections(outcome) if section.text]
    missing: list[str] = []
    while True:
        text = _joined(sections, missing)
        going = [section for section in sections if section.name]
        if len(text.encode()) <= largest or not going:
            return text
        sections.remove(going[-1])
        missing.append(going[-1].name)


def _joined(sections: Sequence[Section], missing: Sequence[str]) -> str:
    texts = [section.text for section in sections]
    if missing:
        texts.append(f"Too large to show here: {' and '.join(missing)}.")
    return "\n\n".join(texts)


def _sections(outcome: Outcome) -> Iterator[Section]:
    yield from _about(outcome)
    yield Section(_listed("Problems", outcome.problems))
    yield Section(_listed("Notices", outcome.notices))
    yield Section(_listed("Left out", left_out(outcome)))
    yield Section(f"<sub>{markdown(sentence(outcome), LONGEST_LINE)}</sub>")


def _about(outcome: Outcome) -> Iterator[Section]:
    """What was exported: one thing with what went along, or, after a sweep, a table of all."""
    first, further = outcome.exported, outcome.further
    if first is None:
        yield Section(f"### flow-telemetry: {_sent_alone(outcome)}")
    elif all(_goes_along(first, each) for each in further):
        yield from _of_subject(first)
        yield Section(_sent_along(further))
    else:
        yield Section(f"### flow-telemetry: {counted(1 + len(further), 'export')}")
        yield Section(_all_of((first, *further)), name="the table of exports")


def _sent_alone(outcome: Outcome) -> str:
    """What left without a subject that could be named, such as deployments, or that none did."""
    sent = things_sent(outcome)
    if sent:
        return f"{sent} sent"
    collected = any(delivery.collected for delivery in outcome.deliveries)
    return "nothing was delivered" if collected else "nothing was sent"


def _of_subject(exported: Exported) -> Iterator[Section]:
    """Each kind by its own module, which is loaded where there is something to show."""
    if exported.run is not None:
        yield from run_sections(exported, exported.run)
        if exported.inside is not None:
            from flow_telemetry.views.summary_inside import inside_sections  # noqa: PLC0415

            yield from inside_sections(exported.inside)
    elif exported.change is not None:
        from flow_telemetry.views.summary_flow import change_sections  # noqa: PLC0415

        yield from change_sections(exported, exported.change)
    elif exported.item is not None:
        from flow_telemetry.views.summary_flow import item_sections  # noqa: PLC0415

        yield from item_sections(exported, exported.item)
    else:  # Nothing of it but its key is for those who read this.
        yield Section(f"### {markdown(exported.title, LONGEST_NAME)}")
        yield Section(f"Trace {trace_link(exported)}")


def _goes_along(first: Exported, other: Exported) -> bool:
    """Whether another is the first one's change, run or item, and not a subject of its own."""
    if first.item is not None and other.item is not None:
        return first.item.reference == other.item.reference
    return bool(_changes_of(first) & _changes_of(other))


def _changes_of(exported: Exported) -> set[str]:
    """The references of the pull requests that an export is of, or that its run belongs to."""
    above = exported.parentage
    beside = (above.change, *above.others) if above is not None else ()
    return {change.reference for change in (exported.change, *beside) if change is not None}


def _sent_along(further: Sequence[Exported]) -> str:
    if not further:
        return ""
    links = [f"{_title(each)} (trace {trace_link(each)})" for each in further]
    return f"Sent along: {listed_links(links)}."


def _all_of(exported: Sequence[Exported]) -> str:
    rows = [
        (
            _title(each),
            instant(each.interval.start),
            duration(each.interval.seconds),
            trace_link(each),
        )
        for each in exported[:MOST_LINES]
    ]
    if len(exported) > MOST_LINES:
        rows.append((f"and {len(exported) - MOST_LINES:,} more", "", "", ""))
    return table(("Exported", "From", "Time", "Trace"), rows, right=(2,))


def _title(exported: Exported) -> str:
    """The name of what was exported, as a link, and its title where that tells more."""
    about = exported.change or exported.item
    url = about.url if about is not None else exported.run.url if exported.run is not None else ""
    name = markdown_link(markdown(exported.title, LONGEST_NAME), url)
    title = about.title if about is not None else ""
    return f"{name} {markdown(title, LONGEST_NAME)}" if title else name


def _listed(title: str, texts: Sequence[str]) -> str:
    if not texts:
        return ""
    rows = [f"- {markdown(text, LONGEST_LINE)}" for text in texts[:MOST_LINES]]
    if len(texts) > MOST_LINES:
        rows.append(f"- and {len(texts) - MOST_LINES:,} more")
    return "\n".join([f"**{title}**", "", *rows])
