"""The real program in a process of its own, where nothing of the user's shell reaches it.

Proxies, tokens and endpoints of the shell would be obeyed elsewhere; the demo stays on loopback.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flow_telemetry.errors import FlowTelemetryError

_LONGEST_EXPORT_SECONDS = 60
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
    """How a call of the program ended: its exit status and what it reported."""

    status: int
    report: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The program on this machine, between a GitHub and a backend on loopback.

    ``environ`` is the environment that the demo was started in, ``folder`` where the program runs
    and may write.
    """

    github_url: str
    otlp_endpoint: str
    environ: Mapping[str, str] = field(repr=False)
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """What a user would set to have the same."""
        return {
            "GITHUB_API_URL": self.github_url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.otlp_endpoint,
        }

    def call(self, arguments: Sequence[str]) -> Ended:
        """Run `flow-telemetry` with these arguments.

        Raises:
            FlowTelemetryError: it could not be started, or did not end in time.
        """
        try:
            done = subprocess.run(  # noqa: S603 - our own program, by our own interpreter
                [sys.executable, "-m", "flow_telemetry", *arguments],
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=_LONGEST_EXPORT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FlowTelemetryError(
                f"the export did not end within {_LONGEST_EXPORT_SECONDS} s; something on this "
                "machine may hold up connections to 127.0.0.1"
            ) from None
        return Ended(status=done.returncode, report=done.stdout.strip())

    def _environment(self) -> dict[str, str]:
        kept = {name: self.environ[name] for name in _OF_THE_MACHINE if name in self.environ}
        return {
            **kept,
            **self.variables,
            # Proxies can also be set for the whole system, on macOS and Windows.
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PYTHONUTF8": "1",
        }
