"""`flow-telemetry replay`: sends the telemetry in spool files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flow_telemetry.build import settings_redactor
from flow_telemetry.cli.options import Subparsers, add_flags, flags_of
from flow_telemetry.cli.terminal import TerminalLog, print_outcome
from flow_telemetry.clock import Deadline, Interruption, SystemClock
from flow_telemetry.errors import SettingsError
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.replay import (
    Replay,
    Replayed,
    build_replay_outcome,
    find_spool_files,
)
from flow_telemetry.settings import EntryPoint, Settings, load_settings
from flow_telemetry.settings.inputs import INPUTS

_INPUTS = frozenset(
    {
        *("otlp-endpoint", "otlp-headers", "event-time", "metric-shape"),
        *("redact", "timeout", "log-level"),
    }
)


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "replay",
        help="send the content of spool files",
        description="Sends every line of spool files, or of any files of OTLP JSON lines, by the "
        "rules of an export. Delivered lines are removed from the file, and an empty file is "
        "deleted; lines that failed stay. A line that would be refused again moves to "
        "FILE.refused. While a file is replayed it has another name (FILE.….replaying), so that "
        "two replays never send the same lines. In a folder, the unfinished file of a killed "
        "export (FILE.….partial) is sent too. The status is 0 if everything was delivered.",
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="a file, or a folder with *.jsonl"
    )
    add_flags(parser, leave_out={row.name for row in INPUTS} - _INPUTS)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Send the content of the files; return 0, or 1 if not everything was delivered."""
    settings = load_settings(environ, EntryPoint.COMMAND_LINE, flags_of(options))
    if not settings.otlp.targets:
        reasons = dict.fromkeys(settings.otlp.off.values())
        raise SettingsError(f"nothing can be replayed: {'; '.join(reasons)}")
    clock = SystemClock()
    interruption = Interruption(clock)
    deadline = Deadline.after(clock, settings.timeout, interruption.cancellation)
    began = clock.monotonic()
    with interruption.listening():
        errors, replayed = _replay_files(settings, options.files, deadline)
    outcome = replace(
        build_replay_outcome(replayed, errors, settings.warnings),
        seconds=clock.monotonic() - began,
    )
    if interruption.name and outcome.failed:
        text = f"the replay was cancelled ({interruption.name}): unsent lines stayed in their file"
        outcome = replace(outcome, problems=(text, *outcome.problems))
    status = print_outcome(outcome, sys.stderr)
    return interruption.leave(interruption.status or status)


def _replay_files(
    settings: Settings, paths: Sequence[Path], deadline: Deadline
) -> tuple[list[str], list[Replayed]]:
    errors: list[str] = []
    files = find_spool_files(paths, errors.append)
    log = TerminalLog(settings.log_level, sys.stderr)
    replay = Replay(
        settings.otlp.targets,
        settings.otlp.off,
        deadline=deadline,
        redact=settings_redactor(settings),
        fallbacks=Fallbacks.of(settings.signals),
    )
    replayed = []
    for number, file in enumerate(files, start=1):
        log.progress(f"{number} of {len(files)}, {file}")
        replayed.append(replay.file(file))
    log.clear()
    return errors, replayed
