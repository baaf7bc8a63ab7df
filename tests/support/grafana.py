"""Dashboards as Grafana reads them: panels, queries, and variables that are filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "dashboards").glob("*.json"))
METRICS = [path for path in FILES if path.stem != "questions-in-sql"]
# All values of the variables, as Grafana writes them for its data source of Prometheus.
EVERYTHING = dict.fromkeys(("team", "branch", "author", "type", "environment"), ".*")
_TIME_FILTER = re.compile(r"\$__timeFilter\((\w+)\)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")


@dataclass(frozen=True)
class Target:
    """A query of a panel; ``interval`` is the shortest distance of its points."""

    file: str
    title: str
    ref: str
    text: str
    instant: bool
    interval: str

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the text with values for its variables (KeyError: one is missing)."""
        known = {"__interval": self.interval, **values}
        return _VARIABLE.sub(lambda match: known[match[1] or match[2]], self.text)

    def within(self, start: datetime, end: datetime) -> Target:
        """Return the query for a time, as Grafana's data source for ClickHouse writes it."""
        first, last = int(start.timestamp()), int(end.timestamp())
        time = rf"\1 >= toDateTime({first}) AND \1 <= toDateTime({last})"
        return replace(self, text=_TIME_FILTER.sub(time, self.text))


def loaded(path: Path) -> Any:
    """Return a dashboard."""
    return json.loads(path.read_text(encoding="utf-8"))


def panels(path: Path) -> list[dict[str, Any]]:
    """Return the panels of a dashboard that have queries."""
    return [panel for panel in loaded(path)["panels"] if panel["type"] != "row"]


def targets(path: Path) -> Iterator[Target]:
    """Yield the queries of a dashboard."""
    for panel in panels(path):
        for target in panel["targets"]:
            yield Target(
                file=path.stem,
                title=panel["title"],
                ref=target["refId"],
                text=target.get("expr") or target["rawSql"],
                instant=bool(target.get("instant")),
                interval=panel.get("interval", "1d"),
            )


def links_of(path: Path, title: str) -> list[dict[str, str]]:
    """Return the links of the cells of a panel."""
    (panel,) = (panel for panel in panels(path) if panel["title"] == title)
    return [
        link
        for override in panel["fieldConfig"]["overrides"]
        for setting in override["properties"]
        if setting["id"] == "links"
        for link in setting["value"]
    ]


def explored(url: str, value: str) -> dict[str, Any]:
    """Return the query of a link to Explore, behind a cell with a value."""
    filled = url.replace("${__value.raw:percentencode}", quote(value, safe=""))
    (query,) = json.loads(unquote(filled.partition("&panes=")[2]))["flow"]["queries"]
    found: dict[str, Any] = query
    return found


def variables_in(text: str) -> set[str]:
    """Return the names of the variables that a text has."""
    return {match[1] or match[2] for match in _VARIABLE.finditer(text)}
