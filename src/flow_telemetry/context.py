"""Settings and collaborators of one export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from flow_telemetry.clock import Clock, Deadline, Interruption
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.runs import RunList
from flow_telemetry.logging import Log
from flow_telemetry.privacy.redactor import Redactor
from flow_telemetry.rules.parentage import with_aliases
from flow_telemetry.settings import Settings
from flow_telemetry.telemetry import Exporter
from flow_telemetry.trackers import Trackers

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportContext:
    """Settings and collaborators of one export.

    ``deadline`` is the deadline of the whole export, ``reading`` that of everything that is read;
    ``interruption`` can end both early.
    ``redact`` removes credentials from a text before it is exported. ``listed_runs`` are the runs
    that a sweep has listed.
    """

    settings: Settings
    github: GitHubClient
    trackers: Trackers
    exporter: Exporter
    clock: Clock
    deadline: Deadline
    reading: Deadline
    log: Log
    interruption: Interruption
    redact: Redactor
    listed_runs: RunList | None = None

    def with_aliases(self, record: Record) -> Record:
        """Return the record under the former names, whose ids the user keeps (`aliases`)."""
        return with_aliases(record, self.settings.trackers.aliases)
