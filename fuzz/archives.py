"""Zip archives of others, byte by byte: artifacts, and the logs of a run."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from flow_telemetry.errors import ReportError
from flow_telemetry.reports.archives import read_archive
from flow_telemetry.reports.files import FileLimits
from flow_telemetry.reports.logs import LogArchive
from fuzz.worlds import A_SPAN, JOB_LOG

_LIMITS = FileLimits(files=20, largest=1_000_000, size=4_000_000)


def run(data: bytes) -> None:
    """Read an archive as an artifact, and as the logs of a run."""
    try:
        _, notices = read_archive(data, "it", wanted=lambda _: True, limits=_LIMITS)
        for text in notices:
            text.encode()
    except ReportError as error:
        str(error).encode()
    try:
        with LogArchive(data, largest=1_000_000) as archive:
            for file in archive.files:
                for line in archive.lines(file):
                    line.text.encode()
    except ReportError as error:
        str(error).encode()


def seeds() -> Iterator[bytes]:
    """Yield an archive as GitHub makes them, and one with odd entries."""
    yield _packed({"0_test.txt": JOB_LOG, "test/1_Set up.txt": JOB_LOG, "a/x.jsonl": A_SPAN})
    yield _packed({"test.txt": JOB_LOG, "../up.txt": "x", "/top": "x", "": "x", "d/": ""})
    yield _packed({"0_a.txt": "\0" * 3000}, ZIP_STORED)


def _packed(files: dict[str, str], how: int = ZIP_DEFLATED) -> bytes:
    into = BytesIO()
    with ZipFile(into, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(ZipInfo(name or "x", (2026, 11, 24, 3, 43, 0)), content, how)
    return into.getvalue()
