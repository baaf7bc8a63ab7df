"""Patterns find files below the workspace, and never anything else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from flow_telemetry.reports.files import FileLimits, FileMatches, find_files


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


def names(found: FileMatches) -> list[str]:
    return [file.name for file in found.files]


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
    assert names(find_files(patterns, workspace)) == expected


def test_a_pattern_may_be_a_path_in_the_workspace(workspace: Path) -> None:
    """Such as one made from github.workspace."""
    found = find_files([f"{workspace.as_posix()}/a/*.xml"], workspace)
    assert (names(found), found.left_out) == (["a/junit-1.xml"], ())
    assert found.files[0].path.read_text() == "<testsuite/>"
    assert found.files[0].size == len("<testsuite/>")


@pytest.mark.parametrize("pattern", ["../*", "a/../../x", "/etc/*", "!/etc/*"])
def test_a_pattern_that_leads_out_is_told(workspace: Path, pattern: str) -> None:
    """Nothing is read by it."""
    found = find_files([pattern], workspace)
    assert found.files == ()
    assert found.left_out == (f"the pattern {pattern} leads out of the workspace",)


def test_a_pattern_that_fits_nothing_is_told(workspace: Path) -> None:
    """The report may not have been written."""
    found = find_files(["**/junit.xml", "**/cov.xml", "!x"], workspace)
    assert found.left_out == ("no file matches **/cov.xml",)


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
    found = find_files(["*.xml", "folder/**", "up/**"], workspace)
    assert names(found) == ["junit.xml", "leads-in.xml"]
    assert "leads-out.xml is a link that leads out of the workspace" in found.left_out
    for pattern, name in (("folder/**", "folder"), ("up/**", "up")):
        assert (
            f"no file matches {pattern}: {name} is a link to a folder, which is not followed; copy "
            "its files into another folder first"
        ) in found.left_out


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_linked_folder_further_down_is_told(workspace: Path) -> None:
    """Where a pattern names it; what is found without it needs no such word."""
    (workspace / "a" / "linked").symlink_to(workspace / "a" / "b")
    (workspace / "a" / "junit.xml").symlink_to(workspace / "junit.xml")
    found = find_files(["a/linked/*.xml", "a/junit.xml", "a/?/gone"], workspace)
    assert names(found) == ["a/junit.xml"]
    first, second = found.left_out
    assert first.startswith("no file matches a/linked/*.xml: a/linked is a link to a folder")
    assert second == "no file matches a/?/gone"


def test_patterns_that_only_exclude_are_told(workspace: Path) -> None:
    """They read nothing, which is hardly what was meant; no pattern at all is."""
    found = find_files(["!a/**", "!x"], workspace)
    assert (found.files, found.left_out) == (
        (), ("every pattern begins with `!` and so excludes files; add a pattern of files to read",)
    )  # fmt: skip
    assert find_files([" "], workspace).left_out == ()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_no_file(workspace: Path) -> None:
    """Nobody waits for what is in it."""
    os.mkfifo(workspace / "pipe.xml")
    assert names(find_files(["*.xml"], workspace)) == ["junit.xml"]


def test_more_than_the_bounds_is_told(workspace: Path) -> None:
    """The first by name are taken."""
    found = find_files(["a/**"], workspace, bounds=FileLimits(files=1))
    assert names(found) == ["a/b/junit-2.xml"]
    assert found.left_out == ("2 files more than the 1 that are read: a/b/other.txt",)
    large = find_files(["a/**"], workspace, bounds=FileLimits(size=20))
    assert names(large) == ["a/b/junit-2.xml"]
    assert len(large.left_out) == 2
    narrow = find_files(["**"], workspace, bounds=FileLimits(looked_at=3))
    assert "more than 3 files and folders" in narrow.left_out[0]


def test_a_workspace_that_is_not_there(tmp_path: Path) -> None:
    """Nothing is found."""
    found = find_files(["*.xml"], tmp_path / "gone")
    assert (found.files, found.left_out) == ((), ("no file matches *.xml",))
