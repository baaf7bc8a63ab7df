"""What came back for a request, as values: the border between the transport and the policy.

A redirect or a login page is no success, and a success may be a partial one: every answer is kept
as it was, and judged elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto


class Trouble(Enum):
    """Why there was no answer, or none that was whole."""

    REFUSED = auto()
    NAME = auto()
    UNREACHABLE = auto()
    CONNECT_TIMEOUT = auto()
    TIMEOUT = auto()
    CLOSED = auto()
    CERTIFICATE = auto()
    TLS = auto()
    TLS_TO_PLAIN = auto()
    PLAIN_TO_TLS = auto()
    NOT_HTTP = auto()
    PROXY = auto()
    CA_FILE = auto()
    HEADER = auto()
    URL = auto()
    ENCODING = auto()
    DEADLINE = auto()
    INTERRUPTED = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, or the trouble in its place.

    ``status`` is None where none came; with a status, ``trouble`` tells why the body is not whole.
    ``body`` is what was kept of it, ``truncated`` whether there was more. ``seconds`` is the time
    that the request was given. ``detail`` is a library's word for the trouble, free of addresses.
    What the server wrote is in no repr, for it may echo a header.
    """

    status: int | None = None
    content_type: str = field(default="", repr=False)
    location: str = field(default="", repr=False)
    retry_after: str = field(default="", repr=False)
    body: bytes = field(default=b"", repr=False)
    truncated: bool = False
    trouble: Trouble | None = None
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """All that was done to deliver one batch: the last answer, and what its requests came to.

    ``seconds`` is how long all of it took.
    """

    answer: Answer
    requests: int = 0
    bytes_sent: int = 0
    seconds: float = 0.0
