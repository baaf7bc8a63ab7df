"""docs/start/organization.md, followed from nothing to the first dashboard.

Behind the fake GitHub of an organization are the real Collector, Prometheus and Jaeger of the
examples. Grafana does not run: the panels that the page names are asked for as it does.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.backends.example_stack import ExampleStack, example_stack
from tests.backends.quarter_stores import Store
from tests.fakes.world import World, job, sha_of
from tests.support.act import Act
from tests.support.central import CENTRAL, GUIDE, Organization
from tests.support.grafana import EVERYTHING, METRICS, loaded, targets
from tests.support.program import Program
from tests.support.waiting import until

ENDPOINT = "http://localhost:4318"
WEEK = {
    **EVERYTHING,
    "__range": "7d",
    "sweep": "2h",
    "form": ".*",
    "repository": "(acme/shop|acme/api)",
}
TABLE = re.search(r"^\| dashboard \| you see \|\n(.*?)\n\n", GUIDE, re.DOTALL | re.MULTILINE)
TITLES = {loaded(path)["title"]: path for path in METRICS}


@pytest.fixture
def world() -> World:
    """Two repositories with pull requests, runs and closed issues of the last days."""
    world = World(CENTRAL)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    for name in ("telemetry", "shop", "api"):
        world.repository(f"acme/{name}", private=True)
    for number in range(1, 11):
        home = "acme/shop" if number > 4 else "acme/api"
        merged = now - timedelta(hours=12 * number)
        branch, sha = f"branch-{number}", sha_of(f"merge of {number}")
        world.pull_request(
            number,
            repository=home,
            branch=branch,
            opened_at=merged - timedelta(hours=5),
            merged_at=merged,
            merge_commit_sha=sha,
        )
        world.run(
            repository=home,
            event="pull_request",
            branch=branch,
            jobs=[job("build"), job("test", "failure" if number % 3 == 0 else "success")],
            created_at=merged - timedelta(hours=4),
        )
    for number in (21, 22):
        closed = now - timedelta(hours=number)
        opened = closed - timedelta(days=2)
        world.issue(number, repository="acme/shop", opened_at=opened, closed_at=closed)
    return world


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[ExampleStack]:
    folder = tmp_path / "stack"
    folder.mkdir()
    with example_stack(folder) as running:
        yield running


def documented(start: str) -> tuple[list[str], list[str]]:
    """Return the words of the first command that begins so, and the lines of its output."""
    found = re.search(rf"^\$ ({re.escape(start)}.*)\n((?:(?!\$|```).*\n)*)", GUIDE, re.MULTILINE)
    assert found is not None, start
    return shlex.split(found[1])[1:], found[2].splitlines()


def shape(lines: list[str]) -> list[str]:
    """Return lines without their numbers and addresses."""
    text = re.sub(r"took \S+\.|http://[\w.:]+", "…", "\n".join(lines))
    return re.sub(r"\d[\d,.:TZ-]*", "0", text).splitlines()


def is_filled(stack: ExampleStack, dashboard: str, title: str) -> bool:
    """Whether a panel has a value for the last week."""
    store = Store(url=stack.prometheus.url, form=".*")
    now = datetime.now(timezone.utc)
    found: list[float] = []
    for target in targets(TITLES[dashboard]):
        if target.title == title:
            text = target.filled(WEEK)
            if target.instant:
                found += [value for _, value in store.instant(text, now)]
            else:
                start = now - timedelta(days=7)
                for _, values in store.over(text, start, now, target.interval):
                    found += values
    return any(map(math.isfinite, found))


def assert_the_dashboards_are_filled(stack: ExampleStack) -> None:
    """Assert that the panels that the page names have data, and those that need more have none."""
    assert TABLE is not None
    named = [
        (row[0], title)
        for line in TABLE[1].splitlines()
        if (row := re.findall(r"\*(.+?)\*", line)) and "if the" not in line
        for title in row[1:]
    ]
    assert len(named) == 7
    for dashboard, title in named:
        until(lambda: is_filled(stack, dashboard, title), f"{dashboard}, {title} is empty")  # noqa: B023 - called before the next one
    (empty,) = re.findall(r"tables of the range\s+are\s+right\.\s(.*?)\sneed\s", GUIDE, re.DOTALL)
    for title in re.findall(r"\*(.+?)\*", empty):
        assert not is_filled(stack, "CI health", title), title
    assert {"github", "github-actions"} <= set(stack.jaeger.get("/api/services")["data"])


def test_a_week_is_on_the_dashboards_without_an_app(stack: ExampleStack, program: Program) -> None:
    """By the commands of the first section, whose output is that of the page."""
    here = {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.otlp}
    words, output = documented("flow-telemetry plan")
    plan = program.command(*words, environ=here)
    assert shape([*plan.stderr.splitlines(), *plan.stdout.splitlines()]) == shape(output)
    words, output = documented("flow-telemetry sweep")
    sweep = program.command(*words, environ=here)
    # On a slow machine there are lines of progress before.
    lines = [line for line in sweep.stderr.splitlines() if not line.endswith(" …")]
    assert shape(lines) == shape(output)
    assert_the_dashboards_are_filled(stack)


@pytest.mark.act
@pytest.mark.timeout(300)
def test_the_workflow_fills_the_dashboards(stack: ExampleStack, act: Act, tmp_path: Path) -> None:
    """Started by hand, with the settings of the page; the summaries are those of its table."""
    words, _ = documented("gh variable set FLOW_TELEMETRY_SETTINGS")
    organization = Organization(act=act, folder=tmp_path, settings=words[-1])
    sweep = organization.sweep(stack.otlp, "workflow_dispatch")
    act.github.on_request = lambda *_: None
    assert sweep.result.status == 0, sweep.result.log
    plan, shard, result = (text.replace("\\", "") for text in sweep.result.summaries)
    (planned,) = re.findall(r"`(plan of acme: .*?)`", GUIDE)
    assert shape([planned])[0] in "".join(shape([plan]))
    assert "Sent " in shard
    assert "exported of 2 repositories" in result
    assert_the_dashboards_are_filled(stack)
