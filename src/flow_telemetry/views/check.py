"""What `check` found, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from flow_telemetry.model.findings import Finding, State
from flow_telemetry.views.escape import terminal_line

_LONGEST_LINE = 1_000
_WORDS = {State.WORKS: "ok", State.FAILS: "FAILS", State.UNSURE: "note"}


def check_lines(findings: Sequence[Finding]) -> str:
    """Return a line for each finding, and one that sums up, without a last line end."""
    lines = [_line(each) for each in findings]
    failing = sum(each.state is State.FAILS for each in findings)
    lines.append(
        f"{failing} of {len(findings)} do not work" if failing else "all that is needed works"
    )
    return "\n".join(lines)


def _line(finding: Finding) -> str:
    told = f": {finding.told}" if finding.told else ""
    return terminal_line(f"{_WORDS[finding.state]:<6}{finding.what}{told}", _LONGEST_LINE)
