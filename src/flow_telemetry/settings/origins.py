"""Where the value of each setting is from: the first place of several that has one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from flow_telemetry.settings import parse
from flow_telemetry.settings.backends import ChosenPreset
from flow_telemetry.settings.inputs import INPUTS
from flow_telemetry.settings.shared import SharedSettings
from flow_telemetry.text import one_line

_LONGEST_VALUE = 100
# The address of a person, and patterns that may be made of secrets.
_NOT_SHOWN = ("jira-email", "redact")
# What the variables of OpenTelemetry's specification give if an input is empty.
_STANDARD = {
    "otlp-endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "otlp-headers": "OTEL_EXPORTER_OTLP_HEADERS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A setting, its value on one line (that of a credential is not shown), and where it is from.

    ``is_default`` is true if it is not set anywhere.
    """

    name: str
    value: str
    place: str
    is_default: bool = False


def origins_of(
    texts: Mapping[str, str],
    environ: Mapping[str, str],
    from_inputs: Collection[str],
    shared: SharedSettings,
    preset: ChosenPreset,
) -> tuple[Origin, ...]:
    """Return the origin of each setting; ``texts`` are the values of inputs and `settings`."""
    found = []
    for row in INPUTS:
        if row.name == "settings":
            continue
        name, text, is_default = row.name, texts.get(row.name, "").strip(), False
        variable = row.alternative or _STANDARD.get(name, "")
        if text and name in from_inputs:
            place = "input"
        elif text:
            place = f"`settings`, line {shared.lines[name]}"
        elif variable and environ.get(variable, "").strip():
            text, place = environ[variable].strip(), variable
        elif name in preset.values:
            text, place = preset.values[name], preset.place
        else:
            text, place, is_default = "" if "${{" in row.default else row.default, "default", True
        shown = one_line(text, _LONGEST_VALUE)
        if text and (row.secret or name in _NOT_SHOWN):
            shown = "***"
        elif text and row.address:
            shown = parse.origin(text)
        found.append(Origin(name=name, value=shown, place=place, is_default=is_default))
    return tuple(found)
