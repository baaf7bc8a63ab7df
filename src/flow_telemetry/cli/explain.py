"""`flow-telemetry explain`: why a run got the trace that it got."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping

from flow_telemetry.build import build_context
from flow_telemetry.cli.options import Subparsers, add_flags, flags_of
from flow_telemetry.cli.terminal import TerminalLog
from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import SettingsError
from flow_telemetry.github.changes import read_candidates, read_changes_of_commit
from flow_telemetry.github.deployments import read_deployments
from flow_telemetry.github.runs import RunWithNotices, read_run
from flow_telemetry.github.webhook import read_event
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.placement import place, run_ancestry
from flow_telemetry.model import Change, Lineage, Parentage, Run, WorkItem
from flow_telemetry.otlp.exporter import NullExporter
from flow_telemetry.privacy.audience import Audience, read_audience, redact_lineage
from flow_telemetry.report.text import terminal_line
from flow_telemetry.rules import parentage
from flow_telemetry.rules.parentage import Lookup
from flow_telemetry.settings import EntryPoint, Mode, Settings, load_settings
from flow_telemetry.subjects.choose import choose_subjects
from flow_telemetry.subjects.run import read_ancestors
from flow_telemetry.subjects.types import RunSubject, build_tracing

_LONGEST_LINE = 500


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "explain",
        help="tell why a run got the trace that it got",
        description="Prints what a run belongs to and why: each candidate, where it was found, "
        "which one won, what could not be read, and the ids of its traces. Sends nothing.",
    )
    add_flags(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the explanation; return 0."""
    flags = flags_of(options, mode=Mode.RUN.value)
    settings = load_settings(environ, EntryPoint.COMMAND_LINE, flags)
    (subject,) = choose_subjects(settings, {})
    if not isinstance(subject, RunSubject):
        raise SettingsError("`run-id` is missing: it names the run to explain")
    clock = SystemClock()
    parts = build_context(
        settings,
        exporter=NullExporter(),
        clock=clock,
        deadline=Deadline.after(clock, settings.timeout),
        log=TerminalLog(settings.log_level, sys.stderr),
    )
    found = read_run(parts.github, subject.address)
    deployed = read_deployments(parts.github, found, found.jobs)
    audience = read_audience(settings.runner, read_event(settings.runner.event_path))
    lines = map(parts.redact, explanation(settings, deployed, parts, audience))
    sys.stdout.write("\n".join(terminal_line(line, _LONGEST_LINE) for line in lines) + "\n")
    return 0


def explanation(
    settings: Settings, deployed: RunWithNotices, parts: ExportContext, audience: Audience
) -> Iterator[str]:
    """Yield the lines that tell why a run got its trace, reading what is still needed."""
    found = deployed.run
    above, lineage = read_ancestors(parts, found)
    yield f"run {found.id}, attempt {found.attempt}: {found.workflow}, event {found.event}"
    yield f"  of {found.head_branch or 'no branch'} at {found.head_sha or 'no commit'}"
    yield f"pull request: looked for in {parentage.parent_lookup(found).value}"
    yield from _of_changes(found, above, parts)
    yield from (f"  not read: {reason}" for reason in (*above.unread, *deployed.notices))
    yield from _of_items(redact_lineage(audience, lineage))
    yield from _of_ids(settings, found, above, lineage)


def _of_changes(found: Run, above: Parentage, parts: ExportContext) -> Iterator[str]:
    for where, changes in _candidates(found, parts):
        yield from (f"  candidate {_change(change)}, {where}" for change in changes)
    chosen = _change(above.change) if above.change else "none"
    yield f"  chosen: {chosen}, since {above.reason}"
    yield from (f"  link: {_change(change)}" for change in above.others)


def _candidates(found: Run, parts: ExportContext) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """The pull requests of each place that counts for the run, and the description of the place."""
    where, github = parentage.parent_lookup(found), parts.github
    if where in (Lookup.CANDIDATES, Lookup.CANDIDATES_THEN_COMMIT):
        yield "of its branch", read_candidates(github, found, [])
    if where in (Lookup.CANDIDATES_THEN_COMMIT, Lookup.COMMIT):
        yield "of its commit", read_changes_of_commit(github, found, found.head_sha, [])
    if parentage.may_be_deployment(found):
        for commit in parentage.deployed_commits(found):
            changes = read_changes_of_commit(github, found, commit, [])
            yield f"of the commit {commit[:12]} that it deployed", changes


def _change(change: Change) -> str:
    opened = f"opened {change.created_at:%Y-%m-%d %H:%M}" if change.created_at else "not read"
    closed = f", closed {change.closed_at:%Y-%m-%d %H:%M}" if change.closed_at else ""
    into = f" into {change.base_branch}" if change.base_branch else ""
    return f"#{change.number} ({opened}{closed}{into})"


def _of_items(lineage: Lineage) -> Iterator[str]:
    yield "work items, nearest first:" if lineage.items else "work items: none was found"
    if lineage.reason:
        yield f"  found since {lineage.reason}"
    for item in lineage.items:
        feature = ", the feature" if item is lineage.feature else ""
        yield f"  {_item(item)}{feature}"
    yield from (f"  above the feature, a link: {_item(item)}" for item in lineage.above)
    yield from (f"  further one, a link: {_item(item)}" for item in lineage.others)
    yield from (f"  not read: {reason}" for reason in lineage.unread)


def _item(item: WorkItem) -> str:
    known = f"{item.type or 'item'} {item.key}"
    return known if item.read else f"{known} (known by its key alone)"


def _of_ids(settings: Settings, found: Run, above: Parentage, lineage: Lineage) -> Iterator[str]:
    tracing = build_tracing(settings)
    live = place(found.reference, run_ancestry(above, lineage), tracing)
    yield f"live trace, trace-scope {tracing.scope.value}:"
    yield from _ids(live.trace, found)
    if lineage.feature is not None:
        yield "feature trace:"
        yield from _ids(
            TraceIdentity(root=lineage.feature.reference, namespace=tracing.namespace), found
        )


def _ids(trace: TraceIdentity, found: Run) -> Iterator[str]:
    yield f"  root {trace.root}"
    yield f"  trace {trace.trace_id}, span of the run {trace.span_id(found.reference)}"
