"""Build of `bundle/`: everything that the action needs besides Python.

    python tools/build_bundle.py [--out bundle] [--pythons PYTHON ...] [--require 3.10 3.11 ...]

    bundle/MANIFEST                        SHA-256 and path of every other file
    bundle/images/cpython-311.image        all modules, compiled for that Python (bundle_image.py)
    bundle/packages/                       licences, metadata, and modules that are not in images
    bundle/platforms/PLATFORM/             compiled code, if there is a wheel for the platform

The same lock, sources and Pythons make the same bytes.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from launcher.image import LAZY  # noqa: E402 - importable from here on
from tools.bundle_contents import (  # noqa: E402
    ENTRY_POINT,
    LOADED_BY_MOST_RUNS,
    OF_PLATFORM,
    PYTHONS,
    WITHOUT_PURE_WHEEL,
    Module,
    is_in_image,
    module_name,
    modules_in,
    reached,
    top,
)
from tools.bundle_wheels import WheelsError, extensions_of, fetch, unpack  # noqa: E402

LOCK = ROOT / "requirements" / "runtime.txt"
SOURCES = ROOT / "src"
CACHE = ROOT / "build" / "wheels"
# The platform whose sources go into the images; they are the same on all platforms.
FIRST_PLATFORM = "x86_64-linux-gnu"
# Files of a `.dist-info` that `importlib.metadata` reads; licences are copied too.
METADATA = ("METADATA", "entry_points.txt")
# 1980, the first year of zip files: any fixed time is possible.
FIXED_TIME = 315_532_800
TAG = "import sys; print(sys.implementation.cache_tag, '%d.%d' % sys.version_info[:2])"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the bundle; returns the exit status."""
    parser = argparse.ArgumentParser(description="Build the action's bundle.")
    parser.add_argument("--out", type=Path, default=ROOT / "bundle", help="the folder to replace")
    parser.add_argument("--cache", type=Path, default=CACHE, help="keeps the wheels")
    parser.add_argument("--pythons", nargs="*", default=None, help="make images for these only")
    parser.add_argument("--require", nargs="*", default=(), help="versions that must be found")
    options = parser.parse_args(arguments)
    pythons = find_pythons(options.pythons)
    missing = sorted(set(options.require) - pythons.keys())
    if missing:
        print(f"Python {', '.join(missing)} was not found: install it, or name it by --pythons")
        return 1
    try:
        build(options.out, list(pythons.values()), cache=options.cache)
    except WheelsError as error:
        print(error)
        return 1
    files = [path for path in options.out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{options.out}: {len(files)} files, {size:.1f} MB, images for {', '.join(pythons)}")
    return 0


def find_pythons(named: Sequence[str] | None = None) -> dict[str, str]:
    """Return an interpreter for each supported version, by version; searched if not ``named``."""
    candidates = named
    if candidates is None:
        pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
        of_pyenv = map(str, sorted(pyenv.glob("versions/3.*/bin/python")))
        candidates = [*map("python{}".format, PYTHONS), *of_pyenv, sys.executable]
    pythons: dict[str, str] = {}
    for candidate in candidates:
        tag, version = _identify(candidate)
        if tag.startswith("cpython") and version in PYTHONS:
            pythons.setdefault(version, candidate)
    return {version: pythons[version] for version in PYTHONS if version in pythons}


def _identify(python: str) -> tuple[str, str]:
    try:
        done = subprocess.run(  # noqa: S603
            [python, "-I", "-S", "-c", TAG], capture_output=True, text=True, check=False
        )
    except OSError:
        return "", ""
    tag, _, version = done.stdout.strip().partition(" ")
    return tag, version


def build(out: Path, pythons: Sequence[str] | None = None, *, cache: Path = CACHE) -> None:
    """Replace ``out`` by a bundle with an image for each of ``pythons``.

    Raises WheelsError if the wheels cannot be fetched.
    """
    pure, compiled = fetch(LOCK, cache)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".bundle-") as folder:
        unpacked, new = Path(folder, "unpacked"), Path(folder, "bundle")
        unpack([*pure, *compiled[FIRST_PLATFORM]], unpacked)
        modules = reached(modules_in(unpacked) | modules_in(SOURCES))
        copy_packages(unpacked, new / "packages", modules)
        for platform, wheels in compiled.items():
            for wheel in wheels:
                copy_extensions(wheel, new / "platforms" / folder_name(platform, wheel), modules)
        # Every byte is checked, so git must not rewrite line ends.
        _write(new / ".gitattributes", b"* -text linguist-vendored\n")
        make_images(new, unpacked, modules, pythons or ())
        _write(new / "MANIFEST", manifest(new).encode())
        # The same time and modes make the same tarball.
        for path in [new, *new.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
            os.utime(path, (FIXED_TIME, FIXED_TIME))
        shutil.rmtree(out, ignore_errors=True)
        new.rename(out)


def copy_packages(unpacked: Path, folder: Path, modules: Mapping[str, Module]) -> None:
    """Copy the modules that are not in images, their data, metadata and licences."""
    paths = {module.path for module in modules.values() if is_in_packages(module, unpacked)}
    paths |= set(unpacked.glob("*/*.pem"))
    for info in unpacked.glob("*.dist-info"):
        paths |= {info / name for name in METADATA if (info / name).exists()}
        paths |= {path for path in info.rglob("*") if path.is_file() and is_licence(path, info)}
    for path in paths:
        _write(folder / path.relative_to(unpacked), path.read_bytes())


def folder_name(platform: str, wheel: Path) -> str:
    """Return the folder for a wheel's code: one wheel may serve both processors of macOS."""
    return platform.partition("-")[0] if wheel.stem.endswith("_universal2") else platform


def copy_extensions(wheel: Path, folder: Path, modules: Mapping[str, Module]) -> None:
    """Copy the compiled modules of a wheel, and those of ``modules`` in the same packages.

    Raises WheelsError if the sources of a platform differ from those of the first.
    """
    for path, content in extensions_of(wheel).items():
        data = content
        if path.endswith(".py"):
            module = modules.get(module_name(path))
            if module is None or not is_of_platform(module.name, folder.name):
                continue
            data = content.replace(b"\r\n", b"\n")  # of wheels for Windows
            if module.path.read_bytes() != data:
                raise WheelsError(f"{path} of {wheel.name} differs from the other platforms")
        _write(folder / path, data)


def is_of_platform(name: str, platform: str) -> bool:
    """Return whether a module is for a platform: some are for one system only."""
    return name not in OF_PLATFORM or OF_PLATFORM[name] in platform


def is_in_packages(module: Module, unpacked: Path) -> bool:
    """Return whether a module is imported from its source, which is the same on all platforms."""
    is_third_party = module.path.is_relative_to(unpacked)
    return (
        is_third_party
        and not is_in_image(module.name)
        and top(module.name) not in WITHOUT_PURE_WHEEL
    )


def is_licence(path: Path, info: Path) -> bool:
    """Return whether a file of a `.dist-info` folder is a licence or a notice."""
    names = ("licen", "copying", "notice", "authors")
    return "licenses" in path.relative_to(info).parts or path.name.lower().startswith(names)


def make_images(
    bundle: Path, unpacked: Path, modules: Mapping[str, Module], pythons: Sequence[str]
) -> None:
    """Run each Python to make its image of the bundle's modules and of ours."""
    entries: dict[str, dict[str, object]] = {}
    namespaces: set[str] = set()
    for name, module in modules.items():
        ours = module.path.is_relative_to(SOURCES)
        if not ours:
            namespaces |= {name.rsplit(".", n)[0] for n in range(1, name.count(".") + 1)}
        if is_in_image(name):
            folder = "src" if ours else "bundle/packages"
            path = name.replace(".", "/") + ("/__init__.py" if module.is_package else ".py")
            entries[name] = {
                "source": str(module.path),
                "shown": f"{folder}/{path}",
                "package": module.is_package,
                "ours": ours,
            }
    # Packages without an `__init__.py`.
    for name in filter(is_in_image, namespaces - modules.keys()):
        shown = f"bundle/packages/{name.replace('.', '/')}/__init__.py"
        entries[name] = {"source": None, "shown": shown, "package": True, "ours": False}
    content = {
        "paths": [str(SOURCES), str(bundle / "platforms" / FIRST_PLATFORM), str(unpacked)],
        "first": [ENTRY_POINT, *LOADED_BY_MOST_RUNS],
        "lazy": LAZY,
        "modules": dict(sorted(entries.items())),
    }
    list_file = unpacked.with_name("modules.json")
    list_file.write_text(json.dumps(content), encoding="utf-8")
    (bundle / "images").mkdir()
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    for python in pythons:
        sections = unpacked.with_name(_identify(python)[0])
        subprocess.run(  # noqa: S603
            [
                *(python, "-S", "-B", "-X", "no_debug_ranges", "-X", "utf8", "-W", "ignore"),
                *(str(ROOT / "tools" / "bundle_image.py"), str(list_file), str(sections)),
            ],
            env={**environ, "PYTHONHASHSEED": "0"},
            check=True,
        )
        _write(bundle / "images" / f"{sections.name}.image", packed(sections))


def packed(sections: Path) -> bytes:
    """Return an image of two sections: the length of the first, then both compressed by LZMA.

    The gzip of the tarball alone would be half as large again.
    """
    first, rest = (
        lzma.compress(
            Path(f"{sections}.{number}").read_bytes(),
            check=lzma.CHECK_NONE,  # MANIFEST has the SHA-256 of the whole
            preset=9 | lzma.PRESET_EXTREME,
        )
        for number in (0, 1)
    )
    return len(first).to_bytes(4, "little") + first + rest


def manifest(bundle: Path) -> str:
    """Return the lines of MANIFEST; the first has the number of the others.

    The others are as `sha256sum` writes them.
    """
    lines = [
        f"{sha256(path.read_bytes()).hexdigest()}  {path.relative_to(bundle).as_posix()}"
        for path in sorted(path for path in bundle.rglob("*") if path.is_file())
    ]
    return "\n".join([f"flow-telemetry-bundle 2 {len(lines)}", *lines]) + "\n"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
