"""A runner with a release of the action, which it starts as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

from tests.fakes.records import Run
from tests.support.program import Program
from tests.support.runner import copy_action

# As start.sh and start.ps1 do.
ISOLATED = ("-I", "-S", "-B", "-u", "-X", "utf8")
# Told to pip, it can install nothing.
NO_INDEX = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/",
    "PIP_RETRIES": "0",
}
IMAGE = f"images/{sys.implementation.cache_tag}.image"


@dataclass(frozen=True)
class Machine:
    """`action` is the downloaded folder."""

    action: Path
    program: Program

    @classmethod
    def with_release(cls, bundle: Path, program: Program, action: Path) -> Machine:
        """Put the release's files where a runner would."""
        copy_action(action)
        copytree(bundle, action / "bundle")
        return cls(action, program)

    @property
    def bundle(self) -> Path:
        return self.action / "bundle"

    def export(
        self,
        run: Run,
        environ: Mapping[str, str] | None = None,
        *,
        python: tuple[str, ...] = (),
        **inputs: Any,
    ) -> tuple[int, str]:
        """Run the step; return its exit status and what it printed."""
        token = self.program.github.token or "ghs_token"
        given = self.program.action_environ(run_id=run.id, **{"github_token": token, **inputs})
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
        done = subprocess.run(
            [sys.executable, *ISOLATED, *python, self.action / "launcher" / "main.py"],
            env={**kept, **NO_INDEX, **given, **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            timeout=100,
            check=False,
        )
        return done.returncode, done.stdout
