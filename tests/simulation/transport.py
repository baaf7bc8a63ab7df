"""Requests without sockets: they go straight to the fakes, or fail as a network does."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from tests.fakes.faults import Answer, Request, status

Ask = Callable[[Request], Answer]


class InProcessAdapter(BaseAdapter):
    """An adapter of requests that calls a function in place of a server."""

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self._ask = ask

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Return the response; no byte travels."""
        answer = self._ask(_as_the_server_sees(request))
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.url = request.url or ""
        response.request = request
        response._content = answer.body
        # The body of a redirect is read before it is followed.
        response.raw = io.BytesIO(answer.body)
        response._content_consumed = True  # type: ignore[attr-defined]
        return response

    def close(self) -> None:
        """There is nothing to close."""


def _as_the_server_sees(request: requests.PreparedRequest) -> Request:
    parts = urlsplit(request.url or "")
    body = request.body or b""
    return Request(
        method=request.method or "GET",
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        target=f"{parts.path}?{parts.query}" if parts.query else parts.path,
        headers={name.lower(): str(value) for name, value in request.headers.items()},
        body=body.encode() if isinstance(body, str) else bytes(body),
        received_at=time.monotonic(),
    )


def refused() -> requests.ConnectionError:
    """Return the error for a server that is down."""
    return requests.ConnectionError(ConnectionRefusedError(111, "Connection refused"))


def reset() -> requests.ConnectionError:
    """Return the error for a connection that was cut."""
    return requests.ConnectionError(ConnectionResetError(104, "Connection reset by peer"))


def expired_token() -> Answer:
    """Return the answer of a server that does not know the token any longer."""
    body = json.dumps({"message": "Bad credentials", "errorMessages": ["Bad credentials"]})
    return Answer(status=401, headers={"Content-Type": "application/json"}, body=body.encode())


@dataclass(slots=True)
class RandomFaults:
    """Faults of single requests, by chance that depends on nothing but the request.

    So they are the same in every simulation of a seed, whichever thread is first. Half of them are
    over at the next try, and half last until ``salt``, which names seed and sweep, is another.
    """

    salt: str
    share: float

    def apply(self, request: Request, tries: int, ask: Ask) -> Answer:
        """Return the answer to a request, or a fault (requests.ConnectionError: no answer)."""
        name = f"{self.salt} {request.target} {zlib.crc32(request.body)}"
        lasting, short = _chance(name), _chance(f"{name} {tries}")
        if lasting >= self.share / 2 and short >= self.share / 2:
            return ask(request)
        kind = _number(f"kind of {name}") % 4
        if kind == 0:
            raise reset()
        if kind == 1:
            answer = ask(request)
            half = answer.body[: len(answer.body) // 2]
            return Answer(status=answer.status, headers=answer.headers, body=half)
        return status(502 if kind == 2 else 503)


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big")


def _chance(name: str) -> float:
    return _number(name) / 2**32
