"""The start of a sweep: the ledger and the spool of the last one, or else a time to begin at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from flow_telemetry.context import ExportContext
from flow_telemetry.github.runs import last_successful_run
from flow_telemetry.otlp.spool import SpoolFolder
from flow_telemetry.rules.ledger import DELAY, FIRST_SWEEP, OVERLAP, Ledger
from flow_telemetry.sweep.ledger_file import LedgerFile
from flow_telemetry.sweep.own_runs import OwnRuns, restore_ledger
from flow_telemetry.sweep.things import count_things, describe


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a sweep begins with.

    ``is_damaged`` is whether the file has something else than a ledger. A source that the ledger
    does not know begins at ``since``. ``asked_since`` is the time that the user asked for, ``end``
    the end of the window. ``problems`` say what may be exported twice.
    """

    ledger: Ledger
    is_damaged: bool
    since: datetime
    asked_since: datetime | None
    end: datetime
    problems: tuple[str, ...] = ()


def start_sweep(context: ExportContext, file: LedgerFile, runs: OwnRuns) -> Start:
    """Return the start of a sweep, with the ledger in the file, else with that of the last sweep.

    Raises:
        FlowTelemetryError: whether there is a ledger, or when the last sweep began, is not known.
    """
    now = context.clock.now()
    loaded = file.load(now)
    ledger, damage = loaded.ledger, loaded.damage
    problems: list[str] = []
    if ledger is None and not damage and file.path is not None:
        restored = restore_ledger(context, runs)
        ledger, damage = restored.ledger, restored.damage
        if ledger is not None:
            problems += write_spool(context.settings.spool_path, restored.spool, now)
            problems += _describe_sweeps_without_ledger(restored.sweeps_without)
    since = context.settings.sweep.since
    asked_since = now - timedelta(seconds=since) if isinstance(since, float) else since
    if ledger is not None:
        begins_at = asked_since or now - FIRST_SWEEP
    else:
        last = None if asked_since is not None else _start_of_last_sweep(context, now)
        # What the lists of the last sweep lacked ended an hour before its window's end at most.
        begins_at = asked_since or (last - DELAY - OVERLAP if last else now - FIRST_SWEEP)
        if damage or (last is not None and file.path is not None):
            problems.append(_describe_lost_ledger(damage, begins_at))
    if ledger is not None and ledger.sending:
        problems.append(_describe_killed_sweep(ledger.sending))
    # Without a ledger no later sweep exports the last half hour.
    end = now - DELAY if file.path is not None else now
    return Start(
        ledger=replace(ledger or Ledger(), sending=()),
        is_damaged=bool(loaded.damage),
        since=min(begins_at, end),
        asked_since=asked_since,
        end=end,
        problems=tuple(problems),
    )


def _start_of_last_sweep(context: ExportContext, now: datetime) -> datetime | None:
    """Return the start of this workflow's last successful scheduled run."""
    runner = context.settings.runner
    if runner.workflow_file is None or runner.repository is None:
        return None
    last = last_successful_run(
        context.github.required,
        runner.repository,
        runner.workflow_file,
        before=now,
        event="schedule",
    )
    return last.started_at if last else None


def write_spool(folder: Path, files: Mapping[str, bytes], now: datetime) -> list[str]:
    """Write files of an earlier job into a spool folder; return the problems."""
    if not files:
        return []
    try:
        spool = SpoolFolder.create(folder, now)
        for name, content in sorted(files.items()):
            spool.restore(name, content)
        spool.close()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return [f"the spool of an earlier job could not be written to `{folder}` ({reason})"]
    return []


def _describe_lost_ledger(damage: str, begins_at: datetime) -> str:
    what = (
        f"the ledger of the last sweep cannot be used: {damage}"
        if damage
        else "the last sweep saved no ledger"
    )
    return (
        f"{what}. This sweep begins at {begins_at:%Y-%m-%d %H:%M} UTC: what was exported since "
        "then may be exported twice, and what was pending is not exported"
    )


def _describe_sweeps_without_ledger(count: int) -> list[str]:
    if not count:
        return []
    sweeps = "1 sweep" if count == 1 else f"{count} sweeps"
    return [
        f"{sweeps} after the one that saved the ledger saved none: what they exported may be "
        "exported twice"
    ]


def _describe_killed_sweep(sending: Sequence[str]) -> str:
    return (
        f"the last sweep was killed while it exported {count_things(len(sending))}, such as "
        f"{describe(sending[0])}: they may be exported twice"
    )
