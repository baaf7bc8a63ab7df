"""Traces as one self-contained HTML page, without scripts, network access or other files."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from hashlib import sha256

from flow_telemetry.report.terminal import (
    Node,
    Trace,
    build_traces,
    describe_attempt,
    entity_type,
    is_wait,
    walk,
)
from flow_telemetry.report.text import counted, html, span_duration
from flow_telemetry.telemetry import Attributes, AttributeValue, Span
from flow_telemetry.text import duration

_LONGEST_NAME = 200
_LONGEST_VALUE = 4_096
_NANOSECONDS = 1_000_000_000
_TICKS = 4
_THINNEST = 0.1  # percent
# In larger traces, successful jobs start collapsed, so that the spans above them fit on a screen.
_MOST_EXPANDED = 100
_CLOSE_CHILDREN = "</ul></details></li>"
# Deeper spans are not indented further, so that names have enough space.
_DEEPEST = 12

_INDENT = "".join(
    f".d{depth}>.span>summary>.name{{padding-left:{1.6 + 1.1 * depth:.1f}rem}}"
    f".d{depth}>.below>summary{{left:{0.1 + 1.1 * depth:.1f}rem}}"
    for depth in range(_DEEPEST + 1)
)

_STYLE = (
    """
:root{color-scheme:light dark;--text:#1f2328;--quiet:#59636e;--page:#fff;--line:#d8dee4;
--hover:#f3f5f7;--focus:#0969da;--run:#6e57d2;--job:#2f7ed8;--step:#6cb2eb;--wait:#b9c1ca;
--other:#4b9e8f;--error:#cf222e}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--quiet:#9198a1;--page:#0d1117;
--line:#30363d;--hover:#161b22;--focus:#4493f8;--run:#9d86f5;--job:#4a96ee;--step:#2f6ba8;
--wait:#566069;--other:#3f8f80;--error:#f85149}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 2rem 4rem;max-width:110rem;background:var(--page);
color:var(--text);font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header{display:flex;flex-wrap:wrap;gap:.5rem 2rem;align-items:baseline;
justify-content:space-between}
h1{font-size:1.35rem;margin:0;overflow-wrap:anywhere}
h2{font-size:1rem;margin:2rem 0 0;overflow-wrap:anywhere}
code,.time,.ticks,td,th{font-variant-numeric:tabular-nums}
code{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.facts{margin:.1rem 0 .8rem;color:var(--quiet)}
.failed{color:var(--error);font-weight:600}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:0;padding:0;list-style:none;
color:var(--quiet)}
.key{display:inline-block;width:.75rem;height:.75rem;border-radius:2px;margin-right:.35rem}
.key.run{background:var(--run)}.key.job{background:var(--job)}.key.step{background:var(--step)}
.key.wait{background:var(--wait)}.key.other{background:var(--other)}.key.error{background:var(--error)}
.spans,.spans ul{list-style:none;margin:0;padding:0}
.spans li{position:relative}
.axis,.span>summary{display:grid;grid-template-columns:minmax(9rem,2fr) 5.5rem minmax(8rem,3fr);
column-gap:1rem;align-items:center}
.axis{position:sticky;top:0;z-index:2;background:var(--page);color:var(--quiet);
border-bottom:1px solid var(--line);padding:.25rem 0;font-size:.85rem}
.axis>span:first-child{padding-left:1.6rem}
.axis>span:nth-child(2),.time{text-align:right}
.ticks{display:grid;grid-template-columns:repeat(4,1fr);position:relative}
.ticks>span{padding-left:.25rem}
.ticks>span:last-child{position:absolute;right:.25rem}
.span>summary{cursor:pointer;list-style:none;height:1.8rem}
.span>summary::-webkit-details-marker,.below>summary::-webkit-details-marker{display:none}
.span>summary:hover,.span[open]>summary{background:var(--hover)}
summary:focus-visible{outline:2px solid var(--focus);outline-offset:-2px;border-radius:3px}
.name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.kind{color:var(--quiet);font-size:.8rem;margin-left:.4rem}
.time{color:var(--quiet);white-space:nowrap}
svg{display:block;width:100%;height:1.8rem;overflow:visible;
background:linear-gradient(90deg,var(--line) 1px,transparent 1px) 0/25% 100%;
border-right:1px solid var(--line)}
rect{stroke-width:1.5px;stroke-linejoin:round}
.run rect{fill:var(--run);stroke:var(--run)}.job rect{fill:var(--job);stroke:var(--job)}
.step rect{fill:var(--step);stroke:var(--step)}.wait rect{fill:var(--wait);stroke:var(--wait)}
.other rect{fill:var(--other);stroke:var(--other)}
.error rect{fill:var(--error);stroke:var(--error)}
.below>summary{position:absolute;top:0;width:1.4rem;height:1.8rem;cursor:pointer;list-style:none;
display:grid;place-items:center;color:var(--quiet)}
.below>summary::before{content:"";width:0;height:0;border:.28rem solid transparent;
border-left:.4rem solid currentColor;border-right:0}
.below[open]>summary::before{transform:rotate(90deg)}
.below>summary>span{position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%)}
.about{padding:.75rem 1rem 1rem 2.5rem;background:var(--hover);border-bottom:1px solid
var(--line);display:flex;flex-wrap:wrap;gap:1rem 3rem;align-items:flex-start}
.about>p{flex-basis:100%;margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
table{border-collapse:collapse;font-size:.9rem;max-width:100%}
caption{text-align:left;font-weight:600;padding-bottom:.2rem}
th{font-weight:400;color:var(--quiet);text-align:left;vertical-align:top;padding:.1rem 1rem .1rem 0;
white-space:nowrap}
td{vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere;padding:.1rem 0}
@media(max-width:45rem){body{padding:1rem .75rem}.axis,.span>summary{
grid-template-columns:minmax(7rem,3fr) 4rem minmax(4rem,2fr);column-gap:.5rem}
.kind,.ticks>span:not(:first-child,:last-child){display:none}th{white-space:normal}}
@media print{.axis{position:static}.span>summary{break-inside:avoid}}
"""
    + _INDENT
)


_LEGEND = (
    '<ul class="legend">'
    + "".join(
        f'<li><span class="key {kind}"></span>{text}</li>'
        for kind, text in (
            ("run", "run"),
            ("job", "job"),
            ("step", "step"),
            ("wait", "waiting"),
            ("other", "other"),
            ("error", "failed"),
        )
    )
    + "</ul>"
)


def waterfall(spans: Sequence[Span], title: str) -> str:
    """Return an HTML page with all spans by trace: names, times, errors and attributes."""
    traces, heading = build_traces(spans), html(title, _LONGEST_NAME)
    # The policy forbids all scripts, and all styles but the style sheet. Bars are SVG because
    # the `x` and `width` of SVG are attributes and not styles.
    digest = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{heading}</title><style>{_STYLE}</style></head>\n<body><header>"
        f"<h1>{heading}</h1>{_LEGEND}</header><main>\n"
    )
    sections = [part for trace in traces for part in _trace(trace)] or ["<p>No spans to show.</p>"]
    return "".join([head, *sections, "</main></body></html>\n"])


def _trace(trace: Trace) -> Iterator[str]:
    failed = sum(node.span.error is not None for node, _, _ in walk(trace.roots))
    facts = [
        counted(trace.spans, "span"),
        span_duration(trace.start, trace.end),
        f"from {_time(trace.start)}",
        *([f'<strong class="failed">{failed:,} failed</strong>'] if failed else []),
    ]
    trace_id = html(trace.trace_id, 64)
    yield f'<section><h2>Trace <code>{trace_id}</code></h2><p class="facts">{" · ".join(facts)}</p>'
    length = (trace.end - trace.start) / _NANOSECONDS
    ticks = (f"<span>{duration(length * tick / _TICKS)}</span>" for tick in range(_TICKS + 1))
    yield (
        '<div class="axis" aria-hidden="true"><span>Span</span><span>Duration</span>'
        f'<div class="ticks">{"".join(ticks)}</div></div>'
    )
    yield '<ul class="spans">'
    depth_before = 0
    for node, depth, _ in walk(trace.roots):
        yield _CLOSE_CHILDREN * (depth_before - depth)
        yield from _span(node, depth, trace)
        depth_before = depth
    yield _CLOSE_CHILDREN * depth_before + "</ul>"
    yield "</section>\n"


def _span(node: Node, depth: int, trace: Trace) -> Iterator[str]:
    span = node.span
    yield f'<li class="d{min(depth, _DEEPEST)}"><details class="span"><summary>'
    yield f'<span class="name">{_name(span)}</span>'
    yield f'<span class="time">{span_duration(span.start, span.end)}</span>{_bar(span, trace)}'
    yield f"</summary>{_details(span, trace)}</details>"
    if not node.children:
        yield "</li>"
        return
    # `_trace` closes this list when the walk leaves the children.
    is_successful_job = entity_type(span) == "job" and span.error is None
    opened = "" if trace.spans > _MOST_EXPANDED and is_successful_job else " open"
    below = counted(len(node.children), "span")
    yield f'<details class="below"{opened}><summary><span>{below} below</span></summary><ul>'


def _name(span: Span) -> str:
    name = html(span.name, _LONGEST_NAME).strip() or "(unnamed)"
    entity = html(entity_type(span).replace("_", " "), 40)
    attempt = html(describe_attempt(span), 40)
    notes = [note for note in (entity, attempt) if note not in ("", name)]
    kind = f' <span class="kind">{" · ".join(notes)}</span>' if notes else ""
    failed = '<span class="failed" title="failed">✗</span> ' if span.error is not None else ""
    return f"{failed}<bdi>{name}</bdi>{kind}"


def _bar(span: Span, trace: Trace) -> str:
    if span.error is not None:
        colour = "error"
    elif is_wait(span):
        colour = "wait"
    else:
        colour = entity_type(span) if entity_type(span) in ("run", "job", "step") else "other"
    length = max(1, trace.end - trace.start)
    start = 100 * (span.start - trace.start) / length
    took = 100 * (span.end - span.start) / length
    # Browsers do not draw a bar of width 0, so the thinnest is one pixel.
    width = f"{took:.3f}%" if took > _THINNEST else "1"
    return (
        f'<svg class="{colour}" aria-hidden="true"><rect x="{start:.3f}%" '
        f'width="{width}" y="25%" height="50%"/></svg>'
    )


def _details(span: Span, trace: Trace) -> str:
    error = ""
    if span.error is not None:
        error = f'<p class="failed">{html(span.error, _LONGEST_VALUE) or "failed"}</p>'
    own = {
        "start": _time(span.start),
        "after start of trace": span_duration(trace.start, span.start),
        "end": _time(span.end),
        "span id": span.span_id,
        "parent span id": span.parent_span_id or "none",
        "kind": span.kind.value,
    }
    events = (
        _table(f"Event {event.name}", {"time": _time(event.time), **event.attributes})
        for event in span.events
    )
    links = (
        _table("Link", {"trace id": link.trace_id, "span id": link.span_id, **link.attributes})
        for link in span.links
    )
    tables = (
        _table("Attributes", span.attributes),
        *events,
        *links,
        _table("Span", own),
        _table("Resource", span.resource.attributes),
    )
    return f'<div class="about">{error}{"".join(tables)}</div>'


def _table(caption: str, pairs: Attributes) -> str:
    if not pairs:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{html(name, _LONGEST_NAME)}</th>'
        f"<td><bdi>{html(_format_value(value), _LONGEST_VALUE)}</bdi></td></tr>"
        for name, value in pairs.items()
    )
    return f"<table><caption>{html(caption, _LONGEST_NAME)}</caption>{rows}</table>"


def _format_value(value: AttributeValue) -> str:
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
