"""Standard output and error that are closed, full, or a pipe that nothing reads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.process.running import words_of
from tests.support.program import Program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
ACTION = "import sys; from flow_telemetry.action import main; sys.exit(main())"
IDS = ("ids", "github.com/acme/shop/pull/1")
REDIRECTIONS = (">&-", ">/dev/full", "| true", "2>&-", "2>/dev/full", ">&- 2>&-")


def shell(
    redirection: str, *words: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with its streams redirected; the status is its own, also in a pipe."""
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; sleep 0; "$@" {redirection}', "-", *words],
        env={**os.environ, **(environ or {})},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("redirection", REDIRECTIONS)
@pytest.mark.parametrize("arguments", [IDS, ("--help",), ("ids", "--help"), ("ids",)])
def test_no_stream_ends_in_a_traceback(redirection: str, arguments: tuple[str, ...]) -> None:
    """Nor in a status of Python's own, with and without buffers."""
    for buffered in ("", "1"):
        done = shell(redirection, *words_of(*arguments), environ={"PYTHONUNBUFFERED": buffered})
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        assert done.returncode in (0, 1, 2)


@pytest.mark.parametrize(
    ("redirection", "status", "reason"),
    [
        (">/dev/full", 1, "No space left on device"),
        (">&-", 1, "it is closed"),
        ("| true", 0, ""),
        (">/dev/null", 0, ""),
        ("2>/dev/full", 0, ""),
    ],
)
def test_a_lost_result_is_a_failure(redirection: str, status: int, reason: str) -> None:
    """A reader that had enough is none."""
    done = shell(redirection, *words_of(*IDS))
    assert done.returncode == status, done.stderr
    assert done.stderr == (
        f"flow-telemetry: standard output could not be written: {reason}\n" if reason else ""
    )


@pytest.mark.parametrize("redirection", REDIRECTIONS)
def test_the_action_exports_all_the_same(
    redirection: str, program: Program, world: World, receiver: Receiver
) -> None:
    """And sets its outputs; the exit status stays 0."""
    run = world.run(jobs=[job("build", steps=[step("Compile", 30)])])
    environ = program.action_environ({"PYTHONUTF8": "1"}, run_id=run.id)
    done = shell(redirection, sys.executable, "-u", "-c", ACTION, environ=environ)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert len(receiver.spans) == 5
    assert "exported" in (program.folder / "output").read_text("utf-8")


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "2>/dev/full", "2>&-"])
def test_a_command_keeps_its_status(redirection: str, tmp_path: Path) -> None:
    """`flow-telemetry run` has no output of its own."""
    words = words_of("run", "--", "bash", "-c", "exit 7")
    assert shell(redirection, *words).returncode == 7
