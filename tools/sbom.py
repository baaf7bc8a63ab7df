"""Writes the SBOM (CycloneDX, JSON) of what a release carries: the locked runtime dependencies.

    python tools/sbom.py --out dist/sbom.cdx.json

It needs `requirements/audit.txt` installed; `make sbom` does that. What the generator makes of the
lock is completed with the version, and refused where a locked package or its hashes are missing.
The same source makes the same bytes.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCK = Path("requirements", "runtime.txt")
WRITTEN = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
NAME = "flow-telemetry"


class SbomError(Exception):
    """The SBOM is not what the lock says; the text says where they differ."""


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Write the SBOM; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write the SBOM of a release.")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    given = parser.parse_args(arguments)
    try:
        found = completed(generated(root), version_of(root), (root / LOCK).read_text("utf-8"))
    except SbomError as error:
        print(error, file=sys.stderr)
        return 1
    given.out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False)
    given.out.write_text(text + "\n", encoding="utf-8", newline="\n")
    return 0


def version_of(root: Path) -> str:
    """Return the version that the source has."""
    source = root / "src" / "flow_telemetry" / "__init__.py"
    found = WRITTEN.search(source.read_text(encoding="utf-8"))
    if found is None:
        raise SbomError(f"{source} has no __version__")
    return found[1]


def generated(root: Path) -> dict[str, Any]:
    """Return what the generator makes of the lock."""
    words = [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible"]
    words += ["--pyproject", "pyproject.toml", "--of", "JSON", "-o", "-", LOCK.as_posix()]
    done = subprocess.run(  # noqa: S603 - our own words
        words, cwd=root, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise SbomError(f"cyclonedx-py failed: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def completed(bom: dict[str, Any], version: str, lock: str) -> dict[str, Any]:
    """Return the SBOM with our own version and what we depend on.

    Raises SbomError where it does not hold just the packages of the lock, each with hashes.
    """
    components = bom.get("components", [])
    found = {(each["name"], each.get("version", "")) for each in components}
    wanted = set(LOCKED.findall(lock))
    if found != wanted:
        differing = ", ".join(sorted(f"{name} {number}" for name, number in found ^ wanted))
        raise SbomError(f"lock and SBOM differ in {differing}")
    without = [each["name"] for each in components if not _hashes(each)]
    if without:
        raise SbomError(f"no hashes are known of {', '.join(without)}")
    metadata = bom["metadata"]
    own = {**metadata["component"], "version": version, "purl": f"pkg:pypi/{NAME}@{version}"}
    needs = {"ref": own["bom-ref"], "dependsOn": sorted(each["bom-ref"] for each in components)}
    others = [each for each in bom.get("dependencies", []) if each["ref"] != own["bom-ref"]]
    return {
        **bom,
        "metadata": {**metadata, "component": own},
        "dependencies": [needs, *others],
    }


def _hashes(component: dict[str, Any]) -> list[Any]:
    return [h for each in component.get("externalReferences", []) for h in each.get("hashes", [])]


if __name__ == "__main__":
    sys.exit(main())
