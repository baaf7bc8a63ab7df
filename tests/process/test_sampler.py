"""The sampler: a process between two steps of a job that harms nothing and never stays."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median

import psutil
import pytest
from tests.process.running import python
from tests.support.waiting import until

from flow_telemetry.process.sampler import sample_until_over
from flow_telemetry.process.samples import parse_samples
from flow_telemetry.process.sampling import start_sampler, stop_sampler

US = psutil.Process()
MISSING, STAYS = "the sampler writes nothing", "the process does not end"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose sampler is stopped at the end, whatever the test did."""
    folder = tmp_path / "measured"
    yield folder
    stop_sampler(folder)


def sampler_of(folder: Path) -> psutil.Process:
    """Return the process that the folder's note names."""
    return psutil.Process(json.loads((folder / "sampler.json").read_text())["pid"])


def is_over(process: psutil.Process) -> bool:
    """Whether a process ended; in a job nobody waits for it, and init takes what is left."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def has_samples(folder: Path, count: int = 1) -> Callable[[], bool]:
    """Return whether so many samples are there, when it is called."""
    return lambda: len((folder / "samples.jsonl").read_text().splitlines()) > count


def test_it_samples_until_it_is_stopped(folder: Path) -> None:
    """Then no process and no file is left."""
    assert start_sampler(folder, {}, US)
    process = sampler_of(folder)
    until(has_samples(folder, 4), MISSING)
    assert process.memory_info().rss < 40 * 2**20
    samples = stop_sampler(folder)
    assert samples is not None
    assert samples.processors == psutil.cpu_count()
    assert samples.memory == psutil.virtual_memory().total
    first, second = samples.samples[:2]
    times = [each.time.timestamp() for each in samples.samples]
    # One of them may come late on a busy machine, so that the next seems to come early.
    assert 0.8 < median(after - before for before, after in pairwise(times)) < 1.8
    assert 0 < first.memory < samples.memory
    assert second.cpu_total > first.cpu_total
    until(lambda: is_over(process), STAYS)
    assert list(folder.iterdir()) == []


def test_a_sample_costs_less_than_a_hundredth_of_a_second() -> None:
    """One is taken each second, so that is the share of a processor."""
    began = time.thread_time()
    file = io.StringIO()
    with Path(__file__).open() as there:
        file.fileno = there.fileno  # type: ignore[method-assign]
        sample_until_over(file, __file__, lambda: True, period=0, most=100)
    assert time.thread_time() - began < 1
    samples = parse_samples(file.getvalue().splitlines())
    assert samples is not None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups and sessions")
def test_it_stands_apart(folder: Path) -> None:
    """In a session of its own, without our files, the job's secrets, or the checkout's folder."""
    given = {"API_TOKEN": "s3cret", "RUNNER_TRACKING_ID": "github_1"}
    assert start_sampler(folder, given, US)
    process = sampler_of(folder)
    until(has_samples(folder), MISSING)
    assert os.getsid(process.pid) == process.pid
    assert "API_TOKEN" not in process.environ()
    assert process.environ()["RUNNER_TRACKING_ID"] == "github_1"
    assert Path(process.cwd()) == folder


def test_a_second_start_keeps_the_first(folder: Path) -> None:
    """Two context steps, one sampler."""
    assert start_sampler(folder, {}, US)
    first = sampler_of(folder)
    assert start_sampler(folder, {}, US)
    assert sampler_of(folder) == first


def test_one_that_died_leaves_what_it_had(folder: Path) -> None:
    """And the next start begins anew."""
    start_sampler(folder, {}, US)
    until(has_samples(folder), MISSING)
    process = sampler_of(folder)
    process.kill()
    until(lambda: is_over(process), STAYS)
    assert start_sampler(folder, {}, US)
    assert sampler_of(folder) != process
    sampler_of(folder).kill()
    until(lambda: is_over(sampler_of(folder)), STAYS)
    (folder / "samples.jsonl").write_text('{"processors": 2, "memory": 1}\n{"time"')
    assert stop_sampler(folder) is None


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_it_ends_when_its_file_is_removed(folder: Path) -> None:
    """As the runner does with its temporary folder between jobs."""
    start_sampler(folder, {}, US)
    until(has_samples(folder), MISSING)
    (folder / "samples.jsonl").unlink()
    until(lambda: is_over(sampler_of(folder)), STAYS)


def test_it_ends_with_the_job_that_it_belongs_to(folder: Path) -> None:
    """Also where no step stops it."""
    runner = psutil.Popen(python("import time; time.sleep(60)"))
    start_sampler(folder, {}, psutil.Process(runner.pid))
    until(has_samples(folder), MISSING)
    runner.kill()
    runner.wait()
    until(lambda: is_over(sampler_of(folder)), STAYS)


def test_a_process_with_the_id_of_another_is_left_alone(folder: Path) -> None:
    """The note may be old, or written by anybody in the job."""
    start_sampler(folder, {}, US)
    ours = sampler_of(folder)
    note = json.loads((folder / "sampler.json").read_text())
    other = psutil.Popen(python("import time; time.sleep(60)"))
    note |= {"pid": other.pid, "created": other.create_time()}
    (folder / "sampler.json").write_text(json.dumps(note))
    stop_sampler(folder)
    assert other.is_running()
    other.kill()
    other.wait()
    # Its own file is gone with that, so it ends, wherever a file can be removed.
    ours.terminate() if sys.platform == "win32" else until(lambda: is_over(ours), STAYS)


@pytest.mark.parametrize(
    "note", ["", "[]", "{}", '{"pid": "x"}', '{"pid": 1e999}', '{"pid": -5}', "[" * 9_999]
)
def test_a_damaged_note_leads_nowhere(folder: Path, note: str) -> None:
    """Nothing raises, and nothing is ended."""
    folder.mkdir()
    (folder / "sampler.json").write_text(note)
    assert stop_sampler(folder) is None


def test_without_a_sampler_there_are_no_samples(folder: Path) -> None:
    """Nor where its folder cannot be made."""
    assert stop_sampler(folder) is None
    folder.write_text("a file")
    assert not start_sampler(folder, {}, US)
    folder.unlink()
