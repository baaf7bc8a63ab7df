"""Measuring one process from its start to its end, with all that it started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds of wall clock and of processor, and the most memory at once in MiB."""

    wall: float
    processor: float
    memory: float


class FailedError(Exception):
    """A program under test did not do its work; the text holds what it printed."""


def measure(command: Sequence[str], environ: Mapping[str, str], folder: Path) -> Cost:
    """Run a command to its end and return what it cost.

    The kernel adds up what a process and its children used, and gives the memory of the largest.

    Raises:
        FailedError: it ended with another status than 0.
    """
    log = folder / "log"
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env=environ, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        told = log.read_text(encoding="utf-8", errors="replace")[-2_000:]
        raise FailedError(f"{command[0]} ended with status {process.returncode}:\n{told}")
    # Linux counts in KiB, macOS in bytes.
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Cost(wall=wall, processor=usage.ru_utime + usage.ru_stime, memory=usage.ru_maxrss / unit)
