"""All single faults, in the order of the table."""

from __future__ import annotations

from tests.faults.otlp_faults import kill_cases, otlp_cases
from tests.faults.source_faults import github_cases, jira_cases
from tests.faults.tool_faults import tool_cases

OF_ENDPOINT = tuple(otlp_cases())
KILLS = tuple(kill_cases())
OF_SOURCES = (*github_cases(), *jira_cases())
OF_TOOLS = tuple(tool_cases())
SINGLE = OF_ENDPOINT + KILLS + OF_SOURCES + OF_TOOLS
