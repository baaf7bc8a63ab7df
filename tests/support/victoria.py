"""A real VictoriaMetrics for tests: started empty, asked as a dashboard asks."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.support.ports import free_ports

BINARY = shutil.which("victoria-metrics")
LONGEST_WAIT_SECONDS = 40.0
MARKS = [
    pytest.mark.victoriametrics,
    pytest.mark.skipif(
        BINARY is None, reason="no victoria-metrics on PATH; .ci/victoria-metrics fetches it"
    ),
]


@contextlib.contextmanager
def victoria_metrics(folder: Path, *flags: str) -> Iterator[str]:
    """Yield the address of an empty database; it ends in any case."""
    assert BINARY is not None
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    words = [f"-httpListenAddr={address}", f"-storageDataPath={folder / 'stored'}", *flags]
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "database.log"
    with log.open("wb") as out:
        process = subprocess.Popen([BINARY, *words], stdout=out, stderr=out)
        try:
            until = time.monotonic() + LONGEST_WAIT_SECONDS
            while not _answers(f"http://{address}"):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, "the database did not start"
                time.sleep(0.05)
            yield f"http://{address}"
        finally:
            process.kill()
            process.wait(LONGEST_WAIT_SECONDS)


def asked(url: str, **parameters: str) -> bytes:
    """Return the answer to a GET request (OSError: there is none, or an error)."""
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(parameters)}", timeout=10) as got:
        return bytes(got.read())


def posted(url: str, body: bytes, content_type: str) -> None:
    """Send a body that the database takes (OSError: it does not)."""
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=10):
        pass


def queried(database: str, query: str) -> list[tuple[Mapping[str, str], float]]:
    """Return what a query gives now."""
    asked(f"{database}/internal/force_flush")
    # By default the cache, and a rule that leaves out the last seconds, hide what has just come.
    fresh = {"nocache": "1", "latency_offset": "1ms"}
    answer = json.loads(asked(f"{database}/api/v1/query", query=query, **fresh))
    return [(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]]


def _answers(url: str) -> bool:
    """Whether the server is up."""
    with contextlib.suppress(OSError):
        return asked(f"{url}/health") == b"OK"
    return False
