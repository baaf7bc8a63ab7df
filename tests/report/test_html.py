"""The page of an export: complete, harmless, of one piece, and small."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.otlp.builders import rich_span
from tests.otlp.strategies import spans as any_spans
from tests.report.builders import HOSTILE, busy_run, make_span, spans_of_run

from flow_telemetry.model.time_shares import TimeShares, TimeState
from flow_telemetry.page import build_page
from flow_telemetry.report.page_data import PageFacts, page_data
from flow_telemetry.telemetry import Span, SpanEvent

_VOID = {"meta"}


class _Page(HTMLParser):
    """The tags of a page with their attributes, and its data; unclosed tags are an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open[-1] if self._open else "", []).append(data)

    @property
    def data(self) -> Any:
        """The data that the script draws."""
        return json.loads(self.texts["script"][0])


def data_of(spans: Sequence[Span], **facts: Any) -> Any:
    """Return the data of a page as the script gets them."""
    return json.loads(json.dumps(page_data(spans, PageFacts(**facts))))


def rows(data: Any, trace: int = 0) -> list[dict[str, Any]]:
    """Return the rows of a trace with their texts and all of their attributes."""
    texts, pairs, raw = data["texts"], data["pairs"], data["traces"][trace]
    shown = []
    for row, name in enumerate(raw["name"]):
        numbers = [*raw["own"][row], *data["groups"][raw["group"][row]]]
        found = {
            key: texts[raw[key][str(row)]]
            for key in ("title", "note", "error", "url")
            if str(row) in raw.get(key, {})
        }
        shown.append(
            {
                "id": raw["id"][row],
                "name": texts[name],
                "up": raw["up"][row],
                "start": raw["start_of"][row],
                "length": raw["length"][row],
                "meaning": data["meanings"][raw["meaning"][row]][0],
                "failed": bool(raw["flags"][row] & 1),
                "cause": bool(raw["flags"][row] & 2),
                "critical": bool(raw["flags"][row] & 4),
                "attributes": {texts[pairs[2 * n]]: texts[pairs[2 * n + 1]] for n in numbers},
                **found,
            }
        )
    return shown


def test_every_span_is_a_row_with_its_facts() -> None:
    """Name, times, kind, error and all attributes of each span are on the page."""
    spans = spans_of_run(busy_run())
    shown = rows(data_of(spans))
    assert len(shown) == len(spans)
    by_id = {row["id"]: row for row in shown}
    start = min(span.start for span in spans) // 1_000
    for span in spans:
        row = by_id[span.span_id]
        assert row["name"] == span.name
        assert abs(row["start"] + start - span.start // 1_000) <= 1
        assert row["length"] == (span.end - span.start) // 1_000
        assert row["failed"] == (span.error is not None)
        assert row["attributes"].keys() == span.attributes.keys()
        assert row["up"] == -1 or shown[row["up"]]["id"] == span.parent_span_id
    assert shown[0]["url"].endswith("/actions/runs/999")
    assert "Process completed with exit code 1." in [row.get("error") for row in shown]


def test_failures_are_causes_and_not_what_is_above_them() -> None:
    """A step failed, and so its job and run: that is one failure. Deployments follow their job."""
    entity = "flow.entity.type"
    failed: dict[str, Any] = {"error": "failed", "seconds": 50}
    spans = [
        make_span(1, "RUN Deploy", attributes={entity: "run"}, **failed),
        make_span(2, "deploy", parent=1, attributes={entity: "job"}, **failed),
        make_span(3, "Smoke tests", parent=2, attributes={entity: "step"}, error="502", seconds=9),
        make_span(4, "deploy production", attributes={entity: "deployment"}, **failed),
    ]
    data = data_of(spans)
    assert [row["name"] for row in rows(data) if row["cause"]] == ["Smoke tests"]
    assert data["overview"]["failed"] == 1


def test_a_live_trace_repeats_no_failure_of_the_feature_trace() -> None:
    """The page of the demo has both."""
    one = make_span(1, "test", error="x", attributes={"flow.reference": "a"})
    assert data_of([one, replace(one, trace_id="b" * 32)])["overview"]["failed"] == 1


def test_titles_stand_beside_keys() -> None:
    """An opening span has no title of its own; that of its life is shown, and only once."""
    opening = {"flow.entity.type": "opening", "vcs.change.id": "123"}
    life = {"flow.entity.type": "life", "vcs.change.id": "123", "vcs.change.title": "Round once"}
    run = {"flow.entity.type": "run", "github.run.title": "Round once", "github.run.attempt": 2}
    spans = [
        make_span(1, "pull request #123", seconds=0, attributes=opening),
        make_span(2, "open until merged", parent=1, attributes=life),
        make_span(3, "RUN CI", parent=1, attributes=run),
    ]
    shown = rows(data_of(spans))
    assert [row.get("title") for row in shown] == ["Round once", None, None]
    assert [row["meaning"] for row in shown] == ["change", "change", "run"]
    assert shown[2]["note"] == "run · attempt 2"


def test_the_critical_path_are_the_jobs_that_decided_the_end() -> None:
    """Build waited for test, not for lint; the job beside them did not matter."""
    job = {"flow.entity.type": "job"}
    spans = [
        make_span(1, "RUN CI", seconds=100, attributes={"flow.entity.type": "run"}),
        make_span(2, "lint", parent=1, seconds=20, attributes=job),
        make_span(3, "test", parent=1, seconds=58, attributes=job),
        make_span(4, "build", parent=1, start=60, seconds=40, attributes=job),
        make_span(5, "docs", parent=1, start=60, seconds=10, attributes=job),
        make_span(6, "Run pytest", parent=3, seconds=50, attributes={"flow.entity.type": "step"}),
    ]
    path = {row["name"] for row in rows(data_of(spans)) if row["critical"]}
    assert path == {"RUN CI", "test", "Run pytest", "build"}


def test_where_the_time_of_a_run_went() -> None:
    """Each second of the run is running or one of its waits; waits beside work are not counted."""
    entity = "flow.entity.type"
    spans = [
        make_span(1, "RUN CI", seconds=100, attributes={entity: "run"}),
        make_span(2, "test", parent=1, seconds=60, attributes={entity: "job"}),
        make_span(3, "queued", parent=2, seconds=20, attributes={entity: "queued"}),
        make_span(4, "deploy", parent=1, start=50, seconds=50, attributes={entity: "job"}),
        make_span(5, "approval", parent=4, start=50, seconds=40, attributes={entity: "approval"}),
    ]
    overview = data_of(spans)["overview"]
    assert [(name, time) for name, _, time, _ in overview["bar"]] == [
        ("running", "50s"),
        ("waiting for approval", "30s"),
        ("waiting for a runner", "20s"),
    ]
    assert [number[1] for number in overview["numbers"]] == ["1m 40s", "50 %", "1m 40s"]
    assert overview["waits"] == [[0, 4], [0, 2]]


def test_where_the_time_of_a_feature_went_is_what_its_root_says() -> None:
    """Or what the export says of a pull request."""
    root = {
        "flow.trace": "feature",
        "flow.time.blocked.duration": 0.0,
        "flow.time.awaiting_review.duration": 75.0,
        "flow.time.building.duration": 25.0,
        "flow.time.incomplete": "queued",
    }
    overview = data_of([make_span(1, "epic", seconds=100, attributes=root)])["overview"]
    assert [row[0::3] for row in overview["bar"]] == [
        ["awaiting review", "75 %"],
        ["building", "25 %"],
    ]
    assert "queued" in overview["unread"]
    assert overview["numbers"][0][:2] == ["lead time", "1m 40s"]
    assert overview["numbers"][1][:2] == ["waiting", "75 %"]
    spent = TimeShares(durations=((TimeState.IN_REVIEW, timedelta(minutes=2)),))
    overview = data_of([make_span(1, "pull request")], times=(spent,))["overview"]
    assert overview["bar"] == [["in review", 1.0, "2m", "100 %"]]


def test_events_links_and_every_kind_of_value_are_shown() -> None:
    """Nothing of a span is left out."""
    text = json.dumps(data_of([rich_span()]), ensure_ascii=False)
    for fact in ("exit code 1", "größer", '"true"', '"0.5"', r"bug\nci", "event annotated", "link"):
        assert fact in text
    assert "fca3b7d3823641da" in text


def test_addresses_are_links_only_if_they_are_of_http() -> None:
    """The template of the user's backend is filled in; no other scheme is an address."""
    for address in (
        "javascript:alert(1)",
        "data:text/html,x",
        "https://[",
        "https://a b",
        5,
        "//x",
    ):
        span = make_span(1, "x", attributes={"github.pull_request.url": address})
        assert "url" not in data_of([span])["traces"][0]
    data = data_of([make_span(1, "x")], trace_url="https://tempo.example/{trace_id}?from={start}")
    assert data["traces"][0]["href"].startswith("https://tempo.example/bc5addb5cf68")
    assert (
        data_of([make_span(1, "x")], trace_url="javascript:{trace_id}")["traces"][0]["href"] == ""
    )


def test_the_page_needs_and_allows_nothing_else() -> None:
    """One script and one style sheet, whose hashes the policy names, and no request."""
    text = build_page(spans_of_run(busy_run()), "x")
    page = _Page(text)
    hashes = [
        base64.b64encode(sha256(part.encode()).digest()).decode()
        for part in (page.texts["script"][-1], page.texts["style"][0])
    ]
    policy = next(
        value
        for _, attributes in page.tags
        for key, value in attributes
        if key == "content" and value and "default" in value
    )
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    )
    assert {tag for tag, _ in page.tags}.isdisjoint({"link", "img", "iframe", "a", "base"})
    names = {key for _, attributes in page.tags for key, _ in attributes}
    assert names.isdisjoint({"style", "src", "href", "srcset", "action"})
    assert not [name for name in names if name.startswith("on")]
    assert not re.search(r"url\(|@import", page.texts["style"][0])
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "fetch(", "import("):
        assert word not in page.texts["script"][-1]


@given(st.lists(st.text() | st.sampled_from(HOSTILE), min_size=4, max_size=4))
def test_no_text_adds_a_tag(texts: list[str]) -> None:
    """The page has the same tags and attributes whatever names, values and titles say."""
    assert _Page(_page_of(texts)).tags == _Page(_page_of(["a", "b", "c", "d"])).tags


def _page_of(texts: list[str]) -> str:
    name, value, message, title = texts
    event = SpanEvent(name=name, time=0, attributes={f"k{name}": value})
    spans = [
        make_span(1, name, attributes={f"a{value}": message, "list": (name, value)}),
        make_span(2, message, parent=1, events=(event,), error=f"e{value}"),
    ]
    return build_page(spans, title)


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_have_no_hidden_characters(text: str) -> None:
    """None that turns the direction of the text around it, and none that is a control character."""
    shown = rows(data_of([make_span(1, text)]))[0]["name"]
    assert shown.isprintable()
    assert 0 < len(shown) <= 200


@given(any_spans(6))
def test_any_spans_make_a_page(spans: list[Span]) -> None:
    """Times far from today, missing parents and spans that end before they start are no error."""
    same_trace = [replace(span, trace_id="a" * 32) for span in spans]
    data = _Page(build_page([*spans, *same_trace], "x")).data
    assert sum(len(trace["name"]) for trace in data["traces"]) >= len(spans)


def test_no_spans_make_a_page() -> None:
    """It says that there are none, which the script does."""
    assert _Page(build_page([], "x")).data["traces"] == []


def test_five_thousand_spans_are_below_a_megabyte_and_a_half() -> None:
    """Steps have ids and addresses of their own, and in common what their job has."""
    spans = large_run(5_000)
    assert len(build_page(spans, "x").encode()) < 1_500_000


def large_run(count: int) -> list[Span]:
    """Return the spans of a run as exports have them: jobs of 48 steps."""
    run = next(span for span in spans_of_run(busy_run()) if span.name == "RUN CI")
    entity, reference = "flow.entity.type", "flow.reference"
    spans = [run]
    for number in range(1, count):
        of_job, index = divmod(number - 1, 49)
        base = "github.com/acme/shop/actions/runs/999/job/" + str(31_000 + of_job)
        job = {
            **run.attributes,
            entity: "job",
            reference: base,
            "cicd.pipeline.task.run.id": str(31_000 + of_job),
            "cicd.pipeline.task.run.url.full": f"https://{base}",
            "cicd.worker.name": f"GitHub Actions {of_job}",
        }
        step = {
            **run.attributes,
            entity: "step",
            reference: f"{base}#step:{index}",
            "flow.job.id": str(31_000 + of_job),
            "flow.step.name": f"Run step {index}",
            "github.step.number": index,
            "flow.step.result": "success",
        }
        start = run.start + of_job * 1_000_000_000
        spans.append(
            replace(
                run,
                span_id=f"{number:016x}",
                parent_span_id=run.span_id if not index else f"{number - index:016x}",
                name=f"Run step {index}" if index else f"test ({of_job})",
                start=start + index * 1_000_000_000,
                end=start + (index + 1 if index else 50) * 1_000_000_000,
                attributes=step if index else job,
                error=None,
            )
        )
    return spans


def test_the_lead_time_of_a_run_does_not_begin_with_its_pull_request() -> None:
    """The opening span is weeks older than the run."""
    opening = {"flow.entity.type": "opening", "vcs.change.id": "123"}
    spans = [
        make_span(1, "pull request #123", seconds=0, attributes=opening),
        make_span(2, "RUN CI", parent=1, start=864_000, attributes={"flow.entity.type": "run"}),
    ]
    assert data_of(spans)["overview"]["numbers"][0][:2] == ["lead time", "1s"]
