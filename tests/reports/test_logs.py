"""The lines of a run's logs, out of both shapes of GitHub's archive."""

from __future__ import annotations

from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from tests.reports.archives import CHECKOUT, PER_JOB, PER_STEP, PYTEST, archive

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import LogLevel, LogLine
from flow_telemetry.privacy.redactor import build_line_redactor, build_redactor
from flow_telemetry.reports.logs import (
    LogArchive,
    format_job_name,
    list_job_names,
    parse_log_lines,
)


def lines(content: bytes) -> list[LogLine]:
    with LogArchive(content) as logs:
        return [line for file in logs.files for line in logs.lines(file)]


def at(second: int, microsecond: int = 0) -> datetime:
    return datetime(2026, 11, 24, 3, 43, second, microsecond, tzinfo=timezone.utc)


def test_lines_of_steps() -> None:
    """Their own times, without colours and marks; a group holds its title too."""
    found = [(line.step, line.time, line.text, line.group, line.level) for line in lines(PER_STEP)]
    group = "Run actions/checkout@v4"
    assert found == [
        (1, at(0, 123456), group, group, None),
        (1, at(0, 200000), "with:", group, None),
        (1, at(1), "Syncing repository", "", None),
        (3, at(2), "100 %", "", None),
        (3, at(2), "  a line without a time", "", None),
        (3, at(3), "Process completed with exit code 1.", "", LogLevel.ERROR),
        (3, at(4), "Node 16 is old", "", LogLevel.WARNING),
    ]
    assert {line.job for line in lines(PER_STEP)} == {"test (3.12)"}


def test_an_archive_with_files_of_jobs_only() -> None:
    """The lines are the same; whose step they are of is not known."""
    found = lines(PER_JOB)
    assert {(line.job, line.step) for line in found} == {("test (3.12)", None), ("lint", None)}
    texts = [line.text for line in found if line.job == "test (3.12)"]
    assert texts == [line.text for line in lines(PER_STEP)]


def test_folders_with_the_job_s_number() -> None:
    """The whole log beside them is left out all the same."""
    content = archive({"0_lint.txt": PYTEST, "0_lint/1_Set up job.txt": PYTEST})
    assert {(line.job, line.step) for line in lines(content)} == {("0_lint", 1)}
    assert "lint" in list_job_names("0_lint")


@pytest.mark.parametrize(
    ("in_archive", "job", "same"),
    [
        ("build", "build", True),
        ("call  build", "call / build", True),
        ("a b", "a: b", True),
        ("x" * 90, "x" * 100, True),
        ("lint", "lint2", False),
        ("3_lint", "3_lint", True),
    ],
)
def test_names_of_jobs_as_github_writes_them(in_archive: str, job: str, same: bool) -> None:
    """Some characters are left out, and long names are cut."""
    assert (format_job_name(job) in list_job_names(in_archive)) is same


def without_secret(texts: list[str]) -> list[str]:
    return [text.replace("s3cret", "***") for text in texts]


def test_lines_are_handed_to_who_redacts_them() -> None:
    """Without colours in between, and before a group is named by one."""
    raw = ["2026-11-24T03:43:00Z ##[group]Login to\x1b[31mken s3\x1b[0mcret", "x s3cret"]
    found = parse_log_lines(raw, "job", redact=without_secret)
    assert [(line.text, line.group) for line in found] == [
        ("Login token ***", "Login token ***"),
        ("x ***", "Login token ***"),
    ]


def test_a_key_over_very_many_lines() -> None:
    """It is known as one, though lines are looked at some hundred at once."""
    key = ["-----BEGIN PRIVATE KEY-----", *["canary"] * 600, "-----END PRIVATE KEY-----"]
    lines = ["before", *key, "after"]
    found = parse_log_lines(lines, "job", redact=build_line_redactor(build_redactor(())), skip=300)
    texts = [line.text for line in found]
    assert (len(texts), set(texts), texts[-1]) == (304, {"***", "after"}, "after")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://acme.com\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2K\x1b[1Gdone", "done"),
        ("\x1b[38;5;196mred\x1b[m", "red"),
        ("tab\tand\x00nul\x08", "tab\tandnul"),
        ("\x1b]no end", "]no end"),
        ("x" * 20_000, "x" * 16_384),
    ],
)
def test_what_a_terminal_does_not_show_is_left_out(raw: str, expected: str) -> None:
    """Colours, titles, links and cursors."""
    (line,) = parse_log_lines([raw], "job")
    assert (line.text, line.time) == (expected, None)


def test_names_in_an_archive_only_choose(tmp_path: Path) -> None:
    """What is no log by its name is passed over; nothing is written anywhere."""
    content = archive(
        {
            "../../0_evil.txt": "x",
            "/etc/0_evil.txt": "x",
            "../1_evil.txt": "x",
            "a/b/1_evil.txt": "x",
            "C:\\1_evil.txt": "x",
            "0_good.txt": CHECKOUT,
        }
    )
    path = tmp_path / "logs.zip"
    path.write_bytes(content)
    with LogArchive(path) as logs:
        assert [file.path for file in logs.files] == ["0_good.txt"]
    assert [each.name for each in tmp_path.iterdir()] == ["logs.zip"]


def test_links_and_bombs_are_told() -> None:
    """A link is no log; neither is one larger than may be."""
    stream = BytesIO()
    with ZipFile(stream, "w", ZIP_DEFLATED) as made:
        link = ZipInfo("0_link.txt")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/passwd")
        with made.open("1_bomb.txt", "w") as bomb:
            for _ in range(3):
                bomb.write(b"0" * 1024 * 1024)
    with LogArchive(stream.getvalue(), "logs.zip", largest=2 * 1024 * 1024) as logs:
        assert (logs.files, logs.left_out) == (
            (),
            [
                "'0_link.txt' in logs.zip is a link",
                "'1_bomb.txt' in logs.zip is larger than 2 MiB",
            ],
        )


def test_a_long_line_is_cut_and_the_next_is_whole() -> None:
    """Its rest is read away."""
    content = archive({"0_a.txt": "x" * 300_000 + "\nnext\n"})
    first, second = lines(content)
    assert (len(first.text), second.text) == (16_384, "next")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"<html>", "not a complete zip archive"),
        (PER_JOB[:-30], "not a complete zip archive"),
        (b"PK\x01\x02" * 50_001, "more than 50,000 files"),
    ],
)
def test_what_is_no_archive_is_told(content: bytes, said: str) -> None:
    """The error names it."""
    with pytest.raises(ReportError, match=said):
        LogArchive(content, "logs.zip")


def test_a_damaged_log_is_told() -> None:
    """Its lines may have come until then."""
    damaged = bytearray(PER_JOB)
    start = damaged.find(b"0_test (3.12).txt") + len("0_test (3.12).txt")
    damaged[start : start + 20] = b"\xff" * 20
    with pytest.raises(ReportError, match="damaged"):
        lines(bytes(damaged))


def test_a_missing_archive_is_told(tmp_path: Path) -> None:
    """As every other file."""
    with pytest.raises(ReportError, match="does not exist"):
        LogArchive(tmp_path / "gone.zip", "gone.zip")
