"""The wheel: what `pip install` and `uvx` bring, without a checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from tests.support.workflows import ROOT

STARTS = """
import sys
sys.path[:0] = [{installed!r}, {packages!r}]
from flow_telemetry.cli.main import main
sys.exit(main(["demo", "--no-open", "--html", {page!r}]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source."""
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*words, folder], cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_a_wheel_holds_the_program_only(wheel: Path) -> None:
    """No fakes and no tests, but the recording of the demo."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    folders = {name.split("/")[0] for name in names}
    assert folders == {"flow_telemetry", f"{wheel.name.split('-py3')[0]}.dist-info"}
    assert "flow_telemetry/demo/recording.json.gz" in names
    assert [name for name in names if "fake" in name or "test" in Path(name).stem.split("_")] == []


def test_the_demo_runs_without_a_checkout(wheel: Path, tmp_path: Path) -> None:
    """From the files of the wheel and the installed dependencies alone."""
    installed, page = tmp_path / "installed", tmp_path / "page.html"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    code = STARTS.format(
        installed=str(installed), packages=sysconfig.get_paths()["purelib"], page=str(page)
    )
    done = subprocess.run(
        # -S: what an editable install puts on the path is not there.
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "epic acme/shop#100" in done.stdout
    assert "test (3.14)" in page.read_text(encoding="utf-8")
