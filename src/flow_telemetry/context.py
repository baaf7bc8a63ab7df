"""The collaborators of an export, built by the doors and handed to whoever needs one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from flow_telemetry.clock import Clock, Deadline, Interruption
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.logging import Log
from flow_telemetry.privacy.redactor import Redactor
from flow_telemetry.rules.parentage import with_aliases
from flow_telemetry.telemetry import Sink
from flow_telemetry.trackers import Trackers

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """GitHub, the trackers and the backend.

    ``deadline`` is that of the whole export, which ``interruption`` can end early.
    ``aliases`` maps what was renamed to the names whose ids are kept. ``redact`` takes credentials
    out of whatever leaves.
    """

    github: GitHubClient
    trackers: Trackers
    sink: Sink
    clock: Clock
    deadline: Deadline
    log: Log
    interruption: Interruption
    redact: Redactor
    aliases: Mapping[str, str] = field(default_factory=dict)

    def known(self, record: Record) -> Record:
        """Return a record that was read under the names whose ids are kept."""
        return with_aliases(record, self.aliases)
