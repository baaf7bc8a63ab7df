"""`flow-telemetry explain`: why a run belongs to its trace."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping

from flow_telemetry.build import build_context
from flow_telemetry.cli.options import Subparsers, add_flags, flags_of
from flow_telemetry.cli.terminal import TerminalLog
from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import SettingsError
from flow_telemetry.github.changes import read_candidates, read_changes_of_commit
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.deployments import read_deployments
from flow_telemetry.github.runs import RunWithNotices, read_run
from flow_telemetry.github.webhook import read_event
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.placement import place, run_ancestry
from flow_telemetry.model import Change, Lineage, Run, WorkItem
from flow_telemetry.otlp.exporter import NullExporter
from flow_telemetry.privacy.audience import Audience, read_audience, redact_lineage
from flow_telemetry.report.text import terminal_line
from flow_telemetry.rules import parentage
from flow_telemetry.rules.parentage import Lookup
from flow_telemetry.settings import EntryPoint, Mode, load_settings
from flow_telemetry.subjects.choose import choose_subjects
from flow_telemetry.subjects.run import read_ancestors
from flow_telemetry.subjects.types import RunSubject, build_tracing

_LONGEST_LINE = 500


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "explain",
        help="explain why a run belongs to its trace",
        description="Prints the pull request, work items and feature of a run: each candidate, "
        "where it was found, which one was chosen and why, what could not be read, and the ids of "
        "its traces. Sends nothing.",
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
    context = build_context(
        settings,
        exporter=NullExporter(),
        clock=clock,
        deadline=Deadline.after(clock, settings.timeout),
        log=TerminalLog(settings.log_level, sys.stderr),
    )
    for error in settings.errors:
        sys.stderr.write(terminal_line(f"error: {error}", _LONGEST_LINE) + "\n")
    run_record = read_run(context.github.required, subject.address)
    deployed = read_deployments(context.github, run_record, run_record.jobs)
    audience = read_audience(settings.runner, read_event(settings.runner.event_path))
    lines = map(context.redact, explanation(deployed, context, audience))
    sys.stdout.write("\n".join(terminal_line(line, _LONGEST_LINE) for line in lines) + "\n")
    return 0


def explanation(
    deployed: RunWithNotices, context: ExportContext, audience: Audience
) -> Iterator[str]:
    """Yield the lines of the explanation; reads the candidates and the ancestors of the run."""
    run = deployed.run
    ancestors, lineage = read_ancestors(context, run)
    yield f"run {run.id}, attempt {run.attempt}: {run.workflow}, event {run.event}"
    yield f"  of {run.head_branch or 'no branch'} at {run.head_sha or 'no commit'}"
    yield f"pull request: looked for in {parentage.parent_lookup(run).value}"
    for source, changes, excluded in _candidates(run, context.github):
        for change in changes:
            reason = None if change == ancestors.change else excluded(run, change)
            excluding = f": excluded, since {reason}" if reason else ""
            yield f"  candidate {_format_change(change)}, {source}{excluding}"
    chosen = _format_change(ancestors.change) if ancestors.change else "none"
    yield f"  chosen: {chosen}, since {ancestors.reason}"
    yield from (f"  link: {_format_change(change)}" for change in ancestors.others)
    yield from (f"  not read: {reason}" for reason in (*ancestors.unread, *deployed.notices))
    yield from _item_lines(redact_lineage(audience, lineage))

    tracing = build_tracing(context.settings)
    live = place(run.reference, run_ancestry(ancestors, lineage), tracing)
    yield f"live trace, trace-scope {tracing.scope.value}:"
    yield from _id_lines(live.trace, run)
    if lineage.feature is not None:
        trace = TraceIdentity(root=lineage.feature.reference, namespace=tracing.namespace)
        yield "feature trace:"
        yield from _id_lines(trace, run)


def _candidates(
    run: Run, github: GitHubClient
) -> Iterator[tuple[str, tuple[Change, ...], Callable[[Run, Change], str | None]]]:
    """The pull requests that may be the run's parent: their source, and the rule for them."""
    lookup = parentage.parent_lookup(run)
    if lookup in (Lookup.CANDIDATES, Lookup.CANDIDATES_THEN_COMMIT):
        source = "of its branch" if run.head_repository else "of its commit and branch"
        yield source, read_candidates(github, run, []), parentage.excluded_by_branch
    if lookup in (Lookup.CANDIDATES_THEN_COMMIT, Lookup.COMMIT):
        changes = read_changes_of_commit(github, run, run.head_sha, [])
        yield "of its commit", changes, parentage.excluded_by_commit
    if parentage.may_be_deployment(run):
        for commit in parentage.deployed_commits(run):
            changes = read_changes_of_commit(github, run, commit, [])
            source = f"of the commit {commit[:12]} that it deployed"
            yield source, changes, parentage.excluded_by_commit


def _format_change(change: Change) -> str:
    opened = f"opened {change.created_at:%Y-%m-%d %H:%M}" if change.created_at else "not read"
    closed = f", closed {change.closed_at:%Y-%m-%d %H:%M}" if change.closed_at else ""
    into = f" into {change.base_branch}" if change.base_branch else ""
    return f"#{change.number} ({opened}{closed}{into})"


def _item_lines(lineage: Lineage) -> Iterator[str]:
    yield "work items, nearest first:" if lineage.items else "work items: none was found"
    if lineage.reason:
        yield f"  found since {lineage.reason}"
    for item in lineage.items:
        feature = ", the feature" if item is lineage.feature else ""
        yield f"  {_format_item(item)}{feature}"
    yield from (f"  above the feature, a link: {_format_item(item)}" for item in lineage.above)
    yield from (f"  further one, a link: {_format_item(item)}" for item in lineage.others)
    yield from (f"  not read: {reason}" for reason in lineage.unread)


def _format_item(item: WorkItem) -> str:
    text = f"{item.type or 'item'} {item.key}"
    return text if item.read else f"{text} (only its key is known)"


def _id_lines(trace: TraceIdentity, run: Run) -> Iterator[str]:
    yield f"  root {trace.root}"
    yield f"  trace {trace.trace_id}, span of the run {trace.span_id(run.reference)}"
