"""SBOM (CycloneDX, JSON) of a release: the locked runtime dependencies.

    python tools/sbom.py --out dist/sbom.cdx.json

It needs `requirements/audit.txt` installed; `make sbom` does that. The output of the generator is
completed with the version, and rejected if a locked package or its hashes are missing. The same
source makes the same bytes.
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
    """The SBOM differs from the lock; the text says how."""


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Write the SBOM; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write the SBOM of a release.")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    options = parser.parse_args(arguments)
    try:
        bom = completed(generated(root), version_of(root), (root / LOCK).read_text("utf-8"))
    except SbomError as error:
        print(error, file=sys.stderr)
        return 1
    options.out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(bom, indent=2, sort_keys=True, ensure_ascii=False)
    options.out.write_text(text + "\n", encoding="utf-8", newline="\n")
    return 0


def version_of(root: Path) -> str:
    """Return the version in the source."""
    source = root / "src" / "flow_telemetry" / "__init__.py"
    match = WRITTEN.search(source.read_text(encoding="utf-8"))
    if match is None:
        raise SbomError(f"{source} has no __version__")
    return match[1]


def generated(root: Path) -> dict[str, Any]:
    """Return the generator's SBOM of the lock."""
    words = [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible"]
    words += ["--pyproject", "pyproject.toml", "--of", "JSON", "-o", "-", LOCK.as_posix()]
    done = subprocess.run(  # noqa: S603 - our own words
        words, cwd=root, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise SbomError(f"cyclonedx-py failed: {done.stderr.strip()}")
    bom: dict[str, Any] = json.loads(done.stdout)
    return bom


def completed(bom: dict[str, Any], version: str, lock: str) -> dict[str, Any]:
    """Return the SBOM with our own version and dependencies.

    Raises SbomError if its packages are not exactly those of the lock, or one has no hashes.
    """
    components = bom.get("components", [])
    packages = {(c["name"], c.get("version", "")) for c in components}
    locked = set(LOCKED.findall(lock))
    if packages != locked:
        differing = ", ".join(sorted(f"{name} {number}" for name, number in packages ^ locked))
        raise SbomError(f"lock and SBOM differ in {differing}")
    unhashed = []
    for component in components:
        references = component.get("externalReferences", [])
        if not any(reference.get("hashes") for reference in references):
            unhashed.append(component["name"])
    if unhashed:
        raise SbomError(f"these packages have no hashes: {', '.join(unhashed)}")
    metadata = bom["metadata"]
    own = {**metadata["component"], "version": version, "purl": f"pkg:pypi/{NAME}@{version}"}
    needs = {"ref": own["bom-ref"], "dependsOn": sorted(c["bom-ref"] for c in components)}
    others = [d for d in bom.get("dependencies", []) if d["ref"] != own["bom-ref"]]
    return {
        **bom,
        "metadata": {**metadata, "component": own},
        "dependencies": [needs, *others],
    }


if __name__ == "__main__":
    sys.exit(main())
