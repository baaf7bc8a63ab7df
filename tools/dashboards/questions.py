"""The dashboard of the questions of docs/guides/sql.md, for ClickHouse.

A panel has the statement of the page, with the view inside, so that nothing is to be created. The
time range of the dashboard and its variables replace the values that the page has as examples.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.dashboards import panels
from tools.dashboards.panels import DOLLARS, NUMBER, Sheet

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "sql.md"
_VIEW = "view: the spans of live traces, each once"
_BLOCK = re.compile(r"```sql\n-- ([^\n]+)\n(.*?)```", re.DOTALL)
_CREATED = re.compile(r"^CREATE VIEW flow_spans AS\n", re.MULTILINE)
_SINCE = re.compile(r"\b(Timestamp|TimeUnix) > now\(\) - INTERVAL \d+ DAY")
# The examples of the page that a reader replaces.
_EXAMPLES = {
    "'CI'": "'${workflow}'",
    "'alice'": "'${person}'",
    "'acme/shop#100'": "'${feature}'",
}


@dataclass(frozen=True)
class Question:
    """A question of the page: the panel's title, its advice, and the units of its columns."""

    title: str
    description: str
    units: Mapping[str, str] = field(default_factory=dict)
    width: int = 12


_SECONDS = {"longest_seconds": "s", "mean_seconds": "s", "median_seconds": "s"}
QUESTIONS: Mapping[str, Question] = {
    "slowest steps of a workflow": Question(
        "Slowest steps of pull requests",
        "Steps of the chosen workflow on branches of pull requests. Cache, split or move the "
        "first one.",
        {**_SECONDS, "times": NUMBER},
    ),
    "failures by cause": Question(
        "Failures by cause",
        "Jobs that failed. `failure` is the code's; lost runners are the platform's.",
        {"jobs": NUMBER},
    ),
    "queue by runner label": Question(
        "Queue by runner label",
        "Waits for a runner by the labels of the job. Add runners where the median is long.",
        {**_SECONDS, "jobs": NUMBER},
    ),
    "flaky tests": Question(
        "Flaky tests",
        "Tests that passed after they had failed. Repair or remove the first ones: each costs a "
        "re-run.",
        {"times": NUMBER},
    ),
    "last runs of a person that failed, and in which steps": Question(
        "Failed runs of a person",
        "The last ten failed runs of the chosen person, and their failed steps.",
        width=24,
    ),
    "waits for review by repository": Question(
        "Waits for review by repository",
        "Time that pull requests waited for a review. Talk about the first row in the next "
        "retrospective.",
        {"hours": "h", "median_hours": "h", "changes": NUMBER},
    ),
    "oldest open pull requests": Question(
        "Oldest open pull requests",
        "Merge or close the first ones. The time range does not matter.",
        {"age_days": "d"},
    ),
    "lead time to production": Question(
        "Lead time to production",
        "From the first commit of a pull request to its deployment, by repository.",
        {"median_hours": "h", "changes": NUMBER},
    ),
    "deployments that failed": Question(
        "Deployments that failed",
        "With the pull requests that they were to deliver: begin the search there. The time range "
        "does not matter.",
    ),
    "what delayed this feature": Question(
        "What delayed this feature?",
        "The states of the chosen feature; together they are its whole time. Shorten the longest "
        "wait in the next one.",
        {"hours": "h"},
    ),
    "cost by team in USD": Question(
        "Cost by team",
        "The team is an attribute of your workflows: `resource-attributes: team=checkout`.",
        {"usd": DOLLARS},
    ),
}


def sheet() -> Sheet:
    """Return the dashboard."""
    spans = "SELECT DISTINCT SpanAttributes['{}'] AS value FROM otel_traces WHERE {} ORDER BY value"
    made = Sheet(
        uid="flow-questions",
        title="Questions in SQL",
        description="The questions of docs/guides/sql.md, on the Collector's tables in ClickHouse.",
        variables=[
            panels.source(
                "clickhouse",
                "ClickHouse",
                "grafana-clickhouse-datasource",
                "A data source with the tables of the Collector's exporter as its database.",
            ),
            panels.statement_values(
                "workflow",
                "Workflow",
                spans.format(
                    "cicd.pipeline.name",
                    "SpanAttributes['flow.entity.type'] = 'run' AND $__timeFilter(Timestamp)",
                ),
                "For the slowest steps.",
            ),
            panels.statement_values(
                "person",
                "Person",
                spans.format(
                    "github.actor",
                    "SpanAttributes['flow.entity.type'] = 'run' AND value != '' "
                    "AND $__timeFilter(Timestamp)",
                ),
                "For the failed runs.",
            ),
            panels.statement_values(
                "feature",
                "Feature",
                spans.format(
                    "flow.feature.key",
                    "SpanAttributes['flow.trace'] = 'feature' AND ParentSpanId = ''",
                ),
                "For what delayed a feature. The time range does not matter.",
            ),
        ],
        tags=("sql",),
    )
    statements = documented()
    for question, panel in QUESTIONS.items():
        made.add(
            panels.statement(
                panel.title, panel.description, in_panel(question, statements), units=panel.units
            ),
            width=panel.width,
        )
    return made


def documented() -> dict[str, str]:
    """Return the statements of the page by their questions, the view included."""
    text = PAGE.read_text(encoding="utf-8")
    return {question: statement.strip() for question, statement in _BLOCK.findall(text)}


def in_panel(question: str, statements: Mapping[str, str]) -> str:
    """Return the statement of a question as a panel has it."""
    statement = _SINCE.sub(r"$__timeFilter(\1)", statements[question])
    for example, variable in _EXAMPLES.items():
        statement = statement.replace(example, variable)
    if "flow_spans" not in statement:
        return statement
    view = _CREATED.sub("", statements[_VIEW])
    inside = view.replace("\n", "\n    ")
    return f"WITH flow_spans AS (\n    {inside}\n)\n{statement}"
