"""Makes `bundle/`: all that the action needs besides Python, so that it installs nothing.

    python tools/build_bundle.py [--out bundle] [--pythons PYTHON ...] [--require 3.10 3.11 ...]

    bundle/MANIFEST                        checksum, size and path of every other file
    bundle/images/cpython-311.image        all modules, compiled for that Python (bundle_image.py)
    bundle/packages/                       licences, metadata, and the few modules in no image
    bundle/platforms/PLATFORM/             compiled code, where there is a wheel for it

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
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.bundle_contents import (  # noqa: E402 - importable from here on
    DOOR,
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
# Whose sources go into the images; they are the same on all.
FIRST_PLATFORM = "x86_64-linux-gnu"
# Of each `.dist-info`, what `importlib.metadata` asks for; the licences come besides.
METADATA = ("METADATA", "entry_points.txt")
# 1980, where zip files begin: any fixed time will do.
FIXED_TIME = 315_532_800
TAG = "import sys; print(sys.implementation.cache_tag, '%d.%d' % sys.version_info[:2])"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the bundle; returns the exit status."""
    given = _parser().parse_args(arguments)
    pythons = find_pythons(given.pythons)
    missing = sorted(set(given.require) - pythons.keys())
    if missing:
        print(f"no Python {', '.join(missing)}: install it, or name it by --pythons")
        return 1
    try:
        build(given.out, list(pythons.values()), cache=given.cache)
    except WheelsError as error:
        print(error)
        return 1
    files = [path for path in given.out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{given.out}: {len(files)} files, {size:.1f} MB, images for {', '.join(pythons)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Make the action's bundle.")
    parser.add_argument("--out", type=Path, default=ROOT / "bundle", help="the folder to replace")
    parser.add_argument("--cache", type=Path, default=CACHE, help="keeps the wheels")
    parser.add_argument("--pythons", nargs="*", default=None, help="make images for these only")
    parser.add_argument("--require", nargs="*", default=(), help="versions that must be found")
    return parser


def find_pythons(named: Sequence[str] | None = None) -> dict[str, str]:
    """Return an interpreter for each supported version that is found, by version."""
    candidates = named if named is not None else [*map("python{}".format, PYTHONS), *_of_pyenv()]
    found: dict[str, str] = {}
    for candidate in [*candidates, *([] if named is not None else [sys.executable])]:
        tag, version = _identify(candidate)
        if tag.startswith("cpython") and version in PYTHONS:
            found.setdefault(version, candidate)
    return {version: found[version] for version in PYTHONS if version in found}


def _of_pyenv() -> list[str]:
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return [str(path) for path in sorted(root.glob("versions/3.*/bin/python"))]


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

    Raises WheelsError where the wheels cannot be had.
    """
    pure, compiled = fetch(LOCK, cache)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".bundle-") as folder:
        unpacked, made = Path(folder, "unpacked"), Path(folder, "bundle")
        unpack([*pure, *compiled[FIRST_PLATFORM]], unpacked)
        chosen = reached(modules_in(unpacked) | modules_in(SOURCES))
        copy_packages(unpacked, made / "packages", chosen)
        for platform, wheels in compiled.items():
            for wheel in wheels:
                copy_extensions(wheel, made / "platforms" / folder_name(platform, wheel), chosen)
        # Sizes are checked, so git must not rewrite line ends.
        _write(made / ".gitattributes", b"* -text linguist-vendored\n")
        make_images(made, unpacked, chosen, pythons or ())
        _write(made / "MANIFEST", manifest(made).encode())
        _settle(made)
        shutil.rmtree(out, ignore_errors=True)
        made.rename(out)


def copy_packages(unpacked: Path, folder: Path, chosen: Mapping[str, Module]) -> None:
    """Copy the modules in no image, the data beside them, each package's metadata and licences."""
    wanted = {each.path for each in chosen.values() if is_in_packages(each, unpacked)}
    wanted |= set(unpacked.glob("*/*.pem"))
    for info in unpacked.glob("*.dist-info"):
        wanted |= {info / name for name in METADATA if (info / name).exists()}
        wanted |= {path for path in info.rglob("*") if path.is_file() and is_licence(path, info)}
    for path in wanted:
        _write(folder / path.relative_to(unpacked), path.read_bytes())


def folder_name(platform: str, wheel: Path) -> str:
    """Return the folder for a wheel's code: one wheel may serve both processors of macOS."""
    return platform.partition("-")[0] if wheel.stem.endswith("_universal2") else platform


def copy_extensions(wheel: Path, folder: Path, chosen: Mapping[str, Module]) -> None:
    """Copy a wheel's compiled modules, and the chosen others of packages that come whole.

    Raises WheelsError where a platform's sources differ from those of the first.
    """
    for path, content in extensions_of(wheel).items():
        data = content
        if path.endswith(".py"):
            known = chosen.get(module_name(path))
            if known is None or not is_of_platform(known.name, folder.name):
                continue
            data = content.replace(b"\r\n", b"\n")  # Windows' wheels have them
            if known.path.read_bytes() != data:
                raise WheelsError(f"{path} of {wheel.name} is not the other platforms'")
        _write(folder / path, data)


def is_of_platform(name: str, platform: str) -> bool:
    """Whether a module serves a platform: most do, some serve one system only."""
    return name not in OF_PLATFORM or OF_PLATFORM[name] in platform


def is_in_packages(module: Module, unpacked: Path) -> bool:
    """Whether a module is loaded from its source, which is the same for all platforms."""
    theirs = module.path.is_relative_to(unpacked)
    return theirs and not is_in_image(module.name) and top(module.name) not in WITHOUT_PURE_WHEEL


def is_licence(path: Path, info: Path) -> bool:
    """Whether a file of a `.dist-info` folder is a licence or a notice."""
    names = ("licen", "copying", "notice", "authors")
    return "licenses" in path.relative_to(info).parts or path.name.lower().startswith(names)


def make_images(
    bundle: Path, unpacked: Path, chosen: Mapping[str, Module], pythons: Sequence[str]
) -> None:
    """Let each Python make its image of the bundle's modules and of ours."""
    theirs = {n: each for n, each in chosen.items() if not each.path.is_relative_to(SOURCES)}
    listed = {
        **{name: _facts(each) for name, each in chosen.items() if is_in_image(name)},
        **{name: _namespace(name) for name in _namespaces(theirs)},
    }
    wanted = {
        "paths": [str(SOURCES), str(bundle / "platforms" / FIRST_PLATFORM), str(unpacked)],
        "first": [DOOR, *LOADED_BY_MOST_RUNS],
        "modules": dict(sorted(listed.items())),
    }
    list_file = unpacked.with_name("modules.json")
    list_file.write_text(json.dumps(wanted), encoding="utf-8")
    (bundle / "images").mkdir()
    for python in pythons:
        sections = unpacked.with_name(_identify(python)[0])
        subprocess.run(  # noqa: S603
            [
                *(python, "-S", "-B", "-X", "no_debug_ranges", "-X", "utf8", "-W", "ignore"),
                *(str(ROOT / "tools" / "bundle_image.py"), str(list_file), str(sections)),
            ],
            env={**_without_python_settings(), "PYTHONHASHSEED": "0"},
            check=True,
        )
        _write(bundle / "images" / f"{sections.name}.image", packed(sections))


def packed(sections: Path) -> bytes:
    """Return an image of its two sections: the length of the first, then both compressed.

    gzip, of which a tarball is made, would leave half as much again.
    """
    first, rest = (
        lzma.compress(
            Path(f"{sections}.{number}").read_bytes(),
            check=lzma.CHECK_NONE,  # MANIFEST has a checksum of the whole
            preset=9 | lzma.PRESET_EXTREME,
        )
        for number in (0, 1)
    )
    return len(first).to_bytes(4, "little") + first + rest


def _without_python_settings() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}


def _facts(module: Module) -> dict[str, object]:
    ours = module.path.is_relative_to(SOURCES)
    folder = "src" if ours else "bundle/packages"
    path = module.name.replace(".", "/") + ("/__init__.py" if module.is_package else ".py")
    return {
        "source": str(module.path),
        "shown": f"{folder}/{path}",
        "package": module.is_package,
        "ours": ours,
    }


def _namespace(name: str) -> dict[str, object]:
    shown = f"bundle/packages/{name.replace('.', '/')}/__init__.py"
    return {"source": None, "shown": shown, "package": True, "ours": False}


def _namespaces(modules: Mapping[str, Module]) -> set[str]:
    """Return the packages without an `__init__.py` that modules stand in."""
    parents = {name.rsplit(".", n)[0] for name in modules for n in range(1, name.count(".") + 1)}
    return {name for name in parents - modules.keys() if is_in_image(name)}


def manifest(bundle: Path) -> str:
    """Return the lines of MANIFEST; the first tells how many follow."""
    lines = []
    for path in sorted(path for path in bundle.rglob("*") if path.is_file()):
        data = path.read_bytes()
        lines.append(f"{zlib.crc32(data):08x} {len(data)} {path.relative_to(bundle).as_posix()}")
    return "\n".join([f"flow-telemetry-bundle 1 {len(lines)}", *lines]) + "\n"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _settle(folder: Path) -> None:
    """Give everything the same time and modes."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (FIXED_TIME, FIXED_TIME))


if __name__ == "__main__":
    sys.exit(main())
