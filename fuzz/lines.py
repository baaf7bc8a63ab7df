"""Texts that are read by line, byte by byte: logs, OTLP JSON, samples, contexts, names, secrets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO

from flow_telemetry.errors import ReportError
from flow_telemetry.otlp.lines import encode_request, parse_otlp_lines
from flow_telemetry.privacy.redactor import build_line_redactor, build_redactor
from flow_telemetry.process import context
from flow_telemetry.process.samples import curve, parse_samples
from flow_telemetry.report import text as escape
from flow_telemetry.reports.files import compile_file_patterns
from flow_telemetry.reports.logs import index_log, parse_log_lines, raw_lines
from flow_telemetry.reports.otlp_lines import read_otlp_lines
from flow_telemetry.rules.item_keys import find_item_keys
from flow_telemetry.rules.selection import matches_patterns
from flow_telemetry.subjects.job.tool_traces import ToolSpans
from flow_telemetry.text import multi_line
from fuzz.scenarios import SAMPLES
from fuzz.worlds import A_SPAN, JOB_LOG

_TRACE = "5b8efff798038103d269b633813fc60c"
_TOKEN = "ghp_" + "a1B2" * 9
_LONGEST = 1000
_OTHER_TOKEN = "ghs_" + "d4C3" * 9
_REDACT = build_redactor(("of-jira-s3cret",))
_CONTEXT = f"00-{_TRACE}-eee19b7ec3c1b174-01\nvendor=1,t@v=2\nuserId=alice;p=1,k=%C3%A9%ZZ"
_NAMES = "ACME-57 fix(cart): GH-17 [ACME-42] UTF-8\n**/a[!b-c]*.xml\n!src/**\nmain"
_SECRETS = f"Bearer {_TOKEN} https://u:p@x/?token={_TOKEN} -----BEGIN PRIVATE KEY-----\nMII\n"


def run(data: bytes) -> None:
    """Read a text as each of them."""
    _log(data)
    _otlp(data)
    text = data.decode(errors="surrogateescape")
    lines = text.split("\n")
    samples = parse_samples(lines)
    if samples is not None:
        curve(samples.samples, 5)
    _context(lines)
    _texts(text, lines)


def _log(data: bytes) -> None:
    found = list(
        parse_log_lines(
            data.decode(errors="replace").split("\n"), "job", 1, redact=build_line_redactor(_REDACT)
        )
    )
    for line in found:
        line.text.encode()
        assert line.time is None or line.time.timestamp() > 0
    sections, _ = index_log(raw_lines(BytesIO(data), "a log"))
    assert sum(section.lines for section in sections) <= data.count(b"\n") + 1


def _otlp(data: bytes) -> None:
    try:
        lines, _ = read_otlp_lines(data, "a file")
    except ReportError as error:
        str(error).encode()
        return
    spans = ToolSpans(trace_id=_TRACE)
    for request in parse_otlp_lines(lines, "a file")[0]:
        spans.filter(request)
        encode_request(request)
    assert len(spans.roots) <= sum(spans.others.values())


def _context(lines: Sequence[str]) -> None:
    names = (context.TRACEPARENT, context.TRACESTATE, context.BAGGAGE)
    environ = dict(zip(names, lines, strict=False))
    found = context.context_in(environ)
    if found is not None:
        again = context.with_context(environ, found)
        assert context.context_in(again) == found
    baggage = context.parse_baggage(lines[-1])
    formatted = context.format_baggage(baggage)
    assert context.parse_baggage(formatted).items() <= baggage.items()


def _texts(text: str, lines: Sequence[str]) -> None:
    find_item_keys(branch=lines[0], title=text, commit_message=text, jira_projects=frozenset())
    names = [each[:40] for each in lines[:2]]
    matches_patterns(names[0], names)
    compile_file_patterns(names)("src/shop/cart/a.xml")
    text = text[:_LONGEST]
    clean = text.encode(errors="replace").decode()
    assert _REDACT(f"{clean} {_OTHER_TOKEN} {clean}").count(_OTHER_TOKEN) == 0
    for view in (escape.markdown, escape.mermaid, escape.html, escape.terminal_line, multi_line):
        assert "\x1b" not in view(text, 200)


def seeds() -> Iterator[bytes]:
    """Yield a text of each kind."""
    texts = (JOB_LOG, A_SPAN, SAMPLES, _CONTEXT, _NAMES, _SECRETS)
    yield from (text.encode() for text in texts)
    yield A_SPAN.replace("Spans", "Logs").replace('"spans"', '"logRecords"').encode()
