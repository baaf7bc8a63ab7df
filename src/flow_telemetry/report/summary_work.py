"""Sections of the job summary about the runs of a pull request, and about the work of a feature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flow_telemetry.model import Result
from flow_telemetry.model.overview import (
    DeploymentRow,
    FeatureOverview,
    RunsOverview,
    WaitRow,
    WorkRow,
)
from flow_telemetry.report.lines import (
    LONGEST_NAME,
    Section,
    format_minute,
    format_percent,
    format_table,
    format_word,
    join_links,
    last_of,
)
from flow_telemetry.report.summary_run import icon
from flow_telemetry.report.text import markdown, markdown_link
from flow_telemetry.rules.causes import ERRORS
from flow_telemetry.text import counted, duration

MOST_RUNS = 20
MOST_WORK = 30
MOST_DEPLOYMENTS = 20
# An em space as an entity, because Markdown drops spaces at the start of a cell.
_INDENT = "&emsp;"
_DEPLOYED = {"succeeded": Result.SUCCESS, "failed": Result.FAILURE}


# The runs of a pull request


def run_overview_sections(runs: RunsOverview) -> Iterator[Section]:
    """Return a sentence about the CI of a pull request, and a table of its runs."""
    yield Section(describe_ci(runs))
    rows = [
        (
            markdown_link(
                f"{markdown(row.workflow, LONGEST_NAME)} {markdown(f'#{row.number}', 20)}", row.url
            )
            + (f", attempt {row.attempt}" if row.attempt > 1 else "")
            + (", after the merge" if row.merged else ""),
            icon(row.result) + (row.result.value if row.result else "unknown"),
            format_minute(row.start),
            duration(row.seconds),
        )
        for row in runs.rows[-MOST_RUNS:]
    ]
    if rows:
        head = last_of("Runs", len(rows), len(runs.rows))
        table = format_table((head, "Result", "Started", "Time"), rows, right=(3,))
        yield Section(table, name="the table of runs")


def describe_ci(runs: RunsOverview) -> str:
    """Return the CI time, the number of runs and of failed ones, and the cost; empty if none."""
    if not runs.rows:
        return ""
    failed = sum(row.result in ERRORS for row in runs.rows)
    cost = ""
    if runs.cost:
        cost = f", ${runs.cost:,.2f}" if runs.cost >= 0.005 else ", under $0.01"
    return (
        f"CI took {duration(runs.seconds)} in {counted(len(runs.rows), 'run')}"
        f"{f', {failed:,} of them failed' if failed else ''}{cost}."
    )


# The work of a feature


def feature_sections(feature: FeatureOverview) -> Iterator[Section]:
    """Return what delayed a feature, its stories and pull requests, its CI and deployments."""
    yield Section(_waits_table(feature.waits))
    yield Section(_work_table(feature.work), name="the table of work")
    yield Section(describe_ci(feature.runs))
    yield Section(_deployments_table(feature.deployments), name="the table of deployments")


def _waits_table(waits: Sequence[WaitRow]) -> str:
    if not waits:
        return ""
    rows = [
        (
            _named(wait.name, wait.title, wait.url),
            format_word(wait.state),
            duration(wait.seconds),
            format_minute(wait.start),
        )
        for wait in waits
    ]
    return format_table(("Longest waits", "State", "Time", "From"), rows, right=(2,))


def _work_table(work: Sequence[WorkRow]) -> str:
    """Return the rows in the order of the tree; of many those with the longest lead times."""
    if not work:
        return ""
    by_time = sorted(range(len(work)), key=lambda n: work[n].seconds or 0.0, reverse=True)
    shown = [work[number] for number in sorted(by_time[:MOST_WORK])]
    rows = [
        (
            f"{_INDENT * (row.depth - 1)}{_typed(row)}{_named(row.name, row.title, row.url)}",
            format_word(row.state),
            "" if row.seconds is None else duration(row.seconds),
            "" if row.waiting is None else format_percent(row.waiting, 1),
        )
        for row in shown
    ]
    if len(work) > len(shown):
        more = f"and {len(work) - len(shown):,} more with shorter lead times"
        rows.append((more, "", "", ""))
    head = ("Stories and pull requests", "State", "Lead time", "Waiting")
    table = format_table(head, rows, right=(2, 3))
    return f"{table}\n\nWaiting: blocked, awaiting review or merge, or queued."


def _typed(row: WorkRow) -> str:
    return f"{format_word(row.type)} " if row.type else ""


def _named(name: str, title: str, url: str) -> str:
    link = markdown_link(markdown(name, LONGEST_NAME), url)
    return f"{link} {markdown(title, LONGEST_NAME)}" if title else link


def _deployments_table(deployments: Sequence[DeploymentRow]) -> str:
    if not deployments:
        return ""
    rows = [
        (
            markdown_link(markdown(row.environment, LONGEST_NAME), row.url),
            join_links([markdown(f"#{number}", 20) for number in row.changes]),
            icon(_DEPLOYED.get(row.status, Result.CANCELLATION)) + format_word(row.status),
            format_minute(row.end),
        )
        for row in deployments[-MOST_DEPLOYMENTS:]
    ]
    head = last_of("Deployments", len(rows), len(deployments))
    return format_table((head, "Pull requests", "Result", "Ended"), rows, right=())
