"""Runs and deployments that workflows export twice, by the files of the workflows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flow_telemetry.github.workflow_files import (
    ActionUse,
    WorkflowFile,
    exports_deployments,
    exports_followed_runs,
    exports_own_run,
    is_expression,
    sweeps_runs,
)
from flow_telemetry.rules.deployments import event_deploys
from flow_telemetry.rules.selection import matches_patterns
from flow_telemetry.settings.parse import words
from flow_telemetry.text import one_line

_LONGEST_NAME = 60
# A name without characters that have a meaning in a pattern, in a list or in YAML's quotes.
_PLAIN_NAME = re.compile(r"[\w ./+-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleExport:
    """Something that two workflows export, and what to do.

    ``certain`` is False if expressions, conditions or branches may still separate them.
    """

    text: str
    certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exporter:
    """A step that exports runs of a workflow; ``sweeping`` if by a sweep."""

    workflow: WorkflowFile
    use: ActionUse
    certain: bool
    sweeping: bool = False


def find_double_exports(files: Sequence[WorkflowFile]) -> Iterator[DoubleExport]:
    """Yield what the workflows of one repository export twice, the certain ones first.

    Runs are counted twice if a step inside exports them and so does another workflow after their
    end: by `workflow_run`, or by a sweep with `sweep-runs`. Deployments of a run are exported with
    it, so a workflow on `deployment_status` counts them again.
    """
    uses = _uses_by_path(files)
    inside = {file.path: _most_certain(_exporters_inside(file, uses)) for file in files}
    outside = {file.path: _most_certain(_exporters_outside(file, files, uses)) for file in files}
    doubles = []
    for file in files:
        inner, outer = inside[file.path], outside[file.path]
        if inner is not None and outer is not None:
            doubles.append(_describe_runs(file, inner, outer))
        # A step with `export: job` exports no deployment.
        rest = inner if inner is not None and inner.use.export != "job" else None
        exporter = outer or rest
        if exporter is not None and _deploys(file):
            doubles += [
                _describe_deployments(file, exporter.workflow, other)
                for other in files
                if any(exports_deployments(other, use) for use in uses[other.path])
            ]
    yield from sorted(doubles, key=lambda double: not double.certain)


def _uses_by_path(files: Sequence[WorkflowFile]) -> Mapping[str, tuple[ActionUse, ...]]:
    """Return the uses of the action in each file and in the files of the repository it calls."""
    own = {file.path: file.uses for file in files}
    return {
        file.path: (*file.uses, *(use for path in file.calls for use in own.get(path, ())))
        for file in files
    }


def _exporters_inside(
    file: WorkflowFile, uses: Mapping[str, tuple[ActionUse, ...]]
) -> Iterator[_Exporter]:
    for use in uses[file.path]:
        exports, chosen = exports_own_run(file, use), _chooses(use, file.name)
        if exports is not False and chosen is not False:
            certain = bool(exports and chosen) and _is_certain(use)
            yield _Exporter(workflow=file, use=use, certain=certain)


def _exporters_outside(
    file: WorkflowFile,
    files: Sequence[WorkflowFile],
    uses: Mapping[str, tuple[ActionUse, ...]],
) -> Iterator[_Exporter]:
    """Yield the steps that export the runs of a file after their end."""
    for other in files:
        for use in uses[other.path]:
            chosen = _chooses(use, file.name)
            if chosen is False:
                continue
            follows = file.name in other.follows and exports_followed_runs(other, use)
            if follows is not False:
                certain = bool(follows and chosen) and not other.follows_some
                yield _Exporter(workflow=other, use=use, certain=certain and _is_certain(use))
            # A sweep leaves out the runs of its own workflow.
            sweeps = other.path != file.path and sweeps_runs(other, use)
            if sweeps is not False:
                certain = bool(sweeps and chosen) and _is_certain(use)
                yield _Exporter(workflow=other, use=use, certain=certain, sweeping=True)


def _chooses(use: ActionUse, name: str) -> bool | None:
    """Return whether the patterns of a step choose a workflow; None if unknown."""
    patterns = use.inputs.get("workflows", "")
    return None if is_expression(patterns) else matches_patterns(name, words(patterns))


def _is_certain(use: ActionUse) -> bool:
    return use.certain and "branches" not in use.inputs


def _most_certain(exporters: Iterator[_Exporter]) -> _Exporter | None:
    return max(exporters, key=lambda exporter: exporter.certain, default=None)


def _deploys(file: WorkflowFile) -> bool:
    """Whether the deployments of a workflow are exported with its runs."""
    events = (event for event in file.triggers if not event.startswith(("pull_", "merge_group")))
    return file.deploys and any(map(event_deploys, events))


# The messages. Names are texts of others: they are on one line, truncated and in backquotes.


def _describe_runs(file: WorkflowFile, inner: _Exporter, outer: _Exporter) -> DoubleExport:
    certain = inner.certain and outer.certain
    are = "are" if certain else "may be"
    how = "sweeps them" if outer.sweeping else "exports them on `workflow_run`"
    unless = "" if certain else " (unless conditions, expressions or branches separate them)"
    pattern = f"!{file.name}"
    exclude = (
        f"Exclude it with `workflows: '{pattern}'`"
        if _PLAIN_NAME.fullmatch(file.name) and len(file.name) <= _LONGEST_NAME
        else "Exclude it with `workflows`"
    )
    if not outer.sweeping:
        exclude = f"Remove it from the list of `workflow_run`, {exclude[0].lower()}{exclude[1:]}"
    return DoubleExport(
        text=(
            f"runs of {_named(file)} {are} counted twice{unless}: a step in its job "
            f"{quoted(inner.use.job)} exports them from inside, and {_named(outer.workflow)} {how}"
            f". {exclude}, or remove the step"
        ),
        certain=certain,
    )


def _describe_deployments(
    file: WorkflowFile, exporter: WorkflowFile, other: WorkflowFile
) -> DoubleExport:
    by = "a step inside" if exporter.path == file.path else _named(exporter)
    # Whether GitHub starts a workflow depends on who made the deployment.
    return DoubleExport(
        text=(
            f"deployments by {_named(file)} may be counted twice: {by} exports them with its runs, "
            f"and {_named(other)} on `deployment_status`. Remove that trigger, or exclude their "
            "environments in one of both with `deployment-environments`"
        ),
        certain=False,
    )


def _named(file: WorkflowFile) -> str:
    """Return the name of a workflow and that of its file."""
    name = file.path.rpartition("/")[2]
    return quoted(name) if file.name == file.path else f"{quoted(file.name)} ({quoted(name)})"


def quoted(text: str) -> str:
    """Return a text of others in backquotes, on one line and truncated."""
    return f"`{one_line(text, _LONGEST_NAME).replace('`', chr(39))}`"
