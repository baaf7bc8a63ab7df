"""Lock of a release for pip: the program and all that it imports, each by version and hash.

    python tools/release_lock.py --dist dist

It writes `dist/flow-telemetry-1.2.3.requirements.txt` from the wheel in `dist/` and
`requirements/runtime.txt`. A workflow whose jobs have secrets installs from it:

    pip install --no-deps --require-hashes --requirement flow-telemetry-1.2.3.requirements.txt
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Write the lock; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write the lock of a release for pip.")
    parser.add_argument("--dist", type=Path, required=True, help="the folder with the wheel")
    options = parser.parse_args(arguments)
    wheels = list(options.dist.glob("flow_telemetry-*.whl"))
    if len(wheels) != 1:
        print(f"`{options.dist}` has {len(wheels)} wheels, not one: build it", file=sys.stderr)
        return 1
    version = wheels[0].name.split("-")[1]
    runtime = (root / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    path = options.dist / f"flow-telemetry-{version}.requirements.txt"
    text = release_lock(version, wheels[0].read_bytes(), runtime)
    path.write_text(text, encoding="utf-8", newline="\n")
    return 0


def release_lock(version: str, wheel: bytes, runtime: str) -> str:
    """Return the lock of a version: its wheel before the lock of what it imports."""
    digest = hashlib.sha256(wheel).hexdigest()
    return (
        f"# flow-telemetry {version} and its dependencies. Install by\n"
        "# pip install --no-deps --require-hashes --requirement\n"
        f"flow-telemetry=={version} \\\n    --hash=sha256:{digest}\n{runtime}"
    )


if __name__ == "__main__":
    sys.exit(main())
