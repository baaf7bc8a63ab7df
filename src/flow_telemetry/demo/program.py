"""The real program in a process of its own, where nothing of the user's shell reaches it.

Proxies, tokens and endpoints of the shell would be obeyed elsewhere; the demo stays on loopback.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from flow_telemetry.errors import FlowTelemetryError

_LONGEST_EXPORT_SECONDS = 60
_ANNOTATIONS = ("::error", "::warning", "::notice")
# What an interpreter may need to start; a program is found by PYTHONPATH.
_OF_THE_MACHINE = (
    "DYLD_LIBRARY_PATH",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an export ended: its exit status and what it printed."""

    status: int
    report: str

    @property
    def annotations(self) -> list[str]:
        """The lines that a runner would show beside the run."""
        return [line for line in self.report.splitlines() if line.startswith(_ANNOTATIONS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the program runs: between a GitHub and a backend on loopback, and a folder of its own.

    ``environ`` is the environment that the demo was started in.
    """

    github_url: str
    server_url: str
    repository: str
    otlp_endpoint: str
    environ: Mapping[str, str] = field(repr=False)
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """The environment of every export: what a runner and the ready workflow's inputs set."""
        kept = {name: self.environ[name] for name in _OF_THE_MACHINE if name in self.environ}
        return {
            **kept,
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.github_url,
            "GITHUB_EVENT_PATH": str(self._event),
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_SERVER_URL": self.server_url,
            "RUNNER_TEMP": str(self.folder),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.otlp_endpoint,
            "FLOW_TELEMETRY_ANCESTORS": "none",
            "FLOW_TELEMETRY_FAIL_ON_ERROR": "true",
            # Proxies can also be set for the whole system, on macOS and Windows.
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PYTHONUTF8": "1",
        }

    @property
    def _event(self) -> Path:
        return self.folder / "event.json"

    def write_event(self, payload: Mapping[str, Any]) -> None:
        """Put the file of the event where a runner puts it."""
        self._event.write_text(json.dumps(payload), encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The action in a process of its own, which takes one event at a time."""

    place: Place
    process: subprocess.Popen[str]

    def export(self, variables: Mapping[str, str], payload: Mapping[str, Any]) -> Ended:
        """Run the action for an event.

        Raises:
            FlowTelemetryError: it did not end in time, or not as a program should.
        """
        self.place.write_event(payload)
        watch = threading.Timer(_LONGEST_EXPORT_SECONDS, self.process.kill)
        watch.start()
        try:
            answer = self._ask(json.dumps(dict(variables)))
        finally:
            watch.cancel()
        if not answer:
            raise FlowTelemetryError(
                f"an export broke off or did not end within {_LONGEST_EXPORT_SECONDS} s; something "
                "on this machine may hold up connections to 127.0.0.1"
            )
        return Ended(**json.loads(answer))

    def _ask(self, line: str) -> str:
        """Return the line that comes back; an empty one from a process that has ended."""
        requests, answers = (
            cast("IO[str]", self.process.stdin),
            cast("IO[str]", self.process.stdout),
        )
        try:
            requests.write(f"{line}\n")
            requests.flush()
        except OSError:
            return ""
        return answers.readline()


@contextmanager
def running(place: Place) -> Iterator[Program]:
    """Start the program there; it ends with the context."""
    with subprocess.Popen(
        [sys.executable, "-m", "flow_telemetry.demo.doors"],
        env=place.variables,
        cwd=place.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            yield Program(place=place, process=process)
        except BaseException:
            process.kill()
            raise
