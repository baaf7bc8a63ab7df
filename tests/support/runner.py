"""A machine for the action: its folder as GitHub downloads it, and its packages."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from launcher.install import packages_key
from tests.support.workflows import ROOT

LOCK = ROOT / "requirements" / "runtime.txt"
PARTS = ("action.yml", "launcher", "src", "requirements")


def copy_action(folder: Path) -> Path:
    """Copy what the action needs of the checkout into a new folder, and return it."""
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            leave_out = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(source, folder / name, ignore=leave_out)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


def fill_tool_cache(cache: Path) -> Path:
    """Put the locked packages of this Python where the launcher looks for them, as links.

    Only they are there: what the action needs besides is missed here as it is on a runner.
    """
    packages = cache / "flow-telemetry" / packages_key(LOCK.read_bytes())
    packages.mkdir(parents=True)
    for name in re.findall(r"^([\w.-]+)==", LOCK.read_text("utf-8"), re.MULTILINE):
        with suppress(PackageNotFoundError):  # it may be locked for other platforms only
            _link(distribution(name), packages)
    return cache


def _link(package: Distribution, folder: Path) -> None:
    tops = {path.parts[0] for path in package.files or () if path.parts[0] != ".."}
    for top in tops - {"__pycache__"}:
        target = folder / top
        if not target.is_symlink():  # namespaces are shared
            target.symlink_to(Path(str(package.locate_file(top))))


def commit_all(folder: Path) -> None:
    """Make a git repository of a folder."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    for words in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-q", "-m", "All")):
        subprocess.run(["git", *words], cwd=folder, check=True)
