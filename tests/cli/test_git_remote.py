"""The repository of a folder is that of its git remote, which is read without git."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from flow_telemetry.cli.git_remote import parse_remote, read_remote


def configured(folder: Path, *lines: str) -> Path:
    """A folder with a repository whose configuration has these lines."""
    (folder / ".git").mkdir(parents=True)
    text = "[core]\n\tbare = false\n" + "\n".join(lines) + "\n"
    (folder / ".git" / "config").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("url", "server", "repository"),
    [
        ("git@github.com:acme/shop.git", "https://github.com", "acme/shop"),
        ("git@github.com:/acme/shop", "https://github.com", "acme/shop"),
        ("github.com:acme/shop.git", "https://github.com", "acme/shop"),
        ("ssh://git@github.com/acme/shop.git", "https://github.com", "acme/shop"),
        ("ssh://git@ssh.github.com:443/acme/shop.git", "https://github.com", "acme/shop"),
        ("ssh://git@ghe.example.com:2222/acme/shop", "https://ghe.example.com", "acme/shop"),
        ("https://github.com/acme/shop", "https://github.com", "acme/shop"),
        ("https://GitHub.com/Acme/Shop.git/", "https://github.com", "Acme/Shop"),
        ("https://x-access-token:s3cret@github.com/acme/shop", "https://github.com", "acme/shop"),
        ("https://ghe.example.com:8443/acme/shop.git", "https://ghe.example.com:8443", "acme/shop"),
        ("http://ghe.example.com:8080/acme/shop.git", "https://ghe.example.com", "acme/shop"),
        ("https://acme.ghe.com/acme/shop.js.git", "https://acme.ghe.com", "acme/shop.js"),
        ("git://github.com/acme/shop.git", "https://github.com", "acme/shop"),
    ],
)
def test_the_forms_of_a_remote(url: str, server: str, repository: str) -> None:
    """SSH, HTTPS and git's own protocol; the server's API is always reached by HTTPS."""
    remote = parse_remote(url)
    assert remote is not None
    assert (remote.server_url, remote.repository) == (server, repository)


@pytest.mark.parametrize(
    "url",
    [
        *("", "../shop.git", "/srv/git/shop.git", "file:///srv/git/acme/shop", "C:/git/acme/shop"),
        *("git@work:acme/shop.git", "https://github.com/acme", "https://github.com/a/b/c"),
        *("https://github.com/acme/..", "https://[::1", "https://github.com:x/acme/shop"),
        *("https://gi thub.com/acme/shop", "ext::sh -c x% acme/shop", "s3://bucket.x/acme/shop"),
    ],
)
def test_a_remote_of_another_form_names_nothing(url: str) -> None:
    """A path, a host that only the SSH configuration knows, a damaged address."""
    assert parse_remote(url) is None


def test_origin_counts_in_every_folder_below(tmp_path: Path) -> None:
    """Other remotes do not, nor do other sections."""
    configured(
        tmp_path,
        '[remote "fork"]',
        "\turl = git@github.com:somebody/shop.git",
        '[remote "origin"] ; the main one',
        "\tfetch = +refs/heads/*:refs/remotes/origin/*",
        '\turl = "git@github.com:acme/shop.git" # quoted',
        "\turl = git@github.com:acme/second.git",
        "\tpushurl = git@github.com:acme/push.git",
        '[branch "main"]',
        "\turl = git@github.com:acme/wrong.git",
    )
    below = tmp_path / "src" / "shop"
    below.mkdir(parents=True)
    for folder in (tmp_path, below):
        remote = read_remote(folder)
        assert remote is not None
        assert remote.repository == "acme/shop"


def test_without_origin_the_only_remote_counts(tmp_path: Path) -> None:
    """Of several ones none does."""
    one = configured(tmp_path / "one", '[remote "up"]', "url=https://github.com/acme/shop")
    remote = read_remote(one)
    assert remote is not None
    assert remote.repository == "acme/shop"
    two = configured(
        tmp_path / "two",
        '[remote "a"]',
        "url=https://github.com/acme/a",
        '[remote "b"]',
        "url=https://github.com/acme/b",
    )
    assert read_remote(two) is None


def test_what_is_not_a_repository_has_none(tmp_path: Path) -> None:
    """No folder, an empty one, a damaged one."""
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / ".git").write_bytes(b"\xff\x00 nothing")
    (tmp_path / "empty" / ".git").mkdir(parents=True)
    for name in ("damaged", "empty", "missing"):
        assert read_remote(tmp_path / name) is None


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_what_git_itself_writes_is_read(tmp_path: Path) -> None:
    """A repository, and a worktree of it, whose `.git` is a file."""
    main, other = tmp_path / "main", tmp_path / "other"

    def git(*words: str) -> None:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        subprocess.run(["git", *who, *words], cwd=main, check=True, capture_output=True)

    main.mkdir()
    git("init", "-q")
    git("remote", "add", "origin", "git@github.com:acme/shop.git")
    git("commit", "-q", "--allow-empty", "-m", "x")
    git("worktree", "add", "-q", str(other))
    for folder in (main, other):
        remote = read_remote(folder)
        assert remote is not None
        assert remote.repository == "acme/shop"
