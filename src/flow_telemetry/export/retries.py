"""When a request is sent again, and how long that waits. Pure.

By https://opentelemetry.io/docs/specs/otlp/#otlphttp-response: what may be sent again is 429, 502,
503 and 504, when `Retry-After` says, else after pauses that grow, each a little off so that not all
clients come back at once. 408 is no word of the protocol, but says that nothing was taken.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from flow_telemetry.export.answer import Answer, Trouble

_BUSY = frozenset({408, 429, 502, 503, 504})
MOST_TRIES = 7
# A dead endpoint: a second and a third try tell enough.
_MOST_TRIES_AFTER = {
    Trouble.REFUSED: 3,
    Trouble.NAME: 3,
    Trouble.UNREACHABLE: 3,
    Trouble.CLOSED: 3,
    Trouble.CONNECT_TIMEOUT: 2,
    Trouble.TIMEOUT: 2,
}
_FIRST_PAUSE_SECONDS = 0.5


def is_worth_another(answer: Answer, tries: int) -> bool:
    """Whether a request may fare better than it did at the last of so many tries."""
    if answer.status is not None and (answer.trouble is None or answer.status >= 300):
        # The status of a failure says enough, whatever became of its body.
        return answer.status in _BUSY and tries < MOST_TRIES
    return answer.trouble is not None and tries < _MOST_TRIES_AFTER.get(answer.trouble, 0)


def pause(answer: Answer, tries: int, *, now: datetime, chance: float) -> float:
    """Return the seconds to wait after so many tries; ``chance`` is a number from 0 to 1."""
    asked = _retry_after(answer.retry_after, now)
    if asked is not None:
        return asked
    return _FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1) * (0.8 + 0.4 * chance)


def _retry_after(text: str, now: datetime) -> float | None:
    """The header's seconds, or its date as seconds from now; None where it is neither."""
    text = text.strip()
    try:
        seconds = float(text)
    except ValueError:
        return _seconds_until(text, now)
    return seconds if seconds >= 0 and math.isfinite(seconds) else None


def _seconds_until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return max(0.0, (moment - now).total_seconds())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
