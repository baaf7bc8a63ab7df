"""A plug-in of pytest that takes the program's dependencies from a bundle, and from nowhere else.

Loaded by `-p`, before anything imports them. Our own modules come from the sources: tests fake and
patch none of it, but they count on one copy.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from launcher.bundle import open_bundle
from launcher.image import Image

BUNDLE = Path(os.environ["BUNDLE_UNDER_TEST"])
OF_BUNDLE = {
    "certifi",
    "google",
    "idna",
    "opentelemetry",
    "requests",
    "typing_extensions",
    "urllib3",
}


class Bundled(importlib.abc.MetaPathFinder):
    """Finds the dependencies in the bundle, and refuses what the bundle lacks."""

    def __init__(self) -> None:
        opened = open_bundle(BUNDLE)
        self._image = Image(opened.image, BUNDLE.parent, opened.platforms)
        self._image.compile_dataclasses()
        self._folders = [str(each) for each in (*opened.platforms, opened.packages)]

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] not in OF_BUNDLE:
            return None
        spec = self._image.find_spec(name) or importlib.machinery.PathFinder.find_spec(
            name, self._folders if path is None else path
        )
        if spec is None:
            raise ModuleNotFoundError(f"the bundle has no {name}", name=name)
        return spec


warnings.filterwarnings("ignore", message="Unable to find acceptable character detection")
sys.meta_path.insert(0, Bundled())


def pytest_report_header() -> str:
    """Say so, so that the test that starts this can see it."""
    return "dependencies come from the bundle"
