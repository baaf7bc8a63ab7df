"""What the user decides about sweeps: since when, and what they send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from flow_telemetry.errors import SettingsError
from flow_telemetry.settings import values
from flow_telemetry.settings.inputs import given

LAST = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """``since`` is an instant, a length of time in seconds before now, or None for `last`.

    ``runs`` is whether runs leave too; ``workflows`` and ``branches`` are patterns, in which a
    leading `!` excludes.
    """

    asked: bool
    since: datetime | float | None
    runs: bool
    workflows: tuple[str, ...]
    branches: tuple[str, ...]


def sweep_settings(inputs: Mapping[str, str]) -> SweepSettings:
    """Return what the inputs say of sweeps.

    Raises:
        SettingsError: a value cannot be used; the text names the input.
    """
    return SweepSettings(
        asked=bool(given(inputs, "since")),
        since=_since(given(inputs, "since")),
        runs=values.boolean("sweep-runs", given(inputs, "sweep-runs")),
        workflows=values.words(given(inputs, "workflows")),
        branches=values.words(given(inputs, "branches")),
    )


def _since(text: str) -> datetime | float | None:
    if text.lower() in ("", LAST):
        return None
    try:
        found = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError:
        pass
    else:
        return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
    try:
        return values.duration("since", text)
    except SettingsError:
        raise SettingsError(
            "input since must be last, a length of time such as 7d, or an instant such as "
            f"2026-11-24T03:43:00Z, not {values.shown(text)}"
        ) from None
