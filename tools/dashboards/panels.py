"""Panels, variables and the grid of the dashboards, on Grafana's SDK.

A dashboard is a `Sheet`: rows of panels, each with its own id and place. A panel has a title that
is a question or a noun, a description that says what to do about it, a unit, and queries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    piechart,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import prometheus as prometheus_builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    DataSourceRef,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataTransformerConfig,
    DynamicConfigValue,
    GridPos,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from tools.dashboards.promql import SUMS, TOTALS

# What Grafana replaces: the range of the dashboard, and the distance of the points of a graph.
RANGE, INTERVAL = "$__range", "$__interval"
SECONDS, HOURS_AND_DAYS, PERCENT, DOLLARS, NUMBER = (
    "s",
    "dtdurations",
    "percentunit",
    "currencyUSD",
    "short",
)
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${metrics}")
CLICKHOUSE = DataSourceRef(type_val="grafana-clickhouse-datasource", uid="${clickhouse}")
GREEN, LIGHT_GREEN, YELLOW, ORANGE, RED, BLUE = (
    *("green", "light-green", "yellow", "orange", "red", "blue"),
)
# The colours of a threshold in order: the first has no lower bound.
Steps = Sequence[tuple[float | None, str]]
NEUTRAL: Steps = ((None, BLUE),)
_WIDTH = 24


@dataclass(frozen=True)
class Target:
    """A query of a panel; ``legend`` names its series, with labels as ``{{label}}``."""

    expression: str
    legend: str = ""


@dataclass
class Sheet:
    """A dashboard that is filled row by row, from left to right."""

    uid: str
    title: str
    description: str
    variables: Sequence[Builder[Any]]
    period: str = "now-30d"
    tags: Sequence[str] = ()
    _panels: list[Builder[Any]] = field(default_factory=list)
    _x: int = 0
    _y: int = 0
    _height: int = 0

    def row(self, title: str) -> None:
        """Begin a section."""
        self._break()
        place = GridPos(x=0, y=self._y, w=_WIDTH, h=1)
        self._panels.append(dashboard.Row(title).id(self._next()).grid_pos(place))
        self._y += 1

    def add(self, panel: Any, *, width: int, height: int = 8) -> None:
        """Place a panel beside the last one, or below if there is no room."""
        if self._x + width > _WIDTH:
            self._break()
        place = GridPos(x=self._x, y=self._y, w=width, h=height)
        self._panels.append(panel.id(self._next()).grid_pos(place))
        self._x, self._height = self._x + width, max(self._height, height)

    def json(self) -> str:
        """Return the dashboard as Grafana imports it."""
        self._break()
        made = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags(["flow-telemetry", *self.tags])
            .time(self.period, "now")
            .timezone("browser")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .editable()
            .link(
                dashboard.DashboardLink("flow-telemetry")
                .type("dashboards")
                .tags(["flow-telemetry"])
                .as_dropdown(True)
                .include_vars(True)
                .keep_time(True)
            )
            .variables(list(self.variables))
        )
        for panel in self._panels:
            # The builder would move a panel at 0, 0, which is only the first one.
            made = made.with_panel(panel)
        built = made.build()
        for link in built.links or ():
            link.placement = None  # Beside the variables; the SDK's default hides it in a menu.
        return f"{json.dumps(built, cls=JSONEncoder, indent=2, ensure_ascii=False)}\n"

    def _next(self) -> int:
        return len(self._panels) + 1

    def _break(self) -> None:
        self._x, self._y, self._height = 0, self._y + self._height, 0


# Panels. Each has its unit, and its thresholds if there is a value that is good or bad.


def number(
    title: str, description: str, *targets: Target, unit: str, steps: Steps = NEUTRAL
) -> stat.Panel:
    """Return a panel of single numbers for the whole range."""
    panel = (
        stat.Panel()
        .unit(unit)
        .thresholds(_thresholds(steps))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return _filled(panel, title, description, [_instant(each) for each in targets])


def lines(
    title: str,
    description: str,
    *targets: Target,
    unit: str,
    smallest: str = "1d",
    steps: Steps | None = None,
) -> timeseries.Panel:
    """Return a panel of curves; ``smallest`` is the shortest distance of two points."""
    panel = _graph(unit, smallest).draw_style(GraphDrawStyle.LINE).span_nulls(True)
    panel = panel.show_points(VisibilityMode.AUTO).line_width(2)
    if steps is not None:
        panel = panel.thresholds(_thresholds(steps)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(_AREA)
        )
    return _filled(panel, title, description, [_range(each) for each in targets])


def bars(
    title: str, description: str, *targets: Target, unit: str, smallest: str = "1d"
) -> timeseries.Panel:
    """Return a panel of stacked bars: each counts from the bar before it."""
    panel = (
        _graph(unit, smallest)
        .draw_style(GraphDrawStyle.BARS)
        .fill_opacity(70)
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    )
    return _filled(panel, title, description, [_range(each) for each in targets])


def ranking(
    title: str, description: str, *targets: Target, unit: str, steps: Steps = NEUTRAL
) -> bargauge.Panel:
    """Return a panel of horizontal bars, one for each series, the longest first."""
    panel = (
        bargauge.Panel()
        .unit(unit)
        .min(0)
        .thresholds(_thresholds(steps))
        .display_mode(BarGaugeDisplayMode.BASIC)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    ordered = [replace(each, expression=f"sort_desc({each.expression})") for each in targets]
    return _filled(panel, title, description, [_instant(each) for each in ordered])


def shares(title: str, description: str, *targets: Target, unit: str) -> piechart.Panel:
    """Return a panel of the shares of a whole."""
    legend = (
        piechart.PieChartLegendOptions()
        .show_legend(True)
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.RIGHT)
        .values([_PERCENT_OF_PIE])
    )
    panel = (
        piechart.Panel()
        .unit(unit)
        .legend(legend)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return _filled(panel, title, description, [_instant(each) for each in targets])


@dataclass(frozen=True)
class Column:
    """A column of a table: its query, its head and unit, and the colours of its cells."""

    head: str
    expression: str
    unit: str
    steps: Steps | None = None


def rows(
    title: str,
    description: str,
    labels: Mapping[str, str],
    *columns: Column,
    sort: str,
    links: Mapping[str, str] | None = None,
) -> table.Panel:
    """Return a table: a row for each combination of labels, a column for each query.

    ``labels`` are the heads of the labels, ``sort`` is the head of the column to sort by, the
    largest first. ``links`` are titles and addresses behind the first label.
    """
    names = {f"Value #{ref}": column.head for ref, column in zip(_refs(), columns, strict=False)}
    organize = {"excludeByName": {"Time": True}, "renameByName": {**labels, **names}}
    panel = table.Panel().filterable(True)
    for column in columns:
        panel = panel.override_by_name(column.head, _cell(column))
    if links:
        made = [{"title": name, "url": url, "targetBlank": True} for name, url in links.items()]
        first = next(iter(labels.values()))
        panel = panel.override_by_name(first, [DynamicConfigValue("links", made)])
    panel = (
        panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(DataTransformerConfig(id_val="organize", options=organize))
        .sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])
    )
    targets = [_instant(Target(column.expression), table=True) for column in columns]
    return _filled(panel, title, description, targets)


def statement(title: str, description: str, sql: str, *, units: Mapping[str, str]) -> table.Panel:
    """Return a table of the rows of an SQL statement; ``units`` are those of its columns."""
    panel = table.Panel().datasource(CLICKHOUSE).filterable(True)
    for name, unit in units.items():
        panel = panel.override_by_name(name, [DynamicConfigValue("unit", unit)])
    return panel.title(title).description(description).with_target(_Statement(sql))


# Variables


def source(name: str, label: str, kind: str, description: str) -> Builder[Any]:
    """Return a variable for a data source of a kind."""
    made = dashboard.DatasourceVariable(name).label(label).type(kind)
    return made.description(description)


def form() -> Builder[Any]:
    """Return the variable for the form in which the store has counters and histograms."""
    values = {"Gauges or deltas": SUMS, "Totals of a Collector": TOTALS}
    first = next(iter(values))
    return (
        dashboard.CustomVariable("form")
        .label("Metrics are")
        .description(
            "Gauges and deltas have different names. Choose totals if a Collector with "
            "delta_to_cumulative sends the metrics."
        )
        .values(", ".join(f"{text} : {value}" for text, value in values.items()))
        .current(VariableOption(True, first, values[first]))
        .options([VariableOption(t == first, t, value) for t, value in values.items()])
    )


def choice(name: str, label: str, values: Sequence[str], description: str) -> Builder[Any]:
    """Return a variable with fixed values, of which the first is the default."""
    return (
        dashboard.CustomVariable(name)
        .label(label)
        .description(description)
        .values(",".join(values))
        .current(VariableOption(True, values[0], values[0]))
        .options([VariableOption(v == values[0], v, v) for v in values])
    )


def labels(name: str, title: str, query: str, description: str, *, every: str = "") -> Builder[Any]:
    """Return a variable for values of a label; ``every`` is the pattern of all, if not the list."""
    made = (
        dashboard.QueryVariable(name)
        .label(title)
        .description(description)
        .datasource(PROMETHEUS)
        .query(
            {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"}
        )
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(VariableOption(True, "All", "$__all"))
    )
    return made.all_value(every) if every else made


def statement_values(name: str, title: str, sql: str, description: str) -> Builder[Any]:
    """Return a variable for the values of an SQL statement, one at a time."""
    return (
        dashboard.QueryVariable(name)
        .label(title)
        .description(description)
        .datasource(CLICKHOUSE)
        .query(sql)
        .definition(sql)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


# Parts of panels

_PERCENT_OF_PIE: Any = "percent"
_AREA: Any = "area"


def _graph(unit: str, smallest: str) -> timeseries.Panel:
    legend = (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
    )
    return timeseries.Panel().unit(unit).min(0).interval(smallest).legend(legend)


def _filled(panel: Any, title: str, description: str, targets: Sequence[Builder[Any]]) -> Any:
    panel = panel.title(title).description(description).datasource(PROMETHEUS)
    for ref, target in zip(_refs(), targets, strict=False):
        panel = panel.with_target(target.ref_id(ref))
    return panel


def _refs() -> Sequence[str]:
    return [chr(ord("A") + number) for number in range(26)]


def _instant(target: Target, *, table: bool = False) -> prometheus_builders.Dataquery:
    query = _query(target).instant()
    return query.format(PromQueryFormat.TABLE) if table else query


def _range(target: Target) -> prometheus_builders.Dataquery:
    # Exemplars lead from a slow value to its trace.
    return _query(target).range().exemplar("histogram_quantile" in target.expression)


def _query(target: Target) -> prometheus_builders.Dataquery:
    query = prometheus_builders.Dataquery().expr(target.expression).datasource(PROMETHEUS)
    return query.legend_format(target.legend or "__auto")


def _cell(column: Column) -> list[DynamicConfigValue]:
    values = [DynamicConfigValue("unit", column.unit)]
    if column.steps is not None:
        values += [
            DynamicConfigValue("thresholds", _thresholds(column.steps).build().to_json()),
            DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
        ]
    return values


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    made = [Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(made)


@dataclass(frozen=True)
class _Statement(Dataquery, Builder[Any]):  # type: ignore[misc]
    """A query of Grafana's data source for ClickHouse."""

    sql: str

    def build(self) -> Any:
        return self

    def to_json(self) -> dict[str, object]:
        return {
            "refId": "A",
            "datasource": CLICKHOUSE.to_json(),
            "editorType": "sql",
            "queryType": "table",
            "format": 1,  # a table
            "rawSql": self.sql,
        }
