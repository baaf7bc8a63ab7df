"""The file of the ledger: any content is a ledger or damage, and a write replaces it whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.ledger import (
    Ledger,
    Pending,
    PendingReason,
    SourceLedger,
    full_window_of,
    window_of,
)
from flow_telemetry.sweep.ledger_file import (
    LARGEST_LEDGER,
    DamagedLedgerError,
    LedgerFile,
    format_ledger,
    parse_ledger,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)

TIMES = st.timedeltas(timedelta(), timedelta(days=6000)).map(lambda age: NOW - age)
NAMES = st.text(st.sampled_from("abcXYZ019._:/@+- äß語"), min_size=1, max_size=20)
THINGS = st.frozensets(st.tuples(NAMES, TIMES), max_size=4)
PENDING = st.builds(
    lambda reference, times, tries, reason: Pending(
        reference=reference, interval=Interval(*sorted(times)), tries=tries, reason=reason
    ),
    NAMES,
    st.tuples(TIMES, TIMES),
    st.integers(0, 5),
    st.sampled_from(PendingReason),
)
SOURCES = st.builds(
    lambda times, **facts: SourceLedger(start=min(times), mark=max(times), **facts),
    st.tuples(TIMES, TIMES),
    full_mark=st.none() | TIMES,
    exported=THINGS,
    pending=st.lists(PENDING, max_size=3).map(tuple),
    unfinished=THINGS,
)
LEDGERS = st.builds(
    Ledger,
    sources=st.dictionaries(st.tuples(NAMES, NAMES), SOURCES, max_size=3),
    sending=st.lists(NAMES, max_size=3).map(tuple),
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-29"])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the places in JSON, each as an object or list and a key or position in it."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


@given(LEDGERS)
def test_a_ledger_is_read_as_it_was_written(ledger: Ledger) -> None:
    """Instants, counts and references, of any number of sources."""
    assert parse_ledger(format_ledger(ledger).encode(), NOW) == ledger


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_other_content_is_damage(content: bytes) -> None:
    """No other exception leaves the parser."""
    with pytest.raises(DamagedLedgerError):
        parse_ledger(content, NOW)


@given(LEDGERS, JSON, st.data())
def test_a_ledger_with_a_foreign_value_is_damage_or_can_be_used(
    ledger: Ledger, value: Any, data: st.DataObject
) -> None:
    """Whatever replaces a value, the sweep can compute with what was read."""
    root = json.loads(format_ledger(ledger))
    container, key = data.draw(st.sampled_from(list(places(root))))
    container[key] = value
    with suppress(DamagedLedgerError):
        found = parse_ledger(json.dumps(root).encode(), NOW)
        for source in found.sources.values():
            window_of(source, NOW - timedelta(days=1), NOW)
            full_window_of(source, NOW)
            source.without_old()
        assert parse_ledger(format_ledger(found).encode(), NOW) == found


def written(**changes: Any) -> dict[str, Any]:
    """Return the JSON of a ledger with one source, and other fields of that."""
    source = SourceLedger(start=NOW - timedelta(days=9), mark=NOW - timedelta(days=1))
    root: dict[str, Any] = json.loads(
        format_ledger(Ledger().with_source("github.com/acme/shop", "issues", source))
    )
    root["repositories"]["github.com/acme/shop"]["issues"].update(changes)
    return root


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "unexpected form"),
        (b"\xff", "unexpected form"),
        (b"[" * 100_000, "unexpected form"),
        (b"[]", "unexpected form"),
        (b'{"version": 2}', "its version is not known"),
        (b" " * (LARGEST_LEDGER + 1), "more than 32 MiB"),
        (written(mark="2026-11-29T13:00:01+00:00"), "a mark in the future"),
        (written(full_mark="2027-11-29T12:00:00+00:00"), "a mark in the future"),
        (written(start="2026-11-29T12:00:00+00:00"), "starts after its mark"),
        (written(start="2007-12-31T00:00:00+00:00"), "unexpected form"),
        (written(mark="2026-11-28T12:00:00"), "unexpected form"),
        (written(mark=1795500000), "unexpected form"),
        (written(exported=[["issues 1"]]), "unexpected form"),
        (written(exported={"issues 1": "2026-11-28T12:00:00+00:00"}), "unexpected form"),
        (written(exported=[["a\nb", "2026-11-28T12:00:00+00:00"]]), "unexpected form"),
        (written(exported=[["a" * 251, "2026-11-28T12:00:00+00:00"]]), "unexpected form"),
        (written(exported=[["a", "b"]] * 200_001), "more than 200,000 items"),
        (written(pending=[{"thing": "issues 1"}]), "unexpected form"),
        (written(unfinished=None), "unexpected form"),
    ],
)
def test_damage_has_a_reason(content: bytes | dict[str, Any], reason: str) -> None:
    """It quotes nothing of the file but times."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(DamagedLedgerError, match=reason):
        parse_ledger(raw, NOW)


@pytest.mark.parametrize("tries", [-1, 6, True, "1", 1.0])
def test_a_number_of_tries_that_no_sweep_counts_is_damage(tries: Any) -> None:
    """A hundred tries would be reported as such."""
    times = {"start": NOW.isoformat(), "end": NOW.isoformat()}
    entry = {"thing": "issues 1", "tries": tries, "reason": "unreadable", **times}
    with pytest.raises(DamagedLedgerError):
        parse_ledger(json.dumps(written(pending=[entry])).encode(), NOW)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """Its folder is made, and no other file remains beside it."""
    file = LedgerFile(tmp_path / "folder" / "ledger.json")
    assert file.load(NOW).ledger is None
    for sending in ((), ("issues 1",)):
        file.save(Ledger(sending=sending))
        assert file.load(NOW).ledger == Ledger(sending=sending)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["ledger.json"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """The new one is written beside it first, here under a name that is too long."""
    path = tmp_path / f"{'l' * 245}.json"
    path.write_text(format_ledger(Ledger(sending=("issues 1",))))
    file = LedgerFile(path)
    with pytest.raises(OSError):  # noqa: PT011 - each system has another message
        file.save(Ledger())
    assert file.load(NOW).ledger == Ledger(sending=("issues 1",))
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_file_is_moved_aside(tmp_path: Path) -> None:
    """People can look at it."""
    path = tmp_path / "ledger.json"
    path.write_text("{")
    file = LedgerFile(path)
    assert file.load(NOW).damage == "it has an unexpected form (JSONDecodeError)"
    file.begin_anew()
    assert file.load(NOW).damage == ""
    assert (tmp_path / "ledger.json.damaged").read_text() == "{"


def test_a_folder_in_the_place_of_the_file_is_damage(tmp_path: Path) -> None:
    """The message is that of the system."""
    assert LedgerFile(tmp_path).load(NOW).damage


def test_without_a_path_nothing_is_written() -> None:
    """The command line has a ledger only if the user names one."""
    file = LedgerFile(None)
    file.save(Ledger())
    file.begin_anew()
    assert file.load(NOW).ledger is None
