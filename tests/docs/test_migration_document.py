"""The page on migration names attributes, metrics, events and settings that there are."""

from __future__ import annotations

import re
from pathlib import Path

from tools.update_docs import SPAN_ATTRIBUTES

from flow_telemetry.mapping.event_types import EVENT_TYPES
from flow_telemetry.mapping.instruments import INSTRUMENTS
from flow_telemetry.settings.inputs import INPUTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "start" / "migration.md").read_text(encoding="utf-8")
SENT = {
    *(attribute.name for attribute in SPAN_ATTRIBUTES),
    *(instrument.name for instrument in INSTRUMENTS),
    *(event.name for event in EVENT_TYPES),
}
# Names with a dot are those of telemetry, and with a hyphen of settings.
NAME = re.compile(r"^[a-z]\w*(?:\.\w+)+$")
SETTING = re.compile(r"^[a-z]+(?:-[a-z]+)+(?=$|: )")


def right_cells() -> list[str]:
    """Return the right column of each table, and the rest of the text."""
    rows = re.findall(r"^\| .+? \| (.+) \|$", PAGE, re.MULTILINE)
    return [*rows, *re.sub(r"^\|.*$", "", PAGE, flags=re.MULTILINE).split("\n\n")]


def test_each_name_on_our_side_is_sent() -> None:
    """A renamed attribute or metric would send readers to nothing."""
    codes = {code for cell in right_cells() for code in re.findall(r"`([^`]+)`", cell)}
    names = {code for code in codes if NAME.match(code)}
    assert len(names) > 30
    assert names - SENT == set()


def test_each_setting_on_our_side_exists() -> None:
    """Inputs, settings, and the action's output."""
    settings = {setting.name for setting in INPUTS}
    cells = re.findall(r"^\| .+? \| (.+) \|$", PAGE, re.MULTILINE)
    named = {
        found[0]
        for cell in cells
        for code in re.findall(r"`([^`]+)`", cell)
        if (found := SETTING.match(code))
    }
    assert {"otlp-endpoint", "otlp-headers", "service-name"} <= named
    assert named - settings == {"trace-id"}
