"""The programs under test, each started as a runner would start it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_DOOR = "import sys; from flow_telemetry.action import main; sys.exit(main())"
# What a shell on the machine may hold and a runner's step does not.
_FOREIGN = ("GITHUB_", "OTEL_", "FLOW_TELEMETRY_", "ACTIONS_", "RUNNER_", "INPUT_", "PYTHON")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to measure: what it is called, the command that starts it, and its variables."""

    name: str
    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a program finds GitHub and the backend, and a folder of its own."""

    github: str
    otlp: str
    event: Mapping[str, Any]
    folder: Path


def own_program(action: Path) -> Program:
    """Return the action's door: with the bundle where that folder has one, else this Python's."""
    if (action / "bundle").is_dir():
        script = str(action / "launcher" / "start.sh")
        return Program(name="flow-telemetry (bundle)", command=("sh", script))
    python = (sys.executable, "-I", "-B", "-u", "-X", "utf8", "-c", _DOOR)
    return Program(name="flow-telemetry (venv)", command=python)


def sweep_of(program: Program) -> Program:
    """Return the same program, told to sweep."""
    variables = {
        "FLOW_TELEMETRY_MODE": "sweep",
        "FLOW_TELEMETRY_SINCE": "2026-11-23T00:00:00Z",
        "FLOW_TELEMETRY_MAX_REQUESTS": "100000",
    }
    return Program(name=program.name, command=program.command, variables=variables)


def started_only(program: Program) -> Program:
    """Return the same program with nowhere to send to: it starts, says so, and ends."""
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    return Program(name=program.name, command=program.command, variables=variables)


def peer_program(peers: Path) -> Program | None:
    """Return the peer, None where its folder or Node.js is missing."""
    script = peers / "run-paper2.sh"
    if not script.is_file() or shutil.which("node") is None:
        return None
    return Program(name="paper2 (peer)", command=("bash", str(script)))


def environ_of(program: Program, place: Place) -> dict[str, str]:
    """Make the runner's files and return the variables of a step of another workflow's run."""
    files = {name: place.folder / name for name in ("output", "summary", "event.json")}
    for path in files.values():
        path.write_text("", encoding="utf-8")
    files["event.json"].write_text(json.dumps(place.event), encoding="utf-8")
    known = {name: text for name, text in os.environ.items() if not name.startswith(_FOREIGN)}
    # A runner's `python3` is a Python; on a developer's machine it may be a script that finds one.
    folders = (str(Path(sys.executable).resolve().parent), known.get("PATH", os.defpath))
    return {
        **known,
        "PATH": os.pathsep.join(folders),
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": place.github,
        "GITHUB_EVENT_NAME": "workflow_run",
        "GITHUB_EVENT_PATH": str(files["event.json"]),
        "GITHUB_OUTPUT": str(files["output"]),
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_RUN_ID": "9000001",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_STEP_SUMMARY": str(files["summary"]),
        "RUNNER_TEMP": str(place.folder),
        "FLOW_TELEMETRY_GITHUB_TOKEN": "t",
        "OTEL_EXPORTER_OTLP_ENDPOINT": place.otlp,
        **program.variables,
    }
