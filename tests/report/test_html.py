"""The page with the waterfall: complete, harmless, and of one piece."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from tests.otlp.builders import rich_span
from tests.otlp.strategies import spans as any_spans
from tests.report.builders import HOSTILE, busy_run, make_span, spans_of_run

from flow_telemetry.report.html import waterfall
from flow_telemetry.telemetry import Span, SpanEvent

_VOID = {"meta", "rect"}


class _Page(HTMLParser):
    """The tags of a page with their attributes, and its text; unclosed tags are an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, name: str) -> Iterable[str | None]:
        return (value for _, attributes in self.tags for key, value in attributes if key == name)


def test_every_span_is_a_row_with_its_facts() -> None:
    """Name, kind, duration and attributes of each span are on the page."""
    spans = spans_of_run(busy_run())
    page = _Page(waterfall(spans, "acme/shop CI #42"))
    assert list(page.attributes("class")).count("span") == len(spans)
    for fact in ("RUN CI", "5m 43s", "github.com/acme/shop/actions/runs/999/job/2#step:2"):
        assert fact in page.text
    assert "Process completed with exit code 1." in page.text
    assert "3 failed" in page.text


def test_repeated_runs_and_items_are_told_apart() -> None:
    """The attempt and the kind stand beside a name that others have too."""
    run = {"flow.entity.type": "run", "github.run.attempt": 2}
    spans = [
        make_span(1, "epic ACME-42", attributes={"flow.entity.type": "work_item"}),
        make_span(2, "RUN CI", parent=1, attributes=run),
        make_span(3, "in progress", parent=1, attributes={"flow.entity.type": "status"}),
    ]
    text = _Page(waterfall(spans, "x")).text
    for shown in ("epic ACME-42 work item", "RUN CI run · attempt 2", "in progress status"):
        assert shown in text


def test_events_links_and_every_kind_of_value_are_shown() -> None:
    """Nothing of a span is left out."""
    page = _Page(waterfall([rich_span()], "x"))
    for fact in ("exit code 1", "größer", "true", "0.5", "bug\nci", "Event annotated", "Link"):
        assert fact in page.text
    assert "fca3b7d3823641da" in page.text


def test_the_page_needs_and_allows_nothing_else() -> None:
    """No script, no address that is loaded, no style but the sheet whose hash the policy names."""
    text = waterfall(spans_of_run(busy_run()), "x")
    page = _Page(text)
    sheet = re.search("<style>(.*)</style>", text, re.DOTALL)
    assert sheet is not None
    digest = base64.b64encode(sha256(sheet[1].encode()).digest()).decode()
    policy = next(value for value in page.attributes("content") if value and "default" in value)
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "img", "iframe", "a"})
    names = {key for _, attributes in page.tags for key, _ in attributes}
    assert names.isdisjoint({"style", "src", "href", "srcset", "action"})
    assert not [name for name in names if name.startswith("on")]
    assert not re.search(r"url\(|@import", sheet[1])


def test_bars_lie_where_their_time_is() -> None:
    """Their place and width are percentages of the trace, and an instant is seen too."""
    spans = [
        make_span(1, "all", seconds=100),
        make_span(2, "middle", parent=1, start=25, seconds=50),
        make_span(3, "instant", parent=1, start=90, seconds=0),
    ]
    page = _Page(waterfall(spans, "x"))
    bars = [dict(attributes) for tag, attributes in page.tags if tag == "rect"]
    places = [(bar["x"], bar["width"]) for bar in bars]
    assert places == [("0.000%", "100.000%"), ("25.000%", "50.000%"), ("90.000%", "1")]


def test_no_spans_make_a_page_that_says_so() -> None:
    """A page without spans is no blank one."""
    assert "No spans to show." in _Page(waterfall([], "x")).text


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
    return waterfall(spans, title)


@given(any_spans(6))
def test_any_spans_make_a_page(spans: list[Span]) -> None:
    """Times far from today, missing parents and spans that end before they start are no error."""
    same_trace = [replace(span, trace_id="a" * 32) for span in spans]
    page = _Page(waterfall([*spans, *same_trace], "x"))
    assert list(page.attributes("class")).count("span") >= len(spans)


def test_thousands_of_spans_make_a_page() -> None:
    """Each is there, nested or deep."""
    spans = [make_span(n, f"s{n}", parent=n // 2 or None, start=n) for n in range(1, 3_001)]
    assert waterfall(spans, "x").count('<details class="span">') == 3_000
