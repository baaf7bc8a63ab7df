"""No example and no workflow of ours installs anything unpinned where secrets are at hand.

A package or an action that is taken by a name or a tag may be another one tomorrow, and what it
installs stays for the later steps of the job: so a whole job is judged, not a step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.support.workflows import ROOT

PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob(".github/workflows/*.yml")]
)
BLOCK = re.compile(r"^( *)```ya?ml\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
SECRET = re.compile(r"\b(?:secrets\.|github\.token\b|GITHUB_TOKEN\b)")
# Commands that fetch a program from a registry or an address and install or run it.
INSTALLERS = {
    "pip": r"\bpip3?(?:\"|')? +(?:install|download)\b",
    "pipx": r"\bpipx +(?:run|install)\b",
    "uv": r"\b(?:uvx|uv +(?:tool|pip|run|add))\b",
    "npm": r"\b(?:npx|bunx|npm +(?:exec|i|install)|yarn +(?:add|dlx)|pnpm +(?:add|dlx|install))\b",
    "others": r"\b(?:gem|cargo|go|brew|choco|winget|conda|apt|apt-get|apk) +(?:install|add|run)\b",
    "a script": r"\b(?:curl|wget|iwr|Invoke-WebRequest)\b",
    "an image": r"\bdocker +(?:run|pull)\b(?!.*@sha256:)",
    "an extension": r"\bgh +extension +install\b",
}
PINNED = {"pip": re.compile(r"--require-hashes\b"), "npm": re.compile(r"\bnpm ci\b")}
# Ours, which the release pins in the pages; the path of a file in the same repository.
OURS = re.compile(r"(?:owner/flow-telemetry(?:/[\w./-]+)?@\S+|\./.*)")
BY_COMMIT = re.compile(r"[\w./-]+@[0-9a-f]{40}|docker://\S+@sha256:[0-9a-f]{64}")
BY_DIGEST = re.compile(r"\S+@sha256:[0-9a-f]{64}")


def jobs_of(text: str) -> Iterator[str]:
    """Yield the YAML of each job of a page; a part of a workflow without jobs is one."""
    blocks = [found[2] for found in BLOCK.finditer(text)] or [text]
    for block in blocks:
        loaded = yaml.safe_load(block)
        if isinstance(loaded, dict) and isinstance(loaded.get("jobs"), dict):
            shared = {key: part for key, part in loaded.items() if key == "env"}
            for job in loaded["jobs"].values():
                yield yaml.safe_dump([shared, job], width=10_000)
        elif loaded is not None:
            yield yaml.safe_dump(loaded, width=10_000)


def parts(value: Any, key: str) -> Iterator[str]:
    """Yield every text below a key, at any depth."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name == key and isinstance(part, str):
                yield part
            yield from parts(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from parts(part, key)


def unpinned(job: str) -> list[str]:
    """Return what a job with secrets takes without a hash; nothing for one without secrets."""
    if not SECRET.search(job):
        return []
    loaded = yaml.safe_load(job)
    found = [
        uses
        for uses in parts(loaded, "uses")
        if not OURS.fullmatch(uses) and not BY_COMMIT.fullmatch(uses)
    ]
    images = [*parts(loaded, "container"), *parts(loaded, "image")]
    found += [image for image in images if not BY_DIGEST.fullmatch(image)]
    for script in parts(loaded, "run"):
        for line in re.sub(r"\\\n\s*", " ", script).splitlines():
            for name, command in INSTALLERS.items():
                pinned = PINNED.get(name)
                if re.search(command, line) and not (pinned and pinned.search(line)):
                    found.append(line.strip())
    return found


@pytest.mark.parametrize("path", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_nothing_unpinned_meets_a_secret(path: Any) -> None:
    """In no example that people copy, and in no workflow that runs here."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md" and not BLOCK.search(text):
        return
    assert [each for job in jobs_of(text) for each in unpinned(job)] == []


def test_the_examples_are_found() -> None:
    """Most of them have a secret, and some of them install."""
    jobs = [
        job
        for path in PAGES
        if path.suffix == ".md" and BLOCK.search(path.read_text("utf-8"))
        for job in jobs_of(path.read_text("utf-8"))
    ]
    assert len([job for job in jobs if SECRET.search(job)]) > 15
    assert [job for job in jobs if "--require-hashes" in job]


@pytest.mark.parametrize(
    "step",
    [
        "- run: pip install x",
        "- run: python -m pip install --upgrade x",
        "- run: |\n    pip install --requirement x.txt\n    x",
        '- run: |\n    "$RUNNER_TEMP/x/bin/pip" install x',
        "- run: pipx run x",
        "- run: uvx x",
        "- run: npx x",
        "- run: npm install",
        "- run: curl -L https://example.com/x.sh | sh",
        "- run: docker run --rm x",
        "- run: go install example.com/x@latest",
        "- uses: actions/checkout@v7",
        "- uses: actions/checkout@main",
        "- uses: docker://alpine:3",
        "- image: alpine:3",
    ],
)
def test_an_unpinned_one_is_found(step: str) -> None:
    """In each of its forms; without a secret in the job it does no harm."""
    with_secret = f"{step}\n- run: make\n  env:\n    KEY: ${{{{ secrets.KEY }}}}\n"
    assert unpinned(yaml.safe_dump(yaml.safe_load(with_secret))) != []
    assert unpinned(yaml.safe_dump(yaml.safe_load(step))) == []


@pytest.mark.parametrize(
    "step",
    [
        "- run: |\n    pip install --no-deps \\\n      --require-hashes -r x.txt",
        "- run: npm ci",
        f"- uses: actions/checkout@{'a' * 40}",
        f"- image: alpine@sha256:{'a' * 64}",
        f"- run: docker run alpine@sha256:{'a' * 64}",
        "- uses: ./.github/workflows/x.yml",
        "- uses: owner/flow-telemetry@v1",
    ],
)
def test_a_pinned_one_may_meet_a_secret(step: str) -> None:
    """By a hash, a lock or a commit; ours are pinned by the release."""
    with_secret = f"{step}\n- run: make\n  env:\n    KEY: ${{{{ secrets.KEY }}}}\n"
    assert unpinned(yaml.safe_dump(yaml.safe_load(with_secret))) == []
