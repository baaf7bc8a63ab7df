"""The real process of one shard, over HTTP: what its share of an hour takes in time and memory.

`python -m benchmarks.organization.process N` serves N repositories until standard input ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.fakes.server import LocalServer

from benchmarks.organization.github import OrganizationGitHub
from benchmarks.organization.history import START, write_histories
from benchmarks.processes import Cost, FailedError, measure
from benchmarks.programs import ROOT
from benchmarks.servers import Sink, say

# The busiest hour of a day, with twice the mean.
_AT = START + timedelta(hours=13)
_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareFigures:
    """A shard's share: its repositories, what the process cost, and what the servers saw."""

    repositories: int
    cost: Cost
    requests: int
    spans: int


def measure_share(repositories: int) -> ShareFigures:
    """Sweep an hour of so many repositories with the command line, without a rate limit.

    Raises:
        FailedError: the program or the servers failed.
    """
    words = [sys.executable, "-m", "benchmarks.organization.process", str(repositories)]
    with (
        subprocess.Popen(
            words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as servers,
        tempfile.TemporaryDirectory() as folder,
    ):
        if servers.stdin is None or servers.stdout is None:
            raise FailedError("the servers cannot be asked")
        places = json.loads(servers.stdout.readline())
        command = (
            *(sys.executable, "-m", "flow_telemetry", "sweep", "--organization", "acme"),
            *("--sweep-repositories", ",".join(f"r{n:04}" for n in range(repositories))),
            *("--since", f"{_AT - _WINDOW:%Y-%m-%dT%H:%M:%SZ}", "--sweep-runs"),
            *("--ledger", str(Path(folder) / "ledger.json")),
        )
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "GITHUB_API_URL": places["github"],
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_TOKEN": "token-of-the-benchmark",
            "OTEL_EXPORTER_OTLP_ENDPOINT": places["otlp"],
            "NO_PROXY": "127.0.0.1",
        }
        cost = measure(command, environ, Path(folder))
        servers.stdin.write("\n")
        servers.stdin.flush()
        seen = json.loads(servers.stdout.readline())
        servers.stdin.close()
    return ShareFigures(
        repositories=repositories, cost=cost, requests=seen["requests"], spans=seen["traces"]
    )


def main() -> int:
    """Serve until standard input ends."""
    sink = Sink()
    github = OrganizationGitHub(now=lambda: _AT, account=None)
    server = LocalServer(github.respond)
    github.address = server.url
    days = (_AT - START) / timedelta(days=1)
    github.add(write_histories(int(sys.argv[1]), days), _AT - _WINDOW)
    with server, sink.server:
        say({"github": server.url, "otlp": sink.server.url})
        for _ in sys.stdin:
            say({"requests": sum(github.sent.values()), **sink.taken()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
