"""Verification of a release: that what `uses:` fetches is what the release workflow built.

    gh release download v1.2.3 --repo owner/flow-telemetry --pattern '*.tree.txt'
    python tools/verify_release.py v1.2.3 --list flow-telemetry-v1.2.3.tree.txt

It runs in a clone that has the tag, needs git and `gh`, and says what it found. Take this file from
a commit that you trust, not from the release that it is to verify. Three things must hold:

1. The release workflow of the repository attested the list of files, for this version and source.
2. The tag's commit has these files, each with these bytes, and no other.
3. The reusable workflows in it run the action by the hash of the commit before, whose download is
   the same.

`--folder` compares a downloaded action too, such as `_work/_actions/owner/flow-telemetry/v1.2.3` of
a runner. Without a network: `--attestation`, a file of `gh attestation download`, and
`--trusted-root`, one of `gh attestation trusted-root`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.release_tree import (  # noqa: E402 - importable from here on
    Tree,
    TreeError,
    differences,
    files_of_folder,
    git,
    list_name,
    parsed,
    tree_of_commit,
)

VERSION = re.compile(r"v\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
WORKFLOW = ".github/workflows/release.yml"
CALLED = (".github/workflows/telemetry.yml", ".github/workflows/organization.yml")
OWN_ACTION = re.compile(r"^\s+uses: [\w.-]+/flow-telemetry@(\S+)", re.MULTILINE)
ISSUER = "https://token.actions.githubusercontent.com"

# Runs `gh` with these words and returns what it printed; raises VerificationError if it fails.
GitHubCli = Callable[[Sequence[str]], str]


class VerificationError(Exception):
    """The release is not what was attested; the text says what differs."""


def main(arguments: Sequence[str] | None = None, gh: GitHubCli | None = None) -> int:
    """Verify a release; returns 0 only if everything holds."""
    parser = argparse.ArgumentParser(description="Verify a release of the action.")
    parser.add_argument("version", help="the release's tag, such as v1.2.3")
    parser.add_argument("--list", type=Path, required=True, help="the release's *.tree.txt")
    parser.add_argument("--repository", default="owner/flow-telemetry")
    parser.add_argument("--clone", type=Path, default=ROOT, help="a clone that has the tag")
    parser.add_argument("--folder", type=Path, help="a downloaded action to compare as well")
    parser.add_argument("--attestation", type=Path, help="instead of asking GitHub for it")
    parser.add_argument("--trusted-root", type=Path, help="instead of fetching Sigstore's")
    options = parser.parse_args(arguments)
    try:
        for line in verify(options, gh or run_gh):
            print(f"ok    {line}")
    except (VerificationError, TreeError, OSError) as error:
        print(f"FAILS {error}", file=sys.stderr)
        return 1
    return 0


def verify(options: argparse.Namespace, gh: GitHubCli) -> list[str]:
    """Return what holds of a release; raises VerificationError or TreeError at what does not."""
    version, clone = options.version, options.clone
    if not VERSION.fullmatch(version):
        raise VerificationError(f"`{version}` is not a version such as `v1.2.3`")
    # Read once: the bytes that are compared are those whose digest is looked up.
    data = options.list.read_bytes()
    tree = parsed(data.decode())
    if tree.version != version:
        raise VerificationError(f"`{options.list}` is the list of {tree.version}, not of {version}")
    released = tree_of_commit(clone, version, f"refs/tags/{version}")
    if released.commit != tree.commit:
        raise VerificationError(
            f"the tag `{version}` is at commit {released.commit}, but {tree.commit} was attested"
        )
    source = git(clone, "rev-parse", f"{tree.commit}~2").decode().strip()
    attestations = json.loads(gh(gh_words(options)))
    check_attestation(
        attestations, list_name(version), data, expected_signer(options.repository, version, source)
    )
    _no_differences(f"commit {tree.commit}", tree.files, released.files)
    check_called_workflows(clone, tree)
    facts = [
        f"the list of {len(tree.files)} files was attested by {WORKFLOW} for {version}",
        f"the tag {version} is commit {tree.commit}, made of the source {source}",
        "the commit has these files and no other",
        "the reusable workflows run the same action, by its hash",
    ]
    if options.folder is not None:
        found = files_of_folder(options.folder)
        _no_differences(f"folder `{options.folder}`", tree.downloaded, found)
        facts.append(f"the folder {options.folder} is what a runner downloads")
    return facts


def gh_words(options: argparse.Namespace) -> list[str]:
    """Return the words by which `gh` finds the attestation of the list and checks its signature."""
    words = ["attestation", "verify", str(options.list), "--repo", options.repository]
    words += ["--signer-workflow", f"{options.repository}/{WORKFLOW}"]
    words += ["--source-ref", f"refs/tags/release/{options.version}"]
    words += ["--deny-self-hosted-runners", "--format", "json"]
    if options.attestation is not None:
        words += ["--bundle", str(options.attestation)]
    if options.trusted_root is not None:
        words += ["--custom-trusted-root", str(options.trusted_root)]
    return words


def expected_signer(repository: str, version: str, source: str) -> dict[str, str]:
    """Return the fields that the signing certificate must have.

    GitHub writes them, from the token of the job; what else is in an attestation is the workflow's
    own word (https://cli.github.com/manual/gh_attestation_verify).
    """
    home, ref = f"https://github.com/{repository}", f"refs/tags/release/{version}"
    return {
        "issuer": ISSUER,
        "sourceRepositoryURI": home,
        "sourceRepositoryRef": ref,
        "sourceRepositoryDigest": source,
        "buildSignerURI": f"{home}/{WORKFLOW}@{ref}",
        "runnerEnvironment": "github-hosted",
    }


def check_attestation(
    attestations: Sequence[Any], name: str, data: bytes, signer: dict[str, str]
) -> None:
    """Raise VerificationError unless one of ``gh``'s results is of this file and this signer."""
    digest = hashlib.sha256(data).hexdigest()
    problems = []
    for each in attestations:
        result = each["verificationResult"]
        certificate = result["signature"]["certificate"]
        wrong = [
            f"{field} is `{certificate.get(field)}`, not `{value}`"
            for field, value in signer.items()
            if certificate.get(field) != value
        ]
        subject = {"name": name, "digest": {"sha256": digest}}
        if subject not in result["statement"]["subject"]:
            wrong.append(f"it has no subject `{name}` with the SHA-256 {digest}")
        if not wrong:
            return
        problems.append("; ".join(wrong))
    reason = " | ".join(problems) or "there is none"
    raise VerificationError(f"no attestation is of this list and this release: {reason}")


def check_called_workflows(clone: Path, tree: Tree) -> None:
    """Raise VerificationError unless the reusable workflows run the action of this release.

    A commit cannot contain its own hash, so they name the commit before it.
    """
    before = git(clone, "rev-parse", f"{tree.commit}^").decode().strip()
    for path in CALLED:
        text = git(clone, "show", f"{tree.commit}:{path}").decode()
        named = sorted(set(OWN_ACTION.findall(text)))
        if named != [before]:
            raise VerificationError(
                f"`{path}` runs the action at {named}, not at the commit before it, {before}"
            )
    found = tree_of_commit(clone, tree.version, before).downloaded
    _no_differences(f"commit {before}", tree.downloaded, found)


def _no_differences(where: str, expected: Any, found: Any) -> None:
    if different := differences(expected, found):
        raise VerificationError("\n      ".join([f"{where} is not what was attested", *different]))


def run_gh(words: Sequence[str]) -> str:
    """Run GitHub's command line; raises VerificationError with its message if it fails."""
    try:
        done = subprocess.run(["gh", *words], capture_output=True, encoding="utf-8", check=False)  # noqa: S603, S607
    except OSError as error:
        raise VerificationError(
            f"`gh` could not be started ({error.strerror}): install GitHub's command line"
        ) from error
    if done.returncode:
        raise VerificationError(f"`gh attestation verify`: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
