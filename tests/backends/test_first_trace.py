"""docs/start/first-trace.md, followed with a real Jaeger: its commands put traces there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tests.backends.programs import Running
from tests.backends.traces import trace
from tests.fakes.world import World, job
from tests.support.program import Program

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "start" / "first-trace.md").read_text(encoding="utf-8")
ENDPOINT = "http://localhost:4318"


def documented(start: str) -> list[str]:
    """Return the words of the one command that begins so, without its first word."""
    (line,) = re.findall(rf"^\$ ({re.escape(start)}.*)$", PAGE, re.MULTILINE)
    return shlex.split(line)[1:]


def test_the_demo_is_in_jaeger(own_jaeger: Running) -> None:
    """`make demo` hands its ARGS to the program, whose list of traces the page shows."""
    _, arguments = documented("make demo")
    words = shlex.split(arguments.removeprefix("ARGS=").replace(ENDPOINT, own_jaeger.otlp))
    command = [sys.executable, "-m", "flow_telemetry", "demo", *words]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    rows = r"^  ([0-9a-f]{32})  (.+?) +(\d+) spans$"
    found = re.findall(rows, done.stdout, re.MULTILINE)
    assert [(name, count) for _, name, count in found] == [
        (name, count) for _, name, count in re.findall(rows, PAGE, re.MULTILINE)
    ]
    for trace_id, name, count in found:
        assert trace(own_jaeger, trace_id, int(count)).roots == [name]


def test_a_pull_request_of_ones_own_is_too(
    own_jaeger: Running, program: Program, world: World
) -> None:
    """The export by URL, after the check of the last section."""
    opened = datetime.now(timezone.utc) - timedelta(hours=3)
    merged = opened + timedelta(hours=2)
    world.pull_request(123, branch="vat", opened_at=opened, merged_at=merged)
    world.run(event="pull_request", branch="vat", jobs=[job("build")], created_at=opened)
    here = {"OWNER/NAME": "acme/shop", "https://github.com": world.server_url}

    def words_of(start: str) -> list[str]:
        words = [word.replace(ENDPOINT, own_jaeger.otlp) for word in documented(start)]
        for shown, own in here.items():
            words = [word.replace(shown, own) for word in words]
        return words

    checked = program.command(*words_of(".venv/bin/flow-telemetry check"))
    assert "ok    traces to" in checked.stdout
    exported = program.command(*words_of(".venv/bin/flow-telemetry export"))
    assert exported.status == 0, exported.log
    (trace_id,) = set(re.findall(r"\b[0-9a-f]{32}\b", exported.log))
    assert trace(own_jaeger, trace_id, 3).roots == ["pull request #123"]
