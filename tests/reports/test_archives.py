"""Archives of others are read within bounds, and what is hostile in them is left out."""

from __future__ import annotations

from io import BytesIO
from stat import S_IFLNK
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile, ZipInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.errors import ReportError
from flow_telemetry.reports.archives import ArchiveContent, ArchiveLimits, read_archive
from flow_telemetry.reports.logs import LogArchive

MEBIBYTE = 1024 * 1024


def packed(*files: tuple[str | ZipInfo, bytes], method: int = ZIP_DEFLATED) -> bytes:
    archive = BytesIO()
    with ZipFile(archive, "w", method) as writing:
        for name, content in files:
            writing.writestr(name, content)
    return archive.getvalue()


def read(content: bytes, bounds: ArchiveLimits | None = None) -> ArchiveContent:
    return read_archive(content, "artifact 7", wanted=lambda name: True, bounds=bounds)


def test_wanted_files_are_read_in_their_order() -> None:
    """Folders and what nobody wants are passed over without a word."""
    content = packed(("b/two.txt", b"2"), ("empty/", b""), ("one.txt", b"1"), ("x.bin", b"x"))
    found = read_archive(content, "artifact 7", wanted=lambda name: name.endswith(".txt"))
    assert [(file.name, file.content) for file in found.files] == [
        ("b/two.txt", b"2"),
        ("one.txt", b"1"),
    ]
    assert found.left_out == ()


@pytest.mark.parametrize(
    "name", ["../up", "a/../../up", "/etc/passwd", "..\\up", "\\\\host\\x", "C:\\x", "a/..", "a\nb"]
)
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    """Whoever reads on may take names for paths, on any system."""
    found = read(packed((name, b"x"), ("ok..txt", b"y")))
    assert [file.name for file in found.files] == ["ok..txt"]
    (reason,) = found.left_out
    assert reason.endswith("in artifact 7 has a name that is not a safe path")
    assert "\n" not in reason


def test_a_file_without_a_name_is_refused() -> None:
    """A name ends at its first zero byte, so one that begins with it is empty."""
    content = packed(("nameless", b"x"), ("other", b"y")).replace(b"nameless", b"\0ameless")
    assert [file.name for file in read(content).files] == ["other"]
    assert read(content).left_out == ("'' in artifact 7 has a name that is not a safe path",)
    with LogArchive(content) as logs:
        assert logs.files == ()


def test_links_and_strange_methods_are_no_files() -> None:
    """A link's content is a path, and GitHub packs with two methods only."""
    link = ZipInfo("link")
    link.external_attr = (S_IFLNK | 0o777) << 16
    assert read(packed((link, b"/etc/passwd"))).left_out == ("'link' in artifact 7 is a link",)
    (reason,) = read(packed(("x", b"x" * 99), method=ZIP_LZMA)).left_out
    assert "compressed by a method" in reason


def test_a_bomb_is_not_unpacked() -> None:
    """What an archive says of a size is not believed: what comes out is counted."""
    bomb = packed(("bomb", bytes(8 * MEBIBYTE)), ("ok", b"x"))
    size = (8 * MEBIBYTE).to_bytes(4, "little")
    for content in (bomb, bomb.replace(size, b"\x05\0\0\0")):
        found = read(content, ArchiveLimits(largest=MEBIBYTE))
        assert [file.name for file in found.files] == ["ok"]
        assert len(found.left_out) == 1


def test_files_have_a_number_and_a_size_in_all() -> None:
    """What is over is told; a small file after a large one still fits."""
    content = packed(*((f"{n}", bytes(1000)) for n in range(5)), ("small", b"x"))
    found = read(content, ArchiveLimits(size=2500))
    assert [file.name for file in found.files] == ["0", "1", "small"]
    assert len(found.left_out) == 3
    few = read(content, ArchiveLimits(files=2))
    assert len(few.files) == 2
    assert few.left_out == ("artifact 7 has more than the 2 files that are read",)


def test_of_files_of_one_name_the_first_counts() -> None:
    """Readers disagree on which is meant."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = packed(("a", b"1"), ("a", b"2"))
    assert [file.content for file in read(content).files] == [b"1"]


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
            found = read(damaged)
        except ReportError:
            continue
        assert len(found.files) + len(found.left_out) <= 3
