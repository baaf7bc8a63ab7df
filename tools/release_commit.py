"""Commits of a release: the source at HEAD, and on top of it the bundle and a pin.

    python tools/release_commit.py [1.2.3] --bundle bundle [--list FOLDER]

The first commit adds the bundle; the second one lets the reusable workflows run the action by the
hash of the first, because a commit cannot contain its own. They are not on a branch: users'
`uses:` fetches the second by its tags, `v1.2.3` and `v1`, and the default branch stays free of
binaries. Nothing is pushed. Files for developers are in the commit, but not in the tarball that
runners download.

The same source and bundle make the same commits: author, committer and times are fixed.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.release_notes import NotesError, notes_of  # noqa: E402 - importable from here on
from tools.release_tree import TreeError, list_name, tree_of_commit, written  # noqa: E402

VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:(?:a|b|rc)\d+)?")
WRITTEN = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
# Limits of the tarball: every run of every user's workflow downloads it.
MOST_BYTES, MOST_FILES = 6_000_000, 2_000
NOT_FOR_RUNNERS = (
    *(".ci", ".github", "benchmarks", "docs", "examples", "fuzz", "tests", "tools", "Makefile"),
    *(f"requirements/{name}.txt" for name in ("audit", "build", "clickhouse", "dev", "fuzz")),
    "requirements/phoenix.txt",
    "src/flow_telemetry/demo",
)
# Neither the user's configuration nor the time is in the commits.
FIXED = (
    *("-c", "user.name=flow-telemetry", "-c", "user.email=noreply@github.com"),
    *("-c", "core.autocrlf=false", "-c", "core.fileMode=true", "-c", "commit.gpgSign=false"),
    *("-c", "tag.gpgSign=false", "-c", "core.hooksPath=/dev/null"),
)
# The reusable workflows, and how often each uses the action.
CALLED = {
    Path(".github", "workflows", "telemetry.yml"): 1,
    Path(".github", "workflows", "organization.yml"): 3,
}
OWN_ACTION = re.compile(r"^( +uses: [\w.-]+/flow-telemetry)@\S+.*$", re.MULTILINE)


class ReleaseError(Exception):
    """The release cannot be made; the text says why."""


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Make the commit and its tags in a clone; returns the exit status."""
    parser = argparse.ArgumentParser(description="Make the commit of a release, and its tags.")
    parser.add_argument("version", nargs="?", help="as in __version__, without a v; its default")
    parser.add_argument("--bundle", type=Path, required=True, help="the folder of build_bundle.py")
    parser.add_argument("--list", type=Path, help="folder for the list of the commit's files")
    options = parser.parse_args(arguments)
    try:
        version = options.version or written_version(root)
        check(root, version)
        commit = make_commit(root, version, options.bundle)
        size, files = tarball(root, commit)
        if options.list is not None:
            text = written(tree_of_commit(root, f"v{version}", commit))
            path = options.list / list_name(f"v{version}")
            path.write_text(text, encoding="utf-8", newline="\n")
    except (ReleaseError, NotesError, TreeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{commit}\n{size / 1e6:.1f} MB in {files} files", file=sys.stderr)
    print(commit)
    return 0


def written_version(root: Path) -> str:
    """Return `__version__`, or `missing`."""
    source = root / "src" / "flow_telemetry" / "__init__.py"
    match = WRITTEN.search(source.read_text(encoding="utf-8"))
    return match[1] if match else "missing"


def check(root: Path, version: str) -> None:
    """Raise ReleaseError or NotesError if the source is not ready for the release of a version."""
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"{version} is not a version such as 1.2.3 or 1.2.3rc1")
    in_source = written_version(root)
    if in_source != version:
        raise ReleaseError(f"__version__ is {in_source}, not {version}: change it, or the tag")
    notes_of((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if git(root, "status", "--porcelain", "--untracked-files=no"):
        raise ReleaseError("there are uncommitted changes: commit or revert them")
    if git(root, "tag", "--list", f"v{version}"):
        raise ReleaseError(
            f"the tag v{version} exists already: a release is never changed; choose a new version"
        )


def make_commit(root: Path, version: str, bundle: Path) -> str:
    """Commit the bundle and the pin on top of HEAD, without a branch, and tag; returns the commit.

    The major tag follows final versions only: users of `v1` get no release candidates.
    """
    if not (bundle / "MANIFEST").exists():
        raise ReleaseError(f"{bundle} is not a bundle: build it by tools/build_bundle.py")
    if bundle.resolve() != (root / "bundle").resolve():
        raise ReleaseError(f"the bundle must be in {root / 'bundle'}")
    time = git(root, "show", "--no-patch", "--format=%cI", "HEAD")
    git(root, "checkout", "--quiet", "--detach")
    attributes = root / ".gitattributes"
    lines = "".join(f"/{name} export-ignore\n" for name in NOT_FOR_RUNNERS)
    text = attributes.read_text(encoding="utf-8") + lines
    attributes.write_text(text, encoding="utf-8", newline="\n")
    # Forced: the default branch ignores the folder.
    git(root, *FIXED, "add", "--force", ".gitattributes", "bundle")
    action = _commit(root, f"The action of {version}, with its bundle", time)
    for path, times in CALLED.items():
        called = root / path
        text = pinned_to(called.read_text(encoding="utf-8"), action, path.as_posix(), times)
        called.write_text(text, encoding="utf-8", newline="\n")
        git(root, *FIXED, "add", str(path))
    commit = _commit(root, f"Release {version}, whose workflows run the action by its hash", time)
    git(root, *FIXED, "tag", f"v{version}")
    if version.replace(".", "").isdigit():
        git(root, *FIXED, "tag", "--force", f"v{version.partition('.')[0]}")
    return commit


def pinned_to(workflow: str, commit: str, name: str, times: int) -> str:
    """Return the text of a reusable workflow with the action at a commit.

    Raises ReleaseError unless it uses the action so many times.
    """
    # No version behind it: the tag is at the next commit, and tools compare the two.
    text, found = OWN_ACTION.subn(rf"\g<1>@{commit} # the commit before this one", workflow)
    if found != times:
        raise ReleaseError(f"{name} uses the action {found} times, not {times}")
    return text


def _commit(root: Path, message: str, time: str) -> str:
    dates = {"GIT_AUTHOR_DATE": time, "GIT_COMMITTER_DATE": time}
    git(root, *FIXED, "commit", "--quiet", "--no-verify", "--message", message, environ=dates)
    return git(root, "rev-parse", "HEAD")


def tarball(root: Path, commit: str) -> tuple[int, int]:
    """Return size in bytes and number of files of the tarball that a runner downloads.

    Raises ReleaseError if it is larger than the project promises.
    """
    archive = git_bytes(root, "archive", "--format=tar.gz", commit)
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        files = sum(member.isfile() for member in opened)
    if len(archive) > MOST_BYTES or files > MOST_FILES:
        raise ReleaseError(
            f"the tarball has {len(archive)} bytes in {files} files; at most {MOST_BYTES} in "
            f"{MOST_FILES} are promised. See LEFT_OUT in tools/bundle_contents.py"
        )
    return len(archive), files


def git(root: Path, *words: str, environ: Mapping[str, str] | None = None) -> str:
    """Run git; returns its output without the last line end."""
    return git_bytes(root, *words, environ=environ).decode().rstrip("\n")


def git_bytes(root: Path, *words: str, environ: Mapping[str, str] | None = None) -> bytes:
    """Run git; raises ReleaseError with its message if it fails."""
    done = subprocess.run(  # noqa: S603
        ["git", *words],  # noqa: S607
        cwd=root,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise ReleaseError(f"git {words[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
