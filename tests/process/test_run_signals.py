"""`flow-telemetry run` starts a command with the signal dispositions that it was started with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.process.running import words_of

from flow_telemetry.process.command import ignored_at_start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX has signal dispositions")
PIPE = ("bash", "-c", "set -o pipefail; yes | head -1")
LARGE = ("bash", "-c", "ulimit -f 1; head -c 100000 /dev/zero > large")
TELL = (*("sh", "-c", "sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status"),)


def after(trap: str, words: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run a command below a shell with that trap; return its status and what it printed."""
    done = subprocess.run(
        ["bash", "-c", f'{trap}\n"$@"\nexit $?', "-", *words],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="the parent is read from /proc")
@pytest.mark.parametrize("command", [PIPE, LARGE, TELL], ids=["pipe", "large", "ignored"])
@pytest.mark.parametrize("ignored", ["", "PIPE", "XFSZ", "PIPE XFSZ"])
def test_the_same_with_and_without_it(
    tmp_path: Path, command: tuple[str, ...], ignored: str
) -> None:
    """A step of GitHub's runner ignores SIGPIPE: there `yes | head -1` has the status 1."""
    trap = f"trap '' {ignored}" if ignored else ":"
    alone = after(trap, command, tmp_path)
    assert after(trap, words_of("run", "--", *command), tmp_path) == alone
    if command is PIPE:
        assert alone[0] == (1 if "PIPE" in ignored else 141)


@pytest.mark.parametrize("command", [PIPE, LARGE], ids=["pipe", "large"])
def test_a_parent_in_python_restores_the_defaults(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Python ignores SIGPIPE itself, and its children do not."""
    alone, measured = (
        subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=60, check=False).returncode
        for words in (command, words_of("run", "--", *command))
    )
    assert measured == alone


def test_our_own_dispositions_stay() -> None:
    """A closed stream of ours is an error, not our end."""
    program = (
        "import signal; from flow_telemetry.process.command import Child; import os; "
        "before = signal.getsignal(signal.SIGPIPE); Child(['true'], os.environ).wait(); "
        "assert signal.getsignal(signal.SIGPIPE) is before is signal.SIG_IGN"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    ("program", "mask", "found"),
    [
        ("bash", 0x1000, {signal.SIGPIPE}),
        ("bash", 0x1001000, {signal.SIGPIPE, signal.SIGXFSZ}),
        ("bash", 0x4006, set()),
        ("python3.12", 0x1001000, set()),
        ("uvx", 0x1000, set()),
    ],
)
def test_the_parent_shows_what_is_ignored(
    tmp_path: Path, program: str, mask: int, found: set[int]
) -> None:
    """From the files that Linux has of it."""
    parent = tmp_path / str(os.getppid())
    parent.mkdir()
    (parent / "exe").symlink_to(f"/usr/bin/{program}")
    (parent / "status").write_text(f"Name:\t{program}\nSigIgn:\t{mask:016x}\nSigCgt:\t0\n")
    assert ignored_at_start({}, str(tmp_path)) == found


def test_without_these_files_a_step_of_github_ignores_sigpipe(tmp_path: Path) -> None:
    """On macOS; elsewhere nothing is ignored."""
    assert ignored_at_start({"GITHUB_ACTIONS": "true"}, str(tmp_path)) == {signal.SIGPIPE}
    assert ignored_at_start({}, str(tmp_path)) == set()
