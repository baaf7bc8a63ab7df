"""The names of the attributes of lines of logs: a part of the table that `semconv` begins."""

from __future__ import annotations

from flow_telemetry.signals.semconv import Attribute

LOG_ATTRIBUTES: list[Attribute] = []


def _attribute(name: str, kind: str, on: str, meaning: str) -> str:
    LOG_ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


_LINES = "lines of logs"
_MEASURED = "measured step"

STEP_NAME = _attribute("github.step.name", "string", _LINES, "name of the step")
LOG_GROUP = _attribute(
    "flow.log.group", "string", _LINES, "title of the group that the line stands in"
)
LOG_LINES = _attribute("flow.log.lines", "int", _MEASURED, "number of lines of the step's log")
LOG_LINES_CUT = _attribute(
    "flow.log.lines.cut",
    "int",
    _MEASURED,
    "number of its first lines that were not sent, where input `log-limit` cut them",
)
