"""Files of a job have a share of the time, and only regular ones are opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.otlp.builders import FakeClock

from flow_telemetry.clock import Cancellation, Deadline
from flow_telemetry.errors import ReportError
from flow_telemetry.local_files import check_certificates, open_regular, read_regular
from flow_telemetry.reports.coverage import read_coverage
from flow_telemetry.reports.files import TimedContent, find_files, read_chunks
from flow_telemetry.reports.tests import read_test_report

JUNIT = b"<testsuite name='a'>" + b"<testcase name='b'/>" * 100_000 + b"</testsuite>"
GO_TESTS = b'{"Action":"pass","Package":"a","Test":"T","Elapsed":0.1}\n' * 30_000
LCOV = b"SF:a.c\n" + b"DA:1,1\n" * 30_000


class TickingClock(FakeClock):
    """A clock that moves on by a second whenever it is asked."""

    def monotonic(self) -> float:
        self.seconds += 1
        return self.seconds


@pytest.mark.parametrize(
    ("read", "data"),
    [(read_test_report, JUNIT), (read_test_report, GO_TESTS), (read_coverage, LCOV)],
)
def test_a_report_is_not_read_beyond_its_share(read: Callable[..., Any], data: bytes) -> None:
    """However large it is: the time is looked at while it is read."""
    content = TimedContent(data, Deadline.after(TickingClock(), 2.5))
    with pytest.raises(ReportError, match="big was not read to its end: the share of the time"):
        read(content, "big")
    assert read(TimedContent(data, Deadline.after(FakeClock(), 2.5)), "big") == read(data, "big")


def test_a_cancellation_is_told_as_such() -> None:
    """No input is blamed."""
    clock = FakeClock()
    content = TimedContent(JUNIT, Deadline(clock, None, Cancellation(clock.seconds, "SIGINT")))
    with pytest.raises(ReportError, match=r"was cancelled \(SIGINT\)"):
        read_test_report(content, "junit.xml")


def test_the_search_for_files_ends_in_time(tmp_path: Path) -> None:
    """A workspace may have any number of them."""
    for number in range(3):
        (tmp_path / f"{number}.xml").touch()
    late = Deadline.after(FakeClock(), 0)
    files, notices = find_files(["*.xml"], tmp_path, until=late)
    assert files == []
    assert any("the rest of the workspace was not checked" in notice for notice in notices)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_only_regular_files_of_a_bounded_size_are_opened(tmp_path: Path) -> None:
    """A pipe would wait for its writer, and a device may have no end."""
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    file.write_bytes(b"12345")
    for other in (pipe, Path(os.devnull), tmp_path):
        with pytest.raises(OSError, match=r"not a regular file|[Ii]s a directory"):
            open_regular(other)
    with pytest.raises(ReportError, match="is not a regular file"):
        list(read_chunks(pipe, "pipe"))
    with pytest.raises(OSError, match="larger than"):
        read_regular(file, 4)
    assert read_regular(file, 5) == b"12345"
    check_certificates(str(tmp_path))
    with pytest.raises(OSError, match="not a regular file"):
        check_certificates(str(pipe))
