"""What a release carries: all that is needed and nothing else, the same for the same input."""

from __future__ import annotations

import hashlib
import importlib.util
import lzma
import marshal
import os
import subprocess
import sys
from pathlib import Path
from types import CodeType

import pytest
from launcher.bundle import BundleError, open_bundle, platform_names, read_manifest
from tests.release.machine import IMAGE
from tools.build_bundle import build, find_pythons
from tools.bundle_contents import COMPILED, LEFT_OUT, NOT_IN_IMAGES, PLATFORMS, is_left_out
from tools.bundle_wheels import locked

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# They read runs, changes, items of both trackers, deployments, features and refusals.
STORIES = (
    "test_run_to_trace.py",
    "test_feature_trace.py",
    "test_feature_of_jira.py",
    "test_deliveries.py",
    "test_sweep.py",
    "test_github_refuses.py",
)


@pytest.mark.timeout(300)
def test_the_same_input_makes_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    """Names, contents, modes and times: built twice, compared whole."""
    again = tmp_path / "again"
    pythons = [p for p in find_pythons().values() if tag_of(p) in images(bundle)]
    build(again, pythons, cache=tmp_path / "wheels")
    assert listing(again) == listing(bundle)


def tag_of(python: str) -> str:
    return subprocess.check_output(
        [python, "-c", "import sys; print(sys.implementation.cache_tag)"], text=True
    ).strip()


def images(bundle: Path) -> set[str]:
    return {path.stem for path in (bundle / "images").glob("*.image")}


def listing(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file()
    }


def sections_of(bundle: Path) -> tuple[dict[str, tuple[str, bool, int, int, int]], list[bytes]]:
    """Return where the image has each module, and what its two sections hold."""
    data = (bundle / IMAGE).read_bytes()
    end = 4 + int.from_bytes(data[:4], "little")
    first, rest = lzma.decompress(data[4:end]), lzma.decompress(data[end:])
    begin = 4 + int.from_bytes(first[:4], "little")
    return marshal.loads(first[4:begin])["modules"], [first[begin:], rest]


def test_modules_are_compiled_and_never_checked(bundle: Path) -> None:
    """Each is a `.pyc` of this Python whose source is not looked at (PEP 552)."""
    modules, sections = sections_of(bundle)
    assert "flow_telemetry.action" in modules
    for name, (_, _, section, start, end) in modules.items():
        if start == end:
            assert name.partition(".")[0] in {"google", "opentelemetry", "ruamel"}, (
                "only namespaces"
            )
            continue
        pyc = sections[section][start:end]
        assert pyc[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(pyc[4:8], "little") == 0b01
        assert isinstance(marshal.loads(pyc[16:]), CodeType)


def test_developers_things_are_left_out(bundle: Path) -> None:
    """Neither the demo nor the command line run in an action."""
    ours = {name for name in sections_of(bundle)[0] if name.startswith("flow_telemetry.")}
    assert {name.split(".")[1] for name in ours} & {"cli", "demo"} == set()


def test_nothing_heavy_is_carried(bundle: Path) -> None:
    """No PyGithub and no compiled cryptography; what LEFT_OUT names is really out."""
    carried = set(sections_of(bundle)[0])
    carried |= {path.name for path in (bundle / "packages").iterdir()}
    assert {"github", "cryptography", "nacl", "jwt"} & carried == set()
    assert [name for name in carried if is_left_out(name)] == []
    assert [name for name, reason in {**LEFT_OUT, **NOT_IN_IMAGES}.items() if not reason] == []


def test_each_package_comes_with_its_licence(bundle: Path) -> None:
    """As the licences ask."""
    lock = (ROOT / "requirements" / "runtime.txt").read_text("utf-8")
    infos = list((bundle / "packages").glob("*.dist-info"))
    licensed = {
        info.name.partition("-")[0].replace("_", "-").lower()
        for info in infos
        if any("licen" in path.name.lower() for path in info.rglob("*") if path.is_file())
    }
    assert licensed == set(locked(lock))


def test_compiled_code_comes_for_each_platform(bundle: Path) -> None:
    """protobuf where it has a wheel, else it runs in pure Python; psutil everywhere."""
    listed = list(read_manifest(bundle))
    for platform in PLATFORMS:
        folders = {f"platforms/{platform}/", f"platforms/{platform.partition('-')[0]}/"}
        here = [name for name in listed if name.startswith(tuple(folders))]
        compiled = [name for name in here if name.endswith((".so", ".pyd"))]
        wanted = set(COMPILED) - ({"protobuf"} if platform.endswith("musl") else set())
        assert len(compiled) == len(wanted), platform


@pytest.mark.parametrize(
    ("suffix", "names"),
    [
        (".cpython-311-x86_64-linux-gnu.so", ["x86_64-linux-gnu"]),
        (".cpython-310-aarch64-linux-musl.so", ["aarch64-linux-musl"]),
        (".cp313-win_amd64.pyd", ["win_amd64"]),
        (".cpython-313t-x86_64-linux-gnu.so", []),
        (".pypy310-pp73-x86_64-linux-gnu.so", []),
        (".so", []),
    ],
)
def test_the_platform_is_told_by_the_suffix(suffix: str, names: list[str]) -> None:
    """A Python without global lock, or another implementation, gets no compiled code."""
    assert platform_names(suffix) == names


def test_the_manifest_has_the_sha256_of_every_file(bundle: Path) -> None:
    """As `sha256sum --check` reads it, so that anyone can check without this program."""
    files = {path for path in bundle.rglob("*") if path.is_file() and path.name != "MANIFEST"}
    digests = {
        path.relative_to(bundle).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
    assert read_manifest(bundle) == digests
    lines = (bundle / "MANIFEST").read_text("utf-8").splitlines()[1:]
    assert sorted(lines) == sorted(f"{digest}  {name}" for name, digest in digests.items())


def test_a_python_that_came_later_is_told(bundle: Path, tmp_path: Path) -> None:
    """It is named; the launcher then sets up an environment."""
    lines = (bundle / "MANIFEST").read_text("utf-8").splitlines()
    kept = [line for line in lines[1:] if " images/" not in line]
    text = "\n".join([f"flow-telemetry-bundle 2 {len(kept)}", *kept])
    (tmp_path / "MANIFEST").write_text(text, encoding="utf-8")
    with pytest.raises(BundleError, match=f"no image for {sys.implementation.cache_tag}"):
        open_bundle(tmp_path)


@pytest.mark.timeout(400)
def test_the_stories_run_on_the_bundle(bundle: Path, tmp_path: Path) -> None:
    """What is left out is missed by none of the suite's main paths."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "on_bundle"),
            *("-p", "no:cacheprovider", "-p", "no:xdist", "--basetemp", str(tmp_path / "stories")),
            # None of these is here, which CI's `--complete` would take for an omission.
            *("-m", "not backends"),
            *(f"tests/stories/{name}" for name in STORIES),
        ],
        cwd=ROOT,
        env={**os.environ, "BUNDLE_UNDER_TEST": str(bundle), "PYTHONPATH": str(HERE)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "dependencies come from the bundle" in done.stdout
