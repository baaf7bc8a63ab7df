"""Read-through cache of responses: what was read once is not requested again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace

from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError, NotFoundError
from flow_telemetry.http.response import Response

# A run of a thousand jobs takes 5 MB, the list of its pull requests some 100 kB. A sweep works in
# order of time, so what two of its things have in common is requested again soon or not at all: the
# responses that were not used for the longest time are forgotten first.
MOST_BYTES = 16 * 1024 * 1024
# Of an entry without its body: the key, and Python's objects.
_ENTRY_BYTES = 1024
# Another try would be refused for the same reason.
_LASTING = (AccessDeniedError, NotFoundError)


class _NotAnswered(Exception):
    """The response is known by now, or the request has to be sent."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What makes two requests the same.

    Requests that may wait for different times (``patience``) do not wait for each other: one that
    may fail early decides nothing about another. Each may use the other's response.
    """

    content: Hashable
    patience: Hashable = None


class ResponseCache:
    """Responses of status 200 and lasting refusals, for the life of a process.

    A request that is under way is joined. Errors that another try could cure are not kept, except
    those of requests in the background, until their result is needed for the first time.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Keep bodies of at most ``most_bytes`` together."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, Response | FlowTelemetryError] = OrderedDict()
        self._under_way: dict[RequestKey, Future[Response]] = {}
        self._in_background = threading.local()

    def prefetch(self, guess: Callable[[], object]) -> None:
        """Run a function in the background whose requests are probably needed soon.

        Callers ask as usual. A wrong guess costs its requests and changes no result.
        """

        def run() -> None:
            self._in_background.yes = True
            with suppress(Exception):  # It is raised where the result is needed.
                guess()

        threading.Thread(target=run, name="prefetch", daemon=True).start()

    def get(self, key: RequestKey, send: Callable[[], Response]) -> Response:
        """Return the known response to a request, that of an equal one under way, or send it.

        Raises:
            FlowTelemetryError: that of ``send``, or the known refusal.
        """
        while True:
            with self._lock:
                known = self._known.get(key.content)
                pending = self._under_way.get(key)
                if known is not None:
                    self._known.move_to_end(key.content)
                elif pending is None:
                    own = self._under_way[key] = Future()
            if isinstance(known, Response):
                return known
            if known is not None:
                raise copy(known)
            if pending is None:
                return self._send(key, send, own)
            response = self._join(key, pending)
            if response is not None:
                return response

    def refresh(self, key: RequestKey, send: Callable[[], Response]) -> Response:
        """Send a request whose response may have changed, and keep the new response."""
        response = send()
        self._keep(key.content, response)
        return response

    def knows(self, key: RequestKey) -> bool:
        """Whether the result of a request is known."""
        with self._lock:
            return key.content in self._known

    def fill(
        self, keys: Iterable[RequestKey], read: Callable[[], Iterable[tuple[RequestKey, Response]]]
    ) -> None:
        """Keep the responses that ``read`` gives in place of those to single requests.

        Requests of ``keys`` that are sent meanwhile wait for it; those without a response are
        sent then.

        Raises:
            FlowTelemetryError: that of ``read``.
        """
        own: dict[RequestKey, Future[Response]] = {}
        with self._lock:
            for key in keys:
                if key.content not in self._known and key not in self._under_way:
                    own[key] = self._under_way[key] = Future()
        try:
            for key, response in read() if own else ():
                self._keep(key.content, response)
        finally:
            for key, future in own.items():
                # Who waits looks for the response, or sends the request.
                future.set_exception(_NotAnswered())
                self._end(key, future)

    def forget(self, key: RequestKey) -> None:
        """Forget a response, so that the request is sent again.

        In the background it stays until its result is needed for the first time, like an error.
        """
        if not self._is_in_background():
            with self._lock:
                self._remove(key.content)

    def _join(self, key: RequestKey, pending: Future[Response]) -> Response | None:
        """Return the response to a request under way; None if the caller has to look again."""
        try:
            # `result` would raise the error itself, with a traceback: its frames hold this future,
            # which holds the error, so that a connection would stay open in the cycle.
            error = pending.exception()
        finally:
            if pending.done():
                self._end(key, pending)
        if error is None:
            return pending.result()
        if isinstance(error, FlowTelemetryError):
            raise copy(error)
        return None  # A signal came to the other thread, or it read something else.

    def _send(
        self, key: RequestKey, send: Callable[[], Response], own: Future[Response]
    ) -> Response:
        try:
            response = send()
        except BaseException as error:
            if isinstance(error, _LASTING):
                self._keep(key.content, copy(error))
            own.set_exception(copy(error))
            # The error of a guess stays until the first caller needs the result.
            if not self._is_in_background():
                self._end(key, own)
            raise
        self._keep(key.content, response)
        own.set_result(response)
        self._end(key, own)
        return response

    def _is_in_background(self) -> bool:
        return getattr(self._in_background, "yes", False)

    def _end(self, key: RequestKey, future: Future[Response]) -> None:
        with self._lock:
            if self._under_way.get(key) is future:
                del self._under_way[key]

    def _keep(self, content: Hashable, result: Response | FlowTelemetryError) -> None:
        if isinstance(result, Response):
            # The others say something about this one exchange, such as the rate limit.
            headers = {name: text for name, text in result.headers.items() if name == "link"}
            result = replace(result, headers=headers)
        if _size_of(result) > self._most_bytes:
            return
        with self._lock:
            self._remove(content)
            self._known[content] = result
            self._bytes += _size_of(result)
            while self._bytes > self._most_bytes:
                self._remove(next(iter(self._known)))

    def _remove(self, content: Hashable) -> None:
        known = self._known.pop(content, None)
        if known is not None:
            self._bytes -= _size_of(known)


def _size_of(result: Response | FlowTelemetryError) -> int:
    return _ENTRY_BYTES + (len(result.body) if isinstance(result, Response) else 0)
