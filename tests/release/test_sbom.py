"""The SBOM of a release: what the lock says, no more and no less."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.workflows import ROOT
from tools import sbom

# `make sbom` makes this environment, apart from the one of the tests.
AUDIT = ROOT / ".venv-audit" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

LOCK = """# made by
certifi==2026.10.18 \\
    --hash=sha256:aa
tomli==2.5.0 ; python_full_version < '3.11' \\
    --hash=sha256:bb
    # via certifi
"""


def component(name: str, version: str, *hashes: str) -> dict[str, Any]:
    """A package as the generator writes it."""
    known = [{"alg": "SHA-256", "content": each} for each in hashes]
    return {
        "bom-ref": f"requirements-{name}",
        "name": name,
        "version": version,
        "externalReferences": [{"type": "distribution", "hashes": known}],
    }


def bom(*components: dict[str, Any]) -> dict[str, Any]:
    """What the generator makes of a lock."""
    return {
        "bomFormat": "CycloneDX",
        "metadata": {"component": {"bom-ref": "root-component", "name": "flow-telemetry"}},
        "components": list(components),
        "dependencies": [{"ref": each["bom-ref"]} for each in components],
    }


CERTIFI, TOMLI = component("certifi", "2026.10.18", "aa"), component("tomli", "2.5.0", "bb")


def test_it_says_its_own_version_and_what_it_depends_on() -> None:
    """A reader finds the release by its package URL, and each dependency below it."""
    found = sbom.completed(bom(CERTIFI, TOMLI), "1.2.3", LOCK)
    own = found["metadata"]["component"]
    assert (own["version"], own["purl"]) == ("1.2.3", "pkg:pypi/flow-telemetry@1.2.3")
    assert found["dependencies"][0] == {
        "ref": "root-component",
        "dependsOn": ["requirements-certifi", "requirements-tomli"],
    }


@pytest.mark.parametrize(
    ("components", "told"),
    [
        ([CERTIFI], "tomli 2.5.0"),
        ([CERTIFI, component("tomli", "2.6", "bb")], r"tomli 2.5.0, tomli 2.6"),
        ([CERTIFI, TOMLI, component("evil", "1", "cc")], "evil 1"),
        ([CERTIFI, component("tomli", "2.5.0")], "these packages have no hashes: tomli"),
    ],
)
def test_it_is_refused_where_it_is_not_the_lock(
    components: list[dict[str, Any]], told: str
) -> None:
    """A package that is missing, added, of another version or without its hashes."""
    with pytest.raises(sbom.SbomError, match=told):
        sbom.completed(bom(*components), "1.2.3", LOCK)


def test_without_the_generator_the_release_stops(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The source tree of nothing: no version, no lock."""
    (tmp_path / "src" / "flow_telemetry").mkdir(parents=True)
    out = tmp_path / "sbom.json"
    assert sbom.main(["--out", str(out)], tmp_path) == 1
    assert "cyclonedx-py failed" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.skipif(not AUDIT.is_file(), reason="no .venv-audit; `make sbom` makes it")
def test_the_sbom_of_this_source(tmp_path: Path) -> None:
    """All that is locked, the same bytes each time, and nothing of the machine."""
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    for out in (first, second):
        subprocess.run([AUDIT, ROOT / "tools" / "sbom.py", "--out", out], check=True)
    text = first.read_text(encoding="utf-8")
    assert text == second.read_text(encoding="utf-8")
    assert str(ROOT) not in text
    lock = (ROOT / sbom.LOCK).read_text(encoding="utf-8")
    assert len(json.loads(text)["components"]) == len(sbom.LOCKED.findall(lock))
