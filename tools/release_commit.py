"""Commit of a release: the source at HEAD, and the bundle on top of it.

    python tools/release_commit.py 1.2.3 --bundle bundle

The commit is not on a branch: users' `uses:` fetches it by its tags, `v1.2.3` and `v1`, and the
default branch stays free of binaries. Nothing is pushed. Files for developers are in the commit,
but not in the tarball that runners download.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.release_notes import NotesError, notes_of  # noqa: E402 - importable from here on

VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:(?:a|b|rc)\d+)?")
WRITTEN = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
# Limits of the tarball: every run of every user's workflow downloads it.
MOST_BYTES, MOST_FILES = 6_000_000, 2_000
NOT_FOR_RUNNERS = (
    *(".ci", ".github", "benchmarks", "docs", "fuzz", "tests", "tools", "Makefile"),
    *(f"requirements/{name}.txt" for name in ("audit", "build", "dev", "fuzz")),
    "src/flow_telemetry/demo",
)
AUTHOR = ("-c", "user.name=flow-telemetry", "-c", "user.email=noreply@github.com")


class ReleaseError(Exception):
    """The release cannot be made; the text says why."""


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Make the commit and its tags in a clone; returns the exit status."""
    parser = argparse.ArgumentParser(description="Make the commit of a release, and its tags.")
    parser.add_argument("version", help="as in __version__, without a v")
    parser.add_argument("--bundle", type=Path, required=True, help="the folder of build_bundle.py")
    options = parser.parse_args(arguments)
    try:
        check(root, options.version)
        commit = make_commit(root, options.version, options.bundle)
        size, files = tarball(root, commit)
    except (ReleaseError, NotesError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{commit}\n{size / 1e6:.1f} MB in {files} files", file=sys.stderr)
    print(commit)
    return 0


def check(root: Path, version: str) -> None:
    """Raise ReleaseError or NotesError if the source is not ready for the release of a version."""
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"{version} is not a version such as 1.2.3 or 1.2.3rc1")
    source = root / "src" / "flow_telemetry" / "__init__.py"
    match = WRITTEN.search(source.read_text(encoding="utf-8"))
    written = match[1] if match else "missing"
    if written != version:
        raise ReleaseError(f"__version__ is {written}, not {version}: change it, or the tag")
    notes_of((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if git(root, "status", "--porcelain", "--untracked-files=no"):
        raise ReleaseError("there are uncommitted changes: commit or revert them")
    if git(root, "tag", "--list", f"v{version}"):
        raise ReleaseError(
            f"the tag v{version} exists already: a release is never changed; choose a new version"
        )


def make_commit(root: Path, version: str, bundle: Path) -> str:
    """Commit the bundle on top of HEAD, without a branch, and tag it; returns the commit.

    The major tag follows final versions only: users of `v1` get no release candidates.
    """
    if not (bundle / "MANIFEST").exists():
        raise ReleaseError(f"{bundle} is not a bundle: build it by tools/build_bundle.py")
    if bundle.resolve() != (root / "bundle").resolve():
        raise ReleaseError(f"the bundle must be in {root / 'bundle'}")
    git(root, "checkout", "--quiet", "--detach")
    attributes = root / ".gitattributes"
    lines = "".join(f"/{name} export-ignore\n" for name in NOT_FOR_RUNNERS)
    attributes.write_text(attributes.read_text(encoding="utf-8") + lines, encoding="utf-8")
    # Forced: the default branch ignores the folder.
    git(root, "add", "--force", ".gitattributes", "bundle")
    git(root, *AUTHOR, "commit", "--quiet", "--message", f"Release {version} with its bundle")
    git(root, "tag", f"v{version}")
    if version.replace(".", "").isdigit():
        git(root, "tag", "--force", f"v{version.partition('.')[0]}")
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


def git(root: Path, *words: str) -> str:
    """Run git; returns its output without the last line end."""
    return git_bytes(root, *words).decode().rstrip("\n")


def git_bytes(root: Path, *words: str) -> bytes:
    """Run git; raises ReleaseError with its message if it fails."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, check=False)  # noqa: S603, S607
    if done.returncode:
        raise ReleaseError(f"git {words[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
