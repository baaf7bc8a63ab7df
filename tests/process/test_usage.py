"""Usage from each of its sources: control group, processes that were seen, counts of the system."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.process.running import MEBIBYTE, python

from flow_telemetry.model.measurements import MemorySource, ProcessUsage
from flow_telemetry.process.cgroup import watch_cgroup_peak
from flow_telemetry.process.command import Ended
from flow_telemetry.process.usage import TreeUsage, TreeWatch, usage_of


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """A control group of version 2 that we are alone in."""
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "cgroup.procs").write_text(f"{os.getpid()}\n")
    (folder / "memory.peak").write_text(f"{10 * MEBIBYTE}\n")
    (tmp_path / "of-process").write_text("4:memory:/old\n0::/ours\n")
    return folder


def test_a_control_group_of_its_own_tells_the_peak(group: Path) -> None:
    """It misses no process and no moment."""
    read_peak = watch_cgroup_peak(group.parent, group.parent / "of-process")
    assert read_peak is not None
    (group / "memory.peak").write_text(f"{99 * MEBIBYTE}\n")
    assert read_peak() == 99 * MEBIBYTE
    ended = Ended(start=0, end=1, returncode=0)
    usage = usage_of(ended, TreeUsage(memory_peak=50), read_peak())
    assert (usage.memory_peak, usage.memory_source) == (99 * MEBIBYTE, MemorySource.CGROUP)


def test_a_peak_that_is_older_than_the_command_is_not_its_own(group: Path) -> None:
    """Something before it in the same group was larger."""
    read_peak = watch_cgroup_peak(group.parent, group.parent / "of-process")
    assert read_peak is not None
    assert read_peak() is None


def test_a_control_group_with_others_tells_nothing(group: Path) -> None:
    """Such as that of a runner, or of a container that steps are started in."""
    (group / "cgroup.procs").write_text(f"1\n{os.getpid()}\n")
    assert watch_cgroup_peak(group.parent, group.parent / "of-process") is None


def test_systems_without_such_groups(tmp_path: Path, group: Path) -> None:
    """Version 1, an old kernel, no Linux."""
    assert watch_cgroup_peak(tmp_path, tmp_path / "nowhere") is None
    (group / "memory.peak").unlink()
    assert watch_cgroup_peak(tmp_path, tmp_path / "of-process") is None
    (tmp_path / "of-process").write_text("4:memory:/old\n")
    assert watch_cgroup_peak(tmp_path, tmp_path / "of-process") is None


def test_where_the_system_counts_nothing_the_processes_are_watched() -> None:
    """As on Windows: processor time and memory of all that was seen."""
    program = (
        "import subprocess, sys; held = b'x' * (60 << 20); subprocess.run([sys.executable, '-c', "
        "'import time\\nend = time.process_time() + 0.5\\nwhile time.process_time() < end: pass\\n"
        "print(time.process_time())'])\n"
        "import time; print(time.process_time())"
    )
    with subprocess.Popen(python(program), stdout=subprocess.PIPE) as process:
        watch = TreeWatch(process.pid, accounts=True)
        told, _ = process.communicate()
    usage = usage_of(Ended(start=0, end=1, returncode=0), watch.stop())
    truly = sum(map(float, told.split()))
    assert usage.memory_source is MemorySource.PROCESSES
    assert usage.memory_peak is not None
    assert 60 * MEBIBYTE < usage.memory_peak < 100 * MEBIBYTE
    assert usage.cpu_user is not None
    # What is used after the last look, or before the first telling, is little.
    assert 0.1 < usage.cpu_user + (usage.cpu_system or 0) < 1.1 * truly + 0.1
    assert usage.disk_read is not None


def test_a_command_that_never_ran_used_nothing() -> None:
    """And nothing is said of it."""
    nothing = usage_of(Ended(start=0, end=0, returncode=127), None)
    assert nothing == ProcessUsage()


@pytest.mark.skipif(sys.platform == "win32", reason="the system's own counts")
def test_watching_costs_little() -> None:
    """At most a fiftieth of a processor, once psutil is loaded."""
    importlib.import_module("psutil")
    with subprocess.Popen(python("import time; time.sleep(1.5)")) as process:
        watch = TreeWatch(process.pid, accounts=False)
        time.sleep(0.4)
        began = time.process_time()
        process.wait()
        used = time.process_time() - began
        watch.stop()
    assert used < 0.1
