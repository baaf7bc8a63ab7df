"""Download of the locked wheels by pip, with their hashes, and their unpacking."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.bundle_contents import COMPILED, PLATFORMS, WITHOUT_PURE_WHEEL


class WheelsError(Exception):
    """Wheels could not be fetched, or differ between platforms."""


def fetch(lock: Path, cache: Path) -> tuple[list[Path], dict[str, list[Path]]]:
    """Return the pure wheels of a lock, and the compiled wheels of each platform.

    ``cache`` keeps them; pip looks there first and checks the hashes anyway.
    """
    pins = locked(lock.read_text(encoding="utf-8"))
    pure = {name: pin for name, pin in pins.items() if name not in WITHOUT_PURE_WHEEL}
    compiled = {name: pins[name] for name in COMPILED}
    wheels = _download(pure, cache / "pure", "any", "py", "none")
    return wheels, {
        name: [
            wheel
            for wheel in _download(compiled, cache / name, tag, "cp", "abi3")
            if not wheel.name.endswith("-none-any.whl")
        ]
        for name, tag in PLATFORMS.items()
    }


def locked(lock: str) -> dict[str, str]:
    """Return the pins of a lock by the package's name, each with its hashes."""
    pins: dict[str, str] = {}
    name = ""
    for line in lock.splitlines():
        if match := re.match(r"([\w.-]+)==", line):
            name = match[1]
            pins[name] = line
        elif line.lstrip().startswith("--hash"):
            pins[name] += "\n" + line
    return {name: pin.rstrip("\\ ") + "\n" for name, pin in pins.items()}


def _download(
    pins: Mapping[str, str], folder: Path, tag: str, implementation: str, abi: str
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        lock = Path(fresh, "lock.txt")
        lock.write_text("".join(pins.values()), encoding="utf-8")
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
            *("--python-version", "3.10", "--platform", tag),
            *("--implementation", implementation, "--abi", abi),
            *("--find-links", str(folder), "--dest", fresh, "--requirement", str(lock)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            output = f"{done.stdout}{done.stderr}".strip()
            raise WheelsError(f"pip could not fetch the locked wheels for {tag}:\n{output}")
        # The cache may contain other versions, which pip does not copy.
        return [path.replace(folder / path.name) for path in sorted(Path(fresh).glob("*.whl"))]


def unpack(wheels: Sequence[Path], folder: Path) -> None:
    """Unpack wheels into one folder."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)


def extensions_of(wheel: Path) -> dict[str, bytes]:
    """Return the compiled modules of a wheel by their paths.

    If there is an `__init__.py` beside them, all modules of that package are included, because a
    package is imported from one folder only.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        compiled = [name for name in names if name.endswith((".so", ".pyd"))]
        whole = {_folder(name) for name in compiled if f"{_folder(name)}/__init__.py" in names}
        chosen = [n for n in names if n in compiled or (n.endswith(".py") and _folder(n) in whole)]
        return {name: archive.read(name) for name in sorted(chosen)}


def _folder(name: str) -> str:
    return name.rpartition("/")[0]
