"""`flow-telemetry replay`: sends what could not be delivered when it was exported."""

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
from flow_telemetry.telemetry import Delivery, merge_deliveries

_OF_SENDING = frozenset(
    {
        *("otlp-endpoint", "otlp-headers", "event-time", "metric-shape"),
        *("redact", "timeout", "log-level"),
    }
)


def add_command(commands: Subparsers) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "replay",
        help="send what a spool holds",
        description="Sends every line of spool files, or of any files of OTLP JSON lines, by the "
        "rules of an export. What was taken goes out of the file, and the file with its last line; "
        "what failed stays. A line that would be refused whenever it is sent moves to "
        "FILE.refused. While a file is replayed it has another name (FILE.….replaying), so that "
        "two replays never send the same. In a folder, what a killed export left unfinished "
        "(FILE.….partial) is sent too. The status is 0 where all was delivered.",
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="a file, or a folder with *.jsonl"
    )
    add_flags(parser, leave_out={each.name for each in INPUTS} - _OF_SENDING)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Send what the files hold; return 0, or 1 if not everything was delivered."""
    settings = load_settings(environ, EntryPoint.COMMAND_LINE, flags_of(options))
    if not settings.otlp.targets:
        reasons = dict.fromkeys(settings.otlp.off.values())
        raise SettingsError(f"nothing can be replayed: {'; '.join(reasons)}")
    clock = SystemClock()
    interruption = Interruption(clock)
    deadline = Deadline.after(clock, settings.timeout, interruption.cancellation)
    began = clock.monotonic()
    with interruption.listening():
        problems, replayed = _replay(settings, options.files, deadline)
    outcome = _outcome(problems, replayed, clock.monotonic() - began)
    if interruption.name and outcome.failed:
        text = f"the program was cancelled ({interruption.name}): the remainder stayed in its file"
        outcome = replace(outcome, problems=(text, *outcome.problems))
    status = print_outcome(outcome, sys.stderr)
    return interruption.leave(interruption.status or status)


def _replay(
    settings: Settings, paths: Sequence[Path], deadline: Deadline
) -> tuple[list[str], list[Replayed]]:
    problems: list[str] = []
    files = find_spool_files(paths, problems.append)
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
    return problems, replayed


def _outcome(problems: Sequence[str], replayed: Sequence[Replayed], seconds: float) -> Outcome:
    deliveries = merge_deliveries(d for each in replayed for d in each.deliveries)
    errors = [*problems, *(text for each in replayed for text in each.problems)]
    causes = [f"{f.problem}. {f.advice}" for each in deliveries for f in each.failures]
    complete = not errors and all(each.complete for each in deliveries)
    return Outcome(
        status=_status(deliveries, complete),
        deliveries=deliveries,
        problems=tuple(dict.fromkeys([*causes, *errors])),
        notices=(
            *(notice for each in deliveries for notice in each.notices),
            *(notice for each in replayed for notice in each.notices),
        ),
        seconds=seconds,
        failed=not complete,
    )


def _status(deliveries: Sequence[Delivery], complete: bool) -> Status:
    if complete:
        return Status.EXPORTED if deliveries else Status.SKIPPED
    kept = any(each.spooled for each in deliveries)
    return Status.SPOOLED if kept else Status.PARTIAL
