"""The steps of a release, as far as they run without publishing anything."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from tests.support.runner import commit_all, copy_action
from tests.support.workflows import ROOT, load
from tools import release_commit, release_lock, release_notes
from tools.bundle_wheels import locked
from tools.release_tree import list_name

import flow_telemetry

VERSION = flow_telemetry.__version__
SHA = "0123456789abcdef0123456789abcdef01234567"
WORKFLOW = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
CHANGELOG = f"""# Changelog

## [Unreleased]

## [{VERSION}] - 2026-01-31

### Added

- Something for users.

## [0.0.1] - 2025-01-01

- The beginning.

[Unreleased]: https://example.com
"""
README = f"""uses: owner/flow-telemetry@v1
uses: owner/flow-telemetry@{"f" * 40} # v0.0.1
uses: actions/checkout@{"f" * 40} # v7.0.1
"""


@pytest.fixture
def clone(bundle: Path, tmp_path: Path) -> Path:
    """A clone of the project whose changelog is ready, with the bundle beside the sources."""
    folder = copy_action(tmp_path / "clone")
    (folder / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    (folder / ".gitattributes").write_text("* text=auto eol=lf\n", encoding="utf-8")
    (folder / ".gitignore").write_text("/bundle/\n", encoding="utf-8")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_it.py").write_text("", encoding="utf-8")
    copytree(ROOT / ".github", folder / ".github")
    commit_all(folder)
    copytree(bundle, folder / "bundle")
    return folder


def git(folder: Path, *words: str) -> str:
    return subprocess.check_output(["git", *words], cwd=folder, text=True).strip()


def release(clone: Path, version: str = VERSION) -> int:
    return release_commit.main([version, "--bundle", str(clone / "bundle")], clone)


def test_the_bundle_lives_in_the_tagged_commit(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On top of the source, on no branch, under the version's tag and the major one."""
    source = git(clone, "rev-parse", "HEAD")
    branch = git(clone, "branch", "--show-current")
    assert release(clone) == 0
    commit = capsys.readouterr().out.strip()
    assert git(clone, "rev-parse", f"v{VERSION}", f"v{VERSION[0]}").split() == [commit, commit]
    assert git(clone, "rev-parse", f"{commit}~2", branch).split() == [source, source]
    assert "bundle/MANIFEST" in git(clone, "ls-tree", "-r", "--name-only", commit).splitlines()


def test_what_runners_download_is_small_and_whole(clone: Path, tmp_path: Path) -> None:
    """Below 6 MB and 2,000 files, with every byte of the bundle, without what developers need."""
    assert release(clone) == 0
    size, files = release_commit.tarball(clone, f"v{VERSION}")
    assert 0 < size < 6_000_000
    assert 0 < files < 2_000
    out = tmp_path / "downloaded"
    out.mkdir()
    archive = tmp_path / "archive.tar"
    git(clone, "archive", "--format=tar", "--output", str(archive), f"v{VERSION}")
    subprocess.run(["tar", "-xf", archive.name, "-C", out.name], cwd=tmp_path, check=True)
    before = {p.relative_to(clone): p for p in (clone / "bundle").rglob("*") if p.is_file()}
    assert all((out / name).read_bytes() == path.read_bytes() for name, path in before.items())
    assert not (out / "tests").exists()


def test_all_that_only_developers_need_is_left_out() -> None:
    """Packages beside `src`, and every lock file but the one that a runner may install."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    locks = {f"requirements/{path.name}" for path in ROOT.glob("requirements/*.txt")}
    downloaded = (packages | locks) - set(release_commit.NOT_FOR_RUNNERS)
    assert "fuzz" in packages
    assert downloaded == {"requirements/runtime.txt"}


def test_a_tarball_that_grew_too_large_is_refused(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With where to look."""
    # Chance cannot be compressed.
    noise = b"".join(hash((n, "x")).to_bytes(8, "little", signed=True) for n in range(900_000))
    (clone / "src" / "large.bin").write_bytes(noise)
    git(clone, "add", "-A")
    git(clone, "-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "-qm", "Grow")
    assert release(clone) == 1
    assert "LEFT_OUT" in capsys.readouterr().err


def test_a_candidate_moves_no_major_tag(clone: Path) -> None:
    """Users of v1 get final versions only."""
    candidate = "1.0.0rc1"
    change(clone / "src" / "flow_telemetry" / "__init__.py", VERSION, candidate)
    change(clone / "CHANGELOG.md", VERSION, candidate)
    git(clone, "-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "-qam", "Candidate")
    assert release(clone, candidate) == 0
    assert git(clone, "tag").splitlines() == [f"v{candidate}"]


def change(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("version", "told"),
    [("one", "is not a version"), ("9.9.9", f"__version__ is {VERSION}")],
)
def test_another_version_is_refused(
    clone: Path, capsys: pytest.CaptureFixture[str], version: str, told: str
) -> None:
    """A tag that says something else than the source."""
    assert release(clone, version) == 1
    assert told in capsys.readouterr().err


def test_what_is_not_ready_is_refused(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Uncommitted changes, an empty changelog, a version that is released already."""
    (clone / "CHANGELOG.md").write_text("# Changelog\n", encoding="utf-8")
    assert release(clone) == 1
    assert "no section" in capsys.readouterr().err
    (clone / "CHANGELOG.md").write_text(CHANGELOG + "\n", encoding="utf-8")
    assert release(clone) == 1
    assert "uncommitted changes" in capsys.readouterr().err
    git(clone, "checkout", "-q", "CHANGELOG.md")
    git(clone, "tag", f"v{VERSION}")
    assert release(clone) == 1
    assert "already" in capsys.readouterr().err


def test_notes_are_the_changelogs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of that version only, and the line to pin it by."""
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    given = ["notes", VERSION, "--commit", SHA, "--repository", "acme/flow-telemetry"]
    assert release_notes.main(given, tmp_path) == 0
    printed = capsys.readouterr().out
    assert "Something for users" in printed
    assert "The beginning" not in printed
    assert "example.com" not in printed
    assert f"- uses: acme/flow-telemetry@{SHA} # v{VERSION}" in printed


def test_pinned_examples_follow(tmp_path: Path) -> None:
    """In the README and the docs: `@v1` of before any release, and the pin of an earlier one."""
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    (tmp_path / "docs" / "guides").mkdir(parents=True)
    page = tmp_path / "docs" / "guides" / "recipes.md"
    page.write_text("- uses: owner/flow-telemetry@v1\n", encoding="utf-8")
    assert release_notes.main(["pin", "1.2.3", "--commit", SHA], tmp_path) == 0
    assert (tmp_path / "README.md").read_text(encoding="utf-8").splitlines() == [
        f"uses: owner/flow-telemetry@{SHA} # v1.2.3",
        f"uses: owner/flow-telemetry@{SHA} # v1.2.3",
        f"uses: actions/checkout@{'f' * 40} # v7.0.1",
    ]
    assert page.read_text("utf-8") == f"- uses: owner/flow-telemetry@{SHA} # v1.2.3\n"


def test_every_example_would_be_pinned() -> None:
    """None is written so that the release would not find it."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        new = release_notes.pinned(text, "1.2.3", SHA)
        uses = re.findall("uses: owner/flow-telemetry[@/]", text)
        assert new.count(f"@{SHA} # v1.2.3") == len(uses), page


def test_a_short_commit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the whole hash pins."""
    assert release_notes.main(["pin", "1.2.3", "--commit", "0123abc"], tmp_path) == 1
    assert "not a full commit" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")))
def test_others_actions_are_pinned_by_commit(path: Path) -> None:
    """With the version beside it, for people and for Dependabot."""
    uses = re.findall(r"uses: (\S+)(.*)", path.read_text(encoding="utf-8"))
    ours = ("./", "owner/flow-telemetry@v1")
    others = [(name, comment) for name, comment in uses if name not in ours]
    assert others
    for name, comment in others:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name), name
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), name


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")))
def test_every_workflow_gives_rights_job_by_job(path: Path) -> None:
    """None to all of a workflow's jobs."""
    workflow = load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    assert all("permissions" in each for each in workflow["jobs"].values())


def test_rights_are_given_job_by_job() -> None:
    """None to all; only the last job may write to the repository."""
    workflow = load(WORKFLOW)
    assert workflow["permissions"] == {}
    writers = [
        name
        for name, each in workflow["jobs"].items()
        if each["permissions"].get("contents") == "write"
    ]
    assert writers == ["tag"]


def test_nothing_is_published_by_hand() -> None:
    """Started without a tag, the workflow ends after the tests; what publishes waits for them."""
    jobs = load(WORKFLOW)["jobs"]
    assert jobs["attest"]["if"] == "github.event_name == 'push'"
    assert (jobs["test"]["needs"], jobs["attest"]["needs"]) == ("build", ["build", "test"])
    assert jobs["pypi"]["needs"] == ["build", "attest"]
    assert jobs["tag"]["needs"] == ["build", "attest", "pypi"]


def script_of(job: str, part: str) -> dict[str, Any]:
    """Return the one step of a job of the workflow whose script contains a part."""
    steps = load(WORKFLOW)["jobs"][job]["steps"]
    (found,) = (step for step in steps if part in step.get("run", ""))
    return dict(found)


def run_script(
    step: dict[str, Any], folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a step's Python as the runner does."""
    assert step["shell"] == "python"
    return subprocess.run(
        [sys.executable, "-c", step["run"]],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_job_checks_what_it_is_handed() -> None:
    """At once after the download, against what the build itself told: no artifact is trusted."""
    jobs = load(WORKFLOW)["jobs"]
    assert jobs["build"]["outputs"]["digests"] == "${{ steps.digests.outputs.digests }}"
    last, upload = jobs["build"]["steps"][-2:]
    assert (last["id"], upload["with"]["path"]) == ("digests", "dist/")
    checks = []
    for name, job in jobs.items():
        steps = job["steps"]
        for place, step in enumerate(steps):
            if step.get("uses", "").startswith("actions/download-artifact@"):
                assert "build" in job["needs"], name
                assert step["with"] == {"name": "dist", "path": "dist/"}, name
                checks.append((name, steps[place + 1]))
    assert [name for name, _ in checks] == ["test", "attest", "pypi", "tag"]
    (check,) = {json.dumps(step) for _, step in checks}
    assert json.loads(check)["env"] == {"DIGESTS": "${{ needs.build.outputs.digests }}"}


@pytest.mark.parametrize(
    ("tamper", "is_refused"),
    [
        (lambda dist: None, False),
        (lambda dist: (dist / "a.whl").write_bytes(b"other"), True),
        (lambda dist: (dist / "a.whl").unlink(), True),
        (lambda dist: (dist / "b.whl").write_bytes(b""), True),
        (lambda dist: (dist / ".hidden").write_bytes(b""), True),
        (lambda dist: (dist / "a.whl").rename(dist / "c.whl"), True),
    ],
    ids=["untouched", "changed", "missing", "added", "hidden", "renamed"],
)
def test_a_hand_over_that_was_tampered_with_stops_the_release(
    tmp_path: Path, tamper: Callable[[Path], Any], is_refused: bool
) -> None:
    """The scripts of the workflow themselves, on a made-up build."""
    (tmp_path / "dist" / "below").mkdir(parents=True)
    for name in ("a.whl", "bundle.tar.gz", "below/x"):
        (tmp_path / "dist" / name).write_bytes(name.encode())
    output = tmp_path / "output"
    done = run_script(script_of("build", "digests="), tmp_path, GITHUB_OUTPUT=str(output))
    assert done.returncode == 0, done.stderr
    digests = output.read_text("utf-8").removeprefix("digests=").strip()
    assert "\n" not in digests
    tamper(tmp_path / "dist")
    for job in ("test", "attest", "pypi", "tag"):
        done = run_script(script_of(job, 'os.environ["DIGESTS"]'), tmp_path, DIGESTS=digests)
        assert bool(done.returncode) is is_refused, job


def test_the_commit_that_is_tagged_is_the_one_that_was_attested() -> None:
    """The list of its files is part of `dist`; made again, the commit must have the same hash."""
    assert "--list dist" in script_of("build", "release_commit.py")["run"]
    tag = script_of("tag", "release_commit.py")
    assert tag["env"] == {"BUILT": "${{ needs.build.outputs.commit }}"}
    assert '[ "$commit" != "$BUILT" ]' in tag["run"]
    (attest,) = (
        step
        for step in load(WORKFLOW)["jobs"]["attest"]["steps"]
        if "attest-build-provenance" in step.get("uses", "")
    )
    assert attest["with"] == {"subject-path": "dist/*"}


def test_only_one_job_has_the_key_and_it_is_for_tags() -> None:
    """From an environment that only tags release/v* may use; no other secret is in the workflow."""
    jobs = load(WORKFLOW)["jobs"]
    assert re.findall(r"secrets\.(\w+)", WORKFLOW) == ["RELEASE_KEY"]
    assert jobs["tag"]["environment"] == "release"
    step = script_of("tag", "git push --force")
    assert step["env"] == {"KEY": "${{ secrets.RELEASE_KEY }}"}
    assert "StrictHostKeyChecking=yes" in step["run"]


def test_only_packages_go_to_pypi(tmp_path: Path) -> None:
    """And all that is made besides goes with the release."""
    dist = tmp_path / "dist"
    dist.mkdir()
    packages = {f"flow_telemetry-{VERSION}-py3-none-any.whl", f"flow_telemetry-{VERSION}.tar.gz"}
    others = {"bundle.tar.gz", "sbom.cdx.json", list_name(f"v{VERSION}")}
    for name in packages | others:
        (dist / name).write_bytes(b"")
    assert release_lock.main(["--dist", str(dist)]) == 0
    run = script_of("pypi", "rm ")["run"]
    subprocess.run(["sh", "-ec", run], cwd=tmp_path, check=True)
    assert {path.name for path in dist.iterdir()} == packages


def test_the_lock_of_a_release_has_the_wheels_hash(tmp_path: Path) -> None:
    """Before the lock of what it imports, which has hashes of its own."""
    wheel = tmp_path / "flow_telemetry-1.2.3-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    assert release_lock.main(["--dist", str(tmp_path)]) == 0
    lock = (tmp_path / "flow-telemetry-1.2.3.requirements.txt").read_text(encoding="utf-8")
    pins = locked(lock)
    digest = hashlib.sha256(b"a wheel").hexdigest()
    assert pins["flow-telemetry"] == f"flow-telemetry==1.2.3 \\\n    --hash=sha256:{digest}\n"
    assert set(pins) - {"flow-telemetry"} == set(locked(runtime_lock()))
    assert all("--hash=sha256:" in pin for pin in pins.values())


def runtime_lock() -> str:
    return (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")


def test_a_release_without_one_wheel_has_no_lock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said what to do."""
    assert release_lock.main(["--dist", str(tmp_path)]) == 1
    assert "has 0 wheels, not one" in capsys.readouterr().err


def test_the_steps_scripts_exist() -> None:
    """Each with the arguments that it knows."""
    named = set(re.findall(r"python (tools/\w+\.py)", WORKFLOW))
    assert named == {f"tools/release_{name}.py" for name in ("commit", "lock", "notes")}
    assert all((ROOT / name).is_file() for name in named)
    assert "run: make sbom" in WORKFLOW
    assert "tools/sbom.py --out dist/sbom.cdx.json" in (ROOT / "Makefile").read_text("utf-8")
    page = (ROOT / "RELEASING.md").read_text(encoding="utf-8")
    assert "release/v" in page
    assert "Marketplace" in page
    assert "trusted publisher" in page
