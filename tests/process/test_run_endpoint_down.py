"""`flow-telemetry run` with an endpoint that does not answer: only the first command waits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.fakes.faults import black_hole, status
from tests.fakes.receiver import Receiver
from tests.process.running import run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")

# The sending of a span may take five seconds.
LONGEST = 5.0


def timed_run(temporary: Path, endpoint: str) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run a command in a job; return the seconds too."""
    began = time.monotonic()
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "RUNNER_TEMP": str(temporary)}
    done = run("--", "true", environ=environ)
    return time.monotonic() - began, done


def spooled(temporary: Path) -> int:
    return len(list((temporary / "flow-telemetry").rglob("traces-*")))


def note_in(temporary: Path) -> Path:
    return temporary / "flow-telemetry-job" / "command-not-sent.json"


def test_only_the_first_command_of_a_job_waits(receiver: Receiver, tmp_path: Path) -> None:
    """The later ones keep their spans at once, and say so."""
    receiver.script("/v1/", black_hole(), times=None)
    first, done = timed_run(tmp_path, receiver.url)
    assert first > LONGEST
    assert done.returncode == 0
    asked = len(receiver.requests)
    for number in (2, 3):
        seconds, done = timed_run(tmp_path, receiver.url)
        assert seconds < first
        assert "an earlier command of this job could not send" in done.stderr
        assert spooled(tmp_path) == number
    assert len(receiver.requests) == asked


def test_it_is_tried_again_after_a_while_and_elsewhere(receiver: Receiver, tmp_path: Path) -> None:
    """An endpoint may come back during a long job, and another one was never tried."""
    receiver.script("/v1/", status(401), times=2)
    timed_run(tmp_path, receiver.url)
    _, done = timed_run(tmp_path, receiver.url.replace("127.0.0.1", "localhost"))
    assert (done.stderr, len(receiver.spans)) == ("", 1)
    receiver.script("/v1/", status(401), times=2)
    timed_run(tmp_path, receiver.url)
    note = json.loads(note_in(tmp_path).read_text())
    assert receiver.url not in json.dumps(note)
    note_in(tmp_path).write_text(json.dumps({**note, "at": note["at"] - 301}))
    _, done = timed_run(tmp_path, receiver.url)
    assert (done.stderr, len(receiver.spans)) == ("", 2)
    assert not note_in(tmp_path).exists()


@pytest.mark.parametrize("content", ["[]", "{", '{"at": "x"}', '{"at": 1e999}', "\0" * 2000])
def test_a_note_that_cannot_be_read_changes_nothing(
    receiver: Receiver, tmp_path: Path, content: str
) -> None:
    """Any step of the job can write it."""
    note_in(tmp_path).parent.mkdir()
    note_in(tmp_path).write_text(content)
    _, done = timed_run(tmp_path, receiver.url)
    assert (done.returncode, done.stderr, len(receiver.spans)) == (0, "", 1)


def test_a_pipe_in_its_place_is_not_opened(receiver: Receiver, tmp_path: Path) -> None:
    """Nobody would ever write into it."""
    note_in(tmp_path).parent.mkdir()
    os.mkfifo(note_in(tmp_path))
    seconds, done = timed_run(tmp_path, receiver.url)
    assert (done.stderr, len(receiver.spans)) == ("", 1)
    assert seconds < LONGEST


@pytest.mark.parametrize("place", ["folder", "note"])
def test_no_link_is_written_through(receiver: Receiver, tmp_path: Path, place: str) -> None:
    """A step before may have made it, to have a file of somebody else overwritten."""
    receiver.script("/v1/", status(401), times=None)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    victim = elsewhere / "command-not-sent.json"
    victim.write_text("precious")
    note = note_in(tmp_path)
    if place == "folder":
        note.parent.symlink_to(elsewhere)
    else:
        note.parent.mkdir()
        note.symlink_to(victim)
    _, done = timed_run(tmp_path, receiver.url)
    assert done.returncode == 0
    assert victim.read_text() == "precious"
    assert note.parent.is_symlink() or not note.is_symlink()
