"""Verification of a made-up release: what it accepts, and each way to tamper that it finds."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest
from tests.docs.test_ready_file import zizmor
from tests.support.runner import commit_all
from tests.support.workflows import ROOT, load, schema_errors
from tools import release_commit, release_tree, verify_release

REPOSITORY = "owner/flow-telemetry"
VERSION = "1.2.3"
TAG = f"v{VERSION}"
FILES = {
    ".gitattributes": "* text=auto eol=lf\n*.ps1 text eol=crlf\n",
    ".gitignore": "/bundle/\n",
    "CHANGELOG.md": f"## [{VERSION}]\n\n- All of it.\n",
    "action.yml": "name: flow-telemetry\n",
    "docs/guides/page.md": "What it does.\n",
    "launcher/main.py": "print('exported')\n",
    "launcher/start.ps1": "Write-Host one\nWrite-Host two\n",
    "src/flow_telemetry/__init__.py": f'__version__ = "{VERSION}"\n',
    "tests/test_it.py": "",
}


class Attested:
    """What the workflow has attested: GitHub's `gh` looks here for the digest of a file.

    `gh` verifies a signature, which cannot be made here; what it then prints is made as it does.
    """

    def __init__(self, source: str) -> None:
        home, ref = f"https://github.com/{REPOSITORY}", f"refs/tags/release/{TAG}"
        self.subjects: list[dict[str, Any]] = []
        self.certificate = {
            "issuer": "https://token.actions.githubusercontent.com",
            "sourceRepositoryURI": home,
            "sourceRepositoryRef": ref,
            "sourceRepositoryDigest": source,
            "buildSignerURI": f"{home}/.github/workflows/release.yml@{ref}",
            "runnerEnvironment": "github-hosted",
        }
        # Whether it finds an attestation only for a file whose digest is a subject, as it should.
        self.is_strict = True
        self.words: Sequence[str] = ()

    def attest(self, path: Path) -> None:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.subjects.append({"name": path.name, "digest": {"sha256": digest}})

    def gh(self, words: Sequence[str]) -> str:
        self.words = words
        digest = hashlib.sha256(Path(words[2]).read_bytes()).hexdigest()
        if self.is_strict and all(each["digest"]["sha256"] != digest for each in self.subjects):
            raise verify_release.VerificationError("no attestations found for subject")
        statement = {
            "subject": self.subjects,
            "predicateType": "https://slsa.dev/provenance/v1",
        }
        result = {"signature": {"certificate": self.certificate}, "statement": statement}
        return json.dumps([{"verificationResult": result}])


class Release:
    """A released clone, the list of its files, and their attestation."""

    def __init__(self, folder: Path) -> None:
        self.clone = folder / "clone"
        self.list = folder / release_tree.list_name(TAG)
        for name, text in FILES.items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        for path in release_commit.CALLED:
            called = self.clone / path
            called.parent.mkdir(parents=True, exist_ok=True)
            called.write_bytes((ROOT / path).read_bytes())
        commit_all(self.clone)
        (self.clone / "bundle").mkdir()
        (self.clone / "bundle" / "MANIFEST").write_text("flow-telemetry-bundle 2 0\n", "utf-8")
        self.attested = Attested(self.git("rev-parse", "HEAD"))
        given = [VERSION, "--bundle", str(self.clone / "bundle"), "--list", str(folder)]
        assert release_commit.main(given, self.clone) == 0
        self.attested.attest(self.list)

    def git(self, *words: str) -> str:
        return subprocess.check_output(["git", *words], cwd=self.clone, text=True).strip()

    def verify(self, *words: str) -> int:
        given = [TAG, "--list", str(self.list), "--clone", str(self.clone), *words]
        return verify_release.main(given, self.attested.gh)

    def commit_over(self) -> None:
        """Put the changed working tree in place of the released commit, under the same tag."""
        self.git("add", "--all", "--force")
        identity = ("-c", "user.name=M", "-c", "user.email=m@example.com")
        self.git(*identity, "commit", "--quiet", "--amend", "--no-edit")
        self.git("tag", "--force", TAG)

    def list_again(self) -> None:
        """Write a list that fits the commit which the tag names now."""
        tree = release_tree.tree_of_commit(self.clone, TAG, TAG)
        self.list.write_text(release_tree.written(tree), encoding="utf-8", newline="\n")

    def downloaded(self, folder: Path) -> Path:
        """Unpack what a runner downloads."""
        archive = folder.with_suffix(".tar")
        self.git("archive", "--format=tar", "--output", str(archive), TAG)
        folder.mkdir()
        subprocess.run(["tar", "-xf", str(archive), "-C", str(folder)], check=True)
        return folder


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """A release as the workflow makes it."""
    return Release(tmp_path)


def test_what_was_attested_is_accepted(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the clone, and as a runner downloads it: without developers' files, with CRLF in *.ps1."""
    folder = release.downloaded(tmp_path / "action")
    assert b"\r\n" in (folder / "launcher" / "start.ps1").read_bytes()
    assert not (folder / "tests").exists()
    assert release.verify("--folder", str(folder)) == 0
    told = capsys.readouterr().out
    assert told.count("ok    ") == 5
    assert release.git("rev-parse", TAG) in told


def test_gh_is_asked_for_this_workflow_and_version_only(release: Release) -> None:
    """And told of files on disk where there is no network."""
    assert release.verify("--attestation", "a.jsonl", "--trusted-root", "root.jsonl") == 0
    assert " ".join(release.attested.words) == (
        f"attestation verify {release.list} --repo {REPOSITORY}"
        f" --signer-workflow {REPOSITORY}/.github/workflows/release.yml"
        f" --source-ref refs/tags/release/{TAG} --deny-self-hosted-runners --format json"
        " --bundle a.jsonl --custom-trusted-root root.jsonl"
    )


def change(folder: Path) -> None:
    (folder / "launcher" / "main.py").write_text("print('tampered')\n", "utf-8")


def add(folder: Path) -> None:
    (folder / "launcher" / "more.py").write_text("", "utf-8")


def remove(folder: Path) -> None:
    (folder / "launcher" / "main.py").unlink()


TAMPERED = [
    (change, "changed: `launcher/main.py`"),
    (add, "added: `launcher/more.py`"),
    (remove, "missing: `launcher/main.py`"),
]


@pytest.mark.parametrize(("tamper", "told"), TAMPERED)
def test_a_folder_that_was_tampered_with_is_refused(
    release: Release,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    tamper: Callable[[Path], None],
    told: str,
) -> None:
    """By the name of the file, also where it is the only one."""
    folder = release.downloaded(tmp_path / "action")
    tamper(folder)
    assert release.verify("--folder", str(folder)) == 1
    assert capsys.readouterr().err.splitlines()[1:] == [f"      {told}"]


@pytest.mark.parametrize(("tamper", "told"), TAMPERED)
def test_another_tree_under_the_same_commit_is_refused(
    release: Release,
    capsys: pytest.CaptureFixture[str],
    tamper: Callable[[Path], None],
    told: str,
) -> None:
    """As if git's SHA-1 had been made to collide: the list says the commit, not its files."""
    attested = release.list.read_text(encoding="utf-8")
    old = release.git("rev-parse", TAG)
    tamper(release.clone)
    release.commit_over()
    text = attested.replace(old, release.git("rev-parse", TAG))
    release.list.write_text(text, encoding="utf-8", newline="\n")
    release.attested.attest(release.list)
    assert release.verify() == 1
    assert told in capsys.readouterr().err


def test_another_commit_under_the_tag_is_refused(
    release: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tag was moved, even to one with the same files."""
    release.git("tag", "--force", TAG, f"{TAG}~2")
    assert release.verify() == 1
    assert "the tag `v1.2.3` is at commit" in capsys.readouterr().err


@pytest.mark.parametrize("is_strict", [True, False])
def test_a_list_of_another_tree_is_refused(
    release: Release, capsys: pytest.CaptureFixture[str], is_strict: bool
) -> None:
    """Tag and list were changed together, but nobody attested them: told by `gh`, and without."""
    release.attested.is_strict = is_strict
    change(release.clone)
    release.commit_over()
    release.list_again()
    assert release.verify() == 1
    assert ("no attestations found" if is_strict else "no subject") in capsys.readouterr().err


def test_an_attestation_of_another_file_is_refused(
    release: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    """The digest is right, the subject's name is that of another artifact."""
    release.attested.subjects[0]["name"] = "bundle.tar.gz"
    assert release.verify() == 1
    assert f"no subject `{release.list.name}`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issuer", "https://token.example.com"),
        ("sourceRepositoryURI", "https://github.com/mallory/flow-telemetry"),
        ("sourceRepositoryRef", "refs/heads/main"),
        ("sourceRepositoryDigest", "0" * 40),
        (
            "buildSignerURI",
            f"https://github.com/{REPOSITORY}/.github/workflows/ci.yml@refs/tags/release/{TAG}",
        ),
        ("runnerEnvironment", "self-hosted"),
    ],
)
def test_an_attestation_by_someone_else_is_refused(
    release: Release, capsys: pytest.CaptureFixture[str], field: str, value: str
) -> None:
    """Another repository, workflow, tag, source or machine."""
    release.attested.certificate[field] = value
    assert release.verify() == 1
    assert f"{field} is `{value}`, not `" in capsys.readouterr().err


def test_no_attestation_is_refused(release: Release, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where `gh` ends well and prints nothing of use."""
    given = [TAG, "--list", str(release.list), "--clone", str(release.clone)]
    assert verify_release.main(given, lambda _: "[]") == 1
    assert "there is none" in capsys.readouterr().err


def test_without_gh_nothing_is_accepted(
    release: Release, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said what is missing."""
    git = subprocess.check_output(["git", "--exec-path"], text=True).strip()
    monkeypatch.setenv("PATH", git)
    given = [TAG, "--list", str(release.list), "--clone", str(release.clone)]
    assert verify_release.main(given) == 1
    assert "install GitHub's command line" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("flow-telemetry-tree 1", "flow-telemetry-tree 9"),
        ("100644 ", "120000 "),
        (" launcher/main.py", " launcher/start.ps1"),
    ],
)
def test_a_damaged_list_is_refused(
    release: Release, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    """Of another form, with a line that is none, or with a file twice."""
    text = release.list.read_text(encoding="utf-8").replace(old, new)
    release.list.write_text(text, encoding="utf-8", newline="\n")
    assert release.verify() == 1
    assert "the list " in capsys.readouterr().err


def test_the_list_of_another_version_is_refused(
    release: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older release, which was attested as well, is not taken for this one."""
    release.git("tag", "v1.2.4", TAG)
    given = ["v1.2.4", "--list", str(release.list), "--clone", str(release.clone)]
    assert verify_release.main(given, release.attested.gh) == 1
    assert "is the list of v1.2.3, not of v1.2.4" in capsys.readouterr().err


@pytest.mark.parametrize("path", release_commit.CALLED)
@pytest.mark.parametrize("named", ["v1", "0" * 40])
def test_a_workflow_that_runs_another_action_is_refused(
    release: Release, capsys: pytest.CaptureFixture[str], path: Path, named: str
) -> None:
    """By a tag that can be moved, or by a commit of somebody: even where that was attested."""
    called = release.clone / path
    text = called.read_text(encoding="utf-8")
    text = re.sub(r"(flow-telemetry@)[0-9a-f]{40}", rf"\g<1>{named}", text)
    called.write_text(text, encoding="utf-8", newline="\n")
    release.commit_over()
    release.list_again()
    release.attested.attest(release.list)
    assert release.verify() == 1
    assert f"runs the action at ['{named}']" in capsys.readouterr().err


def test_the_released_workflow_runs_the_action_by_its_hash(
    release: Release, tmp_path: Path
) -> None:
    """That of the commit before, whose download is the same; GitHub and zizmor take it."""
    before = release.git("rev-parse", f"{TAG}^")
    names = release.git("diff", "--name-only", before, TAG).splitlines()
    assert names == sorted(path.as_posix() for path in release_commit.CALLED)
    trees = [release_tree.tree_of_commit(release.clone, TAG, each) for each in (before, TAG)]
    assert trees[0].downloaded == trees[1].downloaded
    for path, times in release_commit.CALLED.items():
        text = release.git("show", f"{TAG}:{path.as_posix()}")
        used = re.findall(r"uses: (owner/flow-telemetry@\S+)", text)
        assert used == [f"{REPOSITORY}@{before}"] * times
        assert zizmor(tmp_path, text, pin=False) == set()
        assert schema_errors("github-workflows", load(text)) == []


@pytest.mark.parametrize("text", ["steps: []\n", "  uses: o/flow-telemetry@v1\n" * 2])
def test_a_workflow_that_cannot_be_pinned_stops_the_release(text: str) -> None:
    """Because it uses the action not at all, or twice."""
    with pytest.raises(release_commit.ReleaseError, match="times, not 1"):
        release_commit.pinned_to(text, "0" * 40, "telemetry.yml", 1)


def test_the_same_source_makes_the_same_commits(release: Release, tmp_path: Path) -> None:
    """Another clone, another day, another user: the job that tags makes what was attested."""
    again = tmp_path / "again"
    subprocess.run(["git", "clone", "-q", "--no-tags", release.clone, again], check=True)
    for words in (
        ("checkout", "-q", release.git("rev-parse", f"{TAG}~2")),
        ("config", "user.name", "Somebody"),
        ("config", "commit.gpgSign", "true"),
        ("config", "core.autocrlf", "true"),
    ):
        subprocess.run(["git", *words], cwd=again, check=True)
    copytree(release.clone / "bundle", again / "bundle")
    given = [VERSION, "--bundle", str(again / "bundle"), "--list", str(again)]
    assert release_commit.main(given, again) == 0
    commit = subprocess.check_output(["git", "rev-parse", TAG], cwd=again, text=True).strip()
    assert commit == release.git("rev-parse", TAG)
    assert (again / release.list.name).read_bytes() == release.list.read_bytes()
    rmtree(again)
