"""The dashboard Features: the Flow Framework's measures, and where the time of features went."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

from tools.dashboards import panels
from tools.dashboards.panels import (
    DOLLARS,
    GREEN,
    HOURS_AND_DAYS,
    INTERVAL,
    NUMBER,
    PERCENT,
    RANGE,
    RED,
    YELLOW,
    Column,
    Sheet,
    Target,
)
from tools.dashboards.promql import Part, Query
from tools.dashboards.shared import REPOSITORY_OR_NONE, metric_variables, sweep_variable, values_of

ITEMS = Query((REPOSITORY_OR_NONE, ("flow.work_item.type=~", "$type|")))
FEATURES = Query((REPOSITORY_OR_NONE,))
BY_TYPE = ("flow.work_item.type",)
KEY = ("flow.feature.key",)
DAY = 86_400
# Of the states of a feature, those in which nobody and nothing works on it.
WAITS = "blocked|awaiting_merge|awaiting_review|queued|idle"


def sheet() -> Sheet:
    """Return the dashboard."""
    made = Sheet(
        uid="flow-features",
        title="Features",
        description="Flow time, efficiency, load, distribution, and where the time went.",
        variables=metric_variables(
            panels.labels(
                "type",
                "Type",
                values_of("flow_work_item_count", "flow_work_item_type"),
                "Type of the work items: Epic, Story, Bug …",
                every=".*",
            ),
            sweep_variable(),
            panels.source("tempo", "Tempo", "tempo", "For the links to the traces of features."),
            panels.source("jaeger", "Jaeger", "jaeger", "For the same links, if you have Jaeger."),
        ),
        period="now-90d",
        tags=("features",),
    )
    _overview(made)
    _where_the_time_went(made)
    _features(made)
    _flow(made)
    _load(made)
    _distribution(made)
    return made


def _overview(made: Sheet) -> None:
    made.row("Overview")
    progress = ITEMS.only({"flow.work_item.status.category": "in_progress"})
    for panel in (
        panels.number(
            "Velocity",
            "Work items that were closed in the time range. Compare it with itself, never with "
            "that of another team.",
            Target(ITEMS.total("flow.work_item.count", RANGE)),
            unit=NUMBER,
        ),
        panels.number(
            "Mean flow time",
            "From the first status in progress to the closing. If it grows while velocity does "
            "not, too much is in progress.",
            Target(ITEMS.mean("flow.work_item.cycle_time", RANGE)),
            unit=HOURS_AND_DAYS,
        ),
        panels.number(
            "Flow efficiency",
            "Active time divided by flow time, mean of all items. Below 40 %, shorten waits "
            "before you try to work faster.",
            Target(ITEMS.mean("flow.work_item.efficiency", RANGE)),
            unit=PERCENT,
            steps=((None, RED), (0.25, YELLOW), (0.4, GREEN)),
        ),
        panels.number(
            "Flow load",
            "Items in progress, as the last sweep found them. Finish one, then start the next.",
            Target(progress.state("flow.load", "$sweep")),
            unit=NUMBER,
        ),
        panels.number(
            "Oldest item in progress",
            "Time since its creation. Ask what it waits for, split it, or give it up.",
            Target(progress.state("flow.load.age", "$sweep", aggregate="max")),
            unit=HOURS_AND_DAYS,
            steps=((None, GREEN), (30 * DAY, YELLOW), (90 * DAY, RED)),
        ),
        panels.number(
            "Features closed",
            "Features, such as epics, that were closed in the time range. The table lists them.",
            Target(FEATURES.count("flow.feature.changes", RANGE)),
            unit=NUMBER,
        ),
    ):
        made.add(panel, width=4, height=4)


def _where_the_time_went(made: Sheet) -> None:
    made.row("Where did the time of features go?")
    time = FEATURES.total("flow.feature.time", RANGE, ("flow.time.state",))
    made.add(
        panels.shares(
            "States of features",
            "Each second between creation and closing belongs to the first state that holds for "
            "any part (docs/guides/work-items.md). The largest wait is the one to shorten.",
            Target(time, "{{flow_time_state}}"),
            unit=HOURS_AND_DAYS,
        ),
        width=8,
        height=9,
    )
    features = FEATURES.count("flow.feature.changes", RANGE)
    made.add(
        panels.ranking(
            "Mean time of a feature in each state",
            "The same time, divided by the features. `idle` means that nobody worked on any part.",
            Target(f"{time} / on () group_left () {features}", "{{flow_time_state}}"),
            unit=HOURS_AND_DAYS,
        ),
        width=8,
        height=9,
    )
    made.add(
        panels.bars(
            "Time in each state by the week of closing",
            "Whether the waits that you work on become shorter, feature by feature.",
            Target(
                FEATURES.total("flow.feature.time", INTERVAL, ("flow.time.state",)),
                "{{flow_time_state}}",
            ),
            unit=HOURS_AND_DAYS,
            smallest="7d",
        ),
        width=8,
        height=9,
    )


def _features(made: Sheet) -> None:
    made.row("Which features took long?")
    name = "flow.feature.time"

    def time_in(states: str) -> str:
        return FEATURES.only({"flow.time.state=~": states}).total(name, RANGE, KEY)

    made.add(
        panels.rows(
            "Features",
            "One row for each closed feature; the key leads to the feature's trace. It needs "
            "`metric-attributes: flow.feature.key`, since the key is a label for each feature.",
            {"flow_feature_key": "Feature"},
            Column("Total time", FEATURES.total(name, RANGE, KEY), HOURS_AND_DAYS),
            Column(
                "Waiting",
                FEATURES.share(time_in(WAITS), FEATURES.total(name, RANGE, KEY)),
                PERCENT,
                ((None, GREEN), (0.5, YELLOW), (0.75, RED)),
            ),
            Column("For review", time_in("awaiting_review"), HOURS_AND_DAYS),
            Column("Blocked", time_in("blocked"), HOURS_AND_DAYS),
            Column("Idle", time_in("idle"), HOURS_AND_DAYS),
            Column(
                "Pull requests",
                FEATURES.total("flow.feature.changes", RANGE, KEY, Part.SUM),
                NUMBER,
            ),
            Column(
                "Failed runs",
                FEATURES.total("flow.feature.failed_runs", RANGE, KEY, Part.SUM),
                NUMBER,
            ),
            Column("Cost", FEATURES.total("flow.feature.cost", RANGE, KEY, Part.SUM), DOLLARS),
            sort="Total time",
            links={
                "Trace in Tempo": tempo_link(),
                "Trace in Jaeger": jaeger_link("github-issues"),
                "Trace in Jaeger, of an item of Jira": jaeger_link("jira"),
            },
        ),
        width=24,
        height=9,
    )


def _flow(made: Sheet) -> None:
    made.row("How fast does work flow?")
    cycle = "flow.work_item.cycle_time"
    made.add(
        panels.lines(
            "Flow time by type",
            "Of 30 days at each point. The p85 is what you can promise: six of seven items took "
            "less. Gauges have only the mean.",
            Target(ITEMS.quantile(0.5, cycle, "30d", BY_TYPE), "{{flow_work_item_type}} p50"),
            Target(ITEMS.quantile(0.85, cycle, "30d", BY_TYPE), "{{flow_work_item_type}} p85"),
            Target(ITEMS.mean(cycle, "30d", BY_TYPE), "{{flow_work_item_type}} mean"),
            unit=HOURS_AND_DAYS,
        ),
        width=8,
    )
    made.add(
        panels.lines(
            "Flow efficiency by type",
            "Mean of 30 days at each point. It falls if items wait longer in progress.",
            Target(
                ITEMS.mean("flow.work_item.efficiency", "30d", BY_TYPE), "{{flow_work_item_type}}"
            ),
            unit=PERCENT,
        ),
        width=8,
    )
    blocked = ITEMS.total(
        "flow.work_item.blocked.duration", RANGE, ("flow.work_item.blocked.cause",), Part.SUM
    )
    made.add(
        panels.ranking(
            "Time blocked by cause",
            "What blocked the items: a flag, another issue, a status or a label. Many days behind "
            "`issue` mean that teams wait for each other.",
            Target(blocked, "{{flow_work_item_blocked_cause}}"),
            unit=HOURS_AND_DAYS,
        ),
        width=8,
    )


def _load(made: Sheet) -> None:
    made.row("How much is open, and how old is it?")
    category = ("flow.work_item.status.category",)
    made.add(
        panels.lines(
            "Flow load over time",
            "Open items at each sweep. `in_progress` is the load: a line that only rises ends in "
            "longer flow times some weeks later.",
            Target(
                ITEMS.state("flow.load", INTERVAL, category), "{{flow_work_item_status_category}}"
            ),
            unit=NUMBER,
        ),
        width=12,
    )
    made.add(
        panels.lines(
            "Age of the oldest open item by type",
            "Time since the creation of the oldest item that is open. A straight line upwards is "
            "one forgotten item: close it or split it.",
            Target(
                ITEMS.state("flow.load.age", INTERVAL, BY_TYPE, "max"), "{{flow_work_item_type}}"
            ),
            unit=HOURS_AND_DAYS,
        ),
        width=12,
    )


def _distribution(made: Sheet) -> None:
    made.row("What is the time spent on?")
    flow_type = ("flow.work_item.flow_type",)
    made.add(
        panels.shares(
            "Flow distribution",
            "Closed items by kind of work: features, defects, debts, risks. Without debts and "
            "risks today there are more defects in some months. Items without a kind have no name.",
            Target(
                ITEMS.total("flow.work_item.count", RANGE, flow_type),
                "{{flow_work_item_flow_type}}",
            ),
            unit=NUMBER,
        ),
        width=8,
    )
    made.add(
        panels.bars(
            "Closed items by week and kind of work",
            "Velocity and distribution in one. A share of defects that grows asks for fewer new "
            "features.",
            Target(
                ITEMS.total("flow.work_item.count", INTERVAL, flow_type),
                "{{flow_work_item_flow_type}}",
            ),
            unit=NUMBER,
            smallest="7d",
        ),
        width=8,
    )
    made.add(
        panels.ranking(
            "Time in each status",
            "Mean of all closed items, by the statuses of your board. A status that nobody works "
            "in, such as *ready for test*, is a queue.",
            Target(
                ITEMS.mean("flow.work_item.status.duration", RANGE, ("flow.work_item.status",)),
                "{{flow_work_item_status}}",
            ),
            unit=HOURS_AND_DAYS,
        ),
        width=8,
    )


# Links to the trace of a feature: a search in Explore, since metrics have no trace ids.


def tempo_link() -> str:
    """Return the address of Explore with a search in Tempo for the feature of a cell."""
    query = '{ span.flow.trace = "feature" && span.flow.feature.key = "KEY" }'
    return _explore(
        "tempo", {"queryType": "traceql", "query": query, "limit": 20, "tableType": "traces"}
    )


def jaeger_link(service: str) -> str:
    """Return the address of Explore with a search in Jaeger for the feature of a cell.

    Jaeger searches within a service, which is that of the tracker, and by the start of the feature,
    which can be long before the range of the dashboard.
    """
    tags = "flow.trace=feature flow.feature.key=KEY"
    query = {"queryType": "search", "service": service, "tags": tags}
    return _explore("jaeger", query, since="now-1y")


def _explore(kind: str, query: Mapping[str, object], since: str = "FROM") -> str:
    source = {"type": kind, "uid": "SOURCE"}
    pane = {
        "datasource": "SOURCE",
        "queries": [{"refId": "A", "datasource": source, **query}],
        "range": {"from": since, "to": "TO"},
    }
    panes = quote(json.dumps({"flow": pane}, separators=(",", ":")))
    # Grafana fills these in, and would not know them if they were encoded.
    for name, variable in (
        ("SOURCE", f"${{{kind}}}"),
        ("KEY", "${__value.raw:percentencode}"),
        ("FROM", "${__from}"),
        ("TO", "${__to}"),
    ):
        panes = panes.replace(name, variable)
    return f"/explore?schemaVersion=1&orgId=1&panes={panes}"
