"""The dashboards and the rules of alerts: generated, complete, and made of known metrics."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from tests.support.grafana import (
    EVERYTHING,
    FILES,
    METRICS,
    ROOT,
    Target,
    explored,
    links_of,
    loaded,
    panels,
    targets,
    variables_in,
)
from tools.dashboards.promql import SUMS, TOTALS, prometheus_name

from flow_telemetry.mapping.instruments import INSTRUMENTS
from flow_telemetry.telemetry import InstrumentKind

RULES = sorted((ROOT / "alerts").glob("*.yaml"))
TARGETS = [target for path in METRICS for target in targets(path)]
FILLED = {
    **EVERYTHING,
    "__range": "7d",
    "repository": "acme/shop",
    "sweep": "2h",
    "form": SUMS,
}
# Grafana's own variables.
BUILT_IN = {"__all", "__range", "__interval", "__from", "__to", "__value", "__timeFilter"}
needs_parser = pytest.mark.skipif(
    importlib.util.find_spec("promql_parser") is None, reason="no wheel of promql-parser here"
)


def _name(value: Any) -> str:
    if isinstance(value, Target):
        return f"{value.file} {value.title} {value.ref}"
    return value.stem if isinstance(value, Path) else str(value)


def every_rule() -> list[Any]:
    """Return each rule as a parameter."""
    found = []
    for path in RULES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                name = rule.get("record") or rule["alert"]
                found.append(pytest.param(rule, id=f"{path.stem} {name}"))
    return found


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="before Python 3.11 Grafana's SDK cannot be installed"
)
def test_the_files_are_what_the_generator_makes() -> None:
    """`make dashboards` writes them."""
    from tools.dashboards.__main__ import files  # noqa: PLC0415 - imports Grafana's SDK

    made = files()
    assert {*FILES, *RULES} == {ROOT / name for name in made}
    for name, text in made.items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, name


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_dashboard_can_be_imported(path: Path) -> None:
    """Its ids are unique, and its data sources are variables, so that it fits any Grafana."""
    dashboard = loaded(path)
    assert dashboard["schemaVersion"] >= 39
    assert dashboard["uid"].startswith("flow-")
    assert len(dashboard["uid"]) <= 40
    assert dashboard["title"]
    assert dashboard["description"]
    assert "id" not in dashboard
    assert not Counter(p["id"] for p in dashboard["panels"]) - Counter(
        {panel["id"] for panel in dashboard["panels"]}
    )
    sources = re.findall(r'"uid": "([^"]+)"', json.dumps({"panels": dashboard["panels"]}))
    names = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert {re.sub(r"\$\{(\w+)\}", r"\1", uid) for uid in sources} <= names
    assert all(uid.startswith("${") for uid in sources)


def test_no_two_dashboards_have_one_uid_or_title() -> None:
    """The second one would replace the first."""
    dashboards = [loaded(path) for path in FILES]
    assert len({dashboard["uid"] for dashboard in dashboards}) == len(FILES) == 5
    assert len({dashboard["title"] for dashboard in dashboards}) == len(FILES)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_panels_lie_side_by_side(path: Path) -> None:
    """Within the 24 columns of the grid, and not on each other."""
    cells: Counter[tuple[int, int]] = Counter()
    for panel in loaded(path)["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] <= place["x"] + place["w"] <= 24
        across = range(place["x"], place["x"] + place["w"])
        down = range(place["y"], place["y"] + place["h"])
        cells.update(itertools.product(across, down))
    assert set(cells.values()) == {1}
    # No holes above a panel, which Grafana would close.
    rows = {y for _, y in cells}
    assert rows == set(range(max(rows) + 1))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_panel_has_what_its_reader_needs(path: Path) -> None:
    """A title, advice in its description, a unit, and queries to the right data source."""
    found = panels(path)
    assert len({panel["title"] for panel in found}) == len(found)
    for panel in found:
        assert panel["title"][0].isupper() or panel["title"][0].isdigit()
        assert len(panel["description"]) > 60, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        units = [panel["fieldConfig"]["defaults"].get("unit")]
        units += [
            setting["value"]
            for override in panel["fieldConfig"]["overrides"]
            for setting in override["properties"]
            if setting["id"] == "unit"
        ]
        assert any(units) or panel["datasource"]["type"].startswith("grafana-clickhouse")
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs) > 0
        assert all(t["datasource"] == panel["datasource"] for t in panel["targets"])


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_dashboard_has_the_variables_that_it_names(path: Path) -> None:
    """And names each that it has."""
    dashboard = loaded(path)
    has = {variable["name"] for variable in dashboard["templating"]["list"]}
    named = variables_in(json.dumps(dashboard)) | {
        name for panel in dashboard["panels"] for name in variables_in(unquote(json.dumps(panel)))
    }
    assert named - BUILT_IN == has
    for variable in dashboard["templating"]["list"]:
        assert variable["label"], variable["name"]
        assert variable["description"], variable["name"]


@needs_parser
@pytest.mark.parametrize("target", TARGETS, ids=_name)
def test_an_expression_is_promql(target: Target) -> None:
    """By the parser of another project."""
    import promql_parser  # noqa: PLC0415 - has no wheels for some platforms

    promql_parser.parse(target.filled(FILLED))
    promql_parser.parse(target.filled({**FILLED, "form": TOTALS, "repository": "(a/b|c/d)"}))


@needs_parser
@pytest.mark.parametrize("rule", every_rule())
def test_a_rule_is_promql(rule: dict[str, Any]) -> None:
    """By the same parser; an alert says what to do."""
    import promql_parser  # noqa: PLC0415 - has no wheels for some platforms

    promql_parser.parse(rule["expr"])
    if "alert" in rule:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert {"summary", "description"} == rule["annotations"].keys()


def known_series() -> set[str]:
    """Return the names of all series of our metrics, in each form."""
    known = set()
    for each in INSTRUMENTS:
        gauge = prometheus_name(each.name, each.unit, "gauge")
        if each.kind is InstrumentKind.HISTOGRAM:
            name = prometheus_name(each.name, each.unit, "histogram")
            known |= {f"{name}_{part}" for part in ("bucket", "sum", "count")}
            gauges = {".count": "{x}", ".sum": each.unit, ".max": each.unit}
            known |= {prometheus_name(each.name + s, u, "gauge") for s, u in gauges.items()}
        else:
            known |= {gauge, prometheus_name(each.name, each.unit, each.kind.value)}
    return known


def test_expressions_name_metrics_that_there_are() -> None:
    """Those of ours, those that rules record, and those that a Collector makes of spans."""
    rules = [parameter.values[0] for parameter in every_rule()]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    known = {*known_series(), *recorded}
    of_spans = "traces_span_metrics_duration_seconds"
    known |= {f"{of_spans}_sum", f"{of_spans}_count"}
    expressions = [*(target.text for target in TARGETS), *(rule["expr"] for rule in rules)]
    for expression in expressions:
        series = re.sub(r"\b(?:by|without) \([^)]*\)|\{[^}]*\}", " ", expression)
        named = set(re.findall(r"\b(?:flow|cicd|vcs|traces)[_:][\w:]+", series))
        assert named, expression
        assert named <= known, expression
    used = {name for e in expressions for name in re.findall(r"flow:[\w:]+", e)}
    assert used <= recorded


def test_no_expression_asks_for_a_rate_of_sparse_series() -> None:
    """`rate` and `increase` do not see the first value of a series."""
    for target in TARGETS:
        assert not re.search(r"\b(i?rate|increase|i?delta)\s*\(", target.text), target
        assert "$__rate_interval" not in target.text


def test_each_form_of_metrics_has_the_same_recorded_series() -> None:
    """So that the alerts are the same whichever file is loaded."""
    names = {
        path.stem: [
            rule["record"] for rule in yaml.safe_load(path.read_text("utf-8"))["groups"][0]["rules"]
        ]
        for path in RULES
        if path.stem.startswith("recorded-")
    }
    assert names.keys() == {"recorded-gauges", "recorded-deltas", "recorded-totals"}
    assert len({tuple(recorded) for recorded in names.values()}) == 1


def test_every_question_of_the_page_is_a_panel() -> None:
    """With its statement, but for the values that a reader chooses."""
    page = (ROOT / "docs" / "guides" / "sql.md").read_text(encoding="utf-8")
    questions = re.findall(r"```sql\n-- (?!view: )([^\n]+)\n", page)
    assert len(panels(ROOT / "dashboards" / "questions-in-sql.json")) == len(questions) == 11


def test_a_row_of_a_feature_leads_to_its_trace() -> None:
    """By a search for its key in Explore, of which Grafana fills in the rest."""
    links = links_of(ROOT / "dashboards" / "features.json", "Features")
    for link, kind in zip(links, ("tempo", "jaeger", "jaeger"), strict=True):
        query = explored(link["url"], "acme/shop#100")
        assert query["datasource"] == {"type": kind, "uid": f"${{{kind}}}"}
        assert "acme/shop#100" in (query.get("query") or query["tags"])
        assert "flow.trace" in (query.get("query") or query["tags"])
