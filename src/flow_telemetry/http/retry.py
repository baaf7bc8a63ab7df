"""Retries of HTTP requests: policies, `Retry-After`, rate limits and backoff."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

import requests

from flow_telemetry.clock import Deadline
from flow_telemetry.errors import PayloadError, SourceError, UnavailableError
from flow_telemetry.http.errors import (
    TLS_KINDS,
    NetworkErrorKind,
    Server,
    UnreachedError,
    classify_network_error,
    describe_network_error,
    is_lasting,
    refused_certificate,
)
from flow_telemetry.http.response import Response, in_brackets
from flow_telemetry.http.session import ResponseTooLarge
from flow_telemetry.logging import Log

# Policies. The functions are pure, so that tests do not wait.
#
# https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-
# rate-limit describes the headers; servers without rate limits do not send them.

_SECONDARY_LIMIT_SECONDS = 60.0
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# GitHub's words for a missing permission, in lower case.
_NOT_ACCESSIBLE = "resource not accessible"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Which responses and network errors are retried, how often, and after which pauses.

    ``most_tries`` counts for the statuses, ``tries_after`` for each kind of network error, and
    ``other_tries`` for the other kinds. The pause doubles with each try; ``jitter`` is the share by
    which it varies, so that clients do not all retry at the same time.
    """

    most_tries: int
    statuses: frozenset[int]
    tries_after: Mapping[NetworkErrorKind, int]
    other_tries: int
    first_pause_seconds: float
    jitter: float = 0.0

    def retries_error(self, kind: NetworkErrorKind, tries: int) -> bool:
        """Return whether a request is sent again after so many tries, the last with this error."""
        return tries < self.tries_after.get(kind, self.other_tries)

    def pause(self, tries: int, chance: float = 0.5) -> float:
        """Return the seconds to wait after ``tries`` failures; ``chance`` is from 0 to 1."""
        factor = 1.0 - self.jitter + 2.0 * self.jitter * chance
        return self.first_pause_seconds * 2.0 ** (tries - 1) * factor


# 403 and 429 are retried as well, if they are about a rate limit. A failed handshake would fail
# again, because both sides keep their certificates and versions of TLS; so would a file of ours,
# and a circle of redirects.
READING = RetryPolicy(
    most_tries=5,
    statuses=frozenset({500, 502, 503, 504}),
    tries_after={
        **dict.fromkeys((*TLS_KINDS, NetworkErrorKind.CA_FILE, NetworkErrorKind.REDIRECTS), 1),
        NetworkErrorKind.NAME_TIMEOUT: 2,
    },
    other_tries=5,
    first_pause_seconds=1.0,
)
# https://opentelemetry.io/docs/specs/otlp/#otlphttp-response lists all of them but 408, after
# which the server has received nothing. An endpoint that is down is tried two or three times.
OTLP = RetryPolicy(
    most_tries=7,
    statuses=frozenset({408, 429, 502, 503, 504}),
    tries_after={
        NetworkErrorKind.REFUSED: 3,
        NetworkErrorKind.NAME: 3,
        NetworkErrorKind.NAME_TIMEOUT: 2,
        NetworkErrorKind.UNREACHABLE: 3,
        NetworkErrorKind.CLOSED: 3,
        NetworkErrorKind.CONNECT_TIMEOUT: 2,
        NetworkErrorKind.TIMEOUT: 2,
    },
    other_tries=1,
    first_pause_seconds=0.5,
    jitter=0.2,
)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` header asks for; None if it is not valid.

    It contains seconds or an HTTP date (RFC 9110, section 10.2.3); a date in the past means 0.
    """
    text = (value or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        return _seconds_until(text, now)
    return seconds if seconds >= 0 and math.isfinite(seconds) else None


def _seconds_until(text: str, now: datetime) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:
            date = date.replace(tzinfo=timezone.utc)
        return max(0.0, (date - now).total_seconds())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def wait_before_retry(response: Response, *, tries: int, now: float) -> float | None:
    """Return the seconds to wait before the next try; None if there is to be no other try.

    ``tries`` is the number of tries so far, ``now`` is Unix seconds.
    """
    if tries >= READING.most_tries:
        return None
    if response.status in (403, 429):
        wait = _rate_limit_wait(response, tries, now)
    elif response.status in READING.statuses:
        wait = READING.pause(tries)
    else:
        return None
    requested = parse_retry_after(
        response.headers.get("retry-after"), datetime.fromtimestamp(now, timezone.utc)
    )
    return wait if requested is None else requested


def is_rate_limited(response: Response) -> bool:
    """Return whether a server refused a request because there were too many.

    A response about a missing permission can be the last that the limit allows.
    """
    if response.status != 403:
        return response.status == 429
    text = response.text.lower()
    if "rate limit" in text or "abuse detection" in text:
        return True
    return response.headers.get("x-ratelimit-remaining") == "0" and _NOT_ACCESSIBLE not in text


def _rate_limit_wait(response: Response, tries: int, now: float) -> float | None:
    if not is_rate_limited(response):
        return None
    reset = _number(response.headers.get("x-ratelimit-reset"))
    if response.headers.get("x-ratelimit-remaining") != "0" or reset is None:
        return _SECONDARY_LIMIT_SECONDS
    wait = reset - now + 1
    if wait <= 0:
        # The reset is over, or the clock of this machine is fast: the server's own clock decides.
        date = _seconds_since_epoch(response.headers.get("date"))
        wait = 0.0 if date is None else reset - date + 1
    return max(wait, READING.pause(tries))


def _seconds_since_epoch(date: str | None) -> float | None:
    return parse_retry_after(date, _EPOCH) if date else None


def _number(value: str | None) -> float | None:
    if value is None or not (value.isascii() and value.isdigit()):
        return None
    return float(value[:12])


# Requests with retries until the deadline. The caller sends a request and explains its refusal.


class RetryingClient:
    """Requests to one server, with retries."""

    def __init__(self, server: Server, log: Log) -> None:
        """Send nothing yet."""
        self._server = server
        self._log = log

    def send(
        self,
        what: str,
        send_once: Callable[[], Response],
        *,
        to_error: Callable[[Response], SourceError],
        deadline: Deadline,
        within: Deadline,
        writes: bool = False,
    ) -> Response:
        """Return the first response of status 200.

        Args:
            what: the name of the thing that is read or written, for errors.
            send_once: sends one request, as `flow_telemetry.http.session.send_request` does. If it
                ``writes``, a try whose response was lost may have been carried out.
            to_error: returns the error for a response of another status.
            deadline: ends the reading as a whole.
            within: ends the waiting for this response; no later than ``deadline``.

        Raises:
            UnreachedError: no response came.
            SourceError: the error of ``to_error``, or UnavailableError if the server asks to wait
                longer than ``within``.
            DeadlineExceeded: no time is left.
            FlowTelemetryError: an error of ``send_once``.
        """
        tries, done = 1, "written" if writes else "read"
        doing = f"{'writing' if writes else 'reading'} {what} {'to' if writes else 'from'}"
        while True:
            deadline.check(f"{doing} {self._server.name}")
            try:
                response = send_once()
            except (requests.RequestException, ValueError) as error:
                if deadline.cancellation.at is not None:
                    deadline.check(f"{doing} {self._server.name}")
                wait = self._wait_after_error(f"{what} could not be {done}", error, tries, within)
            except ResponseTooLarge as error:
                raise PayloadError(
                    f"the response of {self._server.place} with {what} has more than "
                    f"{error.limit // 1024**2} MiB (decompressed), which is the limit: it was not "
                    "read. Check whether a proxy answers in its place"
                ) from None
            else:
                if response.status == 200:
                    return response
                wait = self._wait_after_refusal(
                    response, to_error, f"{what} can be {done}", tries, within
                )
            deadline.sleep(wait)
            tries += 1

    def _wait_after_error(
        self, failed: str, error: Exception, tries: int, within: Deadline
    ) -> float:
        wait = READING.pause(tries)
        kind, detail = classify_network_error(error)
        lasting = kind is NetworkErrorKind.PROXY and (
            is_lasting(detail) or refused_certificate(error) is not None
        )
        if lasting or not READING.retries_error(kind, tries) or wait >= within.remaining():
            problem, advice = describe_network_error(kind, self._server, detail=detail)
            raise UnreachedError(f"{failed}: {problem}. {advice}") from None
        self._log.debug(f"{failed} yet ({type(error).__name__}), again in {wait:.0f} s")
        return wait

    def _wait_after_refusal(
        self,
        response: Response,
        to_error: Callable[[Response], SourceError],
        goal: str,
        tries: int,
        within: Deadline,
    ) -> float:
        name, now = self._server.name, within.clock.now().timestamp()
        wait = wait_before_retry(response, tries=tries, now=now)
        if wait is None:
            raise to_error(response)
        if wait >= within.remaining():
            raise UnavailableError(
                f"{name} asks to wait {wait:.0f} s before {goal} (rate limit or "
                f"overload), which is longer than {within.set_by} allows{in_brackets(response)}"
            )
        self._log.info(f"{name} asks to wait {wait:.0f} s before {goal}")
        return wait
