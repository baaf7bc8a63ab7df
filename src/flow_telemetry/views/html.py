"""Traces as one page that needs nothing else: no network, no script, no other file.

Bars are SVG, whose `x` and `width` are no styles, so the page's policy can forbid all styles but
its own sheet, and all scripts.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from hashlib import sha256

from flow_telemetry.telemetry import Attributes, AttributeValue, Span
from flow_telemetry.views.durations import counted, duration, span_duration
from flow_telemetry.views.escape import html
from flow_telemetry.views.style import DEEPEST, STYLE
from flow_telemetry.views.tree import Node, Trace, attempt_of, entity_of, is_wait, traces, walk

_LONGEST_NAME = 200
_LONGEST_VALUE = 4_096
_NANOSECONDS = 1_000_000_000
_TICKS = 4
_THINNEST = 0.1  # percent
# Where a trace has more spans, jobs that went well begin folded: what is above them fits a screen.
_MOST_UNFOLDED = 100


def waterfall(spans: Sequence[Span], title: str) -> str:
    """Return a page of HTML that shows all spans by trace: names, times, errors and attributes."""
    return "".join(_page(traces(spans), html(title, _LONGEST_NAME)))


def _page(found: Sequence[Trace], title: str) -> Iterator[str]:
    digest = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body><header><h1>{title}</h1>"
        f"{_legend()}</header><main>\n"
    )
    for trace in found:
        yield from _trace(trace)
    yield "" if found else "<p>There are no spans to show.</p>"
    yield "</main></body></html>\n"


def _legend() -> str:
    kinds = (
        ("run", "run"),
        ("job", "job"),
        ("step", "step"),
        ("wait", "waiting"),
        ("other", "other"),
    )
    keys = (f'<li><span class="key {each}"></span>{text}</li>' for each, text in kinds)
    return f'<ul class="legend">{"".join(keys)}<li><span class="key error"></span>failed</li></ul>'


def _trace(trace: Trace) -> Iterator[str]:
    failed = sum(row.node.span.error is not None for row in walk(trace.roots))
    facts = [
        counted(trace.spans, "span"),
        span_duration(trace.start, trace.end),
        f"from {_time(trace.start)}",
        *([f'<strong class="failed">{failed:,} failed</strong>'] if failed else []),
    ]
    trace_id = html(trace.trace_id, 64)
    yield f'<section><h2>Trace <code>{trace_id}</code></h2><p class="facts">{" · ".join(facts)}</p>'
    yield _axis(trace)
    yield from _rows(trace)
    yield "</section>\n"


def _axis(trace: Trace) -> str:
    length = (trace.end - trace.start) / _NANOSECONDS
    ticks = (f"<span>{duration(length * place / _TICKS)}</span>" for place in range(_TICKS + 1))
    return (
        '<div class="axis" aria-hidden="true"><span>Span</span><span>Duration</span>'
        f'<div class="ticks">{"".join(ticks)}</div></div>'
    )


def _rows(trace: Trace) -> Iterator[str]:
    yield '<ul class="spans">'
    before = 0
    for row in walk(trace.roots):
        yield "</ul></details></li>" * (before - row.depth)
        yield from _span(row.node, row.depth, trace)
        before = row.depth
    yield "</ul></details></li>" * before + "</ul>"


def _span(node: Node, depth: int, trace: Trace) -> Iterator[str]:
    span = node.span
    yield f'<li class="d{min(depth, DEEPEST)}"><details class="span"><summary>'
    yield f'<span class="name">{_name(span)}</span>'
    yield f'<span class="time">{span_duration(span.start, span.end)}</span>{_bar(span, trace)}'
    yield f"</summary>{_facts(span, trace)}</details>"
    if not node.children:
        yield "</li>"
        return
    below = counted(len(node.children), "span")
    opened = "" if _is_folded(span, trace) else " open"
    yield f'<details class="below"{opened}><summary><span>{below} below</span></summary><ul>'


def _is_folded(span: Span, trace: Trace) -> bool:
    return trace.spans > _MOST_UNFOLDED and entity_of(span) == "job" and span.error is None


def _name(span: Span) -> str:
    name = html(span.name, _LONGEST_NAME).strip() or "(unnamed)"
    entity = html(entity_of(span).replace("_", " "), 40)
    notes = [each for each in (entity, html(attempt_of(span), 40)) if each not in ("", name)]
    kind = f' <span class="kind">{" · ".join(notes)}</span>' if notes else ""
    failed = '<span class="failed" title="failed">✗</span> ' if span.error is not None else ""
    return f"{failed}<bdi>{name}</bdi>{kind}"


def _bar(span: Span, trace: Trace) -> str:
    length = max(1, trace.end - trace.start)
    start = 100 * (span.start - trace.start) / length
    took = 100 * (span.end - span.start) / length
    width = f"{took:.3f}%" if took > _THINNEST else "1"  # pixel: what has no width is not drawn
    return (
        f'<svg class="{_colour(span)}" aria-hidden="true"><rect x="{start:.3f}%" '
        f'width="{width}" y="25%" height="50%"/></svg>'
    )


def _colour(span: Span) -> str:
    if span.error is not None:
        return "error"
    if is_wait(span):
        return "wait"
    return entity_of(span) if entity_of(span) in ("run", "job", "step") else "other"


def _facts(span: Span, trace: Trace) -> str:
    own = {
        "start": _time(span.start),
        "after the first": span_duration(trace.start, span.start),
        "end": _time(span.end),
        "span id": span.span_id,
        "parent span id": span.parent_span_id or "none",
        "kind": span.kind.value,
    }
    tables = (
        _table("Attributes", span.attributes),
        _events(span),
        _links(span),
        _table("Span", own),
        _table("Resource", span.resource.attributes),
    )
    return f'<div class="about">{_error(span)}{"".join(tables)}</div>'


def _error(span: Span) -> str:
    if span.error is None:
        return ""
    return f'<p class="failed">{html(span.error, _LONGEST_VALUE) or "failed"}</p>'


def _events(span: Span) -> str:
    return "".join(
        _table(f"Event {event.name}", {"time": _time(event.time), **event.attributes})
        for event in span.events
    )


def _links(span: Span) -> str:
    return "".join(
        _table("Link", {"trace id": link.trace_id, "span id": link.span_id, **link.attributes})
        for link in span.links
    )


def _table(caption: str, pairs: Attributes) -> str:
    if not pairs:
        return ""
    rows = "".join(_table_row(name, value) for name, value in pairs.items())
    return f"<table><caption>{html(caption, _LONGEST_NAME)}</caption>{rows}</table>"


def _table_row(name: str, value: AttributeValue) -> str:
    shown = html(_text(value), _LONGEST_VALUE)
    return f'<tr><th scope="row">{html(name, _LONGEST_NAME)}</th><td><bdi>{shown}</bdi></td></tr>'


def _text(value: AttributeValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else "\n".join(value)


def _time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, _NANOSECONDS)
    try:
        time = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, OSError, ValueError):  # beyond the year 9999
        return f"{nanoseconds} ns"
    fraction = f".{rest // 1_000_000:03d}" if rest else ""
    return f"{time:%Y-%m-%d %H:%M:%S}{fraction} UTC"
