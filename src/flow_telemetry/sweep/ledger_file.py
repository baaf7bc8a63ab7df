"""The ledger's JSON file: reading, which trusts nothing in it, and writing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

from flow_telemetry.files import replace_file
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.ledger import (
    MOST_TRIES,
    Ledger,
    Pending,
    PendingReason,
    SourceLedger,
)

# Instants are texts in UTC. Of each repository and source, such as github.com/acme/shop and "pull
# requests", there are the fields of `SourceLedger`; things are pairs of a reference and an instant.
_VERSION = 1
# A hundred bytes for each of the things that a large organisation closes in a day.
LARGEST_LEDGER = 32 * 1024 * 1024
_MOST_ITEMS = 200_000
_MOST_SOURCES = 20_000
# A name of GitHub or Jira, or a thing: short, of one line, without a character that ends one.
_NAME = re.compile(r"[\w.:/@+ -]{1,250}")
# A clock may be a little ahead of the one that wrote the file.
_CLOCK_DIFFERENCE = timedelta(hours=1)
# Nothing on GitHub is older, and the hour before it is a time too.
_EARLIEST = datetime(2008, 1, 1, tzinfo=timezone.utc)

Value = TypeVar("Value")


class DamagedLedgerError(Exception):
    """The content is not a ledger; the text says why."""


def format_ledger(ledger: Ledger) -> str:
    """Return the text of the file."""
    repositories: dict[str, dict[str, Any]] = {}
    for (repository, name), source in sorted(ledger.sources.items()):
        repositories.setdefault(repository, {})[name] = {
            "start": source.start.isoformat(),
            "mark": source.mark.isoformat(),
            "full_mark": source.full_mark.isoformat() if source.full_mark else None,
            "exported": _format_times(source.exported),
            "pending": [
                {
                    "thing": each.reference,
                    "start": each.interval.start.isoformat(),
                    "end": each.interval.end.isoformat(),
                    "tries": each.tries,
                    "reason": each.reason.value,
                }
                for each in source.pending
            ],
            "unfinished": _format_times(source.unfinished),
        }
    content = {
        "version": _VERSION,
        "sending": list(ledger.sending),
        "repositories": repositories,
    }
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False) + "\n"


def _format_times(things: Iterable[tuple[str, datetime]]) -> list[list[str]]:
    return [[reference, time.isoformat()] for reference, time in sorted(things)]


def parse_ledger(content: bytes, now: datetime) -> Ledger:
    """Return the ledger in the content of a file.

    Raises:
        DamagedLedgerError: it is none, has an unusual size, or a mark in the future.
    """
    if len(content) > LARGEST_LEDGER:
        raise DamagedLedgerError(f"it has more than {LARGEST_LEDGER >> 20} MiB")
    try:
        root = _object(json.loads(content.decode()))
        if root.get("version") != _VERSION:
            raise DamagedLedgerError("its version is not known")
        sources = dict(_parse_sources(root, now))
        return Ledger(sources=sources, sending=tuple(map(_name, _list(root["sending"]))))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise DamagedLedgerError(f"it has an unexpected form ({type(error).__name__})") from None


def _parse_sources(root: Any, now: datetime) -> Iterator[tuple[tuple[str, str], SourceLedger]]:
    count = 0
    for repository, sources in _object(root["repositories"]).items():
        for name, source in _object(sources).items():
            count += 1
            if count > _MOST_SOURCES:
                raise DamagedLedgerError(f"it has more than {_MOST_SOURCES} sources")
            yield (_name(repository), _name(name)), _parse_source(_object(source), now)


def _parse_source(source: dict[str, Any], now: datetime) -> SourceLedger:
    full_mark = source["full_mark"]
    start, mark = _time(source["start"]), _time(source["mark"])
    latest = max(mark, mark if full_mark is None else _time(full_mark))
    if latest > now + _CLOCK_DIFFERENCE:
        raise DamagedLedgerError(f"it has a mark in the future ({latest.isoformat()})")
    if start > mark:
        raise DamagedLedgerError("a source starts after its mark")
    return SourceLedger(
        start=start,
        mark=mark,
        full_mark=None if full_mark is None else _time(full_mark),
        exported=frozenset(_several(source["exported"], _parse_with_time)),
        pending=tuple(_several(source["pending"], _parse_pending)),
        unfinished=frozenset(_several(source["unfinished"], _parse_with_time)),
    )


def _parse_with_time(item: Any) -> tuple[str, datetime]:
    reference, time = _list(item)
    return _name(reference), _time(time)


def _parse_pending(item: Any) -> Pending:
    pending = _object(item)
    tries = pending["tries"]
    if isinstance(tries, bool) or not isinstance(tries, int) or not 0 <= tries <= MOST_TRIES:
        raise ValueError(tries)
    return Pending(
        reference=_name(pending["thing"]),
        interval=Interval.of(_time(pending["start"]), _time(pending["end"])),
        tries=tries,
        reason=PendingReason(pending["reason"]),
    )


def _several(items: Any, parse: Callable[[Any], Value]) -> list[Value]:
    listed = _list(items)
    if len(listed) > _MOST_ITEMS:
        raise DamagedLedgerError(f"a list in it has more than {_MOST_ITEMS:,} items")
    return [parse(item) for item in listed]


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("no name")
    return value


def _time(value: Any) -> datetime:
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError("no time")
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    time = time.astimezone(timezone.utc)
    if time < _EARLIEST:
        raise ValueError("a time before GitHub")
    return time


# The file


@dataclass(frozen=True, slots=True)
class LoadedLedger:
    """A ledger that was read; None if there is none, or with ``damage`` if it cannot be used."""

    ledger: Ledger | None = None
    damage: str = ""


class LedgerFile:
    """The file of a ledger, or none: then a sweep remembers nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def load(self, now: datetime) -> LoadedLedger:
        """Return the ledger in the file."""
        if self.path is None:
            return LoadedLedger()
        try:
            with self.path.open("rb") as file:
                content = file.read(LARGEST_LEDGER + 1)
        except FileNotFoundError:
            return LoadedLedger()
        except OSError as error:
            return LoadedLedger(damage=error.strerror or type(error).__name__)
        try:
            return LoadedLedger(parse_ledger(content, now))
        except DamagedLedgerError as error:
            return LoadedLedger(damage=str(error))

    def save(self, ledger: Ledger) -> None:
        """Replace the file by one rename, so that a killed sweep leaves the old or the new one.

        Raises:
            OSError: the disk fails; the old file stays.
        """
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path, format_ledger(ledger).encode())

    def begin_anew(self) -> None:
        """Move a damaged file aside, for people to look at."""
        if self.path is not None:
            with suppress(OSError):
                self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
