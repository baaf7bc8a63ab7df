"""Starting and stopping the sampler: two steps of a job, and a process between them.

The folder, of the runner's temporary files, holds the samples and a note of the process. Every
later step of the job can write there, so nothing in it is trusted: a note leads to a process only
if that one has the note's word in its command, and began when the note says.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from flow_telemetry.model.measurements import MachineSamples
from flow_telemetry.process.samples import NOTE, SAMPLES, parse_samples

_PROGRAM = Path(__file__).with_name("sampler.py")
# A process of the runner that ends with the job: GitHub's own, and those that stand in for it.
_RUNNERS = ("runner.worker", "act", "act_runner", "forgejo-runner", "gitea-runner")
# All that it gets of the environment, in which there may be secrets. At the end of a job the
# runner ends whatever still carries its id.
_VARIABLES = ("RUNNER_TRACKING_ID", "SYSTEMROOT")
_PATIENCE_SECONDS = 2.0
_LOADING_SECONDS = 2.0
# Six hours of samples are some 3 MB; more was written by somebody else.
_MOST_BYTES = 8_000_000
_MOST_NOTE_BYTES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    pid: int
    created: float
    token: str


def start_sampler(
    folder: Path, environ: Mapping[str, str], belongs_to: psutil.Process | None = None
) -> bool:
    """Start a sampler that outlives us, unless the folder has one; return whether it runs.

    It ends with ``belongs_to``, by default the runner's process for this job, where one is found.
    """
    if _running(folder) is not None:
        return True
    owner = belongs_to or runner_process()
    token = secrets.token_hex(16)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / SAMPLES
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        process = psutil.Process(_spawn(_command(path, token, owner), folder, environ))
        note = {"pid": process.pid, "created": process.create_time(), "token": token}
        (folder / NOTE).write_text(json.dumps(note), encoding="utf-8")
    except (OSError, psutil.Error):
        return False
    return True


def stop_sampler(folder: Path) -> MachineSamples | None:
    """Stop the sampler of the folder, and return its samples; None where there are none.

    One that died has left what it had until then.
    """
    process = _running(folder)
    if process is not None:
        _end(process)
    samples = _read(folder / SAMPLES)
    for name in (NOTE, SAMPLES):
        _remove(folder / name)
    return samples


def _read(path: Path) -> MachineSamples | None:
    try:
        if not path.is_file():  # Whoever put a pipe there would have us wait for ever.
            return None
        with path.open(encoding="utf-8", errors="replace") as file:
            return parse_samples(file.read(_MOST_BYTES).splitlines())
    except OSError:
        return None


def runner_process() -> psutil.Process | None:
    """Return the process above us that lives as long as the job; None where none is known."""
    try:
        above = psutil.Process().parents()
    except psutil.Error:
        return None
    return next((each for each in above if _name(each) in _RUNNERS), None)


def _running(folder: Path) -> psutil.Process | None:
    """The folder's sampler, if it lives: its process id may be another's by now."""
    note = _note(folder)
    if note is None:
        return None
    try:
        process = psutil.Process(note.pid)
        ours = abs(process.create_time() - note.created) < 1 and note.token in _command_of(process)
        return process if ours and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, OSError, ValueError):
        return None


def _command_of(process: psutil.Process) -> list[str]:
    """Its command; Linux shows none in the moment in which a program is loaded."""
    until = time.monotonic() + _LOADING_SECONDS
    while not (words := process.cmdline()) and time.monotonic() < until:
        time.sleep(_LOADING_SECONDS / 20)
    return words


def _note(folder: Path) -> _Note | None:
    path = folder / NOTE
    try:
        if not path.is_file():  # As with the samples: no pipe is waited for.
            return None
        with path.open(encoding="utf-8") as file:
            note = json.loads(file.read(_MOST_NOTE_BYTES))
        return _Note(pid=int(note["pid"]), created=float(note["created"]), token=str(note["token"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None


def _command(path: Path, token: str, owner: psutil.Process | None) -> list[str]:
    """The sampler with psutil and nothing else: not the job's packages, nor its checkout."""
    found = importlib.util.find_spec("psutil")
    places = [] if found is None else found.submodule_search_locations or []
    # In a bundle the first place is that of the image, where there is no folder.
    folders = [Path(each) for each in places if Path(each, "__init__.py").is_file()]
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
    process.returncode = 0  # It outlives us, so nobody here waits for it.
    return process.pid


def _end(process: psutil.Process) -> None:
    try:
        process.terminate()
        if psutil.wait_procs([process], _PATIENCE_SECONDS)[1]:
            process.kill()
    except psutil.Error:
        return  # It ended meanwhile.


def _name(process: psutil.Process) -> str:
    try:
        return process.name().lower().removesuffix(".exe")
    except psutil.Error:
        return ""


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # Somebody still has it open; the runner clears the folder.
