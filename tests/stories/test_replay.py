"""What could not be delivered is sent later, from the spool, and nothing is lost on the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.backends import Prometheus
from tests.fakes.faults import Answer, Request, status
from tests.fakes.receiver import Receiver, partial_success
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.otlp.builders import make_span
from tests.otlp.servers import closed_port_url
from tests.support.program import Program, Result, spans_in_file

from flow_telemetry.otlp.batch import Batch
from flow_telemetry.otlp.spool import Spool
from flow_telemetry.telemetry import Signal


@pytest.fixture
def run(world: World) -> Run:
    """A run with a job."""
    return world.run(jobs=[job("test", queued=4, steps=[step("Run pytest", 12)])])


@pytest.fixture
def spool(program: Program, run: Run) -> Path:
    """The spool of an export whose backend was down."""
    result = program.export(run, otlp_endpoint=closed_port_url())
    assert result.outputs["status"] == "spooled"
    return result.spool_folder


def replay(program: Program, *words: object, url: str | None = None) -> Result:
    """Replay to the receiver, or to another address."""
    return program.command("replay", *words, "--otlp-endpoint", url or program.receiver.url)


def line(*names: str, number: int = 1) -> str:
    """A line of OTLP JSON with a span for each name."""
    spans = [
        {
            "traceId": f"{number:032x}",
            "spanId": f"{position:016x}",
            "name": name,
            "kind": 1,
            "startTimeUnixNano": "1795491780000000000",
            "endTimeUnixNano": "1795491781000000000",
        }
        for position, name in enumerate(names, 1)
    ]
    return json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": spans}]}]})


def written(folder: Path, *lines: str, name: str = "kept.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{each}\n" for each in lines), encoding="utf-8")
    return path


def names(spans: Sequence[Any]) -> list[str]:
    return [span.name for span in spans]


def holding(text: str) -> Any:
    """Requests that hold a text; they are sent with no compression here."""
    return lambda request: text.encode() in request.body


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are sent as they are, so that a test can look inside."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")


def test_a_spool_is_delivered_later(program: Program, spool: Path, receiver: Receiver) -> None:
    """Spans and metrics arrive as they would have, and the files are gone."""
    result = replay(program, spool)
    assert result.status == 0, result.stderr
    assert receiver.tree()[0] == "RUN CI"
    assert receiver.metrics
    assert list(spool.iterdir()) == []
    assert "exported: Sent" in result.stderr


def test_a_backend_that_is_still_down_loses_nothing(program: Program, spool: Path) -> None:
    """Every file is as it was, and the first of them tells why."""
    before = {path: path.read_bytes() for path in spool.iterdir()}
    result = replay(program, spool, url=closed_port_url())
    assert result.status == 1
    assert {path: path.read_bytes() for path in spool.iterdir()} == before
    assert "refused the connection" in result.stderr


def test_what_a_hopeless_endpoint_met_is_not_tried_for_each_file(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """After a 401 the lines of all other files stay without a request."""
    receiver.script("/v1/traces", status(401), times=None)
    files = [written(tmp_path, line("a"), line("b"), name=f"{n}.jsonl") for n in range(5)]
    result = replay(program, *files)
    assert result.status == 1
    assert len(receiver.requests) <= 2
    assert all(names(spans_in_file(file)) == ["a", "b"] for file in files)
    assert "stayed in" in result.stderr
    assert "401 Unauthorized" in result.stderr


def test_a_line_that_is_refused_for_ever_blocks_no_other(
    program: Program, receiver: Receiver, tmp_path: Path, plain: None
) -> None:
    """It moves to a file of its own with its reason told, and the others are delivered."""
    receiver.script(holding("poison"), status(400, "bad span"), times=None)
    file = written(tmp_path, line("one"), line("poison"), line("two"))
    result = replay(program, file)
    assert result.status == 1
    assert sorted(names(receiver.spans)) == ["one", "two"]
    assert not file.exists()
    assert names(spans_in_file(tmp_path / "kept.jsonl.refused")) == ["poison"]
    assert 'answered 400 Bad Request: "bad span"' in result.stderr
    assert "kept.jsonl.refused" in result.stderr


def test_what_was_refused_earlier_stays_beside_it(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """A second line that is refused does not replace the first."""
    receiver.script("/v1/traces", status(400), times=None)
    for name in ("first", "second"):
        replay(program, written(tmp_path, line(name)))
    assert names(spans_in_file(tmp_path / "kept.jsonl.refused")) == ["first", "second"]


def test_what_was_refused_can_be_replayed_by_its_name(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """When the backend was changed, say."""
    refused = written(tmp_path, line("late"), name="kept.jsonl.refused")
    assert replay(program, refused).status == 0
    assert names(receiver.spans) == ["late"]
    assert list(tmp_path.glob("kept*")) == []


def test_a_line_that_fails_for_now_stays(
    program: Program, receiver: Receiver, tmp_path: Path, plain: None
) -> None:
    """Only what was taken goes out of the file."""
    receiver.script(holding("unlucky"), status(500, "disk full"), times=None)
    file = written(tmp_path, line("one"), line("unlucky"), line("two"))
    assert replay(program, file).status == 1
    assert names(spans_in_file(file)) == ["unlucky"]
    assert sorted(names(receiver.spans)) == ["one", "two"]


def test_a_large_line_is_sent_in_parts(
    program: Program, receiver: Receiver, tmp_path: Path, plain: None
) -> None:
    """Only the span that is too large alone is left, in a file of what is refused for ever."""

    def small(request: Request, real: Answer) -> Answer:
        return real if len(request.body) < 400 else Answer(status=413, kept=())

    receiver.script("/v1/traces", small, times=None)
    file = written(tmp_path, line("a", "b", "c" * 2_000, "d"))
    assert replay(program, file).status == 1
    assert sorted(names(receiver.spans)) == ["a", "b", "d"]
    assert names(spans_in_file(tmp_path / "kept.jsonl.refused")) == ["c" * 2_000]
    assert not file.exists()


def test_rejected_spans_are_not_sent_again(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """A backend that takes a request in part has said its last word on the rest."""
    receiver.script("/v1/traces", partial_success(1, "too old"))
    file = written(tmp_path, line("a", "b"))
    result = replay(program, file)
    assert result.status == 1
    assert not file.exists()
    assert (tmp_path / "kept.jsonl.refused").exists()
    assert "rejected 1 span" in result.stderr


def test_a_damaged_line_is_kept_and_told(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """The lines around it are delivered."""
    file = written(tmp_path, line("one"), '{"resourceSpans": [{"reso', "", line("two"))
    result = replay(program, file)
    assert result.status == 1
    assert sorted(names(receiver.spans)) == ["one", "two"]
    assert file.read_text() == '{"resourceSpans": [{"reso\n'
    assert "line 2 of " in result.stderr
    assert "it may have been cut off" in result.stderr


def test_a_signal_without_endpoint_stays(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """What switches the signal off is told."""
    logs = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"eventName": "x"}]}]}]})
    file = written(tmp_path, line("one"), logs)
    result = program.command(
        *("replay", file, "--otlp-endpoint", receiver.url), environ={"OTEL_LOGS_EXPORTER": "none"}
    )
    assert result.status == 1
    assert file.read_text().splitlines() == [logs]
    assert "1 line of events stayed" in result.stderr
    assert "OTEL_LOGS_EXPORTER is none" in result.stderr


def test_a_signal_that_the_backend_lacks_stays(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """An export leaves it out; a replay keeps it, for the path may just be wrong."""
    receiver.script("/v1/logs", status(404), times=None)
    logs = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"eventName": "x"}]}]}]})
    file = written(tmp_path, logs, line("one"))
    assert replay(program, file).status == 1
    assert names(receiver.spans) == ["one"]
    assert "resourceLogs" in file.read_text()


def test_two_replays_at_once_send_everything_once(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """Each file is taken by one of them, by renaming it; the other tells so."""
    for number in range(20):
        written(tmp_path, line(f"span {number}", number=number + 1), name=f"{number}.jsonl")
    results: list[Result] = []
    # Processes of their own: the program in this one is not made for two threads.
    url = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    environ = program.command_environ(url)
    threads = [
        threading.Thread(
            target=lambda: results.append(
                program.command_process("replay", tmp_path, environ=environ)
            )
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names(receiver.spans)) == sorted(f"span {number}" for number in range(20))
    assert list(tmp_path.glob("*.jsonl*")) == []
    assert all("Traceback" not in result.stderr for result in results)


def test_a_file_that_another_replay_has_is_left_alone(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """It is told by name, for a replay may have been killed; by that name it is replayed."""
    taken = written(tmp_path, line("a"), name="kept.jsonl.0123abcd.replaying")
    for words in ((tmp_path,), (tmp_path / "kept.jsonl",)):
        result = replay(program, *words)
        assert result.status == 1
        assert f"{taken} is being replayed, or its replay was killed" in result.stderr
    assert receiver.requests == []
    assert replay(program, taken).status == 0
    assert names(receiver.spans) == ["a"]
    assert list(tmp_path.glob("kept*")) == []


def test_what_a_killed_replay_left_never_replaces_another_file(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """It comes back beside a file of its old name."""
    receiver.script("/v1/traces", status(500), times=None)
    taken = written(tmp_path, line("old"), name="kept.jsonl.0123abcd.replaying")
    newer = written(tmp_path, line("new"))
    replay(program, taken)
    assert names(spans_in_file(newer)) == ["new"]
    [other] = set(tmp_path.glob("kept*.jsonl")) - {newer}
    assert names(spans_in_file(other)) == ["old"]


def test_a_file_that_is_not_there_is_told(program: Program, tmp_path: Path) -> None:
    """A typing error is no success."""
    result = replay(program, tmp_path / "missing.jsonl")
    assert result.status == 1
    assert "missing.jsonl does not exist" in result.stderr


def test_an_empty_folder_is_nothing_to_do(program: Program, tmp_path: Path) -> None:
    """A schedule that finds no spool succeeds."""
    (tmp_path / "spool").mkdir()
    result = replay(program, tmp_path / "spool")
    assert (result.status, "skipped: Nothing was sent." in result.stderr) == (0, True)


def test_without_an_endpoint_nothing_is_touched(program: Program, tmp_path: Path) -> None:
    """It is said what is missing."""
    file = written(tmp_path, line("a"))
    result = program.command("replay", file)
    assert result.status == 1
    assert "nothing can be replayed: `otlp-endpoint` is empty" in result.stderr
    assert names(spans_in_file(file)) == ["a"]


def test_the_time_for_everything_bounds_a_replay(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """What was not reached is kept, and what was not begun is told."""
    receiver.script("/v1/traces", status(503, retry_after="1"), times=None)
    files = [written(tmp_path, line("a"), name=f"{n}.jsonl") for n in range(3)]
    result = replay(program, tmp_path, "--timeout", "2")
    assert result.status == 1
    assert all(names(spans_in_file(file)) == ["a"] for file in files)


def test_events_that_became_too_old_leave_with_the_time_of_sending(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """Loki would refuse them for ever; their own time goes along, as in an export."""
    record = {"eventName": "flow.change.merged", "timeUnixNano": "1763985780000000000"}
    logs = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record, record]}]}]})
    receiver.script("/v1/logs", status(400, "entry too far behind"))
    result = replay(program, written(tmp_path, logs))
    assert result.status == 0, result.stderr
    assert [event.attributes["flow.event.time"] for event in receiver.events] == [
        "2025-11-24T12:03:00.000Z"
    ] * 2
    assert all(event.time > 1763985780000000000 for event in receiver.events)
    assert "left with the time of sending" in result.stderr


def shapes(receiver: Receiver) -> list[tuple[str, str, float]]:
    """Name, kind and value of each point that was kept, in order."""
    return sorted((point.name, point.kind, point.value) for point in receiver.metrics)


@pytest.mark.parametrize("code", [400, 500])
def test_metrics_that_are_refused_as_deltas_leave_as_gauges(
    program: Program, run: Run, spool: Path, receiver: Receiver, code: int
) -> None:
    """As the export would have sent them to Prometheus or Mimir, and one notice tells so."""
    receiver.script("/v1/metrics", Prometheus(code), times=None)
    result = replay(program, spool)
    assert result.status == 0, result.stderr
    assert list(spool.iterdir()) == []
    assert {kind for _, kind, _ in shapes(receiver)} == {"gauge"}
    assert result.stderr.count("takes no metrics of delta temporality") == 1
    with Receiver() as other:
        program.export(run, otlp_endpoint=other.url, metric_shape="gauge")
        assert shapes(receiver) == shapes(other)


def test_gauges_are_replayed_at_once_where_the_user_says_so(
    program: Program, spool: Path, receiver: Receiver
) -> None:
    """`metric-shape: gauge` is for a backend that drops deltas in silence."""
    result = replay(program, spool, "--metric-shape", "gauge")
    assert result.status == 0, result.stderr
    assert {kind for _, kind, _ in shapes(receiver)} == {"gauge"}
    assert len(receiver.requests_to("metrics")) == 1
    assert "delta" not in result.stderr


def test_deltas_that_are_to_stay_deltas_are_kept(
    program: Program, spool: Path, receiver: Receiver
) -> None:
    """`metric-shape: histogram` never falls back: the line moves to where refused ones are."""
    receiver.script("/v1/metrics", Prometheus(400), times=None)
    result = replay(program, spool, "--metric-shape", "histogram")
    assert result.status == 1
    assert receiver.metrics == []
    [refused] = spool.iterdir()
    assert refused.name.endswith(".jsonl.refused")
    assert '"histogram"' in refused.read_text()


def test_a_file_of_another_tool_is_sent_without_credentials(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """As in every export; what is sent holds none, whoever wrote the file."""
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    assert replay(program, written(tmp_path, line(f"curl -H {token}"))).status == 0
    [span] = receiver.spans
    assert token not in span.name
    assert "***" in span.name


@pytest.mark.skipif("sys.platform == 'win32'", reason="Windows has no such permissions")
def test_the_permissions_of_a_file_stay(
    program: Program, receiver: Receiver, tmp_path: Path, plain: None
) -> None:
    """A spool is its owner's alone, after a replay too."""
    receiver.script(holding("unlucky"), status(500), times=None)
    receiver.script(holding("poison"), status(400), times=None)
    file = written(tmp_path, line("one"), line("unlucky"), line("poison"))
    file.chmod(0o600)
    replay(program, file)
    for path in (file, tmp_path / "kept.jsonl.refused"):
        assert path.stat().st_mode & 0o777 == 0o600


UNFINISHED = "traces-20261124T034300Z-0123abcd.jsonl.4567cdef.partial"


def test_what_a_killed_export_left_is_delivered(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """Its whole lines are, and both the kill and the line that was cut off are told."""
    (tmp_path / "below").mkdir()
    left = written(tmp_path / "below", line("a"), line("b"), name=UNFINISHED)
    with left.open("a", encoding="utf-8") as file:
        file.write(line("c")[:-9])
    result = replay(program, tmp_path)
    assert result.status == 0, result.stderr
    assert sorted(names(receiver.spans)) == ["a", "b"]
    assert f"{left} was written by an export that was killed" in result.stderr
    assert "its last, incomplete line is lost" in result.stderr
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_what_a_killed_export_left_goes_on_as_a_whole_file(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """Where the backend does not take it, under the name that it would have had."""
    left = written(tmp_path, line("a"), name=UNFINISHED)
    result = replay(program, left, url=closed_port_url())
    assert result.status == 1
    [file] = tmp_path.glob("*traces*")
    assert file.name == "traces-20261124T034300Z-0123abcd.jsonl"
    assert names(spans_in_file(file)) == ["a"]


def test_what_is_still_being_written_is_left_alone(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """An export is at work there; what it ends is replayed as ever."""
    writer = Spool(tmp_path / "spool").writer(Signal.TRACES)
    writer.add(Batch(Signal.TRACES, (make_span(1),)), items=1)
    [unfinished] = (tmp_path / "spool").iterdir()
    assert replay(program, tmp_path / "spool").status == 0
    named = replay(program, unfinished)
    assert named.status == 1
    assert f"{unfinished} is still being written" in named.stderr
    assert receiver.requests == []
    writer.close()
    assert replay(program, tmp_path / "spool").status == 0
    assert len(receiver.spans) == 1


def test_what_a_killed_replay_was_about_to_leave_is_not_sent_twice(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """It is hidden, and all of it stands in the file that the replay had taken."""
    about_to = written(tmp_path, line("a"), name=".kept.jsonl.0123abcd.partial")
    assert replay(program, tmp_path).status == 0
    assert receiver.requests == []
    assert about_to.exists()
