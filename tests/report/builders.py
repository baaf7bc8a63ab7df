"""Runs, outcomes and spans for the tests of views, in few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.placement import Ancestry, Tracing, place
from flow_telemetry.mapping.runs import run_spans
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import (
    Annotation,
    Change,
    Job,
    JobDeployment,
    Parentage,
    ProtectionRule,
    ProtectionWait,
    Repository,
    Run,
    Step,
)
from flow_telemetry.outcome import ExportedSubject, Outcome, Status
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules import selection
from flow_telemetry.settings import Detail, TraceScope
from flow_telemetry.telemetry import Delivery, Resource, Signal, Span

START = datetime(2026, 11, 24, 3, 43, tzinfo=timezone.utc)
SHOP = Repository(host="github.com", owner="acme", name="shop", url="https://github.com/acme/shop")
TRACE = "bc5addb5cf688a1630d4f8fe75f91da2"
SECOND = 1_000_000_000
TRACING = Tracing(scope=TraceScope.CHANGE)
RESOURCE = Resource(attributes={"service.name": "github-actions"})
CHANGE = Change(
    repository=SHOP, number=123, title="Add the cart", url="https://github.com/acme/shop/pull/123"
)

# Texts that would do something, were they shown as they are.
HOSTILE = (
    "<script>alert(1)</script>",
    "</style></title><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "![x](https://evil.example/x.png) [y](javascript:alert(1))",
    "https://evil.example www.evil.example mail@evil.example",
    "@octocat #1 GH-1 acme/shop#1",
    "a | b || c \\| d \\",
    "`` ` ``` code",
    "# title\n- list\n\n```\nfence",
    "~~~\n***\n---\n===",
    "%%{init: {'theme': 'dark'}}%%",
    'click a href "javascript:alert(1)"; gantt: section #35; a, b',
    "::error::not one of ours",
    "  ::set-output name=x::y",
    "\u200b::add-mask::a",
    "\u034f::warning::a",
    "fine ##[error]not fine ##[add-mask]a",
    "line\r\n::stop-commands::x\x85::error::x\u2028::error::y",
    "\x1b[31mred\x1b]0;title\x07\x9b2J",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\ \x9d8;;x\x9c \x1bP+q\x1b\\",
    "%0A::error::x %0D%0A::set-output name=status::owned",
    "x\nstatus<<EOF\nowned\nEOF",
    "</script><svg onload=alert(1)>",
    "%%{init: {'securityLevel': 'loose'}}%%\nclick a call alert(1)",
    "```mermaid\ngantt\n",
    "</sub></details><details open>",
    "[x]: javascript:alert(1)",
    "gpj.\u202egnp\u202c \u2066a\u2069\u200f",
    "\ud800 lone",
    "\x00nul",
    "$x^2$ $`y`$ :smile: <!-- c --> &lt; &#64;",
    "日本語のジョブ 👩‍👩‍👧 é́́́",
    "__proto__",
    "constructor",
    "gantt",
    "title x",
    "",
    " ",
    "x" * 5_000,
)


def at(seconds: float) -> datetime:
    """Return the instant so many seconds after the run's start."""
    return START + timedelta(seconds=seconds)


def make_step(number: int, name: str, start: float, seconds: float, **facts: Any) -> Step:
    """Return a step that succeeded, unless the facts say otherwise."""
    known = {"conclusion": "success", "status": "completed", **facts}
    return Step(
        number=number, name=name, started_at=at(start), completed_at=at(start + seconds), **known
    )


def make_job(
    number: int,
    name: str,
    *,
    created: float = 0,
    queued: float = 3,
    seconds: float = 30,
    **facts: Any,
) -> Job:
    """Return a job of two steps, created and queued so many seconds."""
    began = created + queued
    known = {
        "conclusion": "success",
        "status": "completed",
        "runner_id": 7,
        "runner_name": "GitHub Actions 7",
        "labels": ("ubuntu-latest",),
        "url": f"https://github.com/acme/shop/actions/runs/999/job/{number}",
        "steps": (
            make_step(1, "Set up job", began, 2),
            make_step(2, f"Run {name}", began + 2, seconds - 2),
        ),
        **facts,
    }
    return Job(
        id=number,
        run_id=999,
        run_attempt=1,
        name=name,
        created_at=at(created),
        started_at=at(created),
        completed_at=at(began + seconds),
        **known,
    )


def never_started(number: int, name: str) -> Job:
    """Return a job that was skipped."""
    return replace(
        make_job(number, name, queued=0, seconds=2),
        conclusion="skipped",
        steps=(),
        runner_id=None,
        completed_at=at(0),
    )


def waiting_for_approval(job: Job, seconds: float) -> Job:
    """Return the job with an approval for which it waited from its start."""
    wait = ProtectionWait(start=at(0), end=at(seconds), rule=ProtectionRule.APPROVAL)
    deployment = JobDeployment(environment="production", commit="c0ffee", waits=(wait,))
    return replace(job, deployment=deployment)


def failed(job: Job, message: str = "Process completed with exit code 1.") -> Job:
    """Return the job as failed in its last step."""
    last = replace(job.steps[-1], conclusion="failure")
    annotation = Annotation(level="failure", message=message, path=".github", start_line=7)
    return replace(
        job,
        conclusion="failure",
        steps=(*job.steps[:-1], last),
        annotations=(annotation,),
    )


def make_run(*jobs: Job, **facts: Any) -> Run:
    """Return a run that ended, of these jobs."""
    known = {
        "workflow": "CI",
        "status": "completed",
        "conclusion": "success",
        "event": "pull_request",
        "number": 42,
        "url": "https://github.com/acme/shop/actions/runs/999",
        **facts,
    }
    return Run(
        id=999, attempt=1, repository=SHOP, created_at=START, started_at=START, jobs=jobs, **known
    )


def make_exported(run: Run, change: Change | None = CHANGE, **facts: Any) -> ExportedSubject:
    """Return the export of a run that belongs to a pull request."""
    reason = "a pull request from its branch was open when it was created"
    known = {
        "title": f"RUN {run.workflow}",
        "parentage": Parentage(reason=reason, change=change),
        "trace": TraceIdentity(root=change.reference if change else run.reference),
        "reference": run.reference,
        "interval": timing.run_interval(run),
        **facts,
    }
    return ExportedSubject(run=run, **known)


def make_delivery(**facts: Any) -> Delivery:
    """Return a delivery that took everything."""
    known = {"collected": 9, "sent": 9, "requests": 1, "bytes_sent": 2_345, **facts}
    return Delivery(signal=Signal.TRACES, destination="https://otlp.example.com:4318", **known)


def make_outcome(
    run: Run | None = None, *, exported: ExportedSubject | None = None, **facts: Any
) -> Outcome:
    """Return the outcome of an export that went well, of a run where nothing else is given."""
    known = {
        "status": Status.EXPORTED,
        "deliveries": (make_delivery(),),
        "seconds": 1.25,
        **facts,
    }
    if exported is None and run is not None:
        exported = make_exported(run)
    return Outcome(exported=exported, **known)


def spans_of_run(run: Run) -> list[Span]:
    """Return the spans that an export of the run sends."""
    placement = place(run.reference, Ancestry(change=CHANGE), TRACING)
    resource = ResourceMaker().of_run(run)
    return list(run_spans(selection.select_whole_run(run), placement, resource, Detail.STEP))


def make_span(
    number: int,
    name: str = "span",
    *,
    parent: int | None = None,
    start: float = 0,
    seconds: float = 1,
    **facts: Any,
) -> Span:
    """Return a span by its number and its parent's, times in seconds."""
    known = {"trace_id": TRACE, "resource": RESOURCE, **facts}
    begin = int((1_795_491_780 + start) * SECOND)
    return Span(
        span_id=f"{number:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        name=name,
        start=begin,
        end=begin + int(seconds * SECOND),
        **known,
    )


def busy_run() -> Run:
    """Return a run in which everything happens that a view shows."""
    jobs: Sequence[Job] = (
        make_job(1, "build", queued=5, seconds=95),
        failed(make_job(2, "test (3.12, ubuntu-latest)", created=100, queued=3, seconds=340)),
        make_job(3, "test (3.13, windows-latest)", created=100, queued=40, seconds=280),
        make_job(4, "lint", queued=2, seconds=19),
        waiting_for_approval(make_job(5, "deploy", queued=600, seconds=25), 540),
        never_started(6, "publish"),
    )
    return make_run(*jobs, conclusion="failure")
