"""What an export came to: the one value that summary, terminal, outputs and exit status show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.model import Parentage, Run
from flow_telemetry.telemetry import Delivery
from flow_telemetry.timing import Interval


class Status(Enum):
    """The values of the output `status`.

    EXPORTED: all that was collected was delivered. SPOOLED: something was not, and is kept in the
    spool. PARTIAL: something could not be read, or neither delivered nor kept. SKIPPED: nothing
    was to be sent.
    """

    EXPORTED = "exported"
    PARTIAL = "partial"
    SPOOLED = "spooled"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The run that was exported, and where its span stands.

    ``reference`` is the flow reference of the span that the outputs name: the run's, or under
    `export: job` the job's. ``partial`` tells that the run was still going on.
    """

    run: Run
    parentage: Parentage
    trace: TraceIdentity
    reference: str
    interval: Interval
    partial: bool = False
    trace_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one export. ``seconds`` is how long it took.

    ``problems`` are warnings, ``notices`` things worth knowing, ``left_out`` what was not sent
    and why. ``failed`` is whether something went wrong that `fail-on-error` and exit statuses
    tell; a warning alone, such as a pull request that the token cannot see, is no failure.
    """

    status: Status
    exported: Exported | None = None
    deliveries: tuple[Delivery, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0
    failed: bool = False

    @property
    def spans(self) -> int:
        """How many spans the backend took."""
        return sum(delivery.sent for delivery in self.deliveries)
