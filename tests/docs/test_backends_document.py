"""The page on backends can be copied from, and each backend has its sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flow_telemetry.settings.inputs import INPUT, Inputs
from flow_telemetry.settings.load import tracing_settings

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "backends.md").read_text(
    encoding="utf-8"
)
BACKENDS = (
    "Jaeger",
    "Tempo",
    "Honeycomb",
    "Datadog",
    "Elastic",
    "New Relic",
    "Dynatrace",
    "Dash0",
    "SigNoz",
    "ClickStack",
)
VERSIONS = {
    "Jaeger": "1.76.0",
    "Arize Phoenix": "20.26.1",
    "OpenTelemetry Collector": "0.161.0",
    "Prometheus": "3.16.0",
    "VictoriaLogs": "1.52.1",
    "VictoriaMetrics": "1.112",
    "ClickHouse": "26.9.0",
}
ROOT = Path(__file__).parents[2]
PINS = {
    "Jaeger": ROOT / "tests/backends/jaeger/go.mod",
    "Arize Phoenix": ROOT / "requirements/phoenix.txt",
    "OpenTelemetry Collector": ROOT / "tests/backends/collector/go.mod",
    "Prometheus": ROOT / "tests/backends/prometheus/go.mod",
    "VictoriaLogs": ROOT / "tests/backends/victoria-logs/go.mod",
    "ClickHouse": ROOT / "requirements/clickhouse.txt",
}
LEFT_OUT = "\N{EN DASH}"


def cells(row: str) -> list[str]:
    """Return the cells of a row of a table, without their back-ticks."""
    return [cell.strip().strip("`") for cell in row.strip().strip("|").split("|")]


def settings_to_copy() -> tuple[list[str], list[list[str]]]:
    """Return the inputs that the table names, and its rows."""
    table = PAGE.partition("## Settings to copy")[2].partition("\n## ")[0]
    header, _, *rows = [line for line in table.splitlines() if line.startswith("|")]
    return cells(header)[1:-1], [cells(row) for row in rows]


INPUTS, ROWS = settings_to_copy()


def sections() -> dict[str, str]:
    """Return the text of the section on each backend."""
    _, *parts = re.split(r"^### ", PAGE, flags=re.MULTILINE)
    named = (part.partition("\n## ")[0].partition("\n") for part in parts)
    return {heading: text for heading, _, text in named}


SECTIONS = sections()


def test_the_table_covers_the_backends() -> None:
    """In the order of their sections; one that differs by its storage has a row for each."""
    named = [re.findall(r"\[(.+?)\]", row[0])[0] for row in ROWS]
    assert tuple(dict.fromkeys(named)) == BACKENDS


def test_each_backend_of_the_table_has_a_section() -> None:
    """And its name leads there."""
    for row in ROWS:
        name, anchor = re.findall(r"\[(.+?)\]\(#(.+?)\)", row[0])[0]
        assert name in SECTIONS
        assert anchor == name.lower().replace(" ", "-")


def test_the_settings_are_inputs() -> None:
    """All those that the choice of a backend decides."""
    assert set(INPUTS) <= INPUT.keys()
    assert {"trace-scope", "phases", "max-span-age", "on-old-span", "feature-trace"} < {*INPUTS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_can_be_copied(row: list[str]) -> None:
    """The program takes its values, and they are what it then goes by."""
    given = {
        name: value for name, value in zip(INPUTS, row[1:-1], strict=True) if value != LEFT_OUT
    }
    read = tracing_settings(Inputs(given))
    assert read.scope.value == given["trace-scope"]
    assert read.phases.value == given["phases"]
    assert ("on-old-span" in given) == (read.max_span_age is not None)
    assert ("max-spans" in given) == read.feature_trace


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_tells_what_is_seen_meanwhile(row: list[str]) -> None:
    """Until the pull request's own span comes."""
    assert row[-1]


def test_settings_in_the_text_are_legal() -> None:
    """Whatever stands as `input: value` is an input; those of traces are read."""
    named = dict.fromkeys(re.findall(r"`([a-z]+(?:-[a-z]+)*): ([^`]+)`", PAGE))
    assert named
    for name, value in named:
        assert name in INPUT
        tracing_settings(Inputs({name: value}))


@pytest.mark.parametrize("backend", [*BACKENDS, "Others"])
def test_a_section_has_a_source(backend: str) -> None:
    """A link out of this project, marked by its kind."""
    assert re.search(r"\[(doc|source|issue)\]\(https://", SECTIONS[backend])


def test_each_program_has_its_version_and_what_becomes_of_old_data() -> None:
    """The versions are those that the tests build."""
    observed = PAGE.partition("## What was observed")[2].partition("\n## ")[0]
    assert re.search(r"observed on \d{4}-\d\d-\d\d\.", observed)
    _, _, *rows = [cells(line) for line in observed.splitlines() if line.startswith("|")]
    assert len(rows) == len(VERSIONS)
    for (program, tested, old), (name, version) in zip(rows, VERSIONS.items(), strict=True):
        assert name in program
        assert version in program
        assert tested
        assert old
        # Debian has one VictoriaMetrics at a time. Of Prometheus, 3.16.0 is 0.316.0 as a module.
        made_from = PINS[name].read_text(encoding="utf-8") if name in PINS else version
        assert version in made_from.replace("v0.316.", "v3.16."), name


def test_external_links_are_https() -> None:
    """Nothing leads to an unencrypted page, or to a mistyped address."""
    external = re.findall(r"\]\(([a-z]+:[^)\s]*)\)", PAGE)
    assert external
    assert [link for link in external if not re.match(r"https://[\w.-]+\.\w+/", link)] == []


def test_the_page_stays_readable() -> None:
    """One page: who wants all details follows the sources."""
    assert len(PAGE.splitlines()) < 320
