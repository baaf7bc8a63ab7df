"""What is in a spool: requests in gzip, each in a file of its own, or lines of OTLP JSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToJson
from tests.fakes.otlp import LOGS, METRICS, TRACES
from tests.fakes.spans import SpanRecord, from_json, spans_in

_KINDS = {"traces": TRACES.request, "logs": LOGS.request, "metrics": METRICS.request}
_FIELDS = {"resourceSpans": "traces", "resourceLogs": "logs", "resourceMetrics": "metrics"}


def files_in(folder: Path) -> list[Path]:
    """Return the files of a spool, without the locks of its folders."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")


def requests_in(path: Path) -> Iterator[Any]:
    """Yield the requests of a file of a spool, or of `--output`."""
    if ".otlp.gz" in path.name:
        request = _KINDS[path.name.partition("-")[0]]()
        request.ParseFromString(gzip.decompress(path.read_bytes()))
        yield request
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        (name,) = json.loads(line)
        yield from_json(_KINDS[_FIELDS[name]], line)


def spans_of(path: Path) -> list[SpanRecord]:
    """Return the spans in a file."""
    requests: Iterator[Any] = (r for r in requests_in(path) if isinstance(r, TRACES.request))
    return [span for request in requests for span in spans_in(request)]


def text_of(path: Path) -> str:
    """Return the requests of a file as JSON."""
    return "\n".join(MessageToJson(request, indent=None) for request in requests_in(path))
