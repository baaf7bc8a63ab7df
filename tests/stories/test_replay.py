"""What could not be delivered is sent later, from the spool, and nothing is lost on the way."""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.backends import Prometheus
from tests.fakes.faults import Answer, Request, status
from tests.fakes.metrics import points_in
from tests.fakes.receiver import Receiver, partial_success
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.otlp.servers import closed_port_url
from tests.stories.points import of_things
from tests.support.program import Program, Result, spans_in_file
from tests.support.spool import files_in, spans_of, text_of

from flow_telemetry.otlp.lines import encode_request, parse_otlp_lines
from flow_telemetry.otlp.spool import Spool
from flow_telemetry.telemetry import EncodedRequest, Signal


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


def stored(folder: Path, *words: str, number: int = 1) -> Path:
    """Store a request with a span for each name in a spool folder; return its file."""
    journal = Spool(folder).journal()
    [request] = parse_otlp_lines([(1, line(*words, number=number).encode())], "x")[0]
    path = journal.store(encode_request(request)).path
    journal.close()
    assert path is not None
    return path


def stored_again(spool: Path) -> None:
    """Store the metrics of a spool once more, as another export did."""
    file = next(path for path in files_in(spool) if path.name.startswith("metrics-"))
    journal = Spool(spool).journal()
    body = gzip.decompress(file.read_bytes())
    journal.store(EncodedRequest(signal=Signal.METRICS, body=body, items=1))
    journal.close()


POINT_TIME = "1763985780000000000"
POINT = {"timeUnixNano": POINT_TIME, "startTimeUnixNano": "1763985770000000000", "asInt": "3"}


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
    """Spans and metrics arrive as they would have, and the spool is gone."""
    result = replay(program, spool)
    assert result.status == 0, result.stderr
    assert receiver.tree()[0] == "RUN CI"
    assert receiver.metrics
    assert not spool.exists()
    assert "exported: Sent" in result.stderr


def test_a_backend_that_is_still_down_loses_nothing(program: Program, spool: Path) -> None:
    """Every file is as it was, and the first of them tells why."""
    before = {path: path.read_bytes() for path in files_in(spool)}
    result = replay(program, spool, url=closed_port_url())
    assert result.status == 1
    assert {path: path.read_bytes() for path in files_in(spool)} == before
    assert "refused the connection" in result.stderr


def test_what_a_hopeless_endpoint_met_is_not_tried_for_each_file(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """After a 401 the requests of all other folders stay without a try."""
    receiver.script("/v1/traces", status(401), times=None)
    for number in range(20):
        stored(tmp_path, "a", number=number + 1)
    result = replay(program, tmp_path)
    assert result.status == 1
    assert len(receiver.requests) <= 6
    assert len(files_in(tmp_path)) == 20
    assert "401 Unauthorized" in result.stderr


def test_a_request_that_is_refused_for_ever_blocks_no_other(
    program: Program, receiver: Receiver, tmp_path: Path, plain: None
) -> None:
    """It is put aside with its reason told, and the others are delivered."""
    receiver.script(holding("poison"), status(400, "bad span"), times=None)
    for number, name in enumerate(("one", "poison", "two"), 1):
        stored(tmp_path, name, number=number)
    result = replay(program, tmp_path)
    assert result.status == 1
    assert sorted(names(receiver.spans)) == ["one", "two"]
    [refused] = files_in(tmp_path)
    assert refused.name == "traces-000001.otlp.gz.refused"
    assert names(spans_of(refused)) == ["poison"]
    assert 'answered 400 Bad Request: "bad span"' in result.stderr
    assert "traces-000001.otlp.gz.refused" in result.stderr


def test_what_was_refused_can_be_replayed_by_its_name(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """When the backend was changed, say; a replay of the folder leaves it alone."""
    file = stored(tmp_path, "late")
    refused = file.rename(file.with_name(file.name + ".refused"))
    assert replay(program, tmp_path).status == 0
    assert receiver.requests == []
    assert replay(program, refused).status == 0
    assert names(receiver.spans) == ["late"]
    assert files_in(tmp_path) == []


def test_a_request_that_fails_for_now_stays(
    program: Program, receiver: Receiver, tmp_path: Path, plain: None
) -> None:
    """Only what was taken is removed."""
    receiver.script(holding("unlucky"), status(500, "disk full"), times=None)
    for number, name in enumerate(("one", "unlucky", "two"), 1):
        stored(tmp_path, name, number=number)
    assert replay(program, tmp_path).status == 1
    assert [names(spans_of(file)) for file in files_in(tmp_path)] == [["unlucky"]]
    assert sorted(names(receiver.spans)) == ["one", "two"]


def test_a_large_request_is_sent_in_parts(
    program: Program, receiver: Receiver, tmp_path: Path, plain: None
) -> None:
    """Only the span that is too large alone is left, aside as it is refused for ever."""

    def small(request: Request, real: Answer) -> Answer:
        return real if len(request.body) < 400 else Answer(status=413, kept=())

    receiver.script("/v1/traces", small, times=None)
    stored(tmp_path, "a", "b", "c" * 2_000, "d")
    assert replay(program, tmp_path).status == 1
    assert sorted(names(receiver.spans)) == ["a", "b", "d"]
    [refused] = files_in(tmp_path)
    assert refused.name.endswith(".refused")
    assert names(spans_of(refused)) == ["c" * 2_000]


def test_rejected_spans_are_not_sent_again(
    program: Program, receiver: Receiver, run: Run, tmp_path: Path
) -> None:
    """A backend that takes a request in part has said its last word on the rest.

    The export itself puts the request aside: a replay would count what was accepted twice.
    """
    receiver.script("/v1/traces", partial_success(1, "too old"))
    result = program.export(run)
    [refused] = result.spool_files
    folder = tmp_path / "other"
    assert refused.name.endswith(".refused")
    with Receiver() as other:
        assert replay(program, result.spool_folder, url=other.url).status == 0
        assert other.requests == []
    stored(folder, "a", "b")
    receiver.script("/v1/traces", partial_success(1, "too old"))
    result = replay(program, folder)
    assert result.status == 1
    assert [file.suffix for file in files_in(folder)] == [".refused"]
    assert "rejected 1 span" in result.stderr


def test_a_file_of_the_user_is_only_read(
    program: Program, run: Run, receiver: Receiver, tmp_path: Path
) -> None:
    """That of `--output` is deleted by its user and nobody else, though everything arrived."""
    file = tmp_path / "run.jsonl"
    command = ("export", "run", "--repository=acme/shop", f"--run-id={run.id}")
    assert program.command(*command, "--output", file).status == 0
    before = file.read_bytes()
    result = replay(program, file)
    assert result.status == 0, result.stderr
    assert receiver.tree()[0] == "RUN CI"
    assert file.read_bytes() == before
    assert f"are only read, and sending them again counts their metrics twice: `{file}`" in (
        result.stderr
    )
    assert replay(program, tmp_path, url=closed_port_url()).status == 1
    assert file.read_bytes() == before
    assert files_in(tmp_path) == [file]


def test_a_file_of_the_user_in_a_spool_is_only_read(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """Deleted is what is in the folders that the program made, not what is beside them."""
    own, beside = stored(tmp_path, "own"), written(tmp_path, line("of the user"))
    assert replay(program, tmp_path).status == 0
    assert sorted(names(receiver.spans)) == ["of the user", "own"]
    assert files_in(tmp_path) == [beside]
    assert not own.parent.exists()


def test_a_spool_folder_is_known_from_inside(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """By its real name: `replay .` deletes it as `replay FOLDER` does."""
    file = stored(program.folder, "own")
    result = program.command("replay", file.relative_to(program.folder))
    assert result.status == 2  # No endpoint: it is left alone.
    assert replay(program, ".").status == 0
    assert names(receiver.spans) == ["own"]
    assert not file.parent.exists()


@pytest.mark.skipif("sys.platform == 'win32'", reason="links need a privilege on Windows")
def test_no_link_is_followed(program: Program, receiver: Receiver, tmp_path: Path) -> None:
    """Neither one in a folder that is named, nor one in place of a request."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    secret = stored(outside, "secret")
    (inside / "folder").symlink_to(outside)
    (inside / "x.jsonl").symlink_to(written(outside, line("secret")))
    own = stored(inside, "own", number=2)
    (own.parent / "traces-000002.otlp.gz").symlink_to(secret)
    result = replay(program, inside)
    assert names(receiver.spans) == ["own"]
    assert result.status == 1
    assert "traces-000002.otlp.gz` could not be read (not a regular file)" in result.stderr
    assert secret.exists()


@pytest.mark.skipif("sys.platform == 'win32'", reason="links need a privilege on Windows")
def test_no_link_in_place_of_the_spool_is_followed(
    program: Program, receiver: Receiver, run: Run, tmp_path: Path
) -> None:
    """Anyone who can write to the workspace may put it there: no data passes through it."""
    outside, spool = tmp_path / "outside", tmp_path / "spool"
    outside.mkdir()
    secret = stored(outside, "secret")
    spool.symlink_to(outside)
    before = sorted(outside.rglob("*"))
    result = replay(program, spool)
    assert (result.status, names(receiver.spans)) == (1, [])
    assert f"`{spool}` is a link and was not followed" in result.stderr
    exported = program.export(run, otlp_endpoint=closed_port_url(), spool_path=spool)
    assert exported.outputs["status"] == "lost"
    assert "a link is in its place" in exported.log
    assert sorted(outside.rglob("*")) == before
    assert secret.exists()


def test_redacted_texts_are_counted(program: Program, receiver: Receiver, tmp_path: Path) -> None:
    """As an export does it."""
    stored(tmp_path, "Deploy acme-17", "Build")
    result = replay(program, tmp_path, "--redact", r"acme-\d+")
    assert names(receiver.spans) == ["Deploy ***", "Build"]
    assert "in 1 exported text" in result.log


def test_one_endless_line_is_an_error(program: Program, receiver: Receiver, tmp_path: Path) -> None:
    """Not more than a bounded part of it is read."""
    file = tmp_path / "endless.jsonl"
    with file.open("wb") as sparse:
        sparse.truncate(3_000_000_000)
    if os.name == "posix":
        assert file.stat().st_blocks * 512 < 1_000_000
    result = program.command_process(
        "replay", file, environ={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    )
    assert result.status == 1
    assert "Traceback" not in result.stderr
    assert "line 1 of " in result.stderr
    assert "has more than 16,777,216 bytes" in result.stderr


def test_a_damaged_line_is_kept_and_told(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """The lines around it are delivered, and the user's file is only read."""
    file = written(tmp_path, line("one"), '{"resourceSpans": [{"reso', "", line("two"))
    result = replay(program, file)
    assert result.status == 1
    assert sorted(names(receiver.spans)) == ["one", "two"]
    assert file.read_text().count("\n") == 4
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
    assert "1 request of events not sent" in result.stderr
    assert "OTEL_LOGS_EXPORTER is none" in result.stderr


def test_a_signal_that_the_backend_lacks_is_judged_as_in_an_export(
    program: Program, receiver: Receiver, spool: Path
) -> None:
    """It accepted traces at that address and has no metrics: a notice, and the spool is gone."""
    receiver.script("/v1/metrics", status(404), times=None)
    result = replay(program, spool)
    assert result.status == 0, result.stderr
    assert receiver.spans
    assert "takes no metrics (404 at /v1/metrics)" in result.stderr
    assert not spool.exists()


def test_a_signal_can_be_left_out(program: Program, receiver: Receiver, spool: Path) -> None:
    """`--signals` sends what it names; the rest stays, which is no failure."""
    result = replay(program, spool, "--signals", "traces")
    assert result.status == 0, result.stderr
    assert receiver.requests_to("metrics") == []
    assert {file.name.partition("-")[0] for file in files_in(spool)} == {"metrics"}
    assert "`signals` leaves them out" in result.stderr


def test_two_replays_at_once_send_everything_once(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """Each folder is locked by one of them; the other tells so."""
    for number in range(20):
        stored(tmp_path, f"span {number}", number=number + 1)
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
    assert files_in(tmp_path) == []
    assert all("Traceback" not in result.stderr for result in results)


def test_a_file_that_is_not_there_is_told(program: Program, tmp_path: Path) -> None:
    """A typing error is no success."""
    result = replay(program, tmp_path / "missing.jsonl")
    assert result.status == 1
    assert "missing.jsonl` does not exist" in result.stderr


def test_an_empty_folder_is_nothing_to_do(program: Program, tmp_path: Path) -> None:
    """A schedule that finds no spool succeeds."""
    (tmp_path / "spool").mkdir()
    result = replay(program, tmp_path / "spool")
    assert (result.status, "skipped: Nothing was sent." in result.stderr) == (0, True)


def test_without_an_endpoint_nothing_is_touched(program: Program, tmp_path: Path) -> None:
    """It is said what is missing."""
    file = written(tmp_path, line("a"))
    result = program.command("replay", file)
    assert result.status == 2
    assert "nothing can be replayed: `otlp-endpoint` is empty" in result.stderr
    assert names(spans_in_file(file)) == ["a"]


def test_the_time_for_everything_bounds_a_replay(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """What was not reached is kept, and what was not begun is told."""
    receiver.script("/v1/traces", status(503, retry_after="1"), times=None)
    files = [stored(tmp_path, "a", number=number + 1) for number in range(3)]
    result = replay(program, tmp_path, "--timeout", "2")
    assert result.status == 1
    assert all(names(spans_of(file)) == ["a"] for file in files)


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


def test_events_that_are_taken_keep_their_time(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """Only metrics are stamped anew."""
    record = {"eventName": "flow.change.merged", "timeUnixNano": "1763985780000000000"}
    logs = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
    assert replay(program, written(tmp_path, logs)).status == 0
    [event] = receiver.events
    assert event.time == 1763985780000000000
    assert "flow.event.time" not in event.attributes


def shapes(receiver: Receiver) -> list[tuple[str, str, float]]:
    """Name, kind and value of each point that was kept, in order."""
    return sorted((point.name, point.kind, point.value) for point in of_things(receiver))


@pytest.mark.parametrize("code", [400, 500])
def test_metrics_that_are_refused_as_deltas_leave_as_gauges(
    program: Program, run: Run, spool: Path, receiver: Receiver, code: int
) -> None:
    """As the export would have sent them to Prometheus or Mimir, and one notice tells so."""
    receiver.script("/v1/metrics", Prometheus(code), times=None)
    result = replay(program, spool)
    assert result.status == 0, result.stderr
    assert not spool.exists()
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
    """`metric-shape: histogram` never falls back: the request is put aside."""
    receiver.script("/v1/metrics", Prometheus(400), times=None)
    result = replay(program, spool, "--metric-shape", "histogram")
    assert result.status == 1
    assert receiver.metrics == []
    [refused] = files_in(spool)
    assert refused.name.endswith(".refused")
    assert '"histogram"' in text_of(refused)


def test_a_file_of_another_tool_is_sent_without_credentials(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """As in every export; what is sent holds none, whoever wrote the file."""
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    assert replay(program, written(tmp_path, line(f"curl -H {token}"))).status == 0
    [span] = receiver.spans
    assert token not in span.name
    assert "***" in span.name


def test_replayed_metrics_carry_the_time_of_their_sending(
    program: Program, spool: Path, receiver: Receiver
) -> None:
    """delta_to_cumulative drops points that end before the last of their series, without a word.

    Each request has a later millisecond, and they are sent one after the other.
    """
    before = time.time_ns()
    for _ in range(2):
        stored_again(spool)
    assert replay(program, spool).status == 0
    requests = receiver.requests_to("metrics")
    ended = [
        [
            point
            for point in points_in(request.message)
            if point.name != "flow.github.rate_limit.remaining"
        ]
        for request in requests
    ]
    times = [{point.time for point in points} for points in ended]
    assert [len(each) for each in times] == [1, 1, 1]
    instants = [instant for each in times for instant in each]
    assert instants[0] >= before
    assert all(later - one >= 1_000_000 for one, later in pairwise(instants))
    assert {point.time - point.start for points in ended for point in points} == {1_000_000}


def test_samples_keep_their_time_and_states_are_left_out(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """A curve is of its own time; how much work was open then is no longer true."""
    metrics = [
        {"name": name, kind: {"dataPoints": [POINT], "aggregationTemporality": 1}}
        for name, kind in (
            ("system.disk.io", "sum"),
            ("cicd.pipeline.run.duration", "sum"),
            ("flow.load", "sum"),
        )
    ]
    ours, theirs = (
        [{"scope": {"name": scope}, "metrics": metrics}] for scope in ("flow-telemetry", "other")
    )
    lines = [json.dumps({"resourceMetrics": [{"scopeMetrics": s}]}) for s in (ours, theirs)]
    result = replay(program, written(tmp_path, *lines))
    assert result.status == 0, result.stderr
    old = {(point.scope, point.name) for point in receiver.metrics if point.time == int(POINT_TIME)}
    assert old == {
        ("flow-telemetry", "system.disk.io"),
        *(("other", str(metric["name"])) for metric in metrics),
    }
    assert receiver.points_of("flow.load")[0].scope == "other"
    assert len(receiver.metrics) == 5
    assert "1 metric point was left out: about open work" in result.stderr


def test_an_old_spool_is_sent_and_stays(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """Files of earlier versions, those of killed exports and replays among them."""
    name = "traces-20261124T034300Z-0123abcd.jsonl"
    files = [
        written(tmp_path, line("a", number=1), name=name),
        written(tmp_path, line("b", number=2), name=f"{name}.4567cdef.replaying"),
        written(tmp_path, line("c", number=3), name=f"{name}.4567cdef.partial"),
    ]
    written(tmp_path, line("hidden"), name=f".{name}.4567cdef.partial")
    result = replay(program, tmp_path)
    assert result.status == 0, result.stderr
    assert sorted(names(receiver.spans)) == ["a", "b", "c"]
    assert all(file.exists() for file in files)


def test_old_lines_in_a_spool_folder_become_requests(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """As a sweep restores them out of the artifact of an earlier version."""
    own = stored(tmp_path, "own").parent
    written(own, line("one", number=2), '{"resourceSp', line("two", number=3))
    result = replay(program, tmp_path)
    assert result.status == 1
    assert sorted(names(receiver.spans)) == ["one", "own", "two"]
    assert [file.name for file in files_in(tmp_path)] == ["kept.jsonl.damaged"]
    assert replay(program, tmp_path).status == 0


def test_a_damaged_request_is_told_and_stays(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """The others are delivered; a request that was being written at a kill was never sent."""
    good, torn = stored(tmp_path, "good"), stored(tmp_path, "torn", number=2)
    torn.write_bytes(torn.read_bytes()[:-9])
    (good.parent / "traces-000009.otlp.gz.partial").write_bytes(b"")
    result = replay(program, tmp_path)
    assert result.status == 1
    assert names(receiver.spans) == ["good"]
    assert f"`{torn}` could not be read (its content is damaged)" in result.stderr
    assert "killed while it wrote a request" in result.stderr
    assert files_in(tmp_path) == [torn]
