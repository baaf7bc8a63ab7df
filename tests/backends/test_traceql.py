"""The documented queries of TraceQL, by the grammar of Grafana's editor.

Tempo itself is not among the programs of the tests: no engine executes these queries here. That
their conditions hold for spans of the demo is tested by hand, one set of conditions at a time.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.backends.programs import LONGEST_WAIT_SECONDS, binary
from tests.backends.traces import spans_of

from flow_telemetry.telemetry import EncodedRequest, Signal

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "traces.md").read_text(encoding="utf-8")
ERROR = "\N{WARNING SIGN}"
Nodes = list[tuple[str, str]]
# What is named in the examples, and what the demo has in its place.
IN_THE_DEMO = {"main": "round-vat-once", "default": "other"}


def documented() -> list[str]:
    """Return the queries of the page: those named so, and the one of a block of its own."""
    found = re.findall(r"^TraceQL +(\{.*\}(?:\n +[>|].*)*)", PAGE, re.MULTILINE)
    return [*found, *re.findall(r"^```text\n(\{.*?)\n```", PAGE, re.MULTILINE | re.DOTALL)]


def parsed(*queries: str) -> list[Nodes]:
    """Return the nodes of each query."""
    words = [shutil.which("node") or "node", str(binary("traceql"))]
    done = subprocess.run(
        words,
        input=json.dumps(queries),
        capture_output=True,
        encoding="utf-8",
        timeout=LONGEST_WAIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [[(name, text) for name, text in json.loads(x)] for x in done.stdout.splitlines()]


def conditions(nodes: Nodes) -> list[dict[str, str]]:
    """Return the attributes and values of each pair of braces, all of which are equalities."""
    found: list[dict[str, str]] = []
    name = ""
    for kind, text in nodes:
        if kind == "SpansetFilter":
            found.append({})
        elif kind == "FieldOp":
            assert text == "="
        elif kind == "Identifier":
            name = text
        elif kind == "String":
            found[-1][name] = json.loads(text)
    return found


def test_the_queries_are_found() -> None:
    """All of the page."""
    assert len(documented()) == PAGE.count("TraceQL  ") + PAGE.count("```text\n{") == 3


def test_documented_queries_follow_the_grammar() -> None:
    """No part of them is an error."""
    for query, nodes in zip(documented(), parsed(*documented()), strict=True):
        assert [text for name, text in nodes if name == ERROR] == [], query
        assert nodes[0] == ("TraceQL", query)


@pytest.mark.parametrize("query", ["{ span.flow.trace = }", '{ name = "x" } | longest(duration)'])
def test_other_queries_do_not(query: str) -> None:
    """An unfinished one, and a function that there is not."""
    (nodes,) = parsed(query)
    assert ERROR in dict(nodes)


def test_their_conditions_hold_for_spans_of_the_demo(
    demo_requests: Sequence[EncodedRequest],
) -> None:
    """Each pair of braces selects spans, with the demo's branch in place of the examples'."""
    spans = spans_of(each for each in demo_requests if each.signal is Signal.TRACES)
    for query, nodes in zip(documented(), parsed(*documented()), strict=True):
        assert conditions(nodes), query
        for wanted in conditions(nodes):
            facts = {name: IN_THE_DEMO.get(value, value) for name, value in wanted.items()}
            assert [span for span in spans if facts.items() <= span.attributes.items()], facts
