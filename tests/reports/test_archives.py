"""Archives of others are read within bounds, and what is hostile in them is left out."""

from __future__ import annotations

from io import BytesIO
from stat import S_IFLNK
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile, ZipInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.errors import ReportError
from flow_telemetry.reports.archives import read_archive
from flow_telemetry.reports.files import FileLimits
from flow_telemetry.reports.logs import LogArchive

MEBIBYTE = 1024 * 1024


def packed(*files: tuple[str | ZipInfo, bytes], method: int = ZIP_DEFLATED) -> bytes:
    archive = BytesIO()
    with ZipFile(archive, "w", method) as writing:
        for name, content in files:
            writing.writestr(name, content)
    return archive.getvalue()


def read(content: bytes, limits: FileLimits | None = None) -> tuple[dict[str, bytes], list[str]]:
    return read_archive(content, "artifact 7", wanted=lambda name: True, limits=limits)


def test_wanted_files_are_read_in_their_order() -> None:
    """Folders and what nobody wants are passed over without a word."""
    content = packed(("b/two.txt", b"2"), ("empty/", b""), ("one.txt", b"1"), ("x.bin", b"x"))
    files, notices = read_archive(content, "artifact 7", wanted=lambda name: name.endswith(".txt"))
    assert list(files.items()) == [
        ("b/two.txt", b"2"),
        ("one.txt", b"1"),
    ]
    assert notices == []


@pytest.mark.parametrize(
    "name", ["../up", "a/../../up", "/etc/passwd", "..\\up", "\\\\host\\x", "C:\\x", "a/..", "a\nb"]
)
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    """Whoever reads on may take names for paths, on any system."""
    files, notices = read(packed((name, b"x"), ("ok..txt", b"y")))
    assert list(files) == ["ok..txt"]
    (reason,) = notices
    assert reason.endswith("in artifact 7 has a name that is not a safe path")
    assert "\n" not in reason


def test_a_file_without_a_name_is_refused() -> None:
    """A name ends at its first zero byte, so one that begins with it is empty."""
    content = packed(("nameless", b"x"), ("other", b"y")).replace(b"nameless", b"\0ameless")
    assert list(read(content)[0]) == ["other"]
    assert read(content)[1] == ["'' in artifact 7 has a name that is not a safe path"]
    with LogArchive(content) as logs:
        assert logs.files == ()


def test_links_and_strange_methods_are_no_files() -> None:
    """A link's content is a path, and GitHub packs with two methods only."""
    link = ZipInfo("link")
    link.external_attr = (S_IFLNK | 0o777) << 16
    assert read(packed((link, b"/etc/passwd")))[1] == ["'link' in artifact 7 is a link"]
    (reason,) = read(packed(("x", b"x" * 99), method=ZIP_LZMA))[1]
    assert "compressed by a method" in reason


def test_a_bomb_is_not_unpacked() -> None:
    """What an archive says of a size is not believed: what comes out is counted."""
    bomb = packed(("bomb", bytes(8 * MEBIBYTE)), ("ok", b"x"))
    size = (8 * MEBIBYTE).to_bytes(4, "little")
    for content in (bomb, bomb.replace(size, b"\x05\0\0\0")):
        files, notices = read(content, FileLimits(largest=MEBIBYTE))
        assert list(files) == ["ok"]
        assert len(notices) == 1


def test_files_have_a_number_and_a_size_in_all() -> None:
    """What is over is told; a small file after a large one still fits."""
    content = packed(*((f"{n}", bytes(1000)) for n in range(5)), ("small", b"x"))
    files, notices = read(content, FileLimits(size=2500))
    assert list(files) == ["0", "1", "small"]
    assert len(notices) == 3
    files, notices = read(content, FileLimits(files=2))
    assert len(files) == 2
    assert notices == ["artifact 7 has more than the 2 files that are read"]


def test_of_files_of_one_name_the_first_counts() -> None:
    """Readers disagree on which is meant."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = packed(("a", b"1"), ("a", b"2"))
    assert list(read(content)[0].values()) == [b"1"]


def test_an_archive_of_too_many_files_is_not_opened() -> None:
    """Its list alone would take memory."""
    with pytest.raises(ReportError, match="more than 50,000 files"):
        read(b"PK\x01\x02" * 50_001)


@given(content=st.binary(max_size=300), at=st.integers(0, 200), byte=st.integers(0, 255))
def test_no_bytes_break_it(content: bytes, at: int, byte: int) -> None:
    """Neither any bytes nor an archive of which one was changed."""
    good = packed(("one", b"1" * 50), ("two", b"2"))
    for damaged in (content, good[:at] + bytes([byte]) + good[at + 1 :], good[:at]):
        try:
            files, notices = read(damaged)
        except ReportError:
            continue
        assert len(files) + len(notices) <= 3
