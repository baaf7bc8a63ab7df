"""`flow-telemetry run` in processes of its own, as a step of a job starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OUTER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MEBIBYTE = 2**20


def words_of(*arguments: object) -> list[str]:
    """Return the words of a shell that run the command line with this Python."""
    return [sys.executable, "-m", "flow_telemetry", *map(str, arguments)]


def run(
    *arguments: object,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    **more: Any,
) -> subprocess.CompletedProcess[str]:
    """Run `flow-telemetry run` to its end."""
    return subprocess.run(
        words_of("run", *arguments),
        env={**os.environ, **(environ or {})},
        cwd=folder,
        timeout=60,
        check=False,
        **{"capture_output": True, "encoding": "utf-8", **more},
    )


def python(program: str) -> list[str]:
    """Return the words of a command that runs a program in Python, without its startup's habits."""
    return [sys.executable, "-I", "-S", "-c", program]
