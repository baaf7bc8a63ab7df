"""The time of reads that an export can be sent without: a share of the time that is left.

So a request that hangs costs what it asked for, and leaves time for the other information, for
what must be read, and for a sweep's next things.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flow_telemetry.clock import Deadline
from flow_telemetry.errors import UnavailableError
from flow_telemetry.github.permissions import Denials
from flow_telemetry.http.errors import UnreachedError
from flow_telemetry.http.session import Request

# Of the time that is left, for one kind of request.
SHARE = 0.5
_OPERATION = re.compile(r"\s*(query \w+)")
_REPOSITORY = re.compile(r"/repos/[^/]+/[^/]+")
# Numbers, commits and times.
_NAME_OF_ONE = re.compile(r"[^/]*[0-9][^/]*")


def kind_of(request: Request) -> str:
    """Return what requests for the same information about other things have in common."""
    if request.body is not None:
        operation = _OPERATION.match(str(request.body.get("query")))
        return operation[1] if operation else ""
    return _NAME_OF_ONE.sub("*", _REPOSITORY.sub("/repos/*", request.url.partition("//")[2]))


@dataclass(slots=True)
class Findings:
    """What a client learned; its view of required reads shares it."""

    unsupported_names: frozenset[str] = frozenset()
    denials: Denials = field(default_factory=Denials)
    failures_ahead: int = 0


class OptionalReads:
    """The limits of optional reads, by their kind.

    Each request may take a share of what is left. If one gets no response, all others of its kind
    share its limit with it until one does: there may be a hundred.
    """

    def __init__(self, deadline: Deadline) -> None:
        """``deadline`` ends all reading."""
        self._deadline = deadline
        self._hanging: dict[str, Deadline] = {}
        self._lock = threading.Lock()

    @contextmanager
    def limit(self, request: Request, what: str) -> Iterator[Deadline]:
        """Yield the limit for a request and its retries.

        Raises:
            UnavailableError: other requests of its kind have used up the share.
        """
        kind = kind_of(request)
        with self._lock:
            hanging = self._hanging.get(kind)
        if hanging is not None and hanging.expired and not self._deadline.expired:
            raise UnavailableError(
                f"{what} was not read: GitHub did not answer another request of its kind within "
                f"half of the time that was left ({self._deadline.set_by})"
            )
        within = hanging or self._deadline.share(SHARE)
        try:
            yield within
        except UnreachedError:
            with self._lock:
                self._hanging.setdefault(kind, within)
            raise
        with self._lock:
            self._hanging.pop(kind, None)
