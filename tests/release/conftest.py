"""A bundle for the tests of what a release carries, made once for all of them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.release.machine import Machine
from tests.support.program import Program
from tools.build_bundle import build

# Where the release workflow tests what it has built, the folder is named by this variable.
GIVEN = os.environ.get("BUNDLE_UNDER_TEST")
LONGEST_BUILD_SECONDS = 240


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give whichever test comes first, and those that wait for it, the time of the build too."""
    longest = pytest.mark.timeout(LONGEST_BUILD_SECONDS + 120)
    for item in items:
        needs = getattr(item, "fixturenames", ())
        if "bundle" in needs and item.get_closest_marker("timeout") is None:
            item.add_marker(longest)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, with the image of this Python at least; wheels come from the package index."""
    if GIVEN:
        return Path(GIVEN)
    # One for all processes of pytest-xdist, whose folders stand side by side.
    shared = tmp_path_factory.getbasetemp().parent
    if os.environ.get("PYTEST_XDIST_WORKER") is None:
        shared = tmp_path_factory.getbasetemp()
    out = shared / "bundle"
    with only_one(shared / "bundle.lock"):
        if not out.is_dir():
            build(out, [sys.executable], cache=shared / "wheels")
    return out


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold a lock that is a folder, which only one process can make."""
    until = time.monotonic() + LONGEST_BUILD_SECONDS
    while True:
        try:
            lock.mkdir()
            break
        except FileExistsError:
            assert time.monotonic() < until, f"{lock} is never given free"
            time.sleep(0.2)
    try:
        yield
    finally:
        lock.rmdir()


@pytest.fixture
def machine(bundle: Path, program: Program, tmp_path: Path) -> Machine:
    """A runner that has downloaded the release, into a folder whose name has spaces."""
    return Machine.with_release(bundle, program, tmp_path / "the actions folder" / "flow telemetry")
