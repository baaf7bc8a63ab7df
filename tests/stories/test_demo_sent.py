"""The demo in the user's own backend, as if it had happened until now."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.fakes.backends import Prometheus
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.otlp.servers import closed_port_url
from tests.support.program import Program, Result

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
# The spans of the demo's traces, as the demo that is only shown draws them.
SPANS = {"pull request #123": 150, "pull request #131": 115, "epic acme/shop#100": 272}


def send(program: Program, *words: object, url: str | None = None) -> Result:
    """Send the demo to the receiver, or to another address."""
    return program.command("demo", "--otlp-endpoint", url or program.receiver.url, *words)


def traces_of(stdout: str) -> dict[str, tuple[str, int]]:
    """The traces that the text names: id, name of the root and number of spans."""
    rows = re.findall(r"^  ([0-9a-f]{32})  (\S.*?)  +(\d+) spans$", stdout, re.MULTILINE)
    return {trace: (name, int(count)) for trace, name, count in rows}


def distinct(receiver: Receiver) -> list[SpanRecord]:
    """The spans as a backend shows them: each export repeats the opening spans above it."""
    return list({(span.trace_id, span.span_id): span for span in receiver.spans}.values())


def shape(spans: list[SpanRecord]) -> Counter[tuple[str, float]]:
    """Names and durations of spans: all that moved times leave as it was."""
    return Counter((span.name, span.seconds) for span in spans)


def test_all_of_it_arrives_shortly_before_now(program: Program, receiver: Receiver) -> None:
    """Three signals, and what is newest is a minute old; nothing is asked or sent elsewhere."""
    began = time.time_ns()
    result = send(program)
    assert result.status == 0, result.stderr
    assert len(distinct(receiver)) == sum(SPANS.values())
    ends = max(span.end for span in receiver.spans)
    assert began - 61 * SECOND <= ends <= time.time_ns() - 60 * SECOND
    assert ends % SECOND < SECOND // 1_000  # Microseconds put spans in order.
    assert min(span.start for span in receiver.spans) > began - 12 * DAY
    assert all(began - 12 * DAY < event.time <= ends for event in receiver.events)
    assert all(began <= point.time <= time.time_ns() for point in receiver.metrics)
    assert receiver.events
    assert receiver.metrics
    assert program.github.requests == []
    assert not result.spool_folder.exists() or not list(result.spool_folder.iterdir())


def test_the_text_names_what_can_be_found(program: Program, receiver: Receiver) -> None:
    """Each trace by id, name and size; and what all that was sent carries."""
    result = send(program)
    sent = Counter(span.trace_id for span in distinct(receiver))
    told = traces_of(result.stdout)
    assert {trace: count for trace, (_, count) in told.items()} == sent
    assert dict(told.values()) == SPANS
    assert f"exported: Sent {len(receiver.spans)} spans, " in result.stderr
    [namespace] = set(re.findall(r'flow\.namespace = "(demo-[\dTZ]+)"', result.stdout))
    resources = [
        *(span.resource for span in receiver.spans),
        *(event.resource for event in receiver.events),
        *(point.resource for point in receiver.metrics),
    ]
    assert {resource["flow.namespace"] for resource in resources} == {namespace}
    failed = [
        span.name
        for span in receiver.spans
        if span.attributes["flow.entity.type"] == "step"
        and span.attributes.get("github.step.conclusion") == "failure"
    ]
    assert set(failed) == {"Run pytest", "Smoke tests"}
    assert 'flow.entity.type = "step" and github.step.conclusion = "failure"' in result.stdout
    first = min(span.start for span in receiver.spans) // SECOND
    assert f"from {time.strftime('%Y-%m-%d', time.gmtime(first))} (UTC)" in result.stdout


def test_a_second_demo_is_one_of_its_own(
    program: Program, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the same spans and durations under other ids, so no span has two times."""
    send(program)
    first = list(receiver.spans)
    send(program)
    second = receiver.spans[len(first) :]
    assert shape(first) == shape(second)
    for name in ("trace_id", "span_id"):
        assert not {getattr(s, name) for s in first} & {getattr(s, name) for s in second}


def test_the_moved_demo_is_the_demo(program: Program, receiver: Receiver) -> None:
    """Each event exports as many spans as in the demo that is shown, and complains of nothing."""
    sent, shown = send(program).stdout, program.command("demo", "--no-open").stdout
    line = r"^  \w{3} \d\d \d\d:\d\d  (.*)$"
    assert re.findall(line, sent, re.MULTILINE) == re.findall(line, shown, re.MULTILINE)
    decoded = r"the receiver decoded (.*)\."
    assert re.findall(decoded, sent) == re.findall(decoded, shown)
    assert "::" not in sent


def test_headers_and_other_settings_of_the_sending_count(
    program: Program, receiver: Receiver, github: FakeGitHub
) -> None:
    """By flags and by OpenTelemetry's variables, as in other commands."""
    result = program.command(
        *("demo", "--otlp-endpoint", receiver.url, "--signals", "traces"),
        *("--otlp-headers", "x-team=checkout"),
    )
    assert result.status == 0, result.stderr
    assert {each.headers["x-team"] for each in receiver.requests} == {"checkout"}
    assert (receiver.events, receiver.metrics) == ([], [])
    of_shell = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20of-the-backend"}
    before = len(receiver.requests)
    result = program.command("demo", "--otlp-endpoint", receiver.url, environ=of_shell)
    later = receiver.requests[before:]
    assert {each.headers["authorization"] for each in later} == {"Bearer of-the-backend"}
    assert "of-the-backend" not in result.stdout + result.stderr


def test_a_backend_without_deltas_gets_gauges(program: Program, receiver: Receiver) -> None:
    """The rules of an export hold: what a Prometheus refuses is sent in another form."""
    receiver.script("/v1/metrics", Prometheus(), times=None)
    result = send(program)
    assert result.status == 0, result.stderr
    assert {point.kind for point in receiver.metrics} == {"gauge"}


def test_a_backend_that_is_down_loses_nothing(program: Program, receiver: Receiver) -> None:
    """The status and the text say so; a replay delivers the same demo later."""
    down = closed_port_url()
    result = send(program, url=down)
    assert result.status == 1
    assert "refused the connection" in result.stderr
    assert "spooled: " in result.stderr
    replayed = program.command("replay", result.spool_folder, "--otlp-endpoint", receiver.url)
    assert replayed.status == 0, replayed.stderr
    assert Counter(s.trace_id for s in distinct(receiver)) == {
        trace: count for trace, (_, count) in traces_of(result.stdout).items()
    }


def test_a_refusal_is_told_with_what_was_sent(program: Program, receiver: Receiver) -> None:
    """A backend that takes no events gets the rest."""
    receiver.script("/v1/logs", status(400), times=None)
    result = send(program)
    assert result.status == 1
    assert len(distinct(receiver)) == sum(SPANS.values())
    assert "400" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--otlp-headers", "a=b"), "`--otlp-headers` is for sending the demo"),
        (("--otlp-endpoint", "nowhere"), "otlp-endpoint"),
        (
            ("--otlp-endpoint", "http://127.0.0.1:1", "--otlp-headers", "no-equals-sign"),
            "otlp-headers",
        ),
    ],
)
def test_settings_that_can_never_work_are_told_at_once(
    program: Program, words: tuple[str, ...], message: str
) -> None:
    """Before anything is exported."""
    result = program.command("demo", *words)
    assert result.status == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_nothing_is_sent_if_the_sdk_is_off(program: Program, receiver: Receiver) -> None:
    """The user's own switch counts, and is named."""
    result = send_with(program, {"OTEL_SDK_DISABLED": "true"})
    assert result.status == 2
    assert "OTEL_SDK_DISABLED" in result.stderr
    assert receiver.requests == []


def send_with(program: Program, environ: dict[str, str]) -> Result:
    return program.command("demo", "--otlp-endpoint", program.receiver.url, environ=environ)


def test_a_folder_that_cannot_be_written_is_told(program: Program, receiver: Receiver) -> None:
    """Everything is on disk before it is sent, as in an export."""
    (program.folder / "flow-telemetry-spool").write_text("a file", encoding="utf-8")
    result = send(program)
    assert result.status == 1
    assert "flow-telemetry-spool" in result.stderr
    assert receiver.requests == []


def test_the_page_is_written_where_it_is_asked_for(program: Program, tmp_path: Path) -> None:
    """It shows the spans with the ids that were sent."""
    page = tmp_path / "page.html"
    result = send(program, "--html", page, "--no-open")
    text = page.read_text(encoding="utf-8")
    assert all(trace in text for trace in traces_of(result.stdout))
    assert str(page.resolve()) in result.stdout
