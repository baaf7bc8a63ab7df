"""Data of the page: rows of each trace, and what stands above them: shares, waits and failures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from flow_telemetry.model.time_shares import WAITING_STATES, TimeShares, TimeState
from flow_telemetry.report.lines import describe_unread_time, format_percent
from flow_telemetry.report.page_facts import (
    Meaning,
    Shares,
    find_causes,
    find_critical_path,
    longest_waits,
    meaning_of,
    run_shares,
    title_of,
    total_length,
)
from flow_telemetry.report.terminal import (
    Node,
    Trace,
    build_traces,
    describe_attempt,
    entity_type,
    walk,
)
from flow_telemetry.report.text import fill_trace_url
from flow_telemetry.telemetry import OPENING, Attributes, AttributeValue, Span
from flow_telemetry.text import duration, multi_line, one_line

_LONGEST_NAME = 200
_LONGEST_VALUE = 2_048
_MICROSECOND = 1_000  # in nanoseconds
_SECOND = 1_000_000_000
_SHORTEST_SHARE = 0.5  # seconds
_MOST_WAITS = 8
_MOST_FAILURES = 20
# What users call the addresses of runs, jobs, pull requests and items.
_URLS = (
    "cicd.pipeline.task.run.url.full",
    "cicd.pipeline.run.url.full",
    "github.pull_request.url",
    "flow.work_item.url",
)
_STEP_NUMBER = "github.step.number"
_TRACE_KIND = "flow.trace"
_WHOLE = ("feature", "snapshot")
_WAITING_DESCRIPTION = "blocked, awaiting review or merge, or queued; idle time is not in it"
_FAILED, _CAUSE, _CRITICAL, _INSTANT = 1, 2, 4, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """What the page shows besides the spans.

    ``times`` say where the time of each exported subject went. ``trace_url`` is the template of
    the addresses of traces, ``notes`` are sentences about what is missing from the page.
    """

    times: tuple[TimeShares, ...] = ()
    trace_url: str = ""
    notes: tuple[str, ...] = ()


def page_data(spans: Iterable[Span], facts: PageFacts) -> Mapping[str, Any]:
    """Return the data of the page as values of JSON.

    Times are microseconds: those of a trace since 1970, those of its spans since its start. Texts
    are numbers of ``texts``; ``pairs`` are names and values of attributes in turn. Columns of a
    trace have one value for each span, in the order of the tree.
    """
    traces = build_traces(spans)
    # The feature as a whole tells the most; its parts follow in order of time.
    traces.sort(key=lambda trace: _kind(trace) not in _WHOLE)
    tables, rows = _Tables(), {}
    encoded = []
    for number, trace in enumerate(traces):
        nodes = [(node, depth) for node, depth, _ in walk(trace.roots)]
        rows.update({id(node): [number, row] for row, (node, _) in enumerate(nodes)})
        encoded.append(_encode_trace(trace, nodes, tables, facts))
    whole = [trace for trace in traces if _kind(trace) in _WHOLE]
    shown = whole or traces
    causes = _distinct(cause for trace in traces for cause in find_causes(trace.roots))
    waits = longest_waits([root for trace in shown for root in trace.roots])[:_MOST_WAITS]
    return {
        "meanings": [[meaning.name.lower(), meaning.value] for meaning in Meaning],
        "overview": {
            **_overview(shown, facts),
            "waits": [rows[id(node)] for node in waits],
            "failures": [rows[id(node)] for node in causes[:_MOST_FAILURES]],
            "failed": len(causes),
        },
        "notes": [one_line(note, _LONGEST_VALUE) for note in facts.notes],
        "traces": encoded,
        **tables.encoded(),
    }


def _kind(trace: Trace) -> str:
    return str(trace.roots[0].span.attributes.get(_TRACE_KIND, ""))


def _distinct(nodes: Iterable[Node]) -> list[Node]:
    """Return the nodes without those that another trace repeats."""
    found: dict[tuple[str, str], Node] = {}
    for node in nodes:
        span = node.span
        reference = str(span.attributes.get("flow.reference", span.trace_id + span.span_id))
        found.setdefault((reference, span.name), node)
    return list(found.values())


# What stands first: where the time went, and three numbers


def _overview(traces: Sequence[Trace], facts: PageFacts) -> dict[str, Any]:
    roots = [root for trace in traces for root in trace.roots]
    times = facts.times or tuple(filter(None, (_times_of(root.span) for root in roots)))
    lead_time, of_what = _lead_time(traces, times)
    if times:
        shares = _shares_of(times)
        waiting = sum(shares.seconds.get(state.label, 0.0) for state in WAITING_STATES)
        description, unread = _WAITING_DESCRIPTION, describe_unread_time(_longest(times))
    else:
        shares, unread = run_shares(roots), ""
        waiting = sum(s for state, s in shares.seconds.items() if state.startswith("waiting"))
        description = "waiting for a runner, an approval or the start"
    total = sum(shares.seconds.values())
    ci_time = total_length(roots, Meaning.RUN)
    return {
        "bar": [
            [state, seconds / total, duration(seconds), format_percent(seconds, total)]
            for state, seconds in shares.seconds.items()
            # Less than that is the order of spans, which is kept by microseconds.
            if seconds >= _SHORTEST_SHARE
        ],
        "unread": unread,
        "numbers": [
            ["lead time", duration(lead_time), of_what],
            ["waiting", format_percent(waiting, total) if total else "unknown", description],
            ["CI time", duration(ci_time), "while at least one run was going on"],
        ],
    }


def _longest(times: Sequence[TimeShares]) -> TimeShares:
    return max(times, key=lambda time: time.total)


def _shares_of(times: Sequence[TimeShares]) -> Shares:
    seconds = {state.label: 0.0 for state in TimeState}
    for time in times:
        for state, spent in time.durations:
            seconds[state.label] += spent.total_seconds()
    return Shares(seconds=seconds)


def _times_of(root: Span) -> TimeShares | None:
    """Return where the time of a feature went, as the root of its trace says; else None."""
    found = {state: root.attributes.get(f"flow.time.{state.value}.duration") for state in TimeState}
    seconds = {s: value for s, value in found.items() if isinstance(value, int | float)}
    if not any(seconds.values()):
        return None
    unread = str(root.attributes.get("flow.time.incomplete", "")).split(",")
    return TimeShares(
        durations=tuple((s, timedelta(seconds=float(seconds.get(s, 0)))) for s in TimeState),
        incomplete=tuple(state for state in TimeState if state.value in unread),
    )


def _lead_time(traces: Sequence[Trace], times: Sequence[TimeShares]) -> tuple[float, str]:
    """Return seconds and what they are; the median if there are several subjects."""
    if len(times) == 1:
        return times[0].total.total_seconds(), "from the creation to the end"
    if times:
        return (
            median(time.total.total_seconds() for time in times),
            f"median of {len(times):,} pull requests",
        )
    lengths = [_length(trace) for trace in traces]
    what = "from the first start to the last end"
    if len(lengths) > 1:
        return median(lengths), f"{what}, median of {len(lengths):,} traces"
    return (lengths[0] if lengths else 0.0), what


def _length(trace: Trace) -> float:
    """Return the seconds of a trace; an opening, which can be weeks older than a run, is left out.

    Its pull request's life is a span of its own.
    """
    spans = [node.span for node, _, _ in walk(trace.roots)]
    spans = [span for span in spans if entity_type(span) != OPENING[1]] or spans
    start = min(span.start for span in spans)
    return (max(max(span.start, span.end) for span in spans) - start) / _SECOND


# Traces as columns


@dataclass(slots=True)
class _Tables:
    """Texts, attributes and groups of attributes, each of which the page contains once."""

    _texts: dict[str, int] = field(default_factory=dict)
    _pairs: dict[tuple[int, int], int] = field(default_factory=dict)
    _groups: dict[tuple[int, ...], int] = field(default_factory=dict)

    def text(self, text: str, limit: int = _LONGEST_NAME) -> int:
        """Return the number of a text, on one line and without hidden characters."""
        return self._texts.setdefault(one_line(text, limit).strip(), len(self._texts))

    def pairs(self, attributes: Attributes) -> tuple[int, ...]:
        """Return the numbers of attributes."""
        return tuple(self._pair(name, value) for name, value in attributes.items())

    def group(self, pairs: tuple[int, ...]) -> int:
        """Return the number of a group of attributes."""
        return self._groups.setdefault(pairs, len(self._groups))

    def encoded(self) -> dict[str, Any]:
        """Return the tables as values of JSON."""
        return {
            "texts": list(self._texts),
            "pairs": [number for pair in self._pairs for number in pair],
            "groups": list(self._groups),
        }

    def _pair(self, name: str, value: AttributeValue) -> int:
        text = multi_line(_format_value(value), _LONGEST_VALUE)
        number = self._texts.setdefault(text, len(self._texts))
        return self._pairs.setdefault((self.text(name), number), len(self._pairs))


def _format_value(value: AttributeValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else "\n".join(value)


def _encode_trace(
    trace: Trace, nodes: Sequence[tuple[Node, int]], tables: _Tables, facts: PageFacts
) -> dict[str, Any]:
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            *("up", "id", "name", "meaning", "start_of", "length", "flags", "group", "own", "from"),
        )
    }
    # Few spans have these, so they are by the number of the span.
    rare: dict[str, dict[int, Any]] = {
        name: {} for name in ("title", "note", "error", "url", "step", "parent", "more")
    }
    causes = {id(node) for node in find_causes(trace.roots)}
    critical = {id(node) for node in find_critical_path(trace.roots)}
    path: list[tuple[int, Node, tuple[int, ...], str]] = []
    for row, (node, depth) in enumerate(nodes):
        del path[depth:]
        up, parent, above, title_above = path[-1] if path else (-1, None, (), "")
        span, pairs = node.span, tables.pairs(node.span.attributes)
        inherited = set(above)
        title = title_of(node)
        values = (
            up,
            span.span_id,
            tables.text(span.name) if span.name.strip() else tables.text("(unnamed)"),
            list(Meaning).index(meaning_of(node, parent)),
            (span.start - trace.start) // _MICROSECOND,
            max(0, span.end - span.start) // _MICROSECOND,
            _flags(node, causes, critical),
            # What a span has in common with its parent is a group, which its siblings share.
            tables.group(tuple(pair for pair in pairs if pair in inherited)),
            [pair for pair in pairs if pair not in inherited],
            tables.group(tables.pairs(span.resource.attributes)),
        )
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
        if title and title != title_above:
            rare["title"][row] = tables.text(title)
        for name, value in _rare(node, parent, tables):
            rare[name][row] = value
        path.append((row, node, pairs, title or title_above))
    return {
        "trace": trace.trace_id,
        "kind": one_line(_kind(trace), _LONGEST_NAME),
        "start": trace.start // _MICROSECOND,
        "end": trace.end // _MICROSECOND,
        "href": _trace_address(trace, facts),
        **columns,
        **{name: values for name, values in rare.items() if values},
    }


def _flags(node: Node, causes: set[int], critical: set[int]) -> int:
    return (
        _FAILED * (node.span.error is not None)
        + _CAUSE * (id(node) in causes)
        + _CRITICAL * (id(node) in critical)
        + _INSTANT * (entity_type(node.span) == OPENING[1])
    )


def _rare(node: Node, parent: Node | None, tables: _Tables) -> Iterator[tuple[str, Any]]:
    """Yield the facts that few spans have."""
    span = node.span
    notes = [entity_type(span).replace("_", " "), describe_attempt(span)]
    note = " · ".join(note for note in notes if note and note != span.name)
    if note:
        yield "note", tables.text(note)
    if span.error is not None:
        yield "error", tables.text(span.error or "failed", _LONGEST_VALUE)
    address = next(filter(None, (_address(span.attributes.get(name)) for name in _URLS)), "")
    if address:
        yield "url", tables.text(address, _LONGEST_VALUE)
    number = span.attributes.get(_STEP_NUMBER)
    if isinstance(number, int):
        yield "step", number
    if parent is None and span.parent_span_id:
        yield "parent", span.parent_span_id
    more = [
        *(
            [f"event {e.name}", e.time // _MICROSECOND, tables.pairs(e.attributes)]
            for e in span.events
        ),
        *(
            ["link", 0, tables.pairs({"trace": x.trace_id, "span": x.span_id, **x.attributes})]
            for x in span.links
        ),
    ]
    if more:
        yield "more", [[tables.text(str(name)), time, pairs] for name, time, pairs in more]


def _address(value: object) -> str:
    """Return an address that a link may have; empty if it is not one of HTTP."""
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:  # for example an IPv6 address without its closing bracket
        return ""
    return value if parts.scheme in ("http", "https") and parts.hostname else ""


def _trace_address(trace: Trace, facts: PageFacts) -> str:
    root = trace.roots[0].span
    return (
        fill_trace_url(
            facts.trace_url,
            trace_id=trace.trace_id,
            span_id=root.span_id,
            start=trace.start // 1_000_000,
            end=trace.end // 1_000_000,
        )
        or ""
    )
