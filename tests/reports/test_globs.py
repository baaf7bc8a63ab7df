"""Patterns find files below the workspace, and never anything else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from flow_telemetry.reports.files import FileLimits, MatchedFile, find_files


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with reports here and there."""
    top = tmp_path / "workspace"
    for name in (
        "junit.xml",
        "a/junit-1.xml",
        "a/b/junit-2.xml",
        "a/b/other.txt",
        ".hidden/junit.xml",
        ".git/junit.xml",
        "web/node_modules/lib/junit.xml",
        "a[1]/x.xml",
    ):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<testsuite/>")
    return top


def names(files: list[MatchedFile]) -> list[str]:
    return [file.name for file in files]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["**/junit*.xml"], [".hidden/junit.xml", "a/b/junit-2.xml", "a/junit-1.xml", "junit.xml"]),
        (["*.xml"], ["junit.xml"]),
        (["a/*.xml"], ["a/junit-1.xml"]),
        (["a/**/*.xml"], ["a/b/junit-2.xml", "a/junit-1.xml"]),
        (["a/**"], ["a/b/junit-2.xml", "a/b/other.txt", "a/junit-1.xml"]),
        (["./a/junit-?.xml"], ["a/junit-1.xml"]),
        (["**/junit-[0-9].xml", "!**/b/**"], ["a/junit-1.xml"]),
        (["web/node_modules/**"], ["web/node_modules/lib/junit.xml"]),
        (["a[[]1]/*"], ["a[1]/x.xml"]),
        (["a/b[!x]junit-2.xml", "junit.xml"], ["junit.xml"]),
        (["junit.xml", "junit.xml", " "], ["junit.xml"]),
        ([], []),
    ],
)
def test_patterns(workspace: Path, patterns: list[str], expected: list[str]) -> None:
    """As workflows write them."""
    assert names(find_files(patterns, workspace)[0]) == expected


def test_a_pattern_may_be_a_path_in_the_workspace(workspace: Path) -> None:
    """Such as one made from github.workspace."""
    files, notices = find_files([f"{workspace.as_posix()}/a/*.xml"], workspace)
    assert (names(files), notices) == (["a/junit-1.xml"], [])
    assert files[0].path.read_text() == "<testsuite/>"
    assert files[0].size == len("<testsuite/>")


@pytest.mark.parametrize("pattern", ["../*", "a/../../x", "/etc/*", "!/etc/*"])
def test_a_pattern_that_leads_out_is_told(workspace: Path, pattern: str) -> None:
    """Nothing is read by it."""
    files, notices = find_files([pattern], workspace)
    assert files == []
    assert notices == [f"the pattern {pattern} leads out of the workspace"]


def test_a_pattern_that_fits_nothing_is_told(workspace: Path) -> None:
    """The report may not have been written."""
    _, notices = find_files(["**/junit.xml", "**/cov.xml", "!x"], workspace)
    assert notices == ["no file matches **/cov.xml"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_out_of_the_workspace_are_not_followed(workspace: Path, tmp_path: Path) -> None:
    """Neither to files nor to folders; a link to a file inside is one."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "junit.xml").write_text("secret")
    (workspace / "folder").symlink_to(tmp_path / "secret")
    (workspace / "leads-out.xml").symlink_to(tmp_path / "secret" / "junit.xml")
    (workspace / "leads-in.xml").symlink_to(workspace / "junit.xml")
    (workspace / "circle.xml").symlink_to(workspace / "circle.xml")
    (workspace / "broken.xml").symlink_to(workspace / "gone")
    (workspace / "up").symlink_to(workspace)
    files, notices = find_files(["*.xml", "folder/**", "up/**"], workspace)
    assert names(files) == ["junit.xml", "leads-in.xml"]
    assert "leads-out.xml is a link that leads out of the workspace" in notices
    for pattern, name in (("folder/**", "folder"), ("up/**", "up")):
        assert (
            f"no file matches {pattern}: {name} is a link to a folder, which is not followed; copy "
            "its files into another folder first"
        ) in notices


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_linked_folder_further_down_is_told(workspace: Path) -> None:
    """Where a pattern names it; what is found without it needs no such word."""
    (workspace / "a" / "linked").symlink_to(workspace / "a" / "b")
    (workspace / "a" / "junit.xml").symlink_to(workspace / "junit.xml")
    files, notices = find_files(["a/linked/*.xml", "a/junit.xml", "a/?/gone"], workspace)
    assert names(files) == ["a/junit.xml"]
    first, second = notices
    assert first.startswith("no file matches a/linked/*.xml: a/linked is a link to a folder")
    assert second == "no file matches a/?/gone"


def test_patterns_that_only_exclude_are_told(workspace: Path) -> None:
    """They read nothing, which is hardly what was meant; no pattern at all is."""
    files, notices = find_files(["!a/**", "!x"], workspace)
    assert (files, notices) == (
        [], ["every pattern begins with `!` and so excludes files; add a pattern of files to read"]
    )  # fmt: skip
    assert find_files([" "], workspace) == ([], [])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_no_file(workspace: Path) -> None:
    """Nobody waits for what is in it."""
    os.mkfifo(workspace / "pipe.xml")
    assert names(find_files(["*.xml"], workspace)[0]) == ["junit.xml"]


def test_more_than_the_bounds_is_told(workspace: Path) -> None:
    """The first by name are taken."""
    files, notices = find_files(["a/**"], workspace, limits=FileLimits(files=1))
    assert names(files) == ["a/b/junit-2.xml"]
    assert notices == ["2 more files than the 1 that are read, from a/b/other.txt on"]
    files, large = find_files(["a/**"], workspace, limits=FileLimits(size=20))
    assert names(files) == ["a/b/junit-2.xml"]
    assert len(large) == 2
    _, narrow = find_files(["**"], workspace, limits=FileLimits(entries=3))
    assert "more than 3 files and folders" in narrow[0]


def test_a_workspace_that_is_not_there(tmp_path: Path) -> None:
    """Nothing is found."""
    files, notices = find_files(["*.xml"], tmp_path / "gone")
    assert (files, notices) == ([], ["no file matches *.xml"])
