"""`flow-telemetry explain`: why a run, pull request, item or deployment is in its trace.

A kind is read into facts, the object that `--json` prints; the lines are made of the same object.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from flow_telemetry.build import build_context
from flow_telemetry.cli.options import add_flags, load
from flow_telemetry.cli.parser import ANY_KIND, Subparsers
from flow_telemetry.cli.targets import (
    FORMS,
    add_target,
    choose_kind,
    numbered,
    reject_ineffective,
)
from flow_telemetry.cli.terminal import TerminalLog, add_result_flags
from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError, SettingsError
from flow_telemetry.github.changes import (
    read_candidates,
    read_change,
    read_changes_of_commit,
)
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.deliveries import with_deliveries
from flow_telemetry.github.deployments import read_deployment, read_deployments
from flow_telemetry.github.runs import read_repository, read_run
from flow_telemetry.github.webhook import read_event
from flow_telemetry.identity import TraceIdentity, format_timestamp
from flow_telemetry.mapping.changes import delivery_reference
from flow_telemetry.mapping.placement import (
    Placement,
    place,
    place_change,
    place_item,
    run_ancestry,
)
from flow_telemetry.model import Change, Lineage, Run, WorkItem
from flow_telemetry.otlp.exporter import NullExporter
from flow_telemetry.privacy.audience import Audience, read_audience, redact_lineage
from flow_telemetry.report.text import terminal_line
from flow_telemetry.rules import parentage
from flow_telemetry.rules.deployments import delivery_result, describe_place
from flow_telemetry.rules.parentage import Lookup
from flow_telemetry.settings import Mode, TraceScope
from flow_telemetry.settings.parse import named, positive_integer
from flow_telemetry.subjects.change import own_tracing
from flow_telemetry.subjects.choose import choose_subjects
from flow_telemetry.subjects.deployment import place_delivery, read_maker, reason_not_counted
from flow_telemetry.subjects.item import read_item
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.run import read_ancestors
from flow_telemetry.subjects.types import (
    ChangeSubject,
    DeploymentSubject,
    ItemSubject,
    RunSubject,
    build_tracing,
)

_LONGEST_LINE = 500
_KINDS = {
    "run": ("run", "URL or id of the run."),
    "change": ("pull request", "URL of the pull request, OWNER/NAME#7, #7 or 7."),
    "item": ("work item", "ACME-42, OWNER/NAME#17 or #17, or the URL of the item."),
    "deployment": ("deployment", "id of the deployment, or …/OWNER/NAME/deployments/ID."),
}
_DEPLOYMENT = re.compile(
    r"(?P<repository>https?://[^/\s]+/[^/\s]+/[^/\s]+)/deployments/(?P<id>\d+)/?"
)
_EXAMPLES = """\
examples:
  flow-telemetry explain https://github.com/acme/shop/actions/runs/999
  flow-telemetry explain https://github.com/acme/shop/pull/123 --trace-scope feature
  flow-telemetry explain deployment 4711 --repo acme/shop --json
"""

# An object of JSON: docs/reference/command-line.md describes its form, which is a contract.
Facts: TypeAlias = dict[str, Any]
# What is explained, as `subjects` choose it.
ExplainedSubject: TypeAlias = RunSubject | ChangeSubject | ItemSubject | DeploymentSubject


def add_command(commands: Subparsers) -> None:
    """Add the command and its kinds to the parser."""
    parser = commands.add_parser(
        "explain", help="explain why a run, pull request, item or deployment is in its trace"
    )
    kinds = parser.add_subparsers(prog=parser.prog, dest="kind", metavar="KIND", required=True)
    every = kinds.add_parser(
        ANY_KIND,
        prog="flow-telemetry explain",
        usage="flow-telemetry explain [KIND] TARGET [FLAGS]",
        description="Prints why something is in its trace: the pull request, work items and "
        "feature that it belongs to, each candidate, where it was found, which one was chosen and "
        "why, what could not be read, and the ids of its traces. The URL decides the kind; with "
        f"other targets write one of the kinds {', '.join(_KINDS)} before it. Sends nothing.",
        epilog=_EXAMPLES,
    )
    add_target(every, FORMS)
    add_result_flags(every)
    add_flags(every, [f"explain {name}" for name in _KINDS])
    every.set_defaults(run=run)
    for name, (noun, target) in _KINDS.items():
        kind = kinds.add_parser(
            name,
            help=f"explain a {noun}",
            description=f"Prints why a {noun} is in its trace, and the ids. Sends nothing.",
        )
        add_target(kind, target)
        add_result_flags(kind)
        add_flags(kind, [f"explain {name}"])
        kind.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the explanation; return 0."""
    context, subject = _prepare(options, environ)
    settings = context.settings
    if not options.quiet:
        for error in settings.errors:
            sys.stderr.write(terminal_line(f"error: {error}", _LONGEST_LINE) + "\n")
    audience = read_audience(settings.runner, read_event(settings.runner.event_path))
    facts = Explainer(context, audience).explain(subject)
    if options.json:
        text = json.dumps(_redacted(facts, context.redact), indent=2, ensure_ascii=False)
    else:
        redacted = map(context.redact, explanation(facts))
        text = "\n".join(terminal_line(line, _LONGEST_LINE) for line in redacted)
    sys.stdout.write(text + "\n")
    return 0


def _prepare(
    options: argparse.Namespace, environ: Mapping[str, str]
) -> tuple[ExportContext, ExplainedSubject]:
    kind, deployment = options.kind, 0
    match = _DEPLOYMENT.fullmatch(options.target)
    if match and kind in (ANY_KIND, "deployment"):
        kind, options.target, deployment = "deployment", match["repository"], int(match["id"])
        reject_ineffective(options, "explain deployment")
    elif kind == "deployment":
        deployment = named("TARGET", positive_integer, options.target)
        options.target = ""
    elif kind == ANY_KIND and not options.target:
        kind = "run"  # of `--run-id`
    else:
        kind = choose_kind(options, "explain", _KINDS)
    mode = Mode.RUN.value if kind == "deployment" else kind
    settings = load(options, environ, mode=mode, target=numbered(options.target, kind))
    repository = settings.repository or settings.runner.repository
    subject: ExplainedSubject
    if kind == "deployment":
        if repository is None:
            raise SettingsError("`repository` is missing: name it as OWNER/NAME")
        subject = DeploymentSubject(repository=repository, id=deployment)
    else:
        (chosen,) = choose_subjects(settings, {})
        if not isinstance(chosen, (RunSubject, ChangeSubject, ItemSubject)):
            raise TypeError(kind)
        subject = chosen
    clock = SystemClock()
    context = build_context(
        settings,
        exporter=NullExporter(),
        clock=clock,
        deadline=Deadline.after(clock, settings.timeout),
        log=TerminalLog(settings.log_level, sys.stderr, clock, quiet=options.quiet),
    )
    return context, subject


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    """Return the facts with their texts redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(each, redact) for key, each in value.items()}
    return [_redacted(each, redact) for each in value] if isinstance(value, list) else value


# Reading.


@dataclass(frozen=True, slots=True)
class Explainer:
    """Reads what a subject belongs to; of what the audience may not read there are only keys."""

    context: ExportContext
    audience: Audience

    def explain(self, subject: ExplainedSubject) -> Facts:
        """Return the facts of a subject.

        Raises:
            FlowTelemetryError: it cannot be read.
        """
        if isinstance(subject, RunSubject):
            return self._run(subject)
        if isinstance(subject, ChangeSubject):
            return self._change(subject)
        if isinstance(subject, ItemSubject):
            return self._item(subject)
        return self._deployment(subject)

    def _run(self, subject: RunSubject) -> Facts:
        context = self.context
        record = read_run(context.github.required, subject.address)
        deployed = read_deployments(context.github, record, record.jobs)
        run = deployed.run
        ancestors, lineage = read_ancestors(context, run)
        placement = place(
            run.reference, run_ancestry(ancestors, lineage), build_tracing(context.settings)
        )
        candidates = [
            {
                **_change_facts(change),
                "source": source,
                "excluded": None if change == ancestors.change else excluded(run, change),
            }
            for source, changes, excluded in _candidates(run, context.github)
            for change in changes
        ]
        return {
            "kind": "run",
            "reference": run.reference,
            "run_id": run.id,
            "attempt": run.attempt,
            "workflow": run.workflow,
            "event": run.event,
            "branch": run.head_branch or None,
            "commit": run.head_sha or None,
            "pull_request": {
                "looked_for_in": parentage.parent_lookup(run).value,
                "candidates": candidates,
                "chosen": _change_facts(ancestors.change) if ancestors.change else None,
                "reason": ancestors.reason,
                "links": [_change_facts(change) for change in ancestors.others],
            },
            "work_items": self._items(lineage),
            "not_read": [*ancestors.unread, *deployed.notices, *lineage.unread],
            "traces": self._traces(placement, lineage, run.reference),
        }

    def _change(self, subject: ChangeSubject) -> Facts:
        context = self.context
        change = context.with_aliases(
            read_change(context.github.required, subject.repository, subject.number)
        )
        lineage = read_lineage(context, change, change.repository)
        placement = place_change(change, lineage, own_tracing(context.settings))
        return {
            "kind": "change",
            "reference": change.reference,
            **_change_facts(change),
            "title": change.title if self.audience.may_read(change.repository) else None,
            "branch": change.head_branch or None,
            "work_items": self._items(lineage),
            "not_read": [*lineage.unread],
            "traces": self._traces(placement, lineage, change.reference),
        }

    def _item(self, subject: ItemSubject) -> Facts:
        context, scope = self.context, self.context.settings.tracing.scope
        item, lineage = read_item(context, subject)
        placement = place_item(item, lineage, build_tracing(context.settings))
        has_live = scope in (TraceScope.ITEM, TraceScope.FEATURE)
        traces = self._traces(placement, lineage, item.reference)
        (shown,) = redact_lineage(self.audience, Lineage(items=(item,))).items
        return {
            "kind": "item",
            "reference": item.reference,
            "key": item.key,
            "type": shown.type or None,
            "title": shown.title or None,
            "work_items": self._items(lineage),
            "not_read": [*lineage.unread],
            "traces": traces if has_live else traces[1:],
            "no_live_trace": None
            if has_live
            else f"trace-scope is {scope.value}, whose traces have no spans of work items",
        }

    def _deployment(self, subject: DeploymentSubject) -> Facts:
        context = self.context
        home = context.with_aliases(read_repository(context.github.required, subject.repository))
        deployment = read_deployment(context.github.required, home, subject.id)
        deployment, run = read_maker(context, deployment)
        not_counted = reason_not_counted(context.settings, deployment, run.event if run else None)
        not_read = []
        try:
            patterns = context.settings.deployments.environments
            deployment = with_deliveries(context.github, deployment, (), patterns)
        except FlowTelemetryError as error:
            not_read.append(str(error))
        delivers, traces = [], []
        for change in deployment.delivers:
            lineage = read_lineage(context, change, change.repository)
            placement = place_delivery(context.settings, deployment, change, lineage)
            reference = delivery_reference(deployment, change)
            delivers.append({**_change_facts(change), "work_items": self._items(lineage)})
            traces += self._traces(placement, lineage, reference)
            not_read += lineage.unread
        result = delivery_result(deployment)
        return {
            "kind": "deployment",
            "reference": deployment.reference,
            "deployment_id": deployment.id,
            "place": describe_place(deployment),
            "commit": deployment.sha,
            "result": result.value if result else None,
            "made_by": run.reference if run else None,
            "not_counted": not_counted,
            "delivers": delivers,
            "delivers_complete": deployment.delivers_complete and not not_read,
            "notices": [*deployment.notices],
            "not_read": not_read,
            "traces": traces,
        }

    def _items(self, lineage: Lineage) -> Facts:
        shown = redact_lineage(self.audience, lineage)
        return {
            "reason": shown.reason or None,
            "items": [_item_facts(item, shown) for item in shown.items],
            "above": [_item_facts(item, shown) for item in shown.above],
            "others": [_item_facts(item, shown) for item in shown.others],
        }

    def _traces(self, placement: Placement, lineage: Lineage, reference: str) -> list[Facts]:
        """The live trace, then the feature trace if the feature is known."""
        tracing = build_tracing(self.context.settings)
        found = [_trace_facts("live", tracing.scope.value, placement.trace, reference)]
        if lineage.feature is not None:
            trace = TraceIdentity(root=lineage.feature.reference, namespace=tracing.namespace)
            found.append(_trace_facts("feature", None, trace, reference))
        return found


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


def _change_facts(change: Change) -> Facts:
    return {
        "repository": change.repository.full_name,
        "number": change.number,
        "opened_at": _timestamp(change.created_at),
        "closed_at": _timestamp(change.closed_at),
        "into": change.base_branch or None,
    }


def _item_facts(item: WorkItem, lineage: Lineage) -> Facts:
    feature = lineage.feature
    return {
        "key": item.key,
        "type": item.type or None,
        "title": item.title or None,
        "reference": item.reference,
        "read": item.read,
        "feature": feature is not None and feature.reference == item.reference,
    }


def _trace_facts(kind: str, scope: str | None, trace: TraceIdentity, reference: str) -> Facts:
    return {
        "kind": kind,
        "trace_scope": scope,
        "root": trace.root,
        "reference": reference,
        "trace_id": trace.trace_id,
        "span_id": trace.span_id(reference),
    }


def _timestamp(time: datetime | None) -> str | None:
    return None if time is None else format_timestamp(time)


# The lines.


def explanation(facts: Facts) -> Iterator[str]:
    """Yield the lines of the explanation."""
    kind = facts["kind"]
    noun = _KINDS[kind][0]
    if kind == "run":
        yield from _run_lines(facts)
    elif kind == "change":
        title = f": {facts['title']}" if facts["title"] else ""
        yield f"pull request {_format_change(facts)}{title}"
        yield f"  of {facts['branch'] or 'no branch'} in {facts['repository']}"
    elif kind == "item":
        yield f"{facts['type'] or 'item'} {facts['key']}: {facts['title'] or '(no title)'}"
    else:
        yield from _deployment_lines(facts)
    if "work_items" in facts:
        yield from _item_lines(facts["work_items"])
    yield from (f"  not read: {reason}" for reason in facts["not_read"])
    if facts.get("no_live_trace"):
        yield f"live trace: none, since {facts['no_live_trace']}"
    for trace in facts["traces"]:
        scope = f", trace-scope {trace['trace_scope']}" if trace["trace_scope"] else ""
        yield f"{trace['kind']} trace{scope}:"
        yield f"  root {trace['root']}"
        yield f"  trace {trace['trace_id']}, span of the {noun} {trace['span_id']}"


def _run_lines(facts: Facts) -> Iterator[str]:
    found = facts["pull_request"]
    yield (
        f"run {facts['run_id']}, attempt {facts['attempt']}: {facts['workflow']}, event "
        f"{facts['event']}"
    )
    yield f"  of {facts['branch'] or 'no branch'} at {facts['commit'] or 'no commit'}"
    yield f"pull request: looked for in {found['looked_for_in']}"
    for candidate in found["candidates"]:
        excluding = f": excluded, since {candidate['excluded']}" if candidate["excluded"] else ""
        yield f"  candidate {_format_change(candidate)}, {candidate['source']}{excluding}"
    chosen = _format_change(found["chosen"]) if found["chosen"] else "none"
    yield f"  chosen: {chosen}, since {found['reason']}"
    yield from (f"  link: {_format_change(change)}" for change in found["links"])


def _deployment_lines(facts: Facts) -> Iterator[str]:
    yield (
        f"deployment {facts['deployment_id']} to {facts['place']}: "
        f"{facts['result'] or 'has neither succeeded nor failed yet'}"
    )
    yield f"  of the commit {facts['commit']}"
    yield f"  made by {facts['made_by'] or 'no run that is known'}"
    if facts["not_counted"]:
        yield f"  not counted, since {facts['not_counted']}"
    count = "" if facts["delivers_complete"] else ", not all of them are known"
    yield f"delivers{count}:" if facts["delivers"] else f"delivers no pull request{count}"
    for change in facts["delivers"]:
        yield f"  {_format_change(change)}"
        yield from (f"    in {_format_item(item)}" for item in change["work_items"]["items"])
    yield from (f"  {notice}" for notice in facts["notices"])


def _format_change(change: Facts) -> str:
    opened = f"opened {_minute(change['opened_at'])}" if change["opened_at"] else "not read"
    closed = f", closed {_minute(change['closed_at'])}" if change["closed_at"] else ""
    into = f" into {change['into']}" if change["into"] else ""
    return f"#{change['number']} ({opened}{closed}{into})"


def _minute(timestamp: str) -> str:
    """`2026-11-24T03:43:00Z` as `2026-11-24 03:43`."""
    return timestamp[:16].replace("T", " ")


def _item_lines(found: Mapping[str, Any]) -> Iterator[str]:
    items: Sequence[Facts] = found["items"]
    yield "work items, nearest first:" if items else "work items: none was found"
    if found["reason"]:
        yield f"  found since {found['reason']}"
    for item in items:
        yield f"  {_format_item(item)}"
    yield from (f"  above the feature, a link: {_format_item(item)}" for item in found["above"])
    yield from (f"  further one, a link: {_format_item(item)}" for item in found["others"])


def _format_item(item: Facts) -> str:
    text = f"{item['type'] or 'item'} {item['key']}"
    text = text if item["read"] else f"{text} (only its key is known)"
    return f"{text}, the feature" if item["feature"] else text
