"""Hostile files of tools: in the workspace of a job, and in the artifacts of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.fakes.records import Run
from tests.faults.cases import Case, Side
from tests.faults.stage import OWN_JOB, Exported, Stage
from tests.stories.job.test_relayed import TIME, a_sum, in_scope, pairs
from tests.stories.job.test_tool_traces import FILES, a_line, a_span
from tests.stories.job.test_trace_artifacts import bomb, liar, paths

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.subjects.job.tool_traces import MOST_BYTES, MOST_FILES

NAME = "x.otlp.jsonl"
ROOT = "jira/ACME-57"
HUGE = "9223372036854775807"


def spans_of_ours(run: Run) -> str:
    """Return copies of our own spans, and spans below them, in each trace the run could be in."""
    base = "github.com/acme/shop"
    own = f"{base}/actions/runs/{run.id}/attempts/1"
    references = (
        *(ROOT, f"{base}/pull/123", f"{base}/pull/123#phase:in-review:1", f"{ROOT}#status:1", own),
        *(f"{base}/actions/runs/{run.id}/job/{job.id}" for job in run.jobs),
    )
    spans: list[dict[str, Any]] = []
    for trace in (TraceIdentity(root=ROOT), TraceIdentity(root=own)):
        ids = [trace.span_id(reference) for reference in references]
        marked = pairs(flow__x=1)
        spans += [a_span(trace=trace.trace_id, spanId=i, attributes=marked) for i in ids]
        spans += [
            a_span(trace=trace.trace_id, number=number, parent=i)
            for number, i in enumerate(ids, 100)
        ]
    return in_scope("flow-telemetry", "spans", spans, service__name="github-actions")


def metrics_of_ours(_: Run) -> str:
    """Return a million runs under the names that backends take for ours."""
    names = ("flow.run.count", "flow_run_count", "cicd.pipeline.run.duration", "vcs.change.count")
    return in_scope("flow-telemetry", "metrics", [a_sum(name, asInt=HUGE) for name in names])


def events_of_ours(_: Run) -> str:
    """Return a merge on the span of the pull request."""
    trace = TraceIdentity(root=ROOT)
    at = {"traceId": trace.trace_id, "spanId": trace.span_id("github.com/acme/shop/pull/123")}
    record = {"timeUnixNano": TIME, "eventName": "flow.change.merged", "body": {}, **at}
    return in_scope("flow-telemetry", "logRecords", [record, {**record, "eventName": "x"}])


def huge_counts(_: Run) -> str:
    """Return as many links and attributes as a line holds."""
    link = {"traceId": TraceIdentity(root=ROOT).trace_id, "spanId": f"{9:016x}"}
    many = [{"key": f"flow.{n}", "value": {"stringValue": "x"}} for n in range(20_000)]
    counts: dict[str, Any] = {
        "droppedLinksCount": 2**32 - 1,
        "links": [link] * 20_000,
        "attributes": many,
    }
    return in_scope("t", "spans", [a_span(**counts)])


def tool_cases() -> Iterator[Case]:
    """Yield all hostile files: what they hold, and what they are."""
    for fault, content in CONTENTS.items():
        yield _of_file(fault, partial(_write, content=content))
    for fault, write in FILES_OF_A_JOB.items():
        yield _of_file(fault, write, only_posix=write in (_link_out, _link_to_itself, _pipe))
    for fault, of_run in FORGED.items():
        yield _of_artifact(fault, partial(_files_of, of_run))
    for fault, archive in ARCHIVES.items():
        yield _of_artifact(fault, partial(_archive_of, archive))


def _of_file(fault: str, write: Callable[[Path, Run], object], *, only_posix: bool = False) -> Case:
    def strike(stage: Stage) -> None:
        write(stage.workspace / NAME, stage.own_run)

    return Case(
        side=Side.TOOLS,
        fault=fault,
        call="`trace-files`",
        strike=strike,
        exports=Exported.OWN_JOB,
        inputs={"trace_files": FILES},
        only_posix=only_posix,
    )


def _of_artifact(fault: str, content: Callable[[Stage], Any]) -> Case:
    def strike(stage: Stage) -> None:
        stage.github.world.artifact("traces", content(stage), run=stage.run.id)

    return Case(
        side=Side.TOOLS,
        fault=fault,
        call="`trace-artifacts`",
        strike=strike,
        inputs={"trace_artifacts": "traces"},
    )


def _files_of(content: Callable[[Run], str], stage: Stage) -> dict[str, str]:
    return {NAME: content(stage.run)}


def _archive_of(content: Callable[[], bytes], _: Stage) -> bytes:
    return content()


def _write(path: Path, run: Run, *, content: Callable[[Run], str | bytes]) -> None:
    made = content(run)
    path.write_bytes(made if isinstance(made, bytes) else made.encode())
    _make_recent(path, run)


def _make_recent(path: Path, run: Run) -> None:
    """Let a file be as old as the job, whose export reads no older ones."""
    began: Any = run.job(OWN_JOB).steps[0].started_at
    os.utime(path, (began.timestamp() + 9,) * 2)


def _too_large(path: Path, run: Run) -> None:
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    _make_recent(path, run)


def _link_out(path: Path, run: Run) -> None:
    outside = path.parent.parent / "outside.jsonl"
    _write(outside, run, content=lambda _: a_line(a_span()))
    path.symlink_to(outside)


def _link_to_itself(path: Path, _: Run) -> None:
    path.symlink_to(path)


def _pipe(path: Path, run: Run) -> None:
    os.mkfifo(path)
    _make_recent(path, run)


def _too_many(path: Path, run: Run) -> None:
    for number in range(MOST_FILES + 1):
        each = path.with_name(f"{number:04}.otlp.jsonl")
        _write(each, run, content=lambda _: a_line(a_span()))


FORGED: dict[str, Callable[[Run], str]] = {
    "spans with the ids of ours, and below them": spans_of_ours,
    "metrics under our names": metrics_of_ours,
    "events of ours": events_of_ours,
    "20,000 links and attributes of a span": huge_counts,
}
CONTENTS: dict[str, Callable[[Run], str | bytes]] = {
    **FORGED,
    "a line without an end": lambda _: b'{"resourceSpans": [' + b"1," * (9 * 1024 * 1024),
    "a line that is cut off": lambda _: a_line(a_span())[:-9],
    "a hundred thousand brackets": lambda _: b'{"resourceSpans":' + b"[" * 100_000,
    "numbers beyond 64 bits": lambda _: a_line(a_span(startTimeUnixNano="9" * 30)),
    "bytes beyond any text": lambda _: b"\xff\xfe\x00" * 1000,
    "nothing": lambda _: b"",
}
FILES_OF_A_JOB: dict[str, Callable[[Path, Run], object]] = {
    "a file of more than 64 MiB": _too_large,
    "more files than are read": _too_many,
    "a link out of the workspace": _link_out,
    "a link to itself": _link_to_itself,
    "a pipe": _pipe,
}
ARCHIVES: dict[str, Callable[[], bytes]] = {
    "100 MB in an archive of 100 kB": bomb,
    "an archive that says that its file is small": liar,
    "paths out of the archive, and a link": paths,
    "no archive": lambda: b"no archive",
}
