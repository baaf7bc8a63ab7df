"""The part of a release's bundle for this Python and this machine, and the check for damage.

The SHA-256 of every file that this start may read is compared with MANIFEST before anything of the
bundle is imported. That finds an interrupted download, a full or failing disk and a file that
another program changed. It does not protect from someone who can write to the action's folder:
they can change MANIFEST and this file as well (SECURITY.md).
"""

import importlib.machinery
import os
import re
import sys
from hashlib import sha256
from pathlib import Path

# The files of a `.dist-info` that `importlib.metadata` reads. The others are licences.
READ_OF_METADATA = ("/METADATA", "/entry_points.txt")
FIRST_LINE = re.compile(r"flow-telemetry-bundle 2 (\d+)")


class BundleError(Exception):
    """The bundle cannot be used; the text names the damaged file, or the missing Python."""


class Bundle:
    """The part of a bundle for this Python: its image, and folders for `sys.path`."""

    def __init__(self, image: bytes, platforms: "list[Path]", packages: Path) -> None:
        self.image = image
        self.platforms = platforms
        self.packages = packages


def open_bundle(folder: Path) -> Bundle:
    """Read the part of a bundle for this Python.

    Raises BundleError if there is none, or if a file is missing or damaged.
    """
    listed = read_manifest(folder)
    tag = sys.implementation.cache_tag
    image = f"images/{tag}.image"
    if image not in listed:
        raise BundleError(f"has no image for {tag}")
    # Read from the manifest: a lost folder is damage, and would silently make protobuf slow.
    platforms = [
        platform
        for platform in platform_names()
        if any(name.startswith(f"platforms/{platform}/") for name in listed)
    ]
    needed = ("packages/", *(f"platforms/{platform}/" for platform in platforms))
    for name, digest in listed.items():
        if name.startswith(needed) and not is_licence(name):
            read_checked(folder, name, digest)
    return Bundle(
        read_checked(folder, image, listed[image]),
        [folder / "platforms" / platform for platform in platforms],
        folder / "packages",
    )


def read_manifest(folder: Path) -> "dict[str, str]":
    """Return the SHA-256 of each file of the bundle, in hexadecimal, by the file's name.

    After the first line MANIFEST is a file for `sha256sum --check`.
    """
    try:
        first, *lines = (folder / "MANIFEST").read_text(encoding="utf-8").splitlines()
        rows = [line.split("  ", 1) for line in lines]
        listed = {name: digest for digest, name in rows}
    except (OSError, ValueError):
        first, listed = "", {}
    match = FIRST_LINE.fullmatch(first)
    if match is None or int(match[1]) != len(listed):
        raise BundleError("is damaged: MANIFEST is missing or truncated")
    return listed


def is_licence(name: str) -> bool:
    """Return whether no program reads a file: a licence beside the metadata of a package."""
    return ".dist-info/" in name and not name.endswith(READ_OF_METADATA)


def read_checked(folder: Path, name: str, digest: str) -> bytes:
    """Return the content of a file; raises BundleError if its SHA-256 is not ``digest``."""
    try:
        # Unbuffered, and not by pathlib: there are fifty files, which took 1 ms longer.
        with open(f"{folder}/{name}", "rb", buffering=0) as file:  # noqa: PTH123
            data = file.read()
    except OSError:
        raise BundleError(f"is damaged: {name} cannot be read") from None
    if sha256(data).hexdigest() != digest:
        raise BundleError(f"is damaged: {name} differs from the release")
    return data


def platform_names(suffix: str = importlib.machinery.EXTENSION_SUFFIXES[0]) -> "list[str]":
    """Return the names of folders with compiled code for this Python.

    The suffix of its extensions contains system and processor, and glibc or musl; macOS has one
    suffix for both processors. A Python without a global lock cannot load such code.
    """
    match = re.fullmatch(r"\.(?:cpython-|cp)\d+-([\w-]+)\.\w+", suffix)
    if match is None:
        return []
    if match[1] == "darwin":
        return ["darwin", f"darwin-{os.uname().machine}"]
    return [match[1]]
