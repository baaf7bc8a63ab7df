"""`flow-telemetry replay`: sends the telemetry in spool files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flow_telemetry.build import build_fallbacks, settings_redactor
from flow_telemetry.cli.options import Subparsers, add_flags, flags_of
from flow_telemetry.cli.terminal import TerminalLog, print_outcome
from flow_telemetry.clock import Deadline, Interruption, SystemClock
from flow_telemetry.errors import SettingsError
from flow_telemetry.otlp.replay import Replay, Replayed, find_spool_files
from flow_telemetry.outcome import Outcome, Status
from flow_telemetry.settings import EntryPoint, Settings, load_settings
from flow_telemetry.settings.inputs import INPUTS
from flow_telemetry.telemetry import merge_deliveries

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
    outcome = _build_outcome(settings.warnings, errors, replayed, clock.monotonic() - began)
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
        fallbacks=build_fallbacks(settings),
    )
    replayed = []
    for number, file in enumerate(files, start=1):
        log.progress(f"{number} of {len(files)}, {file}")
        replayed.append(replay.file(file))
    log.clear()
    return errors, replayed


def _build_outcome(
    warnings: Sequence[str], errors: Sequence[str], replayed: Sequence[Replayed], seconds: float
) -> Outcome:
    deliveries = merge_deliveries(delivery for file in replayed for delivery in file.deliveries)
    errors = [*errors, *(problem for file in replayed for problem in file.problems)]
    failures = [f"{f.problem}. {f.advice}" for delivery in deliveries for f in delivery.failures]
    complete = not errors and all(delivery.complete for delivery in deliveries)
    if complete:
        status = Status.EXPORTED if deliveries else Status.SKIPPED
    else:
        spooled = any(delivery.spooled for delivery in deliveries)
        status = Status.SPOOLED if spooled else Status.PARTIAL
    return Outcome(
        status=status,
        deliveries=deliveries,
        problems=tuple(dict.fromkeys([*warnings, *failures, *errors])),
        notices=(
            *(notice for delivery in deliveries for notice in delivery.notices),
            *(notice for file in replayed for notice in file.notices),
        ),
        seconds=seconds,
        failed=not complete,
    )
