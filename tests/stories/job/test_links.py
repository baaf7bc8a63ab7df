"""Links where the program writes: an earlier step of the job may have made them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.world import World
from tests.stories.test_inside_a_run import going_on
from tests.support.job import Job
from tests.support.program import Program

from flow_telemetry.files import create_file, is_own_folder, make_own_folder, replace_file
from flow_telemetry.process.samples import NOTE, SAMPLES
from flow_telemetry.process.sampling import start_sampler, stop_sampler

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a link needs a permission there")
VICTIM = "a file of the runner's user"


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file of each name that the program writes; nothing in it may change."""
    folder = tmp_path / "victim"
    folder.mkdir()
    for name in ("context.json", NOTE, SAMPLES, "coverage.json"):
        (folder / name).write_text(VICTIM)
    before = sorted(folder.iterdir())
    yield folder
    assert sorted(folder.iterdir()) == before
    assert {path.read_text() for path in before} == {VICTIM}


@pytest.fixture
def own_job(program: Program, world: World) -> Job:
    """A job as it goes on."""
    return Job(program, world.run(jobs=[going_on("test", "Compile")]), "test")


def temporary(program: Program) -> Path:
    return program.folder / "temp"


def test_a_link_in_place_of_the_folder_is_not_written_through(
    own_job: Job, program: Program, victim: Path
) -> None:
    """The context step says so; the export neither reads what is there nor deletes it."""
    temporary(program).mkdir(exist_ok=True)
    (temporary(program) / "flow-telemetry-job").symlink_to(victim)
    result = own_job.context(measure=True)
    assert result.status == 0
    assert any("it is a link" in text for text in result.notices), result.notices
    assert any("sampler could not be started" in text for text in result.notices)
    assert own_job.step().outputs["status"] == "exported"


def test_links_in_place_of_the_files_are_replaced(
    own_job: Job, program: Program, victim: Path
) -> None:
    """Also dangling ones, which would create a file elsewhere."""
    folder = temporary(program) / "flow-telemetry-job"
    folder.mkdir(parents=True)
    for name in ("context.json", NOTE, SAMPLES):
        (folder / name).symlink_to(victim / name)
    result = own_job.context(measure=True)
    assert (result.warnings, result.notices) == ([], [])
    assert not (folder / "context.json").is_symlink()
    assert own_job.step().outputs["status"] == "exported"


def test_a_sampler_starts_in_no_linked_folder(tmp_path: Path, victim: Path) -> None:
    """Its folder would be read, written and emptied."""
    link = tmp_path / "link"
    link.symlink_to(victim)
    assert not start_sampler(link, os.environ)
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / SAMPLES).symlink_to(victim / SAMPLES)
    try:
        assert start_sampler(folder, os.environ)
        assert not (folder / SAMPLES).is_symlink()
    finally:
        stop_sampler(folder)


def test_files_are_created_or_replaced_and_never_written_through(
    tmp_path: Path, victim: Path
) -> None:
    """And are for the user only."""
    link = tmp_path / "link.json"
    link.symlink_to(victim / NOTE)
    with pytest.raises(FileExistsError):
        create_file(link, b"x")
    replace_file(link, b"ours")
    assert (link.is_symlink(), link.read_bytes(), link.stat().st_mode & 0o777) == (
        False,
        b"ours",
        0o600,
    )
    with pytest.raises(OSError):  # noqa: PT011
        replace_file(tmp_path / "missing" / "x", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):  # noqa: PT011
        replace_file(tmp_path / "folder", b"")
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_a_folder_is_ours_if_it_is_a_folder(tmp_path: Path, victim: Path) -> None:
    """A link, a file or nothing is none."""
    (tmp_path / "link").symlink_to(victim)
    (tmp_path / "file").touch()
    make_own_folder(tmp_path / "a" / "b")
    names = ("a/b", "link", "file", "missing")
    assert [is_own_folder(tmp_path / name) for name in names] == [True, False, False, False]
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    for name in ("link", "file"):
        with pytest.raises(OSError):  # noqa: PT011
            make_own_folder(tmp_path / name)
