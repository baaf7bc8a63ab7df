"""What was not delivered is on disk, whole, for the owner only, and readable by a Collector."""

from __future__ import annotations

import gzip
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.fakes.spans import from_json, spans_in
from tests.otlp.builders import ids, make_span, make_spans
from tests.support.spool import files_in, spans_of

from flow_telemetry.otlp.compression import compress
from flow_telemetry.otlp.exporter import FileExporter
from flow_telemetry.otlp.sdk import SdkEncoder
from flow_telemetry.otlp.spool import LockError, Spool, SpoolFolder, spool_folders
from flow_telemetry.telemetry import Delivery, EncodedRequest, Signal, Span

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def now() -> datetime:
    return datetime(2026, 11, 24, 5, 43, tzinfo=timezone(timedelta(hours=2)))


def span_ids_in(path: Path | str) -> list[str]:
    """The ids of all spans of a file, as a Collector reads them."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    requests = [from_json(ExportTraceServiceRequest, line) for line in lines]
    return [span.span_id for request in requests for span in spans_in(request)]


def write_spans(spans: Iterable[Span], path: Path) -> Delivery:
    """Write spans to a file of the user's choice."""
    [delivery] = FileExporter(path).deliver(spans)
    return delivery


def spans_request(*spans: Span) -> EncodedRequest:
    """A request with those spans."""
    return SdkEncoder(Signal.TRACES).encode(spans)


def stored_ids(folder: Path) -> list[str]:
    """The ids of all spans in a spool."""
    return [span.span_id for file in files_in(folder) for span in spans_of(file)]


def test_each_request_is_a_file_of_the_exports_folder(tmp_path: Path) -> None:
    """The folder is named by the time in UTC, a file by its signal: with the request as sent."""
    journal = Spool(tmp_path / "spool", now).journal()
    request = spans_request(*make_spans(3))
    stored = journal.store(request)
    journal.store(spans_request(make_span(9)))
    first, second = files_in(tmp_path / "spool")
    assert stored.path == first
    assert re.fullmatch(r"20261124T034300Z-[0-9a-f]{8}", first.parent.name)
    assert [first.name, second.name] == ["traces-000001.otlp.gz", "traces-000002.otlp.gz"]
    assert stored.load() == request
    assert gzip.decompress(first.read_bytes()) == request.body
    journal.close()


def test_what_was_delivered_leaves_no_trace(tmp_path: Path) -> None:
    """No file and no folder; what was not stays."""
    spool = Spool(tmp_path / "spool", now)
    journal = spool.journal()
    assert not spool.folder.exists()
    stored = journal.store(spans_request(make_span(1)))
    journal.remove(stored)
    journal.close()
    assert not spool.folder.exists()
    journal = spool.journal()
    kept = journal.keep(journal.store(spans_request(make_span(1))))
    journal.close()
    assert [str(file) for file in files_in(spool.folder)] == [kept.file]


def test_two_exports_at_one_time_have_folders_of_their_own(tmp_path: Path) -> None:
    """Legs of a matrix on one runner do not meet; the end of one leaves the other alone."""
    spool = Spool(tmp_path / "spool", now)
    one, other = spool.journal(), spool.journal()
    first, second = one.store(spans_request(make_span(1))), other.store(spans_request(make_span(2)))
    one.remove(first)
    one.close()
    assert second.load().items == 1
    assert stored_ids(spool.folder) == [f"{2:016x}"]
    other.close()


@on_posix
def test_what_is_spooled_is_private(tmp_path: Path) -> None:
    """Folders and files are the owner's, whatever the process's mask says."""
    folder = tmp_path / "spool"
    mask = os.umask(0)
    try:
        journal = Spool(folder).journal()
        stored = journal.store(spans_request(make_span(1)))
        journal.close()
    finally:
        os.umask(mask)
    assert stored.path is not None
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (folder, stored.path.parent, stored.path)]
    assert modes == [0o700, 0o700, 0o600]
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("lock")} == {0o600}


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Requests stay in memory, and what is not delivered then is lost with a reason."""
    (tmp_path / "file").write_text("in the way")
    journal = Spool(tmp_path / "file" / "spool").journal()
    stored = journal.store(spans_request(make_span(1)))
    assert (stored.path, stored.load().items) == (None, 1)
    kept = journal.keep(stored)
    assert kept.file == ""
    assert kept.problem.startswith("the spool could not be written: ")
    assert "spool-path" in kept.advice


def test_the_size_of_a_spool_is_limited(tmp_path: Path) -> None:
    """Of all exports together; what finds no room is sent all the same, and that is told."""
    size = len(compress(spans_request(make_span(1)).body))
    spool = Spool(tmp_path / "spool", most_bytes=3 * size + 400)
    earlier, journal = spool.journal(), spool.journal()
    for number in range(2):
        earlier.store(spans_request(make_span(number)))
    stored = [journal.store(spans_request(make_span(number))) for number in range(9)]
    assert 0 < sum(each.path is not None for each in stored) < 3
    assert "its largest size" in journal.problem
    journal.close()
    earlier.close()


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX's")
def test_a_disk_that_fills_up_keeps_what_fits(tmp_path: Path) -> None:
    """A request that does not fit leaves no torn file, and those before it stay readable."""
    import resource  # noqa: PLC0415
    import signal  # noqa: PLC0415

    journal = Spool(tmp_path).journal()
    journal.store(spans_request(make_span(1)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, limits[1]))
        stored = journal.store(spans_request(*make_spans(500)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert stored.path is None
    assert journal.problem
    assert stored_ids(tmp_path) == [f"{1:016x}"]
    journal.close()


def test_a_folder_is_its_owners_until_it_ends(tmp_path: Path) -> None:
    """The operating system knows whether it lives; nothing is left of a lock after a kill."""
    code = (
        "import os, sys; from pathlib import Path; from datetime import datetime, timezone\n"
        "from flow_telemetry.otlp.spool import SpoolFolder\n"
        "own = SpoolFolder.create(Path(sys.argv[1]), datetime.now(timezone.utc))\n"
        "print(own.path, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().strip())
        assert spool_folders(tmp_path) == [folder]
        with pytest.raises(LockError, match="in use by an export or another replay"):
            SpoolFolder.open(folder)
        owner.kill()
        owner.wait()
    SpoolFolder.open(folder).close()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["kept", "20261124T034300Z-0123456", "20261124T034300Z-0123456g"])
def test_only_the_programs_own_folders_are_spool_folders(tmp_path: Path, name: str) -> None:
    """By their name, and a lock that is a file; a link to one is none."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "lock").touch()
    own = tmp_path / "20261124T034300Z-01234567"
    own.mkdir()
    assert spool_folders(tmp_path) == []
    (own / "lock").touch()
    assert spool_folders(tmp_path) == [own]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk, as Linux plays one")
def test_a_full_disk_is_counted() -> None:
    """No space left on the device is told in these words."""
    delivery = write_spans(make_spans(4), Path("/dev/full"))
    assert (delivery.collected, delivery.sent, delivery.lost) == (4, 0, 4)
    assert "No space left" in delivery.failures[0].problem


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
