"""The repository of the current folder: its git remote `origin`, read without git."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from flow_telemetry.local_files import read_regular
from flow_telemetry.settings.github import GitRemote

_MOST_BYTES = 1_000_000
_SECTION = re.compile(r'\s*\[\s*remote\s+"((?:[^"\\]|\\.)*)"\s*\]\s*(?:[#;].*)?', re.IGNORECASE)
_URL = re.compile(r'\s*url\s*=\s*"?([^"#;]*[^"#;\s])"?\s*(?:[#;].*)?', re.IGNORECASE)
# `git@github.com:acme/shop.git`: a host, a colon that no slash precedes, and a path.
_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[A-Za-z0-9.-]+):(?P<path>[^\s:].*)")
_REPOSITORY = re.compile(r"/?([A-Za-z0-9._-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?")
# SSH over the port of HTTPS has a host of its own.
_SSH_HOSTS = {"ssh.github.com": "github.com"}


def read_remote(folder: Path | None = None) -> GitRemote | None:
    """Return the remote `origin` of a folder's repository, else its only remote.

    None without a repository or remote, or if the remote is not on a server. Values that git
    replaces (`insteadOf`, `include`) are not read.
    """
    config = _find_config(folder or Path())
    if config is None:
        return None
    try:
        text = read_regular(str(config), _MOST_BYTES).decode("utf-8", errors="replace")
    except (OSError, ValueError):
        return None
    urls = _remotes(text)
    url = urls.get("origin") or (next(iter(urls.values())) if len(urls) == 1 else "")
    return parse_remote(url)


def _find_config(folder: Path) -> Path | None:
    with suppress(OSError, ValueError):
        here = folder.resolve()
        for parent in (here, *here.parents):
            git = parent / ".git"
            if git.is_dir():
                return git / "config"
            if git.is_file():
                return _config_of_worktree(git)
    return None


def _config_of_worktree(git: Path) -> Path | None:
    """The config of a worktree or submodule: its `.git` names the folder of its repository."""
    text = read_regular(str(git), _MOST_BYTES).decode("utf-8", errors="replace")
    name, _, path = text.partition(":")
    if name.strip() != "gitdir":
        return None
    own = (git.parent / path.strip()).resolve()
    common = own / "commondir"
    if common.is_file():
        shared = read_regular(str(common), _MOST_BYTES).decode("utf-8", errors="replace")
        own = (own / shared.strip()).resolve()
    return own / "config"


def _remotes(config: str) -> Mapping[str, str]:
    """Return the first URL of each remote, by the names of the remotes."""
    urls: dict[str, str] = {}
    for name, line in _lines_of_remotes(config):
        match = _URL.fullmatch(line)
        if match and name not in urls:
            urls[name] = match[1]
    return urls


def _lines_of_remotes(config: str) -> Iterator[tuple[str, str]]:
    remote = ""
    for line in config.splitlines():
        if line.lstrip().startswith("["):
            match = _SECTION.fullmatch(line)
            remote = match[1] if match else ""
        elif remote:
            yield remote, line


def parse_remote(url: str) -> GitRemote | None:
    """Return the server and repository of a remote's address; None if it is of another form."""
    # `git@github.com:acme/shop.git`, `ssh://git@ghe.example.com:2222/acme/shop`,
    # `https://github.com/acme/shop`, `git://github.com/acme/shop.git`.
    host, path = _host_and_path(url.strip())
    match = _REPOSITORY.fullmatch(path)
    # A host without a dot is a name that only the user's SSH configuration knows.
    if match is None or "." not in host or {".", ".."} & set(match[1].split("/")):
        return None
    return GitRemote(server_url=f"https://{_SSH_HOSTS.get(host, host)}", repository=match[1])


def _host_and_path(url: str) -> tuple[str, str]:
    if "://" not in url:
        match = _SCP.fullmatch(url)
        return (match["host"].lower(), match["path"]) if match else ("", "")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "", ""
    if not re.fullmatch(r"[a-z0-9.-]+", host):
        return "", ""
    # The port of SSH is not that of the API.
    if parts.scheme == "https" and port not in (None, 443):
        host = f"{host}:{port}"
    return (host, parts.path) if parts.scheme in ("https", "http", "ssh", "git") else ("", "")
