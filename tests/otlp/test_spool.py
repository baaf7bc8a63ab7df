"""What was not delivered is on disk, whole, for the owner only, and readable by a Collector."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.fakes.spans import from_json, spans_in
from tests.otlp.builders import ids, make_span, make_spans

from flow_telemetry.otlp.batch import Batch
from flow_telemetry.otlp.exporter import FileExporter
from flow_telemetry.otlp.spool import LinesWriter, Spool, Stored
from flow_telemetry.telemetry import Delivery, Signal, Span

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def now() -> datetime:
    return datetime(2026, 11, 24, 5, 43, tzinfo=timezone(timedelta(hours=2)))


def span_ids_in(path: Path | str) -> list[str]:
    """The ids of all spans of a file, as a Collector reads them."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    requests = [from_json(ExportTraceServiceRequest, line) for line in lines]
    return [span.span_id for request in requests for span in spans_in(request)]


def add(writer: LinesWriter, spans: Sequence[Span]) -> None:
    """Add a batch, all of which counts."""
    writer.add(Batch(Signal.TRACES, tuple(spans)), items=len(spans))


def closed(writer: LinesWriter) -> Stored:
    """What a writer holds of spans, after it was closed."""
    return writer.close()[Signal.TRACES]


def write_spans(spans: Iterable[Span], path: Path) -> Delivery:
    """Write spans to a file of the user's choice."""
    [delivery] = FileExporter(path).deliver(spans)
    return delivery


def test_each_batch_is_a_line_of_one_file(tmp_path: Path) -> None:
    """An export has a file of its own, named after the signal and the time in UTC."""
    writer = Spool(tmp_path / "spool", now).writer(Signal.TRACES)
    first, second = make_spans(3), [make_span(9)]
    add(writer, first)
    add(writer, second)
    kept = closed(writer)
    [file] = kept.files
    assert re.fullmatch(r"traces-20261124T034300Z-[0-9a-f]{8}\.jsonl", Path(file).name)
    assert len(Path(file).read_text().splitlines()) == 2
    assert span_ids_in(file) == ids([*first, *second])
    assert (kept.items, kept.lost, kept.failures) == (4, 0, ())


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    """Before that it has another name, which no reader takes for spooled data."""
    writer = Spool(tmp_path).writer(Signal.TRACES)
    add(writer, make_spans(1))
    assert list(tmp_path.glob("*.jsonl")) == []
    writer.close()
    assert len(list(tmp_path.iterdir())) == len(list(tmp_path.glob("*.jsonl"))) == 1


def test_a_large_spool_has_several_files(tmp_path: Path) -> None:
    """Each appears when it is full, so that little is unfinished where the program is killed."""
    writer = Spool(tmp_path).writer(Signal.TRACES)
    whole = [make_span(number, "x" * 2_000) for number in range(1, 6_001)]
    lines = [whole[first : first + 500] for first in range(0, len(whole), 500)]
    for line in lines[:-1]:
        add(writer, line)
    assert list(tmp_path.glob("*.jsonl"))
    add(writer, lines[-1])
    kept = closed(writer)
    assert kept.items == len(whole)
    assert [each for file in kept.files for each in span_ids_in(file)] == ids(whole)
    assert all(Path(file).stat().st_size < 6_000_000 for file in kept.files)
    assert len(kept.files) > 2


def test_what_is_not_yet_whole_is_visible_to_all_who_save_it(tmp_path: Path) -> None:
    """actions/upload-artifact leaves hidden files out."""
    writer = Spool(tmp_path, now).writer(Signal.TRACES)
    add(writer, make_spans(1))
    [file] = tmp_path.iterdir()
    name = r"traces-20261124T034300Z-[0-9a-f]{8}\.jsonl\.[0-9a-f]{8}\.partial"
    assert re.fullmatch(name, file.name)
    writer.close()


def test_nothing_to_keep_leaves_no_trace(tmp_path: Path) -> None:
    """A delivered export makes no file and no folder."""
    folder = tmp_path / "spool"
    assert Spool(folder).writer(Signal.TRACES).close() == {}
    assert not folder.exists()


def test_two_exports_at_one_time_have_files_of_their_own(tmp_path: Path) -> None:
    """Legs of a matrix on one runner do not meet."""
    spool = Spool(tmp_path, now)
    writers = [spool.writer(Signal.TRACES) for _ in range(2)]
    for number, writer in enumerate(writers, 1):
        add(writer, [make_span(number)])
    files = [file for writer in writers for file in closed(writer).files]
    assert len(set(files)) == 2


@on_posix
def test_what_is_spooled_is_private(tmp_path: Path) -> None:
    """Folder and file are the owner's, whatever the process's mask says."""
    folder = tmp_path / "spool"
    mask = os.umask(0)
    try:
        writer = Spool(folder).writer(Signal.TRACES)
        add(writer, make_spans(1))
        [file] = closed(writer).files
    finally:
        os.umask(mask)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_made_is_counted(tmp_path: Path) -> None:
    """What the disk does not take is lost, and the user reads why and what to do."""
    (tmp_path / "file").write_text("in the way")
    writer = Spool(tmp_path / "file" / "spool").writer(Signal.TRACES)
    add(writer, make_spans(2))
    add(writer, make_spans(3))
    kept = closed(writer)
    assert (kept.items, kept.lost, kept.files) == (0, 5, ())
    [failure] = kept.failures
    assert failure.items == 5
    assert failure.problem.startswith("the spool could not be written: ")
    assert "spool-path" in failure.advice


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk, as Linux plays one")
def test_a_full_disk_is_counted() -> None:
    """No space left on the device is told in these words."""
    delivery = write_spans(make_spans(4), Path("/dev/full"))
    assert (delivery.collected, delivery.sent, delivery.lost) == (4, 0, 4)
    assert "No space left" in delivery.failures[0].problem


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX's")
def test_a_disk_that_fills_up_keeps_what_fits(tmp_path: Path) -> None:
    """A line that does not fit is taken back, and the lines before it stay readable."""
    import resource  # noqa: PLC0415
    import signal  # noqa: PLC0415

    writer = Spool(tmp_path).writer(Signal.TRACES)
    add(writer, make_spans(2))
    size = next(tmp_path.iterdir()).stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, limits[1]))
        add(writer, make_spans(50))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    kept = closed(writer)
    assert (kept.items, kept.lost) == (2, 50)
    assert span_ids_in(kept.files[0]) == ids(make_spans(2))


def test_spans_that_cannot_be_written_cost_no_others(tmp_path: Path) -> None:
    """A batch with a broken text is lost and counted; the rest is kept."""
    writer = Spool(tmp_path).writer(Signal.TRACES)
    add(writer, [make_span(1, "broken \ud800 name")])
    add(writer, [make_span(2)])
    kept = closed(writer)
    assert (kept.items, kept.lost) == (1, 1)
    assert "broken" not in repr(kept)
    assert span_ids_in(kept.files[0]) == ids([make_span(2)])


def test_spans_are_written_to_a_file_of_the_users_choice(tmp_path: Path) -> None:
    """`--output` gets every span, and replaces what was there."""
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    trace = make_spans(2_300)
    delivery = write_spans(iter(trace), path)
    assert span_ids_in(path) == ids(trace)
    assert (delivery.collected, delivery.sent, delivery.complete) == (2_300, 2_300, True)
    assert delivery.destination == str(path)
    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]


def test_what_breaks_off_does_not_replace_what_was_there(tmp_path: Path) -> None:
    """When reading fails midway, no unfinished file is left behind."""

    def broken() -> Iterator[Span]:
        yield make_span(1)
        raise RuntimeError("reading failed")

    path = tmp_path / "out.jsonl"
    with pytest.raises(RuntimeError):
        write_spans(broken(), path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """The text names the file and the flag."""
    delivery = write_spans(make_spans(2), tmp_path / "missing" / "out.jsonl")
    [failure] = delivery.failures
    assert (delivery.collected, delivery.lost, failure.items) == (2, 2, 2)
    assert "out.jsonl could not be written" in failure.problem
    assert "--output" in failure.advice


@on_posix
def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """`--output /dev/null` must not make a file of it, even for root."""
    delivery = write_spans(make_spans(1), Path(os.devnull))
    assert delivery.complete
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@on_posix
def test_a_link_is_followed(tmp_path: Path) -> None:
    """The file that a link leads to is replaced, not the link."""
    real, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    real.write_text("old")
    link.symlink_to(real)
    write_spans(make_spans(1), link)
    assert link.is_symlink()
    assert span_ids_in(real) == ids(make_spans(1))
