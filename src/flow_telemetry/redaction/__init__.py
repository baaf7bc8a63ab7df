"""Values that nobody may see, taken out of every text that is exported or shown."""

from flow_telemetry.redaction.forms import PLACE
from flow_telemetry.redaction.redactor import (
    Redact,
    Redactor,
    over_lines,
    over_many_lines,
    redactor,
)

__all__ = ["PLACE", "Redact", "Redactor", "over_lines", "over_many_lines", "redactor"]
