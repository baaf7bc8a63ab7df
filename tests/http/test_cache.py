"""A request is sent once in the life of a process, and what was not used for long is forgotten."""

from __future__ import annotations

from threading import Barrier, Event, Thread

import pytest

from flow_telemetry.errors import (
    BudgetExceeded,
    FlowTelemetryError,
    NotFoundError,
    UnavailableError,
)
from flow_telemetry.http.cache import RequestKey, ResponseCache
from flow_telemetry.http.response import Response

PULLS = RequestKey("pulls")


class Server:
    """Counts the requests that reach it; each response has the number of its request."""

    def __init__(self, error: FlowTelemetryError | None = None, size: int = 0) -> None:
        self.requests = 0
        self.error = error
        self.size = size

    def send(self) -> Response:
        """Answer a request."""
        self.requests += 1
        if self.error is not None:
            raise self.error
        body = str(self.requests).encode()
        return Response(status=200, body=body.ljust(self.size), headers={"link": "<2>", "date": ""})


def test_a_known_response_is_not_requested_again() -> None:
    """It keeps its link to the next page; the rest of its headers was about this exchange."""
    cache, server = ResponseCache(), Server()
    assert cache.get(PULLS, server.send).body == b"1"
    again = cache.get(RequestKey("pulls", patience="longer"), server.send)
    assert (again.body, again.headers) == (b"1", {"link": "<2>"})
    assert cache.get(RequestKey("issues"), server.send).body == b"2"


def test_a_request_under_way_is_joined() -> None:
    """Eight ask at once, and one request is sent."""
    cache, server = ResponseCache(), Server()
    begun, may_end = Event(), Event()
    found: list[bytes] = []

    def slow() -> Response:
        begun.set()
        assert may_end.wait(20)
        return server.send()

    threads = [Thread(target=lambda: found.append(cache.get(PULLS, slow).body)) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert begun.wait(20)
    may_end.set()
    for thread in threads:
        thread.join(20)
    assert found == [b"1"] * 8
    assert server.requests == 1


def test_who_may_wait_longer_does_not_wait_for_others() -> None:
    """A read without which nothing is exported has more time than the optional one under way."""
    cache, server = ResponseCache(), Server()
    begun, may_end = Event(), Event()

    def hang() -> Response:
        begun.set()
        assert may_end.wait(20)
        raise UnavailableError("no response")

    def read_optional() -> None:
        with pytest.raises(UnavailableError):
            cache.get(PULLS, hang)

    optional = Thread(target=read_optional)
    optional.start()
    assert begun.wait(20)
    assert cache.get(RequestKey("pulls", patience="all"), server.send).body == b"1"
    may_end.set()
    optional.join(20)


@pytest.mark.parametrize(
    ("error", "requests"), [(NotFoundError("gone"), 1), (UnavailableError("busy"), 2)]
)
def test_only_a_lasting_refusal_is_kept(error: FlowTelemetryError, requests: int) -> None:
    """A server that was busy may answer the next time."""
    cache, server = ResponseCache(), Server(error)
    for _ in range(2):
        with pytest.raises(type(error), match=str(error)):
            cache.get(PULLS, server.send)
    assert server.requests == requests


def test_what_may_have_changed_is_requested_again() -> None:
    """A run that is waited for; whoever asks later gets its new state."""
    cache, server = ResponseCache(), Server()
    cache.get(PULLS, server.send)
    assert cache.refresh(PULLS, server.send).body == b"2"
    assert cache.get(PULLS, server.send).body == b"2"


def test_what_was_not_used_for_longest_is_forgotten_first() -> None:
    """And a body that is larger than the bound is not kept at all."""
    cache, server = ResponseCache(most_bytes=30_000), Server(size=9_000)
    for name in ("one", "two", "one", "three", "one"):
        cache.get(RequestKey(name), server.send)
    assert server.requests == 3
    for name in ("one", "three", "two"):
        cache.get(RequestKey(name), server.send)
    assert server.requests == 4
    server.size = 40_000
    for _ in range(2):
        cache.get(RequestKey("large"), server.send)
    assert server.requests == 6


def test_what_was_foreseen_is_asked_once() -> None:
    """Who asks while the guess is under way waits for its answer."""
    cache, server = ResponseCache(), Server()
    begun, may_end = Event(), Event()

    def slow() -> Response:
        begun.set()
        assert may_end.wait(20)
        return server.send()

    cache.prefetch(lambda: cache.get(PULLS, slow))
    assert begun.wait(20)
    may_end.set()
    assert cache.get(PULLS, server.send).body == b"1"
    assert server.requests == 1


def test_a_guess_that_fails_fails_where_its_answer_is_needed() -> None:
    """And not before, in a thread that nobody looks at; nobody waits for the same failure twice."""
    cache, server = ResponseCache(), Server()
    together = Barrier(2, timeout=20)

    def fail() -> Response:
        together.wait()
        raise BudgetExceeded("no more")

    cache.prefetch(lambda: cache.get(PULLS, fail))
    together.wait()
    with pytest.raises(BudgetExceeded, match="no more"):
        cache.get(PULLS, server.send)
    assert cache.get(PULLS, server.send).body == b"1"


def test_a_thread_that_was_interrupted_fails_nobody_else() -> None:
    """A signal ends the request of the main thread; another thread sends it itself."""
    cache, server = ResponseCache(), Server()
    begun, may_end = Event(), Event()

    def interrupted() -> Response:
        begun.set()
        assert may_end.wait(20)
        raise KeyboardInterrupt

    def read_until_signal() -> None:
        with pytest.raises(KeyboardInterrupt):
            cache.get(PULLS, interrupted)

    first = Thread(target=read_until_signal)
    first.start()
    assert begun.wait(20)
    found: list[bytes] = []
    second = Thread(target=lambda: found.append(cache.get(PULLS, server.send).body))
    second.start()
    may_end.set()
    first.join(20)
    second.join(20)
    assert found == [b"1"]
