"""One request and its whole answer, within a time that is kept however slowly that drips."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from flow_telemetry.clock import Deadline

if TYPE_CHECKING:
    from requests import Response

_CONNECT_SECONDS = 10.0
_REQUEST_SECONDS = 30.0
_LEAST_SECONDS = 0.1

Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: by GET, or by POST where there is a ``body``, which is sent as JSON."""

    url: str
    query: Query | None = None
    body: Mapping[str, Any] | None = None

    @property
    def method(self) -> str:
        """How HTTP calls it."""
        return "GET" if self.body is None else "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of any status: ``headers`` have lower-case names.

    ``url`` is where it came from in the end, ``seconds`` how long it took with its body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    seconds: float

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode("utf-8", errors="replace")


class Session(Protocol):
    """A session of requests that can bound what this thread asks next, the body included."""

    @property
    def verify(self) -> bool | str | None:
        """The authorities to trust."""
        ...

    def bound(self, limit: Deadline) -> None:
        """Take the bound."""
        ...

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Query | None,
        json: Mapping[str, Any] | None,
        timeout: tuple[float, float],
        stream: bool,
        verify: bool | str | None,
    ) -> Response:
        """Ask, as `requests.Session.request`."""
        ...


def whole(response: Response) -> bytes:
    """Return all of the body."""
    return response.content


def exchange(
    session: Session,
    request: Request,
    within: Deadline,
    *,
    at_most: float = _REQUEST_SECONDS,
    read: Callable[[Response], bytes] = whole,
) -> Answer:
    """Ask once, and return the answer with the body that ``read`` takes from it.

    It takes no more than ``at_most`` seconds, and ends at ``within``.

    Raises:
        requests.RequestException, ValueError: no whole answer came; a redirect to what is no
            address is a ValueError of its parts.
        Exception: what ``read`` raises.
    """
    clock = within.clock
    began = clock.monotonic()
    limit = Deadline.after(clock, within.remaining(at_most))
    session.bound(limit)
    # Read here in any case, so that the connection is closed where the body is damaged.
    with session.request(
        request.method,
        request.url,
        params=request.query,
        json=request.body,
        timeout=_until_the_first_byte(limit),
        stream=True,
        # Named, or requests would look for the variables itself.
        verify=session.verify,
    ) as response:
        return Answer(
            status=response.status_code,
            headers={key.lower(): value for key, value in response.headers.items()},
            body=read(response),
            url=response.url,
            seconds=clock.monotonic() - began,
        )


def _until_the_first_byte(limit: Deadline) -> tuple[float, float]:
    """The seconds to connect and to wait: an adapter's limit counts from the first byte only."""
    return (
        max(_LEAST_SECONDS, limit.remaining(_CONNECT_SECONDS)),
        max(_LEAST_SECONDS, limit.remaining()),
    )
