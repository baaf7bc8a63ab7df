"""The host beside GitHub's API that keeps files: artifacts, and archives of logs.

The API redirects there, to an address that is signed. As the real one, it refuses a request that
comes with somebody's token.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from pathlib import PurePosixPath

from tests.fakes.faults import Answer, Request, Script, status
from tests.fakes.server import LocalServer


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is found; the API's answer is a redirect to it."""

    content: bytes


class Storage:
    """Keeps files on an origin of its own, which is there once the first was kept.

    `requests` are those that came, `script` queues faults (see `faults`).
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script = Script()
        self._files: dict[str, bytes] = {}
        self._numbers = itertools.count(1)
        self._server: LocalServer | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Its address; empty while nothing was kept."""
        return self._server.url if self._server else ""

    def keep(self, file: Stored) -> str:
        """Return the address under which a file can be had."""
        with self._lock:
            if self._server is None:
                self._server = LocalServer(self.respond)
                self._server.start()
            name = str(next(self._numbers))
            self._files[name] = file.content
            return f"{self._server.url}/files/{name}?sig=signed"

    def stop(self) -> None:
        """Close the port, if there is one."""
        if self._server is not None:
            self._server.stop()

    def respond(self, request: Request) -> Answer:
        """Return the answer to a request, as it leaves over HTTP."""
        with self._lock:
            self.requests.append(request)
        return self.script.apply(request, lambda: self._answer(request))

    def _answer(self, request: Request) -> Answer:
        if "authorization" in request.headers:
            return status(401, "<Error><Code>InvalidAuthenticationInfo</Code></Error>")
        file = self._files.get(PurePosixPath(request.path).name)
        if file is None or request.query.get("sig") != "signed":
            return status(404, "<Error><Code>BlobNotFound</Code></Error>")
        return Answer(headers={"Content-Type": "application/zip"}, body=file)
