"""How large a bundle is: its files, and as the tarball that a runner downloads."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

MIB = 1024 * 1024


def bundle_facts(action: Path) -> dict[str, str]:
    """Return the sizes of an action's folder; nothing where it has no bundle."""
    bundle = action / "bundle"
    if not bundle.is_dir():
        return {}
    files = [path for path in bundle.rglob("*") if path.is_file()]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=6) as archive:
        archive.add(bundle, arcname="bundle")
    return {
        "bundle, files": f"{len(files):,}",
        "bundle, unpacked": f"{sum(path.stat().st_size for path in files) / MIB:.2f} MiB",
        "bundle, tarball": f"{packed.tell() / MIB:.2f} MiB",
    }
