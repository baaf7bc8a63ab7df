"""The action in a worker process with an environment of its own.

Proxies, tokens and endpoints of the user's shell are not passed on: the demo uses loopback only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from flow_telemetry.errors import FlowTelemetryError

_LONGEST_EXPORT_SECONDS = 60
_ANNOTATIONS = ("::error", "::warning", "::notice")
# Variables that an interpreter may need to start; the package is found by PYTHONPATH.
_MACHINE_VARIABLES = (
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
class ActionProcess:
    """The running worker; ``event_file`` is the path of the event's payload."""

    process: subprocess.Popen[str]
    event_file: Path

    def export(
        self, variables: Mapping[str, str], payload: Mapping[str, Any]
    ) -> tuple[int, list[str]]:
        """Run the action for an event; return its exit status and annotations.

        Raises:
            FlowTelemetryError: the worker ended, or the action did not end in time.
        """
        self.event_file.write_text(json.dumps(payload), encoding="utf-8")
        requests, responses = cast("list[IO[str]]", [self.process.stdin, self.process.stdout])
        watch = threading.Timer(_LONGEST_EXPORT_SECONDS, self.process.kill)
        watch.start()
        try:
            requests.write(json.dumps(dict(variables)) + "\n")
            requests.flush()
            line = responses.readline()
        except OSError:  # The process has ended.
            line = ""
        finally:
            watch.cancel()
        if not line:
            raise FlowTelemetryError(
                f"an export failed or did not end within {_LONGEST_EXPORT_SECONDS} s; something "
                "on this machine may delay connections to 127.0.0.1"
            )
        response = json.loads(line)
        lines = response["report"].splitlines()
        return response["status"], [text for text in lines if text.startswith(_ANNOTATIONS)]


@contextmanager
def start_action(
    *,
    github_url: str,
    server_url: str,
    repository: str,
    otlp_endpoint: str,
    environ: Mapping[str, str],
    folder: Path,
    namespace: str = "",
) -> Iterator[ActionProcess]:
    """Start the worker between a GitHub and a backend on loopback; it ends with the context.

    ``environ`` is the environment of the demo itself; ``folder`` is for temporary files;
    ``namespace`` is that of the ids.
    """
    event_file = folder / "event.json"
    variables = {
        **{name: environ[name] for name in _MACHINE_VARIABLES if name in environ},
        # A runner and the inputs of the ready workflow would set these.
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": github_url,
        "GITHUB_EVENT_PATH": str(event_file),
        "GITHUB_REPOSITORY": repository,
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_SERVER_URL": server_url,
        "RUNNER_TEMP": str(folder),
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_endpoint,
        "FLOW_TELEMETRY_ANCESTORS": "none",
        "FLOW_TELEMETRY_FAIL_ON_ERROR": "true",
        "FLOW_TELEMETRY_NAMESPACE": namespace,
        # Proxies can also be set for the whole system, on macOS and Windows.
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONUTF8": "1",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "flow_telemetry.demo.worker"],
        env=variables,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            yield ActionProcess(process=process, event_file=event_file)
        except BaseException:
            process.kill()
            raise
