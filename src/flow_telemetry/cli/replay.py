"""`flow-telemetry replay`: sends the telemetry in a spool."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flow_telemetry.build import settings_redactor
from flow_telemetry.cli.options import REPLAY, add_flags, load
from flow_telemetry.cli.parser import Subparsers
from flow_telemetry.cli.terminal import TerminalLog, add_quiet_flag, print_outcome
from flow_telemetry.clock import Deadline, Interruption, SystemClock
from flow_telemetry.errors import SettingsError
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.replay import Replay
from flow_telemetry.settings import Settings
from flow_telemetry.telemetry import Signal


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "replay",
        help="send what could not be delivered",
        description="Sends what is in spool folders, or in any files of OTLP JSON lines, by the "
        "rules of an export. In spool folders, which the program made, it deletes what was "
        "delivered, keeps what was not, and puts aside what would be refused again "
        "(FILE.refused). Any other file is only read. A folder that a running export or another "
        "replay uses is left to it; one that a killed program left is replayed. The status is 0 if "
        "everything was delivered.",
    )
    parser.add_argument(
        "files",
        metavar="PATH",
        nargs="+",
        type=Path,
        help="A spool, any folder, or a file of OTLP JSON lines.",
    )
    add_quiet_flag(parser)
    add_flags(parser, [REPLAY])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Send what is in the paths; return 0, or 1 if not everything was delivered."""
    settings = load(options, environ)
    if not settings.otlp.targets:
        reasons = dict.fromkeys(settings.otlp.off.values())
        raise SettingsError(f"nothing can be replayed: {'; '.join(reasons)}")
    return send_stored(settings, options.files, quiet=options.quiet)


def send_stored(settings: Settings, paths: Sequence[Path], *, quiet: bool = False) -> int:
    """Send what is in the paths and print the outcome; return 0, or 1 if not all was delivered."""
    clock = SystemClock()
    interruption = Interruption(clock)
    deadline = Deadline.after(clock, settings.timeout, interruption.cancellation)
    began = clock.monotonic()
    log = TerminalLog(settings.log_level, sys.stderr, clock, quiet=quiet)
    replay = Replay(
        settings.otlp.targets,
        settings.otlp.off,
        deadline=deadline,
        redact=settings_redactor(settings),
        fallbacks=Fallbacks.of(settings.signals),
        left_out=set(Signal) - settings.signals.enabled,
    )
    with interruption.listening():
        outcome = replay.run(paths, log.progress)
    log.clear()
    outcome = replace(
        outcome,
        errors=settings.errors,
        seconds=clock.monotonic() - began,
    )
    if interruption.name and outcome.failed:
        text = f"the replay was cancelled ({interruption.name}): unsent requests stayed in place"
        outcome = replace(outcome, problems=(text, *outcome.problems))
    status = print_outcome(outcome, sys.stderr, quiet=quiet)
    return interruption.leave(interruption.status or status)
