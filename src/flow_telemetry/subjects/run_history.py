"""The comparison of a run with earlier runs of its workflow, which are read from GitHub."""

from __future__ import annotations

from dataclasses import replace

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.runs import read_jobs, successful_runs
from flow_telemetry.model import Run
from flow_telemetry.rules import comparison as rules
from flow_telemetry.rules.comparison import RunComparison

# More than are compared, because some are later attempts, which do not count.
_LISTED = rules.MOST_RUNS + 10


def compare_with_history(context: ExportContext, run: Run) -> RunComparison | None:
    """Compare a run with successful ones on the default branch, or else of the same event.

    None if there are few, or if they cannot be read: then nothing is lost but an explanation, so
    that is logged only.
    """
    if not rules.is_comparable(run):
        return None
    try:
        found = _compare_with_list(context, run)
    except FlowTelemetryError as error:
        context.log.debug(f"run {run.id} is not compared with earlier ones: {error}")
        return None
    if found is None:
        return None
    comparison, earlier = found
    if not comparison.slow:
        return comparison

    def read_other(other: Run) -> Run:
        try:
            return read_jobs(context.github, other)
        except FlowTelemetryError as error:
            context.log.debug(f"run {run.id} is compared with fewer runs: {error}")
            return other

    some = context.github.run_concurrently(read_other, earlier[: rules.MOST_RUNS_WITH_JOBS])
    return rules.explain_slowness(comparison, run, some)


def _compare_with_list(
    context: ExportContext, run: Run
) -> tuple[RunComparison, tuple[Run, ...]] | None:
    branch = run.default_branch or ""
    # A workflow of pull requests only has no runs on the default branch.
    filters = [{"branch": branch}, {"event": run.event}] if branch else [{"event": run.event}]
    for query in filters:
        listed = successful_runs(context.github, run, most=_LISTED, **query)
        earlier = rules.choose_earlier(run, listed)
        comparison = rules.compare_run(run, earlier, branch=query.get("branch", ""))
        if comparison is not None:
            return comparison, tuple(replace(e, repository=run.repository) for e in earlier)
    return None
