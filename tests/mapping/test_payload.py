"""Times and texts out of GitHub's JSON mean the same on every machine and every Python."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from flow_telemetry.http import payload as read

TIME = datetime(2026, 1, 29, 17, 16, 44, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2026-01-29T17:16:44Z", 0),
        ("2026-01-29T17:16:44.000Z", 0),
        ("2026-01-29T17:16:44+00:00", 0),
        ("2026-01-29T19:16:44+02:00", 0),
        ("2026-01-29T12:46:44-04:30", 0),
        ("2026-01-29T17:16:44.5Z", 500_000),
        ("2026-01-29T17:16:44.1234567Z", 123_456),
        ("2026-01-29T19:16:44.123456789+02:00", 123_456),
    ],
)
def test_a_time_is_an_instant_in_utc(text: str, microseconds: int) -> None:
    """Every zone, and any number of digits: Python 3.10 by itself would read 3 or 6 only."""
    assert read.time({"at": text}, "at") == TIME.replace(microsecond=microseconds)


@pytest.mark.parametrize(
    "value",
    [
        None,
        1769707004,
        "",
        "2026-01-29",
        "2026-01-29T17:16:44",
        "2026-W05-4T17:16:44Z",
        "20260129T171644Z",
        "2026-01-29T25:16:44Z",
        "2026-01-29T17:16:44.Z",
        "2026-01-29T17:16:44Z ",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_instant_is_missing(value: object) -> None:
    """A time without its zone would mean another instant on each machine."""
    assert read.time({"at": value}, "at") is None


@pytest.mark.parametrize("value", [None, "", "  ", "\n", 5, ["a"], {"a": "b"}, True])
def test_a_blank_text_is_missing(value: object) -> None:
    """So that a name that nobody can see is replaced by one that says something."""
    assert read.text({"name": value}, "name") is None
    assert read.texts({"labels": [value, "linux"]}, "labels") == ("linux",)
