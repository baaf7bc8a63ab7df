"""The link to a trace in the user's own backend."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.rules.timing import Interval

_FIELD = re.compile(r"\{(trace_id|span_id|start|end)\}")


def trace_url(
    template: str, trace: TraceIdentity, reference: str, interval: Interval
) -> str | None:
    """Return the link to the span of ``reference``, made from the user's template.

    ``{trace_id}``, ``{span_id}``, ``{start}`` and ``{end}`` (Unix milliseconds) are filled in,
    other braces stay. None where the result is no http(s) URL on one line without spaces.
    """
    values = {
        "trace_id": trace.trace_id,
        "span_id": trace.span_id(reference),
        "start": str(round(interval.start.timestamp() * 1000)),
        "end": str(round(interval.end.timestamp() * 1000)),
    }
    url = _FIELD.sub(lambda field: values[field[1]], template.strip())
    return url if _is_link(url) else None


def _is_link(url: str) -> bool:
    if " " in url or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # such as an IPv6 address without its end
        return False
