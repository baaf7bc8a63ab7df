"""Installation of the action's packages without a bundle: on a branch, in a fork, for a new Python.

pip does it, once for each runner, Python and lock file, into the runner's tool cache.
"""

import hashlib
import importlib.machinery
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

INSTALL_TIMEOUT_SECONDS = 180

# A job's own pip settings: an index or a certificate is wanted, another destination is not.
# 0 rather than unset where a pip.conf may say the same.
PIP_SETTINGS_OFF = {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0"}
PIP_SETTINGS_UNSET = frozenset(
    {"PIP_CONSTRAINT", "PIP_DRY_RUN", "PIP_PREFIX", "PIP_PYTHON", "PIP_REQUIREMENT"}
    | {"PIP_ROOT", "PIP_TARGET"}
)


class InstallError(Exception):
    """The packages could not be installed; the text says what to do."""


def installed(action: Path, environ: Mapping[str, str]) -> Path:
    """Return the folder of the action's packages, and install them if they are missing.

    Raises InstallError if that fails.
    """
    lock = action / "requirements" / "runtime.txt"
    try:
        folder = cache_folder(environ) / packages_key(lock.read_bytes())
        if not folder.is_dir():
            install(lock, folder, environ)
    except OSError as error:
        raise InstallError(
            f"The action's packages could not be written ({error.strerror}: {error.filename}). "
            "Free space on the runner, or let the job write to RUNNER_TOOL_CACHE or RUNNER_TEMP."
        ) from error
    return folder


def packages_key(lock: bytes) -> str:
    """Return a folder name of its own for each lock and for each kind of compiled extension.

    The extensions' suffix tells Python's version, the processor, and glibc from musl: container
    jobs of different images share one tool cache.
    """
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0].split(".")[1]
    return f"{suffix}-{hashlib.sha256(lock).hexdigest()[:16]}"


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return the first writable parent for the packages: tool cache, runner's or system's temp."""
    for name in ("RUNNER_TOOL_CACHE", "RUNNER_TEMP"):
        if parent := environ.get(name):
            folder = Path(parent, "flow-telemetry")
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError:
                continue
            if os.access(folder, os.W_OK):
                return folder
    # A fixed name under a system's /tmp would be any local user's to fill beforehand.
    return Path(tempfile.mkdtemp(prefix="flow-telemetry-"))


def install(lock: Path, folder: Path, environ: Mapping[str, str]) -> None:
    """Install what `lock` pins into `folder`, which appears complete or not at all."""
    started = time.monotonic()
    with working_folder(folder.parent) as work:
        packages = work / "packages"
        pip = find_pip(work / "venv", environ)
        run_pip(
            [
                *pip,
                "install",
                *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
                *("--no-input", "--disable-pip-version-check", "--quiet"),
                *("--target", str(packages), "--requirement", str(lock)),
            ],
            environ,
        )
        try:
            packages.rename(folder)
        except OSError:
            # Another job on this machine was quicker; its folder is as complete as ours.
            if not folder.is_dir():
                raise
    version = ".".join(map(str, sys.version_info[:2]))
    seconds = time.monotonic() - started
    tell(f"flow-telemetry: installed its packages for Python {version} in {seconds:.1f} s")


def tell(line: str) -> None:
    """Print a line; a closed or full standard output does not matter."""
    with suppress(OSError):
        print(line, flush=True)


@contextmanager
def working_folder(parent: Path) -> "Iterator[Path]":
    """Yield a folder that is gone afterwards, also if the step is cancelled meanwhile.

    SIGTERM would end Python at once; within, it raises KeyboardInterrupt as SIGINT does.
    """
    folder = Path(tempfile.mkdtemp(prefix=".installing-", dir=parent))
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)


def find_pip(venv: Path, environ: Mapping[str, str]) -> list[str]:
    """Return the command of a pip: this Python's, else that of a virtual environment's."""
    if run([sys.executable, "-I", "-c", "import pip"], environ).returncode == 0:
        return [sys.executable, "-I", "-m", "pip"]
    if run([sys.executable, "-I", "-m", "venv", str(venv)], environ).returncode == 0:
        python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        return [str(python), "-I", "-m", "pip"]
    raise InstallError(
        f"{sys.executable} has neither pip nor venv to install the action's packages with. Put "
        "actions/setup-python before this step, or install python3-pip or python3-venv."
    )


def run_pip(command: list[str], environ: Mapping[str, str]) -> None:
    """Run pip; raises InstallError with the likely cause if it fails."""
    result = run(command, environ)
    if result.returncode == 0:
        return
    for line in result.stdout.splitlines():
        # The prefix keeps a line of pip's from being read as a workflow command.
        tell(f"pip: {line}")
    raise InstallError(
        "The action's packages could not be installed: the runner reaches no package index "
        "(behind a firewall, set PIP_INDEX_URL to a mirror and PIP_CERT to its certificate), or "
        "has no wheels for this platform. The log above holds pip's own words."
    )


def run(command: list[str], environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a command without the action's inputs (they hold secrets) and hostile pip settings."""
    variables = {
        name: value
        for name, value in environ.items()
        if not name.startswith("FLOW_TELEMETRY_") and name not in PIP_SETTINGS_UNSET
    }
    try:
        return subprocess.run(
            command,
            env=variables | PIP_SETTINGS_OFF,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=INSTALL_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InstallError(
            f"Installing the action's packages took longer than {INSTALL_TIMEOUT_SECONDS} s: the "
            "runner's package index does not answer. Set PIP_INDEX_URL to a mirror."
        ) from None
