"""The list of every file of a released commit, which the release workflow attests.

    flow-telemetry-tree 1 v1.2.3 COMMIT NUMBER-OF-FILES
    MODE SHA256 DOWNLOADED PATH

MODE and SHA256 are those of the file in git. DOWNLOADED is its SHA-256 in the tarball that a runner
downloads for `uses:`: `-` if it is not in there (`export-ignore`), another one than in git if the
line ends differ (`eol=crlf`). A reusable workflow is fetched from git, not from the tarball, so the
list has both. An attestation of a commit needs a SHA-256, and a commit's own hash is a SHA-1.
"""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FIRST_LINE = re.compile(r"flow-telemetry-tree 1 (v\S+) ([0-9a-f]{40}) (\d+)")
ROW = re.compile(r"(100644|100755) ([0-9a-f]{64}) ([0-9a-f]{64}|-) (.+)")
NOT_DOWNLOADED = "-"


class TreeError(Exception):
    """A tree or its list cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its mode and SHA-256 in git, and the SHA-256 in the tarball or NOT_DOWNLOADED."""

    mode: str
    digest: str
    downloaded: str


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of a released commit by their paths."""

    version: str
    commit: str
    files: Mapping[str, Entry]

    @property
    def downloaded(self) -> dict[str, str]:
        """The SHA-256 of each file that a runner downloads, by its path."""
        return {
            path: entry.downloaded
            for path, entry in self.files.items()
            if entry.downloaded != NOT_DOWNLOADED
        }


def list_name(version: str) -> str:
    """Return the name of the list's file for a version such as `v1.2.3`."""
    return f"flow-telemetry-{version}.tree.txt"


def written(tree: Tree) -> str:
    """Return the text of the list."""
    rows = [
        f"{entry.mode} {entry.digest} {entry.downloaded} {path}"
        for path, entry in sorted(tree.files.items())
    ]
    first = f"flow-telemetry-tree 1 {tree.version} {tree.commit} {len(rows)}"
    return "\n".join([first, *rows]) + "\n"


def parsed(text: str) -> Tree:
    """Return the tree of a list; raises TreeError if a line is missing or none of its kind."""
    first, *lines = text.splitlines() or [""]
    head = FIRST_LINE.fullmatch(first)
    rows = [ROW.fullmatch(line) for line in lines]
    if head is None or int(head[3]) != len(rows):
        raise TreeError("the list is truncated, or is not the list of a release")
    files = {row[4]: Entry(row[1], row[2], row[3]) for row in rows if row is not None}
    if len(files) != len(rows):
        raise TreeError("the list has a line that does not name a file, or that names one twice")
    return Tree(head[1], head[2], files)


def tree_of_commit(clone: Path, version: str, commit: str) -> Tree:
    """Return the files of a commit in a clone; raises TreeError if there is no such commit.

    ``version`` is written into the result, and not looked up.
    """
    sha = git(clone, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}").decode().strip()
    downloaded = _tarball(clone, sha)
    found: list[tuple[str, str, str]] = []
    for line in git(clone, "ls-tree", "-r", "-z", "--full-tree", sha).decode().split("\0")[:-1]:
        about, path = line.split("\t", 1)
        mode, kind, blob = about.split(" ")
        if mode not in ("100644", "100755") or "\n" in path:
            raise TreeError(f"`{path}` of {sha} is not a plain file ({mode} {kind})")
        found.append((path, mode, blob))
    digests = _digests(clone, [blob for _, _, blob in found])
    files = {
        path: Entry(mode, digest, downloaded.pop(path, NOT_DOWNLOADED))
        for (path, mode, _), digest in zip(found, digests, strict=True)
    }
    if downloaded:
        raise TreeError(f"the tarball of {sha} has files that git does not list: {[*downloaded]}")
    return Tree(version, sha, files)


def _digests(clone: Path, blobs: Sequence[str]) -> Iterator[str]:
    """Yield the SHA-256 of each blob; one process reads them all."""
    output = io.BytesIO(git(clone, "cat-file", "--batch", given="\n".join(blobs)))
    for _ in blobs:
        size = int(output.readline().split()[2])  # after the blob's name and its kind
        yield hashlib.sha256(output.read(size)).hexdigest()
        output.readline()


def _tarball(clone: Path, commit: str) -> dict[str, str]:
    # The user's own configuration must not change line ends.
    config = ("-c", "core.autocrlf=false", "-c", "core.eol=lf")
    with tarfile.open(fileobj=io.BytesIO(git(clone, *config, "archive", commit))) as opened:
        contents = {each.name: opened.extractfile(each) for each in opened if not each.isdir()}
        return {
            path: hashlib.sha256(file.read()).hexdigest()
            for path, file in contents.items()
            if file is not None
        }


def files_of_folder(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder by its path; of a link that of its target."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


def differences(expected: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    """Return a line for each file that was changed or added, or is missing."""
    kinds = {
        "missing": expected.keys() - found.keys(),
        "added": found.keys() - expected.keys(),
        "changed": {
            path for path in expected.keys() & found.keys() if expected[path] != found[path]
        },
    }
    return [f"{kind}: `{path}`" for kind, paths in kinds.items() for path in sorted(paths)]


def git(clone: Path, *words: str, given: str = "") -> bytes:
    """Run git in a clone, with ``given`` as its input; raises TreeError if it fails."""
    done = subprocess.run(  # noqa: S603
        ["git", *words],  # noqa: S607
        cwd=clone,
        input=given.encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or "no such object"
        raise TreeError(f"git {' '.join(words)}: {said}")
    return done.stdout
