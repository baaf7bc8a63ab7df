"""Start and stop of the sampler, a process between two steps of a job.

A folder of the runner's temporary files contains the samples and a note of the process. Every later
step of the job can write there, so the files are untrusted: a note identifies a process only if the
process has the note's token in its command and started at the time in the note.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from flow_telemetry.files import create_file, is_own_folder, make_own_folder, replace_file
from flow_telemetry.model.measurements import MachineSamples
from flow_telemetry.process.samples import NOTE, SAMPLES, parse_samples

_PROGRAM = Path(__file__).with_name("sampler.py")
# Processes of runners that end with the job: of GitHub, and of compatible runners.
_RUNNERS = ("runner.worker", "act", "act_runner", "forgejo-runner", "gitea-runner")
# The variables of the sampler's environment; others may contain secrets. At the end of a job the
# runner ends all processes with its tracking id.
_VARIABLES = ("RUNNER_TRACKING_ID", "SYSTEMROOT")
_PATIENCE_SECONDS = 2.0
_LOADING_SECONDS = 2.0
# Six hours of samples are about 3 MB; a larger file is not the sampler's.
_MOST_BYTES = 8_000_000
_MOST_NOTE_BYTES = 10_000


def start_sampler(
    folder: Path, environ: Mapping[str, str], belongs_to: psutil.Process | None = None
) -> bool:
    """Start a sampler that outlives us, unless the folder has one; return whether it runs.

    It ends with ``belongs_to``, by default the runner's process for this job, if there is one.
    """
    if is_own_folder(folder) and _find_sampler(folder) is not None:
        return True
    owner = belongs_to or runner_process()
    token = secrets.token_hex(16)
    try:
        make_own_folder(folder)
        path = folder / SAMPLES
        path.unlink(missing_ok=True)
        create_file(path)
        process = psutil.Process(_spawn(_build_command(path, token, owner), folder, environ))
        note = {"pid": process.pid, "created": process.create_time(), "token": token}
        replace_file(folder / NOTE, json.dumps(note).encode())
    except (OSError, psutil.Error):
        return False
    return True


def stop_sampler(folder: Path) -> MachineSamples | None:
    """Stop the sampler of the folder, delete its files, and return its samples, if any.

    A sampler that was killed has written all samples up to then.
    """
    process = _find_sampler(folder)
    if process is not None:
        try:
            process.terminate()
            if psutil.wait_procs([process], _PATIENCE_SECONDS)[1]:
                process.kill()
        except psutil.Error:
            pass  # It has ended by itself.
    samples = _read_samples(folder / SAMPLES)
    for name in (NOTE, SAMPLES):
        # Another process may still have it open; the runner clears the folder.
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    return samples


def _read_samples(path: Path) -> MachineSamples | None:
    try:
        if not path.is_file():  # Reading a pipe would block for ever.
            return None
        with path.open(encoding="utf-8", errors="replace") as file:
            return parse_samples(file.read(_MOST_BYTES).splitlines())
    except OSError:
        return None


def runner_process() -> psutil.Process | None:
    """Return the process above us that runs as long as the job; None if there is no known one."""
    try:
        parents = psutil.Process().parents()
    except psutil.Error:
        return None
    for parent in parents:
        with contextlib.suppress(psutil.Error):
            if parent.name().lower().removesuffix(".exe") in _RUNNERS:
                return parent
    return None


def _find_sampler(folder: Path) -> psutil.Process | None:
    """Return the folder's sampler if it runs: another process may have its id by now."""
    note = _read_note(folder)
    if note is None:
        return None
    pid, created, token = note
    try:
        process = psutil.Process(pid)
        is_ours = abs(process.create_time() - created) < 1 and token in _read_command(process)
        return process if is_ours and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, OSError, ValueError):
        return None


def _read_command(process: psutil.Process) -> list[str]:
    """Return the command of a process; on Linux it is empty while a program is being loaded."""
    until = time.monotonic() + _LOADING_SECONDS
    while not (words := process.cmdline()) and time.monotonic() < until:
        time.sleep(_LOADING_SECONDS / 20)
    return words


def _read_note(folder: Path) -> tuple[int, float, str] | None:
    """Return the process id, start in seconds since 1970, and token; None if there is no note."""
    path = folder / NOTE
    try:
        if not path.is_file():  # Reading a pipe would block for ever.
            return None
        with path.open(encoding="utf-8") as file:
            note = json.loads(file.read(_MOST_NOTE_BYTES))
        return int(note["pid"]), float(note["created"]), str(note["token"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None


def _build_command(path: Path, token: str, owner: psutil.Process | None) -> list[str]:
    """Return a command whose import path has only psutil: not the job's packages or checkout."""
    spec = importlib.util.find_spec("psutil")
    locations = [] if spec is None else spec.submodule_search_locations or []
    # In a bundle the first location is in the image, which is not a folder.
    folders = [Path(folder) for folder in locations if Path(folder, "__init__.py").is_file()]
    if not folders:
        raise FileNotFoundError("psutil")
    packages = str(folders[0].parent)
    start = (
        "import runpy, sys; program = sys.argv.pop(1); sys.path.insert(0, sys.argv.pop(1)); "
        "runpy.run_path(program, run_name='__main__')"
    )
    pid, created = ("", "") if owner is None else (str(owner.pid), repr(owner.create_time()))
    isolated = [sys.executable, "-I", "-S", "-B", "-c", start]
    return [*isolated, str(_PROGRAM), packages, str(path), token, pid, created]


def _spawn(command: list[str], folder: Path, environ: Mapping[str, str]) -> int:
    flags = 0
    if sys.platform == "win32":
        flags = (
            subprocess.DETACHED_PROCESS
            | subprocess.CREATE_NEW_PROCESS_GROUP
            | subprocess.CREATE_NO_WINDOW
        )
    process = subprocess.Popen(  # noqa: S603 - our own program
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={name: environ[name] for name in _VARIABLES if name in environ},
        start_new_session=os.name == "posix",
        creationflags=flags,
    )
    process.returncode = 0  # It outlives us, so Python must not wait for it.
    return process.pid
